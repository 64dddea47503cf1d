// The control loop: the one thread that is no worker. It writes the revocation table, answers the
// admin address, and leads the workers to their end.
//
// Pulled like the workers' loops: events are taken, deadlines are looked at, then what has become
// possible is done. It never blocks: the journal runs on its own queue and answers by message. Main
// thread; everything reachable from here belongs to it, but for the mailboxes.

import Bytes
import EventLoop
import Policy
import Proxy
import Tokens

/// The loop of the main thread.
public final class ControlLoop {
  /// How often expired revocations are forgotten.
  static let purgeNanoseconds: Int64 = 60_000_000_000
  /// How long the workers' counters are waited for.
  static let countersNanoseconds: Int64 = 1_000_000_000
  /// How long the store is waited for before an admin request is told that it isn't written.
  static let storeNanoseconds: Int64 = 10_000_000_000
  /// How soon a worker whose mailbox was full is told again to drain.
  static let retryNanoseconds: Int64 = 20_000_000

  private let parts: ControlParts
  private let clock: ControlClock
  private let poller: Poller
  private let keeper: RevocationKeeper
  private let planner: RevocationPlanner
  private let server: AdminServer?
  private var workers: [WorkerState]
  private var messages: [ControlMessage] = []
  private var pending: [PendingAnswer] = []
  private var countersSerial: UInt64 = 0
  private var purgeAt: Int64
  /// When draining must end, once it has begun.
  private var drainDeadline: Int64?
  private let startedAt: Int64
  /// Time of this wake-up: read once, passed down.
  private var now: Int64
  private var epochSeconds: Int64 = 0

  /// What is known about one worker.
  private struct WorkerState {
    let mailbox: Mailbox<WorkerMessage>
    /// Its counters when it last told them.
    var counters = Counters()
    var hasEnded = false
    /// True while it has to be told to drain, or that the deadline has moved.
    var owesDrain = false
    /// True while it has to be told that the revocation table has changed.
    var owesSweep = false
  }

  /// An admin request that waits for others. Its connection waits with it, so there are never more
  /// than connections.
  private struct PendingAnswer {
    enum Kind {
      /// For the store: what to say when it is written.
      case store(AdminAnswer)
      /// For counters asked for under `serial`, from these workers.
      case counters(serial: UInt64, missing: [Int])
    }
    let connection: UInt64
    let deadline: Int64
    var kind: Kind
  }

  /// Makes the loop on the calling thread. `workers` are the workers' inboxes and `boundAddresses`
  /// the listeners' addresses as bound, both by index; `admin` is the admin address, opened for one
  /// loop; tokens that are to be revoked are verified with the keys of `realms`; `limits` is
  /// asked for its alarm and `connections` for its bound.
  public convenience init(
    snapshot: Snapshot, realms: [Realm], mailbox: Mailbox<ControlMessage>,
    workers: [Mailbox<WorkerMessage>], keeper: RevocationKeeper, admin: ListenerGroup?,
    boundAddresses: [String], version: String? = nil, limits: LimitTable? = nil,
    connections: ConnectionBudget? = nil
  ) throws(SystemError) {
    try self.init(
      ControlParts(
        snapshot: snapshot, realms: realms, mailbox: mailbox, workers: workers, keeper: keeper,
        admin: admin, boundAddresses: boundAddresses, version: version, limits: limits,
        connections: connections),
      clock: ControlClock())
  }

  init(_ parts: ControlParts, clock: ControlClock) throws(SystemError) {
    self.parts = parts
    self.clock = clock
    let settings = parts.snapshot.settings
    keeper = parts.keeper
    planner = RevocationPlanner(realms: parts.realms, covered: settings.blocklist.realmIndices)
    workers = parts.workers.map { WorkerState(mailbox: $0) }
    now = clock.monotonicNanoseconds()
    startedAt = now
    purgeAt = now + ControlLoop.purgeNanoseconds
    poller = try Poller()
    try poller.add(parts.mailbox, token: ControlToken.mailbox)
    if let group = parts.admin {
      let gate = AdminGate(
        isLocal: group.address.family == .unix, token: settings.admin?.token)
      server = try AdminServer(
        group: group, gate: gate, poller: poller, listenerToken: ControlToken.listener)
    } else {
      server = nil
    }
  }

  /// Runs until it was told to stop and all workers have ended.
  public func run() {
    while !isFinished { turn(timeoutMilliseconds: waitMilliseconds) }
    keeper.flush()
  }

