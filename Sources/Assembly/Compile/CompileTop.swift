// The top level's own settings: workers, listeners, the admin line, the access log, limits.

import Config
import EventLoop
import Policy
import Proxy
import Tokens

extension Compiler {
  /// Most worker threads.
  static let workerCountMaximum = 256

  func compileTop(_ directives: [Directive]) {
    if let argument = argument("workers", of: directives), argument.isUsable,
      argument.text != "auto",
      let count = argument.number(log, in: 1...Self.workerCountMaximum)
    {
      settings.workerCount = count
    }
    for directive in directives.all(named: "env_file") where directive.arguments.count == 2 {
      let _: Bool? = directive.arguments[1].word(log, [("optional", true)])
    }
    if let directive = directives.first(named: "admin") { settings.admin = admin(directive) }
    if let argument = argument("access_log", of: directives), argument.isUsable {
      switch argument.text {
      case "off": settings.accessLog = .off
      case "stdout": settings.accessLog = .standardOutput
      default:
        if let path = path(argument) { settings.accessLog = .file(path: path) }
      }
    }
    topErrors = errorStyle(argument("errors", of: directives))
    topFlask422 = argument("flask_422", of: directives)?.flag(log) ?? false
    policy.errors = styled(topErrors ?? .problem, flask422: topFlask422)
    if let directive = directives.first(named: "limits") { limits(directive.body) }
    trustedProxies(directives.all(named: "trusted_proxies").flatMap(\.arguments))
  }

  /// One `listen` line.
  func listen(_ directive: Directive) {
    guard let argument = directive.arguments.first,
      let endpoint = endpoint(argument, forListening: true)
    else { return }
    let twin = settings.listeners.firstIndex { $0.address == endpoint && !endpoint.hasPortZero }
    if let twin {
      log.error(
        "\(argument.quotedForMessage) is listened on twice", at: argument.span,
        hint: "it is listener \(settings.listeners[twin].name) already")
      return
    }
    var listenerName = endpoint.description
    if let given = self.argument("name", of: directive.body) {
      guard let name = name(given) else { return }
      listenerName = name
    }
    if listenerNames.names.contains(listenerName), endpoint.hasPortZero {
      // Two listeners on port 0 are two addresses; only their names are not told apart.
      listenerName += "#\(settings.listeners.count)"
    }
    guard listenerNames.add(listenerName, at: directive.span, log) else { return }
    var listener = ListenSettings(name: listenerName, address: endpoint)
    if let line = directive.body.first(named: "proxy_protocol") {
      // The name alone means on.
      listener.expectsProxyHeader = line.arguments.first.map { $0.flag(log) ?? false } ?? true
    }
    if listener.expectsProxyHeader, listener.isReachable, policy.trustedProxies.isEmpty {
      log.warning(
        "whoever reaches \(argument.quotedForMessage) may take any address", at: argument.span,
        hint: "name the load balancers in trusted_proxies, or listen on 127.0.0.1 or unix:PATH")
    }
    settings.listeners.append(listener)
    policy.listenerCount = settings.listeners.count
  }

  /// The first listener that others than this machine can reach, if there is one.
  var publicListener: ListenSettings? {
    settings.listeners.first(where: \.isReachable)
  }

