// Which route a path, a host and a method select: the compiled table.
//
// One trie of path segments for each host that routes name (and one for "every host"), all in the
// same flat arrays:
//
//     nodes       parent of each node, and the methods its routes and its ancestors' routes take
//     selections  nodes × methods: the route, already resolved along the ancestors ("no route there
//                 takes the method: the next shorter prefix"), or -1
//     edges       open addressing over (node, segment), bytes compared on a hit
//
// A lookup touches as many segments as the deepest route has, however many routes there are. The
// hash needs no secret: the edges are the operator's own, a client can only search among them.
// Immutable, any thread.

import Bytes
import HTTPWire

/// Compiled routes.
final class RouteTable: Sendable {
  /// No route, no node.
  static let none: Int32 = -1
  /// Columns of `selections`: `Method.allCases.count`, as a literal so that it costs no look-up.
  static let methodCount = 10

  /// A step from one node to the next by one path segment.
  struct Edge: Sendable {
    var node: Int32
    var child: Int32
    var segment: ByteRange
  }

  /// A route whose method is none of the known ones.
  struct CustomMethod: Sendable {
    var node: Int32
    var name: [UInt8]
    var route: Int32
  }

  /// A trie's root and where to go on when it has nothing.
  struct Root: Sendable {
    /// Root node of the segments as they are.
    var node: Int32
    /// Root node of the lower-cased segments, or `none` when no framework folds case.
    var foldedNode: Int32
    /// Index of the root for a less specific host, or `none`.
    var next: Int32
  }

  /// One host name that routes of a listener name.
  struct HostRow: Sendable {
    var name: ByteRange
    var isWildcard: Bool
    var root: Int32
  }

  let parents: [Int32]
  /// Methods that the routes at a node and above it take, a bit each.
  let allowed: [UInt16]
  let selections: [Int32]
  /// The route at the node itself that takes any method.
  let anyMethod: [Int32]
  let customMethods: [CustomMethod]
  let edges: [Edge]
  let segmentBytes: [UInt8]
  /// Longest segment of a route: a longer one of a request matches nothing.
  let segmentBytesMaximum: Int
  /// True when a route's own path has upper-case letters, so that folding always matters.
  let hasUpperCase: Bool

  let roots: [Root]
  /// Per listener: the root for every host.
  let listenerRoots: [Int32]
  /// Per listener: its rows in `hosts`, sorted by name.
  let listenerHosts: [Range<Int>]
  let hosts: [HostRow]
  let hostBytes: [UInt8]

  init(_ draft: RouteTableBuilder) {
    parents = draft.parents
    allowed = draft.allowed
    selections = draft.selections
    anyMethod = draft.anyMethod
    customMethods = draft.customMethods
    edges = draft.edgeTable()
    segmentBytes = draft.edgeBytes()
    segmentBytesMaximum = draft.segmentBytesMaximum
    hasUpperCase = draft.edgeBytes().contains { $0 &- UInt8(ascii: "A") < 26 }
    roots = draft.roots
    listenerRoots = draft.listenerRoots
    listenerHosts = draft.listenerHosts
    hosts = draft.hosts
    hostBytes = draft.hostBytes
  }

  // MARK: Hosts

  /// Longest host that is looked up (RFC 1035 §2.3.4); a longer one is nobody's name.
  static let hostBytesMaximum = 253

  /// Index of the root to begin with for a host (without port) on a listener.
  func root(listener: Int, host: Span<UInt8>) -> Int {
    guard listener >= 0, listener < listenerRoots.count else { return Int(Self.none) }
    let rows = listenerHosts[listener]
    guard !rows.isEmpty, !host.isEmpty, host.count <= Self.hostBytesMaximum else {
      return Int(listenerRoots[listener])
    }
    // "example.com." is the same name with its root label spelled out.
    let isAbsolute = host[host.count - 1] == UInt8(ascii: ".")
    let name = host.slice(from: 0, to: isAbsolute ? host.count - 1 : host.count)
    if let row = find(name, isWildcard: false, in: rows) { return Int(hosts[row].root) }
    // The longest suffix first: it begins behind the first dot.
    var offset = 0
    while let dot = name.firstIndex(of: UInt8(ascii: "."), from: offset) {
      let suffix = name.slice(from: dot + 1)
      if dot > 0, let row = find(suffix, isWildcard: true, in: rows) {
        return Int(hosts[row].root)
      }
      offset = dot + 1
    }
    return Int(listenerRoots[listener])
  }

