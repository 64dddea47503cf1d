// The PROXY protocol, versions 1 and 2, receiving side: the lines or bytes with which a load balancer
// says, before the first request, whose connection it passes on (haproxy's proxy-protocol.txt).
//
// What stands here decides who a client is, so nothing is repaired, and a wrong byte is told as soon
// as it is there. Whether a listener expects a header is configuration, never guessed from the bytes.
// Version 1 is read here, version 2 in `ProxyProtocol+Binary`.

import Bytes

/// Who a passed-on connection belongs to.
public struct ProxyProtocolHeader: Sendable, Equatable {
  /// Offset behind the header: there the client's own bytes begin.
  public var byteEnd: Int
  /// True when the header names no addresses (version 1 UNKNOWN; version 2 LOCAL, UNSPEC or a Unix
  /// socket): the socket's own stay valid, and all fields below are 0.
  public var isLocal: Bool
  /// The client's address as an IPv6 value in network order, IPv4 mapped (`::ffff:a.b.c.d`).
  public var sourceHigh: UInt64 = 0
  /// The lower half of the client's address.
  public var sourceLow: UInt64 = 0
  /// The client's port.
  public var sourcePort: UInt16 = 0
  /// The address that the client connected to, like `sourceHigh`.
  public var destinationHigh: UInt64 = 0
  /// The lower half of the address that the client connected to.
  public var destinationLow: UInt64 = 0
  /// The port that the client connected to.
  public var destinationPort: UInt16 = 0
}

/// Reading the header of the PROXY protocol.
public enum ProxyProtocol {
  /// Longest header of either version. Version 2 could announce 65,551 bytes; this is room for the
  /// addresses of every family and 300 bytes about TLS, and still one segment.
  public static let headerBytesMaximum = 536
  /// Longest header of version 1, its CRLF included.
  public static let lineBytesMaximum = 107

  /// What the bytes are.
  public enum Outcome: Sendable, Equatable {
    /// The beginning of a header; call again with more bytes behind the same ones. Never said of
    /// `headerBytesMaximum` bytes or more.
    case needsMore
    /// A whole header.
    case complete(ProxyProtocolHeader)
    /// Not a header; `offset` is the first byte that can't stand where it stands.
    case malformed(offset: Int)
  }

  /// Why reading stops before its end.
  enum Stop: Error {
    case needsMore
    case malformed(offset: Int)
  }

  /// Reads the header that begins at offset `start` of `bytes`.
  public static func parse(_ bytes: Span<UInt8>, from start: Int) -> Outcome {
    guard start < bytes.count else { return .needsMore }
    do throws(Stop) {
      if bytes[start] == .carriageReturn {
        return .complete(
          try parseBinary(bytes.slice(from: 0, to: start + headerBytesMaximum), start))
      }
      return .complete(try parseLine(bytes.slice(from: 0, to: start + lineBytesMaximum), start))
    } catch {
      switch error {
      case .needsMore: return .needsMore
      case .malformed(let offset): return .malformed(offset: offset)
      }
    }
  }

  /// `PROXY TCP4|TCP6 source destination sourcePort destinationPort CRLF`, single spaces; or
  /// `PROXY UNKNOWN …CRLF`. `bytes` ends where the longest line would.
  private static func parseLine(
    _ bytes: Span<UInt8>, _ start: Int
  ) throws(Stop) -> ProxyProtocolHeader {
    var line = LineCursor(offset: start, limit: start + lineBytesMaximum)
    try line.take("PROXY ", bytes)
    // The first letter decides, the rest must agree.
    let first = try line.peek(bytes)
    if first == UInt8(ascii: "U") {
      try line.take("UNKNOWN", bytes)
      try line.skipToLineEnd(bytes)
      return ProxyProtocolHeader(byteEnd: line.offset, isLocal: true)
    }
    try line.take("TCP", bytes)
    let family = try line.peek(bytes)
    guard family == UInt8(ascii: "4") || family == UInt8(ascii: "6") else {
      throw .malformed(offset: line.offset)
    }
    line.offset += 1
    try line.take(" ", bytes)
    let isIPv6 = family == UInt8(ascii: "6")
    let source = try line.takeAddress(isIPv6: isIPv6, bytes)
    let destination = try line.takeAddress(isIPv6: isIPv6, bytes)
    let sourcePort = try line.takePort(endingWith: .space, bytes)
    let destinationPort = try line.takePort(endingWith: .carriageReturn, bytes)
    try line.take("\n", bytes)
    return ProxyProtocolHeader(
      byteEnd: line.offset, isLocal: false, sourceHigh: source.high, sourceLow: source.low,
      sourcePort: sourcePort, destinationHigh: destination.high, destinationLow: destination.low,
      destinationPort: destinationPort)
  }
}

