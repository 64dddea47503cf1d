import Bytes
import Crypto
import Testing

@testable import Tokens

// What `gateway token why` says: mechanism by mechanism, the decisive fault first.

private let secret = TokenForge.accessSecret
private let now = TokenForge.now
private let good = "{\"sub\":\"ada\",\"exp\":\(now + 600)}"

private func diagnose(
  _ token: String, _ realms: [Realm], others: [Realm] = [], _ accepting: AcceptedClasses = .any
) -> TokenDiagnosis {
  TokenDiagnosis(
    Array(token.utf8), meant: realms, others: others, accepting: accepting, nowSeconds: now)
}

/// A way in which a token is wrong, and what must be said of it first.
struct Mechanism: Sendable, CustomTestStringConvertible {
  let name: String
  let reason: DenialReason
  /// Words of the first finding.
  let says: String
  /// Words of what to change.
  let advises: String
  let token: @Sendable () throws -> String
  var testDescription: String { name }

  init(
    _ name: String, _ reason: DenialReason, _ says: String, _ advises: String = "",
    _ token: @escaping @Sendable () throws -> String
  ) {
    (self.name, self.reason, self.says, self.advises, self.token) = (
      name, reason, says, advises, token
    )
  }
}

private func signed(_ secret: [UInt8], _ payload: String = good) -> String {
  TokenSigner(secret: SecretBytes(secret.span)).sign(payload: payload)
}

private func decoded(_ text: String, _ encoding: SecretEncoding) throws -> [UInt8] {
  let bytes = Array(text.utf8)
  let key = encoding.decode(bytes.span)
  return try #require(key).withBytes { [UInt8](copying: $0) }
}

