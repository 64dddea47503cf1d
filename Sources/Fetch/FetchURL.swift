// What a configuration may name as the place of a key set: `https://login.example.com/jwks.json`.
//
// Much less than RFC 3986 allows, and each text in one way only: a scheme in lower case, no user (a
// secret in a URL ends in logs), no fragment, no letters that need encoding, no odd spelling of an
// address, no dot segments. What is left is sent as it stands.
//
// Pure.

import Bytes
import Crypto
import EventLoop

/// An `http` or `https` URL, checked.
public struct FetchURL: Sendable, Hashable, CustomStringConvertible {
  /// The longest URL that is read.
  public static let bytesMaximum = 2048

  /// As it was written.
  public let description: String
  /// True for `https`.
  public let isSecure: Bool
  /// The name or address, without brackets: what a certificate must be for.
  public let host: TLSServerName
  /// The port, 443 or 80 unless one is written.
  public let port: UInt16
  /// Host and port as the `Host` field says them (RFC 9110 §7.2).
  public let authority: String
  /// Path and query, beginning with `/`.
  public let target: String

  /// Reads a URL; nil for anything that isn't exactly one.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count <= Self.bytesMaximum, bytes.allSatisfy(Self.mayStand) else { return nil }
    let scheme: String
    if text.hasPrefix("https://") {
      scheme = "https://"
    } else if text.hasPrefix("http://") {
      scheme = "http://"
    } else {
      return nil
    }
    isSecure = scheme == "https://"
    let rest = bytes[scheme.utf8.count...]
    let pathStart = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
    let place = rest[..<(pathStart ?? rest.endIndex)]
    let path = rest[(pathStart ?? rest.endIndex)...]
    guard let (host, port) = Self.split(place), Self.isTarget(path) else { return nil }
    self.host = host
    let usual: UInt16 = isSecure ? 443 : 80
    self.port = port ?? usual
    let name = host.description.contains(":") ? "[\(host)]" : host.description
    authority = self.port == usual ? name : "\(name):\(self.port)"
    let target = String(decoding: path, as: UTF8.self)
    self.target = target.hasPrefix("/") ? target : "/" + target
    description = text
  }

  /// Where to connect: for `Resolver.resolve`, which may block.
  public var endpoint: Endpoint {
    let name = host.description
    let bytes = Array(name.utf8)
    if host.isAddress, let address = SocketAddress(ip: bytes.span, port: port) {
      return .address(address)
    }
    return .name(name, port: port)
  }

  /// RFC 3986 §2: the letters of a URL, but `#`, and `@`, which is where a user would end.
  private static func mayStand(_ byte: UInt8) -> Bool {
    byte.isASCIIAlphanumeric || "-._~:/?[]!$&'()*+,;=%".utf8.contains(byte)
  }

  private static func split(_ place: ArraySlice<UInt8>) -> (TLSServerName, UInt16?)? {
    var name = place
    var port: UInt16?
    let isBracketed = place.first == UInt8(ascii: "[")
    if let colon = place.lastIndex(of: UInt8(ascii: ":")),
      !isBracketed || place[colon...].allSatisfy({ $0 != UInt8(ascii: "]") })
    {
      let digits = Array(place[(colon + 1)...])
      guard digits.count <= 5, digits.first != UInt8(ascii: "0"),
        let number = digits.span.decimalValue(), let value = UInt16(exactly: number)
      else { return nil }
      port = value
      name = place[..<colon]
    }
    if isBracketed {
      guard name.last == UInt8(ascii: "]"), name.contains(UInt8(ascii: ":")) else { return nil }
      name = name.dropFirst().dropLast()
    } else if name.contains(UInt8(ascii: ":")) {
      return nil
    }
    guard let host = TLSServerName(String(decoding: name, as: UTF8.self)) else { return nil }
    // What is compared with a certificate must be what is connected to.
    let letters = Array(name)
    if host.isAddress, SocketAddress(ip: letters.span, port: 0) == nil { return nil }
    return (host, port)
  }

  private static func isTarget(_ target: ArraySlice<UInt8>) -> Bool {
    if target.contains(where: { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "]") }) {
      return false
    }
    var index = target.startIndex
    while index < target.endIndex {
      if target[index] == UInt8(ascii: "%") {
        guard target.endIndex - index > 2, target[index + 1].hexadecimalDigitValue != nil,
          target[index + 2].hexadecimalDigitValue != nil
        else { return false }
      }
      index += 1
    }
    let path = target.prefix { $0 != UInt8(ascii: "?") }
    return path.split(separator: UInt8(ascii: "/")).allSatisfy { segment in
      !(segment.count <= 2 && segment.allSatisfy { $0 == UInt8(ascii: ".") })
    }
  }
}

extension FetchRequest {
  /// A GET of `url` at an address that its name was resolved to; `tls` is needed for `https` alone
  /// and then decides whom to trust. Without Accept-Encoding, so that an encoded answer is a fault.
  public init(
    _ url: FetchURL, at address: SocketAddress, tls: TLSContext,
    responseBytesMaximum: Int = FetchRequest.responseBytesDefault
  ) {
    self.init(
      address: address, host: url.authority, target: url.target,
      responseBytesMaximum: responseBytesMaximum)
    if url.isSecure { security = FetchSecurity(name: url.host, context: tls) }
  }
}
