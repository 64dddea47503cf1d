import Bytes
import Crypto
import Testing
import Tokens

/// Every mechanism of the token attack table, in every algorithm. Each forged token is signed with
/// the right key unless the row says otherwise: the refusal must not rest on the signature.
@Suite struct DamagedTokenTests {
  struct Row: Sendable {
    let name: String
    let want: DenialReason
    let make: @Sendable (Good) -> String

    init(_ name: String, _ want: DenialReason, _ make: @escaping @Sendable (Good) -> String) {
      self.name = name
      self.want = want
      self.make = make
    }

    /// A correctly signed token with this header; `$ALG` stands for the key's algorithm.
    init(header: String, _ name: String, _ want: DenialReason) {
      self.name = name
      self.want = want
      make = { good in
        let forge = good.forge
        return forge.signer.sign(
          header: header.replacing("$ALG", with: "\(forge.algorithm.name)")
            .replacing("$alg", with: "\(forge.algorithm.name)".lowercased()),
          payload: "{\"exp\":1700000900}")
      }
    }

    /// A correctly signed token with this payload.
    init(payload: String, _ name: String, _ want: DenialReason = .malformed) {
      self.name = name
      self.want = want
      make = { $0.forge.sign(payload) }
    }
  }

  /// A good token and its parts.
  struct Good {
    let forge: KeyForge
    let token: String
    let header: String
    let payload: String
    let signature: String

    init(_ forge: KeyForge) {
      self.forge = forge
      token = forge.sign("{\"sub\":\"u1\",\"exp\":1700000900,\"jti\":\"abc\"}")
      let parts = TokenForge.parts(token)
      (header, payload, signature) = (parts[0], parts[1], parts[2])
    }
  }

