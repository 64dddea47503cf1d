// `group` and `route`: inheritance resolved, names looked up, one definition for each route and host.
//
// Groups nest; what an inner block says replaces what an outer one said; limits accumulate, and
// `limit off` clears them. Where nothing is said a route requires an access token. What routes do to
// each other (equal ones, fall-through to weaker protection) is judged by Policy over all of them.

import Config
import Policy
import Proxy
import Tokens

extension Compiler {
  /// Most routes; hosts multiply them.
  static let routeCountMaximum = 10_000

  func compileRoutes(_ directives: [Directive]) {
    var scope = RouteScope()
    scope.flask422 = topFlask422
    members(directives, scope)
    if policy.routes.count > Self.routeCountMaximum, let last = routeDirectives.last {
      log.error("more than \(Self.routeCountMaximum) routes", at: last.span)
    }
  }

  private func members(_ directives: [Directive], _ scope: RouteScope) {
    for directive in directives where directive.isSound {
      if directive.opens == .group { group(directive, scope) }
      if directive.opens == .route { route(directive, scope) }
    }
  }

  private func group(_ directive: Directive, _ outer: RouteScope) {
    var scope = outer
    if let argument = directive.arguments.first, let prefix = path(argument, below: outer.prefix) {
      scope.prefix = prefix
    } else {
      scope.isBroken = true
    }
    apply(directive.body, of: "group \(scope.prefix)", to: &scope)
    members(directive.body, scope)
  }

  private func route(_ directive: Directive, _ outer: RouteScope) {
    var scope = outer
    var methods: [String] = []
    for argument in directive.arguments.dropLast() {
      if let method = method(argument) {
        if methods.contains(method) {
          let _: Bool? = argument.refuse(log, "is said twice", nil)
        } else {
          methods.append(method)
        }
      } else {
        scope.isBroken = true
      }
    }
    apply(directive.body, of: "", to: &scope)
    guard let argument = directive.arguments.last,
      let path = path(argument, below: outer.prefix), !scope.isBroken
    else { return }
    finish(directive, scope, methods: methods, path: path)
  }

  // MARK: Settings

  private func apply(_ body: [Directive], of block: String, to scope: inout RouteScope) {
    let errorsBefore = log.errorCount
    if let target = routeTarget(body) { scope.target = target }
    if let lines = addressLines(body) { scope.addresses.append(lines) }
    if let directive = body.first(named: "host") {
      scope.hosts = directive.arguments.compactMap(hostRule)
    }
    if let directive = body.first(named: "listener") {
      scope.listeners = directive.arguments.compactMap { listenerNames.index($0, log) }
    }
    if let argument = argument("auth", of: body) {
      scope.auth = argument.word(
        log,
        [
          ("none", AuthRule.none), ("optional", .optional), ("required", .required),
          ("refresh", .refresh), ("any", .any),
        ])
    }
    if let directive = body.first(named: "realm") { scope.realms = realms(directive) }
    if let line = forwarding(body, of: block) { scope.forwarding = line }
    requirements(body, to: &scope.requirements)
    for directive in body.all(named: "limit") where directive.opens == nil {
      limitNamesOf(directive, &scope)
    }
    if let argument = argument("cors", of: body), argument.isUsable {
      switch argument.text {
      case "pass": scope.cors = .pass
      case "off": scope.cors = .off
      default: scope.cors = corsNames.index(argument, log).map { .policy($0) }
      }
    }
    if let style = errorStyle(argument("errors", of: body)) { scope.errors = style }
    if let flag = argument("flask_422", of: body)?.flag(log) { scope.flask422 = flag }
    if let flag = argument("strip_prefix", of: body)?.flag(log) {
      scope.strippedPrefix = flag ? scope.prefix : ""
    }
    if let argument = argument("on_success", of: body) {
      scope.onSuccess =
        argument.word(log, [("revoke", SuccessMeaning.revoke)]) ?? scope.onSuccess
    }
    mode(body, to: &scope)
    if let flag = argument("method_fallthrough", of: body)?.flag(log) {
      scope.allowsMethodFallthrough = flag
    }
    if let limits = body.first(named: "limits")?.body {
      if let value = bodySize(argument("body", of: limits)) { scope.body = value }
      if let value = argument("timeout", of: limits)?.duration(log, in: 1...86_400_000) {
        scope.timeout = value
      }
      if let value = argument("read_timeout", of: limits)?.durationOrOff(log) {
        scope.readTimeout = value
      }
      if let value = argument("body_timeout", of: limits)?.duration(log, in: Self.timeBounds) {
        scope.bodyTimeout = value
      }
      if let value = argument("total_timeout", of: limits)?.durationOrOff(log) {
        scope.totalTimeout = value
      }
      if let value = argument("stream_idle_timeout", of: limits)?.durationOrOff(log) {
        scope.streamIdle = value
      }
      if let value = tokenGrace(argument("token_grace", of: limits)) { scope.tokenGrace = value }
    }
    let isBroken = body.contains { $0.block == nil && $0.arguments.contains { !$0.isUsable } }
    if isBroken || log.errorCount > errorsBefore { scope.isBroken = true }
    if body.contains(where: { !$0.isSound }) { scope.isDoubtful = true }
  }

  private func limitNamesOf(_ directive: Directive, _ scope: inout RouteScope) {
    if directive.arguments.first?.text == "off" {
      if directive.arguments.count > 1 {
        log.error("off stands alone", at: directive.span, hint: "write limit off;")
      }
      scope.limits = []
      return
    }
    for argument in directive.arguments {
      if let index = limitNames.index(argument, log), !scope.limits.contains(index) {
        scope.limits.append(index)
      }
    }
  }

  // MARK: Definitions

