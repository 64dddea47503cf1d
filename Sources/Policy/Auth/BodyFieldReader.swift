// Finds tokens in a held request body: members of a JSON object, or fields of a form.
//
// Only routes that say so have their body read, and only up to 16 KiB. What a lenient backend might
// read otherwise than we do (a member twice, text that isn't JSON) is refused, not guessed. Loop only.

import Bytes
import HTTPWire
import JSON

/// The kinds of body that can hold a token field.
enum BodyKind {
  case json, form, other
}

/// What a body holds.
enum BodyFinding {
  /// Not well-formed, or a field twice.
  case unreadable
  /// `primary` and `secondary` say what was found.
  case read
}

/// Reads token fields out of bodies.
final class BodyFieldReader {
  /// Longest body that is read.
  static let bodyBytesMaximum = 16 << 10

  private let document = JSONDocument(nodeMaximum: 4096)
  /// Tokens as they stand after unescaping, one behind the other: what the credentials' ranges
  /// refer to.
  private(set) var text = ByteBuffer(capacity: 2 * BodyFieldReader.bodyBytesMaximum)
  private(set) var primary = Credential()
  private(set) var secondary = Credential()

  /// The kind of a request's body. Where readers may differ (no type, two types, another charset than
  /// UTF-8) it is `other`: nothing that was found in such a body would be what a backend finds.
  static func kind(_ head: RequestHead, _ bytes: Span<UInt8>) -> BodyKind {
    guard let first = head.index(of: .contentType),
      head.index(of: .contentType, from: first + 1) == nil
    else { return .other }
    let type = bytes.slice(head.field(at: first).value)
    return namesOtherCharset(type) ? .other : kind(type)
  }

  /// True when the parameters name a charset that isn't UTF-8 (body-parser takes `utf-7` and
  /// `utf-16`, in which other members stand than in what we read).
  private static func namesOtherCharset(_ contentType: Span<UInt8>) -> Bool {
    var pairs = PairScanner(ByteRange(0, contentType.count), separator: UInt8(ascii: ";"))
    while let pair = pairs.next(contentType) {
      guard contentType.slice(pair.name).equalsIgnoringCase(lowercase: "charset") else { continue }
      let charset = contentType.slice(pair.value(contentType))
      if !charset.equalsIgnoringCase(lowercase: "utf-8"),
        !charset.equalsIgnoringCase(lowercase: "utf8")
      {
        return true
      }
    }
    return false
  }

  /// The kind that a `Content-Type` names.
  static func kind(_ contentType: Span<UInt8>) -> BodyKind {
    var end = contentType.firstIndex(of: UInt8(ascii: ";")) ?? contentType.count
    while end > 0, contentType[end - 1] == 0x20 || contentType[end - 1] == 0x09 { end -= 1 }
    let type = contentType.slice(from: 0, to: end)
    if type.equalsIgnoringCase(lowercase: "application/json") { return .json }
    if type.equalsIgnoringCase(lowercase: "application/x-www-form-urlencoded") { return .form }
    let suffix: StaticString = "+json"
    if type.count > 5, type.slice(from: type.count - 5).equalsIgnoringCase(lowercase: suffix) {
      return .json
    }
    return .other
  }

  /// Reads the fields that `places` names.
  func read(_ body: Span<UInt8>, _ kind: BodyKind, _ places: PlaceTable) -> BodyFinding {
    primary = Credential()
    secondary = Credential()
    text.clear()
    switch kind {
    case .json: return readJSON(body, places)
    case .form: return readForm(body, places)
    case .other: return .read
    }
  }

  private func readJSON(_ body: Span<UInt8>, _ places: PlaceTable) -> BodyFinding {
    // The reader refuses duplicate names, so a field can't be there twice.
    guard document.parse(body) == .valid else { return .unreadable }
    for name in places.bodyFields { note(member: name.span, body, isPrimary: true) }
    for name in places.secondaryBodyFields { note(member: name.span, body, isPrimary: false) }
    return .read
  }

  private func note(member name: Span<UInt8>, _ body: Span<UInt8>, isPrimary: Bool) {
    guard let node = document.member(name, of: 0, in: body) else { return }
    let start = text.writerIndex
    switch document.kind(node) {
    case .null: return
    case .string:
      _ = document.append(string: node, in: body, to: &text)
      note(from: start, isPrimary: isPrimary)
    case .object, .array, .number, .yes, .no:
      if isPrimary { primary.addMalformed() }
    }
  }

  private func readForm(_ body: Span<UInt8>, _ places: PlaceTable) -> BodyFinding {
    for name in places.bodyFields {
      guard note(field: name.span, body, isPrimary: true) else { return .unreadable }
    }
    for name in places.secondaryBodyFields {
      guard note(field: name.span, body, isPrimary: false) else { return .unreadable }
    }
    return .read
  }

  /// False when the field is there twice.
  private func note(field name: Span<UInt8>, _ body: Span<UInt8>, isPrimary: Bool) -> Bool {
    var pairs = PairScanner(ByteRange(0, body.count), separator: UInt8(ascii: "&"))
    var isFound = false
    while let pair = pairs.next(body) {
      guard PairScanner.name(body.slice(pair.name), means: name) else { continue }
      if isFound { return false }
      isFound = true
      let start = text.writerIndex
      let value = body.slice(pair.raw)
      var index = 0
      while index < value.count {
        let token = PathToken(value, at: index)
        let isSpace = token.byteCount == 1 && token.meaning == UInt8(ascii: "+")
        text.append(isSpace ? 0x20 : token.meaning)
        index += token.byteCount
      }
      note(from: start, isPrimary: isPrimary)
    }
    return true
  }

  private func note(from start: Int, isPrimary: Bool) {
    let range = ByteRange(start, text.writerIndex)
    guard !range.isEmpty else { return }
    if isPrimary {
      Self.add(range, of: text, to: &primary)
    } else {
      Self.add(range, of: text, to: &secondary)
    }
  }

  /// True when the judged token is `token`.
  func primaryEquals(_ token: Span<UInt8>) -> Bool {
    Self.equals(text, primary.range, token)
  }

  /// True when the refresh token beside the judged one is `token`.
  func secondaryEquals(_ token: Span<UInt8>) -> Bool {
    Self.equals(text, secondary.range, token)
  }

  private static func equals(
    _ text: borrowing ByteBuffer, _ range: ByteRange, _ token: Span<UInt8>
  ) -> Bool {
    text.written.slice(range).equals(token)
  }

  private static func add(
    _ range: ByteRange, of text: borrowing ByteBuffer, to credential: inout Credential
  ) {
    credential.add(range, text.written)
  }
}
