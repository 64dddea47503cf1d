// Why a credential was not enough: the closed list of DESIGN §5.1.
//
// The same word stands in the answer, the access log, the audit log and the metric, so that a
// question about a refused request has one answer everywhere. A new case doesn't compile until
// every switch over it names it.

/// Why a request's credential was refused.
public enum DenialReason: UInt8, Sendable, CaseIterable {
  /// No token in any place that the route reads.
  case missing
  /// Not a token: wrong parts, base64url, JSON, header rules or claim types.
  case malformed
  /// Longer than the byte cap; nothing of it was parsed.
  case tooLarge
  /// `alg` isn't the algorithm of any key (`none` included).
  case unsupportedAlgorithm
  /// `kid` names no key of the realm.
  case unknownKey
  /// No key of the realm made this signature.
  case badSignature
  /// `exp` has passed.
  case expired
  /// `nbf` or `iat` lies in the future.
  case notYetValid
  /// `exp` is further away than the class's lifetime allows.
  case lifetimeExceeded
  /// A refresh token where an access token belongs, or the reverse.
  case wrongTokenType
  /// Revoked by its id, its subject or its issue time.
  case revoked
  /// `iss` isn't the realm's issuer.
  case wrongIssuer
  /// `aud` names none of the realm's audiences.
  case wrongAudience
  /// The route requires a claim that the token lacks.
  case missingClaim
  /// The route requires a scope or role that the token lacks.
  case insufficientScope
  /// Several credentials that need not agree.
  case ambiguousCredentials

  /// The stable name in answers, logs and metrics.
  public var name: StaticString {
    switch self {
    case .missing: "missing"
    case .malformed: "malformed"
    case .tooLarge: "too_large"
    case .unsupportedAlgorithm: "unsupported_algorithm"
    case .unknownKey: "unknown_key"
    case .badSignature: "bad_signature"
    case .expired: "expired"
    case .notYetValid: "not_yet_valid"
    case .lifetimeExceeded: "lifetime_exceeded"
    case .wrongTokenType: "wrong_token_type"
    case .revoked: "revoked"
    case .wrongIssuer: "wrong_issuer"
    case .wrongAudience: "wrong_audience"
    case .missingClaim: "missing_claim"
    case .insufficientScope: "insufficient_scope"
    case .ambiguousCredentials: "ambiguous_credentials"
    }
  }

  /// The HTTP status: 401 says something about the token, 403 about rights, 400 about the request.
  public var status: Int {
    switch self {
    case .missing, .malformed, .tooLarge, .unsupportedAlgorithm, .unknownKey, .badSignature,
      .expired, .notYetValid, .lifetimeExceeded, .wrongTokenType, .revoked, .wrongIssuer,
      .wrongAudience:
      401
    case .missingClaim, .insufficientScope: 403
    case .ambiguousCredentials: 400
    }
  }
}
