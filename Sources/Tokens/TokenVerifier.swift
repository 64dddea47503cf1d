import Bytes
import Crypto
import JSON

/// Verifies tokens.
public final class TokenVerifier {
  /// Makes a verifier that refuses tokens longer than `tokenBytesMaximum` unread.
  public init(tokenBytesMaximum: Int = 8192) {
  }

  /// Verifies `token` against `realm`. On acceptance the claims stay readable until the next call.
  public func verify(
    _ token: Span<UInt8>, realm: Realm, accepting: AcceptedClasses, nowSeconds: Int64
  ) -> TokenVerdict {
    .denied(.malformed)
  }

  /// Keyed hash of the last accepted token's id.
  public func hashTokenIdentifier(_ key: SipKey) -> Hash128 { SipHash128(key).finish() }

  /// Keyed hash of the last accepted token's subject, nil without one.
  public func hashSubject(_ key: SipKey) -> Hash128? { nil }

  /// The last accepted token's id for journal and audit.
  public func tokenIdentifierText() -> String { "" }

  /// The last accepted token's subject, nil without one.
  public func subjectText() -> String? { nil }

  /// Appends a claim of the last accepted token as an identity header's value (DESIGN §5.3); false
  /// when it is absent.
  public func appendClaim(_ claim: ClaimPath, to buffer: inout ByteBuffer) -> Bool { false }
}
