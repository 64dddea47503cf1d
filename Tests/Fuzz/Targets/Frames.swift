// WebSocket frames from a server: the same boundaries in every cut, and those that a plain reader of
// the whole input finds.

import Bytes
import HTTPWire

private struct Position: Equatable {
  var isAtBoundary = true
  var isBroken = false
  var hasSentClose = false
  /// Bytes behind the last end of a frame; not asked of a broken stream.
  var unfinishedBytes = 0

  init() {}
  init(_ tracker: ServerFrameTracker) {
    isAtBoundary = tracker.isAtBoundary
    isBroken = tracker.isBroken
    hasSentClose = tracker.hasSentClose
    unfinishedBytes = tracker.isBroken ? 0 : tracker.unfinishedBytes
  }
}

func fuzzServerFrames(_ input: Span<UInt8>) {
  var tracker = ServerFrameTracker()
  tracker.advance(input)
  let whole = Position(tracker)
  let bytes = input.copied
  check(whole == plainPosition(bytes), "\(whole), by a plain reading \(plainPosition(bytes))")
  var single = ServerFrameTracker()
  for byte in bytes { single.advance([byte].span) }
  check(Position(single) == whole, "byte by byte it differs")
  for cut in cuts(input, everywhereUpTo: 64) {
    var split = ServerFrameTracker()
    split.advance(input.slice(from: 0, to: cut))
    // A copy of the state goes on from the same place.
    var copy = split
    copy.advance(input.slice(from: cut))
    check(Position(copy) == whole, "cut at \(cut) it differs")
  }
  // Frame by frame.
  var stepping = ServerFrameTracker()
  var offset = 0
  while offset < input.count, !stepping.isBroken {
    let taken = stepping.advanceToBoundary(input.slice(from: offset))
    check(taken > 0 && offset + taken <= input.count, "a step of \(taken)")
    offset += taken
    let isEnd = stepping.isAtBoundary || stepping.isBroken || offset == input.count
    check(isEnd, "a step that ends nowhere")
  }
  check(Position(stepping) == whole, "frame by frame it differs")
}

/// Walks over whole frames; a frame that isn't whole leaves the walk within it.
private func plainPosition(_ bytes: [UInt8]) -> Position {
  var position = Position()
  var rest = bytes[...]
  func broken() -> Position {
    position.isBroken = true
    position.isAtBoundary = false
    position.unfinishedBytes = 0
    return position
  }
  while let first = rest.first {
    position.isAtBoundary = false
    position.unfinishedBytes = rest.count
    let opcode = first & 15
    let isControl = opcode >= 8
    if ![0, 1, 2, 8, 9, 10].contains(opcode) || isControl && first < 128 { return broken() }
    guard rest.count >= 2 else { return position }
    let short = Int(rest[rest.startIndex + 1])
    if short >= 128 || isControl && short > 125 { return broken() }
    let lengthBytes = short == 126 ? 2 : short == 127 ? 8 : 0
    guard rest.count >= 2 + lengthBytes else { return position }
    var length = UInt64(short)
    if lengthBytes > 0 {
      length = rest.dropFirst(2).prefix(lengthBytes).reduce(0) { $0 << 8 | UInt64($1) }
      let least: UInt64 = lengthBytes == 2 ? 126 : 65_536
      if length < least || length >= 1 << 63 { return broken() }
    }
    rest = rest.dropFirst(2 + lengthBytes)
    guard UInt64(rest.count) >= length else { return position }
    rest = rest.dropFirst(Int(length))
    if opcode == 8 { position.hasSentClose = true }
    position.isAtBoundary = true
    position.unfinishedBytes = 0
  }
  return position
}
