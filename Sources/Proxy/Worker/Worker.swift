// One worker: one thread, one epoll, its own listeners, connections, pools, caches and counters.
//
// The loop is pulled: waiting fills an array of events, timers give tokens back, and this file
// switches over them. Nothing registers a handler. Everything reachable from here belongs to this
// thread; what crosses comes and goes as messages (`Messages.swift`), with two named exceptions: the
// revocation table and the limit tables, which are shared by all workers.

import Bytes
import EventLoop
import HTTPWire
import Policy
import Transport

/// The loop of one worker thread. Made and run on that thread.
public final class Worker {
  /// Turns of one connection before the others get theirs.
  static let turnMaximum = 32
  /// Clients accepted per event, so that a flood of connects doesn't starve those who are in.
  static let acceptMaximum = 64
  /// Room below which a buffer is flushed before more is relayed: larger than any chunk line, trailer
  /// or interim head that has to fit in one piece.
  static let roomMinimum = 8 << 10
  /// How long accepting pauses when descriptors have run out, in nanoseconds.
  static let acceptPauseNanoseconds: Int64 = 100_000_000
  /// How soon after a burst the memory that it took goes back to the system, in nanoseconds.
  static let memoryReturnNanoseconds: Int64 = 1_000_000_000
  /// Blocks that a worker keeps for reuse (at 64 KiB each, untouched pages cost nothing).
  static let blocksKept = 64

  let index: Int
  let snapshot: Snapshot
  let poller: Poller
  let timers: TimerWheel
  let mailbox: Mailbox<WorkerMessage>
  let control: Mailbox<ControlMessage>
  let gatekeeper: Gatekeeper
  let blocks: BufferPool
  let connections: ConnectionBudget
  let clients = SlotTable<ClientConnection>(kind: .client)
  let upstreams = SlotTable<UpstreamConnection>(kind: .upstream)
  let pools: [UpstreamPool]
  let accessLog: AccessLog
  let requestHeadLimits: HeadLimits
  let responseHeadLimits: HeadLimits
  var listeners: ListenerSet
  var counters = Counters()

  /// Time of this wake-up: read once, passed down.
  private(set) var now: Int64 = 0
  private(set) var epochMilliseconds: Int64 = 0

  /// True while a timer will look whether accepting can go on.
  var acceptTimerArmed = false
  var freeExchanges: [Exchange] = []
  /// True while a timer will give freed memory back.
  var memoryTimerArmed = false
  var requestIDs = RequestIDSource()
  var exchangeSerial: UInt64 = 0
  /// Connections that used up their turns and have more to do.
  private var queued: [UInt64] = []
  private var messages: [WorkerMessage] = []
  private var fired: [UInt64] = []
  /// The tunnels and event streams that were opened with a token.
  var liveStreams: [LiveStream] = []
  /// Tunnels that are open now.
  var tunnelCount = 0
  /// When draining must end, once it has begun.
  var drainDeadline: Int64?

  /// Makes a worker on the calling thread.
  public init(_ start: WorkerStart) throws(SystemError) {
    index = start.index
    snapshot = start.snapshot
    mailbox = start.mailbox
    control = start.control
    gatekeeper = start.makeGatekeeper()
    connections = start.connections
    let settings = start.snapshot.settings
    blocks = BufferPool(blockBytes: start.snapshot.blockBytes, keptMaximum: Worker.blocksKept)
    pools = start.snapshot.servers.indices.map {
      UpstreamPool(
        servers: start.snapshot.servers[$0],
        idleMaximum: min(settings.upstreams[$0].keepIdleCountMaximum, start.idleUpstreamMaximum),
        balance: settings.upstreams[$0].balance)
    }
    accessLog = AccessLog(sink: start.accessLog)
    let limits = settings.limits
    requestHeadLimits = HeadLimits(
      targetBytesMaximum: limits.targetBytesMaximum, headBytesMaximum: limits.headBytesMaximum,
      fieldCountMaximum: limits.fieldCountMaximum)
    responseHeadLimits = HeadLimits(
      targetBytesMaximum: limits.targetBytesMaximum,
      headBytesMaximum: limits.responseHeadBytesMaximum,
      fieldCountMaximum: limits.fieldCountMaximum)
    now = Clock.monotonicNanoseconds()
    epochMilliseconds = Clock.realtimeMilliseconds()
    poller = try Poller()
    timers = TimerWheel(nowNanoseconds: now)
    listeners = ListenerSet(start.listeners)
    try poller.add(mailbox, token: Token.make(.mailbox, slot: 0))
    try listeners.resume(poller)
  }

