// The buffer: every append at the room it needs and with one byte less, every index at its ends.

import Bytes
import Testing

/// The unread bytes as text.
func text(_ buffer: borrowing ByteBuffer) -> String { String(lossy: buffer.readable) }

@Suite struct ByteBufferTests {
  struct Append: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let want: String
    let run: @Sendable (inout ByteBuffer) -> Void
    init(_ name: String, _ want: String, _ run: @escaping @Sendable (inout ByteBuffer) -> Void) {
      testDescription = name
      self.want = want
      self.run = run
    }
  }

  static let appends: [Append] = [
    Append("byte", "x") { $0.append(UInt8(ascii: "x")) },
    Append("literal", "literal") { $0.append("literal") },
    Append("text", "tëxt") { $0.append(text: "tëxt") },
    Append("array", "abc") { $0.append([97, 98, 99]) },
    Append("span", "abc") { $0.append([UInt8]([97, 98, 99]).span) },
    Append("range of a span", "bc") { $0.append([97, 98, 99, 100].span, ByteRange(1, 3)) },
    Append("zero", "0") { $0.append(decimal: 0) },
    Append("digits", "1234567890") { $0.append(decimal: 1_234_567_890) },
    Append("negative", "-7") { $0.append(decimal: -7) },
    Append("largest", "9223372036854775807") { $0.append(decimal: .max) },
    Append("smallest", "-9223372036854775808") { $0.append(decimal: .min) },
    Append("hexadecimal zero", "0") { $0.append(hexadecimal: 0) },
    Append("hexadecimal", "dead0beef") { $0.append(hexadecimal: 0xd_ead0_beef) },
    Append("hexadecimal largest", "ffffffffffffffff") { $0.append(hexadecimal: .max) },
    Append("hexadecimal wide", "000a") { $0.append(hexadecimal: 10, width: 4) },
    Append("hexadecimal wider than asked", "12345") { $0.append(hexadecimal: 0x12345, width: 2) },
    Append("all hexadecimal digits", "000000000123abcf") {
      $0.append(allHexadecimalDigitsOf: 0x123_abcf)
    },
    Append("all hexadecimal digits of the largest", "ffffffffffffffff") {
      $0.append(allHexadecimalDigitsOf: .max)
    },
    Append("ten", "10") { $0.append(decimal: 10) },
    Append("nine", "9") { $0.append(decimal: 9) },
    Append("hexadecimal full width", "00000000000000ff") { $0.append(hexadecimal: 255, width: 16) },
  ]

  @Test(arguments: appends)
  func fitsExactlyOrNotAtAll(_ row: Append) {
    let size = row.want.utf8.count
    var exact = ByteBuffer(capacity: size)
    row.run(&exact)
    #expect(text(exact) == row.want)
    #expect(exact.overflowed == false)
    #expect(exact.writableCount == 0)

    // Behind other bytes, with one byte too little: those stay, nothing is added.
    var short = ByteBuffer(capacity: size + 1)
    short.append("ab")
    row.run(&short)
    #expect(text(short) == "ab")
    #expect(short.overflowed == true)

    var none = ByteBuffer()
    row.run(&none)
    #expect(none.overflowed == true)
    #expect(none.readableCount == 0)
  }

  @Test func overflowStaysUntilItIsTakenBack() {
    var buffer = ByteBuffer(capacity: 3)
    buffer.append("four")
    buffer.append("abc")
    #expect(text(buffer) == "abc", "what fits later is still written")
    #expect(buffer.overflowed == true)
    buffer.clearOverflow()
    #expect(buffer.overflowed == false)
    buffer.append("d")
    #expect(buffer.overflowed == true)
    buffer.clear()
    #expect(buffer.overflowed == false)
    #expect(buffer.readableCount == 0)
    #expect(buffer.capacity == 3)
  }

  @Test func nothingFitsIntoNothingButNothing() {
    var buffer = ByteBuffer()
    buffer.append([UInt8]())
    buffer.append([UInt8]().span)
    buffer.append("")
    buffer.append(text: "")
    #expect(buffer.overflowed == false)
    #expect(buffer.hasStorage == false)
    #expect(text(buffer) == "")
    buffer.consume(5)
    buffer.compact()
    buffer.rewind(to: 5)
    #expect(buffer.readableCount == 0)
  }

  @Test(arguments: [(-1, "abcdef"), (0, "abcdef"), (2, "cdef"), (6, ""), (7, ""), (Int.max, "")])
  func consumesNoMoreThanThereIs(_ count: Int, _ left: String) {
    var buffer = ByteBuffer(capacity: 8)
    buffer.append("abcdef")
    buffer.consume(count)
    #expect(text(buffer) == left)
    #expect(buffer.writerIndex == 6)
    let all = String(lossy: buffer.written)
    #expect(all == "abcdef", "consumed bytes can still be looked at")
  }

  @Test(arguments: [(-1, "abcdef"), (0, "abcdef"), (4, "ef"), (6, ""), (7, "")])
  func movesTheReaderWithinWhatWasWritten(_ offset: Int, _ left: String) {
    var buffer = ByteBuffer(capacity: 8)
    buffer.append("abcdef")
    buffer.consume(3)
    buffer.moveReader(to: offset)
    #expect(text(buffer) == left)
  }

  @Test(arguments: [
    (-1, "", 0), (0, "", 0), (1, "", 1), (4, "cd", 4), (6, "cdef", 6), (9, "cdef", 6),
  ])
  func forgetsWhatIsBehindAnOffset(_ offset: Int, _ left: String, _ writer: Int) {
    var buffer = ByteBuffer(capacity: 8)
    buffer.append("abcdef")
    buffer.consume(2)
    buffer.rewind(to: offset)
    #expect(text(buffer) == left)
    #expect(buffer.writerIndex == writer)
  }

  @Test(arguments: [
    (0, "efgh", 0), (-3, "efgh", 0), (2, "abefgh", 2), (4, "abcdefgh", 4), (99, "abcdefgh", 4),
  ])
  func makesRoomBehindWhatIsPinned(_ floor: Int, _ written: String, _ reader: Int) {
    var buffer = ByteBuffer(capacity: 8)
    buffer.append("abcdefgh")
    buffer.consume(4)
    buffer.compact(keeping: floor)
    let all = String(lossy: buffer.written)
    #expect(all == written)
    #expect(text(buffer) == "efgh")
    #expect(buffer.readerIndex == reader)
    #expect(buffer.writableCount == 8 - written.utf8.count)
  }

  @Test func writingThroughTheDoorIsCounted() {
    var buffer = ByteBuffer(capacity: 4)
    buffer.append("a")
    // The room has three bytes; two are written.
    let room = unsafe buffer.withUnsafeWritableBytes { room in
      unsafe room.storeBytes(of: UInt8(ascii: "b"), toByteOffset: 0, as: UInt8.self)
      unsafe room.storeBytes(of: UInt8(ascii: "c"), toByteOffset: 1, as: UInt8.self)
      return (written: 2, result: room.count)
    }
    #expect(room == 3)
    #expect(text(buffer) == "abc")
  }

  @Test func claimingMoreThanTheRoomStopsTheProcess() async {
    await #expect(processExitsWith: .failure) {
      var buffer = ByteBuffer(capacity: 4)
      unsafe buffer.withUnsafeWritableBytes { _ in (written: 5, result: ()) }
    }
  }

  // MARK: Blocks of a pool

  @Test func anIdleBufferHoldsNoBlock() {
    let pool = BufferPool(blockBytes: 16, keptMaximum: 1)
    var first = ByteBuffer()
    var second = ByteBuffer()
    first.acquire(from: pool)
    first.acquire(from: pool)
    second.acquire(from: pool)
    #expect(pool.lent == 2, "a buffer takes one block")
    first.append("sixteen bytes ..")
    #expect(first.overflowed == false)
    first.append("x")
    #expect(first.overflowed == true)
    first.release(to: pool)
    first.release(to: pool)
    #expect(pool.lent == 1)
    #expect(first.hasStorage == false)
    #expect(first.overflowed == false)
    second.release(to: pool)
    #expect(pool.lent == 0, "and the one beyond what is kept is freed")
    second.acquire(from: pool)
    #expect(second.readableCount == 0)
    #expect(second.capacity == 16)
    second.release(to: pool)
  }

  @Test func manyBlocksAreApartAndAreUsedAgain() {
    // More than a slab, of a size that is no whole number of pages.
    let pool = BufferPool(blockBytes: 5000, keptMaximum: 3)
    for round in 0..<3 {
      let holders = (0..<150).map { _ in Holder() }
      for (number, holder) in holders.enumerated() {
        holder.buffer.acquire(from: pool)
        for _ in 0..<625 { holder.buffer.append(hexadecimal: UInt64(number + round), width: 8) }
      }
      #expect(pool.lent == 150)
      for (number, holder) in holders.enumerated() {
        #expect(holder.isFilled(with: UInt64(number + round)))
        holder.buffer.release(to: pool)
      }
      #expect(pool.lent == 0)
    }
  }

  private final class Holder {
    var buffer = ByteBuffer()

    func isFilled(with number: UInt64) -> Bool {
      var wanted = ByteBuffer(capacity: 8)
      wanted.append(hexadecimal: number, width: 8)
      guard buffer.readableCount == 5000, !buffer.overflowed else { return false }
      for start in stride(from: 0, to: 5000, by: 8)
      where !buffer.written.slice(from: start, to: start + 8).equals(wanted.readable) {
        return false
      }
      return true
    }
  }

  @Test func aBlockOfAnotherSizeStopsTheProcess() async {
    await #expect(processExitsWith: .failure) {
      let pool = BufferPool(blockBytes: 16, keptMaximum: 1)
      let other = BufferPool(blockBytes: 32, keptMaximum: 1)
      var buffer = ByteBuffer()
      buffer.acquire(from: pool)
      buffer.release(to: other)
    }
  }
}
