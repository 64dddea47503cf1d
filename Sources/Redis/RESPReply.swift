// Replies of a Redis server as bytes: RESP2 and RESP3 (redis.io, "RESP protocol specification").
//
// A flat list of nodes instead of a tree: an aggregate is followed by its elements, each with its
// depth. The reader is stateless like the head parsers: it is given all bytes of a reply so far and
// says consumed, needs more, or malformed; a reply is bounded in bytes, nodes and depth, because a
// blocklist server is a peer too. No socket, no clock.

import Bytes

/// Why bytes aren't a reply.
public enum RESPFault: UInt8, Error, Sendable, CaseIterable {
  /// The first byte of a value isn't a type that the protocol has.
  case unknownType
  /// A line doesn't end in CR LF, or holds a lone CR or LF.
  case badLineEnd
  /// A length or an integer isn't a number in range.
  case badNumber
  /// A boolean isn't `t` or `f`, or a null is not empty.
  case badLiteral
  /// More bytes, nodes or levels than the limits allow.
  case tooLarge
}

/// One value of a reply.
public struct RESPNode: Sendable, Equatable {
  /// What the value is.
  public enum Kind: Sendable, Equatable {
    /// `+text` or `$text` or `=text`: bytes at `range`.
    case text
    /// `-text` or `!text`: an error's words at `range`.
    case error
    /// `:number`.
    case integer(Int64)
    /// `,number` or `(number`: the digits at `range`, not interpreted.
    case number
    /// `#t` or `#f`.
    case boolean(Bool)
    /// `_`, `$-1` or `*-1`.
    case null
    /// `*`, `~` or `>`: so many elements follow.
    case array(count: Int, isPush: Bool)
    /// `%` or `|`: so many pairs follow.
    case map(pairs: Int)
  }

  /// What the value is.
  public let kind: Kind
  /// The value's bytes, as offsets into what was parsed; empty for aggregates.
  public let range: ByteRange
  /// Number of aggregates around it.
  public let depth: Int
}

/// Bounds of a reply.
public struct RESPLimits: Sendable, Equatable {
  /// Longest text or error in bytes.
  public var textBytesMaximum = 1 << 20
  /// Most values in one reply.
  public var nodeCountMaximum = 65_536
  /// Deepest nesting.
  public var depthMaximum = 8

  /// The defaults.
  public init() {}
}

/// What a parser says about the bytes it was given.
public enum RESPOutcome: Sendable, Equatable {
  /// The reply isn't complete.
  case needsMore
  /// One reply was read; `upTo` is the offset after it.
  case complete(upTo: Int)
  /// The bytes aren't a reply; the connection can't be used any more.
  case malformed(RESPFault)
}

/// Reads replies. Reusable; loop only.
public final class RESPReader {
  private let limits: RESPLimits
  private var nodes: [RESPNode] = []

  /// Makes a reader.
  public init(limits: RESPLimits = RESPLimits()) { self.limits = limits }

  /// Number of values in the last complete reply.
  public var nodeCount: Int { nodes.count }

  /// A value of the last complete reply; traps unless `index < nodeCount`.
  public func node(at index: Int) -> RESPNode { nodes[index] }

  /// Reads one reply that begins at `start`.
  public func parse(_ bytes: Span<UInt8>, from start: Int) -> RESPOutcome {
    nodes.removeAll(keepingCapacity: true)
    var offset = start
    // Values still missing at each level of nesting; the level below all is the reply itself.
    var missing: [Int] = [1]
    while let last = missing.last {
      if last == 0 {
        missing.removeLast()
        continue
      }
      missing[missing.count - 1] = last - 1
      guard nodes.count < limits.nodeCountMaximum else { return .malformed(.tooLarge) }
      switch value(bytes, at: offset, depth: missing.count - 1) {
      case .needsMore: return .needsMore
      case .malformed(let fault): return .malformed(fault)
      case .complete(let end): offset = end
      }
      let elements: Int
      switch nodes[nodes.count - 1].kind {
      case .array(let count, _): elements = count
      case .map(let pairs): elements = pairs * 2
      case .text, .error, .integer, .number, .boolean, .null: continue
      }
      guard missing.count <= limits.depthMaximum else { return .malformed(.tooLarge) }
      missing.append(elements)
    }
    return .complete(upTo: offset)
  }

