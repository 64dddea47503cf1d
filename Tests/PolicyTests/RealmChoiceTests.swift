import Bytes
import Crypto
import Testing
import Tokens

@testable import Policy

/// Routes that take tokens of several realms: whose a token is, and by whose rules it is judged.
@Suite struct RealmChoiceTests {
  static let partnerSecret = "a partner's secret of forty bytes, tests"
  static let third = "a third realm's secret, forty bytes long"

  static func sign(_ secret: String, _ claims: String) -> String {
    TokenSigner(secret: SecretBytes(text: secret)).sign(payload: "{\(claims)}")
  }

  /// `main` takes what comes; `partner` wants its issuer, its audience and a short life.
  static func realms() throws -> [Realm] {
    [
      try Forge.realm(),
      try Forge.realm("partner", index: 1, refresh: nil) { definition in
        definition.access.secret = SecretDefinition(text: partnerSecret)
        definition.access.lifetimeSeconds = 300
        definition.issuer = "https://partner"
        definition.audiences = ["orders"]
      },
    ]
  }

  static func world() throws -> World {
    func route(_ path: String, _ realms: [Int], _ auth: AuthRule = .required) -> RouteDefinition {
      RouteDefinition(
        path: path, framework: .werkzeug, auth: auth, realm: realms[0],
        furtherRealms: Array(realms.dropFirst()))
    }
    return World(
      PolicyDefinitions(
        realms: try realms(), blocklistRealms: [0, 1],
        identityHeaders: [IdentityHeaderDefinition(name: "X-Realm", source: .realmName)],
        routes: [
          route("/main", [0]), route("/partner", [1]), route("/both", [0, 1]),
          route("/back", [1, 0]), route("/any", [0, 1], .any),
        ]))
  }

  static let good =
    "\"sub\":\"42\",\"exp\":1700000200,\"iss\":\"https://partner\",\"aud\":\"orders\""

  /// The verdicts on `/main`, `/partner`, `/both`, `/back` and `/any`.
  @Test(arguments: [
    (
      "main's", Forge.access(),
      ["route 0", "401 bad_signature", "route 2", "route 3", "route 4"], "main"
    ),
    (
      "the partner's", sign(partnerSecret, good),
      ["401 bad_signature", "route 1", "route 2", "route 3", "route 4"], "partner"
    ),
    (
      "main's, longer than a partner's may live",
      sign(Forge.accessSecret, "\"exp\":1700090000"),
      ["route 0", "401 bad_signature", "route 2", "route 3", "route 4"], "main"
    ),
    (
      "the partner's, longer than it may live",
      sign(partnerSecret, good.replacing("1700000200", with: "1700090000")),
      [
        "401 bad_signature", "401 lifetime_exceeded", "401 lifetime_exceeded",
        "401 lifetime_exceeded", "401 lifetime_exceeded",
      ], ""
    ),
    (
      "the partner's, of another issuer",
      sign(partnerSecret, good.replacing("https://partner", with: "https://main")),
      [
        "401 bad_signature", "401 wrong_issuer", "401 wrong_issuer", "401 wrong_issuer",
        "401 wrong_issuer",
      ], ""
    ),
    (
      "the partner's, for another audience",
      sign(partnerSecret, good.replacing("orders", with: "books")),
      [
        "401 bad_signature", "401 wrong_audience", "401 wrong_audience", "401 wrong_audience",
        "401 wrong_audience",
      ], ""
    ),
    (
      "the partner's, expired",
      sign(partnerSecret, good.replacing("1700000200", with: "1600000000")),
      ["401 bad_signature", "401 expired", "401 expired", "401 expired", "401 expired"], ""
    ),
    (
      "main's refresh token", Forge.refresh(),
      [
        "401 wrong_token_type", "401 bad_signature", "401 wrong_token_type",
        "401 wrong_token_type", "route 4",
      ], "main"
    ),
    (
      "the partner's, saying refresh", sign(partnerSecret, good + ",\"type\":\"refresh\""),
      [
        "401 bad_signature", "401 wrong_token_type", "401 wrong_token_type",
        "401 wrong_token_type", "401 wrong_token_type",
      ], ""
    ),
    (
      "nobody's", sign(third, good),
      [
        "401 bad_signature", "401 bad_signature", "401 bad_signature", "401 bad_signature",
        "401 bad_signature",
      ], ""
    ),
    (
      "garbage", "a.b.c",
      [
        "401 malformed", "401 malformed", "401 malformed", "401 malformed", "401 malformed",
      ], ""
    ),
  ])
  func judgesByTheRealmOfTheKey(name: String, token: String, want: [String], realm: String) throws {
    let world = try Self.world()
    for (index, path) in ["/main", "/partner", "/both", "/back", "/any"].enumerated() {
      let got = world.verdict("GET \(path) HTTP/1.1\nAuthorization: Bearer \(token)")
      #expect(got == want[index], "\(name) on \(path)")
      let header = got.hasPrefix("route") ? "X-Realm: \(realm)\r\n" : ""
      #expect(world.identity == header, "\(name) on \(path)")
    }
  }

  @Test func aRevocationCountsInItsOwnRealm() throws {
    let world = try Self.world()
    let claims = Self.good + ",\"jti\":\"a1\""
    let entry = RevocationEntry.token(
      identifier: "jti:a1", realm: world.set.realms.realms[1], expiration: 1_700_000_200,
      nowSeconds: Forge.now)
    #expect(world.revocations.apply(entry, nowSeconds: Forge.now))
    let partner = Self.sign(Self.partnerSecret, claims)
    #expect(world.verdict("GET /both HTTP/1.1\nAuthorization: Bearer \(partner)") == "401 revoked")
    #expect(
      world.verdict("GET /both HTTP/1.1\nAuthorization: Bearer \(Forge.access())") == "route 2")
  }

  @Test func twoRealmsOfARouteShareNoKey() throws {
    let twin = try Forge.realm("twin", index: 1, refresh: nil) { definition in
      definition.access.secret = SecretDefinition(text: Forge.refreshSecret)
    }
    let definitions = PolicyDefinitions(
      realms: [try Forge.realm(), twin], blocklistRealms: [0, 1],
      routes: [RouteDefinition(path: "/", realm: 0, furtherRealms: [1])])
    #expect(
      definitions.mistakes().map(\.message) == [
        "realms main and twin have a key in common: whose is a token?"
      ])
  }

  /// The same rule for keys that are replaced while the gateway runs.
  @Test func aReplacedRealmBringsNoKeyOfAnother() throws {
    let world = try Self.world()
    let realms = try Self.realms()
    func partner(_ secret: String) throws -> Realm {
      try Forge.realm("partner", index: 1, refresh: nil) {
        $0.access.secret = SecretDefinition(text: secret)
      }
    }
    #expect(world.set.keyConflict(of: try partner(Self.third), among: realms) == nil)
    #expect(world.set.keyConflict(of: realms[1], among: realms) == nil)
    #expect(
      world.set.keyConflict(of: try partner(Forge.refreshSecret), among: realms)
        == "realms main and partner would have a key in common")
    // Where no route takes both, each may have it.
    let apart = World(
      PolicyDefinitions(
        realms: realms,
        routes: [RouteDefinition(path: "/a", realm: 0), RouteDefinition(path: "/b", realm: 1)]))
    #expect(apart.set.keyConflict(of: try partner(Forge.refreshSecret), among: realms) == nil)
  }
}
