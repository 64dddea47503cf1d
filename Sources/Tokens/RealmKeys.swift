// From a realm's definition to its keys: one walk that collects every fault and makes the keys.
//
// A key is a material with one algorithm. Where `algorithms` names several that fit, the material
// becomes several keys; where both classes name the same one, it becomes one key that counts for
// both. A material that is in both classes under any algorithm can't decide the class: otherwise
// one secret under HS256 and HS512 would look like two, and a token without `type` would be a
// refresh token because its signer chose the other hash.

import Bytes
import Crypto

/// The keys of a definition, and what is wrong with it.
struct RealmKeys {
  private let definition: RealmDefinition
  private let predecessor: Realm?
  private(set) var faults: [RealmFault] = []

  /// A hundred years in seconds: sums with any time a token can say stay far from overflow.
  static let lifetimeSecondsMaximum: Int64 = 100 * 366 * 86400
  static let leewaySecondsMaximum: Int64 = 3600

  init(_ definition: RealmDefinition, succeeding predecessor: Realm?) {
    self.definition = definition
    self.predecessor = predecessor
  }

  /// The keys, access keys first; faults are noted.
  mutating func makeKeys() -> [VerificationKey] {
    if definition.leewaySeconds < 0 || definition.leewaySeconds > Self.leewaySecondsMaximum {
      faults.append(RealmFault(kind: .badLeeway, tokenClass: nil))
    }
    if definition.decryptionKeys.count > DecryptionKey.countMaximum {
      faults.append(RealmFault(kind: .tooManyDecryptionKeys, tokenClass: nil))
    }
    checkLifetime(definition.access, .access)
    checkTypes()
    let access = drafts(definition.access, .access)
    checkDecryption(access)
    guard let rules = definition.refresh else {
      checkNames(access)
      return access.map(key)
    }
    checkLifetime(rules, .refresh)
    var refresh: [KeyDraft]
    if rules.secret == nil, rules.keySources.isEmpty {
      if !rules.previousSecrets.isEmpty { note(.lonelyPrevious, .refresh, .previous(0)) }
      refresh = access.map { draft in
        var heir = draft
        (heir.accessEnd, heir.refreshEnd) = (.min, draft.accessEnd)
        return heir
      }
    } else {
      refresh = drafts(rules, .refresh)
      checkDecryption(refresh)
    }
    let isShared = refresh.contains { one in
      access.contains { $0.material.equals(one.material) }
    }
    if definition.preset == .nestDualSecret, isShared { note(.equalSecrets, .refresh) }
    let keys = Self.join(access, refresh)
    checkNames(keys)
    return keys.map(key)
  }

  /// A key with the counts that its like had in the realm before.
  private func key(_ draft: KeyDraft) -> VerificationKey {
    func isSame(_ key: VerificationKey) -> Bool {
      key.algorithm == draft.algorithm && key.source.equals(draft.material)
    }
    let same =
      predecessor?.keys.first(where: isSame) ?? predecessor?.absentKeys.first(where: isSame)
    return VerificationKey(draft, use: same?.use ?? KeyUse())
  }

  /// Refuses keys that might never be tried.
  private mutating func checkNames(_ keys: [KeyDraft]) {
    for algorithm in TokenAlgorithm.allCases where algorithm.isAsymmetric {
      let count = keys.count { $0.algorithm == algorithm && $0.isUnnamed }
      if count > TokenExaminer.attemptsMaximum {
        faults.append(RealmFault(kind: .tooManyUnnamedKeys, tokenClass: nil))
        return
      }
    }
  }

  /// Both classes' keys, each distinct one once, marked where its material is in both.
  private static func join(_ access: [KeyDraft], _ refresh: [KeyDraft]) -> [KeyDraft] {
    var keys: [KeyDraft] = []
    for (draft, others) in access.map({ ($0, refresh) }) + refresh.map({ ($0, access) }) {
      let same = keys.firstIndex {
        $0.algorithm == draft.algorithm && $0.material.equals(draft.material)
      }
      if let same {
        keys[same].merge(draft)
      } else {
        var key = draft
        key.isShared = others.contains { $0.material.equals(draft.material) }
        keys.append(key)
      }
    }
    return keys
  }

  // MARK: One class

  private mutating func drafts(_ rules: ClassDefinition, _ tokenClass: TokenClass) -> [KeyDraft] {
    if rules.secret == nil, rules.keySources.isEmpty { note(.missingSecret, tokenClass) }
    var drafts: [KeyDraft] = []
    var current: [SecretBytes] = []
    if let secret = rules.secret {
      drafts += self.drafts(secret, rules, tokenClass, .secret, end: .max, besides: &current)
    } else if !rules.previousSecrets.isEmpty {
      note(.lonelyPrevious, tokenClass, .previous(0))
    }
    for (index, source) in rules.keySources.enumerated() {
      drafts += self.drafts(source, rules, tokenClass, .keyFile(index))
    }
    if rules.previousSecrets.count > ClassDefinition.previousSecretsMaximum {
      note(.tooManyPrevious, tokenClass, .previous(ClassDefinition.previousSecretsMaximum))
    } else if rules.secret != nil {
      for (index, previous) in rules.previousSecrets.enumerated() {
        drafts += self.drafts(
          previous.secret, rules, tokenClass, .previous(index), end: previous.endSeconds,
          besides: &current)
      }
    }
    return drafts
  }

