import Bytes
import Testing

@testable import Crypto

/// Keys from every form they come in, and every reason to refuse one.
@Suite struct KeyReadingTests {
  static let publicForms: [(String, String, KeyKind)] = [
    ("RSA, SPKI", TestKeys.rsaSPKI, .rsa(bitCount: 2048)),
    ("RSA, PKCS#1", TestKeys.rsaPKCS1Public, .rsa(bitCount: 2048)),
    ("P-256, SPKI", TestKeys.p256SPKI, .p256),
    ("P-384, SPKI", TestKeys.p384SPKI, .p384),
    ("P-521, SPKI", TestKeys.p521SPKI, .p521),
    ("Ed25519, SPKI", TestKeys.ed25519SPKI, .ed25519),
    ("P-256, certificate", TestKeys.certificate, .p256),
    ("Ed25519, certificate", TestKeys.certificateEd25519, .ed25519),
    ("text around", "a key:\n" + TestKeys.p256SPKI + "\nbye", .p256),
    ("CR LF", TestKeys.p256SPKI.replacing("\n", with: "\r\n"), .p256),
    (
      "chain, the leaf counts", TestKeys.certificate + "\n" + TestKeys.certificateEd25519, .p256
    ),
  ]

  @Test(arguments: publicForms) func readsPublicKeys(
    _ name: String, _ text: String, _ kind: KeyKind
  ) throws {
    #expect(try publicKey(text).kind == kind, "\(name)")
  }

  static let privateForms: [(String, String, KeyKind)] = [
    ("RSA, PKCS#8", TestKeys.rsaPKCS8, .rsa(bitCount: 2048)),
    ("RSA, PKCS#1", TestKeys.rsaPKCS1, .rsa(bitCount: 2048)),
    ("P-256, PKCS#8", TestKeys.p256PKCS8, .p256),
    ("P-256, SEC1", TestKeys.p256SEC1, .p256),
    ("P-521, SEC1", TestKeys.p521SEC1, .p521),
    ("Ed25519, PKCS#8", TestKeys.ed25519PKCS8, .ed25519),
    (
      "P-256 with its parameters",
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        + TestKeys.p256SEC1, .p256
    ),
  ]

  @Test(arguments: privateForms) func readsPrivateKeys(
    _ name: String, _ text: String, _ kind: KeyKind
  ) throws {
    guard case .privateKey(let key) = try pemKey(text) else {
      Issue.record("\(name): no private key")
      return
    }
    #expect(key.kind == kind, "\(name)")
    #expect(key.publicKey.kind == kind, "\(name)")
  }

  static let body = TestKeys.p256SPKI.split(separator: "\n").dropFirst().dropLast()
    .joined(separator: "\n")

