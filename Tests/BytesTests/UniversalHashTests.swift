import Testing

@testable import Bytes

/// The hash against its own definition, written down without any haste, and what it must tell apart.
@Suite struct UniversalHashTests {
  static let inner = SipKey(1, 2)
  static let outer = SipKey(3, 4)
  static let hash = UniversalHash(inner, outer, byteCountMaximum: 100)

  static func text(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 200) }
  }

  /// NH in two lanes over little-endian words, the second with the key shifted by two, in SipHash.
  static func plain(_ text: [UInt8]) -> Hash128 {
    var key: [UInt64] = []
    for index in 0..<20 {
      var words = SipHash128(inner)
      words.combine(UInt64(index))
      let pair = words.finish()
      key += [pair.high, pair.low]
    }
    let filled = text + [UInt8](repeating: 0, count: (16 - text.count % 16) % 16)
    let words = stride(from: 0, to: filled.count, by: 8).map { start in
      filled[start..<(start + 8)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }
    var end = SipHash128(outer)
    end.combine(UInt64(text.count))
    for shift in [0, 2] {
      var sum = UInt128(0)
      for index in stride(from: 0, to: words.count, by: 2) {
        sum &+=
          UInt128(words[index] &+ key[index + shift])
          * UInt128(words[index + 1] &+ key[index + 1 + shift])
      }
      end.combine(UInt64(truncatingIfNeeded: sum))
      end.combine(UInt64(truncatingIfNeeded: sum >> 64))
    }
    return end.finish()
  }

  @Test func isWhatItsDefinitionSays() {
    for count in 0...100 {
      let text = Self.text(count)
      let got = Self.hash.hash(text.span)
      #expect(got == Self.plain(text), "\(count) bytes")
    }
  }

  @Test func tellsEveryBitAndEveryLengthApart() {
    var seen = Set<Hash128>()
    var count = 0
    for length in [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 99, 100] {
      let whole = Self.text(length)
      seen.insert(Self.hash.hash(whole.span))
      // Zeros at the end are what the last pair is filled up with.
      count += 1
      if length < 100 {
        let longer = Self.text(length) + [0]
        seen.insert(Self.hash.hash(longer.span))
        count += 1
      }
      for bit in 0..<(length * 8) {
        var text = whole
        text[bit / 8] ^= 1 << UInt8(bit % 8)
        seen.insert(Self.hash.hash(text.span))
        count += 1
      }
    }
    #expect(seen.count == count)
  }

  @Test func everyKeyMakesAnotherHash() {
    let text = Self.text(50)
    let hashes = [
      Self.hash, UniversalHash(SipKey(1, 3), Self.outer, byteCountMaximum: 100),
      UniversalHash(Self.inner, SipKey(3, 5), byteCountMaximum: 100),
      UniversalHash.random(byteCountMaximum: 100), UniversalHash.random(byteCountMaximum: 100),
    ].map { $0.hash(text.span) }
    #expect(Set(hashes).count == hashes.count)
  }

  @Test func takesTextsUpToItsBound() async {
    for bound in [0, 1, 15, 16, 17, 8192] {
      let hash = UniversalHash.random(byteCountMaximum: bound)
      let text = Self.text(bound)
      let one = hash.hash(text.span)
      let two = hash.hash(text.span)
      #expect(one == two)
    }
    await #expect(processExitsWith: .failure) {
      let text = [UInt8](repeating: 1, count: 17)
      _ = UniversalHash.random(byteCountMaximum: 16).hash(text.span)
    }
  }
}
