// Chooses the route of a request: one walk for a plain path, every reading for a special one.
//
// The rule (DESIGN §5.2): if all readings select the same route, the original bytes are forwarded;
// if they disagree, some server on the way would serve another route than the one whose rules were
// applied, and the request is refused. Which readings exist is found from the bytes themselves.
//
// Loop only: holds scratch for the readings.

import Bytes
import HTTPWire

/// What routing says about a request.
struct RouteChoice: Equatable {
  /// The outcome.
  enum Verdict: Equatable {
    /// The route's index and the node that selected it.
    case route(Int, node: Int32)
    /// Nothing here.
    case noRoute
    /// Routes here, but none for the method; `node` knows which methods.
    case methodNotAllowed(node: Int32)
    /// Readings disagree, or the forwarded rest would not be clean.
    case ambiguousPath
    /// A percent sign without two digits.
    case badEscape
  }

  var verdict: Verdict
  /// Bytes of the path that are not forwarded.
  var strippedBytes = 0
}

/// Chooses routes; one a worker.
final class Router {
  private let reader = PathReader()
  private var rewritten = ByteBuffer(capacity: Router.pathBytesMaximum)
  private var rewrittenTwice = ByteBuffer(capacity: Router.pathBytesMaximum)

  /// Longest special path that is judged; a longer one is refused as ambiguous.
  static let pathBytesMaximum = 16 << 10
  /// Most bytes that all readings of one path may walk; a path that needs more is refused as
  /// ambiguous, so that nobody buys much work with one request.
  static let readingWorkMaximum = 64 << 10

  /// The question: which route of `set` takes `method` on `path` of `host`?
  func choose(
    path: Span<UInt8>, method: Method, methodName: Span<UInt8>, host: Span<UInt8>, listener: Int,
    set: PolicySet
  ) -> RouteChoice {
    // In absolute form the path may be empty, which means "/" (RFC 9112 §3.2.1).
    guard path.isEmpty || path[0] == UInt8(ascii: "/") else {
      return RouteChoice(verdict: .noRoute)
    }
    let root = set.table.root(listener: listener, host: host)
    guard root >= 0 else { return RouteChoice(verdict: .noRoute) }
    let question = Question(method: method, root: root)
    let shape = PathShape.quick(path)
    guard !shape.contains(.special) else {
      return chooseSpecial(path, methodName, question, set)
    }
    let (route, node) = question.plain(path, methodName, folds: false, set.table)
    if question.hasFolding(shape, set.table) {
      let (folded, _) = question.plain(path, methodName, folds: true, set.table)
      if Self.disagree(route, folded, set) { return RouteChoice(verdict: .ambiguousPath) }
    }
    return Self.answer(route, node, set)
  }

  private static func answer(_ route: Int32, _ node: Int32, _ set: PolicySet) -> RouteChoice {
    guard route < 0 else {
      let index = Int(route)
      return RouteChoice(
        verdict: .route(index, node: node), strippedBytes: set.routes[index].strippedBytes)
    }
    return RouteChoice(verdict: node < 0 ? .noRoute : .methodNotAllowed(node: node))
  }

  /// True when a reading without case selects another route and a framework behind either of the two
  /// compares without case.
  private static func disagree(_ route: Int32, _ folded: Int32, _ set: PolicySet) -> Bool {
    guard route != folded else { return false }
    return (route >= 0 && set.routes[Int(route)].foldsCase)
      || (folded >= 0 && set.routes[Int(folded)].foldsCase)
  }

  /// One request's part that stays the same over all readings. Numbers only: a reference kept here
  /// would be counted up and down by every worker, on one cache line.
  struct Question {
    let method: Method
    let root: Int

    /// The route of a plain path, and the deepest node with any route for a 405.
    func plain(
      _ path: Span<UInt8>, _ methodName: Span<UInt8>, folds: Bool, _ table: RouteTable
    ) -> (route: Int32, node: Int32) {
      var found = RouteTable.none
      var root = self.root
      while root >= 0 {
        let row = table.roots[root]
        let start = folds ? row.foldedNode : row.node
        let node = table.deepestNode(path, from: start, folds: folds)
        let route = table.selection(node, method, name: methodName)
        if route >= 0 { return (route, node) }
        if found < 0, table.takesAnything(node) { found = node }
        root = Int(row.next)
      }
      return (RouteTable.none, found)
    }

    /// True when comparing without case could select another route: lower-case paths on lower-case
    /// routes have no second spelling.
    func hasFolding(_ shape: PathShape, _ table: RouteTable) -> Bool {
      (shape.contains(.upperCase) || table.hasUpperCase) && table.roots[root].foldedNode >= 0
    }
  }

  // MARK: Special paths

