// What can't stand in what goes to the backends of a token: `forward_token` and `assertion`.
// Start, reload and `check` only.

import Tokens

extension PolicyDefinitions {
  /// What is wrong with the signed identity.
  func assertionMistakes() -> [PolicyMistake] {
    guard let assertion else { return [] }
    let subject = PolicySubject.assertion
    var found = nameMistakes(assertion.name, subject, beside: identityHeaders[...])
    // A header in which tokens are looked for would be a token to somebody.
    for realm in realms {
      let names = (realm.places(.access) + realm.places(.refresh)).filter { $0.kind == .header }
      if found.isEmpty, names.contains(where: { $0.name == assertion.name.lowercased() }) {
        found.append(
          PolicyMistake(
            subject, "`\(assertion.name)` is where realm \(realm.name) has its tokens",
            hint: "choose another header"))
      }
    }
    guard realms.indices.contains(assertion.realm) else { return found }
    let realm = realms[assertion.realm]
    if realm.mintingAlgorithm(.assertion, .access) == nil {
      found.append(unsigned(subject, "assertion", realm, .access))
    }
    return found
  }

  /// What is wrong with a route's `forward_token`.
  func forwardingMistakes(_ index: Int) -> [PolicyMistake] {
    let route = routes[index]
    guard route.forwarding != .keep, route.auth != .none, route.answer == nil,
      !route.realms.isEmpty, route.realms.allSatisfy(realms.indices.contains)
    else { return [] }
    let subject = PolicySubject.route(index)
    let word = route.forwardingText
    var found: [PolicyMistake] = []
    if route.isObserved {
      return [
        PolicyMistake(
          subject, "\(word) can't hold where requests go on as they came",
          hint: "say forward_token keep; or mode enforce; on this route")
      ]
    }
    if case .remint(let target) = route.forwarding, realms.indices.contains(target) {
      for tokenClass in TokenClass.allCases where route.takes(tokenClass, of: realms) {
        if realms[target].mintingAlgorithm(.replacement, tokenClass) != nil { continue }
        found.append(unsigned(subject, word, realms[target], tokenClass))
      }
    }
    let places = PlaceTable(
      realms: route.realms.map { realms[$0] }, auth: route.auth, onSuccess: route.onSuccess)
    if places.readsBody {
      found.append(
        PolicyMistake(
          subject,
          "\(word) can't take the token out of a body, and this route reads one"
            + " there", hint: "say forward_token keep; on this route"))
    }
    return found
  }

  private func unsigned(
    _ subject: PolicySubject, _ word: String, _ realm: Realm, _ tokenClass: TokenClass
  ) -> PolicyMistake {
    guard tokenClass == .access || realm.hasRefreshClass else {
      return PolicyMistake(
        subject, "\(word) needs refresh tokens of realm \(realm.name), which has none",
        hint: "add a refresh block to the realm, or say forward_token keep; on this route")
    }
    return PolicyMistake(
      subject, "\(word): realm \(realm.name) has no key that signs \(tokenClass.name) tokens",
      hint: "give it a secret, or key FILE with a private key; previous and public keys never sign")
  }
}

extension RouteDefinition {
  /// What it says of tokens and where that stands: `forward_token drop (of upstream nest)`.
  fileprivate var forwardingText: String {
    let word: String =
      switch forwarding {
      case .keep: "keep"
      case .drop: "drop"
      case .remint: "remint"
      }
    return "forward_token \(word)" + (forwardingOrigin.isEmpty ? "" : " (of \(forwardingOrigin))")
  }

  /// True when tokens of a class may pass.
  fileprivate func takes(_ tokenClass: TokenClass, of realms: [Realm]) -> Bool {
    switch (auth, tokenClass) {
    case (.none, _), (.optional, .refresh), (.required, .refresh), (.refresh, .access): false
    case (.optional, .access), (.required, .access), (.any, .access): true
    case (.refresh, .refresh): true
    case (.any, .refresh): self.realms.contains { realms[$0].hasRefreshClass }
    }
  }
}
