// Reading addresses: `127.0.0.1:80`, `[::1]:80`, `unix:run/x.sock`, and addresses without a port.
//
// Strict: an IPv4 part is 0 to 255 without leading zeros (some libraries read those as octal, and two
// readers that disagree about an address are a way round an allow list), no zone names, a port has 1
// to 5 digits. Names are for `Endpoint`. Configuration time and trusted headers; pure.

import Bytes

extension SocketAddress {
  /// Reads an address with its port, or `unix:` and a path; nil for anything else.
  public init?(_ text: String) {
    if text.hasPrefix("unix:") {
      self.init(unixPath: String(text.dropFirst(5)))
      return
    }
    let bytes = Array(text.utf8)
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")),
      let port = parsePort(bytes.span.slice(from: colon + 1))
    else { return nil }
    let host = bytes.span.slice(from: 0, to: colon)
    let isBracketed = host.count > 2 && host[0] == UInt8(ascii: "[")
    if isBracketed {
      guard host[host.count - 1] == UInt8(ascii: "]"),
        let ip = Self.parseIPv6(host.slice(from: 1, to: host.count - 1))
      else { return nil }
      self.init(high: ip.high, low: ip.low, port: port)
    } else {
      guard let ip = Self.parseIPv4(host) else { return nil }
      self.init(ipv4: ip, port: port)
    }
  }

  /// Reads an IPv4 or IPv6 address without port or brackets; nil for anything else.
  public init?(ip text: Span<UInt8>, port: UInt16) {
    if let ip = Self.parseIPv4(text) {
      self.init(ipv4: ip, port: port)
    } else if let ip = Self.parseIPv6(text) {
      self.init(high: ip.high, low: ip.low, port: port)
    } else {
      return nil
    }
  }

  private static func parseIPv4(_ text: Span<UInt8>) -> UInt32? {
    var value: UInt32 = 0
    var parts = 0
    var start = 0
    while parts < 4 {
      var end = start
      while end < text.count, text[end] != UInt8(ascii: ".") { end += 1 }
      let part = text.slice(from: start, to: end)
      guard part.count <= 3, let number = part.decimalValue(), number <= 255,
        part.count == 1 || part[0] != UInt8(ascii: "0")
      else { return nil }
      value = value << 8 | UInt32(number)
      parts += 1
      guard end < text.count else { break }
      start = end + 1
      if parts == 4 { return nil }
    }
    return parts == 4 ? value : nil
  }

  /// RFC 4291 §2.2: eight groups, one `::` for at least one group of zeros, the last two groups
  /// possibly in dotted form.
  private static func parseIPv6(_ text: Span<UInt8>) -> (high: UInt64, low: UInt64)? {
    var groups = InlineArray<8, UInt64>(repeating: 0)
    var count = 0
    var gap: Int?
    var index = 0
    if text.count >= 2, text[0] == UInt8(ascii: ":"), text[1] == UInt8(ascii: ":") {
      gap = 0
      index = 2
    }
    while index < text.count {
      guard count < 8 else { return nil }
      var end = index
      while end < text.count, text[end] != UInt8(ascii: ":") { end += 1 }
      let part = text.slice(from: index, to: end)
      if end == text.count, count <= 6, let dotted = parseIPv4(part) {
        groups[count] = UInt64(dotted >> 16)
        groups[count + 1] = UInt64(dotted & 0xffff)
        count += 2
        break
      }
      guard let group = parseGroup(part) else { return nil }
      groups[count] = group
      count += 1
      guard end < text.count else { break }
      index = end + 1
      if index < text.count, text[index] == UInt8(ascii: ":") {
        guard gap == nil else { return nil }
        gap = count
        index += 1
      } else if index == text.count {
        return nil
      }
    }
    if let gap {
      guard count < 8 else { return nil }
      let shift = 8 - count
      var target = 7
      while target >= gap + shift {
        groups[target] = groups[target - shift]
        target -= 1
      }
      for zero in gap..<(gap + shift) { groups[zero] = 0 }
    } else if count != 8 {
      return nil
    }
    return (
      groups[0] << 48 | groups[1] << 32 | groups[2] << 16 | groups[3],
      groups[4] << 48 | groups[5] << 32 | groups[6] << 16 | groups[7]
    )
  }

  private static func parseGroup(_ text: Span<UInt8>) -> UInt64? {
    guard text.count >= 1, text.count <= 4 else { return nil }
    var value: UInt64 = 0
    for index in 0..<text.count {
      guard let digit = text[index].hexadecimalDigitValue else { return nil }
      value = value << 4 | UInt64(digit)
    }
    return value
  }
}

/// A port of 1 to 5 digits.
func parsePort(_ text: Span<UInt8>) -> UInt16? {
  guard text.count <= 5, let number = text.decimalValue() else { return nil }
  return UInt16(exactly: number)
}
