// What a good request says, however its bytes arrive.

import Bytes
import HTTPWire
import Testing

/// A request and what its line must say.
struct LineWant: Sendable {
  var method = HTTPWire.Method.get
  var form = TargetForm.origin
  var path = "/"
  var query: String?
  var authority = "a"
  var host = "a"
  var isHTTP11 = true
}

@Suite("A good request")
struct RequestHeadTests {
  static let lines: [Row<LineWant>] =
    [
      Row("the shortest", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", LineWant()),
      Row("query", "GET /x?y=1 HTTP/1.1\r\nHost: a\r\n\r\n", LineWant(path: "/x", query: "y=1")),
      Row("empty query", "GET /x? HTTP/1.1\r\nHost: a\r\n\r\n", LineWant(path: "/x", query: "")),
      Row(
        "second question mark", "GET /x?a?b HTTP/1.1\r\nHost: a\r\n\r\n",
        LineWant(path: "/x", query: "a?b")),
      Row(
        "bytes browsers send", "GET /a|b[c]\"{}^`\\<>%zz?'[]{}|\\ HTTP/1.1\r\nHost: a\r\n\r\n",
        LineWant(path: "/a|b[c]\"{}^`\\<>%zz", query: "'[]{}|\\")),
      Row("two slashes", "GET //b/c HTTP/1.1\r\nHost: a\r\n\r\n", LineWant(path: "//b/c")),
      Row(
        "absolute form", "GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n",
        LineWant(form: .absolute, path: "/b", query: "c")),
      Row(
        "absolute form, other case", "GET hTTps://A:81/ HTTP/1.1\r\nHost: a:81\r\n\r\n",
        LineWant(form: .absolute, authority: "a:81")),
      Row(
        "absolute form without path", "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
        LineWant(form: .absolute, path: "")),
      Row(
        "absolute form with query only", "GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n",
        LineWant(form: .absolute, path: "", query: "b")),
      Row(
        "absolute form, HTTP/1.0, no Host", "GET http://a:1/ HTTP/1.0\r\n\r\n",
        LineWant(form: .absolute, authority: "a:1", isHTTP11: false)),
      Row(
        "asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        LineWant(method: .options, form: .asterisk, path: "*")),
      Row(
        "HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n",
        LineWant(authority: "", host: "", isHTTP11: false)),
      Row("one empty line before it", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", LineWant()),
      Row(
        "lower-case method is another method", "get / HTTP/1.1\r\nHost: a\r\n\r\n",
        LineWant(method: .other)),
      Row(
        "port", "GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
        LineWant(authority: "a.example:8080", host: "a.example")),
      Row(
        "highest port", "GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n",
        LineWant(authority: "a:65535")),
      Row(
        "IPv4", "GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n",
        LineWant(authority: "127.0.0.1:80", host: "127.0.0.1")),
    ]
    + [
      "[::]", "[::1]", "[1::]", "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7::]", "[::2:3:4:5:6:7:8]",
      "[::ffff:1.2.3.4]", "[1:2:3:4:5:6:1.2.3.4]", "[FE80::a]",
    ].map {
      Row(
        "address \($0)", "GET / HTTP/1.1\r\nHost: \($0):1\r\n\r\n",
        LineWant(authority: $0 + ":1", host: $0))
    }
    + HTTPWire.Method.allCases.filter { $0 != .connect && $0 != .other }.map {
      Row("\($0)", "\($0.name) / HTTP/1.1\r\nHost: a\r\n\r\n", LineWant(method: $0))
    }

  @Test(arguments: lines) func saysWhatTheLineSays(row: Row<LineWant>) {
    #expect(requestOutcome(row.input) == .complete)
    let source = String(decoding: row.input, as: UTF8.self)
    guard let head = parsedRequest(source) else { return }
    #expect(head.method == row.want.method)
    #expect(head.targetForm == row.want.form)
    #expect(text(source, head.path) == row.want.path)
    #expect(head.hasQuery == (row.want.query != nil))
    #expect(text(source, head.query) == row.want.query ?? "")
    #expect(text(source, head.authority) == row.want.authority)
    #expect(text(source, head.host) == row.want.host)
    #expect(head.isHTTP11 == row.want.isHTTP11)
    #expect(head.byteEnd == row.input.count)
  }

  @Test(arguments: lines) func everyPrefixNeedsMore(row: Row<LineWant>) {
    let guarded = GuardedBytes()
    for count in 0..<row.input.count {
      let outcome = guarded.with(row.input[..<count]) {
        RequestHead().parse($0, from: 0, limits: HeadLimits())
      }
      #expect(outcome == .needsMore, "prefix of \(count)")
    }
    let whole = guarded.with(row.input) { RequestHead().parse($0, from: 0, limits: HeadLimits()) }
    #expect(whole == .complete)
  }

  @Test func keepsFieldsInOrderWithTheirRanges() {
    let source =
      "POST /a HTTP/1.1\r\nHost: a\r\nX-One:1\r\nx-one: \t two\twords \t\r\nEmpty:\r\n"
      + "Content-Type: text/plain; charset=\"ü\"\r\nBlank: \t \r\n\r\n"
    #expect(requestOutcome(Array(source.utf8)) == .complete)
    guard let head = parsedRequest(source) else { return }
    let rows = (0..<head.fieldCount).map { index in
      let field = head.field(at: index)
      return [text(source, field.name), text(source, field.value), text(source, field.line)]
    }
    #expect(
      rows == [
        ["Host", "a", "Host: a\r\n"],
        ["X-One", "1", "X-One:1\r\n"],
        ["x-one", "two\twords", "x-one: \t two\twords \t\r\n"],
        ["Empty", "", "Empty:\r\n"],
        [
          "Content-Type", "text/plain; charset=\"ü\"",
          "Content-Type: text/plain; charset=\"ü\"\r\n",
        ],
        ["Blank", "", "Blank: \t \r\n"],
      ])
    #expect(head.field(at: 4).id == .contentType)
    #expect(head.index(of: .contentType) == 4)
    #expect(head.index(of: .other, from: 2) == 2)
    #expect(head.value(of: .host).map { text(source, $0) } == "a")
    #expect(head.value(of: .cookie) == nil)
    #expect(!head.has(.authorization))
  }

  @Test func twoAuthorizationFieldsAreNotAFaultOfTheWire() {
    let source = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nauthorization: y\r\n\r\n"
    let head = parsedRequest(source)
    #expect(head?.index(of: .authorization) == 1)
    #expect(head?.index(of: .authorization, from: 2) == 2)
    #expect(head?.index(of: .authorization, from: 3) == nil)
  }

  static let framings: [Row<BodyFraming>] = [
    Row("nothing said", "", .none),
    Row("length", "Content-Length: 5\r\n", .length(5)),
    Row("length 0", "Content-Length: 0\r\n", .length(0)),
    Row("length with leading zeros", "Content-Length: 0005\r\n", .length(5)),
    Row(
      "longest length", "Content-Length: 999999999999999999\r\n",
      .length(999_999_999_999_999_999)),
    Row("length between spaces", "Content-Length:\t 5 \t\r\n", .length(5)),
    Row("chunked", "Transfer-Encoding: chunked\r\n", .chunked),
    Row("chunked in other case", "transfer-encoding:CHUNKED\r\n", .chunked),
  ]

  @Test(arguments: framings) func findsTheBody(row: Row<BodyFraming>) {
    let source =
      "POST / HTTP/1.1\r\nHost: a\r\n" + String(decoding: row.input, as: UTF8.self) + "\r\n"
    #expect(requestOutcome(Array(source.utf8)) == .complete)
    #expect(parsedRequest(source)?.framing == row.want)
  }

  @Test func pipelinedRequestsAreReadOneAfterTheOther() {
    let first = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
    let second = "\r\nGET /22 HTTP/1.1\r\nHost: bb\r\nConnection: close\r\n\r\n"
    let third = "GET /333 HTTP/1.1\r\nHost: ccc\r\n"
    let source = first + second + third
    let bytes = Array(source.utf8)
    let head = RequestHead()
    #expect(head.parse(bytes) == .complete)
    #expect(text(source, head.path) == "/1")
    #expect(head.keepsAlive)
    let secondStart = head.byteEnd
    head.reset()
    #expect(head.fieldCount == 0)
    #expect(head.parse(bytes, from: secondStart) == .complete)
    #expect(text(source, head.path) == "/22")
    #expect(text(source, head.host) == "bb")
    #expect(!head.keepsAlive)
    let thirdStart = head.byteEnd
    head.reset()
    #expect(head.parse(bytes, from: thirdStart) == .needsMore)
  }

  @Test func aHeadMayMoveWhileItIsIncomplete() {
    let source = Array("GET /moved HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
    let head = RequestHead()
    let before = [UInt8](repeating: 0x41, count: 100) + source[..<20]
    #expect(head.parse(before, from: 100) == .needsMore)
    #expect(head.parse(source[..<25]) == .needsMore)
    #expect(head.parse(source) == .complete)
    #expect(head.byteEnd == source.count)
  }

  struct ConnectionWant: Sendable {
    var keepsAlive = true
    var upgrade = false
    var expects = false
    var trailers = false
  }

  static let connections: [Row<ConnectionWant>] = [
    Row("1.1 says nothing", "1.1\r\n", ConnectionWant()),
    Row("1.1 close", "1.1\r\nConnection: close\r\n", ConnectionWant(keepsAlive: false)),
    Row(
      "1.1 close among others", "1.1\r\nConnection: foo, ClOsE ,,\r\n",
      ConnectionWant(keepsAlive: false)),
    Row(
      "1.1 close in a second line", "1.1\r\nConnection: keep-alive\r\nConnection: close\r\n",
      ConnectionWant(keepsAlive: false)),
    Row("1.0 says nothing", "1.0\r\n", ConnectionWant(keepsAlive: false)),
    Row("1.0 keep-alive", "1.0\r\nConnection: Keep-Alive\r\n", ConnectionWant()),
    Row("1.0 both", "1.0\r\nConnection: keep-alive, close\r\n", ConnectionWant(keepsAlive: false)),
    Row(
      "upgrade", "1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
      ConnectionWant(upgrade: true)),
    Row("upgrade that Connection doesn't name", "1.1\r\nUpgrade: websocket\r\n", ConnectionWant()),
    Row("named without an Upgrade field", "1.1\r\nConnection: upgrade\r\n", ConnectionWant()),
    Row(
      "upgrade in 1.0", "1.0\r\nConnection: upgrade, keep-alive\r\nUpgrade: websocket\r\n",
      ConnectionWant()),
    Row("expects 100", "1.1\r\nExpect: 100-Continue\r\n", ConnectionWant(expects: true)),
    Row(
      "1.0 can't expect", "1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n",
      ConnectionWant()),
    Row("trailers", "1.1\r\nTE: gzip;q=0.5, Trailers\r\n", ConnectionWant(trailers: true)),
    Row("TE without trailers", "1.1\r\nTE: gzip\r\n", ConnectionWant()),
  ]

  @Test(arguments: connections) func saysWhatTheConnectionMeans(row: Row<ConnectionWant>) {
    let source = "GET / HTTP/" + String(decoding: row.input, as: UTF8.self) + "Host: a\r\n\r\n"
    #expect(requestOutcome(Array(source.utf8)) == .complete)
    guard let head = parsedRequest(source) else { return }
    #expect(head.keepsAlive == row.want.keepsAlive)
    #expect(head.wantsUpgrade == row.want.upgrade)
    #expect(head.expectsContinue == row.want.expects)
    #expect(head.acceptsTrailers == row.want.trailers)
  }
}
