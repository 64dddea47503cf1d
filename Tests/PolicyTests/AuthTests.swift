import Bytes
import HTTPWire
import Testing
import Tokens

@testable import Policy

@Suite struct AuthTests {
  /// One route per rule, all in one realm with two secrets.
  static func world() throws -> World {
    World(
      routes: [
        RouteDefinition(path: "/none", framework: .werkzeug, auth: .none),
        RouteDefinition(path: "/optional", framework: .werkzeug, auth: .optional, realm: 0),
        RouteDefinition(path: "/required", framework: .werkzeug, auth: .required, realm: 0),
        RouteDefinition(path: "/refresh", framework: .werkzeug, auth: .refresh, realm: 0),
        RouteDefinition(path: "/any", framework: .werkzeug, auth: .any, realm: 0),
      ], realms: [try Forge.realm()])
  }

  /// Class × route × token.
  @Test(arguments: [
    ("no token", "", ["route 0", "route 1", "401 missing", "401 missing", "401 missing"]),
    (
      "access token", Forge.access(),
      ["route 0", "route 1", "route 2", "401 wrong_token_type", "route 4"]
    ),
    (
      "refresh token", Forge.refresh(),
      ["route 0", "401 wrong_token_type", "401 wrong_token_type", "route 3", "route 4"]
    ),
    (
      "expired access token", Forge.access("\"sub\":\"42\",\"exp\":1600000000"),
      ["route 0", "401 expired", "401 expired", "401 wrong_token_type", "401 expired"]
    ),
    (
      "garbage", "abc.def.ghi",
      ["route 0", "401 malformed", "401 malformed", "401 malformed", "401 malformed"]
    ),
    (
      "type refresh under the access secret",
      Forge.access("\"sub\":\"42\",\"type\":\"refresh\",\"exp\":1700000900"),
      [
        "route 0", "401 wrong_token_type", "401 wrong_token_type", "401 wrong_token_type",
        "401 wrong_token_type",
      ]
    ),
  ])
  func judgesByClassRouteAndToken(name: String, token: String, want: [String]) throws {
    let world = try Self.world()
    let paths = ["/none", "/optional", "/required", "/refresh", "/any"]
    let header = token.isEmpty ? "" : "\nAuthorization: Bearer \(token)"
    let got = paths.map { world.verdict("GET \($0) HTTP/1.1\(header)") }
    #expect(got == want, "\(name)")
  }

  @Test func publicRoutesNeitherReadNorJudge() throws {
    let world = try Self.world()
    for value in ["Bearer \(Forge.access())", "Bearer x", "Basic abc", "bearer  ", "x"] {
      #expect(world.verdict("GET /none HTTP/1.1\nAuthorization: \(value)") == "route 0")
      #expect(world.request.token == nil)
      #expect(world.lines.contains("Authorization: \(value)"))
    }
    let cookies = "Cookie: access_token_cookie=\(Forge.access()); jwt=eyJ.a.b"
    #expect(world.verdict("GET /none?jwt=eyJ.a.b HTTP/1.1\n\(cookies)") == "route 0")
    #expect(world.lines.contains(cookies))
    #expect(world.target == "/none?jwt=eyJ.a.b")
  }

  /// PEERS §1: backends pick different ones of several credentials.
  @Test(arguments: [
    ("two lines", "Authorization: Bearer a.b.c\nAuthorization: Bearer d.e.f"),
    ("two equal lines", "Authorization: Bearer a.b.c\nauthorization: Bearer a.b.c"),
    ("two lines, another scheme first", "Authorization: Basic YTpi\nAuthorization: Bearer a.b.c"),
    ("comma list", "Authorization: Bearer a.b.c, Bearer d.e.f"),
    ("comma list, another scheme first", "Authorization: Basic YTpi, Bearer a.b.c"),
    ("comma without a space", "Authorization: Bearer a.b.c,Bearer d.e.f"),
    ("comma behind", "Authorization: Bearer a.b.c,"),
    ("comma before", "Authorization: , Bearer a.b.c"),
    ("genuine token and a second", "Authorization: Bearer \(Forge.access()), Bearer d.e.f"),
  ])
  func refusesSeveralCredentialsOnEveryRoute(name: String, header: String) throws {
    let world = try Self.world()
    for path in ["/none", "/optional", "/required", "/refresh", "/any"] {
      let got = world.verdict("GET \(path) HTTP/1.1\n\(header)")
      #expect(got == "400 ambiguous_credentials", "\(name) on \(path)")
    }
  }

