import Bytes
import EventLoop
import Testing
import Transport

@testable import Proxy

private func server(_ port: UInt16, weight: Int = 1, isBackup: Bool = false) -> UpstreamServer {
  UpstreamServer(
    address: SocketAddress(ipv4: 0x7f00_0001, port: port), weight: weight, isBackup: isBackup)
}

@Suite struct UpstreamPoolTests {
  @Test func takesServersInTurnByWeight() {
    let pool = UpstreamPool(servers: [server(1, weight: 3), server(2)], idleMaximum: 4)
    var counts = [0, 0]
    for _ in 0..<400 {
      guard let index = pool.choose(tried: 0, now: 0) else { Issue.record("none"); return }
      counts[index] += 1
    }
    #expect(counts == [300, 100])
  }

  @Test func leavesARestingServerOutUntilItIsTheLast() {
    let pool = UpstreamPool(servers: [server(1), server(2)], idleMaximum: 4)
    pool.rest(server: 0, now: 0)
    for _ in 0..<10 { #expect(pool.choose(tried: 0, now: 1) == 1) }
    #expect(pool.choose(tried: 0b10, now: 1) == 0, "better a resting server than none")
    pool.rest(server: 1, now: 0)
    #expect(pool.choose(tried: 0, now: 1) != nil)
    #expect(pool.choose(tried: 0b11, now: 1) == nil)
    let later = UpstreamPool.restNanoseconds
    let both = Set((0..<4).map { _ in pool.choose(tried: 0, now: later) })
    #expect(both == [0, 1])
  }

  @Test func usesBackupsOnlyWhenNoOtherIsLeft() {
    let pool = UpstreamPool(
      servers: [server(1), server(2, isBackup: true)], idleMaximum: 4)
    for _ in 0..<5 { #expect(pool.choose(tried: 0, now: 0) == 0) }
    #expect(pool.choose(tried: 0b01, now: 0) == 1)
    pool.rest(server: 0, now: 0)
    #expect(pool.choose(tried: 0, now: 1) == 1)
  }

  @Test func keepsIdleConnectionsUpToTheBoundAndHandsOutTheLast() throws {
    let pool = UpstreamPool(servers: [server(1)], idleMaximum: 2)
    let connections = try (0..<3).map { number in
      UpstreamConnection(
        token: UInt64(number), upstream: 0, server: 0,
        stream: ByteStream(plain: try Self.socket()))
    }
    #expect(pool.keep(connections[0]))
    #expect(pool.keep(connections[1]))
    #expect(!pool.keep(connections[2]), "one past the bound")
    #expect(pool.takeIdle(server: 0) === connections[1])
    pool.forget(connections[0])
    #expect(pool.takeIdle(server: 0) == nil)
  }

  /// A server that breaks the connection right after the first request has had it: the event that
  /// tells of the connection may come only then, together with the one that tells of its end.
  @Test func isConnectedOnceTheKernelTakesBytes() throws {
    let pool = BufferPool(blockBytes: 1024, keptMaximum: 1)
    let pair = try Socket.makePair()
    let connection = UpstreamConnection(
      token: 1, upstream: 0, server: 0, stream: ByteStream(plain: pair.first))
    connection.output.acquire(from: pool)
    _ = connection.flush()
    #expect(connection.phase == .connecting, "nothing was sent")
    connection.output.append("POST")
    _ = connection.flush()
    #expect(connection.phase == .busy)
    connection.releaseBuffers(pool)
  }

  private static func socket() throws -> Socket {
    // Nothing listens there; only the object matters.
    try ListenerSocket.connected()
  }
}

/// A connected socket whose other end is thrown away.
private enum ListenerSocket {
  static func connected() throws -> Socket {
    let group = try ListenerGroup(on: SocketAddress(ipv4: 0x7f00_0001, port: 0))
    return try Socket.connect(to: group.address)
  }
}

@Suite struct UpstreamFailureTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let failure: UpstreamFailure
    var reused = false
    var idempotent = false
    var sentWhole = true
    var replayable = true
    let retries: Bool
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case(name: "never connected", failure: .connectFailed, retries: true),
    Case(name: "connect timed out", failure: .connectTimedOut, retries: true),
    Case(
      name: "never connected, body given up", failure: .connectFailed, replayable: false,
      retries: false),
    Case(
      name: "reused, GET", failure: .closedBeforeResponse, reused: true, idempotent: true,
      retries: true),
    Case(
      name: "reused, POST sent whole", failure: .closedBeforeResponse, reused: true,
      retries: false),
    Case(
      name: "reused, POST not sent whole", failure: .closedBeforeResponse, reused: true,
      sentWhole: false, retries: true),
    Case(
      name: "reused, POST not sent whole, body given up", failure: .closedBeforeResponse,
      reused: true, sentWhole: false, replayable: false, retries: false),
    Case(
      name: "fresh, POST not sent whole", failure: .closedBeforeResponse, sentWhole: false,
      retries: false),
    Case(name: "no descriptor", failure: .exhausted, retries: true),
    Case(
      name: "reused, POST not sent whole, answer begun", failure: .responseMalformed,
      reused: true, sentWhole: false, retries: false),
    Case(
      name: "fresh, GET", failure: .closedBeforeResponse, idempotent: true, retries: false),
    Case(
      name: "reused, PUT, body given up", failure: .closedBeforeResponse, reused: true,
      idempotent: true, replayable: false, retries: false),
    Case(
      name: "silent", failure: .responseTimedOut, reused: true, idempotent: true,
      retries: false),
    Case(
      name: "malformed", failure: .responseMalformed, reused: true, idempotent: true,
      retries: false),
    Case(
      name: "cut off within the answer", failure: .closedWithinResponse, reused: true,
      idempotent: true, retries: false),
    Case(
      name: "takes no body", failure: .requestTimedOut, reused: true, idempotent: true,
      sentWhole: false, retries: false),
  ]

  @Test(arguments: cases) func retriesOnlyWhatCannotHappenTwice(_ row: Case) {
    let attempt = UpstreamFailure.Attempt(
      connectionWasReused: row.reused, methodIsIdempotent: row.idempotent,
      requestWasFullySent: row.sentWhole, requestIsReplayable: row.replayable)
    #expect(row.failure.allowsRetry(attempt) == row.retries)
  }

  @Test func tellsWhoseFaultItIs() {
    let timeouts: [UpstreamFailure] = [.connectTimedOut, .responseTimedOut, .requestTimedOut]
    for failure in timeouts { #expect(failure.refusal == .upstreamTimeout) }
    let failures: [UpstreamFailure] = [
      .connectFailed, .closedBeforeResponse, .responseMalformed, .closedWithinResponse,
    ]
    for failure in failures { #expect(failure.refusal == .upstreamFailed) }
    #expect(UpstreamFailure.exhausted.refusal == .unavailable)
  }
}

@Suite struct LeastRequestsTests {
  @Test func sendsToTheServerWithTheFewestInFlightForItsWeight() {
    let pool = UpstreamPool(
      servers: [server(1, weight: 2), server(2)], idleMaximum: 1, balance: .leastRequests)
    var counts = [0, 0]
    for _ in 0..<30 {
      guard let index = pool.choose(tried: 0, now: 0) else { Issue.record("none"); return }
      counts[index] += 1
      pool.began(server: index)
    }
    #expect(counts == [20, 10])
    for _ in 0..<10 { pool.ended(server: 1) }
    for _ in 0..<5 {
      #expect(pool.choose(tried: 0, now: 0) == 1)
      pool.began(server: 1)
    }
  }
}
