// Frames from server to client: where they end, in any pieces, and which ones nobody would take.

import Bytes
import HTTPWire
import Testing

/// A server's frame: first byte, length in the form of `lengthBytes` more bytes, payload of zeros.
private func frame(_ first: UInt8, _ count: Int, lengthBytes: Int = 0) -> [UInt8] {
  let payload = [UInt8](repeating: 0, count: count)
  guard lengthBytes > 0 else { return [first, UInt8(count)] + payload }
  var head: [UInt8] = [first, lengthBytes == 2 ? 126 : 127]
  for place in (0..<lengthBytes).reversed() { head.append(UInt8(count >> (place * 8) & 0xff)) }
  return head + payload
}

private struct State: Equatable, Sendable {
  var isAtBoundary = false
  var isBroken = false
  var hasSentClose = false

  static let boundary = State(isAtBoundary: true)
  static let within = State()
  static let broken = State(isBroken: true)
  static let closed = State(isAtBoundary: true, hasSentClose: true)
}

private func state(_ pieces: [[UInt8]]) -> State {
  var tracker = ServerFrameTracker()
  for piece in pieces { tracker.advance(piece.span) }
  return State(
    isAtBoundary: tracker.isAtBoundary, isBroken: tracker.isBroken,
    hasSentClose: tracker.hasSentClose)
}

@Suite("WebSocket frames from the server")
struct ServerFrameTests {
  private static let rows: [Row<State>] = [
    Row("nothing yet", "", .boundary),
    Row("text", frame(0x81, 5), .boundary),
    Row("binary without payload", frame(0x82, 0), .boundary),
    Row("fragment, ping within, end", frame(0x01, 3) + frame(0x89, 2) + frame(0x80, 3), .boundary),
    Row("compressed (RSV1)", frame(0xc1, 9), .boundary),
    Row("length of 125", frame(0x81, 125), .boundary),
    Row("length of 126 in two bytes", frame(0x81, 126, lengthBytes: 2), .boundary),
    Row("length of 65535 in two bytes", frame(0x82, 65_535, lengthBytes: 2), .boundary),
    Row("length of 65536 in eight bytes", frame(0x82, 65_536, lengthBytes: 8), .boundary),
    Row("pong of 125", frame(0x8a, 125), .boundary),
    Row("close", frame(0x88, 2), .closed),
    Row("close without a reason", frame(0x88, 0), .closed),
    Row(
      "text before and behind a close", frame(0x81, 1) + frame(0x88, 0) + [0x81],
      {
        State(hasSentClose: true)
      }()),

    Row("one byte", [0x81], .within),
    Row("without its last byte", frame(0x81, 5).dropLast(), .within),
    Row("half a long length", [0x82, 127, 0, 0, 0], .within),
    Row("close without its last byte", frame(0x88, 2).dropLast(), .within),
    Row("largest length", [0x82, 127, 0x7f] + [UInt8](repeating: 0xff, count: 7) + [1], .within),

    Row("masked (RFC 6455 §5.1)", [0x81, 0x80, 1, 2, 3, 4], .broken),
    Row("masked, long", [0x81, 0xfe], .broken),
    Row("reserved opcode 3", [0x83], .broken),
    Row("reserved opcode 7", [0x87], .broken),
    Row("reserved opcode 11", [0x8b], .broken),
    Row("reserved opcode 15", [0x8f], .broken),
    Row("ping in two bytes of length", [0x89, 126], .broken),
    Row("close in eight bytes of length", [0x88, 127], .broken),
    Row("fragmented ping", [0x09, 0], .broken),
    Row("fragmented close", [0x08, 0], .broken),
    Row("length of 125 in two bytes", frame(0x81, 125, lengthBytes: 2), .broken),
    Row("length of 65535 in eight bytes", frame(0x81, 65_535, lengthBytes: 8), .broken),
    Row("length of 0 in eight bytes", [0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0], .broken),
    Row("length of 64 bits", [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], .broken),
    Row("HTTP instead of frames", "HTTP/1.1 200 OK\r\n", .broken),
    Row("good frames behind a broken one", [0x83, 0] + frame(0x81, 1), .broken),
  ]

  @Test(arguments: rows) fileprivate func areFollowed(row: Row<State>) {
    let input = row.input
    #expect(state([input]) == row.want)
    if input.count < 1_000 {
      #expect(state(input.map { [$0] }) == row.want, "byte by byte")
    }
    for cut in 0..<min(input.count, 300) {
      let split = state([Array(input[..<cut]), Array(input[cut...])])
      if split != row.want {
        Issue.record("cut at \(cut): \(split)")
        break
      }
    }
  }

  @Test func everyBoundaryIsSeen() {
    let frames = [
      frame(0x81, 1), frame(0x82, 300, lengthBytes: 2), frame(0x89, 0), frame(0x80, 7),
    ]
    var ends: Set<Int> = [0]
    var end = 0
    for frame in frames {
      end += frame.count
      ends.insert(end)
    }
    var tracker = ServerFrameTracker()
    for (index, byte) in frames.joined().enumerated() {
      let isAtBoundary = tracker.isAtBoundary
      #expect(isAtBoundary == ends.contains(index), "at \(index)")
      tracker.advance([byte].span)
    }
  }

  /// After every byte of a stream of frames: how many bytes lie behind the last end of a frame.
  @Test func countsTheBytesOfTheUnfinishedFrame() {
    let frames = [
      frame(0x81, 0), frame(0x01, 3), frame(0x89, 2), frame(0x80, 200, lengthBytes: 2),
      frame(0x82, 70_000, lengthBytes: 8), frame(0x88, 2),
    ]
    var tracker = ServerFrameTracker()
    for frame in frames {
      for index in frame.indices {
        let byte = [frame[index]]
        tracker.advance(byte.span)
        let want = index == frame.count - 1 ? 0 : index + 1
        guard tracker.unfinishedBytes != want else { continue }
        Issue.record("\(tracker.unfinishedBytes) and not \(want)")
        return
      }
    }
    let all = frames.reduce([], +) + frames[0].prefix(1)
    var whole = ServerFrameTracker()
    whole.advance(all.span)
    #expect(whole.unfinishedBytes == 1)
  }

  @Test func stopsAtTheFirstEndOfAFrame() {
    let frames = frame(0x01, 3) + frame(0x80, 4) + frame(0x88, 2)
    for start in 0...5 {
      var tracker = ServerFrameTracker()
      let before = Array(frames[..<start])
      let behind = Array(frames[start...])
      tracker.advance(before.span)
      let taken = tracker.advanceToBoundary(behind.span)
      #expect(taken == (start < 5 ? 5 - start : 6), "\(start) bytes before")
      #expect(tracker.isAtBoundary)
    }
    var tracker = ServerFrameTracker()
    let open = Array(frames[..<4])
    let taken = tracker.advanceToBoundary(open.span)
    #expect(taken == 4 && !tracker.isAtBoundary)
  }
}
