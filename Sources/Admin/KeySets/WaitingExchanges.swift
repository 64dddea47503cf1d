// The exchanges that wait for a key set, each to be answered exactly once.
//
// A worker asks when a token may be good by a key that isn't known yet. Who waits for several sets is
// answered when the last of them has said what it knows, or at once when one of them has the key.
// Control loop only; pure.

import Proxy

/// What an exchange is told.
struct KeySetVerdict: Equatable {
  let ticket: ExchangeTicket
  /// True when the sets in use decide; false when nobody knows.
  let isAvailable: Bool
}

/// One that waits.
struct WaitingExchange {
  let ticket: ExchangeTicket
  let keyName: UInt64
  /// Indices of the sets whose fetches it waits for.
  var sets: Set<Int>
  /// False when some set could not be asked: then only a key that is found helps.
  var isAvailable: Bool
}

/// All that wait.
struct WaitingExchanges {
  /// Most that wait at a time; one more is told at once that nobody knows.
  static let countMaximum = 4096

  private(set) var all: [WaitingExchange] = []

  var isFull: Bool { all.count >= Self.countMaximum }

  /// Notes one that waits; the caller has asked `isFull`.
  mutating func add(_ exchange: WaitingExchange) { all.append(exchange) }

  /// A set's fetch has ended: `ask` says what it means for an exchange that waited for it (nil: it goes
  /// on waiting for that set). Gives those whose waiting is over.
  mutating func fetchEnded(
    _ set: Int, ask: (WaitingExchange) -> KeyKnowledge?
  ) -> [KeySetVerdict] {
    var verdicts: [KeySetVerdict] = []
    var left: [WaitingExchange] = []
    left.reserveCapacity(all.count)
    for var exchange in all {
      guard exchange.sets.contains(set), let knowledge = ask(exchange) else {
        left.append(exchange)
        continue
      }
      exchange.sets.remove(set)
      switch knowledge {
      case .known:
        exchange = WaitingExchange(
          ticket: exchange.ticket, keyName: exchange.keyName, sets: [], isAvailable: true)
      case .unknown: break
      case .unavailable: exchange.isAvailable = false
      }
      if exchange.sets.isEmpty {
        verdicts.append(
          KeySetVerdict(ticket: exchange.ticket, isAvailable: exchange.isAvailable))
      } else {
        left.append(exchange)
      }
    }
    all = left
    return verdicts
  }
}

/// What a set says about a key id.
enum KeyKnowledge {
  /// It names such a key.
  case known
  /// A set fetched since the id was first seen doesn't.
  case unknown
  /// It can't be asked now.
  case unavailable
}
