import Bytes
import HTTPWire
import Synchronization
import Testing
import Tokens

@testable import Policy

@Suite struct RevocationTests {
  static let now = Forge.now

  static func world(_ realm: Realm) -> World {
    World(
      routes: [RouteDefinition(path: "/", framework: .werkzeug, auth: .required, realm: 0)],
      realms: [realm])
  }

  static func verdict(_ world: World, _ claims: String) -> String {
    world.verdict("GET / HTTP/1.1\nAuthorization: Bearer \(Forge.access(claims))")
  }

  // MARK: What is refused

  @Test func refusesARevokedToken() throws {
    let realm = try Forge.realm()
    let world = Self.world(realm)
    let claims = "\"sub\":\"42\",\"jti\":\"a1\",\"exp\":1700000900"
    #expect(Self.verdict(world, claims) == "route 0")
    let entry = RevocationEntry.token(identifier: "jti:a1", realm: realm, nowSeconds: Self.now)
    #expect(world.revocations.apply(entry, nowSeconds: Self.now))
    #expect(Self.verdict(world, claims) == "401 revoked")
    #expect(Self.verdict(world, "\"sub\":\"42\",\"jti\":\"a2\",\"exp\":1700000900") == "route 0")
    #expect(world.revocations.count == 1)
    #expect(
      world.revocations.lift(
        kind: .token, realm: "main", value: "jti:a1", nowSeconds: Self.now))
    #expect(Self.verdict(world, claims) == "route 0")
    #expect(world.revocations.count == 0)
  }

  @Test func aTokenWithoutIdentifierIsRevokedByItsHash() throws {
    let realm = try Forge.realm()
    let world = Self.world(realm)
    let token = Forge.access("\"sub\":\"42\",\"exp\":1700000900")
    let verifier = TokenVerifier()
    let bytes = Array(token.utf8)
    #expect(
      verifier.verify(bytes.span, realm: realm, accepting: .access, nowSeconds: Self.now)
        != .denied(.malformed))
    let identifier = verifier.tokenIdentifierText()
    #expect(identifier.hasPrefix("sha256:"))
    let entry = RevocationEntry.token(
      identifier: identifier, realm: realm, expiration: 1_700_000_900, nowSeconds: Self.now)
    #expect(world.revocations.apply(entry, nowSeconds: Self.now))
    #expect(world.verdict("GET / HTTP/1.1\nAuthorization: Bearer \(token)") == "401 revoked")
  }

  /// `iat ≤ T`; without `iat` the issue time is `exp` − lifetime; unknown means refused.
  @Test(arguments: [
    ("issued before T", "\"iat\":1699999999", Int64?.none, "401 revoked"),
    ("issued at T", "\"iat\":1700000000", nil, "401 revoked"),
    ("issued after T", "\"iat\":1700000001", nil, "route 0"),
    ("issue time unknown", "\"x\":1", nil, "401 revoked"),
    ("from exp and lifetime, before", "\"x\":1", 901, "401 revoked"),
    ("from exp and lifetime, at", "\"x\":1", 900, "401 revoked"),
    ("from exp and lifetime, after", "\"x\":1", 899, "route 0"),
  ])
  func refusesTokensOfASubjectIssuedUntilT(
    name: String, claim: String, lifetime: Int64?, want: String
  ) throws {
    let realm = try Forge.realm { $0.access.lifetimeSeconds = lifetime }
    for kind in [RevocationKind.subject, .everyone] {
      let world = Self.world(realm)
      world.seconds = 1_700_000_001
      let entry =
        kind == .subject
        ? RevocationEntry.subject("42", realm: realm, time: Self.now)
        : RevocationEntry.everyone(realm: realm, time: Self.now)
      #expect(world.revocations.apply(entry, nowSeconds: Self.now))
      let claims = "\"sub\":\"42\",\(claim),\"exp\":1700000900"
      // The lifetime rule itself must not interfere.
      let isShort = lifetime ?? .max >= 899
      #expect(isShort)
      #expect(Self.verdict(world, claims) == want, "\(name), \(kind)")
      if kind == .subject {
        let other = "\"sub\":\"43\",\(claim),\"exp\":1700000900"
        #expect(Self.verdict(world, other) == "route 0", "\(name)")
      }
    }
  }

  @Test func subjectsCompareAsCanonicalText() throws {
    let realm = try Forge.realm()
    let world = Self.world(realm)
    let entry = RevocationEntry.subject("42", realm: realm, time: Self.now)
    #expect(world.revocations.apply(entry, nowSeconds: Self.now))
    #expect(Self.verdict(world, "\"sub\":42,\"exp\":1700000900") == "401 revoked")
  }

  @Test func realmsAndKindsAreApart() throws {
    let world = Self.world(try Forge.realm())
    let other = try Forge.realm("other")
    for entry in [
      RevocationEntry.token(identifier: "jti:a1", realm: other, nowSeconds: Self.now),
      RevocationEntry.subject("42", realm: other, time: Self.now),
      RevocationEntry.everyone(realm: other, time: Self.now),
      RevocationEntry(
        kind: .session, realm: "main", value: "42", time: Self.now, expiry: Self.now + 9),
      RevocationEntry(
        kind: .spent, realm: "main", value: "jti:a1", time: Self.now, expiry: Self.now + 9),
      RevocationEntry(
        kind: .token, realm: "main", value: "sha256:" + String(repeating: "0", count: 64),
        time: Self.now, expiry: Self.now + 9),
    ] {
      #expect(world.revocations.apply(entry, nowSeconds: Self.now))
    }
    #expect(
      Self.verdict(world, "\"sub\":\"42\",\"jti\":\"a1\",\"exp\":1700000900") == "route 0")
  }

  @Test func aRealmOutsideTheBlocklistIsNotAsked() throws {
    let realm = try Forge.realm()
    let world = World(
      PolicyDefinitions(
        realms: [realm],
        routes: [RouteDefinition(path: "/", framework: .werkzeug, auth: .required, realm: 0)]))
    let entry = RevocationEntry.token(identifier: "jti:a1", realm: realm, nowSeconds: Self.now)
    #expect(world.revocations.apply(entry, nowSeconds: Self.now))
    #expect(
      Self.verdict(world, "\"sub\":\"42\",\"jti\":\"a1\",\"exp\":1700000900") == "route 0")
  }

  // MARK: The table

  static func entry(_ number: Int, expiry: Int64 = now + 1000) -> RevocationEntry {
    RevocationEntry(
      kind: .token, realm: "main", value: "jti:\(number)", time: now, expiry: expiry)
  }

  static func row(_ table: RevocationTable, _ number: Int) throws -> Hash128 {
    try #require(TokenIdentifier.hash(text: "jti:\(number)", table.key(.token, realm: "main")))
  }

  @Test func entriesOnlyGrow() throws {
    let table = RevocationTable()
    let reader = RevocationTable.Reader(table)
    #expect(table.apply(Self.entry(1, expiry: Self.now + 100), nowSeconds: Self.now))
    #expect(table.apply(Self.entry(1, expiry: Self.now + 50), nowSeconds: Self.now))
    #expect(table.count == 1)
    reader.refresh()
    #expect(reader.contains(try Self.row(table, 1), nowSeconds: Self.now + 99))
    #expect(!reader.contains(try Self.row(table, 1), nowSeconds: Self.now + 100))
  }

  @Test func refusesNonsense() {
    let table = RevocationTable()
    let nonsense = RevocationEntry(
      kind: .token, realm: "main", value: "a1", time: 0, expiry: .max)
    #expect(!table.apply(nonsense, nowSeconds: Self.now))
    // Over already: nothing to remember, and no mistake.
    #expect(table.apply(Self.entry(1, expiry: Self.now), nowSeconds: Self.now))
    #expect(table.count == 0)
    #expect(!table.lift(kind: .token, realm: "main", value: "jti:1", nowSeconds: Self.now))
  }

  @Test func aFullTableRefusesAndNeverForgets() throws {
    let table = RevocationTable(entriesMaximum: 100)
    for number in 0..<100 { #expect(table.apply(Self.entry(number), nowSeconds: Self.now)) }
    #expect(!table.apply(Self.entry(100), nowSeconds: Self.now))
    // A known entry still takes a later expiry.
    #expect(table.apply(Self.entry(7, expiry: Self.now + 9000), nowSeconds: Self.now))
    let reader = RevocationTable.Reader(table)
    for number in 0..<100 {
      #expect(reader.contains(try Self.row(table, number), nowSeconds: Self.now))
    }
    // Within the pause nobody walks the table again; after it, expired entries make room.
    #expect(!table.apply(Self.entry(100, expiry: .max), nowSeconds: Self.now + 59))
    #expect(table.apply(Self.entry(100, expiry: .max), nowSeconds: Self.now + 1000))
    #expect(table.count == 2)
  }

  @Test func growsOverGenerationsWithoutLosingAnEntry() throws {
    let table = RevocationTable()
    let reader = RevocationTable.Reader(table)
    for number in 0..<20_000 {
      #expect(table.apply(Self.entry(number), nowSeconds: Self.now))
      if number % 997 == 0 {
        reader.refresh()
        #expect(reader.contains(try Self.row(table, number), nowSeconds: Self.now))
      }
    }
    #expect(table.count == 20_000)
    reader.refresh()
    for number in 0..<20_000 {
      let isThere = reader.contains(try Self.row(table, number), nowSeconds: Self.now)
      #expect(isThere)
    }
    #expect(!reader.contains(try Self.row(table, 20_000), nowSeconds: Self.now))
  }

  @Test func aTableThatRunsForMonthsStaysSmall() throws {
    let table = RevocationTable(entriesMaximum: 500)
    let reader = RevocationTable.Reader(table)
    // A hundred logouts an hour with tokens of an hour, for a year of purges.
    for hour in 0..<8760 {
      let now = Self.now + Int64(hour) * 3600
      for number in 0..<10 {
        #expect(table.apply(Self.entry(hour * 10 + number, expiry: now + 3600), nowSeconds: now))
      }
      if hour % 6 == 0 { table.purge(nowSeconds: now) }
    }
    #expect(table.count < 500)
    reader.refresh()
    let end = Self.now + 8759 * 3600
    #expect(reader.contains(try Self.row(table, 87_599), nowSeconds: end))
    #expect(!reader.contains(try Self.row(table, 87_589), nowSeconds: end))
  }

  @Test func purgingKeepsWhatSweeps() throws {
    let realm = try Forge.realm { $0.access.lifetimeSeconds = 1000 }
    let world = Self.world(realm)
    let table = world.revocations
    for number in 0..<200 {
      #expect(table.apply(Self.entry(number, expiry: Self.now + 1), nowSeconds: Self.now))
    }
    #expect(
      table.apply(
        RevocationEntry(
          kind: .everyone, realm: "main", value: "", time: Self.now, expiry: Self.now + 5000),
        nowSeconds: Self.now))
    table.purge(nowSeconds: Self.now + 1)
    #expect(table.count == 1)
    #expect(Self.verdict(world, "\"iat\":1700000000,\"exp\":1700000900") == "401 revoked")
    table.purge(nowSeconds: Self.now + 5000)
    #expect(table.count == 0)
    #expect(Self.verdict(world, "\"iat\":1700000000,\"exp\":1700000900") == "route 0")
  }

  /// One writer that keeps moving generations, several readers that must never miss what stands.
  @Test func readersMissNothingWhileGenerationsChange() async throws {
    let table = RevocationTable()
    for number in 0..<100 {
      #expect(table.apply(Self.entry(number, expiry: .max), nowSeconds: Self.now))
    }
    let rows = try (0..<100).map { try Self.row(table, $0) }
    let shared = SharedCounts()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<2 {
        group.addTask {
          let reader = RevocationTable.Reader(table)
          while !shared.isDone.load(ordering: .acquiring) {
            reader.refresh()
            for row in rows where !reader.contains(row, nowSeconds: Self.now) {
              shared.misses.add(1, ordering: .relaxed)
            }
            // The test's threads may be no more than the cores.
            await Task.yield()
          }
        }
      }
      group.addTask {
        for round in 0..<60 {
          let now = Self.now + Int64(round)
          for number in 0..<300 {
            _ = table.apply(
              Self.entry(1000 + round * 300 + number, expiry: now + 1), nowSeconds: now)
          }
          table.purge(nowSeconds: now + 1)
        }
        shared.isDone.store(true, ordering: .releasing)
      }
    }
    #expect(shared.misses.load(ordering: .relaxed) == 0)
    #expect(table.count == 100)
  }

  // MARK: How long

  @Test(
    arguments: [
      (
        "own expiry and leeway", Int64(900), Int64(3600), Int64(1_700_000_900), Int64(1_700_000_930)
      ),
      ("longest lifetime", 900, 3600, nil, 1_700_003_660),
      ("no limit to a lifetime", 900, nil, nil, 1_734_560_060),
    ] as [(String, Int64, Int64?, Int64?, Int64)])
  func keepsEntriesAsLongAsTheyMatter(
    name: String, access: Int64, refresh: Int64?, expiration: Int64?, want: Int64
  ) throws {
    let realm = try Forge.realm {
      $0.leewaySeconds = 30
      $0.access.lifetimeSeconds = access
      $0.refresh?.lifetimeSeconds = refresh
    }
    let entry = RevocationEntry.token(
      identifier: "jti:x", realm: realm, expiration: expiration, nowSeconds: Self.now)
    #expect(entry.expiry == want, "\(name)")
    if expiration == nil {
      #expect(RevocationEntry.subject("a", realm: realm, time: Self.now).expiry == want)
    }
  }

  @Test func aTimeBeyondAllTimesIsNoTrap() throws {
    let realm = try Forge.realm()
    let latest = RevocationEntry.subject("a", realm: realm, time: .max)
    #expect(latest.expiry > 1 << 53)
    #expect(RevocationTable().apply(latest, nowSeconds: Self.now))
    let earliest = RevocationEntry.everyone(realm: realm, time: .min)
    #expect(RevocationTable().apply(earliest, nowSeconds: Self.now))
  }
}

/// What the readers and the writer of a test tell each other.
private final class SharedCounts: Sendable {
  let isDone = Atomic<Bool>(false)
  let misses = Atomic<Int>(0)
}
