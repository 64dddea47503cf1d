// A realm, compiled: who signs tokens, with which keys, for which classes.
//
// Built once per configuration, immutable afterwards, shared by all workers. Keys that both classes
// use are kept once and marked with both, so that each distinct key is tried once per token and the
// rule "the key decides, unless it is shared" (DESIGN §5.4) is a property of the key.

import Bytes
import Crypto

/// The rules of one class.
struct ClassRules: Sendable {
  let lifetimeSeconds: Int64?
  let places: [TokenPlace]
  let requiredType: [UInt8]?
}

/// A compiled realm.
public final class Realm: Sendable {
  /// The realm's name.
  public let name: String
  /// Position among the realms.
  public let index: Int
  /// The preset it was made from.
  public let preset: TokenPreset
  /// Clock difference that is forgiven, in seconds.
  public let leewaySeconds: Int64
  /// False when no token of this realm is a refresh token.
  public let hasRefreshClass: Bool
  /// Weak secrets that `weak_secrets allow` admitted: to be warned about at start and in `status`.
  public let weaknesses: [RealmFault]

  let issuer: [UInt8]?
  let audiences: [[UInt8]]
  let access: ClassRules
  let refresh: ClassRules
  /// Distinct keys, access keys first.
  let keys: [VerificationKey]

  /// Compiles `definition`, or tells everything that is wrong with it.
  public init(_ definition: RealmDefinition) throws(RealmRejection) {
    var check = RealmCheck(definition)
    let keys = check.makeKeys()
    let weaknesses = check.faults.filter { $0.isWeakness && definition.admitsWeakSecrets }
    let faults = check.faults.filter { !($0.isWeakness && definition.admitsWeakSecrets) }
    guard faults.isEmpty else { throw RealmRejection(faults: faults) }
    self.keys = keys
    self.weaknesses = weaknesses
    name = definition.name
    index = definition.index
    preset = definition.preset
    leewaySeconds = definition.leewaySeconds
    hasRefreshClass = definition.refresh != nil
    issuer = definition.issuer.map { Array($0.utf8) }
    audiences = definition.audiences.map { Array($0.utf8) }
    access = Self.rules(definition.access, .access, definition.preset)
    refresh = Self.rules(definition.refresh ?? ClassDefinition(), .refresh, definition.preset)
  }

  /// Places of a class's tokens, in the order of reading.
  public func places(_ tokenClass: TokenClass) -> [TokenPlace] { rules(tokenClass).places }

  /// The longest life of a class's tokens, nil without a limit.
  public func lifetimeSeconds(_ tokenClass: TokenClass) -> Int64? {
    rules(tokenClass).lifetimeSeconds
  }

  /// How long a revocation must be kept when nothing is known about the token: the longest
  /// lifetime, nil when a class has no limit.
  public var longestLifetimeSeconds: Int64? {
    guard let access = access.lifetimeSeconds else { return nil }
    guard hasRefreshClass else { return access }
    guard let refresh = refresh.lifetimeSeconds else { return nil }
    return Swift.max(access, refresh)
  }

  /// A signer with the first key of a class, nil when the realm has no such class: tools and tests.
  public func makeSigner(for tokenClass: TokenClass) -> TokenSigner? {
    guard tokenClass == .access || hasRefreshClass else { return nil }
    let key = keys.first { $0.classes.includes(tokenClass) }
    return key.map { TokenSigner($0.algorithm, secret: $0.secret) }
  }

  /// The only accepted `iss`, nil for any: for signing tokens that this realm takes.
  public var issuerText: String? { issuer.map { String(decoding: $0, as: UTF8.self) } }

  /// The accepted `aud` values, empty for any.
  public var audienceTexts: [String] { audiences.map { String(decoding: $0, as: UTF8.self) } }

  /// The `type` that a token of a class is to say.
  public func typeText(_ tokenClass: TokenClass) -> String {
    rules(tokenClass).requiredType.map { String(decoding: $0, as: UTF8.self) }
      ?? "\(tokenClass.name)"
  }

  func rules(_ tokenClass: TokenClass) -> ClassRules {
    tokenClass == .access ? access : refresh
  }

