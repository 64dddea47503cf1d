// What can't stand in the definitions, found before anything is compiled (DESIGN §4).
//
// Every mistake is told, not only the first. Assembly adds where it is written. Start, reload and
// `check` only.

import Bytes
import HTTPWire
import Tokens

extension PolicyDefinitions {
  /// Everything that can't stand, in the order of the definitions; empty when all is well.
  ///
  /// Not `isWhole` are definitions of which something was refused before: then only what can't stand
  /// whatever the missing parts say is told, so that no mistake is followed by another that is none.
  public func mistakes(isWhole: Bool = true) -> [PolicyMistake] {
    var found: [PolicyMistake] = []
    for index in identityHeaders.indices { found += identityMistakes(index) }
    found += assertionMistakes()
    for index in corsPolicies.indices {
      if corsPolicies[index].origins.isEmpty, !isWhole { continue }
      found += corsPolicies[index].mistakes(.cors(index))
    }
    for index in limits.indices { found += limits[index].mistakes(.limit(index)) }
    for index in routes.indices {
      found += routeMistakes(index)
      found += realmMistakes(index, isWhole: isWhole)
      found += forwardingMistakes(index)
    }
    found += pairMistakes()
    return isWhole ? found + fallthroughMistakes() : found
  }

  // MARK: Identity headers

  /// Names that carry the message itself: an identity header of such a name would break it.
  private static let wireNames: [FieldName] = [
    .host, .connection, .keepAlive, .contentLength, .transferEncoding, .te, .trailer, .upgrade,
    .expect, .proxy, .authorization, .cookie, .origin, .contentType, .contentEncoding,
    .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort,
    .xForwardedPrefix, .xRealIP, .xRequestID,
  ]

  private func identityMistakes(_ index: Int) -> [PolicyMistake] {
    nameMistakes(
      identityHeaders[index].name, .identityHeader(index), beside: identityHeaders[..<index])
  }

  /// What is wrong with the name of a header that the gateway alone may set.
  func nameMistakes(
    _ name: String, _ subject: PolicySubject, beside others: ArraySlice<IdentityHeaderDefinition>
  ) -> [PolicyMistake] {
    guard name.isFieldToken else {
      return [PolicyMistake(subject, "`\(name)` is not a header name")]
    }
    if Self.wireNames.contains(FieldName(Array(name.utf8).span)) {
      return [PolicyMistake(subject, "`\(name)` has a meaning of its own; choose another header")]
    }
    // Backends that fold names would see one header with two values.
    for other in others where Self.isAlias(other.name, name) {
      return [
        PolicyMistake(subject, "`\(name)` and `\(other.name)` are one header to a backend")
      ]
    }
    return []
  }

  private static func isAlias(_ left: String, _ right: String) -> Bool {
    func folded(_ name: String) -> [UInt8] {
      name.utf8.map { $0.isASCIIAlphanumeric ? $0.asciiLowercased : UInt8(ascii: "-") }
    }
    return folded(left) == folded(right)
  }

  // MARK: Routes

  private func routeMistakes(_ index: Int) -> [PolicyMistake] {
    let route = routes[index]
    var found: [PolicyMistake] = []
    func add(_ message: String, hint: String? = nil) {
      found.append(PolicyMistake(.route(index), message, hint: hint))
    }
    if let reason = Self.pathFault(route.path) { add(reason) }
    if !Self.isStripped(route.strippedPrefix, of: route.path) {
      add("the stripped prefix `\(route.strippedPrefix)` does not begin `\(route.path)`")
    }
    for method in route.methods where !method.isFieldToken {
      add("`\(method)` is not a method")
    }
    if route.methods.contains("CONNECT") {
      add("CONNECT is never forwarded")
    }
    if Set(route.methods).count != route.methods.count { add("a method is named twice") }
    if route.auth == .none, !route.requirements.isEmpty {
      add("require needs a token, and this route reads none", hint: "say require none; or auth")
    }
    if route.requirements.count > ClaimRequirement.linesMaximum {
      add("a route has at most \(ClaimRequirement.linesMaximum) require lines")
    }
    if route.limits.count > RequestPolicy.limitsMaximum {
      add("a route has at most \(RequestPolicy.limitsMaximum) limits")
    }
    for limit in route.limits where !limits.indices.contains(limit) { add("unknown limit") }
    if case .policy(let policy) = route.cors, !corsPolicies.indices.contains(policy) {
      add("unknown CORS policy")
    }
    for listener in route.listeners where listener < 0 || listener >= listenerCount {
      add("unknown listener")
    }
    for block in route.addressBlocks where block.rules.count > AddressBlock.rulesMaximum {
      add("a block has at most \(AddressBlock.rulesMaximum) addresses in allow and deny")
    }
    if route.answer != nil, route.onSuccess != .nothing {
      add("on_success is about a backend's answer, and this route has no backend")
    }
    switch route.host {
    case .any: break
    case .exact(let host), .wildcard(let host):
      if !Self.isHost(host) { add("`\(host)` is not a host name", hint: "without scheme and port") }
    }
    return found
  }

