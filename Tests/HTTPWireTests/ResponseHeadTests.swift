// Responses: as strict as requests, and the body by RFC 9112 §6.3.

import Bytes
import HTTPWire
import Testing

private func answer(_ fields: String, status: String = "200 OK", version: String = "1.1") -> String
{
  "HTTP/\(version) \(status)\r\n\(fields)\r\n"
}

@Suite("A response head")
struct ResponseHeadTests {
  static let refusals: [Row<WireFault>] = [
    Row("empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", .badVersion),
    Row("garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n", .badVersion),
    Row("lower-case version", "http/1.1 200 OK\r\n\r\n", .badVersion),
    Row("HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", .unsupportedVersion),
    Row("ICY", "ICY 200 OK\r\n\r\n", .badVersion),
    Row("two spaces", answer("", status: " 200 OK"), .badStatusLine),
    Row("no space behind the status", answer("", status: "200"), .badStatusLine),
    Row("two digits", answer("", status: "20 OK"), .badStatusLine),
    Row("four digits", answer("", status: "2000 OK"), .badStatusLine),
    Row("status 099", answer("", status: "099 OK"), .badStatusLine),
    Row("status 600", answer("", status: "600 OK"), .badStatusLine),
    Row("status 999", answer("", status: "999 OK"), .badStatusLine),
    Row("signed status", answer("", status: "+20 OK"), .badStatusLine),
    Row("letters for digits", answer("", status: "2xx OK"), .badStatusLine),
    Row("NUL in the reason", answer("", status: "200 O\0K"), .badStatusLine),
    Row("bare CR in the reason", answer("", status: "200 O\rK"), .bareCarriageReturn),
    Row("bare LF behind the reason", "HTTP/1.1 200 OK\n\r\n\r\n", .bareLineFeed),
    Row("bare LF behind the version", "HTTP/1.1\n\r\n\r\n", .bareLineFeed),
    Row("folded line", answer("A: b\r\n c\r\n"), .foldedLine),
    Row("space before the colon", answer("Content-Length : 5\r\n"), .spaceBeforeColon),
    Row("NUL in a value", answer("A: \0\r\n"), .badFieldValue),
    Row("empty name", answer(": x\r\n"), .emptyFieldName),
    Row(
      "length and chunked", answer("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
      .lengthWithTransferEncoding),
    Row(
      "two lengths", answer("Content-Length: 5\r\nContent-Length: 6\r\n"),
      .repeatedContentLength),
    Row(
      "two lengths alike", answer("Content-Length: 5\r\nContent-Length: 5\r\n"),
      .repeatedContentLength),
    Row("empty length", answer("Content-Length:\r\n"), .badContentLength),
    Row("list of lengths", answer("Content-Length: 5, 5\r\n"), .badContentLength),
    Row("signed length", answer("Content-Length: +5\r\n"), .badContentLength),
    Row("length with an underscore", answer("Content-Length: 1_0\r\n"), .badContentLength),
    Row(
      "length of 19 digits", answer("Content-Length: 1000000000000000000\r\n"), .badContentLength),
    Row(
      "codings in two lines",
      answer("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
      .badTransferEncoding),
    Row("empty coding", answer("Transfer-Encoding:\r\n"), .badTransferEncoding),
    Row("identity", answer("Transfer-Encoding: identity\r\n"), .unsupportedTransferCoding),
    Row("two status lines", answer("HTTP/1.1 200 OK\r\n"), .badFieldName),
    Row("status line without version", "200 OK\r\n\r\n", .badVersion),
    Row("HTTP/0.9 body", "<html></html>\r\n\r\n", .badVersion),
    Row("HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n", .unsupportedVersion),
    Row("tab for a space", "HTTP/1.1\t200 OK\r\n\r\n", .badStatusLine),
    Row("DEL in the reason", answer("", status: "200 O\u{7f}K"), .badStatusLine),
    Row("bare LF in a value", answer("A: b\nSet-Cookie: c\r\n"), .bareLineFeed),
    Row("bare CR in a value", answer("A: b\rc\r\n"), .bareCarriageReturn),
    Row("bare LF ends the head", "HTTP/1.1 200 OK\r\nA: b\r\n\n", .bareLineFeed),
    Row("no colon", answer("AB\r\n"), .missingColon),
    Row("space in a name", answer("A B: c\r\n"), .spaceBeforeColon),
    Row("101 with a length", answer("Content-Length: 5\r\n", status: "101 x"), .bodyNotAllowed),
    Row("chunked not last", answer("Transfer-Encoding: chunked, gzip\r\n"), .badTransferEncoding),
    Row(
      "gzip without chunked", answer("Transfer-Encoding: gzip\r\n"),
      .unsupportedTransferCoding),
    Row(
      "chunked in 1.0", answer("Transfer-Encoding: chunked\r\n", version: "1.0"),
      .transferEncodingInOldVersion),
    Row(
      "1xx that announces a body", answer("Content-Length: 5\r\n", status: "103 Early Hints"),
      .bodyNotAllowed),
    Row(
      "1xx with chunked", answer("Transfer-Encoding: chunked\r\n", status: "100 Continue"),
      .bodyNotAllowed),
    Row(
      "Connection that isn't a list of tokens", answer("Connection: a b\r\n"),
      .badConnectionOption),
  ]

  @Test(arguments: refusals) func isRefused(row: Row<WireFault>) {
    #expect(fault(responseOutcome(row.input)) == row.want)
  }

  struct Want: Sendable {
    var method = HTTPWire.Method.get
    var status = 200
    var framing = BodyFraming.none
    var keepsAlive = true
    var announced: Int?
    var isInterim = false
  }

  static let bodies: [Row<Want>] = [
    Row("length", answer("Content-Length: 5\r\n"), Want(framing: .length(5), announced: 5)),
    Row("length 0", answer("Content-Length: 0\r\n"), Want(framing: .length(0), announced: 0)),
    Row("chunked", answer("Transfer-Encoding: chunked\r\n"), Want(framing: .chunked)),
    Row("neither", answer(""), Want(framing: .untilClose, keepsAlive: false)),
    Row(
      "neither, keep-alive said", answer("Connection: keep-alive\r\n"),
      Want(framing: .untilClose, keepsAlive: false)),
    Row(
      "close", answer("Content-Length: 1\r\nConnection: close\r\n"),
      Want(framing: .length(1), keepsAlive: false, announced: 1)),
    Row(
      "1.0", answer("Content-Length: 1\r\n", version: "1.0"),
      Want(framing: .length(1), keepsAlive: false, announced: 1)),
    Row(
      "1.0 keep-alive", answer("Content-Length: 1\r\nConnection: keep-alive\r\n", version: "1.0"),
      Want(framing: .length(1), announced: 1)),
    Row("HEAD with length", answer("Content-Length: 5\r\n"), Want(method: .head, announced: 5)),
    Row("HEAD with chunked", answer("Transfer-Encoding: chunked\r\n"), Want(method: .head)),
    Row("HEAD with neither", answer(""), Want(method: .head)),
    Row(
      "304 with length", answer("Content-Length: 5\r\n", status: "304 Not Modified"),
      Want(status: 304, announced: 5)),
    Row("204", answer("", status: "204 No Content"), Want(status: 204)),
    Row(
      "204 with length 0", answer("Content-Length: 0\r\n", status: "204 No Content"),
      Want(status: 204, announced: 0)),
    Row(
      "204 with a length isn't reused", answer("Content-Length: 5\r\n", status: "204 No Content"),
      Want(status: 204, keepsAlive: false, announced: 5)),
    Row(
      "204 with chunked isn't reused",
      answer("Transfer-Encoding: chunked\r\n", status: "204 No Content"),
      Want(status: 204, keepsAlive: false)),
    Row("100", answer("", status: "100 Continue"), Want(status: 100, isInterim: true)),
    Row(
      "103", answer("Link: </a>\r\n", status: "103 Early Hints"),
      Want(status: 103, isInterim: true)),
    Row(
      "101 is final", answer("Upgrade: websocket\r\n", status: "101 Switching Protocols"),
      Want(status: 101)),
    Row(
      "no reason", answer("Content-Length: 0\r\n", status: "200 "),
      Want(framing: .length(0), announced: 0)),
    Row(
      "status 599", answer("Content-Length: 0\r\n", status: "599 \u{e9}t\u{e9}"),
      Want(status: 599, framing: .length(0), announced: 0)),
  ]

  @Test(arguments: bodies) func saysWhereItsBodyEnds(row: Row<Want>) {
    #expect(responseOutcome(row.input, method: row.want.method) == .complete)
    let head = ResponseHead()
    _ = head.parse(
      row.input.span, from: 0, limits: HeadLimits(), requestMethod: row.want.method)
    #expect(head.status == row.want.status)
    #expect(head.framing == row.want.framing)
    #expect(head.keepsAlive == row.want.keepsAlive)
    #expect(head.announcedLength == row.want.announced)
    #expect(head.isInterim == row.want.isInterim)
    #expect(head.byteEnd == row.input.count)
  }

  @Test(arguments: bodies) func everyPrefixNeedsMore(row: Row<Want>) {
    let guarded = GuardedBytes()
    for count in 0..<row.input.count {
      let outcome = guarded.with(row.input[..<count]) {
        ResponseHead().parse($0, from: 0, limits: HeadLimits(), requestMethod: row.want.method)
      }
      #expect(outcome == .needsMore, "prefix of \(count)")
    }
  }

  @Test func interimAndFinalHeadsAreReadOneAfterTheOther() {
    let source =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Gone Fishing\r\nContent-Length: 2\r\n\r\nno"
    let bytes = Array(source.utf8)
    let head = ResponseHead()
    let limits = HeadLimits()
    let first = head.parse(bytes.span, from: 0, limits: limits, requestMethod: .post)
    #expect(first == .complete && head.isInterim)
    let start = head.byteEnd
    head.reset()
    let second = head.parse(bytes.span, from: start, limits: limits, requestMethod: .post)
    #expect(second == .complete)
    #expect(head.status == 404)
    #expect(text(source, head.reason) == "Gone Fishing")
    #expect(head.byteStart == start)
    #expect(head.byteEnd == bytes.count - 2)
  }

  @Test func prefersTheRequestMethodOfEachCall() {
    let bytes = Array(answer("Content-Length: 3\r\n").utf8)
    let head = ResponseHead()
    _ = head.parse(bytes.span, from: 0, limits: HeadLimits(), requestMethod: .head)
    #expect(head.framing == .none)
    _ = head.parse(bytes.span, from: 0, limits: HeadLimits(), requestMethod: .get)
    #expect(head.framing == .length(3))
  }
}
