// The signature schemes of RFC 7518 §3 and RFC 8037, and which key each may be used with.

import COpenSSL

/// What kind of key it is, as far as signatures are concerned.
public enum KeyKind: Sendable, Equatable {
  /// RSA with a modulus of so many bits.
  case rsa(bitCount: Int)
  /// The curve P-256.
  case p256
  /// The curve P-384.
  case p384
  /// The curve P-521.
  case p521
  /// Ed25519.
  case ed25519

  /// Exact size of a signature: an RSA modulus, or R and S side by side.
  public var signatureByteCount: Int {
    switch self {
    case .rsa(let bitCount): (bitCount + 7) / 8
    case .p256: 64
    case .p384: 96
    case .p521: 132
    case .ed25519: 64
    }
  }
}

/// How a signature is made: family, padding, hash.
public enum SignatureScheme: UInt8, Sendable, CaseIterable {
  /// RSASSA-PKCS1-v1_5 with SHA-256.
  case rsaPKCS1SHA256
  /// RSASSA-PKCS1-v1_5 with SHA-384.
  case rsaPKCS1SHA384
  /// RSASSA-PKCS1-v1_5 with SHA-512.
  case rsaPKCS1SHA512
  /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
  case rsaPSSSHA256
  /// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes.
  case rsaPSSSHA384
  /// RSASSA-PSS with SHA-512, MGF1 with SHA-512 and a salt of 64 bytes.
  case rsaPSSSHA512
  /// ECDSA on P-256 with SHA-256.
  case ecdsaP256SHA256
  /// ECDSA on P-384 with SHA-384.
  case ecdsaP384SHA384
  /// ECDSA on P-521 with SHA-512.
  case ecdsaP521SHA512
  /// Ed25519 (RFC 8032), without a prehash.
  case ed25519

  /// True when a key of this kind may be used.
  public func fits(_ kind: KeyKind) -> Bool {
    switch (self, kind) {
    case (.rsaPKCS1SHA256, .rsa), (.rsaPKCS1SHA384, .rsa), (.rsaPKCS1SHA512, .rsa),
      (.rsaPSSSHA256, .rsa), (.rsaPSSSHA384, .rsa), (.rsaPSSSHA512, .rsa),
      (.ecdsaP256SHA256, .p256), (.ecdsaP384SHA384, .p384), (.ecdsaP521SHA512, .p521),
      (.ed25519, .ed25519):
      true
    default: false
    }
  }

  var isPSS: Bool {
    self == .rsaPSSSHA256 || self == .rsaPSSSHA384 || self == .rsaPSSSHA512
  }

  var isECDSA: Bool {
    self == .ecdsaP256SHA256 || self == .ecdsaP384SHA384 || self == .ecdsaP521SHA512
  }

  /// OpenSSL's constant for the hash; nil for Ed25519, which hashes itself.
  @unsafe var digest: OpaquePointer? {
    switch self {
    case .rsaPKCS1SHA256, .rsaPSSSHA256, .ecdsaP256SHA256: unsafe EVP_sha256()
    case .rsaPKCS1SHA384, .rsaPSSSHA384, .ecdsaP384SHA384: unsafe EVP_sha384()
    case .rsaPKCS1SHA512, .rsaPSSSHA512, .ecdsaP521SHA512: unsafe EVP_sha512()
    case .ed25519: nil
    }
  }
}
