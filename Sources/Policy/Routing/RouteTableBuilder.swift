// Makes the route table's arrays from definitions. Start and reload only.

import Bytes
import HTTPWire

/// The arrays of a `RouteTable` while they grow.
struct RouteTableBuilder {
  private struct Step: Hashable {
    var node: Int32
    var segment: [UInt8]
  }

  private let routes: [RouteDefinition]
  private var steps: [Step: Int32] = [:]
  private(set) var parents: [Int32] = []
  private(set) var allowed: [UInt16] = []
  private(set) var selections: [Int32] = []
  private(set) var anyMethod: [Int32] = []
  private(set) var customMethods: [RouteTable.CustomMethod] = []
  private(set) var segmentBytesMaximum = 0
  private(set) var roots: [RouteTable.Root] = []
  private(set) var listenerRoots: [Int32] = []
  private(set) var listenerHosts: [Range<Int>] = []
  private(set) var hosts: [RouteTable.HostRow] = []
  private(set) var hostBytes: [UInt8] = []

  /// Builds the tries of every listener; listeners with the same routes share them.
  init(_ definitions: PolicyDefinitions) {
    routes = definitions.routes
    var built: [[Int]: Int] = [:]
    for listener in 0..<max(definitions.listenerCount, 1) {
      let members = routes.indices.filter {
        routes[$0].listeners.isEmpty || routes[$0].listeners.contains(listener)
      }
      if let twin = built[members] {
        listenerRoots.append(listenerRoots[twin])
        listenerHosts.append(listenerHosts[twin])
      } else {
        built[members] = listener
        addListener(members)
      }
    }
    inheritSelections()
  }

  private mutating func addListener(_ members: [Int]) {
    let folds = members.contains { routes[$0].foldsCase }
    var names: [String: Bool] = [:]
    var rules: [(name: String, isWildcard: Bool, members: [Int])] = []
    for index in members {
      let (name, isWildcard): (String, Bool)
      switch routes[index].host {
      case .any: continue
      case .exact(let host): (name, isWildcard) = (Self.folded(host), false)
      case .wildcard(let suffix): (name, isWildcard) = (Self.folded(suffix), true)
      }
      if names.updateValue(true, forKey: "\(isWildcard):\(name)") == nil {
        rules.append((name, isWildcard, []))
      }
      for row in rules.indices where rules[row].name == name && rules[row].isWildcard == isWildcard
      {
        rules[row].members.append(index)
      }
    }
    let everyHost = addRoot(
      members.filter { routes[$0].host == .any }, folds: folds, next: RouteTable.none)
    listenerRoots.append(everyHost)
    // Shortest wildcards first: a root's successor must exist before it.
    var wildcards: [(name: String, root: Int32)] = []
    let firstRow = hosts.count
    var rows: [(name: String, isWildcard: Bool, root: Int32)] = []
    for rule in rules.filter(\.isWildcard).sorted(by: { $0.name.utf8.count < $1.name.utf8.count }) {
      let next = wildcards.last { rule.name.hasSuffix("." + $0.name) }?.root ?? everyHost
      let root = addRoot(rule.members, folds: folds, next: next)
      wildcards.append((rule.name, root))
      rows.append((rule.name, true, root))
    }
    for rule in rules where !rule.isWildcard {
      let next = wildcards.last { rule.name.hasSuffix("." + $0.name) }?.root ?? everyHost
      rows.append((rule.name, false, addRoot(rule.members, folds: folds, next: next)))
    }
    rows.sort { left, right in
      let (first, second) = (Array(left.name.utf8), Array(right.name.utf8))
      if first == second { return !left.isWildcard && right.isWildcard }
      return first.lexicographicallyPrecedes(second)
    }
    for row in rows {
      let name = ByteRange(hostBytes.count, hostBytes.count + row.name.utf8.count)
      hostBytes.append(contentsOf: row.name.utf8)
      hosts.append(RouteTable.HostRow(name: name, isWildcard: row.isWildcard, root: row.root))
    }
    listenerHosts.append(firstRow..<hosts.count)
  }

  /// Lower case, no trailing dot.
  static func folded(_ host: String) -> String {
    var bytes = host.utf8.map(\.asciiLowercased)
    if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
    return String(lossy: bytes.span)
  }

