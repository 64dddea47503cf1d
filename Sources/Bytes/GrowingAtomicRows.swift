// A table that one thread writes and all threads read without a lock: the core of the revocation
// table.
//
// Rows are four 64-bit words: key high, key low, two words of value. Rows live in segments; segment
// n has `firstSegmentRows << n` rows, is probed linearly, and is never moved or freed while the table
// lives, so a reader needs no lock and no count: it loads a segment's address and walks its rows.
// A row is published by storing its key's low word last with release order; a reader that sees that
// word (acquire) sees the rest. Values are two independent words and may be updated in place.
// A row whose first value word is 0 is vacated: its key stays, so that probe chains stay whole.

import Synchronization

/// Rows with a 128-bit key and two 64-bit words, for one writer and many lock-free readers.
public final class GrowingAtomicRows: Sendable {
  private static let segmentsMaximum = 24
  private static let wordsPerRow = 4

  private let firstSegmentRows: Int
  private let rowsMaximum: Int
  /// Addresses of the segments as words, 0 while absent. Written once each, by the writer.
  private let segments: InlineSegments
  /// Number of segments in use; stored with release order after the segment's address.
  private let segmentCount = Atomic<Int>(0)
  private let usedRows = Atomic<Int>(0)

  /// Makes a table that holds at most `rowsMaximum` keys. `firstSegmentRows` must be a power of two.
  public init(firstSegmentRows: Int, rowsMaximum: Int) {
    precondition(firstSegmentRows >= 16 && firstSegmentRows & (firstSegmentRows - 1) == 0)
    self.firstSegmentRows = firstSegmentRows
    self.rowsMaximum = rowsMaximum
    segments = InlineSegments()
  }

  deinit {
    for index in 0..<segmentCount.load(ordering: .acquiring) {
      unsafe segments.address(index)?.deallocate()
    }
  }

  /// Number of keys in the table, vacated ones too. Any thread.
  public var count: Int { usedRows.load(ordering: .relaxed) }

  /// True when the next new key would open another segment and there would then be `number` of them:
  /// each segment is one more probe for every lookup. The writer's thread only.
  public func wouldOpenSegment(number: Int) -> Bool {
    let count = segmentCount.load(ordering: .relaxed)
    return count + 1 >= number && isFull(count)
  }

  /// The two value words of `key`, or nil when the key is absent or vacated. Any thread.
  public func find(_ key: Hash128) -> (first: UInt64, second: UInt64)? {
    let count = segmentCount.load(ordering: .acquiring)
    var segment = 0
    while segment < count {
      if let words = unsafe segments.address(segment) {
        let row = unsafe probe(words, segment, Self.stored(key))
        if row.isFound {
          // row.index < rows(segment): words 2 and 3 of the row lie within the segment.
          let first = unsafe words[row.index * 4 + 2].load(ordering: .acquiring)
          let second = unsafe words[row.index * 4 + 3].load(ordering: .relaxed)
          return first == 0 ? nil : (first, second)
        }
      }
      segment += 1
    }
    return nil
  }

  /// Sets the value words of `key`; `first` must not be 0. False when the table is full (nothing is
  /// ever evicted). One writer at a time.
  public func set(_ key: Hash128, first: UInt64, second: UInt64) -> Bool {
    precondition(first != 0, "0 marks a vacated row")
    let key = Self.stored(key)
    let count = segmentCount.load(ordering: .relaxed)
    for segment in 0..<count {
      guard let words = unsafe segments.address(segment) else { continue }
      let row = unsafe probe(words, segment, key)
      if row.isFound {
        unsafe words[row.index * 4 + 3].store(second, ordering: .relaxed)
        unsafe words[row.index * 4 + 2].store(first, ordering: .releasing)
        return true
      }
    }
    return insert(key, first, second)
  }

  /// Vacates `key`; false when it was absent or vacated already. One writer at a time.
  public func vacate(_ key: Hash128) -> Bool {
    let key = Self.stored(key)
    for segment in 0..<segmentCount.load(ordering: .relaxed) {
      guard let words = unsafe segments.address(segment) else { continue }
      let row = unsafe probe(words, segment, key)
      if row.isFound {
        // row.index < rows(segment): word 2 of the row lies within the segment.
        return unsafe words[row.index * 4 + 2].exchange(0, ordering: .acquiringAndReleasing) != 0
      }
    }
    return false
  }

