import Bytes
import Crypto
import Testing
import Tokens

/// Encrypted tokens (RFC 7516): what opens, and everything that must not.
@Suite struct EncryptedTokenTests {
  static let short = "{\"kty\":\"oct\",\"use\":\"enc\",\"k\":\"AAECAwQFBgcICQoLDA0ODw\"}"
  static let long =
    "{\"kty\":\"oct\",\"alg\":\"dir\",\"kid\":\"long\",\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}"
  static let rsa =
    KeyForge.jwk(.rs256, kid: "rsa", isPrivate: true, hasAlgorithm: false)

  static func key(_ text: String) throws -> DecryptionKey {
    try DecryptionKey(Array(text.utf8).span)
  }

  static func realm(_ keys: [String] = [short, long, rsa]) throws -> Realm {
    try TokenForge.realm { definition in
      definition.decryptionKeys = keys.compactMap { try? key($0) }
    }
  }

  static let payload = "{\"sub\":\"u1\",\"exp\":1700000900}"
  static let inner = TokenForge.sign(payload)

  @Test(arguments: [short, long, rsa, TestKeys.rsaPKCS8, TestKeys.rsaPKCS1])
  func opensWhatWasSealedForItsKeys(_ text: String) throws {
    let sealer = TokenSealer(try Self.key(text))
    let token = sealer.seal(Self.inner)
    let verifier = TokenVerifier()
    let realm = try Self.realm()
    for _ in 0..<2 {
      #expect(verifier.refusal(token, realm) == nil)
      #expect(verifier.subjectText() == "u1")
      #expect(verifier.refusal(Self.inner, realm) == nil)
    }
    // The id is that of the signed token: encrypting it anew gives no other.
    _ = verifier.refusal(token, realm)
    let identifier = verifier.tokenIdentifierText()
    _ = verifier.refusal(Self.inner, realm)
    #expect(verifier.tokenIdentifierText() == identifier)
    // Without decryption keys five parts are malformed.
    #expect(verifier.refusal(token, try TokenForge.realm()) == .malformed)
    let bytes = Array(token.utf8)
    #expect(verifier.verifySignature(bytes.span, realm: realm, nowSeconds: 0) == nil)
    // Rules of the realm hold for what is inside.
    #expect(verifier.refusal(token, realm, now: 1_700_000_900) == .expired)
    #expect(verifier.refusal(token, realm, .refresh) == .wrongTokenType)
    let forged = sealer.seal(
      TokenForge.sign(Self.payload, secret: "another secret of 33 bytes, truly"))
    #expect(verifier.refusal(forged, realm) == .badSignature)
  }

  @Test func everyKeySetOfARealmChoosesByKid() throws {
    let verifier = TokenVerifier()
    let sealer = TokenSealer(try Self.key(Self.long))
    func token(_ kid: String) -> String {
      sealer.seal(Self.inner, header: "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"kid\":\"\(kid)\"}")
    }
    let realm = try Self.realm()
    #expect(verifier.refusal(token("long"), realm) == nil)
    #expect(verifier.refusal(token("other"), realm) == .unknownKey)
    let unnamed = try Self.realm([Self.long.replacing(",\"kid\":\"long\"", with: "")])
    #expect(verifier.refusal(token("other"), unnamed) == nil)
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var token: String
    var want: DenialReason

    init(_ name: String, _ token: String, _ want: DenialReason) {
      testDescription = name
      self.token = token
      self.want = want
    }

    /// A token that opens but for its header.
    init(header: String, _ name: String, _ want: DenialReason, key: String = short) {
      let sealer = (try? EncryptedTokenTests.key(key)).map { TokenSealer($0) }
      self.init(name, sealer?.seal(EncryptedTokenTests.inner, header: header) ?? "", want)
    }
  }

  static let good = (try? TokenSealer(key(short)))?.seal(inner) ?? ""
  static let part = TokenForge.parts(good)

  static func with(_ index: Int, _ text: String) -> String {
    var parts = part
    parts[index] = text
    return parts.joined(separator: ".")
  }

  static func content(_ text: String) -> String {
    (try? TokenSealer(key(short)))?.seal(text) ?? ""
  }

