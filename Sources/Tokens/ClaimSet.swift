// The claims of one token: decoded and parsed once, read by row afterwards.
//
// Only ever filled after the signature was verified, so that what an unauthenticated peer sends is
// never parsed as claims. One worker; warm, it allocates nothing.

import Bytes
import JSON

/// Rows of the registered claims that the gateway reads, 0 where absent (row 0 is the object).
struct RegisteredClaims {
  var expiration = 0
  var notBefore = 0
  var issuedAt = 0
  var issuer = 0
  var audience = 0
  var subject = 0
  var tokenIdentifier = 0
  var type = 0
}

/// A reusable holder of one token's claims.
final class ClaimSet {
  static let depthMaximum = 32
  static let nodeMaximum = 512

  let document = JSONDocument(depthMaximum: depthMaximum, nodeMaximum: nodeMaximum)
  private(set) var payload: ByteBuffer
  private(set) var claims = RegisteredClaims()
  /// Room for one unescaped string or canonical text.
  var scratch: ByteBuffer

  /// Makes a holder for payload segments of at most `segmentBytesMaximum`.
  init(segmentBytesMaximum: Int) {
    // Decoding never makes a segment longer, unescaping never makes a payload longer.
    payload = ByteBuffer(capacity: segmentBytesMaximum + 4)
    scratch = ByteBuffer(capacity: segmentBytesMaximum + 4)
  }

  /// Decodes and parses a payload segment; false when it isn't strict base64url of a JSON object,
  /// or a string in it holds U+0000, which cuts subjects short in C libraries and logs.
  func read(_ segment: Span<UInt8>) -> Bool {
    forget()
    guard Base64URL.decode(segment, into: &payload), parse(payload) else {
      forget()
      return false
    }
    return true
  }

  /// Drops the claims.
  func forget() {
    payload.clear()
    claims = RegisteredClaims()
  }

  private func parse(_ payload: borrowing ByteBuffer) -> Bool {
    let text = payload.readable
    guard document.parse(text) == .valid, document.kind(0) == .object, !document.containsNUL else {
      return false
    }
    var row = 1
    let end = document.next(0)
    while row < end {
      note(row, in: text)
      row = document.next(row + 1)
    }
    return true
  }

  /// Notes the value of the name at `row` if the name is a registered claim's. Names without
  /// escapes are recognised by length and bytes in one step.
  private func note(_ row: Int, in text: Span<UInt8>) {
    if document.isEscaped(row) { return noteEscaped(row, in: text) }
    let name = text.slice(document.range(row))
    if name.count == 3 {
      switch UInt32(name[0]) << 16 | UInt32(name[1]) << 8 | UInt32(name[2]) {
      case 0x657870: claims.expiration = row + 1  // exp
      case 0x6E6266: claims.notBefore = row + 1  // nbf
      case 0x696174: claims.issuedAt = row + 1  // iat
      case 0x697373: claims.issuer = row + 1  // iss
      case 0x617564: claims.audience = row + 1  // aud
      case 0x737562: claims.subject = row + 1  // sub
      case 0x6A7469: claims.tokenIdentifier = row + 1  // jti
      default: break
      }
    } else if name.equals("type") {
      claims.type = row + 1
    }
  }

  /// The same for `"\u0065xp"`, which every backend's parser reads as `exp`.
  private func noteEscaped(_ row: Int, in text: Span<UInt8>) {
    func isName(_ literal: StaticString) -> Bool {
      document.string(row, in: text, equals: literal)
    }
    if isName("exp") { claims.expiration = row + 1 }
    if isName("nbf") { claims.notBefore = row + 1 }
    if isName("iat") { claims.issuedAt = row + 1 }
    if isName("iss") { claims.issuer = row + 1 }
    if isName("aud") { claims.audience = row + 1 }
    if isName("sub") { claims.subject = row + 1 }
    if isName("jti") { claims.tokenIdentifier = row + 1 }
    if isName("type") { claims.type = row + 1 }
  }

  // MARK: Canonical texts

  /// Writes the subject's canonical text into the scratch: a non-empty string's bytes, or an
  /// integer's digits, so that `"42"` and `42` are one subject (PEERS §1). Everything else counts
  /// as absent.
  func loadSubject() -> Bool {
    load(claims.subject, orInteger: true, payload)
  }

  /// Writes the `jti` into the scratch; false unless it is a non-empty string.
  func loadTokenIdentifier() -> Bool {
    load(claims.tokenIdentifier, orInteger: false, payload)
  }

  var hasSubject: Bool {
    let row = claims.subject
    return row > 0 && (isNonEmptyString(row) || document.isInteger(row))
  }

  var hasTokenIdentifier: Bool {
    claims.tokenIdentifier > 0 && isNonEmptyString(claims.tokenIdentifier)
  }

  private func isNonEmptyString(_ row: Int) -> Bool {
    document.kind(row) == .string && !document.range(row).isEmpty
  }

  private func load(
    _ row: Int, orInteger takesInteger: Bool, _ payload: borrowing ByteBuffer
  ) -> Bool {
    scratch.clear()
    guard row > 0 else { return false }
    if isNonEmptyString(row) {
      return document.append(string: row, in: payload.readable, to: &scratch)
    }
    guard takesInteger, document.isInteger(row) else { return false }
    scratch.append(integer: payload.readable.slice(document.range(row)))
    return true
  }
}

extension ByteBuffer {
  /// Appends a JSON integer's digits; `-0` becomes `0`.
  mutating func append(integer digits: Span<UInt8>) {
    append(digits.equals("-0") ? digits.slice(from: 1) : digits)
  }
}
