import Bytes
import HTTPWire
import Testing

@testable import Policy

@Suite struct CORSTests {
  static func world() throws -> World {
    let realm = try Forge.realm()
    return World(
      PolicyDefinitions(
        realms: [realm], blocklistRealms: [0],
        corsPolicies: [
          CORSDefinition(
            origins: ["http://localhost:5173", "https://*.example.com"],
            expose: ["X-Total", "X-Page"], credentials: true, maxAgeSeconds: 600),
          CORSDefinition(
            origins: ["*"], methods: ["GET", "POST"], headers: ["*"]),
        ], defaultCORS: 0,
        limits: [LimitDefinition(name: "one", permits: 1, periodSeconds: 60)],
        routes: [
          RouteDefinition(
            methods: ["GET"], path: "/api", framework: .werkzeug, realm: 0, limits: [0],
            cors: .policy(0)),
          RouteDefinition(
            methods: ["DELETE"], path: "/api", framework: .werkzeug, realm: 0, cors: .policy(0)),
          RouteDefinition(path: "/open", framework: .werkzeug, auth: .none, cors: .policy(1)),
          RouteDefinition(path: "/pass", framework: .werkzeug, realm: 0, cors: .pass),
          RouteDefinition(path: "/off", framework: .werkzeug, realm: 0, cors: .off),
        ], errors: .problem))
  }

  static func preflight(
    _ path: String, _ origin: String? = "http://localhost:5173", _ method: String = "GET",
    _ headers: String? = nil
  ) -> String {
    var text = "OPTIONS \(path) HTTP/1.1\nAccess-Control-Request-Method: \(method)"
    if let origin { text += "\nOrigin: \(origin)" }
    if let headers { text += "\nAccess-Control-Request-Headers: \(headers)" }
    return text
  }

  @Test(arguments: [
    ("an allowed origin", preflight("/api"), "preflight"),
    ("by the method asked for", preflight("/api", "http://localhost:5173", "DELETE"), "preflight"),
    (
      "a method no route takes", preflight("/api", "http://localhost:5173", "PUT"),
      "403 preflight_refused"
    ),
    ("a pattern", preflight("/api", "https://a.example.com"), "preflight"),
    (
      "a pattern is one label", preflight("/api", "https://a.b.example.com"),
      "403 preflight_refused"
    ),
    (
      "a pattern is not the bare name", preflight("/api", "https://example.com"),
      "403 preflight_refused"
    ),
    (
      "a suffix is not a pattern", preflight("/api", "https://evilexample.com"),
      "403 preflight_refused"
    ),
    (
      "a longer host", preflight("/api", "https://a.example.com.evil.net"),
      "403 preflight_refused"
    ),
    ("another scheme", preflight("/api", "https://localhost:5173"), "403 preflight_refused"),
    ("another port", preflight("/api", "http://localhost:5174"), "403 preflight_refused"),
    ("null", preflight("/api", "null"), "403 preflight_refused"),
    ("no origin", preflight("/api", nil), "403 preflight_refused"),
    (
      "usual fields",
      preflight(
        "/api", "http://localhost:5173", "GET",
        "authorization, Content-Type,x-csrf-token"), "preflight"
    ),
    (
      "safelisted fields", preflight("/api", "http://localhost:5173", "GET", "accept,range"),
      "preflight"
    ),
    (
      "an unusual field", preflight("/api", "http://localhost:5173", "GET", "authorization,x-evil"),
      "403 preflight_refused"
    ),
    ("any field", preflight("/open", "https://x.y", "GET", "x-any, authorization"), "preflight"),
    (
      "any field, but a field", preflight("/open", "https://x.y", "GET", "x any"),
      "403 preflight_refused"
    ),
    (
      "a method that the policy doesn't list", preflight("/open", "https://x.y", "DELETE"),
      "403 preflight_refused"
    ),
    ("nowhere", preflight("/nowhere"), "404 no_route"),
    ("cors pass goes upstream without a token", preflight("/pass"), "route 3"),
    ("cors off is an ordinary request", preflight("/off"), "401 missing"),
    (
      "no preflight without the field", "OPTIONS /pass HTTP/1.1\nOrigin: http://localhost:5173",
      "401 missing"
    ),
    (
      "the field on another method is nothing",
      "GET /pass HTTP/1.1\nAccess-Control-Request-Method: GET",
      "401 missing"
    ),
    (
      "asked twice", preflight("/api") + "\nAccess-Control-Request-Method: DELETE",
      "403 preflight_refused"
    ),
    ("ambiguous path", preflight("/open/../api"), "400 ambiguous_path"),
    (
      "two credentials", preflight("/pass") + "\nAuthorization: a b\nAuthorization: c d",
      "400 ambiguous_credentials"
    ),
  ])
  func judgesPreflights(name: String, request: String, want: String) throws {
    #expect(try Self.world().verdict(request) == want, "\(name)")
  }

