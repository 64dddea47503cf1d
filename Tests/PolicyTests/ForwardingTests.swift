import Bytes
import Crypto
import Testing
import Tokens

@testable import Policy

/// What of a token goes to the backend: kept, dropped, or replaced by one of the backend's realm.
@Suite struct ForwardingTests {
  static let backendSecret = "a backend's own secret of 42 bytes, tests!"

  static func target(
    _ name: String = "backend", index: Int = 1, refresh: String? = Forge.refreshSecret + "!",
    _ change: (inout RealmDefinition) -> Void = { _ in }
  ) throws -> Realm {
    try Forge.realm(name, index: index, refresh: refresh) {
      $0.access.secret = SecretDefinition(text: backendSecret)
      change(&$0)
    }
  }

  /// The realm `main`, whose tokens are also taken from a cookie, a query parameter and `X-Token`.
  static func source() throws -> Realm {
    try Forge.realm {
      $0.access.places = [
        .authorizationBearer, .cookie("session"), .query("t"), .header("X-Token", scheme: ""),
      ]
      $0.refresh?.places = [.cookie("renewal")]
    }
  }

  static func world(
    _ forwarding: TokenForwarding, auth: AuthRule = .required, target: Realm? = nil,
    onSuccess: SuccessMeaning = .nothing, assertion: AssertionDefinition? = nil,
    identity: [IdentityHeaderDefinition] = []
  ) throws -> World {
    let realms = [try source(), try target ?? Self.target()]
    var route = RouteDefinition(path: "/", auth: auth, realm: auth == .none ? nil : 0)
    route.forwarding = forwarding
    route.onSuccess = onSuccess
    var definitions = PolicyDefinitions(
      realms: realms, blocklistRealms: [0, 1], identityHeaders: identity, routes: [route])
    definitions.assertion = assertion
    #expect(definitions.mistakes() == [])
    return World(definitions)
  }

  /// The claims' text of the token in the only line that begins like this; nil without one.
  static func minted(_ world: World, _ opening: String = "Authorization: Bearer ") -> String? {
    let lines = world.identity.split(separator: "\r\n").filter { $0.hasPrefix(opening) }
    guard lines.count == 1 else { return nil }
    let parts = lines[0].dropFirst(opening.count).split(separator: ".")
    guard parts.count == 3 else { return nil }
    let segment = Array(parts[1].utf8)
    var text = ByteBuffer(capacity: 8192)
    guard Base64URL.decode(segment.span, into: &text) else { return nil }
    return String(lossy: text.readable)
  }

  /// Everything that the backend gets of a head: target, lines, identity.
  static func sent(_ world: World) -> String {
    ([world.target] + world.lines + [world.identity]).joined(separator: "\n")
  }

  static let claims = #"{"exp":1700000055,"iat":1699999995,"sub":"42","jti":"a1"}"#

  // MARK: Places

  struct Place: Sendable, CustomTestStringConvertible {
    let name: String
    /// `TOKEN` stands for the token.
    let request: String
    /// What is left of it for a backend that gets no token.
    let rest: [String]
    var testDescription: String { name }
  }

  static let places: [Place] = [
    Place(
      name: "header", request: "GET / HTTP/1.1\nAuthorization: Bearer TOKEN\nAccept: */*",
      rest: ["/", "Accept: */*", "Host: example.com"]),
    Place(
      name: "header in another spelling",
      request: "GET / HTTP/1.1\nAUTHORIZATION:   bearer   TOKEN  \nAccept: */*",
      rest: ["/", "Accept: */*", "Host: example.com"]),
    Place(
      name: "a header of its own", request: "GET / HTTP/1.1\nx-token: TOKEN",
      rest: ["/", "Host: example.com"]),
    Place(
      name: "cookie", request: "GET / HTTP/1.1\nCookie: a=1; session=TOKEN; b=2",
      rest: ["/", "Cookie: a=1; b=2", "Host: example.com"]),
    Place(
      name: "the only cookie", request: "GET / HTTP/1.1\nCookie: session=\"TOKEN\"",
      rest: ["/", "Host: example.com"]),
    Place(
      name: "query", request: "GET /?x=1&t=TOKEN&y=2 HTTP/1.1",
      rest: ["/?x=1&y=2", "Host: example.com"]),
    Place(
      name: "everywhere",
      request: "GET /?t=TOKEN HTTP/1.1\nAuthorization: Bearer TOKEN\nX-Token: TOKEN\n"
        + "Cookie: session=TOKEN; access_token=TOKEN; a=1\nCookie: session=TOKEN",
      rest: ["/", "Cookie: a=1", "Host: example.com"]),
    Place(
      name: "subprotocol",
      request: "GET / HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket\n"
        + "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
        + "Sec-WebSocket-Protocol: chat, bearer, TOKEN",
      rest: [
        "/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: chat",
        "Host: example.com",
      ]),
    Place(
      name: "beside a refresh token",
      request: "GET / HTTP/1.1\nAuthorization: Bearer TOKEN\nCookie: renewal=REFRESH; a=1",
      rest: ["/", "Cookie: a=1", "Host: example.com"]),
  ]

