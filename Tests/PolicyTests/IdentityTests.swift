import Bytes
import HTTPWire
import Testing
import Tokens

@testable import Policy

@Suite struct IdentityTests {
  static func definitions(_ headers: [(String, String)]) throws -> PolicyDefinitions {
    PolicyDefinitions(
      realms: [try Forge.realm()], blocklistRealms: [0],
      identityHeaders: try headers.map { name, claim in
        let source =
          claim == "$realm" ? IdentitySource.realmName : .claim(try #require(ClaimPath(claim)))
        return IdentityHeaderDefinition(name: name, source: source)
      },
      routes: [
        RouteDefinition(path: "/", framework: .werkzeug, auth: .required, realm: 0),
        RouteDefinition(path: "/optional", framework: .werkzeug, auth: .optional, realm: 0),
        RouteDefinition(path: "/public", framework: .werkzeug, auth: .none),
        RouteDefinition(path: "/hook", framework: .werkzeug, auth: .none, cors: .pass),
      ])
  }

  static let usual = [("X-User-Id", "sub"), ("X-User-Email", "email"), ("X-Realm", "$realm")]

  @Test(arguments: [
    (
      "all claims", "\"sub\":\"42\",\"email\":\"a@b.c\"",
      "X-User-Id: 42\r\nX-User-Email: a@b.c\r\nX-Realm: main\r\n"
    ),
    ("an integer subject", "\"sub\":42", "X-User-Id: 42\r\nX-Realm: main\r\n"),
    (
      "an absent claim is an absent header", "\"email\":\"a@b.c\"",
      "X-User-Email: a@b.c\r\nX-Realm: main\r\n"
    ),
    ("null is absent", "\"sub\":null", "X-Realm: main\r\n"),
    (
      "an empty string is absent", "\"sub\":\"4\",\"email\":\"\"",
      "X-User-Id: 4\r\nX-Realm: main\r\n"
    ),
    (
      "no line can be smuggled", "\"sub\":\"4\\r\\nX-Admin: 1\"",
      "X-User-Id: 4%0D%0AX-Admin: 1\r\nX-Realm: main\r\n"
    ),
  ])
  func rendersVerifiedClaims(name: String, claims: String, want: String) throws {
    let world = World(try Self.definitions(Self.usual))
    let token = Forge.access(claims + ",\"exp\":1700000900")
    world.ask("GET / HTTP/1.1\nAuthorization: Bearer \(token)")
    #expect(world.identity.uppercased() == want.uppercased(), "\(name)")
  }

  @Test func onlyAVerifiedTokenGivesIdentity() throws {
    let world = World(try Self.definitions(Self.usual))
    for request in [
      "GET /optional HTTP/1.1", "GET /public HTTP/1.1\nAuthorization: Bearer \(Forge.access())",
      "GET / HTTP/1.1", "GET / HTTP/1.1\nAuthorization: Bearer \(Forge.access())x",
      "OPTIONS /hook HTTP/1.1\nOrigin: https://a.b\nAccess-Control-Request-Method: GET",
    ] {
      world.ask("GET / HTTP/1.1\nAuthorization: Bearer \(Forge.access())")
      #expect(!world.identity.isEmpty)
      world.ask(request)
      #expect(world.identity.isEmpty, "\(request)")
      #expect(world.request.token == nil, "\(request)")
    }
  }

  @Test func claimsThatDoNotFitAreTooLarge() throws {
    let world = World(try Self.definitions([("X-Big", "big")]))
    // "X-Big: " and CRLF take nine bytes.
    for (count, want) in [(4087, "route 0"), (4088, "401 too_large")] {
      let claim = String(repeating: "x", count: count)
      let token = Forge.access("\"big\":\"\(claim)\",\"exp\":1700000900")
      #expect(world.verdict("GET / HTTP/1.1\nAuthorization: Bearer \(token)") == want)
      if want != "route 0" { #expect(world.identity.isEmpty) }
    }
  }
}

@Suite struct HeaderGuardTests {
  static func headerGuard() throws -> HeaderGuard {
    HeaderGuard(try IdentityTests.definitions(IdentityTests.usual))
  }

  /// PEERS §4.1: every spelling that a backend may fold into a guarded name.
  @Test(arguments: [
    ("identity header", "X-User-Id"), ("other case", "x-uSER-id"),
    ("CVE-2025-64484: underscores", "X_User_Id"), ("mixed", "x-user_ID"),
    ("dots", "X.User.Id"), ("any other mark", "X!User~Id"), ("the second header", "X-User-Email"),
    ("forwarded family", "X-Forwarded-For"), ("CVE-2026-39858: its alias", "X_Forwarded_For"),
    ("CVE-2026-35051: prefix", "X-Forwarded-Prefix"), ("proto", "x-forwarded-proto"),
    ("an unheard-of member", "X-Forwarded-Anything"), ("its alias", "x_forwarded_anything"),
    ("GHSA-7x63: uri", "X-Forwarded-Uri"), ("user", "X-Forwarded-User"),
    ("bare", "X-Forwarded"), ("RFC 7239", "Forwarded"), ("real ip", "X-Real-IP"),
    ("real ip, alias", "x_real_ip"), ("gunicorn#2650: SCRIPT_NAME", "SCRIPT_NAME"),
    ("script name", "Script-Name"), ("path info", "Path_Info"), ("remote user", "Remote-User"),
    ("httpoxy", "Proxy"), ("rewritten url", "X-Original-URL"),
    ("alias of a framing field", "Content_Length"),
    ("alias of a framing field", "transfer_encoding"),
    ("alias of a type", "Content.Type"), ("alias of the request id", "X_Request_Id"),
    ("alias of a field that may hold a token", "Sec_WebSocket_Protocol"),
  ])
  func guards(name: String, field: String) throws {
    let bytes = Array(field.utf8)
    #expect(try Self.headerGuard().isGuarded(name: bytes.span), "\(name)")
  }

  @Test(arguments: [
    "Accept", "Host", "Authorization", "Content-Length", "content-type", "Transfer-Encoding",
    "X-Request-Id", "Sec-WebSocket-Protocol", "sec-websocket-protocol", "X-User-Ids",
    "X-User", "XX-User-Id", "X-User--Id", "X-Forward-For",
    "User-Agent", "Cookie", "X-CSRF-TOKEN", "Origin", "X", "", "X-Forwarded_", "Forwarded-For",
  ])
  func letsPass(field: String) throws {
    let bytes = Array(field.utf8)
    let isMember = field == "X-Forwarded_"
    #expect(try Self.headerGuard().isGuarded(name: bytes.span) == isMember)
  }

  @Test func judgesParsedFieldsAlike() throws {
    let world = World(try IdentityTests.definitions(IdentityTests.usual))
    world.ask(
      """
      GET /public HTTP/1.1
      Host: a
      Accept: x
      X-User-Id: 1
      x_user_id: 2
      X-Forwarded-For: 3
      Forwarded: 4
      Content-Length: 0
      Content_Length: 5
      X-Custom: 6
      X-Real-IP: 7
      """)
    let bytes = world.bytes
    var kept: [String] = []
    for index in 0..<world.head.fieldCount {
      let field = world.head.field(at: index)
      if !world.set.headerGuard.isGuarded(field, bytes: bytes.span) {
        kept.append(String(lossy: bytes.span.slice(field.name)))
      }
    }
    #expect(kept == ["Host", "Accept", "Content-Length", "X-Custom"])
  }

  @Test func anIdentityHeaderMayHaveAKnownName() throws {
    let set = HeaderGuard(try IdentityTests.definitions([("Via", "sub")]))
    let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nVia: b\r\nReferer: c\r\n\r\n".utf8)
    let head = RequestHead()
    #expect(head.parse(bytes.span, from: 0, limits: HeadLimits()) == .complete)
    let judged = (0..<3).map { set.isGuarded(head.field(at: $0), bytes: bytes.span) }
    #expect(judged == [false, true, false])
  }
}