  static let refused: [(String, String, KeyFault)] = [
    ("nothing", "", .noKey),
    ("words", "no key at all", .noKey),
    (
      "a request", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
      .noKey
    ),
    ("two keys", TestKeys.p256SPKI + "\n" + TestKeys.ed25519SPKI, .severalKeys),
    ("key and certificate", TestKeys.p256PKCS8 + "\n" + TestKeys.certificate, .severalKeys),
    ("PKCS#8, encrypted", TestKeys.encrypted, .encrypted),
    (
      "PKCS#1, encrypted",
      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nAAAA\n-----END RSA PRIVATE KEY-----",
      .encrypted
    ),
    ("no end", "-----BEGIN PUBLIC KEY-----\n" + body, .malformed),
    (
      "other end", "-----BEGIN PUBLIC KEY-----\n" + body + "\n-----END PRIVATE KEY-----", .malformed
    ),
    ("empty block", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", .malformed),
    (
      "no base64", "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----", .malformed
    ),
    (
      "cut", "-----BEGIN PUBLIC KEY-----\n" + body.prefix(64) + "\n-----END PUBLIC KEY-----",
      .malformed
    ),
    (
      "bytes behind",
      "-----BEGIN PUBLIC KEY-----\n" + body.replacing("=", with: "") + "AAAA"
        + "\n-----END PUBLIC KEY-----", .malformed
    ),
    ("block in a block", "-----BEGIN PUBLIC KEY-----\n" + TestKeys.p256SPKI, .malformed),
    (
      "wrong label", "-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----",
      .malformed
    ),
    ("RSA of 1024 bits", TestKeys.rsa1024, .rsaTooShort(bitCount: 1024)),
    ("secp256k1", TestKeys.secp256k1, .unsupportedType),
    ("X25519", TestKeys.x25519, .unsupportedType),
    ("Ed448", TestKeys.ed448, .unsupportedType),
    ("RSA for PSS only", TestKeys.rsaPSSOnly, .unsupportedType),
    // CVE-2020-0601: the file brings its own curve.
    ("P-256 with explicit parameters", TestKeys.explicitCurve, .unsupportedType),
  ]

  @Test(arguments: refused) func refuses(_ name: String, _ text: String, _ want: KeyFault) {
    #expect(fault { _ = try pemKey(text) } == want, "\(name)")
    #expect(!want.message.isEmpty)
  }

  @Test func readsNumbers() throws {
    let rsa = try PublicKey(
      modulus: bytes(base64URL: TestKeys.RSA.modulus), exponent: [1, 0, 1])
    #expect(rsa.equals(try publicKey(TestKeys.rsaSPKI)))
    // A leading zero is no other number.
    let padded = try PublicKey(
      modulus: [0] + bytes(base64URL: TestKeys.RSA.modulus), exponent: [0, 1, 0, 1])
    #expect(padded.equals(rsa))
    for (curve, x, y, text) in [
      (KeyCurve.p256, TestKeys.P256.x, TestKeys.P256.y, TestKeys.p256SPKI),
      (.p384, TestKeys.P384.x, TestKeys.P384.y, TestKeys.p384SPKI),
      (.p521, TestKeys.P521.x, TestKeys.P521.y, TestKeys.p521SPKI),
    ] {
      let key = try PublicKey(curve, x: bytes(base64URL: x), y: bytes(base64URL: y))
      #expect(key.equals(try publicKey(text)))
      #expect(!key.equals(rsa))
    }
    let ed25519 = try PublicKey(ed25519: bytes(base64URL: TestKeys.Ed25519.x))
    #expect(ed25519.equals(try publicKey(TestKeys.ed25519SPKI)))
  }

  @Test func refusesPointsThatAreNone() {
    let x = bytes(base64URL: TestKeys.P256.x)
    let y = bytes(base64URL: TestKeys.P256.y)
    var off = y
    off[31] ^= 1
    let zero = [UInt8](repeating: 0, count: 32)
    let top = [UInt8](repeating: 0xFF, count: 32)
    for (name, curve, x, y) in [
      ("off the curve", KeyCurve.p256, x, off), ("swapped", .p256, y, x),
      ("a byte short", .p256, Array(x.dropLast()), y), ("a byte long", .p256, x, [0] + y),
      ("empty", .p256, [], []), ("zero", .p256, zero, zero), ("beyond the field", .p256, top, top),
      ("another curve's length", .p384, x, y), ("P-521 without its zero", .p521, x, y),
    ] {
      #expect(fault { _ = try PublicKey(curve, x: x, y: y) } == .badNumber, "\(name)")
    }
    for count in [0, 31, 33, 64] {
      let bytes = [UInt8](repeating: 1, count: count)
      #expect(fault { _ = try PublicKey(ed25519: bytes) } == .badNumber, "\(count)")
    }
  }

  @Test func refusesWeakRSA() {
    let modulus = bytes(base64URL: TestKeys.RSA.modulus)
    var even = modulus
    even[255] ^= 1
    let long = [0x80] + [UInt8](repeating: 0, count: 1023) + [1]
    let rows: [(String, [UInt8], [UInt8], KeyFault)] = [
      ("exponent 1", modulus, [1], .badExponent),
      ("exponent 0", modulus, [0], .badExponent),
      ("no exponent", modulus, [], .badExponent),
      ("exponent 2", modulus, [2], .badExponent),
      ("exponent of 65 bits", modulus, [1, 0, 0, 0, 0, 0, 0, 0, 1], .badExponent),
      ("2047 bits", [0x7F] + modulus.dropFirst(), [1, 0, 1], .rsaTooShort(bitCount: 2047)),
      ("8200 bits", long, [1, 0, 1], .rsaTooLong(bitCount: 8200)),
      ("no modulus", [], [1, 0, 1], .rsaTooShort(bitCount: 0)),
      ("even modulus", even, [1, 0, 1], .badNumber),
      // Project Wycheproof (Apache-2.0), json_web_key_test, test 7.
      ("ROCA", bytes(base64URL: Self.roca), [1, 0, 1], .guessableModulus),
    ]
    for (name, modulus, exponent, want) in rows {
      let found = fault { _ = try PublicKey(modulus: modulus, exponent: exponent) }
      #expect(found == want, "\(name)")
    }
  }

  static let roca =
    "AanFpofbj7KjD4Lf-N2hVMKR7yewSyXhhbirIMTGpfYEhZ_lnt5UoK98DnKIgArXGTu3MaW_HhFw16HGaTDUHqPrId7fe4"
    + "r11CqRw09yBFuW79V8sYIwHdzCaWflUI6auImYbVfoN9_nD5n8N8SY9DwXw7mwZM9wREPXoDPgOoIWl6q_MPsp7n0zs3"
    + "Z5ZaiQWOOzl1S9OhwAfSiiOwz6efnXEaxuTEtPd7BjSx7NaFka8Dx9U7YqXy2RFj1O9PjyaDGuRh7YXsX3iMUSP_wSyH"
    + "Qg_c_qHRtKUsNSGCT7OZg0hzm2KphtjnayKJvC64vAbROBR4Ubg6Bxg9IQVZ-QYyE"

  @Test func readsPrivateNumbers() throws {
    for key in try privateKeys() { #expect(key.kind == key.publicKey.kind) }
    // Without the factors it is the same key.
    let modulus = bytes(base64URL: TestKeys.RSA.modulus)
    let short = try PrivateKey(
      modulus: modulus, exponent: [1, 0, 1],
      RSAPrivateNumbers(exponent: bytes(base64URL: TestKeys.RSA.secret), factors: []))
    #expect(short.publicKey.equals(try publicKey(TestKeys.rsaSPKI)))
    let x = bytes(base64URL: TestKeys.P256.x)
    let y = bytes(base64URL: TestKeys.P256.y)
    var other = bytes(base64URL: TestKeys.P256.secret)
    other[31] ^= 1
    #expect(fault { _ = try PrivateKey(.p256, x: x, y: y, secret: other) } == .mismatch)
    let cut = Array(other.dropLast())
    #expect(fault { _ = try PrivateKey(.p256, x: x, y: y, secret: cut) } == .badNumber)
    #expect(
      fault {
        _ = try PrivateKey(
          modulus: modulus, exponent: [1, 0, 1],
          RSAPrivateNumbers(exponent: [3], factors: []))
      } == .mismatch)
    #expect(
      fault {
        _ = try PrivateKey(ed25519: bytes(base64URL: TestKeys.Ed25519.secret), publicBytes: x)
      }
        == .mismatch)
  }

