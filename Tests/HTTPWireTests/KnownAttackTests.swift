// The attacks of the last years that live in the bytes of a message, one row each, with the id under
// which each was published and the status by which it is refused here.
//
// The rules themselves have their own tables; this one is for looking up an id. What needs a socket
// (what reaches a backend, tunnels, pools) is tested end to end.

import Bytes
import HTTPWire
import Testing

/// What must become of an attack.
private enum Fate: Equatable, Sendable {
  case refused(Int)
  /// Legal, and read in this one way.
  case read(BodyFraming)
}

/// An attack as bytes, with `\u{80}` to `\u{ff}` for the single bytes of these numbers.
private struct Attack: Sendable, CustomTestStringConvertible {
  let ids: String
  let mechanism: String
  let text: String
  let fate: Fate

  init(_ ids: String, _ mechanism: String, _ text: String, _ fate: Fate) {
    self.ids = ids
    self.mechanism = mechanism
    self.text = text
    self.fate = fate
  }

  var bytes: [UInt8] { text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }
  var testDescription: String { ids + ": " + mechanism }
}

/// A POST with these fields, and a second request behind it for whoever reads it wrongly.
private func post(_ fields: String, version: String = "1.1", body: String = "") -> String {
  "POST / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n\r\n\(body)"
}

private func get(_ target: String) -> String { "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n" }

private let smuggled = "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n"