  @Test(arguments: [
    ("usual", "Bearer \(Forge.access())", "route 2"),
    ("scheme in lower case", "bearer \(Forge.access())", "route 2"),
    ("scheme in upper case", "BEARER \(Forge.access())", "route 2"),
    ("several spaces", "Bearer   \(Forge.access())", "route 2"),
    ("another scheme", "Basic YTpi", "401 missing"),
    ("the scheme as a prefix", "Bearerx \(Forge.access())", "401 missing"),
    ("the token alone", Forge.access(), "401 missing"),
    ("the scheme alone", "Bearer", "401 malformed"),
    ("two words", "Bearer \(Forge.access()) x", "401 malformed"),
    ("a tab", "Bearer\t\(Forge.access())", "401 malformed"),
    ("a tab in the token", "Bearer \(Forge.access())\tx", "401 malformed"),
    ("no-break space", "Bearer\u{a0}\(Forge.access())", "401 malformed"),
    ("colon", "Bearer: \(Forge.access())", "401 malformed"),
    ("quotes", "Bearer \"\(Forge.access())\"", "401 malformed"),
    ("padding", "Bearer \(Forge.access())=", "401 malformed"),
  ])
  func readsTheBearerSchemeNarrowly(name: String, value: String, want: String) throws {
    let world = try Self.world()
    #expect(
      world.verdict("GET /required HTTP/1.1\nAuthorization: \(value)") == want, "\(name)")
  }

  // MARK: Tokens in other places

  static let token = Forge.access()
  static let other = Forge.access("\"sub\":\"7\",\"exp\":1700000900")

  @Test(arguments: [
    ("no cookie", nil, "route 2", nil),
    ("ordinary cookies stay", "a=1; b=2", "route 2", "a=1; b=2"),
    ("the same token is dropped", "a=1; access_token_cookie=\(token); b=2", "route 2", "a=1; b=2"),
    ("the only cookie", "jwt=\(token)", "route 2", nil),
    ("first of two", "jwt=\(token); b=2", "route 2", "b=2"),
    ("last of two", "a=1; jwt=\(token)", "route 2", "a=1"),
    ("two spellings of one token", "jwt=\(token); token=\"\(token)\"; c=3", "route 2", "c=3"),
    ("another token", "access_token_cookie=\(other)", "400 ambiguous_credentials", nil),
    ("another token in quotes", "jwt=\"\(other)\"", "400 ambiguous_credentials", nil),
    ("escaped token", "jwt=%65yJ.a.b", "400 ambiguous_credentials", nil),
    ("werkzeug's octal spelling", "jwt=\"\\145yJ.a.b\"", "400 ambiguous_credentials", nil),
    ("a name behind a no-break space", "\u{a0}jwt=\(other)", "400 ambiguous_credentials", nil),
    ("a value behind one", "jwt=\u{a0}\(other)", "400 ambiguous_credentials", nil),
    ("quotes behind one", "jwt=\u{a0}\"\(other)\"", "400 ambiguous_credentials", nil),
    ("cookie-parser's JSON", "jwt=j:\"\(other)\"", "400 ambiguous_credentials", nil),
    ("the same, escaped", "jwt=j%3A%22\(other)%22", "400 ambiguous_credentials", nil),
    ("a refresh cookie is dropped", "refresh_token_cookie=\(other); a=1", "route 2", "a=1"),
    ("no token under a usual name", "token=1.2.3; jwt=abc", "route 2", "token=1.2.3; jwt=abc"),
    ("nor one that only holds an e", "jwt=v1.e.2", "route 2", "jwt=v1.e.2"),
    ("a token under an unusual name", "mine=\(other)", "route 2", "mine=\(other)"),
  ])
  func dropsOrRefusesStrayCookies(
    name: String, cookie: String?, want: String, forwarded: String?
  ) throws {
    let world = try Self.world()
    let line = cookie.map { "\nCookie: \($0)" } ?? ""
    let got = world.verdict(
      "GET /required HTTP/1.1\nAuthorization: Bearer \(Self.token)\(line)")
    #expect(got == want, "\(name)")
    guard want == "route 2" else { return }
    let cookies = world.lines.filter { $0.hasPrefix("Cookie") }
    #expect(cookies == (forwarded.map { ["Cookie: \($0)"] } ?? []), "\(name)")
    #expect(world.lines.contains("Authorization: Bearer \(Self.token)"), "\(name)")
  }

  @Test(arguments: [
    ("no token", "a=1&b=2", "route 2", "/required?a=1&b=2"),
    ("the same token", "a=1&jwt=\(token)&b=2", "route 2", "/required?a=1&b=2"),
    ("the only parameter", "jwt=\(token)", "route 2", "/required"),
    ("another token", "jwt=\(other)", "400 ambiguous_credentials", ""),
    ("an escaped name", "%6Awt=\(other)", "400 ambiguous_credentials", ""),
    ("an escaped token", "jwt=e%79J.a.b", "400 ambiguous_credentials", ""),
    ("no token under a usual name", "token=abc", "route 2", "/required?token=abc"),
  ])
  func dropsOrRefusesStrayParameters(
    name: String, query: String, want: String, target: String
  ) throws {
    let world = try Self.world()
    let got = world.verdict(
      "GET /required?\(query) HTTP/1.1\nAuthorization: Bearer \(Self.token)")
    #expect(got == want, "\(name)")
    if want == "route 2" { #expect(world.target == target, "\(name)") }
  }

  @Test func anAnonymousRequestCarriesNoStrayToken() throws {
    let world = try Self.world()
    #expect(
      world.verdict("GET /optional?jwt=\(Self.token) HTTP/1.1\nCookie: jwt=\(Self.token); a=1")
        == "route 1")
    #expect(world.request.token == nil)
    #expect(world.lines.filter { $0.hasPrefix("Cookie") } == ["Cookie: a=1"])
    #expect(world.target == "/optional")
  }

  @Test func manyStrayTokensAreBounded() throws {
    let world = try Self.world()
    func cookies(_ count: Int) -> String {
      Array(repeating: "jwt=\(Self.token)", count: count).joined(separator: "; ")
    }
    let start = "GET /required HTTP/1.1\nAuthorization: Bearer \(Self.token)\nCookie: "
    #expect(world.verdict(start + cookies(CredentialFinder.droppedMaximum)) == "route 2")
    #expect(
      world.verdict(start + cookies(CredentialFinder.droppedMaximum + 1))
        == "400 ambiguous_credentials")
  }

  // MARK: Other places than the header

  static func cookieWorld() throws -> World {
    let realm = try Forge.realm {
      $0.access.places = [.cookie("access_token_cookie"), .query("jwt")]
      $0.refresh?.places = [.cookie("refresh_token_cookie")]
    }
    return World(
      routes: [
        RouteDefinition(path: "/required", framework: .werkzeug, auth: .required, realm: 0),
        RouteDefinition(path: "/refresh", framework: .werkzeug, auth: .refresh, realm: 0),
        RouteDefinition(
          path: "/logout", framework: .werkzeug, auth: .any, realm: 0, onSuccess: .revoke),
      ], realms: [realm])
  }

  @Test func readsCookiesWhereTheRealmSaysSo() throws {
    let world = try Self.cookieWorld()
    let both = "Cookie: access_token_cookie=\(Self.token); refresh_token_cookie=\(Forge.refresh())"
    #expect(world.verdict("GET /required HTTP/1.1\n\(both)") == "route 0")
    #expect(
      world.lines.filter { $0.hasPrefix("Cookie") }
        == ["Cookie: access_token_cookie=\(Self.token)"])
    #expect(world.verdict("GET /refresh HTTP/1.1\n\(both)") == "route 1")
    #expect(world.verdict("GET /required?jwt=\(Self.token) HTTP/1.1") == "route 0")
    // A query token is judged and kept out of the forwarded target.
    #expect(world.target == "/required")
    #expect(
      world.verdict("GET /required?jwt=\(Self.other) HTTP/1.1\n\(both)")
        == "400 ambiguous_credentials")
    #expect(
      world.verdict("GET /required HTTP/1.1\nCookie: access_token_cookie=%65\(Self.token)")
        == "401 malformed")
    #expect(
      world.verdict(
        "GET /required HTTP/1.1\nCookie: access_token_cookie=\(Self.token);"
          + " access_token_cookie=\(Self.other)") == "400 ambiguous_credentials")
  }

  @Test func aHeaderThatIsNoPlaceIsAnotherStory() throws {
    let world = try Self.cookieWorld()
    let cookie = "Cookie: access_token_cookie=\(Self.token)"
    #expect(
      world.verdict("GET /required HTTP/1.1\n\(cookie)\nAuthorization: Bearer \(Self.other)")
        == "400 ambiguous_credentials")
    #expect(
      world.verdict("GET /required HTTP/1.1\n\(cookie)\nAuthorization: Bearer \(Self.token)")
        == "route 0")
    #expect(!world.lines.contains { $0.hasPrefix("Authorization") })
    #expect(world.request.dropsLines)
  }

  @Test func logoutLearnsBothCookies() throws {
    let world = try Self.cookieWorld()
    let both =
      "Cookie: access_token_cookie=\(Forge.access()); refresh_token_cookie=\(Forge.refresh())"
    #expect(world.verdict("POST /logout HTTP/1.1\n\(both)\nContent-Length: 0") == "route 2")
    guard case .revoke(let entries) = world.answered(200) else {
      Issue.record("nothing learned")
      return
    }
    #expect(entries.map(\.value) == ["jti:a1", "jti:r1"])
    // Both are still forwarded: the backend wants to end them too.
    #expect(world.lines.contains(both))
  }

  @Test func readsAHeaderOfAnotherName() throws {
    let realm = try Forge.realm { $0.access.places = [.header("X-Access-Token", scheme: "")] }
    let world = World(
      routes: [RouteDefinition(path: "/", framework: .werkzeug, auth: .required, realm: 0)],
      realms: [realm])
    #expect(world.verdict("GET / HTTP/1.1\nx-access-token: \(Self.token)") == "route 0")
    #expect(
      world.verdict(
        "GET / HTTP/1.1\nX-Access-Token: \(Self.token)\nX-Access-Token: \(Self.token)")
        == "400 ambiguous_credentials")
    // An alias reaches a folding backend as the real one.
    #expect(guarded(world, "X_Access_Token"))
    #expect(!guarded(world, "X-Access-Token"))
  }

  func guarded(_ world: World, _ name: String) -> Bool {
    let bytes = Array(name.utf8)
    return world.set.headerGuard.isGuarded(name: bytes.span)
  }
}
