import Bytes
import Crypto
import HTTPWire
import Testing
import Tokens

@testable import Policy

/// `mode observe`: each thing that a route can refuse, once enforced and once observed.
@Suite struct ObserveTests {
  static let bearer = "Authorization: Bearer "
  static let good = Forge.access()
  static let origin = "Origin: https://good.example"
  static let wrongOrigin = "Origin: https://evil.example"
  static let json = "Content-Type: application/json"
  static let upgrade =
    "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13"
    + "\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
  static let cookieSecret = "another access secret of 42 bytes, for me!"

  static func forge(_ claims: String, _ secret: String = cookieSecret) -> String {
    TokenSigner(secret: SecretBytes(text: secret)).sign(payload: "{\(claims)}")
  }

  /// Routes, each twice: below `/e` as it is, below `/o` observed.
  static func world() throws -> World {
    let everywhere = try #require(AddressRange.network(high: 0, low: 0xffff_0000_0000, bits: 96))
    let subject = try #require(ClaimPath("sub"))
    let main = try Forge.realm(preset: .nestDualSecret)
    let cookies = try Forge.realm("cookies", index: 1, refresh: nil) {
      $0.access.places = [
        .cookie("session", csrfHeader: "X-CSRF-TOKEN"), .query("t"), .authorizationBearer,
        .bodyField("token"),
      ]
      $0.access.secret = SecretDefinition(text: cookieSecret)
    }
    var definitions = PolicyDefinitions(
      realms: [main, cookies], blocklistRealms: [0, 1],
      identityHeaders: [
        IdentityHeaderDefinition(name: "X-User", source: .claim(subject))
      ],
      corsPolicies: [CORSDefinition(origins: ["https://good.example"], methods: ["GET", "POST"])],
      limits: [
        LimitDefinition(name: "one", permits: 1, periodSeconds: 3600, burst: 1),
        LimitDefinition(
          name: "failures", permits: 1, periodSeconds: 3600, burst: 1, count: .failures),
      ])
    for (prefix, isObserved) in [("/e", false), ("/o", true)] {
      func add(_ path: String, _ change: (inout RouteDefinition) -> Void) {
        var route = RouteDefinition(
          path: prefix + path, framework: .werkzeug, auth: .required, realm: 0)
        route.isObserved = isObserved
        change(&route)
        definitions.routes.append(route)
      }
      add("/me") { _ in }
      add("/open") { $0.auth = .none }
      add("/maybe") { $0.auth = .optional }
      add("/refresh") { $0.auth = .refresh }
      add("/admin") { $0.requirements = [ClaimRequirement(.role, ["admin"])] }
      add("/logout") {
        $0.auth = .any
        $0.onSuccess = .revoke
      }
      add("/limited") { $0.limits = [0] }
      add("/failures") { $0.limits = [1] }
      add("/cors") { $0.cors = .policy(0) }
      add("/off") { $0.cors = .off }
      add("/cookie") {
        $0.realm = 1
        $0.onSuccess = .revoke
      }
      add("/away") {
        $0.addressBlocks = [
          AddressBlock(everywhere.map { AddressRule($0, isAllowed: false) })
        ]
        $0.cors = .policy(0)
      }
      add("/said") {
        $0.answer = .respond(status: 200, body: [], isJSON: false)
        $0.cors = .policy(0)
      }
    }
    return World(definitions)
  }

  /// A request, and what the enforced route says to it.
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let method: String
    let path: String
    let fields: [String]
    let enforced: String
    var body: String?

    init(
      _ name: String, _ method: String, _ path: String, _ fields: [String], _ enforced: String,
      body: String? = nil
    ) {
      (self.name, self.method, self.path, self.fields) = (name, method, path, fields)
      (self.enforced, self.body) = (enforced, body)
    }

    var testDescription: String { name }

