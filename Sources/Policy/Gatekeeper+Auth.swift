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
    if route.mintTarget >= 0 { withholdTargetFields(request, route, head, bytes, set) }
    if head.upgrade == .webSocket {
      request.credentials.searchSubprotocols(head, bytes, judges: route.auth != .refresh)
    }
    if request.isObserved { request.credentials.dropNothing() }
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
    if let action = judgePrimary(request, head, bytes, now, set) { return action }
    if needsBody { return awaitBody(request) }
    return learnSecondary(request, bytes, now, set) ?? admit(request, set)
  }

  /// Judges the token that the head has in the judged one's place; nil when it was accepted.
  func judgePrimary(
    _ request: RequestPolicy, _ head: RequestHead, _ bytes: Span<UInt8>, _ now: PolicyTime,
    _ set: PolicySet
  ) -> PolicyAction? {
    let route = set.routes[request.route]
    let credential = request.credentials.primary
    let judgement = accept(
      request, bytes.slice(credential.range), route.acceptedClasses, now, set)
    if let action = unaccepted(request, judgement) { return action }
    guard credential.cookie >= 0, isForged(credential, route, head, bytes, set) else { return nil }
    return deny(request, .csrfRefused)
  }

  /// No token where the judged one should be: on `auth any` a refresh token elsewhere will do, on
  /// `auth optional` none is needed unless claims are required.
  func withoutPrimary(
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
    let judgement: Judgement
    switch (inHead.state, inBody.state) {
    case (.absent, .absent): judgement = .refused(.denied(.missing))
    case (.ambiguous, _), (_, .ambiguous): judgement = .refused(.denied(.ambiguousCredentials))
    case (.malformed, _), (_, .malformed): judgement = .refused(.denied(.malformed))
    case (.present, .absent):
      judgement = accept(request, bytes.slice(inHead.range), .any, now, set)
      if judgement == .accepted, inHead.cookie >= 0, isForged(inHead, route, head, bytes, set) {
        return deny(request, .csrfRefused)
      }
      keepCredential(request, set)
    case (.absent, .present):
      judgement = acceptBodyToken(
        request, bodyReader.text, inBody.range, bytes, .any, now, set)
    case (.present, .present):
      judgement =
        bodyReader.secondaryEquals(bytes.slice(inHead.range))
        ? accept(request, bytes.slice(inHead.range), .any, now, set)
        : .refused(.denied(.ambiguousCredentials))
      keepCredential(request, set)
    }
    if let action = unaccepted(request, judgement) { return action }
    return admit(request, set)
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
