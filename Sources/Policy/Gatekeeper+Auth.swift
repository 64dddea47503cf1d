// Stage 8: who is calling (DESIGN §5.4, §5.5).

import Bytes
import HTTPWire
import Tokens

extension Gatekeeper {
  /// Finds the token, verifies it, and admits, refuses or asks for the body.
  func authenticate(
    _ request: RequestPolicy, _ head: RequestHead, _ bytes: Span<UInt8>, _ now: PolicyTime,
    _ set: PolicySet
  ) -> PolicyAction {
    let route = set.routes[request.route]
    guard route.auth != .none else { return admit(request, set) }
    guard route.places >= 0 else { return deny(request, .unavailable) }
    if route.readsBearerOnly, !head.has(.cookie), head.query.isEmpty {
      request.credentials.searchBearer(head, bytes, set, route)
    } else {
      request.credentials.search(head, bytes, set.places[Int(route.places)])
    }
    if head.upgrade == .webSocket {
      request.credentials.searchSubprotocols(head, bytes, judges: route.auth != .refresh)
    }
    let credential = request.credentials.primary
    switch credential.state {
    case .ambiguous: return deny(request, .denied(.ambiguousCredentials))
    case .malformed: return deny(request, .denied(.malformed))
    case .absent, .present: break
    }
    let needsBody: Bool
    switch bodyNeed(route, head, bytes, set) {
    case .none: needsBody = false
    case .read: needsBody = true
    case .unreadable:
      let isMissing =
        credential.state == .absent && (route.auth == .refresh || route.auth == .required)
      return deny(request, isMissing ? .denied(.missing) : .bodyUnreadable)
    case .refused(let refusal): return deny(request, refusal)
    }
    switch route.auth {
    case .none: return admit(request, set)
    case .refresh:
      // A body token wins over the access token that front ends attach to every request.
      if needsBody { return awaitBody(request) }
      guard credential.state == .present else { return deny(request, .denied(.missing)) }
    case .any:
      guard credential.state == .present else {
        if needsBody { return awaitBody(request) }
        return withoutPrimary(request, head, bytes, now, set)
      }
    case .required, .optional:
      guard credential.state == .present else {
        // On `on_success` routes the judged token itself may be the body's.
        if needsBody, !set.places[Int(route.places)].bodyFields.isEmpty {
          return awaitBody(request)
        }
        return withoutPrimary(request, head, bytes, now, set)
      }
    }
    if let reason = accept(request, bytes.slice(credential.range), route.acceptedClasses, now, set)
    {
      return deny(request, .denied(reason))
    }
    if credential.cookie >= 0, isForged(credential, route, head, bytes, set) {
      return deny(request, .csrfRefused)
    }
    if needsBody { return awaitBody(request) }
    learnSecondary(request, bytes, now, set)
    return admit(request, set)
  }

  // MARK: The body's part

  private enum BodyNeed {
    case none, read
    /// A body that a backend may read a token from and the gateway doesn't know how to: behind a good
    /// token in the head it would be passed on unjudged.
    case unreadable
    case refused(Refusal)
  }

  /// Whether the request's body can hold a token that matters to the route.
  private func bodyNeed(
    _ route: CompiledRoute, _ head: RequestHead, _ bytes: Span<UInt8>, _ set: PolicySet
  ) -> BodyNeed {
    guard route.readsBody else { return .none }
    switch head.framing {
    case .none, .untilClose, .length(0): return .none
    case .length, .chunked: break
    }
    guard BodyFieldReader.kind(head, bytes) != .other else {
      return set.places[Int(route.places)].bodyFields.isEmpty ? .none : .unreadable
    }
    var coding = head.index(of: .contentEncoding)
    while let index = coding {
      guard bytes.slice(head.field(at: index).value).equalsIgnoringCase(lowercase: "identity")
      else { return .refused(.bodyCoded) }
      coding = head.index(of: .contentEncoding, from: index + 1)
    }
    if case .length(let count) = head.framing, count > BodyFieldReader.bodyBytesMaximum {
      return .refused(.bodyTooLarge)
    }
    return .read
  }

  private func awaitBody(_ request: RequestPolicy) -> PolicyAction {
    request.phase = .awaitingBodyField
    return .needBodyField
  }

