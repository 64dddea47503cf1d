// The field lines of one head, in order, and the parser that fills them (RFC 9112 §5).
//
// Reads the lines only; what the connection, framing and authority fields mean is in
// `ConnectionOptions`, `Framing` and `Authority`.

import Bytes

/// Why a parser stops before the end of what it reads.
enum ParseStop: Error {
  /// The bytes end here, legally so far.
  case needsMore
  /// The byte at `offset` breaks a rule.
  case malformed(WireFault, offset: Int)
}

/// Rows of fields that keep their storage from one head to the next.
struct FieldTable {
  /// The fields in order, then rows of earlier heads: emptying the array would cost a call.
  private var rows: [Field] = []
  /// Number of fields.
  private(set) var count = 0
  /// The known names that occur.
  private(set) var present: UInt64 = 0
  /// The known names that occur more than once.
  private(set) var repeated: UInt64 = 0

  subscript(index: Int) -> Field {
    precondition(index < count, "a caller's index: fields are counted, not guessed")
    return rows[index]
  }

  @inline(__always)
  func has(_ name: FieldName) -> Bool { present & name.bit != 0 }

  @inline(__always)
  func isRepeated(_ name: FieldName) -> Bool { repeated & name.bit != 0 }

  func index(of name: FieldName, from start: Int) -> Int? {
    guard has(name) else { return nil }
    var index = max(start, 0)
    while index < count {
      if rows[index].id == name { return index }
      index += 1
    }
    return nil
  }

  func value(of name: FieldName) -> ByteRange? {
    guard let index = index(of: name, from: 0) else { return nil }
    return rows[index].value
  }

  /// The one field of this name, nil without any; a second one is `fault`, at its line.
  func only(_ name: FieldName, elseFault fault: WireFault) throws(ParseStop) -> Field? {
    guard let first = index(of: name, from: 0) else { return nil }
    if repeated & name.bit != 0, let second = index(of: name, from: first + 1) {
      throw .malformed(fault, offset: rows[second].line.lower)
    }
    return rows[first]
  }

  mutating func removeAll() {
    count = 0
    present = 0
    repeated = 0
  }

  mutating func markHopByHop(at index: Int) { rows[index].isHopByHop = true }

  /// Reads field lines from `start` up to the blank line; returns the offset after it.
  mutating func parse(
    _ bytes: Span<UInt8>, from start: Int, countMaximum: Int
  ) throws(ParseStop) -> Int {
    var offset = start
    while true {
      guard offset < bytes.count else { throw .needsMore }
      if bytes[offset] == .carriageReturn { return try endOfLine(bytes, at: offset) }
      if count >= countMaximum { throw .malformed(.tooManyFields, offset: offset) }
      let field = try parseFieldLine(bytes, at: offset)
      repeated |= present & field.id.bit
      present |= field.id.bit
      append(field)
      offset = field.line.upper
    }
  }

  @inline(__always)
  private mutating func append(_ field: Field) {
    if count < rows.count { rows[count] = field } else { rows.append(field) }
    count &+= 1
  }
}

/// Reads the field line that begins at `start`: `name ":" OWS value OWS CRLF`.
@inline(__always)
func parseFieldLine(_ bytes: Span<UInt8>, at start: Int) throws(ParseStop) -> Field {
  // A known name needs no look at its single bytes. Every other goes through the token check, which
  // also finds out what is wrong with a line without a colon.
  var nameEnd = find(.colon, in: bytes, from: start, to: min(bytes.count, start &+ 32))
  let id = FieldName(in: bytes, at: start, count: nameEnd &- start)
  if id.isUnchecked { nameEnd = try endOfName(bytes, from: start) }

  var valueStart = nameEnd &+ 1
  while valueStart < bytes.count, bytes[valueStart].isOptionalWhitespace { valueStart &+= 1 }
  let stop = endOfFieldValue(bytes, from: valueStart)
  guard stop < bytes.count else { throw .needsMore }
  guard bytes[stop] == .carriageReturn else {
    // NUL and other control bytes mean different things to different readers (CVE-2019-9900).
    throw .malformed(bytes[stop] == .lineFeed ? .bareLineFeed : .badFieldValue, offset: stop)
  }
  let lineEnd = try endOfLine(bytes, at: stop)
  var valueEnd = stop
  while valueEnd > valueStart, bytes[valueEnd &- 1].isOptionalWhitespace { valueEnd &-= 1 }
  return Field(
    id: id, isHopByHop: id.isHopByHop,
    name: ByteRange(start, nameEnd), value: ByteRange(valueStart, valueEnd),
    line: ByteRange(start, lineEnd))
}

/// The offset after the CRLF whose CR is at `offset`. A CR alone is never a line's end, nor part of a
/// value (RFC 9112 §2.2).
@inline(__always)
func endOfLine(_ bytes: Span<UInt8>, at offset: Int) throws(ParseStop) -> Int {
  guard offset &+ 1 < bytes.count else { throw .needsMore }
  guard bytes[offset &+ 1] == .lineFeed else {
    throw .malformed(.bareCarriageReturn, offset: offset)
  }
  return offset &+ 2
}

/// The offset of the colon behind the name at `start`, which must be a token that touches it
/// (RFC 9112 §5.1: a space there is the oldest way to hide a field from one of two readers).
private func endOfName(_ bytes: Span<UInt8>, from start: Int) throws(ParseStop) -> Int {
  var offset = start
  while offset < bytes.count {
    let byte = bytes[offset]
    guard ASCIISet.token.contains(byte) else {
      if byte == .colon, offset > start { return offset }
      throw .malformed(faultInName(byte, isFirst: offset == start), offset: offset)
    }
    offset &+= 1
  }
  throw .needsMore
}

@inline(never)
private func faultInName(_ byte: UInt8, isFirst: Bool) -> WireFault {
  switch byte {
  case .space, .tab: isFirst ? .foldedLine : .spaceBeforeColon
  case .colon: .emptyFieldName
  case .lineFeed: .bareLineFeed
  case .carriageReturn: .missingColon
  default: .badFieldName
  }
}

extension FieldName {
  /// True when recognising the name hasn't looked at all of its bytes: no name, or one of a family.
  @inline(__always)
  fileprivate var isUnchecked: Bool {
    self == .other || self == .proxy || self == .accessControl
  }
}
