// The name of a token in the revocation table, the journal and the audit log (DESIGN §5.5).
//
// A token is its `jti` where it has one; otherwise it is the SHA-256 of what was signed, never of
// the signature, because one signature can have several spellings. The two kinds are kept apart in
// the hash (a tag byte first) and in the text (a prefix), so that nobody can choose a `jti` that is
// another token's hash.

import Bytes

/// Keyed hashes and texts of token ids and subjects.
public enum TokenIdentifier {
  private static let jtiTag: UInt8 = 1
  private static let digestTag: UInt8 = 2
  private static let subjectTag: UInt8 = 3
  static let jtiPrefix: StaticString = "jti:"
  static let digestPrefix: StaticString = "sha256:"

  /// Hash of a token with this `jti`.
  public static func hash(jti: Span<UInt8>, _ key: SipKey) -> Hash128 {
    hash(jtiTag, jti, key)
  }

  /// Hash of a token without `jti`, by the SHA-256 of its signing input.
  public static func hash(digest: Span<UInt8>, _ key: SipKey) -> Hash128 {
    hash(digestTag, digest, key)
  }

  /// Hash of a subject's canonical text.
  public static func hash(subject: Span<UInt8>, _ key: SipKey) -> Hash128 {
    hash(subjectTag, subject, key)
  }

  /// Hash of an id as `TokenVerifier.tokenIdentifierText()` writes it; nil for any other text.
  public static func hash(text: String, _ key: SipKey) -> Hash128? {
    let bytes = Array(text.utf8)
    let jtiCount = jtiPrefix.utf8CodeUnitCount
    if bytes.count > jtiCount, bytes.span.slice(from: 0, to: jtiCount).equals(jtiPrefix) {
      return hash(jti: bytes.span.slice(from: jtiCount), key)
    }
    let digestCount = digestPrefix.utf8CodeUnitCount
    guard bytes.span.slice(from: 0, to: digestCount).equals(digestPrefix) else { return nil }
    var digest = ByteBuffer(capacity: 64)
    guard Hexadecimal.decode(bytes.span.slice(from: digestCount), into: &digest),
      digest.readableCount == 32
    else { return nil }
    return hash(digest: digest.readable, key)
  }

  private static func hash(_ tag: UInt8, _ bytes: Span<UInt8>, _ key: SipKey) -> Hash128 {
    var hash = SipHash128(key)
    hash.combine(tag)
    hash.combine(bytes)
    return hash.finish()
  }
}
