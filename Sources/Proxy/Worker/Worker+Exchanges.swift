// A worker's exchanges: taken and given back without allocating while few are in use, and what a burst of
// them leaves behind.

import EventLoop
import Policy
import Tokens

extension Worker {
  /// An exchange from the free list.
  func takeExchange() -> Exchange {
    exchangeSerial &+= 1
    let exchange = freeExchanges.popLast() ?? Exchange()
    exchange.serial = exchangeSerial
    return exchange
  }

  /// Gives an exchange back.
  func give(_ exchange: Exchange) {
    exchange.heldBody.release(to: blocks)
    exchange.reset()
    guard freeExchanges.count < Worker.blocksKept else { return awaitMemoryReturn() }
    freeExchanges.append(exchange)
  }

  /// The slot of the housekeeping timer that returns memory.
  static let memoryTimer = 1

  /// More exchanges than are kept were in use: a burst. Freed objects lie among those of the
  /// connections that stay, where the allocator would keep their pages for ever.
  private func awaitMemoryReturn() {
    guard !memoryTimerArmed else { return }
    memoryTimerArmed = true
    timers.schedule(
      Token.make(.housekeeping, slot: Worker.memoryTimer),
      deadlineNanoseconds: now + Worker.memoryReturnNanoseconds)
  }

  /// A moment after a burst: gives the memory back that it took.
  func returnMemory() {
    memoryTimerArmed = false
    // Still busy: what was freed is about to be used again.
    guard freeExchanges.count > Worker.blocksKept / 2 else { return awaitMemoryReturn() }
    System.releaseFreeMemory()
  }

  func makeRequestID() -> RequestID { requestIDs.make() }

  /// Asks the control loop for a key; false when it is so far behind that it takes no question.
  func ask(for key: MissingKey, _ exchange: Exchange, _ client: ClientConnection) -> Bool {
    let ticket = ExchangeTicket(worker: index, client: client.token, exchange: exchange.serial)
    return control.send(.keyNeeded(realms: key.realms, keyName: key.name, ticket: ticket))
  }

  /// What the control loop says about a key. The exchange that asked may be over, its client gone, its
  /// place taken by others: then nobody hears it.
  func keySetAnswered(_ ticket: ExchangeTicket, isAvailable: Bool) {
    guard let client = clients.find(ticket.client), let exchange = client.exchange,
      exchange.serial == ticket.exchange
    else { return }
    exchange.keySetAnswered(self, client, isAvailable: isAvailable)
    serve(client)
  }

  /// Takes over keys that have changed. A stream whose token was signed with one that is gone ends.
  func adopt(_ realms: RealmSet) {
    if gatekeeper.adopt(realms) { sweepStreams() }
  }

  /// Asks the control loop to apply revocations; the exchange's head is held until the answer.
  func revoke(_ entries: [RevocationEntry], for exchange: Exchange, _ client: ClientConnection) {
    let ticket = ExchangeTicket(worker: index, client: client.token, exchange: exchange.serial)
    if !control.send(.revoke(entries: entries, ticket: ticket)) {
      // A control loop that is that far behind is broken: the head's own deadline tells.
      counters.revocationsNotDurable += 1
    }
  }
}
