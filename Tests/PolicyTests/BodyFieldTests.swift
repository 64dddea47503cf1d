import Bytes
import HTTPWire
import Testing
import Tokens

@testable import Policy

/// The body's part in a decision: refresh tokens in JSON and forms, and the wait for them.
@Suite struct BodyFieldTests {
  static func world() throws -> World {
    let realm = try Forge.realm(preset: .nestDualSecret)
    return World(
      routes: [
        RouteDefinition(path: "/refresh", framework: .express, auth: .refresh, realm: 0),
        RouteDefinition(
          path: "/logout", framework: .express, auth: .any, realm: 0, onSuccess: .revoke),
        RouteDefinition(
          path: "/bye", framework: .express, auth: .required, realm: 0, onSuccess: .revoke),
        RouteDefinition(path: "/me", framework: .express, auth: .required, realm: 0),
      ], realms: [realm])
  }

  static let access = Forge.access()
  static let refresh = Forge.refresh()
  static let json = "Content-Type: application/json"
  static let form = "Content-Type: application/x-www-form-urlencoded"

  static func post(_ path: String, _ body: String, _ headers: String...) -> String {
    (["POST \(path) HTTP/1.1", "Content-Length: \(body.utf8.count)"] + headers)
      .joined(separator: "\n")
  }

  /// A realm may keep its access tokens in bodies; logout routes read those.
  @Test(arguments: [
    ("required, a token", "/bye", "{\"token\":\"\(access)\"}", "route 0", true),
    ("required, none", "/bye", "{}", "401 missing", false),
    ("required, garbage", "/bye", "{\"token\":\"x\"}", "401 malformed", false),
    ("optional, a token", "/maybe", "{\"token\":\"\(access)\"}", "route 1", true),
    ("optional, none", "/maybe", "{}", "route 1", false),
    ("optional, garbage", "/maybe", "{\"token\":\"x\"}", "401 malformed", false),
  ])
  func judgesAccessTokensInBodies(
    name: String, path: String, body: String, want: String, isVerified: Bool
  ) throws {
    let realm = try Forge.realm { $0.access.places = [.authorizationBearer, .bodyField("token")] }
    let world = World(
      routes: [
        RouteDefinition(
          path: "/bye", framework: .express, auth: .required, realm: 0, onSuccess: .revoke),
        RouteDefinition(
          path: "/maybe", framework: .express, auth: .optional, realm: 0, onSuccess: .revoke),
      ], realms: [realm])
    #expect(world.verdict(Self.post(path, body, Self.json)) == "body", "\(name)")
    #expect(world.describe(world.body(body)) == want, "\(name)")
    #expect((world.request.token != nil) == isVerified, "\(name)")
  }

  @Test(arguments: [
    ("JSON", json, "{\"refreshToken\":\"\(refresh)\"}", "route 0"),
    ("JSON, the other name", json, "{\"refresh_token\":\"\(refresh)\"}", "route 0"),
    ("JSON with charset", json + "; charset=utf-8", "{\"refreshToken\":\"\(refresh)\"}", "route 0"),
    (
      "JSON by suffix", "Content-Type: application/x+json", "{\"refreshToken\":\"\(refresh)\"}",
      "route 0"
    ),
    ("escapes", json, "{\"refresh\\u0054oken\":\"\\u0065\(refresh.dropFirst())\"}", "route 0"),
    (
      "both names, one token", json,
      "{\"refreshToken\":\"\(refresh)\",\"refresh_token\":\"\(refresh)\"}", "route 0"
    ),
    (
      "both names, two tokens", json,
      "{\"refreshToken\":\"\(refresh)\",\"refresh_token\":\"\(access)\"}",
      "400 ambiguous_credentials"
    ),
    ("access token", json, "{\"refreshToken\":\"\(access)\"}", "401 wrong_token_type"),
    ("null", json, "{\"refreshToken\":null}", "401 missing"),
    ("empty", json, "{\"refreshToken\":\"\"}", "401 missing"),
    ("a number", json, "{\"refreshToken\":1}", "401 malformed"),
    ("no member", json, "{}", "401 missing"),
    ("not at the top", json, "{\"a\":{\"refreshToken\":\"\(refresh)\"}}", "401 missing"),
    ("an array", json, "[\"refreshToken\",\"\(refresh)\"]", "401 missing"),
    (
      "twice", json, "{\"refreshToken\":\"\(refresh)\",\"refreshToken\":\"x\"}",
      "400 body_unreadable"
    ),
    ("not JSON", json, "refreshToken=\(refresh)", "400 body_unreadable"),
    ("trailing bytes", json, "{\"refreshToken\":\"\(refresh)\"}x", "400 body_unreadable"),
    ("form", form, "a=b&refreshToken=\(refresh)", "route 0"),
    ("form, escaped", form, "refresh%54oken=%65\(refresh.dropFirst())", "route 0"),
    (
      "form, twice", form, "refreshToken=\(refresh)&refreshToken=\(refresh)",
      "400 body_unreadable"
    ),
    ("form, another field", form, "token=\(refresh)", "401 missing"),
  ])
  func readsTheField(name: String, type: String, body: String, want: String) throws {
    let world = try Self.world()
    #expect(world.verdict(Self.post("/refresh", body, type)) == "body", "\(name)")
    #expect(world.describe(world.body(body)) == want, "\(name)")
  }