  /// A secret's keys; `known` are the class's secrets so far, none of which it may be.
  private mutating func drafts(
    _ configured: SecretDefinition, _ rules: ClassDefinition, _ tokenClass: TokenClass,
    _ source: RealmFault.Source, end: Int64, besides known: inout [SecretBytes]
  ) -> [KeyDraft] {
    let algorithms = (rules.algorithms ?? [.hs256]).filter(\.isSymmetric)
    if algorithms.isEmpty { note(.unfittingAlgorithms, tokenClass, source) }
    let minimum = algorithms.map(\.secretBytesMinimum).max() ?? 0
    guard let secret = secret(configured, minimum, tokenClass, source) else { return [] }
    if known.contains(where: { $0.equals(secret) }) {
      note(.previousIsCurrent, tokenClass, source)
      return []
    }
    known.append(secret)
    return algorithms.map { KeyDraft(.secret(secret), $0, tokenClass, source, end: end) }
  }

  /// A fetched set's keys, and none while it is not known; a file's.
  private mutating func drafts(
    _ keys: KeySource, _ rules: ClassDefinition, _ tokenClass: TokenClass,
    _ source: RealmFault.Source
  ) -> [KeyDraft] {
    if keys.isRemote {
      // No set could ever bring a key for the class.
      if let allowed = rules.algorithms, allowed.allSatisfy(\.isSymmetric) {
        note(.unfittingAlgorithms, tokenClass, source)
        return []
      }
      if keys.known?.keys.contains(where: \.isSecret) ?? false {
        note(.fetchedSecret, tokenClass, source)
        return []
      }
    }
    guard let file = keys.known else { return [] }
    return drafts(file, rules, tokenClass, source)
  }

  /// A file's keys. Those of a set that `algorithms` leaves out are left out; a file of which
  /// nothing is left is a fault.
  private mutating func drafts(
    _ file: KeyFile, _ rules: ClassDefinition, _ tokenClass: TokenClass, _ source: RealmFault.Source
  ) -> [KeyDraft] {
    var drafts: [KeyDraft] = []
    var isUndecided = false
    for key in file.keys {
      let algorithms = key.algorithms(allowed: rules.algorithms)
      isUndecided = isUndecided || (algorithms.isEmpty && rules.algorithms == nil)
      drafts += algorithms.map {
        KeyDraft(key.material, $0, identifier: key.identifier, tokenClass, source)
      }
    }
    if isUndecided {
      note(.unknownAlgorithm, tokenClass, source)
    } else if drafts.isEmpty {
      note(.unfittingAlgorithms, tokenClass, source)
    }
    return drafts
  }

  // MARK: Rules

  private mutating func note(
    _ kind: RealmFault.Kind, _ tokenClass: TokenClass, _ source: RealmFault.Source = .secret
  ) {
    faults.append(RealmFault(kind: kind, tokenClass: tokenClass, source: source))
  }

  private mutating func checkLifetime(_ rules: ClassDefinition, _ tokenClass: TokenClass) {
    guard let lifetime = rules.lifetimeSeconds else { return }
    if lifetime < 1 || lifetime > Self.lifetimeSecondsMaximum { note(.badLifetime, tokenClass) }
  }

  private mutating func checkDecryption(_ drafts: [KeyDraft]) {
    for key in definition.decryptionKeys {
      for case .secret(let secret) in drafts.map(\.material) where key.equals(secret) {
        faults.append(RealmFault(kind: .decryptionSecretSigns, tokenClass: nil))
      }
    }
  }

  /// `type: refresh` is never an access token and `type: access` never a refresh token, in any
  /// letter case; a class that required such a type would refuse everything.
  private mutating func checkTypes() {
    let access = definition.access.requiredType?.lowercased()
    let refresh = definition.refresh?.requiredType?.lowercased()
    if access == "refresh" || access == "" { note(.contradictoryType, .access) }
    if refresh == "access" || refresh == "" || (refresh != nil && refresh == access) {
      note(.contradictoryType, .refresh)
    }
  }

  /// A secret's key bytes, nil when there are none; faults are noted.
  private mutating func secret(
    _ configured: SecretDefinition, _ minimum: Int, _ tokenClass: TokenClass,
    _ source: RealmFault.Source
  ) -> SecretBytes? {
    // A public key as a secret would let everybody sign. Text and decoded bytes are both asked.
    let key = configured.text.withBytes { configured.encoding.decode($0) }
    if configured.text.withBytes({ PEMKey.looksLikeKey($0) })
      || key?.withBytes({ PEMKey.looksLikeKey($0) }) ?? false
    {
      note(.keyAsSecret, tokenClass, source)
      return nil
    }
    // A published value is known in every encoding: the text is judged before it is decoded.
    let text = configured.text.withBytes { SecretStrength.judge($0, minimum: 0) }
    if text == .knownDefault { note(.knownSecret, tokenClass, source) }
    guard let key else {
      note(.undecodableSecret(configured.encoding), tokenClass, source)
      return nil
    }
    switch key.withBytes({ SecretStrength.judge($0, minimum: minimum) }) {
    case .empty:
      note(.emptySecret, tokenClass, source)
      return nil
    case .knownDefault where text != .knownDefault: note(.knownSecret, tokenClass, source)
    case .short(let count) where text != .knownDefault:
      note(.shortSecret(byteCount: count, minimum: minimum), tokenClass, source)
    case .knownDefault, .short, .ok: break
    }
    return key
  }
}
