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

/// 6-bit value of each letter, 0xFF for every other byte. A class-free global `let` array is built
/// once; reading it costs a bounds check.
private let urlValues = makeValues(UInt8(ascii: "-"), UInt8(ascii: "_"))
private let standardValues = makeValues(UInt8(ascii: "+"), UInt8(ascii: "/"))

private func makeValues(_ minus: UInt8, _ underscore: UInt8) -> [UInt8] {
  var table = [UInt8](repeating: 0xFF, count: 256)
  for value in UInt8(0)..<64 { table[Int(letter(value, minus, underscore))] = value }
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
  _ text: Span<UInt8>, into buffer: inout ByteBuffer, table: [UInt8]
) -> Bool {
  let count = text.count
  guard count % 4 != 1, count / 4 * 3 + 2 <= buffer.writableCount || count == 0 else {
    return false
  }
  return buffer.appendDecoding(text, table: table)
}

extension ByteBuffer {
  /// Decodes sextets into the writable room; the caller checked that count / 4 * 3 + 2 bytes fit.
  fileprivate mutating func appendDecoding(_ text: Span<UInt8>, table: [UInt8]) -> Bool {
    let values = table.span
    return unsafe withUnsafeWritableBytes { room in
      let count = text.count
      guard room.count >= count / 4 * 3 + 2 || count == 0 else { return (0, false) }
      var source = 0
      var target = 0
      var invalid: UInt8 = 0
      while source + 4 <= count {
        let a = values[Int(text[source])]
        let b = values[Int(text[source + 1])]
        let c = values[Int(text[source + 2])]
        let d = values[Int(text[source + 3])]
        invalid |= a | b | c | d
        // target + 2 < count / 4 * 3 <= room.count.
        unsafe room[target] = a << 2 | b >> 4
        unsafe room[target + 1] = b << 4 | c >> 2
        unsafe room[target + 2] = c << 6 | d
        source += 4
        target += 3
      }
      let rest = count - source
      if rest >= 2 {
        let a = values[Int(text[source])]
        let b = values[Int(text[source + 1])]
        invalid |= a | b
        // target + 1 < count / 4 * 3 + 2 <= room.count.
        unsafe room[target] = a << 2 | b >> 4
        target += 1
        if rest == 3 {
          let c = values[Int(text[source + 2])]
          invalid |= c
          unsafe room[target] = b << 4 | c >> 2
          target += 1
          if c & 0b11 != 0 { return (0, false) }
        } else if b & 0b1111 != 0 {
          return (0, false)
        }
      }
      // 0xFF is the only table value with the top bits set.
      return invalid & 0xC0 == 0 ? (target, true) : (0, false)
    }
  }
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
