// Where a socket listens, connects to or was connected from.
//
// A plain value: an IP address needs no heap, so that accepting a client allocates nothing; only the
// path of a Unix socket is a String. IPv4 is kept in v4-mapped form (::ffff:a.b.c.d), so that one
// client has one spelling whichever socket it came in through. Names are not addresses: `Resolver`
// turns them into some. Any thread.

import Bytes
import CPlatform

/// An IPv4 or IPv6 address with a port, or the path of a Unix socket.
public struct SocketAddress: Sendable, Hashable {
  /// The kinds of address.
  public enum Family: UInt8, Sendable {
    /// Four bytes and a port.
    case ipv4
    /// Sixteen bytes and a port.
    case ipv6
    /// A path; also what the peer of a Unix socket looks like, with an empty path.
    case unix
  }

  /// The longest path that a Unix socket can have.
  public static let unixPathBytesMaximum = 107

  /// What kind of address this is.
  public let family: Family
  /// The port; 0 for a Unix socket.
  public let port: UInt16
  /// The interface of a link-local IPv6 address, else 0.
  let scope: UInt32
  private let high: UInt64
  private let low: UInt64
  /// The path of a Unix socket, else empty.
  public let path: String

  /// The 16 bytes of the address (IPv4 in v4-mapped form) as two big-endian numbers; zero for a Unix
  /// socket.
  public var ipBytes: (high: UInt64, low: UInt64) { (high, low) }

  /// Makes an IPv4 address from its four bytes read as one big-endian number.
  public init(ipv4 bytes: UInt32, port: UInt16) {
    self.init(.ipv4, 0, Self.mappedPrefix | UInt64(bytes), scope: 0, port: port, path: "")
  }

  /// Makes an address from 16 bytes; the v4-mapped ones are IPv4.
  public init(high: UInt64, low: UInt64, port: UInt16) {
    let isMapped = high == 0 && low & 0xffff_ffff_0000_0000 == Self.mappedPrefix
    self.init(isMapped ? .ipv4 : .ipv6, high, low, scope: 0, port: port, path: "")
  }

  /// Makes the address of a Unix socket; nil when `path` is empty, longer than
  /// `unixPathBytesMaximum`, or holds a zero byte.
  public init?(unixPath path: String) {
    let count = path.utf8.count
    guard count > 0, count <= Self.unixPathBytesMaximum, !path.utf8.contains(0) else { return nil }
    self.init(.unix, 0, 0, scope: 0, port: 0, path: path)
  }

  init(_ endpoint: platform_endpoint) {
    let family: Family =
      switch endpoint.family {
      case 4: .ipv4
      case 6: .ipv6
      default: .unix
      }
    self.init(
      family, endpoint.high, endpoint.low, scope: endpoint.scope, port: endpoint.port, path: "")
  }

  private init(
    _ family: Family, _ high: UInt64, _ low: UInt64, scope: UInt32, port: UInt16, path: String
  ) {
    self.family = family
    self.high = high
    self.low = low
    self.scope = scope
    self.port = port
    self.path = path
  }

  private static let mappedPrefix: UInt64 = 0x0000_ffff_0000_0000

  /// What `CPlatform` takes; not for Unix sockets.
  var endpoint: platform_endpoint {
    platform_endpoint(
      high: high, low: low, scope: scope, port: port, family: family == .ipv4 ? 4 : 6)
  }

  /// The same address with another port.
  public func with(port: UInt16) -> SocketAddress {
    SocketAddress(family, high, low, scope: scope, port: port, path: path)
  }

  /// True for 127.0.0.0/8, ::1 and Unix sockets: what other machines can't reach.
  public var isLoopback: Bool {
    switch family {
    case .ipv4: low >> 24 & 0xff == 127
    case .ipv6: high == 0 && low == 1
    case .unix: true
    }
  }

  /// True for 0.0.0.0 and ::, which mean every address of the machine when listening.
  public var isWildcard: Bool {
    switch family {
    case .ipv4: low & 0xffff_ffff == 0
    case .ipv6: high == 0 && low == 0
    case .unix: false
    }
  }
}

// MARK: Text

extension SocketAddress: CustomStringConvertible {
  /// The longest text of an IP address without a port.
  public static let ipTextBytesMaximum = 39

  /// Appends the address without port or brackets, IPv6 as RFC 5952 has it; `unix` for a Unix peer.
  public func appendIP(to buffer: inout ByteBuffer) {
    switch family {
    case .ipv4:
      buffer.append(decimal: Int(low >> 24 & 0xff))
      var shift: UInt64 = 24
      while shift > 0 {
        shift -= 8
        buffer.append(UInt8(ascii: "."))
        buffer.append(decimal: Int(low >> shift & 0xff))
      }
    case .ipv6: appendGroups(to: &buffer)
    case .unix: buffer.append("unix")
    }
  }

  /// Appends what `init(_:)` reads: `127.0.0.1:80`, `[::1]:80`, `unix:run/x.sock`.
  public func appendText(to buffer: inout ByteBuffer) {
    switch family {
    case .ipv4:
      appendIP(to: &buffer)
    case .ipv6:
      buffer.append(UInt8(ascii: "["))
      appendIP(to: &buffer)
      buffer.append(UInt8(ascii: "]"))
    case .unix:
      buffer.append("unix:")
      buffer.append(text: path)
      return
    }
    buffer.append(UInt8(ascii: ":"))
    buffer.append(decimal: Int(port))
  }

  /// The text of `appendText(to:)`.
  public var description: String {
    var buffer = ByteBuffer(capacity: 16 + max(Self.ipTextBytesMaximum, path.utf8.count))
    appendText(to: &buffer)
    return String(lossy: buffer.readable)
  }

  private func group(_ index: Int) -> UInt64 {
    let word = index < 4 ? high : low
    return word >> UInt64(48 - 16 * (index & 3)) & 0xffff
  }

  /// RFC 5952 §4: lower case, no leading zeros, the longest run of two or more zero groups (the
  /// first of equals) as `::`.
  private func appendGroups(to buffer: inout ByteBuffer) {
    var bestStart = 8
    var bestCount = 1
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, group(end) == 0 { end += 1 }
      if end - start > bestCount {
        bestStart = start
        bestCount = end - start
      }
      start = end + 1
    }
    var index = 0
    while index < 8 {
      if index == bestStart {
        buffer.append("::")
        index += bestCount
        continue
      }
      if index > 0, index != bestStart + bestCount { buffer.append(UInt8(ascii: ":")) }
      buffer.append(hexadecimal: group(index))
      index += 1
    }
  }
}
