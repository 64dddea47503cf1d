// A parsed JSON text as a flat table of rows, for reading without allocation.
//
// The rows hold offsets, not bytes: every question takes the text again, and it must be the text
// that was parsed. Rows are named by index; 0 is the outermost value. Row `n`'s first child is `n +
// 1`, what follows its subtree is `next(n)`; a member is a name row followed by its value row.
//
// Reused for one text after another: warm, parsing allocates nothing. Any one thread.

import Bytes

/// One member of an object. Its value is the row behind its name.
public struct JSONMember: Sendable {
  /// The bytes of the name in the text, as written.
  public let name: ByteRange
  /// True when the name has escapes, so that its bytes in the text aren't its value.
  public let isEscaped: Bool
  /// The row of the next member's name.
  public let next: Int
}

/// A reusable strict JSON reader.
public final class JSONDocument {
  private var nodes: [JSONNode] = []
  private var names = JSONNameTable()
  private let depthMaximum: Int
  private let nodeMaximum: Int
  private var hasNUL = false
  /// Room for comparing escaped strings with literals of our own source.
  private var scratch = ByteBuffer(capacity: 128)

  /// Makes a reader that refuses deeper or larger texts than these caps.
  public init(depthMaximum: Int = 32, nodeMaximum: Int = 512) {
    precondition(depthMaximum > 0 && depthMaximum <= Int(UInt16.max) && nodeMaximum > 0)
    self.depthMaximum = depthMaximum
    self.nodeMaximum = nodeMaximum
    var rows: [JSONNode] = []
    rows.reserveCapacity(Swift.min(nodeMaximum, 64))
    nodes = rows
  }

  /// Parses `text`, which must be one value and nothing else but white space.
  public func parse(_ text: Span<UInt8>) -> JSONOutcome {
    // The rows move into the parser and back, so that it alone owns them and no copy is made. The
    // property is only ever loaded and stored whole: then reading a row needs no run-time
    // exclusivity check (one check costs as much as the read of ten rows).
    var parser = JSONParser(depthMaximum: depthMaximum, nodeMaximum: nodeMaximum)
    parser.nodes = nodes
    nodes = []
    parser.names = names
    names = JSONNameTable()
    parser.names.clear()
    parser.nodes.removeAll(keepingCapacity: true)
    let outcome: JSONOutcome
    do throws(JSONFault) {
      try parser.parse(text)
      outcome = .valid
    } catch {
      outcome = .invalid(error, offset: parser.index)
      // Nobody may read the rows of a text that isn't valid.
      parser.nodes.removeAll(keepingCapacity: true)
    }
    hasNUL = parser.hasNUL
    nodes = parser.nodes
    names = parser.names
    return outcome
  }

  /// Number of rows; 0 when the last text wasn't valid.
  public var count: Int { nodes.count }

  /// True when a string of the text holds U+0000, which C strings and logs cut short.
  public var containsNUL: Bool { hasNUL }

  // MARK: Walking

  /// What row `node` is; `null` for an index that isn't there.
  public func kind(_ node: Int) -> JSONKind {
    nodes.indices.contains(node) ? nodes[node].kind : .null
  }

  /// The row behind the subtree of `node`.
  public func next(_ node: Int) -> Int {
    nodes.indices.contains(node) ? Int(nodes[node].next) : nodes.count
  }

  /// The bytes of `node` in the text: a string's contents as written, without its quotes.
  public func range(_ node: Int) -> ByteRange {
    nodes.indices.contains(node) ? nodes[node].range : .empty
  }

  /// How many containers surround `node`.
  public func depth(_ node: Int) -> Int {
    nodes.indices.contains(node) ? Int(nodes[node].depth) : 0
  }

  /// The member whose name is row `row`: all that a walk over an object asks, in one call.
  public func member(at row: Int) -> JSONMember {
    guard row >= 0, row &+ 1 < nodes.count else {
      return JSONMember(name: .empty, isEscaped: false, next: nodes.count)
    }
    return JSONMember(
      name: nodes[row].range, isEscaped: nodes[row].isSpecial, next: Int(nodes[row + 1].next))
  }

  /// The value of member `name` of the object `node`.
  public func member(_ name: StaticString, of node: Int, in text: Span<UInt8>) -> Int? {
    guard kind(node) == .object else { return nil }
    var row = node + 1
    let end = next(node)
    while row < end {
      if string(row, in: text, equals: name) { return row + 1 }
      row = next(row + 1)
    }
    return nil
  }

  /// The value of member `name` of the object `node`.
  public func member(_ name: Span<UInt8>, of node: Int, in text: Span<UInt8>) -> Int? {
    guard kind(node) == .object else { return nil }
    var row = node + 1
    let end = next(node)
    while row < end {
      if string(row, in: text, equals: name) { return row + 1 }
      row = next(row + 1)
    }
    return nil
  }

