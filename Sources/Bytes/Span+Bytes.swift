// Reading bytes inside a call: the small questions that every parser and matcher asks of a span.
//
// Out-of-range arguments are clamped, never trapped, because they may come from a peer's numbers.

extension Span where Element == UInt8 {
  /// The bytes at `range`, as far as they lie within the span.
  @_lifetime(copy self)
  public func slice(_ range: ByteRange) -> Span<UInt8> {
    slice(from: range.lower, to: range.upper)
  }

  /// The bytes `lower ..< upper`, as far as they lie within the span.
  @_lifetime(copy self)
  public func slice(from lower: Int, to upper: Int) -> Span<UInt8> {
    let first = Swift.min(Swift.max(lower, 0), count)
    let last = Swift.min(Swift.max(upper, first), count)
    return extracting(first..<last)
  }

  /// The bytes from `lower` to the end.
  @_lifetime(copy self)
  public func slice(from lower: Int) -> Span<UInt8> {
    slice(from: lower, to: count)
  }

  /// True when the bytes are exactly those of `literal`.
  public func equals(_ literal: StaticString) -> Bool {
    guard count == literal.utf8CodeUnitCount else { return false }
    for index in 0..<count {
      // index < utf8CodeUnitCount, for which utf8Start is valid.
      let byte = unsafe literal.utf8Start[index]
      if self[index] != byte { return false }
    }
    return true
  }

  /// True when the bytes are those of `lowercase`, ASCII letters compared without case.
  /// `lowercase` must hold no upper-case letter.
  public func equalsIgnoringCase(lowercase literal: StaticString) -> Bool {
    guard count == literal.utf8CodeUnitCount else { return false }
    for index in 0..<count {
      // index < utf8CodeUnitCount, for which utf8Start is valid.
      let byte = unsafe literal.utf8Start[index]
      if self[index].asciiLowercased != byte { return false }
    }
    return true
  }

  /// True when both spans hold the same bytes. Not constant time.
  public func equals(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    var index = 0
    while index &+ 8 <= count {
      if word(at: index) != other.word(at: index) { return false }
      index &+= 8
    }
    while index < count {
      if self[index] != other[index] { return false }
      index &+= 1
    }
    return true
  }

  /// True when both spans hold the same bytes, ASCII letters compared without case.
  public func equalsIgnoringCase(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in 0..<count where self[index].asciiLowercased != other[index].asciiLowercased {
      return false
    }
    return true
  }

  /// True when the span begins with the bytes of `prefix`.
  public func starts(with prefix: Span<UInt8>) -> Bool {
    count >= prefix.count && slice(from: 0, to: prefix.count).equals(prefix)
  }

  /// Offset of the first `byte` at or after `start`, or nil.
  public func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
    let ones: UInt64 = 0x0101_0101_0101_0101
    var index = Swift.max(start, 0)
    while index <= count &- 8 {
      // A byte of `difference` is 0 where the word has `byte`; subtracting one sets its top bit.
      // Borrows only spoil bytes above the first hit, so the lowest set bit is exact.
      let difference = word(at: index) ^ (ones &* UInt64(byte))
      let hits = (difference &- ones) & ~difference & (ones &* 0x80)
      if hits != 0 { return index &+ hits.trailingZeroBitCount / 8 }
      index &+= 8
    }
    while index < count {
      if self[index] == byte { return index }
      index &+= 1
    }
    return nil
  }

  /// The value of one or more ASCII digits that fit an `Int`, else nil (empty, sign, space, overflow).
  public func decimalValue() -> Int? {
    guard count > 0 else { return nil }
    var value = 0
    for index in 0..<count {
      let digit = self[index] &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(digit))
      guard !overflow, !carry else { return nil }
      value = sum
    }
    return value
  }
}

extension UInt8 {
  /// The byte with an ASCII upper-case letter made lower-case; every other byte unchanged.
  @inlinable public var asciiLowercased: UInt8 {
    self &- UInt8(ascii: "A") < 26 ? self | 0x20 : self
  }
  /// True for `A-Z`, `a-z` and `0-9`.
  @inlinable public var isASCIIAlphanumeric: Bool {
    (self | 0x20) &- UInt8(ascii: "a") < 26 || self &- UInt8(ascii: "0") < 10
  }
  /// The value of an ASCII hexadecimal digit, or nil.
  @inlinable public var hexadecimalDigitValue: UInt8? {
    let digit = self &- UInt8(ascii: "0")
    if digit < 10 { return digit }
    let letter = (self | 0x20) &- UInt8(ascii: "a")
    return letter < 6 ? letter + 10 : nil
  }
}

extension String {
  /// Text of the bytes, invalid UTF-8 replaced: start-up, tools and cold paths.
  public init(lossy bytes: Span<UInt8>) {
    self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
  }
}

extension Array where Element == UInt8 {
  /// A copy of the bytes: start-up, tools and cold paths.
  public init(copying bytes: Span<UInt8>) {
    self = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }
  }
}
