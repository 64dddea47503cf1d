import Bytes
import Testing
import Tokens

@Suite struct TokenIdentityTests {
  static let key = SipKey(1, 2)

  func accept(_ members: String) throws -> TokenVerifier {
    let verifier = TokenVerifier()
    let token = TokenForge.sign("{\"exp\":1700000900\(members)}")
    let realm = try TokenForge.realm()
    #expect(verifier.refusal(token, realm) == nil)
    return verifier
  }

  @Test func usesTheJTIWhereThereIsOne() throws {
    let verifier = try accept(",\"jti\":\"a-b\",\"sub\":\"u1\"")
    #expect(verifier.tokenIdentifierText() == "jti:a-b")
    let id = verifier.hashTokenIdentifier(Self.key)
    let jti = Array("a-b".utf8)
    let want = TokenIdentifier.hash(jti: jti.span, Self.key)
    #expect(id == want)
    #expect(TokenIdentifier.hash(text: "jti:a-b", Self.key) == id)
    // The same id in another token, spelled otherwise.
    let other = try accept(",\"jti\":\"\\u0061-b\",\"x\":1")
    #expect(other.hashTokenIdentifier(Self.key) == id)
    #expect(other.hashTokenIdentifier(SipKey(1, 3)) != id)
  }

  /// A backend that counts its tokens: `revoke 7` must mean the token that says `7`.
  @Test func aNumberIsTheSameIDAsItsDigits() throws {
    let number = try accept(",\"jti\":7")
    #expect(number.tokenIdentifierText() == "jti:7")
    let text = try accept(",\"jti\":\"7\",\"x\":1")
    #expect(text.hashTokenIdentifier(Self.key) == number.hashTokenIdentifier(Self.key))
  }

  static let absent = [
    "", ",\"jti\":\"\"", ",\"jti\":null", ",\"jti\":7.0", ",\"jti\":true",
    ",\"jti\":[\"a\"]",
  ]

  @Test(arguments: absent) func usesTheSigningInputWithoutAJTI(_ members: String) throws {
    let verifier = try accept(members)
    let text = verifier.tokenIdentifierText()
    #expect(text.hasPrefix("sha256:") && text.utf8.count == 71)
    #expect(TokenIdentifier.hash(text: text, Self.key) == verifier.hashTokenIdentifier(Self.key))
    let other = try accept(members + ",\"x\":1")
    #expect(other.hashTokenIdentifier(Self.key) != verifier.hashTokenIdentifier(Self.key))
  }

  @Test func aJTICannotPoseAsAnotherTokensHash() throws {
    let victim = try accept("")
    let digest = victim.tokenIdentifierText()
    let forged = try accept(",\"jti\":\"\(digest)\"")
    #expect(forged.tokenIdentifierText() == "jti:" + digest)
    #expect(forged.hashTokenIdentifier(Self.key) != victim.hashTokenIdentifier(Self.key))
  }

  @Test func kindsOfOneValueHashDifferently() {
    let bytes = [UInt8](repeating: 0x61, count: 32)
    let hashes = [
      TokenIdentifier.hash(jti: bytes.span, Self.key),
      TokenIdentifier.hash(digest: bytes.span, Self.key),
      TokenIdentifier.hash(subject: bytes.span, Self.key),
    ]
    #expect(Set(hashes).count == 3)
  }

  @Test func hashesTheSigningInputAsPublished() throws {
    // printf '%s' "$HEADER.$PAYLOAD" | sha256sum, for {"alg":"HS256"} and {"exp":1700000900}.
    let verifier = TokenVerifier()
    let token = TokenForge.sign(header: "{\"alg\":\"HS256\"}")
    #expect(token.hasPrefix("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDAwMDA5MDB9."))
    #expect(try verifier.refusal(token, TokenForge.realm()) == nil)
    #expect(
      verifier.tokenIdentifierText()
        == "sha256:fadbe0606a382cd870e407f54dffa380e3a20ba34b0196630937c3b6a12bbc52")
  }

  @Test(arguments: [
    "", "jti:", "abc", "sha256:", "sha256:00", "SHA256:" + String(repeating: "0", count: 64),
  ])
  func refusesOtherTexts(_ text: String) {
    #expect(TokenIdentifier.hash(text: text, Self.key) == nil)
  }

  static let subjects: [(member: String, text: String?)] = [
    ("\"u1\"", "u1"), ("42", "42"), ("\"42\"", "42"), ("-7", "-7"), ("-0", "0"),
    ("123456789012345678901234567890", "123456789012345678901234567890"),
    ("\"\\u00e9\"", "\u{E9}"), ("\"\"", nil), ("null", nil), ("true", nil), ("1.5", nil),
    ("1e2", nil), ("{\"a\":1}", nil), ("[\"u1\"]", nil),
  ]

  @Test(arguments: subjects) func readsTheSubject(_ member: String, _ text: String?) throws {
    let verifier = try accept(",\"sub\":\(member)")
    #expect(verifier.subjectText() == text)
    #expect((verifier.hashSubject(Self.key) == nil) == (text == nil))
    if let text {
      let bytes = Array(text.utf8)
      let want = TokenIdentifier.hash(subject: bytes.span, Self.key)
      #expect(verifier.hashSubject(Self.key) == want)
    }
    guard
      case .accepted(let facts) = try verifier.verify(
        TokenForge.sign("{\"exp\":1700000900,\"sub\":\(member)}"), TokenForge.realm())
    else {
      Issue.record("refused")
      return
    }
    #expect(facts.hasSubject == (text != nil) && !facts.hasTokenIdentifier)
  }

  @Test func subjectAndJTIOfOneTextDiffer() throws {
    let verifier = try accept(",\"sub\":\"x\",\"jti\":\"x\"")
    #expect(verifier.hashSubject(Self.key) != verifier.hashTokenIdentifier(Self.key))
  }
}