  private func chooseSpecial(
    _ path: Span<UInt8>, _ methodName: Span<UInt8>, _ question: Question, _ set: PolicySet
  ) -> RouteChoice {
    let shape = PathShape.full(path)
    if shape.contains(.badEscape) { return RouteChoice(verdict: .badEscape) }
    guard path.count <= Router.pathBytesMaximum else {
      return RouteChoice(verdict: .ambiguousPath)
    }
    let (route, node) = walk(path, [], methodName, question, set.table)
    var work = 0
    guard agrees(path, shape, from: [], route, methodName, question, set, &work) else {
      return RouteChoice(verdict: .ambiguousPath)
    }
    if shape.contains(.escape) {
      guard agreesDecoded(path, shape, route, methodName, question, set, &work) else {
        return RouteChoice(verdict: .ambiguousPath)
      }
    }
    // What follows a host in the path, as URL parsers read `//host/path`.
    if let hostEnd = PathRewrites.endOfHost(path) {
      let rest = path.slice(from: hostEnd)
      let restShape = PathShape.full(rest)
      guard agrees(rest, restShape, from: [], route, methodName, question, set, &work),
        !restShape.contains(.escape)
          || agreesDecoded(rest, restShape, route, methodName, question, set, &work)
      else { return RouteChoice(verdict: .ambiguousPath) }
    }
    let choice = Self.answer(route, node, set)
    if choice.strippedBytes > 0,
      !Router.isCleanRest(path.slice(from: choice.strippedBytes), shape)
    {
      return RouteChoice(verdict: .ambiguousPath)
    }
    return choice
  }

  /// Decoding last: after cutting, resolving, or both, on the raw text.
  private func agreesDecoded(
    _ path: Span<UInt8>, _ shape: PathShape, _ route: Int32, _ methodName: Span<UInt8>,
    _ question: Question, _ set: PolicySet, _ work: inout Int
  ) -> Bool {
    guard agrees(path, shape, from: .decoded, route, methodName, question, set, &work) else {
      return false
    }
    if shape.contains(.parameter) {
      rewritten.clear()
      PathRewrites.appendWithoutParameters(path, to: &rewritten)
      guard agrees(rewritten, shape, route, methodName, question, set, &work) else { return false }
      if shape.contains(.dotSegment) {
        rewrittenTwice.clear()
        PathRewrites.appendWithoutDots(of: rewritten, to: &rewrittenTwice)
        guard agrees(rewrittenTwice, shape, route, methodName, question, set, &work) else {
          return false
        }
      }
    }
    if shape.contains(.dotSegment) {
      rewritten.clear()
      PathRewrites.appendWithoutDots(path, to: &rewritten)
      return agrees(rewritten, shape, route, methodName, question, set, &work)
    }
    return true
  }

  private func agrees(
    _ path: borrowing ByteBuffer, _ shape: PathShape, _ route: Int32,
    _ methodName: Span<UInt8>, _ question: Question, _ set: PolicySet, _ work: inout Int
  ) -> Bool {
    agrees(path.readable, shape, from: .decoded, route, methodName, question, set, &work)
  }

  /// True when every combination of the transformations that can change `path`, on top of `base`,
  /// selects `route`.
  private func agrees(
    _ path: Span<UInt8>, _ shape: PathShape, from base: PathReading, _ route: Int32,
    _ methodName: Span<UInt8>, _ question: Question, _ set: PolicySet, _ work: inout Int
  ) -> Bool {
    var optional: PathReading = []
    if shape.contains(.backslash) { optional.insert(.backslashes) }
    if shape.contains(.parameter) { optional.insert(.parametersCut) }
    if shape.contains(.dotSegment) { optional.insert(.dotsResolved) }
    // Cutting and resolving can leave two slashes side by side.
    if !shape.isDisjoint(with: [.doubleSlash, .parameter, .dotSegment]) {
      optional.insert(.slashesMerged)
    }
    let hasFolding = question.hasFolding(shape, set.table)
    // Every subset of `optional`, the empty one last.
    var subset = optional.rawValue
    while true {
      let reading = PathReading(rawValue: subset).union(base)
      work += path.count
      guard work <= Router.readingWorkMaximum else { return false }
      let (other, _) = walk(path, reading, methodName, question, set.table)
      if other != route { return false }
      if hasFolding {
        let (folded, _) = walk(path, reading.union(.caseFolded), methodName, question, set.table)
        if Self.disagree(route, folded, set) { return false }
      }
      if subset == 0 { return true }
      subset = (subset - 1) & optional.rawValue
    }
  }

  private func walk(
    _ path: Span<UInt8>, _ reading: PathReading, _ methodName: Span<UInt8>, _ question: Question,
    _ table: RouteTable
  ) -> (route: Int32, node: Int32) {
    var found = RouteTable.none
    var root = question.root
    while root >= 0 {
      let row = table.roots[root]
      let start = reading.contains(.caseFolded) ? row.foldedNode : row.node
      let node = reader.deepestNode(path, from: start, reading, table: table)
      let route = table.selection(node, question.method, name: methodName)
      if route >= 0 { return (route, node) }
      if found < 0, table.takesAnything(node) { found = node }
      root = Int(row.next)
    }
    return (RouteTable.none, found)
  }

  /// True when what is left after stripping begins with exactly one slash and has no dot segment in
  /// any reading (CVE-2026-48020: a stripped prefix left `/..` behind).
  static func isCleanRest(_ rest: Span<UInt8>, _ shape: PathShape) -> Bool {
    if shape.contains(.dotSegment) { return false }
    guard rest.count > 1 else { return true }
    switch PathToken(rest, at: 1).meaning {
    case UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: ";"): return false
    default: return true
    }
  }
}
