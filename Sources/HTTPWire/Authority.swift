// Host and port (RFC 9110 §4.2, §7.2; RFC 3986 §3.2).
//
// The authority is repeated in forwarded fields and decides routes, so it is held to what hosts
// really are: a name, an IPv4 address, or an IPv6 address in brackets, and a port of digits. No
// user information (RFC 9110 §4.2.4), no percent escapes, no zone.

import Bytes

/// Judging host and port.
public enum Authority {
  /// True when `text` is a host with or without a port, and nothing else.
  public static func isValid(_ text: Span<UInt8>) -> Bool {
    parseAuthority(text, ByteRange(0, text.count)) != nil
  }
}

/// Splits the authority at `range` into host and port; returns the host's range (with the brackets
/// of an IPv6 address), or nil when the syntax is wrong.
func parseAuthority(_ bytes: Span<UInt8>, _ range: ByteRange) -> ByteRange? {
  let end = range.upper
  var offset = range.lower
  guard offset < end else { return nil }
  if bytes[offset] == UInt8(ascii: "[") {
    let close = find(UInt8(ascii: "]"), in: bytes, from: offset, to: end)
    guard close < end, parseIPv6(bytes.slice(from: offset + 1, to: close)) != nil
    else { return nil }
    offset = close + 1
  } else {
    while offset < end, ASCIISet.hostName.contains(bytes[offset]) { offset += 1 }
    guard offset > range.lower else { return nil }
  }
  let host = ByteRange(range.lower, offset)
  guard offset < end else { return host }
  guard bytes[offset] == .colon, end - offset <= 6,
    let port = bytes.slice(from: offset + 1, to: end).decimalValue(), port <= 65_535
  else { return nil }
  return host
}
