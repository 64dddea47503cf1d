// Signature algorithms and the keys that fix them.
//
// The algorithm comes from the key, never from the token (RFC 8725 §3.1; CVE-2015-9235 and its
// descendants): a token only gets to match a key's algorithm. More families (RSA, ECDSA, EdDSA)
// join as cases of `KeyMaterial`; whatever switches over it stops compiling until it knows them.

import Bytes
import Crypto

/// A JWS algorithm (RFC 7518 §3.1).
public enum TokenAlgorithm: UInt8, Sendable, CaseIterable {
  /// HMAC-SHA256.
  case hs256
  /// HMAC-SHA384.
  case hs384
  /// HMAC-SHA512.
  case hs512

  /// The value of `alg`. Compared with case.
  public var name: StaticString {
    switch self {
    case .hs256: "HS256"
    case .hs384: "HS384"
    case .hs512: "HS512"
    }
  }

  /// The algorithm called `name`, with case, or nil.
  public init?(_ name: Span<UInt8>) {
    for algorithm in Self.allCases where name.equals(algorithm.name) {
      self = algorithm
      return
    }
    return nil
  }

  /// Smallest secret in bytes: the size of the hash (RFC 7518 §3.2).
  public var secretBytesMinimum: Int { macAlgorithm.byteCount }

  var macAlgorithm: MACAlgorithm {
    switch self {
    case .hs256: .sha256
    case .hs384: .sha384
    case .hs512: .sha512
    }
  }
}

/// What a key is made of.
enum KeyMaterial: Sendable {
  case mac(HMACKey)
}

/// One key of a realm, with the algorithm it alone may be used with.
final class VerificationKey: Sendable {
  let algorithm: TokenAlgorithm
  /// The classes that this key signs. A key of both can't decide the class: the `type` claim must.
  let classes: ClassSet
  let material: KeyMaterial
  /// The secret itself, for signing and for comparing at load.
  let secret: SecretBytes

  init(_ algorithm: TokenAlgorithm, secret: SecretBytes, classes: ClassSet) {
    self.algorithm = algorithm
    self.classes = classes
    self.secret = secret
    material = .mac(HMACKey(algorithm.macAlgorithm, secret: secret))
  }

  /// True when `signature` was made over `signingInput` with this key.
  func verifies(_ signature: Span<UInt8>, over signingInput: Span<UInt8>) -> Bool {
    switch material {
    case .mac(let key): key.verify(signature, of: signingInput)
    }
  }
}
