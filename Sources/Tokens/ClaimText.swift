// A claim as the value of an identity header (DESIGN §5.3).
//
// Percent-encoding keeps every value on one line of printable ASCII and reversible: bytes outside
// 0x20...0x7E, `%` itself, and spaces at either end, which header parsers trim. Commas inside an
// array's elements are encoded, so that a value of "a,b" can't pose as two roles.

import Bytes
import JSON

extension ClaimSet {
  /// Appends the claim's value; false when it is absent, empty, null or an object.
  mutating func append(_ path: ClaimPath, to buffer: inout ByteBuffer) -> Bool {
    Self.append(path, of: document, payload, &scratch, to: &buffer)
  }

  private static func append(
    _ path: ClaimPath, of document: JSONDocument, _ payload: borrowing ByteBuffer,
    _ scratch: inout ByteBuffer, to buffer: inout ByteBuffer
  ) -> Bool {
    let text = payload.readable
    guard document.count > 0, text.count > 0 else { return false }
    guard let row = document.row(of: path, in: text) else { return false }
    let writer = ScalarWriter(document: document, isElement: document.kind(row) == .array)
    guard writer.isElement else { return writer.append(row, text, &scratch, to: &buffer) }
    let start = buffer.writerIndex
    var element = row + 1
    let end = document.next(row)
    while element < end {
      let mark = buffer.writerIndex
      if mark > start { buffer.append(UInt8(ascii: ",")) }
      if !writer.append(element, text, &scratch, to: &buffer) { buffer.rewind(to: mark) }
      element = document.next(element)
    }
    return buffer.writerIndex > start || buffer.overflowed
  }
}

/// Writes strings, numbers and booleans.
private struct ScalarWriter {
  let document: JSONDocument
  let isElement: Bool

  /// Appends the value at `row`; false, and nothing written, when it has no text.
  func append(
    _ row: Int, _ text: Span<UInt8>, _ scratch: inout ByteBuffer, to buffer: inout ByteBuffer
  ) -> Bool {
    switch document.kind(row) {
    case .object, .array, .null: return false
    case .yes: buffer.append("true")
    case .no: buffer.append("false")
    case .number: buffer.append(integer: text.slice(document.range(row)))
    case .string where document.isEscaped(row):
      scratch.clear()
      guard document.append(string: row, in: text, to: &scratch) else { return false }
      buffer.append(percentEncoding: scratch.readable, encodesComma: isElement)
    case .string:
      let range = document.range(row)
      guard !range.isEmpty else { return false }
      buffer.append(percentEncoding: text.slice(range), encodesComma: isElement)
    }
    return true
  }
}

extension ByteBuffer {
  /// Appends `bytes` in the encoding of identity headers.
  mutating func append(percentEncoding bytes: Span<UInt8>, encodesComma: Bool) {
    for index in 0..<bytes.count {
      let byte = bytes[index]
      let isEdge = index == 0 || index == bytes.count - 1
      let isPlain =
        byte &- 0x20 < 0x5F && byte != UInt8(ascii: "%")
        && !(byte == UInt8(ascii: " ") && isEdge)
        && !(byte == UInt8(ascii: ",") && encodesComma)
      if isPlain {
        append(byte)
      } else {
        append(UInt8(ascii: "%"))
        append(Self.digit(byte >> 4))
        append(Self.digit(byte & 15))
      }
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }
}
