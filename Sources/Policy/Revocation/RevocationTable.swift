// All revocations, readable by every worker without a lock (DESIGN §5.5).
//
// The control loop writes, workers read on every authenticated request. Rows lie in lock-free
// segments (`GrowingAtomicRows`) in which a row is never given to another key, because a reader may be
// between its key and its value; left alone, such a table would fill up over months with the keys of
// tokens long expired. Therefore the rows are kept in a *generation*:
//
//     table ── current generation (an object) ── segments of rows
//                    ▲             ▲
//               reader A        reader B        each holds the generation it last saw
//
// When too many rows are dead or the newest segment is the third, the writer copies the live rows into
// a new generation of the right size, publishes it under a lock and raises a number. A reader compares
// that number on each request (one relaxed-cost atomic load) and, when it has changed, takes the lock
// once and adopts the new object. Reference counting frees the old generation when the last reader has
// let go of it: no reader ever touches freed memory, no grace period has to be guessed. Until a
// reader's next request it holds the old generation, so there are at most workers + 1 of them.
//
// A reader that was inside the old generation when the new one was published misses only what is
// written after the publication, that is, what is concurrent with its request.

import Bytes
import Synchronization
import Tokens

/// The shared blocklist: one writer (the control loop), any number of readers.
public final class RevocationTable: Sendable {
  /// Live entries by default: some 300 MB of rows at the most, none of it before it is used.
  public static let entriesDefault = 4_000_000
  /// Rows of the smallest generation.
  private static let firstRowsMinimum = 1024

  private let entriesMaximum: Int
  private let key = SipKey.random()
  private let current: Mutex<GrowingAtomicRows>
  /// Raised after `current` changes.
  private let generation = Atomic<Int>(1)
  /// Live entries that aren't about one token: while there are none, readers look up one row.
  private let sweeping = Atomic<Int>(0)
  private let live = Atomic<Int>(0)
  /// When a full table was last searched for expired entries; written by the writer only.
  private let searched = Atomic<Int>(.min)
  /// A full table is searched at most this often, in seconds: the search walks all of it.
  private static let searchPause = 60

  /// Makes an empty table for at most `entriesMaximum` entries, keyed with a fresh random key.
  public init(entriesMaximum: Int = RevocationTable.entriesDefault) {
    self.entriesMaximum = entriesMaximum
    current = Mutex(Self.makeRows(for: 0))
  }

  /// Number of entries, expired ones that were not purged yet included. Any thread.
  public var count: Int { live.load(ordering: .relaxed) }

  // MARK: Keys

  /// The key under which values of a kind and realm are hashed: derived, so that the same text in two
  /// realms or kinds gives unrelated rows.
  func key(_ kind: RevocationKind, realm: String) -> SipKey {
    var hash = SipHash128(key)
    hash.combine(kind.rawValue)
    hash.combine(text: realm)
    let derived = hash.finish()
    return SipKey(derived.high, derived.low)
  }

  /// The row of "everyone" in a realm.
  func everyoneRow(realm: String) -> Hash128 {
    SipHash128(key(.everyone, realm: realm)).finish()
  }

  /// The row of an entry, nil when its value isn't one (a token id of no known form).
  private func row(_ kind: RevocationKind, realm: String, value: String) -> Hash128? {
    let key = key(kind, realm: realm)
    switch kind {
    case .everyone: return everyoneRow(realm: realm)
    case .subject: return TokenIdentifier.hash(subject: Array(value.utf8).span, key)
    case .token, .spent: return TokenIdentifier.hash(text: value, key)
    case .session:
      var hash = SipHash128(key)
      hash.combine(text: value)
      return hash.finish()
    }
  }

  // MARK: Writing

  /// Applies `entry` in every worker. False when the table is full of live entries, or the entry's
  /// value is not one. Writer only.
  ///
  /// Entries only ever grow: a second entry for the same row keeps the later expiry and time.
  public func apply(_ entry: RevocationEntry, nowSeconds: Int64) -> Bool {
    guard let row = row(entry.kind, realm: entry.realm, value: entry.value) else { return false }
    // An entry that is over already would only take a row.
    guard entry.expiry > nowSeconds else { return true }
    let rows = rows()
    let known = rows.find(row)
    let expiry = max(UInt64(entry.expiry), known?.first ?? 0)
    let time = max(Self.word(entry.kind, entry.time), known?.second ?? 0)
    if known == nil {
      guard makeRoom(nowSeconds: nowSeconds) else { return false }
    }
    guard self.rows().set(row, first: expiry, second: time) else { return false }
    if known == nil {
      live.add(1, ordering: .relaxed)
      // After the row: a reader that sees the count sees the row.
      if entry.kind.sweeps { sweeping.add(1, ordering: .releasing) }
    }
    return true
  }

  /// Takes a revocation back; false when there was none. Writer only.
  public func lift(
    kind: RevocationKind, realm: String, value: String, nowSeconds: Int64
  ) -> Bool {
    guard let row = row(kind, realm: realm, value: value), rows().vacate(row) else { return false }
    live.subtract(1, ordering: .relaxed)
    if kind.sweeps { sweeping.subtract(1, ordering: .relaxed) }
    return true
  }

