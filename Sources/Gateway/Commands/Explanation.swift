// The text of `gateway explain`: readings, route, decision, and what would be sent or answered.

import Assembly
import Bytes
import EventLoop
import HTTPWire
import Policy
import Proxy
import Tokens

/// One request's way through the gateway, told.
struct Explanation {
  private let configuration: Configuration
  private let request: ExplainedRequest
  private let set: PolicySet
  private let gatekeeper: Gatekeeper
  private let policy = RequestPolicy()
  private let claims = ForwardedClaims()
  private let head = RequestHead()
  private let now = PolicyTime(
    monotonicNanoseconds: Clock.monotonicNanoseconds(),
    epochSeconds: Clock.realtimeMilliseconds() / 1000)

  init(_ configuration: Configuration, _ request: ExplainedRequest) {
    self.configuration = configuration
    self.request = request
    let revocations = RevocationTable()
    set = PolicySet(configuration.policy, revocations: revocations)
    gatekeeper = Gatekeeper(
      revocations: revocations, limits: LimitTable(), realms: set.realms)
  }

  /// Everything there is to tell.
  func text() -> String {
    let bytes = request.bytes
    let listener = configuration.settings.listeners[request.listener]
    var out = section("request", ["\(request.method) \(request.target) at \(request.host)"])
    out += section("from", ["\(text(of: request.address)), by listener \(listener.name)"])
    let limits = configuration.settings.limits
    let outcome = head.parse(
      bytes.span, from: 0,
      limits: HeadLimits(
        targetBytesMaximum: limits.targetBytesMaximum, headBytesMaximum: limits.headBytesMaximum,
        fieldCountMaximum: limits.fieldCountMaximum))
    switch outcome {
    case .complete: break
    case .needsMore:
      return out + section("verdict", ["refused: the head doesn't end"])
    case .malformed(let fault, let offset):
      let what = "\(fault.status) \(fault.name): the request is malformed at byte \(offset)"
      return out + section("verdict", [what])
    }
    out += readings()
    var notes: [String] = []
    let action = decide(bytes, &notes)
    out += section("client", [client()])
    out += route()
    out += section("steps", steps(notes))
    switch action {
    case .admit: out += section("verdict", [admitted()] + undone()) + sent(bytes)
    case .answerRoute:
      out += section("verdict", ["answered here: \(listing.target)"] + undone()) + answer(bytes)
    case .answerPreflight:
      out += section("verdict", ["the preflight is answered here"]) + answer(bytes)
    default: out += section("verdict", [refused()]) + answer(bytes)
    }
    return out
  }

  // MARK: The decision

  /// Runs the machine to its end; what a running gateway would ask elsewhere is answered kindly and
  /// noted.
  private func decide(_ bytes: [UInt8], _ notes: inout [String]) -> PolicyAction {
    var client = peer
    if set.isTrusted(peer) {
      claims.read(head, bytes: bytes.span, peer: peer, set: set)
      client = claims.client
    }
    var action = gatekeeper.headReceived(
      policy, head: head, bytes: bytes.span, peer: client, now: now, set: set)
    // Each wait comes once at most; the bound is for a machine that has lost its way.
    for _ in 0..<8 {
      switch action {
      case .admit, .deny, .answerPreflight, .answerRoute: return action
      case .needBodyField:
        notes.append("the body is read for a token: \(request.body.count) bytes")
        action = gatekeeper.bodyFieldRead(
          policy, head: head, bytes: bytes.span, body: request.body.span, now: now, set: set)
      case .askRevocation:
        notes.append("the blocklist's store is asked: taken for not revoked")
        action = gatekeeper.revocationAnswered(
          policy, answer: .clear, head: head, bytes: bytes.span, now: now, set: set)
      case .askPermit:
        notes.append("the shared limits are asked: taken for granted")
        action = gatekeeper.permitAnswered(
          policy, answer: .granted, head: head, bytes: bytes.span, now: now, set: set)
      case .needKey:
        notes.append("the key set is fetched: taken for unavailable")
        action = gatekeeper.keySetAnswered(
          policy, isAvailable: false, head: head, bytes: bytes.span, now: now, set: set)
      }
    }
    return action
  }

  // MARK: Sections

  private func readings() -> String {
    let rows = readingRows
    let lines = TextTable.render(rows).split(separator: "\n").map(String.init)
    return section(rows.count == 1 ? "reading" : "readings", lines)
  }

  /// True when all readings that are told lead to one route.
  private var readingsAgree: Bool { Set(readingRows.map(\.last)).count == 1 }

