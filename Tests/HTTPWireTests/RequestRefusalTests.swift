// Every way in which a request is refused by its bytes: one row a rule, the attack's id beside it.

import HTTPWire
import Testing

private let host = "Host: a\r\n"

/// A request line in front of a good head.
private func line(_ text: String) -> String { text + "\r\n" + host + "\r\n" }
/// Fields behind a good request line and Host.
private func fields(_ text: String) -> String { "GET / HTTP/1.1\r\n" + host + text + "\r\n\r\n" }

@Suite("A malformed request is refused")
struct RequestRefusalTests {
  static let requestLines: [Row<WireFault>] = [
    Row("empty method", line(" / HTTP/1.1"), .badMethod),
    Row("two empty lines before it", "\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n", .badMethod),
    Row("bare LF before it", "\nGET / HTTP/1.1\r\n" + host + "\r\n", .bareLineFeed),
    Row("bare CR before it", "\rGET / HTTP/1.1\r\n" + host + "\r\n", .bareCarriageReturn),
    Row("method with a delimiter", line("GE(T / HTTP/1.1"), .badMethod),
    Row("method with NUL", line("GE\0T / HTTP/1.1"), .badMethod),
    Row("method with an umlaut", line("GÄT / HTTP/1.1"), .badMethod),
    Row("tab behind the method", line("GET\t/ HTTP/1.1"), .badMethod),
    Row("line ends behind the method", line("GET"), .badMethod),
    Row("two spaces behind the method", line("GET  / HTTP/1.1"), .badRequestLine),
    Row("two spaces before the version", line("GET /  HTTP/1.1"), .badVersion),
    Row("no version (HTTP/0.9)", line("GET /"), .badRequestLine),
    Row("no target", line("GET  HTTP/1.1"), .badRequestLine),
    Row("space within the target", line("GET /a b HTTP/1.1"), .badVersion),
    Row("space behind the version", line("GET / HTTP/1.1 "), .badVersion),
    Row("tab before the version", line("GET /\tHTTP/1.1"), .badTarget),
    Row("line ends in a bare LF", "GET / HTTP/1.1\n" + host + "\r\n", .bareLineFeed),
    Row("line ends in CR CR LF", "GET / HTTP/1.1\r\r\n" + host + "\r\n", .bareCarriageReturn),
    Row("bare LF in the target", line("GET /a\nb HTTP/1.1"), .bareLineFeed),
    Row("bare LF behind half a version", "GET / HTTP/1\n\n", .bareLineFeed),
    Row("lower-case version", line("GET / http/1.1"), .badVersion),
    Row("version with two digits", line("GET / HTTP/1.10"), .badVersion),
    Row("version with a comma", line("GET / HTTP/1,1"), .badVersion),
    Row("version without minor", line("GET / HTTP/1"), .badVersion),
    Row("HTTP/0.9 said aloud", line("GET / HTTP/0.9"), .unsupportedVersion),
    Row("HTTP/1.2", line("GET / HTTP/1.2"), .unsupportedVersion),
    Row("HTTP/2.0", line("GET / HTTP/2.0"), .unsupportedVersion),
    Row("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .unsupportedVersion),
    Row("TLS hello", [0x16, 0x03, 0x01, 0x02, 0x00, 0x01], .badMethod),
    Row("CONNECT (CVE-2025-64763)", line("CONNECT a:443 HTTP/1.1"), .connectRefused),
    Row("CONNECT in HTTP/1.0", line("CONNECT a:443 HTTP/1.0"), .connectRefused),
    Row("lower-case CONNECT is another method", line("connect a:443 HTTP/1.1"), .badTargetForm),
    Row("HTTP/3.0", line("GET / HTTP/3.0"), .unsupportedVersion),
    Row("HTTPS/1.1", line("GET / HTTPS/1.1"), .badVersion),
    Row("CONNECT with a path", line("CONNECT / HTTP/1.1"), .connectRefused),
  ]

  static let targets: [Row<WireFault>] = [
    Row("fragment (CVE-2021-32779)", line("GET /a#b HTTP/1.1"), .fragmentInTarget),
    Row("fragment in the query", line("GET /a?b#c HTTP/1.1"), .fragmentInTarget),
    Row("fragment alone", line("GET # HTTP/1.1"), .fragmentInTarget),
    Row("NUL", line("GET /a\0b HTTP/1.1"), .badTarget),
    Row("control byte", line("GET /a\u{1}b HTTP/1.1"), .badTarget),
    Row("DEL", line("GET /a\u{7f}b HTTP/1.1"), .badTarget),
    Row("byte above ASCII", line("GET /ä HTTP/1.1"), .badTarget),
    Row("byte above ASCII in a long target", line("GET /0123456789abcdeä HTTP/1.1"), .badTarget),
    Row("no leading slash", line("GET a HTTP/1.1"), .badTargetForm),
    Row("question mark alone", line("GET ?a HTTP/1.1"), .badTargetForm),
    Row("asterisk without OPTIONS", line("GET * HTTP/1.1"), .badTargetForm),
    Row("asterisk with more", line("OPTIONS *a HTTP/1.1"), .badTargetForm),
    Row("authority form", line("GET a:80 HTTP/1.1"), .badTargetForm),
    Row("another scheme", line("GET ftp://a/ HTTP/1.1"), .badTargetForm),
    Row("scheme without slashes", line("GET http:a HTTP/1.1"), .badTargetForm),
    Row("absolute form without authority", line("GET http:/// HTTP/1.1"), .badHost),
    Row("absolute form, user information", line("GET http://u@a/ HTTP/1.1"), .badHost),
    Row("absolute form, backslash", line("GET http://a\\b/ HTTP/1.1"), .badHost),
    Row("absolute form, other host", line("GET http://b/ HTTP/1.1"), .hostMismatch),
    Row("absolute form, other port", line("GET http://a:80/ HTTP/1.1"), .hostMismatch),
    Row("absolute form in 1.0, other host", line("GET http://b/ HTTP/1.0"), .hostMismatch),
    Row("absolute form in 1.1 without Host", "GET http://a/ HTTP/1.1\r\n\r\n", .missingHost),
  ]

  static let fieldLines: [Row<WireFault>] = [
    Row("bare LF", "GET / HTTP/1.1\r\nHost: a\n\r\n", .bareLineFeed),
    Row("bare LF ends the head", "GET / HTTP/1.1\r\nHost: a\r\n\n", .bareLineFeed),
    Row("bare CR in a value", fields("A: b\rc"), .bareCarriageReturn),
    Row("bare CR before CRLF", fields("A: b\r"), .bareCarriageReturn),
    Row("CR where a line begins", fields("\rA: b"), .bareCarriageReturn),
    Row("folded line", fields("A: b\r\n c"), .foldedLine),
    Row("folded by a tab", fields("A: b\r\n\tc"), .foldedLine),
    Row("space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", .foldedLine),
    Row("space before the colon", fields("A : b"), .spaceBeforeColon),
    Row("tab before the colon", fields("A\t: b"), .spaceBeforeColon),
    Row("space before a known name's colon", fields("Content-Length : 5"), .spaceBeforeColon),
    Row("space within a name", fields("A B: c"), .spaceBeforeColon),
    Row("empty name (CVE-2023-25725)", fields(": b"), .emptyFieldName),
    Row("no colon", fields("AB"), .missingColon),
    Row("no colon in a long line", fields(String(repeating: "a", count: 80)), .missingColon),
    Row("name with a slash", fields("A/B: c"), .badFieldName),
    Row("name with NUL", fields("A\0B: c"), .badFieldName),
    Row("name with a vertical tab", fields("Transfer-Encoding\u{b}: chunked"), .badFieldName),
    Row("name with a control byte for a hyphen", fields("Content\rLength: 5"), .missingColon),
    Row("name with a byte above ASCII", fields("Ä: b"), .badFieldName),
    Row("name in quotes", fields("\"A\": b"), .badFieldName),
    Row("family name with a bad byte", fields("Proxy-(: b"), .badFieldName),
    Row("NUL in a value (CVE-2019-9900)", fields("A: b\0c"), .badFieldValue),
    Row("vertical tab in a value", fields("A: b\u{b}"), .badFieldValue),
    Row("escape byte in a value", fields("A: \u{1b}[0m"), .badFieldValue),
    Row("DEL in a value", fields("A: b\u{7f}"), .badFieldValue),
    Row("DEL in a long value", fields("A: 0123456789abcdef\u{7f}01234567"), .badFieldValue),
    Row("NUL behind a tab", fields("A: 01\t2345\0"), .badFieldValue),
  ]

  static let hosts: [Row<WireFault>] =
    [
      Row("none", "GET / HTTP/1.1\r\nA: b\r\n\r\n", .missingHost),
      Row("no field at all", "GET / HTTP/1.1\r\n\r\n", .missingHost),
      Row("two", fields("Host: b"), .repeatedHost),
      Row("two alike", fields("Host: a"), .repeatedHost),
      Row("two in other case", fields("hOST: a"), .repeatedHost),
      Row("two in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", .repeatedHost),
      Row("empty in HTTP/1.0", "GET / HTTP/1.0\r\nHost:\r\n\r\n", .badHost),
    ]
    + [
      "", " ", "a b", "a,b", "a/b", "a\\b", "a@b", "a?b", "a#b", "a:", "a:b", "a:-1", "a:65536",
      "a:000080", "a:80:80", ":80", "a%2eb", "ä", "[", "[]", "[::1", "::1", "[::1]a", "[::1]:x",
      "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[1::2::3]", "[12345::]", "[::g]", "[:1]", "[1:]",
      "[:::]", "[::1.2.3]", "[::1.2.3.256]", "[::01.2.3.4]", "[1.2.3.4::]", "[fe80::1%eth0]",
      "[v1.a]",
    ].map { Row("value '\($0)'", "GET / HTTP/1.1\r\nHost: \($0)\r\n\r\n", .badHost) }

  static let framings: [Row<WireFault>] = [
    Row(
      "length and chunked", fields("Content-Length: 5\r\nTransfer-Encoding: chunked"),
      .lengthWithTransferEncoding),
    Row(
      "chunked and length (CVE-2026-2835)",
      fields("Transfer-Encoding: chunked\r\nContent-Length: 0"), .lengthWithTransferEncoding),
    Row(
      "two lengths that differ (CVE-2021-40346)",
      fields("Content-Length: 5\r\nContent-Length: 6"), .repeatedContentLength),
    Row(
      "two lengths alike", fields("Content-Length: 5\r\ncontent-length: 5"),
      .repeatedContentLength),
    Row("list of lengths", fields("Content-Length: 5, 5"), .badContentLength),
    Row("list of lengths that differ", fields("Content-Length: 5,6"), .badContentLength),
    Row("length behind a no-break space", fields("Content-Length: \u{a0}5"), .badContentLength),
    Row("length with NUL", fields("Content-Length: 5\0"), .badFieldValue),
    Row("length of other digits", fields("Content-Length: ٥"), .badContentLength),
    Row("empty length (CVE-2023-40225)", fields("Content-Length:"), .badContentLength),
    Row("length of spaces", fields("Content-Length:  \t "), .badContentLength),
    Row("signed length", fields("Content-Length: +5"), .badContentLength),
    Row("negative length", fields("Content-Length: -5"), .badContentLength),
    Row("hexadecimal length", fields("Content-Length: 0x5"), .badContentLength),
    Row("length with a space inside", fields("Content-Length: 5 5"), .badContentLength),
    Row("length with a fraction", fields("Content-Length: 5.0"), .badContentLength),
    Row("length with an underscore", fields("Content-Length: 1_0"), .badContentLength),
    Row(
      "length beyond 64 bits", fields("Content-Length: 18446744073709551621"),
      .badContentLength),
    Row("length of 19 digits", fields("Content-Length: 1000000000000000000"), .badContentLength),
    Row(
      "two codings lines (CVE-2024-1135)",
      fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), .badTransferEncoding),
    Row(
      "coding hidden by a second line (CVE-2024-6827)",
      fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), .badTransferEncoding),
    Row("chunked twice", fields("Transfer-Encoding: chunked, chunked"), .badTransferEncoding),
    Row("chunked not last", fields("Transfer-Encoding: chunked, gzip"), .badTransferEncoding),
    Row("empty coding", fields("Transfer-Encoding:"), .badTransferEncoding),
    Row("commas only", fields("Transfer-Encoding: ,"), .badTransferEncoding),
    Row("empty element", fields("Transfer-Encoding: chunked,"), .badTransferEncoding),
    Row("chunked with a parameter", fields("Transfer-Encoding: chunked;a=b"), .badTransferEncoding),
    Row("chunked in quotes", fields("Transfer-Encoding: \"chunked\""), .badTransferEncoding),
    Row(
      "space within the coding (gunicorn#3091)", fields("Transfer-Encoding: chun ked"),
      .badTransferEncoding),
    Row(
      "vertical tab before it (CVE-2024-6827)", fields("Transfer-Encoding: \u{b}chunked"),
      .badFieldValue),
    Row(
      "comma before it (gunicorn#3087)", fields("Transfer-Encoding: ,chunked"), .badTransferEncoding
    ),
    Row("three codings", fields("Transfer-Encoding: gzip, chunked, chunked"), .badTransferEncoding),
    Row("another coding", fields("Transfer-Encoding: gzip"), .unsupportedTransferCoding),
    Row(
      "another before chunked", fields("Transfer-Encoding: gzip, chunked"),
      .unsupportedTransferCoding),
    Row(
      "identity (CVE-2026-2835)", fields("Transfer-Encoding: identity"),
      .unsupportedTransferCoding),
    Row("nearly chunked", fields("Transfer-Encoding: xchunked"), .unsupportedTransferCoding),
    Row(
      "coding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
      .transferEncodingInOldVersion),
    Row("expectation of another kind", fields("Expect: 200-ok"), .unsupportedExpectation),
    Row("empty expectation", fields("Expect:"), .unsupportedExpectation),
    Row("list of expectations", fields("Expect: 100-continue, x"), .unsupportedExpectation),
    Row(
      "expectation twice", fields("Expect: 100-continue\r\nExpect: 100-continue"),
      .unsupportedExpectation),
    Row(
      "Connection that isn't a list of tokens", fields("Connection: close keep-alive"),
      .badConnectionOption),
    Row("Connection in quotes", fields("Connection: \"close\""), .badConnectionOption),
  ]

  @Test(arguments: requestLines) func refusesRequestLine(row: Row<WireFault>) {
    #expect(fault(requestOutcome(row.input)) == row.want)
  }

  @Test(arguments: targets) func refusesTarget(row: Row<WireFault>) {
    #expect(fault(requestOutcome(row.input)) == row.want)
  }

  @Test(arguments: fieldLines) func refusesFieldLine(row: Row<WireFault>) {
    #expect(fault(requestOutcome(row.input)) == row.want)
  }

  @Test(arguments: hosts) func refusesHost(row: Row<WireFault>) {
    #expect(fault(requestOutcome(row.input)) == row.want)
  }

  @Test(arguments: framings) func refusesFraming(row: Row<WireFault>) {
    #expect(fault(requestOutcome(row.input)) == row.want)
  }

  @Test func everyControlByteIsRefusedEverywhere() {
    for byte in (UInt8(0)..<0x20).map({ $0 }) + [0x7f] {
      for template in ["GET /*b HTTP/1.1\r\nHost: a\r\n\r\n", "G*T / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let input = Array(template.utf8).map { $0 == UInt8(ascii: "*") ? byte : $0 }
        #expect(fault(requestOutcome(input)) != nil, "byte \(byte) in \(template)")
      }
      guard byte != 0x09 else { continue }
      let input = Array(fields("A: b*c").utf8).map { $0 == UInt8(ascii: "*") ? byte : $0 }
      #expect(fault(requestOutcome(input)) != nil, "byte \(byte) in a value")
    }
  }

  @Test func theOffsetNamesTheFirstOffence() {
    let input = Array("GET / HTTP/1.1\r\nHost: a\r\nB: c\0d\r\n\r\n".utf8)
    #expect(requestOutcome(input) == .malformed(.badFieldValue, offset: 29))
    let second = Array("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".utf8)
    #expect(requestOutcome(second) == .malformed(.repeatedHost, offset: 25))
  }
}
