import Foundation
import Testing

@testable import Admin

/// The rules of a TCP address: who may ask what.
@Suite(.timeLimit(.minutes(1))) struct AdminTCPTests {
  static let token = "an admin token of some length"
  static let bearer = "Authorization: Bearer \(token)\r\n"

  private static func get(_ path: String, _ fields: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n"
  }

  private static func revoke(host: String, _ fields: String = bearer) -> String {
    "POST /revoke HTTP/1.1\r\nHost: \(host)\r\n\(fields)Content-Type: application/json\r\n"
      + "Content-Length: 11\r\n\r\n{\"jti\":\"a\"}"
  }

  static let requests: [Exchange] = [
    Exchange("health", get("/health"), 200),
    Exchange("health for a load balancer", "GET /health HTTP/1.1\r\nHost: gw.example\r\n\r\n", 200),
    Exchange("health with a wrong token", get("/health", "Authorization: Bearer x\r\n"), 200),
    Exchange("status", get("/status"), 401),
    Exchange("status with the token", get("/status", bearer), 200),
    Exchange("scheme in another case", get("/status", "authorization: bEARER \(token)\r\n"), 200),
    Exchange("another token", get("/status", "Authorization: Bearer \(token)x\r\n"), 401),
    Exchange(
      "the token's beginning",
      get("/status", "Authorization: Bearer \(token.dropLast())\r\n"), 401),
    Exchange("no scheme", get("/status", "Authorization: \(token)\r\n"), 401),
    Exchange("another scheme", get("/status", "Authorization: Basic \(token)\r\n"), 401),
    Exchange("scheme alone", get("/status", "Authorization: Bearer\r\n"), 401),
    Exchange("twice", get("/status", bearer + bearer), 401),
    Exchange("unknown path", get("/nowhere"), 401),
    Exchange("unknown path with the token", get("/nowhere", bearer), 404),
    Exchange("post to health", "POST /health HTTP/1.1\r\nHost: a\r\n\r\n", 401),
    Exchange("revoke", revoke(host: "localhost", ""), 401),
    Exchange("revoke with the token", revoke(host: "localhost:9901"), 200),
    Exchange("under 127.0.0.1", revoke(host: "127.0.0.1:9901"), 200),
    Exchange("under 127.9.9.9", revoke(host: "127.9.9.9"), 200),
    Exchange("under [::1]", revoke(host: "[::1]:9901"), 200),
    Exchange("under LOCALHOST", revoke(host: "LOCALHOST"), 200),
    Exchange("under a name", revoke(host: "gateway.example"), 403),
    Exchange("under a name like an address", revoke(host: "127.0.0.1.example"), 403),
    Exchange("under a name that begins so", revoke(host: "localhost.example"), 403),
    Exchange("under another address", revoke(host: "10.0.0.1"), 403),
    Exchange("under [::2]", revoke(host: "[::2]"), 403),
    Exchange(
      "without a host",
      "POST /revoke HTTP/1.0\r\n\(bearer)Content-Type: application/json\r\n"
        + "Content-Length: 11\r\n\r\n{\"jti\":\"a\"}", 403),
    Exchange(
      "without a type",
      "POST /revoke HTTP/1.1\r\nHost: localhost\r\n\(bearer)Content-Length: 2\r\n\r\n{}", 415),
  ]

  @Test(arguments: requests) func asksForTheToken(_ exchange: Exchange) throws {
    let harness = try ControlHarness(overTCP: true, token: Self.token)
    let reply = try harness.ask(exchange.request)
    #expect(reply.status == exchange.status, "\(reply)")
    #expect((reply.field("WWW-Authenticate") == "Bearer") == (reply.status == 401))
    #expect(!reply.body.contains("admin token of"))
    #expect(
      harness.keeper.entryCount
        == (exchange.status == 200 && exchange.request.hasPrefix("POST") ? 1 : 0))
  }

  @Test(arguments: [nil, ""]) func opensNothingWithoutAToken(_ token: String?) throws {
    let harness = try ControlHarness(overTCP: true, token: token)
    #expect(try harness.ask(Self.get("/health")).status == 200)
    #expect(try harness.ask(Self.get("/status", "Authorization: Bearer \r\n")).status == 401)
    #expect(try harness.ask(Self.get("/status", "Authorization: Bearer  x\r\n")).status == 401)
    #expect(try harness.ask(Self.get("/status")).status == 401)
  }

  @Test func asksNothingOfAUnixSocket() throws {
    let harness = try ControlHarness(token: Self.token)
    #expect(try harness.ask(Self.get("/status")).status == 200)
    #expect(try harness.ask(Self.revoke(host: "any.example", "")).status == 200)
  }
}
