// Stage 8, the body's part: tokens in JSON and form fields (DESIGN §5.4).
//
// A body is asked for only where a token of it can matter, and only after what the head says was
// found good; 16 KiB at most. Loop only.

import Bytes
import HTTPWire
import Tokens

extension Gatekeeper {
  enum BodyNeed {
    case none, read
    /// A body that a backend may read a token from and the gateway doesn't know how to: behind a good
    /// token in the head it would be passed on unjudged.
    case unreadable
    case refused(Refusal)
  }

  /// Whether the request's body can hold a token that matters to the route.
  func bodyNeed(
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

  func awaitBody(_ request: RequestPolicy) -> PolicyAction {
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
      guard request.credentials.primary.state == .present else {
        return withoutPrimary(request, head, bytes, now, set)
      }
      if let action = judgePrimary(request, head, bytes, now, set) { return action }
    }
    return learnSecondary(request, bytes, now, set) ?? learnSecondaryOfBody(request, now, set)
      ?? admit(request, set)
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
    if other.state == .present, !bodyReader.primaryEquals(bytes.slice(other.range)) {
      switch judgeElsewhere(request, bytes.slice(other.range), now, set) {
      case .harmless: break
      case .possible: return deny(request, .denied(.ambiguousCredentials))
      case .undecided(let judgement):
        if let action = unaccepted(request, judgement) { return action }
      }
    }
    let judgement = acceptBodyToken(
      request, bodyReader.text, bodyReader.primary.range, bytes, route.acceptedClasses, now, set)
    if let action = unaccepted(request, judgement) { return action }
    return learnSecondary(request, bytes, now, set) ?? learnSecondaryOfBody(request, now, set)
      ?? admit(request, set)
  }

  /// What a second token is beside the judged one.
  private enum Rival {
    /// The backend refuses it by itself where it wants a refresh token.
    case harmless
    /// The backend could take it in the judged one's place.
    case possible
    /// Nobody can tell yet.
    case undecided(Judgement)
  }

  /// Judges a second token. Front ends attach the access token, often expired, to the refresh request
  /// as to every other.
  private func judgeElsewhere(
    _ request: RequestPolicy, _ token: Span<UInt8>, _ now: PolicyTime, _ set: PolicySet
  ) -> Rival {
    let route = set.routes[request.route]
    let reason: DenialReason
    switch verify(token, request, route, route.acceptedClasses, now, set) {
    case .accepted: return .possible
    case .undecided(let lack):
      let judgement = undecided(lack, request, now)
      guard case .refused(.denied(let final)) = judgement else { return .undecided(judgement) }
      reason = final
    case .denied(let denial): reason = denial
    }
    switch reason {
    case .missing, .malformed, .unsupportedAlgorithm, .unknownKey, .badSignature, .expired,
      .wrongTokenType:
      return .harmless
    case .tooLarge, .notYetValid, .lifetimeExceeded, .revoked, .wrongIssuer, .wrongAudience,
      .missingClaim, .insufficientScope, .ambiguousCredentials:
      return .possible
    }
  }

  /// Accepts a token of the body, if no cookie or parameter tells another story.
  func acceptBodyToken(
    _ request: RequestPolicy, _ text: borrowing ByteBuffer, _ range: ByteRange,
    _ bytes: Span<UInt8>, _ accepting: AcceptedClasses, _ now: PolicyTime, _ set: PolicySet
  ) -> Judgement {
    let token = text.written.slice(range)
    guard request.credentials.straysEqual(token, bytes) else {
      return .refused(.denied(.ambiguousCredentials))
    }
    let judgement = accept(request, token, accepting, now, set)
    keepCredential(request, set)
    return judgement
  }
}