  @Test(arguments: places) func aDroppedTokenIsNowhere(_ row: Place) throws {
    for success in [SuccessMeaning.nothing, .revoke] {
      let world = try Self.world(.drop, onSuccess: success)
      #expect(world.describe(world.ask(Self.request(row))) == "route 0")
      #expect([world.target] + world.lines == row.rest)
      #expect(world.identity == "")
    }
  }

  @Test(arguments: places) func aReplacedTokenIsNowhere(_ row: Place) throws {
    for success in [SuccessMeaning.nothing, .revoke] {
      let world = try Self.world(.remint(1), onSuccess: success)
      #expect(world.describe(world.ask(Self.request(row))) == "route 0")
      #expect([world.target] + world.lines == row.rest)
      #expect(Self.minted(world) == Self.claims)
      #expect(!Self.sent(world).contains(Forge.access()))
      #expect(!Self.sent(world).contains(Forge.refresh()))
    }
  }

  static func request(_ row: Place) -> String {
    row.request.replacing("TOKEN", with: Forge.access()).replacing("REFRESH", with: Forge.refresh())
  }

  @Test func whatIsNotTheTokenStays() throws {
    let world = try Self.world(.drop)
    let verdict = world.verdict(
      "GET / HTTP/1.1\nCookie: session=\(Forge.access()); b=c\nAuthorization: Basic dTpw")
    #expect(verdict == "route 0")
    #expect(world.lines == ["Cookie: b=c", "Authorization: Basic dTpw", "Host: example.com"])
  }

  @Test func aKeptTokenIsAsItCame() throws {
    let world = try Self.world(.keep)
    #expect(world.verdict("GET / HTTP/1.1\nAuthorization: Bearer \(Forge.access())") == "route 0")
    #expect(world.lines == ["Authorization: Bearer \(Forge.access())", "Host: example.com"])
    #expect(world.identity == "")
  }

  // MARK: The backend's place

  @Test func theTargetsFieldIsNobodysButTheGateways() throws {
    let target = try Self.target {
      $0.access.places = [
        .cookie("inner"), .header("X-Backend-Token", scheme: "JWT"), .query("q"),
      ]
    }
    let world = try Self.world(.remint(1), auth: .optional, target: target)
    let forged =
      "x-backend-token: JWT \(Forge.access())\nX-BACKEND-TOKEN: x\n"
      + "Cookie: inner=\(Forge.access()); a=1"
    let verdict = world.verdict(
      "GET /?q=\(Forge.access())&z=1 HTTP/1.1\n\(forged)\nAuthorization: Bearer \(Forge.access())")
    #expect(verdict == "route 0")
    #expect([world.target] + world.lines == ["/?z=1", "Cookie: a=1", "Host: example.com"])
    #expect(Self.minted(world, "X-Backend-Token: JWT ") == Self.claims)
    #expect(Self.minted(world) == nil)
    // Nobody's either where nobody has a token.
    #expect(world.verdict("GET / HTTP/1.1\n\(forged)") == "route 0")
    #expect(world.lines == ["Cookie: a=1", "Host: example.com"])
    #expect(world.identity == "")
  }

  /// The aliases of a place, which servers fold into it, are guarded on every route.
  @Test func spellingsOfTheTargetsFieldAreGuarded() throws {
    let target = try Self.target { $0.access.places = [.header("X-Backend-Token", scheme: "")] }
    let headerGuard = try Self.world(.remint(1), target: target).set.headerGuard
    for name in ["X_Backend_Token", "x.backend.token", "X-Backend_Token"] {
      let bytes = Array(name.utf8)
      let isGuarded = headerGuard.isGuarded(name: bytes.span)
      #expect(isGuarded)
    }
  }

  @Test func anotherSchemeIsNoWayAroundTheGate() throws {
    let world = try Self.world(.remint(1), auth: .optional)
    #expect(world.verdict("GET / HTTP/1.1\nAuthorization: JWT \(Forge.access())") == "route 0")
    #expect(world.lines == ["Host: example.com"])
    #expect(world.identity == "")
  }

