// The buckets of all limits, shared by all workers.

import Bytes
import Synchronization

/// Buckets of fixed number, found by a keyed hash of limit and key.
public final class LimitTable: Sendable {
  /// Makes a table with room for `slotCount` buckets, keyed with a fresh random key.
  public init(slotCount: Int = 32_768) {}

  /// How often a request had to share the overflow bucket because no slot was free; an alarm.
  public var overflowCount: Int { 0 }
}
