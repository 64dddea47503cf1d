// Writing JSON strings: log lines, answers, tools.
//
// Bytes that aren't UTF-8 become U+FFFD, so that whatever a peer sent, a log line stays JSON. DEL
// and the C1 controls are escaped too: a terminal that shows a log must not obey it.

import Bytes

/// Writes JSON text.
public enum JSONText {
  /// Appends `bytes` as a quoted string.
  public static func append(quoted bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
    buffer.append(UInt8(ascii: "\""))
    append(escaping: bytes, to: &buffer)
    buffer.append(UInt8(ascii: "\""))
  }

  /// Appends `literal` as a quoted string; it must need no escape.
  public static func append(quoted literal: StaticString, to buffer: inout ByteBuffer) {
    buffer.append(UInt8(ascii: "\""))
    buffer.append(literal)
    buffer.append(UInt8(ascii: "\""))
  }

  /// Appends `bytes` escaped, without quotes.
  public static func append(escaping bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
    var copied = 0
    var index = 0
    // Runs of ordinary bytes are copied whole.
    while index < bytes.count {
      let byte = bytes[index]
      if byte &- 0x20 < 0x5F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        index += 1
        continue
      }
      let length = utf8SequenceLength(bytes, at: index)
      let isC1 = length == 2 && byte == 0xC2 && bytes[index + 1] < 0xA0
      if length > 1, !isC1 {
        index += length
        continue
      }
      buffer.append(bytes.slice(from: copied, to: index))
      if length == 0 {
        buffer.append("\\ufffd")
        index += 1
      } else {
        appendEscape(isC1 ? bytes[index + 1] : byte, to: &buffer)
        index += length
      }
      copied = index
    }
    buffer.append(bytes.slice(from: copied))
  }

  private static func appendEscape(_ byte: UInt8, to buffer: inout ByteBuffer) {
    switch byte {
    case UInt8(ascii: "\""): buffer.append("\\\"")
    case UInt8(ascii: "\\"): buffer.append("\\\\")
    case 0x0A: buffer.append("\\n")
    case 0x0D: buffer.append("\\r")
    case 0x09: buffer.append("\\t")
    default:
      buffer.append("\\u")
      buffer.append(hexadecimal: UInt64(byte), width: 4)
    }
  }

  /// `text` as a quoted string: tools and start-up.
  public static func quoted(_ text: String) -> String {
    let bytes = Array(text.utf8)
    // The longest escape of a byte has six letters.
    var buffer = ByteBuffer(capacity: bytes.count * 6 + 2)
    append(quoted: bytes.span, to: &buffer)
    return String(lossy: buffer.readable)
  }
}
