import Bytes
import HTTPWire
import Testing

@testable import Policy

@Suite struct RoutingTests {
  /// Open routes: the path alone is under test. The verdict names them by their place here.
  static func world() -> World {
    World(routes: [
      RouteDefinition(path: "/", framework: .werkzeug, auth: .none),
      RouteDefinition(path: "/api", framework: .werkzeug, auth: .none),
      RouteDefinition(methods: ["GET"], path: "/api/users", framework: .werkzeug, auth: .none),
      RouteDefinition(
        methods: ["POST", "PUT"], path: "/api/users", framework: .werkzeug, auth: .none),
      RouteDefinition(
        methods: ["GET"], path: "/only", framework: .werkzeug, auth: .none),
      RouteDefinition(
        host: .exact("Admin.Example.com"), path: "/api", framework: .werkzeug, auth: .none),
      RouteDefinition(
        host: .wildcard("example.org"), path: "/", framework: .werkzeug, auth: .none),
      RouteDefinition(
        host: .wildcard("a.example.org"), path: "/x", framework: .werkzeug, auth: .none),
      RouteDefinition(
        listeners: [1], path: "/inside", framework: .werkzeug, auth: .none),
      RouteDefinition(
        methods: ["PURGE"], path: "/api", framework: .werkzeug, auth: .none),
      RouteDefinition(
        methods: ["HEAD"], path: "/api/users", framework: .werkzeug, auth: .none),
      RouteDefinition(path: "/api/users/", framework: .werkzeug, auth: .none),
    ])
  }

  @Test(arguments: [
    ("the root takes everything", "GET /anything HTTP/1.1", "route 0"),
    ("the root itself", "GET / HTTP/1.1", "route 0"),
    ("longest prefix", "GET /api/users HTTP/1.1", "route 2"),
    ("longest prefix of a longer path", "GET /api/users/7/posts HTTP/1.1", "route 2"),
    ("a prefix ends on a segment boundary", "GET /api/userships HTTP/1.1", "route 1"),
    ("a prefix ends on a segment boundary, at the top", "GET /apis HTTP/1.1", "route 0"),
    ("a trailing slash is the same prefix", "GET /api/ HTTP/1.1", "route 1"),
    ("the query takes no part", "GET /api?x=/only HTTP/1.1", "route 1"),
    ("a named method beats any", "PUT /api/users HTTP/1.1", "route 3"),
    ("any takes what is not named", "DELETE /api/users HTTP/1.1", "route 11"),
    ("HEAD by its own name", "HEAD /api/users HTTP/1.1", "route 10"),
    ("GET includes HEAD", "HEAD /only HTTP/1.1", "route 4"),
    ("no route takes the method: shorter prefix", "POST /only HTTP/1.1", "route 0"),
    ("an unknown method by name", "PURGE /api/users/1 HTTP/1.1", "route 11"),
    ("an unknown method by name, nearer", "PURGE /api/x HTTP/1.1", "route 9"),
    ("an unknown method without a name", "MOVE /api/x HTTP/1.1", "route 1"),
    ("methods are case-sensitive", "get /only HTTP/1.1", "route 0"),
    ("exact host", "GET /api HTTP/1.1\nHost: admin.example.com", "route 5"),
    ("exact host, other case, port", "GET /api HTTP/1.1\nHost: ADMIN.example.COM:8080", "route 5"),
    ("exact host with root dot", "GET /api HTTP/1.1\nHost: admin.example.com.", "route 5"),
    ("exact host, path of every host", "GET /other HTTP/1.1\nHost: admin.example.com", "route 0"),
    ("wildcard host", "GET /api HTTP/1.1\nHost: www.example.org", "route 6"),
    ("wildcard is not the bare name", "GET /api HTTP/1.1\nHost: example.org", "route 1"),
    ("longer wildcard first", "GET /x HTTP/1.1\nHost: b.a.example.org", "route 7"),
    ("longer wildcard falls back", "GET /y HTTP/1.1\nHost: b.a.example.org", "route 6"),
    ("a suffix is not a host", "GET /api HTTP/1.1\nHost: wwwexample.org", "route 1"),
    ("absolute form", "GET http://example.com/api/users HTTP/1.1", "route 2"),
    ("absolute form without path", "GET http://example.com HTTP/1.1", "route 0"),
    ("asterisk form is no path", "OPTIONS * HTTP/1.1", "404 no_route"),
    ("another listener's route", "GET /inside HTTP/1.1", "route 0"),
  ])
  func choosesTheRoute(name: String, request: String, want: String) {
    #expect(Self.world().verdict(request) == want, "\(name)")
  }

