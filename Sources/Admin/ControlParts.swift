// What the control loop is made of, and the clocks it reads.

import EventLoop
import Policy
import Proxy
import Tokens

/// The parts that the control loop works with, given to it at the start.
struct ControlParts {
  let snapshot: Snapshot
  /// The realms' keys that change while the gateway runs.
  let keys: RestoredKeys
  let mailbox: Mailbox<ControlMessage>
  /// The workers' inboxes, by index.
  let workers: [Mailbox<WorkerMessage>]
  let keeper: RevocationKeeper
  let admin: ListenerGroup?
  /// The addresses of `settings.listeners` as bound, by index.
  let boundAddresses: [String]
  let version: String?
  /// The limit buckets, for their alarm; nil in tests that have none.
  var limits: LimitTable?
  /// The places for client connections; nil in tests that have none.
  var connections: ConnectionBudget?
  /// Takes lines for the operator.
  var tell: (String) -> Void = OperatorNotice.tell
}

/// The two clocks of the loop, replaced in tests.
struct ControlClock {
  /// Nanoseconds that only grow.
  var monotonicNanoseconds: () -> Int64 = Clock.monotonicNanoseconds
  /// Milliseconds since 1970.
  var realtimeMilliseconds: () -> Int64 = Clock.realtimeMilliseconds
}
