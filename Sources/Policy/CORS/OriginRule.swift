// One entry of a policy's `origins`: what it matches, and what is wrong with it.
//
// Origins are compared as browsers serialise them (RFC 6454 §6.2): lower case, no default port, no
// path. A pattern's star stands for exactly one host label, so that it matches no more than it says
// (`https://*.example.com` is not `https://example.com.evil.net` nor `https://a.b.example.com`).

import Bytes

/// What one configured origin matches.
enum OriginRule: Equatable, Sendable {
  /// Every origin.
  case any
  /// Exactly these bytes.
  case exact([UInt8])
  /// `prefix`, one host label, `suffix`.
  case label(prefix: [UInt8], suffix: [UInt8])
  /// Not an origin, and why.
  case invalid(String)

  /// Reads a configured origin.
  init(_ text: String) {
    if text == "*" {
      self = .any
      return
    }
    if text.lowercased() == "null" {
      self = .invalid(
        "the origin `null` is what sandboxed pages of anybody send; it can't be allowed")
      return
    }
    let bytes = text.utf8.map(\.asciiLowercased)
    guard let schemeEnd = Self.schemeEnd(bytes) else {
      self = .invalid("an origin is written `https://app.example.com`")
      return
    }
    let authority = Array(bytes[schemeEnd...])
    if authority.contains(UInt8(ascii: "/")) || authority.contains(UInt8(ascii: "?")) {
      self = .invalid("an origin has no path and no trailing slash")
      return
    }
    self = Self.authorityRule(scheme: Array(bytes[..<schemeEnd]), authority: authority)
  }

  /// Offset behind `://`, nil when the text doesn't begin with a scheme.
  private static func schemeEnd(_ bytes: [UInt8]) -> Int? {
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0,
      bytes[..<colon].allSatisfy({
        $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
          || $0 == UInt8(ascii: "+")
      }), bytes[colon...].starts(with: Array("://".utf8))
    else { return nil }
    return colon + 3
  }

  private static func authorityRule(scheme: [UInt8], authority: [UInt8]) -> OriginRule {
    let hasStar = authority.contains(UInt8(ascii: "*"))
    let rest = hasStar ? Array(authority.dropFirst()) : authority
    if hasStar {
      guard authority.first == UInt8(ascii: "*"), rest.first == UInt8(ascii: "."),
        !rest.contains(UInt8(ascii: "*"))
      else {
        return .invalid("a star stands for one whole label: `https://*.example.com`")
      }
    }
    let (host, port) = split(rest)
    guard isHost(hasStar ? Array(host.dropFirst()) : host) else {
      return .invalid("an origin is written `https://app.example.com`")
    }
    if hasStar, host.filter({ $0 == UInt8(ascii: ".") }).count < 2 {
      return .invalid("the star would match every site below a top-level domain")
    }
    if let port {
      guard let number = port.span.decimalValue(), number > 0, number < 65_536 else {
        return .invalid("the port is not a number")
      }
      let isDefault =
        (scheme.elementsEqual("https://".utf8) && number == 443)
        || (scheme.elementsEqual("http://".utf8) && number == 80)
      if isDefault { return .invalid("browsers leave the default port out of an origin") }
    }
    return hasStar ? .label(prefix: scheme, suffix: rest) : .exact(scheme + authority)
  }

  private static func split(_ authority: [UInt8]) -> (host: [UInt8], port: [UInt8]?) {
    let searchStart = authority.firstIndex(of: UInt8(ascii: "]")) ?? 0
    guard let colon = authority[searchStart...].firstIndex(of: UInt8(ascii: ":")) else {
      return (authority, nil)
    }
    return (Array(authority[..<colon]), Array(authority[(colon + 1)...]))
  }

  private static func isHost(_ host: [UInt8]) -> Bool {
    guard let first = host.first, let last = host.last else { return false }
    if first == UInt8(ascii: "[") {
      return last == UInt8(ascii: "]") && host.count > 3
        && host.dropFirst().dropLast().allSatisfy {
          $0.hexadecimalDigitValue != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
        }
    }
    return first != UInt8(ascii: ".") && last != UInt8(ascii: ".")
      && host.allSatisfy(isLabelByteOrDot)
  }

  private static func isLabelByteOrDot(_ byte: UInt8) -> Bool {
    isLabelByte(byte) || byte == UInt8(ascii: ".")
  }

  private static func isLabelByte(_ byte: UInt8) -> Bool {
    byte.isASCIIAlphanumeric || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
  }

  /// True when a request's `Origin` is meant.
  func matches(_ origin: Span<UInt8>) -> Bool {
    switch self {
    case .any: return true
    case .exact(let bytes): return origin.equals(bytes.span)
    case .label(let prefix, let suffix):
      guard origin.count > prefix.count + suffix.count, origin.starts(with: prefix.span),
        origin.slice(from: origin.count - suffix.count).equals(suffix.span)
      else { return false }
      for index in prefix.count..<(origin.count - suffix.count) {
        let byte = origin[index]
        if !Self.isLabelByte(byte) || byte.asciiLowercased != byte { return false }
      }
      return true
    case .invalid: return false
    }
  }
}
