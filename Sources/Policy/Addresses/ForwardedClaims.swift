// What a trusted peer says about the request that it passes on: who the client is, and by which scheme,
// host and prefix it asked.
//
// Only peers in `trusted_proxies` are heard, and only for what is told to backends, logged, limited and
// admitted by address. Which route is taken never depends on any of it (GHSA-vhr5-ggp3-qq85,
// GHSA-7x63-xv5r-3p2x). A value that stands twice or is not exactly what it should be is not heard.
// `Forwarded` (RFC 7239) is never heard: two headers that say the same can differ. Loop only.

import Bytes
import HTTPWire

/// The claims of one request from a trusted peer; one object serves many requests.
public final class ForwardedClaims {
  /// Longest prefix that is believed.
  static let prefixBytesMaximum = 256
  /// Longest host with port that is believed: what a host can have (RFC 1035 §2.3.4), and a port.
  static let hostBytesMaximum = RouteTable.hostBytesMaximum + 6

  /// The client: the peer itself where it names nobody.
  public private(set) var client = PeerAddress(high: 0, low: 0, listener: 0)
  /// True when `client` is somebody else than the peer.
  public private(set) var namesClient = false
  /// True when the client asked by TLS.
  public private(set) var isHTTPS = false
  /// The host that the client asked, with its port; empty when the peer says nothing.
  public private(set) var host = ByteRange.empty
  /// What was cut from the path before us, `/a/b`; empty when the peer says nothing.
  public private(set) var prefix = ByteRange.empty

  /// Makes claims of nobody.
  public init() {}

  /// Forgets who was claimed to be the client: for a head that is refused before its claims are read.
  public func forgetClient() { namesClient = false }

  /// Reads the claims of `peer`, which is trusted.
  public func read(_ head: RequestHead, bytes: Span<UInt8>, peer: PeerAddress, set: PolicySet) {
    readClient(head, bytes, peer, set)
    isHTTPS = false
    host = .empty
    prefix = .empty
    if let value = only(.xForwardedProto, head) {
      isHTTPS = bytes.slice(value).equalsIgnoringCase(lowercase: "https")
    }
    if let value = only(.xForwardedHost, head), value.count <= Self.hostBytesMaximum,
      Authority.isValid(bytes.slice(value))
    {
      host = value
    }
    if let value = only(.xForwardedPrefix, head), Self.isPrefix(bytes.slice(value)) {
      prefix = value
    }
  }

  /// The chain of proxies from its near end: whoever is trusted is believed about the one before; the
  /// first who isn't is the client. When all are trusted it is the first of all. What can't be read
  /// ends the chain, and the last good address counts.
  private func readClient(
    _ head: RequestHead, _ bytes: Span<UInt8>, _ peer: PeerAddress, _ set: PolicySet
  ) {
    client = peer
    namesClient = false
    guard head.has(.xForwardedFor) else { return }
    var elements = AddressList.Elements(of: .xForwardedFor, in: head)
    while let element = elements.next(in: head, bytes) {
      // `::` is nobody's address; here it stands for the peers of Unix sockets.
      guard let address = AddressList.parseIPAddress(bytes.slice(element)), address != (0, 0) else {
        return
      }
      client = PeerAddress(high: address.high, low: address.low, listener: peer.listener)
      namesClient = true
      if !set.isTrusted(client) { return }
    }
  }

  /// The value of a field that stands there once.
  private func only(_ name: FieldName, _ head: RequestHead) -> ByteRange? {
    guard let first = head.index(of: name), head.index(of: name, from: first + 1) == nil else {
      return nil
    }
    return head.field(at: first).value
  }

  /// True for `/a/b`: segments of unreserved characters, none of them dots, no slash at the end. It
  /// comes to stand in `Location` and cookies, so nothing in it may have a second meaning.
  private static func isPrefix(_ text: Span<UInt8>) -> Bool {
    guard text.count >= 2, text.count <= prefixBytesMaximum, text[0] == UInt8(ascii: "/"),
      text[text.count - 1] != UInt8(ascii: "/"), PathShape.quick(text).isDisjoint(with: .special)
    else { return false }
    for index in 0..<text.count {
      switch text[index] {
      case UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        continue
      default: guard text[index].isASCIIAlphanumeric else { return false }
      }
    }
    return true
  }
}
