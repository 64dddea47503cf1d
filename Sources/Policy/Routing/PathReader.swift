// Walks the route table along one reading of a special path (DESIGN §5.2).
//
// A reading is a set of transformations that some server on the way might apply. They are applied on
// the fly, in the order in which servers do it (decode, backslash, cut parameters, merge slashes,
// resolve dots), so no transformed copy is made, and a walk ends at the first segment that no route
// has, unless dots could bring it back.
//
// Cold path: only requests with special bytes come here. Loop only.

import Bytes

/// Which transformations a reading applies.
struct PathReading: OptionSet, Sendable {
  let rawValue: UInt8

  /// Percent escapes are decoded, once.
  static let decoded = PathReading(rawValue: 1)
  /// A backslash is a slash.
  static let backslashes = PathReading(rawValue: 2)
  /// `;` and what follows it is cut from each segment.
  static let parametersCut = PathReading(rawValue: 4)
  /// Several slashes are one.
  static let slashesMerged = PathReading(rawValue: 8)
  /// `.` and `..` are resolved; `%2e` is a dot even where nothing else is decoded (as URL parsers
  /// have it).
  static let dotsResolved = PathReading(rawValue: 16)
  /// Letters are compared without case.
  static let caseFolded = PathReading(rawValue: 32)
}

/// Walks readings of paths over one route table's tries.
final class PathReader {
  /// The segment being read, as the reading has it; segments longer than this match no route.
  private var segment = ByteBuffer(capacity: PathReader.segmentBytesMaximum)
  /// Longest spelling of a dot segment: `%2e%2e`.
  static let dotBytesMaximum = 6
  /// Longest path segment that a route may have.
  static let segmentBytesMaximum = 512

  /// The deepest node that the reading reaches from `root`.
  func deepestNode(
    _ path: Span<UInt8>, from root: Int32, _ reading: PathReading, table: RouteTable
  ) -> Int32 {
    var walk = Walk(node: root)
    segment.clear()
    var isCutting = false
    // Beyond the deepest node only dot segments matter, and those are short.
    var needed = PathReader.segmentBytesMaximum + 1
    // The first byte is the slash that every path begins with.
    var index = 1
    while index < path.count {
      var byte = path[index]
      index += 1
      if byte == UInt8(ascii: "%"), reading.contains(.decoded) {
        let token = PathToken(path, at: index - 1)
        byte = token.meaning
        index += token.byteCount - 1
      }
      if byte == UInt8(ascii: "\\"), reading.contains(.backslashes) { byte = UInt8(ascii: "/") }
      if byte == UInt8(ascii: "/") {
        Self.endSegment(segment, &walk, reading, table, isLast: false)
        segment.clear()
        if walk.deadSegments > 0, !reading.contains(.dotsResolved) { return walk.node }
        needed =
          walk.deadSegments > 0
          ? PathReader.dotBytesMaximum + 1 : PathReader.segmentBytesMaximum + 1
        isCutting = false
      } else if byte == UInt8(ascii: ";"), reading.contains(.parametersCut) {
        isCutting = true
      } else if !isCutting, needed > 0 {
        segment.append(byte)
        needed -= 1
      }
    }
    Self.endSegment(segment, &walk, reading, table, isLast: true)
    return walk.node
  }

  /// How far a walk has come: the deepest node, and how many segments lie beyond it.
  private struct Walk {
    var node: Int32
    var deadSegments = 0
  }

  private static func endSegment(
    _ segment: borrowing ByteBuffer, _ walk: inout Walk, _ reading: PathReading,
    _ table: RouteTable, isLast: Bool
  ) {
    let text = segment.readable
    let dots =
      reading.contains(.dotsResolved) && !segment.overflowed
      ? PathReader.dotCount(text, escaped: !reading.contains(.decoded)) : 0
    if text.isEmpty, !segment.overflowed {
      // A trailing slash is no segment; an empty segment within the path is, unless merged away.
      if !isLast, !reading.contains(.slashesMerged) { walk.deadSegments += 1 }
    } else if dots == 2 {
      if walk.deadSegments > 0 {
        walk.deadSegments -= 1
      } else if table.parents[Int(walk.node)] != RouteTable.none {
        walk.node = table.parents[Int(walk.node)]
      }
    } else if dots == 1 {
      // Stays where it is.
    } else if walk.deadSegments > 0 || segment.overflowed {
      walk.deadSegments += 1
    } else {
      let folds = reading.contains(.caseFolded)
      var hash = RouteTable.hashBasis
      for index in 0..<text.count {
        let byte = folds ? text[index].asciiLowercased : text[index]
        hash = (hash ^ UInt64(byte)) &* RouteTable.hashPrime
      }
      let child = table.child(of: walk.node, segment: text, hash: hash, folds: folds)
      if child == RouteTable.none {
        walk.deadSegments += 1
      } else {
        walk.node = child
      }
    }
  }

  /// 1 for `.`, 2 for `..`, 0 for everything else; `%2e` counts as a dot when `escaped`.
  static func dotCount(_ segment: Span<UInt8>, escaped: Bool) -> Int {
    guard segment.count <= dotBytesMaximum else { return 0 }
    var dots = 0
    var index = 0
    while index < segment.count {
      let token = PathToken(segment, at: index)
      guard token.meaning == UInt8(ascii: "."), token.byteCount == 1 || escaped else { return 0 }
      dots += 1
      index += token.byteCount
    }
    return dots <= 2 ? dots : 0
  }
}
