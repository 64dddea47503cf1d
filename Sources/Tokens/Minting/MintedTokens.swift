// A worker's memory of the tokens that it minted, so that a token costs one signature in most of a
// minute and not one a request.
//
//     block:     | token token token …      |
//     the other: | token token …            |
//
// A row says where a minted token lies. Tokens are appended to one block; when it is full, the other
// one, whose tokens are the oldest, is emptied and taken instead, and rows that point into what was
// there are found out by the block's turn. So the bytes are bounded without any list of free room,
// and what goes first is what was minted first.
//
// What is remembered depends on the original's bytes (the verifier's keyed hash of them), on both realms
// as they were (a realm that is made anew has another serial), and on the use. It says nothing about the
// original's right to pass: that is judged for each request before anybody asks here.
//
// 8192 rows of 48 bytes (`RowSets`) and two blocks of 2 MiB, made when the first token is minted. One worker.

import Bytes

/// Minted tokens by their originals.
final class MintedTokens {
  static let setCount = 1024
  /// Most tokens that are remembered.
  static let tokenCountMaximum = RowSets.wayCount * setCount
  /// Bytes of one of the two blocks.
  static let blockBytes = 2 << 20

  private struct Row {
    var high: UInt64 = 0
    var low: UInt64 = 0
    /// First second at which the token is no longer handed out; a row that was never used has none.
    var end = Int64.min
    var sourceSerial: UInt32 = 0
    var targetSerial: UInt32 = 0
    /// Which turn of a block holds the token.
    var turn: UInt32 = 0
    var offset: UInt32 = 0
    var count: UInt32 = 0
    var use: UInt8 = 0
  }

  private var rows = [Row](repeating: Row(), count: tokenCountMaximum)
  private var current = ByteBuffer(capacity: blockBytes)
  private var other = ByteBuffer(capacity: blockBytes)
  /// Turn of the current block; the other one holds the turn before.
  private var turn: UInt32 = 1

  /// Appends the token that was minted from an original, if it is still handed out.
  func append(
    _ token: Hash128, source: UInt32, target: UInt32, _ use: MintedUse, nowSeconds: Int64,
    to output: inout ByteBuffer
  ) -> Bool {
    for index in RowSets.rows(of: token, setCount: Self.setCount)
    where rows[index].low == token.low && rows[index].high == token.high {
      let row = rows[index]
      guard row.targetSerial == target, row.sourceSerial == source, row.use == use.rawValue,
        nowSeconds < row.end, turn &- row.turn < 2
      else { continue }
      let range = ByteRange(Int(row.offset), Int(row.offset) + Int(row.count))
      if row.turn == turn {
        Self.copy(range, of: current, to: &output)
      } else {
        Self.copy(range, of: other, to: &output)
      }
      return true
    }
    return false
  }

  /// Remembers a minted token until `end`, in place of one that is over or is over first. A token that
  /// is larger than a block isn't remembered.
  func remember(
    _ minted: borrowing ByteBuffer, for token: Hash128, source: UInt32, target: UInt32,
    _ use: MintedUse, end: Int64, nowSeconds: Int64
  ) {
    let count = minted.readableCount
    guard count <= Self.blockBytes else { return }
    if current.writableCount < count { turnOver() }
    let offset = current.writerIndex
    current.append(minted.readable)
    let victim = RowSets.victim(
      RowSets.rows(of: token, setCount: Self.setCount), nowSeconds: nowSeconds
    ) { turn &- rows[$0].turn < 2 ? rows[$0].end : .min }
    rows[victim] = Row(
      high: token.high, low: token.low, end: end, sourceSerial: source, targetSerial: target,
      turn: turn, offset: UInt32(clamping: offset), count: UInt32(clamping: count),
      use: use.rawValue)
  }

  /// Number of tokens that are handed out, and of the bytes that blocks hold: tests.
  func measure(nowSeconds: Int64) -> (tokens: Int, bytes: Int) {
    let living = rows.count { $0.end > nowSeconds && turn &- $0.turn < 2 }
    return (living, current.writerIndex + other.writerIndex)
  }

  private func turnOver() {
    swap(&current, &other)
    current.clear()
    // After four thousand million turns an old row could be taken for a new one: all are dropped.
    let (next, isOver) = turn.addingReportingOverflow(1)
    turn = next
    if isOver {
      rows = [Row](repeating: Row(), count: Self.tokenCountMaximum)
      other.clear()
      turn = 1
    }
  }

  private static func copy(
    _ range: ByteRange, of block: borrowing ByteBuffer, to output: inout ByteBuffer
  ) {
    output.append(block.written, range)
  }
}
