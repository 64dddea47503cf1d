// The ways in which a path can be read, for `explain`: what a person needs to see why a path is refused.
//
// A telling only. The rule is Policy's, which walks every combination; here stand the single steps and
// all of them together, as text, each with the route that the table would give it.

import Assembly
import Bytes

/// One reading of a path.
struct PathReading {
  let name: String
  let path: String
}

enum PathReadings {
  /// The readings that differ, the path as sent first.
  static func all(of path: String) -> [PathReading] {
    var readings = [PathReading(name: "as sent", path: path)]
    func add(_ name: String, _ text: String) {
      if !readings.contains(where: { $0.path == text }) {
        readings.append(PathReading(name: name, path: text))
      }
    }
    let decoded = decode(path)
    for (prefix, text) in [("", path), ("decoded, ", decoded)] {
      if prefix == "decoded, " { add("decoded", text) }
      let slashed = String(text.map { $0 == "\\" ? "/" : $0 })
      add(prefix + "\\ as /", slashed)
      add(prefix + "without ;…", withoutParameters(text))
      add(prefix + "slashes merged", merged(text))
      add(prefix + "dots resolved", resolved(text))
      add(prefix + "all of it", resolved(merged(withoutParameters(slashed))))
    }
    if let rest = behindHost(path) { add("behind a host", rest) }
    return readings
  }

  /// What URL parsers take for the path of `//host/path`.
  private static func behindHost(_ path: String) -> String? {
    let rest = path.drop { $0 == "/" || $0 == "\\" }
    guard path.count - rest.count >= 2 else { return nil }
    return "/" + rest.drop { $0 != "/" && $0 != "\\" }.dropFirst()
  }

  /// Index of the route that a reading selects by the rule of the table: host, then the longest path
  /// that takes the method.
  static func route(
    _ path: String, method: String, host: String, listener: String, among routes: [RouteListing],
    ignoresCase: Bool = false
  ) -> Int? {
    let name = hostName(host)
    let path = ignoresCase ? path.lowercased() : path
    var best: (rank: (Int, Int, Int), index: Int)?
    for (index, route) in routes.enumerated() {
      guard route.listeners.isEmpty || route.listeners.contains(listener),
        let hostRank = rank(of: route.host, for: name),
        covers(ignoresCase ? route.path.lowercased() : route.path, path)
      else { continue }
      let isNamed = route.methods.contains(method) || (method == "HEAD" && route.methods == ["GET"])
      guard isNamed || route.methods.isEmpty || (method == "HEAD" && route.methods.contains("GET"))
      else { continue }
      let length = route.path == "/" ? 0 : route.path.utf8.count
      let rank = (hostRank, length, route.methods.isEmpty ? 0 : 1)
      if best.map({ $0.rank < rank }) ?? true { best = (rank, index) }
    }
    return best?.index
  }

  private static func covers(_ prefix: String, _ path: String) -> Bool {
    if prefix == "/" { return true }
    guard path.hasPrefix(prefix) else { return false }
    let rest = path.dropFirst(prefix.count)
    return rest.isEmpty || rest.hasPrefix("/")
  }

  /// Exact hosts before wildcards, the longest wildcard first, then routes for every host.
  private static func rank(of rule: String?, for host: String) -> Int? {
    guard let rule else { return 0 }
    if rule == host { return Int.max }
    guard rule.hasPrefix("*."), host.hasSuffix(rule.dropFirst(1)) else { return nil }
    return rule.utf8.count
  }

  private static func hostName(_ authority: String) -> String {
    var host = authority.lowercased()
    if let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") {
      host = String(host[..<colon])
    }
    if host.hasSuffix(".") { host.removeLast() }
    return host
  }

  // MARK: Steps

  /// Percent escapes decoded once; broken ones stay.
  static func decode(_ path: String) -> String {
    let bytes = Array(path.utf8)
    var out: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
        let high = bytes[index + 1].hexadecimalDigitValue,
        let low = bytes[index + 2].hexadecimalDigitValue
      {
        out.append(high << 4 | low)
        index += 3
      } else {
        out.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }

  private static func withoutParameters(_ path: String) -> String {
    path.split(separator: "/", omittingEmptySubsequences: false)
      .map { segment in segment.prefix { $0 != ";" } }.joined(separator: "/")
  }

  private static func merged(_ path: String) -> String {
    var out = ""
    for character in path where !(character == "/" && out.last == "/") { out.append(character) }
    return out
  }

  /// A segment that is dots however they are written, as dots; any other as it is.
  private static func dots(_ segment: Substring) -> String {
    let text = decode(String(segment))
    return text == "." || text == ".." ? text : String(segment)
  }

  private static func resolved(_ path: String) -> String {
    var segments: [Substring] = []
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    for (offset, part) in parts.enumerated() {
      let isLast = offset == parts.count - 1
      switch dots(part) {
      case ".": if isLast { segments.append("") }
      case "..":
        if !segments.isEmpty { segments.removeLast() }
        if isLast { segments.append("") }
      default: segments.append(part)
      }
    }
    return "/" + segments.joined(separator: "/")
  }
}