  private func limits(_ body: [Directive]) {
    func size(
      _ name: String, _ bounds: ClosedRange<Int>, _ path: WritableKeyPath<TrafficLimits, Int>
    ) {
      if let value = argument(name, of: body)?.size(log, in: bounds) {
        settings.limits[keyPath: path] = value
      }
    }
    func time(_ name: String, canBeOff: Bool, _ path: WritableKeyPath<TrafficLimits, Int>) {
      let value =
        canBeOff
        ? argument(name, of: body)?.durationOrOff(log)
        : argument(name, of: body)?.duration(log, in: Self.timeBounds)
      if let value { settings.limits[keyPath: path] = value }
    }
    func count(
      _ name: String, _ bounds: ClosedRange<Int>, _ path: WritableKeyPath<TrafficLimits, Int>
    ) {
      if let value = argument(name, of: body)?.number(log, in: bounds) {
        settings.limits[keyPath: path] = value
      }
    }
    func rate(_ name: String, _ path: WritableKeyPath<TrafficLimits, Int>) {
      guard let argument = argument(name, of: body), argument.isUsable else { return }
      // More than 16 MiB a second no client has to manage.
      if let value = argument.text == "off" ? 0 : argument.size(log, in: 1...(16 << 20)) {
        settings.limits[keyPath: path] = value
      }
    }
    // The upper bounds are what one connection may pin in memory.
    size("head", (1 << 10)...(256 << 10), \.headBytesMaximum)
    size("target", 256...(64 << 10), \.targetBytesMaximum)
    size("response_head", (1 << 10)...(256 << 10), \.responseHeadBytesMaximum)
    count("fields", 10...1000, \.fieldCountMaximum)
    count("connections", 1...1_000_000, \.connectionCountMaximum)
    if let argument = argument("connections_per_address", of: body), argument.isUsable,
      let value = argument.text == "off" ? Int.max : argument.number(log, in: 1...1_000_000)
    {
      settings.limits.connectionsPerAddressMaximum = value
    }
    signatureRate("signature_rate", body, \.perWorker)
    signatureRate("signature_rate_per_address", body, \.perAddress)
    rate("body_rate", \.bodyBytesPerSecond)
    rate("send_rate", \.sendBytesPerSecond)
    time("head_timeout", canBeOff: false, \.headTimeoutMilliseconds)
    time("idle_timeout", canBeOff: false, \.idleTimeoutMilliseconds)
    time("body_timeout", canBeOff: false, \.bodyTimeoutMilliseconds)
    time("send_timeout", canBeOff: false, \.sendTimeoutMilliseconds)
    time("drain_timeout", canBeOff: false, \.drainTimeoutMilliseconds)
    time("total_timeout", canBeOff: true, \.totalTimeoutMilliseconds)
    time("stream_idle_timeout", canBeOff: true, \.streamIdleTimeoutMilliseconds)
    if let value = tokenGrace(argument("token_grace", of: body)) {
      settings.limits.tokenGraceMilliseconds = value
    }
    if let value = bodySize(argument("body", of: body)) { settings.limits.bodyBytesMaximum = value }
    if settings.limits.targetBytesMaximum > settings.limits.headBytesMaximum,
      let target = argument("target", of: body)
    {
      log.error("a target can't be longer than its head", at: target.span, hint: "raise head too")
    }
  }

  /// `signature_rate N/s` or `off`.
  private func signatureRate(
    _ name: String, _ body: [Directive], _ path: WritableKeyPath<SignatureRates, Int?>
  ) {
    guard let argument = argument(name, of: body), argument.isUsable else { return }
    if argument.text == "off" {
      settings.limits.signatureRates[keyPath: path] = nil
    } else if let rate = argument.rate(log) {
      guard rate.periodMilliseconds == 1000 else {
        let _: Bool? = argument.refuse(log, "is not a rate for a second", "write 2500/s, or off")
        return
      }
      settings.limits.signatureRates[keyPath: path] = rate.count
    }
  }

  /// A millisecond to an hour: what a timeout may be that can't be off.
  static let timeBounds = 1...3_600_000

  /// `token_grace TIME`: a day is as good as never ending.
  func tokenGrace(_ argument: Argument?) -> Int? { argument?.duration(log, in: 0...86_400_000) }

  /// `body SIZE` or `body off`.
  func bodySize(_ argument: Argument?) -> Int? {
    guard let argument, argument.isUsable else { return nil }
    return argument.text == "off" ? Int.max : argument.size(log)
  }

  /// A style with `flask_422` applied.
  func styled(_ style: ErrorStyle, flask422: Bool) -> ErrorStyle {
    style == .flask && flask422 ? .flaskUnprocessable : style
  }
}

extension Endpoint {
  /// True when the system chooses the port.
  var hasPortZero: Bool {
    switch self {
    case .address(let address): address.family != .unix && address.port == 0
    case .name(_, let port): port == 0
    }
  }
}