  /// Goes on after `needBodyField` with the whole body.
  public func bodyFieldRead(
    _ request: RequestPolicy, head: RequestHead, bytes: Span<UInt8>, body: Span<UInt8>,
    now: PolicyTime, set: PolicySet
  ) -> PolicyAction {
    precondition(request.phase == .awaitingBodyField, "a body that nobody asked for")
    guard body.count <= BodyFieldReader.bodyBytesMaximum else {
      return deny(request, .bodyTooLarge)
    }
    let route = set.routes[request.route]
    let places = set.places[Int(route.places)]
    switch bodyReader.read(body, BodyFieldReader.kind(head, bytes), places) {
    case .unreadable: return deny(request, .bodyUnreadable)
    case .read: break
    }
    switch bodyReader.primary.state {
    case .ambiguous: return deny(request, .denied(.ambiguousCredentials))
    case .malformed: return deny(request, .denied(.malformed))
    case .absent: break
    case .present:
      if request.facts == nil { return judgeBodyToken(request, bytes, now, set) }
      guard bodyReader.primaryEquals(bytes.slice(request.credentials.primary.range)) else {
        return deny(request, .denied(.ambiguousCredentials))
      }
    }
    if request.facts == nil {
      let credential = request.credentials.primary
      guard credential.state == .present else {
        return withoutPrimary(request, head, bytes, now, set)
      }
      if let reason = accept(
        request, bytes.slice(credential.range), route.acceptedClasses, now, set)
      {
        return deny(request, .denied(reason))
      }
      if credential.cookie >= 0, isForged(credential, route, head, bytes, set) {
        return deny(request, .csrfRefused)
      }
    }
    learnSecondary(request, bytes, now, set)
    learnSecondaryOfBody(request, now, set)
    return admit(request, set)
  }

  /// Goes on after `needBodyField` when the body is longer than may be held.
  public func bodyTooLarge(
    _ request: RequestPolicy, head: RequestHead, bytes: Span<UInt8>, now: PolicyTime,
    set: PolicySet
  ) -> PolicyAction {
    precondition(request.phase == .awaitingBodyField, "a body that nobody asked for")
    return deny(request, .bodyTooLarge)
  }

  /// The judged token is the body's.
  private func judgeBodyToken(
    _ request: RequestPolicy, _ bytes: Span<UInt8>, _ now: PolicyTime, _ set: PolicySet
  ) -> PolicyAction {
    let route = set.routes[request.route]
    let other = request.credentials.primary
    if other.state == .present,
      !bodyReader.primaryEquals(bytes.slice(other.range)),
      mayPassElsewhere(bytes.slice(other.range), route, now, set)
    {
      return deny(request, .denied(.ambiguousCredentials))
    }
    let reason = acceptBodyToken(
      request, bodyReader.text, bodyReader.primary.range, bytes, route.acceptedClasses, now, set)
    if let reason { return deny(request, .denied(reason)) }
    learnSecondary(request, bytes, now, set)
    learnSecondaryOfBody(request, now, set)
    return admit(request, set)
  }

  /// True when a second token beside the judged one could be taken by the backend in its place. Front
  /// ends attach the access token, often expired, to the refresh request as to every other: that one
  /// the backend refuses by itself where it wants a refresh token.
  private func mayPassElsewhere(
    _ token: Span<UInt8>, _ route: CompiledRoute, _ now: PolicyTime, _ set: PolicySet
  ) -> Bool {
    switch verify(token, route, route.acceptedClasses, now, set) {
    case .accepted: return true
    case .denied(let reason):
      switch reason {
      case .missing, .malformed, .unsupportedAlgorithm, .unknownKey, .badSignature, .expired,
        .wrongTokenType:
        return false
      case .tooLarge, .notYetValid, .lifetimeExceeded, .revoked, .wrongIssuer, .wrongAudience,
        .missingClaim, .insufficientScope, .ambiguousCredentials:
        return true
      }
    }
  }

