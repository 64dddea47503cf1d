import Testing
import Tokens

/// Class of route × kind of realm × token: DESIGN §5.4 as a table.
@Suite struct TokenClassTests {
  enum House: String, Sendable, CaseIterable {
    case twoSecrets, inheritedSecret, equalSecrets, noRefreshClass, noRefreshSharedText

    func realm() throws -> Realm {
      switch self {
      case .twoSecrets: try TokenForge.realm()
      case .inheritedSecret: try TokenForge.singleSecretRealm()
      case .equalSecrets: try TokenForge.realm(refresh: TokenForge.accessSecret)
      case .noRefreshClass: try TokenForge.realm(refresh: nil)
      case .noRefreshSharedText: try TokenForge.realm(refresh: nil) { $0.preset = .nestDualSecret }
      }
    }
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var house: House
    var isRefreshKey: Bool
    /// The member to add, as JSON text; empty for none.
    var type: String
    /// Outcome on `access`, `refresh` and `any` routes: the class, or the denial.
    var want: [String]

    var testDescription: String {
      "\(house.rawValue), \(isRefreshKey ? "refresh" : "access") key, type \(type)"
    }
  }

  static let wrong = "wrong_token_type"

  static func rows(_ house: House, _ isRefreshKey: Bool, _ table: [(String, [String])]) -> [Row] {
    table.map { Row(house: house, isRefreshKey: isRefreshKey, type: $0.0, want: $0.1) }
  }

  static let asAccess = ["access", wrong, "access"]
  static let asRefresh = [wrong, "refresh", "refresh"]
  static let never = [wrong, wrong, wrong]
  static let forged = ["bad_signature", "bad_signature", "bad_signature"]

  /// The key decides; `type` may only confirm it.
  static let distinct =
    rows(
      .twoSecrets, false,
      [
        ("", asAccess), ("\"access\"", asAccess), ("\"refresh\"", never), ("null", asAccess),
        ("\"customer\"", asAccess), ("2", asAccess), ("[\"refresh\"]", asAccess),
        ("\"Refresh\"", never), ("\"\\u0072efresh\"", never), ("\"refresh \"", asAccess),
      ])
    + rows(
      .twoSecrets, true,
      [
        ("", asRefresh), ("\"refresh\"", asRefresh), ("\"access\"", never), ("null", asRefresh),
        ("\"customer\"", asRefresh), ("\"ACCESS\"", never), ("\"Refresh\"", asRefresh),
      ])

  /// The key can't decide: absent means access, and a refresh token must say so.
  static let shared = [House.inheritedSecret, .equalSecrets].flatMap {
    rows(
      $0, false,
      [
        ("", asAccess), ("\"access\"", asAccess), ("\"refresh\"", asRefresh), ("null", asAccess),
        ("\"customer\"", asAccess), ("\"Refresh\"", never), ("\"REFRESH\"", never),
        ("\"\\u0072efresh\"", asRefresh), ("[\"refresh\"]", asAccess),
      ])
  }

  static let accessOnly = [House.noRefreshClass, .noRefreshSharedText].flatMap {
    rows(
      $0, false,
      [("", asAccess), ("\"access\"", asAccess), ("\"refresh\"", never), ("\"Refresh\"", never)])
      + rows($0, true, [("", forged), ("\"refresh\"", forged), ("\"access\"", forged)])
  }

  @Test(arguments: distinct + shared + accessOnly) func decides(_ row: Row) throws {
    let realm = try row.house.realm()
    let verifier = TokenVerifier()
    let member = row.type.isEmpty ? "" : ",\"type\":\(row.type)"
    let token = TokenForge.sign(
      "{\"sub\":\"u1\",\"exp\":1700000900\(member)}",
      secret: row.isRefreshKey ? TokenForge.refreshSecret : TokenForge.accessSecret)
    let got = [AcceptedClasses.access, .refresh, .any].map { classes in
      switch verifier.verify(token, realm, classes) {
      case .accepted(let facts): "\(facts.tokenClass.name)"
      case .denied(let reason): "\(reason.name)"
      case .undecided(let lack): "\(lack)"
      }
    }
    #expect(got == row.want)
  }

  @Test func tellsTheWrongClassEvenWhenExpired() throws {
    let realm = try TokenForge.realm()
    let token = TokenForge.sign("{\"exp\":1}", secret: TokenForge.refreshSecret)
    #expect(TokenVerifier().refusal(token, realm) == .wrongTokenType)
    #expect(TokenVerifier().refusal(token, realm, .refresh) == .expired)
  }

  @Test func saysWhichKeyVerified() throws {
    let realm = try TokenForge.realm()
    let verifier = TokenVerifier()
    for (secret, classes, index) in [
      (TokenForge.accessSecret, AcceptedClasses.access, 0), (TokenForge.refreshSecret, .refresh, 1),
    ] {
      guard
        case .accepted(let facts) = verifier.verify(
          TokenForge.sign("{\"exp\":1700000900}", secret: secret), realm, classes)
      else {
        Issue.record("refused")
        return
      }
      #expect(facts.keyIndex == index && facts.realmIndex == 3)
    }
  }

  /// A former secret of both classes that ends sooner for refresh tokens.
  @Test func aRefreshTokenNeverBecomesAnAccessToken() throws {
    let old = "a former secret of both classes, 43 bytes.."
    let realm = try TokenForge.realm { definition in
      definition.access.previousSecrets = [
        PreviousSecret(SecretDefinition(text: old), endSeconds: TokenForge.now + 1000)
      ]
      definition.refresh?.previousSecrets = [
        PreviousSecret(SecretDefinition(text: old), endSeconds: TokenForge.now + 1)
      ]
      definition.refresh?.requiredType = "renewal"
    }
    let verifier = TokenVerifier()
    let token = TokenForge.sign("{\"exp\":1700000900,\"type\":\"renewal\"}", secret: old)
    func outcome(_ classes: AcceptedClasses, _ seconds: Int64) -> DenialReason? {
      let verdict = verifier.verify(token, realm, classes, now: TokenForge.now + seconds)
      if case .denied(let reason) = verdict { return reason } else { return nil }
    }
    #expect(outcome(.refresh, 0) == nil && outcome(.access, 0) == .wrongTokenType)
    #expect(outcome(.access, 1) == .wrongTokenType && outcome(.any, 1) == .wrongTokenType)
  }

  @Test func honoursARequiredType() throws {
    let realm = try TokenForge.realm(refresh: TokenForge.accessSecret) {
      $0.access.requiredType = "access_token"
      $0.refresh?.requiredType = "refresh_token"
    }
    let verifier = TokenVerifier()
    func outcome(_ type: String) -> [DenialReason?] {
      let token = TokenForge.sign("{\"exp\":1700000900\(type)}")
      return [AcceptedClasses.access, .refresh].map { verifier.refusal(token, realm, $0) }
    }
    #expect(outcome(",\"type\":\"access_token\"") == [nil, .wrongTokenType])
    #expect(outcome(",\"type\":\"refresh_token\"") == [.wrongTokenType, nil])
    #expect(outcome("") == [.wrongTokenType, .wrongTokenType])
    #expect(outcome(",\"type\":\"access\"") == [.wrongTokenType, .wrongTokenType])
    #expect(outcome(",\"type\":\"Access_Token\"") == [.wrongTokenType, .wrongTokenType])
  }
}
