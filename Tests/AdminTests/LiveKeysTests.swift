import EventLoop
import Fetch
import Policy
import Testing
import Tokens

@testable import Admin
@testable import Proxy

/// The keeper of keys on the control loop, against an issuer on a loopback port, under clocks that the
/// test moves.
@Suite(.timeLimit(.minutes(2))) struct LiveKeysTests {
  /// One realm (or two) whose access keys are at the issuer's URL.
  private func sources(
    _ url: KeySetURL, realms: [String] = ["main"],
    change: (inout RealmDefinition) -> Void = { _ in }
  ) -> LiveKeySources {
    var made = LiveKeySources()
    for (index, name) in realms.enumerated() {
      var definition = RealmDefinition(name: name, index: index)
      definition.access.keySources = [.remote(nil)]
      change(&definition)
      made.definitions.append(definition)
      made.sources.append(
        LiveKeySource(
          realm: index, place: .tokenClass(.access, index: 0), directive: "jwks",
          origin: .url(url)))
    }
    return made
  }

  private func ticket(_ exchange: UInt64, worker: Int = 0) -> ExchangeTicket {
    ExchangeTicket(worker: worker, client: 7, exchange: exchange)
  }

  /// Turns loop and issuer until something is so.
  private func turn(
    _ harness: ControlHarness, _ issuer: IssuerStub, until isSo: () -> Bool
  ) throws {
    for _ in 0..<5000 {
      if isSo() { return }
      issuer.serve()
      harness.turn(waiting: 2)
    }
    throw NotReached(lines: harness.notices.lines)
  }

  private struct NotReached: Error {
    let lines: [String]
  }

  /// Lets everything happen that is under way: nothing of it can be waited for.
  private func settle(_ harness: ControlHarness, _ issuer: IssuerStub) {
    for _ in 0..<20 {
      issuer.serve()
      harness.turn(waiting: 1)
    }
  }

  private func report(_ harness: ControlHarness, _ index: Int = 0) -> KeySetReport {
    harness.loop.liveKeys.reports[index]
  }

  private func realms(_ harness: ControlHarness) -> [Realm] { harness.loop.liveKeys.realms.realms }

  /// A worker's messages about keys.
  private func told(_ harness: ControlHarness, _ worker: Int = 0) -> [String] {
    harness.messages(worker).compactMap { message in
      switch message {
      case .realmsChanged(let realms): "realms \(realms.version)"
      case .keySetAnswered(let ticket, let isAvailable, let realms):
        "\(ticket.exchange) \(isAvailable) \(realms.version)"
      default: nil
      }
    }
  }

  /// A harness whose first set, of key `one`, is there.
  private func started(
    _ issuer: IssuerStub, workers: Int = 1, realms: [String] = ["main"], fields: String = "",
    change: (inout RealmDefinition) -> Void = { _ in }
  ) throws -> ControlHarness {
    issuer.publish("one", fields: fields)
    let harness = try ControlHarness(
      keys: sources(try issuer.url(), realms: realms, change: change), workers: workers)
    try turn(harness, issuer) { report(harness).keyCount == 1 }
    for worker in 0..<workers { _ = told(harness, worker) }
    return harness
  }

  // MARK: Fetching

  @Test func fetchesAtTheStartAndTellsEveryWorker() throws {
    let issuer = try IssuerStub()
    issuer.publish("one")
    let harness = try ControlHarness(
      keys: sources(try issuer.url(), realms: ["main", "other"]), workers: 2)
    #expect(realms(harness).map(\.isIncomplete) == [true, true])
    try turn(harness, issuer) { report(harness).keyCount == 1 }
    harness.turn()
    let version = harness.loop.liveKeys.realms.version
    #expect(told(harness, 0) == ["realms \(version)"])
    #expect(told(harness, 1) == ["realms \(version)"])
    #expect(realms(harness).map(\.isIncomplete) == [false, false])
    #expect(issuer.requestCount == 1, "two realms, one URL, one fetch")
    #expect(harness.loop.liveKeys.reports.map(\.realm) == ["main", "other"])
    #expect(report(harness).ageSeconds == 0)
    #expect(report(harness).nextFetchSeconds == KeySetSchedule.lifeDefault / 5 * 4 / 1000)
    #expect(harness.notices.lines.isEmpty)
  }

  @Test func fetchesAgainAheadOfNeedAndTellsOnlyOfChanges() throws {
    let issuer = try IssuerStub()
    let harness = try started(issuer, fields: "Cache-Control: max-age=110\r\nAge: 10\r\n")
    #expect(harness.loop.waitMilliseconds <= 60_001)
    harness.turn(afterMilliseconds: 79_999)
    settle(harness, issuer)
    #expect(issuer.requestCount == 1)
    harness.turn(afterMilliseconds: 2)
    try turn(harness, issuer) { report(harness).fetchCount == 2 }
    #expect(told(harness) == [], "the same set is no news")
    issuer.publish("one", "two", fields: "Cache-Control: no-store\r\n")
    harness.turn(afterMilliseconds: 80_000)
    try turn(harness, issuer) { report(harness).keyCount == 2 }
    harness.turn()
    #expect(told(harness).count == 1)
    #expect(report(harness).nextFetchSeconds == KeySetSchedule.lifeMinimum / 5 * 4 / 1000)
  }

  @Test func aWorkerWithAFullMailboxIsToldAgain() throws {
    let issuer = try IssuerStub()
    issuer.publish("one")
    let harness = try ControlHarness(
      keys: sources(try issuer.url()), workers: 1, mailboxCapacity: 1)
    harness.workers[0].send(.housekeep)
    try turn(harness, issuer) { report(harness).keyCount == 1 }
    #expect(harness.loop.waitMilliseconds <= 21)
    #expect(harness.messages(0).count == 1)
    harness.turn(afterMilliseconds: 20)
    #expect(told(harness) == ["realms \(harness.loop.liveKeys.realms.version)"])
  }

  @Test func aSilentIssuerIsLeftAfterItsTime() throws {
    let issuer = try IssuerStub()
    issuer.isHolding = true
    let harness = try ControlHarness(
      keys: sources(try issuer.url(timeout: 700)), workers: 1)
    harness.control.send(.keyNeeded(realms: [0], keyName: KeyStub.name("one"), ticket: ticket(1)))
    try turn(harness, issuer) { issuer.requestCount == 1 }
    harness.turn(afterMilliseconds: 699)
    #expect(told(harness) == [])
    harness.turn(afterMilliseconds: 1)
    #expect(told(harness) == ["1 false 1"])
    #expect(report(harness).failure?.hasPrefix("timeout") == true)
    #expect(report(harness).failingSince == harness.times.realtime / 1000)
  }

  @Test func saysOnceThatItFailsAndOnceThatItWorks() throws {
    let issuer = try IssuerStub()
    issuer.answer = IssuerStub.response("no", status: "500 Sorry")
    let harness = try ControlHarness(keys: sources(try issuer.url()))
    for count in 1...3 {
      if count > 1 { harness.turn(afterMilliseconds: 60_000) }
      try turn(harness, issuer) { report(harness).fetchFailureCount == count }
    }
    #expect(harness.notices.lines.count == 1)
    #expect(harness.notices.lines[0].contains("the server answered 500"))
    #expect(harness.notices.lines[0].hasPrefix("warning: jwks http://127.0.0.1:"))
    issuer.publish("one")
    harness.turn(afterMilliseconds: 60_000)
    try turn(harness, issuer) { report(harness).keyCount == 1 }
    #expect(harness.notices.lines.count == 2)
    #expect(harness.notices.lines[1].hasSuffix("fetched again"))
    #expect(report(harness).failingSince == nil && report(harness).failure == nil)
  }

  @Test func anOldSetIsUsedForABoundedTime() throws {
    let issuer = try IssuerStub()
    let harness = try started(issuer)
    issuer.answer = nil
    let life = KeySetSchedule.lifeDefault + KeySetSchedule.staleMaximum
    harness.turn(afterMilliseconds: life - 1000)
    try turn(harness, issuer) { report(harness).failure != nil }
    #expect(report(harness).keyCount == 1 && !realms(harness)[0].isIncomplete)
    _ = told(harness)
    harness.turn(afterMilliseconds: 1001)
    #expect(report(harness).keyCount == 0 && realms(harness)[0].isIncomplete)
    #expect(report(harness).ageSeconds == nil)
    #expect(told(harness).count == 1)
    #expect(harness.notices.lines.last?.contains("out of use") == true)
  }

  // MARK: What is refused

  @Test func aSetThatBreaksARuleIsRefusedAndTheOldOneStays() throws {
    let issuer = try IssuerStub()
    let harness = try started(issuer) { $0.access.algorithms = [.edDSA] }
    issuer.answer = IssuerStub.response(
      "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
        + "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        + "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}")
    harness.turn(afterMilliseconds: KeySetSchedule.lifeDefault)
    try turn(harness, issuer) { report(harness).failure != nil }
    #expect(report(harness).failure?.contains("realm main: none of these algorithms") == true)
    #expect(report(harness).keyCount == 1)
    #expect(told(harness) == [])
  }

  @Test func realmsThatMeetOnARouteNeverShareAKey() throws {
    let issuer = try IssuerStub()
    var given = sources(try issuer.url())
    var other = RealmDefinition(name: "other", index: 1)
    other.access.keySources = [.file(try KeyStub.file("two"))]
    given.definitions.append(other)
    var policy = PolicyDefinitions()
    policy.routes = [RouteDefinition(path: "/")]
    policy.routes[0].realm = 0
    policy.routes[0].furtherRealms = [1]
    issuer.publish("one")
    let harness = try ControlHarness(keys: given, policy: policy)
    try turn(harness, issuer) { report(harness).keyCount == 1 }
    issuer.publish("one", "two")
    harness.turn(afterMilliseconds: KeySetSchedule.lifeDefault)
    try turn(harness, issuer) { report(harness).failure != nil }
    #expect(report(harness).failure?.contains("would have a key in common") == true)
    #expect(report(harness).keyCount == 1)
  }

  // MARK: Exchanges that wait

  @Test func manyWaitForOneFetchAndEachIsToldOnce() throws {
    let issuer = try IssuerStub()
    let harness = try started(issuer, workers: 2)
    issuer.publish("one", "two")
    issuer.isHolding = true
    let name = KeyStub.name("two")
    for number in 0..<50 {
      harness.control.send(
        .keyNeeded(
          realms: [0], keyName: name, ticket: ticket(UInt64(number), worker: number % 2)))
    }
    try turn(harness, issuer) { issuer.requestCount == 2 }
    harness.control.send(.keyNeeded(realms: [0], keyName: name, ticket: ticket(50)))
    harness.turn()
    #expect(told(harness, 0) == [] && told(harness, 1) == [])
    issuer.isHolding = false
    try turn(harness, issuer) { report(harness).keyCount == 2 }
    harness.turn()
    let version = harness.loop.liveKeys.realms.version
    let first = told(harness, 0)
    let second = told(harness, 1)
    #expect(first.count == 27 && first[0] == "realms \(version)")
    #expect(second.count == 26)
    #expect(Set(first + second).count == 52, "each ticket once")
    #expect((first + second).allSatisfy { $0.hasSuffix(" \(version)") })
    #expect(issuer.requestCount == 2)
    // The set names it by now: a worker that asks is a message behind.
    harness.control.send(.keyNeeded(realms: [0], keyName: name, ticket: ticket(99)))
    harness.turn()
    #expect(told(harness, 0) == ["99 true \(version)"])
  }

  @Test func anIdIsUnknownAgainstAYoungerSetOnly() throws {
    let issuer = try IssuerStub()
    let harness = try started(issuer)
    harness.control.send(.keyNeeded(realms: [0], keyName: 77, ticket: ticket(1)))
    try turn(harness, issuer) { issuer.requestCount == 2 && report(harness).fetchCount == 2 }
    harness.turn()
    #expect(told(harness) == ["1 true 2"])
    harness.control.send(.keyNeeded(realms: [0], keyName: 77, ticket: ticket(2)))
    harness.turn()
    #expect(told(harness) == ["2 true 2"], "judged already")
    for number in 3...5 {
      harness.control.send(
        .keyNeeded(realms: [0], keyName: 100 + UInt64(number), ticket: ticket(UInt64(number))))
      try turn(harness, issuer) { report(harness).fetchCount == number }
      harness.turn()
      #expect(told(harness) == ["\(number) true 2"])
    }
    harness.control.send(.keyNeeded(realms: [0], keyName: 200, ticket: ticket(9)))
    harness.turn()
    #expect(told(harness) == ["9 false 2"], "the bucket is empty")
  }

  @Test func whoAsksDuringAFetchWaitsForTheNextOneUnlessItBroughtTheKey() throws {
    let issuer = try IssuerStub()
    let harness = try started(issuer)
    issuer.publish("one", "two")
    issuer.isHolding = true
    harness.control.send(.keyNeeded(realms: [0], keyName: 77, ticket: ticket(1)))
    try turn(harness, issuer) { issuer.requestCount == 2 }
    harness.control.send(.keyNeeded(realms: [0], keyName: KeyStub.name("two"), ticket: ticket(2)))
    harness.control.send(.keyNeeded(realms: [0], keyName: 78, ticket: ticket(3)))
    harness.turn()
    issuer.isHolding = false
    try turn(harness, issuer) { report(harness).fetchCount == 2 }
    harness.turn()
    #expect(told(harness) == ["realms 3", "1 true 3", "2 true 3"])
    try turn(harness, issuer) { report(harness).fetchCount == 3 }
    harness.turn()
    #expect(told(harness) == ["3 true 3"])
  }

  @Test func whileFetchingFailsNobodyKnows() throws {
    let issuer = try IssuerStub()
    let harness = try started(issuer)
    issuer.answer = nil
    harness.control.send(.keyNeeded(realms: [0], keyName: 77, ticket: ticket(1)))
    try turn(harness, issuer) { report(harness).fetchFailureCount == 1 }
    harness.turn()
    #expect(told(harness) == ["1 false 2"])
    harness.control.send(.keyNeeded(realms: [0], keyName: 77, ticket: ticket(2)))
    harness.turn()
    #expect(told(harness) == ["2 false 2"], "at once, during the pause")
  }

  /// A realm with two sets: the first that has the key ends the waiting, and what one can't say counts
  /// when the other has nothing either.
  @Test(arguments: [true, false]) func ofSeveralSetsEachIsAsked(_ hasKey: Bool) throws {
    let (issuer, other) = (try IssuerStub(), try IssuerStub())
    issuer.publish("one")
    other.publish("three")
    var given = sources(try issuer.url())
    given.definitions[0].access.keySources.append(.remote(nil))
    given.sources.append(
      LiveKeySource(
        realm: 0, place: .tokenClass(.access, index: 1), directive: "jwks",
        origin: .url(try other.url())))
    let harness = try ControlHarness(keys: given, workers: 1)
    try turn(harness, issuer) {
      other.serve()
      return report(harness, 0).keyCount == 1 && report(harness, 1).keyCount == 1
    }
    harness.turn()
    let version = harness.loop.liveKeys.realms.version
    _ = told(harness)
    if hasKey { issuer.publish("one", "two") }
    other.answer = nil
    harness.control.send(.keyNeeded(realms: [0], keyName: KeyStub.name("two"), ticket: ticket(1)))
    try turn(harness, other) { report(harness, 1).fetchFailureCount == 1 }
    harness.turn()
    #expect(told(harness) == [], "the other may have it")
    try turn(harness, issuer) { report(harness, 0).fetchCount == 2 }
    harness.turn()
    #expect(
      told(harness)
        == (hasKey ? ["realms \(version + 1)", "1 true \(version + 1)"] : ["1 false \(version)"]))
  }

  @Test func onlySoManyWait() throws {
    let issuer = try IssuerStub()
    issuer.isHolding = true
    let harness = try ControlHarness(
      keys: sources(try issuer.url()), workers: 1, mailboxCapacity: 10_000)
    let maximum = WaitingExchanges.countMaximum
    for number in 0...maximum {
      harness.control.send(
        .keyNeeded(realms: [0], keyName: 1, ticket: ticket(UInt64(number))))
    }
    harness.turn()
    #expect(told(harness) == ["\(maximum) false 1"])
    issuer.answer = nil
    issuer.isHolding = false
    try turn(harness, issuer) { report(harness).fetchFailureCount == 1 }
    harness.turn()
    #expect(told(harness).count == maximum)
  }

  @Test func realmsWithoutAURLAreAnsweredAtOnce() throws {
    let harness = try ControlHarness(workers: 1)
    harness.control.send(.keyNeeded(realms: [0], keyName: 1, ticket: ticket(5)))
    harness.turn()
    #expect(told(harness) == ["5 true 1"])
  }

  // MARK: The rest of the loop

  @Test func revokesByTheKeysAsTheyStand() throws {
    let issuer = try IssuerStub()
    issuer.publish("one")
    let harness = try ControlHarness(keys: sources(try issuer.url()))
    // RFC 8037 appendix A.4, whose payload is no claims: with the key it is malformed.
    let token =
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6d"
      + "WbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    let body = "{\"token\":\"\(token)\"}"
    #expect(try harness.post("/revoke", body).status == 503, "nobody knows the key")
    try turn(harness, issuer) { report(harness).keyCount == 1 }
    #expect(try harness.post("/revoke", body).status == 422)
  }

  @Test func statusTellsOfEverySource() throws {
    let issuer = try IssuerStub()
    let harness = try started(issuer, workers: 0)
    let body = try harness.ask("GET /status HTTP/1.1\r\nHost: a\r\n\r\n").body
    #expect(
      body.contains(
        #""key_sets":[{"realm":"main","class":"access","kind":"url","place":"http://127.0.0.1:"#))
    #expect(body.contains(#""keys":1,"age_seconds":0,"next_fetch_seconds":480,"fetches":1"#))
  }
}
