// Signature algorithms (RFC 7518 §3, RFC 8037) and the kind of key that each needs.
//
// The algorithm comes from the key, never from the token (RFC 8725 §3.1; CVE-2015-9235 and its
// descendants): a token only gets to match a key's algorithm.

import Bytes
import Crypto

/// A JWS algorithm.
public enum TokenAlgorithm: UInt8, Sendable, CaseIterable {
  /// HMAC-SHA256.
  case hs256
  /// HMAC-SHA384.
  case hs384
  /// HMAC-SHA512.
  case hs512
  /// RSASSA-PKCS1-v1_5 with SHA-256.
  case rs256
  /// RSASSA-PKCS1-v1_5 with SHA-384.
  case rs384
  /// RSASSA-PKCS1-v1_5 with SHA-512.
  case rs512
  /// RSASSA-PSS with SHA-256.
  case ps256
  /// RSASSA-PSS with SHA-384.
  case ps384
  /// RSASSA-PSS with SHA-512.
  case ps512
  /// ECDSA on P-256 with SHA-256.
  case es256
  /// ECDSA on P-384 with SHA-384.
  case es384
  /// ECDSA on P-521 with SHA-512.
  case es512
  /// Ed25519. The name `EdDSA` covers Ed448 too, which is not supported; RFC 9864 names it `Ed25519`,
  /// which means the same here.
  case edDSA

  /// The value of `alg`. Compared with case.
  public var name: StaticString {
    switch self {
    case .hs256: "HS256"
    case .hs384: "HS384"
    case .hs512: "HS512"
    case .rs256: "RS256"
    case .rs384: "RS384"
    case .rs512: "RS512"
    case .ps256: "PS256"
    case .ps384: "PS384"
    case .ps512: "PS512"
    case .es256: "ES256"
    case .es384: "ES384"
    case .es512: "ES512"
    case .edDSA: "EdDSA"
    }
  }

  /// All names, for people.
  public static var allNames: String {
    allCases.map { "\($0.name)" }.joined(separator: ", ")
  }

  /// The algorithm called `name`, with case, or nil.
  public init?(_ name: Span<UInt8>) {
    for algorithm in Self.allCases where name.equals(algorithm.name) {
      self = algorithm
      return
    }
    guard name.equals("Ed25519") else { return nil }
    self = .edDSA
  }

  /// True for the algorithms of a shared secret.
  public var isSymmetric: Bool { method.isMAC }

  /// True for the algorithms of a key pair. Asked for each token: the symmetric ones come first.
  var isAsymmetric: Bool { rawValue > Self.hs512.rawValue }

  /// True for RSA, whose signatures take some thirty times as long as others'.
  public var signsSlowly: Bool {
    switch self {
    case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: true
    case .hs256, .hs384, .hs512, .es256, .es384, .es512, .edDSA: false
    }
  }

  /// Smallest secret in bytes: the size of the hash (RFC 7518 §3.2). 0 where there is no secret.
  public var secretBytesMinimum: Int {
    switch method {
    case .mac(let algorithm): algorithm.byteCount
    case .signature: 0
    }
  }

  /// How it is computed.
  enum Method {
    case mac(MACAlgorithm)
    case signature(SignatureScheme)

    var isMAC: Bool {
      switch self {
      case .mac: true
      case .signature: false
      }
    }
  }

  var method: Method {
    switch self {
    case .hs256: .mac(.sha256)
    case .hs384: .mac(.sha384)
    case .hs512: .mac(.sha512)
    case .rs256: .signature(.rsaPKCS1SHA256)
    case .rs384: .signature(.rsaPKCS1SHA384)
    case .rs512: .signature(.rsaPKCS1SHA512)
    case .ps256: .signature(.rsaPSSSHA256)
    case .ps384: .signature(.rsaPSSSHA384)
    case .ps512: .signature(.rsaPSSSHA512)
    case .es256: .signature(.ecdsaP256SHA256)
    case .es384: .signature(.ecdsaP384SHA384)
    case .es512: .signature(.ecdsaP521SHA512)
    case .edDSA: .signature(.ed25519)
    }
  }

  /// True when a key of this kind may be used.
  func fits(_ kind: KeyKind) -> Bool {
    switch method {
    case .mac: false
    case .signature(let scheme): scheme.fits(kind)
    }
  }

  /// A set of algorithms, one bit each.
  var mask: UInt16 { 1 << UInt16(rawValue) }
}
