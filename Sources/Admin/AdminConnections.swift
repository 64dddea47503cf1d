// Where the admin server keeps its connections, and how an event finds its own.
//
// A fixed number of slots. A token packs kind, generation and slot, as the workers' do; a slot's
// generation changes when it is emptied, so that an event or an answer of a closed connection finds
// nothing instead of its successor. Deadlines are fields, looked at in every turn: with so few
// slots that is cheaper than a timer wheel, and a stranger who connects and leaves fills nothing
// up.

import EventLoop

/// What a token of the control loop's poller stands for.
enum ControlToken {
  /// The control loop's mailbox.
  static let mailbox: UInt64 = 1 << 56
  /// The admin address's listener.
  static let listener: UInt64 = 2 << 56
  /// The mailbox of the keeper of changing keys.
  static let keySets: UInt64 = 4 << 56
  /// The connection of a key set's fetch, with attempt and index below.
  static let fetch: UInt64 = 5 << 56
  /// Which of these a token is.
  static let kindMask: UInt64 = 0xff << 56
  /// A connection of the admin server, with generation and slot below.
  static let connection: UInt64 = 3 << 56
}

/// An array or an optional can't hold what can't be copied; a box can.
final class ListenerBox {
  let listener: Listener
  init(_ listener: consuming Listener) { self.listener = listener }
}

/// The admin server's connections by slot.
struct AdminConnections {
  private var slots: [AdminConnection?]
  private var generations: [UInt32]
  /// Number of open connections.
  private(set) var count = 0

  init() {
    slots = Array(repeating: nil, count: AdminServer.connectionCountMaximum)
    generations = Array(repeating: 0, count: AdminServer.connectionCountMaximum)
  }

  /// The token for a new connection, which `fill` puts in its place before anything else; the
  /// caller knows that a slot is free.
  func reserve() -> UInt64 {
    guard let slot = slots.firstIndex(where: { $0 == nil }) else {
      preconditionFailure("accepting pauses while every slot is taken")
    }
    return token(slot)
  }

  /// Puts a connection into the slot of its token.
  mutating func fill(_ connection: AdminConnection) {
    slots[slot(connection.token)] = connection
    count += 1
  }

  /// The connection that `token` was made for, nil when it is gone.
  func find(_ token: UInt64) -> AdminConnection? {
    let slot = slot(token)
    guard slot < slots.count, self.token(slot) == token else { return nil }
    return slots[slot]
  }

  /// Empties the slot of `token`.
  mutating func remove(_ token: UInt64) {
    guard find(token) != nil else { return }
    let slot = slot(token)
    slots[slot] = nil
    generations[slot] &+= 1
    count -= 1
  }

  /// Calls `body` with every connection; it must not open or close any.
  func forEach(_ body: (AdminConnection) -> Void) {
    for slot in slots {
      if let slot { body(slot) }
    }
  }

  private func token(_ slot: Int) -> UInt64 {
    ControlToken.connection | UInt64(generations[slot] & 0xFF_FFFF) << 32 | UInt64(slot)
  }

  private func slot(_ token: UInt64) -> Int { Int(token & 0xFFFF_FFFF) }
}
