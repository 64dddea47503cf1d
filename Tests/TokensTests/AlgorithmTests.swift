import Bytes
import Crypto
import Testing
import Tokens

/// Every algorithm: what it accepts, and that no key serves another one.
@Suite struct AlgorithmTests {
  static let payload = "{\"sub\":\"u1\",\"exp\":1700000900,\"jti\":\"abc\"}"

  @Test func thereIsAKeyOfEachAlgorithm() {
    #expect(KeyForge.all.map(\.algorithm) == TokenAlgorithm.allCases)
  }

  @Test(arguments: KeyForge.all) func acceptsItsOwnTokens(_ forge: KeyForge) {
    let verifier = TokenVerifier()
    // Twice: the second time the header is remembered.
    for _ in 0..<2 {
      #expect(verifier.refusal(forge.sign(Self.payload), forge.realm) == nil)
      #expect(verifier.subjectText() == "u1")
    }
    let token = forge.signer.sign(payload: Self.payload)
    #expect(verifier.refusal(token, forge.realm) == nil)
    #expect(verifier.refusal(token, forge.realm, .refresh) == .wrongTokenType)
    #expect(verifier.refusal(token, forge.realm, now: 1_700_000_900) == .expired)
  }

  /// Every key with every other algorithm in the header, signed as the key signs and, where the two
  /// share a key, as the header says.
  @Test(arguments: KeyForge.all) func aKeyServesNoOtherAlgorithm(_ forge: KeyForge) throws {
    let verifier = TokenVerifier()
    for other in TokenAlgorithm.allCases where other != forge.algorithm {
      let header = "{\"alg\":\"\(other.name)\"}"
      let renamed = forge.signer.sign(header: header, payload: Self.payload)
      #expect(verifier.refusal(renamed, forge.realm) == .unsupportedAlgorithm, "\(other.name)")
      let foreign = try KeyForge.signer(other).sign(payload: Self.payload)
      #expect(verifier.refusal(foreign, forge.realm) == .unsupportedAlgorithm, "\(other.name)")
      // Where the realm has both, the header's algorithm must also be the signature's.
      let both = try KeyForge.realm([KeyForge.jwk(forge.algorithm), KeyForge.jwk(other)])
      #expect(verifier.refusal(foreign, both) == nil, "\(other.name)")
      #expect(verifier.refusal(renamed, both) == .badSignature, "\(other.name)")
    }
  }

  /// CVE-2015-9235: the public key in every spelling as the secret of a MAC.
  @Test(arguments: KeyForge.all.filter { !$0.algorithm.isSymmetric })
  func aPublicKeyIsNoSecret(_ forge: KeyForge) throws {
    let texts = [
      TestKeys.rsaSPKI, TestKeys.rsaSPKI + "\n", TestKeys.rsaPKCS1Public, TestKeys.p256SPKI,
      TestKeys.p384SPKI, TestKeys.p521SPKI, TestKeys.ed25519SPKI, KeyForge.jwk(forge.algorithm),
      TestKeys.RSA.modulus, TestKeys.P256.x, TestKeys.Ed25519.x,
    ]
    let verifier = TokenVerifier()
    // Beside a genuine MAC key, so that HS256 as such is known.
    let both = try KeyForge.realm([KeyForge.jwk(forge.algorithm), KeyForge.jwk(.hs256)])
    for text in texts {
      let token = TokenForge.sign(Self.payload, secret: text)
      #expect(verifier.refusal(token, forge.realm) == .unsupportedAlgorithm)
      #expect(verifier.refusal(token, both) == .badSignature)
    }
  }

