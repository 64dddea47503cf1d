// URLs: what is read, into what, and what is refused.

import EventLoop
import Fetch
import Testing

struct FetchURLTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let url: String
    let isSecure: Bool
    let host: String
    let port: UInt16
    let authority: String
    let target: String
    var testDescription: String { url }
  }

  static let rows: [Row] = [
    Row(
      url: "https://a.test", isSecure: true, host: "a.test", port: 443, authority: "a.test",
      target: "/"),
    Row(
      url: "http://A.test:443/x/y.json?a=b%20c", isSecure: false, host: "a.test", port: 443,
      authority: "a.test:443", target: "/x/y.json?a=b%20c"),
    Row(
      url: "https://a.test:443/", isSecure: true, host: "a.test", port: 443, authority: "a.test",
      target: "/"),
    Row(
      url: "https://a.test?q", isSecure: true, host: "a.test", port: 443, authority: "a.test",
      target: "/?q"),
    Row(
      url: "https://127.0.0.1:65535/", isSecure: true, host: "127.0.0.1", port: 65535,
      authority: "127.0.0.1:65535", target: "/"),
    Row(
      url: "https://[::1]/", isSecure: true, host: "::1", port: 443, authority: "[::1]",
      target: "/"),
    Row(
      url: "http://[2001:db8::1]:8080/k", isSecure: false, host: "2001:db8::1", port: 8080,
      authority: "[2001:db8::1]:8080", target: "/k"),
  ]

  @Test(arguments: rows)
  func reads(_ row: Row) throws {
    let url = try #require(FetchURL(row.url))
    #expect(url.isSecure == row.isSecure)
    #expect(url.host.description == row.host)
    #expect(url.port == row.port)
    #expect(url.authority == row.authority)
    #expect(url.target == row.target)
    switch url.endpoint {
    case .address(let address):
      #expect(url.host.isAddress)
      #expect(address.port == row.port)
    case .name(let name, let port):
      #expect(name == row.host)
      #expect(port == row.port)
    }
  }

  static let refused = [
    "", "a.test", "ftp://a.test/", "HTTPS://a.test/", "https:a.test", "https:/a.test",
    "https://", "https:///x", "https://:443/", "https://a.test:/", "https://a.test:0/",
    "https://a.test:0443/", "https://a.test:65536/", "https://a.test:99999999999999999999/",
    "https://a.test:-1/", "https://a.test:1:2/", "https://user@a.test/", "https://u:p@a.test/",
    "https://a.test/#f", "https://a.test/ b", "https://a.test/\r\nX: y", "https://a.test/\0",
    "https://a.test\\b/", "https://a.test/ä", "https://ä.test/", "https://a.test/%",
    "https://a.test/%4", "https://a.test/%zz", "https://a.test/../x", "https://a.test/./x",
    "https://a.test/x/..", "https://[::1/", "https://::1/", "https://[a.test]/", "https://[]/",
    "https://[::1]x/", "https://[::1%25eth0]/", "https://127.1/", "https://0177.0.0.1/",
    "https://[:]/", "https://[:::]/", "https://a.test/[x]", "https://*.test/", "https://a..test/",
  ]

  @Test(arguments: refused)
  func refuses(_ text: String) {
    #expect(FetchURL(text) == nil)
  }

  @Test func theLengthHasABound() {
    let start = "https://a.test/"
    let fits = start + String(repeating: "x", count: FetchURL.bytesMaximum - start.utf8.count)
    #expect(FetchURL(fits) != nil)
    #expect(FetchURL(fits + "x") == nil)
  }
}
