import Bytes
import Crypto
import JSON
import Testing
import Tokens

/// Key files: PEM, JWK and JWK sets, every rule of RFC 7517 and 7518 that makes a key good or not.
@Suite struct KeyFileTests {
  @Test(arguments: TokenAlgorithm.allCases) func readsAKeyOfEachAlgorithm(
    _ algorithm: TokenAlgorithm
  ) throws {
    let file = try KeyForge.read(KeyForge.jwk(algorithm, kid: "k1"))
    #expect(file.keys.count == 1 && file.notes.isEmpty && !file.holdsPrivateKey)
    #expect(file.keys[0].algorithm == algorithm)
    #expect(file.keys[0].identifier == Array("k1".utf8))
    #expect(file.keys[0].isSecret == algorithm.isSymmetric)
    // The private half is there, and not used.
    let both = try KeyForge.read(KeyForge.jwk(algorithm, isPrivate: true))
    #expect(both.holdsPrivateKey == !algorithm.isSymmetric)
    #expect(TokenSigner(both.keys[0], algorithm) == nil || algorithm.isSymmetric)
    // For signing it is needed.
    #expect(
      KeyForge.refusal(KeyForge.jwk(algorithm), .signing)
        == (algorithm.isSymmetric ? nil : "holds a key that has no d"))
  }

  /// What a key says of its algorithm, what the configuration says, and what becomes of it.
  @Test func theKeyDecidesItsAlgorithm() throws {
    func names(
      _ of: TokenAlgorithm, says: Bool, _ allowed: [TokenAlgorithm]?
    ) throws -> [TokenAlgorithm] {
      let file = try KeyForge.read(KeyForge.jwk(of, hasAlgorithm: says))
      return file.keys[0].algorithms(allowed: allowed)
    }
    #expect(try names(.rs256, says: true, nil) == [.rs256])
    #expect(try names(.rs256, says: true, [.rs256, .es256]) == [.rs256])
    #expect(try names(.rs256, says: true, [.ps256]) == [])
    #expect(try names(.rs256, says: false, nil) == [])
    #expect(try names(.rs256, says: false, [.ps256, .es256, .hs256]) == [.ps256])
    #expect(try names(.rs256, says: false, [.rs256, .ps256]) == [.rs256, .ps256])
    #expect(try names(.rs256, says: false, [.es256, .hs256]) == [])
    #expect(try names(.es256, says: false, nil) == [.es256])
    #expect(try names(.es384, says: false, nil) == [.es384])
    #expect(try names(.es512, says: false, nil) == [.es512])
    #expect(try names(.edDSA, says: false, nil) == [.edDSA])
    #expect(try names(.es256, says: false, [.es384]) == [])
    #expect(try names(.hs512, says: false, nil) == [])
    #expect(try names(.hs512, says: false, [.hs384, .rs256]) == [.hs384])
    #expect(try names(.hs512, says: true, nil) == [.hs512])
    let short = try KeyForge.read(Self.oct("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", ""))
    #expect(short.keys[0].algorithms(allowed: [.hs512]) == [])
    #expect(short.keys[0].algorithms(allowed: [.hs256, .hs384, .hs512]) == [.hs256])
  }

  static let p256 = TestKeys.P256.self
  static func ec(_ members: String) -> String {
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\(p256.x)\",\"y\":\"\(p256.y)\"\(members)}"
  }
  static func oct(_ key: String, _ members: String = ",\"alg\":\"HS256\"") -> String {
    "{\"kty\":\"oct\",\"k\":\"\(key)\"\(members)}"
  }
  static func rsa(_ modulus: String, _ exponent: String = "AQAB") -> String {
    "{\"kty\":\"RSA\",\"alg\":\"RS256\",\"n\":\"\(modulus)\",\"e\":\"\(exponent)\"}"
  }
  static let ed = TestKeys.Ed25519.x

  static let good: [(String, String)] = [
    ("EC", ec("")),
    ("use sig", ec(",\"use\":\"sig\"")),
    ("key_ops verify", ec(",\"key_ops\":[\"verify\"]")),
    ("key_ops in one string", ec(",\"key_ops\":[\"sign, verify\"]")),
    ("key_ops sign and verify", ec(",\"key_ops\":[\"sign\",\"verify\"]")),
    ("members of no concern", ec(",\"x5c\":[\"AAAA\"],\"x5t\":\"a\",\"ext\":true,\"iat\":1e3")),
    ("kid with escapes", ec(",\"kid\":\"\\u0061\\n\"")),
    ("empty kid", ec(",\"kid\":\"\"")),
    ("white space around", "\n\t " + ec("") + " \n"),
    ("32 bytes of secret", oct("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")),
    // Wycheproof's; its bytes are all alike, and a file of random bytes may hold what it wants.
    ("32 zeros", oct("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
    ("Ed25519", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\(ed)\"}"),
    ("RSA, PEM", TestKeys.rsaSPKI),
    ("certificate", TestKeys.certificate),
    ("private key", TestKeys.p256SEC1),
    ("empty line before PEM", "\n\n" + TestKeys.ed25519SPKI),
  ]

  @Test(arguments: good) func takes(_ name: String, _ text: String) {
    #expect(KeyForge.refusal(text) == nil, "\(name)")
    if text.contains("kty") { #expect(KeyForge.refusal(KeyForge.set([text])) == nil, "\(name)") }
  }

  static let badKeys: [(String, String, String)] = [
    ("no object", "7", "is no JSON object"),
    ("no kty", "{\"k\":\"AAAA\"}", "has no kty"),
    ("kty is a number", "{\"kty\":1}", "has no kty"),
    ("unknown kty", "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\"}", "has the unknown kty \"AKP\""),
    ("kty in lower case", ec("").replacing("\"EC\"", with: "\"ec\""), "has the unknown kty \"ec\""),
    ("use enc", ec(",\"use\":\"enc\""), "is not for signatures (use)"),
    ("use in upper case", ec(",\"use\":\"SIG\""), "is not for signatures (use)"),
    ("use is an array", ec(",\"use\":[\"sig\"]"), "is not for signatures (use)"),
    ("key_ops encrypt", ec(",\"key_ops\":[\"encrypt\"]"), "is not for signatures (key_ops)"),
    (
      "key_ops of a longer word", ec(",\"key_ops\":[\"verifyKey\"]"),
      "is not for signatures (key_ops)"
    ),
    ("key_ops empty", ec(",\"key_ops\":[]"), "is not for signatures (key_ops)"),
    ("key_ops a word", ec(",\"key_ops\":\"verify\""), "has key_ops that are no array"),
    ("kid is a number", ec(",\"kid\":7"), "has a kid that is no string"),
    (
      "kid of 1025 bytes", ec(",\"kid\":\"\(String(repeating: "k", count: 1025))\""),
      "has a kid of more than 1024 bytes"
    ),
    (
      "alg unknown", ec(",\"alg\":\"ES224\""),
      "has an alg that is none of \(TokenAlgorithm.allNames)"
    ),
    ("alg none", ec(",\"alg\":\"none\""), "has an alg that is none of \(TokenAlgorithm.allNames)"),
    ("alg null", ec(",\"alg\":null"), "has an alg that is none of \(TokenAlgorithm.allNames)"),
    ("alg of another curve", ec(",\"alg\":\"ES384\""), "is no key for its alg, ES384"),
    ("alg of another kind", ec(",\"alg\":\"RS256\""), "is no key for its alg, RS256"),
    // CVE-2015-9235 begins with this.
    ("a public key for a MAC", ec(",\"alg\":\"HS256\""), "is no key for its alg, HS256"),
    (
      "a secret for RSA", oct(KeyForge.secret, ",\"alg\":\"RS256\""), "is no key for its alg, RS256"
    ),
    ("no x", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"y\":\"\(p256.y)\"}", "has no x"),
    (
      "x with padding", ec("").replacing(p256.x, with: p256.x + "="),
      "has a x that is not strict base64url"
    ),
    (
      "x in base64", ec("").replacing(p256.y, with: p256.y.replacing("_", with: "/")),
      "has a y that is not strict base64url"
    ),
    (
      "curve of a coin", ec("").replacing("P-256", with: "secp256k1"),
      "has a crv that is none of P-256, P-384, P-521"
    ),
    ("x off the curve", ec("").replacing(p256.x, with: p256.y), KeyFault.badNumber.message),
    (
      "the numbers of another curve", ec("").replacing("P-256", with: "P-384"),
      KeyFault.badNumber.message
    ),
    ("the kind of another key", ec("").replacing("\"EC\"", with: "\"RSA\""), "has no n"),
    (
      "Ed448", "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"\(ed)\"}",
      "has a crv that is not Ed25519"
    ),
    (
      "Ed25519 of 31 bytes",
      "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\(ed.dropLast(2) + "A")\"}",
      KeyFault.badNumber.message
    ),
    ("empty secret", oct(""), "has 0 bytes; its algorithm needs at least 32"),
    (
      "31 bytes for HS256", oct("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg"),
      "has 31 bytes; its algorithm needs at least 32"
    ),
    (
      "32 bytes for HS512",
      oct("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", ",\"alg\":\"HS512\""),
      "has 32 bytes; its algorithm needs at least 64"
    ),
    ("short and of no algorithm", oct("AAAA", ""), "has 3 bytes; its algorithm needs at least 32"),
    (
      "secret of 4097 bytes", oct(String(repeating: "AAAA", count: 1365) + "AAA"),
      "has more than 4096 bytes"
    ),
    ("exponent 1", rsa(TestKeys.RSA.modulus, "AQ"), KeyFault.badExponent.message),
    ("exponent even", rsa(TestKeys.RSA.modulus, "Ag"), KeyFault.badExponent.message),
    (
      "RSA of 1024 bits", rsa(String(TestKeys.RSA.modulus.prefix(170)) + "w"),
      KeyFault.rsaTooShort(bitCount: 1024).message
    ),
  ]

  @Test(arguments: badKeys) func refusesAKey(_ name: String, _ text: String, _ want: String) {
    if text != "7" { #expect(KeyForge.refusal(text) == "holds a key that \(want)", "\(name)") }
    // Alone in a set it leaves nothing; beside a good key of its family it is skipped and noted.
    let alone = KeyForge.refusal(KeyForge.set([text])) ?? ""
    #expect(alone.hasPrefix("holds no key for signatures: key 1 ("), "\(name): \(alone)")
    #expect(alone.hasSuffix(want), "\(name): \(alone)")
    let isSecret = text.contains("\"oct\"")
    let other = KeyForge.jwk(isSecret ? .hs256 : .edDSA, kid: "good")
    let file = try? KeyForge.read(KeyForge.set([text, other]))
    #expect(file?.keys.count == 1, "\(name)")
    #expect(file?.notes.count == 1 && file?.notes.first?.hasSuffix(want) == true, "\(name)")
  }

  static let es256 = KeyForge.jwk(.es256, kid: "a")

  static let badFiles: [(String, String, String)] = [
    ("nothing", "", "holds no key"),
    ("words", "hello", "holds no key"),
    ("JSON array", "[]", "holds no key"),
    ("cut JSON", "{\"kty\":", "is no strict JSON: unexpected_end at byte 7"),
    (
      "a member twice", "{\"kty\":\"EC\",\"kty\":\"EC\"}",
      "is no strict JSON: duplicate_name at byte 12"
    ),
    ("a NUL", ec(",\"kid\":\"\\u0000\""), "holds a string with a NUL"),
    ("empty object", "{}", "holds a key that has no kty"),
    ("keys is an object", "{\"keys\":{}}", "has keys that are no array"),
    ("empty set", "{\"keys\":[]}", "holds an empty set"),
    (
      "too many keys", KeyForge.set(Array(repeating: "{}", count: 65)), "holds more than 64 keys"
    ),
    (
      "deep", "{\"keys\":" + String(repeating: "[", count: 8) + "]",
      "is no strict JSON: too_deep at byte 15"
    ),
    // Wycheproof json_web_key_test, tests 1 and 4.
    (
      "secrets and public keys",
      KeyForge.set([KeyForge.jwk(.hs256, kid: "a"), KeyForge.jwk(.es256, kid: "b")]),
      "mixes shared secrets with public keys"
    ),
    (
      "a secret that isn't even for signatures",
      KeyForge.set([oct(KeyForge.secret, ",\"use\":\"enc\""), es256]),
      "mixes shared secrets with public keys"
    ),
    (
      "two secrets of one name",
      KeyForge.set([
        KeyForge.jwk(.hs256, kid: "a"),
        oct(String(repeating: "AAAA", count: 16), ",\"alg\":\"HS256\",\"kid\":\"a\""),
      ]),
      "names two keys \"a\""
    ),
    // Wycheproof's test 4: the other key's last letter has bits to spare.
    (
      "a secret that can't be read, of one name",
      KeyForge.set([
        KeyForge.jwk(.hs256, kid: "a"),
        oct(String(repeating: "AAAA", count: 10) + "AAB", ",\"alg\":\"HS256\",\"kid\":\"a\""),
      ]),
      "names two keys \"a\""
    ),
    ("private key for PSS only", TestKeys.rsaPSSOnly, KeyFault.unsupportedType.message),
    ("two PEM keys", TestKeys.p256SPKI + "\n" + TestKeys.ed25519SPKI, KeyFault.severalKeys.message),
    ("encrypted", TestKeys.encrypted, KeyFault.encrypted.message),
  ]

  @Test(arguments: badFiles) func refusesAFile(_ name: String, _ text: String, _ want: String) {
    #expect(KeyForge.refusal(text) == want, "\(name)")
  }

  @Test func keysMayShareANameWhereSomethingTellsThemApart() throws {
    let twice = try KeyForge.read(KeyForge.set([Self.es256, Self.es256]))
    #expect(twice.keys.count == 2)
    let kinds = [KeyForge.jwk(.rs256, kid: "a"), Self.es256, KeyForge.jwk(.edDSA, kid: "a")]
    #expect(try KeyForge.read(KeyForge.set(kinds)).keys.count == 3)
    let algorithms = [KeyForge.jwk(.rs256, kid: "a"), KeyForge.jwk(.ps256, kid: "a")]
    #expect(try KeyForge.read(KeyForge.set(algorithms)).keys.count == 2)
    // So may one for encryption, and one of a kind that we don't know.
    let others = [
      Self.es256, Self.ec(",\"use\":\"enc\",\"kid\":\"a\""), "{\"kty\":\"AKP\",\"kid\":\"a\"}",
    ]
    #expect(try KeyForge.read(KeyForge.set(others)).keys.count == 1)
  }

  @Test func takesALargestSet() throws {
    let keys = (0..<64).map { KeyForge.jwk(.edDSA, kid: "k\($0)") }
    #expect(try KeyForge.read(KeyForge.set(keys)).keys.count == 64)
  }

  @Test func everyCutAndEveryChangedByteIsJudged() {
    // No crash, no key of another name: a file is the operator's, but it may come from a URL later.
    let text = Array(KeyForge.set([Self.es256]).utf8)
    for count in 0..<text.count {
      let cut = Array(text.prefix(count))
      #expect(KeyForge.refusal(String(lossy: cut.span)) != nil, "\(count)")
    }
    for index in text.indices {
      var damaged = text
      damaged[index] ^= 0x20
      _ = KeyForge.refusal(String(lossy: damaged.span))
    }
  }
}
