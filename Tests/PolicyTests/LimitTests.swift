import Bytes
import HTTPWire
import Testing
import Tokens

@testable import Policy

@Suite struct LimitTests {
  static let second: Int64 = 1_000_000_000

  static func limit(
    permits: Int = 5, period: Int = 60, burst: Int = 5, _ name: String = "login"
  ) -> CompiledLimit {
    CompiledLimit(
      LimitDefinition(name: name, permits: permits, periodSeconds: period, burst: burst))
  }

  // MARK: The rule

  @Test func grantsABurstAndNotOneMore() {
    let table = LimitTable(slotCount: 64)
    let limit = Self.limit()
    let bucket = table.bucket(limit, World.peer("192.0.2.1"))
    for _ in 0..<5 {
      #expect(table.take(limit, bucket, now: 0) == .granted(isShared: false))
    }
    // One permit every 12 s: the sixth waits for the first to come back.
    #expect(table.take(limit, bucket, now: 0) == .refused(waitNanoseconds: 12 * Self.second))
    #expect(table.take(limit, bucket, now: 12 * Self.second - 1) == .refused(waitNanoseconds: 1))
    #expect(table.take(limit, bucket, now: 12 * Self.second) == .granted(isShared: false))
    #expect(table.take(limit, bucket, now: 12 * Self.second) != .granted(isShared: false))
    // After the whole time the whole burst is back, and no more than that.
    for _ in 0..<5 {
      #expect(table.take(limit, bucket, now: 10_000 * Self.second) == .granted(isShared: false))
    }
    #expect(table.take(limit, bucket, now: 10_000 * Self.second) != .granted(isShared: false))
  }

  @Test func givesAPermitBackOnce() {
    let table = LimitTable(slotCount: 64)
    let limit = Self.limit(burst: 1)
    let bucket = table.bucket(limit, World.peer("192.0.2.1"))
    let permit = Permit(
      bucket: bucket, limitIdentity: limit.identity,
      intervalNanoseconds: limit.intervalNanoseconds, isShared: false, isForFailures: true)
    #expect(table.take(limit, bucket, now: 0) == .granted(isShared: false))
    table.giveBack(permit)
    #expect(table.take(limit, bucket, now: 0) == .granted(isShared: false))
    #expect(table.take(limit, bucket, now: 0) != .granted(isShared: false))
    // Given back twice for one taken: still no more than the burst at any time.
    table.giveBack(permit)
    table.giveBack(permit)
    #expect(table.take(limit, bucket, now: 0) == .granted(isShared: false))
    #expect(table.take(limit, bucket, now: 0) != .granted(isShared: false))
  }

  @Test(arguments: [
    ("two IPv4 addresses", "192.0.2.1", "192.0.2.2", false),
    ("one IPv6 network", "20010db800000001/1", "20010db800000001/ffff", true),
    ("two IPv6 networks", "20010db800000001/1", "20010db800000002/1", false),
    ("an IPv6 network that looks like IPv4", "0/c0000201", "0/c0000202", true),
  ])
  func sharesABucketByAddress(name: String, left: String, right: String, isSame: Bool) {
    let table = LimitTable(slotCount: 64)
    let limit = Self.limit()
    let same = table.bucket(limit, World.peer(left)) == table.bucket(limit, World.peer(right))
    #expect(same == isSame, "\(name)")
  }

