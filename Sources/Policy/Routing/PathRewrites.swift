// The transformations that some servers apply before decoding: cutting `;params`, resolving dot
// segments of the raw text, and taking what looks like a host for one.
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

  /// Where the path goes on behind a host, for a path that begins with two separators; nil for
  /// others. `//host/admin` is a reference to another host to a URL parser (RFC 3986 §4.2), and an
  /// application that routes by `new URL(target, base).pathname` serves `/admin`. Such parsers take a
  /// backslash for a slash and more than two separators for two.
  static func endOfHost(_ path: Span<UInt8>) -> Int? {
    var index = 0
    while index < path.count, isSeparator(path[index]) { index += 1 }
    guard index >= 2 else { return nil }
    while index < path.count, !isSeparator(path[index]) { index += 1 }
    return index
  }

  private static func isSeparator(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\")
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