  /// One wake-up.
  func turn(timeoutMilliseconds: Int) {
    let count = poller.wait(timeoutMilliseconds: timeoutMilliseconds)
    now = clock.monotonicNanoseconds()
    epochSeconds = clock.realtimeMilliseconds() / 1000
    server?.wake(now: now, epochSeconds: epochSeconds)
    for index in 0..<count {
      let event = poller.event(at: index)
      switch event.token {
      case ControlToken.mailbox: handleMessages()
      case ControlToken.listener: server?.accept()
      default: server?.handle(event)
      }
    }
    server?.passDeadlines()
    passDeadlines()
    if let server {
      for call in server.takeCalls() { perform(call) }
    }
    // Before the answers: whoever is told that a revocation stands has its streams ended by then, as
    // far as the order of the mailbox goes.
    tellToSweep()
    answerOutcomes()
    tellToDrain()
  }

  // MARK: Time

  /// How long the next wake-up may be away; never for ever, because of the purge.
  var waitMilliseconds: Int {
    var next = min(purgeAt, server?.nextDeadline ?? .max)
    for request in pending { next = min(next, request.deadline) }
    if let drainDeadline, drainDeadline > now { next = min(next, drainDeadline) }
    if workers.contains(where: { $0.owesDrain || $0.owesSweep }) {
      next = min(next, now + ControlLoop.retryNanoseconds)
    }
    return next <= now ? 0 : Int((next - now) / 1_000_000) + 1
  }

  private func passDeadlines() {
    if purgeAt <= now {
      keeper.housekeep(nowSeconds: epochSeconds)
      // A mailbox that is full has a worker that is not idle.
      for worker in workers where !worker.hasEnded { worker.mailbox.send(.housekeep) }
      purgeAt = now + ControlLoop.purgeNanoseconds
    }
    for request in pending where request.deadline <= now {
      switch request.kind {
      case .store: server?.answer(request.connection, .storeIsLate)
      case .counters(_, let missing): answerStatus(request.connection, missing: missing.count)
      }
    }
    pending.removeAll { $0.deadline <= now }
  }

  // MARK: Messages

  private func handleMessages() {
    messages.removeAll(keepingCapacity: true)
    parts.mailbox.drain(into: &messages)
    for message in messages {
      switch message {
      case .revoke(let entries, let ticket):
        keeper.revoke(entries, for: .worker(ticket), nowSeconds: epochSeconds)
        revocationsChanged()
      case .journalWritten(let batch, let succeeded):
        keeper.journalWritten(batch: batch, succeeded: succeeded)
      case .counters(let worker, let serial, let counters):
        workers[worker].counters = counters
        collect(from: worker, serial: serial)
      case .workerEnded(let worker):
        workers[worker].hasEnded = true
        workers[worker].owesDrain = false
        workers[worker].owesSweep = false
        collect(from: worker, serial: nil)
      case .stop:
        stop()
      }
    }
  }

  /// Tells everyone who waits what became of their revocations.
  private func answerOutcomes() {
    for (requester, outcome) in keeper.takeOutcomes() {
      switch requester {
      case .worker(let ticket):
        // A worker whose mailbox is full goes on at its own deadline, as if the store had failed.
        workers[ticket.worker].mailbox.send(
          .revocationApplied(ticket: ticket, isDurable: outcome == .durable))
      case .admin(let connection):
        guard let index = pending.firstIndex(where: { $0.connection == connection }),
          case .store(let success) = pending[index].kind
        else { continue }
        pending.remove(at: index)
        switch outcome {
        case .durable: server?.answer(connection, success)
        case .notDurable: server?.answer(connection, .storeFailed)
        case .tableFull: server?.answer(connection, .tableFull)
        }
      }
    }
  }

  /// Tunnels and event streams are judged when something changes, not by polling; several changes in
  /// one wake-up are one message.
  private func revocationsChanged() {
    for index in workers.indices where !workers[index].hasEnded { workers[index].owesSweep = true }
  }

  private func tellToSweep() {
    for index in workers.indices where workers[index].owesSweep {
      workers[index].owesSweep = !workers[index].mailbox.send(.revocationsChanged)
    }
  }

  // MARK: Admin requests

  /// Open connections to the admin address.
  var connectionCount: Int { server?.connectionCount ?? 0 }

