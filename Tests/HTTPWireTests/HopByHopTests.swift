// Which fields stay behind, and that nobody can name away what must go through (RFC 9110 §7.6.1).

import Bytes
import HTTPWire
import Testing

@Suite("Hop-by-hop fields")
struct HopByHopTests {
  /// The names that are marked in a request with these fields.
  private func marked(_ fields: String) -> [String]? {
    let source = "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"
    guard let head = parsedRequest(source) else { return nil }
    return (0..<head.fieldCount).filter { head.isHopByHop(at: $0) }
      .map { text(source, head.field(at: $0).name) }
  }

  static let rows: [Row<[String]>] = [
    Row("nothing", "X: 1\r\n", []),
    Row(
      "the fixed ones without Connection",
      "Keep-Alive: 5\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\n"
        + "Proxy-Authorization: x\r\nProxy-Connection: x\r\nProxy: x\r\nProxy-Odd: x\r\n",
      [
        "Keep-Alive", "TE", "Transfer-Encoding", "Upgrade", "Proxy-Authorization",
        "Proxy-Connection", "Proxy", "Proxy-Odd",
      ]),
    Row(
      "names that only begin alike", "Proxyx: 1\r\nTEx: 1\r\nKeep-Alives: 1\r\nUpgrades: 1\r\n",
      []),
    Row(
      "a named field", "Connection: X-Debug\r\nX-Debug: 1\r\nX-Debugs: 1\r\n",
      ["Connection", "X-Debug"]),
    Row(
      "named in other case, before and behind",
      "x-dEBUG: 1\r\nConnection: close, X-Debug\r\nX-DEBUG: 2\r\n",
      ["x-dEBUG", "Connection", "X-DEBUG"]),
    Row(
      "named in a second Connection",
      "Connection: keep-alive\r\nA: 1\r\nB: 1\r\nConnection: B\r\n",
      ["Connection", "B", "Connection"]),
    Row(
      "a known field that may go", "Connection: Accept-Language\r\nAccept-Language: de\r\n",
      ["Connection", "Accept-Language"]),
    Row("empty elements", "Connection: , ,X,,\r\nX: 1\r\n", ["Connection", "X"]),
    Row(
      "trailers as an option", "Connection: TE, trailers\r\nTE: trailers\r\n",
      ["Connection", "TE"]),
    Row(
      "HTTP2-Settings of an h2c upgrade",
      "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
      ["Connection", "Upgrade", "HTTP2-Settings"]),
    Row(
      "authority, framing and credentials stay (CVE-2021-32813, CVE-2024-45410)",
      "Connection: Host, Content-Length, Authorization, Cookie, Origin, Content-Type, Expect\r\n"
        + "Content-Length: 0\r\nAuthorization: x\r\nCookie: y\r\nOrigin: z\r\nContent-Type: t\r\n",
      ["Connection"]),
    Row(
      "forwarded fields stay, the guard judges them (GHSA-92mv-8f8w-wq52)",
      "Connection: x-forwarded-for, X-Forwarded-Host, x-forwarded-proto, X-Real-Ip, Forwarded\r\n"
        + "X-Forwarded-For: 1\r\nX-Forwarded-Host: b\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 1\r\n"
        + "Forwarded: for=1\r\n",
      ["Connection"]),
  ]

  @Test(arguments: rows) func areMarked(row: Row<[String]>) {
    #expect(marked(String(decoding: row.input, as: UTF8.self)) == row.want)
  }

  @Test func responsesMarkThemToo() {
    let source =
      "HTTP/1.1 200 OK\r\nConnection: close, X-Internal\r\nKeep-Alive: 5\r\nX-Internal: 1\r\n"
      + "Set-Cookie: a\r\nProxy-Authenticate: x\r\nTrailer: T\r\n\r\n"
    let bytes = Array(source.utf8)
    let head = ResponseHead()
    _ = head.parse(bytes.span, from: 0, limits: HeadLimits(), requestMethod: .get)
    let marks = (0..<head.fieldCount).map { head.isHopByHop(at: $0) }
    #expect(marks == [true, true, true, false, true, false])
  }

  @Test func theOptionsThatNameFieldsAreBounded() {
    let options = (1...HeadLimits.connectionOptionsMaximum).map { "x\($0)" }
    let atLimit = "Connection: " + options.joined(separator: ",") + "\r\n"
    #expect(marked(atLimit + "x16: 1\r\n") == ["Connection", "x16"])
    let tooMany = "GET / HTTP/1.1\r\nHost: a\r\n" + atLimit + "Connection: x17\r\n\r\n"
    #expect(fault(requestOutcome(Array(tooMany.utf8))) == .tooManyConnectionOptions)
  }

  @Test func knownOptionsDontCount() {
    let many = String(repeating: "close, keep-alive, upgrade, ", count: 50)
    #expect(marked("Connection: " + many + "X\r\nX: 1\r\n") == ["Connection", "X"])
  }
}
