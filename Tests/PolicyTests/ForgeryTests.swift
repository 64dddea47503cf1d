import Testing
import Tokens

@testable import Policy

/// Requests that another site made a browser send: cookies need the double submit.
@Suite struct ForgeryTests {
  static let access = Forge.access("\"sub\":\"42\",\"exp\":1700000900,\"csrf\":\"proof-a\"")
  static let refresh = Forge.refresh("\"sub\":\"42\",\"exp\":1700600000,\"csrf\":\"proof-r\"")

  static func world() throws -> World {
    let realm = try Forge.realm {
      $0.access.places = [
        .cookie("a", csrfHeader: "X-CSRF-TOKEN"), .authorizationBearer, .query("q"),
      ]
      $0.refresh?.places = [
        .cookie("r", csrfHeader: "X-CSRF-TOKEN"), .bodyField("refresh"),
      ]
    }
    return World(
      routes: [
        RouteDefinition(path: "/required", framework: .werkzeug, auth: .required, realm: 0),
        RouteDefinition(path: "/optional", framework: .werkzeug, auth: .optional, realm: 0),
        RouteDefinition(path: "/refresh", framework: .werkzeug, auth: .refresh, realm: 0),
        RouteDefinition(path: "/any", framework: .werkzeug, auth: .any, realm: 0),
        RouteDefinition(path: "/none", framework: .werkzeug, auth: .none),
      ], realms: [realm])
  }

  @Test(arguments: [
    ("GET", "/required", "Cookie: a=\(access)", "route 0"),
    ("HEAD", "/required", "Cookie: a=\(access)", "route 0"),
    ("POST", "/required", "Cookie: a=\(access)", "403 csrf_refused"),
    ("post", "/required", "Cookie: a=\(access)", "403 csrf_refused"),
    ("POST", "/required", "Cookie: a=\(access)\nX-CSRF-TOKEN: proof-a", "route 0"),
    ("POST", "/required", "Cookie: a=\(access)\nX-CSRF-TOKEN: proof-r", "403 csrf_refused"),
    ("POST", "/required", "Cookie: a=\(access); a=\(access)", "403 csrf_refused"),
    ("POST", "/required", "Authorization: Bearer \(access)", "route 0"),
    ("POST", "/required", "Authorization: Bearer \(access)\nCookie: a=\(access)", "route 0"),
    ("POST", "/required?q=\(access)", "Accept: */*", "route 0"),
    ("POST", "/required?q=\(access)", "Cookie: a=\(access)", "403 csrf_refused"),
    ("POST", "/optional", "Cookie: a=\(access)", "403 csrf_refused"),
    ("POST", "/optional", "Accept: */*", "route 1"),
    ("POST", "/refresh", "Cookie: r=\(refresh)", "403 csrf_refused"),
    ("POST", "/refresh", "Cookie: r=\(refresh)\nX-CSRF-TOKEN: proof-r", "route 2"),
    ("POST", "/any", "Cookie: r=\(refresh)", "403 csrf_refused"),
    ("POST", "/any", "Cookie: r=\(refresh)\nX-CSRF-TOKEN: proof-r", "route 3"),
    ("POST", "/any", "Cookie: a=\(access)", "403 csrf_refused"),
    ("POST", "/none", "Cookie: a=\(access)", "route 4"),
    ("POST", "/required", "Cookie: a=\(refresh)\nX-CSRF-TOKEN: proof-r", "401 wrong_token_type"),
  ])
  func asksForTheProof(method: String, target: String, fields: String, want: String) throws {
    let world = try Self.world()
    #expect(world.verdict("\(method) \(target) HTTP/1.1\n\(fields)") == want)
    if want.hasPrefix("403") { #expect(world.request.token == nil && world.identity.isEmpty) }
  }

  /// A page of another site knows no token, so one in the body is its own proof.
  @Test(arguments: [
    ("{\"refresh\":\"\(refresh)\"}", "Accept: */*", "route 2"),
    ("{}", "Cookie: r=\(refresh)", "403 csrf_refused"),
    ("{}", "Cookie: r=\(refresh)\nX-CSRF-TOKEN: proof-r", "route 2"),
  ])
  func judgesBodies(body: String, fields: String, want: String) throws {
    let world = try Self.world()
    let head =
      "POST /refresh HTTP/1.1\nContent-Type: application/json\nContent-Length: \(body.utf8.count)"
    #expect(world.verdict("\(head)\n\(fields)") == "body")
    #expect(world.describe(world.body(body)) == want)
  }
}
