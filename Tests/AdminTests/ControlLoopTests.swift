import EventLoop
import Policy
import Testing

@testable import Admin
@testable import Proxy

private let now = TestRealm.now
private let health = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
private let status = "GET /status HTTP/1.1\r\nHost: a\r\n\r\n"

@Suite(.timeLimit(.minutes(1))) struct ControlLoopTests {
  // MARK: Revocations of workers

  private func entry(_ identifier: String) -> RevocationEntry {
    RevocationEntry(
      kind: .token, realm: "main", value: "jti:" + identifier, time: now, expiry: now + 60)
  }

  private func ticket(_ worker: Int, _ exchange: UInt64) -> ExchangeTicket {
    ExchangeTicket(worker: worker, client: 77, exchange: exchange)
  }

  /// The tickets of a worker's messages, with what they were told.
  private func applied(_ harness: ControlHarness, _ worker: Int) -> [String] {
    harness.messages(worker).map { message in
      switch message {
      case .revocationApplied(let ticket, let isDurable): "\(ticket.exchange) \(isDurable)"
      case .drain(let deadline): "drain \(deadline - harness.times.monotonic)"
      case .reportCounters(let serial): "report \(serial)"
      case .housekeep: "housekeep"
      case .acceptAgain: "accept again"
      case .revocationsChanged: "changed"
      case .keySetAnswered(let ticket, let isAvailable, let realms):
        "key \(ticket.exchange) \(isAvailable) \(realms.version)"
      case .realmsChanged(let realms): "realms \(realms.version)"
      }
    }
  }

  @Test func tellsIdleWorkersToForgetWhatHasExpired() throws {
    let harness = try ControlHarness(workers: 2)
    harness.turn(afterMilliseconds: 59_999)
    #expect(applied(harness, 0).isEmpty)
    harness.turn(afterMilliseconds: 1)
    #expect(applied(harness, 0) == ["housekeep"])
    #expect(applied(harness, 1) == ["housekeep"])
  }

  @Test func appliesAndAnswersTheWorkerThatAsked() throws {
    let harness = try ControlHarness(workers: 2)
    harness.control.send(.revoke(entries: [entry("a"), entry("b")], ticket: ticket(1, 5)))
    harness.control.send(.revoke(entries: [entry("c")], ticket: ticket(0, 6)))
    harness.turn()
    #expect(harness.keeper.entryCount == 3)
    // The change is told before the answers, and once for all that came together.
    #expect(applied(harness, 0) == ["changed", "6 true"])
    #expect(applied(harness, 1) == ["changed", "5 true"])
  }

  @Test func tellsEveryWorkerOfAChangeUntilItsMailboxTakesIt() throws {
    let harness = try ControlHarness(workers: 2, mailboxCapacity: 1)
    harness.control.send(.revoke(entries: [entry("a")], ticket: ticket(1, 5)))
    // Of worker 1 the mailbox holds one message: the answer waits for its own deadline.
    harness.workers[0].send(.housekeep)
    harness.turn()
    #expect(applied(harness, 0) == ["housekeep"])
    #expect(applied(harness, 1) == ["changed"])
    harness.turn(afterMilliseconds: 20)
    #expect(applied(harness, 0) == ["changed"])
    #expect(applied(harness, 1) == [])
  }

  @Test func tellsAWorkerThatItIsNotDurable() throws {
    let told = try Mailbox<ControlMessage>()
    let harness = try ControlHarness(
      workers: 1, journal: { try makeJournal($0, told) })
    harness.control.send(.revoke(entries: [entry("a")], ticket: ticket(0, 1)))
    harness.turn()
    #expect(applied(harness, 0) == ["changed"])
    harness.control.send(.journalWritten(batch: 1, succeeded: false))
    harness.turn()
    #expect(applied(harness, 0) == ["1 false"])
  }

  @Test func tellsAWorkerThatTheTableIsFull() throws {
    let harness = try ControlHarness(workers: 1, entriesMaximum: 1)
    harness.control.send(.revoke(entries: [entry("a"), entry("b")], ticket: ticket(0, 1)))
    harness.turn()
    #expect(applied(harness, 0) == ["changed", "1 false"])
  }

  @Test func forgetsExpiredEntriesByTimer() throws {
    let harness = try ControlHarness(workers: 1)
    harness.control.send(.revoke(entries: [entry("a")], ticket: ticket(0, 1)))
    harness.turn()
    #expect(harness.keeper.entryCount == 1)
    harness.turn(afterMilliseconds: 59_999)
    #expect(harness.keeper.entryCount == 1)
    harness.turn(afterMilliseconds: 1)
    #expect(harness.keeper.entryCount == 0)
  }

  // MARK: Status

  private func counters(_ requests: UInt64) -> Counters {
    var counters = Counters()
    counters.requests = requests
    counters.connectionsOpen = 1
    return counters
  }

  @Test func sumsTheCountersOfAllWorkers() throws {
    let harness = try ControlHarness(workers: 2)
    let client = try harness.connect()
    try client.send(status)
    harness.turn()
    #expect(applied(harness, 0) == ["report 1"])
    #expect(applied(harness, 1) == ["report 1"])
    harness.control.send(.counters(worker: 0, serial: 1, counters(10)))
    harness.turn()
    #expect(!client.poll() && client.received.isEmpty)
    harness.control.send(.counters(worker: 1, serial: 1, counters(32)))
    let reply = try client.reply()
    #expect(reply.body.contains(#""workers":{"count":2,"answered":2}"#))
    #expect(reply.body.contains(#""connections_open":2,"requests":42,"#))
  }

  @Test func answersWithoutASilentWorkerAfterASecond() throws {
    let harness = try ControlHarness(workers: 2)
    let client = try harness.connect()
    try client.send(status)
    harness.turn()
    harness.control.send(.counters(worker: 1, serial: 1, counters(7)))
    harness.turn(afterMilliseconds: 999)
    #expect(!client.poll() && client.received.isEmpty)
    harness.turn(afterMilliseconds: 1)
    let reply = try client.reply()
    #expect(reply.body.contains(#""workers":{"count":2,"answered":1}"#))
    #expect(reply.body.contains(#""requests":7,"#))
    // What comes too late counts the next time.
    harness.control.send(.counters(worker: 0, serial: 1, counters(5)))
    harness.turn()
    let next = try harness.connect()
    try next.send(status)
    harness.turn(afterMilliseconds: 0)
    harness.turn(afterMilliseconds: 1_000)
    #expect(try next.reply().body.contains(#""requests":12,"#))
  }

  @Test func oneAnswerServesAllWhoAskedBefore() throws {
    let harness = try ControlHarness(workers: 1)
    let clients = try (0..<3).map { _ in try harness.connect() }
    for client in clients {
      try client.send(status)
      harness.turn()
    }
    #expect(applied(harness, 0) == ["report 1", "report 2", "report 3"])
    harness.control.send(.counters(worker: 0, serial: 2, counters(1)))
    #expect(try clients[0].reply().status == 200)
    #expect(try clients[1].reply().status == 200)
    #expect(!clients[2].poll() && clients[2].received.isEmpty)
    harness.control.send(.counters(worker: 0, serial: 3, counters(1)))
    #expect(try clients[2].reply().status == 200)
  }

  @Test func aWorkerThatEndsIsNotWaitedFor() throws {
    let harness = try ControlHarness(workers: 1)
    let client = try harness.connect()
    try client.send(status)
    harness.turn()
    harness.control.send(.counters(worker: 0, serial: 0, counters(9)))
    harness.control.send(.workerEnded(index: 0))
    let reply = try client.reply()
    #expect(reply.body.contains(#""requests":9,"#))
    #expect(try harness.ask(status).body.contains(#""requests":9,"#))
  }

  @Test func tellsTheConfiguration() throws {
    let harness = try ControlHarness {
      $0.listeners = [ListenSettings(name: "main", address: .name("localhost", port: 0))]
      $0.upstreams = [
        UpstreamSettings(
          name: "flask",
          servers: [
            ServerSettings(address: .name("one", port: 80)),
            ServerSettings(address: .name("two", port: 81)),
          ])
      ]
      $0.warnings = ["realm \"main\": weak secret"]
    }
    #expect(try harness.post("/revoke", #"{"jti":"a"}"#).status == 200)
    harness.turn(afterMilliseconds: 3_500)
    let reply = try harness.ask(status)
    let want =
      #"{"status":"ok","version":"1.2.3","pid":\#(System.processIdentifier),"uptime_seconds":3,"#
      + #""workers":{"count":0,"answered":0},"#
      + #""listeners":[{"name":"main","address":"127.0.0.1:8080"}],"#
      + #""upstreams":[{"name":"flask","servers":["one:80","two:81"]}],"routes":0,"#
      + #""realms":["main"],"keys":["#
      + #"{"realm":"main","key":"HS256","place":"secret","class":"access","tokens":0,"#
      + #""last_used":"not since the start"},"#
      + #"{"realm":"main","key":"HS256","place":"secret","class":"refresh","tokens":0,"#
      + #""last_used":"not since the start"}],"#
      + #""blocklist":{"entries":1,"store":"memory","store_failing":false},"limit_overflows":0,"#
      + #""warnings":["realm \"main\": weak secret"],"counters":{"connections_accepted":0,"#
      + #""connections_refused":0,"proxy_headers_refused":0,"#
      + #""connections_open":0,"requests":0,"requests_malformed":0,"requests_refused":0,"#
      + #""upstream_failures":0,"upstream_connects":0,"upstream_reuses":0,"upstream_retries":0,"#
      + #""upgrades":0,"tunnels_open":0,"streams_ended_by_token":0,"#
      + #""streams_outliving_token":0,"#
      + #""accept_pauses":0,"token_cache_hits":0,"token_cache_misses":0,"#
      + #""token_cache_entries":0,"signatures_computed":0,"#
      + #""signatures_refused_per_address":0,"signatures_refused":0,"#
      + #""log_lines_dropped":0,"revocations_not_durable":0,"tokens_minted":0,"#
      + #""minted_tokens_reused":0}}"#
    #expect(reply.body == want)
  }

  // MARK: Stopping

  @Test func stopsAcceptingAndLeadsTheWorkersOut() throws {
    let harness = try ControlHarness(workers: 2) { $0.limits.drainTimeoutMilliseconds = 5_000 }
    let waiting = try harness.connect()
    let late = try harness.connect()
    harness.control.send(.stop)
    harness.turn()
    #expect(applied(harness, 0) == ["drain 5000000000"])
    #expect(applied(harness, 1) == ["drain 5000000000"])
    #expect(Files.status(harness.directory + "/admin.sock") == nil)
    #expect(throws: SystemError.self) { try harness.connect() }
    try waiting.send(health)
    let reply = try waiting.reply()
    #expect(reply.status == 503)
    #expect(reply.body == #"{"status":"draining"}"#)
    #expect(reply.field("Retry-After") != nil)
    harness.control.send(.workerEnded(index: 1))
    harness.turn()
    #expect(!harness.loop.isFinished)
    harness.control.send(.workerEnded(index: 0))
    harness.turn()
    #expect(harness.loop.isFinished, "who is connected and says nothing isn't waited for")
    #expect(!late.poll())
  }

  @Test func askedTwiceStopsNow() throws {
    let harness = try ControlHarness(workers: 2)
    harness.control.send(.stop)
    harness.turn()
    #expect(applied(harness, 0) == ["drain 10000000000"])
    harness.control.send(.workerEnded(index: 1))
    harness.turn(afterMilliseconds: 100)
    #expect(applied(harness, 0) == [], "told once")
    harness.control.send(.stop)
    harness.turn(afterMilliseconds: 100)
    #expect(applied(harness, 0) == ["drain 0"])
    #expect(harness.messages(1).count == 1, "who has ended is told nothing more")
    #expect(!harness.loop.isFinished, "not before the worker has ended")
  }

  @Test func withoutADrainTimeoutThereIsNoDeadline() throws {
    let harness = try ControlHarness(workers: 1) { $0.limits.drainTimeoutMilliseconds = 0 }
    harness.control.send(.stop)
    harness.turn()
    #expect(applied(harness, 0) == ["drain \(Int64.max - harness.times.monotonic)"])
  }

  @Test func aHugeDrainTimeoutDoesNotOverflow() throws {
    let harness = try ControlHarness(workers: 1) { $0.limits.drainTimeoutMilliseconds = .max }
    harness.control.send(.stop)
    harness.turn()
    #expect(harness.messages(0).count == 1)
  }

  @Test func finishesTheRequestInFlightBeforeItEnds() throws {
    let told = try Mailbox<ControlMessage>()
    let harness = try ControlHarness(journal: { try makeJournal($0, told) })
    let client = try harness.connect()
    try client.send(ControlHarness.post("/revoke", #"{"jti":"a"}"#))
    harness.control.send(.stop)
    harness.turn()
    #expect(!harness.loop.isFinished)
    harness.control.send(.journalWritten(batch: 1, succeeded: true))
    #expect(try client.reply().status == 200)
    #expect(harness.loop.isFinished)
  }

  @Test func aHalfRequestHoldsItUpOnlyUntilTheDeadline() throws {
    let harness = try ControlHarness { $0.limits.drainTimeoutMilliseconds = 2_000 }
    let client = try harness.connect()
    try client.send("GET /hea")
    harness.turn()
    harness.control.send(.stop)
    harness.turn()
    #expect(!harness.loop.isFinished)
    #expect(harness.loop.waitMilliseconds == 2_001)
    harness.turn(afterMilliseconds: 2_000)
    #expect(harness.loop.isFinished)
    #expect(!client.poll())
  }

  /// The real thing: its own clocks, workers on threads, a journal.
  @Test func runsUntilAllWorkersHaveEnded() throws {
    let control = try Mailbox<ControlMessage>()
    let workers = try (0..<2).map { _ in try Mailbox<WorkerMessage>() }
    let directory = try Files.makeTemporaryDirectory(prefix: "admin-tests-")
    defer {
      try? Files.remove(directory + "/journal")
      try? Files.removeDirectory(directory)
    }
    let journal = try Journal.open(
      path: directory + "/journal", sync: .always, control: control, nowSeconds: now
    ).journal
    let table = RevocationTable()
    let loop = try ControlLoop(
      snapshot: Snapshot(
        policy: PolicySet(PolicyDefinitions(), revocations: table), settings: GatewaySettings(),
        servers: []),
      keys: RestoredKeys(realms: []), mailbox: control, workers: workers,
      keeper: RevocationKeeper(table: table, journal: journal), admin: nil, boundAddresses: [])
    let threads = try workers.indices.map { index in
      let mailbox = workers[index]
      return try WorkerThread.start(name: "fake-\(index)") {
        FakeWorker.run(index: index, mailbox: mailbox, control: control)
      }
    }
    control.send(.stop)
    loop.run()
    for thread in threads { thread.join() }
    journal.finish()
    #expect(table.count == 2)
  }
}

/// A worker that asks for one revocation and ends when it is durable and it was told to drain.
private enum FakeWorker {
  static func run(
    index: Int, mailbox: Mailbox<WorkerMessage>, control: Mailbox<ControlMessage>
  ) {
    control.send(
      .revoke(
        entries: [
          RevocationEntry(
            kind: .token, realm: "main", value: "jti:\(index)", time: 0, expiry: .max / 2)
        ],
        ticket: ExchangeTicket(worker: index, client: 1, exchange: 1)))
    guard let poller = try? Poller() else { return }
    do { try poller.add(mailbox, token: 1) } catch { return }
    var mustEnd = false
    var isDurable = false
    while !(mustEnd && isDurable) {
      _ = poller.wait(timeoutMilliseconds: -1)
      var messages: [WorkerMessage] = []
      mailbox.drain(into: &messages)
      for message in messages {
        switch message {
        case .drain: mustEnd = true
        case .revocationApplied(let ticket, let durable):
          isDurable = durable && ticket.worker == index
        case .reportCounters, .housekeep, .acceptAgain, .revocationsChanged, .realmsChanged,
          .keySetAnswered:
          break
        }
      }
    }
    control.send(.workerEnded(index: index))
  }
}
