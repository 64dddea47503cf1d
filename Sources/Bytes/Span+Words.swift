// Reading eight bytes at a time: what makes scanning and name recognition cheap.
//
// These are the few functions that must melt into their callers, so they are inlinable: a literal's
// words become constants there, and comparing a field name of up to eight letters is one load, one
// exclusive or and one test.

extension Span where Element == UInt8 {
  /// The eight bytes at `offset`, the first one lowest. They must lie within the span: callers check
  /// `offset + 8 <= count`, and a wrong offset of ours traps.
  @inlinable @inline(__always)
  public func word(at offset: Int) -> UInt64 {
    // Checked here: 0 <= offset and offset + 8 <= count, so that the load stays within the span.
    precondition(offset >= 0 && count &- offset >= 8)
    return UInt64(
      littleEndian: unsafe bytes.unsafeLoadUnaligned(
        fromUncheckedByteOffset: offset, as: UInt64.self))
  }

  /// True when the 32 bytes at `offset` are all printable ASCII, 0x20 to 0x7e. They must lie within
  /// the span, as in `word(at:)`.
  @inlinable @inline(__always)
  public func hasOnlyPrintables(at offset: Int) -> Bool {
    // Checked here: 0 <= offset and offset + 32 <= count, so that the load stays within the span.
    precondition(offset >= 0 && count &- offset >= 32)
    let words = unsafe bytes.unsafeLoadUnaligned(
      fromUncheckedByteOffset: offset, as: SIMD4<UInt64>.self)
    let ones: UInt64 = 0x0101_0101_0101_0101
    // Bytes below 0x20 borrow into their top bit, 0x7f carries into it, and from 0x80 on one of both
    // leaves it set; a borrow or carry only comes out of a byte that is marked itself.
    let marks = (words &- SIMD4(repeating: ones &* 0x20)) | (words &+ SIMD4(repeating: ones))
    return (marks[0] | marks[1] | marks[2] | marks[3]) & (ones &* 0x80) == 0
  }

  /// True when the bytes from `offset` on begin with those of `literal`. `offset` isn't negative.
  @inlinable @inline(__always)
  public func matches(_ literal: StaticString, at offset: Int) -> Bool {
    differsNowhere(from: literal, at: offset, folding: false)
  }

  /// True when the bytes from `offset` on begin with those of `lowercase`, ASCII letters compared
  /// without case. `lowercase` must hold no upper-case letter; `offset` isn't negative.
  @inlinable @inline(__always)
  public func matchesIgnoringCase(lowercase literal: StaticString, at offset: Int) -> Bool {
    differsNowhere(from: literal, at: offset, folding: true)
  }

  @inlinable @inline(__always)
  func differsNowhere(
    from literal: StaticString, at offset: Int, folding: Bool
  ) -> Bool {
    let length = literal.utf8CodeUnitCount
    guard count &- offset >= length else { return false }
    var position = 0
    // Whole words, then one that overlaps the last whole word; offset + length <= count was checked.
    while position &+ 8 <= length {
      if wordDiffers(literal, position, offset, folding) { return false }
      position &+= 8
    }
    guard position < length else { return true }
    if length >= 8 { return !wordDiffers(literal, length &- 8, offset, folding) }
    while position < length {
      // position < utf8CodeUnitCount, for which utf8Start is valid.
      let letter = unsafe literal.utf8Start[position]
      let mask = folding ? caseMask(of: UInt64(letter)) & 0x20 : 0
      if UInt64(self[offset &+ position] ^ letter) & ~mask != 0 { return false }
      position &+= 1
    }
    return true
  }

  @inlinable @inline(__always)
  func wordDiffers(
    _ literal: StaticString, _ position: Int, _ offset: Int, _ folding: Bool
  ) -> Bool {
    // position + 8 <= utf8CodeUnitCount, for which utf8Start is valid.
    let expected = UInt64(
      littleEndian: unsafe UnsafeRawPointer(literal.utf8Start).loadUnaligned(
        fromByteOffset: position, as: UInt64.self))
    let difference = word(at: offset &+ position) ^ expected
    return difference & ~(folding ? caseMask(of: expected) : 0) != 0
  }
}

/// 0x20 in each byte of `word` that is a lower-case ASCII letter, 0 in every other: where two words
/// may differ and still be the same text without case. The bytes must be ASCII.
@inlinable @inline(__always)
func caseMask(of word: UInt64) -> UInt64 {
  // Adding 0x1F lifts `a` (0x61) and above to 0x80; adding 0x05 does so for bytes above `z`.
  let fromA = word &+ 0x1f1f_1f1f_1f1f_1f1f
  let aboveZ = word &+ 0x0505_0505_0505_0505
  return (fromA & ~aboveZ & 0x8080_8080_8080_8080) >> 2
}

extension StaticString {
  /// The byte at `index`, which must be below `utf8CodeUnitCount`: ours, never a peer's.
  @inlinable
  public func byte(at index: Int) -> UInt8 {
    precondition(index >= 0 && index < utf8CodeUnitCount)
    // index < utf8CodeUnitCount, for which utf8Start is valid.
    return unsafe utf8Start[index]
  }
}