  /// Reads one value without its elements.
  private func value(_ bytes: Span<UInt8>, at start: Int, depth: Int) -> RESPOutcome {
    guard start < bytes.count else { return .needsMore }
    let line: ByteRange
    switch self.line(bytes, from: start + 1) {
    case .complete(let end): line = ByteRange(start + 1, end - 2)
    case .needsMore: return .needsMore
    case .malformed(let fault): return .malformed(fault)
    }
    let text = bytes.slice(line)
    var kind: RESPNode.Kind
    switch bytes[start] {
    case UInt8(ascii: "+"): kind = .text
    case UInt8(ascii: "-"): kind = .error
    case UInt8(ascii: ","), UInt8(ascii: "("): kind = .number
    case UInt8(ascii: ":"):
      guard let number = signed(text) else { return .malformed(.badNumber) }
      kind = .integer(number)
    case UInt8(ascii: "#"):
      guard text.equals("t") || text.equals("f") else { return .malformed(.badLiteral) }
      kind = .boolean(text.equals("t"))
    case UInt8(ascii: "_"):
      guard text.isEmpty else { return .malformed(.badLiteral) }
      kind = .null
    case UInt8(ascii: "$"), UInt8(ascii: "="): return bulk(bytes, line, depth, .text)
    case UInt8(ascii: "!"): return bulk(bytes, line, depth, .error)
    case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: ">"):
      guard let count = count(text) else { return .malformed(.badNumber) }
      kind = count < 0 ? .null : .array(count: count, isPush: bytes[start] == UInt8(ascii: ">"))
    case UInt8(ascii: "%"), UInt8(ascii: "|"):
      guard let pairs = count(text), pairs >= 0 else { return .malformed(.badNumber) }
      kind = .map(pairs: pairs)
    default:
      return .malformed(.unknownType)
    }
    if case .array(let count, _) = kind, count > limits.nodeCountMaximum {
      return .malformed(.tooLarge)
    }
    if case .map(let pairs) = kind, pairs > limits.nodeCountMaximum / 2 {
      return .malformed(.tooLarge)
    }
    nodes.append(RESPNode(kind: kind, range: line, depth: depth))
    return .complete(upTo: line.upper + 2)
  }

  /// Reads the bytes of a value that tells its length first.
  private func bulk(
    _ bytes: Span<UInt8>, _ line: ByteRange, _ depth: Int, _ kind: RESPNode.Kind
  ) -> RESPOutcome {
    guard let length = count(bytes.slice(line)) else { return .malformed(.badNumber) }
    let start = line.upper + 2
    guard length >= 0 else {
      nodes.append(RESPNode(kind: .null, range: .empty, depth: depth))
      return .complete(upTo: start)
    }
    guard length <= limits.textBytesMaximum else { return .malformed(.tooLarge) }
    guard bytes.count >= start + length + 2 else { return .needsMore }
    guard bytes[start + length] == UInt8(ascii: "\r"),
      bytes[start + length + 1] == UInt8(ascii: "\n")
    else { return .malformed(.badLineEnd) }
    nodes.append(
      RESPNode(kind: kind, range: ByteRange(start, start + length), depth: depth))
    return .complete(upTo: start + length + 2)
  }

  /// Finds the end of the line that begins at `start`.
  private func line(_ bytes: Span<UInt8>, from start: Int) -> RESPOutcome {
    var index = start
    while index < bytes.count {
      if index - start > limits.textBytesMaximum { return .malformed(.tooLarge) }
      switch bytes[index] {
      case UInt8(ascii: "\n"): return .malformed(.badLineEnd)
      case UInt8(ascii: "\r"):
        guard index + 1 < bytes.count else { return .needsMore }
        return bytes[index + 1] == UInt8(ascii: "\n")
          ? .complete(upTo: index + 2) : .malformed(.badLineEnd)
      default: index += 1
      }
    }
    return .needsMore
  }

  /// A count or length: digits, or -1 for null.
  private func count(_ text: Span<UInt8>) -> Int? {
    text.equals("-1") ? -1 : text.decimalValue()
  }

  private func signed(_ text: Span<UInt8>) -> Int64? {
    guard let first = text.isEmpty ? nil : text[0] else { return nil }
    let isSigned = first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
    guard let magnitude = text.slice(from: isSigned ? 1 : 0).decimalValue() else { return nil }
    return Int64(first == UInt8(ascii: "-") ? -magnitude : magnitude)
  }
}
