import Bytes
import Testing
import Tokens

@testable import Policy

@Suite struct RevocationRecordTests {
  static func line(_ record: RevocationRecord) -> String {
    var buffer = ByteBuffer(capacity: 64 << 10)
    record.append(to: &buffer)
    return String(lossy: buffer.readable)
  }

  static func parse(_ line: String) -> RevocationLine {
    let bytes = Array(line.utf8)
    return RevocationRecord.parse(bytes.span)
  }

  static func revoke(_ value: String, realm: String = "main", kind: RevocationKind = .token)
    -> RevocationRecord
  {
    .revoke(RevocationEntry(kind: kind, realm: realm, value: value, time: 12, expiry: 34))
  }

  /// The journal outlives the program: the text of a record must never change.
  @Test(arguments: [
    (revoke("jti:a1"), "+ token main 34 12 jti:a1 "),
    (revoke("42", kind: .subject), "+ subject main 34 12 42 "),
    (revoke("", kind: .everyone), "+ everyone main 34 12 _ "),
    (revoke("a b%\n\u{e9}"), "+ token main 34 12 a%20b%25%0a%c3%a9 "),
    (revoke("_"), "+ token main 34 12 %5f "),
    (.lift(kind: .subject, realm: "my realm", value: "42"), "- subject my%20realm 42 "),
  ])
  func writesOneStableLine(record: RevocationRecord, want: String) {
    let line = Self.line(record)
    #expect(line.hasPrefix(want))
    #expect(line.utf8.count == want.utf8.count + 9)
    #expect(line.last == "\n")
    #expect(Self.parse(String(line.dropLast())) == .record(record))
  }

  @Test func theChecksumIsStable() {
    #expect(Self.line(Self.revoke("jti:a1")) == "+ token main 34 12 jti:a1 6b487e6d\n")
  }

  @Test func everyTornOrAlteredLineIsDamaged() {
    let line = Array(Self.line(Self.revoke("jti:a1")).utf8.dropLast())
    for count in 1..<line.count {
      let torn = Array(line[..<count])
      #expect(RevocationRecord.parse(torn.span) == .damaged, "\(count) bytes")
    }
    for index in line.indices {
      var altered = line
      altered[index] ^= 1
      let outcome = RevocationRecord.parse(altered.span)
      // A letter of the checksum in the other case is the same number.
      #expect(outcome == .damaged || altered[index] | 0x20 == line[index], "byte \(index)")
    }
    let twice = line + line
    #expect(RevocationRecord.parse(twice.span) == .damaged)
  }

  static func sealed(_ text: String) -> String {
    var hash = SipHash128(SipKey(0, 0))
    hash.combine(text: text + " ")
    var buffer = ByteBuffer(capacity: 16)
    buffer.append(hexadecimal: hash.finish().low & 0xffff_ffff, width: 8)
    return "\(text) \(String(lossy: buffer.readable))"
  }

  @Test(arguments: [
    ("blank", "", RevocationLine.blank), ("comment", "# kept by the gateway", .blank),
    ("a later kind", sealed("+ device main 34 12 x"), .unknown),
    ("a later sign", sealed("* token main 34 12 x"), .unknown),
    ("more words", sealed("+ token main 34 12 x y"), .unknown),
    ("fewer words", sealed("+ token main 34 12"), .unknown),
    ("no number", sealed("+ token main x 12 y"), .unknown),
    ("a huge number", sealed("+ token main 99999999999999999999 12 y"), .unknown),
    ("a negative number", sealed("+ token main -1 12 y"), .unknown),
    ("a broken escape", sealed("+ token main 34 12 %2"), .unknown),
    ("an empty word", sealed("+ token main 34 12 "), .unknown),
    ("no checksum", "+ token main 34 12 jti:a1", .damaged),
  ])
  func tellsLinesApart(name: String, line: String, want: RevocationLine) {
    #expect(Self.parse(line) == want, "\(name)")
  }

  @Test func boundsLinesAndValues() {
    let longest = String(repeating: "\u{1}", count: RevocationRecord.valueBytesMaximum)
    let line = Self.line(Self.revoke(longest))
    #expect(Self.parse(String(line.dropLast())) == .record(Self.revoke(longest)))
    let tooLong = Self.sealed("+ token main 34 12 " + longest.utf8.map { _ in "y" }.joined() + "y")
    #expect(Self.parse(tooLong) == .unknown)
    let comment = String(repeating: "x", count: RevocationRecord.lineBytesMaximum + 1)
    #expect(Self.parse(comment) == .damaged)
  }
}