  /// No token where the judged one should be: on `auth any` a refresh token elsewhere will do, on
  /// `auth optional` none is needed unless claims are required.
  private func withoutPrimary(
    _ request: RequestPolicy, _ head: RequestHead, _ bytes: Span<UInt8>, _ now: PolicyTime,
    _ set: PolicySet
  ) -> PolicyAction {
    let route = set.routes[request.route]
    // Nobody has no scope and no role: where claims are required, a token is.
    if route.auth == .optional, route.requirements < 0 { return admit(request, set) }
    guard route.auth == .any else { return deny(request, .denied(.missing)) }
    let inHead = request.credentials.secondary
    let inBody =
      request.phase == .awaitingBodyField ? bodyReader.secondary : Credential()
    let reason: DenialReason?
    switch (inHead.state, inBody.state) {
    case (.absent, .absent): reason = .missing
    case (.ambiguous, _), (_, .ambiguous): reason = .ambiguousCredentials
    case (.malformed, _), (_, .malformed): reason = .malformed
    case (.present, .absent):
      reason = accept(request, bytes.slice(inHead.range), .any, now, set)
      if reason == nil, inHead.cookie >= 0, isForged(inHead, route, head, bytes, set) {
        return deny(request, .csrfRefused)
      }
      keepCredential(request, set)
    case (.absent, .present):
      reason = acceptBodyToken(
        request, bodyReader.text, inBody.range, bytes, .any, now, set)
    case (.present, .present):
      reason =
        bodyReader.secondaryEquals(bytes.slice(inHead.range))
        ? accept(request, bytes.slice(inHead.range), .any, now, set) : .ambiguousCredentials
      keepCredential(request, set)
    }
    if let reason { return deny(request, .denied(reason)) }
    return admit(request, set)
  }

  /// Accepts a token of the body, if no cookie or parameter tells another story.
  private func acceptBodyToken(
    _ request: RequestPolicy, _ text: borrowing ByteBuffer, _ range: ByteRange,
    _ bytes: Span<UInt8>, _ accepting: AcceptedClasses, _ now: PolicyTime, _ set: PolicySet
  ) -> DenialReason? {
    let token = text.written.slice(range)
    guard request.credentials.straysEqual(token, bytes) else { return .ambiguousCredentials }
    let reason = accept(request, token, accepting, now, set)
    keepCredential(request, set)
    return reason
  }

  // MARK: Judging one token

  /// Verifies the judged token and keeps what is needed of it: facts, identity headers, and on logout
  /// routes the entry that a success writes. The reason when it isn't good enough.
  func accept(
    _ request: RequestPolicy, _ token: Span<UInt8>, _ accepting: AcceptedClasses,
    _ now: PolicyTime, _ set: PolicySet
  ) -> DenialReason? {
    let route = set.routes[request.route]
    let facts: TokenFacts
    switch verify(token, route, accepting, now, set) {
    case .accepted(let accepted): facts = accepted
    case .denied(let reason):
      // The short cut for `Bearer` leaves a comma list to the verifier, which sees only garbage.
      let isList = reason == .malformed && token.firstIndex(of: UInt8(ascii: ",")) != nil
      return isList ? .ambiguousCredentials : reason
    }
    let realmIndex = Int(facts.realmIndex)
    if isRevoked(facts, realmIndex, now, set) { return .revoked }
    if route.requirements >= 0,
      let reason = verifier.judge(
        set.requirements[Int(route.requirements)], nowSeconds: now.epochSeconds)
    {
      return reason
    }
    request.facts = facts
    guard renderIdentity(request, realmIndex, set) else { return .tooLarge }
    if route.onSuccess == .revoke {
      request.subject = verifier.hashSubject(set.realmRules[realmIndex].subjectKey)
      noteRevocation(request, facts, realmIndex, now, set)
    }
    return nil
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
    if !request.identity.hasStorage {
      request.identity = ByteBuffer(capacity: RequestPolicy.identityBytesMaximum)
    }
    request.identity.clear()
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
  }

  private static func append(
    _ bytes: [UInt8], _ range: ByteRange, to buffer: inout ByteBuffer
  ) {
    buffer.append(bytes.span, range)
  }
}

extension CompiledRoute {
  /// The classes of the route's judged token.
  var acceptedClasses: AcceptedClasses {
    switch auth {
    case .none, .optional, .required: .access
    case .refresh: .refresh
    case .any: .any
    }
  }
}
