// The grammar of RFC 8259, strictly: one pass, no recursion, no repair.
//
//     {"a": [1, 2]}   becomes   object | "a" | array | 1 | 2
//
// One row each, in text order; a row knows where its subtree ends.
//
// The open containers form a chain through the rows themselves: while a container is open its
// `next` holds its parent, afterwards the row behind its subtree. So nesting costs no stack.
//
// Two members with one name are refused rather than resolved: the backend's parser may pick the
// other one (PEERS §4.3).

import Bytes

/// One name or value.
struct JSONNode {
  /// Offset of the first byte; of a string's contents, not its quote.
  var start: UInt32
  /// Offset after the last byte of a string's contents, a number, or a container's bracket.
  var end: UInt32
  /// Row behind this value's subtree.
  var next: UInt32
  /// Hash of a name's unescaped bytes, 0 for values.
  var nameHash: UInt32
  var kind: JSONKind
  /// A string with escapes, or a number with a fraction or exponent.
  var isSpecial: Bool
  var depth: UInt16

  var range: ByteRange { ByteRange(Int(start), Int(end)) }
}

/// The running state of one parse.
struct JSONParser {
  var nodes: [JSONNode]
  /// True when a string holds an escaped or raw U+0000.
  var hasNUL = false
  /// Where parsing stands; where the fault is, once it threw.
  private(set) var index = 0
  private let depthMaximum: Int
  private let nodeMaximum: Int
  /// Row of the innermost open container.
  private var open: Int?
  private var depth = 0

  init(nodes: consuming [JSONNode], depthMaximum: Int, nodeMaximum: Int) {
    self.nodes = nodes
    self.nodes.removeAll(keepingCapacity: true)
    self.depthMaximum = depthMaximum
    self.nodeMaximum = nodeMaximum
  }