  /// Serves until told to drain and done with it.
  public func run() {
    while !isFinished {
      let timeout = queued.isEmpty ? waitMilliseconds : 0
      let count = poller.wait(timeoutMilliseconds: timeout)
      now = Clock.monotonicNanoseconds()
      epochMilliseconds = Clock.realtimeMilliseconds()
      if count > 1 { closeSpentConnections(count) }
      for index in 0..<count { handle(poller.event(at: index)) }
      handleTimers()
      handleQueued()
      if let due = accessLog.flushDue, due <= now { accessLog.flush() }
    }
    accessLog.flush()
    control.send(.counters(worker: index, serial: 0, reportedCounters))
    control.send(.workerEnded(index: index))
  }

  // MARK: Time

  /// The time as the policy sees it.
  var policyTime: PolicyTime {
    PolicyTime(monotonicNanoseconds: now, epochSeconds: epochSeconds)
  }

  var epochSeconds: Int64 { epochMilliseconds / 1000 }

  /// A deadline that is `milliseconds` away; 0 means none.
  func deadline(inMilliseconds milliseconds: Int) -> Int64 {
    milliseconds == 0 ? Deadline.never : now + Int64(milliseconds) * 1_000_000
  }

  private var waitMilliseconds: Int {
    var wait = timers.timeoutMilliseconds(nowNanoseconds: now)
    if let due = accessLog.flushDue {
      let left = Int(max(0, due - now) / 1_000_000) + 1
      wait = wait < 0 ? left : min(wait, left)
    }
    return wait
  }

  /// Moves a client connection's deadline.
  func move(_ client: ClientConnection, to due: Int64) {
    if let armAt = client.deadline.move(to: due, now: now) {
      timers.schedule(client.token, deadlineNanoseconds: armAt)
    }
  }

  /// Moves an upstream connection's deadline.
  func move(_ connection: UpstreamConnection, to due: Int64) {
    if let armAt = connection.deadline.move(to: due, now: now) {
      timers.schedule(connection.token, deadlineNanoseconds: armAt)
    }
  }

  // MARK: Events

  private func handle(_ event: PollEvent) {
    switch Token.kind(event.token) {
    case .client:
      guard let client = clients.find(event.token) else { return }
      if event.isReadable { client.mayRead = true }
      if event.isWritable { client.mayWrite = true }
      if event.isHangup {
        client.hangupSeen = true
        client.mayRead = true
        // One that has only finished sending still waits for its answer; one that reset does not.
        if client.phase == .inExchange || client.phase == .tunnelling,
          client.stream.pendingError() != 0
        {
          return abort(client, because: "client_aborted")
        }
      }
      serve(client)
    case .upstream:
      guard let connection = upstreams.find(event.token) else { return }
      handle(event, connection)
    case .listener:
      accept(listener: Token.slot(event.token))
    case .mailbox:
      handleMessages()
    case .housekeeping, nil:
      break
    }
  }

  private func handle(_ event: PollEvent, _ connection: UpstreamConnection) {
    if event.isReadable { connection.mayRead = true }
    if event.isWritable { connection.mayWrite = true }
    if event.isHangup {
      connection.hangupSeen = true
      connection.mayRead = true
    }
    switch connection.phase {
    case .connecting:
      if event.isHangup, connection.stream.pendingError() != 0 {
        // Reading tells the exchange that the connection failed.
      } else if event.isWritable || event.isReadable {
        connection.phase = .busy
      }
      serveClient(of: connection)
    case .busy:
      serveClient(of: connection)
    case .idle:
      closeIfSpent(connection, event)
    case .closed:
      break
    }
  }

  /// Whatever an idle connection says, it is of no use any more: a close, or bytes that nobody asked
  /// for, which must never become the next request's answer.
  private func closeIfSpent(_ connection: UpstreamConnection, _ event: PollEvent) {
    guard connection.phase == .idle, event.isReadable || event.isHangup else { return }
    pools[connection.upstream].forget(connection)
    close(connection)
  }