    func text(_ prefix: String) -> String {
      (["\(method) \(prefix)\(path) HTTP/1.1"] + fields).joined(separator: "\n")
    }
  }

  /// The verdict on one side, the body read where it is asked for.
  static func verdict(_ world: World, _ request: Case, _ prefix: String) -> String {
    let action = world.ask(request.text(prefix))
    guard action == .needBodyField, let body = request.body else { return world.describe(action) }
    return world.describe(world.body(body))
  }

  static func bytes(_ count: Int) -> String { "Content-Length: \(count)" }

  static let refused: [Case] = [
    Case("no token", "GET", "/me", [], "401 missing"),
    Case("no token", "GET", "/admin", [], "401 missing"),
    Case("garbage", "GET", "/me", [bearer + "garbage"], "401 malformed"),
    Case(
      "too large", "GET", "/me", [bearer + String(repeating: "a", count: 8193)], "401 too_large"),
    Case(
      "an unknown algorithm", "GET", "/me",
      [bearer + "eyJhbGciOiJub25lIn0.eyJzdWIiOiI0MiJ9."], "401 unsupported_algorithm"),
    Case(
      "a forged signature", "GET", "/me", [bearer + forge("\"exp\":1700000900")],
      "401 bad_signature"),
    Case("expired", "GET", "/me", [bearer + Forge.access("\"exp\":1699999999")], "401 expired"),
    Case(
      "not yet valid", "GET", "/me",
      [bearer + Forge.access("\"exp\":1700000900,\"nbf\":1700000800")], "401 not_yet_valid"),
    Case("a refresh token", "GET", "/me", [bearer + Forge.refresh()], "401 wrong_token_type"),
    Case("an access token", "POST", "/refresh", [bearer + good], "401 wrong_token_type"),
    Case("a bad token where none is needed", "GET", "/maybe", [bearer + "x.y.z"], "401 malformed"),
    Case("without the role", "GET", "/admin", [bearer + good], "403 missing_claim"),
    Case(
      "with another role", "GET", "/admin",
      [bearer + Forge.access("\"exp\":1700000900,\"role\":\"user\"")], "403 insufficient_scope"),
    Case(
      "two Authorization lines", "GET", "/me", [bearer + good, bearer + good],
      "400 ambiguous_credentials"),
    Case(
      "two Authorization lines where no token is read", "GET", "/open",
      [bearer + good, bearer + good], "400 ambiguous_credentials"),
    Case(
      "a list of tokens", "GET", "/me", [bearer + good + "," + good], "400 ambiguous_credentials"),
    Case(
      "another token in a cookie", "GET", "/me",
      [bearer + good, "Cookie: access_token=\(forge("\"exp\":1"))"],
      "400 ambiguous_credentials"),
    Case(
      "a cookie without proof", "POST", "/cookie",
      ["Cookie: session=\(forge("\"exp\":1700000900,\"csrf\":\"c\""))"], "403 csrf_refused"),
    Case(
      "a body in a coding", "POST", "/refresh", [json, bytes(2), "Content-Encoding: gzip"],
      "415 body_coded", body: "{}"),
    Case("a body too large", "POST", "/refresh", [json, bytes(16_385)], "413 body_too_large"),
    Case(
      "a body too large in the end", "POST", "/refresh", [json, "Transfer-Encoding: chunked"],
      "413 body_too_large", body: String(repeating: " ", count: 16_385)),
    Case(
      "a body of another kind", "POST", "/cookie",
      [
        "Content-Type: text/csv", bytes(2), bearer + forge("\"exp\":1700000900"),
      ], "400 body_unreadable"),
    Case("a broken body", "POST", "/refresh", [json, bytes(1)], "400 body_unreadable", body: "{"),
    Case("no token in the body", "POST", "/refresh", [json, bytes(2)], "401 missing", body: "{}"),
    Case(
      "two tokens in the body", "POST", "/refresh", [json, bytes(2)], "400 ambiguous_credentials",
      body: "{\"refreshToken\":\"\(Forge.refresh())\",\"refresh_token\":\"\(forge("\"exp\":1"))\"}"),
    Case(
      "cors off asks OPTIONS for a token", "OPTIONS", "/off",
      [origin, "Access-Control-Request-Method: GET"], "401 missing"),
    Case(
      "a preflight from elsewhere", "OPTIONS", "/cors",
      [wrongOrigin, "Access-Control-Request-Method: GET"], "403 preflight_refused"),
    Case(
      "a preflight for another method", "OPTIONS", "/cors",
      [origin, "Access-Control-Request-Method: DELETE"], "403 preflight_refused"),
    Case(
      "an upgrade from elsewhere", "GET", "/cors", [upgrade, wrongOrigin], "403 origin_refused"),
  ]

  @Test(arguments: refused)
  func whatIsRefusedGoesOnObserved(_ request: Case) throws {
    let world = try Self.world()
    #expect(Self.verdict(world, request, "/e") == request.enforced)
    #expect(world.request.wouldRefuse == nil)
    let word = String(request.enforced.split(separator: " ")[1])
    let verdict = Self.verdict(world, request, "/o")
    #expect(verdict == "route \(world.set.routeCount / 2 + (Self.index(request.path)))")
    #expect(world.request.wouldRefuse.map { "\($0)" } == word)
    #expect(world.request.refusal == nil)
    // As it came, and from nobody.
    #expect(world.identity.isEmpty && world.request.token == nil)
    #expect(world.target == "/o" + request.path)
    let sent = request.fields.flatMap { $0.split(separator: "\n").map(String.init) }
    #expect(Set(sent).isSubset(of: world.lines))
    // A success teaches nothing, and nobody but the backend speaks about origins.
    #expect(world.answered(200) == .none)
    #expect(world.cors.isEmpty && !world.request.replacesCORS)
    // Told once, where it happened.
    let report = world.gatekeeper.decisions
    let told = Refusal.observable.filter {
      report.letThrough($0, route: world.request.routeIndex) > 0
    }
    #expect(told.map { "\($0.status) \($0.name)" } == [request.enforced])
    let first = try #require(told.first)
    #expect(report.letThrough(first, route: world.request.routeIndex) == 1)
    if first.isAboutToken {
      #expect(report.observed(first) == 1 && report.refused(first) == 1)
    }
  }

  private static func index(_ path: String) -> Int {
    [
      "/me", "/open", "/maybe", "/refresh", "/admin", "/logout", "/limited", "/failures", "/cors",
      "/off", "/cookie", "/away", "/said",
    ].firstIndex(of: path) ?? -1
  }

  static let enforced: [Case] = [
    Case("an address", "GET", "/away", [bearer + good], "403 address_refused"),
    Case(
      "a preflight from such an address", "OPTIONS", "/away",
      [origin, "Access-Control-Request-Method: GET"], "403 address_refused"),
    Case("no route", "GET", "/nowhere", [], "404 no_route"),
    Case("a path of two readings", "GET", "/me/..%2fopen", [bearer + good], "400 ambiguous_path"),
    Case("a bad escape", "GET", "/me%zz", [bearer + good], "400 bad_escape"),
    // Nobody else could answer.
    Case(
      "a preflight for an own answer", "OPTIONS", "/said",
      [wrongOrigin, "Access-Control-Request-Method: GET"], "403 preflight_refused"),
  ]

  @Test(arguments: enforced)
  func otherRefusalsStand(_ request: Case) throws {
    let world = try Self.world()
    for prefix in ["/e", "/o"] {
      #expect(Self.verdict(world, request, prefix) == request.enforced)
      #expect(world.request.wouldRefuse == nil)
    }
    #expect(world.cors.allSatisfy { !$0.hasPrefix("Access-Control") })
  }

  // MARK: What would pass

  @Test func aGoodTokenSaysWhoCalls() throws {
    let world = try Self.world()
    #expect(world.verdict("GET /o/me HTTP/1.1\n\(Self.bearer)\(Self.good)") == "route 13")
    #expect(world.request.wouldRefuse == nil && world.identity == "X-User: 42\r\n")
    #expect(world.request.token?.tokenClass == .access)
    #expect(world.verdict("GET /o/maybe HTTP/1.1") == "route 15")
    #expect(world.request.wouldRefuse == nil && world.identity.isEmpty)
    let report = world.gatekeeper.decisions
    #expect(report.accepted == 1 && report.anonymous == 1)
    #expect(world.verdict("GET /o/open HTTP/1.1\n\(Self.bearer)\(Self.good)") == "route 14")
    // Where no token is read, nothing was decided about one.
    #expect(world.gatekeeper.decisions == report)
  }

  @Test func nothingIsTakenFromWhatTheBackendSaw() throws {
    let world = try Self.world()
    let stray = "Cookie: access_token=\(Self.good); theme=dark"
    world.ask("GET /e/me?jwt=\(Self.good)&a=b HTTP/1.1\n\(Self.bearer)\(Self.good)\n\(stray)")
    #expect(world.target == "/e/me?a=b" && world.lines.contains("Cookie: theme=dark"))
    world.ask("GET /o/me?jwt=\(Self.good)&a=b HTTP/1.1\n\(Self.bearer)\(Self.good)\n\(stray)")
    #expect(world.target == "/o/me?jwt=\(Self.good)&a=b" && world.lines.contains(stray))
    #expect(world.identity == "X-User: 42\r\n")
    // A judged token in the query, and one among the subprotocols.
    let token = Self.forge("\"sub\":\"7\",\"exp\":1700000900")
    world.ask("GET /o/cookie?t=\(token) HTTP/1.1")
    #expect(world.target == "/o/cookie?t=\(token)" && world.identity == "X-User: 7\r\n")
    let offer = "Sec-WebSocket-Protocol: bearer, \(Self.good)"
    world.ask("GET /o/me HTTP/1.1\n\(Self.upgrade)\n\(offer)")
    #expect(world.lines.contains(offer) && !world.request.choosesBearer)
    #expect(world.identity == "X-User: 42\r\n")
    world.ask("GET /e/me HTTP/1.1\n\(Self.upgrade)\n\(offer)")
    #expect(!world.lines.contains(offer) && world.request.choosesBearer)
  }

  @Test func preflightsAndCrossOriginFieldsAreTheBackends() throws {
    let world = try Self.world()
    let preflight = "\(Self.origin)\nAccess-Control-Request-Method: GET"
    #expect(world.verdict("OPTIONS /e/cors HTTP/1.1\n\(preflight)") == "preflight")
    #expect(world.verdict("OPTIONS /o/cors HTTP/1.1\n\(preflight)") == "route 21")
    #expect(world.request.wouldRefuse == nil && world.request.isPreflight)
    #expect(world.cors.isEmpty && !world.request.replacesCORS)
    let ask = "HTTP/1.1\n\(Self.bearer)\(Self.good)\n\(Self.wrongOrigin)"
    #expect(world.verdict("GET /o/cors \(ask)") == "route 21")
    // A browser keeps the answer from the page; the request is not refused either way.
    #expect(world.request.wouldRefuse == nil)
    // The gateway's own answers leave the field to the backend too.
    world.request.refuse(.upstreamFailed)
    #expect(world.cors.isEmpty)
    #expect(world.verdict("GET /e/cors \(ask)") == "route 8")
    #expect(world.request.replacesCORS)
    // An answer of the gateway's own has no other author.
    #expect(world.verdict("OPTIONS /o/said HTTP/1.1\n\(preflight)") == "preflight")
    #expect(world.verdict("GET /o/said HTTP/1.1\n\(Self.origin)") == "answer 25")
    #expect(world.request.wouldRefuse.map { "\($0)" } == "missing")
    #expect(world.cors.contains("Access-Control-Allow-Origin: https://good.example"))
  }

  // MARK: Limits

  @Test func limitsCountAsIfEnforced() throws {
    let world = try Self.world()
    let ask = "GET /o/limited HTTP/1.1\n\(Self.bearer)\(Self.good)"
    #expect(world.verdict(ask) == "route 19")
    #expect(world.request.wouldRefuse == nil)
    for _ in 0..<3 {
      #expect(world.verdict(ask) == "route 19")
      #expect(world.request.wouldRefuse.map { "\($0)" } == "limited")
      // A rate says nothing about who calls.
      #expect(world.identity == "X-User: 42\r\n" && world.request.retryAfterSeconds == 0)
    }
    // The first reason is told: the token's fault was behind it.
    #expect(world.verdict("GET /o/limited HTTP/1.1") == "route 19")
    #expect(world.request.wouldRefuse.map { "\($0)" } == "limited")
    #expect(world.identity.isEmpty)
    #expect(world.gatekeeper.decisions.letThrough(.limited, route: 19) == 4)
    #expect(world.gatekeeper.decisions.letThrough(.denied(.missing), route: 19) == 0)
    #expect(world.gatekeeper.decisions.observed(.denied(.missing)) == 1)
    // The bucket is the one of the enforced route, as the limit is.
    #expect(world.verdict("GET /e/limited HTTP/1.1\n\(Self.bearer)\(Self.good)") == "429 limited")
  }

  @Test func permitsOfFailuresGoBackAsIfEnforced() throws {
    let world = try Self.world()
    let ask = "GET /o/failures HTTP/1.1"
    // The gateway would have answered 401: a failure, whatever the backend says.
    #expect(world.verdict(ask) == "route 20")
    #expect(world.answered(200) == .none)
    #expect(world.verdict(ask) == "route 20")
    #expect(world.request.wouldRefuse.map { "\($0)" } == "limited")
    // A good token and a 2xx answer give the permit back.
    let other = try Self.world()
    for _ in 0..<3 {
      #expect(other.verdict(ask + "\n\(Self.bearer)\(Self.good)") == "route 20")
      #expect(other.request.wouldRefuse == nil)
      #expect(other.answered(200) == .none)
    }
  }

  @Test func anOriginThatWouldBeRefusedCostsNoPermit() throws {
    var definitions = PolicyDefinitions(
      corsPolicies: [CORSDefinition(origins: ["https://good.example"])],
      limits: [LimitDefinition(name: "one", permits: 1, periodSeconds: 3600, burst: 1)])
    definitions.routes = [
      RouteDefinition(
        path: "/", framework: .werkzeug, auth: .none, limits: [0], cors: .policy(0),
        isObserved: true)
    ]
    let world = World(definitions)
    world.ask("GET / HTTP/1.1\n\(Self.upgrade)\n\(Self.wrongOrigin)")
    #expect(world.request.wouldRefuse.map { "\($0)" } == "origin_refused")
    world.ask("GET / HTTP/1.1")
    #expect(world.request.wouldRefuse == nil)
    world.ask("GET / HTTP/1.1")
    #expect(world.request.wouldRefuse.map { "\($0)" } == "limited")
  }

  // MARK: Learning

  @Test func aLogoutIsLearnedFromGoodTokensOnly() throws {
    let world = try Self.world()
    #expect(world.verdict("POST /o/logout HTTP/1.1\n\(Self.bearer)\(Self.good)") == "route 18")
    guard case .revoke(let entries) = world.answered(204) else {
      Issue.record("nothing was learned")
      return
    }
    #expect(entries.map(\.value) == ["jti:a1"])
    // Verified, and refused afterwards: a page of another site logs nobody out.
    let token = Self.forge("\"jti\":\"c\",\"exp\":1700000900,\"csrf\":\"proof\"")
    world.ask("POST /o/cookie HTTP/1.1\nCookie: session=\(token)")
    #expect(world.request.wouldRefuse.map { "\($0)" } == "csrf_refused")
    #expect(world.answered(204) == .none)
    world.ask("POST /o/cookie HTTP/1.1\nCookie: session=\(token)\nX-CSRF-TOKEN: proof")
    #expect(world.answered(204) != .none)
  }

  @Test func aRevokedTokenIsNobodys() throws {
    let world = try Self.world()
    let entry = RevocationEntry(
      kind: .token, realm: "main", value: "jti:a1", time: Forge.now, expiry: Forge.now + 900)
    #expect(world.revocations.apply(entry, nowSeconds: Forge.now))
    #expect(world.verdict("GET /o/me HTTP/1.1\n\(Self.bearer)\(Self.good)") == "route 13")
    #expect(world.request.wouldRefuse.map { "\($0)" } == "revoked" && world.identity.isEmpty)
    #expect(world.verdict("GET /e/me HTTP/1.1\n\(Self.bearer)\(Self.good)") == "401 revoked")
  }

  // MARK: The gateway's own trouble

  @Test func whatCannotBeDecidedGoesOn() throws {
    let world = try Self.world()
    let ask = "GET /o/me HTTP/1.1\n\(Self.bearer)\(Self.good)"
    let waits: [(RequestPolicy.Phase, String)] = [
      (.awaitingRevocation, "unavailable"), (.awaitingPermit, "unavailable"),
      (.awaitingKey, "unavailable"),
    ]
    for (phase, word) in waits {
      world.ask(ask)
      world.request.credentials.reset()
      world.request.phase = phase
      let bytes = world.bytes
      let action: PolicyAction
      switch phase {
      case .awaitingRevocation:
        action = world.gatekeeper.revocationAnswered(
          world.request, answer: .unavailable, head: world.head, bytes: bytes.span,
          now: world.now, set: world.set)
      case .awaitingPermit:
        action = world.gatekeeper.permitAnswered(
          world.request, answer: .unavailable, head: world.head, bytes: bytes.span,
          now: world.now, set: world.set)
      default:
        action = world.gatekeeper.keySetAnswered(
          world.request, isAvailable: false, head: world.head, bytes: bytes.span,
          now: world.now, set: world.set)
      }
      #expect(action == .admit && world.request.wouldRefuse.map { "\($0)" } == word)
      // Only a permit says nothing about the token.
      #expect(world.identity.isEmpty == (phase != .awaitingPermit))
    }
    let lost = World(routes: [
      RouteDefinition(path: "/", framework: .werkzeug, auth: .required, isObserved: true)
    ])
    #expect(lost.verdict("GET / HTTP/1.1") == "route 0")
    #expect(lost.request.wouldRefuse.map { "\($0)" } == "unavailable")
  }

  // MARK: The lists

  @Test func everyObservableRefusalHasItsColumn() {
    #expect(Refusal.observable.compactMap(\.column) == Array(Refusal.observable.indices))
    #expect(Refusal.observable.count == 26)
    for fault in [Refusal.noRoute, .addressRefused, .upstreamFailed, .malformed(.badHost)] {
      #expect(fault.column == nil && !fault.isAboutToken)
    }
  }

  @Test func reportsAddUp() {
    let (one, two) = (DecisionCounts(), DecisionCounts())
    one.admitted(withToken: true)
    one.passed(.limited, route: 0)
    two.admitted(withToken: false)
    two.denied(.denied(.expired), isObserved: false)
    two.denied(.denied(.expired), isObserved: true)
    // Not a token's affair, not a route's.
    two.denied(.limited, isObserved: false)
    two.passed(.noRoute, route: 1)
    two.passed(.limited, route: -1)
    two.passed(.limited, route: 2)
    two.passed(.limited, route: 0)
    var sum = DecisionReport()
    sum.add(one.report)
    sum.add(two.report)
    #expect(sum.accepted == 1 && sum.anonymous == 1)
    #expect(sum.refused(.denied(.expired)) == 1 && sum.observed(.denied(.expired)) == 1)
    #expect(sum.refused(.limited) == 0)
    #expect((0..<4).map { sum.letThrough(.limited, route: $0) } == [2, 0, 1, 0])
    #expect(sum.letThrough(.noRoute, route: 1) == 0)
  }
}
