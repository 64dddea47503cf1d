// SipHash-2-4 with 128-bit output (Aumasson and Bernstein, "SipHash: a fast short-input PRF").
//
// Tables that a peer can fill or probe (revocations, limits) are keyed by this hash under a key drawn
// at start: no one outside can aim for a collision, and 128 bits make an accidental one a matter of
// 2^-64 even with 2^32 entries, so that the hash can stand for the value.

/// A 128-bit hash value.
public struct Hash128: Sendable, Hashable {
  /// Upper half.
  public var high: UInt64
  /// Lower half.
  public var low: UInt64

  /// Makes a value from its halves.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
}

/// The secret key of a keyed hash; drawn at start from the system's random source.
public struct SipKey: Sendable {
  let first: UInt64
  let second: UInt64

  /// Makes a key from two random words.
  public init(_ first: UInt64, _ second: UInt64) {
    self.first = first
    self.second = second
  }

  /// Draws a key from the system's random source.
  public static func random() -> SipKey {
    var generator = SystemRandomNumberGenerator()
    return SipKey(generator.next(), generator.next())
  }
}

/// The running state of one keyed hash. Feed numbers and bytes, then `finish()`.
///
/// Bytes are framed by the caller: hash a count or a tag before variable parts, so that two
/// different lists of parts never feed the same bytes.
public struct SipHash128 {
  private var v0: UInt64
  private var v1: UInt64
  private var v2: UInt64
  private var v3: UInt64
  private var tail: UInt64 = 0
  private var byteCount = 0

  /// Starts a hash under `key`.
  public init(_ key: SipKey) {
    v0 = key.first ^ 0x736f_6d65_7073_6575
    v1 = key.second ^ 0x646f_7261_6e64_6f6d ^ 0xee
    v2 = key.first ^ 0x6c79_6765_6e65_7261
    v3 = key.second ^ 0x7465_6462_7974_6573
  }

  /// Feeds one byte.
  @inline(__always)
  public mutating func combine(_ byte: UInt8) {
    tail |= UInt64(byte) << UInt64((byteCount & 7) * 8)
    byteCount &+= 1
    if byteCount & 7 == 0 {
      compress(tail)
      tail = 0
    }
  }

  /// Feeds the eight bytes of a number, lowest first.
  public mutating func combine(_ number: UInt64) {
    let shift = UInt64(byteCount & 7) &* 8
    compress(tail | number &<< shift)
    tail = shift == 0 ? 0 : number &>> (64 &- shift)
    byteCount &+= 8
  }

  /// Feeds all bytes of a span.
  public mutating func combine(_ bytes: Span<UInt8>) {
    var index = 0
    // Whole words first: what is pending fills the word's low bytes, the word's top bytes become
    // what is pending.
    let shift = UInt64(byteCount & 7) * 8
    while index &+ 8 <= bytes.count {
      let word = bytes.word(at: index)
      compress(tail | word << shift)
      tail = shift == 0 ? 0 : word >> (64 - shift)
      byteCount &+= 8
      index &+= 8
    }
    while index < bytes.count {
      combine(bytes[index])
      index &+= 1
    }
  }

  /// Feeds the UTF-8 bytes of a text: start-up and cold paths.
  public mutating func combine(text: String) {
    for byte in text.utf8 { combine(byte) }
  }

  /// Ends the hash.
  public consuming func finish() -> Hash128 {
    compress(tail | UInt64(byteCount & 0xff) << 56)
    v2 ^= 0xee
    for _ in 0..<4 { round() }
    let low = v0 ^ v1 ^ v2 ^ v3
    v1 ^= 0xdd
    for _ in 0..<4 { round() }
    return Hash128(high: v0 ^ v1 ^ v2 ^ v3, low: low)
  }

  @inline(__always)
  private mutating func compress(_ word: UInt64) {
    v3 ^= word
    round()
    round()
    v0 ^= word
  }

  @inline(__always)
  private mutating func round() {
    v0 &+= v1
    v1 = v1 << 13 | v1 >> 51
    v1 ^= v0
    v0 = v0 << 32 | v0 >> 32
    v2 &+= v3
    v3 = v3 << 16 | v3 >> 48
    v3 ^= v2
    v0 &+= v3
    v3 = v3 << 21 | v3 >> 43
    v3 ^= v0
    v2 &+= v1
    v1 = v1 << 17 | v1 >> 47
    v1 ^= v2
    v2 = v2 << 32 | v2 >> 32
  }
}
