// The form of a token, told: parts, base64url and the JOSE header, with the place of each fault.
//
// The verdict is TokenExaminer's and TokenHeader's; this only finds words for it. Offsets count bytes
// of the whole token from 0, and in a decoded part those of its JSON.

import Bytes
import JSON

/// What can be read of a token's outside.
struct TokenForm {
  private(set) var findings: [TokenFinding] = []
  /// The parts of a signed token, nil when there aren't three.
  private(set) var parts: CompactToken?
  /// True for five parts.
  private(set) var isEncrypted = false
  /// What `alg` says, nil when the header can't be read.
  private(set) var algorithmText: String?
  /// The algorithm of that name.
  private(set) var algorithm: TokenAlgorithm?
  /// What `kid` says.
  private(set) var identifier: String?
  /// The signature's bytes, nil when they can't be decoded.
  private(set) var signature: [UInt8]?

  /// Looks at a token of at most `bytesMaximum` bytes.
  init(_ token: [UInt8], bytesMaximum: Int = TokenVerifier.tokenBytesDefault) {
    guard !token.isEmpty else {
      note("there is no token: the text is empty")
      return
    }
    guard token.count <= bytesMaximum else {
      findings.append(
        TokenFinding(
          .tooLarge, "it has \(token.count) bytes, and \(bytesMaximum) are the most",
          advice: "put less into it: lists of rights belong into the backend's database"))
      return
    }
    let dots = token.count { $0 == UInt8(ascii: ".") }
    let foreign = token.indices.first { !Self.isLetter(token[$0]) && token[$0] != 0x2E }
    if let foreign {
      note("byte \(foreign) is \(Self.name(token[foreign]))", Self.advice(token[foreign]))
    }
    switch dots {
    case 2: parts = CompactToken(token.span)
    case 4:
      isEncrypted = true
      readHeader(token[..<(token.firstIndex(of: 0x2E) ?? 0)], isEncrypted: true)
      return
    default:
      note(
        "it has \(dots + 1) \(dots == 0 ? "part" : "parts") between dots, and a token has three: "
          + "header, payload and signature",
        Self.adviceOnParts(dots))
      return
    }
    guard let parts else {
      note("its header or its payload is empty")
      return
    }
    checkLetters(token, 0, parts.headerEnd, "header")
    checkLetters(token, parts.headerEnd + 1, parts.payloadEnd, "payload")
    checkLetters(token, parts.signatureStart, token.count, "signature")
    if parts.signatureStart == token.count {
      findings.append(
        TokenFinding(.badSignature, "it has no signature at all, so that anybody may have made it"))
    }
    readHeader(token[..<parts.headerEnd], isEncrypted: false)
    signature = Self.decode(token[parts.signatureStart...])
    checkSignatureSize()
  }

  private mutating func note(_ text: String, _ advice: String? = nil) {
    findings.append(TokenFinding(.malformed, text, advice: advice))
  }

  // MARK: Letters

