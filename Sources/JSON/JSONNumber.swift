// Reading a checked number's text exactly: no floating point, so no rounding and no infinity.

import Bytes

enum JSONNumber {
  /// Largest magnitude that every JSON parser represents exactly (RFC 8259 §6): 2^53.
  static let exactMaximum: Int64 = 1 << 53
  /// Exponents beyond this are all alike: the value is 0 or out of range.
  private static let exponentMaximum = 100_000

  /// The value of digits with an optional sign, nil when it doesn't fit.
  static func integer(_ text: Span<UInt8>) -> Int64? {
    var index = 0
    let isNegative = text.count > 0 && text[0] == UInt8(ascii: "-")
    if isNegative { index = 1 }
    guard index < text.count else { return nil }
    var value: Int64 = 0
    if text.count <= 18 {
      // Eighteen digits fit whatever they are.
      while index < text.count {
        guard text[index].isDigit else { return nil }
        value = value &* 10 &+ Int64(text[index] &- UInt8(ascii: "0"))
        index += 1
      }
      return isNegative ? 0 &- value : value
    }
    while index < text.count {
      guard text[index].isDigit else { return nil }
      let digit = Int64(text[index] - UInt8(ascii: "0"))
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) =
        isNegative
        ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
      guard !overflow, !carry else { return nil }
      value = sum
      index += 1
    }
    return value
  }

  /// The value with its fraction cut off (towards zero), exactly, or nil beyond ±2^53. `1.9` is 1,
  /// `1.5e3` is 1500, `1e-9` is 0, `1e400` is nil.
  static func truncated(_ text: Span<UInt8>) -> Int64? {
    let isNegative = text.count > 0 && text[0] == UInt8(ascii: "-")
    let first = isNegative ? 1 : 0
    var end = first
    var pointOffset: Int?
    while end < text.count, text[end] | 0x20 != UInt8(ascii: "e") {
      if text[end] == UInt8(ascii: ".") { pointOffset = end }
      end += 1
    }
    let exponent = end < text.count ? Self.exponent(text.slice(from: end + 1)) : 0
    // Digits before the point once the exponent has moved it.
    var wholeDigits = (pointOffset ?? end) - first + exponent
    var value: Int64 = 0
    var index = first
    while index < end, wholeDigits > 0 {
      if text[index] != UInt8(ascii: ".") {
        // value <= 2^53 here, so the product and sum fit.
        value = value * 10 + Int64(text[index] &- UInt8(ascii: "0"))
        if value > exactMaximum { return nil }
        wholeDigits -= 1
      }
      index += 1
    }
    // Zeros that the exponent appends; at most 16 turns until a non-zero value is out of range.
    while wholeDigits > 0, value != 0 {
      value *= 10
      if value > exactMaximum { return nil }
      wholeDigits -= 1
    }
    return isNegative ? -value : value
  }

  /// The exponent's value, held within ±exponentMaximum.
  private static func exponent(_ text: Span<UInt8>) -> Int {
    var value = 0
    for index in 0..<text.count where text[index].isDigit {
      value = Swift.min(value * 10 + Int(text[index] - UInt8(ascii: "0")), exponentMaximum)
    }
    return text.count > 0 && text[0] == UInt8(ascii: "-") ? -value : value
  }
}
