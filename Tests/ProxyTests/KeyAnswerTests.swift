// Exchanges that wait for a key: whom an answer reaches, and whom never. What requests and issuers do
// is played end to end; here the messages come in orders that no issuer can be made to give.

import Bytes
import EventLoop
import Policy
import Testing
import Tokens
import Transport

@testable import Proxy

@Suite struct KeyAnswerTests {
  /// A worker whose one route answers by itself, for tokens of a set that is not known at first.
  private final class Harness {
    let worker: Worker
    let control: Mailbox<ControlMessage>
    private let known: Realm
    private var ends: [End] = []

    private final class End {
      let socket: Socket
      init(_ socket: consuming Socket) { self.socket = socket }
    }

    private static let key =
      "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"one\",\"x\":\"3EyOSzIVe-Uh1AOjU5UIPCrcUvdNIBIaNmt-GBaTqF8\""

    private static func read(_ text: String, _ purpose: KeyFile.Purpose) throws -> KeyFile {
      try KeyFile(Array(text.utf8).span, for: purpose)
    }

    private static func realm(_ set: KeyFile?) throws -> Realm {
      var definition = RealmDefinition(name: "main", index: 0)
      definition.access.keySources = [.remote(set)]
      return try Realm(definition)
    }

    init(controlCapacity: Int = 16) throws {
      let table = RevocationTable(entriesMaximum: 1000)
      known = try Self.realm(try Self.read("{\(Self.key)}", .verifying))
      var settings = GatewaySettings()
      settings.routes = [
        RouteTraffic(
          upstreamIndex: RouteTraffic.noUpstream, bodyBytesMaximum: 1 << 20,
          responseHeadTimeoutMilliseconds: 1000, label: "/")
      ]
      let policy = PolicySet(
        PolicyDefinitions(
          realms: [try Self.realm(nil)],
          routes: [
            RouteDefinition(
              path: "/", auth: .required, realm: 0,
              answer: .respond(status: 200, body: Array("let in".utf8), isJSON: false))
          ]), revocations: table)
      control = try Mailbox(capacity: controlCapacity)
      worker = try Worker(
        WorkerStart(
          index: 3, snapshot: Snapshot(policy: policy, settings: settings, servers: []),
          mailbox: try Mailbox(), control: control, revocations: table,
          limits: LimitTable(slotCount: 1024),
          connections: ConnectionBudget(maximum: 100, perAddressMaximum: 100, workers: []),
          accessLog: nil, listeners: []))
    }

    func token(_ kid: String) throws -> String {
      let file = try Self.read(
        "{\(Self.key),\"d\":\"Z2F0ZXdheSB0ZXN0IGtleSBvbmUuLi4uLi4uLi4uLi4\"}", .signing)
      let signer = try #require(TokenSigner(file.keys[0], .edDSA))
      return signer.sign(
        header: "{\"alg\":\"EdDSA\",\"kid\":\"\(kid)\"}",
        payload: "{\"exp\":\(worker.epochSeconds + 600)}")
    }

    /// A client; its number is its place among `answers`.
    func connect() throws -> ClientConnection {
      let pair = try Socket.makePair()
      ends.append(End(pair.second))
      _ = worker.connections.enter()
      let token = worker.clients.reserve()
      let client = ClientConnection(
        token: token, peer: SocketAddress(ipv4: 0x7f00_0001, port: 1), listener: 0,
        stream: ByteStream(plain: pair.first))
      worker.clients.fill(token, client)
      return client
    }

    func ask(_ client: ClientConnection, _ number: Int, kid: String = "one") throws {
      var text = ByteBuffer(capacity: 4096)
      text.append(
        Array(
          ("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + (try token(kid)) + "\r\n\r\n")
            .utf8
        ).span)
      _ = ends[number].socket.send(from: &text)
      client.mayRead = true
      worker.serve(client)
    }

    /// What the clients' ends have got since they were last asked.
    func answer(_ number: Int) -> String {
      var buffer = ByteBuffer(capacity: 8192)
      guard case .moved = ends[number].socket.receive(into: &buffer) else { return "" }
      return String(String(lossy: buffer.readable).prefix(12))
    }

    /// The questions that the control loop has got.
    func questions() -> [ExchangeTicket] {
      var messages: [ControlMessage] = []
      control.drain(into: &messages)
      return messages.compactMap {
        if case .keyNeeded(let realms, _, let ticket) = $0, realms == [0] { ticket } else { nil }
      }
    }

    func tell(_ ticket: ExchangeTicket, isAvailable: Bool = true, isKnown: Bool = true) {
      if isKnown { worker.adopt(worker.snapshot.policy.realms.replacing(known)) }
      worker.keySetAnswered(ticket, isAvailable: isAvailable)
    }
  }