/// Of a realm `main` with an access secret, a refresh secret, an issuer, an audience and lifetimes.
private let mechanisms: [Mechanism] = [
  // Form
  Mechanism("nothing", .malformed, "there is no token") { "" },
  Mechanism("opaque", .malformed, "1 part", "opaque") { "abcdef" },
  Mechanism("unsigned parts", .malformed, "2 parts", "signature is missing") { "e30.e30" },
  Mechanism("too long", .tooLarge, "8192") { String(repeating: "a", count: 8193) },
  Mechanism("quoted", .malformed, "byte 0 is a quote", "leave it out") {
    "\"" + signed(Array(secret.utf8)) + "\""
  },
  Mechanism("a space within", .malformed, "a space") { "e30 .e30.x" },
  Mechanism("padded", .malformed, "`=`", "no padding") { "e30=.e30.eA" },
  Mechanism("standard base64", .malformed, "`+`", "standard base64") { "e30.e30.a+bc" },
  Mechanism("still escaped", .malformed, "`%`", "URL-encoded") { "e30.e30.a%2E" },
  Mechanism("cut header", .malformed, "5 letters") { "e30ab.e30.eA" },
  Mechanism("other tail", .malformed, "bits that belong to no byte") {
    TokenForge.encode("{\"alg\":\"HS256\"}") + ".e30.eB"
  },
  Mechanism("header no JSON", .malformed, "unexpected_end at byte") {
    TokenForge.encode("{\"alg\"") + ".e30.eA"
  },
  Mechanism("header twice", .malformed, "duplicate_name") {
    TokenForge.encode("{\"alg\":\"HS256\",\"alg\":\"HS256\"}") + ".e30.eA"
  },
  Mechanism("header no object", .malformed, "no object") { TokenForge.encode("[]") + ".e30.eA" },
  Mechanism("header with NUL", .malformed, "U+0000") {
    TokenForge.sign(header: "{\"alg\":\"HS256\",\"x\":\"\\u0000\"}")
  },
  Mechanism("no alg", .malformed, "no alg") { TokenForge.sign(header: "{}") },
  Mechanism("alg is a number", .malformed, "alg is no string") {
    TokenForge.sign(header: "{\"alg\":1}")
  },
  Mechanism("crit", .malformed, "crit") {
    TokenForge.sign(header: "{\"alg\":\"HS256\",\"crit\":[\"x\"]}")
  },
  Mechanism("b64", .malformed, "b64") {
    TokenForge.sign(header: "{\"alg\":\"HS256\",\"b64\":false}")
  },
  Mechanism("zip", .malformed, "zip") {
    TokenForge.sign(header: "{\"alg\":\"HS256\",\"zip\":\"DEF\"}")
  },
  Mechanism("enc in three parts", .malformed, "enc") {
    TokenForge.sign(header: "{\"alg\":\"dir\",\"enc\":\"A128GCM\"}")
  },
  Mechanism("kid is a number", .malformed, "kid is no string") {
    TokenForge.sign(header: "{\"alg\":\"HS256\",\"kid\":7}")
  },
  Mechanism("none", .unsupportedAlgorithm, "\"none\": nobody signed it", "no setting") {
    TokenForge.encode("{\"alg\":\"none\"}") + ".e30."
  },
  Mechanism("None", .unsupportedAlgorithm, "\"NoNe\": nobody") {
    TokenForge.encode("{\"alg\":\"NoNe\"}") + ".e30."
  },
  Mechanism("lower case", .unsupportedAlgorithm, "written HS256") {
    TokenForge.sign(header: "{\"alg\":\"hs256\"}")
  },
  Mechanism("unknown alg", .unsupportedAlgorithm, "ES256K") {
    TokenForge.sign(header: "{\"alg\":\"ES256K\"}")
  },
  Mechanism("encrypted", .malformed, "encrypted (JWE", "decrypt FILE") {
    TokenForge.encode("{\"alg\":\"dir\",\"enc\":\"A128GCM\"}") + "..eA.eA.eA"
  },
  Mechanism("cut signature", .badSignature, "has 16 bytes", "whole token") {
    let parts = TokenForge.parts(signed(Array(secret.utf8)))
    return "\(parts[0]).\(parts[1])." + TokenForge.encode([UInt8](repeating: 1, count: 16))
  },
  // Signature
  Mechanism("newline", .badSignature, "access secret with a newline behind it", "echo") {
    signed(Array((secret + "\n").utf8))
  },
  Mechanism("CR LF", .badSignature, "carriage return and a newline") {
    signed(Array((secret + "\r\n").utf8))
  },
  Mechanism("space", .badSignature, "with a space behind it") {
    signed(Array((secret + " ").utf8))
  },
  Mechanism("quotes", .badSignature, "with double quotes around it", "docker") {
    signed(Array(("\"" + secret + "\"").utf8))
  },
  Mechanism("base64 of it", .badSignature, "written as base64", "encoding") {
    var buffer = ByteBuffer(capacity: 128)
    let bytes = Array(secret.utf8)
    Base64.encode(bytes.span, into: &buffer)
    return signed([UInt8](copying: buffer.readable))
  },
  Mechanism("hex of it", .badSignature, "written as hex") {
    var buffer = ByteBuffer(capacity: 128)
    let bytes = Array(secret.utf8)
    Hexadecimal.encode(bytes.span, into: &buffer)
    return signed([UInt8](copying: buffer.readable))
  },
  Mechanism("cut at a space", .badSignature, "cut off at its first space", "quote it") {
    signed(Array("an".utf8))
  },
  Mechanism("default", .badSignature, "published default") { signed(Array("super-secret".utf8)) },
  Mechanism("default with newline", .badSignature, "published default") {
    signed(Array("changeme\n".utf8))
  },
  Mechanism("empty", .badSignature, "empty secret") { signed([]) },
  Mechanism("undefined", .badSignature, "`undefined`", "everybody") {
    signed(Array("undefined".utf8))
  },
  Mechanism("changed", .badSignature, "none of 2 keys", "changed on its way") {
    signed(Array("somebody's".utf8))
  },
  Mechanism("other hash", .unsupportedAlgorithm, "but by HS512", "algorithms HS256 HS512") {
    TokenForge.sign(header: "{\"alg\":\"HS512\"}", good, algorithm: .hs512)
  },
  Mechanism("other family", .unsupportedAlgorithm, "signed by RS256", "key FILE") {
    try KeyForge(.rs256).sign(good)
  },
  // Claims
  Mechanism("payload no JSON", .malformed, "payload is no strict JSON") { TokenForge.sign("{") },
  Mechanism("payload twice", .malformed, "duplicate_name") {
    TokenForge.sign("{\"exp\":1,\"exp\":1}")
  },
  Mechanism("no exp", .malformed, "no exp") { TokenForge.sign("{}") },
  Mechanism("exp a text", .malformed, "exp is no number", "not texts") {
    TokenForge.sign("{\"exp\":\"soon\"}")
  },
  Mechanism("iat huge", .malformed, "iat is no number") {
    TokenForge.sign("{\"exp\":\(now + 5),\"iat\":1e300}")
  },
  Mechanism("expired", .expired, "expired 1 s ago", "leeway 2s") {
    TokenForge.sign("{\"exp\":\(now - 1)}")
  },
  Mechanism("expired long ago", .expired, "90061 s (1 d 1 h) ago", "new one") {
    TokenForge.sign("{\"exp\":\(now - 90061)}")
  },
  Mechanism("nbf", .notYetValid, "nbf lies 9 s in the future", "leeway 9s") {
    TokenForge.sign("{\"exp\":\(now + 99),\"nbf\":\(now + 9)}")
  },
  Mechanism("iat", .notYetValid, "iat lies 9 s in the future", "clock is ahead") {
    TokenForge.sign("{\"exp\":\(now + 99),\"iat\":\(now + 9)}")
  },
  Mechanism("lifetime", .lifetimeExceeded, "at most 900 s", "lifetime 1005s") {
    TokenForge.sign("{\"exp\":\(now + 1000),\"iat\":\(now - 5)}")
  },
  Mechanism("type against key", .wrongTokenType, "type is \"access\"", "exchanged") {
    TokenForge.sign("{\"exp\":\(now + 9),\"type\":\"access\"}", secret: TokenForge.refreshSecret)
  },
  Mechanism("issuer", .wrongIssuer, "iss is \"you\", and realm main wants \"me\"", "issuer") {
    TokenForge.sign("{\"exp\":\(now + 9),\"iss\":\"you\"}")
  },
  Mechanism("no issuer", .wrongIssuer, "no iss") { TokenForge.sign("{\"exp\":\(now + 9)}") },
  Mechanism("audience", .wrongAudience, "aud is [\"x\"]", "audience") {
    TokenForge.sign("{\"exp\":\(now + 9),\"iss\":\"me\",\"aud\":[\"x\"]}")
  },
  Mechanism("claim", .missingClaim, "claim tenant acme", "require") {
    TokenForge.sign("{\"exp\":\(now + 9),\"iss\":\"me\",\"aud\":\"api\"}")
  },
  Mechanism("claim's value", .insufficientScope, "requires claim tenant acme") {
    TokenForge.sign("{\"exp\":\(now + 9),\"iss\":\"me\",\"aud\":\"api\",\"tenant\":\"x\"}")
  },
]

