// The journal's line: one record a line, text that a person can read and a program can check.

import Bytes

/// One line of the journal.
public enum RevocationRecord: Sendable, Equatable {
  /// A revocation.
  case revoke(RevocationEntry)
  /// A revocation taken back.
  case lift(kind: RevocationKind, realm: String, value: String)

  /// Longest line with its line feed, in bytes.
  public static let lineBytesMaximum = 8192

  /// Appends the record's line, line feed included.
  public func append(to buffer: inout ByteBuffer) {}

  /// Reads a line without its line feed.
  public static func parse(_ line: Span<UInt8>) -> RevocationLine { .damaged }
}

/// What a journal line holds.
public enum RevocationLine: Sendable, Equatable {
  /// A record.
  case record(RevocationRecord)
  /// Nothing: an empty line or a comment (`#`).
  case blank
  /// A well-formed line of a later version; skipped and reported.
  case unknown
  /// A torn or altered line: the last one of a file may be (a crash while writing), any other not.
  case damaged
}
