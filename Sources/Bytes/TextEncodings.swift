// base64url (RFC 7515 §2, RFC 4648 §5), base64 and hexadecimal.
//
// base64url is what a token is made of, so it is strict: no padding, no whitespace, no `+` or `/`,
// and a canonical tail (the unused bits of the last letter are zero); otherwise one signature would
// have several spellings, and a blocklist keyed by spelling could be walked around.

/// Strict unpadded base64url.
public enum Base64URL {
  /// Appends the decoded bytes; false when the text isn't strict base64url or doesn't fit
  /// (then `buffer` may hold a part of it).
  public static func decode(_ text: Span<UInt8>, into buffer: inout ByteBuffer) -> Bool {
    decodeBase64(text, into: &buffer, table: urlValues)
  }

  /// Appends the encoding of `bytes`.
  public static func encode(_ bytes: Span<UInt8>, into buffer: inout ByteBuffer) {
    encodeBase64(bytes, into: &buffer, minus: UInt8(ascii: "-"), underscore: UInt8(ascii: "_"))
  }
}

/// Standard base64 with optional padding: how people paste secrets.
public enum Base64 {
  /// Appends the decoded bytes; false when the text isn't base64 or doesn't fit.
  public static func decode(_ text: Span<UInt8>, into buffer: inout ByteBuffer) -> Bool {
    var end = text.count
    if end % 4 == 0 {
      while end > 0, text.count - end < 2, text[end - 1] == UInt8(ascii: "=") { end -= 1 }
    }
    return decodeBase64(text.slice(from: 0, to: end), into: &buffer, table: standardValues)
  }

  /// Appends the padded encoding of `bytes`.
  public static func encode(_ bytes: Span<UInt8>, into buffer: inout ByteBuffer) {
    encodeBase64(bytes, into: &buffer, minus: UInt8(ascii: "+"), underscore: UInt8(ascii: "/"))
    for _ in 0..<((3 - bytes.count % 3) % 3) { buffer.append(UInt8(ascii: "=")) }
  }
}

/// Hexadecimal text.
public enum Hexadecimal {
  /// Appends the decoded bytes; false for an odd count, another character, or no room.
  public static func decode(_ text: Span<UInt8>, into buffer: inout ByteBuffer) -> Bool {
    guard text.count % 2 == 0 else { return false }
    var index = 0
    while index < text.count {
      guard let high = text[index].hexadecimalDigitValue,
        let low = text[index + 1].hexadecimalDigitValue
      else { return false }
      buffer.append(high << 4 | low)
      index += 2
    }
    return !buffer.overflowed
  }

  /// Appends two lower-case digits a byte.
  public static func encode(_ bytes: Span<UInt8>, into buffer: inout ByteBuffer) {
    for index in 0..<bytes.count {
      buffer.append(hexadecimal: UInt64(bytes[index]), width: 2)
    }
  }
}

/// Four tables of 256: where a letter's six bits go in the 24 of a group, by its place in the
/// group. Bit 31 marks a byte outside the alphabet. Global `let` arrays are built once; four loads
/// and three ors then make three bytes, which measured 0.4 of the instructions of shifting each
/// letter.
private let urlValues = makeValues(UInt8(ascii: "-"), UInt8(ascii: "_"))
private let standardValues = makeValues(UInt8(ascii: "+"), UInt8(ascii: "/"))
private let foreignMark: UInt32 = 1 << 31

private func makeValues(_ minus: UInt8, _ underscore: UInt8) -> [UInt32] {
  var table = [UInt32](repeating: foreignMark, count: 4 * 256)
  for value in UInt8(0)..<64 {
    let byte = Int(letter(value, minus, underscore))
    for place in 0..<4 {
      table[place * 256 + byte] = UInt32(value) << UInt32(18 - 6 * place)
    }
  }
  return table
}

