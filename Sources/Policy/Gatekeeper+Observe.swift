// `mode observe` (DESIGN §5.9): what is decided about tokens, limits and origins is noted, and the
// request goes on.
//
//     would be refused for          the backend gets
//     its origin, a limit           the request as it came, and who is calling if the token is good
//     its token, its body           the request as it came, from nobody in particular
//     nothing                       the request as it came, and who is calling
//
// One rule for both halves: transparent about traffic, strict about identity. Where nothing can be
// refused nothing is taken away either: tokens that the route doesn't read, in its query or among its
// subprotocols stay, preflights are the backend's, and its cross-origin fields are kept. What the
// gateway says of itself, identity headers above all, comes from a token that would have been
// admitted. Addresses, paths, framing and sizes are enforced as everywhere.
//
// The order of the stages is that of every request, so the first reason noted is the one that would
// have been answered; permits are taken and given back as if it had been. Loop only.

import Bytes
import Tokens

extension Gatekeeper {
  /// The request's route is observed.
  func observe(_ request: RequestPolicy, _ route: CompiledRoute) {
    request.isObserved = true
    // Where the gateway is the one that answers nobody else can be the author.
    request.leavesCORS = route.answer < 0
  }

  /// Notes a refusal that is left undone: told in the log, counted for the route. Only the first one
  /// would have been seen.
  func note(_ request: RequestPolicy, _ refusal: Refusal) {
    guard request.would == nil else { return }
    request.would = refusal
    counts.passed(refusal, route: request.route)
  }

  /// True when a request goes on although it would be refused for something that says nothing about
  /// its token, which is judged all the same.
  func goesOn(_ request: RequestPolicy, without refusal: Refusal) -> Bool {
    guard request.isObserved else { return false }
    note(request, refusal)
    request.retryAfter = 0
    return true
  }

  /// Lets a request go on that would be refused for its token.
  func goOn(_ request: RequestPolicy, without refusal: Refusal) -> PolicyAction {
    note(request, refusal)
    forgetCaller(request, refusal)
    request.retryAfter = 0
    // Nobody is known, so nobody logs out.
    request.keptCredential = nil
    if !request.revocations.isEmpty { request.revocations.removeAll() }
    guard !request.leavesCORS else { return .admit }
    request.answersRoute = true
    return .answerRoute
  }
}
