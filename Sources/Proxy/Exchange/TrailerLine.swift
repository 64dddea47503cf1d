// A trailer field as it is passed on (RFC 9110 §6.5): re-written from its parts, never copied whole.

import Bytes

enum TrailerLine {
  /// Appends the field whose name and value lie in `input`.
  static func append(
    _ name: ByteRange, _ value: ByteRange, from input: borrowing ByteBuffer,
    to output: inout ByteBuffer
  ) {
    output.append(input.written, name)
    output.append(": ")
    output.append(input.written, value)
    output.append("\r\n")
  }
}
