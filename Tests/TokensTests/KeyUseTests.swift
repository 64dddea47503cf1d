import Testing
import Tokens

/// What is told of keys, so that somebody can drop an old one.
@Suite struct KeyUseTests {
  static let now = TokenForge.now
  static let end = TokenForge.now + 10_000

  func realm(
    lifetime: Int64? = 900, leeway: Int64 = 0, _ change: (inout RealmDefinition) -> Void = { _ in }
  ) throws -> Realm {
    try TokenForge.realm {
      $0.leewaySeconds = leeway
      $0.access.lifetimeSeconds = lifetime
      $0.access.previousSecrets = [
        PreviousSecret(SecretDefinition(text: RealmKeyTests.old), endSeconds: Self.end)
      ]
      change(&$0)
    }
  }

  func use(
    _ realm: Realm, _ secret: String, expiring exp: Int64, now: Int64 = TokenForge.now,
    type: String? = nil
  ) -> DenialReason? {
    let type = type.map { ",\"type\":\"\($0)\"" } ?? ""
    let token = TokenForge.sign("{\"exp\":\(exp)\(type)}", secret: secret)
    switch TokenVerifier().verify(
      Array(token.utf8).span, realm: realm, accepting: .any, nowSeconds: now)
    {
    case .accepted: return nil
    case .denied(let reason): return reason
    case .undecided: return .unknownKey
    }
  }

  /// `class place count`, key by key.
  func told(_ realm: Realm) -> [String] {
    realm.keyReports.map { "\($0.tokenClass.name) \($0.place) \($0.count)" }
  }

  // MARK: Counting

  @Test func everyKeyIsCounted() throws {
    let plain = try TokenForge.realm()
    #expect(told(plain) == ["access secret 0", "refresh secret 0"])
    #expect(use(plain, TokenForge.accessSecret, expiring: Self.now + 9) == nil)
    #expect(told(plain) == ["access secret 1", "refresh secret 0"])
    #expect(try told(KeyForge.realm([KeyForge.jwk(.es256)])) == ["access key file 1 0"])
  }

  @Test func aKeyOfBothClassesIsCountedForEach() throws {
    let realm = try TokenForge.singleSecretRealm()
    let secret = TokenForge.accessSecret
    #expect(use(realm, secret, expiring: Self.now + 9) == nil)
    #expect(use(realm, secret, expiring: Self.now + 9) == nil)
    #expect(use(realm, secret, expiring: Self.now + 99, type: "refresh") == nil)
    #expect(told(realm) == ["access secret 2", "refresh secret 1"])
    #expect(realm.keyReports.map(\.newestExpiration) == [Self.now + 9, Self.now + 99])
  }

  @Test func countsWhatWasAccepted() throws {
    let realm = try realm()
    let now = Self.now
    #expect(use(realm, TokenForge.accessSecret, expiring: now + 900) == nil)
    #expect(use(realm, RealmKeyTests.old, expiring: now + 600, now: now + 1) == nil)
    #expect(use(realm, RealmKeyTests.old, expiring: now + 500, now: now + 2) == nil)
    // Refused tokens say nothing of a key's use.
    #expect(use(realm, RealmKeyTests.old, expiring: now, now: now + 3) == .expired)
    #expect(use(realm, "neither of the secrets, 41 bytes in length", expiring: now + 9) != nil)
    let reports = realm.keyReports
    #expect(told(realm) == ["access secret 1", "access previous 1 2", "refresh secret 0"])
    #expect(reports.map(\.lastUse) == [now, now + 2, nil])
    #expect(reports.map(\.newestExpiration) == [now + 900, now + 600, nil])
    #expect(reports.map(\.end) == [nil, Self.end, nil])
    #expect(reports.map(\.lifetimeSeconds) == [900, 900, nil])
    #expect(reports[1].key == "HS256" && reports[1].successorFirstUse == now)
  }

