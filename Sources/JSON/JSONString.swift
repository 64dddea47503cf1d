// The contents of a JSON string whose grammar has been checked: unescaping without a copy.

import Bytes

/// Walks the UTF-8 bytes that a checked string's contents stand for.
struct UnescapedBytes {
  private var index: Int
  private let end: Int
  /// Bytes of an escaped character that are still to come, the next one lowest.
  private var pending: UInt32 = 0
  private var pendingCount = 0

  init(_ range: ByteRange) {
    index = range.lower
    end = range.upper
  }

  /// The next byte, nil at the end. `text` is the text that the range belongs to.
  mutating func next(_ text: Span<UInt8>) -> UInt8? {
    if pendingCount > 0 {
      let byte = UInt8(truncatingIfNeeded: pending)
      pending >>= 8
      pendingCount -= 1
      return byte
    }
    // The second test guards against a text other than the one that was parsed.
    guard index < end, index < text.count else { return nil }
    let byte = text[index]
    index += 1
    guard byte == UInt8(ascii: "\\"), index < end, index < text.count else { return byte }
    let letter = text[index]
    index += 1
    switch letter {
    case UInt8(ascii: "b"): return 0x08
    case UInt8(ascii: "f"): return 0x0C
    case UInt8(ascii: "n"): return 0x0A
    case UInt8(ascii: "r"): return 0x0D
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "u"): return unicode(text)
    default: return letter
    }
  }

  /// Reads the digits behind `\u`, and the low surrogate's escape behind a high one.
  private mutating func unicode(_ text: Span<UInt8>) -> UInt8? {
    var scalar = hexadecimalUnit(text, at: index) ?? 0xFFFD
    index += 4
    if scalar & 0xFC00 == 0xD800, let low = hexadecimalUnit(text, at: index + 2) {
      scalar = 0x10000 + (scalar & 0x3FF) << 10 + low & 0x3FF
      index += 6
    }
    return encode(scalar)
  }

  /// Returns the first UTF-8 byte of `scalar` and keeps the others as pending.
  private mutating func encode(_ scalar: UInt32) -> UInt8 {
    if scalar < 0x80 { return UInt8(truncatingIfNeeded: scalar) }
    if scalar < 0x800 {
      pending = 0x80 | scalar & 0x3F
      pendingCount = 1
      return UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6)
    }
    if scalar < 0x10000 {
      pending = 0x80 | scalar >> 6 & 0x3F | (0x80 | scalar & 0x3F) << 8
      pendingCount = 2
      return UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12)
    }
    pending =
      0x80 | scalar >> 12 & 0x3F | (0x80 | scalar >> 6 & 0x3F) << 8 | (0x80 | scalar & 0x3F) << 16
    pendingCount = 3
    return UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18)
  }
}

/// The value of four hexadecimal digits at `index`, nil when they aren't there.
func hexadecimalUnit(_ text: Span<UInt8>, at index: Int) -> UInt32? {
  guard index + 4 <= text.count else { return nil }
  var value: UInt32 = 0
  for offset in 0..<4 {
    guard let digit = text[index + offset].hexadecimalDigitValue else { return nil }
    value = value << 4 | UInt32(digit)
  }
  return value
}
