// Key material at rest in memory.
//
// The bytes are written once, before anyone else sees the object, and wiped when the last owner
// lets go. Nothing here turns them into text: no description, no reflection. What it can't do: wipe
// the copies that others made (an environment variable, a configuration file's text).
//
// Any thread: immutable after init.

import Bytes
import COpenSSL

/// Bytes that must stay secret: wiped on release, never printable.
@safe
public final class SecretBytes: @unchecked Sendable, CustomReflectable {
  // Unchecked because of the pointer: its memory is written in `init` alone and freed in `deinit`.
  private let base: UnsafeMutableRawPointer
  /// Number of bytes.
  public let count: Int

  /// Copies `bytes`.
  public init(_ bytes: Span<UInt8>) {
    count = bytes.count
    unsafe base = .allocate(byteCount: Swift.max(count, 1), alignment: 16)
    unsafe bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      // source.count == count, the size just allocated.
      unsafe base.copyMemory(from: start, byteCount: source.count)
    }
  }

  /// Copies the UTF-8 bytes of `text`.
  public convenience init(text: String) {
    let bytes = [UInt8](text.utf8)
    self.init(bytes.span)
  }

  deinit {
    // base was allocated with at least `count` bytes.
    unsafe OPENSSL_cleanse(base, count)
    unsafe base.deallocate()
  }

  /// An empty mirror, so that `dump` and debug output show nothing.
  public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }

  /// Lends the bytes to `body`; they must not be kept.
  public func withBytes<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
    // base holds `count` initialised bytes while self lives.
    let bytes = unsafe UnsafeRawBufferPointer(start: base, count: count)
    return body(unsafe Span(_unsafeBytes: bytes))
  }

  /// Compares in time that depends on the lengths only.
  public func equals(_ other: SecretBytes) -> Bool {
    // Both hold `count` bytes once the counts are equal.
    guard count == other.count else { return false }
    return unsafe CRYPTO_memcmp(base, other.base, count) == 0
  }
}