  @Test(arguments: [
    ("no body", "POST /refresh HTTP/1.1", "401 missing"),
    ("empty body", "POST /refresh HTTP/1.1\nContent-Length: 0\n\(json)", "401 missing"),
    ("no type", "POST /refresh HTTP/1.1\nContent-Length: 9", "401 missing"),
    (
      "another type", "POST /refresh HTTP/1.1\nContent-Length: 9\nContent-Type: text/plain",
      "401 missing"
    ),
    ("at the bound", "POST /refresh HTTP/1.1\nContent-Length: 16384\n\(json)", "body"),
    (
      "over the bound", "POST /refresh HTTP/1.1\nContent-Length: 16385\n\(json)",
      "413 body_too_large"
    ),
    ("chunked", "POST /refresh HTTP/1.1\nTransfer-Encoding: chunked\n\(json)", "body"),
    (
      "coded", "POST /refresh HTTP/1.1\nContent-Length: 9\n\(json)\nContent-Encoding: gzip",
      "415 body_coded"
    ),
    (
      "not coded", "POST /refresh HTTP/1.1\nContent-Length: 9\n\(json)\nContent-Encoding: identity",
      "body"
    ),
    (
      "a route that doesn't read bodies",
      "POST /me HTTP/1.1\nContent-Length: 99999\n\(json)\nAuthorization: Bearer \(access)",
      "route 3"
    ),
  ])
  func asksForTheBodyOnlyWhereItMatters(name: String, request: String, want: String) throws {
    #expect(try Self.world().verdict(request) == want, "\(name)")
  }

  @Test func aBodyOverTheBoundIsRefused() throws {
    let world = try Self.world()
    world.ask("POST /refresh HTTP/1.1\nTransfer-Encoding: chunked\n\(Self.json)")
    let bytes = world.bytes
    let action = world.gatekeeper.bodyTooLarge(
      world.request, head: world.head, bytes: bytes.span, now: world.now, set: world.set)
    #expect(world.describe(action) == "413 body_too_large")
    world.ask("POST /refresh HTTP/1.1\nTransfer-Encoding: chunked\n\(Self.json)")
    let padding = String(repeating: " ", count: BodyFieldReader.bodyBytesMaximum + 1)
    #expect(world.describe(world.body(padding)) == "413 body_too_large")
  }

  // MARK: Header and body