  private func finish(
    _ directive: Directive, _ scope: RouteScope, methods: [String], path: String
  ) {
    guard let target = scope.target else {
      log.error(
        "this route has no upstream", at: directive.span,
        hint: "add upstream NAME; here or in the group around it, or respond, or redirect")
      return
    }
    let auth = scope.auth ?? .required
    // The realm may be missing because its own definition was refused: that is told there.
    var realm = scope.realms.first
    if realm == nil, auth != .none {
      if realmDefinitions.count == 1 {
        realm = 0
      } else {
        log.error(
          realmDefinitions.isEmpty
            ? "this route wants a token, and there is no realm"
            : "this route wants a token, and does not say whose", at: directive.span,
          hint: realmDefinitions.isEmpty
            ? "add realm NAME { … }, or say auth none;"
            : "add realm NAME; there is \(realmNames.names.joined(separator: ", "))")
        return
      }
    }
    // Without a backend nobody else reads the path: there is nothing to fold or to strip.
    var traits = UpstreamTraits()
    var stripped = ""
    var upstream = RouteTraffic.noUpstream
    var answer: RouteAnswer?
    let targetText: String
    switch target {
    case .upstream(let index):
      guard settings.upstreams.indices.contains(index) else { return }
      (upstream, traits, targetText) = (index, upstreamTraits[index], upstreamNames.names[index])
      stripped = scope.strippedPrefix == "/" ? "" : scope.strippedPrefix
    case .answer(let given, let text): (answer, targetText) = (given, text)
    }
    if answer == .health, scope.auth == nil, auth != .none {
      log.warning(
        "this health answer wants a token", at: directive.span,
        hint: "add auth none; a load balancer brings no token")
    }
    let style =
      scope.errors ?? traits.errors ?? topErrors ?? realm.flatMap(presetStyle) ?? .problem
    var cors = scope.cors ?? policy.defaultCORS.map { .policy($0) } ?? .pass
    if answer != nil, cors == .pass { cors = .off }
    let forwarding = forwarding(scope, traits, auth, answer)
    for host in scope.hosts.isEmpty ? [(.any, "")] : scope.hosts {
      if scope.isDoubtful { doubtfulRoutes.insert(policy.routes.count) }
      policy.routes.append(
        RouteDefinition(
          listeners: scope.listeners, host: host.rule, methods: methods, path: path,
          strippedPrefix: stripped, framework: traits.framework, auth: auth, realm: realm,
          furtherRealms: Array(scope.realms.dropFirst()),
          requirements: scope.requirements.map(\.line), limits: scope.limits, cors: cors,
          errors: styled(style, flask422: scope.flask422 ?? false), onSuccess: scope.onSuccess,
          addressBlocks: scope.addresses.map { AddressBlock($0.rules) }, answer: answer,
          allowsMethodFallthrough: scope.allowsMethodFallthrough,
          isObserved: scope.observeLine != nil))
      policy.routes[policy.routes.count - 1].forwarding = forwarding.forwarding
      policy.routes[policy.routes.count - 1].forwardingOrigin = forwarding.origin
      routeDirectives.append(directive)
      let label = (methods + [host.text + path]).joined(separator: " ")
      var traffic = RouteTraffic(
        upstreamIndex: upstream,
        bodyBytesMaximum: scope.body ?? settings.limits.bodyBytesMaximum,
        responseHeadTimeoutMilliseconds: scope.timeout
          ?? (answer == nil ? settings.upstreams[upstream].responseHeadTimeoutMilliseconds : 0),
        label: label)
      traffic.bodyIdleTimeoutMilliseconds = scope.readTimeout
      traffic.bodyTimeoutMilliseconds = scope.bodyTimeout
      traffic.totalTimeoutMilliseconds = scope.totalTimeout
      traffic.streamIdleTimeoutMilliseconds = scope.streamIdle
      traffic.tokenGraceMilliseconds = scope.tokenGrace
      traffic.isObserved = scope.observeLine != nil
      noteObserved(scope, label, auth)
      settings.routes.append(traffic)
      listings.append(
        RouteListing(
          methods: methods, host: host.text.isEmpty ? nil : host.text,
          listeners: scope.listeners.map { listenerNames.names[$0] }, path: path,
          auth: "\(auth)", realm: realm == nil ? nil : realmText(scope.realms),
          requirements: scope.requirements.map(\.text),
          limits: scope.limits.map { limitNames.names[$0] }, cors: corsText(cors),
          addresses: scope.addresses.flatMap(\.text), target: targetText,
          answersItself: answer != nil, isObserved: scope.observeLine != nil,
          forwarding: forwardingText(forwarding.forwarding),
          revokesOnSuccess: scope.onSuccess == .revoke,
          errors: styled(style, flask422: scope.flask422 ?? false).rawValue,
          strippedPrefix: stripped, place: directive.span.lineOnly))
    }
  }

  /// What the backend gets of a token: by the route, else the groups, the upstream, `identity`.
  private func forwarding(
    _ scope: RouteScope, _ traits: UpstreamTraits, _ auth: AuthRule, _ answer: RouteAnswer?
  ) -> ForwardingLine {
    let keep = ForwardingLine(forwarding: .keep, origin: "")
    if auth == .none || answer != nil { return keep }
    return scope.forwarding ?? traits.forwarding ?? topForwarding ?? keep
  }

  /// The style that a realm's preset brings; `problem`, which they bring for want of a better one, is
  /// not a choice.
  private func presetStyle(_ realm: Int) -> ErrorStyle? {
    let name = realmDefinitions[realm].preset.errorStyleName
    return name == "problem" ? nil : ErrorStyle(rawValue: name)
  }

  private func corsText(_ rule: CORSRule) -> String {
    switch rule {
    case .policy(let index): corsNames.names[index]
    case .pass: "pass"
    case .off: "off"
    }
  }
}