  static let forms = [
    Row("four parts", part.dropLast().joined(separator: "."), .malformed),
    Row("six parts", good + ".", .malformed),
    Row("empty header", with(0, ""), .malformed),
    Row("a key where there is none", with(1, "AAAA"), .malformed),
    Row("empty vector", with(2, ""), .malformed),
    Row("empty ciphertext", with(3, ""), .malformed),
    Row("empty tag", with(4, ""), .malformed),
    Row("short vector", with(2, String(part[2].dropLast(4))), .malformed),
    Row("long vector", with(2, part[2] + "AAAA"), .malformed),
    Row("short tag", with(4, TokenForge.encode([UInt8](repeating: 0, count: 12))), .malformed),
    Row("long tag", with(4, TokenForge.encode([UInt8](repeating: 0, count: 17))), .malformed),
    Row("padded tag", with(4, part[4] + "=="), .malformed),
    Row("space in the ciphertext", with(3, " " + part[3]), .malformed),
    Row("changed tag", with(4, "A" + part[4].dropFirst()), .badSignature),
    Row("changed ciphertext", with(3, "AAAA" + part[3].dropFirst(4)), .badSignature),
    Row("changed vector", with(2, "AAAA" + part[2].dropFirst(4)), .badSignature),
    Row(
      "header spelled otherwise",
      with(0, TokenForge.encode("{\"alg\": \"dir\",\"enc\":\"A128GCM\"}")), .badSignature),
    Row("a million dots", String(repeating: ".", count: 1_000_000), .tooLarge),
    Row("words inside", content("words"), .malformed),
    Row("nothing signed inside", content(payload), .malformed),
    Row(
      "alg none inside",
      content(TokenForge.encode("{\"alg\":\"none\"}") + "." + TokenForge.encode(payload) + "."),
      .unsupportedAlgorithm),
    // A JWE in a JWE could nest for ever.
    Row("an encrypted token inside", content(good), .malformed),
    Row("a space behind the token inside", content(inner + " "), .malformed),
  ]

  static let headers = [
    Row(header: "{\"alg\":\"dir\",\"enc\":\"A128GCM\",\"zip\":\"DEF\"}", "zip", .malformed),
    Row(header: "{\"alg\":\"dir\",\"enc\":\"A128GCM\",\"crit\":[\"x\"]}", "crit", .malformed),
    Row(header: "{\"alg\":\"dir\",\"enc\":\"A128GCM\",\"b64\":false}", "b64", .malformed),
    Row(header: "{\"alg\":\"dir\",\"enc\":\"A128GCM\",\"cty\":\"text\"}", "cty text", .malformed),
    Row(header: "{\"alg\":\"dir\",\"enc\":\"A128GCM\",\"kid\":7}", "kid is a number", .malformed),
    Row(header: "{\"alg\":\"dir\",\"enc\":\"A128GCM\",\"kid\":\"\\u0000\"}", "NUL", .malformed),
    Row(header: "{\"alg\":\"dir\",\"alg\":\"dir\",\"enc\":\"A128GCM\"}", "alg twice", .malformed),
    Row(header: "{\"alg\":\"dir\"}", "no enc", .malformed),
    Row(header: "{\"enc\":\"A128GCM\"}", "no alg", .malformed),
    Row(header: "{\"alg\":\"dir\",\"enc\":1}", "enc is a number", .malformed),
    Row(header: "[]", "an array", .malformed),
    Row(header: "{\"alg\":\"none\",\"enc\":\"A128GCM\"}", "alg none", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"DIR\",\"enc\":\"A128GCM\"}", "alg DIR", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"HS256\",\"enc\":\"A128GCM\"}", "alg HS256", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"RSA1_5\",\"enc\":\"A128GCM\"}", "alg RSA1_5", .unsupportedAlgorithm),
    Row(
      header: "{\"alg\":\"RSA-OAEP\",\"enc\":\"A128GCM\"}", "alg RSA-OAEP", .unsupportedAlgorithm),
    Row(
      header: "{\"alg\":\"PBES2-HS256+A128KW\",\"enc\":\"A128GCM\",\"p2c\":2147483647}",
      "a billion rounds", .unsupportedAlgorithm),
    Row(
      header: "{\"alg\":\"dir\",\"enc\":\"A128CBC-HS256\"}", "enc CBC", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"dir\",\"enc\":\"A192GCM\"}", "enc A192GCM", .unsupportedAlgorithm),
    // The key's size fixes the cipher.
    Row(header: "{\"alg\":\"dir\",\"enc\":\"A256GCM\"}", "the other cipher", .badSignature),
    Row(
      header: "{\"alg\":\"dir\",\"enc\":\"A256GCM\"}", "a wrapped key with dir", .malformed,
      key: rsa),
    Row(
      header: "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A128GCM\"}", "a wrapped key of another size",
      .badSignature, key: rsa),
    Row(
      header: "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\"}", "no wrapped key", .badSignature),
  ]

  @Test(arguments: forms + headers) func isRefused(_ row: Row) throws {
    let realm = try Self.realm()
    let verifier = TokenVerifier()
    for _ in 0..<2 {
      #expect(verifier.refusal(row.token, realm) == row.want)
      #expect(verifier.subjectText() == nil && verifier.claim("sub") == nil)
      #expect(verifier.refusal(Self.good, realm) == nil)
      #expect(verifier.refusal(Self.inner, realm) == nil)
    }
  }

