// What can be wrong with a JSON text.

/// Why a text isn't acceptable JSON.
public enum JSONFault: UInt8, Error, Sendable, CaseIterable {
  /// The text ends inside a value.
  case unexpectedEnd
  /// A byte that the grammar doesn't allow here.
  case unexpectedByte
  /// Something other than white space behind the value.
  case trailingBytes
  /// A number outside RFC 8259 §6 (leading zero, bare point, `NaN`).
  case badNumber
  /// An escape outside RFC 8259 §7.
  case badEscape
  /// A `\u` surrogate without its other half.
  case loneSurrogate
  /// A raw control byte inside a string.
  case controlByte
  /// Bytes that aren't UTF-8 (overlong, surrogate, beyond U+10FFFF, cut short).
  case badUTF8
  /// Two members of one object with the same name once unescaped.
  case duplicateName
  /// More nesting than the depth cap.
  case tooDeep
  /// More names and values than the node cap.
  case tooManyNodes
  /// A text of 4 GiB or more, which offsets can't name.
  case tooLong

  /// The stable name in tools and logs.
  public var name: StaticString {
    switch self {
    case .unexpectedEnd: "unexpected_end"
    case .unexpectedByte: "unexpected_byte"
    case .trailingBytes: "trailing_bytes"
    case .badNumber: "bad_number"
    case .badEscape: "bad_escape"
    case .loneSurrogate: "lone_surrogate"
    case .controlByte: "control_byte"
    case .badUTF8: "bad_utf8"
    case .duplicateName: "duplicate_name"
    case .tooDeep: "too_deep"
    case .tooManyNodes: "too_many_nodes"
    case .tooLong: "too_long"
    }
  }
}

/// The outcome of parsing.
public enum JSONOutcome: Sendable, Equatable {
  /// The whole text is one valid value.
  case valid
  /// It isn't: what, and the offset where it was noticed.
  case invalid(JSONFault, offset: Int)
}

/// What a node is.
public enum JSONKind: UInt8, Sendable {
  /// Members, each a name node followed by a value node.
  case object
  /// Elements.
  case array
  /// A string, or a member's name.
  case string
  /// A number, as the text that stands there.
  case number
  /// `true`.
  case yes
  /// `false`.
  case no
  /// `null`.
  case null
}
