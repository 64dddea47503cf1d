// Random bytes from OpenSSL's generator, which the kernel seeds. Any thread; not for the hot path.

import Bytes
import COpenSSL

/// The source of keys and nonces.
public enum RandomBytes {
  /// Appends `count` random bytes. Traps when the system has no randomness: a predictable secret
  /// would be worse than no answer.
  public static func append(_ count: Int, to buffer: inout ByteBuffer) {
    precondition(count >= 0 && count <= buffer.writableCount, "the caller made room")
    unsafe buffer.withUnsafeWritableBytes { room in
      guard count > 0 else { return (0, ()) }
      // count <= room.count, checked above.
      let outcome = unsafe RAND_bytes(
        room.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(clamping: count))
      guard outcome == 1 else { preconditionFailure("RAND_bytes: no randomness") }
      return (count, ())
    }
  }
}