  private static func rules(
    _ definition: ClassDefinition, _ tokenClass: TokenClass, _ preset: TokenPreset
  ) -> ClassRules {
    ClassRules(
      lifetimeSeconds: definition.lifetimeSeconds,
      places: definition.places ?? preset.places(tokenClass),
      requiredType: definition.requiredType.map { Array($0.utf8) })
  }
}

/// One walk over a definition that collects faults and makes keys.
private struct RealmCheck {
  let definition: RealmDefinition
  var faults: [RealmFault] = []

  /// A hundred years in seconds: sums with any time a token can say stay far from overflow.
  static let lifetimeSecondsMaximum: Int64 = 100 * 366 * 86400
  static let leewaySecondsMaximum: Int64 = 3600

  init(_ definition: RealmDefinition) { self.definition = definition }

  mutating func makeKeys() -> [VerificationKey] {
    if definition.leewaySeconds < 0 || definition.leewaySeconds > Self.leewaySecondsMaximum {
      faults.append(RealmFault(kind: .badLeeway, tokenClass: nil))
    }
    checkLifetime(definition.access, .access)
    checkTypes()
    let access = secret(definition.access, .access)
    guard let refresh = definition.refresh else {
      return access.map {
        [VerificationKey(definition.access.algorithm, secret: $0, classes: .access)]
      }
        ?? []
    }
    checkLifetime(refresh, .refresh)
    let own = refresh.secret == nil ? nil : secret(refresh, .refresh)
    guard let access else { return [] }
    let hasEqualSecrets = refresh.secret == nil || own?.equals(access) ?? false
    if definition.preset == .nestDualSecret, hasEqualSecrets {
      faults.append(RealmFault(kind: .equalSecrets, tokenClass: .refresh))
    }
    if hasEqualSecrets, refresh.secret == nil || refresh.algorithm == definition.access.algorithm {
      return [
        VerificationKey(
          definition.access.algorithm, secret: access, classes: [.access, .refresh])
      ]
    }
    var keys = [VerificationKey(definition.access.algorithm, secret: access, classes: .access)]
    if let own { keys.append(VerificationKey(refresh.algorithm, secret: own, classes: .refresh)) }
    return keys
  }

  private mutating func checkLifetime(_ rules: ClassDefinition, _ tokenClass: TokenClass) {
    guard let lifetime = rules.lifetimeSeconds else { return }
    if lifetime < 1 || lifetime > Self.lifetimeSecondsMaximum {
      faults.append(RealmFault(kind: .badLifetime, tokenClass: tokenClass))
    }
  }

  /// `type: refresh` is never an access token and `type: access` never a refresh token, in any
  /// letter case; a class that required such a type would refuse everything.
  private mutating func checkTypes() {
    let access = definition.access.requiredType?.lowercased()
    let refresh = definition.refresh?.requiredType?.lowercased()
    if access == "refresh" || access == "" {
      faults.append(RealmFault(kind: .contradictoryType, tokenClass: .access))
    }
    if refresh == "access" || refresh == "" || (refresh != nil && refresh == access) {
      faults.append(RealmFault(kind: .contradictoryType, tokenClass: .refresh))
    }
  }

  /// The class's key bytes, nil when there are none; faults are noted.
  private mutating func secret(_ rules: ClassDefinition, _ tokenClass: TokenClass) -> SecretBytes? {
    guard let configured = rules.secret else {
      faults.append(RealmFault(kind: .missingSecret, tokenClass: tokenClass))
      return nil
    }
    let minimum = rules.algorithm.secretBytesMinimum
    func note(_ kind: RealmFault.Kind) {
      faults.append(RealmFault(kind: kind, tokenClass: tokenClass))
    }
    // A published value is known in every encoding: the text is judged before it is decoded.
    let text = configured.text.withBytes { SecretStrength.judge($0, minimum: 0) }
    if text == .knownDefault { note(.knownSecret) }
    guard let key = configured.text.withBytes({ configured.encoding.decode($0) }) else {
      note(.undecodableSecret(configured.encoding))
      return nil
    }
    switch key.withBytes({ SecretStrength.judge($0, minimum: minimum) }) {
    case .empty:
      note(.emptySecret)
      return nil
    case .knownDefault where text != .knownDefault: note(.knownSecret)
    case .short(let count) where text != .knownDefault:
      note(.shortSecret(byteCount: count, minimum: minimum))
    case .knownDefault, .short, .ok: break
    }
    return key
  }
}
