import Testing

@testable import Admin

/// A body and the command it is, or nil for a refusal.
struct CommandCase: Sendable, CustomTestStringConvertible {
  let body: String
  let command: RevocationCommand?
  /// The same body for `/unrevoke`.
  let isLift: Bool

  init(_ body: String, _ command: RevocationCommand?, isLift: Bool = false) {
    self.body = body
    self.command = command
    self.isLift = isLift
  }

  var testDescription: String { "\(body.prefix(80))\(isLift ? " (unrevoke)" : "")" }
}

@Suite struct RevocationCommandTests {
  private static let longest = String(
    repeating: "x", count: RevocationCommand.valueBytesMaximum)

  static let cases: [CommandCase] = [
    CommandCase(#"{"jti":"a"}"#, RevocationCommand(target: .identifier("a"))),
    CommandCase(
      #" { "\u006ati" : "a\u00e9\n" , "realm":"main", "expires":0 } "#,
      RevocationCommand(target: .identifier("aé\n"), realm: "main", expires: 0)),
    CommandCase(#"{"token":"a.b.c"}"#, RevocationCommand(target: .token(Array("a.b.c".utf8)))),
    CommandCase(#"{"subject":"42"}"#, RevocationCommand(target: .subject("42"))),
    CommandCase(#"{"subject":42}"#, RevocationCommand(target: .subject("42"))),
    CommandCase(#"{"subject":-7}"#, RevocationCommand(target: .subject("-7"))),
    CommandCase(
      #"{"subject":"u","before":1700000000}"#,
      RevocationCommand(target: .subject("u"), before: 1_700_000_000)),
    CommandCase(#"{"everyone":true}"#, RevocationCommand(target: .everyone)),
    CommandCase(
      #"{"everyone":true,"before":253402300799}"#,
      RevocationCommand(target: .everyone, before: 253_402_300_799)),
    CommandCase(#"{"jti":"\#(longest)"}"#, RevocationCommand(target: .identifier(longest))),
    CommandCase(#"{"jti":"a"}"#, RevocationCommand(target: .identifier("a")), isLift: true),
    CommandCase(#"{"everyone":true}"#, RevocationCommand(target: .everyone), isLift: true),

    CommandCase("", nil),
    CommandCase("{", nil),
    CommandCase("{} {}", nil),
    CommandCase("[]", nil),
    CommandCase(#""jti""#, nil),
    CommandCase("{}", nil),
    CommandCase(#"{"realm":"main"}"#, nil),
    CommandCase(#"{"jti":"a","subject":"b"}"#, nil),
    CommandCase(#"{"jti":"a","jti":"b"}"#, nil),
    CommandCase(#"{"jti":"a","befor":1}"#, nil),
    CommandCase(#"{"JTI":"a"}"#, nil),
    CommandCase(#"{"jti":""}"#, nil),
    CommandCase(#"{"jti":7}"#, nil),
    CommandCase(#"{"jti":null}"#, nil),
    CommandCase(#"{"jti":"a\u0000b"}"#, nil),
    CommandCase(#"{"jti":"\ud800"}"#, nil),
    CommandCase(#"{"jti":"\#(longest)x"}"#, nil),
    CommandCase(#"{"token":""}"#, nil),
    CommandCase(#"{"token":["a"]}"#, nil),
    CommandCase(#"{"subject":""}"#, nil),
    CommandCase(#"{"subject":1.0}"#, nil),
    CommandCase(#"{"subject":1e3}"#, nil),
    CommandCase(#"{"subject":true}"#, nil),
    CommandCase(#"{"subject":99999999999999999999}"#, nil),
    CommandCase(#"{"everyone":false}"#, nil),
    CommandCase(#"{"everyone":"true"}"#, nil),
    CommandCase(#"{"everyone":1}"#, nil),
    CommandCase(#"{"jti":"a","realm":7}"#, nil),
    CommandCase(#"{"jti":"a","realm":""}"#, nil),
    CommandCase(#"{"subject":"u","before":-1}"#, nil),
    CommandCase(#"{"subject":"u","before":"now"}"#, nil),
    CommandCase(#"{"subject":"u","before":1.5}"#, nil),
    CommandCase(#"{"subject":"u","before":253402300800}"#, nil),
    CommandCase(#"{"subject":"u","before":99999999999999999999}"#, nil),
    CommandCase(#"{"subject":"u","expires":1}"#, nil),
    CommandCase(#"{"jti":"a","before":1}"#, nil),
    CommandCase(#"{"token":"a.b.c","expires":1}"#, nil),
    CommandCase(#"{"token":"a.b.c","before":1}"#, nil),
    CommandCase(#"{"everyone":true,"expires":1}"#, nil),
    CommandCase(#"{"jti":"a","extra":{"a":{"b":{"c":{"d":1}}}}}"#, nil),
    CommandCase(#"{"jti":"a","expires":1}"#, nil, isLift: true),
    CommandCase(#"{"subject":"a","before":1}"#, nil, isLift: true),
  ]

  @Test(arguments: cases) func reads(_ row: CommandCase) throws {
    let body = Array(row.body.utf8)
    do throws(AdminAnswer) {
      let command = try RevocationCommand.parse(body.span, toLift: row.isLift)
      #expect(command == row.command)
    } catch {
      #expect(row.command == nil, "\(error)")
      #expect(error.status == 400)
      #expect(error.body.hasPrefix(#"{"error":""#))
    }
  }

  @Test func everyPrefixIsRefusedAndNothingOfItIsRepeated() {
    let body = Array(#"{"token":"secret.secret.secret","realm":"main"}"#.utf8)
    for count in 0..<body.count {
      do throws(AdminAnswer) {
        _ = try RevocationCommand.parse(Array(body[..<count]).span, toLift: false)
        Issue.record("a prefix of \(count) bytes passed")
      } catch {
        #expect(!error.body.contains("secret"))
      }
    }
  }
}
