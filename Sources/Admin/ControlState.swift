// What the control loop knows of each worker, and who waits for an answer of it.
//
// Plain state; `ControlLoop` and its parts move it on. Control loop only.

import EventLoop
import Proxy

/// What is known about one worker.
struct WorkerState {
  let mailbox: Mailbox<WorkerMessage>
  /// Its counters when it last told them.
  var counters = Counters()
  var hasEnded = false
  /// True while it has to be told to drain, or that the deadline has moved.
  var owesDrain = false
  /// True while it has to be told that the revocation table has changed.
  var owesSweep = false
  /// True while it has to be told that keys have changed.
  var owesRealms = false
}

/// How the gateway is described.
enum ReportForm {
  /// `/status`.
  case status
  /// `/metrics`.
  case metrics
}

/// An admin request that waits for others. Its connection waits with it, so there are never more
/// than connections.
struct PendingAnswer {
  enum Kind {
    /// For the store: what to say when it is written.
    case store(AdminAnswer)
    /// For counters asked for under `serial`, from these workers; what is to become of them.
    case counters(serial: UInt64, missing: [Int], form: ReportForm)
  }
  let connection: UInt64
  let deadline: Int64
  var kind: Kind
}