  @Test func hasAColumnForEveryMethod() {
    #expect(RouteTable.methodCount == Method.allCases.count)
  }

  @Test func filtersByListener() {
    #expect(Self.world().verdict("GET /inside HTTP/1.1", listener: 1) == "route 8")
    #expect(Self.world().verdict("GET /inside HTTP/1.1", listener: 2) == "route 0")
    #expect(Self.world().verdict("GET /inside HTTP/1.1", listener: 3) == "404 no_route")
  }

  @Test func aLongHostIsNobodysName() {
    let label = String(repeating: "a", count: 60) + "."
    let host = String(repeating: label, count: 4) + "example.org"
    #expect(host.utf8.count == 255)
    #expect(Self.world().verdict("GET / HTTP/1.1\nHost: \(host)") == "route 0")
    let fits = String(host.dropFirst(2))
    #expect(Self.world().verdict("GET / HTTP/1.1\nHost: \(fits)") == "route 6")
  }

  @Test(arguments: [
    ("paths match and no method does", "POST /a HTTP/1.1", "405 method_not_allowed", "GET, HEAD"),
    (
      "union along the prefixes", "PATCH /a/b HTTP/1.1", "405 method_not_allowed",
      "GET, HEAD, DELETE, PURGE"
    ),
    ("no path matches", "GET /c HTTP/1.1", "404 no_route", ""),
  ])
  func tellsMissingRouteFromMissingMethod(
    name: String, request: String, want: String, allow: String
  ) {
    let world = World(routes: [
      RouteDefinition(methods: ["GET"], path: "/a", framework: .werkzeug, auth: .none),
      RouteDefinition(
        methods: ["DELETE", "PURGE"], path: "/a/b", framework: .werkzeug, auth: .none),
    ])
    #expect(world.verdict(request) == want, "\(name)")
    let field = lines(world.reply).head.first { $0.hasPrefix("Allow:") }
    #expect(field == (allow.isEmpty ? nil : "Allow: \(allow)"), "\(name)")
  }

  @Test func findsARouteAmongHundreds() {
    var routes: [RouteDefinition] = []
    for group in 0..<40 {
      for item in 0..<25 {
        routes.append(
          RouteDefinition(path: "/g\(group)/r\(item)", framework: .starlette, auth: .none))
      }
    }
    let world = World(routes: routes)
    for index in [0, 1, 24, 25, 499, 999] {
      let path = "/g\(index / 25)/r\(index % 25)/rest"
      #expect(world.verdict("GET \(path) HTTP/1.1") == "route \(index)")
    }
    #expect(world.verdict("GET /g40/r1 HTTP/1.1") == "404 no_route")
  }

  @Test func findsAHostAmongHundreds() {
    // CVE-2026-27588: a faster way of matching many hosts was case-sensitive.
    let routes = (0..<300).map { index in
      RouteDefinition(
        host: .exact("h\(index).example.com"), path: "/", framework: .werkzeug, auth: .none)
    }
    let world = World(routes: routes)
    for index in [0, 99, 100, 101, 299] {
      #expect(
        world.verdict("GET / HTTP/1.1\nHost: H\(index).EXAMPLE.com") == "route \(index)")
    }
    #expect(world.verdict("GET / HTTP/1.1\nHost: h300.example.com") == "404 no_route")
  }
}