@Suite("Known attacks")
struct KnownAttackTests {
  private static let heads: [Attack] = [
    Attack(
      "CVE-2021-40346", "a name of 270 bytes hides a second length from an 8-bit count",
      post("Content-Length0\(String(repeating: "a", count: 255)):\r\nContent-Length: 0"),
      .read(.length(0))),
    Attack(
      "CVE-2021-40346", "two lengths", post("Content-Length: 0\r\nContent-Length: 23"),
      .refused(400)),
    Attack(
      "CVE-2023-25725", "an empty name ends the list for some",
      post("Content-Length: 5\r\n: x\r\nTransfer-Encoding: chunked"), .refused(400)),
    Attack(
      "CVE-2023-25725", "a colon alone", "GET / HTTP/1.1\r\n:\r\nHost: a\r\n\r\n", .refused(400)),
    Attack(
      "CVE-2023-40225, haproxy#2237", "an empty length is passed on", post("Content-Length:"),
      .refused(400)),
    Attack(
      "CVE-2023-40225, haproxy#2237", "empty among others", post("Content-Length: , 5"),
      .refused(400)),
    Attack(
      "CVE-2024-1135", "the last of several codings is not looked at",
      post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", body: smuggled),
      .refused(400)),
    Attack(
      "CVE-2024-1135", "in one line", post("Transfer-Encoding: chunked, identity", body: smuggled),
      .refused(400)),
    Attack(
      "CVE-2024-6827", "an unknown coding falls back to the length",
      post("Transfer-Encoding: chunked,gzip\r\nContent-Length: 4", body: smuggled), .refused(400)),
    Attack(
      "CVE-2024-6827", "an unknown coding alone", post("Transfer-Encoding: xchunked"),
      .refused(501)),
    Attack(
      "gunicorn#3091", "NEL behind a name",
      post("Transfer-Encoding\u{85}: chunked\r\nContent-Length: 4"), .refused(400)),
    Attack(
      "gunicorn#3091", "no-break space behind a name", post("Content-Length\u{a0}: 5"),
      .refused(400)),
    Attack(
      "gunicorn#3364", "NEL around a coding", post("Transfer-Encoding: \u{85}chunked\u{a0}"),
      .refused(400)),
    Attack(
      "gunicorn#3364", "vertical tab and form feed around a coding",
      post("Transfer-Encoding: \u{b}\u{c}chunked"), .refused(400)),
    Attack(
      "gunicorn#3364", "information separators around a coding",
      post("Transfer-Encoding: chunked\u{1c}\u{1f}"), .refused(400)),
    Attack("gunicorn#3087", "empty elements", post("Transfer-Encoding: ,chunked"), .refused(400)),
    Attack(
      "gunicorn#3144", "a request within a value",
      "GET / HTTP/1.1\r\nHost: a\r\nUseless:\n\nGET / HTTP/1.1\nHost: a\r\n\r\n", .refused(400)),
    Attack(
      "CVE-2026-2835", "a coding in HTTP/1.0",
      post("Transfer-Encoding: chunked\r\nConnection: keep-alive", version: "1.0"), .refused(400)),
    Attack(
      "CVE-2026-2835", "codings as a list", post("Transfer-Encoding: identity, chunked"),
      .refused(501)),
    Attack(
      "pingora#945", "length, then coding",
      post("Content-Length: 13\r\nTransfer-Encoding: chunked", body: smuggled), .refused(400)),
    Attack(
      "pingora#945", "coding, then length",
      post("Transfer-Encoding: chunked\r\nContent-Length: 4", body: "5c\r\nX\r\n0\r\n\r\n"),
      .refused(400)),
    Attack(
      "CVE-2025-64763", "CONNECT with early data",
      "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET /admin HTTP/1.1\r\n", .refused(501)),
    Attack(
      "CVE-2019-9900", "NUL within a value", post("X-User: admin\u{0}, x"), .refused(400)),
    Attack("CVE-2019-9900", "NUL within a name", post("X-User\u{0}: x"), .refused(400)),
    Attack(
      "nginx 1.29.4", "Host with a list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .refused(400)),
    Attack(
      "nginx 1.29.4", "Host and target differ", get("http://b/"), .refused(400)),
    Attack(
      "nginx 1.29.4", "user information in the authority",
      "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", .refused(400)),
    Attack("CVE-2021-32779", "fragment kept in the path", get("/public#/../admin"), .refused(400)),
    Attack(
      "GHSA-pxq7-h93f-9jrg", "fragment takes part in a match", get("/x#/public"), .refused(400)),
    Attack(
      "CVE-2026-22031, nest#17737", "absolute form for another authority",
      "GET http://b/admin HTTP/1.1\r\nHost: a\r\n\r\n", .refused(400)),
    Attack("RFC 9112 §2.3", "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .refused(505)),
  ]

  private static let bodies: [Attack] = [
    Attack("CVE-2025-55315", "LF within an extension", "2;\nxx\r\nabc\r\n0\r\n\r\n", .refused(400)),
    Attack("CVE-2025-55315", "CR within an extension", "2;\rxx\r\nab\r\n0\r\n\r\n", .refused(400)),
    Attack(
      "CVE-2025-55315", "extension without end", "2;" + String(repeating: "x", count: 300),
      .refused(400)),
    Attack("CVE-2025-58056", "LF ends a size line", "2\nab\r\n0\r\n\r\n", .refused(400)),
    Attack("CVE-2025-22871", "LF ends an extension", "2;a\nab\r\n0\r\n\r\n", .refused(400)),
    Attack("CVE-2025-43859", "any two bytes behind data", "2\r\nabXX0\r\n\r\n", .refused(400)),
    Attack("CVE-2025-43859", "LF behind data", "2\r\nab\n0\r\n\r\n", .refused(400)),
    Attack("nginx 1.29.4", "LF ends the last line", "0\r\n\n", .refused(400)),
    Attack("nginx 1.29.4", "LF ends the last size", "0\n\r\n", .refused(400)),
    Attack(
      "gunicorn#3327", "new line in a quoted extension", "1;a=\"\n\"\r\nx\r\n0\r\n\r\n",
      .refused(400)),
    Attack("RFC 9112 §7.1", "size with a prefix", "0x2\r\nab\r\n0\r\n\r\n", .refused(400)),
    Attack("RFC 9112 §7.1", "size that wraps around", "10000000000000002\r\nab\r\n", .refused(400)),
  ]

  @Test(arguments: heads) fileprivate func ofHeads(attack: Attack) {
    let bytes = attack.bytes
    let head = RequestHead()
    let fate: Fate
    switch head.parse(bytes) {
    case .malformed(let fault, _): fate = .refused(fault.status)
    case .complete: fate = .read(head.framing)
    case .needsMore: fate = .refused(0)
    }
    #expect(fate == attack.fate)
    if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
      // The answer depends on nothing behind the head, and on no cut within it.
      #expect((fault(requestOutcome(Array(bytes[..<end.upperBound])))?.status) == attack.status)
    }
  }

  @Test(arguments: bodies) fileprivate func ofChunks(attack: Attack) {
    var decoder = BodyDecoder(.chunked)
    let bytes = attack.bytes
    var consumed = 0
    var status: Int?
    steps: while true {
      switch decoder.next(bytes.span, from: consumed) {
      case .data(let range): consumed = range.upper
      case .trailer(_, _, let upTo): consumed = upTo
      case .needsMore, .end: break steps
      case .malformed(let fault):
        status = fault.status
        break steps
      }
    }
    #expect(status == attack.status)
  }
}

extension Attack {
  fileprivate var status: Int? {
    if case .refused(let status) = fate { return status }
    return nil
  }
}
