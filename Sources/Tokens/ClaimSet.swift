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

  /// Notes the row of a value if its name is a registered claim's: recognised by length and bytes
  /// in one step.
  mutating func note(_ name: Span<UInt8>, value row: Int) {
    if name.count == 3 {
      switch UInt32(name[0]) << 16 | UInt32(name[1]) << 8 | UInt32(name[2]) {
      case 0x657870: expiration = row  // exp
      case 0x6E6266: notBefore = row  // nbf
      case 0x696174: issuedAt = row  // iat
      case 0x697373: issuer = row  // iss
      case 0x617564: audience = row  // aud
      case 0x737562: subject = row  // sub
      case 0x6A7469: tokenIdentifier = row  // jti
      default: break
      }
    } else if name.equals("type") {
      type = row
    }
  }

  /// The same for a name with escapes, by its row: every backend's parser reads `"\u0065xp"` as
  /// `exp`.
  mutating func noteEscaped(
    _ row: Int, of document: JSONDocument, in text: Span<UInt8>
  ) {
    func isName(_ literal: StaticString) -> Bool {
      document.string(row, in: text, equals: literal)
    }
    if isName("exp") { expiration = row + 1 }
    if isName("nbf") { notBefore = row + 1 }
    if isName("iat") { issuedAt = row + 1 }
    if isName("iss") { issuer = row + 1 }
    if isName("aud") { audience = row + 1 }
    if isName("sub") { subject = row + 1 }
    if isName("jti") { tokenIdentifier = row + 1 }
    if isName("type") { type = row + 1 }
  }
}

/// A reusable holder of one token's claims. A struct that its owner holds in place: as a class,
/// each loan of its buffers would cost a run-time exclusivity check (a quarter of a verification).
struct ClaimSet: ~Copyable {
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
  mutating func read(_ segment: Span<UInt8>) -> Bool {
    forget()
    guard Base64URL.decode(segment, into: &payload),
      Self.parse(payload, document, &claims)
    else {
      forget()
      return false
    }
    return true
  }

  /// Drops the claims.
  mutating func forget() {
    payload.clear()
    claims = RegisteredClaims()
  }

  private static func parse(
    _ payload: borrowing ByteBuffer, _ document: JSONDocument, _ claims: inout RegisteredClaims
  ) -> Bool {
    let text = payload.readable
    guard document.parse(text) == .valid, document.kind(0) == .object, !document.containsNUL else {
      return false
    }
    var row = 1
    let end = document.next(0)
    while row < end {
      let member = document.member(at: row)
      if member.isEscaped {
        claims.noteEscaped(row, of: document, in: text)
      } else {
        claims.note(text.slice(member.name), value: row + 1)
      }
      row = member.next
    }
    return true
  }

  // MARK: Canonical texts

  /// Writes the subject's canonical text into the scratch: a non-empty string's bytes, or an
  /// integer's digits, so that `"42"` and `42` are one subject (PEERS §1). Everything else counts
  /// as absent.
  mutating func loadSubject() -> Bool {
    scratch.clear()
    guard hasSubject else { return false }
    Self.copy(claims.subject, of: document, payload, to: &scratch)
    return true
  }

  /// Writes the `jti` into the scratch in the same canonical text; false when it counts as absent.
  mutating func loadTokenIdentifier() -> Bool {
    scratch.clear()
    guard hasTokenIdentifier else { return false }
    Self.copy(claims.tokenIdentifier, of: document, payload, to: &scratch)
    return true
  }

  /// Appends a string's bytes or an integer's digits.
  private static func copy(
    _ row: Int, of document: JSONDocument, _ payload: borrowing ByteBuffer,
    to scratch: inout ByteBuffer
  ) {
    let text = payload.readable
    if document.append(string: row, in: text, to: &scratch) { return }
    scratch.append(integer: text.slice(document.range(row)))
  }

  /// True when the subject is a non-empty string or an integer.
  var hasSubject: Bool {
    claims.subject > 0
      && (isNonEmptyString(claims.subject) || document.isInteger(claims.subject))
  }

  /// True when the `jti` is a non-empty string or, as from a backend that numbers its tokens, an
  /// integer: revoking 7 must not be acknowledged and then miss the token that says 7.
  var hasTokenIdentifier: Bool {
    claims.tokenIdentifier > 0
      && (isNonEmptyString(claims.tokenIdentifier) || document.isInteger(claims.tokenIdentifier))
  }

  private func isNonEmptyString(_ row: Int) -> Bool {
    document.kind(row) == .string && !document.range(row).isEmpty
  }
}

extension ByteBuffer {
  /// Appends a JSON integer's digits; `-0` becomes `0`.
  mutating func append(integer digits: Span<UInt8>) {
    append(digits.equals("-0") ? digits.slice(from: 1) : digits)
  }
}
