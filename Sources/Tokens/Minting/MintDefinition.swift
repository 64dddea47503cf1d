// How a realm mints tokens for its backends, as the configuration says it (`mint { }` in `realm`).
//
// Plain data; `MintRules` compiles it.

/// What a realm's minted tokens say and how long they live.
public struct MintDefinition: Sendable {
  /// Shortest life of a minted token: less is lost in queues and in clocks that differ.
  public static let lifetimeSecondsMinimum: Int64 = 5
  /// Longest life of a minted token.
  public static let lifetimeSecondsMaximum: Int64 = 60
  /// Most mapped claims.
  public static let claimsMaximum = 32
  /// Claims that the gateway writes itself, so that no mapping may name them.
  public static let ownNames = ["exp", "nbf", "iat", "iss", "aud", "jti", "type"]

  /// Life of a minted token, never beyond its original's.
  public var lifetimeSeconds = lifetimeSecondsMaximum
  /// True when the original's claims are copied; false when only `sub`, `jti` and what is mapped.
  public var copiesClaims = true
  /// Claims of another name or from within nested ones; each wins over a copied one of its name.
  public var claims: [MintedClaim] = []

  /// The defaults.
  public init() {}
}

/// One claim of a minted token.
public struct MintedClaim: Sendable {
  /// Where its value comes from.
  public enum Source: Sendable {
    /// A claim of the original; where that has none, the minted token has none.
    case claim(ClaimPath)
    /// The name of the realm that verified the original (`$realm`).
    case realmName
  }

  /// Its name in the minted token, always at the top.
  public let name: String
  /// Its value.
  public let source: Source

  /// Makes a claim.
  public init(name: String, source: Source) {
    self.name = name
    self.source = source
  }
}

/// What a minted token is for.
public enum MintedUse: UInt8, Sendable {
  /// It stands in for the original: signed by the key of its class.
  case replacement
  /// It stands beside the original or in place of it under another name: signed by the access key,
  /// whatever the original's class, which its `type` tells.
  case assertion
}

/// What came of minting.
public enum MintOutcome: UInt8, Sendable {
  /// The token was appended.
  case appended
  /// It would have more bytes than a token may have.
  case tooLarge
  /// The realm has no key that signs for this use, or signing failed.
  case unavailable
}
