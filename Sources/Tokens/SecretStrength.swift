// Judging a secret before it protects anything (DESIGN §5.4).
//
// Two ways to be weak: too short for its algorithm, or known to everybody, because it stands in the
// documents that people copy their settings from, or is the placeholder of a template nobody filled
// in. The list errs towards refusing: a random secret never looks like any of this.
//
// Start-up and tools only. Says what is wrong, never the value.

import Bytes

/// How good a secret is.
public enum SecretStrength: Sendable, Equatable {
  /// Long enough and not known.
  case ok
  /// No bytes at all; never admitted.
  case empty
  /// Fewer bytes than the algorithm needs.
  case short(byteCount: Int)
  /// A published default or an unfilled placeholder.
  case knownDefault

  /// Judges the secret's text (before decoding); `minimum` is what the algorithm needs.
  public static func judge(_ secret: Span<UInt8>, minimum: Int = 32) -> SecretStrength {
    if secret.isEmpty { return .empty }
    if isKnownDefault(secret) { return .knownDefault }
    return secret.count < minimum ? .short(byteCount: secret.count) : .ok
  }

  /// True for published defaults and unfilled placeholders.
  static func isKnownDefault(_ secret: Span<UInt8>) -> Bool {
    let text = folded(secret)
    if exact.contains(text) { return true }
    for (opening, closing) in brackets where text.hasPrefix(opening) && text.hasSuffix(closing) {
      return true
    }
    for prefix in prefixes where text.hasPrefix(prefix) { return true }
    for fragment in fragments where text.contains(fragment: fragment) { return true }
    // One letter repeated, "xxxxxxxx…" or "00000000…", is somebody's placeholder too.
    return text.utf8.allSatisfy { $0 == text.utf8.first }
  }

  /// Lower case, outer white space dropped, `_` and space read as `-`, so that one row covers
  /// `CHANGE_ME` and `change me`.
  private static func folded(_ secret: Span<UInt8>) -> String {
    var bytes = [UInt8](copying: secret)
    while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
    bytes = Array(bytes.drop { $0 <= 0x20 })
    let letters = bytes.map { byte in
      byte == UInt8(ascii: "_") || byte == UInt8(ascii: " ")
        ? UInt8(ascii: "-") : byte.asciiLowercased
    }
    return String(lossy: letters.span)
  }

  /// Folded as a secret is before it is compared.
  private static let exact = Set(PublishedSecrets.all.map { folded(Array($0.utf8).span) })
  private static let prefixes = [
    "your-", "<your", "dev-secret", "changeme", "change-me", "replace-me", "replace-with",
    "insert-", "example-",
  ]
  private static let fragments = [
    "change-me", "changeme", "change-this", "changethis", "change-in-production", "replace-this",
    "replaceme", "super-secret-key", "your-secret", "secret-here", "not-secure", "do-not-use",
    "at-least-32-char",
  ]
  private static let brackets = [
    ("${", "}"), ("#{", "}#"), ("{{", "}}"), ("<", ">"), ("$(", ")"), ("%", "%"),
    ("--", "--"), ("[", "]"),
  ]
}

extension String {
  /// True when the text contains `fragment`; plain byte search, start-up only.
  fileprivate func contains(fragment: String) -> Bool {
    let text = Array(utf8)
    let wanted = Array(fragment.utf8)
    guard wanted.count <= text.count else { return false }
    for start in 0...(text.count - wanted.count)
    where text[start..<(start + wanted.count)].elementsEqual(wanted) {
      return true
    }
    return false
  }
}