  /// Forgets expired entries if they are worth the copying: at least a quarter of the rows. Writer
  /// only; walks the table, so it belongs on a timer of minutes.
  public func purge(nowSeconds: Int64) {
    let rows = rows()
    var alive = 0
    rows.forEach { _, expiry, _ in
      if expiry > UInt64(max(nowSeconds, 0)) { alive += 1 }
    }
    if rows.count - alive > rows.count / 4 { rebuild(rows, nowSeconds: nowSeconds) }
  }

  /// Makes sure that another key fits, forgetting expired entries or joining segments if need be.
  private func makeRoom(nowSeconds: Int64) -> Bool {
    let rows = rows()
    if rows.count >= entriesMaximum {
      let last = searched.load(ordering: .relaxed)
      let now = Int(clamping: nowSeconds)
      if last != .min, now >= last, now < last + Self.searchPause { return false }
      searched.store(now, ordering: .relaxed)
      rebuild(rows, nowSeconds: nowSeconds)
    } else if rows.wouldOpenSegment(number: 3) {
      // A third segment means one more probe on every lookup: copy into one.
      rebuild(rows, nowSeconds: nowSeconds)
    }
    return self.rows().count < entriesMaximum
  }

  private func rebuild(_ old: GrowingAtomicRows, nowSeconds: Int64) {
    let now = UInt64(max(nowSeconds, 0))
    var alive = 0
    var sweepingAlive = 0
    old.forEach { _, expiry, word in
      guard expiry > now else { return }
      alive += 1
      if Self.sweeps(word) { sweepingAlive += 1 }
    }
    let new = Self.makeRows(for: alive)
    var copied = true
    old.forEach { key, expiry, word in
      if expiry > now { copied = new.set(key, first: expiry, second: word) && copied }
    }
    // Sized for what it takes; if it did not fit all the same, the old one stays.
    guard copied else { return }
    current.withLock { $0 = new }
    generation.add(1, ordering: .releasing)
    live.store(alive, ordering: .relaxed)
    sweeping.store(sweepingAlive, ordering: .releasing)
  }

  /// Rows of which `count` fill at most half of the first segment.
  private static func makeRows(for count: Int) -> GrowingAtomicRows {
    var size = firstRowsMinimum
    while size < count * 2 { size *= 2 }
    return GrowingAtomicRows(firstSegmentRows: size, rowsMaximum: .max)
  }

  private func rows() -> GrowingAtomicRows { current.withLock { $0 } }

  /// The second word of a row: the kind in the upper byte, the time below it. Times before 1970 are
  /// 1970, and those beyond the year 2 billion are that.
  private static func word(_ kind: RevocationKind, _ time: Int64) -> UInt64 {
    UInt64(kind.rawValue) << 56 | UInt64(min(max(time, 0), timeMaximum))
  }

  private static let timeMaximum: Int64 = 1 << 56 - 1

  private static func time(ofWord word: UInt64) -> Int64 {
    Int64(truncatingIfNeeded: word & UInt64(timeMaximum))
  }

  private static func sweeps(_ word: UInt64) -> Bool {
    RevocationKind(rawValue: UInt8(truncatingIfNeeded: word >> 56))?.sweeps ?? false
  }

  // MARK: Reading

  /// The number that `Reader` compares.
  fileprivate var generationNumber: Int { generation.load(ordering: .acquiring) }

  fileprivate var hasSweepingEntries: Bool { sweeping.load(ordering: .acquiring) > 0 }

  /// One worker's view of the table. Loop only.
  final class Reader {
    /// Counting a reference to the rows themselves would put a cache line that all workers write
    /// under every request; this object is the worker's own.
    private final class View {
      let rows: GrowingAtomicRows
      init(_ rows: GrowingAtomicRows) { self.rows = rows }
    }

    private let table: RevocationTable
    private var seen = 0
    private var view: View

    init(_ table: RevocationTable) {
      self.table = table
      view = View(table.rows())
    }

    /// Adopts the current generation if it has changed.
    func refresh() {
      let number = table.generationNumber
      guard number != seen else { return }
      view = View(table.rows())
      seen = number
    }

    /// True while some entry is about more than one token.
    var hasSweepingEntries: Bool { table.hasSweepingEntries }

    /// True when `row` stands and has not expired.
    func contains(_ row: Hash128, nowSeconds: Int64) -> Bool {
      guard let found = view.rows.find(row) else { return false }
      return found.first > UInt64(max(nowSeconds, 0))
    }

    /// True when a token of this subject and issue time is among those that an entry about a subject
    /// or everyone means. A token of unknown issue time is older than any T.
    func sweeps(
      subject: Hash128?, everyone: Hash128, issuedAt: Int64, nowSeconds: Int64
    ) -> Bool {
      if let subject, let time = time(subject, nowSeconds: nowSeconds), issuedAt <= time {
        return true
      }
      if let time = time(everyone, nowSeconds: nowSeconds) { return issuedAt <= time }
      return false
    }

    /// The time of the entry at `row`, nil when there is none or it has expired.
    func time(_ row: Hash128, nowSeconds: Int64) -> Int64? {
      guard let found = view.rows.find(row), found.first > UInt64(max(nowSeconds, 0)) else {
        return nil
      }
      return RevocationTable.time(ofWord: found.second)
    }
  }
}

extension RevocationKind {
  /// True for kinds that are about every token issued up to a time.
  var sweeps: Bool {
    switch self {
    case .subject, .everyone: true
    case .token, .session, .spent: false
    }
  }
}
