// Version 2 of the PROXY protocol: signature, command, family, length, addresses, extensions.
//
//      0          12        13       14       16            16 + length
//      | signature | ver|cmd | fam|tr | length | addresses  TLV TLV … |
//
// Extensions (type, two bytes of length, value) are skipped, but they must fill the header exactly:
// a length that points elsewhere would move where the client's own bytes begin. The one that is
// looked at is the checksum, which a receiver that knows it must verify.

import Bytes

extension ProxyProtocol {
  private static let fixedBytes = 16
  /// The extension that carries a CRC32C of the whole header.
  private static let checksumType: UInt8 = 0x03

  /// Reads the header that begins at `start`; `bytes` ends where the longest header would.
  static func parseBinary(
    _ bytes: Span<UInt8>, _ start: Int
  ) throws(Stop) -> ProxyProtocolHeader {
    let signature: StaticString = "\r\n\r\n\0\r\nQUIT\n"
    for index in 0..<signature.utf8CodeUnitCount {
      guard start + index < bytes.count else { throw .needsMore }
      guard bytes[start + index] == signature.byte(at: index) else {
        throw .malformed(offset: start + index)
      }
    }
    let command = try byte(bytes, start + 12)
    guard command == 0x20 || command == 0x21 else { throw .malformed(offset: start + 12) }
    let isLocal = command == 0x20
    let family = try byte(bytes, start + 13)
    // LOCAL: the sender's own connection, whose family is ignored.
    let addressBytes = isLocal ? 0 : bytesOfAddresses(family)
    guard let addressBytes else { throw .malformed(offset: start + 13) }
    let high = try byte(bytes, start + 14)
    let low = try byte(bytes, start + 15)
    let length = Int(high) << 8 | Int(low)
    guard length >= addressBytes, length <= headerBytesMaximum - fixedBytes else {
      throw .malformed(offset: start + 14)
    }
    let end = start + fixedBytes + length
    guard end <= bytes.count else { throw .needsMore }

    var header = ProxyProtocolHeader(byteEnd: end, isLocal: true)
    // What follows LOCAL and UNSPEC has no known layout and is passed over.
    guard addressBytes > 0 else { return header }
    try readExtensions(bytes, from: start + fixedBytes + addressBytes, to: end, start: start)
    let addresses = start + fixedBytes
    switch family >> 4 {
    case 1:
      header.isLocal = false
      header.setSource(
        IPAddressValue(mapped: UInt32(truncatingIfNeeded: word(bytes, addresses, 4))))
      header.setDestination(
        IPAddressValue(mapped: UInt32(truncatingIfNeeded: word(bytes, addresses + 4, 4))))
      header.setPorts(word(bytes, addresses + 8, 4))
    case 2:
      header.isLocal = false
      header.setSource(
        IPAddressValue(high: word(bytes, addresses, 8), low: word(bytes, addresses + 8, 8)))
      header.setDestination(
        IPAddressValue(high: word(bytes, addresses + 16, 8), low: word(bytes, addresses + 24, 8)))
      header.setPorts(word(bytes, addresses + 32, 4))
    default: break  // A Unix socket has no address that could be told apart from ours.
    }
    return header
  }

  /// Bytes of the two addresses for a family and transport; 0 when they aren't told, nil when the
  /// byte is unassigned or speaks of datagrams, which no connection of ours passes on.
  private static func bytesOfAddresses(_ family: UInt8) -> Int? {
    switch family {
    case 0x00, 0x01, 0x10, 0x20, 0x30: 0
    case 0x11: 12
    case 0x21: 36
    case 0x31: 216
    default: nil
    }
  }

  /// Walks over the extensions in `first ..< end`, which they must fill, and verifies the checksum.
  private static func readExtensions(
    _ bytes: Span<UInt8>, from first: Int, to end: Int, start: Int
  ) throws(Stop) {
    var offset = first
    var checksumOffset: Int?
    while offset < end {
      guard end - offset >= 3 else { throw .malformed(offset: offset) }
      let length = Int(word(bytes, offset + 1, 2))
      guard length <= end - offset - 3 else { throw .malformed(offset: offset) }
      if bytes[offset] == checksumType {
        guard length == 4, checksumOffset == nil else { throw .malformed(offset: offset) }
        checksumOffset = offset + 3
      }
      offset += 3 + length
    }
    guard let checksumOffset else { return }
    let sum = checksum(bytes, from: start, to: end, zeroFrom: checksumOffset)
    guard UInt64(sum) == word(bytes, checksumOffset, 4) else {
      throw .malformed(offset: checksumOffset)
    }
  }

  /// CRC32C (RFC 9260 appendix A) of `start ..< end` with four bytes taken as zero. Bit by bit: at
  /// most 536 bytes, once a connection.
  private static func checksum(
    _ bytes: Span<UInt8>, from start: Int, to end: Int, zeroFrom hole: Int
  ) -> UInt32 {
    var sum = UInt32.max
    for offset in start..<end {
      if offset < hole || offset >= hole + 4 { sum ^= UInt32(bytes[offset]) }
      for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0x82f6_3b78 : 0) }
    }
    return ~sum
  }

  private static func byte(_ bytes: Span<UInt8>, _ offset: Int) throws(Stop) -> UInt8 {
    guard offset < bytes.count else { throw .needsMore }
    return bytes[offset]
  }

  /// The number in `count` (1 to 8) bytes at `offset`, which are known to be there.
  private static func word(_ bytes: Span<UInt8>, _ offset: Int, _ count: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<count { value = value << 8 | UInt64(bytes[offset + index]) }
    return value
  }
}

extension ProxyProtocolHeader {
  fileprivate mutating func setSource(_ value: IPAddressValue) {
    sourceHigh = value.high
    sourceLow = value.low
  }

  fileprivate mutating func setDestination(_ value: IPAddressValue) {
    destinationHigh = value.high
    destinationLow = value.low
  }

  /// Sets both ports from the four bytes that hold them.
  fileprivate mutating func setPorts(_ both: UInt64) {
    sourcePort = UInt16(truncatingIfNeeded: both >> 16)
    destinationPort = UInt16(truncatingIfNeeded: both)
  }
}
