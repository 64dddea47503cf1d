// The lock-free table: growth over segments, a full table, vacated rows, and readers in other threads.

import Bytes
import Dispatch
import Synchronization
import Testing

@Suite struct GrowingAtomicRowsTests {
  /// Keys that spread like hashes.
  private func key(_ number: Int) -> Hash128 {
    var hash = SipHash128(SipKey(1, 2))
    hash.combine(UInt64(number))
    return hash.finish()
  }

  @Test func findsWhatWasSetAndNothingElse() {
    let table = GrowingAtomicRows(firstSegmentRows: 16, rowsMaximum: 100)
    #expect(table.find(key(1)) == nil)
    #expect(!table.vacate(key(1)))
    #expect(table.set(key(1), first: 10, second: 11))
    #expect(table.find(key(1)) ?? (0, 0) == (10, 11))
    #expect(table.find(key(2)) == nil)
    #expect(table.set(key(1), first: 20, second: 21), "again")
    #expect(table.find(key(1)) ?? (0, 0) == (20, 21))
    #expect(table.count == 1)
  }

  @Test func keysThatDifferInOneHalfAreDifferent() {
    let table = GrowingAtomicRows(firstSegmentRows: 16, rowsMaximum: 100)
    // All of them begin their probe chain in the same row.
    let keys = [
      Hash128(high: 0, low: 7), Hash128(high: 16, low: 7), Hash128(high: 0, low: 8),
      Hash128(high: 16, low: 8), Hash128(high: 1 << 63, low: 7),
    ]
    for (index, key) in keys.enumerated() {
      #expect(table.set(key, first: UInt64(index) + 1, second: 0))
    }
    for (index, key) in keys.enumerated() { #expect(table.find(key)?.first == UInt64(index) + 1) }
    #expect(table.find(Hash128(high: 32, low: 7)) == nil)
  }

  @Test func theFreeMarkIsAKeyLikeAnyOther() {
    let table = GrowingAtomicRows(firstSegmentRows: 16, rowsMaximum: 100)
    let zero = Hash128(high: 0, low: 0)
    #expect(table.find(zero) == nil)
    #expect(table.set(zero, first: 5, second: 6))
    #expect(table.find(zero) ?? (0, 0) == (5, 6))
    #expect(table.vacate(zero))
    #expect(table.find(zero) == nil)
  }

  @Test func growsSegmentBySegmentAndFindsEverything() {
    let table = GrowingAtomicRows(firstSegmentRows: 16, rowsMaximum: 10_000)
    for number in 0..<5_000 {
      #expect(table.set(key(number), first: UInt64(number) + 1, second: ~UInt64(number)))
    }
    #expect(table.count == 5_000)
    for number in 0..<5_000 {
      #expect(table.find(key(number)) ?? (0, 0) == (UInt64(number) + 1, ~UInt64(number)))
    }
    for number in 5_000..<6_000 { #expect(table.find(key(number)) == nil) }
    // Updating finds keys in old segments too, and adds none.
    for number in stride(from: 0, to: 5_000, by: 7) {
      #expect(table.set(key(number), first: 1, second: 2))
    }
    #expect(table.count == 5_000)
    #expect(table.find(key(0)) ?? (0, 0) == (1, 2))
    var seen = 0
    table.forEach { _, first, _ in seen += first > 0 ? 1 : 0 }
    #expect(seen == 5_000)
  }

  @Test func tellsWhenAnotherSegmentWouldOpen() {
    let table = GrowingAtomicRows(firstSegmentRows: 16, rowsMaximum: 1_000)
    #expect(table.wouldOpenSegment(number: 1))
    #expect(!table.wouldOpenSegment(number: 2))
    // Three quarters of 16 rows, then of 16 + 32.
    for number in 0..<12 { #expect(table.set(key(number), first: 1, second: 0)) }
    #expect(table.wouldOpenSegment(number: 2))
    #expect(table.set(key(12), first: 1, second: 0))
    #expect(!table.wouldOpenSegment(number: 2))
    #expect(!table.wouldOpenSegment(number: 3))
    for number in 13..<36 { #expect(table.set(key(number), first: 1, second: 0)) }
    #expect(table.wouldOpenSegment(number: 3))
  }

  @Test func aFullTableRefusesNewKeysAndEvictsNothing() {
    let table = GrowingAtomicRows(firstSegmentRows: 16, rowsMaximum: 40)
    for number in 0..<40 { #expect(table.set(key(number), first: 1, second: 0)) }
    #expect(!table.set(key(40), first: 1, second: 0), "one past the limit")
    #expect(table.count == 40)
    for number in 0..<40 { #expect(table.find(key(number)) != nil) }
    #expect(table.find(key(40)) == nil)
    #expect(table.set(key(0), first: 2, second: 0), "a known key still takes a new value")
    #expect(table.vacate(key(1)))
    #expect(!table.set(key(40), first: 1, second: 0), "a vacated row stays its key's")
    #expect(table.set(key(1), first: 3, second: 0))
  }

  @Test func aVacatedKeyIsGoneAndThoseBehindItStay() {
    let table = GrowingAtomicRows(firstSegmentRows: 16, rowsMaximum: 100)
    // One probe chain through all of them.
    let keys = (0..<10).map { Hash128(high: UInt64($0) * 16, low: UInt64($0) + 1) }
    for key in keys { #expect(table.set(key, first: 9, second: 9)) }
    #expect(table.vacate(keys[3]))
    #expect(!table.vacate(keys[3]), "once")
    #expect(table.find(keys[3]) == nil)
    for (index, key) in keys.enumerated() where index != 3 { #expect(table.find(key) != nil) }
    var live = 0
    table.forEach { _, _, _ in live += 1 }
    #expect(live == 9)
    #expect(table.count == 10)
  }

  @Test func aZeroValueStopsTheProcess() async {
    await #expect(processExitsWith: .failure) {
      _ = GrowingAtomicRows(firstSegmentRows: 16, rowsMaximum: 16)
        .set(Hash128(high: 1, low: 1), first: 0, second: 0)
    }
  }

  @Test func readersSeeWholeRowsWhileTheTableGrows() {
    let total = 20_000
    let table = GrowingAtomicRows(firstSegmentRows: 16, rowsMaximum: total)
    /// Keys below this number have been set.
    final class Progress: Sendable { let published = Atomic<Int>(0) }
    let progress = Progress()
    let faults = Atomic<Int>(0)
    let keys = (0..<total).map { key($0) }

    @Sendable func write() {
      for number in 0..<total {
        _ = table.set(keys[number], first: UInt64(number) + 1, second: ~UInt64(number))
        progress.published.store(number + 1, ordering: .releasing)
      }
    }

    /// What was published is found, with the value of its key; what was not is absent or whole.
    @Sendable func read(_ number: Int, known: Int) -> Bool {
      guard let (first, second) = table.find(keys[number]) else { return number >= known }
      return first == UInt64(number) + 1 && second == ~UInt64(number)
    }

    // The writer comes first, so that it runs even where there is one processor only.
    DispatchQueue.concurrentPerform(iterations: 3) { part in
      if part == 0 { return write() }
      var step = part
      var known = 0
      while known < total {
        known = progress.published.load(ordering: .acquiring)
        let numbers = [max(known - 1, 0), step % max(known, 1), min(known + step % 3, total - 1)]
        for number in numbers where !read(number, known: known) {
          faults.add(1, ordering: .relaxed)
        }
        step &+= 7
      }
    }
    #expect(faults.load(ordering: .relaxed) == 0)
    #expect(table.count == total)
  }
}
