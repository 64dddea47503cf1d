// A fetch on a loop: names, several addresses, the deadline.

import Bytes
import Crypto
import EventLoop
import Fetch
import TLSPeers
import Testing

struct FetchJobTests {
  private static let later = Int64.max

  private func address(_ peer: String) throws -> SocketAddress {
    let port = try #require(TLSPeers.shared.port(peer))
    return try #require(SocketAddress("127.0.0.1:\(port)"))
  }

  /// An address where nobody listens and nobody will: the peers have its port on 127.0.0.1 alone.
  private func nobody() throws -> SocketAddress {
    let port = try #require(TLSPeers.shared.port("good"))
    return try #require(SocketAddress("127.0.0.2:\(port)"))
  }

  private func job(_ poller: Poller, deadlineNanoseconds: Int64 = later) throws -> FetchJob {
    let url = try #require(FetchURL("https://keys.test/"))
    let unused = try #require(SocketAddress("127.0.0.1:1"))
    let tls = try TLSContext(client: .pem(TLSPeers.shared.authorities))
    return FetchJob(
      FetchRequest(url, at: unused, tls: tls), poller: poller, token: 7,
      deadlineNanoseconds: deadlineNanoseconds)
  }

  /// Turns the loop until the job is over.
  private func outcome(of addresses: [SocketAddress]) throws -> FetchProgress {
    let poller = try Poller()
    let job = try job(poller)
    var progress = job.addressesFound(.success(addresses), now: 0)
    while case .waiting = progress {
      let count = poller.wait(timeoutMilliseconds: 60_000)
      try #require(count == 1)
      #expect(poller.event(at: 0).token == 7)
      progress = job.advance(now: 0)
    }
    #expect(job.advance(now: 0) == progress, "the end is said again")
    return progress
  }

  private func status(_ progress: FetchProgress) -> Int? {
    if case .completed(let response) = progress { response.status } else { nil }
  }

  @Test(arguments: ["good", "tls-1.2", "slow-1.2", "slow-1.3", "long", "until-close"])
  func fetchesOnEdgesAlone(_ peer: String) throws {
    #expect(status(try outcome(of: [try address(peer)])) == 200)
  }

  @Test func triesTheNextAddressWhenNobodyIsThere() throws {
    #expect(status(try outcome(of: [try nobody(), try address("good")])) == 200)
  }

  @Test func doesNotGoAroundAStranger() throws {
    let progress = try outcome(of: [try address("expired"), try address("good")])
    #expect(
      progress == .failed(.insecure(.untrusted(reason: "certificate has expired"))))
  }

  @Test func addressesHaveABound() throws {
    let maximum = FetchJob.attemptsMaximum
    let empty = [SocketAddress](repeating: try nobody(), count: maximum)
    #expect(status(try outcome(of: empty.dropLast() + [try address("good")])) == 200)
    guard case .failed(.unreachable) = try outcome(of: empty + [try address("good")]) else {
      Issue.record("one past the bound was tried")
      return
    }
  }

  @Test func aNameWithoutAddressIsAFault() throws {
    #expect(try outcome(of: []) == .failed(.unresolved("no address")))
    let job = try job(try Poller())
    let failure = ResolverError(name: "keys.test", reason: "unknown")
    #expect(job.addressesFound(.failure(failure), now: 0) == .failed(.unresolved("unknown")))
  }

  @Test func theDeadlineEndsEveryPhase() throws {
    let poller = try Poller()
    let resolving = try job(poller, deadlineNanoseconds: 100)
    #expect(resolving.advance(now: 99) == .waiting(toWrite: false))
    #expect(resolving.advance(now: 100) == .failed(.timedOut))
    let late = try job(poller, deadlineNanoseconds: 100)
    #expect(
      late.addressesFound(.success([try address("good")]), now: 100) == .failed(.timedOut))
    let silent = try job(poller, deadlineNanoseconds: 100)
    guard case .waiting = silent.addressesFound(.success([try address("silent")]), now: 99) else {
      Issue.record("an answer of the silent one")
      return
    }
    #expect(silent.advance(now: 100) == .failed(.timedOut))
  }

  @Test func looksNamesUpElsewhere() throws {
    let mailbox = try Mailbox<[SocketAddress]>()
    let poller = try Poller()
    try poller.add(mailbox, token: 1)
    FetchJob.lookUp(.name("localhost", port: 81)) { found in
      mailbox.send((try? found.get()) ?? [])
    }
    try #require(poller.wait(timeoutMilliseconds: 60_000) == 1)
    var taken: [[SocketAddress]] = []
    mailbox.drain(into: &taken)
    let addresses = try #require(taken.first)
    #expect(!addresses.isEmpty)
    #expect(addresses.allSatisfy { $0.isLoopback && $0.port == 81 })
  }
}
