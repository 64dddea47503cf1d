// `gateway explain`: how the path can be read, who the client is, and which route takes the request.

import Assembly
import Bytes
import EventLoop
import HTTPWire
import Policy
import Proxy
import Tokens

extension Explanation {
  func readings() -> String {
    let rows = readingRows
    let lines = TextTable.render(rows).split(separator: "\n").map(String.init)
    return section(rows.count == 1 ? "reading" : "readings", lines)
  }

  /// True when all readings that are told lead to one route.
  var readingsAgree: Bool { Set(readingRows.map(\.last)).count == 1 }

  /// Name, path and route of each reading.
  var readingRows: [[String]] {
    let path = String(request.target.prefix { $0 != "?" })
    var rows: [[String]] = []
    for reading in PathReadings.all(of: path) {
      let routes = configuration.routes
      let match = PathReadings.route(
        reading.path, method: request.method, host: request.host,
        listener: configuration.settings.listeners[request.listener].name, among: routes)
      let place = match.map { "\(routes[$0].path) (\(routes[$0].place))" } ?? "no route"
      rows.append([reading.name, reading.path, place])
    }
    if let folded = foldedReading(path) { rows.append(folded) }
    return rows
  }

  /// The reading of a framework that compares paths without case, where one would see something else.
  func foldedReading(_ path: String) -> [String]? {
    let listener = configuration.settings.listeners[request.listener].name
    func route(ignoresCase: Bool) -> Int? {
      PathReadings.route(
        path, method: request.method, host: request.host, listener: listener,
        among: configuration.routes, ignoresCase: ignoresCase)
    }
    let (exact, folded) = (route(ignoresCase: false), route(ignoresCase: true))
    let concerned = [exact, folded].compactMap { $0 }
    guard path != path.lowercased() || exact != folded,
      concerned.contains(where: { configuration.policy.routes[$0].foldsCase })
    else { return nil }
    let place = folded.map {
      "\(configuration.routes[$0].path) (\(configuration.routes[$0].place))"
    }
    return ["without case", path.lowercased(), place ?? "no route"]
  }

  /// Who the client is taken for, and why.
  func client() -> String {
    let names = ["x-forwarded-", "forwarded:"]
    let claimsSomething = request.fields.contains { field in
      names.contains { field.lowercased().hasPrefix($0) }
    }
    guard set.isTrusted(peer) else {
      return text(of: request.address)
        + (claimsSomething ? "; not in trusted_proxies, so what it forwards is dropped" : "")
    }
    return text(of: facts.client) + (claims.namesClient ? ", named by" : ",") + " a trusted proxy"
  }

  func route() -> String {
    guard configuration.routes.indices.contains(policy.routeIndex) else {
      return section("route", ["none"])
    }
    let route = configuration.routes[policy.routeIndex]
    let methods = route.methods.isEmpty ? "any method" : route.methods.joined(separator: " ")
    return section(
      "route",
      [
        "\(methods) \(route.host ?? "")\(route.path), \(route.place)",
        "auth \(route.auth), realm \(route.realm ?? "none"), limits "
          + (route.limits.isEmpty ? "none" : route.limits.joined(separator: " "))
          + ", cors \(route.cors), errors \(route.errors)",
        (route.answersItself ? "" : "upstream ") + route.target
          + (route.strippedPrefix.isEmpty ? "" : ", without \(route.strippedPrefix)"),
      ]
        + (route.isObserved
          ? ["mode observe: nothing is refused for a token, a limit or an origin"] : []))
  }
}
