// Environment variables as the bytes they are: a secret need not be text.

import Glibc

extension System {
  /// The bytes of a variable; nil when it is not set. As `environment(_:)`, but nothing is repaired:
  /// a key of arbitrary bytes arrives unchanged.
  public static func environmentBytes(_ name: String) -> [UInt8]? {
    // The bytes up to the terminating zero are copied before anybody could change the environment.
    guard let value = unsafe getenv(name) else { return nil }
    let count = unsafe strlen(value)
    let bytes = unsafe UnsafeRawBufferPointer(start: value, count: count)
    return unsafe Array(bytes)
  }
}
