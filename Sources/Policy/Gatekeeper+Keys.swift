// Keys that no realm has yet: asking for them, and what the answer means.
//
// A token that names a key which a fetched set may hold by now makes its request wait. The machine
// asks for one key at a time, by the number of its name and the realms that could have it; the answer
// comes with the realms to judge by, and then the whole judgement is made anew, from the head on:
// nothing that was found with the old keys is kept. A key that was asked for and still isn't there is
// unknown; it is never asked for twice by one request, in the same realms.
//
// Not knowing is the gateway's trouble: 503, never 401. Loop only; none of this is touched by a
// request whose key is there.

import Bytes
import HTTPWire
import Tokens

/// A key that some realms may have by now.
public struct MissingKey: Sendable, Equatable {
  /// What the token calls it, as `KeyName` says it.
  public var name: UInt64
  /// Indices of the realms that could have it, in the route's order.
  public var realms: [Int]

  /// What it is remembered by: the name in just these realms.
  var memoryName: UInt64 {
    realms.reduce(name) { ($0 ^ UInt64(truncatingIfNeeded: $1 + 1)) &* 0x100_0000_01b3 }
  }

  /// True when whoever asked for this key knows about `other` too.
  func covers(_ other: MissingKey) -> Bool {
    name == other.name && other.realms.allSatisfy(realms.contains)
  }
}

/// What a request has asked for. Made for the first question; most requests never have one.
final class KeyQuestions {
  /// Most questions of one request: it has no more tokens that matter (one judged, another beside it in
  /// a place that the backend may prefer, two refresh tokens on a logout).
  static let countMaximum = 4

  /// The last one is open while the machine waits for a key.
  var asked: [MissingKey] = []
}

extension Gatekeeper {
  /// What becomes of a request that has a token whose verdict is `undecided`. Right after the
  /// verification.
  func undecided(_ lack: Undecided, _ request: RequestPolicy, _ now: PolicyTime) -> Judgement {
    switch lack {
    case .budgetSpent(let spent): .refused(refusal(of: request, spent))
    case .keyMissing: askForKey(request, now)
    }
  }

  @inline(never)
  private func askForKey(_ request: RequestPolicy, _ now: PolicyTime) -> Judgement {
    let key = missingKey
    let questions = request.keyQuestions ?? KeyQuestions()
    request.keyQuestions = questions
    let time = now.monotonicNanoseconds
    if questions.asked.contains(where: { $0.covers(key) }) {
      // What is said to be known and isn't stays open.
      if key.realms.contains(where: { realms[$0].isIncomplete }) { return .refused(.unavailable) }
      missingKeys.remember(key.memoryName, .unknown, now: time)
      return .refused(.denied(.unknownKey))
    }
    switch missingKeys.answer(key.memoryName, now: time) {
    case .unknown: return .refused(.denied(.unknownKey))
    case .unavailable: return .refused(.unavailable)
    case nil: break
    }
    guard questions.asked.count < KeyQuestions.countMaximum else { return .refused(.unavailable) }
    questions.asked.append(key)
    return .needsKey
  }

  /// Goes on after `needKey`: judges by the realms that were adopted meanwhile. `isAvailable` is false
  /// when nobody can tell whether there is such a key.
  public func keySetAnswered(
    _ request: RequestPolicy, isAvailable: Bool, head: RequestHead, bytes: Span<UInt8>,
    now: PolicyTime, set: PolicySet
  ) -> PolicyAction {
    precondition(request.phase == .awaitingKey, "an answer that nobody asked for")
    guard isAvailable else {
      if let key = request.keyQuestions?.asked.last {
        missingKeys.remember(key.memoryName, .unavailable, now: now.monotonicNanoseconds)
      }
      return deny(request, .unavailable)
    }
    request.forgetCredentials()
    return authenticate(request, head, bytes, now, set)
  }

  /// What an exchange does in place of asking when it can't: nobody will answer.
  public func keyCannotBeAsked(_ request: RequestPolicy) -> PolicyAction {
    precondition(request.phase == .awaitingKey, "a question that nobody has")
    return deny(request, .unavailable)
  }
}
