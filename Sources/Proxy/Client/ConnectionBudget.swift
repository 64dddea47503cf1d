// How many clients may be connected: to the whole gateway, and from one address.
//
// Shared by all workers like the limit tables, and touched like them only where it is needed: when a
// client is accepted and when its connection closes, never per request. The total is one atomic
// number; addresses are counted in rows behind striped locks, at most one row an open connection.
//
// A worker that finds no room stops accepting and registers here; whoever gives something back wakes
// all that wait. The order of registering and looking again (below) loses no wake-up. Any thread.

import EventLoop
import Synchronization

/// The places for client connections.
public final class ConnectionBudget: Sendable {
  /// Most client connections of the whole gateway.
  public let maximum: Int
  /// Most client connections of one address (one /64 of IPv6); `Int.max` for no such bound.
  public let perAddressMaximum: Int

  /// Whom a connection is counted for.
  struct Holder: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    /// Nil for an address that isn't an IP one: clients of a Unix socket are not told apart.
    init?(_ address: SocketAddress) {
      let bytes = address.ipBytes
      switch address.family {
      case .ipv4: (high, low) = bytes
      // One customer has a whole /64, and would have 2^64 addresses.
      case .ipv6: (high, low) = (bytes.high, 0)
      case .unix: return nil
      }
    }
  }

  /// The standard library's hash is keyed afresh for each process: nobody can aim at a row.
  private final class Stripe: Sendable {
    let counts = Mutex<[Holder: Int]>([:])
  }

  private static let stripeCount = 16
  private let stripes: [Stripe]
  private let open = Atomic<Int>(0)
  /// Workers that wait for room, and how many, so that closing costs a load while nobody does.
  private let waiting: Mutex<[Int]>
  private let waitingCount = Atomic<Int>(0)
  private let workers: [Mailbox<WorkerMessage>]

  /// Makes a budget of `maximum` connections and `perAddressMaximum` for each address; `workers` are
  /// the inboxes of those who accept, by index.
  public init(maximum: Int, perAddressMaximum: Int, workers: [Mailbox<WorkerMessage>]) {
    self.maximum = max(1, maximum)
    self.perAddressMaximum = max(1, perAddressMaximum)
    self.workers = workers
    stripes = (0..<Self.stripeCount).map { _ in Stripe() }
    var none: [Int] = []
    none.reserveCapacity(workers.count)
    waiting = Mutex(none)
  }

  /// Client connections open now.
  public var openCount: Int { open.load(ordering: .relaxed) }

  // MARK: The total

  /// Takes a place; false when there is none.
  func enter() -> Bool {
    let count = open.add(1, ordering: .sequentiallyConsistent).newValue
    if count <= maximum { return true }
    leaveUnused()
    return false
  }

  /// Gives a place back for which there was no connection: nobody is woken, because nothing that
  /// anybody waits for has become free. Two workers without descriptors would wake each other for ever.
  func leaveUnused() { open.subtract(1, ordering: .sequentiallyConsistent) }

  /// Gives a place back and wakes those who wait for one.
  func leave() {
    open.subtract(1, ordering: .sequentiallyConsistent)
    wake()
  }

  /// Registers a worker to be told `.acceptAgain`. False when there is room after all: then it should
  /// go on (and will be told once for nothing).
  func waitForRoom(worker: Int) -> Bool {
    register(worker)
    // A place given back before the registration was seen by nobody: look again, after it.
    return open.load(ordering: .sequentiallyConsistent) >= maximum
  }

  /// Registers a worker to be told `.acceptAgain` when a descriptor may be free.
  func register(_ worker: Int) {
    waiting.withLock { workers in
      if !workers.contains(worker) { workers.append(worker) }
      waitingCount.store(workers.count, ordering: .sequentiallyConsistent)
    }
  }

  /// Something was given back: all who wait try again.
  func wake() {
    guard waitingCount.load(ordering: .sequentiallyConsistent) > 0 else { return }
    let woken = waiting.withLock { workers in
      let woken = workers
      workers.removeAll(keepingCapacity: true)
      waitingCount.store(0, ordering: .sequentiallyConsistent)
      return woken
    }
    // A mailbox that is full has a worker that looks again by itself after a moment.
    for worker in woken { workers[worker].send(.acceptAgain) }
  }

  // MARK: Addresses

  /// Counts a connection for its holder; false, without counting, when the holder has all it may.
  func take(for holder: Holder) -> Bool {
    guard perAddressMaximum < Int.max else { return true }
    return stripe(holder).counts.withLock { counts in
      let count = counts[holder, default: 0]
      guard count < perAddressMaximum else { return false }
      counts[holder] = count + 1
      return true
    }
  }

  /// Ends what `take` began.
  func giveBack(for holder: Holder) {
    guard perAddressMaximum < Int.max else { return }
    stripe(holder).counts.withLock { counts in
      guard let count = counts[holder] else { return }
      counts[holder] = count > 1 ? count - 1 : nil
    }
  }

  private func stripe(_ holder: Holder) -> Stripe {
    stripes[Int(UInt(bitPattern: holder.hashValue) % UInt(Self.stripeCount))]
  }
}
