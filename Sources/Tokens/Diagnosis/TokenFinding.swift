// What `gateway token why` found: sentences for an operator, each with what to change.
//
// Diagnosis is for tools alone. It reads what a route never reads (claims of a token that nobody
// verified, keys whose end has passed) and tries readings of a secret that no route would take, so
// nothing of it may decide about a request. It never holds a secret's text in a sentence.

/// One thing that is wrong with a token, or worth knowing of it.
public struct TokenFinding: Sendable, Equatable {
  /// The word by which a route would refuse, nil where this alone refuses nothing.
  public let reason: DenialReason?
  /// What was found, one sentence without an end.
  public let text: String
  /// What to change, nil where nothing is to be said.
  public let advice: String?

  /// Makes a finding.
  public init(_ reason: DenialReason?, _ text: String, advice: String? = nil) {
    self.reason = reason
    self.text = text
    self.advice = advice
  }
}

extension DenialReason {
  /// What the reason means, for whoever holds the token.
  public var meaning: String {
    switch self {
    case .missing: "there is no token"
    case .malformed: "not three strict parts, or claims that can't be read (exp is required)"
    case .tooLarge: "longer than \(TokenVerifier.tokenBytesDefault) bytes"
    case .unsupportedAlgorithm: "its alg is not the algorithm of any key of the realm"
    case .unknownKey: "its kid names no key of the realm"
    case .badSignature: "no key of the realm made its signature"
    case .expired: "exp has passed"
    case .notYetValid: "nbf or iat lies in the future"
    case .lifetimeExceeded: "exp is further away than the class's lifetime allows"
    case .wrongTokenType: "it is not of the class that was asked for"
    case .revoked: "it was revoked"
    case .wrongIssuer: "iss is not the realm's issuer"
    case .wrongAudience: "aud names none of the realm's audiences"
    case .missingClaim: "it lacks a claim that is required"
    case .insufficientScope: "it lacks a scope, a role or a claim's value that is required"
    case .ambiguousCredentials: "there is more than one"
    }
  }
}

/// Spans of time for people.
enum SpanText {
  /// `45 s`, or `90061 s (1 d 1 h)`.
  static func of(_ seconds: Int64) -> String {
    let count = seconds.magnitude
    let parts: [(UInt64, String)] = [
      (count / 86_400, "d"), (count / 3600 % 24, "h"), (count / 60 % 60, "min"),
    ]
    let words = parts.filter { $0.0 > 0 }.prefix(2).map { "\($0.0) \($0.1)" }
    return words.isEmpty ? "\(count) s" : "\(count) s (\(words.joined(separator: " ")))"
  }
}
