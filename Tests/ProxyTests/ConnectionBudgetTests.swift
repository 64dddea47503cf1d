import EventLoop
import Testing

@testable import Proxy

private func address(_ text: String) -> SocketAddress {
  guard let address = SocketAddress(text) else { preconditionFailure(text) }
  return address
}

private func budget(
  _ maximum: Int, perAddress: Int = .max, workers: Int = 2
) throws -> (ConnectionBudget, [Mailbox<WorkerMessage>]) {
  let mailboxes = try (0..<workers).map { _ in try Mailbox<WorkerMessage>() }
  return (
    ConnectionBudget(maximum: maximum, perAddressMaximum: perAddress, workers: mailboxes), mailboxes
  )
}

private func told(_ mailbox: Mailbox<WorkerMessage>) -> Int {
  var messages: [WorkerMessage] = []
  mailbox.drain(into: &messages)
  return messages.count { if case .acceptAgain = $0 { true } else { false } }
}

@Suite struct ConnectionBudgetTests {
  @Test func theTotalIsTakenAndGivenBack() throws {
    let (budget, _) = try budget(3)
    for _ in 0..<3 { #expect(budget.enter()) }
    #expect(!budget.enter(), "one past the bound")
    #expect(budget.openCount == 3)
    budget.leave()
    #expect(budget.enter())
    #expect(!budget.enter())
  }

  @Test func whoWaitsIsToldOnceWhenAPlaceIsGivenBack() throws {
    let (budget, mailboxes) = try budget(1)
    #expect(budget.enter())
    #expect(budget.waitForRoom(worker: 0))
    #expect(budget.waitForRoom(worker: 1))
    #expect(budget.waitForRoom(worker: 1), "twice")
    #expect(mailboxes.map(told) == [0, 0])
    budget.leave()
    #expect(mailboxes.map(told) == [1, 1])
    #expect(budget.enter())
    budget.leave()
    #expect(mailboxes.map(told) == [0, 0], "nobody waits any more")
  }

  @Test func aPlaceThatWasGivenBackBeforeTheRegistrationIsSeen() throws {
    let (budget, mailboxes) = try budget(1)
    #expect(budget.enter())
    #expect(!budget.enter())
    budget.leave()
    #expect(!budget.waitForRoom(worker: 0), "there is room")
    #expect(budget.enter())
    budget.leave()
    #expect(mailboxes.map(told) == [1, 0], "told once for nothing")
  }

  @Test func aFailedAttemptWakesNobody() throws {
    let (budget, mailboxes) = try budget(1)
    #expect(budget.enter())
    #expect(budget.waitForRoom(worker: 0))
    #expect(!budget.enter())
    #expect(mailboxes.map(told) == [0, 0])
  }

  @Test func aPlaceThatWasNotUsedWakesNobody() throws {
    let (budget, mailboxes) = try budget(2)
    budget.register(0)
    budget.register(1)
    #expect(budget.enter())
    budget.leaveUnused()
    #expect(budget.openCount == 0)
    #expect(mailboxes.map(told) == [0, 0])
  }

  @Test func addressesAreCountedApart() throws {
    let (budget, _) = try budget(100, perAddress: 2)
    let one = try #require(ConnectionBudget.Holder(address("192.0.2.1:1000")))
    let samePort = try #require(ConnectionBudget.Holder(address("192.0.2.1:2000")))
    let other = try #require(ConnectionBudget.Holder(address("192.0.2.2:1000")))
    #expect(one == samePort)
    #expect(budget.take(for: one))
    #expect(budget.take(for: samePort))
    #expect(!budget.take(for: one), "one past the bound")
    #expect(budget.take(for: other))
    budget.giveBack(for: one)
    #expect(budget.take(for: one))
    #expect(!budget.take(for: one))
  }

  @Test func aNetworkOfIPv6IsOneHolder() throws {
    let one = ConnectionBudget.Holder(address("[2001:db8:1:2::1]:80"))
    let same = ConnectionBudget.Holder(address("[2001:db8:1:2:ffff::9]:80"))
    let other = ConnectionBudget.Holder(address("[2001:db8:1:3::1]:80"))
    #expect(one == same && one != other && one != nil)
    let mapped = ConnectionBudget.Holder(address("[::ffff:192.0.2.1]:80"))
    #expect(mapped == ConnectionBudget.Holder(address("192.0.2.1:80")))
    #expect(ConnectionBudget.Holder(address("unix:x.sock")) == nil, "told apart by nobody")
  }

  @Test func offCountsNothing() throws {
    let (budget, _) = try budget(1)
    let holder = try #require(ConnectionBudget.Holder(address("192.0.2.1:1")))
    for _ in 0..<1000 { #expect(budget.take(for: holder)) }
    budget.giveBack(for: holder)
  }
}
