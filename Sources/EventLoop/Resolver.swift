// Names to addresses, by the system's own resolver (hosts file, DNS): what `server flask:5000` needs.
//
// `Resolver.resolve` blocks for as long as DNS takes: on Dispatch or before the loops start, never on
// a loop. An `Endpoint` is what a configuration line says before anybody asked.

import Bytes
import CPlatform

/// An address, or a name and a port that still have to be resolved.
public enum Endpoint: Sendable, Hashable, CustomStringConvertible {
  /// Known without asking anybody.
  case address(SocketAddress)
  /// For `Resolver.resolve`.
  case name(String, port: UInt16)

  /// Reads an address as `SocketAddress` does, or `name:port` with a name of letters, digits, dots,
  /// hyphens and underscores that doesn't look like a number; nil for anything else.
  public init?(_ text: String) {
    if let address = SocketAddress(text) {
      self = .address(address)
      return
    }
    let bytes = Array(text.utf8)
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")), colon > 0, colon <= 253,
      let port = parsePort(bytes.span.slice(from: colon + 1))
    else { return nil }
    let name = bytes[..<colon]
    let isName = name.allSatisfy { byte in
      byte.isASCIIAlphanumeric || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
        || byte == UInt8(ascii: "_")
    }
    // "127.1" or "0300.0.0.1" would be resolved as an address by rules of the last century.
    let last = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).last
    let looksNumeric = last?.first.map { $0 &- UInt8(ascii: "0") < 10 } ?? true
    guard isName, !looksNumeric else { return nil }
    self = .name(String(decoding: name, as: UTF8.self), port: port)
  }

  /// What `init(_:)` reads.
  public var description: String {
    switch self {
    case .address(let address): address.description
    case .name(let name, let port): "\(name):\(port)"
    }
  }
}

/// A name that could not be resolved.
public struct ResolverError: Error, Sendable, CustomStringConvertible {
  /// The name.
  public let name: String
  /// The resolver's own words.
  public let reason: String

  /// Makes one.
  public init(name: String, reason: String) {
    self.name = name
    self.reason = reason
  }

  /// For people: "flask: Name or service not known".
  public var description: String { "\(name): \(reason)" }
}

/// The system's resolver.
public enum Resolver {
  /// Addresses taken from one answer; further ones are ignored.
  public static let addressesMaximum = 32

  /// The addresses of an endpoint, in the order in which the system prefers them; never empty.
  /// Blocks.
  public static func resolve(_ endpoint: Endpoint) throws(ResolverError) -> [SocketAddress] {
    switch endpoint {
    case .address(let address):
      return [address]
    case .name(let name, let port):
      var found = [platform_endpoint](repeating: platform_endpoint(), count: addressesMaximum)
      // At most `addressesMaximum` elements of the array are written.
      let count = unsafe platform_resolve(name, &found, Int32(addressesMaximum))
      guard count >= 0 else {
        // The text is a constant of the C library.
        throw ResolverError(
          name: name, reason: unsafe String(cString: platform_resolve_text(count)))
      }
      guard count > 0 else { throw ResolverError(name: name, reason: "no IP address") }
      return found.prefix(Int(count)).map { SocketAddress($0).with(port: port) }
    }
  }
}
