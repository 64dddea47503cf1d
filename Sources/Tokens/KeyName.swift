// What threads call a key by when they ask each other about it: a keyed hash of its `kid`, so that no
// text of a client travels and nobody outside can make two names meet.
//
// Any thread.

import Bytes

/// Names of keys as numbers.
public enum KeyName {
  /// What a token without a `kid` asks for.
  public static let none: UInt64 = 0

  /// Made once for the process: every thread must come to the same number.
  private static let key = SipKey.random()

  /// The number of a `kid`; never `none`.
  public static func hash(_ identifier: Span<UInt8>) -> UInt64 {
    var hash = SipHash128(key)
    hash.combine(identifier)
    return Swift.max(hash.finish().low, 1)
  }
}
