// `forward_token` and `assertion`: what of a token goes to the backend; and `mint`, how a realm signs
// what takes its place.

import Config
import Policy
import Proxy
import Tokens

/// What one block says about the token that a backend gets.
struct ForwardingLine {
  let forwarding: TokenForwarding
  /// The block, for people: `upstream nest`.
  let origin: String
}

extension Compiler {
  // MARK: What goes to the backend

  /// `forward_token keep|drop|remint [REALM]` of a block; nil where it says nothing, or after a report.
  func forwarding(_ body: [Directive], of origin: String) -> ForwardingLine? {
    guard let directive = body.first(named: "forward_token"), let word = directive.arguments.first,
      let forwarding: TokenForwarding = word.word(
        log, [("keep", .keep), ("drop", .drop), ("remint", .remint(0))])
    else { return nil }
    let named = directive.arguments.count > 1 ? directive.arguments[1] : nil
    guard case .remint = forwarding else {
      if let named {
        return named.refuse(log, "has no meaning here", "only remint has a realm")
      }
      return ForwardingLine(forwarding: forwarding, origin: origin)
    }
    if let named {
      guard let realm = realmNames.index(named, log) else { return nil }
      return ForwardingLine(forwarding: .remint(realm), origin: origin)
    }
    guard realmNames.names.count == 1 else {
      log.error(
        realmNames.names.isEmpty
          ? "forward_token remint needs a realm, and there is none"
          : "forward_token remint does not say whose tokens the backend reads",
        at: directive.span,
        hint: realmNames.names.isEmpty
          ? "add realm NAME { … } with the backend's own secret"
          : "write forward_token remint REALM; there is \(realmNames.names.joined(separator: ", "))"
      )
      return nil
    }
    return ForwardingLine(forwarding: .remint(0), origin: origin)
  }

  /// As a listing tells it: `keep`, `drop`, `remint nest`.
  func forwardingText(_ forwarding: TokenForwarding) -> String {
    switch forwarding {
    case .keep: "keep"
    case .drop: "drop"
    case .remint(let realm): "remint \(realmNames.names[realm])"
    }
  }

  /// `assertion REALM [HEADER]` of the `identity` block.
  func assertion(_ directive: Directive) {
    guard let named = directive.arguments.first, let realm = realmNames.index(named, log) else {
      return
    }
    var assertion = AssertionDefinition(realm: realm)
    if directive.arguments.count > 1 {
      let header = directive.arguments[1]
      guard header.isUsable else { return }
      guard FieldNames.isToken(header.bytes) else {
        let _: Bool? = header.refuse(log, "is not a header's name", nil)
        return
      }
      assertion.name = header.text
    }
    policy.assertion = assertion
    assertionDirective = directive
  }

  // MARK: How a realm mints

  /// The `mint` block of a realm.
  func mint(_ directive: Directive) -> MintDefinition {
    var definition = MintDefinition()
    let body = directive.body
    let seconds = MintDefinition.lifetimeSecondsMinimum...MintDefinition.lifetimeSecondsMaximum
    if let value = argument("lifetime", of: body)?.duration(
      log, in: Int(seconds.lowerBound) * 1000...Int(seconds.upperBound) * 1000)
    {
      definition.lifetimeSeconds = Int64(value / 1000)
    }
    if let argument = argument("claims", of: body),
      let copies = argument.word(log, [("all", true), ("none", false)])
    {
      definition.copiesClaims = copies
    }
    for line in body.all(named: "claim") {
      if let claim = mintedClaim(line, beside: definition.claims) {
        definition.claims.append(claim)
      }
    }
    if definition.claims.count > MintDefinition.claimsMaximum {
      log.error(
        "a realm maps at most \(MintDefinition.claimsMaximum) claims", at: directive.span,
        hint: "with claims all; the others are copied under their own names")
    }
    return definition
  }

  /// `claim NAME CLAIM`.
  private func mintedClaim(_ directive: Directive, beside others: [MintedClaim]) -> MintedClaim? {
    guard directive.arguments.count == 2, directive.arguments.allSatisfy(\.isUsable) else {
      return nil
    }
    let (named, claim) = (directive.arguments[0], directive.arguments[1])
    guard !named.bytes.isEmpty, !named.bytes.contains(0) else {
      return named.refuse(log, "is not a claim's name", nil)
    }
    if MintDefinition.ownNames.contains(named.text) {
      return named.refuse(
        log, "is written by the gateway itself",
        "so are \(MintDefinition.ownNames.joined(separator: ", "))")
    }
    if others.contains(where: { $0.name == named.text }) {
      return named.refuse(log, "is said twice", nil)
    }
    if claim.text == "$realm" { return MintedClaim(name: named.text, source: .realmName) }
    if claim.text.hasPrefix("$") {
      return claim.refuse(log, "is no variable of a token", "there is $realm")
    }
    guard let path = ClaimPath(claim.text) else {
      return claim.refuse(
        log, "is not a claim",
        "a name such as sub, or a path of at most \(ClaimPath.stepsMaximum) such as user.id")
    }
    return MintedClaim(name: named.text, source: .claim(path))
  }

  /// Notes the realms that sign tokens themselves: of their key files the private halves are kept, of
  /// all others they never are. A `remint` that names nobody means the only realm.
  func noteMintingRealms(_ directives: [Directive]) {
    for directive in directives {
      let arguments = directive.arguments
      if directive.name == "forward_token", arguments.first?.text == "remint" {
        if arguments.count > 1 {
          mintingRealms.insert(arguments[1].text)
        } else {
          mintsByAny = true
        }
      }
      if directive.name == "assertion", let realm = arguments.first {
        mintingRealms.insert(realm.text)
      }
      noteMintingRealms(directive.body)
    }
  }

  // MARK: Warnings

  /// Warns of what works and costs more than it must, in time or in trust. After the routes.
  func warnOfMinting() {
    guard policy.realms.count == realmDefinitions.count else { return }
    var targets: Set<Int> = []
    for route in policy.routes where route.auth != .none && route.answer == nil {
      if case .remint(let realm) = route.forwarding { targets.insert(realm) }
    }
    if let assertion = policy.assertion { targets.insert(assertion.realm) }
    for realm in policy.realms where targets.contains(realm.index) {
      let algorithms = TokenClass.allCases.compactMap {
        realm.mintingAlgorithm(.replacement, $0)
      }
      guard let slow = algorithms.first(where: \.signsSlowly),
        let directive = pendingRealms[realm.index]
      else { continue }
      log.warning(
        "realm \(realm.name) mints tokens with \(slow.name), which holds a worker up for about a"
          + " millisecond each", at: directive.span,
        hint: "a secret or an ES256 key signs many times as fast")
    }
    guard let assertion = policy.assertion, let directive = assertionDirective else { return }
    let isTaken = policy.routes.contains { $0.auth != .none && $0.realms.contains(assertion.realm) }
    if isTaken {
      log.warning(
        "whoever sees an assertion can use it as a token of realm"
          + " \(realmNames.names[assertion.realm]), which routes take", at: directive.span,
        hint: "let a realm sign it that no route names")
    }
  }
}
