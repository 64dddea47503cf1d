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

  let parts: ControlParts
  let clock: ControlClock
  private let poller: Poller
  let keeper: RevocationKeeper
  let liveKeys: LiveKeys
  /// The version of the realms that the workers were told of, or are owed.
  var realmsVersion: UInt64
  var planner: RevocationPlanner
  let server: AdminServer?
  var workers: [WorkerState]
  private var messages: [ControlMessage] = []
  var pending: [PendingAnswer] = []
  var countersSerial: UInt64 = 0
  private var purgeAt: Int64
  /// When draining must end, once it has begun.
  var drainDeadline: Int64?
  let startedAt: Int64
  /// Time of this wake-up: read once, passed down.
  var now: Int64
  var epochSeconds: Int64 = 0

  /// Makes the loop on the calling thread. `workers` are the workers' inboxes and `boundAddresses`
  /// the listeners' addresses as bound, both by index; `admin` is the admin address, opened for one
  /// loop; `keys` are the sources of the snapshot's realms' keys; `limits` is asked for its alarm and
  /// `connections` for its bound.
  public convenience init(
    snapshot: Snapshot, keys: RestoredKeys, mailbox: Mailbox<ControlMessage>,
    workers: [Mailbox<WorkerMessage>], keeper: RevocationKeeper, admin: ListenerGroup?,
    boundAddresses: [String], version: String? = nil, limits: LimitTable? = nil,
    connections: ConnectionBudget? = nil
  ) throws(SystemError) {
    try self.init(
      ControlParts(
        snapshot: snapshot, keys: keys, mailbox: mailbox, workers: workers, keeper: keeper,
        admin: admin, boundAddresses: boundAddresses, version: version, limits: limits,
        connections: connections),
      clock: ControlClock())
  }

  init(_ parts: ControlParts, clock: ControlClock) throws(SystemError) {
    self.parts = parts
    self.clock = clock
    let settings = parts.snapshot.settings
    keeper = parts.keeper
    planner = RevocationPlanner(
      realms: parts.snapshot.policy.realms.realms, covered: settings.blocklist.realmIndices)
    workers = parts.workers.map { WorkerState(mailbox: $0) }
    now = clock.monotonicNanoseconds()
    startedAt = now
    purgeAt = now + ControlLoop.purgeNanoseconds
    poller = try Poller()
    try poller.add(parts.mailbox, token: ControlToken.mailbox)
    realmsVersion = parts.snapshot.policy.realms.version
    liveKeys = try LiveKeys(
      parts.keys, policy: parts.snapshot.policy, poller: poller, now: now,
      nowSeconds: clock.realtimeMilliseconds() / 1000, tell: parts.tell)
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
    liveKeys.wake(now: now, nowSeconds: epochSeconds)
    for index in 0..<count {
      let event = poller.event(at: index)
      switch event.token & ControlToken.kindMask {
      case ControlToken.mailbox: handleMessages()
      case ControlToken.listener: server?.accept()
      case ControlToken.keySets: liveKeys.handleMessages()
      case ControlToken.fetch: liveKeys.handle(event)
      default: server?.handle(event)
      }
    }
    server?.passDeadlines()
    passDeadlines()
    liveKeys.passDeadlines()
    takeRealms()
    if let server {
      for call in server.takeCalls() { perform(call) }
    }
    // Before the answers: whoever is told that a revocation stands has its streams ended by then, as
    // far as the order of the mailbox goes.
    tellToSweep()
    answerOutcomes()
    tellOfRealms()
    answerKeyNeeds()
    tellToDrain()
  }

  // MARK: Time

  /// How long the next wake-up may be away; never for ever, because of the purge.
  var waitMilliseconds: Int {
    var next = min(purgeAt, server?.nextDeadline ?? .max, liveKeys.nextDeadline)
    for request in pending { next = min(next, request.deadline) }
    if let drainDeadline, drainDeadline > now { next = min(next, drainDeadline) }
    if workers.contains(where: { $0.owesDrain || $0.owesSweep || $0.owesRealms }) {
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
      case .counters(_, let missing, let form):
        answerReport(request.connection, form, missing: missing.count)
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
      case .keyNeeded(let realms, let keyName, let ticket):
        liveKeys.keyNeeded(realms: realms, keyName: keyName, ticket: ticket)
      case .journalWritten(let batch, let succeeded):
        keeper.journalWritten(batch: batch, succeeded: succeeded)
      case .counters(let worker, let serial, let counters):
        workers[worker].counters = counters
        collect(from: worker, serial: serial)
      case .workerEnded(let worker):
        workers[worker].hasEnded = true
        workers[worker].owesDrain = false
        workers[worker].owesSweep = false
        workers[worker].owesRealms = false
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
  func revocationsChanged() {
    for index in workers.indices where !workers[index].hasEnded { workers[index].owesSweep = true }
  }

  private func tellToSweep() {
    for index in workers.indices where workers[index].owesSweep {
      workers[index].owesSweep = !workers[index].mailbox.send(.revocationsChanged)
    }
  }
}
