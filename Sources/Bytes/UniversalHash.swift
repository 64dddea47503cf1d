// NH, the universal hash of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway, CRYPTO '99; RFC 4418
// §5.2), on words of 64 bits and in two lanes: the cheapest way to tell long texts apart that an
// opponent chooses and whose key he doesn't know.
//
//     lane a:  Σ (m[0] + k[0]) · (m[1] + k[1])  +  (m[2] + k[2]) · (m[3] + k[3])  + …   mod 2^128
//     lane b:  the same with the key shifted by two words (Toeplitz)
//
// Two different texts of one length meet in one lane with a probability of at most 2^-64, in both
// with 2^-128. That holds only while nothing of the result is seen: the lanes and the text's length are
// fed to SipHash, whose result says nothing of them, and which tells lengths apart.
//
// A word costs 6 instructions here and 29 in SipHash: with RSA signatures in the texts that is a tenth
// of a request. Immutable after `init`; any thread.

/// A keyed hash for texts of bounded length.
public struct UniversalHash: Sendable {
  /// Most bytes of a text.
  public let byteCountMaximum: Int
  /// A word for each word of the text, filled up to pairs, and two for the second lane's shift.
  private let key: [UInt64]
  private let outer: SipKey

  /// Draws a key for texts of at most `byteCountMaximum` bytes from the system's random source.
  public static func random(byteCountMaximum: Int) -> UniversalHash {
    UniversalHash(.random(), .random(), byteCountMaximum: byteCountMaximum)
  }

  /// Makes a hash from two keys: the first one is stretched to the text's length.
  init(_ inner: SipKey, _ outer: SipKey, byteCountMaximum: Int) {
    precondition(byteCountMaximum >= 0, "a bound of the configuration's")
    self.byteCountMaximum = byteCountMaximum
    self.outer = outer
    let pairCount = byteCountMaximum / 16 + 2
    key = (0..<pairCount).flatMap { index -> [UInt64] in
      var hash = SipHash128(inner)
      hash.combine(UInt64(index))
      let words = hash.finish()
      return [words.high, words.low]
    }
  }

  /// The hash of a text, which may not be longer than the maximum: callers bound what peers send.
  public func hash(_ text: Span<UInt8>) -> Hash128 {
    precondition(text.count <= byteCountMaximum, "the caller has bounded it")
    var (first, second) = (UInt128(0), UInt128(0))
    var offset = 0
    // A byte of the text and the word of the key for it have one offset, in steps of a pair of words:
    // offset + 32 <= 8 * key.count, because the pairs of the text are at most byteCountMaximum / 16 + 1,
    // the one that is filled up among them, and the key has one pair more.
    let (key, bytes) = unsafe (key.span.bytes, text.bytes)
    @inline(__always) func word(_ bytes: RawSpan, _ offset: Int) -> UInt64 {
      // The caller's offset + 8 <= bytes.byteCount, see above and below.
      unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
    }
    @inline(__always) func add(_ one: UInt64, _ two: UInt64) {
      first &+= Self.product(one &+ word(key, offset), two &+ word(key, offset &+ 8))
      second &+= Self.product(one &+ word(key, offset &+ 16), two &+ word(key, offset &+ 24))
    }
    // offset + 16 <= wholeBytes <= text.count
    let wholeBytes = text.count & ~15
    while offset < wholeBytes {
      add(
        UInt64(littleEndian: word(bytes, offset)), UInt64(littleEndian: word(bytes, offset &+ 8)))
      offset &+= 16
    }
    if offset < text.count {
      let (one, two) = Self.lastPair(text, offset)
      add(one, two)
    }
    var hash = SipHash128(outer)
    hash.combine(UInt64(text.count))
    hash.combine(UInt64(truncatingIfNeeded: first))
    hash.combine(UInt64(truncatingIfNeeded: first &>> 64))
    hash.combine(UInt64(truncatingIfNeeded: second))
    hash.combine(UInt64(truncatingIfNeeded: second &>> 64))
    return hash.finish()
  }

  @inline(__always)
  private static func product(_ one: UInt64, _ two: UInt64) -> UInt128 {
    let (high, low) = one.multipliedFullWidth(by: two)
    return UInt128(high) &<< 64 | UInt128(low)
  }

  /// The last 1 to 15 bytes, filled up with zeros.
  private static func lastPair(_ text: Span<UInt8>, _ start: Int) -> (UInt64, UInt64) {
    var words: (UInt64, UInt64) = (0, 0)
    for index in start..<text.count {
      let shift = UInt64(index &- start) &* 8
      if shift < 64 {
        words.0 |= UInt64(text[index]) &<< shift
      } else {
        words.1 |= UInt64(text[index]) &<< (shift &- 64)
      }
    }
    return words
  }
}
