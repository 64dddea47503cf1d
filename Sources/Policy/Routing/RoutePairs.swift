// What is wrong with two routes together: two that no request can tell apart, and a route beside which
// a request with another method falls through to weaker protection (DESIGN §4).
//
// Start, reload and `check` only; quadratic in the routes of one path's ancestors, which is fine for
// the thousands that a configuration may have.

import Bytes

extension PolicyDefinitions {
  /// Most routes of a configuration.
  public static let routesMaximum = 4096

  /// Mistakes that take two routes.
  func pairMistakes() -> [PolicyMistake] {
    if routes.count > Self.routesMaximum {
      return [
        PolicyMistake(
          .route(Self.routesMaximum), "a configuration has at most \(Self.routesMaximum) routes")
      ]
    }
    let keys = routes.map { RouteKey($0) }
    var byPath: [[[UInt8]]: [Int]] = [:]
    var byFoldedPath: [[[UInt8]]: [Int]] = [:]
    var found: [PolicyMistake] = []
    for index in routes.indices {
      let key = keys[index]
      for other in byPath[key.segments] ?? [] where clashes(index, other) {
        found.append(
          PolicyMistake(
            .route(index), "no request can tell this route from another one", related: other))
        break
      }
      for other in byFoldedPath[key.folded] ?? []
      where keys[other].segments != key.segments && clashes(index, other)
        && (routes[index].foldsCase || routes[other].foldsCase)
      {
        found.append(
          PolicyMistake(
            .route(index),
            "this route differs from another one only in case, which its framework may ignore",
            related: other))
        break
      }
      byPath[key.segments, default: []].append(index)
      byFoldedPath[key.folded, default: []].append(index)
    }
    return found
  }

  /// Routes that let other methods of their path through to weaker protection; a missing route could
  /// be the one that takes them, so this is asked of whole definitions.
  func fallthroughMistakes() -> [PolicyMistake] {
    guard routes.count <= Self.routesMaximum else { return [] }
    let keys = routes.map { RouteKey($0) }
    var byPath: [[[UInt8]]: [Int]] = [:]
    for index in routes.indices { byPath[keys[index].segments, default: []].append(index) }
    return routes.indices.flatMap { fallthroughMistakes($0, keys, byPath) }
  }

  /// A route's path as its segments.
  private struct RouteKey {
    let segments: [[UInt8]]
    let folded: [[UInt8]]

    init(_ route: RouteDefinition) {
      segments = route.path.utf8.split(separator: UInt8(ascii: "/")).map { Array($0) }
      folded = segments.map { $0.map(\.asciiLowercased) }
    }
  }

  /// True when both take some request of the same listener, host and method.
  private func clashes(_ left: Int, _ right: Int) -> Bool {
    shareListener(left, right) && host(left) == host(right)
      && (routes[left].methods.isEmpty == routes[right].methods.isEmpty)
      && (routes[left].methods.isEmpty
        || !Set(routes[left].methods).isDisjoint(with: routes[right].methods))
  }

  private func shareListener(_ left: Int, _ right: Int) -> Bool {
    routes[left].listeners.isEmpty || routes[right].listeners.isEmpty
      || !Set(routes[left].listeners).isDisjoint(with: routes[right].listeners)
  }

  private func host(_ index: Int) -> HostRule {
    switch routes[index].host {
    case .any: .any
    case .exact(let host): .exact(RouteTableBuilder.folded(host))
    case .wildcard(let host): .wildcard(RouteTableBuilder.folded(host))
    }
  }

  // MARK: Fall-through

  /// A route that names methods, and what takes the other methods of its path: found by asking which
  /// route on a shorter prefix (or the same, for any method) comes next.
  private func fallthroughMistakes(
    _ index: Int, _ keys: [RouteKey], _ byPath: [[[UInt8]]: [Int]]
  ) -> [PolicyMistake] {
    let route = routes[index]
    guard !route.methods.isEmpty, !route.allowsMethodFallthrough,
      route.auth != .none || !route.addressBlocks.isEmpty
    else { return [] }
    var segments = keys[index].segments
    while true {
      let here = (byPath[segments] ?? []).filter {
        $0 != index && shareListener($0, index) && covers($0, index)
      }
      for other in here where segments.count < keys[index].segments.count {
        if routes[other].isWeaker(than: route), takesMore(other, than: index, here) {
          return [
            PolicyMistake(
              .route(index),
              "requests with another method fall through to a route with weaker protection",
              hint: "name the other methods too, or say method_fallthrough on;", related: other)
          ]
        }
      }
      // Any method taken here: nothing falls further.
      if here.contains(where: { routes[$0].methods.isEmpty }) { return [] }
      guard !segments.isEmpty else { return [] }
      segments.removeLast()
    }
  }

  /// True when `other` answers for every host that `index` answers for.
  private func covers(_ other: Int, _ index: Int) -> Bool {
    routes[other].host == .any || host(other) == host(index)
  }

  /// True when `other` takes a method that neither `index` nor a stricter route of the path names.
  private func takesMore(_ other: Int, than index: Int, _ here: [Int]) -> Bool {
    guard !routes[other].methods.isEmpty else { return true }
    return !Set(routes[other].methods).isSubset(of: routes[index].methods)
  }
}

extension RouteDefinition {
  /// True when this route lets in somebody whom `other` keeps out.
  fileprivate func isWeaker(than other: RouteDefinition) -> Bool {
    auth.strength < other.auth.strength
      || (other.auth != .none && isObserved && !other.isObserved)
      || (other.auth != .none && !Set(realms).isSubset(of: other.realms))
      || !other.requirements.allSatisfy { asked in
        requirements.contains { $0.implies(asked) }
      }
      || !other.addressBlocks.allSatisfy(addressBlocks.contains)
  }
}

extension AuthRule {
  /// How much a caller must show.
  fileprivate var strength: Int {
    switch self {
    case .none: 0
    case .optional: 1
    case .any, .required, .refresh: 2
    }
  }
}
