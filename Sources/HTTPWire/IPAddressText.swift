// The text of IP addresses as numbers (RFC 3986 §3.2.2, RFC 4291 §2.2).
//
// Strict, because the result decides who a client is: no leading zeros (octal to some readers), no
// missing parts, no zone. IPv4 becomes its IPv6 form `::ffff:a.b.c.d`, so that one address has one
// value whichever way it was written.

import Bytes

/// The value of an IPv6 address in network order, or an IPv4 address mapped into it.
struct IPAddressValue: Equatable {
  var high: UInt64
  var low: UInt64

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The IPv4-mapped address (RFC 4291 §2.5.5.2).
  init(mapped address: UInt32) { self.init(high: 0, low: 0xffff_0000_0000 | UInt64(address)) }
}

/// The value of the text of an IPv6 address: eight groups of one to four hexadecimal digits, `::` at
/// most once for at least one group, an IPv4 address in place of the last two. Nil for all else.
func parseIPv6(_ text: Span<UInt8>) -> IPAddressValue? {
  // Groups before and behind the `::`, each shifted in from the right.
  var front = IPAddressValue(high: 0, low: 0)
  var back = IPAddressValue(high: 0, low: 0)
  var frontCount = 0
  var backCount = 0
  var isCompressed = false
  func push(_ group: UInt64) {
    if isCompressed {
      back.shiftIn(group)
      backCount += 1
    } else {
      front.shiftIn(group)
      frontCount += 1
    }
  }
  var offset = 0
  if text.count >= 2, text[0] == .colon {
    guard text[1] == .colon else { return nil }
    isCompressed = true
    offset = 2
  }
  while offset < text.count {
    let start = offset
    var group: UInt64 = 0
    while offset < text.count, let digit = text[offset].hexadecimalDigitValue {
      group = group &<< 4 | UInt64(digit)
      offset += 1
    }
    if offset < text.count, text[offset] == UInt8(ascii: ".") {
      guard let tail = parseIPv4(text.slice(from: start)) else { return nil }
      push(UInt64(tail >> 16))
      push(UInt64(tail & 0xffff))
      break
    }
    guard offset > start, offset - start <= 4, frontCount + backCount < 8 else { return nil }
    push(group)
    if offset == text.count { break }
    guard text[offset] == .colon else { return nil }
    offset += 1
    if offset < text.count, text[offset] == .colon {
      guard !isCompressed else { return nil }
      isCompressed = true
      offset += 1
    } else if offset == text.count {
      return nil
    }
  }
  let count = frontCount + backCount
  guard isCompressed ? count <= 7 : count == 8 else { return nil }
  front.shift(by: 8 - frontCount)
  return IPAddressValue(high: front.high | back.high, low: front.low | back.low)
}

/// The value of four decimal numbers up to 255 without leading zeros, joined by dots.
func parseIPv4(_ text: Span<UInt8>) -> UInt32? {
  var address: UInt32 = 0
  var parts = 0
  var offset = 0
  while offset <= text.count {
    let end = find(UInt8(ascii: "."), in: text, from: offset, to: text.count)
    guard parts < 4,
      let value = parseDecimal(text.slice(from: offset, to: end), digitsMaximum: 3), value <= 255
    else { return nil }
    address = address << 8 | UInt32(value)
    parts += 1
    offset = end + 1
  }
  return parts == 4 ? address : nil
}

/// The value of one to `digitsMaximum` (at most 18) digits without a leading zero.
func parseDecimal(_ text: Span<UInt8>, digitsMaximum: Int) -> Int? {
  guard text.count <= digitsMaximum, let value = text.decimalValue(),
    text.count == 1 || text[0] != UInt8(ascii: "0")
  else { return nil }
  return value
}

extension IPAddressValue {
  /// Moves everything one group to the left and puts `group` at the right end.
  fileprivate mutating func shiftIn(_ group: UInt64) {
    shift(by: 1)
    low |= group
  }

  /// Moves everything `groups` (0 to 8) groups to the left.
  fileprivate mutating func shift(by groups: Int) {
    for _ in 0..<groups {
      high = high &<< 16 | low &>> 48
      low = low &<< 16
    }
  }
}
