import Bytes
import HTTPWire
import Testing

@testable import Policy

/// What is believed of a trusted peer's fields.
@Suite struct ForwardedClaimTests {
  struct Told: Equatable {
    var client = "192.0.2.1"
    var isHTTPS = false
    var host = ""
    var prefix = ""
  }

  /// The claims of a peer at 192.0.2.1, which is trusted beside 10.0.0.0/8 and Unix sockets.
  static func read(_ lines: String) throws -> Told {
    var definitions = PolicyDefinitions(routes: [RouteDefinition(path: "/", auth: .none)])
    for (low, bits) in [(UInt64(0xffff_0a00_0000), 104), (0xffff_c000_0201, 128)] {
      definitions.trustedProxies += try #require(
        AddressRange.network(high: 0, low: low, bits: bits))
    }
    definitions.trustedProxies.append(.unix)
    let set = PolicySet(definitions, revocations: RevocationTable())
    let head = RequestHead()
    let text = "GET / HTTP/1.1\nHost: own.example\n" + lines + "\n"
    let bytes = Array((text.replacing("\n", with: "\r\n") + "\r\n").utf8)
    #expect(head.parse(bytes.span, from: 0, limits: HeadLimits()) == .complete)
    let claims = ForwardedClaims()
    claims.read(head, bytes: bytes.span, peer: World.peer("192.0.2.1", 3), set: set)
    #expect(claims.client.listener == 3)
    return Told(
      client: Self.text(claims.client), isHTTPS: claims.isHTTPS,
      host: String(lossy: bytes.span.slice(claims.host)),
      prefix: String(lossy: bytes.span.slice(claims.prefix)))
  }

  private static func text(_ peer: PeerAddress) -> String {
    guard peer.isIPv4 else {
      return String(peer.high, radix: 16) + "/" + String(peer.low, radix: 16)
    }
    return [24, 16, 8, 0].map { "\(peer.low >> UInt64($0) & 0xff)" }.joined(separator: ".")
  }

  @Test(arguments: [
    ("A: b", "192.0.2.1"),
    ("X-Forwarded-For: 198.51.100.7", "198.51.100.7"),
    // The first who isn't trusted, from the right; what a client wrote in front is nothing.
    ("X-Forwarded-For: 1.1.1.1, 198.51.100.7", "198.51.100.7"),
    ("X-Forwarded-For: 1.1.1.1, 198.51.100.7, 10.0.0.1", "198.51.100.7"),
    ("X-Forwarded-For: 1.1.1.1,198.51.100.7 ,10.0.0.1,\t10.2.0.1", "198.51.100.7"),
    // Several lines are one list.
    (
      "X-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 198.51.100.7\nx-forwarded-for: 10.9.9.9",
      "198.51.100.7"
    ),
    // All trusted: the leftmost.
    ("X-Forwarded-For: 10.0.0.3, 10.0.0.2", "10.0.0.3"),
    // What can't be read ends the walk; the last good one counts.
    ("X-Forwarded-For: 198.51.100.7, unknown, 10.0.0.1", "10.0.0.1"),
    ("X-Forwarded-For: 198.51.100.7, unknown", "192.0.2.1"),
    ("X-Forwarded-For: 198.51.100.7, 010.0.0.1", "192.0.2.1"),
    ("X-Forwarded-For: 198.51.100.7, ::", "192.0.2.1"),
    ("X-Forwarded-For: ", "192.0.2.1"), ("X-Forwarded-For: ,,", "192.0.2.1"),
    ("X-Forwarded-For: 198.51.100.7,", "198.51.100.7"),
    ("X-Forwarded-For: 198.51.100.7:4711", "198.51.100.7"),
    ("X-Forwarded-For: 2001:db8::1", "20010db800000000/1"),
    ("X-Forwarded-For: [2001:db8::1]:443, ::ffff:10.0.0.1", "20010db800000000/1"),
    // Another spelling is no such field, and another header isn't heard.
    ("X_Forwarded_For: 198.51.100.7", "192.0.2.1"),
    ("Forwarded: for=198.51.100.7", "192.0.2.1"), ("X-Real-IP: 198.51.100.7", "192.0.2.1"),
  ])
  func theClientIsTheFirstWhoIsNotTrusted(lines: String, client: String) throws {
    #expect(try Self.read(lines).client == client)
  }

  @Test func aLongChainIsCutShort() throws {
    let trusted = Array(repeating: "10.0.0.1", count: AddressList.elementsMaximum)
    let within = (["10.0.0.9"] + trusted.dropLast()).joined(separator: ", ")
    let beyond = (["198.51.100.7"] + trusted).joined(separator: ", ")
    #expect(try Self.read("X-Forwarded-For: " + within).client == "10.0.0.9")
    #expect(try Self.read("X-Forwarded-For: " + beyond).client == "10.0.0.1")
  }

  @Test(arguments: [
    ("X-Forwarded-Proto: https", true), ("X-Forwarded-Proto: HTTPS", true),
    ("X-Forwarded-Proto: http", false), ("X-Forwarded-Proto: https, http", false),
    ("X-Forwarded-Proto: https\nX-Forwarded-Proto: https", false),
    ("X-Forwarded-Proto: wss", false), ("Forwarded: proto=https", false), ("A: b", false),
  ])
  func theSchemeIsOneWord(lines: String, isHTTPS: Bool) throws {
    #expect(try Self.read(lines).isHTTPS == isHTTPS)
  }

  @Test(arguments: [
    ("X-Forwarded-Host: app.example", "app.example"),
    ("X-Forwarded-Host: app.example:8443", "app.example:8443"),
    ("X-Forwarded-Host: [2001:db8::1]:80", "[2001:db8::1]:80"),
    ("X-Forwarded-Host: a.example, b.example", ""), ("X-Forwarded-Host: user@a.example", ""),
    ("X-Forwarded-Host: a.example/x", ""), ("X-Forwarded-Host: ", ""),
    ("X-Forwarded-Host: a.example\nX-Forwarded-Host: a.example", ""),
    ("X-Forwarded-Host: a.example:99999", ""),
  ])
  func theHostIsOneAuthority(lines: String, host: String) throws {
    #expect(try Self.read(lines).host == host)
  }

  @Test(arguments: [
    (254 + 5, 259), (254 + 6, 0),
  ])
  func aHostIsBounded(count: Int, wanted: Int) throws {
    let name = String(repeating: "a", count: count)
    #expect(try Self.read("X-Forwarded-Host: " + name).host.utf8.count == wanted)
  }

  @Test(arguments: [
    ("/a", "/a"), ("/a/b-c_d.e~f", "/a/b-c_d.e~f"), ("/", ""), ("", ""), ("a", ""), ("/a/", ""),
    ("//a", ""), ("/a//b", ""), ("/..", ""), ("/a/./b", ""), ("/a/..", ""), ("/a%2fb", ""),
    ("/a;b", ""), ("/a?b", ""), ("/a#b", ""), ("/a\\b", ""), ("/a b", ""), ("/a, /b", ""),
    ("/a\"b", ""), ("http://evil.example/a", ""),
  ])
  func thePrefixIsPlain(text: String, prefix: String) throws {
    #expect(try Self.read("X-Forwarded-Prefix: " + text).prefix == prefix)
    #expect(try Self.read("X-Forwarded-Prefix: \(text)\nX-Forwarded-Prefix: \(text)").prefix == "")
  }

  @Test func aPrefixIsBounded() throws {
    let longest = "/" + String(repeating: "a", count: ForwardedClaims.prefixBytesMaximum - 1)
    #expect(try Self.read("X-Forwarded-Prefix: " + longest).prefix == longest)
    #expect(try Self.read("X-Forwarded-Prefix: \(longest)a").prefix == "")
  }

  @Test func nothingIsKeptFromTheRequestBefore() throws {
    let set = PolicySet(PolicyDefinitions(), revocations: RevocationTable())
    let head = RequestHead()
    let claims = ForwardedClaims()
    let first = """
      GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r
      X-Forwarded-Host: b\r\nX-Forwarded-Prefix: /p\r\n\r\n
      """
    for (text, isTold) in [(first, true), ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false)] {
      let bytes = Array(text.utf8)
      head.reset()
      #expect(head.parse(bytes.span, from: 0, limits: HeadLimits()) == .complete)
      claims.read(head, bytes: bytes.span, peer: World.peer("192.0.2.1"), set: set)
      #expect(claims.namesClient == isTold)
      #expect(claims.isHTTPS == isTold)
      #expect(claims.host.isEmpty != isTold)
      #expect(claims.prefix.isEmpty != isTold)
    }
    #expect(claims.client == World.peer("192.0.2.1"))
  }
}
