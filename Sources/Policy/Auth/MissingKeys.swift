// What a worker has lately been told about keys that no realm has, so that made-up key ids don't cost
// a message to the control loop each.
//
// It only repeats answers, and only for a moment: an unknown id for ten seconds, which the control
// loop itself would call unknown for a minute (Fetch/KeySetSchedule), and one whose set could not be
// had for one second. So a new key is kept out hardly longer than the schedule keeps it out, and what
// was 503 never becomes 401. New realms empty it.
//
// Ids are keyed hashes, so that nobody outside can aim for a row. Bounded: 256 rows of 24 bytes, made
// at the first answer. One worker.

/// A worker's memory of missing keys.
struct MissingKeys {
  /// How long an id is called unknown without asking, in nanoseconds.
  static let unknownNanoseconds: Int64 = 10_000_000_000
  /// How long nobody is asked again for an id whose set could not be had, in nanoseconds.
  static let unavailableNanoseconds: Int64 = 1_000_000_000
  /// Rows of a set; a lookup compares so many.
  static let wayCount = 4
  static let setCount = 64
  /// Most ids that are remembered.
  static let countMaximum = wayCount * setCount

  /// What was answered.
  enum Answer: UInt8 {
    /// A set fetched since the id was first seen doesn't have it.
    case unknown
    /// It would have taken a fetch, and there was none.
    case unavailable
  }

  private struct Row {
    var name: UInt64 = 0
    /// First moment at which it no longer counts.
    var end = Int64.min
    var answer = Answer.unknown
  }

  private var rows: [Row] = []

  /// What was answered about an id, nil when that is not known or too long ago.
  func answer(_ name: UInt64, now: Int64) -> Answer? {
    guard !rows.isEmpty else { return nil }
    let first = Self.firstRow(name)
    for index in first..<(first + Self.wayCount)
    where rows[index].name == name && now < rows[index].end {
      return rows[index].answer
    }
    return nil
  }

  /// Remembers an answer in place of the one that ends first.
  mutating func remember(_ name: UInt64, _ answer: Answer, now: Int64) {
    if rows.isEmpty { rows = [Row](repeating: Row(), count: Self.countMaximum) }
    let first = Self.firstRow(name)
    var victim = first
    for index in first..<(first + Self.wayCount) {
      if rows[index].name == name {
        victim = index
        break
      }
      if rows[index].end < rows[victim].end { victim = index }
    }
    let life = answer == .unknown ? Self.unknownNanoseconds : Self.unavailableNanoseconds
    rows[victim] = Row(name: name, end: now + life, answer: answer)
  }

  /// Forgets everything.
  mutating func removeAll() { rows = [] }

  private static func firstRow(_ name: UInt64) -> Int {
    Int(truncatingIfNeeded: name & UInt64(setCount - 1)) * wayCount
  }
}
