// What is special about a path: the questions that decide how many readings it can have.
//
// Two scans. The quick one runs on every request and only tells plain paths from others; the full
// one runs on the others and says exactly which of the transformations of DESIGN §5.2 could change
// them, so that only those are tried.

import Bytes

/// Properties of a raw path.
struct PathShape: OptionSet, Sendable {
  let rawValue: UInt8

  /// Holds an upper-case letter.
  static let upperCase = PathShape(rawValue: 1)
  /// Holds `%`, `;`, `\`, `//` or a dot segment: has more than one reading.
  static let special = PathShape(rawValue: 2)
  /// Holds `%`.
  static let escape = PathShape(rawValue: 4)
  /// Holds a `%` without two hexadecimal digits behind it.
  static let badEscape = PathShape(rawValue: 8)
  /// Holds a backslash, as it is or escaped.
  static let backslash = PathShape(rawValue: 16)
  /// Holds a semicolon, as it is or escaped.
  static let parameter = PathShape(rawValue: 32)
  /// Holds a segment that is `.` or `..` in some reading.
  static let dotSegment = PathShape(rawValue: 64)
  /// Holds two separators side by side in some reading.
  static let doubleSlash = PathShape(rawValue: 128)

  /// Tells plain paths from special ones: `upperCase` and `special` only. One pass, a few
  /// comparisons a byte.
  static func quick(_ path: Span<UInt8>) -> PathShape {
    var shape: PathShape = []
    var previous: UInt8 = 0
    var index = 0
    while index < path.count {
      let byte = path[index]
      // Most bytes of a path are these.
      if byte >= UInt8(ascii: "a") {
        previous = byte
        index += 1
        continue
      }
      switch byte {
      case UInt8(ascii: "%"), UInt8(ascii: ";"), UInt8(ascii: "\\"):
        return .special
      case UInt8(ascii: "/"):
        if previous == UInt8(ascii: "/") { return .special }
      case UInt8(ascii: "."):
        // `/.well-known` and `/a..b` are names; `/.`, `/..`, `/./` and `/../` are not.
        if previous == UInt8(ascii: "/"), isPlainDotSegment(path, at: index) { return .special }
      case UInt8(ascii: "A")...UInt8(ascii: "Z"):
        shape.insert(.upperCase)
      default: break
      }
      previous = byte
      index += 1
    }
    return shape
  }

  private static func isPlainDotSegment(_ path: Span<UInt8>, at start: Int) -> Bool {
    var index = start + 1
    if index < path.count, path[index] == UInt8(ascii: ".") { index += 1 }
    return index == path.count || path[index] == UInt8(ascii: "/")
  }

  /// Everything about a special path.
  static func full(_ path: Span<UInt8>) -> PathShape {
    var shape: PathShape = .special
    var index = 0
    var followsSeparator = false
    while index < path.count {
      let token = PathToken(path, at: index)
      switch token.meaning {
      case UInt8(ascii: "/"), UInt8(ascii: "\\"):
        if token.meaning == UInt8(ascii: "\\") { shape.insert(.backslash) }
        if followsSeparator { shape.insert(.doubleSlash) }
      case UInt8(ascii: ";"):
        shape.insert(.parameter)
        // Cutting `;x` out of `/;x/` leaves `//`.
        if followsSeparator { shape.insert(.doubleSlash) }
      case UInt8(ascii: "."):
        if followsSeparator, endsDotSegment(path, at: index) { shape.insert(.dotSegment) }
      case UInt8(ascii: "A")...UInt8(ascii: "Z"):
        shape.insert(.upperCase)
      default: break
      }
      if path[index] == UInt8(ascii: "%") {
        shape.insert(.escape)
        if token.byteCount == 1 { shape.insert(.badEscape) }
      }
      followsSeparator =
        token.meaning == UInt8(ascii: "/") || token.meaning == UInt8(ascii: "\\")
      index += token.byteCount
    }
    return shape
  }

  /// True when one or two dots from `start` make a whole segment in some reading.
  private static func endsDotSegment(_ path: Span<UInt8>, at start: Int) -> Bool {
    var index = start
    var dots = 0
    while index < path.count {
      let token = PathToken(path, at: index)
      switch token.meaning {
      case UInt8(ascii: "."):
        dots += 1
        if dots > 2 { return false }
      case UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: ";"): return true
      default: return false
      }
      index += token.byteCount
    }
    return true
  }
}

/// A byte of a path or an escape, and the byte it stands for.
struct PathToken {
  let meaning: UInt8
  let byteCount: Int

  /// Reads the token at `index`; a broken escape is a `%` of one byte.
  init(_ path: Span<UInt8>, at index: Int) {
    let byte = path[index]
    if byte == UInt8(ascii: "%"), index + 2 < path.count,
      let high = path[index + 1].hexadecimalDigitValue,
      let low = path[index + 2].hexadecimalDigitValue
    {
      meaning = high << 4 | low
      byteCount = 3
    } else {
      meaning = byte
      byteCount = 1
    }
  }
}
