// Remembers, between two reads, how far a head has been searched for its end.
//
// A head nearly always arrives whole, so the parser reads at once and looks for no end first. Only
// when the bytes run out is the end searched for, from where the last search stopped, and the head
// parsed again once it is there: a client that sends byte by byte costs one look at each byte.

import Bytes

/// The search for the end of a head that arrived in parts.
struct HeadSearch {
  /// Bytes behind the head's start that are known to hold no end; 0 before the first parse.
  private var searchedCount = 0

  /// True when parsing can come to an end: at the first call, when the blank line or a line that
  /// ends wrongly has arrived, or when the bytes have reached `limit`.
  mutating func isWorthParsing(_ bytes: Span<UInt8>, from start: Int, limit: Int) -> Bool {
    guard searchedCount > 0 else { return true }
    var position = start + searchedCount
    while position < bytes.count {
      position = find(.lineFeed, in: bytes, from: position, to: bytes.count)
      guard position < bytes.count else { break }
      // A line feed that no carriage return precedes is a fault the parser will tell.
      if position == start || bytes[position - 1] != .carriageReturn { return true }
      if position - 2 > start, bytes[position - 2] == .lineFeed { return true }
      position += 1
    }
    searchedCount = max(bytes.count - start, searchedCount)
    return bytes.count >= limit
  }

  /// Notes that a parse of everything from `start` on ran out of bytes.
  mutating func ranOut(_ bytes: Span<UInt8>, from start: Int) {
    searchedCount = max(bytes.count - start, 0)
  }

  /// Notes that a parse has come to its end.
  mutating func ended() { searchedCount = 0 }
}
