// A key before it belongs to a realm: what it is made of, and what its file says about it.
//
// Shared secrets and public keys never mix: a secret has the algorithms of a MAC, a public key those
// of its kind, and nothing turns one into the other (CVE-2015-9235, CVE-2022-29217).

import Crypto

/// One key from a configuration or a file.
public struct TokenKey: Sendable {
  /// What it is made of.
  public enum Material: Sendable {
    /// A shared secret.
    case secret(SecretBytes)
    /// The half that verifies.
    case publicKey(PublicKey)
    /// Both halves.
    case privateKey(PrivateKey)

    /// True when both are the same key; a private key is the same as its public half.
    func equals(_ other: Material) -> Bool {
      switch (self, other) {
      case (.secret(let one), .secret(let two)): one.equals(two)
      case (.secret, _), (_, .secret): false
      default:
        if let one = publicHalf, let two = other.publicHalf { one.equals(two) } else { false }
      }
    }

    private var publicHalf: PublicKey? {
      switch self {
      case .secret: nil
      case .publicKey(let key): key
      case .privateKey(let key): key.publicKey
      }
    }

    fileprivate func takes(_ algorithm: TokenAlgorithm) -> Bool {
      guard let publicHalf else { return algorithm.isSymmetric }
      return algorithm.fits(publicHalf.kind)
    }
  }

  /// What it is made of.
  public let material: Material
  /// The `alg` of a JWK, which fits the key; nil where nothing is said.
  public let algorithm: TokenAlgorithm?
  /// The `kid` of a JWK.
  public let identifier: [UInt8]?

  /// Takes a key. An algorithm that doesn't fit it is the caller's mistake.
  public init(
    _ material: Material, algorithm: TokenAlgorithm? = nil, identifier: [UInt8]? = nil
  ) {
    precondition(algorithm.map { material.takes($0) } ?? true, "JSONWebKey checks the fit")
    self.material = material
    self.algorithm = algorithm
    self.identifier = identifier
  }

  /// True for a shared secret.
  public var isSecret: Bool {
    switch material {
    case .secret: true
    case .publicKey, .privateKey: false
    }
  }

  private func isLongEnough(for algorithm: TokenAlgorithm) -> Bool {
    switch material {
    case .secret(let secret): secret.count >= algorithm.secretBytesMinimum
    case .publicKey, .privateKey: true
    }
  }

  /// Every algorithm that fits the key, whatever its file says.
  public var fittingAlgorithms: [TokenAlgorithm] {
    TokenAlgorithm.allCases.filter { material.takes($0) }
  }

  /// The algorithms that it is to be used with: the file's `alg`, else those that the configuration
  /// allows, else the only one that there is for its curve. Empty when nothing says it, or when the
  /// file and the configuration contradict each other.
  public func algorithms(allowed: [TokenAlgorithm]?) -> [TokenAlgorithm] {
    if let algorithm { return allowed?.contains(algorithm) ?? true ? [algorithm] : [] }
    // A secret that is shorter than a hash is no key for it (RFC 7518 §3.2).
    let fitting = fittingAlgorithms.filter { isLongEnough(for: $0) }
    if let allowed { return fitting.filter(allowed.contains) }
    return fitting.count == 1 ? fitting : []
  }
}
