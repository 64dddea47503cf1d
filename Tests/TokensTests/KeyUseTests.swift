import Testing
import Tokens

/// What is told of keys, so that somebody can drop an old one.
@Suite struct KeyUseTests {
  static let end = TokenForge.now + 10_000

  func realm(lifetime: Int64? = 900) throws -> Realm {
    try TokenForge.realm {
      $0.access.lifetimeSeconds = lifetime
      $0.access.previousSecrets = [
        PreviousSecret(SecretDefinition(text: RealmKeyTests.old), endSeconds: Self.end)
      ]
    }
  }

  @Test func nothingIsCountedWithoutAChoice() throws {
    #expect(try TokenForge.realm().keyReports.isEmpty)
    #expect(try TokenForge.singleSecretRealm().keyReports.isEmpty)
    #expect(try KeyForge.realm([KeyForge.jwk(.es256)]).keyReports.isEmpty)
    #expect(try !KeyForge.realm([KeyForge.jwk(.es256), KeyForge.jwk(.rs256)]).keyReports.isEmpty)
  }

  @Test func countsWhatWasAccepted() throws {
    let realm = try realm()
    let verifier = TokenVerifier()
    func use(_ secret: String, expiring exp: Int64, now: Int64) -> DenialReason? {
      verifier.refusal(TokenForge.sign("{\"exp\":\(exp)}", secret: secret), realm, now: now)
    }
    let now = TokenForge.now
    #expect(use(TokenForge.accessSecret, expiring: now + 900, now: now) == nil)
    #expect(use(RealmKeyTests.old, expiring: now + 600, now: now + 1) == nil)
    #expect(use(RealmKeyTests.old, expiring: now + 500, now: now + 2) == nil)
    // Refused tokens say nothing of a key's use.
    #expect(use(RealmKeyTests.old, expiring: now, now: now + 3) == .expired)
    #expect(use("neither of the two secrets, 41 bytes long", expiring: now + 9, now: now) != nil)
    let reports = realm.keyReports
    #expect(reports.map(\.place) == ["secret", "previous 1", "secret"])
    #expect(reports.map(\.classes) == [[.access], [.access], [.refresh]])
    #expect(reports.map(\.count) == [1, 2, 0])
    #expect(reports.map(\.lastUse) == [now, now + 2, nil])
    #expect(reports.map(\.newestExpiration) == [now + 900, now + 600, nil])
    #expect(reports.map(\.end) == [nil, Self.end, nil])
    #expect(reports[1].key == "HS256" && reports[1].lifetimeSeconds == 900)
  }

  @Test func saysWhenAKeyMayGo() throws {
    let now = TokenForge.now
    let unused = try realm().keyReports[1]
    #expect(unused.drop(nowSeconds: now, uptimeSeconds: 0) == .notYetKnown(until: now + 900))
    #expect(unused.drop(nowSeconds: now, uptimeSeconds: 899) == .notYetKnown(until: now + 1))
    #expect(unused.drop(nowSeconds: now, uptimeSeconds: 900) == .safe)
    #expect(unused.drop(nowSeconds: Self.end, uptimeSeconds: 0) == .safe)
    #expect(
      unused.drop(nowSeconds: Self.end - 10, uptimeSeconds: 0) == .notYetKnown(until: Self.end))
    let open = try realm(lifetime: nil).keyReports[1]
    #expect(open.drop(nowSeconds: now, uptimeSeconds: 1 << 40) == .unknown)
    #expect(open.drop(nowSeconds: Self.end, uptimeSeconds: 0) == .safe)
    #expect(try realm().keyReports[0].drop(nowSeconds: now, uptimeSeconds: 0) == nil)

    let realm = try realm()
    let token = TokenForge.sign("{\"exp\":\(now + 600)}", secret: RealmKeyTests.old)
    #expect(TokenVerifier().refusal(token, realm) == nil)
    let used = realm.keyReports[1]
    #expect(used.drop(nowSeconds: now, uptimeSeconds: 5000) == .tokenLives(until: now + 600))
    #expect(used.drop(nowSeconds: now + 599, uptimeSeconds: 5000) == .tokenLives(until: now + 600))
    #expect(used.drop(nowSeconds: now + 600, uptimeSeconds: 5000) == .safe)
    #expect(used.drop(nowSeconds: now + 600, uptimeSeconds: 5) == .notYetKnown(until: now + 1495))
  }

  @Test func manyWorkersLoseNoCount() async throws {
    let realm = try realm()
    let token = TokenForge.sign("{\"exp\":\(TokenForge.now + 600)}", secret: RealmKeyTests.old)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let verifier = TokenVerifier()
          for _ in 0..<100 { _ = verifier.refusal(token, realm) }
        }
      }
    }
    #expect(realm.keyReports[1].count == 400)
  }
}