private func strictRealm() throws -> Realm {
  let tenant = try #require(ClaimPath("tenant"))
  return try TokenForge.realm {
    $0.issuer = "me"
    $0.audiences = ["api"]
    $0.access.lifetimeSeconds = 900
    $0.access.requirements = [ClaimRequirement(.claim(tenant), ["acme"])]
  }
}

@Test(arguments: mechanisms)
func saysWhy(_ mechanism: Mechanism) throws {
  let realm = try strictRealm()
  let token = try mechanism.token()
  let diagnosis = diagnose(token, [realm])
  let first = diagnosis.findings.first
  #expect(diagnosis.facts == nil)
  #expect(diagnosis.reason == mechanism.reason)
  // The explanation says what the gateway says.
  #expect(TokenVerifier().refusal(token, realm, .any) == mechanism.reason)
  #expect(first?.reason == mechanism.reason)
  let said = diagnosis.findings.filter { $0.reason == mechanism.reason }
  #expect(said.contains { $0.text.contains(mechanism.says) }, "\(diagnosis.findings)")
  #expect(
    said.contains { ($0.advice ?? "").contains(mechanism.advises) || mechanism.advises.isEmpty })
  for finding in diagnosis.findings {
    let all = finding.text + (finding.advice ?? "")
    #expect(!all.contains(secret) && !all.contains(TokenForge.refreshSecret))
  }
}

