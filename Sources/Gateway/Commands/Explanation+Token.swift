// `gateway explain`: what of the token the backend would get. Tokens themselves are never shown: what
// is minted opens the backend's door.

import Assembly
import Bytes
import HTTPWire
import Policy
import Tokens

extension Explanation {
  /// What the backend gets of a verified token.
  func forwardingSteps() -> [String] {
    let route = configuration.policy.routes[policy.routeIndex]
    guard let facts = policy.token, route.answer == nil else { return [] }
    var lines: [String] = []
    switch route.forwarding {
    case .keep: lines.append("backend: gets the token as it came")
    case .drop: lines.append("backend: gets no token")
    case .remint(let index):
      let realm = configuration.policy.realms[index]
      lines.append(
        "backend: gets a token of realm \(realm.name) instead, good for"
          + " \(life(of: realm, facts)) s\(signature(realm, .replacement, facts.tokenClass))")
    }
    if let assertion = configuration.policy.assertion {
      let realm = configuration.policy.realms[assertion.realm]
      lines.append(
        "backend: gets \(assertion.name) of realm \(realm.name), good for"
          + " \(life(of: realm, facts)) s\(signature(realm, .assertion, facts.tokenClass))")
    }
    return lines
  }

  private func life(of realm: Realm, _ facts: TokenFacts) -> Int64 {
    let leeway = configuration.policy.realms[Int(facts.realmIndex)].leewaySeconds
    return min(realm.mintedLifetimeSeconds, facts.expiration + leeway - now.epochSeconds)
  }

  private func signature(_ realm: Realm, _ use: MintedUse, _ tokenClass: TokenClass) -> String {
    realm.mintingAlgorithm(use, tokenClass).map { ", signed with \($0.name)" } ?? ""
  }

  /// The identity headers, with what is minted told instead of shown.
  func identityLines() -> [String] {
    var buffer = ByteBuffer(capacity: 64 << 10)
    policy.appendIdentity(to: &buffer)
    let minted = mintedNames
    return lines(buffer.readable).map { line in
      let name = String(line.prefix { $0 != ":" })
      guard minted.contains(name.lowercased()), let end = line.lastIndex(of: " ") else {
        return line
      }
      return line[...end] + "(minted)"
    }
  }

  /// Names of the fields that hold minted tokens, in lower case.
  private var mintedNames: [String] {
    var names = configuration.policy.assertion.map { [$0.name.lowercased()] } ?? []
    if case .remint(let index) = configuration.policy.routes[policy.routeIndex].forwarding {
      let realm = configuration.policy.realms[index]
      names.append("authorization")
      names += (realm.places(.access) + realm.places(.refresh)).map(\.name)
    }
    return names
  }
}