  @Test func preflightsCostNoPermit() throws {
    let world = try Self.world()
    for _ in 0..<5 { #expect(world.verdict(Self.preflight("/api")) == "preflight") }
    // The route's one permit is still there; the request fails for its missing token only.
    #expect(world.verdict("GET /api HTTP/1.1") == "401 missing")
    #expect(world.verdict("GET /api HTTP/1.1") == "429 limited")
  }

  @Test func answersAPreflight() throws {
    let world = try Self.world()
    world.ask(Self.preflight("/api"))
    let reply = lines(world.reply)
    #expect(
      reply.head == [
        "HTTP/1.1 204 No Content", "Date: Sun, 06 Nov 1994 08:49:37 GMT",
        "Access-Control-Allow-Origin: http://localhost:5173",
        "Access-Control-Allow-Methods: GET, HEAD, DELETE",
        "Access-Control-Allow-Headers: Authorization, Content-Type, X-CSRF-TOKEN, X-Requested-With",
        "Access-Control-Allow-Credentials: true", "Access-Control-Max-Age: 600",
        "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
      ])
    #expect(reply.body.isEmpty)
    world.ask(Self.preflight("/open", "https://x.y", "POST", "X-Any"))
    #expect(
      lines(world.reply).head.dropFirst(2) == [
        "Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: GET, POST",
        "Access-Control-Allow-Headers: X-Any",
        "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
      ])
  }

  @Test func aRefusedPreflightHasNoCORSFields() throws {
    let world = try Self.world()
    for request in [
      Self.preflight("/api", "https://evil.net"),
      Self.preflight("/api", "http://localhost:5173", "PUT"),
      Self.preflight("/api", "http://localhost:5173", "GET", "x-evil"),
    ] {
      world.ask(request)
      let head = lines(world.reply).head
      #expect(head[0] == "HTTP/1.1 403 Forbidden")
      #expect(!head.contains { $0.hasPrefix("Access-Control") }, "\(request)")
      #expect(head.contains("Vary: Origin"))
    }
  }

  static let allowed = [
    "Access-Control-Allow-Origin: http://localhost:5173",
    "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: X-Total, X-Page",
    "Vary: Origin",
  ]

  @Test(arguments: [
    ("allowed", "Origin: http://localhost:5173", allowed),
    (
      "a pattern", "Origin: https://a.example.com",
      ["Access-Control-Allow-Origin: https://a.example.com"] + allowed.dropFirst()
    ),
    ("wrong origin: forwarded without", "Origin: https://evil.net", ["Vary: Origin"]),
    (
      "two origins", "Origin: http://localhost:5173\nOrigin: http://localhost:5173",
      ["Vary: Origin"]
    ),
    ("no origin", "X: y", ["Vary: Origin"]),
  ])
  func writesTheFieldsOfAnAnswer(name: String, header: String, want: [String]) throws {
    let world = try Self.world()
    let token = "Authorization: Bearer \(Forge.access())"
    #expect(world.verdict("GET /api HTTP/1.1\n\(token)\n\(header)") == "route 0", "\(name)")
    #expect(world.cors == want, "\(name)")
    #expect(world.request.replacesCORS)
  }

  @Test func backendsSpeakForThemselvesElsewhere() throws {
    let world = try Self.world()
    let token = "Authorization: Bearer \(Forge.access())"
    for path in ["/pass", "/off"] {
      world.ask("GET \(path) HTTP/1.1\n\(token)\nOrigin: http://localhost:5173")
      #expect(!world.request.replacesCORS)
      #expect(world.cors.isEmpty)
    }
  }

  @Test(arguments: [
    ("no token", "GET /api HTTP/1.1"), ("no method", "PATCH /api HTTP/1.1"),
    ("no route: the default policy", "GET /nowhere HTTP/1.1"),
    ("bad path: the default policy", "GET /api/%zz HTTP/1.1"),
  ])
  func ownErrorsCarryTheFields(name: String, request: String) throws {
    let world = try Self.world()
    world.ask(request + "\nOrigin: http://localhost:5173")
    #expect(world.request.refusal != nil, "\(name)")
    let head = lines(world.reply).head
    for field in Self.allowed { #expect(head.contains(field), "\(name)") }
  }

  @Test func upstreamTroubleCarriesTheFields() throws {
    let world = try Self.world()
    world.ask(
      "GET /api HTTP/1.1\nOrigin: http://localhost:5173\nAuthorization: Bearer \(Forge.access())")
    world.request.refuse(.upstreamFailed)
    let head = lines(world.reply).head
    #expect(head[0] == "HTTP/1.1 502 Bad Gateway")
    for field in Self.allowed { #expect(head.contains(field)) }
  }

  @Test func aMalformedRequestVariesByOriginToo() throws {
    let world = try Self.world()
    world.request.reset()
    world.head.reset()
    world.request.refuse(.malformed(.badFieldName))
    #expect(lines(world.reply).head.contains("Vary: Origin"))
  }

  @Test(arguments: [
    ("wrong origin", "https://evil.net", "403 origin_refused"),
    ("allowed origin", "http://localhost:5173", "route 0"), ("no browser", nil, "route 0"),
  ])
  func judgesUpgrades(name: String, origin: String?, want: String) throws {
    let world = try Self.world()
    var request =
      "GET /api HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket"
      + "\nAuthorization: Bearer \(Forge.access())"
    if let origin { request += "\nOrigin: \(origin)" }
    #expect(world.verdict(request) == want, "\(name)")
  }

  // MARK: At load

  @Test(arguments: [
    ("https://app.example.com", true), ("http://localhost:5173", true), ("http://[::1]:80", false),
    ("http://[::1]:8080", true), ("https://*.example.com", true),
    ("https://*.example.com:8443", true),
    ("capacitor://localhost", true), ("*", true), ("null", false), ("Null", false),
    ("app.example.com", false), ("https://", false), ("https://app.example.com/", false),
    ("https://app.example.com/x", false), ("https://*", false), ("https://*.com", false),
    ("https://a*.example.com", false), ("https://*example.com", false),
    ("https://a.*.example.com", false), ("https://*.*.example.com", false),
    ("http://localhost:*", false), ("https://a.example.com:443", false),
    ("http://a.example.com:80", false), ("http://a.example.com:0", false),
    ("http://a.example.com:65536", false), ("http://a.example.com:x", false),
    ("http://user@a.example.com", false),
    ("https://.example.com", false), ("", false),
  ])
  func acceptsOriginsAsBrowsersSendThem(origin: String, isFine: Bool) {
    let mistakes = CORSDefinition(origins: [origin]).mistakes(.cors(0))
    #expect(mistakes.isEmpty == isFine, "\(mistakes)")
  }

  @Test(arguments: [
    ("star with credentials", CORSDefinition(origins: ["*"], credentials: true)),
    ("star with others", CORSDefinition(origins: ["*", "https://a.b.c"])),
    ("nobody", CORSDefinition(origins: [])),
    ("a header that is none", CORSDefinition(origins: ["*"], headers: ["a b"])),
    ("star among headers", CORSDefinition(origins: ["*"], headers: ["*", "x"])),
    ("a method that is none", CORSDefinition(origins: ["*"], methods: ["G,T"])),
    ("an age that is none", CORSDefinition(origins: ["*"], maxAgeSeconds: -1)),
  ])
  func refusesPoliciesThatCannotStand(name: String, definition: CORSDefinition) {
    #expect(definition.mistakes(.cors(0)).count == 1, "\(name)")
  }

  @Test func originsAreCaseFoldedAtLoad() {
    #expect(OriginRule("HTTPS://App.Example.com") == .exact(Array("https://app.example.com".utf8)))
  }
}
