// The journal's line: one record a line, text that a person can read and a program can check.
//
//     + token main 1767225600 1767222000 jti:8c1f… 5f1c9a02
//     - subject main 42 77ab01c3
//     │ │       │    │          │          │       └ checksum of all before it
//     │ kind    │    expiry     time       value (realm and value percent-encoded, `_` when empty)
//     │         realm
//     + revoke, - lift
//
// The checksum finds torn and altered lines; it is no secret and no protection against someone who
// may write the file. The file itself (append, fsync, replay, compaction) is the proxy's.

import Bytes

/// One line of the journal.
public enum RevocationRecord: Sendable, Equatable {
  /// A revocation.
  case revoke(RevocationEntry)
  /// A revocation taken back.
  case lift(kind: RevocationKind, realm: String, value: String)

  /// Longest line without its line feed, in bytes; a longer one is damaged.
  public static let lineBytesMaximum = 32 << 10
  /// Longest token id or subject, in bytes: no token is longer, and percent-encoded it fits a line.
  public static let valueBytesMaximum = 8 << 10
  /// Longest realm name, in bytes.
  public static let realmBytesMaximum = 255

  /// Appends the record's line, line feed included.
  public func append(to buffer: inout ByteBuffer) {
    var line = ByteBuffer(capacity: Self.lineBytesMaximum)
    switch self {
    case .revoke(let entry):
      line.append("+ ")
      Self.append(entry.kind, entry.realm, to: &line)
      line.append(decimal: Int(max(entry.expiry, 0)))
      line.append(UInt8(ascii: " "))
      line.append(decimal: Int(max(entry.time, 0)))
      line.append(UInt8(ascii: " "))
      Self.append(encoded: entry.value, to: &line)
    case .lift(let kind, let realm, let value):
      line.append("- ")
      Self.append(kind, realm, to: &line)
      Self.append(encoded: value, to: &line)
    }
    line.append(UInt8(ascii: " "))
    // The checksum is over everything before itself, the space included.
    let sum = Self.checksum(line.readable)
    line.append(hexadecimal: UInt64(sum), width: 8)
    line.append(UInt8(ascii: "\n"))
    buffer.append(line.readable)
  }

  /// Reads a line without its line feed.
  public static func parse(_ line: Span<UInt8>) -> RevocationLine {
    if line.isEmpty || line[0] == UInt8(ascii: "#") { return .blank }
    guard line.count <= lineBytesMaximum, line.count > 10 else { return .damaged }
    let sumStart = line.count - 8
    guard line[sumStart - 1] == UInt8(ascii: " "),
      let sum = hexadecimal(line.slice(from: sumStart)),
      sum == checksum(line.slice(from: 0, to: sumStart))
    else { return .damaged }
    // From here on the line is what somebody wrote on purpose.
    let text = line.slice(from: 0, to: sumStart - 1)
    var words = LineWords()
    let sign = text.slice(words.next(in: text))
    guard let kind = RevocationKind(name: text.slice(words.next(in: text))),
      let realm = decode(text.slice(words.next(in: text)), maximum: realmBytesMaximum)
    else { return .unknown }
    if sign.equals("+") {
      guard let expiry = text.slice(words.next(in: text)).decimalValue(),
        let time = text.slice(words.next(in: text)).decimalValue(),
        let value = decode(text.slice(words.next(in: text)), maximum: valueBytesMaximum),
        words.isAtEnd(of: text)
      else { return .unknown }
      let entry = RevocationEntry(
        kind: kind, realm: realm, value: value, time: Int64(time), expiry: Int64(expiry))
      return .record(.revoke(entry))
    }
    guard sign.equals("-"),
      let value = decode(text.slice(words.next(in: text)), maximum: valueBytesMaximum),
      words.isAtEnd(of: text)
    else { return .unknown }
    return .record(.lift(kind: kind, realm: realm, value: value))
  }

  // MARK: Parts

  private static func append(
    _ kind: RevocationKind, _ realm: String, to line: inout ByteBuffer
  ) {
    line.append(kind.name)
    line.append(UInt8(ascii: " "))
    append(encoded: realm, to: &line)
    line.append(UInt8(ascii: " "))
  }

  private static func append(encoded text: String, to line: inout ByteBuffer) {
    if text.isEmpty { return line.append("_") }
    for byte in text.utf8 {
      // A lone underscore must not read as the empty text.
      let isPlain =
        byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "%") && !(text == "_")
      if isPlain {
        line.append(byte)
      } else {
        line.append(UInt8(ascii: "%"))
        line.append(hexadecimal: UInt64(byte), width: 2)
      }
    }
  }

  private static func decode(_ word: Span<UInt8>, maximum: Int) -> String? {
    if word.isEmpty { return nil }
    if word.equals("_") { return "" }
    var bytes: [UInt8] = []
    var index = 0
    while index < word.count {
      if word[index] == UInt8(ascii: "%") {
        let token = PathToken(word, at: index)
        guard token.byteCount == 3 else { return nil }
        bytes.append(token.meaning)
        index += 3
      } else {
        bytes.append(word[index])
        index += 1
      }
    }
    guard bytes.count <= maximum else { return nil }
    return String(lossy: bytes.span)
  }

  private static func hexadecimal(_ text: Span<UInt8>) -> UInt32? {
    var value: UInt32 = 0
    for index in 0..<text.count {
      guard let digit = text[index].hexadecimalDigitValue else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  private static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
    var hash = SipHash128(SipKey(0, 0))
    hash.combine(bytes)
    return UInt32(truncatingIfNeeded: hash.finish().low)
  }
}

/// What a journal line holds.
public enum RevocationLine: Sendable, Equatable {
  /// A record.
  case record(RevocationRecord)
  /// Nothing: an empty line or a comment (`#`).
  case blank
  /// A well-formed line of a later version; skipped and reported.
  case unknown
  /// A torn or altered line: the last one of a file may be (a crash while writing), any other not.
  case damaged
}

/// The words of a line, parted by single spaces.
private struct LineWords {
  private var offset = 0

  func isAtEnd(of line: Span<UInt8>) -> Bool { offset > line.count }

  /// The next word; empty when there is none.
  mutating func next(in line: Span<UInt8>) -> ByteRange {
    let start = min(offset, line.count)
    let end = line.firstIndex(of: UInt8(ascii: " "), from: start) ?? line.count
    offset = end + 1
    return ByteRange(start, end)
  }
}

extension RevocationKind {
  /// The kind called `name`, or nil.
  init?(name: Span<UInt8>) {
    for kind in Self.allCases where name.equals(kind.name) {
      self = kind
      return
    }
    return nil
  }
}
