// A worker's streams by their tokens: which ones a change of the revocation table ends, and that none is
// forgotten or met twice however they come and go.

import Bytes
import EventLoop
import Testing
import Tokens
import Transport

@testable import Policy
@testable import Proxy

@Suite struct SweepTests {
  /// A worker without listeners, whose clients are event streams over socket pairs.
  private final class Harness {
    let table = RevocationTable(entriesMaximum: 1000)
    let worker: Worker
    let now: Int64
    /// The clients' ends.
    private var ends: [End] = []

    private final class End {
      let socket: Socket
      init(_ socket: consuming Socket) { self.socket = socket }
    }

    init() throws {
      let budget = ConnectionBudget(maximum: 1000, perAddressMaximum: 1000, workers: [])
      worker = try Worker(
        WorkerStart(
          index: 0,
          snapshot: Snapshot(
            policy: PolicySet(PolicyDefinitions(), revocations: table),
            settings: GatewaySettings(), servers: []),
          mailbox: try Mailbox(), control: try Mailbox(), revocations: table,
          limits: LimitTable(slotCount: 1024), connections: budget, accessLog: nil,
          listeners: []))
      now = worker.epochSeconds
    }

    private func hash(_ kind: RevocationKind, _ text: String) throws -> Hash128 {
      let key = table.key(kind, realm: "main")
      if kind == .subject { return TokenIdentifier.hash(subject: Array(text.utf8).span, key) }
      return try #require(TokenIdentifier.hash(text: text, key))
    }

    /// A client with a stream that was opened by this token; nil for none.
    func open(_ jti: String?, subject: String = "ada", grace: Int = 0) throws -> ClientConnection {
      let pair = try Socket.makePair()
      ends.append(End(pair.second))
      _ = worker.connections.enter()
      let token = worker.clients.reserve()
      let client = ClientConnection(
        token: token, peer: SocketAddress(ipv4: 0x7f00_0001, port: 1), listener: 0,
        stream: ByteStream(plain: pair.first))
      worker.clients.fill(token, client)
      var credential: StreamCredential?
      if let jti {
        credential = StreamCredential(
          endSeconds: now + 1000, realmIndex: 0, key: nil, isBlocklisted: true,
          token: try hash(.token, "jti:" + jti),
          subject: try hash(.subject, subject), everyone: table.everyoneRow(realm: "main"),
          issuedAt: now - 10)
      }
      worker.keepStream(
        LiveStream(client: token, credential: credential, graceMilliseconds: grace), client)
      return client
    }

    func revoke(_ kind: RevocationKind, _ value: String) {
      let entry = RevocationEntry(
        kind: kind, realm: "main", value: value, time: now, expiry: now + 5000)
      #expect(table.apply(entry, nowSeconds: now))
    }
  }
  private func isOpen(_ clients: [ClientConnection]) -> [Bool] {
    clients.map { $0.phase != .closed }
  }

  @Test func nothingHappensWithoutStreams() throws {
    let harness = try Harness()
    harness.revoke(.everyone, "")
    harness.worker.sweepStreams()
    #expect(harness.worker.liveStreams.isEmpty)
  }

  @Test func endsTheStreamsOfARevokedTokenAndNoOther() throws {
    let harness = try Harness()
    let clients = try ["a", "b", "a", nil, "c", "a"].map { try harness.open($0) }
    #expect(harness.worker.liveStreams.count == 5, "without a token there is nothing to judge")
    harness.revoke(.token, "jti:a")
    harness.worker.sweepStreams()
    #expect(isOpen(clients) == [false, true, false, true, true, false])
    #expect(harness.worker.liveStreams.count == 2)
    #expect(harness.worker.counters.streamsEndedByToken == 3)
    harness.worker.sweepStreams()
    #expect(harness.worker.counters.streamsEndedByToken == 3)
  }

  @Test func endsTheStreamsOfASubjectAndOfEveryone() throws {
    let harness = try Harness()
    let clients = [
      try harness.open("a", subject: "ada"), try harness.open("b", subject: "grace"),
      try harness.open(nil),
    ]
    harness.revoke(.subject, "ada")
    harness.worker.sweepStreams()
    #expect(isOpen(clients) == [false, true, true])
    harness.revoke(.everyone, "")
    harness.worker.sweepStreams()
    #expect(isOpen(clients) == [false, false, true])
    #expect(harness.worker.liveStreams.isEmpty)
  }

  @Test func graceKeepsAStreamButArmsItsEnd() throws {
    let harness = try Harness()
    let client = try harness.open("a", grace: 60_000)
    harness.revoke(.token, "jti:a")
    harness.worker.sweepStreams()
    #expect(isOpen([client]) == [true])
    let stream = try #require(client.live)
    #expect(stream.endDue == harness.worker.now + 60_000_000_000)
    #expect(client.deadline.due == stream.endDue)
  }

  /// Streams leave in every order; the list stays whole, and a sweep meets each that is left once.
  @Test(arguments: [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3], [0, 4, 1, 3, 2]])
  func forgetsStreamsInAnyOrder(order: [Int]) throws {
    let harness = try Harness()
    let clients = try (0..<5).map { try harness.open("t\($0)") }
    for (left, number) in order.enumerated() {
      harness.worker.close(clients[number])
      #expect(harness.worker.liveStreams.count == 4 - left)
      for (place, stream) in harness.worker.liveStreams.enumerated() {
        #expect(stream.place == place)
        #expect(clients.contains { $0.live === stream && $0.phase != .closed })
      }
    }
  }

  /// A token that was revoked between admission and answer.
  @Test func aStreamThatBeginsTooLateIsEndedByItsFirstDeadline() throws {
    let harness = try Harness()
    harness.revoke(.token, "jti:a")
    let client = try harness.open("a")
    let stream = try #require(client.live)
    #expect(stream.endDue <= harness.worker.now && stream.verdict == .revoked)
    harness.worker.moveStream(client, waitDue: Deadline.never)
    #expect(client.deadline.due <= harness.worker.now)
    #expect(!harness.worker.waitIsOver(client))
    #expect(client.phase == .closed)
  }
}
