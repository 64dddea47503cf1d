// The two transformations that some servers apply before decoding: cutting `;params` and resolving
// dot segments of the raw text.
//
// The order matters: `/public;x%2f..%2f..%2fadmin` is `/public` to a server that cuts first and
// `/admin` to one that decodes first. Cold path.

import Bytes

/// Rewriting raw paths.
enum PathRewrites {
  /// Appends `path` without `;` and what follows it in each segment.
  static func appendWithoutParameters(_ path: Span<UInt8>, to buffer: inout ByteBuffer) {
    var isCutting = false
    for index in 0..<path.count {
      let byte = path[index]
      if byte == UInt8(ascii: "/") { isCutting = false }
      if byte == UInt8(ascii: ";") { isCutting = true }
      if !isCutting { buffer.append(byte) }
    }
  }

  /// Appends `path` with its dot segments resolved (RFC 3986 §5.2.4), `%2e` read as a dot.
  static func appendWithoutDots(_ path: Span<UInt8>, to buffer: inout ByteBuffer) {
    let floor = buffer.writerIndex
    var index = 0
    while index < path.count {
      // `index` is at the slash before a segment.
      var end = index + 1
      while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
      let dots = PathReader.dotCount(path.slice(from: index + 1, to: end), escaped: true)
      if dots == 0 {
        buffer.append(path.slice(from: index, to: end))
      } else {
        if dots == 2 { removeLastSegment(&buffer, floor: floor) }
        if end == path.count { buffer.append(UInt8(ascii: "/")) }
      }
      index = end
    }
  }

  /// The same for a path that another rewrite made.
  static func appendWithoutDots(of path: borrowing ByteBuffer, to buffer: inout ByteBuffer) {
    appendWithoutDots(path.readable, to: &buffer)
  }

  private static func removeLastSegment(_ buffer: inout ByteBuffer, floor: Int) {
    var end = buffer.writerIndex
    while end > floor {
      end -= 1
      if buffer.written[end] == UInt8(ascii: "/") { break }
    }
    buffer.rewind(to: end)
  }
}
