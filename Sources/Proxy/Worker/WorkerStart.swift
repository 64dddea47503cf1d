// What a worker needs to begin, made on another thread: everything in it is Sendable.

import EventLoop
import Policy

/// The parts that a worker is built from on its own thread.
public struct WorkerStart: Sendable {
  /// Index of the worker, from 0.
  public let index: Int
  /// The configuration.
  public let snapshot: Snapshot
  /// The worker's inbox.
  public let mailbox: Mailbox<WorkerMessage>
  /// The control loop's inbox.
  public let control: Mailbox<ControlMessage>
  /// Shared by all workers: read here, written by the control loop.
  public let revocations: RevocationTable
  /// Shared by all workers, striped locks.
  public let limits: LimitTable
  /// Shared by all workers: places for client connections.
  public let connections: ConnectionBudget
  /// Most unused connections to keep for each server: what `keepalive` may not exceed where
  /// descriptors are scarce.
  public let idleUpstreamMaximum: Int
  /// Where access lines go; nil when there is no access log.
  public let accessLog: LogSink?
  /// One group a listener, each opened for as many workers as there are.
  public let listeners: [ListenerGroup]

  /// Makes the parts of one worker.
  public init(
    index: Int, snapshot: Snapshot, mailbox: Mailbox<WorkerMessage>,
    control: Mailbox<ControlMessage>, revocations: RevocationTable, limits: LimitTable,
    connections: ConnectionBudget, idleUpstreamMaximum: Int = .max, accessLog: LogSink?,
    listeners: [ListenerGroup]
  ) {
    self.index = index
    self.snapshot = snapshot
    self.mailbox = mailbox
    self.control = control
    self.revocations = revocations
    self.limits = limits
    self.connections = connections
    self.idleUpstreamMaximum = idleUpstreamMaximum
    self.accessLog = accessLog
    self.listeners = listeners
  }

  func makeGatekeeper() -> Gatekeeper {
    Gatekeeper(
      revocations: revocations, limits: limits, realms: snapshot.policy.realms,
      signatureRates: snapshot.settings.limits.signatureRates)
  }
}