  /// The value at a path of member names below the object `node`.
  public func member(path: [[UInt8]], of node: Int, in text: Span<UInt8>) -> Int? {
    var row = node
    for name in path {
      guard let value = member(name.span, of: row, in: text) else { return nil }
      row = value
    }
    return row
  }

  // MARK: Reading

  /// True when `node` is a string (or name) that stands for exactly these bytes.
  public func string(
    _ node: Int, in text: Span<UInt8>, equals literal: StaticString
  ) -> Bool {
    guard kind(node) == .string else { return false }
    if !nodes[node].isSpecial { return text.slice(nodes[node].range).equals(literal) }
    // Escaped names are rare; the scratch saves an allocation that a peer could ask for.
    scratch.clear()
    scratch.append(literal)
    return string(node, in: text, equalsReadable: scratch)
  }

  /// True when `node` is a string (or name) that stands for exactly these bytes.
  public func string(
    _ node: Int, in text: Span<UInt8>, equals other: Span<UInt8>
  ) -> Bool {
    guard kind(node) == .string else { return false }
    if !nodes[node].isSpecial { return text.slice(nodes[node].range).equals(other) }
    var bytes = UnescapedBytes(nodes[node].range)
    var index = 0
    while let byte = bytes.next(text) {
      if index == other.count || other[index] != byte { return false }
      index += 1
    }
    return index == other.count
  }

  /// True when `node` is a string that stands for `lowercase`, ASCII letters compared without case.
  /// `lowercase` must hold no upper-case letter.
  public func string(
    _ node: Int, in text: Span<UInt8>, equalsIgnoringCase lowercase: StaticString
  ) -> Bool {
    guard kind(node) == .string else { return false }
    if !nodes[node].isSpecial {
      return text.slice(nodes[node].range).equalsIgnoringCase(lowercase: lowercase)
    }
    scratch.clear()
    let range = nodes[node].range
    var bytes = UnescapedBytes(range)
    while let byte = bytes.next(text) { scratch.append(byte) }
    return Self.readableEquals(scratch, ignoringCase: lowercase) && !scratch.overflowed
  }

  private static func readableEquals(
    _ buffer: borrowing ByteBuffer, ignoringCase lowercase: StaticString
  ) -> Bool {
    buffer.readable.equalsIgnoringCase(lowercase: lowercase)
  }

  private func string(
    _ node: Int, in text: Span<UInt8>, equalsReadable buffer: borrowing ByteBuffer
  ) -> Bool {
    string(node, in: text, equals: buffer.readable)
  }

  /// True when `node` is a string with escapes, so that its bytes in the text aren't its value.
  public func isEscaped(_ node: Int) -> Bool {
    kind(node) == .string && nodes[node].isSpecial
  }

  /// Appends the bytes that the string `node` stands for; false when it isn't a string.
  public func append(string node: Int, in text: Span<UInt8>, to buffer: inout ByteBuffer) -> Bool {
    guard kind(node) == .string else { return false }
    if !nodes[node].isSpecial {
      buffer.append(text, nodes[node].range)
      return true
    }
    var bytes = UnescapedBytes(nodes[node].range)
    while let byte = bytes.next(text) { buffer.append(byte) }
    return true
  }

  /// True when `node` is a number without fraction and exponent.
  public func isInteger(_ node: Int) -> Bool {
    kind(node) == .number && !nodes[node].isSpecial
  }

  /// The value of an integer, nil for anything else or when it doesn't fit.
  public func integer(_ node: Int, in text: Span<UInt8>) -> Int64? {
    isInteger(node) ? JSONNumber.integer(text.slice(nodes[node].range)) : nil
  }

  /// A number read as a time (RFC 7519 NumericDate): its fraction cut off, nil beyond ±2^53 and for
  /// anything that isn't a number.
  public func seconds(_ node: Int, in text: Span<UInt8>) -> Int64? {
    guard kind(node) == .number else { return nil }
    let digits = text.slice(nodes[node].range)
    if nodes[node].isSpecial { return JSONNumber.truncated(digits) }
    let value = JSONNumber.integer(digits)
    return value.flatMap { $0.magnitude <= JSONNumber.exactMaximum.magnitude ? $0 : nil }
  }

  /// The text of a string, nil for anything else: start-up, tools and cold paths.
  public func text(_ node: Int, in text: Span<UInt8>) -> String? {
    guard kind(node) == .string else { return nil }
    var buffer = ByteBuffer(capacity: Swift.max(nodes[node].range.count, 1))
    // Unescaping never makes a text longer: `\n` is one byte for two, `\uXXXX` at most three for
    // six.
    _ = append(string: node, in: text, to: &buffer)
    return String(lossy: buffer.readable)
  }
}