  @Test func aPreflightThatPassesBringsNoToken() throws {
    let world = try Self.world(.remint(1))
    let verdict = world.verdict(
      "OPTIONS / HTTP/1.1\nOrigin: https://a.example\nAccess-Control-Request-Method: GET\n"
        + "Authorization: Bearer \(Forge.access())\nCookie: session=\(Forge.access())")
    #expect(verdict == "route 0")
    #expect(!Self.sent(world).contains("eyJ"))
  }

  @Test(arguments: [(32, "route 0"), (33, "preflight_refused")])
  func aPreflightBringsOnlySoManyTokensToHoldBack(_ count: Int, _ want: String) throws {
    let world = try Self.world(.drop)
    let cookies = Array(repeating: "session=a.b.c", count: count).joined(separator: "; ")
    let verdict = world.verdict(
      "OPTIONS / HTTP/1.1\nOrigin: https://a.example\nAccess-Control-Request-Method: GET\n"
        + "Cookie: \(cookies)")
    #expect(verdict.contains(want))
  }

  // MARK: Classes and outcomes

  @Test func aRefreshTokenIsReplacedByOneOfItsClass() throws {
    for auth in [AuthRule.refresh, .any] {
      let world = try Self.world(.remint(1), auth: auth)
      #expect(world.verdict("GET / HTTP/1.1\nCookie: renewal=\(Forge.refresh())") == "route 0")
      #expect(world.lines == ["Host: example.com"])
      let claims = #"{"exp":1700000055,"iat":1699999995,"sub":"42","jti":"r1"}"#
      #expect(Self.minted(world) == claims)
      let token = world.identity.dropFirst("Authorization: Bearer ".count).prefix { $0 != "\r\n" }
      let verifier = TokenVerifier()
      let bytes = Array(token.utf8)
      let verdict = verifier.verify(
        bytes.span, realm: try Self.target(), accepting: .any, nowSeconds: Forge.now)
      guard case .accepted(let facts) = verdict else {
        Issue.record("\(verdict)")
        return
      }
      #expect(facts.tokenClass == .refresh)
    }
  }

  /// Two realms of clients, one of the backend: each token is replaced, and the name tells whose it was.
  @Test func tokensOfSeveralRealmsBecomeOnesOfOne() throws {
    let other = try Forge.realm("other", index: 1, refresh: nil) {
      $0.access.secret = SecretDefinition(text: "the secret of another realm, of 42 bytes!!")
    }
    let target = try Self.target(index: 2) {
      $0.mint.claims = [MintedClaim(name: "realm", source: .realmName)]
    }
    var route = RouteDefinition(path: "/", realm: 0, furtherRealms: [1])
    route.forwarding = .remint(2)
    let definitions = PolicyDefinitions(
      realms: [try Self.source(), other, target], blocklistRealms: [0, 1, 2], routes: [route])
    #expect(definitions.mistakes() == [])
    let world = World(definitions)
    let secret = SecretBytes(text: "the secret of another realm, of 42 bytes!!")
    let theirs = TokenSigner(secret: secret).sign(payload: "{\"sub\":\"42\",\"exp\":1700000900}")
    for _ in 0..<2 {
      for (token, realm) in [(Forge.access(), "main"), (theirs, "other")] {
        #expect(world.verdict("GET / HTTP/1.1\nAuthorization: Bearer \(token)") == "route 0")
        #expect(Self.minted(world)?.contains("\"realm\":\"\(realm)\"") == true)
        #expect(!Self.sent(world).contains(token))
      }
    }
    #expect(world.gatekeeper.verifier.mintCounts.signed == 2)
    #expect(world.gatekeeper.verifier.mintCounts.remembered == 2)
  }

  @Test func refusalsMintNothing() throws {
    let world = try Self.world(.remint(1), assertion: AssertionDefinition(realm: 1))
    for token in [Forge.access("\"exp\":1"), Forge.refresh(), "x", ""] {
      #expect(world.verdict("GET / HTTP/1.1\nAuthorization: Bearer \(token)").hasPrefix("401"))
      #expect(world.identity == "")
    }
    #expect(world.verdict("GET / HTTP/1.1") == "401 missing")
  }

  @Test func aNewRequestBeginsWithoutAToken() throws {
    let world = try Self.world(.remint(1), auth: .optional)
    #expect(world.verdict("GET / HTTP/1.1\nAuthorization: Bearer \(Forge.access())") == "route 0")
    #expect(Self.minted(world) == Self.claims)
    #expect(world.verdict("GET / HTTP/1.1") == "route 0")
    #expect(world.identity == "")
  }

