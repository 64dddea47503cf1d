// How a configured secret becomes key bytes.
//
// Backends take the text of the environment variable as it is, even when it looks like base64
// (PEERS §1), so raw is the default and nothing is ever guessed. Start-up and tools only.

import Bytes
import Crypto

/// The `encoding` directive.
public enum SecretEncoding: String, Sendable, CaseIterable {
  /// The bytes of the text.
  case raw
  /// Base64, padding optional.
  case base64
  /// Strict unpadded base64url.
  case base64url
  /// Two hexadecimal digits a byte.
  case hex

  /// The key bytes, or nil when `text` isn't in this encoding.
  public func decode(_ text: Span<UInt8>) -> SecretBytes? {
    if self == .raw || text.isEmpty { return SecretBytes(text) }
    var buffer = ByteBuffer(capacity: text.count + 4)
    let isValid =
      switch self {
      case .raw: false
      case .base64: Base64.decode(text, into: &buffer)
      case .base64url: Base64URL.decode(text, into: &buffer)
      case .hex: Hexadecimal.decode(text, into: &buffer)
      }
    guard isValid else { return nil }
    return SecretBytes(buffer.readable)
  }
}