  static let shapes = [
    Row("nothing", .malformed) { _ in "" },
    Row("one dot", .malformed) { _ in "." },
    Row("two dots", .malformed) { _ in ".." },
    Row("three dots", .malformed) { _ in "..." },
    Row("no signature part", .malformed) { "\($0.header).\($0.payload)" },
    Row("empty header", .malformed) { ".\($0.payload).\($0.signature)" },
    Row("empty payload", .malformed) { "\($0.header)..\($0.signature)" },
    Row("empty signature", .badSignature) { "\($0.header).\($0.payload)." },
    Row("a fourth part", .malformed) { $0.token + ".x" },
    Row("a dot behind", .malformed) { $0.token + "." },
    Row("a dot before", .malformed) { "." + $0.token },
    // apisix#9809: a JWE took an unverified branch.
    Row("five parts, JWE", .malformed) { $0.token + ".AAAA.AAAA" },
    Row("five parts, key wrapping", .malformed) { _ in
      TokenForge.encode("{\"alg\":\"RSA-OAEP\"}") + ".a.b.c.d"
    },
    Row("four parts, alg none", .malformed) { _ in
      TokenForge.encode("{\"alg\":\"none\"}") + ".e30.a.b"
    },
    Row("five empty parts", .malformed) { _ in "...." },
    // CVE-2025-30204: splitting millions of dots.
    Row("a million dots", .tooLarge) { _ in String(repeating: ".", count: 1_000_000) },
    Row("words", .malformed) { _ in "not a token" },
    Row("words with dots", .malformed) { _ in "not.a.token" },
    Row("JSON serialisation", .malformed) {
      "{\"payload\":\"\($0.payload)\",\"protected\":\"\($0.header)\",\"signature\":\"\($0.signature)\"}"
    },
    Row("space before", .malformed) { " " + $0.token },
    Row("space behind", .malformed) { $0.token + " " },
    Row("space in the header", .malformed) { "\($0.header) .\($0.payload).\($0.signature)" },
    Row("space in the payload", .badSignature) { "\($0.header). \($0.payload).\($0.signature)" },
    Row("space in the signature", .malformed) { "\($0.header).\($0.payload). \($0.signature)" },
    Row("line feed behind", .malformed) { $0.token + "\n" },
    Row("NUL behind", .malformed) { $0.token + "\0" },
    Row("padded signature", .malformed) { $0.token + "=" },
    Row("padded header", .malformed) { "\($0.header)=.\($0.payload).\($0.signature)" },
    Row("padded payload", .badSignature) { "\($0.header).\($0.payload)=.\($0.signature)" },
    Row("standard base64 in the signature", .malformed) {
      "\($0.header).\($0.payload).++//\($0.signature.dropFirst(4))"
    },
    Row("percent-encoded dot", .malformed) { $0.token.replacing(".", with: "%2E") },
    Row("bearer word inside", .malformed) { "Bearer " + $0.token },
    Row("payload exchanged", .badSignature) {
      "\($0.header).\(TokenForge.encode("{\"exp\":1800000000}")).\($0.signature)"
    },
    Row("header exchanged", .badSignature) {
      TokenForge.encode("{\"alg\": \"\($0.forge.algorithm.name)\"}")
        + ".\($0.payload).\($0.signature)"
    },
    Row("alg none, no signature", .unsupportedAlgorithm) {
      TokenForge.encode("{\"alg\":\"none\"}") + ".\($0.payload)."
    },
    Row("alg NONE, the signature left", .unsupportedAlgorithm) {
      TokenForge.encode("{\"alg\":\"NONE\"}") + ".\($0.payload).\($0.signature)"
    },
  ]

  static let headers = [
    Row(header: "{\"alg\":\"none\"}", "alg none", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"None\"}", "alg None", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"NONE\"}", "alg NONE", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"nOnE\"}", "alg nOnE", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"\"}", "alg empty", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"$alg\"}", "alg in lower case", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"$ALG \"}", "alg with a space", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"dir\",\"enc\":\"A256GCM\"}", "JWE header in three parts", .malformed),
    Row(header: "{\"alg\":\"$ALG\",\"enc\":\"A256GCM\"}", "enc beside $ALG", .malformed),
    Row(header: "{\"alg\":\"$ALG\",\"zip\":\"DEF\"}", "zip", .malformed),
    // GHSA-752w-5fwx-jx9f: unknown critical extensions ignored.
    Row(header: "{\"alg\":\"$ALG\",\"crit\":[\"x\"],\"x\":1}", "unknown crit", .malformed),
    Row(header: "{\"alg\":\"$ALG\",\"crit\":[]}", "empty crit", .malformed),
    Row(header: "{\"alg\":\"$ALG\",\"crit\":\"exp\"}", "crit is no array", .malformed),
    Row(
      header: "{\"alg\":\"$ALG\",\"\\u0063rit\":[\"x\"]}", "crit spelled with an escape",
      .malformed),
    Row(header: "{\"alg\":\"$ALG\",\"b64\":false,\"crit\":[\"b64\"]}", "b64 false", .malformed),
    Row(header: "{\"alg\":\"$ALG\",\"b64\":false}", "b64 false without crit", .malformed),
    Row(header: "{\"alg\":\"$ALG\",\"b64\":0}", "b64 zero", .malformed),
    Row(header: "{\"alg\":\"none\",\"alg\":\"$ALG\"}", "alg twice", .malformed),
    Row(header: "{\"alg\":\"$ALG\",\"\\u0061lg\":\"none\"}", "alg twice, escaped", .malformed),
    Row(header: "{\"alg\":[\"$ALG\"]}", "alg is an array", .malformed),
    Row(header: "{\"alg\":null}", "alg is null", .malformed),
    Row(header: "{\"alg\":256}", "alg is a number", .malformed),
    Row(header: "{\"typ\":\"JWT\"}", "no alg", .malformed),
    Row(header: "{\"alg\":\"$ALG\",\"kid\":7}", "kid is a number", .malformed),
    Row(header: "{\"alg\":\"$ALG\",\"kid\":\"a\\u0000b\"}", "NUL in kid", .malformed),
    Row(header: "[]", "header is an array", .malformed),
    Row(header: "\"$ALG\"", "header is a string", .malformed),
    Row(header: "", "header is empty text", .malformed),
    Row(header: "{\"alg\":\"$ALG\"", "header cut", .malformed),
    Row(header: "{\"alg\":\"$ALG\"}x", "header with a tail", .malformed),
    Row(header: "{\"alg\":\"$ALG\",\"x\":[[[[]]]]}", "header nests deeply", .malformed),
    Row(
      header: "{\"alg\":\"$ALG\",\"x\":\"" + String(repeating: "y", count: 1600) + "\"}",
      "header over its cap", .malformed),
  ]

  static let payloads = [
    Row(payload: "[]", "payload is an array"),
    Row(payload: "\"exp\"", "payload is a string"),
    Row(payload: "null", "payload is null"),
    Row(payload: "{\"exp\":1700000900", "payload cut"),
    Row(payload: "{\"exp\":1700000900}{}", "payload with a tail"),
    Row(payload: "{\"sub\":\"u1\"}", "no exp"),
    Row(payload: "{\"exp\":null}", "exp null"),
    Row(payload: "{\"exp\":\"1700000900\"}", "exp is a string"),
    Row(payload: "{\"exp\":true}", "exp is a boolean"),
    Row(payload: "{\"exp\":[1700000900]}", "exp is an array"),
    Row(payload: "{\"exp\":NaN}", "exp NaN"),
    Row(payload: "{\"exp\":Infinity}", "exp Infinity"),
    Row(payload: "{\"exp\":1e400}", "exp 1e400"),
    Row(payload: "{\"exp\":9007199254740993}", "exp beyond 2^53"),
    Row(payload: "{\"exp\":99999999999999999999999}", "exp beyond 64 bits"),
    Row(payload: "{\"exp\":0x65}", "exp hexadecimal"),
    Row(payload: "{\"exp\":01700000900}", "exp with a leading zero"),
    Row(payload: "{\"exp\":-1}", "exp negative", .expired),
    Row(payload: "{\"exp\":-0}", "exp minus zero", .expired),
    Row(payload: "{\"exp\":1,\"exp\":1700000900}", "exp twice"),
    Row(payload: "{\"exp\":1700000900,\"\\u0065xp\":1800000000}", "exp twice, escaped"),
    Row(payload: "{\"exp\":1700000900,\"sub\":\"a\",\"sub\":\"b\"}", "sub twice"),
    Row(payload: "{\"exp\":1700000900,\"nbf\":\"0\"}", "nbf is a string"),
    Row(payload: "{\"exp\":1700000900,\"nbf\":null}", "nbf null"),
    Row(payload: "{\"exp\":1700000900,\"nbf\":1e400}", "nbf 1e400"),
    Row(payload: "{\"exp\":1700000900,\"iat\":\"0\"}", "iat is a string"),
    Row(payload: "{\"exp\":1700000900,\"iat\":-1e400}", "iat minus 1e400"),
    Row(payload: "{\"exp\":1700000900,\"sub\":\"a\\u0000b\"}", "NUL in sub"),
    Row(payload: "{\"exp\":1700000900,\"sub\":\"\\uD800\"}", "lone surrogate in sub"),
    Row(
      payload: "{\"exp\":1700000900,\"a\":" + String(repeating: "[", count: 40)
        + String(repeating: "]", count: 40) + "}", "deep nesting"),
    Row(
      payload: "{\"exp\":1700000900,\"a\":[" + String(repeating: "1,", count: 600) + "1]}",
      "too many values"),
  ]

  /// A correctly signed token whose payload segment is taken as it is.
  static func signed(payloadSegment: String) -> String {
    let input = TokenForge.encode("{\"alg\":\"HS256\"}") + "." + payloadSegment
    let key = HMACKey(.sha256, secret: SecretBytes(text: TokenForge.accessSecret))
    var tag = ByteBuffer(capacity: 32)
    key.append(tagOf: Array(input.utf8).span, to: &tag)
    return input + "." + TokenForge.encode([UInt8](copying: tag.readable))
  }

  @Test(arguments: KeyForge.all) func isRefused(_ forge: KeyForge) throws {
    let verifier = TokenVerifier()
    let good = Good(forge)
    for row in Self.shapes + Self.headers + Self.payloads {
      let token = row.make(good)
      for classes in [AcceptedClasses.access, .any] {
        #expect(verifier.refusal(token, forge.realm, classes) == row.want, "\(row.name)")
      }
      // A refused token answers no question, and leaves nothing behind for the next one.
      #expect(verifier.subjectText() == nil && verifier.claim("sub") == nil)
      #expect(verifier.refusal(good.token, forge.realm) == nil)
      #expect(verifier.subjectText() == "u1")
      #expect(verifier.refusal(token, forge.realm) == row.want, "\(row.name)")
      #expect(verifier.subjectText() == nil && verifier.claim("sub") == nil)
    }
  }

  static let good = TokenForge.sign("{\"sub\":\"u1\",\"exp\":1700000900,\"jti\":\"abc\"}")
  static let part = TokenForge.parts(good)

  /// Tokens whose payload segment is damaged under a right signature, which only a MAC can be made
  /// for by hand here; and other secrets.
  static let secretRows: [(String, String, DenialReason)] = [
    ("payload is padded but signed", signed(payloadSegment: "e30="), .malformed),
    ("payload with a non-canonical tail, signed", signed(payloadSegment: "e31"), .malformed),
    ("payload of one letter, signed", signed(payloadSegment: "e"), .malformed),
    ("payload with a space, signed", signed(payloadSegment: " e30"), .malformed),
    ("payload in standard base64, signed", signed(payloadSegment: "+//+"), .malformed),
    (
      "signed with another secret",
      TokenForge.sign("{\"exp\":1700000900}", secret: "another secret, 33 bytes long, ok"),
      .badSignature
    ),
    (
      "signed with the empty secret", TokenForge.sign("{\"exp\":1700000900}", secret: ""),
      .badSignature
    ),
    (
      "genuine HS512 on an HS256 key",
      TokenForge.sign(header: "{\"alg\":\"HS512\"}", algorithm: .hs512), .unsupportedAlgorithm
    ),
  ]

  @Test(arguments: secretRows) func isRefusedWithASecret(
    _ name: String, _ token: String, _ want: DenialReason
  ) throws {
    #expect(TokenVerifier().refusal(token, try TokenForge.realm()) == want, "\(name)")
  }

  @Test func everyPrefixAndEveryChangedLetterIsRefused() throws {
    let realm = try TokenForge.realm()
    let verifier = TokenVerifier()
    for count in 0..<Self.good.utf8.count {
      #expect(verifier.refusal(String(Self.good.prefix(count)), realm) != nil, "first \(count)")
    }
    let bytes = Array(Self.good.utf8)
    for index in bytes.indices {
      for replacement in Array("A_-.=+ z9\u{7F}".utf8) where replacement != bytes[index] {
        var damaged = bytes
        damaged[index] = replacement
        let text = String(lossy: damaged.span)
        #expect(verifier.refusal(text, realm) != nil, "byte \(index)")
      }
    }
  }

  @Test func hasOneSpellingPerSignature() throws {
    // The last letter of 32 bytes in base64url has two spare bits: only one of four letters counts.
    let realm = try TokenForge.realm()
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    let verifier = TokenVerifier()
    let accepted = letters.filter {
      verifier.refusal(String(Self.good.dropLast()) + String($0), realm) == nil
    }
    #expect(accepted.count == 1)
  }

  @Test func capsTheLengthAtTheLimit() throws {
    let realm = try TokenForge.realm()
    var padding = 0
    var token = ""
    while token.utf8.count < 1000 {
      padding += 1
      token = TokenForge.sign(
        "{\"exp\":1700000900,\"p\":\"" + String(repeating: "p", count: padding) + "\"}")
    }
    let size = token.utf8.count
    #expect(TokenVerifier(tokenBytesMaximum: size).refusal(token, realm) == nil)
    #expect(TokenVerifier(tokenBytesMaximum: size - 1).refusal(token, realm) == .tooLarge)
    let limit = TokenVerifier.tokenBytesDefault
    #expect(
      TokenVerifier().refusal(String(repeating: "a", count: limit), realm) == .malformed)
    #expect(
      TokenVerifier().refusal(String(repeating: "a", count: limit + 1), realm) == .tooLarge)
  }

  @Test func readsAHeaderInAnySpelling() throws {
    let realm = try TokenForge.realm()
    let verifier = TokenVerifier()
    let headers = [
      "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
      "{\"alg\":\"HS256\"}", " { \"alg\" : \"HS256\" } ", "{\"\\u0061lg\":\"HS256\"}",
      "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"k1\",\"jku\":\"http://x/\",\"b64\":true}",
      "{\"alg\":\"HS256\",\"x\":\"" + String(repeating: "y", count: 300) + "\"}",
    ]
    // Twice in turn: remembering one header must not change the judgement of another.
    for header in headers + headers {
      #expect(verifier.refusal(TokenForge.sign(header: header), realm) == nil, "\(header)")
      #expect(
        verifier.refusal(TokenForge.sign(header: "{\"alg\":\"none\"}"), realm)
          == .unsupportedAlgorithm)
    }
  }
}