  @Test(arguments: KeyForge.all) func ignoresKeysThatATokenBrings(_ forge: KeyForge) throws {
    // Another key of the same kind, named in every way that RFC 7515 §4.1 knows.
    let other = TokenForge.sign(
      header: "{\"alg\":\"\(forge.algorithm.name)\",\"jwk\":\(KeyForge.jwk(.hs256)),"
        + "\"jku\":\"http://127.0.0.1/\",\"x5u\":\"http://127.0.0.1/\",\"x5c\":[\"AAAA\"]}",
      Self.payload)
    #expect(TokenVerifier().refusal(other, forge.realm) == .badSignature)
    let own = forge.signer.sign(
      header: "{\"alg\":\"\(forge.algorithm.name)\",\"jwk\":{},\"jku\":7}", payload: Self.payload)
    #expect(TokenVerifier().refusal(own, forge.realm) == nil)
  }

  @Test(arguments: KeyForge.all) func aSignatureHasOneLength(_ forge: KeyForge) {
    let verifier = TokenVerifier()
    let good = forge.sign(Self.payload)
    let parts = TokenForge.parts(good)
    let input = parts[0] + "." + parts[1] + "."
    var decoded = ByteBuffer(capacity: 1028)
    let isDecoded = Base64URL.decode(Array(parts[2].utf8).span, into: &decoded)
    #expect(isDecoded)
    let signature = [UInt8](copying: decoded.readable)
    let zeros = [UInt8](repeating: 0, count: signature.count)
    let half = signature.count / 2
    let rows: [(String, [UInt8])] = [
      ("nothing", []), ("one byte", [0]), ("a byte short", Array(signature.dropLast())),
      ("a byte long", signature + [0]), ("a zero before", [0] + signature), ("zeros", zeros),
      ("zero R", Array(zeros[..<half] + signature[half...])),
      ("zero S", Array(signature[..<half] + zeros[half...])),
      ("ones", zeros.map { _ in 0xFF }), ("twice", signature + signature),
      ("halves exchanged", Array(signature[half...] + signature[..<half])),
      ("1024 bytes", [UInt8](repeating: 1, count: 1024)),
    ]
    for (name, bytes) in rows {
      let token = input + TokenForge.encode(bytes)
      #expect(verifier.refusal(token, forge.realm) == .badSignature, "\(name)")
    }
    // Beyond the longest signature of any key there is nothing to try.
    let token = input + TokenForge.encode([UInt8](repeating: 1, count: 1029))
    #expect(verifier.refusal(token, forge.realm) == .malformed)
    // DER is not how a JWS spells an ECDSA signature.
    let der: [UInt8] = [0x30, UInt8(half + 4), 2, 1, 1, 2, 1, 1]
    #expect(verifier.refusal(input + TokenForge.encode(der), forge.realm) == .badSignature)
  }

  /// RFC 9864 gives Ed25519 a name of its own, in tokens and in keys.
  @Test func knowsBothNamesOfEd25519() throws {
    let signer = try KeyForge.signer(.edDSA)
    let named = KeyForge.jwk(.edDSA).replacing("\"EdDSA\"", with: "\"Ed25519\"")
    for key in [KeyForge.jwk(.edDSA), named, KeyForge.jwk(.edDSA, hasAlgorithm: false)] {
      let realm = try KeyForge.realm([key])
      for name in ["EdDSA", "Ed25519"] {
        let token = signer.sign(header: "{\"alg\":\"\(name)\"}", payload: Self.payload)
        #expect(TokenVerifier().refusal(token, realm) == nil)
      }
      for name in ["Ed448", "eddsa", "ed25519", "ED25519"] {
        let token = signer.sign(header: "{\"alg\":\"\(name)\"}", payload: Self.payload)
        #expect(TokenVerifier().refusal(token, realm) == .unsupportedAlgorithm)
      }
    }
  }

  @Test func checksSignaturesOfAnyPayload() throws {
    for forge in KeyForge.all {
      for payload in ["", "a", "no JSON", "{\"exp\":1}"] {
        let token = Array(forge.sign(payload).utf8)
        let refusal = TokenVerifier().verifySignature(
          token.span, realm: forge.realm, nowSeconds: TokenForge.now)
        #expect(refusal == nil, "\(forge.algorithm.name)")
      }
      // A route wants claims.
      #expect(TokenVerifier().refusal(forge.sign(""), forge.realm) == .malformed)
    }
  }
}
