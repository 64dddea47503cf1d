// Routes that take tokens of several realms: whose token is it?
//
// The realm is the first, in the order named, one of whose keys made the signature. It alone judges
// the token then: its classes, issuer, audience and lifetime, never a rule of another realm. No two
// realms of a route have a key in common (`PolicyDefinitions.mistakes()`). Loop only.

import Bytes
import Tokens

extension Gatekeeper {
  /// Verifies a token for a route. The facts of an accepted one name its realm; what that realm
  /// requires of its claims is judged after revocation, as the route's own rules are. After
  /// `.undecided(.keyMissing)` `missingKey` says whose keys to ask for.
  func verify(
    _ token: Span<UInt8>, _ route: CompiledRoute, _ accepting: AcceptedClasses, _ now: PolicyTime,
    _ set: PolicySet
  ) -> TokenVerdict {
    let realm = Int(route.realm)
    let verdict = verifier.identify(
      token, realm: realms[realm], accepting: accepting, nowSeconds: now.epochSeconds)
    switch verdict {
    case .accepted: return verdict
    case .denied:
      if route.furtherRealmCount == 0 || verifier.hasFoundKey { return verdict }
    case .undecided(let lack):
      if lack == .keyMissing { missingKey = MissingKey(name: verifier.keyName, realms: [realm]) }
      if route.furtherRealmCount == 0 { return verdict }
    }
    return verifyFurther(token, route, accepting, now, set, verdict)
  }

  /// Verifies a token in one realm alone, with the same side effect.
  func verify(
    _ token: Span<UInt8>, inRealm realm: Int, _ accepting: AcceptedClasses, _ now: PolicyTime
  ) -> TokenVerdict {
    let verdict = verifier.identify(
      token, realm: realms[realm], accepting: accepting, nowSeconds: now.epochSeconds)
    if case .undecided(.keyMissing) = verdict {
      missingKey = MissingKey(name: verifier.keyName, realms: [realm])
    }
    return verdict
  }

  private func verifyFurther(
    _ token: Span<UInt8>, _ route: CompiledRoute, _ accepting: AcceptedClasses, _ now: PolicyTime,
    _ set: PolicySet, _ first: TokenVerdict
  ) -> TokenVerdict {
    var furthest = first
    for offset in 0..<route.furtherRealmCount {
      let realm = Int(set.furtherRealms[Int(route.firstFurtherRealm + offset)])
      let verdict = verifier.identify(
        token, realm: realms[realm], accepting: accepting, nowSeconds: now.epochSeconds)
      if verifier.hasFoundKey { return verdict }
      if verdict == .undecided(.keyMissing) {
        if furthest != verdict { missingKey = MissingKey(name: verifier.keyName, realms: []) }
        missingKey.realms.append(realm)
      }
      if Self.nearness(verdict) > Self.nearness(furthest) { furthest = verdict }
    }
    return furthest
  }

  /// How far a token came in a realm that has no key for it: the furthest is what is told. Where one
  /// can't tell, the others' no is none.
  private static func nearness(_ verdict: TokenVerdict) -> Int {
    switch verdict {
    case .accepted: 6
    case .undecided(.budgetSpent): 5
    case .undecided(.keyMissing): 4
    case .denied(let reason): nearness(reason)
    }
  }

  /// How far a token came in a realm that has no key for it: the furthest is what is told.
  private static func nearness(_ reason: DenialReason) -> Int {
    switch reason {
    case .badSignature: 3
    case .unknownKey: 2
    case .unsupportedAlgorithm: 1
    case .missing, .malformed, .tooLarge, .expired, .notYetValid, .lifetimeExceeded,
      .wrongTokenType, .revoked, .wrongIssuer, .wrongAudience, .missingClaim, .insufficientScope,
      .ambiguousCredentials:
      0
    }
  }
}
