// The one WebSocket frame that the gateway writes itself: the close that ends a tunnel (RFC 6455
// §5.5.1, §7.4). Everything else passes untouched.

import Bytes

/// A close frame from the gateway to a client, in the server's place.
struct CloseFrame {
  /// What a tunnel ends with when the gateway stops or nothing has been said for too long.
  static let goingAway = CloseFrame(code: 1001, text: "")
  /// The token's time is over.
  static let tokenExpired = CloseFrame(code: 1008, text: "token expired")
  /// The token was revoked.
  static let tokenRevoked = CloseFrame(code: 1008, text: "token revoked")
  /// The key that signed the token was withdrawn.
  static let keyWithdrawn = CloseFrame(code: 1008, text: "token key withdrawn")

  private let code: UInt16
  private let text: StaticString

  private init(code: UInt16, text: StaticString) {
    // A control frame's payload has at most 125 bytes.
    precondition(text.utf8CodeUnitCount <= 123)
    self.code = code
    self.text = text
  }

  /// Size in bytes.
  var byteCount: Int { 4 + text.utf8CodeUnitCount }

  /// Appends the frame: final, unmasked as everything from a server.
  func append(to output: inout ByteBuffer) {
    output.append(0x88)
    output.append(UInt8(2 + text.utf8CodeUnitCount))
    output.append(UInt8(code >> 8))
    output.append(UInt8(code & 0xff))
    output.append(text)
  }

  /// Takes back what lies in `output` of a frame that isn't complete: `unfinished` bytes at its end.
  /// False when some of them have been sent already; then the frame has to end first.
  static func cut(_ output: inout ByteBuffer, unfinished: Int) -> Bool {
    guard unfinished <= output.readableCount else { return false }
    output.rewind(to: output.writerIndex - unfinished)
    return true
  }
}