  /// A realm that lost its private key while the gateway runs: the gateway's own trouble.
  @Test func withoutAKeyItIs503() throws {
    let world = try Self.world(.remint(1))
    let text = "GET / HTTP/1.1\nAuthorization: Bearer \(Forge.access())"
    #expect(world.verdict(text) == "route 0")
    let dumb = try Self.target {
      $0.access.secret = nil
      $0.access.keySources = [.remote(nil)]
    }
    world.gatekeeper.adopt(world.set.realms.replacing(dumb))
    #expect(world.verdict(text) == "503 unavailable")
    #expect(world.identity == "")
  }

  /// What is known when a key file changes: such a realm is not taken.
  @Test func aRealmMustGoOnSigning() throws {
    let (source, target) = (try Self.source(), try Self.target())
    for (forwarding, assertion) in [
      (TokenForwarding.remint(1), nil), (.keep, AssertionDefinition(realm: 1)),
    ] {
      let set = try Self.world(forwarding, assertion: assertion).set
      let changed = try Self.target {
        $0.access.secret = nil
        $0.access.keySources = [.remote(nil)]
      }
      #expect(
        set.keyConflict(of: changed, among: [source, changed])
          == "realm backend signs access tokens for its backends, and would have no private key or"
          + " secret for it")
      #expect(set.keyConflict(of: target, among: [source, target]) == nil)
    }
    let set = try Self.world(.keep).set
    let dumb = try Self.target {
      $0.access.secret = nil
      $0.access.keySources = [.remote(nil)]
    }
    #expect(set.keyConflict(of: dumb, among: [source, target]) == nil)
  }

  /// A changed key signs from the next request on, though the old token would still live.
  @Test func aReplacedRealmSignsAnew() throws {
    let world = try Self.world(.remint(1))
    let text = "GET / HTTP/1.1\nAuthorization: Bearer \(Forge.access())"
    #expect(world.verdict(text) == "route 0")
    let first = world.identity
    #expect(world.verdict(text) == "route 0")
    #expect(world.identity == first)
    let changed = try Self.target {
      $0.access.secret = SecretDefinition(text: "the backend's next secret, of 41 bytes, ok")
    }
    world.gatekeeper.adopt(world.set.realms.replacing(changed))
    #expect(world.verdict(text) == "route 0")
    #expect(world.identity != first && Self.minted(world) == Self.claims)
  }

  @Test func whatDoesNotFitIsTooLarge() throws {
    let target = try Self.target { $0.issuer = String(repeating: "i", count: 3000) }
    let world = try Self.world(.remint(1), target: target)
    let token = Forge.access("\"exp\":1700000900,\"x\":\"\(String(repeating: "x", count: 5000))\"")
    #expect(world.verdict("GET / HTTP/1.1\nAuthorization: Bearer \(token)") == "401 too_large")
    #expect(world.identity == "")
  }

  // MARK: The signed identity

  @Test func anAssertionStandsBesideEverything() throws {
    let identity = IdentityHeaderDefinition(name: "X-User-Realm", source: .realmName)
    let said = #"{"exp":1700000055,"iat":1699999995,"type":"access","sub":"42","jti":"a1"}"#
    for forwarding in [TokenForwarding.keep, .drop, .remint(1)] {
      for headers in [[], [identity]] {
        let world = try Self.world(
          forwarding, assertion: AssertionDefinition(realm: 1), identity: headers)
        #expect(
          world.verdict("GET / HTTP/1.1\nAuthorization: Bearer \(Forge.access())") == "route 0")
        #expect(Self.minted(world, "X-Identity-Assertion: ") == said)
        #expect((Self.minted(world) == Self.claims) == (forwarding == .remint(1)))
        #expect(world.identity.hasPrefix("X-User-Realm: main\r\n") == !headers.isEmpty)
        #expect(world.lines.contains { $0.hasPrefix("Authorization") } == (forwarding == .keep))
      }
    }
  }

  @Test func nobodyHasNoAssertion() throws {
    for auth in [AuthRule.optional, .none] {
      let world = try Self.world(
        .keep, auth: auth, assertion: AssertionDefinition(name: "X-Who", realm: 1))
      #expect(world.verdict("GET / HTTP/1.1") == "route 0")
      #expect(world.identity == "")
      for name in ["X-Who", "x_who", "X.WHO"] {
        let bytes = Array(name.utf8)
        let isGuarded = world.set.headerGuard.isGuarded(name: bytes.span)
        #expect(isGuarded)
      }
    }
  }

  // MARK: Mistakes

  struct Mistake: Sendable, CustomTestStringConvertible {
    let name: String
    var forwarding = TokenForwarding.remint(1)
    var auth = AuthRule.required
    var onSuccess = SuccessMeaning.nothing
    var origin = ""
    var isObserved = false
    var assertion: AssertionDefinition?
    var target: @Sendable (inout RealmDefinition) -> Void = { _ in }
    var source: @Sendable (inout RealmDefinition) -> Void = { _ in }
    let wanted: String?
    var testDescription: String { name }
  }

  static let body = " can't take the token out of a body, and this route reads one there"
  static let mistakes: [Mistake] = [
    Mistake(name: "all is well", wanted: nil),
    Mistake(
      name: "no refresh class", auth: .refresh, target: { $0.refresh = nil },
      wanted: "forward_token remint needs refresh tokens of realm backend, which has none"),
    Mistake(
      name: "no refresh class, either accepted", auth: .any, origin: "upstream nest",
      target: { $0.refresh = nil },
      wanted: "forward_token remint (of upstream nest) needs refresh tokens of realm backend,"
        + " which has none"),
    Mistake(
      name: "neither has a refresh class", auth: .any, target: { $0.refresh = nil },
      source: { $0.refresh = nil }, wanted: nil),
    Mistake(name: "no refresh class is needed", target: { $0.refresh = nil }, wanted: nil),
    Mistake(
      name: "public keys only",
      target: {
        $0.access.secret = nil
        $0.access.keySources = [.remote(nil)]
      },
      wanted: "forward_token remint: realm backend has no key that signs access tokens"),
    Mistake(
      name: "a body", auth: .refresh,
      source: { $0.refresh?.places = [.authorizationBearer, .bodyField("token")] },
      wanted: "forward_token remint" + body),
    Mistake(
      name: "a dropped body", forwarding: .drop, onSuccess: .revoke, origin: "identity",
      source: { $0.refresh?.places = [.bodyField("token")] },
      wanted: "forward_token drop (of identity)" + body),
    Mistake(
      name: "a body kept", forwarding: .keep, auth: .refresh,
      source: { $0.refresh?.places = [.bodyField("token")] }, wanted: nil),
    Mistake(
      name: "a body that this route does not read",
      source: { $0.refresh?.places = [.bodyField("token")] }, wanted: nil),
    Mistake(
      name: "observed", forwarding: .drop, origin: "group /a", isObserved: true,
      wanted: "forward_token drop (of group /a) can't hold where requests go on as they came"),
    Mistake(name: "observed and kept", forwarding: .keep, isObserved: true, wanted: nil),
    Mistake(
      name: "an assertion by nobody", assertion: AssertionDefinition(realm: 1),
      target: {
        $0.access.secret = nil
        $0.access.keySources = [.remote(nil)]
      }, wanted: "assertion: realm backend has no key that signs access tokens"),
    Mistake(
      name: "an assertion in a token's place",
      assertion: AssertionDefinition(name: "X-TOKEN", realm: 1),
      source: { $0.access.places = [.header("X-Token", scheme: "")] },
      wanted: "`X-TOKEN` is where realm main has its tokens"),
    Mistake(
      name: "an assertion with a name of the wire",
      assertion: AssertionDefinition(name: "Cookie", realm: 1),
      wanted: "`Cookie` has a meaning of its own; choose another header"),
    Mistake(
      name: "an assertion and a header of one name",
      assertion: AssertionDefinition(name: "x_user_id", realm: 1),
      wanted: "`x_user_id` and `X-User-Id` are one header to a backend"),
  ]

  @Test(arguments: mistakes) func tellsWhatCannotStand(_ row: Mistake) throws {
    let realms = [try Forge.realm("main", row.source), try Self.target("backend", row.target)]
    var route = RouteDefinition(path: "/", auth: row.auth, realm: 0, onSuccess: row.onSuccess)
    route.forwarding = row.assertion == nil ? row.forwarding : .keep
    route.forwardingOrigin = row.origin
    route.isObserved = row.isObserved
    guard let claim = ClaimPath("sub") else { return }
    var definitions = PolicyDefinitions(
      realms: realms, blocklistRealms: [0, 1],
      identityHeaders: [IdentityHeaderDefinition(name: "X-User-Id", source: .claim(claim))],
      routes: [route])
    definitions.assertion = row.assertion
    let found = definitions.mistakes()
    #expect(found.map(\.message) == (row.wanted.map { [$0] } ?? []))
  }
}