/// A place in a line of version 1.
private struct LineCursor {
  var offset: Int
  /// Where the line must have ended.
  let limit: Int

  /// The byte here.
  func peek(_ bytes: Span<UInt8>) throws(ProxyProtocol.Stop) -> UInt8 {
    guard offset < limit else { throw .malformed(offset: offset) }
    guard offset < bytes.count else { throw .needsMore }
    return bytes[offset]
  }

  /// Goes past exactly these bytes, case-sensitive.
  mutating func take(
    _ literal: StaticString, _ bytes: Span<UInt8>
  ) throws(ProxyProtocol.Stop) {
    for index in 0..<literal.utf8CodeUnitCount {
      guard try peek(bytes) == literal.byte(at: index) else { throw .malformed(offset: offset) }
      offset += 1
    }
  }

  /// Goes past the CRLF that ends the line, and past whatever text stands before it.
  mutating func skipToLineEnd(_ bytes: Span<UInt8>) throws(ProxyProtocol.Stop) {
    // A first byte other than a space or the CR would make another word of UNKNOWN.
    let first = try peek(bytes)
    guard first == .space || first == .carriageReturn else { throw .malformed(offset: offset) }
    while true {
      let byte = try peek(bytes)
      if byte == .carriageReturn { break }
      guard byte >= 0x20, byte < 0x7f else { throw .malformed(offset: offset) }
      offset += 1
    }
    try take("\r\n", bytes)
  }

  /// Goes past an address and the space behind it.
  mutating func takeAddress(
    isIPv6: Bool, _ bytes: Span<UInt8>
  ) throws(ProxyProtocol.Stop) -> IPAddressValue {
    let start = offset
    while try peek(bytes) != .space {
      let byte = bytes[offset]
      let belongs =
        byte == UInt8(ascii: ".") || byte &- UInt8(ascii: "0") < 10
        || isIPv6 && (byte == .colon || byte.hexadecimalDigitValue != nil)
      // 45 bytes is the longest address there is, six groups and an IPv4 address.
      guard belongs, offset - start < (isIPv6 ? 45 : 15) else { throw .malformed(offset: offset) }
      offset += 1
    }
    let text = bytes.slice(from: start, to: offset)
    let value: IPAddressValue? =
      isIPv6 ? parseIPv6(text) : parseIPv4(text).map { IPAddressValue(mapped: $0) }
    guard let value else { throw .malformed(offset: start) }
    offset += 1
    return value
  }

  /// Goes past a port and the byte behind it.
  mutating func takePort(
    endingWith end: UInt8, _ bytes: Span<UInt8>
  ) throws(ProxyProtocol.Stop) -> UInt16 {
    let start = offset
    while try peek(bytes) != end {
      guard bytes[offset] &- UInt8(ascii: "0") < 10, offset - start < 5 else {
        throw .malformed(offset: offset)
      }
      offset += 1
    }
    // Leading zeros are octal to some readers.
    guard let value = parseDecimal(bytes.slice(from: start, to: offset), digitsMaximum: 5),
      let port = UInt16(exactly: value)
    else { throw .malformed(offset: start) }
    offset += 1
    return port
  }
}