  /// Name, path and route of each reading.
  private var readingRows: [[String]] {
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
  private func foldedReading(_ path: String) -> [String]? {
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
  private func client() -> String {
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

  private func route() -> String {
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

  private func steps(_ notes: [String]) -> [String] {
    var lines: [String] = []
    guard configuration.routes.indices.contains(policy.routeIndex) else { return lines }
    let route = configuration.routes[policy.routeIndex]
    if !route.addresses.isEmpty {
      let verdict = policy.refusal == .addressRefused ? "not admitted" : "admitted"
      lines.append("address: \(verdict) by \(route.addresses.joined(separator: "; "))")
    }
    if policy.refusal == .addressRefused { return lines }
    if policy.isPreflight { return lines + ["cors: a preflight, judged before limits and token"] }
    for name in route.limits {
      if let limit = configuration.policy.limits.first(where: { $0.name == name }) {
        let count = limit.count == .failures ? "failures count" : "every request counts"
        lines.append(
          "limit \(name): \(limit.permits) in \(limit.periodSeconds) s, burst \(limit.burst), \(count)"
        )
      }
    }
    switch route.auth {
    case "none": lines.append("token: neither read nor judged")
    case "optional" where route.requirements.isEmpty:
      lines.append("token: none is fine, a bad one is not")
    case "optional": lines.append("token: an access token is required, because claims are")
    case "required": lines.append("token: an access token is required")
    case "refresh": lines.append("token: a refresh token is required")
    default: lines.append("token: an access or a refresh token is required")
    }
    lines += notes
    if !route.requirements.isEmpty {
      let verdict =
        switch policy.refusal {
        case nil: "met"
        case .denied(.missingClaim), .denied(.insufficientScope): "not met"
        default: "not asked"
        }
      lines.append("claims: \(verdict), required are \(route.requirements.joined(separator: "; "))")
    }
    if let facts = policy.token {
      let left = facts.expiration - now.epochSeconds
      let realm = configuration.policy.realms[Int(facts.realmIndex)].name
      lines.append(
        "token: a verified \(facts.tokenClass.name) token of realm \(realm), good for \(left) s more"
      )
      lines.append("blocklist: not asked here; the running gateway knows")
    } else if policy.refusal == nil {
      lines.append("caller: anonymous")
    }
    switch head.upgrade {
    case .none: break
    case .webSocket:
      lines.append("upgrade: websocket, passed on; a tunnel ends with its token")
      if policy.choosesBearer { lines.append("upgrade: the 101 chooses the subprotocol bearer") }
    case .other:
      lines.append(
        "upgrade: dropped, this is an ordinary request; a WebSocket is GET without a body, with one"
          + " Upgrade: websocket and one Sec-WebSocket-Key")
    }
    return lines
  }

  /// The route that was found.
  private var listing: RouteListing { configuration.routes[policy.routeIndex] }

  private func admitted() -> String {
    let traffic = configuration.settings.routes[policy.routeIndex]
    let upstream = configuration.settings.upstreams[traffic.upstreamIndex]
    let servers = upstream.servers.map(\.address.description).joined(separator: ", ")
    return "forwarded to upstream \(upstream.name) (\(servers))"
  }

  /// What the route would do if it were not observed.
  private func undone() -> [String] {
    policy.undone.map { ["enforced, it would be refused with \($0.status): \($0.name)"] } ?? []
  }

  private func refused() -> String {
    guard let refusal = policy.refusal else { return "refused" }
    let text = "refused with \(refusal.status): \(refusal.name)"
    guard refusal == .ambiguousPath, readingsAgree else { return text }
    return text + "; behind the stripped prefix a reading has a dot or an empty segment"
  }

  /// The head that the backend would get, without the request's id.
  private func sent(_ bytes: [UInt8]) -> String {
    var buffer = ByteBuffer(capacity: 64 << 10)
    buffer.append(text: request.method + " ")
    policy.appendTarget(head: head, bytes: bytes.span, to: &buffer)
    buffer.append(" HTTP/1.1\r\n")
    let traffic = configuration.settings.routes[policy.routeIndex]
    let upstream = configuration.settings.upstreams[traffic.upstreamIndex]
    if let host = upstream.upstreamHost { buffer.append(text: "Host: \(host)\r\n") }
    for index in 0..<head.fieldCount {
      let field = head.field(at: index)
      if field.id == .host, upstream.upstreamHost != nil { continue }
      if field.id == .authorization {
        buffer.append("Authorization: (as sent)\r\n")
      } else if !head.isHopByHop(at: index), !set.headerGuard.isGuarded(field, bytes: bytes.span) {
        policy.appendLine(field, bytes: bytes.span, to: &buffer)
      }
    }
    ForwardedFields.append(
      facts, bytes: bytes.span, withForwarded: upstream.sendsForwarded, to: &buffer)
    policy.appendIdentity(to: &buffer)
    if head.upgrade == .webSocket {
      buffer.append("Connection: Upgrade\r\nUpgrade: websocket\r\n")
    }
    return section("sent", lines(buffer.readable))
  }

  private func answer(_ bytes: [UInt8]) -> String {
    var buffer = ByteBuffer(capacity: 64 << 10)
    _ = ReplyWriter.append(
      policy, head: head, bytes: bytes.span, set: set, closes: false,
      epochSeconds: now.epochSeconds, to: &buffer)
    return section("answer", lines(buffer.readable))
  }

  private func lines(_ bytes: Span<UInt8>) -> [String] {
    String(lossy: bytes).split(omittingEmptySubsequences: false) { $0.isNewline }
      .map(String.init).filter { !$0.isEmpty }
  }

  /// A label and its lines, indented under each other.
  private func section(_ label: String, _ lines: [String]) -> String {
    var out = ""
    for (index, line) in lines.enumerated() {
      let name = index == 0 ? label : ""
      out += name + String(repeating: " ", count: max(1, 10 - name.count)) + line + "\n"
    }
    return out
  }

  private var peer: PeerAddress {
    let ip = request.address.ipBytes
    return PeerAddress(high: ip.high, low: ip.low, listener: request.listener)
  }

  /// What the backend is told about the client.
  private var facts: ForwardedFacts {
    ForwardedFacts(
      head, peer: request.address, claims: set.isTrusted(peer) ? claims : nil,
      strippedBytes: policy.strippedPrefixBytes)
  }

  private func text(of address: SocketAddress) -> String {
    var buffer = ByteBuffer(capacity: SocketAddress.ipTextBytesMaximum)
    address.appendIP(to: &buffer)
    return String(lossy: buffer.readable)
  }
}
