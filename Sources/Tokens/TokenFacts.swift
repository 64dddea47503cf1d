// What is known about a verified token: numbers only, so that facts can be copied into an exchange,
// a tunnel or a cache without holding on to the token.
//
// Facts, never verdicts (PEERS §4.3, CVE-2021-32701): whoever keeps them re-checks time, revocation
// and the route's rules on each use.

/// Numbers about one verified token.
public struct TokenFacts: Sendable, Equatable {
  /// The class that key and `type` claim gave it.
  public let tokenClass: TokenClass
  /// True when the token has a non-empty `jti`; otherwise its id is a hash of what was signed.
  public let hasTokenIdentifier: Bool
  /// True when the token has a subject (a non-empty string or an integer).
  public let hasSubject: Bool
  /// Index of the realm.
  public let realmIndex: UInt16
  /// Index of the key within the realm.
  public let keyIndex: UInt16
  /// `exp`, in seconds since 1970.
  public let expiration: Int64
  /// `iat`; without it `expiration - lifetime`; without both `unknownTime`.
  public let issuedAt: Int64
  /// The class's configured lifetime in seconds, 0 without one.
  public let lifetime: Int64

  /// True when both tell the same of a token; the place of its key among the realm's may have changed.
  public func agrees(with other: TokenFacts) -> Bool {
    tokenClass == other.tokenClass && hasTokenIdentifier == other.hasTokenIdentifier
      && hasSubject == other.hasSubject && realmIndex == other.realmIndex
      && expiration == other.expiration && issuedAt == other.issuedAt && lifetime == other.lifetime
  }

  /// The issue time of a token that doesn't tell it.
  public static let unknownTime = Int64.min
}

/// The outcome of one verification.
public enum TokenVerdict: Sendable, Equatable {
  /// The token is genuine, of an accepted class and within its times.
  case accepted(TokenFacts)
  /// It isn't, and why.
  case denied(DenialReason)
  /// Nobody knows yet: the gateway lacks something, which says nothing about the token.
  case undecided(Undecided)
}

/// What is lacking to judge a token.
public enum Undecided: Sendable, Equatable {
  /// The key: a key set that is not known, or not since this key's name was first seen, may have it.
  case keyMissing
  /// The time: more signatures than the budget allows would have to be computed.
  case budgetSpent(SpentBudget)
}