  @Test func knowsKeysThatMustNotBeSecrets() {
    let rows: [(String, String, Bool)] = [
      ("SPKI", TestKeys.rsaSPKI, true),
      ("certificate", TestKeys.certificate, true),
      ("a private key", TestKeys.p256PKCS8, true),
      ("text before", "key: " + TestKeys.ed25519SPKI, true),
      ("only the boundary", "-----BEGIN PUBLIC KEY-----", true),
      ("OpenSSH", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", true),
      ("OpenSSH, ECDSA", "ecdsa-sha2-nistp256 AAAA", true),
      ("base64 of SPKI", Self.body.replacing("\n", with: ""), true),
      ("base64 of a short RSA key", String(Self.letters(TestKeys.rsa1024)), true),
      ("base64 of a certificate", String(Self.letters(TestKeys.certificate)), true),
      ("a secret", "an access secret of 40 bytes, for tests!", false),
      ("base64", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODk=", false),
      ("dashes", "-----------------------------------BEGIN", false),
      ("nothing", "", false),
    ]
    for (name, text, want) in rows {
      let secret = Array(text.utf8)
      let isKey = PEMKey.looksLikeKey(secret.span)
      #expect(isKey == want, "\(name)")
    }
  }

  static func letters(_ pem: String) -> String {
    pem.split(separator: "\n").dropFirst().dropLast().joined()
  }
}

func bytes(base64URL text: String) -> [UInt8] {
  var decoded = ByteBuffer(capacity: text.utf8.count + 4)
  guard Base64URL.decode(Array(text.utf8).span, into: &decoded) else { return [] }
  return [UInt8](copying: decoded.readable)
}

func pemKey(_ text: String) throws(KeyFault) -> PEMKey { try PEMKey(Array(text.utf8).span) }

func publicKey(_ text: String) throws(KeyFault) -> PublicKey {
  switch try pemKey(text) {
  case .publicKey(let key): return key
  case .privateKey(let key): return key.publicKey
  }
}

/// One private key of each kind, from its numbers.
func privateKeys() throws(KeyFault) -> [PrivateKey] {
  typealias RSA = TestKeys.RSA
  let factors = [RSA.p, RSA.q, RSA.dp, RSA.dq, RSA.qi].map { bytes(base64URL: $0) }
  let rsa = try PrivateKey(
    modulus: bytes(base64URL: RSA.modulus), exponent: [1, 0, 1],
    RSAPrivateNumbers(exponent: bytes(base64URL: RSA.secret), factors: factors))
  func point(
    _ curve: KeyCurve, _ x: String, _ y: String, _ secret: String
  ) throws(KeyFault) -> PrivateKey {
    try PrivateKey(
      curve, x: bytes(base64URL: x), y: bytes(base64URL: y), secret: bytes(base64URL: secret))
  }
  return [
    rsa,
    try point(.p256, TestKeys.P256.x, TestKeys.P256.y, TestKeys.P256.secret),
    try point(.p384, TestKeys.P384.x, TestKeys.P384.y, TestKeys.P384.secret),
    try point(.p521, TestKeys.P521.x, TestKeys.P521.y, TestKeys.P521.secret),
    try PrivateKey(
      ed25519: bytes(base64URL: TestKeys.Ed25519.secret),
      publicBytes: bytes(base64URL: TestKeys.Ed25519.x)),
  ]
}

/// The fault that a body throws, nil when it throws none.
func fault(_ body: () throws -> Void) -> KeyFault? {
  do {
    try body()
    return nil
  } catch {
    return error as? KeyFault
  }
}
