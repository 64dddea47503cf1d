import Bytes
import HTTPWire
import Testing

@testable import Policy

/// Every mechanism of PEERS §4.2: a path that two servers read differently must not choose the weaker
/// route.
@Suite struct PathReadingTests {
  static func world(_ framework: Framework = .werkzeug) -> World {
    World(routes: [
      RouteDefinition(path: "/", framework: framework, auth: .none),
      RouteDefinition(path: "/public", framework: framework, auth: .none),
      RouteDefinition(path: "/admin", framework: framework, auth: .none),
      RouteDefinition(path: "/projects", framework: framework, auth: .none),
    ])
  }

  static let ambiguous = "400 ambiguous_path"

  @Test(arguments: [
    ("CVE-2019-9901: dots", "/public/../admin", ambiguous),
    ("dots at the end", "/admin/..", ambiguous),
    ("a single dot changes nothing", "/public/./x", "route 1"),
    ("a single dot before the route", "/./admin", ambiguous),
    ("dots that stay inside", "/public/a/../b", "route 1"),
    ("dots above the root", "/../admin", ambiguous),
    ("three dots are a name", "/public/.../x", "route 1"),
    ("a dot file is a name", "/public/.well-known/x", "route 1"),
    ("CVE-2021-29492: escaped slash", "/public%2fadmin", ambiguous),
    ("escaped slash in a name", "/projects/group%2Fproject", "route 3"),
    ("escaped dots", "/public/%2e%2e/admin", ambiguous),
    ("half escaped dots", "/public/.%2E/admin", ambiguous),
    ("dots behind an escaped slash", "/public/..%2fadmin", ambiguous),
    ("escaped letter", "/%61dmin", ambiguous),
    ("CVE-2025-69211: escaped letter within", "/adm%69n/x", ambiguous),
    ("escaped letter in a name", "/public/%61", "route 1"),
    ("escaped space", "/public/my%20file", "route 1"),
    ("decoded once only", "/public/%252e%252e/admin", "route 1"),
    ("CVE-2026-27585: backslash", "/public\\..\\admin", ambiguous),
    ("backslash as first separator", "/\\admin", ambiguous),
    ("escaped backslash", "/public%5c..%5cadmin", ambiguous),
    ("backslash in a name", "/public/a\\b", "route 1"),
    ("double slash first", "//admin", ambiguous),
    ("double slash before", "/public//x", "route 1"),
    ("double slash hides a route", "/x//admin", "route 0"),
    ("double slash and dots", "/x//../admin", ambiguous),
    ("a host in the path", "//example.com/admin", ambiguous),
    ("a host behind a backslash", "/\\example.com/admin", ambiguous),
    ("a host behind three slashes", "///example.com/admin/x", ambiguous),
    ("a host and a backslash", "//example.com\\admin", ambiguous),
    ("a host and an escaped letter", "//example.com/%61dmin", ambiguous),
    ("a host and dots", "//example.com/x/../admin", ambiguous),
    ("a host and nothing else", "//example.com", "route 0"),
    ("a host and a path of the same route", "//example.com/x/y", "route 0"),
    ("a host further on is none", "/x//example.com/admin", "route 0"),
    ("CVE-2026-15573: parameter", "/admin;x", ambiguous),
    ("parameter in between", "/admin;x/y", ambiguous),
    ("parameter behind", "/admin/y;x", "route 2"),
    ("empty segment with parameter", "/;/admin", ambiguous),
    ("dots with parameter", "/public/..;/admin", ambiguous),
    ("dots with parameter and text", "/public/..;a=b/admin", ambiguous),
    ("escaped semicolon", "/admin%3bx", ambiguous),
    ("parameter that hides dots from who cuts first", "/public;x%2f..%2f..%2fadmin", ambiguous),
    ("dots resolved before decoding", "/admin/a%2fb/../..", ambiguous),
    ("trailing slash", "/admin/", "route 2"),
    ("broken escape", "/admin%", "400 bad_escape"),
    ("broken escape, one digit", "/admin%2", "400 bad_escape"),
    ("broken escape, no hex", "/public/%zz", "400 bad_escape"),
    ("escaped NUL stays a name", "/public/%00", "route 1"),
    ("letters beyond ASCII", "/public/%c3%a9", "route 1"),
    ("overlong slash is no slash", "/public%c0%afadmin", "route 0"),
    ("case is told apart", "/ADMIN", "route 0"),
  ])
  func readsEveryWay(name: String, path: String, want: String) {
    #expect(Self.world().verdict("GET \(path) HTTP/1.1") == want, "\(name)")
  }

  @Test(arguments: [
    (Framework.express, "/ADMIN", ambiguous), (.express, "/Admin/x", ambiguous),
    (.express, "/admin/X", "route 2"), (.express, "/Other", "route 0"),
    // CVE-2026-27587: case was not folded on the branch with escapes.
    (.express, "/%41DMIN", ambiguous), (.express, "/public/%2e%2e/ADMIN", ambiguous),
    (.unknown, "/ADMIN", ambiguous), (.unknown, "/Public/x", ambiguous),
    (.werkzeug, "/ADMIN", "route 0"), (.starlette, "/ADMIN", "route 0"),
    (.fastify, "/ADMIN", "route 0"), (.fastify, "/%61dmin", ambiguous),
  ])
  func foldsCaseWhereTheFrameworkDoes(framework: Framework, path: String, want: String) {
    #expect(Self.world(framework).verdict("GET \(path) HTTP/1.1") == want)
  }

