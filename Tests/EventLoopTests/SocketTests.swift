// Sockets: what moving bytes comes to, and the options that connections are made with.

import Bytes
import EventLoop
import Glibc
import Testing

struct SocketTests {
  @Test func movesBytesBothWays() throws {
    let pair = try Socket.makePair()
    var ping = buffer("ping")
    #expect(pair.first.send(from: &ping) == .moved(4))
    #expect(ping.readableCount == 0)
    #expect(try receive(pair.second, count: 4) == "ping")
    var pong = buffer("pong")
    #expect(pair.second.send(from: &pong) == .moved(4))
    #expect(try receive(pair.first, count: 4) == "pong")
  }

  @Test(arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EADDRNOTAVAIL])
  func whatHasRunOutHereIsNobodyElsesFault(_ code: Int32) {
    #expect(SystemError(code: code, call: "connect").isExhaustion)
  }

  @Test(arguments: [ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, ETIMEDOUT, ENOENT, EAGAIN, EACCES])
  func whatThePeerRefusesIsNoExhaustion(_ code: Int32) {
    #expect(!SystemError(code: code, call: "connect").isExhaustion)
  }

  @Test func anEmptySocketWouldBlock() throws {
    let pair = try Socket.makePair()
    var into = ByteBuffer(capacity: 16)
    #expect(pair.first.receive(into: &into) == .wouldBlock)
    #expect(into.readableCount == 0)
  }

  @Test func aFullSocketTakesAPartAndThenBlocks() throws {
    let pair = try Socket.makePair()
    var sent = 0
    var lastMoved = 0
    var chunk = ByteBuffer(capacity: 1 << 20)
    send: while true {
      chunk.clear()
      for _ in 0..<chunk.capacity / 16 { chunk.append("0123456789abcdef") }
      while !chunk.isEmpty {
        switch pair.first.send(from: &chunk) {
        case .moved(let count):
          sent += count
          lastMoved = count
        case .wouldBlock: break send
        case .closed, .failed: Issue.record("the peer is there")
        }
      }
    }
    #expect(sent > 0 && lastMoved > 0)
    #expect(chunk.readableCount == (1 << 20) - sent % (1 << 20), "what was taken was consumed")
    #expect(try pair.second.wait(toRead: true, toWrite: false, timeoutMilliseconds: 10_000))
    #expect(try !pair.first.wait(toRead: false, toWrite: true, timeoutMilliseconds: 0))
  }

  @Test func noRoomAndNothingToSendMoveNothing() throws {
    let pair = try Socket.makePair()
    var hello = buffer("hello")
    _ = pair.second.send(from: &hello)
    var none = ByteBuffer()
    #expect(pair.first.receive(into: &none) == .moved(0))
    var full = buffer("x", capacity: 1)
    #expect(pair.first.receive(into: &full) == .moved(0), "no room is not the peer's end")
    #expect(pair.first.send(from: &none) == .moved(0))
  }

  @Test func aPeerThatFinishedSendingIsClosedAfterItsBytes() throws {
    let pair = try Socket.makePair()
    var last = buffer("last")
    _ = pair.first.send(from: &last)
    pair.first.shutdownWrite()
    var into = ByteBuffer(capacity: 16)
    #expect(pair.second.receive(into: &into) == .moved(4))
    #expect(pair.second.receive(into: &into) == .closed)
    var answer = buffer("still heard")
    #expect(pair.second.send(from: &answer) == .moved(11))
    #expect(try receive(pair.first, count: 11) == "still heard")
  }

  @Test func sendingToSomebodyWhoIsGoneIsClosedAndNoSignal() throws {
    var pair = try Socket.makePair()
    pair.second.close()
    var bytes = buffer("x")
    #expect(pair.first.send(from: &bytes) == .closed)
  }

  @Test func aResetIsAFailureAndNotAnEnd() throws {
    let group = try ListenerGroup(on: loopback())
    let listener = try take(group)
    let client = try Socket.connect(to: group.address)
    var server = try accept(listener)
    server.resetOnClose()
    server.close()
    #expect(try client.wait(toRead: true, toWrite: false, timeoutMilliseconds: 10_000))
    var into = ByteBuffer(capacity: 16)
    #expect(client.receive(into: &into) == .failed(ECONNRESET))
  }

  @Test func bothEndsOfATCPConnectionSendAtOnce() throws {
    let group = try ListenerGroup(on: loopback())
    let listener = try take(group)
    let client = try Socket.connect(to: group.address)
    #expect(client.sendsAtOnce() == true)
    let server = try accept(listener)
    #expect(server.sendsAtOnce() == true, "inherited from the listening socket")
    #expect(try server.localAddress() == group.address)
  }

  @Test func connectingToNobodyIsRefused() throws {
    let nobody: SocketAddress
    do {
      let group = try ListenerGroup(on: loopback())
      nobody = group.address
    }
    // Over loopback the refusal is known at once or with the first event.
    var code: Int32 = 0
    do throws(SystemError) {
      let socket = try Socket.connect(to: nobody)
      _ = try socket.wait(toRead: false, toWrite: true, timeoutMilliseconds: 10_000)
      code = socket.pendingError()
    } catch {
      code = error.code
      #expect(error.description == "connect: Connection refused")
    }
    #expect(code == ECONNREFUSED)
  }

  @Test func aConnectionHasNoPendingError() throws {
    let group = try ListenerGroup(on: loopback())
    let client = try Socket.connect(to: group.address)
    #expect(try client.wait(toRead: false, toWrite: true, timeoutMilliseconds: 10_000))
    #expect(client.pendingError() == 0)
  }

  @Test func aSocketTravelsByItsDescriptor() throws {
    let pair = try Socket.makePair()
    let first = pair.first
    let second = pair.second
    let descriptor = second.detach()
    let thread = try WorkerThread.start(name: "other") {
      let mine = Socket(adopting: descriptor)
      var hello = buffer("from the other thread")
      _ = mine.send(from: &hello)
    }
    thread.join()
    #expect(try receive(first, count: 64) == "from the other thread", "and closed over there")
  }

  @Test func usingAClosedSocketStopsTheProcess() async {
    await #expect(processExitsWith: .failure) {
      var pair = try Socket.makePair()
      pair.first.close()
      var into = ByteBuffer(capacity: 16)
      _ = pair.first.receive(into: &into)
    }
  }
}