  /// Calls `body` with every live row. The writer's thread only.
  public func forEach(_ body: (Hash128, UInt64, UInt64) -> Void) {
    for segment in 0..<segmentCount.load(ordering: .relaxed) {
      guard let words = unsafe segments.address(segment) else { continue }
      for row in 0..<rows(segment) {
        let low = unsafe words[row * 4 + 1].load(ordering: .relaxed)
        let first = unsafe words[row * 4 + 2].load(ordering: .relaxed)
        guard low != 0, first != 0 else { continue }
        let high = unsafe words[row * 4].load(ordering: .relaxed)
        let second = unsafe words[row * 4 + 3].load(ordering: .relaxed)
        body(Hash128(high: high, low: low), first, second)
      }
    }
  }

  /// Low word 0 means "free", so a key that hashes to it is moved to 1: one more accidental
  /// collision in 2^64.
  private static func stored(_ key: Hash128) -> Hash128 {
    key.low == 0 ? Hash128(high: key.high, low: 1) : key
  }

  private func rows(_ segment: Int) -> Int { firstSegmentRows << segment }

  /// Walks the probe chain of `key`: its row, or the free row where it would go, or -1 when the
  /// segment has neither. At most every row is visited once.
  @unsafe
  private func probe(
    _ words: UnsafeMutablePointer<Atomic<UInt64>>, _ segment: Int, _ key: Hash128
  ) -> (index: Int, isFound: Bool) {
    let mask = rows(segment) - 1
    var index = Int(truncatingIfNeeded: key.high) & mask
    for _ in 0...mask {
      // index <= mask < rows(segment); the segment has rows * 4 words.
      let low = unsafe words[index * 4 + 1].load(ordering: .acquiring)
      if low == 0 { return (index, false) }
      if low == key.low, unsafe words[index * 4].load(ordering: .relaxed) == key.high {
        return (index, true)
      }
      index = (index + 1) & mask
    }
    return (-1, false)
  }

  /// Puts a new key into the newest segment, opening another at three quarters full. A vacated row
  /// is never given to another key: a reader may be between its key and its value.
  private func insert(_ key: Hash128, _ first: UInt64, _ second: UInt64) -> Bool {
    let used = usedRows.load(ordering: .relaxed)
    guard used < rowsMaximum else { return false }
    var count = segmentCount.load(ordering: .relaxed)
    if isFull(count) {
      guard count < Self.segmentsMaximum else { return false }
      openSegment(count)
      count += 1
    }
    guard let words = unsafe segments.address(count - 1) else { return false }
    let row = unsafe probe(words, count - 1, key)
    guard row.index >= 0 else { return false }
    unsafe words[row.index * 4].store(key.high, ordering: .relaxed)
    unsafe words[row.index * 4 + 3].store(second, ordering: .relaxed)
    unsafe words[row.index * 4 + 2].store(first, ordering: .relaxed)
    unsafe words[row.index * 4 + 1].store(key.low, ordering: .releasing)
    usedRows.store(used + 1, ordering: .relaxed)
    return true
  }

  /// True when `count` segments are three quarters full: 3/4 * first * (2^count - 1) keys.
  private func isFull(_ count: Int) -> Bool {
    usedRows.load(ordering: .relaxed) >= (firstSegmentRows * ((1 << count) - 1)) / 4 * 3
  }

  private func openSegment(_ segment: Int) {
    let wordCount = rows(segment) * Self.wordsPerRow
    let words = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: wordCount)
    for index in 0..<wordCount {
      unsafe (words + index).initialize(to: Atomic(0))
    }
    unsafe segments.publish(segment, words)
    segmentCount.store(segment + 1, ordering: .releasing)
  }
}

/// The segments' addresses, each stored once by the writer and read by all.
private struct InlineSegments: ~Copyable, Sendable {
  private let cells: InlineArray<24, Atomic<UInt>> = InlineArray { _ in Atomic(0) }

  @unsafe
  borrowing func address(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>>? {
    unsafe UnsafeMutablePointer(bitPattern: cells[index].load(ordering: .acquiring))
  }

  @unsafe
  borrowing func publish(_ index: Int, _ words: UnsafeMutablePointer<Atomic<UInt64>>) {
    cells[index].store(UInt(bitPattern: words), ordering: .releasing)
  }
}
