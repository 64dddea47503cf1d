// `gateway explain`: the steps between route and verdict, in the order in which they are taken.
//
// What is told of the token is its account (Policy) and its diagnosis (Tokens); the decision itself
// was made before by the gatekeeper, and where the two disagree, it is the gatekeeper's that is told.

import Assembly
import Bytes
import HTTPWire
import Policy
import Tokens

extension Explanation {
  func steps(_ notes: [String], _ bytes: [UInt8]) -> [String] {
    guard configuration.routes.indices.contains(policy.routeIndex) else { return [] }
    let route = listing
    var lines = addressStep(route)
    if policy.refusal == .addressRefused { return lines }
    if policy.isPreflight { return lines + ["cors: a preflight, judged before limits and token"] }
    lines += corsStep(route) + limitSteps(route)
    if policy.refusal == .originRefused || policy.refusal == .limited { return lines }
    lines.append(tokenRule(route))
    let account = CredentialAccount(gatekeeper, policy, head: head, bytes: bytes.span, set: set)
    if route.auth != "none" { lines += placeSteps(account) }
    lines += notes
    lines += tokenSteps(route, account)
    if policy.token != nil {
      lines.append("blocklist: not asked here; the running gateway knows")
    } else if policy.refusal == nil {
      lines.append("caller: anonymous")
    }
    return lines + forwardingSteps() + upgradeSteps()
  }

  // MARK: Before the token

  private func addressStep(_ route: RouteListing) -> [String] {
    if route.addresses.isEmpty { return [] }
    let verdict = policy.refusal == .addressRefused ? "not admitted" : "admitted"
    return ["address: \(verdict) by \(route.addresses.joined(separator: "; "))"]
  }

  private func corsStep(_ route: RouteListing) -> [String] {
    guard let isAllowed = policy.isOriginAllowed else {
      guard head.has(.origin) else { return [] }
      return ["cors: \(route.cors), the origin is the backend's business"]
    }
    let consequence =
      isAllowed
      ? "the answer gets its headers"
      : policy.refusal == .originRefused
        ? "an upgrade from it is refused" : "the answer gets no headers, so the browser hides it"
    return ["cors: the origin is \(isAllowed ? "" : "not ")allowed: \(consequence)"]
  }

  private func limitSteps(_ route: RouteListing) -> [String] {
    route.limits.compactMap { name in
      guard let limit = configuration.policy.limits.first(where: { $0.name == name }) else {
        return nil
      }
      let count = limit.count == .failures ? "failures count" : "every request counts"
      return
        "limit \(name): \(limit.permits) in \(limit.periodSeconds) s, burst \(limit.burst), \(count)"
    }
  }

  // MARK: The token

  private func tokenRule(_ route: RouteListing) -> String {
    switch route.auth {
    case "none": "token: neither read nor judged"
    case "optional" where route.requirements.isEmpty: "token: none is fine, a bad one is not"
    case "optional": "token: an access token is required, because claims are"
    case "required": "token: an access token is required"
    case "refresh": "token: a refresh token is required"
    default: "token: an access or a refresh token is required"
    }
  }

  private func placeSteps(_ account: CredentialAccount) -> [String] {
    var lines = ["token: looked for in \(account.places.joined(separator: ", "))"]
    if !account.secondaryPlaces.isEmpty {
      lines.append(
        "token: a refresh token beside it in \(account.secondaryPlaces.joined(separator: ", "))")
    }
    if account.isAmbiguous {
      lines.append("token: there is more than one, or one that backends would read differently")
    } else if let found = account.found {
      lines.append("token: found in \(found), \(account.token.count) bytes")
    } else {
      lines.append("token: none found")
    }
    if !account.dropped.isEmpty {
      lines.append("token: not forwarded: \(account.dropped.joined(separator: ", "))")
    }
    return lines
  }

  /// What was found out about the token, and which requirements it meets.
  private func tokenSteps(_ route: RouteListing, _ account: CredentialAccount) -> [String] {
    let meant = realms(of: route)
    guard account.found != nil, !meant.isEmpty else { return unaskedClaims(route) }
    let classes: AcceptedClasses =
      route.auth == "refresh" ? .refresh : route.auth == "any" ? .any : .access
    let others = configuration.policy.realms.filter { one in !meant.contains { $0 === one } }
    let diagnosis = TokenDiagnosis(
      account.token, meant: meant, others: others, accepting: classes,
      nowSeconds: now.epochSeconds)
    // A token that lacks only what its realm requires is genuine: its claims are told one by one.
    let isGenuine = diagnosis.reason.map { $0 == .missingClaim || $0 == .insufficientScope } ?? true
    guard isGenuine, let realm = diagnosis.realm else {
      let reason = diagnosis.isUndecided ? "undecided" : "\((diagnosis.reason ?? .malformed).name)"
      var lines = ["token: " + reason + (diagnosis.realm.map { ", by realm \($0.name)" } ?? "")]
      for finding in diagnosis.findings {
        lines.append("  \(finding.text)")
        if let advice = finding.advice { lines.append("  -> \(advice)") }
      }
      return lines + unaskedClaims(route)
    }
    return genuine(route, realm, account.token, classes)
  }

  private func genuine(
    _ route: RouteListing, _ realm: Realm, _ token: [UInt8], _ classes: AcceptedClasses
  ) -> [String] {
    let verifier = TokenVerifier()
    guard
      case .accepted(let facts) = verifier.identify(
        token.span, realm: realm, accepting: classes, nowSeconds: now.epochSeconds)
    else { return [] }
    let left = facts.expiration - now.epochSeconds
    var lines = [
      "signature: good, key \(realm.keyText(Int(facts.keyIndex))) of realm \(realm.name)",
      "token: a verified \(facts.tokenClass.name) token of realm \(realm.name), good for \(left) s more",
    ]
    if let lifetime = realm.lifetimeSeconds(facts.tokenClass) {
      lines.append("lifetime: within \(lifetime) s, leeway \(realm.leewaySeconds) s")
    }
    if realm.issuerText != nil { lines.append("issuer: the realm's") }
    if !realm.audienceTexts.isEmpty { lines.append("audience: one of the realm's") }
    func judge(_ required: [ClaimRequirement], _ place: String) {
      for line in required {
        let reason = verifier.judge(ClaimRequirements([line]), nowSeconds: now.epochSeconds)
        lines.append(
          "require \(line.text) (\(place)): " + (reason.map { "not met, \($0.name)" } ?? "met"))
      }
    }
    judge(realm.requirements(facts.tokenClass)?.lines ?? [], "realm \(realm.name)")
    judge(configuration.policy.routes[policy.routeIndex].requirements, "route")
    return lines
  }

  private func realms(of route: RouteListing) -> [Realm] {
    let names = (route.realm ?? "").split(separator: " ")
    return names.compactMap { name in configuration.policy.realms.first { $0.name == name } }
  }

  private func unaskedClaims(_ route: RouteListing) -> [String] {
    route.requirements.isEmpty
      ? [] : ["claims: not asked, required are \(route.requirements.joined(separator: "; "))"]
  }

  // MARK: Behind the token

  private func upgradeSteps() -> [String] {
    switch head.upgrade {
    case .none: return []
    case .webSocket:
      return ["upgrade: websocket, passed on; a tunnel ends with its token"]
        + (policy.choosesBearer ? ["upgrade: the 101 chooses the subprotocol bearer"] : [])
    case .other:
      return [
        "upgrade: dropped, this is an ordinary request; a WebSocket is GET without a body, with one"
          + " Upgrade: websocket and one Sec-WebSocket-Key"
      ]
    }
  }
}
