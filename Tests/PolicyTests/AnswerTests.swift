import Bytes
import HTTPWire
import JSON
import Testing
import Tokens

@testable import Policy

@Suite struct AnswerTests {
  static func world(_ style: ErrorStyle) throws -> World {
    World(
      PolicyDefinitions(
        realms: [try Forge.realm()], blocklistRealms: [0],
        limits: [LimitDefinition(name: "one", permits: 1, periodSeconds: 60)],
        routes: [
          RouteDefinition(path: "/", framework: .werkzeug, realm: 0, errors: style),
          RouteDefinition(
            path: "/refresh", framework: .werkzeug, auth: .refresh, realm: 0, errors: style),
        ], errors: style))
  }

  static func answer(_ style: ErrorStyle, _ refusal: Refusal, path: String = "/") throws
    -> (status: String, body: String)
  {
    let world = try Self.world(style)
    world.ask("GET \(path) HTTP/1.1")
    world.request.refuse(refusal)
    let reply = lines(world.reply)
    return (String(reply.head[0].dropFirst(9)), reply.body)
  }

  // MARK: The frameworks' own shapes

  @Test(arguments: [
    (Refusal.denied(.missing), "401 Unauthorized", #"{"msg":"Missing Authorization Header"}"#),
    (.denied(.expired), "401 Unauthorized", #"{"msg":"Token has expired"}"#),
    (.denied(.revoked), "401 Unauthorized", #"{"msg":"Token has been revoked"}"#),
    (.denied(.badSignature), "401 Unauthorized", #"{"msg":"Signature verification failed"}"#),
    (
      .denied(.wrongTokenType), "401 Unauthorized",
      #"{"msg":"Only non-refresh tokens are allowed"}"#
    ),
    (.denied(.wrongAudience), "401 Unauthorized", #"{"msg":"Audience doesn't match"}"#),
    (.denied(.insufficientScope), "403 Forbidden", #"{"msg":"User claims verification failed"}"#),
    (.limited, "429 Too Many Requests", #"{"msg":"Too many requests"}"#),
  ])
  func speaksFlask(refusal: Refusal, status: String, body: String) throws {
    let answer = try Self.answer(.flask, refusal)
    #expect(answer == (status, body + "\n"))
  }

  @Test func flaskNamesTheTypeThatARefreshRouteWants() throws {
    let answer = try Self.answer(.flask, .denied(.wrongTokenType), path: "/refresh")
    #expect(answer.body == "{\"msg\":\"Only refresh tokens are allowed\"}\n")
  }

  @Test(arguments: DenialReason.allCases)
  func flaskUnprocessableKeepsTheLibrarysStatus(reason: DenialReason) throws {
    let unprocessable: Set<DenialReason> = [
      .malformed, .unsupportedAlgorithm, .unknownKey, .badSignature, .notYetValid,
      .wrongTokenType, .wrongIssuer, .wrongAudience,
    ]
    let answer = try Self.answer(.flaskUnprocessable, .denied(reason))
    #expect(answer.status.hasPrefix("422") == unprocessable.contains(reason))
    #expect(try answer.body == Self.answer(.flask, .denied(reason)).body)
  }

  @Test(arguments: [
    (Refusal.denied(.missing), "401 Unauthorized", #"{"detail":"Not authenticated"}"#),
    (.denied(.expired), "401 Unauthorized", #"{"detail":"Token has expired"}"#),
    (.denied(.badSignature), "401 Unauthorized", #"{"detail":"Could not validate credentials"}"#),
    (.denied(.missingClaim), "403 Forbidden", #"{"detail":"Not enough permissions"}"#),
    (.noRoute, "404 Not Found", #"{"detail":"Not Found"}"#),
    (.methodNotAllowed, "405 Method Not Allowed", #"{"detail":"Method Not Allowed"}"#),
  ])
  func speaksFastAPI(refusal: Refusal, status: String, body: String) throws {
    #expect(try Self.answer(.fastapi, refusal) == (status, body))
  }

  @Test(arguments: [
    (
      Refusal.denied(.missing), "401 Unauthorized",
      #"{"statusCode":401,"message":"Unauthorized","error":"Unauthorized"}"#
    ),
    (
      .denied(.expired), "401 Unauthorized",
      #"{"statusCode":401,"message":"Token has expired","error":"Unauthorized"}"#
    ),
    (
      .denied(.badSignature), "401 Unauthorized",
      #"{"statusCode":401,"message":"Invalid token","error":"Unauthorized"}"#
    ),
    (
      .denied(.insufficientScope), "403 Forbidden",
      #"{"statusCode":403,"message":"Forbidden resource","error":"Forbidden"}"#
    ),
    (
      .limited, "429 Too Many Requests",
      #"{"statusCode":429,"message":"ThrottlerException: Too Many Requests","error":"Too Many Requests"}"#
    ),
    (
      .upstreamFailed, "502 Bad Gateway",
      #"{"statusCode":502,"message":"Bad Gateway","error":"Bad Gateway"}"#
    ),
    (
      .bodyTooLarge, "413 Content Too Large",
      #"{"statusCode":413,"message":"The request body is too large","error":"Content Too Large"}"#
    ),
  ])
  func speaksNest(refusal: Refusal, status: String, body: String) throws {
    #expect(try Self.answer(.nestjs, refusal) == (status, body))
  }

  /// The four answers of seed 004, and the others of the style.
  @Test(arguments: [
    (Refusal.denied(.missing), "UNAUTHORIZED", "Authorization token required"),
    (.denied(.expired), "TOKEN_EXPIRED", "Token has expired"),
    (.denied(.revoked), "TOKEN_INVALID", "Token has been revoked"),
    (.denied(.malformed), "TOKEN_INVALID", "Invalid token"),
    (.denied(.badSignature), "TOKEN_INVALID", "Invalid token"),
    (.denied(.wrongTokenType), "TOKEN_INVALID", "Invalid token"),
    (.denied(.insufficientScope), "FORBIDDEN", "Not allowed with this token"),
    (.limited, "RATE_LIMITED", "Too many requests"),
    (.unavailable, "UNAVAILABLE", "Temporarily unavailable"),
    (.noRoute, "NOT_FOUND", "Nothing is here"),
    (.malformed(.badHost), "BAD_REQUEST", "The request can't be read in exactly one way"),
    (.malformed(.targetTooLong), "URI_TOO_LONG", "The request target is too long"),
    (
      .malformed(.unsupportedExpectation), "EXPECTATION_FAILED", "Only 100-continue can be expected"
    ),
    (.malformed(.tooManyFields), "HEAD_TOO_LARGE", "The header fields are too many or too large"),
    (
      .malformed(.connectRefused), "NOT_IMPLEMENTED",
      "The method or the transfer coding is not supported"
    ),
    (.malformed(.unsupportedVersion), "VERSION_NOT_SUPPORTED", "The HTTP version is not supported"),
  ])
  func speaksCoded(refusal: Refusal, code: String, message: String) throws {
    let body = try Self.answer(.coded, refusal).body
    #expect(
      body == "{\"success\":false,\"error\":{\"code\":\"\(code)\",\"message\":\"\(message)\"}}")
  }

  @Test func speaksProblem() throws {
    let answer = try Self.answer(.problem, .denied(.expired))
    #expect(
      answer.body
        == #"{"type":"about:blank","title":"Unauthorized","status":401,"#
        + #""detail":"Token has expired","reason":"expired"}"#)
  }

  // MARK: Every answer in every style

  static let all: [Refusal] =
    DenialReason.allCases.map { .denied($0) } + WireFault.allCases.map { .malformed($0) } + [
      .requestTimeout, .headTooLarge, .bodyTooLarge, .bodyCoded, .bodyUnreadable, .badEscape,
      .ambiguousPath, .noRoute, .methodNotAllowed, .preflightRefused, .originRefused, .csrfRefused,
      .limited,
      .upstreamFailed, .upstreamTimeout, .unavailable,
    ]

  @Test(arguments: ErrorStyle.allCases)
  func everyAnswerIsWholeAndWellFormed(style: ErrorStyle) throws {
    for refusal in Self.all {
      let reply = try {
        let world = try Self.world(style)
        world.ask("GET / HTTP/1.1")
        world.request.refuse(refusal)
        return lines(world.reply)
      }()
      let length = reply.head.first { $0.hasPrefix("Content-Length: ") }
      #expect(length == "Content-Length: \(reply.body.utf8.count)", "\(refusal)")
      let body = Array(reply.body.utf8)
      #expect(JSONDocument().parse(body.span) == .valid, "\(refusal)")
      #expect(reply.head.contains("Cache-Control: no-store"), "\(refusal)")
      #expect(!reply.head[0].hasSuffix(" "), "\(refusal) has no reason phrase")
    }
  }

  /// 401 is only ever about the token, 403 about rights or origins, our own trouble is 503.
  @Test func statusesMeanOneThing() {
    for refusal in Self.all {
      if case .denied(let reason) = refusal {
        #expect(refusal.status == reason.status)
        continue
      }
      #expect(refusal.status != 401, "\(refusal)")
      let isAboutOrigins =
        refusal == .preflightRefused || refusal == .originRefused || refusal == .csrfRefused
      #expect((refusal.status == 403) == isAboutOrigins, "\(refusal)")
    }
    #expect(Refusal.unavailable.status == 503)
  }

  @Test func namesAreDistinctAndStable() {
    let names = Self.all.map { $0.name.description }
    // `head_too_large` and `body_too_large` are the same to whoever reads the log.
    #expect(Set(names).count >= names.count - 1)
    #expect(names.allSatisfy { $0.utf8.allSatisfy { $0 == 0x5f || ($0 > 0x60 && $0 < 0x7b) } })
  }

  // MARK: Fields

  @Test(arguments: [
    (DenialReason.missing, #"Bearer realm="main""#),
    (
      .expired,
      #"Bearer realm="main", error="invalid_token", error_description="Token has expired", reason="expired""#
    ),
    (
      .revoked,
      #"Bearer realm="main", error="invalid_token", error_description="Token has been revoked", reason="revoked""#
    ),
    (
      .badSignature,
      #"Bearer realm="main", error="invalid_token", error_description="Invalid token", reason="bad_signature""#
    ),
    (
      .insufficientScope,
      #"Bearer realm="main", error="insufficient_scope", reason="insufficient_scope""#
    ),
    (
      .ambiguousCredentials,
      #"Bearer realm="main", error="invalid_request", reason="ambiguous_credentials""#
    ),
  ])
  func challengesByRFC6750(reason: DenialReason, want: String) throws {
    let world = try Self.world(.flask)
    world.ask("GET / HTTP/1.1")
    world.request.refuse(.denied(reason))
    #expect(lines(world.reply).head.contains("WWW-Authenticate: \(want)"))
  }

  @Test func otherRefusalsDoNotChallenge() throws {
    for refusal in Self.all {
      if case .denied = refusal { continue }
      let world = try Self.world(.problem)
      world.ask("GET / HTTP/1.1")
      world.request.refuse(refusal)
      #expect(!lines(world.reply).head.contains { $0.hasPrefix("WWW-") }, "\(refusal)")
    }
  }

  @Test func ownTroubleSaysWhenToComeBack() throws {
    let world = try Self.world(.problem)
    world.ask("GET / HTTP/1.1")
    world.request.refuse(.unavailable)
    #expect(lines(world.reply).head.contains("Retry-After: 5"))
  }

  @Test func answersHEADWithoutABody() throws {
    let world = try Self.world(.problem)
    world.ask("GET / HTTP/1.1")
    let get = lines(world.reply)
    world.ask("HEAD / HTTP/1.1")
    let head = lines(world.reply)
    #expect(head.head == get.head)
    #expect(head.body.isEmpty && !get.body.isEmpty)
  }

  @Test(arguments: [
    ("stays", "GET / HTTP/1.1", false, nil), ("closes", "GET / HTTP/1.1", true, "close"),
    ("old client stays", "GET / HTTP/1.0\nConnection: keep-alive", false, "keep-alive"),
    ("old client closes", "GET / HTTP/1.0", true, "close"),
  ])
  func tellsTheConnectionsFate(name: String, request: String, closes: Bool, want: String?) throws {
    let world = try Self.world(.problem)
    world.ask(request)
    var buffer = ByteBuffer(capacity: 4096)
    let bytes = world.bytes
    let status = ReplyWriter.append(
      world.request, head: world.head, bytes: bytes.span, set: world.set, closes: closes,
      epochSeconds: 0, to: &buffer)
    #expect(status == 401)
    let fields = lines(String(lossy: buffer.readable)).head.filter { $0.hasPrefix("Connection") }
    #expect(fields == (want.map { ["Connection: \($0)"] } ?? []), "\(name)")
  }

  @Test func theStyleBeforeARouteIsTheTopOnes() throws {
    let world = World(
      PolicyDefinitions(
        routes: [
          RouteDefinition(path: "/a", framework: .werkzeug, auth: .none, errors: .flask)
        ], errors: .coded))
    world.ask("GET /b HTTP/1.1")
    #expect(lines(world.reply).body.contains("NOT_FOUND"))
  }
}
