// Host and port (RFC 9110 §4.2, §7.2; RFC 3986 §3.2).
//
// The authority is repeated in forwarded fields and decides routes, so it is held to what hosts
// really are: a name, an IPv4 address, or an IPv6 address in brackets, and a port of digits. No
// user information (RFC 9110 §4.2.4), no percent escapes, no zone.

import Bytes

/// Splits the authority at `range` into host and port; returns the host's range (with the brackets
/// of an IPv6 address), or nil when the syntax is wrong.
func parseAuthority(_ bytes: Span<UInt8>, _ range: ByteRange) -> ByteRange? {
  let end = range.upper
  var offset = range.lower
  guard offset < end else { return nil }
  if bytes[offset] == UInt8(ascii: "[") {
    let close = find(UInt8(ascii: "]"), in: bytes, from: offset, to: end)
    guard close < end, isIPv6(bytes.slice(from: offset + 1, to: close)) else { return nil }
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

/// True for the text of an IPv6 address (RFC 3986 §3.2.2): eight groups of one to four hexadecimal
/// digits, `::` at most once for at least one group, an IPv4 address in place of the last two.
private func isIPv6(_ text: Span<UInt8>) -> Bool {
  var groups = 0
  var compressed = false
  var offset = 0
  if text.count >= 2, text[0] == .colon {
    guard text[1] == .colon else { return false }
    compressed = true
    offset = 2
  }
  while offset < text.count {
    let start = offset
    while offset < text.count, text[offset].hexadecimalDigitValue != nil { offset += 1 }
    if offset < text.count, text[offset] == UInt8(ascii: ".") {
      guard isIPv4(text.slice(from: start)) else { return false }
      groups += 2
      break
    }
    guard offset > start, offset - start <= 4 else { return false }
    groups += 1
    if offset == text.count { break }
    guard text[offset] == .colon else { return false }
    offset += 1
    if offset < text.count, text[offset] == .colon {
      guard !compressed else { return false }
      compressed = true
      offset += 1
    } else if offset == text.count {
      return false
    }
  }
  return compressed ? groups <= 7 : groups == 8
}

/// True for four decimal numbers up to 255 without leading zeros, joined by dots.
private func isIPv4(_ text: Span<UInt8>) -> Bool {
  var parts = 0
  var offset = 0
  while offset <= text.count {
    let end = find(UInt8(ascii: "."), in: text, from: offset, to: text.count)
    let part = text.slice(from: offset, to: end)
    guard part.count <= 3, let value = part.decimalValue(), value <= 255,
      part.count == 1 || part[0] != UInt8(ascii: "0")
    else { return false }
    parts += 1
    offset = end + 1
  }
  return parts == 4
}