  @Test func foldsCaseWhereOnlyOneOfTheRoutesDoes() {
    let world = World(routes: [
      RouteDefinition(path: "/", framework: .werkzeug, auth: .none),
      RouteDefinition(path: "/Admin", framework: .express, auth: .none),
      RouteDefinition(path: "/Docs", framework: .werkzeug, auth: .none),
    ])
    #expect(world.verdict("GET /Admin HTTP/1.1") == "route 1")
    #expect(world.verdict("GET /admin HTTP/1.1") == Self.ambiguous)
    #expect(world.verdict("GET /Docs HTTP/1.1") == "route 2")
    #expect(world.verdict("GET /docs HTTP/1.1") == "route 0")
  }

  @Test func noRouteCountsAsAResult() {
    let world = World(routes: [
      RouteDefinition(path: "/admin", framework: .werkzeug, auth: .none)
    ])
    #expect(world.verdict("GET /x/../admin HTTP/1.1") == Self.ambiguous)
    #expect(world.verdict("GET /x%20y HTTP/1.1") == "404 no_route")
  }

  // MARK: Stripping

  @Test(arguments: [
    ("a plain path", "/flask/x?q=1", "/x?q=1"),
    ("nothing left is the root", "/flask", "/"),
    ("nothing left, with a query", "/flask?a", "/?a"),
    ("a slash left", "/flask/", "/"),
    ("escapes are forwarded as sent", "/flask/a%2Fb", "/a%2Fb"),
    ("double slashes further on", "/flask/a//b", "/a//b"),
    ("an empty query stays", "/flask/a?", "/a?"),
  ])
  func stripsThePrefix(name: String, target: String, want: String) {
    let world = Self.stripping()
    #expect(world.verdict("GET \(target) HTTP/1.1") == "route 0", "\(name)")
    #expect(world.target == want, "\(name)")
  }

  @Test(arguments: [
    ("CVE-2026-48020: dots left over", "/flask/.."), ("dots left within", "/flask/a/../b"),
    ("escaped dots left", "/flask/a/%2e%2e/b"), ("two slashes left", "/flask//admin"),
    ("an escaped slash left", "/flask/%2fadmin"), ("a backslash left", "/flask/\\admin"),
    ("a cut segment left", "/flask/;x/admin"),
  ])
  func refusesAnUncleanRest(name: String, target: String) {
    #expect(Self.stripping().verdict("GET \(target) HTTP/1.1") == Self.ambiguous, "\(name)")
  }

  static func stripping() -> World {
    World(routes: [
      RouteDefinition(
        path: "/flask", strippedPrefix: "/flask/", framework: .werkzeug, auth: .none)
    ])
  }

  @Test func forwardsTheOriginalBytesInOriginForm() {
    let world = Self.world()
    world.ask("GET http://example.com/public/%41?x=%20 HTTP/1.1")
    #expect(world.target == "/public/%41?x=%20")
    world.ask("GET http://example.com HTTP/1.1")
    #expect(world.target == "/")
    world.ask("GET http://example.com?x HTTP/1.1")
    #expect(world.target == "/?x")
  }

  // MARK: Bounds

  @Test func judgesNoMoreThanItsWork() {
    // Cutting, resolving and merging can change this path: 8 readings as it stands, 8 decoded, and 8
    // of each rewritten text, which are 6, 8 and 2 bytes shorter. 40 n - 128 must not pass 64 Ki.
    func path(_ count: Int) -> String {
      let start = "/public/a;b%20c/./"
      return start + String(repeating: "x", count: count - start.utf8.count)
    }
    let world = World(routes: [RouteDefinition(path: "/", framework: .werkzeug, auth: .none)])
    #expect(world.verdict("GET \(path(1_641)) HTTP/1.1") == "route 0")
    #expect(world.verdict("GET \(path(1_642)) HTTP/1.1") == Self.ambiguous)
  }

  @Test func plainPathsAreNeverTooLong() {
    let world = World(routes: [RouteDefinition(path: "/", framework: .werkzeug, auth: .none)])
    let path = "/" + String(repeating: "x", count: 8_000)
    #expect(world.verdict("GET \(path) HTTP/1.1") == "route 0")
  }

  /// The quick look and the full one agree on what is special.
  @Test(
    arguments: [
      ("/", []), ("/a/b", []), ("/A", PathShape.upperCase), ("/a.b/.c/..d", []),
      ("//", .special), ("/a//", .special), ("/.", .special), ("/..", .special),
      ("/a/./b", .special),
      ("/a/..", .special), ("/%41", .special), ("/;", .special), ("/\\", .special),
    ] as [(String, PathShape)])
  func tellsPlainFromSpecial(path: String, want: PathShape) {
    let bytes = Array(path.utf8)
    #expect(PathShape.quick(bytes.span) == want)
  }

  @Test(arguments: [
    ("/a/../b", "/b"), ("/a/./b", "/a/b"), ("/a/%2E%2e/b", "/b"), ("/..", "/"), ("/a/..", "/"),
    ("/a//../b", "/a/b"), ("/a/b/..", "/a/"), ("/...", "/..."), ("/a/.", "/a/"),
  ])
  func resolvesDots(path: String, want: String) {
    var buffer = ByteBuffer(capacity: 64)
    let bytes = Array(path.utf8)
    PathRewrites.appendWithoutDots(bytes.span, to: &buffer)
    #expect(String(lossy: buffer.readable) == want)
  }
}
