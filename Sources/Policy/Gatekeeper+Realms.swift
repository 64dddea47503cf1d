// Routes that take tokens of several realms: whose token is it?
//
// The realm is the first, in the order named, one of whose keys made the signature. It alone judges
// the token then: its classes, issuer, audience and lifetime, never a rule of another realm. No two
// realms of a route have a key in common (`PolicyDefinitions.mistakes()`). Loop only.

import Bytes
import Tokens

extension Gatekeeper {
  /// Verifies a token for a route. The facts of an accepted one name its realm; what that realm
  /// requires of its claims is judged after revocation, as the route's own rules are.
  func verify(
    _ token: Span<UInt8>, _ route: CompiledRoute, _ accepting: AcceptedClasses, _ now: PolicyTime,
    _ set: PolicySet
  ) -> TokenVerdict {
    let verdict = verifier.identify(
      token, realm: realms[Int(route.realm)], accepting: accepting,
      nowSeconds: now.epochSeconds)
    guard route.furtherRealmCount > 0, !verifier.hasFoundKey, case .denied(let reason) = verdict
    else { return verdict }
    return verifyFurther(token, route, accepting, now, set, reason)
  }

  private func verifyFurther(
    _ token: Span<UInt8>, _ route: CompiledRoute, _ accepting: AcceptedClasses, _ now: PolicyTime,
    _ set: PolicySet, _ first: DenialReason
  ) -> TokenVerdict {
    var reason = first
    for offset in 0..<route.furtherRealmCount {
      let realm = Int(set.furtherRealms[Int(route.firstFurtherRealm + offset)])
      let verdict = verifier.identify(
        token, realm: realms[realm], accepting: accepting, nowSeconds: now.epochSeconds)
      guard !verifier.hasFoundKey, case .denied(let next) = verdict else { return verdict }
      if Self.nearness(next) > Self.nearness(reason) { reason = next }
    }
    return .denied(reason)
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