  @Test func eachClassHasItsOwnPlaceAndEnd() throws {
    // The old access secret goes on signing refresh tokens.
    let realm = try realm { $0.refresh?.secret = SecretDefinition(text: RealmKeyTests.old) }
    let reports = realm.keyReports
    #expect(told(realm) == ["access secret 0", "access previous 1 0", "refresh secret 0"])
    #expect(reports.map(\.end) == [nil, Self.end, nil])
    #expect(reports[1].drop(nowSeconds: Self.now) == .successorUnseen)
    #expect(reports[2].drop(nowSeconds: Self.now) == nil)
    // One old secret of both classes.
    let single = try TokenForge.realm(refresh: nil) {
      $0.access.lifetimeSeconds = 900
      $0.refresh = ClassDefinition()
      $0.refresh?.lifetimeSeconds = 9000
      $0.access.previousSecrets = [
        PreviousSecret(SecretDefinition(text: RealmKeyTests.old), endSeconds: Self.end)
      ]
    }
    #expect(
      told(single) == [
        "access secret 0", "refresh secret 0", "access previous 1 0", "refresh previous 1 0",
      ])
    #expect(use(single, TokenForge.accessSecret, expiring: Self.now + 9) == nil)
    // Its refresh tokens live longer than its access tokens.
    #expect(
      single.keyReports.map { $0.drop(nowSeconds: Self.now + 900) } == [
        nil, nil, .safe, .notYetKnown(until: Self.now + 9000),
      ])
  }

  // MARK: Dropping

  @Test func anOldKeyMayGoALifetimeAfterItsSuccessorCame() throws {
    let now = Self.now
    let realm = try realm()
    func drop(_ now: Int64) -> KeyReport.Drop? { realm.keyReports[1].drop(nowSeconds: now) }
    // The backends may still be signing with it.
    #expect(drop(now) == .successorUnseen && drop(Self.end - 1) == .successorUnseen)
    #expect(drop(Self.end) == .safe)
    #expect(use(realm, TokenForge.accessSecret, expiring: now + 9, now: now + 5) == nil)
    #expect(drop(now + 5) == .notYetKnown(until: now + 905))
    #expect(drop(now + 904) == .notYetKnown(until: now + 905))
    #expect(drop(now + 905) == .safe)
    // A later token of the new one says nothing new, one of the old one does.
    #expect(use(realm, TokenForge.accessSecret, expiring: now + 990, now: now + 99) == nil)
    #expect(drop(now + 905) == .safe)
    #expect(use(realm, RealmKeyTests.old, expiring: now + 1500, now: now + 700) == nil)
    #expect(drop(now + 1499) == .tokenLives(until: now + 1500))
    #expect(drop(now + 1500) == .safe)
    #expect(realm.keyReports[0].drop(nowSeconds: now) == nil)
  }

  @Test func leewayAndEndBindTheVerdict() throws {
    let now = Self.now
    let realm = try realm(leeway: 60)
    func drop(_ now: Int64) -> KeyReport.Drop? { realm.keyReports[1].drop(nowSeconds: now) }
    #expect(use(realm, TokenForge.accessSecret, expiring: now + 9) == nil)
    #expect(drop(now + 959) == .notYetKnown(until: now + 960) && drop(now + 960) == .safe)
    #expect(use(realm, RealmKeyTests.old, expiring: now + 2000, now: now + 1500) == nil)
    #expect(drop(now + 2059) == .tokenLives(until: now + 2060) && drop(now + 2060) == .safe)
    #expect(use(realm, RealmKeyTests.old, expiring: Self.end + 50, now: Self.end - 800) == nil)
    #expect(drop(Self.end - 1) == .tokenLives(until: Self.end) && drop(Self.end) == .safe)
  }

  @Test func withoutALifetimeNothingIsKnown() throws {
    let realm = try realm(lifetime: nil)
    #expect(use(realm, TokenForge.accessSecret, expiring: Self.now + 9) == nil)
    #expect(realm.keyReports[1].drop(nowSeconds: Self.now + 5000) == .unknown)
    #expect(use(realm, RealmKeyTests.old, expiring: Self.now + 6000) == nil)
    #expect(
      realm.keyReports[1].drop(nowSeconds: Self.now + 5000)
        == .tokenLives(until: Self.now + 6000))
    #expect(realm.keyReports[1].drop(nowSeconds: Self.end) == .safe)
  }

  @Test func anotherSignersKeyIsNoSuccessor() throws {
    let file = try KeyForge.read(KeyForge.jwk(.es256))
    let realm = try realm {
      $0.access.keySources = [.file(file)]
      $0.access.algorithms = [.hs256, .es256]
    }
    let token = try KeyForge.signer(.es256).sign(payload: RealmKeyTests.payload)
    #expect(TokenVerifier().refusal(token, realm) == nil)
    let reports = realm.keyReports
    #expect(reports.map(\.place) == ["secret", "key file 1", "previous 1", "secret"])
    #expect(reports.map(\.count) == [0, 1, 0, 0])
    #expect(reports[2].drop(nowSeconds: Self.now) == .successorUnseen)
  }

  @Test func manyWorkersLoseNoCount() async throws {
    let realm = try realm()
    let token = TokenForge.sign("{\"exp\":\(Self.now + 600)}", secret: RealmKeyTests.old)
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
