// Waiting: edges for streams, levels for everything else.

import Bytes
import EventLoop
import Testing

struct PollerTests {
  @Test func aStreamTellsEachChangeOnce() throws {
    let pair = try Socket.makePair()
    let poller = try Poller()
    try poller.add(pair.first, token: 0xfeed_0000_0000_0001)
    #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
    let writable = poller.event(at: 0)
    #expect(writable.token == 0xfeed_0000_0000_0001)
    #expect(writable.isWritable && !writable.isReadable && !writable.isHangup)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0, "an edge comes once")

    var one = buffer("1")
    _ = pair.second.send(from: &one)
    #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
    #expect(poller.event(at: 0).isReadable)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0, "also when nobody has read")

    var two = buffer("2")
    _ = pair.second.send(from: &two)
    #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
    #expect(poller.event(at: 0).isReadable, "the next byte is a new edge")
    var into = ByteBuffer(capacity: 16)
    #expect(pair.first.receive(into: &into) == .moved(2))
  }

  @Test func aHalfCloseIsAHangupWithRoomToWrite() throws {
    let pair = try Socket.makePair()
    let poller = try Poller()
    try poller.add(pair.first, token: 1)
    pair.second.shutdownWrite()
    #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
    let event = poller.event(at: 0)
    #expect(event.isHangup && event.isReadable && event.isWritable)
  }

  @Test func closingUnregisters() throws {
    var pair = try Socket.makePair()
    let poller = try Poller()
    try poller.add(pair.first, token: 1)
    pair.first.close()
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
  }

  @Test func aListenerTellsUntilAllClientsAreAccepted() throws {
    let group = try ListenerGroup(on: loopback())
    let listener = try take(group)
    let poller = try Poller()
    try poller.add(listener, token: 7)
    let client = try Socket.connect(to: group.address)
    for _ in 0..<2 {
      #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
      #expect(poller.event(at: 0).token == 7)
    }
    try poller.remove(listener)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0, "paused")
    try poller.add(listener, token: 8)
    #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
    #expect(poller.event(at: 0).token == 8)
    _ = try accept(listener)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
    #expect(client.pendingError() == 0)
  }

  @Test func moreEventsThanFitComeWithTheNextWait() throws {
    // Boxes, because an array can't hold what can't be copied.
    final class Box {
      let pair: SocketPair
      init() throws { pair = try Socket.makePair() }
    }
    System.raiseDescriptorLimit()
    let poller = try Poller()
    var boxes: [Box] = []
    for token in 0..<Poller.eventsMaximum + 1 {
      let box = try Box()
      try poller.add(box.pair.first, token: UInt64(token))
      boxes.append(box)
    }
    var seen: Set<UInt64> = []
    #expect(poller.wait(timeoutMilliseconds: 10_000) == Poller.eventsMaximum)
    for index in 0..<Poller.eventsMaximum { seen.insert(poller.event(at: index).token) }
    #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
    seen.insert(poller.event(at: 0).token)
    #expect(seen.count == boxes.count)
  }

  @Test func anEventThatIsNotThereStopsTheProcess() async {
    await #expect(processExitsWith: .failure) {
      _ = try Poller().event(at: 0)
    }
  }
}
