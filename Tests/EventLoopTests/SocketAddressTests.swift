// Reading and writing addresses, and which texts are names.

import Bytes
import EventLoop
import Testing

struct SocketAddressTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    /// What it prints as; nil when it is no address.
    let want: String?
    var testDescription: String { text.isEmpty ? "(empty)" : text }
  }

  static let cases: [Case] = [
    Case(text: "127.0.0.1:80", want: "127.0.0.1:80"),
    Case(text: "0.0.0.0:0", want: "0.0.0.0:0"),
    Case(text: "255.255.255.255:65535", want: "255.255.255.255:65535"),
    Case(text: "[::1]:80", want: "[::1]:80"),
    Case(text: "[::]:80", want: "[::]:80"),
    Case(text: "[2001:DB8:0:0:1:0:0:1]:443", want: "[2001:db8::1:0:0:1]:443"),
    Case(text: "[2001:db8:0:1:1:1:1:1]:443", want: "[2001:db8:0:1:1:1:1:1]:443"),
    Case(text: "[1:0:0:2:0:0:0:3]:1", want: "[1:0:0:2::3]:1"),
    Case(text: "[1::]:1", want: "[1::]:1"),
    Case(text: "[1:2:3:4:5:6:7::]:1", want: "[1:2:3:4:5:6:7:0]:1"),
    Case(text: "[::2:3:4:5:6:7:8]:1", want: "[0:2:3:4:5:6:7:8]:1"),
    Case(text: "[1:2:3:4:5:6:7:8]:1", want: "[1:2:3:4:5:6:7:8]:1"),
    Case(text: "[::ffff:192.0.2.7]:8080", want: "192.0.2.7:8080"),
    Case(text: "[64:ff9b::192.0.2.7]:8080", want: "[64:ff9b::c000:207]:8080"),
    Case(text: "[1:2:3:4:5:6:1.2.3.4]:1", want: "[1:2:3:4:5:6:102:304]:1"),
    Case(text: "unix:run/x.sock", want: "unix:run/x.sock"),
    Case(text: "unix:/run/a b:c", want: "unix:/run/a b:c"),
    Case(text: "", want: nil),
    Case(text: ":80", want: nil),
    Case(text: "127.0.0.1", want: nil),
    Case(text: "127.0.0.1:", want: nil),
    Case(text: "127.0.0.1:65536", want: nil),
    Case(text: "127.0.0.1:000080", want: nil),
    Case(text: "127.0.0.1:-1", want: nil),
    Case(text: "127.0.0.1: 80", want: nil),
    Case(text: "127.0.0.01:80", want: nil),
    Case(text: "127.0.0.256:80", want: nil),
    Case(text: "127.0.0:80", want: nil),
    Case(text: "127.0.0.1.1:80", want: nil),
    Case(text: "127.0.0.1.:80", want: nil),
    Case(text: "127..0.1:80", want: nil),
    Case(text: "0x7f.0.0.1:80", want: nil),
    Case(text: "::1:80", want: nil),
    Case(text: "[::1]", want: nil),
    Case(text: "[]:80", want: nil),
    Case(text: "[:]:80", want: nil),
    Case(text: "[:::]:80", want: nil),
    Case(text: "[1::2::3]:80", want: nil),
    Case(text: "[1:2:3:4:5:6:7]:80", want: nil),
    Case(text: "[1:2:3:4:5:6:7:8:9]:80", want: nil),
    Case(text: "[1:2:3:4::5:6:7:8]:80", want: nil),
    Case(text: "[1:2:3:4:5:6:7:]:80", want: nil),
    Case(text: "[:1:2:3:4:5:6:7]:80", want: nil),
    Case(text: "[12345::]:80", want: nil),
    Case(text: "[g::]:80", want: nil),
    Case(text: "[fe80::1%eth0]:80", want: nil),
    Case(text: "[1:2:3:4:5:6:7:1.2.3.4]:1", want: nil),
    Case(text: "[1.2.3.4::]:1", want: nil),
    Case(text: "localhost:80", want: nil),
    Case(text: "unix:", want: nil),
    Case(text: "unix:a\0b", want: nil),
  ]

  @Test(arguments: cases)
  func readsAndPrints(_ row: Case) throws {
    let address = SocketAddress(row.text)
    #expect(address?.description == row.want)
    guard let address else { return }
    #expect(SocketAddress(address.description) == address, "what is printed is read back")
  }

  @Test func aUnixPathMayBeAsLongAsTheSystemTakes() {
    let longest = String(repeating: "p", count: SocketAddress.unixPathBytesMaximum)
    #expect(SocketAddress(unixPath: longest)?.path == longest)
    #expect(SocketAddress(unixPath: longest + "p") == nil)
  }

  @Test func oneAddressHasOneSpelling() throws {
    let plain = try #require(SocketAddress("192.0.2.7:80"))
    let mapped = try #require(SocketAddress("[::ffff:c000:207]:80"))
    #expect(plain == mapped)
    #expect(plain.hashValue == mapped.hashValue)
    #expect(plain.family == .ipv4)
    #expect(plain.ipBytes == (0, 0xffff_c000_0207))
    let six = try #require(SocketAddress("[102:304:506:708:90a:b0c:d0e:f10]:1"))
    #expect(six.ipBytes == (0x0102_0304_0506_0708, 0x090a_0b0c_0d0e_0f10))
  }

  @Test(arguments: [
    ("127.0.0.1:1", true), ("127.255.0.9:1", true), ("[::1]:1", true), ("unix:x", true),
    ("128.0.0.1:1", false), ("0.0.0.0:1", false), ("[::]:1", false), ("[::127.0.0.1]:1", false),
  ])
  func knowsLoopback(_ text: String, _ want: Bool) throws {
    #expect(try #require(SocketAddress(text)).isLoopback == want)
  }

  @Test(arguments: [
    ("0.0.0.0:1", true), ("[::]:1", true), ("127.0.0.1:1", false), ("unix:x", false),
    ("[::ffff:0.0.0.0]:1", true),
  ])
  func knowsTheWildcard(_ text: String, _ want: Bool) throws {
    #expect(try #require(SocketAddress(text)).isWildcard == want)
  }

  @Test(arguments: [
    ("10.1.2.3", "10.1.2.3"), ("::1", "::1"), ("2001:db8::", "2001:db8::"),
    ("::ffff:1.2.3.4", "1.2.3.4"),
    ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
  ])
  func readsAnAddressWithoutAPort(_ text: String, _ want: String) throws {
    let bytes = Array(text.utf8)
    let parsed = SocketAddress(ip: bytes.span, port: 7)
    let address = try #require(parsed)
    var buffer = ByteBuffer(capacity: SocketAddress.ipTextBytesMaximum)
    address.appendIP(to: &buffer)
    #expect(String(lossy: buffer.readable) == want)
    #expect(buffer.overflowed == false)
    #expect(address.port == 7)
  }

  @Test(arguments: [
    ("127.0.0.1:80", "address"), ("unix:x", "address"), ("localhost:80", "name"),
    ("flask-1.internal_net:5000", "name"), ("a:1", "name"), ("localhost", "none"),
    ("localhost:", "none"), (":80", "none"), ("127.1:80", "none"), ("0300.0.0.1:80", "none"),
    ("a b:80", "none"), ("http://a:80", "none"), ("host:99999", "none"), ("a.:80", "none"),
  ])
  func tellsAddressesFromNames(_ text: String, _ want: String) {
    let got =
      switch Endpoint(text) {
      case .address: "address"
      case .name: "name"
      case nil: "none"
      }
    #expect(got == want)
    if let endpoint = Endpoint(text) { #expect(endpoint.description == text) }
  }

  @Test func resolvesLocalhostAndNamesWhatItCannotResolve() throws {
    let local = try Resolver.resolve(.name("localhost", port: 81))
    #expect(!local.isEmpty)
    for address in local { #expect(address.isLoopback && address.port == 81) }
    let mapped = try Resolver.resolve(.name("::ffff:127.0.0.1", port: 81))
    #expect(mapped.map(\.description) == ["127.0.0.1:81"], "the system's answers are spelled alike")
    // RFC 6761 keeps "invalid" from ever existing.
    let error = #expect(throws: ResolverError.self) {
      _ = try Resolver.resolve(.name("nowhere.invalid", port: 81))
    }
    #expect(error?.name == "nowhere.invalid")
    #expect(error?.reason.isEmpty == false)
  }
}
