// What is kept of a token for as long as a tunnel or an event stream lives (DESIGN §5.5).
//
// A request's token is judged once; a stream that it opened goes on for hours. So that the stream can
// end when the token does, the worker keeps numbers: when the token is over, and the rows under which
// a revocation of it would stand. Never the token, never a verdict: `Gatekeeper.judge` asks the
// revocation table anew each time, by the rules that hold for a request.
//
// Nothing of this is computed for an ordinary request. A stream shows itself by its answer, when the
// verifier has long forgotten its token; therefore the token is read a second time from the pinned
// head of the request.

import Bytes
import Tokens

/// Numbers of a verified token, enough to judge it again without the token.
public struct StreamCredential: Sendable, Equatable {
  /// The first second since 1970 at which the token is no longer valid: `exp` and the realm's leeway, or
  /// the end of its key.
  public let endSeconds: Int64
  let realmIndex: Int
  /// Which key signed the token; nil for a credential that only ends.
  let key: KeyMark?
  /// False where the realm's tokens aren't checked against the blocklist.
  let isBlocklisted: Bool
  let token: Hash128
  let subject: Hash128?
  let everyone: Hash128
  let issuedAt: Int64
}

extension StreamCredential {
  /// A credential that no revocation touches: it only ends.
  public init(endSeconds: Int64) {
    let none = Hash128(high: 0, low: 0)
    self.init(
      endSeconds: endSeconds, realmIndex: 0, key: nil, isBlocklisted: false, token: none,
      subject: nil, everyone: none,
      issuedAt: 0)
  }
}

/// What has become of a stream's token.
public enum StreamVerdict: UInt8, Sendable {
  /// It is still good.
  case stands
  /// Its time is over.
  case expired
  /// It, its subject or everyone was revoked.
  case revoked
  /// The realm no longer has the key that signed it.
  case keyWithdrawn
}

extension Gatekeeper {
  /// The credential of an admitted request, nil for one without a verified token. `bytes` are those
  /// that its head was parsed from.
  ///
  /// For a request whose answer turns out to be a stream; costs one verification.
  public func streamCredential(
    _ request: RequestPolicy, bytes: Span<UInt8>, now: PolicyTime, set: PolicySet
  ) -> StreamCredential? {
    guard let facts = request.facts else { return nil }
    if let kept = request.keptCredential { return kept }
    let realmIndex = Int(facts.realmIndex)
    let realm = realms[realmIndex]
    let endSeconds = facts.expiration + realm.leewaySeconds
    // At the last second of the token's life, if that is over, every rule holds that held when the
    // request was admitted: nothing but the end depends on the time being early.
    let time = min(now.epochSeconds, endSeconds - 1)
    guard
      case .accepted(let again) = verifier.identify(
        bytes.slice(request.credentials.primary.range), realm: realm,
        accepting: set.routes[request.route].acceptedClasses, nowSeconds: time),
      again.agrees(with: facts)
    else {
      // It was good a moment ago. If its key was withdrawn since, the stream has no right to go on.
      return StreamCredential(endSeconds: .min)
    }
    return makeCredential(again, realmIndex, set)
  }

  /// Keeps the credential of a token that the head's bytes don't hold as the judged one: one of the
  /// body, or a refresh token in another place. Right after it was accepted.
  func keepCredential(_ request: RequestPolicy, _ set: PolicySet) {
    guard let facts = request.facts else { return }
    request.keptCredential = makeCredential(facts, Int(facts.realmIndex), set)
  }

  /// From what the verifier knows of the last accepted token.
  private func makeCredential(
    _ facts: TokenFacts, _ realmIndex: Int, _ set: PolicySet
  ) -> StreamCredential {
    let rules = set.realmRules[realmIndex]
    let realm = realms[realmIndex]
    return StreamCredential(
      endSeconds: min(facts.expiration + realm.leewaySeconds, realm.keyEnd(of: facts)),
      realmIndex: realmIndex, key: realm.mark(of: facts),
      isBlocklisted: rules.isBlocklisted, token: verifier.hashTokenIdentifier(rules.tokenKey),
      subject: verifier.hashSubject(rules.subjectKey), everyone: rules.everyoneRow,
      issuedAt: facts.issuedAt)
  }

  /// Judges a stream's token as a request's would be judged now.
  public func judge(_ credential: StreamCredential, now: PolicyTime) -> StreamVerdict {
    if credential.isBlocklisted {
      revocations.refresh()
      let isRevoked =
        revocations.contains(credential.token, nowSeconds: now.epochSeconds)
        || revocations.hasSweepingEntries
          && revocations.sweeps(
            subject: credential.subject, everyone: credential.everyone,
            issuedAt: credential.issuedAt, nowSeconds: now.epochSeconds)
      if isRevoked { return .revoked }
    }
    if let key = credential.key, !realms[credential.realmIndex].mayHold(key) {
      return .keyWithdrawn
    }
    return now.epochSeconds >= credential.endSeconds ? .expired : .stands
  }
}