  private func perform(_ call: AdminCall) {
    switch call.endpoint {
    case .health: server?.answer(call.connection, .health(isDraining: isDraining))
    case .status: askForCounters(call)
    case .revoke, .unrevoke:
      do throws(AdminAnswer) {
        try change(call)
      } catch {
        server?.answer(call.connection, error)
      }
    }
  }

  private func change(_ call: AdminCall) throws(AdminAnswer) {
    let toLift = call.endpoint == .unrevoke
    let command = try RevocationCommand.parse(call.body.span, toLift: toLift)
    let plan =
      toLift
      ? try planner.planLift(command, nowSeconds: epochSeconds)
      : try planner.planRevoke(command, nowSeconds: epochSeconds)
    switch plan {
    case .apply(let entry):
      wait(call, .store(.revoked(entry)), ControlLoop.storeNanoseconds)
      keeper.revoke([entry], for: .admin(call.connection), nowSeconds: epochSeconds)
      revocationsChanged()
    case .lift(let kind, let realm, let value):
      wait(call, .store(.restored), ControlLoop.storeNanoseconds)
      let wasThere = keeper.lift(
        kind: kind, realm: realm, value: value, for: .admin(call.connection),
        nowSeconds: epochSeconds)
      revocationsChanged()
      if !wasThere {
        pending.removeAll { $0.connection == call.connection }
        throw .noSuchRevocation
      }
    case .nothing:
      throw toLift ? .noSuchRevocation : .nothingToDo
    }
  }

  private func wait(_ call: AdminCall, _ kind: PendingAnswer.Kind, _ nanoseconds: Int64) {
    pending.append(
      PendingAnswer(connection: call.connection, deadline: now + nanoseconds, kind: kind))
  }

  // MARK: Status

  private func askForCounters(_ call: AdminCall) {
    countersSerial += 1
    var missing: [Int] = []
    for (index, worker) in workers.enumerated() where !worker.hasEnded {
      worker.mailbox.send(.reportCounters(serial: countersSerial))
      missing.append(index)
    }
    guard !missing.isEmpty else { return answerStatus(call.connection, missing: 0) }
    wait(
      call, .counters(serial: countersSerial, missing: missing), ControlLoop.countersNanoseconds)
  }

  /// A worker has told its counters (nil: for good). Its answer to a later question answers the
  /// earlier ones too.
  private func collect(from worker: Int, serial told: UInt64?) {
    for index in pending.indices {
      guard case .counters(let serial, var missing) = pending[index].kind,
        serial <= told ?? .max
      else { continue }
      missing.removeAll { $0 == worker }
      pending[index].kind = .counters(serial: serial, missing: missing)
      if missing.isEmpty { answerStatus(pending[index].connection, missing: 0) }
    }
    pending.removeAll { request in
      if case .counters(_, let missing) = request.kind { missing.isEmpty } else { false }
    }
  }

  private func answerStatus(_ connection: UInt64, missing: Int) {
    var sum = Counters()
    for worker in workers { sum.add(worker.counters) }
    let report = StatusReport(
      parts: parts, isDraining: isDraining, uptimeSeconds: (now - startedAt) / 1_000_000_000,
      nowSeconds: clock.realtimeMilliseconds() / 1000,
      workersAnswered: workers.count - missing, counters: sum,
      blocklistEntries: keeper.entryCount, isStoreFailing: keeper.isStoreFailing)
    server?.answer(connection, AdminAnswer(status: 200, report.object))
  }

  // MARK: Stopping

  /// True from the moment the gateway was told to stop.
  private var isDraining: Bool { drainDeadline != nil }

  var isFinished: Bool {
    guard let drainDeadline, workers.allSatisfy(\.hasEnded) else { return false }
    return !(server?.isBusy ?? false) || drainDeadline <= now
  }

  /// The first time, what is in flight gets its time; told again, it gets none.
  private func stop() {
    if isDraining {
      drainDeadline = now
    } else {
      let milliseconds = parts.snapshot.settings.limits.drainTimeoutMilliseconds
      drainDeadline =
        milliseconds > 0 ? now + min(Int64(milliseconds), .max / 2_000_000) * 1_000_000 : .max
      server?.stopAccepting()
      // A successor may take the address from here on.
      parts.admin?.removeSocketFile()
    }
    for index in workers.indices where !workers[index].hasEnded { workers[index].owesDrain = true }
  }

  private func tellToDrain() {
    guard let drainDeadline else { return }
    for index in workers.indices where workers[index].owesDrain {
      workers[index].owesDrain = !workers[index].mailbox.send(.drain(deadline: drainDeadline))
    }
  }
}
