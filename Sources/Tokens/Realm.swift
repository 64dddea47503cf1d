// A realm, compiled: who signs tokens, with which keys, for which classes.
//
// Built once per configuration, immutable afterwards, shared by all workers. Keys that both classes
// use are kept once, so that each distinct key is tried once per token and the rule "the key
// decides, unless it is shared" (DESIGN §5.4) is a property of the key; RealmKeys makes them.

import Bytes
import Crypto
import JSON
import Synchronization

/// The rules of one class.
struct ClassRules: Sendable {
  let lifetimeSeconds: Int64?
  let places: [TokenPlace]
  let requiredType: [UInt8]?
  /// What every token of the class must say, the realm's lines first; nil without any.
  let requirements: ClaimRequirements?
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

  /// Which making of a realm this is; never 0. What is remembered of one doesn't hold for another.
  public let serial: UInt32

  let issuer: [UInt8]?
  let audiences: [[UInt8]]
  let access: ClassRules
  let refresh: ClassRules
  /// True when the tokens of some class must say more than a route asks.
  public let hasRequirements: Bool
  /// Distinct keys, access keys first, and within a class current ones first.
  let keys: [VerificationKey]
  /// Keys that it may get back: its predecessors had them, and a fetched set is not known now.
  let absentKeys: [VerificationKey]
  /// Algorithms that some key has.
  let algorithmMask: UInt16
  /// What its fetched sets may bring; empty without one.
  let remoteKeys: RemoteKeys
  /// Algorithms that some key has or may get.
  let possibleAlgorithms: UInt16
  /// Keys that open encrypted tokens.
  let decryptionKeys: [DecryptionKey]
  /// True when some key can only be meant by its `kid`.
  let hasKeyIdentifiers: Bool
  /// How it signs tokens for its backends.
  let minting: MintRules

  /// Most absent keys: those of two full sets.
  static let absentKeysMaximum = 2 * KeyFile.keysMaximum

  private static let serials = Atomic<UInt32>(0)

  /// Compiles `definition`, or tells everything that is wrong with it.
  ///
  /// Where keys are replaced while the gateway runs, `predecessor` is the realm that this one takes
  /// the place of: what is counted of a key goes on for as long as the key is there.
  public init(
    _ definition: RealmDefinition, succeeding predecessor: Realm? = nil
  ) throws(RealmRejection) {
    var check = RealmKeys(definition, succeeding: predecessor)
    let keys = check.makeKeys()
    let weaknesses = check.faults.filter { $0.isWeakness && definition.admitsWeakSecrets }
    let faults = check.faults.filter { !($0.isWeakness && definition.admitsWeakSecrets) }
    guard faults.isEmpty else { throw RealmRejection(faults: faults) }
    self.keys = keys
    serial = Self.serials.wrappingAdd(1, ordering: .relaxed).newValue
    algorithmMask = keys.reduce(0) { $0 | $1.algorithm.mask }
    remoteKeys = RemoteKeys(definition)
    absentKeys = Self.absent(from: keys, after: predecessor, isIncomplete: remoteKeys.pending != 0)
    possibleAlgorithms = algorithmMask | remoteKeys.algorithms
    decryptionKeys = definition.decryptionKeys
    hasKeyIdentifiers = keys.contains { !$0.isUnnamed }
    self.weaknesses = weaknesses
    name = definition.name
    index = definition.index
    preset = definition.preset
    leewaySeconds = definition.leewaySeconds
    hasRefreshClass = definition.refresh != nil
    issuer = definition.issuer.map { Array($0.utf8) }
    audiences = definition.audiences.map { Array($0.utf8) }
    minting = MintRules(definition, keys)
    access = Self.rules(definition.access, .access, definition.preset)
    refresh = Self.rules(definition.refresh ?? ClassDefinition(), .refresh, definition.preset)
    hasRequirements = access.requirements != nil || refresh.requirements != nil
  }

  /// True when keys of it are fetched.
  public var hasRemoteKeys: Bool { remoteKeys.algorithms != 0 }

  /// True while a set that is to be fetched is not known: a token that no key signed may be good.
  public var isIncomplete: Bool { remoteKeys.pending != 0 }

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

  /// A signer with the first key of a class that can sign and never ends, nil when there is none:
  /// tools and tests.
  public func makeSigner(for tokenClass: TokenClass) -> TokenSigner? {
    guard tokenClass == .access || hasRefreshClass else { return nil }
    for key in keys where key.signs(tokenClass, at: .max - 1) {
      let source = TokenKey(key.source, identifier: key.identifiers.first)
      if let signer = TokenSigner(source, key.algorithm) { return signer }
    }
    return nil
  }

  /// The algorithm of the tokens that the realm mints for a class, nil when it has no key that signs
  /// them (`previous` never does).
  public func mintingAlgorithm(_ use: MintedUse, _ tokenClass: TokenClass) -> TokenAlgorithm? {
    minting.signer(use, tokenClass)?.algorithm
  }

  /// For how many seconds the tokens that the realm mints are good from the moment when they are made.
  public var mintedLifetimeSeconds: Int64 { minting.validSeconds }

  /// How a person would name a key, by its index in TokenFacts: `ES256 "one"`.
  public func keyText(_ index: Int) -> String {
    guard keys.indices.contains(index) else { return "" }
    let key = keys[index]
    let names = key.identifiers.map { " " + JSONText.quoted(String(lossy: $0.span)) }
    return "\(key.algorithm.name)" + names.joined(separator: ",")
  }

  /// True when some key is in both realms: then it can't tell whose a token is.
  public func sharesKey(with other: Realm) -> Bool {
    keys.contains { key in other.keys.contains { $0.source.equals(key.source) } }
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

  /// What every token of a class must say, nil where nothing is asked.
  public func requirements(_ tokenClass: TokenClass) -> ClaimRequirements? {
    rules(tokenClass).requirements
  }

  private static func absent(
    from keys: [VerificationKey], after predecessor: Realm?, isIncomplete: Bool
  ) -> [VerificationKey] {
    guard isIncomplete, let predecessor else { return [] }
    let absent = (predecessor.keys + predecessor.absentKeys).filter { former in
      !keys.contains { $0.use === former.use }
    }
    return Array(absent.prefix(absentKeysMaximum))
  }

  private static func rules(
    _ definition: ClassDefinition, _ tokenClass: TokenClass, _ preset: TokenPreset
  ) -> ClassRules {
    ClassRules(
      lifetimeSeconds: definition.lifetimeSeconds,
      places: definition.places ?? preset.places(tokenClass),
      requiredType: definition.requiredType.map { Array($0.utf8) },
      requirements: definition.requirements.isEmpty
        ? nil : ClaimRequirements(definition.requirements))
  }
}
