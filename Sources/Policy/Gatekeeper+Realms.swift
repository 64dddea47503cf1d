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
    _ token: Span<UInt8>, _ request: RequestPolicy, _ route: CompiledRoute,
    _ accepting: AcceptedClasses, _ now: PolicyTime, _ set: PolicySet
  ) -> TokenVerdict {
    var realm = Int(route.realm)
    if route.furtherRealmCount > 0, let known = knownRealm(token, route, now, set) { realm = known }
    let payer = SignaturePayer(request.peer, now)
    let verdict = verifier.identify(
      token, realm: realms[realm], accepting: accepting, nowSeconds: now.epochSeconds,
      payer: payer)
    switch verdict {
    case .accepted: return verdict
    case .denied:
      if route.furtherRealmCount == 0 || verifier.hasFoundKey { return verdict }
    case .undecided(let lack):
      guard lack == .keyMissing else { return verdict }
      missingKey = MissingKey(name: verifier.keyName, realms: [realm])
      if route.furtherRealmCount == 0 { return verdict }
    }
    return verifyFurther(token, payer, route, accepting, now, set, verdict)
  }

  /// The further realm that is known to have signed a token: the first one's keys need not be tried
  /// for each of its tokens.
  private func knownRealm(
    _ token: Span<UInt8>, _ route: CompiledRoute, _ now: PolicyTime, _ set: PolicySet
  ) -> Int? {
    for offset in 0..<route.furtherRealmCount {
      let realm = Int(set.furtherRealms[Int(route.firstFurtherRealm + offset)])
      if verifier.remembers(token, realm: realms[realm], nowSeconds: now.epochSeconds) {
        return realm
      }
    }
    return nil
  }

  /// Verifies a token in one realm alone, with the same side effect.
  func verify(
    _ token: Span<UInt8>, _ request: RequestPolicy, inRealm realm: Int,
    _ accepting: AcceptedClasses, _ now: PolicyTime
  ) -> TokenVerdict {
    let verdict = verifier.identify(
      token, realm: realms[realm], accepting: accepting, nowSeconds: now.epochSeconds,
      payer: SignaturePayer(request.peer, now))
    if case .undecided(.keyMissing) = verdict {
      missingKey = MissingKey(name: verifier.keyName, realms: [realm])
    }
    return verdict
  }

  private func verifyFurther(
    _ token: Span<UInt8>, _ payer: SignaturePayer, _ route: CompiledRoute,
    _ accepting: AcceptedClasses, _ now: PolicyTime, _ set: PolicySet, _ first: TokenVerdict
  ) -> TokenVerdict {
    var furthest = first
    for offset in 0..<route.furtherRealmCount {
      let realm = Int(set.furtherRealms[Int(route.firstFurtherRealm + offset)])
      let verdict = verifier.identify(
        token, realm: realms[realm], accepting: accepting, nowSeconds: now.epochSeconds,
        payer: payer, isFurther: true)
      if verifier.hasFoundKey { return verdict }
      if case .undecided(.budgetSpent) = verdict { return verdict }
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

extension SignaturePayer {
  /// A client's address, IPv6 by its /64, as limits count it.
  init(_ peer: PeerAddress, _ now: PolicyTime) {
    self.init(
      high: peer.high, low: peer.isIPv4 ? peer.low : 0,
      monotonicNanoseconds: now.monotonicNanoseconds)
  }
}
