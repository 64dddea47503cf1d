import Bytes
import HTTPWire
import Testing
import Tokens

@testable import Policy

/// Routes without a backend.
@Suite struct RouteAnswerTests {
  static func world(_ answer: RouteAnswer, auth: AuthRule = .none, cors: CORSRule = .pass) throws
    -> World
  {
    World(
      PolicyDefinitions(
        realms: [try Forge.realm()], blocklistRealms: [0],
        corsPolicies: [CORSDefinition(origins: ["https://app.example"])],
        limits: [
          LimitDefinition(name: "login", permits: 1, periodSeconds: 60, count: .failures)
        ],
        routes: [
          RouteDefinition(
            path: "/", auth: auth, realm: auth == .none ? nil : 0, limits: [0], cors: cors,
            answer: answer)
        ]))
  }

  static func reply(_ answer: RouteAnswer, _ text: String = "GET /a/b?c=d HTTP/1.1") throws
    -> (head: [String], body: String)
  {
    let world = try Self.world(answer)
    #expect(world.verdict(text) == "answer 0")
    return lines(world.reply)
  }

  private static let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT"

  @Test(arguments: [
    (200, "plain words", false, "text/plain; charset=utf-8", "11"),
    (503, #"{"detail":"closed"}"#, true, "application/json", "19"),
  ])
  func respondsWithABody(status: Int, text: String, isJSON: Bool, type: String, length: String)
    throws
  {
    let answer = RouteAnswer.respond(status: status, body: Array(text.utf8), isJSON: isJSON)
    let wanted = [
      "HTTP/1.1 \(status) \(status == 200 ? "OK" : "Service Unavailable")", Self.date,
      "Content-Type: \(type)", "Content-Length: \(length)",
    ]
    let full = try Self.reply(answer)
    #expect(full.head == wanted)
    #expect(full.body == text)
    // HEAD tells the length of what it leaves out.
    let head = try Self.reply(answer, "HEAD / HTTP/1.1")
    #expect(head.head == wanted)
    #expect(head.body == "")
  }

  @Test(arguments: [
    (200, "HTTP/1.1 200 OK", true), (204, "HTTP/1.1 204 No Content", false),
    (205, "HTTP/1.1 205 Reset Content", true), (304, "HTTP/1.1 304 Not Modified", false),
    (299, "HTTP/1.1 299 ", true),
  ])
  func respondsWithoutABody(status: Int, line: String, hasLength: Bool) throws {
    let reply = try Self.reply(.respond(status: status, body: [], isJSON: false))
    #expect(reply.head == [line, Self.date] + (hasLength ? ["Content-Length: 0"] : []))
    #expect(reply.body == "")
  }

  @Test(arguments: [false, true])
  func healthTellsWhetherTheGatewayIsStopping(isStopping: Bool) throws {
    let world = try Self.world(.health)
    world.ask("GET / HTTP/1.1")
    var buffer = ByteBuffer(capacity: 4096)
    let bytes = world.bytes
    let status = ReplyWriter.append(
      world.request, head: world.head, bytes: bytes.span, set: world.set, closes: isStopping,
      epochSeconds: 784_111_777, isStopping: isStopping, to: &buffer)
    let reply = lines(String(lossy: buffer.readable))
    #expect(status == (isStopping ? 503 : 200))
    #expect(reply.body == (isStopping ? #"{"status":"draining"}"# : #"{"status":"ok"}"#))
    #expect(reply.head.contains("Cache-Control: no-store"))
    #expect(reply.head.contains("Content-Type: application/json"))
  }

  @Test(arguments: [
    (RedirectTarget(opening: "", rest: "/new?x=y"), "GET /a?b HTTP/1.1", "/new?x=y"),
    (
      RedirectTarget(opening: "https://", rest: "example.com", endsWithRequest: true),
      "GET /a/%2e?b=c&d HTTP/1.1", "https://example.com/a/%2e?b=c&d"
    ),
    (
      RedirectTarget(opening: "https://", namesHost: true, endsWithRequest: true),
      "GET /a HTTP/1.1\nHost: own.example:8080", "https://own.example/a"
    ),
    (
      RedirectTarget(opening: "https://", namesHost: true, rest: ":8443/x"),
      "GET /a HTTP/1.1\nHost: [::1]:80", "https://[::1]:8443/x"
    ),
    // Whatever the client's path begins with, it stays behind the host.
    (
      RedirectTarget(opening: "https://", rest: "example.com", endsWithRequest: true),
      "GET //evil.example/x HTTP/1.1", "https://example.com//evil.example/x"
    ),
    (
      RedirectTarget(opening: "", rest: "/new", endsWithRequest: true),
      "GET //evil.example HTTP/1.1", "/new//evil.example"
    ),
    (
      RedirectTarget(opening: "http://", namesHost: true, endsWithRequest: true),
      "GET http://own.example HTTP/1.1\nHost: own.example", "http://own.example/"
    ),
    // What a proxy before us says is not the host.
    (
      RedirectTarget(opening: "https://", namesHost: true, endsWithRequest: true),
      "GET /a HTTP/1.1\nHost: own.example\nX-Forwarded-Host: evil.example", "https://own.example/a"
    ),
  ])
  func redirects(target: RedirectTarget, text: String, location: String) throws {
    let reply = try Self.reply(.redirect(status: 308, target), text)
    #expect(
      reply.head == [
        "HTTP/1.1 308 Permanent Redirect", Self.date, "Location: \(location)", "Content-Length: 0",
      ])
    #expect(reply.body == "")
  }

