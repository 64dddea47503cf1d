import Bytes
import Crypto
import Testing
import Tokens

/// Every mechanism of the token attack table that concerns a shared secret. Each forged token is
/// signed with the right key unless the row says otherwise: the refusal must not rest on the
/// signature.
@Suite struct DamagedTokenTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var token: String
    var want: DenialReason

    init(_ name: String, _ token: String, _ want: DenialReason) {
      testDescription = name
      self.token = token
      self.want = want
    }

    /// A correctly signed token with this header.
    init(header: String, _ name: String, _ want: DenialReason) {
      self.init(name, TokenForge.sign(header: header), want)
    }

    /// A correctly signed token with this payload.
    init(payload: String, _ name: String, _ want: DenialReason = .malformed) {
      self.init(name, TokenForge.sign(payload), want)
    }
  }

  static let good = TokenForge.sign("{\"sub\":\"u1\",\"exp\":1700000900,\"jti\":\"abc\"}")
  static let part = TokenForge.parts(good)

  static let shapes = [
    Row("nothing", "", .malformed),
    Row("one dot", ".", .malformed),
    Row("two dots", "..", .malformed),
    Row("three dots", "...", .malformed),
    Row("no signature part", part[0] + "." + part[1], .malformed),
    Row("empty header", "." + part[1] + "." + part[2], .malformed),
    Row("empty payload", part[0] + ".." + part[2], .malformed),
    Row("empty signature", part[0] + "." + part[1] + ".", .badSignature),
    Row("a fourth part", good + ".x", .malformed),
    Row("a dot behind", good + ".", .malformed),
    Row("a dot before", "." + good, .malformed),
    // apisix#9809: a JWE took an unverified branch.
    Row("five parts, JWE", good + ".AAAA.AAAA", .malformed),
    Row(
      "five parts, key wrapping", TokenForge.encode("{\"alg\":\"RSA-OAEP\"}") + ".a.b.c.d",
      .malformed),
    Row("four parts, alg none", TokenForge.encode("{\"alg\":\"none\"}") + ".e30.a.b", .malformed),
    Row("five empty parts", "....", .malformed),
    // CVE-2025-30204: splitting millions of dots.
    Row("a million dots", String(repeating: ".", count: 1_000_000), .tooLarge),
    Row("words", "not a token", .malformed),
    Row("words with dots", "not.a.token", .malformed),
    Row("space before", " " + good, .malformed),
    Row("space behind", good + " ", .malformed),
    Row("line feed behind", good + "\n", .malformed),
    Row("NUL behind", good + "\0", .malformed),
    Row("padded signature", good + "=", .malformed),
    Row("padded header", part[0] + "=." + part[1] + "." + part[2], .malformed),
    Row(
      "standard base64 in the signature", part[0] + "." + part[1] + ".++//" + part[2].dropFirst(4),
      .malformed),
    Row("percent-encoded dot", good.replacing(".", with: "%2E"), .malformed),
    Row("bearer word inside", "Bearer " + good, .malformed),
    Row("signature cut by two bytes", String(good.dropLast(3)), .badSignature),
    Row("signature cut by one letter", String(good.dropLast(2)), .malformed),
    Row(
      "payload exchanged",
      part[0] + "." + TokenForge.encode("{\"exp\":1800000000}") + "." + part[2],
      .badSignature),
    Row(
      "header exchanged", TokenForge.encode("{\"alg\": \"HS256\"}") + "." + part[1] + "." + part[2],
      .badSignature),
    Row("payload isn't base64url but signed", signed(payloadSegment: "e30="), .malformed),
    Row("payload with a non-canonical tail, signed", signed(payloadSegment: "e31"), .malformed),
    Row("payload of one letter, signed", signed(payloadSegment: "e"), .malformed),
    Row(
      "signed with another secret",
      TokenForge.sign("{\"exp\":1700000900}", secret: "another secret, 33 bytes long, ok"),
      .badSignature),
    Row(
      "signed with the empty secret", TokenForge.sign("{\"exp\":1700000900}", secret: ""),
      .badSignature),
  ]

  static let headers = [
    Row(header: "{\"alg\":\"none\"}", "alg none", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"None\"}", "alg None", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"NONE\"}", "alg NONE", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"nOnE\"}", "alg nOnE", .unsupportedAlgorithm),
    Row("alg none, no signature", unsigned("{\"alg\":\"none\"}"), .unsupportedAlgorithm),
    Row("alg HS256, no signature", unsigned("{\"alg\":\"HS256\"}"), .badSignature),
    Row(header: "{\"alg\":\"\"}", "alg empty", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"hs256\"}", "alg in lower case", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"HS256 \"}", "alg with a space", .unsupportedAlgorithm),
    // CVE-2015-9235 and its kin: the token must not choose the family.
    Row(header: "{\"alg\":\"RS256\"}", "alg RS256 on a shared secret", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"ES256\"}", "alg ES256 on a shared secret", .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"HS512\"}", "alg HS512 on an HS256 key", .unsupportedAlgorithm),
    Row(
      "genuine HS512 on an HS256 key",
      TokenForge.sign(header: "{\"alg\":\"HS512\"}", algorithm: .hs512), .unsupportedAlgorithm),
    Row(header: "{\"alg\":\"dir\",\"enc\":\"A256GCM\"}", "JWE header in three parts", .malformed),
    Row(header: "{\"alg\":\"HS256\",\"enc\":\"A256GCM\"}", "enc beside HS256", .malformed),
    Row(header: "{\"alg\":\"HS256\",\"zip\":\"DEF\"}", "zip", .malformed),
    // GHSA-752w-5fwx-jx9f: unknown critical extensions ignored.
    Row(header: "{\"alg\":\"HS256\",\"crit\":[\"x\"],\"x\":1}", "unknown crit", .malformed),
    Row(header: "{\"alg\":\"HS256\",\"crit\":[]}", "empty crit", .malformed),
    Row(header: "{\"alg\":\"HS256\",\"crit\":\"exp\"}", "crit is no array", .malformed),
    Row(
      header: "{\"alg\":\"HS256\",\"\\u0063rit\":[\"x\"]}", "crit spelled with an escape",
      .malformed),
    Row(header: "{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}", "b64 false", .malformed),
    Row(header: "{\"alg\":\"HS256\",\"b64\":false}", "b64 false without crit", .malformed),
    Row(header: "{\"alg\":\"HS256\",\"b64\":0}", "b64 zero", .malformed),
    Row(header: "{\"alg\":\"none\",\"alg\":\"HS256\"}", "alg twice", .malformed),
    Row(header: "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", "alg twice, escaped", .malformed),
    Row(header: "{\"alg\":[\"HS256\"]}", "alg is an array", .malformed),
    Row(header: "{\"alg\":null}", "alg is null", .malformed),
    Row(header: "{\"alg\":256}", "alg is a number", .malformed),
    Row(header: "{\"typ\":\"JWT\"}", "no alg", .malformed),
    Row(header: "{\"alg\":\"HS256\",\"kid\":7}", "kid is a number", .malformed),
    Row(header: "{\"alg\":\"HS256\",\"kid\":\"a\\u0000b\"}", "NUL in kid", .malformed),
    Row(header: "[]", "header is an array", .malformed),
    Row(header: "\"HS256\"", "header is a string", .malformed),
    Row(header: "", "header is empty text", .malformed),
    Row(header: "{\"alg\":\"HS256\"", "header cut", .malformed),
    Row(header: "{\"alg\":\"HS256\"}x", "header with a tail", .malformed),
    Row(header: "{\"alg\":\"HS256\",\"x\":[[[[]]]]}", "header nests deeply", .malformed),
    Row(
      header: "{\"alg\":\"HS256\",\"x\":\"" + String(repeating: "y", count: 1600) + "\"}",
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

  static func unsigned(_ header: String) -> String {
    TokenForge.encode(header) + "." + part[1] + "."
  }

  @Test(arguments: shapes + headers + payloads) func isRefused(_ row: Row) throws {
    let realm = try TokenForge.realm()
    let verifier = TokenVerifier()
    for classes in [AcceptedClasses.access, .any] {
      #expect(verifier.refusal(row.token, realm, classes) == row.want)
    }
    // A refused token answers no question, and leaves nothing behind for the next one.
    #expect(verifier.subjectText() == nil && verifier.claim("sub") == nil)
    #expect(verifier.refusal(Self.good, realm) == nil)
    #expect(verifier.subjectText() == "u1")
    #expect(verifier.refusal(row.token, realm) == row.want)
    #expect(verifier.subjectText() == nil && verifier.claim("sub") == nil)
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
