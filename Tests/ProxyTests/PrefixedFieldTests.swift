import Bytes
import EventLoop
import Testing

@testable import Proxy

/// Paths of answers behind a stripped prefix.
@Suite struct PrefixedFieldTests {
  static func location(
    _ url: String, outer: String = "", prefix: String = "/flask", isHTTPS: Bool = false,
    ours: String = "gateway.test:8080", told: String = "", inner: String = ""
  ) -> String {
    let (text, before, own) = (Array(url.utf8), Array(outer.utf8), Array(prefix.utf8))
    let (authority, forwarded) = (Array(ours.utf8), Array(told.utf8))
    var output = ByteBuffer(capacity: 4096)
    PrefixedFields.appendLocation(
      text.span, outer: before.span, prefix: own.span, isHTTPS: isHTTPS, ours: authority.span,
      told: forwarded.span, inner: Array(inner.utf8), to: &output)
    return String(lossy: output.readable)
  }

  @Test(arguments: [
    ("/login", "/flask/login"), ("/", "/flask/"), ("/?a=b", "/flask/?a=b"), ("/#x", "/flask/#x"),
    ("/a?next=/flask/b", "/flask/a?next=/flask/b"),
    // The backend knows its prefix.
    ("/flask", "/flask"), ("/flask/", "/flask/"), ("/flask/login", "/flask/login"),
    ("/flask?a", "/flask?a"), ("/flask#a", "/flask#a"),
    // On a segment boundary only, and byte by byte.
    ("/flasks", "/flask/flasks"), ("/Flask/a", "/flask/Flask/a"), ("/flas", "/flask/flas"),
    // Another host, whichever way it is written.
    ("//evil.example/x", "//evil.example/x"), ("//gateway.test:8080/x", "//gateway.test:8080/x"),
    ("http://evil.example/x", "http://evil.example/x"), ("mailto:a@b", "mailto:a@b"),
    ("https://gateway.test:8080/x", "https://gateway.test:8080/x"),
    ("http://gateway.test/x", "http://gateway.test/x"),
    ("http://gateway.test:8080.evil.example/x", "http://gateway.test:8080.evil.example/x"),
    ("http://gateway.test:8080@evil.example/x", "http://gateway.test:8080@evil.example/x"),
    ("http:///x", "http:///x"), ("http:/x", "http:/x"), ("http:", "http:"),
    // A path is put in front of what a browser might take for a host.
    ("/\\evil.example", "/flask/\\evil.example"),
    // Our own name.
    ("http://gateway.test:8080/x", "http://gateway.test:8080/flask/x"),
    ("HTTP://Gateway.Test:8080/x?y", "HTTP://Gateway.Test:8080/flask/x?y"),
    ("http://gateway.test:8080", "http://gateway.test:8080/flask"),
    ("http://gateway.test:8080?a", "http://gateway.test:8080/flask?a"),
    ("http://gateway.test:8080/flask/x", "http://gateway.test:8080/flask/x"),
    // Relative references are relative for the client too.
    ("login", "login"), ("../x", "../x"), ("?a=b", "?a=b"), ("#top", "#top"), ("", ""), (".", "."),
  ])
  func locationsFollow(url: String, wanted: String) {
    #expect(Self.location(url) == wanted)
  }

  @Test(arguments: [
    ("https://app.example/x", "https://app.example/flask/x"),
    ("http://app.example/x", "http://app.example/flask/x"),
    ("https://gateway.test:8080/x", "https://gateway.test:8080/flask/x"),
    ("https://evil.example/x", "https://evil.example/x"),
  ])
  func aTrustedPeersNameIsOurs(url: String, wanted: String) {
    #expect(Self.location(url, isHTTPS: true, told: "app.example") == wanted)
  }

  @Test(arguments: [
    ("http://backend.internal:5000/x?y", "/flask/x?y"),
    ("http://backend.internal:5000", "/flask"),
    ("http://backend.internal:5000/flask/x", "/flask/x"),
    ("http://backend.internal/x", "http://backend.internal/x"),
    ("http://gateway.test:8080/x", "http://gateway.test:8080/flask/x"),
  ])
  func theBackendsInnerNameStaysInside(url: String, wanted: String) {
    #expect(Self.location(url, inner: "backend.internal:5000") == wanted)
  }

  @Test(arguments: [
    ("/x", "/outer/flask/x"), ("/outer/flask/x", "/outer/flask/x"),
    ("/flask/x", "/outer/flask/x"), ("/outer/x", "/outer/flask/outer/x"),
    ("/outer/flasks", "/outer/flask/outer/flasks"),
  ])
  func aPrefixBeforeUsIsPutInFront(url: String, wanted: String) {
    #expect(Self.location(url, outer: "/outer") == wanted)
  }