  /// Binary search; the only way of comparing, however many hosts there are (CVE-2026-27588).
  private func find(_ name: Span<UInt8>, isWildcard: Bool, in rows: Range<Int>) -> Int? {
    var low = rows.lowerBound
    var high = rows.upperBound
    while low < high {
      let middle = low + (high - low) / 2
      let row = hosts[middle]
      let order = Self.compare(name, hostBytes, row.name)
      if order == 0, row.isWildcard == isWildcard { return middle }
      // At equal names the exact row stands before the wildcard.
      if order < 0 || (order == 0 && row.isWildcard && !isWildcard) {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return nil
  }

  /// Negative, zero or positive as `name`, its letters lowered, sorts before, at or after `row`.
  private static func compare(
    _ name: Span<UInt8>, _ hostBytes: [UInt8], _ range: ByteRange
  ) -> Int {
    let row = hostBytes.span.slice(range)
    let count = min(name.count, row.count)
    for index in 0..<count {
      let byte = name[index].asciiLowercased
      if byte != row[index] { return byte < row[index] ? -1 : 1 }
    }
    return name.count - row.count
  }

  // MARK: Paths

  static let hashBasis: UInt64 = 0xcbf2_9ce4_8422_2325
  static let hashPrime: UInt64 = 0x100_0000_01b3

  /// Where the search for `segmentHash` below `node` begins.
  static func slot(_ node: Int32, _ segmentHash: UInt64, _ edgeCount: Int) -> Int {
    var mixed = segmentHash ^ UInt64(UInt32(bitPattern: node)) &* 0x9e37_79b9_7f4a_7c15
    mixed ^= mixed >> 29
    return Int(truncatingIfNeeded: mixed) & (edgeCount - 1)
  }

  /// The node below `node` by a segment, or `none`. `folds` lowers the segment's letters.
  func child(
    of node: Int32, segment: Span<UInt8>, hash: UInt64, folds: Bool
  ) -> Int32 {
    Self.child(edges, segmentBytes, of: node, segment, hash, folds)
  }

  /// The arrays are arguments because a span of a class's stored array can't leave its statement.
  private static func child(
    _ edges: [Edge], _ segmentBytes: [UInt8], of node: Int32, _ segment: Span<UInt8>,
    _ hash: UInt64, _ folds: Bool
  ) -> Int32 {
    var slot = Self.slot(node, hash, edges.count)
    // The table is at most half full, so an empty edge ends every search.
    while true {
      let edge = edges[slot]
      if edge.child == Self.none { return Self.none }
      if edge.node == node, edge.segment.count == segment.count {
        let bytes = segmentBytes.span.slice(edge.segment)
        let isEqual = folds ? segment.equalsIgnoringCase(bytes) : segment.equals(bytes)
        if isEqual { return edge.child }
      }
      slot = (slot + 1) & (edges.count - 1)
    }
  }

  /// The deepest node that a path without special bytes reaches from `start`.
  func deepestNode(_ path: Span<UInt8>, from start: Int32, folds: Bool) -> Int32 {
    var node = start
    var segmentStart = 1
    while segmentStart < path.count {
      var hash = Self.hashBasis
      var index = segmentStart
      while index < path.count {
        let byte = path[index]
        if byte == UInt8(ascii: "/") { break }
        hash = (hash ^ UInt64(folds ? byte.asciiLowercased : byte)) &* Self.hashPrime
        index += 1
      }
      if index == segmentStart { break }
      let next = child(
        of: node, segment: path.slice(from: segmentStart, to: index), hash: hash, folds: folds)
      if next == Self.none { break }
      node = next
      segmentStart = index + 1
    }
    return node
  }

  // MARK: Methods

  /// The route for a method at a node or the nearest node above it, or `none`. `name` is read only
  /// for `.other`.
  func selection(_ node: Int32, _ method: Method, name: Span<UInt8>) -> Int32 {
    if method != .other || customMethods.isEmpty {
      return selections[Int(node) * Self.methodCount + Int(method.rawValue)]
    }
    var node = node
    while node != Self.none {
      for custom in customMethods where custom.node == node && name.equals(custom.name.span) {
        return custom.route
      }
      if anyMethod[Int(node)] != Self.none { return anyMethod[Int(node)] }
      node = parents[Int(node)]
    }
    return Self.none
  }

  /// True when a route at `node` or above it takes at least one method.
  func takesAnything(_ node: Int32) -> Bool {
    allowed[Int(node)] != 0
  }

  /// Appends the names of the methods that routes at `node` and above take, comma-separated.
  func appendAllowed(_ node: Int32, to buffer: inout ByteBuffer) {
    guard node >= 0 else { return }
    var isFirst = true
    for method in Method.allCases where method != .other {
      guard allowed[Int(node)] & method.bit != 0 else { continue }
      if !isFirst { buffer.append(", ") }
      buffer.append(method.name)
      isFirst = false
    }
    var node = node
    while node != Self.none {
      for custom in customMethods where custom.node == node {
        if !isFirst { buffer.append(", ") }
        buffer.append(custom.name)
        isFirst = false
      }
      node = parents[Int(node)]
    }
  }
}

extension Method {
  /// The method's place in a set of methods kept in one word.
  var bit: UInt16 { 1 << UInt16(rawValue) }
}
