import Bytes
import Testing
import Tokens

@testable import Policy

@Suite struct MistakeTests {
  static func definitions(_ routes: [RouteDefinition]) throws -> PolicyDefinitions {
    let small = try Forge.realm("small", index: 1, refresh: nil)
    return PolicyDefinitions(
      listenerCount: 2, realms: [try Forge.realm(), small], blocklistRealms: [0],
      corsPolicies: [CORSDefinition(origins: ["https://a.b.c"])],
      limits: [LimitDefinition(name: "a", permits: 1, periodSeconds: 1)], routes: routes)
  }

  @Test(arguments: [
    ("fine", RouteDefinition(path: "/a/b", strippedPrefix: "/a", realm: 0), true),
    ("a trailing slash is fine", RouteDefinition(path: "/a/", realm: 0), true),
    ("the whole path stripped", RouteDefinition(path: "/a", strippedPrefix: "/a", realm: 0), true),
    ("no slash", RouteDefinition(path: "a", realm: 0), false),
    ("empty", RouteDefinition(path: "", realm: 0), false),
    ("an escape", RouteDefinition(path: "/a%20b", realm: 0), false),
    ("a parameter", RouteDefinition(path: "/a;b", realm: 0), false),
    ("a backslash", RouteDefinition(path: "/a\\b", realm: 0), false),
    ("dots", RouteDefinition(path: "/a/../b", realm: 0), false),
    ("a double slash", RouteDefinition(path: "/a//b", realm: 0), false),
    ("a space", RouteDefinition(path: "/a b", realm: 0), false),
    ("a query", RouteDefinition(path: "/a?b", realm: 0), false),
    ("a letter beyond ASCII", RouteDefinition(path: "/\u{e9}", realm: 0), false),
    (
      "longest segment", RouteDefinition(path: "/" + String(repeating: "x", count: 512), realm: 0),
      true
    ),
    (
      "a longer segment", RouteDefinition(path: "/" + String(repeating: "x", count: 513), realm: 0),
      false
    ),
    ("not its own prefix", RouteDefinition(path: "/ab", strippedPrefix: "/a", realm: 0), false),
    ("a method that is none", RouteDefinition(methods: ["GE T"], path: "/", realm: 0), false),
    ("CONNECT", RouteDefinition(methods: ["CONNECT"], path: "/", realm: 0), false),
    ("a method twice", RouteDefinition(methods: ["GET", "GET"], path: "/", realm: 0), false),
    ("no realm", RouteDefinition(path: "/"), false),
    ("no realm needed", RouteDefinition(path: "/", auth: .none), true),
    ("no refresh tokens", RouteDefinition(path: "/", auth: .refresh, realm: 1), false),
    (
      "logout without a token",
      RouteDefinition(path: "/", auth: .none, realm: 0, onSuccess: .revoke),
      false
    ),
    (
      "logout outside the blocklist", RouteDefinition(path: "/", realm: 1, onSuccess: .revoke),
      false
    ),
    ("unknown listener", RouteDefinition(listeners: [2], path: "/", realm: 0), false),
    ("unknown limit", RouteDefinition(path: "/", realm: 0, limits: [1]), false),
    (
      "most limits",
      RouteDefinition(
        path: "/", realm: 0, limits: Array(repeating: 0, count: 16)), true
    ),
    (
      "too many limits",
      RouteDefinition(
        path: "/", realm: 0, limits: Array(repeating: 0, count: 17)), false
    ),
    ("unknown policy", RouteDefinition(path: "/", realm: 0, cors: .policy(1)), false),
    ("a host with a scheme", RouteDefinition(host: .exact("http://a"), path: "/", realm: 0), false),
    (
      "a wildcard of a wildcard", RouteDefinition(host: .wildcard("*.a"), path: "/", realm: 0),
      false
    ),
  ])
  func findsMistakesOfARoute(name: String, route: RouteDefinition, isFine: Bool) throws {
    let mistakes = try Self.definitions([route]).mistakes()
    #expect(mistakes.count == (isFine ? 0 : 1), "\(name): \(mistakes)")
    if let mistake = mistakes.first { #expect(mistake.subject == .route(0)) }
  }

  @Test(arguments: [
    ("the same", RouteDefinition(path: "/a", auth: .none), false),
    ("with a slash", RouteDefinition(path: "/a/", auth: .none), false),
    ("other methods", RouteDefinition(methods: ["GET"], path: "/a", auth: .none), true),
    ("another host", RouteDefinition(host: .exact("x"), path: "/a", auth: .none), true),
    (
      "another listener, overlapping", RouteDefinition(listeners: [1], path: "/a", auth: .none),
      false
    ),
    ("another path", RouteDefinition(path: "/b", auth: .none), true),
    ("another case, framework unknown", RouteDefinition(path: "/A", auth: .none), false),
  ])
  func findsRoutesThatNobodyCanTellApart(
    name: String, second: RouteDefinition, isFine: Bool
  ) throws {
    let first = RouteDefinition(path: "/a", auth: .none)
    let mistakes = try Self.definitions([first, second]).mistakes()
    #expect(mistakes.isEmpty == isFine, "\(name): \(mistakes)")
    if let mistake = mistakes.first {
      #expect(mistake.subject == .route(1))
      #expect(mistake.related == 0)
    }
  }

  @Test func caseApartIsFineWhereFrameworksTell() throws {
    let routes = ["/a", "/A"].map {
      RouteDefinition(path: $0, framework: .werkzeug, auth: .none)
    }
    #expect(try Self.definitions(routes).mistakes().isEmpty)
  }

  @Test(arguments: [
    ("methods overlap", ["GET", "POST"], ["POST", "PUT"], false),
    ("methods apart", ["GET"], ["POST"], true),
  ])
  func comparesMethods(name: String, left: [String], right: [String], isFine: Bool) throws {
    let routes = [left, right].map {
      RouteDefinition(methods: $0, path: "/a", framework: .werkzeug, auth: .none)
    }
    #expect(try Self.definitions(routes).mistakes().isEmpty == isFine, "\(name)")
  }

  static func route(
    _ methods: [String], _ path: String, _ auth: AuthRule, allows: Bool = false,
    host: HostRule = .any
  ) -> RouteDefinition {
    RouteDefinition(
      host: host, methods: methods, path: path, framework: .werkzeug, auth: auth, realm: 0,
      allowsMethodFallthrough: allows)
  }

  @Test(arguments: [
    ("to a public prefix", [route(["GET"], "/a/b", .required), route([], "/a", .none)], false),
    ("to the public root", [route(["GET"], "/a/b", .required), route([], "/", .none)], false),
    (
      "allowed by word", [route(["GET"], "/a", .required, allows: true), route([], "/", .none)],
      true
    ),
    ("to optional", [route(["GET"], "/a", .required), route([], "/", .optional)], false),
    ("to the same protection", [route(["GET"], "/a", .required), route([], "/", .any)], true),
    (
      "caught on the way",
      [
        route(["GET"], "/a/b", .required), route([], "/a", .required), route([], "/", .none),
      ], true
    ),
    ("no method is left", [route(["GET"], "/a", .required), route(["GET"], "/", .none)], true),
    (
      "another method is left", [route(["GET"], "/a", .required), route(["POST"], "/", .none)],
      false
    ),
    ("all methods are taken", [route([], "/a", .required), route([], "/", .none)], true),
    ("a public route hides nothing", [route(["GET"], "/a", .none), route([], "/", .none)], true),
    (
      "another host",
      [
        route(["GET"], "/a", .required), route([], "/", .none, host: .exact("x")),
      ], true
    ),
    (
      "every host behind one",
      [
        route(["GET"], "/a", .required, host: .exact("x")), route([], "/", .none),
      ], false
    ),
  ])
  func findsFallThroughToWeakerProtection(
    name: String, routes: [RouteDefinition], isFine: Bool
  ) throws {
    let mistakes = try Self.definitions(routes).mistakes()
    #expect(mistakes.isEmpty == isFine, "\(name): \(mistakes)")
    if let mistake = mistakes.first { #expect(mistake.subject == .route(0)) }
  }

  @Test(arguments: [
    ("fine", ["X-User-Id", "X-User-Email"], true), ("not a name", ["X User"], false),
    ("a field of the message", ["Host"], false), ("the request id", ["x-request-id"], false),
    ("an alias of another", ["X-User-Id", "x_user_id"], false),
  ])
  func findsMistakesOfIdentityHeaders(name: String, headers: [String], isFine: Bool) throws {
    var definitions = try Self.definitions([])
    definitions.identityHeaders = headers.map {
      IdentityHeaderDefinition(name: $0, source: .realmName)
    }
    #expect(definitions.mistakes().isEmpty == isFine, "\(name)")
  }

  @Test func tellsAllMistakesAtOnce() throws {
    var definitions = try Self.definitions([
      RouteDefinition(path: "x", realm: 0), RouteDefinition(path: "/y"),
    ])
    definitions.limits[0].burst = 0
    definitions.corsPolicies[0].origins = ["null"]
    definitions.identityHeaders = [IdentityHeaderDefinition(name: "", source: .realmName)]
    let subjects = definitions.mistakes().map(\.subject)
    #expect(subjects == [.identityHeader(0), .cors(0), .limit(0), .route(0), .route(1)])
  }

  @Test func boundsTheNumberOfRoutes() throws {
    func routes(_ count: Int) -> [RouteDefinition] {
      (0..<count).map {
        RouteDefinition(path: "/r\($0)", framework: .werkzeug, auth: .none)
      }
    }
    let most = PolicyDefinitions.routesMaximum
    #expect(try Self.definitions(routes(most)).mistakes().isEmpty)
    #expect(try Self.definitions(routes(most + 1)).mistakes().count == 1)
  }
}
