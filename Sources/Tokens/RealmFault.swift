// What can be wrong with a realm's definition.
//
// Assembly turns faults into diagnostics at the setting's line. A fault names the setting, never the
// value.

/// One thing wrong with a realm's definition.
public struct RealmFault: Sendable, Equatable {
  /// What is wrong.
  public enum Kind: Sendable, Equatable {
    /// The access class names neither a secret nor a key.
    case missingSecret
    /// The secret is empty.
    case emptySecret
    /// The key has fewer bytes than its algorithm needs.
    case shortSecret(byteCount: Int, minimum: Int)
    /// The secret is a published default or an unfilled placeholder.
    case knownSecret
    /// The secret isn't in the encoding that `encoding` names.
    case undecodableSecret(SecretEncoding)
    /// The secret is the text of a key or certificate, which others may know (CVE-2015-9235).
    case keyAsSecret
    /// A set that is fetched holds a shared secret.
    case fetchedSecret
    /// There are previous secrets, but none that replaced them.
    case lonelyPrevious
    /// A previous secret is the current one.
    case previousIsCurrent
    /// More than `ClassDefinition.previousSecretsMaximum`.
    case tooManyPrevious
    /// None of `algorithms` fits the secret or key.
    case unfittingAlgorithms
    /// A key says no algorithm, and there are several for its kind.
    case unknownAlgorithm
    /// More keys of one algorithm without a name than are tried for one token.
    case tooManyUnnamedKeys
    /// A key that opens encrypted tokens is also a signing secret.
    case decryptionSecretSigns
    /// More than `DecryptionKey.countMaximum`.
    case tooManyDecryptionKeys
    /// `nest-dual-secret` with one secret for both classes.
    case equalSecrets
    /// A lifetime below one second or beyond what a number of seconds can say.
    case badLifetime
    /// A leeway below zero or above an hour.
    case badLeeway
    /// A required `type` that says the other class, or both classes requiring the same one.
    case contradictoryType
  }

  /// Which key of a class.
  public enum Source: Sendable, Equatable {
    /// Its secret, or nothing in particular.
    case secret
    /// A previous secret, in the order of the settings.
    case previous(Int)
    /// A key file, in the order of the settings.
    case keyFile(Int)
  }

  /// What is wrong.
  public let kind: Kind
  /// The block that holds the setting, nil when it is the realm's own.
  public let tokenClass: TokenClass?
  /// Which of its keys is at fault.
  public let source: Source

  /// Makes a fault.
  public init(kind: Kind, tokenClass: TokenClass?, source: Source = .secret) {
    self.kind = kind
    self.tokenClass = tokenClass
    self.source = source
  }

  /// The directive at fault.
  public var setting: String {
    switch kind {
    case .missingSecret, .emptySecret, .shortSecret, .knownSecret, .equalSecrets, .keyAsSecret,
      .unknownAlgorithm, .fetchedSecret:
      switch source {
      case .secret: "secret"
      case .previous: "previous"
      case .keyFile: "key"
      }
    case .lonelyPrevious, .previousIsCurrent, .tooManyPrevious: "previous"
    case .unfittingAlgorithms: "algorithms"
    case .tooManyUnnamedKeys: "access"
    case .decryptionSecretSigns, .tooManyDecryptionKeys: "decrypt"
    case .undecodableSecret: "encoding"
    case .badLifetime: "lifetime"
    case .badLeeway: "leeway"
    case .contradictoryType: "type"
    }
  }

  /// One line for a person. Never holds a value.
  public var message: String {
    switch kind {
    case .missingSecret: "the realm has no access secret or key"
    case .emptySecret: "\(subject) is empty"
    case .shortSecret(let count, let minimum):
      "\(subject) has \(count) bytes; its algorithm needs at least \(minimum)"
    case .knownSecret: "\(subject) is a published default or an unfilled placeholder"
    case .undecodableSecret(let encoding): "\(subject) is not valid \(encoding.rawValue)"
    case .keyAsSecret: "\(subject) is the text of a key or certificate"
    case .fetchedSecret: "\(subject) is a shared secret, and its set is fetched"
    case .lonelyPrevious: "there is a previous secret, but no secret that replaced it"
    case .previousIsCurrent: "\(subject) is the current one, or stands here twice"
    case .tooManyPrevious:
      "there are more than \(ClassDefinition.previousSecretsMaximum) previous secrets"
    case .unfittingAlgorithms: "none of these algorithms fits \(subject)"
    case .unknownAlgorithm: "\(subject) does not say its algorithm, and there are several for it"
    case .tooManyUnnamedKeys:
      "there are more than \(TokenExaminer.attemptsMaximum) keys of one algorithm without a kid"
    case .decryptionSecretSigns: "a key that opens encrypted tokens is also a signing secret"
    case .tooManyDecryptionKeys:
      "there are more than \(DecryptionKey.countMaximum) keys that open encrypted tokens"
    case .equalSecrets:
      "access and refresh secret are equal; preset nest-dual-secret needs two different ones"
    case .badLifetime: "the lifetime must be between 1 second and 100 years"
    case .badLeeway: "the leeway must be between 0 and 1 hour"
    case .contradictoryType: "no token can be of this type and of this class"
    }
  }

  private var subject: String {
    switch source {
    case .secret: "the secret"
    case .previous: "the previous secret"
    case .keyFile: "the key"
    }
  }

  /// What to do about it.
  public var hint: String {
    switch kind {
    case .missingSecret:
      "add `secret ${JWT_ACCESS_SECRET};`, `key FILE;` or `jwks FILE;` to the access block"
    case .keyAsSecret: "write `key FILE;` for a public key: whoever knows it could forge tokens"
    case .fetchedSecret: "whoever reads the set could sign: let the issuer publish public keys"
    case .lonelyPrevious: "a previous secret helps tokens over a change of `secret`"
    case .previousIsCurrent: "put the old value here and the new one into `secret`"
    case .tooManyPrevious: "drop those that no living token was signed with"
    case .unfittingAlgorithms:
      "HS256 and its kin need a secret, RS256 and PS256 an RSA key, ES256 a P-256 key, ES384 P-384,"
        + " ES512 P-521, EdDSA an Ed25519 key"
    case .tooManyUnnamedKeys: "give them a kid each, in a JWK set"
    case .decryptionSecretSigns: "whoever encrypts could sign too: make another one"
    case .tooManyDecryptionKeys: "drop those that no living token was encrypted with"
    case .unknownAlgorithm: "add `algorithms RS256;`, or whichever its issuer signs with"
    case .shortSecret(_, let minimum) where minimum > 32:
      "make one with `gateway secret new --bytes \(minimum)`"
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
    case .missingSecret, .emptySecret, .undecodableSecret, .keyAsSecret, .fetchedSecret,
      .lonelyPrevious, .previousIsCurrent, .tooManyPrevious, .unfittingAlgorithms,
      .unknownAlgorithm,
      .tooManyUnnamedKeys, .decryptionSecretSigns, .tooManyDecryptionKeys, .equalSecrets,
      .badLifetime, .badLeeway,
      .contradictoryType:
      false
    }
  }
}

/// Everything wrong with a realm's definition: all faults, not only the first.
public struct RealmRejection: Error {
  /// The faults, in the order of the settings; never empty.
  public let faults: [RealmFault]
}