@Test func aTokenThatHoldsIsSaidToHold() throws {
  let diagnosis = diagnose(signed(Array(secret.utf8)), [try TokenForge.realm()])
  #expect(diagnosis.facts?.tokenClass == .access)
  #expect(diagnosis.findings.isEmpty)
}

/// Cut anywhere, with any byte exchanged: the explanation begins with the verifier's own reason.
@Test func theExplanationAgreesWithTheVerdictOnEveryDamage() throws {
  let forge = try KeyForge(.es256)
  let token = Array(forge.sign(good).utf8)
  #expect(diagnose(forge.sign(good), [forge.realm]).facts != nil)
  var damaged = token.indices.map { Array(token[..<$0]) }
  for index in token.indices {
    for byte in [UInt8(ascii: "."), UInt8(ascii: "A"), UInt8(ascii: "="), 0, 0x20, 0xFF]
    where token[index] != byte {
      var other = token
      other[index] = byte
      damaged.append(other)
    }
  }
  let verifier = TokenVerifier()
  var disagreements = 0
  for bytes in damaged {
    let diagnosis = TokenDiagnosis(bytes, meant: [forge.realm], nowSeconds: now)
    let verdict = verifier.verify(
      bytes.span, realm: forge.realm, accepting: .any, nowSeconds: now)
    let isSame = diagnosis.reason.map { verdict == .denied($0) } ?? false
    if !isSame || diagnosis.findings.first?.reason != diagnosis.reason { disagreements += 1 }
  }
  #expect(disagreements == 0)
}

@Test func aTokenInQuotesIsToldApartFromABadOne() throws {
  let realm = try TokenForge.realm()
  let held = diagnose("\"" + signed(Array(secret.utf8)) + "\"", [realm])
  #expect(held.findings.last?.text.contains("the token holds") == true)
  let expired = diagnose("'" + TokenForge.sign("{\"exp\":1}") + "'", [realm])
  #expect(expired.findings.map(\.reason) == [.malformed, .expired])
}

@Test func millisecondsAreSaid() throws {
  let token = TokenForge.sign("{\"exp\":\(now * 1000)}")
  let diagnosis = diagnose(token, [try TokenForge.realm()])
  #expect(diagnosis.facts != nil)
  #expect(diagnosis.findings.first?.text.contains("milliseconds") == true)
}

@Test(arguments: [SecretEncoding.base64, .base64url, .hex])
func aDecodedSecretIsFound(_ encoding: SecretEncoding) throws {
  let text =
    encoding == .hex
    ? "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
    : encoding == .base64
      ? "+/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno="
      : "-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
  let realm = try TokenForge.realm(access: text)
  let found = diagnose(signed(try decoded(text, encoding)), [realm]).findings
  #expect(
    found.first?.text
      == "it was signed with realm main's access secret decoded from \(encoding.rawValue)")
  #expect(found.first?.advice?.contains("encoding \(encoding.rawValue);") == true)
  // And the other way round: the gateway decodes, the backend doesn't.
  let decoding = try TokenForge.realm {
    $0.access.secret = SecretDefinition(text: text, encoding: encoding)
  }
  let other = diagnose(signed(Array(text.utf8)), [decoding]).findings
  #expect(other.first?.text.contains("access secret written as ") == true, "\(other)")
}

@Test func anotherRealmsKeyIsNamed() throws {
  let realm = try TokenForge.realm()
  let nest = try TokenForge.realm(
    access: "another secret, one of 32 bytes or more",
    refresh: "the other refresh secret of the other realm"
  ) { $0.name = "nest" }
  let token = signed(Array("the other refresh secret of the other realm".utf8))
  let found = diagnose(token, [realm], others: [nest]).findings
  #expect(
    found.first?.text
      == "it was signed with realm nest's refresh secret: this is a refresh token of realm nest")
  // Where any realm will do it is one of it.
  #expect(diagnose(token, [realm, nest]).facts?.tokenClass == .refresh)
}

