import Bytes
import Testing

/// The functions that read eight bytes at a time must agree with a byte loop at every length and
/// alignment.
@Suite struct WordAtATimeTests {
  static let sample = (0..<64).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }

  @Test func findsTheFirstByteWhereverItIs() {
    for count in 0...40 {
      for place in 0..<count {
        // Neighbours that differ in one bit and the borrow's favourite, 0x80 and 0x01 off.
        for filler in [UInt8(0), 0x2F, 0x2D, 0xAE, 0xFF] {
          var bytes = [UInt8](repeating: filler, count: count)
          bytes[place] = 0x2E
          if place + 1 < count { bytes[place + 1] = 0x2E }
          #expect(first(0x2E, bytes) == place)
          #expect(first(0x2E, bytes, from: place) == place)
          #expect(first(0x2E, bytes, from: place + 1) == (place + 1 < count ? place + 1 : nil))
          #expect(first(0x41, bytes) == nil)
        }
      }
      #expect(first(0x2E, [UInt8](repeating: 0x2F, count: count)) == nil)
    }
    #expect(first(0x2E, [0x2E], from: 99) == nil && first(0x2E, [0x2E], from: -5) == 0)
  }

  /// Every byte in every place, alone and beside each kind of neighbour.
  @Test func knowsPrintablesInEveryPlace() {
    for neighbour in [UInt8(0x20), 0x41, 0x7e] {
      for place in 0..<32 {
        for byte in UInt8.min...UInt8.max {
          var bytes = [UInt8](repeating: neighbour, count: 34)
          bytes[place + 1] = byte
          let found = bytes.span.hasOnlyPrintables(at: 1)
          if found != (0x20...0x7e).contains(byte) {
            Issue.record("byte \(byte) at \(place) beside \(neighbour)")
          }
          bytes[place + 1] = neighbour
          (bytes[0], bytes[33]) = (byte, byte)
          if !bytes.span.hasOnlyPrintables(at: 1) {
            Issue.record("\(byte) outside, beside \(neighbour)")
          }
        }
      }
    }
    // Two that are none, next to each other: what one borrows or carries must not hide the other.
    for one in [UInt8(0), 0x1f, 0x7f, 0x80, 0x9f, 0xff] {
      for two in [UInt8(0), 0x1f, 0x7f, 0x80, 0x9f, 0xff] {
        var bytes = [UInt8](repeating: 0x41, count: 32)
        (bytes[3], bytes[4]) = (one, two)
        let found = bytes.span.hasOnlyPrintables(at: 0)
        #expect(!found, "\(one), \(two)")
      }
    }
  }

  @Test func comparesWherever() {
    for count in 0...40 {
      let bytes = Array(Self.sample[..<count])
      #expect(equal(bytes, bytes))
      #expect(!equal(bytes, bytes + [0]))
      for place in 0..<count {
        var other = bytes
        other[place] ^= 0x80
        #expect(!equal(bytes, other))
      }
    }
  }

  @Test func hashesTheSameInAnyPieces() {
    let key = SipKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
    for count in 0...40 {
      let bytes = Array(Self.sample[..<count])
      var single = SipHash128(key)
      for byte in bytes { single.combine(byte) }
      let want = single.finish()
      for cut in 0...count {
        var pieces = SipHash128(key)
        pieces.combine(bytes.span.slice(from: 0, to: cut))
        pieces.combine(bytes.span.slice(from: cut))
        #expect(pieces.finish() == want, "\(count) bytes cut at \(cut)")
      }
    }
  }

  /// The reference implementation's vector for 15 bytes, SipHash-2-4 with 128-bit output.
  @Test func matchesThePublishedSipHash() {
    let key = SipKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
    var empty = SipHash128(key)
    empty.combine([UInt8]().span)
    // a3817f04ba25a8e66df67214c7550293, little-endian halves.
    #expect(empty.finish() == Hash128(high: 0x9302_55c7_1472_f66d, low: 0xe6a8_25ba_047f_81a3))
  }

  private func first(_ byte: UInt8, _ bytes: [UInt8], from start: Int = 0) -> Int? {
    bytes.span.firstIndex(of: byte, from: start)
  }

  private func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.span.equals(right.span) }
}
