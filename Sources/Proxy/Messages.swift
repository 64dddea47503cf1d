// What crosses threads: small Sendable messages through mailboxes, nothing else.

import Policy
import Tokens

/// To a worker.
public enum WorkerMessage: Sendable {
  /// Stop accepting; finish what is in flight until the deadline (monotonic nanoseconds), then end.
  case drain(deadline: Int64)
  /// The revocations that an exchange asked for stand in every worker; `isDurable` says whether the
  /// store has them too.
  case revocationApplied(ticket: ExchangeTicket, isDurable: Bool)
  /// What a key set that an exchange asked for came to: with `isAvailable` these realms are what to
  /// judge by, and a key that they lack is unknown; without, nobody can tell.
  case keySetAnswered(ticket: ExchangeTicket, isAvailable: Bool, realms: RealmSet)
  /// Keys have changed.
  case realmsChanged(RealmSet)
  /// The revocation table has changed: look whose tunnels and event streams have to end.
  case revocationsChanged
  /// Expired revocations have been forgotten: let go of what is outgrown, traffic or not.
  case housekeep
  /// A place or a descriptor was given back: accept again.
  case acceptAgain
  /// Send this worker's counters to the control loop under `serial`.
  case reportCounters(serial: UInt64)
}

/// To the control loop.
public enum ControlMessage: Sendable {
  /// Apply these entries and make them durable; then answer the worker that asked.
  case revoke(entries: [RevocationEntry], ticket: ExchangeTicket)
  /// A token names a key that these realms (by index) don't have: answer the exchange when that is
  /// certain. `keyName` is a keyed hash of the name, 0 for a token without one.
  case keyNeeded(realms: [Int], keyName: UInt64, ticket: ExchangeTicket)
  /// The journal finished a batch (from the journal's queue).
  case journalWritten(batch: UInt64, succeeded: Bool)
  /// A worker's counters, asked for under `serial`.
  case counters(worker: Int, serial: UInt64, Counters)
  /// A worker has ended after draining.
  case workerEnded(index: Int)
  /// A signal asks to stop.
  case stop
}

/// Which exchange waits for the control loop.
public struct ExchangeTicket: Sendable, Equatable {
  /// The worker to answer.
  public let worker: Int
  /// The client connection's token.
  public let client: UInt64
  /// Serial number of the exchange on that worker, so that a late answer finds no successor.
  public let exchange: UInt64
}
