import EventLoop
import Foundation
import Testing

@testable import Admin

/// A request and what must come of it.
struct Exchange: Sendable, CustomTestStringConvertible {
  let name: String
  let request: String
  let status: Int
  /// Words that the answer's body holds.
  var says = ""

  init(_ name: String, _ request: String, _ status: Int, says: String = "") {
    self.name = name
    self.request = request
    self.status = status
    self.says = says
  }

  var testDescription: String { name }
}

private let host = "HTTP/1.1\r\nHost: localhost\r\n"
private let jsonType = "Content-Type: application/json\r\n"

@Suite(.timeLimit(.minutes(1))) struct AdminServerTests {
  static let requests: [Exchange] = [
    Exchange("health", "GET /health \(host)\r\n", 200, says: #"{"status":"ok"}"#),
    Exchange("health with a query", "GET /health?x=1 \(host)\r\n", 200),
    Exchange("health over HTTP/1.0", "GET /health HTTP/1.0\r\n\r\n", 200),
    Exchange("absolute form", "GET http://localhost/health \(host)\r\n", 200),
    Exchange("head", "HEAD /health \(host)\r\n", 200),
    Exchange("status", "GET /status \(host)\r\n", 200, says: #""version":"1.2.3""#),
    Exchange("no such path", "GET /nowhere \(host)\r\n", 404),
    Exchange("longer path", "GET /health/ \(host)\r\n", 404),
    Exchange("root", "GET / \(host)\r\n", 404),
    Exchange("asterisk", "OPTIONS * \(host)\r\n", 404),
    Exchange("post health", "POST /health \(host)\(jsonType)Content-Length: 0\r\n\r\n", 405),
    Exchange("get revoke", "GET /revoke \(host)\r\n", 405, says: "POST"),
    Exchange("delete unrevoke", "DELETE /unrevoke \(host)\r\n", 405),
    Exchange("preflight", "OPTIONS /revoke \(host)Origin: http://a\r\n\r\n", 405),
    Exchange("no type", "POST /revoke \(host)Content-Length: 2\r\n\r\n{}", 415),
    Exchange(
      "form", "POST /revoke \(host)Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415),
    Exchange(
      "two types", "POST /revoke \(host)\(jsonType)\(jsonType)Content-Length: 2\r\n\r\n{}", 415),
    Exchange(
      "coded",
      "POST /revoke \(host)\(jsonType)Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415),
    Exchange(
      "type with a parameter",
      "POST /revoke \(host)content-type: Application/JSON ; charset=utf-8\r\n"
        + "Content-Length: 11\r\n\r\n{\"jti\":\"a\"}", 200),
    Exchange("no body", "POST /revoke \(host)\(jsonType)\r\n", 400, says: "JSON"),
    Exchange(
      "chunked",
      "POST /revoke \(host)\(jsonType)Transfer-Encoding: chunked\r\n\r\n"
        + "5\r\n{\"jti\r\n6;x=y\r\n\":\"a\"}\r\n0\r\nX-Trailer: 1\r\n\r\n", 200,
      says: #""status":"revoked""#),
    Exchange(
      "broken chunk",
      "POST /revoke \(host)\(jsonType)Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    Exchange("not HTTP", "hello\r\n\r\n", 400),
    Exchange("no host", "GET /health HTTP/1.1\r\n\r\n", 400, says: "missing_host"),
    Exchange("version", "GET /health HTTP/2.0\r\n\r\n", 505),
    Exchange("two lengths", "POST /revoke \(host)Content-Length: 1, 2\r\n\r\n", 400),
    Exchange("expectation", "GET /health \(host)Expect: cake\r\n\r\n", 417),
  ]

  @Test(arguments: requests) func answers(_ exchange: Exchange) throws {
    let harness = try ControlHarness()
    let reply = try harness.ask(exchange.request)
    #expect(reply.status == exchange.status, "\(reply)")
    #expect(reply.body.contains(exchange.says) || exchange.says.isEmpty, "\(reply)")
    #expect(reply.field("Connection") == "close")
    #expect(reply.field("Content-Type") == "application/json")
    #expect(reply.field("Cache-Control") == "no-store")
    #expect(reply.field("Date") == "Tue, 14 Nov 2023 22:13:20 GMT")
    if !exchange.request.hasPrefix("HEAD") {
      #expect(reply.field("Content-Length") == String(reply.body.utf8.count))
      #expect(reply.status == 200 || reply.body.hasPrefix(#"{"error":""#))
    }
    #expect((reply.field("Allow") != nil) == (reply.status == 405))
  }

  @Test func answersHeadWithoutTheBody() throws {
    let harness = try ControlHarness()
    let reply = try harness.ask("HEAD /health \(host)\r\n")
    #expect(reply.body.isEmpty)
    #expect(reply.field("Content-Length") == "15")
  }

  /// The same answer whole, in every two pieces, and byte by byte.
  @Test(arguments: [
    ControlHarness.post("/revoke", #"{"jti":"abc","expires":1700000500}"#),
    "POST /revoke \(host)\(jsonType)Transfer-Encoding: chunked\r\n\r\n"
      + "b\r\n{\"jti\":\"abc\r\n17\r\n\",\"expires\":1700000500}\r\n0\r\n\r\n",
  ]) func readsEverySplit(_ request: String) throws {
    let harness = try ControlHarness()
    let bytes = Array(request.utf8)
    let want = try harness.ask(request)
    #expect(want.status == 200, "\(want)")
    for cut in 1..<bytes.count {
      let client = try harness.connect()
      try client.send(Array(bytes[..<cut]))
      harness.turn()
      #expect(!client.poll() && client.received.isEmpty, "an answer to \(cut) bytes")
      try client.send(Array(bytes[cut...]))
      #expect(try client.reply() == want, "cut at \(cut)")
    }
    let client = try harness.connect()
    for byte in bytes {
      try client.send([byte])
      harness.turn()
    }
    #expect(try client.reply() == want)
  }

  @Test func takesAHeadOfTheLimitAndNotAByteMore() throws {
    let harness = try ControlHarness()
    func request(_ count: Int) -> String {
      let start = "GET /health \(host)X: "
      return start + String(repeating: "x", count: count - start.utf8.count - 4) + "\r\n\r\n"
    }
    let limit = AdminServer.headBytesMaximum
    #expect(try harness.ask(request(limit)).status == 200)
    #expect(try harness.ask(request(limit + 1)).status == 431)
    #expect(try harness.ask(request(limit * 4)).status == 431)
    let target = String(repeating: "x", count: limit * 2)
    #expect(try harness.ask("GET /\(target) \(host)\r\n").status == 414)
    let fields = { String(repeating: "X: y\r\n", count: $0 - 1) }
    #expect(try harness.ask("GET /health \(host)\(fields(64))\r\n").status == 200)
    #expect(try harness.ask("GET /health \(host)\(fields(65))\r\n").status == 431)
  }

  @Test(arguments: [false, true]) func takesABodyOfTheLimitAndNotAByteMore(chunked: Bool) throws {
    let harness = try ControlHarness()
    let limit = AdminGate.bodyBytesMaximum
    func ask(_ count: Int) throws -> Reply {
      let object = #"{"jti":"a"}"#
      let body = object + String(repeating: " ", count: count - object.utf8.count)
      if !chunked { return try harness.post("/revoke", body) }
      var request = "POST /revoke \(host)\(jsonType)Transfer-Encoding: chunked\r\n\r\n"
      var rest = body[...]
      while !rest.isEmpty {
        let piece = rest.prefix(5000)
        request += String(piece.utf8.count, radix: 16) + "\r\n" + piece + "\r\n"
        rest = rest.dropFirst(5000)
      }
      return try harness.ask(request + "0\r\n\r\n")
    }
    #expect(try ask(limit).status == 200)
    #expect(try ask(limit + 1).status == 413)
  }

  @Test func refusesALongBodyBeforeItComesAndStillDeliversTheAnswer() throws {
    let harness = try ControlHarness()
    let client = try harness.connect()
    try client.send("POST /revoke \(host)\(jsonType)Content-Length: 200000\r\n\r\n")
    harness.turn()
    try client.send([UInt8](repeating: 0x20, count: 200_000))
    #expect(try client.reply().status == 413)
  }

  @Test func saysContinueToThoseWhoWaitForIt() throws {
    let harness = try ControlHarness()
    let client = try harness.connect()
    let request = ControlHarness.post(
      "/revoke", #"{"jti":"a"}"#, fields: "Expect: 100-continue\r\n")
    let head = request.range(of: "\r\n\r\n").map { String(request[..<$0.upperBound]) } ?? ""
    try client.send(head)
    harness.turn()
    #expect(!client.poll())
    let interim = "HTTP/1.1 100 Continue\r\n\r\n"
    #expect(String(decoding: client.received, as: UTF8.self) == interim)
    try client.send(#"{"jti":"a"}"#)
    #expect(try client.reply().body.contains("HTTP/1.1 200 OK"))
  }

  @Test func answersAClientThatHasFinishedSending() throws {
    let harness = try ControlHarness()
    let client = try harness.connect()
    try client.send(ControlHarness.post("/revoke", #"{"jti":"a"}"#))
    client.finishSending()
    #expect(try client.reply().status == 200)
  }

  @Test func dropsAClientThatLeavesInTheMiddle() throws {
    let harness = try ControlHarness()
    let client = try harness.connect()
    try client.send("POST /revoke \(host)\(jsonType)Content-Length: 20\r\n\r\n{")
    client.finishSending()
    harness.turn()
    #expect(client.poll())
    #expect(client.received.isEmpty)
    #expect(harness.loop.connectionCount == 0)
  }

  // MARK: Time

  @Test(arguments: [
    "GET /health HTTP/1.1\r\n", "POST /revoke \(host)\(jsonType)Content-Length: 5\r\n\r\n{",
  ]) func endsARequestThatTakesTenSeconds(_ part: String) throws {
    let harness = try ControlHarness()
    let client = try harness.connect()
    try client.send(part)
    harness.turn()
    harness.turn(afterMilliseconds: 9_999)
    #expect(!client.poll() && client.received.isEmpty)
    harness.turn(afterMilliseconds: 1)
    #expect(client.poll())
    #expect(Reply(client.received).status == 408)
    #expect(harness.loop.connectionCount == 1, "lingering")
    harness.turn(afterMilliseconds: 999)
    #expect(harness.loop.connectionCount == 1)
    harness.turn(afterMilliseconds: 1)
    #expect(harness.loop.connectionCount == 0)
  }

  @Test func closesASilentClientWithoutAWord() throws {
    let harness = try ControlHarness()
    let client = try harness.connect()
    harness.turn()
    #expect(harness.loop.connectionCount == 1)
    harness.turn(afterMilliseconds: 10_000)
    #expect(client.poll() && client.received.isEmpty)
    #expect(harness.loop.connectionCount == 0)
  }

  @Test func waitsNoLongerThanTheNextDeadline() throws {
    let harness = try ControlHarness()
    #expect(harness.loop.waitMilliseconds == 60_001, "the purge")
    let client = try harness.connect()
    harness.turn()
    #expect(harness.loop.waitMilliseconds == 10_001)
    harness.turn(afterMilliseconds: 4_000)
    #expect(harness.loop.waitMilliseconds == 6_001)
    #expect(!client.poll())
  }

  @Test func servesSixtyFourAtATimeAndTheNextAfterThem() throws {
    let harness = try ControlHarness()
    let limit = AdminServer.connectionCountMaximum
    var clients = try (0..<limit).map { _ in try harness.connect() }
    harness.turn()
    #expect(harness.loop.connectionCount == limit)
    let next = try harness.connect()
    try next.send("GET /health \(host)\r\n")
    harness.turn()
    harness.turn()
    #expect(harness.loop.connectionCount == limit)
    #expect(!next.poll() && next.received.isEmpty, "it waits in the queue")
    clients.removeLast()
    #expect(try next.reply().status == 200)
  }

  @Test func dropsOnlySoMuchAfterTheAnswer() throws {
    let harness = try ControlHarness()
    let client = try harness.connect()
    try client.send("GET /health \(host)\r\n")
    harness.turn()
    #expect(client.poll(), "the answer is complete")
    let piece = [UInt8](repeating: 0x20, count: 64 << 10)
    for _ in 0..<16 { try client.send(piece) }
    harness.turn()
    #expect(harness.loop.connectionCount == 1)
    try client.send([0x20])
    harness.turn()
    #expect(harness.loop.connectionCount == 0)
  }

  /// An answer that is larger than the socket's buffers.
  private func longWinded() throws -> ControlHarness {
    try ControlHarness {
      $0.warnings = (0..<2000).map { "\($0) " + String(repeating: "w", count: 1000) }
    }
  }

  @Test func waitsForAClientThatReadsSlowly() throws {
    let harness = try longWinded()
    let client = try harness.connect()
    try client.send("GET /status \(host)\r\n")
    harness.turn()
    harness.turn(afterMilliseconds: 9_000)
    #expect(harness.loop.connectionCount == 1)
    let reply = try client.reply()
    #expect(reply.field("Content-Length") == String(reply.body.utf8.count))
    #expect(reply.body.utf8.count > 2_000_000)
  }

  @Test func leavesAClientThatDoesNotReadAfterTenSeconds() throws {
    let harness = try longWinded()
    let client = try harness.connect()
    try client.send("GET /status \(host)\r\n")
    harness.turn()
    harness.turn(afterMilliseconds: 9_999)
    #expect(harness.loop.connectionCount == 1)
    harness.turn(afterMilliseconds: 1)
    #expect(harness.loop.connectionCount == 0)
    #expect(client.poll(), "cut off in the middle")
  }

  @Test func makesTheSocketForItsOwnerAlone() throws {
    let harness = try ControlHarness()
    #expect(Files.status(harness.directory + "/admin.sock")?.mode == 0o600)
  }
}