  static func cookie(_ value: String, outer: String = "", prefix: String = "/flask") -> String {
    let (text, before, own) = (Array(value.utf8), Array(outer.utf8), Array(prefix.utf8))
    var output = ByteBuffer(capacity: 4096)
    PrefixedFields.appendCookie(
      text.span, outer: before.span, prefix: own.span, to: &output)
    return String(lossy: output.readable)
  }

  @Test(arguments: [
    ("a=b; Path=/", "a=b; Path=/flask"), ("a=b; Path=/x", "a=b; Path=/flask/x"),
    ("a=b; HttpOnly; Path=/; SameSite=Lax", "a=b; HttpOnly; Path=/flask; SameSite=Lax"),
    ("a=b;path=/x;Secure", "a=b;path=/flask/x;Secure"),
    ("a=b; PATH = /x ; B", "a=b; PATH = /flask/x ; B"),
    ("a=b; Path=/flask", "a=b; Path=/flask"), ("a=b; Path=/flask/x", "a=b; Path=/flask/x"),
    ("a=b; Path=/flasks", "a=b; Path=/flask/flasks"),
    ("a=b; Path=/; Path=/x", "a=b; Path=/flask; Path=/flask/x"),
    // No path, or none that a browser takes for one.
    ("a=b", "a=b"), ("a=b; Secure", "a=b; Secure"), ("a=b; Path", "a=b; Path"),
    ("a=b; Path=", "a=b; Path="), ("a=b; Path=x", "a=b; Path=x"),
    ("a=b; Path=\"/x\"", "a=b; Path=\"/x\""), ("a=b; Paths=/x", "a=b; Paths=/x"),
    ("a=b; XPath=/x", "a=b; XPath=/x"), ("a=b; Domain=d; Pat=/", "a=b; Domain=d; Pat=/"),
    // A cookie may be called like an attribute.
    ("Path=/x", "Path=/x"), ("path=/x; Path=/y", "path=/x; Path=/flask/y"),
    ("", ""), (";", ";"), ("a=b;", "a=b;"), ("a=b; Path=/x;", "a=b; Path=/flask/x;"),
    // The browser wants `/` for these.
    ("__Host-a=b; Path=/; Secure", "__Host-a=b; Path=/; Secure"),
    ("__HOST-a=b; Path=/", "__HOST-a=b; Path=/"),
    ("__Secure-a=b; Path=/; Secure", "__Secure-a=b; Path=/flask; Secure"),
  ])
  func cookiePathsFollow(value: String, wanted: String) {
    #expect(Self.cookie(value) == wanted)
  }

  @Test func aCookieFollowsAPrefixBeforeUs() {
    #expect(Self.cookie("a=b; Path=/", outer: "/outer") == "a=b; Path=/outer/flask")
    #expect(Self.cookie("a=b; Path=/flask/x", outer: "/outer") == "a=b; Path=/outer/flask/x")
  }

  @Test func whatDoesNotFitIsToldByTheBuffer() {
    let value = Array("a=b; Path=/x".utf8)
    let prefix = Array("/flask".utf8)
    var output = ByteBuffer(capacity: value.count + prefix.count - 1)
    PrefixedFields.appendCookie(
      value.span, outer: prefix.span.slice(from: 0, to: 0), prefix: prefix.span, to: &output)
    let overflowed = output.overflowed
    #expect(overflowed)
  }
}

/// What backends are told.
@Suite struct ForwardedFieldTests {
  @Test(arguments: [
    ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "\"[2001:db8::1]\""), ("unix", "_unix"),
  ])
  func tellsOneHop(address: String, node: String) throws {
    let bytes = Array(address.utf8)
    let unix = SocketAddress(unixPath: "unix")
    var facts = ForwardedFacts()
    facts.client = try #require(SocketAddress(ip: bytes.span, port: 80) ?? unix)
    let text = Array("a.example:80/outer/flask".utf8)
    facts.host = ByteRange(0, 12)
    facts.outerPrefix = ByteRange(12, 18)
    facts.prefix = ByteRange(18, 24)
    facts.isHTTPS = true
    var output = ByteBuffer(capacity: 4096)
    ForwardedFields.append(facts, bytes: text.span, withForwarded: true, to: &output)
    let written = String(lossy: output.readable)
    #expect(
      written == """
        X-Forwarded-For: \(address)\r
        X-Forwarded-Proto: https\r
        X-Forwarded-Host: a.example:80\r
        X-Forwarded-Prefix: /outer/flask\r
        Forwarded: for=\(node);host="a.example:80";proto=https\r\n
        """)
  }

  @Test func leavesOutWhatNobodyKnows() {
    var output = ByteBuffer(capacity: 4096)
    let none: [UInt8] = []
    ForwardedFields.append(ForwardedFacts(), bytes: none.span, withForwarded: true, to: &output)
    let written = String(lossy: output.readable)
    #expect(
      written
        == "X-Forwarded-For: 0.0.0.0\r\nX-Forwarded-Proto: http\r\nForwarded: for=0.0.0.0;proto=http\r\n"
    )
  }
}
