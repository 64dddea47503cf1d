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
  /// A name's mark (see `mark`), 0 for values.
  var mark: UInt32
  var kind: JSONKind
  /// A string with escapes, or a number with a fraction or exponent.
  var isSpecial: Bool
  var depth: UInt16

  var range: ByteRange { ByteRange(Int(start), Int(end)) }
}

/// The running state of one parse.
struct JSONParser {
  var nodes: [JSONNode] = []
  var names = JSONNameTable()
  /// True when a string holds an escaped or raw U+0000.
  var hasNUL = false
  /// Where parsing stands; where the fault is, once it threw.
  private(set) var index = 0
  private let depthMaximum: Int
  private let nodeMaximum: Int
  /// Row of the innermost open container.
  private var open: Int?
  private var depth = 0

  init(depthMaximum: Int, nodeMaximum: Int) {
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
    try string(text, isName: true)
    guard addName(text, row, of: container) else {
      index = start
      throw .duplicateName
    }
    skipWhiteSpace(text)
    guard index < text.count else { throw .unexpectedEnd }
    guard text[index] == UInt8(ascii: ":") else { throw .unexpectedByte }
    index += 1
    skipWhiteSpace(text)
  }

  /// False when the object has the name at `row` already.
  private mutating func addName(_ text: Span<UInt8>, _ row: Int, of container: Int) -> Bool {
    let mark = nodes[row].mark
    var other = container + 1
    var count = 0
    while other < row, count < JSONNameTable.linearMaximum {
      if nodes[other].mark == mark, nodes.haveEqualText(other, row, in: text) { return false }
      other = Int(nodes[other + 1].next)
      count += 1
    }
    if count < JSONNameTable.linearMaximum { return true }
    if other == row {
      // The first name beyond: the table doesn't know the earlier ones yet, which are known to
      // differ.
      var earlier = container + 1
      while earlier < row {
        _ = names.insert(earlier, of: container, in: text, nodes, nodeMaximum: nodeMaximum)
        earlier = Int(nodes[earlier + 1].next)
      }
    }
    return names.insert(row, of: container, in: text, nodes, nodeMaximum: nodeMaximum)
  }

  /// Length and first eight bytes of a name, folded: tells nearly all names apart before they are
  /// compared.
  private func mark(_ text: Span<UInt8>, _ start: Int, _ end: Int, isEscaped: Bool) -> UInt32 {
    var first: UInt64 = 0
    var count = end &- start
    if !isEscaped, start &+ 8 <= text.count {
      first = text.word(at: start)
      if count < 8 { first &= (1 << UInt64(count &* 8)) &- 1 }
    } else {
      var bytes = UnescapedBytes(ByteRange(start, end))
      count = 0
      while let byte = bytes.next(text) {
        if count < 8 { first |= UInt64(byte) << UInt64(count &* 8) }
        count &+= 1
      }
    }
    first ^= UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
    return UInt32(truncatingIfNeeded: first ^ first >> 32)
  }

  private mutating func value(_ text: Span<UInt8>) throws(JSONFault) {
    guard index < text.count else { throw .unexpectedEnd }
    switch text[index] {
    case UInt8(ascii: "{"): try begin(.object)
    case UInt8(ascii: "["): try begin(.array)
    case UInt8(ascii: "\""): try string(text, isName: false)
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
    _ kind: JSONKind, _ start: Int, _ end: Int, isSpecial: Bool = false, mark: UInt32 = 0
  ) throws(JSONFault) {
    guard nodes.count < nodeMaximum else { throw .tooManyNodes }
    nodes.append(
      JSONNode(
        start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
        next: UInt32(truncatingIfNeeded: nodes.count + 1), mark: mark, kind: kind,
        isSpecial: isSpecial, depth: UInt16(truncatingIfNeeded: depth)))
  }

  @inline(__always)
  private mutating func skipWhiteSpace(_ text: Span<UInt8>) {
    // Machines write none: one comparison settles it.
    while index < text.count, text[index] <= 0x20 {
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

  private mutating func string(_ text: Span<UInt8>, isName: Bool) throws(JSONFault) {
    let start = index + 1
    var isEscaped = false
    index = start &+ ordinaryCount(text, from: start)
    while index < text.count {
      let byte = text[index]
      if byte == UInt8(ascii: "\"") {
        let mark = isName ? mark(text, start, index, isEscaped: isEscaped) : 0
        try add(.string, start, index, isSpecial: isEscaped, mark: mark)
        index += 1
        return
      }
      if byte == UInt8(ascii: "\\") {
        isEscaped = true
        try escape(text)
      } else if byte < 0x20 {
        throw .controlByte
      } else {
        // Length 1 is an ordinary byte of the last seven, which words don't cover.
        let length = utf8SequenceLength(text, at: index)
        guard length > 0 else { throw .badUTF8 }
        index += length
      }
      index &+= ordinaryCount(text, from: index)
    }
    throw .unexpectedEnd
  }

  /// Number of bytes from `start` on that a string holds as they are: ASCII
  /// without controls, quote and backslash. Eight at a time; may stop early near the end.
  private func ordinaryCount(_ text: Span<UInt8>, from start: Int) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    var index = start
    while index &+ 8 <= text.count {
      let word = text.word(at: index)
      // The top bit of a byte of `x - ones & ~x` is set when that byte of x is 0. Borrows only
      // spoil bytes above the first hit, so the lowest set bit is exact.
      let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
      let slashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
      let stops =
        ((quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes
          | (word &- ones &* 0x20) & ~word | word) & tops
      if stops != 0 { return index &- start &+ stops.trailingZeroBitCount / 8 }
      index &+= 8
    }
    return index &- start
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
    var end = index
    while end < text.count, text[end].isDigit { end &+= 1 }
    index = end
  }
}

extension UInt8 {
  /// True for `0`...`9`.
  var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }
}
