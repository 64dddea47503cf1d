// The PROXY protocol's headers: what they say, what is refused, and as soon as it can be told.

import Bytes
import HTTPWire
import Testing

/// What a header says, in a form a table can hold.
private enum Want: Equatable, Sendable {
  case local(end: Int)
  /// Addresses as `high:low`, hexadecimal.
  case client(String, UInt16, server: String, UInt16, end: Int)
  case malformed(Int)
  case needsMore
}

/// Reads whole, byte by byte and at every split; with bytes before and behind it the answer must be
/// the same, moved.
private func read(_ input: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) -> Want {
  let whole = ProxyProtocol.parse(input.span, from: 0)
  for cut in 0..<input.count {
    let prefix = Array(input[..<cut])
    let early = ProxyProtocol.parse(prefix.span, from: 0)
    if early != .needsMore, early != whole {
      Issue.record("after \(cut) bytes: \(early)", sourceLocation: sourceLocation)
    }
    // What is wrong is told with the byte that is wrong, or with the end of its number or block.
    if case .complete(let header) = early { #expect(cut >= header.byteEnd) }
  }
  let moved = ProxyProtocol.parse((Array("GET".utf8) + input + [0x20]).span, from: 3)
  switch (whole, moved) {
  case (.malformed(let one), .malformed(let two)):
    #expect(one + 3 == two, sourceLocation: sourceLocation)
  case (.complete(let one), .complete(var two)):
    two.byteEnd -= 3
    #expect(one == two, sourceLocation: sourceLocation)
  case (.needsMore, _): break
  default: Issue.record("moved: \(moved)", sourceLocation: sourceLocation)
  }
  switch whole {
  case .needsMore: return .needsMore
  case .malformed(let offset): return .malformed(offset)
  case .complete(let header):
    if header.isLocal {
      let bare = ProxyProtocolHeader.local(header.byteEnd)
      #expect(header == bare, "a header without addresses has none", sourceLocation: sourceLocation)
      return .local(end: header.byteEnd)
    }
    return .client(
      hex(header.sourceHigh, header.sourceLow), header.sourcePort,
      server: hex(header.destinationHigh, header.destinationLow), header.destinationPort,
      end: header.byteEnd)
  }
}

private func hex(_ high: UInt64, _ low: UInt64) -> String {
  String(high, radix: 16) + ":" + String(low, radix: 16)
}

extension ProxyProtocolHeader {
  fileprivate static func local(_ end: Int) -> ProxyProtocolHeader? {
    guard
      case .complete(var header) = ProxyProtocol.parse(
        Array("PROXY UNKNOWN\r\n".utf8).span, from: 0)
    else { return nil }
    header.byteEnd = end
    return header
  }
}

private let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

/// A version 2 header with its length filled in.
private func binary(_ command: UInt8, _ family: UInt8, _ block: [UInt8]) -> [UInt8] {
  signature + [command, family, UInt8(block.count >> 8), UInt8(block.count & 0xff)] + block
}

private let four: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb]
private let six: [UInt8] =
  [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]
  + [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [2] + [0, 80, 31, 144]
private let fourWant = Want.client(
  "0:ffffc0000201", 56_324, server: "0:ffffc6336402", 443, end: 28)

@Suite("PROXY protocol")
struct ProxyProtocolTests {
  private static let lines: [Row<Want>] = [
    Row(
      "TCP4", "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET /",
      .client("0:ffffc0a80001", 56_324, server: "0:ffffc0a8000b", 443, end: 47)),
    Row(
      "TCP4, largest", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
      .client("0:ffffffffffff", 65_535, server: "0:ffffffffffff", 65_535, end: 56)),
    Row(
      "TCP4, smallest", "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n",
      .client("0:ffff00000000", 0, server: "0:ffff00000000", 0, end: 32)),
    Row(
      "TCP6", "PROXY TCP6 2001:db8::1 ::1 80 8080\r\n",
      .client("20010db800000000:1", 80, server: "0:1", 8_080, end: 36)),
    Row(
      "TCP6, longest",
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
        + "FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFE 65535 65535\r\n",
      .client(
        "ffffffffffffffff:ffffffffffffffff", 65_535,
        server: "ffffffffffffffff:fffffffffffffffe", 65_535, end: 104)),
    Row(
      "TCP6 with a mapped address, as inet_ntop writes it",
      "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c000:201 1 2\r\n",
      .client("0:ffffc0000201", 1, server: "0:ffffc0000201", 2, end: 49)),
    Row("UNKNOWN, short", "PROXY UNKNOWN\r\n", .local(end: 15)),
    Row("UNKNOWN with anything", "PROXY UNKNOWN a b  c\r\n", .local(end: 22)),
    Row(
      "UNKNOWN of 107 bytes", "PROXY UNKNOWN" + String(repeating: " ", count: 92) + "\r\n",
      .local(end: 107)),
    Row("nothing yet", "", .needsMore),
    Row("half a word", "PRO", .needsMore),
    Row("the CRLF is missing", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2", .needsMore),
    Row("the LF is missing", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r", .needsMore),

    Row("a request instead", "GET / HTTP/1.1\r\n", .malformed(0)),
    Row("a request that begins alike", "PROPFIND / HTTP/1.1\r\n", .malformed(3)),
    Row("TLS instead", [0x16, 0x03, 0x01], .malformed(0)),
    Row("lower case", "proxy TCP4", .malformed(0)),
    Row("lower-case family", "PROXY tcp4 ", .malformed(6)),
    Row("two spaces", "PROXY  TCP4 ", .malformed(6)),
    Row("tab", "PROXY\tTCP4 ", .malformed(5)),
    Row("UDP", "PROXY UDP4 ", .malformed(7)),
    Row("TCP5", "PROXY TCP5 ", .malformed(9)),
    Row("TCP46", "PROXY TCP46 ", .malformed(10)),
    Row("UNKNOWN and more letters", "PROXY UNKNOWNS\r\n", .malformed(13)),
    Row("UNKNOWN, bare LF", "PROXY UNKNOWN\n", .malformed(13)),
    Row("UNKNOWN, bare LF behind text", "PROXY UNKNOWN a\n", .malformed(15)),
    Row("UNKNOWN, bare CR", "PROXY UNKNOWN a\rb\r\n", .malformed(16)),
    Row("UNKNOWN with NUL", "PROXY UNKNOWN \0\r\n", .malformed(14)),
    Row("UNKNOWN with a byte above ASCII", "PROXY UNKNOWN ä\r\n", .malformed(14)),
    Row(
      "UNKNOWN of 108 bytes", "PROXY UNKNOWN" + String(repeating: " ", count: 93) + "\r\n",
      .malformed(107)),
    Row(
      "UNKNOWN without end", "PROXY UNKNOWN" + String(repeating: " ", count: 200),
      .malformed(107)),
    Row("IPv6 in TCP4", "PROXY TCP4 ::1 1.2.3.4 1 2\r\n", .malformed(11)),
    Row("IPv4 in TCP6", "PROXY TCP6 1.2.3.4 ::1 1 2\r\n", .malformed(11)),
    Row("leading zero in an octet", "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n", .malformed(11)),
    Row("octet of 256", "PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", .malformed(11)),
    Row("three octets", "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", .malformed(11)),
    Row("five octets", "PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n", .malformed(11)),
    Row("no address", "PROXY TCP4  1.2.3.4 1 2\r\n", .malformed(11)),
    Row("address too long", "PROXY TCP4 255.255.255.2550", .malformed(26)),
    Row("letters in an address", "PROXY TCP4 1.2.a", .malformed(15)),
    Row("zone in an address", "PROXY TCP6 fe80::1%", .malformed(18)),
    Row("brackets", "PROXY TCP6 [::1] ::1 1 2\r\n", .malformed(11)),
    Row("two double colons", "PROXY TCP6 1::2::3 ::1 1 2\r\n", .malformed(11)),
    Row("nine groups", "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n", .malformed(11)),
    Row(
      "group of five digits", "PROXY TCP6 12345:: ::1 1 2\r\n", .malformed(11)),
    Row("second address wrong", "PROXY TCP4 1.2.3.4 1.2.3.400 1 2\r\n", .malformed(19)),
    Row("no destination", "PROXY TCP4 1.2.3.4 1 2\r\n", .malformed(19)),
    Row("port of 65536", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", .malformed(27)),
    Row("port of six digits", "PROXY TCP4 1.2.3.4 1.2.3.4 123456", .malformed(32)),
    Row("leading zero in a port", "PROXY TCP4 1.2.3.4 1.2.3.4 080 2\r\n", .malformed(27)),
    Row("port of two zeros", "PROXY TCP4 1.2.3.4 1.2.3.4 1 00\r\n", .malformed(29)),
    Row("empty port", "PROXY TCP4 1.2.3.4 1.2.3.4  2\r\n", .malformed(27)),
    Row("signed port", "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", .malformed(27)),
    Row("no second port", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", .malformed(28)),
    Row("empty second port", "PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", .malformed(29)),
    Row("space at the end", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", .malformed(30)),
    Row("bare LF", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", .malformed(30)),
    Row("bare CR", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rG", .malformed(31)),
  ]

  private static let blocks: [Row<Want>] = [
    Row("TCP over IPv4", binary(0x21, 0x11, four) + Array("GET".utf8), fourWant),
    Row(
      "TCP over IPv6", binary(0x21, 0x21, six),
      .client("20010db800000000:1", 80, server: "20010db800000000:2", 8_080, end: 52)),
    Row(
      "Unix socket", binary(0x21, 0x31, [UInt8](repeating: 0x2f, count: 216)), .local(end: 232)),
    Row("LOCAL", binary(0x20, 0x00, []), .local(end: 16)),
    Row("LOCAL with a family and addresses", binary(0x20, 0x11, four), .local(end: 28)),
    Row("LOCAL with any family", binary(0x20, 0xff, [1, 2, 3]), .local(end: 19)),
    Row("UNSPEC", binary(0x21, 0x00, []), .local(end: 16)),
    Row("UNSPEC with bytes", binary(0x21, 0x00, [9, 9, 9]), .local(end: 19)),
    Row("IPv4 of unspecified transport", binary(0x21, 0x10, four), .local(end: 28)),
    Row(
      "extensions", binary(0x21, 0x11, four + [0x04, 0, 0, 0xe0, 0, 2, 1, 2]),
      .client("0:ffffc0000201", 56_324, server: "0:ffffc6336402", 443, end: 36)),
    Row(
      "longest",
      binary(0x21, 0x11, four + [0x04, 1, 249] + [UInt8](repeating: 7, count: 505)),
      .client("0:ffffc0000201", 56_324, server: "0:ffffc6336402", 443, end: 536)),
    Row(
      "checksum (computed by a second implementation)",
      binary(0x21, 0x11, four + [0x03, 0, 4, 0x20, 0xec, 0x95, 0x49]),
      .client("0:ffffc0000201", 56_324, server: "0:ffffc6336402", 443, end: 35)),

    Row("half a signature", Array(signature.prefix(7)), .needsMore),
    Row("signature only", signature, .needsMore),
    Row("addresses not all there", Array(binary(0x21, 0x11, four).dropLast()), .needsMore),
    Row("empty line and a request", "\r\nGET / HTTP/1.1\r\n", .malformed(2)),
    Row("signature with a wrong byte", signature.dropLast() + [0x0b], .malformed(11)),
    Row("version 1 in the binary form", binary(0x11, 0x11, four), .malformed(12)),
    Row("version 3", binary(0x31, 0x11, four), .malformed(12)),
    Row("unassigned command", binary(0x22, 0x11, four), .malformed(12)),
    Row("unassigned family", binary(0x21, 0x41, four), .malformed(13)),
    Row("unassigned transport", binary(0x21, 0x13, four), .malformed(13)),
    Row("datagrams over IPv4", binary(0x21, 0x12, four), .malformed(13)),
    Row("datagrams over IPv6", binary(0x21, 0x22, six), .malformed(13)),
    Row("datagrams on Unix", binary(0x21, 0x32, six), .malformed(13)),
    Row("too short for IPv4", binary(0x21, 0x11, Array(four.dropLast())), .malformed(14)),
    Row("too short for IPv6", binary(0x21, 0x21, Array(six.dropLast())), .malformed(14)),
    Row("too short for a Unix socket", binary(0x21, 0x31, six), .malformed(14)),
    Row("longer than the longest", signature + [0x21, 0x11, 2, 9], .malformed(14)),
    Row("longest length", signature + [0x20, 0x00, 0xff, 0xff], .malformed(14)),
    Row("extension of two bytes", binary(0x21, 0x11, four + [4, 0]), .malformed(28)),
    Row("extension that reaches too far", binary(0x21, 0x11, four + [4, 0, 1]), .malformed(28)),
    Row(
      "second extension that reaches too far",
      binary(0x21, 0x11, four + [4, 0, 0, 0xea, 0xff, 0xff, 1]), .malformed(31)),
    Row(
      "wrong checksum", binary(0x21, 0x11, four + [0x03, 0, 4, 1, 2, 3, 4]), .malformed(31)),
    Row("checksum of three bytes", binary(0x21, 0x11, four + [3, 0, 3, 1, 2, 3]), .malformed(28)),
  ]

  @Test(arguments: lines) fileprivate func textLine(row: Row<Want>) {
    #expect(read(row.input) == row.want)
  }

  @Test(arguments: blocks) fileprivate func binaryBlock(row: Row<Want>) {
    #expect(read(row.input) == row.want)
  }

  /// The published check value of CRC32C is that of `123456789`; here the same sum guards a header.
  @Test func everyChangedBitBreaksTheChecksum() {
    let good = ProxyProtocolTests.blocks.first { $0.name.hasPrefix("checksum (") }
    guard let input = good?.input else { return #expect(Bool(false)) }
    for bit in 16 * 8..<28 * 8 {
      var changed = input
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(read(changed) == .malformed(31), "bit \(bit)")
    }
  }

  @Test func neverAsksForMoreThanItsMaximum() {
    // Everything that isn't judged by then has been refused by its length.
    for first in UInt8.min...UInt8.max {
      let input = [first] + [UInt8](repeating: first, count: ProxyProtocol.headerBytesMaximum - 1)
      if case .malformed = read(input) { continue }
      Issue.record("\(first) is still read")
    }
  }
}
