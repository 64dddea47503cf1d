// What the admin address asks of the control loop: health, status and revocations.
//
// What can be answered at once is; what has to wait for the store or for the workers' counters is
// noted in `pending`, with a deadline. Control loop only.

import Policy
import Proxy

extension ControlLoop {
  /// Open connections to the admin address.
  var connectionCount: Int { server?.connectionCount ?? 0 }

  func perform(_ call: AdminCall) {
    switch call.endpoint {
    case .health: server?.answer(call.connection, .health(isDraining: isDraining))
    case .status: askForCounters(call, for: .status)
    case .metrics: askForCounters(call, for: .metrics)
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

  private func askForCounters(_ call: AdminCall, for form: ReportForm) {
    countersSerial += 1
    var missing: [Int] = []
    for (index, worker) in workers.enumerated() where !worker.hasEnded {
      worker.mailbox.send(.reportCounters(serial: countersSerial))
      missing.append(index)
    }
    guard !missing.isEmpty else { return answerReport(call.connection, form, missing: 0) }
    wait(
      call, .counters(serial: countersSerial, missing: missing, form: form),
      ControlLoop.countersNanoseconds)
  }

  /// A worker has told its counters (nil: for good). Its answer to a later question answers the
  /// earlier ones too.
  func collect(from worker: Int, serial told: UInt64?) {
    for index in pending.indices {
      guard case .counters(let serial, var missing, let form) = pending[index].kind,
        serial <= told ?? .max
      else { continue }
      missing.removeAll { $0 == worker }
      pending[index].kind = .counters(serial: serial, missing: missing, form: form)
      if missing.isEmpty { answerReport(pending[index].connection, form, missing: 0) }
    }
    pending.removeAll { request in
      if case .counters(_, let missing, _) = request.kind { missing.isEmpty } else { false }
    }
  }

  /// Describes the gateway; of a worker that has not answered what it said last is told.
  func answerReport(_ connection: UInt64, _ form: ReportForm, missing: Int) {
    var sum = Counters()
    for worker in workers { sum.add(worker.counters) }
    let report = StatusReport(
      parts: parts, realms: liveKeys.realms.realms, keySets: liveKeys.reports,
      isDraining: isDraining, uptimeSeconds: (now - startedAt) / 1_000_000_000,
      nowSeconds: clock.realtimeMilliseconds() / 1000,
      workersAnswered: workers.count - missing, counters: sum,
      blocklistEntries: keeper.entryCount, isStoreFailing: keeper.isStoreFailing)
    switch form {
    case .status: server?.answer(connection, AdminAnswer(status: 200, report.object))
    case .metrics: server?.answer(connection, AdminAnswer(MetricsReport(report).text))
    }
  }
}
