// The protocol version at the head of a message (RFC 9112 §2.3).

import Bytes

/// A protocol version that can be spoken.
enum Version { case oneZero, oneOne }

/// Reads `HTTP/` digit `.` digit at `start`, of which only 1.0 and 1.1 can be spoken.
func readVersion(_ bytes: Span<UInt8>, from start: Int) throws(ParseStop) -> Version {
  for position in 0..<8 {
    let offset = start + position
    guard offset < bytes.count else { throw .needsMore }
    let byte = bytes[offset]
    let isRight =
      switch position {
      case 0: byte == UInt8(ascii: "H")
      case 1, 2: byte == UInt8(ascii: "T")
      case 3: byte == UInt8(ascii: "P")
      case 4: byte == UInt8(ascii: "/")
      case 6: byte == UInt8(ascii: ".")
      default: byte &- UInt8(ascii: "0") < 10
      }
    guard isRight else {
      throw .malformed(byte == .lineFeed ? .bareLineFeed : .badVersion, offset: offset)
    }
  }
  if bytes.matches("HTTP/1.1", at: start) { return .oneOne }
  if bytes.matches("HTTP/1.0", at: start) { return .oneZero }
  throw .malformed(.unsupportedVersion, offset: start)
}