  private mutating func addRoot(_ members: [Int], folds: Bool, next: Int32) -> Int32 {
    let node = addNode(parent: RouteTable.none)
    let foldedNode = folds ? addNode(parent: RouteTable.none) : RouteTable.none
    for index in members {
      add(index, from: node, folds: false)
      if folds { add(index, from: foldedNode, folds: true) }
    }
    roots.append(RouteTable.Root(node: node, foldedNode: foldedNode, next: next))
    return Int32(roots.count - 1)
  }

  private mutating func addNode(parent: Int32) -> Int32 {
    parents.append(parent)
    allowed.append(0)
    anyMethod.append(RouteTable.none)
    selections.append(
      contentsOf: repeatElement(RouteTable.none, count: RouteTable.methodCount))
    return Int32(parents.count - 1)
  }

  private mutating func add(_ index: Int, from root: Int32, folds: Bool) {
    let route = routes[index]
    var node = root
    for segment in route.path.utf8.split(separator: UInt8(ascii: "/")) {
      let bytes = segment.map { folds ? $0.asciiLowercased : $0 }
      let step = Step(node: node, segment: bytes)
      if let child = steps[step] {
        node = child
      } else {
        let child = addNode(parent: node)
        steps[step] = child
        segmentBytesMaximum = max(segmentBytesMaximum, bytes.count)
        node = child
      }
    }
    if route.methods.isEmpty {
      anyMethod[Int(node)] = Int32(index)
      allowed[Int(node)] |= Self.everyMethod
      return
    }
    for name in route.methods {
      let bytes = Array(name.utf8)
      let method = Method(bytes.span)
      if method == .other {
        allowed[Int(node)] |= method.bit
        customMethods.append(
          RouteTable.CustomMethod(node: node, name: bytes, route: Int32(index)))
        continue
      }
      select(node, method, Int32(index), isImplied: false)
      if method == .get { select(node, .head, Int32(index), isImplied: true) }
    }
  }

  /// GET includes HEAD, but a route that names HEAD keeps it.
  private mutating func select(
    _ node: Int32, _ method: Method, _ index: Int32, isImplied: Bool
  ) {
    let cell = Int(node) * RouteTable.methodCount + Int(method.rawValue)
    allowed[Int(node)] |= method.bit
    if isImplied, selections[cell] != RouteTable.none { return }
    selections[cell] = index
  }

  /// What an answer lists for "any method"; TRACE and CONNECT are taken too but not offered.
  private static let everyMethod: UInt16 =
    Method.get.bit | Method.head.bit | Method.post.bit | Method.put.bit | Method.patch.bit
    | Method.delete.bit | Method.options.bit

  /// Parents come before their children in the arrays, so one pass resolves whole chains.
  private mutating func inheritSelections() {
    for node in parents.indices {
      let parent = Int(parents[node])
      if parent >= 0 { allowed[node] |= allowed[parent] }
      for method in 0..<RouteTable.methodCount {
        let cell = node * RouteTable.methodCount + method
        guard selections[cell] == RouteTable.none else { continue }
        if anyMethod[node] != RouteTable.none {
          selections[cell] = anyMethod[node]
        } else if parent >= 0 {
          selections[cell] = selections[parent * RouteTable.methodCount + method]
        }
      }
    }
  }

  /// The edges in open addressing, at most half full.
  func edgeTable() -> [RouteTable.Edge] {
    var size = 16
    while size < steps.count * 2 + 2 { size *= 2 }
    let empty = RouteTable.Edge(node: 0, child: RouteTable.none, segment: .empty)
    var table = [RouteTable.Edge](repeating: empty, count: size)
    var offset = 0
    for (step, child) in steps.sorted(by: { $0.value < $1.value }) {
      var hash = RouteTable.hashBasis
      for byte in step.segment { hash = (hash ^ UInt64(byte)) &* RouteTable.hashPrime }
      var slot = RouteTable.slot(step.node, hash, size)
      while table[slot].child != RouteTable.none { slot = (slot + 1) & (size - 1) }
      let range = ByteRange(offset, offset + step.segment.count)
      table[slot] = RouteTable.Edge(node: step.node, child: child, segment: range)
      offset = range.upper
    }
    return table
  }

  /// The bytes that `edgeTable()` refers to, in the same order.
  func edgeBytes() -> [UInt8] {
    steps.sorted { $0.value < $1.value }.flatMap(\.key.segment)
  }
}
