// What is known and decided about one request: filled by `Gatekeeper`, read by the exchange.

import Bytes
import HTTPWire
import Tokens

/// The policy state of one exchange. Loop only; reused through `reset()`.
public final class RequestPolicy {
  private(set) var route = -1
  var refusalStorage: Refusal?

  /// Makes the state of no request.
  public init() {}

  /// Forgets the request; storage stays.
  public func reset() {}

  /// Index of the route in `PolicyDefinitions.routes`, -1 before routing or without a route.
  public var routeIndex: Int { route }
  /// Why the request is refused, nil while it isn't.
  public var refusal: Refusal? { refusalStorage }
  /// The closed-list word for log and metrics, nil when the request was not refused.
  public var reasonName: StaticString? { refusalStorage?.name }
  /// The word of a limit in `dry_run` that would have refused the request.
  public var wouldRefuse: StaticString? { nil }
  /// Seconds for `Retry-After`, 0 without.
  public var retryAfterSeconds: Int { 0 }
  /// True for a CORS preflight, answered here or passed on (`cors pass`).
  public var isPreflight: Bool { false }
  /// The verified token, nil for an anonymous request.
  public var token: TokenFacts? { nil }

  /// Turns the request down from outside the machine: upstream trouble, limits of size and time.
  public func refuse(_ refusal: Refusal) { refusalStorage = refusal }

  /// Tells that no upstream answer will come (502, 504): permits of `count failures` go back.
  public func learnFailure(_ gatekeeper: Gatekeeper) {}

  // MARK: What is forwarded

  /// Appends the request target for the upstream: origin form, without a stripped prefix and without
  /// tokens in the query.
  public func appendTarget(
    head: RequestHead, bytes: Span<UInt8>, to buffer: inout ByteBuffer
  ) {}

  /// Appends a request field's line without the cookies that hold tokens which the route doesn't
  /// read; nothing when nothing of it is left.
  public func appendLine(_ field: Field, bytes: Span<UInt8>, to buffer: inout ByteBuffer) {}

  /// Appends the identity headers of the verified token, complete lines; nothing when anonymous.
  public func appendIdentity(to buffer: inout ByteBuffer) {}

  // MARK: What is answered

  /// True when upstream's `Access-Control-*` fields are removed because the gateway speaks.
  public var replacesCORS: Bool { false }

  /// Appends the CORS fields of the response, complete lines, `Vary: Origin` among them.
  public func appendCORS(
    set: PolicySet, bytes: Span<UInt8>, to buffer: inout ByteBuffer
  ) {}
}
