import Bytes

/// The bytes of hexadecimal text, spaces ignored.
func bytes(_ hexadecimal: String) -> [UInt8] {
  let digits = hexadecimal.utf8.compactMap(\.hexadecimalDigitValue)
  return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// The readable bytes as hexadecimal text.
func hexadecimal(_ buffer: borrowing ByteBuffer) -> String {
  var text = ByteBuffer(capacity: 1024)
  Hexadecimal.encode(buffer.readable, into: &text)
  return String(lossy: text.readable)
}
