// Judging the JOSE header (RFC 7515 §4): which algorithm it claims, and whether it asks for
// anything that we don't do.
//
// The header is the attacker's: nothing in it selects a key's type, loads a key (`jwk`, `jku`,
// `x5u` are never looked at) or switches a check off. `kid` only narrows the realm's own keys.
// `typ` is not judged, because libraries disagree on it.
//
// Nearly all tokens of a backend carry the same header bytes, so the last accepted segment is
// remembered and compared instead of decoded and parsed again. One worker.

import Bytes
import JSON

/// What a header comes to.
enum HeaderJudgement {
  case algorithm(TokenAlgorithm)
  case denied(DenialReason)
}

/// Reads headers, one at a time.
struct TokenHeader: ~Copyable {
  /// Headers are small; anything bigger is nobody's header.
  static let segmentBytesMaximum = 2048
  static let depthMaximum = 4
  static let nodeMaximum = 64

  private var decoded = ByteBuffer(capacity: segmentBytesMaximum)
  private let document = JSONDocument(depthMaximum: depthMaximum, nodeMaximum: nodeMaximum)
  private var remembered = ByteBuffer(capacity: 256)
  private var rememberedAlgorithm = TokenAlgorithm.hs256
  /// The `kid` of the last judged header and of the remembered one.
  private var identifier = KeyIdentifier()
  private var rememberedIdentifier = KeyIdentifier()
  private var isLastRemembered = false

  /// Judges a base64url segment.
  mutating func judge(_ segment: Span<UInt8>) -> HeaderJudgement {
    isLastRemembered = isRemembered(segment)
    if isLastRemembered { return .algorithm(rememberedAlgorithm) }
    identifier.clear()
    guard segment.count <= Self.segmentBytesMaximum else { return .denied(.malformed) }
    decoded.clear()
    guard Base64URL.decode(segment, into: &decoded) else { return .denied(.malformed) }
    return Self.judge(decoded, document, &identifier)
  }

  /// True when the header that was judged last has a `kid`.
  var hasKeyIdentifier: Bool {
    isLastRemembered ? rememberedIdentifier.isPresent : identifier.isPresent
  }

  /// True when the `kid` of the header that was judged last may mean `key`.
  func names(_ key: VerificationKey) -> Bool {
    isLastRemembered
      ? key.isNamed(rememberedIdentifier.bytes.readable) : key.isNamed(identifier.bytes.readable)
  }

  /// True when the `kid` of the header that was judged last is a name of `key`.
  func spells(_ key: VerificationKey) -> Bool {
    isLastRemembered
      ? key.spells(rememberedIdentifier.bytes.readable) : key.spells(identifier.bytes.readable)
  }

  /// The `kid` of the header that was judged last as a number.
  var keyName: UInt64 {
    guard hasKeyIdentifier else { return KeyName.none }
    return isLastRemembered
      ? KeyName.hash(rememberedIdentifier.bytes.readable)
      : KeyName.hash(identifier.bytes.readable)
  }

  /// Remembers the segment of a token that was accepted; one that doesn't fit isn't.
  mutating func remember(_ segment: Span<UInt8>, _ algorithm: TokenAlgorithm) {
    if isLastRemembered { return }
    remembered.clear()
    remembered.append(segment)
    rememberedAlgorithm = algorithm
    swap(&identifier, &rememberedIdentifier)
    isLastRemembered = true
  }

  private func isRemembered(_ segment: Span<UInt8>) -> Bool {
    segment.count > 0 && segment.equals(remembered.readable)
  }

  private static func judge(
    _ decoded: borrowing ByteBuffer, _ document: JSONDocument, _ identifier: inout KeyIdentifier
  ) -> HeaderJudgement {
    let text = decoded.readable
    guard document.parse(text) == .valid, document.kind(0) == .object, !document.containsNUL else {
      return .denied(.malformed)
    }
    // `enc` and `zip` belong to JWE (RFC 7516 §4.1); no extension named by `crit` is known here
    // (RFC 7515 §4.1.11, GHSA-752w-5fwx-jx9f).
    for name in ["crit", "enc", "zip"] as [StaticString]
    where document.member(name, of: 0, in: text) != nil {
      return .denied(.malformed)
    }
    // RFC 7797: an unencoded payload would move the boundary between payload and signature.
    if let row = document.member("b64", of: 0, in: text), document.kind(row) != .yes {
      return .denied(.malformed)
    }
    guard identifier.read(document, text) else { return .denied(.malformed) }
    guard let row = document.member("alg", of: 0, in: text), document.kind(row) == .string else {
      return .denied(.malformed)
    }
    // The names need no escapes, so that a spelling with escapes is nobody's; "none" in any letter
    // case is simply not in the list.
    guard !document.isEscaped(row), let algorithm = TokenAlgorithm(text.slice(document.range(row)))
    else { return .denied(.unsupportedAlgorithm) }
    return .algorithm(algorithm)
  }
}

/// A header's `kid`.
struct KeyIdentifier: ~Copyable {
  /// What it says. A header's bytes are three quarters of its letters, so any `kid` fits.
  var bytes = ByteBuffer(capacity: TokenHeader.segmentBytesMaximum)
  var isPresent = false

  mutating func clear() {
    bytes.clear()
    isPresent = false
  }

  /// Takes the `kid` of a header's object, if it has one; false for one that is no string.
  mutating func read(_ document: JSONDocument, _ text: Span<UInt8>) -> Bool {
    guard let row = document.member("kid", of: 0, in: text) else { return true }
    isPresent = document.append(string: row, in: text, to: &bytes)
    return isPresent
  }
}
