// What the configuration says about a realm.
//
// Plain data: Assembly fills it from the located model.

import Bytes
import Crypto

/// A secret as configured.
public struct SecretDefinition: Sendable {
  /// The configured text; key bytes only after decoding.
  public var text: SecretBytes
  /// How the text becomes key bytes.
  public var encoding: SecretEncoding

  /// Takes a secret's bytes as configured.
  public init(_ text: SecretBytes, encoding: SecretEncoding = .raw) {
    self.text = text
    self.encoding = encoding
  }

  /// Takes a secret's text as configured.
  public init(text: String, encoding: SecretEncoding = .raw) {
    self.init(SecretBytes(text: text), encoding: encoding)
  }
}

/// A secret that still counts while tokens signed with it live on.
public struct PreviousSecret: Sendable {
  /// The secret.
  public var secret: SecretDefinition
  /// First second since 1970 at which it no longer counts.
  public var endSeconds: Int64

  /// Takes a secret and its end.
  public init(_ secret: SecretDefinition, endSeconds: Int64) {
    self.secret = secret
    self.endSeconds = endSeconds
  }
}

/// What the configuration says about one class of tokens.
public struct ClassDefinition: Sendable {
  /// Most previous secrets of a class.
  public static let previousSecretsMaximum = 8

  /// The secret. A refresh class that has neither a secret nor a key inherits the access keys.
  public var secret: SecretDefinition?
  /// Secrets that the current one replaced.
  public var previousSecrets: [PreviousSecret] = []
  /// Keys from files and fetched sets, in the order of their directives.
  public var keySources: [KeySource] = []
  /// The algorithms that keys may have; nil for HS256 with a secret and for what each key says or
  /// its curve needs.
  public var algorithms: [TokenAlgorithm]?
  /// The longest life of a token, nil without a limit.
  public var lifetimeSeconds: Int64?
  /// Where tokens are, nil for the preset's places.
  public var places: [TokenPlace]?
  /// The `type` that every token of the class must say, nil for the rule of DESIGN §5.4.
  public var requiredType: String?
  /// What every token of the class must say besides, wherever it is used: the realm's lines and its
  /// own.
  public var requirements: [ClaimRequirement] = []

  /// A class with defaults throughout.
  public init(secret: SecretDefinition? = nil, lifetimeSeconds: Int64? = nil) {
    self.secret = secret
    self.lifetimeSeconds = lifetimeSeconds
  }
}

/// What the configuration says about a realm.
public struct RealmDefinition: Sendable {
  /// The realm's name.
  public var name: String
  /// Position among the realms; told back in every fact.
  public var index: Int
  /// The preset.
  public var preset = TokenPreset.none
  /// The only accepted `iss`, nil for any.
  public var issuer: String?
  /// The accepted `aud` values, empty for any.
  public var audiences: [String] = []
  /// Clock difference that is forgiven, in seconds.
  public var leewaySeconds: Int64 = 0
  /// Admits short and known secrets (never empty ones). Assembly sets it only while every listener
  /// is on loopback.
  public var admitsWeakSecrets = false
  /// Keys that open encrypted tokens; without one they are malformed.
  public var decryptionKeys: [DecryptionKey] = []
  /// Access tokens.
  public var access = ClassDefinition()
  /// Refresh tokens, nil for a realm that has none.
  public var refresh: ClassDefinition?
  /// True where it signs tokens itself: then its key files are read with their private halves.
  public var signsItself = false
  /// What it signs, for its backends.
  public var mint = MintDefinition()

  /// A realm with defaults throughout; it still needs an access secret.
  public init(name: String, index: Int) {
    self.name = name
    self.index = index
  }
}