  private func realmMistakes(_ index: Int, isWhole: Bool) -> [PolicyMistake] {
    let route = routes[index]
    let subject = PolicySubject.route(index)
    guard let first = route.realm, realms.indices.contains(first) else {
      guard route.auth == .none else {
        guard isWhole else { return [] }
        return [PolicyMistake(subject, "a route that wants a token needs a realm")]
      }
      return route.onSuccess == .nothing
        ? [] : [PolicyMistake(subject, "on_success needs a token: auth any, or required")]
    }
    var found: [PolicyMistake] = []
    func add(_ message: String, hint: String? = nil) {
      found.append(PolicyMistake(subject, message, hint: hint))
    }
    guard route.furtherRealms.allSatisfy(realms.indices.contains) else { return [] }
    if route.onSuccess == .revoke, route.auth == .none {
      add("on_success revoke needs a token: auth any, or required")
    }
    for (place, realm) in route.realms.enumerated() where route.auth != .none {
      let name = realms[realm].name
      if route.auth == .refresh, !realms[realm].hasRefreshClass {
        add(
          "auth refresh, but realm \(name) has no refresh tokens",
          hint: "add a refresh block to the realm")
      }
      if route.onSuccess == .revoke, isWhole, !blocklistRealms.contains(realm) {
        add("on_success revoke, but realm \(name) is not in the blocklist")
      }
      for other in route.realms[..<place] where realms[other].sharesKey(with: realms[realm]) {
        add(
          "realms \(realms[other].name) and \(name) have a key in common: whose is a token?",
          hint: "name one of them here, or give each a secret of its own")
      }
    }
    return found
  }

  /// Route paths are compared with requests byte by byte: they must have one reading themselves.
  private static func pathFault(_ path: String) -> String? {
    let bytes = Array(path.utf8)
    guard bytes.first == UInt8(ascii: "/") else { return "a path begins with /" }
    if PathShape.quick(bytes.span).contains(.special) {
      return "a route's path holds no %, ;, \\, empty or dot segment"
    }
    if bytes.contains(where: { $0 <= 0x20 || $0 >= 0x7f || $0 == 0x3f || $0 == 0x23 }) {
      return "a route's path holds neither spaces, ?, # nor characters outside ASCII"
    }
    let longest = bytes.split(separator: UInt8(ascii: "/")).map(\.count).max() ?? 0
    guard longest <= PathReader.segmentBytesMaximum else {
      return "a path segment has at most \(PathReader.segmentBytesMaximum) bytes"
    }
    return nil
  }

  private static func isStripped(_ prefix: String, of path: String) -> Bool {
    let prefix = prefix.hasSuffix("/") ? String(prefix.dropLast()) : prefix
    return prefix.isEmpty || path == prefix || path.hasPrefix(prefix + "/")
  }

  private static func isHost(_ host: String) -> Bool {
    !host.isEmpty && host.utf8.count <= RouteTable.hostBytesMaximum
      && host.utf8.allSatisfy {
        $0.isASCIIAlphanumeric || "-._:[]".utf8.contains($0)
      } && !host.hasPrefix(".")
  }
}