  @Test func keysOfOneKindOnlyTakeTheirs() throws {
    let verifier = TokenVerifier()
    let wrapped = TokenSealer(try Self.key(Self.rsa)).seal(Self.inner)
    #expect(verifier.refusal(wrapped, try Self.realm([Self.short])) == .unsupportedAlgorithm)
    #expect(verifier.refusal(Self.good, try Self.realm([Self.rsa])) == .unsupportedAlgorithm)
    #expect(verifier.refusal(Self.good, try Self.realm([Self.long])) == .unsupportedAlgorithm)
  }

  @Test func everyPrefixAndManyChangesAreRefused() throws {
    let realm = try Self.realm([Self.short])
    let verifier = TokenVerifier()
    let bytes = Array(Self.good.utf8)
    for count in 0..<bytes.count {
      #expect(verifier.refusal(String(Self.good.prefix(count)), realm) != nil, "first \(count)")
    }
    for index in bytes.indices {
      for replacement in Array("A_.=".utf8) where replacement != bytes[index] {
        var damaged = bytes
        damaged[index] = replacement
        #expect(verifier.refusal(String(lossy: damaged.span), realm) != nil, "byte \(index)")
      }
    }
  }

  @Test func fitsTheCapExactly() throws {
    let realm = try Self.realm([Self.short])
    let size = Self.good.utf8.count
    #expect(TokenVerifier(tokenBytesMaximum: size).refusal(Self.good, realm) == nil)
    #expect(TokenVerifier(tokenBytesMaximum: size - 1).refusal(Self.good, realm) == .tooLarge)
  }

  static let badKeys: [(String, String, String)] = [
    ("words", "words", "holds no key"),
    ("public key", TestKeys.rsaSPKI, "holds no private key"),
    ("EC key", TestKeys.p256PKCS8, "is no RSA key"),
    ("public JWK", KeyForge.jwk(.rs256, hasAlgorithm: false), "holds a key that has no d"),
    (
      "EC JWK", KeyForge.jwk(.es256, isPrivate: true),
      "holds a key that has a kty that is neither RSA nor oct"
    ),
    (
      "24 bytes", "{\"kty\":\"oct\",\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\"}",
      "holds a key that has 24 bytes, where 16 or 32 are needed"
    ),
    (
      "for signatures", short.replacing("\"enc\"", with: "\"sig\""),
      "holds a key that is not for encryption (use)"
    ),
    (
      "to sign", short.replacing("\"use\":\"enc\"", with: "\"key_ops\":[\"sign\"]"),
      "holds a key that is not for encryption (key_ops)"
    ),
    (
      "alg of a MAC", long.replacing("\"dir\"", with: "\"HS256\""),
      "holds a key that has an alg that is neither dir nor A256GCM"
    ),
    (
      "alg a number", long.replacing("\"dir\"", with: "7"),
      "holds a key that has an alg that is no string"
    ),
    (
      "RSA for RS256", KeyForge.jwk(.rs256, isPrivate: true),
      "holds a key that has an alg that is not RSA-OAEP-256"
    ),
    ("cut", "{\"kty\":", "is no strict JSON: unexpected_end at byte 7"),
    ("NUL", "{\"kty\":\"\\u0000\"}", "holds a string with a NUL"),
  ]

  @Test(arguments: badKeys) func refusesAKey(_ name: String, _ text: String, _ want: String) {
    do {
      _ = try Self.key(text)
      Issue.record("\(name) was taken")
    } catch {
      #expect((error as? KeyFileFault)?.message == want, "\(name)")
    }
  }

  @Test func aRealmRefusesKeysThatSignAndTooManyKeys() throws {
    func kinds(_ keys: [DecryptionKey], _ secret: String) -> [RealmFault.Kind] {
      do {
        _ = try TokenForge.realm {
          $0.access.secret = SecretDefinition(text: secret, encoding: .base64url)
          $0.decryptionKeys = keys
        }
        return []
      } catch {
        return (error as? RealmRejection)?.faults.map(\.kind) ?? []
      }
    }
    let text = TokenForge.encode("a key of exactly 32 bytes, truly")
    let own = try Self.key("{\"kty\":\"oct\",\"k\":\"\(text)\"}")
    #expect(kinds([own], text) == [.decryptionSecretSigns])
    let other = TokenForge.encode("another secret with 36 bytes, truly.")
    #expect(kinds(Array(repeating: own, count: 8), other).isEmpty)
    #expect(kinds(Array(repeating: own, count: 9), other) == [.tooManyDecryptionKeys])
  }
}
