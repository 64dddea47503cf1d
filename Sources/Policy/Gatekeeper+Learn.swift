// Stage 13 and the waits of later stores: what an answer means, and how a decision goes on.

import Bytes
import HTTPWire
import Tokens

extension Gatekeeper {
  // MARK: Logout

  /// Keeps the entry that revokes the last verified token. Cold: only on `on_success revoke` routes.
  func noteRevocation(
    _ request: RequestPolicy, _ facts: TokenFacts, _ realmIndex: Int, _ now: PolicyTime,
    _ set: PolicySet
  ) {
    guard set.realmRules[realmIndex].isBlocklisted else { return }
    let entry = RevocationEntry.token(
      identifier: verifier.tokenIdentifierText(), realm: realms[realmIndex],
      expiration: facts.expiration, nowSeconds: now.epochSeconds)
    if !request.revocations.contains(entry) { request.revocations.append(entry) }
  }

  /// A refresh token in a cookie or header beside the judged token; what comes of the request when
  /// that can't be told yet.
  func learnSecondary(
    _ request: RequestPolicy, _ bytes: Span<UInt8>, _ now: PolicyTime, _ set: PolicySet
  ) -> PolicyAction? {
    let credential = request.credentials.secondary
    guard credential.state == .present else { return nil }
    return learn(request, bytes.slice(credential.range), now, set)
  }

  /// A refresh token in the body beside the judged token.
  func learnSecondaryOfBody(
    _ request: RequestPolicy, _ now: PolicyTime, _ set: PolicySet
  ) -> PolicyAction? {
    let credential = bodyReader.secondary
    guard credential.state == .present else { return nil }
    return learn(request, bodyReader.text, credential.range, now, set)
  }

  private func learn(
    _ request: RequestPolicy, _ text: borrowing ByteBuffer, _ range: ByteRange,
    _ now: PolicyTime, _ set: PolicySet
  ) -> PolicyAction? {
    learn(request, text.written.slice(range), now, set)
  }

  /// Learns a refresh token that the caller carried along: only a genuine one of the same realm and
  /// subject, so that nobody logs somebody else out. What isn't that is the backend's business. A
  /// logout that leaves a token alive because it wasn't judged would be none: it waits.
  private func learn(
    _ request: RequestPolicy, _ token: Span<UInt8>, _ now: PolicyTime, _ set: PolicySet
  ) -> PolicyAction? {
    let route = set.routes[request.route]
    guard route.onSuccess == .revoke, let subject = request.subject,
      let judged = request.facts
    else { return nil }
    let realmIndex = Int(judged.realmIndex)
    switch verify(token, request, inRealm: realmIndex, .refresh, now) {
    case .accepted(let facts):
      guard verifier.hashSubject(set.realmRules[realmIndex].subjectKey) == subject else {
        return nil
      }
      noteRevocation(request, facts, realmIndex, now, set)
      return nil
    case .denied: return nil
    case .undecided(let lack):
      let judgement = undecided(lack, request, now)
      if case .refused(.denied) = judgement { return nil }
      return unaccepted(request, judgement)
    }
  }

  // MARK: Answers of the upstream

  /// The upstream's final status is known: gives permits back and says what the answer means.
  public func responseReceived(
    _ request: RequestPolicy, status: Int, now: PolicyTime, set: PolicySet
  ) -> LearnAction {
    if !request.permits.isEmpty { settle(request, status: status) }
    guard !request.revocations.isEmpty, status >= 200, status < 300 else { return .none }
    return .revoke(request.revocations)
  }

  /// Gives permits of `count failures` back unless the status says that credentials were wrong.
  func settle(_ request: RequestPolicy, status: Int) {
    let isFailure = CompiledLimit.isFailure(status)
    for permit in request.permits where permit.isForFailures && !isFailure {
      limits.giveBack(permit)
    }
    request.permits.removeAll(keepingCapacity: true)
  }

  // MARK: Waits

  /// Goes on after `askRevocation`: the last check before admission.
  public func revocationAnswered(
    _ request: RequestPolicy, answer: RevocationAnswer, head: RequestHead, bytes: Span<UInt8>,
    now: PolicyTime, set: PolicySet
  ) -> PolicyAction {
    precondition(request.phase == .awaitingRevocation, "an answer that nobody asked for")
    switch answer {
    case .clear: return admit(request, set)
    case .revoked: return deny(request, .denied(.revoked))
    case .unavailable: return deny(request, .unavailable)
    }
  }

  /// Goes on after `askPermit`: authentication is next.
  public func permitAnswered(
    _ request: RequestPolicy, answer: PermitAnswer, head: RequestHead, bytes: Span<UInt8>,
    now: PolicyTime, set: PolicySet
  ) -> PolicyAction {
    precondition(request.phase == .awaitingPermit, "an answer that nobody asked for")
    switch answer {
    case .granted: break
    case .refused(let seconds):
      if !goesOn(request, without: .limited) {
        request.retryAfter = max(1, seconds)
        return refuse(request, .limited)
      }
    case .unavailable:
      if !goesOn(request, without: .unavailable) { return refuse(request, .unavailable) }
    }
    return authenticate(request, head, bytes, now, set)
  }
}