  @Test func aRedirectToANamelessHostIsAnError() throws {
    let world = try Self.world(
      .redirect(status: 302, RedirectTarget(opening: "https://", namesHost: true)))
    let bytes = Array("GET / HTTP/1.0\r\n\r\n".utf8)
    #expect(world.head.parse(bytes.span, from: 0, limits: HeadLimits()) == .complete)
    world.bytes = bytes
    _ = world.gatekeeper.headReceived(
      world.request, head: world.head, bytes: bytes.span, peer: World.peer("192.0.2.1"),
      now: world.now, set: world.set)
    #expect(world.reply.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
    #expect(world.reply.contains("missing_host"))
  }

  @Test func aTokenInTheQueryIsCutFromARedirect() throws {
    var definition = PolicyDefinitions(
      realms: [try Forge.realm()], blocklistRealms: [0],
      routes: [
        RouteDefinition(
          path: "/", realm: 0,
          answer: .redirect(
            status: 302,
            RedirectTarget(opening: "https://", rest: "example.com", endsWithRequest: true)))
      ])
    definition.listenerCount = 1
    let world = World(definition)
    let token = Forge.access()
    #expect(
      world.verdict("GET /a?x=1&jwt=\(token)&y=2 HTTP/1.1\nAuthorization: Bearer \(token)")
        == "answer 0")
    #expect(world.reply.contains("Location: https://example.com/a?x=1&y=2\r\n"))
  }

  // MARK: What holds before the answer

  @Test(arguments: [
    (AuthRule.required, "GET / HTTP/1.1", "401 missing"),
    (.optional, "GET / HTTP/1.1", "answer 0"),
    (.optional, "GET / HTTP/1.1\nAuthorization: Bearer x", "401 malformed"),
    (.none, "GET / HTTP/1.1\nAuthorization: Bearer x", "answer 0"),
    (.none, "GET / HTTP/1.1\nAuthorization: a\nAuthorization: b", "400 ambiguous_credentials"),
  ])
  func theTokenIsJudgedFirst(auth: AuthRule, text: String, verdict: String) throws {
    let world = try Self.world(.respond(status: 200, body: [], isJSON: false), auth: auth)
    #expect(world.verdict(text) == verdict)
  }

  @Test func aPreflightDoesNotGetTheAnswer() throws {
    let preflight = """
      OPTIONS / HTTP/1.1
      Origin: https://app.example
      Access-Control-Request-Method: GET
      """
    let answer = RouteAnswer.respond(status: 200, body: Array("inside".utf8), isJSON: false)
    // Nobody is there to pass it to: it is an ordinary request, and needs what the route needs.
    let passed = try Self.world(answer, auth: .required, cors: .pass)
    #expect(passed.verdict(preflight) == "401 missing")
    let answered = try Self.world(answer, auth: .required, cors: .policy(0))
    #expect(answered.verdict(preflight) == "preflight")
    #expect(!answered.reply.contains("inside"))
  }

  @Test func aPolicyOfOriginsHoldsForTheAnswer() throws {
    let world = try Self.world(
      .respond(status: 200, body: [], isJSON: false), cors: .policy(0))
    world.ask("GET / HTTP/1.1\nOrigin: https://app.example")
    #expect(world.reply.contains("Access-Control-Allow-Origin: https://app.example\r\n"))
  }

  @Test(arguments: [(200, "answer 0"), (403, "429 limited")])
  func anAnswerCountsAsABackendsDoes(status: Int, second: String) throws {
    let world = try Self.world(.respond(status: status, body: [], isJSON: false))
    #expect(world.verdict("GET / HTTP/1.1") == "answer 0")
    world.request.learnAnswer(world.gatekeeper, status: status)
    #expect(world.verdict("GET / HTTP/1.1") == second)
  }

  @Test func noFrameworkFoldsCaseWhereNoBackendIs() {
    let world = World(
      routes: [
        RouteDefinition(path: "/", framework: .werkzeug, auth: .none),
        RouteDefinition(path: "/health", auth: .none, answer: .health),
      ])
    #expect(world.verdict("GET /Health HTTP/1.1") == "route 0")
    #expect(world.verdict("GET /health HTTP/1.1") == "answer 1")
  }
}