@inline(__always)
private func letter(_ value: UInt8, _ minus: UInt8, _ underscore: UInt8) -> UInt8 {
  switch value {
  case 0..<26: UInt8(ascii: "A") + value
  case 26..<52: UInt8(ascii: "a") + (value - 26)
  case 52..<62: UInt8(ascii: "0") + (value - 52)
  case 62: minus
  default: underscore
  }
}

private func decodeBase64(
  _ text: Span<UInt8>, into buffer: inout ByteBuffer, table: [UInt32]
) -> Bool {
  let count = text.count
  guard count % 4 != 1, count / 4 * 3 + 2 <= buffer.writableCount || count == 0 else {
    return false
  }
  return buffer.appendDecoding(text, table: table)
}

extension ByteBuffer {
  /// Decodes sextets into the writable room; the caller checked that count / 4 * 3 + 2 bytes fit.
  fileprivate mutating func appendDecoding(_ text: Span<UInt8>, table: [UInt32]) -> Bool {
    unsafe withUnsafeWritableBytes { room in
      unsafe text.withUnsafeBufferPointer { text in
        unsafe table.withUnsafeBufferPointer { values in
          guard let target = room.baseAddress, let source = text.baseAddress,
            let values = values.baseAddress, room.count >= text.count / 4 * 3 + 2
          else { return (0, text.isEmpty) }
          return unsafe decodeSextets(
            source, text.count, values, target.assumingMemoryBound(to: UInt8.self))
        }
      }
    }
  }
}

/// Decodes `count` letters at `source`; `target` has room for count / 4 * 3 + 2 bytes and `values`
/// has four times 256 entries.
@unsafe
private func decodeSextets(
  _ source: UnsafePointer<UInt8>, _ count: Int, _ values: UnsafePointer<UInt32>,
  _ target: UnsafeMutablePointer<UInt8>
) -> (written: Int, result: Bool) {
  var index = 0
  var written = 0
  var marks: UInt32 = 0
  while index &+ 4 <= count {
    // index + 3 < count; a byte plus 768 is below the 1024 values.
    let group =
      unsafe values[Int(source[index])]
      | values[Int(source[index &+ 1]) &+ 256]
      | values[Int(source[index &+ 2]) &+ 512]
      | values[Int(source[index &+ 3]) &+ 768]
    marks |= group
    // Four bytes are stored and three count: written + 3 <= count / 4 * 3, one below the room.
    unsafe UnsafeMutableRawPointer(target + written).storeBytes(
      of: (group << 8).bigEndian, as: UInt32.self)
    index &+= 4
    written &+= 3
  }
  let rest = count &- index
  if rest >= 2 {
    // index + rest == count; written + 1 < count / 4 * 3 + 2.
    var group = unsafe values[Int(source[index])] | values[Int(source[index &+ 1]) &+ 256]
    if rest == 3 { group |= unsafe values[Int(source[index &+ 2]) &+ 512] }
    marks |= group
    unsafe target[written] = UInt8(truncatingIfNeeded: group >> 16)
    written &+= 1
    if rest == 3 {
      unsafe target[written] = UInt8(truncatingIfNeeded: group >> 8)
      written &+= 1
    }
    // The spare bits of the last letter: 4 behind one byte, 2 behind two.
    if group & (rest == 3 ? 0xFF : 0xFFFF) != 0 { return (0, false) }
  }
  return marks & foreignMark == 0 ? (written, true) : (0, false)
}

private func encodeBase64(
  _ bytes: Span<UInt8>, into buffer: inout ByteBuffer, minus: UInt8, underscore: UInt8
) {
  var index = 0
  while index < bytes.count {
    let left = bytes.count - index
    let a = bytes[index]
    let b = left > 1 ? bytes[index + 1] : 0
    let c = left > 2 ? bytes[index + 2] : 0
    buffer.append(letter(a >> 2, minus, underscore))
    buffer.append(letter((a & 3) << 4 | b >> 4, minus, underscore))
    if left > 1 { buffer.append(letter((b & 15) << 2 | c >> 6, minus, underscore)) }
    if left > 2 { buffer.append(letter(c & 63, minus, underscore)) }
    index += 3
  }
}