  /// Parses the whole of `text`.
  mutating func parse(_ text: Span<UInt8>) throws(JSONFault) {
    guard text.count < Int(UInt32.max) else { throw .tooLong }
    skipWhiteSpace(text)
    try value(text)
    // Each turn consumes at least one byte or throws, so the loop is bounded by the text.
    while let container = open {
      skipWhiteSpace(text)
      guard index < text.count else { throw .unexpectedEnd }
      let isObject = nodes[container].kind == .object
      let isFirst = nodes.count == container + 1
      if text[index] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
        close(container)
        continue
      }
      if !isFirst {
        guard text[index] == UInt8(ascii: ",") else { throw .unexpectedByte }
        index += 1
        skipWhiteSpace(text)
      }
      if isObject { try name(text, of: container) }
      try value(text)
    }
    skipWhiteSpace(text)
    guard index == text.count else { throw .trailingBytes }
  }

  // MARK: Structure

  private mutating func close(_ container: Int) {
    index += 1
    depth -= 1
    let parent = nodes[container].next
    nodes[container].end = UInt32(truncatingIfNeeded: index)
    nodes[container].next = UInt32(truncatingIfNeeded: nodes.count)
    open = parent == UInt32.max ? nil : Int(parent)
  }

  /// A member's name and its colon.
  private mutating func name(_ text: Span<UInt8>, of container: Int) throws(JSONFault) {
    guard index < text.count else { throw .unexpectedEnd }
    guard text[index] == UInt8(ascii: "\"") else { throw .unexpectedByte }
    let row = nodes.count
    let start = index
    try string(text)
    nodes[row].nameHash = hash(text, nodes[row].range)
    guard !repeatsName(text, row, of: container) else {
      index = start
      throw .duplicateName
    }
    skipWhiteSpace(text)
    guard index < text.count else { throw .unexpectedEnd }
    guard text[index] == UInt8(ascii: ":") else { throw .unexpectedByte }
    index += 1
    skipWhiteSpace(text)
  }

  /// Compares with all earlier names of the object: quadratic, but within the node cap.
  private func repeatsName(_ text: Span<UInt8>, _ row: Int, of container: Int) -> Bool {
    var other = container + 1
    while other < row {
      if nodes[other].nameHash == nodes[row].nameHash, haveEqualText(text, other, row) {
        return true
      }
      other = Int(nodes[other + 1].next)
    }
    return false
  }

  private func haveEqualText(_ text: Span<UInt8>, _ left: Int, _ right: Int) -> Bool {
    var leftBytes = UnescapedBytes(nodes[left].range)
    var rightBytes = UnescapedBytes(nodes[right].range)
    while let byte = leftBytes.next(text) {
      if rightBytes.next(text) != byte { return false }
    }
    return rightBytes.next(text) == nil
  }

  /// FNV-1a of the unescaped bytes: only sorts names apart before they are compared.
  private func hash(_ text: Span<UInt8>, _ range: ByteRange) -> UInt32 {
    var bytes = UnescapedBytes(range)
    var hash: UInt32 = 0x811C_9DC5
    while let byte = bytes.next(text) { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
    return hash
  }

  private mutating func value(_ text: Span<UInt8>) throws(JSONFault) {
    guard index < text.count else { throw .unexpectedEnd }
    switch text[index] {
    case UInt8(ascii: "{"): try begin(.object)
    case UInt8(ascii: "["): try begin(.array)
    case UInt8(ascii: "\""): try string(text)
    case UInt8(ascii: "t"): try word("true", .yes, text)
    case UInt8(ascii: "f"): try word("false", .no, text)
    case UInt8(ascii: "n"): try word("null", .null, text)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number(text)
    default: throw .unexpectedByte
    }
  }

  private mutating func begin(_ kind: JSONKind) throws(JSONFault) {
    guard depth < depthMaximum else { throw .tooDeep }
    let row = nodes.count
    try add(kind, index, index + 1)
    nodes[row].next = open.map { UInt32(truncatingIfNeeded: $0) } ?? UInt32.max
    open = row
    depth += 1
    index += 1
  }

  /// Adds a row whose subtree is itself. Offsets fit: the text is shorter than 4 GiB.
  private mutating func add(
    _ kind: JSONKind, _ start: Int, _ end: Int, isSpecial: Bool = false
  ) throws(JSONFault) {
    guard nodes.count < nodeMaximum else { throw .tooManyNodes }
    nodes.append(
      JSONNode(
        start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
        next: UInt32(truncatingIfNeeded: nodes.count + 1), nameHash: 0, kind: kind,
        isSpecial: isSpecial, depth: UInt16(truncatingIfNeeded: depth)))
  }

  private mutating func skipWhiteSpace(_ text: Span<UInt8>) {
    while index < text.count {
      switch text[index] {
      case 0x20, 0x09, 0x0A, 0x0D: index += 1
      default: return
      }
    }
  }

  // MARK: Scalars

  private mutating func word(
    _ literal: StaticString, _ kind: JSONKind, _ text: Span<UInt8>
  ) throws(JSONFault) {
    let count = literal.utf8CodeUnitCount
    let there = text.slice(from: index, to: index + count)
    guard there.equals(literal) else {
      throw there.count < count ? .unexpectedEnd : .unexpectedByte
    }
    try add(kind, index, index + count)
    index += count
  }

  private mutating func string(_ text: Span<UInt8>) throws(JSONFault) {
    let start = index + 1
    var isEscaped = false
    index = start
    while index < text.count {
      let byte = text[index]
      if byte == UInt8(ascii: "\"") {
        try add(.string, start, index, isSpecial: isEscaped)
        index += 1
        return
      }
      if byte == UInt8(ascii: "\\") {
        isEscaped = true
        try escape(text)
      } else if byte < 0x20 {
        throw .controlByte
      } else if byte < 0x80 {
        index += 1
      } else {
        let length = utf8SequenceLength(text, at: index)
        guard length > 0 else { throw .badUTF8 }
        index += length
      }
    }
    throw .unexpectedEnd
  }

  private mutating func escape(_ text: Span<UInt8>) throws(JSONFault) {
    guard index + 1 < text.count else { throw .unexpectedEnd }
    switch text[index + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      index += 2
    case UInt8(ascii: "u"):
      guard let unit = hexadecimalUnit(text, at: index + 2) else {
        throw index + 6 > text.count ? .unexpectedEnd : .badEscape
      }
      if unit == 0 { hasNUL = true }
      switch unit & 0xFC00 {
      case 0xD800:
        try lowSurrogate(text, at: index + 6)
        index += 12
      case 0xDC00: throw .loneSurrogate
      default: index += 6
      }
    default: throw .badEscape
    }
  }

  /// Requires `\uDC00`...`\uDFFF` at `start`.
  private func lowSurrogate(_ text: Span<UInt8>, at start: Int) throws(JSONFault) {
    guard start < text.count else { throw .unexpectedEnd }
    guard text[start] == UInt8(ascii: "\\") else { throw .loneSurrogate }
    guard start + 1 < text.count else { throw .unexpectedEnd }
    guard text[start + 1] == UInt8(ascii: "u") else { throw .loneSurrogate }
    guard let unit = hexadecimalUnit(text, at: start + 2) else {
      throw start + 6 > text.count ? .unexpectedEnd : .badEscape
    }
    guard unit & 0xFC00 == 0xDC00 else { throw .loneSurrogate }
  }

  private mutating func number(_ text: Span<UInt8>) throws(JSONFault) {
    let start = index
    var isSpecial = false
    if text[index] == UInt8(ascii: "-") { index += 1 }
    guard index < text.count else { throw .unexpectedEnd }
    if text[index] == UInt8(ascii: "0") {
      index += 1
      if index < text.count, text[index].isDigit { throw .badNumber }
    } else {
      try digits(text)
    }
    if index < text.count, text[index] == UInt8(ascii: ".") {
      isSpecial = true
      index += 1
      try digits(text)
    }
    if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
      isSpecial = true
      index += 1
      if index < text.count, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") {
        index += 1
      }
      try digits(text)
    }
    try add(.number, start, index, isSpecial: isSpecial)
  }

  /// One or more digits.
  private mutating func digits(_ text: Span<UInt8>) throws(JSONFault) {
    guard index < text.count else { throw .unexpectedEnd }
    guard text[index].isDigit else { throw .badNumber }
    while index < text.count, text[index].isDigit { index += 1 }
  }
}

extension UInt8 {
  /// True for `0`...`9`.
  var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }
}
