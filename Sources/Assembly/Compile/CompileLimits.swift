// `cors` and `limit`: the named policies that routes refer to.

import Config
import Policy
import Proxy

extension Compiler {
  /// One `cors` block; the unnamed one is every route's where it says nothing else. What origins may
  /// be is Policy's to judge.
  func cors(_ directive: Directive) {
    var policyName = "default"
    if let argument = directive.arguments.first {
      guard let name = name(argument) else { return }
      guard !["default", "pass", "off"].contains(name) else {
        let _: Bool? = argument.refuse(log, "has a meaning of its own", "take another name")
        return
      }
      policyName = name
    }
    guard corsNames.add(policyName, at: directive.span, log) else { return }
    let body = directive.body
    func words(_ name: String) -> [String] {
      body.first(named: name)?.arguments.filter(\.isUsable).map(\.text) ?? []
    }
    if body.first(named: "origins") == nil {
      log.error(
        "a cors policy without origins", at: directive.span,
        hint: "add origins https://app.example;")
    }
    var definition = CORSDefinition(
      origins: words("origins"), methods: words("methods"), headers: words("headers"),
      expose: words("expose"))
    definition.credentials = argument("credentials", of: body)?.flag(log) ?? false
    if let value = argument("max_age", of: body)?.duration(log, in: 0...86_400_000) {
      definition.maxAgeSeconds = value / 1000
    }
    if directive.arguments.isEmpty { policy.defaultCORS = policy.corsPolicies.count }
    policy.corsPolicies.append(definition)
    corsDirectives.append(directive)
  }

  /// One `limit` block.
  func limit(_ directive: Directive) {
    guard directive.opens == .limit, let argument = directive.arguments.first,
      let name = name(argument)
    else { return }
    guard name != "off" else {
      let _: Bool? = argument.refuse(log, "has a meaning of its own", "take another name")
      return
    }
    guard limitNames.add(name, at: directive.span, log) else { return }
    let body = directive.body
    var definition = LimitDefinition(name: name, permits: 1, periodSeconds: 1)
    if let argument = self.argument("rate", of: body) {
      if let rate = argument.rate(log) {
        definition.permits = rate.count
        definition.periodSeconds = rate.periodMilliseconds / 1000
        definition.burst = rate.count
      }
    } else if !body.contains(where: { $0.name == "rate" }) {
      log.error("limit \(name) has no rate", at: directive.span, hint: "add rate 5/min;")
    }
    if let value = self.argument("burst", of: body)?.number(log, in: 1...1_000_000) {
      definition.burst = value
    }
    if let argument = self.argument("key", of: body) {
      definition.key = argument.word(log, [("client_ip", LimitKey.clientAddress)]) ?? definition.key
    }
    if let argument = self.argument("count", of: body) {
      definition.count =
        argument.word(log, [("all", LimitCount.all), ("failures", .failures)]) ?? definition.count
    }
    policy.limits.append(definition)
    limitDirectives.append(directive)
  }
}
