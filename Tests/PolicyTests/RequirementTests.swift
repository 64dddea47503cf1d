import Testing
import Tokens

@testable import Policy

/// `require` on routes: who passes, what is answered, and which routes don't go together.
@Suite struct RequirementTests {
  static let write = ClaimRequirement(.scope, ["orders:write", "orders:admin"])
  static let admin = ClaimRequirement(.role, ["admin"])

  static func route(
    _ path: String, _ auth: AuthRule, _ requirements: [ClaimRequirement] = [write],
    methods: [String] = []
  ) -> RouteDefinition {
    RouteDefinition(
      methods: methods, path: path, framework: .werkzeug, auth: auth, realm: 0,
      requirements: requirements)
  }

  static func world() throws -> World {
    World(
      routes: [
        route("/optional", .optional), route("/required", .required), route("/refresh", .refresh),
        route("/any", .any), route("/free", .required, []),
        route("/both", .required, [write, admin]),
      ], realms: [try Forge.realm()])
  }

  static func access(_ claims: String) -> String {
    Forge.access("\"sub\":\"42\",\"exp\":1700000900" + (claims.isEmpty ? "" : ",\(claims)"))
  }

  @Test(arguments: [
    ("nobody", "", ["401 missing", "401 missing", "401 missing", "401 missing", "401 missing"]),
    (
      "without scopes", access(""),
      [
        "403 missing_claim", "403 missing_claim", "401 wrong_token_type", "403 missing_claim",
        "403 missing_claim",
      ]
    ),
    (
      "other scopes", access("\"scope\":\"orders:read\""),
      [
        "403 insufficient_scope", "403 insufficient_scope", "401 wrong_token_type",
        "403 insufficient_scope", "403 insufficient_scope",
      ]
    ),
    (
      "the scope", access("\"scope\":\"orders:write\""),
      ["route 0", "route 1", "401 wrong_token_type", "route 3", "403 missing_claim"]
    ),
    (
      "scope and role", access("\"scope\":\"orders:admin\",\"role\":\"admin\""),
      ["route 0", "route 1", "401 wrong_token_type", "route 3", "route 5"]
    ),
    (
      "a refresh token with the scope",
      Forge.refresh("\"sub\":\"42\",\"exp\":1700600000,\"scope\":\"orders:write\""),
      [
        "401 wrong_token_type", "401 wrong_token_type", "route 2", "route 3",
        "401 wrong_token_type",
      ]
    ),
    (
      "expired, with the scope",
      Forge.access("\"sub\":\"42\",\"exp\":1600000000,\"scope\":\"orders:write\""),
      ["401 expired", "401 expired", "401 wrong_token_type", "401 expired", "401 expired"]
    ),
  ])
  func judgesByRouteAndToken(name: String, token: String, want: [String]) throws {
    let world = try Self.world()
    let paths = ["/optional", "/required", "/refresh", "/any", "/both"]
    let header = token.isEmpty ? "" : "\nAuthorization: Bearer \(token)"
    #expect(paths.map { world.verdict("GET \($0) HTTP/1.1\(header)") } == want, "\(name)")
  }

  @Test func aRefusalKeepsNothingOfTheToken() throws {
    let world = try Self.world()
    let token = Self.access("\"scope\":\"x\"")
    #expect(
      world.verdict("GET /required HTTP/1.1\nAuthorization: Bearer \(token)")
        == "403 insufficient_scope")
    #expect(world.request.token == nil && world.identity.isEmpty)
    #expect(
      world.verdict("GET /free HTTP/1.1\nAuthorization: Bearer \(token)") == "route 4")
  }

  @Test(arguments: [
    ("/required", "", "insufficient_scope\", scope=\"orders:write orders:admin\"", "missing_claim"),
    (
      "/both", "\"scope\":\"x\"", "insufficient_scope\", scope=\"orders:write orders:admin\"",
      "insufficient_scope"
    ),
  ])
  func challengesWithTheScopes(
    path: String, claims: String, error: String, reason: String
  ) throws {
    let world = try Self.world()
    world.ask("GET \(path) HTTP/1.1\nAuthorization: Bearer \(Self.access(claims))")
    let head = lines(world.reply).head
    #expect(head.first == "HTTP/1.1 403 Forbidden")
    #expect(
      head.contains(
        "WWW-Authenticate: Bearer realm=\"main\", error=\"\(error), reason=\"\(reason)\""))
  }

  @Test func rulesWithoutScopesChallengeWithoutThem() throws {
    let world = World(
      routes: [Self.route("/", .required, [Self.admin])], realms: [try Forge.realm()])
    world.ask("GET / HTTP/1.1\nAuthorization: Bearer \(Self.access(""))")
    #expect(
      lines(world.reply).head.contains(
        "WWW-Authenticate: Bearer realm=\"main\", error=\"insufficient_scope\", "
          + "reason=\"missing_claim\""))
  }

  // MARK: Mistakes

  static func mistakes(_ routes: [RouteDefinition]) throws -> [String] {
    PolicyDefinitions(realms: [try Forge.realm()], blocklistRealms: [0], routes: routes)
      .mistakes().map(\.message)
  }

  @Test func aRouteWithoutTokensRequiresNothing() throws {
    #expect(
      try Self.mistakes([Self.route("/", .none)])
        == ["require needs a token, and this route reads none"])
    #expect(try Self.mistakes([Self.route("/", .none, [])]).isEmpty)
  }

  @Test(arguments: [
    ("the same", [write], true), ("none", [], false), ("another", [admin], false),
    ("more lines", [admin, write], true),
    ("fewer values", [ClaimRequirement(.scope, ["orders:write"])], true),
    ("more values", [ClaimRequirement(.scope, ["orders:write", "orders:admin", "x"])], false),
  ])
  func fallingThroughToFewerRulesIsWeaker(
    name: String, shorter: [ClaimRequirement], isFine: Bool
  ) throws {
    let found = try Self.mistakes([
      Self.route("/", .required, shorter), Self.route("/orders", .required, methods: ["POST"]),
    ])
    #expect(found.isEmpty == isFine, "\(name): \(found)")
  }
}
