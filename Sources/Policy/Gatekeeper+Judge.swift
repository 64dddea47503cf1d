// Stage 8, one token: is it genuine, alive, not revoked, and enough for the route (DESIGN §5.4,
// §5.5)? And what the backend is told of it. Loop only.

import Bytes
import HTTPWire
import Tokens

/// What a token came to.
enum Judgement: Equatable {
  /// It is good; its facts are kept.
  case accepted
  /// It is not, or the gateway can't tell.
  case refused(Refusal)
  /// A key set must be asked for first.
  case needsKey
}

extension Gatekeeper {
  /// Verifies the judged token and keeps what is needed of it: facts, identity headers, and on logout
  /// routes the entry that a success writes.
  func accept(
    _ request: RequestPolicy, _ token: Span<UInt8>, _ accepting: AcceptedClasses,
    _ now: PolicyTime, _ set: PolicySet
  ) -> Judgement {
    let route = set.routes[request.route]
    let facts: TokenFacts
    switch verify(token, request, route, accepting, now, set) {
    case .accepted(let accepted): facts = accepted
    case .undecided(let lack): return undecided(lack, request, now)
    case .denied(let reason):
      // The short cut for `Bearer` leaves a comma list to the verifier, which sees only garbage.
      let isList = reason == .malformed && token.firstIndex(of: UInt8(ascii: ",")) != nil
      return .refused(.denied(isList ? .ambiguousCredentials : reason))
    }
    let realmIndex = Int(facts.realmIndex)
    if isRevoked(facts, realmIndex, now, set) { return .refused(.denied(.revoked)) }
    if set.realmsRequireClaims,
      let reason = verifier.judge(realms[realmIndex], facts, nowSeconds: now.epochSeconds)
    {
      return .refused(.denied(reason))
    }
    if route.requirements >= 0,
      let reason = verifier.judge(
        set.requirements[Int(route.requirements)], nowSeconds: now.epochSeconds)
    {
      return .refused(.denied(reason))
    }
    request.facts = facts
    guard renderIdentity(request, realmIndex, set) else {
      return .refused(.denied(.tooLarge))
    }
    if route.mints, let refusal = mint(request, facts, route, now, set) {
      return .refused(refusal)
    }
    if route.onSuccess == .revoke {
      request.subject = verifier.hashSubject(set.realmRules[realmIndex].subjectKey)
      noteRevocation(request, facts, realmIndex, now, set)
    }
    return .accepted
  }

  /// What comes of a request whose token was judged; nil when it was accepted.
  func unaccepted(_ request: RequestPolicy, _ judgement: Judgement) -> PolicyAction? {
    switch judgement {
    case .accepted: return nil
    case .refused(let refusal): return deny(request, refusal)
    case .needsKey:
      request.phase = .awaitingKey
      return .needKey
    }
  }

  /// The signature was not computed, which says nothing about the token.
  func refusal(of request: RequestPolicy, _ spent: SpentBudget) -> Refusal {
    if !request.isObserved {
      request.retryAfter = CompiledLimit.retryAfterSeconds(spent.waitNanoseconds)
    }
    return spent.isAddress ? .addressBudgetSpent : .workerBudgetSpent
  }

  /// Looks the last verified token up in the revocation table.
  func isRevoked(
    _ facts: TokenFacts, _ realmIndex: Int, _ now: PolicyTime, _ set: PolicySet
  ) -> Bool {
    let rules = set.realmRules[realmIndex]
    guard rules.isBlocklisted else { return false }
    revocations.refresh()
    let row = verifier.hashTokenIdentifier(rules.tokenKey)
    if revocations.contains(row, nowSeconds: now.epochSeconds) { return true }
    guard revocations.hasSweepingEntries else { return false }
    return revocations.sweeps(
      subject: verifier.hashSubject(rules.subjectKey), everyone: rules.everyoneRow,
      issuedAt: facts.issuedAt, nowSeconds: now.epochSeconds)
  }

  /// Writes the identity headers of the last verified token; false when they don't fit.
  private func renderIdentity(
    _ request: RequestPolicy, _ realmIndex: Int, _ set: PolicySet
  ) -> Bool {
    guard !set.identity.isEmpty else { return true }
    request.beginIdentity(set)
    for index in set.identity.indices {
      let start = request.identity.writerIndex
      let header = set.identity[index]
      Self.append(set.identityBytes, header.opening, to: &request.identity)
      let isPresent: Bool
      if header.claim >= 0 {
        isPresent = verifier.appendClaim(set.claims[header.claim], to: &request.identity)
      } else {
        let name = set.realmRules[realmIndex].name
        Self.append(set.identityBytes, name, to: &request.identity)
        isPresent = true
      }
      if isPresent {
        request.identity.append("\r\n")
      } else if !request.identity.overflowed {
        // An absent claim is an absent header, never an empty one.
        request.identity.rewind(to: start)
      }
    }
    return !request.identity.overflowed
      && request.identity.writerIndex <= RequestPolicy.identityBytesMaximum
  }

  static func append(
    _ bytes: [UInt8], _ range: ByteRange, to buffer: inout ByteBuffer
  ) {
    buffer.append(bytes.span, range)
  }
}