  @Test func anAnswerLetsItsExchangeGoOn() throws {
    let harness = try Harness()
    let client = try harness.connect()
    try harness.ask(client, 0)
    let tickets = harness.questions()
    #expect(tickets.count == 1 && tickets.first?.worker == 3)
    #expect(harness.answer(0).isEmpty)
    harness.tell(try #require(tickets.first))
    #expect(harness.answer(0) == "HTTP/1.1 200")
    // Told twice: nobody waits any more.
    harness.tell(tickets[0], isAvailable: false)
    #expect(harness.answer(0).isEmpty)
    try harness.ask(client, 0)
    #expect(harness.questions().isEmpty)
    #expect(harness.answer(0) == "HTTP/1.1 200")
  }

  @Test func notKnowingIsTrouble() throws {
    let harness = try Harness()
    let client = try harness.connect()
    try harness.ask(client, 0)
    harness.tell(try #require(harness.questions().first), isAvailable: false, isKnown: false)
    #expect(harness.answer(0) == "HTTP/1.1 503")
    // For a moment nobody is asked again.
    try harness.ask(client, 0)
    #expect(harness.questions().isEmpty)
    #expect(harness.answer(0) == "HTTP/1.1 503")
    try harness.ask(client, 0, kid: "other")
    #expect(harness.questions().count == 1)
  }

  @Test func anUnknownKeyIsRefusedOnceTheSetIsThere() throws {
    let harness = try Harness()
    let client = try harness.connect()
    try harness.ask(client, 0, kid: "other")
    harness.tell(try #require(harness.questions().first))
    #expect(harness.answer(0) == "HTTP/1.1 401")
  }

  /// CVE-2024-45809, CVE-2025-64527: the client goes while the fetch is under way.
  @Test func anAnswerForAClientThatIsGoneReachesNobody() throws {
    let harness = try Harness()
    let gone = try harness.connect()
    try harness.ask(gone, 0)
    let ticket = try #require(harness.questions().first)
    harness.worker.abort(gone, because: "client_aborted")
    harness.tell(ticket, isKnown: false)
    // Its place is taken: by another connection, whose exchange may be the same object.
    let next = try harness.connect()
    try harness.ask(next, 1)
    let another = try #require(harness.questions().first)
    #expect(another != ticket)
    harness.tell(ticket, isAvailable: false, isKnown: false)
    #expect(harness.answer(1).isEmpty, "another's answer")
    harness.tell(another)
    #expect(harness.answer(1) == "HTTP/1.1 200")
  }

  @Test func aLateAnswerReachesNoLaterRequestOfTheSameClient() throws {
    let harness = try Harness()
    let client = try harness.connect()
    try harness.ask(client, 0)
    let first = try #require(harness.questions().first)
    let exchange = try #require(client.exchange)
    #expect(exchange.waitsFor == .keySet)
    #expect(
      client.deadline.due
        == harness.worker.now + Int64(GatewaySettings().keyWaitMilliseconds) * 1_000_000)
    exchange.deadlinePassed(harness.worker, client)
    harness.worker.serve(client)
    #expect(harness.answer(0) == "HTTP/1.1 503")
    try harness.ask(client, 0, kid: "other")
    let second = try #require(harness.questions().first)
    #expect(second != first)
    harness.tell(first, isKnown: false)
    #expect(harness.answer(0).isEmpty)
    harness.tell(second)
    #expect(harness.answer(0) == "HTTP/1.1 401")
  }

  @Test func aControlLoopThatTakesNoQuestionCostsA503() throws {
    let harness = try Harness(controlCapacity: 1)
    let one = try harness.connect()
    let two = try harness.connect()
    try harness.ask(one, 0)
    try harness.ask(two, 1)
    #expect(harness.answer(0).isEmpty)
    #expect(harness.answer(1) == "HTTP/1.1 503")
    harness.tell(try #require(harness.questions().first))
    #expect(harness.answer(0) == "HTTP/1.1 200")
    try harness.ask(two, 1)
    #expect(harness.answer(1) == "HTTP/1.1 200")
  }
}
