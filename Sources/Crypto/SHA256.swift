// SHA-256 (FIPS 180-4), one-shot and incremental.
//
// Uses OpenSSL's plain context so that hashing allocates nothing. Any thread.

import Bytes
import COpenSSL

/// A running SHA-256. Copies continue independently.
@safe
public struct SHA256 {
  private var context = SHA256_CTX()
  /// Size of a digest.
  public static let byteCount = 32

  /// Starts an empty hash.
  public init() {
    // A valid context is all that is asked for; the call can't fail.
    _ = unsafe SHA256_Init(&context)
  }

  /// Feeds bytes.
  public mutating func update(_ bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBytes { source in
      // source covers exactly `count` readable bytes.
      _ = unsafe SHA256_Update(&context, source.baseAddress, source.count)
    }
  }

  /// Ends the hash and appends the 32 bytes of the digest.
  public mutating func finish(into buffer: inout ByteBuffer) {
    var digest = InlineArray<32, UInt8>(repeating: 0)
    var room = digest.mutableSpan
    unsafe room.withUnsafeMutableBufferPointer { target in
      // target has the 32 bytes that SHA256_Final writes.
      _ = unsafe SHA256_Final(target.baseAddress, &context)
    }
    buffer.append(digest.span)
  }

  /// Appends the digest of `bytes`.
  public static func append(hashOf bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
    var hash = SHA256()
    hash.update(bytes)
    hash.finish(into: &buffer)
  }
}