  /// Before anything else of a wake-up: a client's event that stands before an idle connection's
  /// would take that connection for its request.
  private func closeSpentConnections(_ count: Int) {
    for index in 0..<count {
      let event = poller.event(at: index)
      guard Token.kind(event.token) == .upstream,
        let connection = upstreams.find(event.token)
      else { continue }
      closeIfSpent(connection, event)
    }
  }

  private func serveClient(of connection: UpstreamConnection) {
    guard let client = clients.find(connection.client) else { return close(connection) }
    serve(client)
  }

  private func handleTimers() {
    fired.removeAll(keepingCapacity: true)
    timers.advance(toNanoseconds: now, into: &fired)
    for token in fired {
      switch Token.kind(token) {
      case .client:
        guard let client = clients.find(token) else { continue }
        let outcome = client.deadline.fired(now: now)
        if let armAt = outcome.rearmAt { timers.schedule(token, deadlineNanoseconds: armAt) }
        if outcome.passed { deadlinePassed(client) }
      case .upstream:
        guard let connection = upstreams.find(token) else { continue }
        let outcome = connection.deadline.fired(now: now)
        if let armAt = outcome.rearmAt { timers.schedule(token, deadlineNanoseconds: armAt) }
        if outcome.passed, connection.phase == .idle {
          pools[connection.upstream].forget(connection)
          close(connection)
        }
      case .listener:
        acceptTimerArmed = false
        resumeAccepting()
      case .housekeeping:
        switch Token.slot(token) {
        case Worker.memoryTimer: returnMemory()
        default: cutOff()
        }
      case .mailbox, nil:
        break
      }
    }
  }

  private func handleQueued() {
    guard !queued.isEmpty else { return }
    let tokens = queued
    queued.removeAll(keepingCapacity: true)
    for token in tokens {
      guard let client = clients.find(token) else { continue }
      client.isQueued = false
      serve(client)
    }
  }

  /// Lets a connection go on in the next turn of the loop.
  func queue(_ client: ClientConnection) {
    guard !client.isQueued else { return }
    client.isQueued = true
    queued.append(client.token)
  }

  private func handleMessages() {
    messages.removeAll(keepingCapacity: true)
    mailbox.drain(into: &messages)
    // The table is shared: one walk over the streams sees every change that these messages are about.
    var hasSwept = false
    for message in messages {
      switch message {
      case .revocationsChanged:
        if !hasSwept { sweepStreams() }
        hasSwept = true
      case .realmsChanged(let realms):
        adopt(realms)
      case .keySetAnswered(let ticket, let isAvailable, let realms):
        adopt(realms)
        keySetAnswered(ticket, isAvailable: isAvailable)
      case .drain(let deadline):
        drain(until: deadline)
      case .revocationApplied(let ticket, let isDurable):
        guard let client = clients.find(ticket.client), let exchange = client.exchange,
          exchange.serial == ticket.exchange
        else { continue }
        exchange.revocationApplied(self, client, isDurable: isDurable)
        serve(client)
      case .housekeep:
        gatekeeper.housekeep()
        // For a token whose end the clock has jumped over.
        if !hasSwept { sweepStreams() }
        hasSwept = true
      case .acceptAgain:
        resumeAccepting()
      case .reportCounters(let serial):
        control.send(.counters(worker: index, serial: serial, reportedCounters))
      }
    }
  }

  private var reportedCounters: Counters {
    var report = counters
    let signatures = gatekeeper.signatureCounts
    report.tokenCacheHits = signatures.remembered
    report.tokenCacheMisses = signatures.verified
    report.tokenCacheEntries = UInt64(gatekeeper.rememberedTokenCount)
    report.signaturesComputed = signatures.computed
    report.signaturesRefusedPerAddress = signatures.refusedByAddress
    report.signaturesRefused = signatures.refusedByWorker
    report.tokensMinted = gatekeeper.mintCounts.signed
    report.mintedTokensReused = gatekeeper.mintCounts.remembered
    report.connectionsOpen = UInt64(clients.count)
    report.tunnelsOpen = UInt64(tunnelCount)
    report.logLinesDropped = accessLog.droppedLines
    report.decisions = gatekeeper.decisions
    return report
  }
}
