// What the configuration says about a realm, and what can be wrong with it.
//
// Plain data: Assembly fills it from the located model and turns faults into diagnostics at the
// setting's line. A fault names the setting, never the value.

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

/// What the configuration says about one class of tokens.
public struct ClassDefinition: Sendable {
  /// The secret; a refresh class without one inherits the access keys.
  public var secret: SecretDefinition?
  /// The algorithm of the secret.
  public var algorithm = TokenAlgorithm.hs256
  /// The longest life of a token, nil without a limit.
  public var lifetimeSeconds: Int64?
  /// Where tokens are, nil for the preset's places.
  public var places: [TokenPlace]?
  /// The `type` that every token of the class must say, nil for the rule of DESIGN §5.4.
  public var requiredType: String?

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
  /// Access tokens.
  public var access = ClassDefinition()
  /// Refresh tokens, nil for a realm that has none.
  public var refresh: ClassDefinition?

  /// A realm with defaults throughout; it still needs an access secret.
  public init(name: String, index: Int) {
    self.name = name
    self.index = index
  }
}

/// One thing wrong with a realm's definition.
public struct RealmFault: Sendable, Equatable {
  /// What is wrong.
  public enum Kind: Sendable, Equatable {
    /// The access class names no secret.
    case missingSecret
    /// The secret is empty.
    case emptySecret
    /// The key has fewer bytes than its algorithm needs.
    case shortSecret(byteCount: Int, minimum: Int)
    /// The secret is a published default or an unfilled placeholder.
    case knownSecret
    /// The secret isn't in the encoding that `encoding` names.
    case undecodableSecret(SecretEncoding)
    /// `nest-dual-secret` with one secret for both classes.
    case equalSecrets
    /// A lifetime below one second or beyond what a number of seconds can say.
    case badLifetime
    /// A leeway below zero or above an hour.
    case badLeeway
    /// A required `type` that says the other class, or both classes requiring the same one.
    case contradictoryType
  }

  /// What is wrong.
  public let kind: Kind
  /// The block that holds the setting, nil when it is the realm's own.
  public let tokenClass: TokenClass?

  /// Makes a fault.
  public init(kind: Kind, tokenClass: TokenClass?) {
    self.kind = kind
    self.tokenClass = tokenClass
  }

  /// The directive at fault.
  public var setting: String {
    switch kind {
    case .missingSecret, .emptySecret, .shortSecret, .knownSecret, .equalSecrets: "secret"
    case .undecodableSecret: "encoding"
    case .badLifetime: "lifetime"
    case .badLeeway: "leeway"
    case .contradictoryType: "type"
    }
  }

  /// One line for a person. Never holds a value.
  public var message: String {
    switch kind {
    case .missingSecret: "the realm has no access secret"
    case .emptySecret: "the secret is empty"
    case .shortSecret(let count, let minimum):
      "the secret has \(count) bytes; its algorithm needs at least \(minimum)"
    case .knownSecret: "the secret is a published default or an unfilled placeholder"
    case .undecodableSecret(let encoding): "the secret is not valid \(encoding.rawValue)"
    case .equalSecrets:
      "access and refresh secret are equal; preset nest-dual-secret needs two different ones"
    case .badLifetime: "the lifetime must be between 1 second and 100 years"
    case .badLeeway: "the leeway must be between 0 and 1 hour"
    case .contradictoryType: "no token can be of this type and of this class"
    }
  }

  /// What to do about it.
  public var hint: String {
    switch kind {
    case .missingSecret: "add `secret ${JWT_ACCESS_SECRET};` to the access block"
    case .emptySecret, .shortSecret, .knownSecret: "make one with `gateway secret new`"
    case .undecodableSecret: "`encoding raw` takes the text as it is, as the backends do"
    case .equalSecrets: "give the classes different secrets, or use preset single-secret"
    case .badLifetime, .badLeeway: "durations are written like 30s, 15m, 7d"
    case .contradictoryType:
      "`refresh` is never an access token's type, nor `access` a refresh token's"
    }
  }

  /// True for faults that `weak_secrets allow` turns into warnings.
  public var isWeakness: Bool {
    switch kind {
    case .shortSecret, .knownSecret: true
    case .missingSecret, .emptySecret, .undecodableSecret, .equalSecrets, .badLifetime,
      .badLeeway, .contradictoryType:
      false
    }
  }
}

/// Everything wrong with a realm's definition: all faults, not only the first.
public struct RealmRejection: Error {
  /// The faults, in the order of the settings; never empty.
  public let faults: [RealmFault]
}
