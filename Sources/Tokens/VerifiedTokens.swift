// The cache of verified tokens: whose signatures held, so that a token is verified once and then costs
// about the same whatever it was signed with.
//
// What is remembered is one fact: this realm's key number so made the signature of exactly these
// bytes. Nothing that can change is (CVE-2021-32701): claims are read and judged anew for each
// request, and so are times, the key's own end, revocation and the route's rules. Only accepted
// tokens enter, so that strangers can't push others out. A realm that is made anew has another
// serial, so that no row of the old one counts, and its rows are emptied when the worker adopts it.
//
// A token is known by a keyed hash of all its bytes, 128 bits under a key drawn at start: nobody
// outside can aim for another token's row. No token is kept.
//
// Bounded: 8192 rows of 32 bytes, made when the first token is accepted. One worker.

import Bytes

/// A worker's cache of verified tokens.
final class VerifiedTokens {
  static let setCount = 1024
  /// Most tokens that are remembered.
  static let tokenCountMaximum = RowSets.wayCount * setCount

  private struct Row {
    var high: UInt64 = 0
    var low: UInt64 = 0
    /// First second at which the token is dead; a row that was never used is dead since ever.
    var expiration = Int64.min
    /// Serial of the realm; 0 is none's.
    var serial: UInt32 = 0
    var keyIndex: UInt16 = 0
  }

  private var rows = [Row](repeating: Row(), count: tokenCountMaximum)
  /// Rows that hold a token, dead or alive.
  private(set) var usedCount = 0
  private let key: UniversalHash

  /// Makes an empty cache for tokens of at most so many bytes.
  init(tokenBytesMaximum: Int) {
    key = .random(byteCountMaximum: tokenBytesMaximum)
  }

  /// The hash that stands for a token.
  func hash(_ token: Span<UInt8>) -> Hash128 { key.hash(token) }

  /// The key that made a token's signature, nil when that is not known.
  func keyIndex(_ token: Hash128, _ serial: UInt32) -> Int? {
    for index in RowSets.rows(of: token, setCount: Self.setCount)
    where rows[index].low == token.low && rows[index].high == token.high
      && rows[index].serial == serial
    {
      return Int(rows[index].keyIndex)
    }
    return nil
  }

  /// Remembers a token that was accepted, in place of one that is dead or dies first.
  func remember(
    _ token: Hash128, _ serial: UInt32, keyIndex: Int, expiration: Int64, nowSeconds: Int64
  ) {
    let victim = RowSets.victim(
      RowSets.rows(of: token, setCount: Self.setCount), nowSeconds: nowSeconds
    ) { rows[$0].expiration }
    if rows[victim].serial == 0 { usedCount += 1 }
    rows[victim] = Row(
      high: token.high, low: token.low, expiration: expiration, serial: serial,
      keyIndex: UInt16(clamping: keyIndex))
  }

  /// Empties the rows of realms that are no longer in use, when the worker has adopted others. Cold.
  func keepOnly(_ serials: [UInt32]) {
    for index in rows.indices
    where rows[index].serial != 0 && !serials.contains(rows[index].serial) {
      rows[index] = Row()
      usedCount -= 1
    }
  }

  /// Number of living tokens: tests.
  func count(nowSeconds: Int64) -> Int { rows.count { $0.expiration > nowSeconds } }
}