  @Test func limitsHaveBucketsOfTheirOwnAndReloadsKeepThem() {
    let table = LimitTable(slotCount: 64)
    let peer = World.peer("192.0.2.1")
    #expect(table.bucket(Self.limit("a"), peer) != table.bucket(Self.limit("b"), peer))
    #expect(
      table.bucket(Self.limit("a"), peer) == table.bucket(Self.limit(permits: 9, "a"), peer))
  }

  @Test(arguments: [(0, 1), (1, 1), (999_999_999, 1), (1_000_000_000, 1), (1_000_000_001, 2)])
  func roundsRetryAfterUp(nanoseconds: Int, seconds: Int) {
    #expect(CompiledLimit.retryAfterSeconds(Int64(nanoseconds)) == seconds)
  }

  // MARK: The table's bound

  @Test func unknownKeysShareOneBucketWhenTheTableIsFull() {
    let table = LimitTable(slotCount: 1)
    let limit = Self.limit(burst: 2)
    #expect(table.slotCount == LimitTable.stripeCount * LimitTable.setSlots)
    // Fill one key's set with keys that lie in it.
    func bucket(_ number: UInt64) -> Hash128 { Hash128(high: number, low: 64 * number) }
    for number in 0..<UInt64(LimitTable.setSlots) {
      #expect(table.take(limit, bucket(number), now: 0) == .granted(isShared: false))
    }
    #expect(table.overflowCount == 0)
    // One more key than slots: it shares; the known keys lose nothing.
    #expect(table.take(limit, bucket(100), now: 0) == .granted(isShared: true))
    #expect(table.take(limit, bucket(101), now: 0) == .granted(isShared: true))
    #expect(table.take(limit, bucket(102), now: 0) == .refused(waitNanoseconds: 12 * Self.second))
    #expect(table.overflowCount == 3)
    #expect(table.take(limit, bucket(0), now: 0) == .granted(isShared: false))
    #expect(table.take(limit, bucket(0), now: 0) != .granted(isShared: false))
    // The overflow bucket takes permits back as well.
    table.giveBack(
      Permit(
        bucket: bucket(100), limitIdentity: limit.identity,
        intervalNanoseconds: limit.intervalNanoseconds, isShared: true, isForFailures: true))
    #expect(table.take(limit, bucket(102), now: 0) == .granted(isShared: true))
    // Once a known key's time has passed, its slot is anybody's.
    #expect(table.take(limit, bucket(103), now: 12 * Self.second) == .granted(isShared: false))
  }

  // MARK: Requests

  static func world(_ limits: [LimitDefinition], auth: AuthRule = .none) throws -> World {
    World(
      PolicyDefinitions(
        realms: [try Forge.realm()], blocklistRealms: [0], limits: limits,
        routes: [
          RouteDefinition(
            path: "/login", framework: .werkzeug, auth: auth, realm: 0,
            limits: Array(limits.indices)),
          RouteDefinition(
            path: "/other", framework: .werkzeug, auth: .none, limits: [0]),
        ]))
  }

  static let login = LimitDefinition(
    name: "login", permits: 5, periodSeconds: 60, burst: 2, count: .failures)
  static let request = "POST /login HTTP/1.1"

  @Test(arguments: [
    ("success", 200, true), ("redirect", 302, true), ("created", 201, true),
    ("bad request", 400, true), ("not found", 404, true), ("too many", 429, true),
    ("unauthorized", 401, false), ("forbidden", 403, false), ("unprocessable", 422, false),
    ("backend trouble", 500, true), ("backend away", 502, true), ("backend slow", 504, true),
  ])
  func countsFailures(name: String, status: Int, isFree: Bool) throws {
    let world = try Self.world([Self.login])
    for _ in 0..<2 {
      #expect(world.verdict(Self.request) == "route 0", "\(name)")
      #expect(world.answered(status) == .none)
    }
    #expect(world.verdict(Self.request) == (isFree ? "route 0" : "429 limited"), "\(name)")
  }

  @Test func aClientThatGoesAwayHasSpentItsPermit() throws {
    let world = try Self.world([Self.login])
    for _ in 0..<2 { #expect(world.verdict(Self.request) == "route 0") }
    #expect(world.verdict(Self.request) == "429 limited")
  }

  @Test func aBackendThatNeverAnswersCostsNothing() throws {
    let world = try Self.world([Self.login])
    for _ in 0..<4 {
      #expect(world.verdict(Self.request) == "route 0")
      world.request.learnFailure(world.gatekeeper)
      world.request.refuse(.upstreamTimeout)
    }
  }

  @Test func countsAll() throws {
    var limit = Self.login
    limit.count = .all
    let world = try Self.world([limit])
    for _ in 0..<2 {
      #expect(world.verdict(Self.request) == "route 0")
      #expect(world.answered(200) == .none)
    }
    #expect(world.verdict(Self.request) == "429 limited")
    #expect(world.request.retryAfterSeconds == 12)
    #expect(lines(world.reply).head.contains("Retry-After: 12"))
    world.nanoseconds += 11_500_000_000
    #expect(world.verdict(Self.request) == "429 limited")
    #expect(world.request.retryAfterSeconds == 1)
    world.nanoseconds += 500_000_000
    #expect(world.verdict(Self.request) == "route 0")
  }

  @Test func keepsClientsApartAndRoutesTogether() throws {
    let world = try Self.world([Self.login])
    for _ in 0..<2 { world.ask(Self.request, peer: "192.0.2.1") }
    #expect(world.verdict(Self.request, peer: "192.0.2.1") == "429 limited")
    #expect(world.verdict("GET /other HTTP/1.1", peer: "192.0.2.1") == "429 limited")
    #expect(world.verdict(Self.request, peer: "192.0.2.2") == "route 0")
  }

  @Test func allLimitsApplyAndARefusalCostsNothingElsewhere() throws {
    let narrow = LimitDefinition(name: "narrow", permits: 1, periodSeconds: 60, burst: 1)
    let wide = LimitDefinition(name: "wide", permits: 1, periodSeconds: 60, burst: 3)
    let world = try Self.world([wide, narrow])
    #expect(world.verdict(Self.request) == "route 0")
    for _ in 0..<5 { #expect(world.verdict(Self.request) == "429 limited") }
    // Two of the wide limit's three are left for the route that has it alone.
    #expect(world.verdict("GET /other HTTP/1.1") == "route 1")
    #expect(world.verdict("GET /other HTTP/1.1") == "route 1")
    #expect(world.verdict("GET /other HTTP/1.1") == "429 limited")
  }

  @Test func aDryRunOnlyTells() throws {
    var limit = Self.login
    limit.isDryRun = true
    let world = try Self.world([limit])
    for _ in 0..<2 {
      #expect(world.verdict(Self.request) == "route 0")
      #expect(world.request.wouldRefuse == nil)
    }
    #expect(world.verdict(Self.request) == "route 0")
    #expect(world.request.wouldRefuse?.description == "limited")
  }

  @Test func ownRefusalsSettleLikeTheUpstreams() throws {
    let world = try Self.world([Self.login], auth: .required)
    for _ in 0..<2 { #expect(world.verdict(Self.request) == "401 missing") }
    #expect(world.verdict(Self.request) == "429 limited")
    let token = "\nAuthorization: Bearer a, Bearer b"
    let other = try Self.world([Self.login], auth: .required)
    for _ in 0..<4 {
      #expect(other.verdict(Self.request + token) == "400 ambiguous_credentials")
    }
  }

  @Test(arguments: [
    ("fine", LimitDefinition(name: "a", permits: 1, periodSeconds: 1), 0),
    ("no permits", LimitDefinition(name: "a", permits: 0, periodSeconds: 1), 1),
    ("no period", LimitDefinition(name: "a", permits: 1, periodSeconds: 0), 1),
    ("no burst", LimitDefinition(name: "a", permits: 1, periodSeconds: 1, burst: 0), 1),
    (
      "largest", LimitDefinition(name: "a", permits: 1_000_000, periodSeconds: 1, burst: 1_000_000),
      0
    ),
    ("too many", LimitDefinition(name: "a", permits: 1_000_001, periodSeconds: 1), 1),
    (
      "years of burst", LimitDefinition(name: "a", permits: 1, periodSeconds: 86_400, burst: 367), 1
    ),
  ])
  func findsMistakes(name: String, limit: LimitDefinition, count: Int) {
    #expect(limit.mistakes(.limit(0)).count == count, "\(name)")
  }
}
