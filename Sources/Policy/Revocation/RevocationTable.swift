// All revocations, readable by every worker without a lock.

import Bytes
import Tokens

/// The shared blocklist: one writer (the control loop), any number of readers.
public final class RevocationTable: Sendable {
  /// Makes an empty table for at most `entriesMaximum` entries, keyed with a fresh random key.
  public init(entriesMaximum: Int = 4_000_000) {}

  /// Number of live entries. Any thread.
  public var count: Int { 0 }

  /// Applies `entry` in every worker. False when the table is full of live entries. Writer only.
  public func apply(_ entry: RevocationEntry, nowSeconds: Int64) -> Bool { false }

  /// Takes a revocation back; false when there was none. Writer only.
  public func lift(
    kind: RevocationKind, realm: String, value: String, nowSeconds: Int64
  ) -> Bool { false }

  /// Forgets expired entries. Writer only; cheap when there is little to forget.
  public func purge(nowSeconds: Int64) {}
}
