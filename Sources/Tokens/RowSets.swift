// Where a table of fixed size keeps what it knows by a keyed hash: the hash chooses a set of rows, and
// any row of the set may hold it.
//
//     set 0:  | row | row | row | … 8
//     set 1:  | row | row | row | …
//       ...
//
// Nothing is moved and nothing grows: what comes takes the place of what is dead or dies first. With
// eight rows a set, half as many entries as there are rows overflow one set of fifty; with four it
// would be one of twenty, whose entries push each other out at every request. The rows are their
// table's, because each has other facts.

import Bytes

/// The arithmetic of sets.
enum RowSets {
  /// Rows of a set; a lookup compares so many.
  static let wayCount = 8

  /// The rows in which a hash may be, of a table of `setCount` sets, a power of two.
  @inline(__always)
  static func rows(of hash: Hash128, setCount: Int) -> Range<Int> {
    let first = Int(truncatingIfNeeded: hash.low & UInt64(setCount - 1)) * wayCount
    return first..<(first + wayCount)
  }

  /// The row of a set that makes room: the first that is dead at `nowSeconds`, or else the one that
  /// dies first. A row is dead from the second on that `end` tells.
  @inline(__always)
  static func victim(_ rows: Range<Int>, nowSeconds: Int64, end: (Int) -> Int64) -> Int {
    var victim = rows.lowerBound
    for index in rows {
      if end(index) <= nowSeconds { return index }
      if end(index) < end(victim) { victim = index }
    }
    return victim
  }
}
