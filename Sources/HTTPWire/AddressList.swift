// Lists of addresses that proxies before us have written: `X-Forwarded-For`, from its end.
//
// Each proxy appends the address it saw, so only the end of the list can be believed: the reader
// begins there and goes back as far as its caller trusts what it finds. What stands further in front
// may be a client's invention, and a client may write any number of elements, over any number of
// lines: the walk is bounded. Who is trusted is decided elsewhere. Loop only, nothing is kept.

import Bytes

/// Reading `X-Forwarded-For` and the like.
public enum AddressList {
  /// Most elements that are looked at, empty ones included; longer chains of proxies don't exist.
  public static let elementsMaximum = 32

  /// The IP address in `text`, as an IPv6 value in network order with IPv4 mapped (`::ffff:a.b.c.d`).
  ///
  /// Taken are `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` and `[2001:db8::1]:80`,
  /// which is what proxies write. Everything else is nil: names, `unknown`, quotes, zones, whitespace.
  public static func parseIPAddress(_ text: Span<UInt8>) -> (high: UInt64, low: UInt64)? {
    guard text.count > 0 else { return nil }
    if text[0] == UInt8(ascii: "[") {
      let close = find(UInt8(ascii: "]"), in: text, from: 1, to: text.count)
      guard close < text.count, isPortOrNothing(text.slice(from: close + 1)),
        let value = parseIPv6(text.slice(from: 1, to: close))
      else { return nil }
      return (value.high, value.low)
    }
    let colon = find(.colon, in: text, from: 0, to: text.count)
    if let address = parseIPv4(text.slice(from: 0, to: colon)) {
      guard isPortOrNothing(text.slice(from: colon)) else { return nil }
      let value = IPAddressValue(mapped: address)
      return (value.high, value.low)
    }
    guard let value = parseIPv6(text) else { return nil }
    return (value.high, value.low)
  }

  /// True for nothing at all, and for a colon with a port of up to five digits.
  private static func isPortOrNothing(_ text: Span<UInt8>) -> Bool {
    if text.count == 0 { return true }
    guard text[0] == .colon, text.count <= 6, let port = text.slice(from: 1).decimalValue() else {
      return false
    }
    return port <= 65_535
  }

  /// The elements of all fields of one name in a request, the last one first.
  ///
  /// Several lines are one list (RFC 9110 §5.3). Empty elements are skipped (§5.6.1.2) and counted.
  public struct Elements {
    private let name: FieldName
    /// Fields from this index on have been read.
    private var row: Int
    /// What is left of the line at `row`; nil between lines.
    private var rest: ByteRange?
    private var seenCount = 0
    /// True when the list has more elements than are looked at.
    public private(set) var isCutShort = false

    /// Begins behind the last element of the fields called `name`.
    public init(of name: FieldName, in head: RequestHead) {
      self.name = name
      row = head.has(name) ? head.fieldCount : 0
    }

    /// The element before the one returned last, without whitespace around it; nil when there is
    /// none or the bound is reached. `head` and `bytes` are the same for all calls.
    public mutating func next(in head: RequestHead, _ bytes: Span<UInt8>) -> ByteRange? {
      while true {
        guard let line = rest ?? previousLine(in: head) else { return nil }
        guard seenCount < AddressList.elementsMaximum else {
          isCutShort = true
          return nil
        }
        seenCount += 1
        var start = line.upper
        while start > line.lower, bytes[start - 1] != .comma { start -= 1 }
        rest = start > line.lower ? ByteRange(line.lower, start - 1) : nil
        var end = line.upper
        while start < end, bytes[start].isOptionalWhitespace { start += 1 }
        while end > start, bytes[end - 1].isOptionalWhitespace { end -= 1 }
        if start < end { return ByteRange(start, end) }
      }
    }

    private mutating func previousLine(in head: RequestHead) -> ByteRange? {
      while row > 0 {
        row -= 1
        let field = head.field(at: row)
        if field.id == name { return field.value }
      }
      return nil
    }
  }
}
