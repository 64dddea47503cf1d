// One key of a compiled realm: material, the one algorithm it may be used with, its names, and how
// long it counts for each class.
//
// A key that both classes use is kept once. Two things are told apart: for which classes a key
// counts (`accessEnd`, `refreshEnd`), and whether the same material is in both classes under any
// algorithm (`isShared`), in which case it can't decide the class and the `type` claim must.
//
// Immutable, shared by all workers.

import Bytes
import Crypto

/// What a key is made of. Whatever switches over it stops compiling until it knows a new case.
enum KeyMaterial: Sendable {
  case mac(HMACKey)
  case signature(PublicKey, SignatureScheme)
}

/// One key of a realm, with the algorithm it alone may be used with.
final class VerificationKey: Sendable {
  let algorithm: TokenAlgorithm
  let material: KeyMaterial
  /// What it was made from: for signing, and for comparing at load.
  let source: TokenKey.Material
  /// True when the same material is also in the other class.
  let isShared: Bool
  /// Names that a token's `kid` may have.
  let identifiers: [[UInt8]]
  /// True when it is tried whatever `kid` a token has.
  let isUnnamed: Bool
  /// First second at which it no longer counts; `Int64.max` for ever, `Int64.min` never.
  let accessEnd: Int64
  let refreshEnd: Int64
  /// The later of the two.
  let end: Int64
  /// Which of the settings of each class it comes from.
  private let accessSource: RealmFault.Source
  private let refreshSource: RealmFault.Source
  /// What a verification costs with a key pair (`SignatureCost`); 0 for a secret.
  let units: Int
  /// What it was used for.
  let use: KeyUse

  init(_ draft: KeyDraft, use: KeyUse) {
    self.use = use
    algorithm = draft.algorithm
    source = draft.material
    isShared = draft.isShared
    identifiers = draft.identifiers
    isUnnamed = draft.isUnnamed
    accessEnd = draft.accessEnd
    refreshEnd = draft.refreshEnd
    end = Swift.max(draft.accessEnd, draft.refreshEnd)
    accessSource = draft.accessSource
    refreshSource = draft.refreshSource
    material = draft.keyMaterial
    units =
      switch material {
      case .mac: 0
      case .signature(let key, _): key.kind.verificationUnits
      }
  }

  /// True when the key counts for a class at a time.
  func signs(_ tokenClass: TokenClass, at nowSeconds: Int64) -> Bool {
    nowSeconds < end(of: tokenClass)
  }

  /// First second at which it no longer counts for a class.
  func end(of tokenClass: TokenClass) -> Int64 {
    tokenClass == .access ? accessEnd : refreshEnd
  }

  /// Which of a class's settings it comes from: `secret`, `previous 1`, `key file 2`.
  func place(of tokenClass: TokenClass) -> String {
    switch tokenClass == .access ? accessSource : refreshSource {
    case .secret: "secret"
    case .previous(let index): "previous \(index + 1)"
    case .keyFile(let index): "key file \(index + 1)"
    }
  }

  /// True for the current secret of a class.
  func isSecret(of tokenClass: TokenClass) -> Bool {
    switch tokenClass == .access ? accessSource : refreshSource {
    case .secret: true
    case .previous, .keyFile: false
    }
  }

  /// True when a token's `kid` may mean this key.
  func isNamed(_ identifier: Span<UInt8>) -> Bool { spells(identifier) || isUnnamed }

  /// True when it is one of the key's own names.
  func spells(_ identifier: Span<UInt8>) -> Bool {
    for index in identifiers.indices where Self.areEqual(identifier, identifiers[index]) {
      return true
    }
    return false
  }

  private static func areEqual(_ one: Span<UInt8>, _ two: [UInt8]) -> Bool { one.equals(two.span) }

  /// True when `signature` was made over `signingInput` with this key.
  func verifies(_ signature: Span<UInt8>, over signingInput: Span<UInt8>) -> Bool {
    switch material {
    case .mac(let key): key.verify(signature, of: signingInput)
    case .signature(let key, let scheme): key.verifies(signature, of: signingInput, with: scheme)
    }
  }
}

/// A key that is being put together from what the classes say.
struct KeyDraft {
  let material: TokenKey.Material
  let algorithm: TokenAlgorithm
  var identifiers: [[UInt8]] = []
  var isUnnamed = false
  var isShared = false
  var accessEnd = Int64.min
  var refreshEnd = Int64.min
  var accessSource: RealmFault.Source
  var refreshSource: RealmFault.Source

  /// Takes a key for one class.
  init(
    _ material: TokenKey.Material, _ algorithm: TokenAlgorithm, identifier: [UInt8]? = nil,
    _ tokenClass: TokenClass, _ source: RealmFault.Source, end: Int64 = .max
  ) {
    self.material = material
    accessSource = source
    refreshSource = source
    self.algorithm = algorithm
    if let identifier { identifiers = [identifier] } else { isUnnamed = true }
    if tokenClass == .access { accessEnd = end } else { refreshEnd = end }
  }

  /// Adds what another draft of the same key says.
  mutating func merge(_ other: KeyDraft) {
    for identifier in other.identifiers where !identifiers.contains(identifier) {
      identifiers.append(identifier)
    }
    isUnnamed = isUnnamed || other.isUnnamed
    // Where one class names it twice, the place that counts longest is the one to be told.
    if other.accessEnd > accessEnd { accessSource = other.accessSource }
    if other.refreshEnd > refreshEnd { refreshSource = other.refreshSource }
    accessEnd = Swift.max(accessEnd, other.accessEnd)
    refreshEnd = Swift.max(refreshEnd, other.refreshEnd)
  }

  /// The key in the form that verifies. Algorithm and material fit: `TokenKey.algorithms` chose.
  fileprivate var keyMaterial: KeyMaterial {
    switch (material, algorithm.method) {
    case (.secret(let secret), .mac(let hash)): .mac(HMACKey(hash, secret: secret))
    case (.publicKey(let key), .signature(let scheme)): .signature(key, scheme)
    case (.privateKey(let key), .signature(let scheme)): .signature(key.publicKey, scheme)
    case (.secret, .signature), (.publicKey, .mac), (.privateKey, .mac):
      preconditionFailure("TokenKey.algorithms gives a key no algorithm of another family")
    }
  }
}