  private mutating func checkLetters(_ token: [UInt8], _ from: Int, _ to: Int, _ name: String) {
    let letters = token[from..<to]
    guard letters.allSatisfy(Self.isLetter) else { return }
    if letters.count % 4 == 1 {
      note(
        "its \(name) has \(letters.count) letters, which no bytes give: a part of it is missing, "
          + "or something was added",
        "copy the whole token")
    } else if Self.decode(letters) == nil {
      note(
        "the last letter of its \(name) (byte \(to - 1)) has bits that belong to no byte: "
          + "it was changed, or is not spelt as RFC 7515 §2 wants")
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    byte.isASCIIAlphanumeric || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
  }

  private static func name(_ byte: UInt8) -> String {
    switch byte {
    case 0x20: "a space"
    case 0x0A, 0x0D: "a line end"
    case 0x09: "a tab"
    case UInt8(ascii: "\""), UInt8(ascii: "'"): "a quote"
    case 0..<0x20, 0x7F: "a control character"
    case 0x80...: "no ASCII"
    default: "`\(String(decoding: [byte], as: UTF8.self))`, which base64url doesn't have"
    }
  }

  private static func advice(_ byte: UInt8) -> String? {
    switch byte {
    case 0...0x20, UInt8(ascii: "\""), UInt8(ascii: "'"):
      "it was copied along with the token: leave it out"
    case UInt8(ascii: "="): "whoever signs pads base64; a JWS has no padding (RFC 7515 §2)"
    case UInt8(ascii: "+"), UInt8(ascii: "/"):
      "whoever signs writes standard base64; a JWS has - and _ there (RFC 7515 §2)"
    case UInt8(ascii: "%"): "it is still URL-encoded: decode it before it is sent in a header"
    case UInt8(ascii: ","): "two tokens, or a list: send one"
    default: nil
    }
  }

  private static func adviceOnParts(_ dots: Int) -> String? {
    switch dots {
    case 0: "this is an opaque token or a session id, which only its issuer understands"
    case 1: "the signature is missing: it was cut off, or the token was never signed"
    default: nil
    }
  }

  static func decode(_ letters: ArraySlice<UInt8>) -> [UInt8]? {
    let letters = Array(letters)
    var decoded = ByteBuffer(capacity: letters.count + 4)
    guard Base64URL.decode(letters.span, into: &decoded) else { return nil }
    return [UInt8](copying: decoded.readable)
  }

  // MARK: Header

  private mutating func readHeader(_ letters: ArraySlice<UInt8>, isEncrypted: Bool) {
    guard letters.count <= TokenHeader.segmentBytesMaximum else {
      note(
        "its header has \(letters.count) letters, and \(TokenHeader.segmentBytesMaximum) are the most"
      )
      return
    }
    guard let text = Self.decode(letters) else { return }
    let document = JSONDocument(
      depthMaximum: TokenHeader.depthMaximum, nodeMaximum: TokenHeader.nodeMaximum)
    if let fault = JSONFaultText.fault(text, document, "header") { return note(fault) }
    func has(_ name: StaticString) -> Bool { document.member(name, of: 0, in: text.span) != nil }
    if has("crit") {
      note(
        "its header has crit: it names extensions that must be understood, and none is (RFC 7515 "
          + "§4.1.11)")
    }
    if has("zip") { note("its header has zip: compressed tokens are not taken (RFC 8725 §3.6)") }
    if has("enc"), !isEncrypted {
      note(
        "its header has enc, as an encrypted token's does, but it has the three parts of a signed one"
      )
    }
    if let row = document.member("b64", of: 0, in: text.span),
      isEncrypted || document.kind(row) != .yes
    {
      note("its header has b64: an unencoded payload (RFC 7797) is not taken")
    }
    if let row = document.member("kid", of: 0, in: text.span) {
      identifier = document.text(row, in: text.span)
      if identifier == nil { note("its kid is no string") }
    }
    guard let row = document.member("alg", of: 0, in: text.span) else {
      return note("its header has no alg")
    }
    guard let name = document.text(row, in: text.span) else { return note("its alg is no string") }
    algorithmText = name
    if isEncrypted {
      let encryption = document.member("enc", of: 0, in: text.span)
        .flatMap { document.text($0, in: text.span) }
      return checkEncryption(name, encryption)
    }
    if !document.isEscaped(row) { algorithm = TokenAlgorithm(Array(name.utf8).span) }
    if algorithm == nil { explainAlgorithm(name) }
  }

  private mutating func explainAlgorithm(_ name: String) {
    let quoted = JSONText.quoted(name)
    let lower = name.lowercased()
    if lower == "none" {
      findings.append(
        TokenFinding(
          .unsupportedAlgorithm,
          "its alg is \(quoted): nobody signed it, so that anybody may have made it",
          advice: "no setting admits such a token; let the backend sign"))
      return
    }
    let known = TokenAlgorithm.allCases.first { "\($0.name)".lowercased() == lower }
    findings.append(
      TokenFinding(
        .unsupportedAlgorithm,
        known.map { "its alg is \(quoted), which is written \($0.name)" }
          ?? "its alg \(quoted) is none of \(TokenAlgorithm.allNames)"))
  }

  private mutating func checkEncryption(_ algorithm: String, _ encryption: String?) {
    guard let encryption else { return note("its header has no enc") }
    if KeyManagement(Array(algorithm.utf8).span) == nil {
      findings.append(
        TokenFinding(
          .unsupportedAlgorithm,
          "its content key is managed by \(JSONText.quoted(algorithm)); dir and RSA-OAEP-256 are taken"
        ))
    }
    if ContentEncryption(Array(encryption.utf8).span) == nil {
      findings.append(
        TokenFinding(
          .unsupportedAlgorithm,
          "it is encrypted with \(JSONText.quoted(encryption)); A128GCM and A256GCM are taken"))
    }
  }

  // MARK: Signature

  private mutating func checkSignatureSize() {
    guard let signature, !signature.isEmpty, let algorithm,
      let wanted = algorithm.signatureByteCount, signature.count != wanted
    else { return }
    let isDER = algorithm.isECDSA && signature.first == 0x30
    findings.append(
      TokenFinding(
        .badSignature,
        isDER
          ? "its signature is in DER, as OpenSSL writes it; \(algorithm.name) has r and s behind each "
            + "other, \(wanted) bytes"
          : "its signature has \(signature.count) bytes, and one of \(algorithm.name) has \(wanted)",
        advice: isDER
          ? "let whoever signs write the form of RFC 7518 §3.4 (node: dsaEncoding 'ieee-p1363')"
          : "copy the whole token"))
  }
}

/// Faults of a part's JSON, in words.
enum JSONFaultText {
  /// What is wrong with a part that must be a JSON object, nil when nothing is. Parses into `document`.
  static func fault(_ text: [UInt8], _ document: JSONDocument, _ part: String) -> String? {
    if case .invalid(let fault, let offset) = document.parse(text.span) {
      return "its \(part) is no strict JSON: \(fault.name) at byte \(offset) of the decoded \(part)"
    }
    guard document.kind(0) == .object else { return "its \(part) is JSON, but no object" }
    return document.containsNUL ? "its \(part) holds a string with U+0000" : nil
  }
}

extension TokenAlgorithm {
  /// True for ES256, ES384 and ES512.
  fileprivate var isECDSA: Bool { self == .es256 || self == .es384 || self == .es512 }

  /// Size of its signatures; nil where the key's size is theirs too.
  fileprivate var signatureByteCount: Int? {
    switch self {
    case .hs256, .hs384, .hs512: secretBytesMinimum
    case .es256, .edDSA: 64
    case .es384: 96
    case .es512: 132
    case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: nil
    }
  }
}
