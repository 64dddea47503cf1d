// What backends are told about the client: X-Forwarded-For, -Proto, -Host, -Prefix, and Forwarded
// (RFC 7239) where an upstream asks for it.
//
// Always written anew and about exactly one hop, whatever came in: the guard has removed what the
// client sent under these names. The ordinary request (an untrusted peer, no stripped prefix) has its
// own short way in `ForwardedHead`; this is the way of all others, and what `explain` shows.

import Bytes
import EventLoop
import HTTPWire
import Policy

/// What is told about one request. Ranges are of the bytes that its head was parsed from.
public struct ForwardedFacts: Sendable {
  /// Who asks.
  public var client: SocketAddress
  /// Whether by TLS.
  public var isHTTPS: Bool
  /// Host and port that were asked for; empty when nobody knows.
  public var host: ByteRange
  /// What somebody trusted cut from the path before us.
  public var outerPrefix: ByteRange
  /// What is cut here.
  public var prefix: ByteRange

  /// Facts of no request.
  init() {
    client = SocketAddress(ipv4: 0, port: 0)
    isHTTPS = false
    host = .empty
    outerPrefix = .empty
    prefix = .empty
  }

  /// The facts of a request from `peer`: with what it claims where it is trusted, without where it
  /// isn't. So many bytes of its path are not forwarded.
  public init(
    _ head: RequestHead, peer: SocketAddress, claims: ForwardedClaims?, strippedBytes: Int
  ) {
    client = peer
    isHTTPS = false
    host = head.authority
    outerPrefix = .empty
    prefix = ByteRange(head.path.lower, head.path.lower + strippedBytes)
    guard let claims else { return }
    client = claims.address(behind: peer)
    isHTTPS = claims.isHTTPS
    outerPrefix = claims.prefix
    if !claims.host.isEmpty { host = claims.host }
  }
}

extension ForwardedClaims {
  /// The client's address, the peer's own where it names nobody.
  func address(behind peer: SocketAddress) -> SocketAddress {
    namesClient ? SocketAddress(high: client.high, low: client.low, port: 0) : peer
  }
}

/// Writing forwarded fields.
public enum ForwardedFields {
  /// Appends complete lines. The caller checks `overflowed`.
  public static func append(
    _ facts: ForwardedFacts, bytes: Span<UInt8>, withForwarded: Bool,
    to output: inout ByteBuffer
  ) {
    output.append("X-Forwarded-For: ")
    facts.client.appendIP(to: &output)
    output.append("\r\nX-Forwarded-Proto: ")
    output.append(facts.isHTTPS ? "https\r\n" : "http\r\n")
    if !facts.host.isEmpty {
      output.append("X-Forwarded-Host: ")
      output.append(bytes, facts.host)
      output.append("\r\n")
    }
    if !facts.prefix.isEmpty || !facts.outerPrefix.isEmpty {
      output.append("X-Forwarded-Prefix: ")
      output.append(bytes, facts.outerPrefix)
      output.append(bytes, facts.prefix)
      output.append("\r\n")
    }
    if withForwarded { appendForwarded(facts, bytes, to: &output) }
  }

  /// `Forwarded: for="[2001:db8::1]";host="example.com:8080";proto=http`. Hosts hold no quotes and no
  /// backslashes, so they stand in quotes as they are.
  private static func appendForwarded(
    _ facts: ForwardedFacts, _ bytes: Span<UInt8>, to output: inout ByteBuffer
  ) {
    output.append("Forwarded: for=")
    switch facts.client.family {
    case .ipv4: facts.client.appendIP(to: &output)
    case .ipv6:
      output.append("\"[")
      facts.client.appendIP(to: &output)
      output.append("]\"")
    // A name that is no address begins with an underscore (RFC 7239 §6.3).
    case .unix: output.append("_unix")
    }
    if !facts.host.isEmpty {
      output.append(";host=\"")
      output.append(bytes, facts.host)
      output.append("\"")
    }
    output.append(facts.isHTTPS ? ";proto=https\r\n" : ";proto=http\r\n")
  }
}
