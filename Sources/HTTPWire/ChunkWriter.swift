// Writes the chunked transfer coding (RFC 9112 §7.1): what the gateway sends is always framed by
// itself, never copied from the peer's chunk lines.

import Bytes

/// Writing chunks.
public enum ChunkWriter {
  /// Bytes that framing may add to one chunk of data: 16 digits, CRLF before and CRLF behind.
  public static let overheadMaximum = 20

  /// Appends `data` as one chunk; nothing when it is empty, since an empty chunk ends the body.
  public static func append(_ data: Span<UInt8>, to buffer: inout ByteBuffer) {
    guard data.count > 0 else { return }
    append(sizeOf: data.count, to: &buffer)
    buffer.append(data)
    buffer.append("\r\n")
  }

  /// Appends the size line of a chunk of `count` bytes (at least 1), for data that is appended in
  /// place; follow it with the data and `"\r\n"`.
  public static func append(sizeOf count: Int, to buffer: inout ByteBuffer) {
    buffer.append(hexadecimal: UInt64(count.magnitude))
    buffer.append("\r\n")
  }

  /// Appends the last chunk and the end of an empty trailer section.
  public static func appendEnd(to buffer: inout ByteBuffer) {
    buffer.append("0\r\n\r\n")
  }

  /// Appends the last chunk only: trailer lines follow, then `"\r\n"`.
  public static func appendLastChunk(to buffer: inout ByteBuffer) {
    buffer.append("0\r\n")
  }
}
