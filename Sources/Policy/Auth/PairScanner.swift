// The pairs of a Cookie value (RFC 6265 §4.2) and of a query or form (WHATWG URL §5.1), as ranges.

import Bytes

/// One `name=value`.
struct Pair: Equatable {
  /// The pair without separators and the space around it.
  let whole: ByteRange
  let name: ByteRange
  /// The value as it stands.
  let raw: ByteRange

  /// The name without the bytes at either end that some backend strips as white space: whatever isn't
  /// visible ASCII (Werkzeug, Starlette and older cookie parsers of Node strip U+00A0 and U+0085).
  func strippedName(_ bytes: Span<UInt8>) -> ByteRange {
    var lower = name.lower
    var upper = name.upper
    while lower < upper, bytes[lower] &- 0x21 > 0x7E - 0x21 { lower += 1 }
    while upper > lower, bytes[upper - 1] &- 0x21 > 0x7E - 0x21 { upper -= 1 }
    return ByteRange(lower, upper)
  }

  /// The value without a pair of quotes around it.
  func value(_ bytes: Span<UInt8>) -> ByteRange {
    guard raw.count >= 2, bytes[raw.lower] == UInt8(ascii: "\""),
      bytes[raw.upper - 1] == UInt8(ascii: "\"")
    else { return raw }
    return ByteRange(raw.lower + 1, raw.upper - 1)
  }
}

/// Walks pairs; every byte is looked at once.
struct PairScanner {
  private var offset: Int
  private let end: Int
  private let separator: UInt8

  /// Scans the text at `range` of the bytes that are given to each `next`.
  init(_ range: ByteRange, separator: UInt8) {
    offset = range.lower
    end = range.upper
    self.separator = separator
  }

  /// The next pair; empty ones are skipped. `bytes` must hold the range.
  mutating func next(_ bytes: Span<UInt8>) -> Pair? {
    let limit = min(end, bytes.count)
    while offset < limit {
      var first = offset
      var last = first
      var equals = -1
      while last < limit, bytes[last] != separator {
        if equals < 0, bytes[last] == UInt8(ascii: "=") { equals = last }
        last += 1
      }
      offset = last + 1
      while first < last, bytes[first] == 0x20 || bytes[first] == 0x09 { first += 1 }
      while last > first, bytes[last - 1] == 0x20 || bytes[last - 1] == 0x09 { last -= 1 }
      guard first < last else { continue }
      if equals < 0 || equals >= last { equals = last }
      var nameEnd = equals
      while nameEnd > first, bytes[nameEnd - 1] == 0x20 || bytes[nameEnd - 1] == 0x09 {
        nameEnd -= 1
      }
      var value = min(equals + 1, last)
      while value < last, bytes[value] == 0x20 || bytes[value] == 0x09 { value += 1 }
      return Pair(
        whole: ByteRange(first, last), name: ByteRange(first, nameEnd),
        raw: ByteRange(value, last))
    }
    return nil
  }

  /// True when the percent-escaped parameter name `text` stands for `name`: `%6awt` is `jwt`.
  static func name(_ text: Span<UInt8>, means name: Span<UInt8>) -> Bool {
    guard text.count >= name.count else { return false }
    var index = 0
    var matched = 0
    while index < text.count {
      let token = PathToken(text, at: index)
      guard matched < name.count, token.meaning == name[matched] else { return false }
      matched += 1
      index += token.byteCount
    }
    return matched == name.count
  }

  /// True when a value has bytes that servers decode: it isn't a token as it stands.
  static func isCoded(_ value: Span<UInt8>) -> Bool {
    for index in 0..<value.count {
      switch value[index] {
      case UInt8(ascii: "%"), UInt8(ascii: "+"), UInt8(ascii: "\\"), UInt8(ascii: "\""):
        return true
      default: break
      }
    }
    return false
  }

  /// True when a value may be a compact token to somebody: a word in it begins like the base64url of
  /// a JSON object, and there are at least three parts. Not only the first word: Werkzeug and
  /// Starlette strip Unicode white space, and cookie-parser unpacks `j:"…"`. Escapes count as what they
  /// stand for, and a backslash (with which Werkzeug lets a quoted cookie spell any byte) as a token's.
  static func looksLikeToken(_ value: Span<UInt8>) -> Bool {
    var dots = 0
    var hasOpening = false
    var isWordStart = true
    var index = 0
    while index < value.count {
      let token = PathToken(value, at: index)
      let byte = token.meaning
      if byte == UInt8(ascii: "\\") { return true }
      if isWordStart, byte == UInt8(ascii: "e") { hasOpening = true }
      if byte == UInt8(ascii: ".") { dots += 1 }
      isWordStart =
        !byte.isASCIIAlphanumeric && byte != UInt8(ascii: "-") && byte != UInt8(ascii: "_")
        && byte != UInt8(ascii: ".")
      index += token.byteCount
    }
    return hasOpening && dots >= 2
  }
}
