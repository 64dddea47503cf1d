// The resumable machine that decides about requests (DESIGN §2): events in, actions out.

import Bytes
import HTTPWire
import Tokens

/// One worker's decider: its scratch, its token verifier, and the tables that all workers share.
public final class Gatekeeper {
  /// Makes a worker's gatekeeper over the shared tables.
  public init(revocations: RevocationTable, limits: LimitTable) {}

  /// Decides about a request whose head is complete. `bytes` are those the head was parsed from.
  public func headReceived(
    _ request: RequestPolicy, head: RequestHead, bytes: Span<UInt8>, peer: PeerAddress,
    now: PolicyTime, set: PolicySet
  ) -> PolicyAction { .deny }

  /// Goes on after `needBodyField` with the whole body.
  public func bodyFieldRead(
    _ request: RequestPolicy, head: RequestHead, bytes: Span<UInt8>, body: Span<UInt8>,
    now: PolicyTime, set: PolicySet
  ) -> PolicyAction { .deny }

  /// Goes on after `needBodyField` when the body is longer than may be held.
  public func bodyTooLarge(
    _ request: RequestPolicy, head: RequestHead, bytes: Span<UInt8>, now: PolicyTime,
    set: PolicySet
  ) -> PolicyAction { .deny }

  /// Goes on after `askRevocation`.
  public func revocationAnswered(
    _ request: RequestPolicy, answer: RevocationAnswer, head: RequestHead, bytes: Span<UInt8>,
    now: PolicyTime, set: PolicySet
  ) -> PolicyAction { .deny }

  /// Goes on after `askPermit`.
  public func permitAnswered(
    _ request: RequestPolicy, answer: PermitAnswer, head: RequestHead, bytes: Span<UInt8>,
    now: PolicyTime, set: PolicySet
  ) -> PolicyAction { .deny }

  /// Goes on after `needKey`; `isAvailable` is false when the key set could not be had.
  public func keySetAnswered(
    _ request: RequestPolicy, isAvailable: Bool, head: RequestHead, bytes: Span<UInt8>,
    now: PolicyTime, set: PolicySet
  ) -> PolicyAction { .deny }

  /// The upstream's final status is known: gives permits back and says what the answer means.
  public func responseReceived(
    _ request: RequestPolicy, status: Int, now: PolicyTime, set: PolicySet
  ) -> LearnAction { .none }

  /// Adopts what other threads changed meanwhile; for an idle worker's timer, so that it doesn't
  /// keep an outgrown revocation table alive.
  public func housekeep() {}
}
