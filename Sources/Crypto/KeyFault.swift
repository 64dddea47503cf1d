// Why a key is not taken. Keys come from the operator's files, so each case has a sentence.

/// What is wrong with a key.
public enum KeyFault: Error, Sendable, Equatable {
  /// No PEM block, or none that holds a key.
  case noKey
  /// The text or DER can't be read as what it says it is.
  case malformed
  /// A private key behind a passphrase.
  case encrypted
  /// Not RSA, not one of the three NIST curves, not Ed25519.
  case unsupportedType
  /// More than one key in one file: which is meant?
  case severalKeys
  /// A private key was asked for, and only a public one is there.
  case noPrivateKey
  /// An RSA modulus below 2048 bits (RFC 7518 §3.3).
  case rsaTooShort(bitCount: Int)
  /// An RSA modulus above 8192 bits: verification would cost too much.
  case rsaTooLong(bitCount: Int)
  /// An RSA public exponent that is even, 1, or longer than 64 bits.
  case badExponent
  /// An RSA modulus of the generator with CVE-2017-15361 (ROCA).
  case guessableModulus
  /// A number of the wrong length, or a point that isn't on the curve.
  case badNumber
  /// The private and the public half don't belong together.
  case mismatch

  /// One line for a person.
  public var message: String {
    switch self {
    case .noKey: "holds no key"
    case .malformed: "can't be read as a key"
    case .encrypted: "is encrypted with a passphrase"
    case .unsupportedType: "is neither RSA, P-256, P-384, P-521 nor Ed25519"
    case .severalKeys: "holds several keys"
    case .noPrivateKey: "holds no private key"
    case .rsaTooShort(let count): "is an RSA key of \(count) bits; at least 2048 are needed"
    case .rsaTooLong(let count): "is an RSA key of \(count) bits; at most 8192 are taken"
    case .badExponent: "is an RSA key whose public exponent is even, 1 or too long"
    case .guessableModulus: "is an RSA key that can be factored (CVE-2017-15361)"
    case .badNumber: "has a number of the wrong length or a point that is not on its curve"
    case .mismatch: "has a private half that does not belong to its public half"
    }
  }
}