@Test func theWrongClassIsNamed() throws {
  let realm = try TokenForge.realm()
  let refresh = TokenForge.sign("{\"exp\":\(now + 9)}", secret: TokenForge.refreshSecret)
  let found = diagnose(refresh, [realm], .access)
  #expect(found.reason == .wrongTokenType)
  #expect(found.findings.first?.text == "it is a refresh token, and an access token is asked for")
}

@Test func aPreviousSecretPastItsEndIsNamed() throws {
  let realm = try TokenForge.realm {
    $0.access.previousSecrets = [
      PreviousSecret(
        SecretDefinition(text: "the secret that was, of 32 bytes and more"), endSeconds: now - 60)
    ]
  }
  let found = diagnose(signed(Array("the secret that was, of 32 bytes and more".utf8)), [realm])
  #expect(found.reason == .badSignature)
  #expect(
    found.findings.first?.text
      == "it was signed with realm main's previous access secret 1, whose end passed 60 s (1 min) ago"
  )
}

@Test func aForeignKidIsNamed() throws {
  let realm = try KeyForge.realm([KeyForge.jwk(.es256, kid: "one")])
  let own = try KeyForge.signer(.es256)
  let misnamed = own.sign(header: "{\"alg\":\"ES256\",\"kid\":\"two\"}", payload: good)
  let found = diagnose(misnamed, [realm])
  #expect(found.reason == .unknownKey)
  #expect(
    found.findings.first?.text == "its kid is \"two\", but the key that signed it is called \"one\""
  )
}

@Test func anECDSASignatureInDERIsNamed() throws {
  let realm = try KeyForge.realm([KeyForge.jwk(.es256)])
  let der: [UInt8] =
    [0x30, 0x44, 0x02, 0x20] + [UInt8](repeating: 1, count: 32) + [0x02, 0x20]
    + [UInt8](repeating: 1, count: 32)
  let token =
    TokenForge.encode("{\"alg\":\"ES256\"}") + "." + TokenForge.encode(good) + "."
    + TokenForge.encode(der)
  let found = diagnose(token, [realm])
  #expect(found.reason == .badSignature)
  #expect(found.findings.first?.text.contains("DER") == true)
}

@Test func symmetricTokensOfAnAsymmetricRealmAreExplained() throws {
  let realm = try KeyForge.realm([KeyForge.jwk(.rs256)], algorithms: [.rs256])
  let found = diagnose(signed(Array(secret.utf8)), [realm])
  #expect(found.reason == .unsupportedAlgorithm)
  #expect(found.findings.first?.advice?.contains("shared secret") == true)
  // The public key as a secret: the old confusion of algorithms.
  let candidate = CandidateSecret(
    Array("a key's text".utf8), label: "the text of the key file k", advice: "attack")
  let confused = TokenDiagnosis(
    Array(signed(Array("a key's text".utf8)).utf8), meant: [realm], candidates: [candidate],
    nowSeconds: now)
  #expect(confused.reason == .unsupportedAlgorithm)
  #expect(confused.findings.contains { $0.text.contains("the text of the key file k") })
}

/// What is tried as a published default must also be refused at start, and the reverse is the rule of
/// SecretStrength.
@Test func publishedSecretsAreRefusedAtStart() {
  for text in PublishedSecrets.all {
    let bytes = Array(text.utf8)
    let strength = SecretStrength.judge(bytes.span)
    #expect(strength == .knownDefault || (text.isEmpty && strength == .empty), "\(text)")
  }
}

@Test func lenientBase64IsNodes() {
  // Buffer.from("YWJj ZG-_!=x", "base64")
  #expect(
    SecretReading.leniently(Array("YWJj ZG-_!=x".utf8)) == [0x61, 0x62, 0x63, 0x64, 0x6F, 0xBF])
}