  @Test(arguments: [
    ("header alone", "Authorization: Bearer \(refresh)", "{}", "route 0"),
    (
      "the same twice", "Authorization: Bearer \(refresh)", "{\"refreshToken\":\"\(refresh)\"}",
      "route 0"
    ),
    (
      "front ends attach the access token", "Authorization: Bearer \(access)",
      "{\"refreshToken\":\"\(refresh)\"}", "route 0"
    ),
    (
      "even an expired one",
      "Authorization: Bearer \(Forge.access("\"sub\":\"42\",\"exp\":1600000000"))",
      "{\"refreshToken\":\"\(refresh)\"}", "route 0"
    ),
    (
      "two refresh tokens",
      "Authorization: Bearer \(Forge.refresh("\"sub\":\"7\",\"exp\":1700600000"))",
      "{\"refreshToken\":\"\(refresh)\"}", "400 ambiguous_credentials"
    ),
    (
      "a good one in the header, a bad one in the body", "Authorization: Bearer \(refresh)",
      "{\"refreshToken\":\"\(access)\"}", "400 ambiguous_credentials"
    ),
    (
      "a refresh cookie with another token", "Cookie: refresh_token=\(access)",
      "{\"refreshToken\":\"\(refresh)\"}", "400 ambiguous_credentials"
    ),
  ])
  func weighsHeaderAgainstBody(
    name: String, header: String, body: String, want: String
  ) throws {
    let world = try Self.world()
    #expect(world.verdict(Self.post("/refresh", body, Self.json, header)) == "body", "\(name)")
    #expect(world.describe(world.body(body)) == want, "\(name)")
  }

  // MARK: Logout

  static let otherRefresh = Forge.refresh("\"sub\":\"7\",\"jti\":\"r7\",\"exp\":1700600000")

  @Test(arguments: [
    ("/logout", "the presented token alone", "{}", ["jti:a1"]),
    (
      "/logout", "and the refresh token", "{\"refreshToken\":\"\(refresh)\"}", ["jti:a1", "jti:r1"]
    ),
    ("/bye", "on a required route too", "{\"refreshToken\":\"\(refresh)\"}", ["jti:a1", "jti:r1"]),
    ("/bye", "of the same subject only", "{\"refreshToken\":\"\(otherRefresh)\"}", ["jti:a1"]),
    ("/bye", "a genuine one only", "{\"refreshToken\":\"\(refresh)x\"}", ["jti:a1"]),
    (
      "/bye", "a refresh token only",
      "{\"refreshToken\":\"\(Forge.access("\"sub\":\"42\",\"jti\":\"a2\",\"exp\":1700000900"))\"}",
      ["jti:a1"]
    ),
  ])
  func learnsLogout(path: String, name: String, body: String, want: [String]) throws {
    let world = try Self.world()
    let request = Self.post(path, body, Self.json, "Authorization: Bearer \(Self.access)")
    #expect(world.verdict(request) == "body", "\(name)")
    #expect(world.describe(world.body(body)).hasPrefix("route"), "\(name)")
    guard case .revoke(let entries) = world.answered(204) else {
      Issue.record("nothing learned: \(name)")
      return
    }
    #expect(entries.map(\.value) == want, "\(name)")
    #expect(entries.allSatisfy { $0.kind == .token && $0.realm == "main" }, "\(name)")
    #expect(entries[0].expiry == 1_700_000_900, "\(name)")
  }

  @Test(arguments: [200, 204, 299])
  func learnsOnSuccessOnly(status: Int) throws {
    let world = try Self.world()
    let request = "POST /logout HTTP/1.1\nAuthorization: Bearer \(Self.access)"
    world.ask(request)
    #expect(world.answered(status) != .none)
    for failure in [199, 300, 302, 400, 401, 500] {
      world.ask(request)
      #expect(world.answered(failure) == .none)
    }
  }

  @Test func aLogoutWithTheRefreshTokenAloneRevokesThat() throws {
    let world = try Self.world()
    let body = "{\"refreshToken\":\"\(Self.refresh)\"}"
    #expect(world.verdict(Self.post("/logout", body, Self.json)) == "body")
    #expect(world.describe(world.body(body)) == "route 1")
    guard case .revoke(let entries) = world.answered(200) else {
      Issue.record("nothing learned")
      return
    }
    #expect(entries.map(\.value) == ["jti:r1"])
  }

  @Test func aBadTokenIsRefusedBeforeTheBodyIsRead() throws {
    let world = try Self.world()
    let request = Self.post("/bye", "{}", Self.json, "Authorization: Bearer x.y.z")
    #expect(world.verdict(request) == "401 malformed")
  }

  @Test func otherRoutesLearnNothing() throws {
    let world = try Self.world()
    world.ask("GET /me HTTP/1.1\nAuthorization: Bearer \(Self.access)")
    #expect(world.answered(200) == .none)
  }
}
