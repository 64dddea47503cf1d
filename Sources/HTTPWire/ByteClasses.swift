// Which bytes may stand where (RFC 9110 §5.6.2, §5.5; RFC 9112 §3.2), and finding the first one that
// may not, eight at a time.
//
// The scans use the classic tests on whole words ("is any byte below n", "is any byte zero"). Their
// lowest mark is exact, only marks above it may be false, and only the lowest is used.

import Bytes

/// A set of ASCII bytes as two words: a test is a shift and a mask, without memory or bounds check.
struct ASCIISet {
  let low: UInt64
  let high: UInt64

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    let word = byte < 64 ? low : high
    return byte < 128 && word &>> UInt64(byte) & 1 != 0
  }

  /// token characters: `! # $ % & ' * + - . ^ _ ` | ~`, digits and letters (RFC 9110 §5.6.2).
  static let token = ASCIISet(low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe)
  /// What a host name consists of: letters, digits, `-`, `.`, `_`, `~`. Narrower than RFC 3986, which
  /// also allows `,`, `;`, quotes and percent escapes: no real host has them, and they would be
  /// syntax inside the forwarded fields that repeat the host.
  static let hostName = ASCIISet(low: 0x03ff_6000_0000_0000, high: 0x47ff_fffe_87ff_fffe)
}

private let ones: UInt64 = 0x0101_0101_0101_0101
private let highBits: UInt64 = 0x8080_8080_8080_8080

/// Marks the bytes of `word` below `bound` (at most 0x80) by their high bit.
@inline(__always)
private func marksBelow(_ bound: UInt64, _ word: UInt64) -> UInt64 {
  (word &- ones &* bound) & ~word & highBits
}

/// Marks the bytes of `word` that equal `byte` by their high bit.
@inline(__always)
private func marks(of byte: UInt8, _ word: UInt64) -> UInt64 {
  marksBelow(1, word ^ (ones &* UInt64(byte)))
}

/// Offset of the first byte at or after `start` that can't stand in a field value: a control byte
/// other than tab (RFC 9110 §5.5). `bytes.count` when there is none.
@inline(__always)
func endOfFieldValue(_ bytes: Span<UInt8>, from start: Int) -> Int {
  var offset = start
  // Most of what is long is printable ASCII: tokens above all.
  while bytes.count &- offset >= 32, bytes.hasOnlyPrintables(at: offset) { offset &+= 32 }
  while true {
    while bytes.count &- offset >= 8 {
      let word = bytes.word(at: offset)
      let found = marksBelow(0x20, word) | marks(of: 0x7f, word)
      if found != 0 {
        offset &+= found.trailingZeroBitCount &>> 3
        break
      }
      offset &+= 8
    }
    while offset < bytes.count {
      let byte = bytes[offset]
      if byte < 0x20 && byte != 0x09 || byte == 0x7f { return offset }
      offset &+= 1
      // A tab is legal: back to whole words.
      if byte == 0x09 { break }
    }
    if offset >= bytes.count { return bytes.count }
  }
}

/// Offset of the first byte at or after `start` that can't stand in a request target: anything but
/// visible ASCII, and `#`, because a fragment is never sent (RFC 9112 §3.2). `[`, `|`, `"` and the
/// like are let through: browsers send them, and how a path is read is decided later.
@inline(__always)
func endOfTarget(_ bytes: Span<UInt8>, from start: Int) -> Int {
  var offset = start
  while bytes.count &- offset >= 8 {
    let word = bytes.word(at: offset)
    let found =
      marksBelow(0x21, word) | marks(of: 0x7f, word) | marks(of: 0x23, word) | (word & highBits)
    if found != 0 { return offset &+ found.trailingZeroBitCount &>> 3 }
    offset &+= 8
  }
  while offset < bytes.count {
    let byte = bytes[offset]
    if byte <= 0x20 || byte >= 0x7f || byte == 0x23 { return offset }
    offset &+= 1
  }
  return offset
}

/// Offset of the first `byte` in `start ..< end`, or `end`; `end` is within the bytes.
@inline(__always)
func find(_ byte: UInt8, in bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
  var offset = start
  while end &- offset >= 8 {
    let found = marks(of: byte, bytes.word(at: offset))
    if found != 0 { return offset &+ found.trailingZeroBitCount &>> 3 }
    offset &+= 8
  }
  while offset < end {
    if bytes[offset] == byte { return offset }
    offset &+= 1
  }
  return end
}

extension UInt8 {
  static let tab: UInt8 = 0x09
  static let lineFeed: UInt8 = 0x0a
  static let carriageReturn: UInt8 = 0x0d
  static let space: UInt8 = 0x20
  static let colon = UInt8(ascii: ":")
  static let comma = UInt8(ascii: ",")

  /// Optional whitespace of the field grammar (RFC 9110 §5.6.3).
  @inline(__always) var isOptionalWhitespace: Bool { self == .space || self == .tab }
}
