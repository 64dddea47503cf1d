// What operations with key pairs cost, in units: one is a verification with ES256.
//
// Measured with `openssl speed` (OpenSSL 3.0, x86-64 with AVX-512): P-256 57 µs, P-384 680 µs, P-521
// 500 µs, Ed25519 115 µs; RSA verifies in 15, 34, 62 and 210 µs with 2048, 3072, 4096 and 7680 bits, and
// its private half needs 0.26, 1.8, 3.7 and 37 ms. Without AVX-512 the private half needs 0.7 ms with
// 2048 bits. Rounded up.

import Crypto

extension KeyKind {
  /// Units of one verification.
  var verificationUnits: Int {
    switch self {
    case .rsa(let bitCount): bitCount <= 4096 ? 1 : 4
    case .p256: 1
    case .p384: 12
    case .p521: 9
    case .ed25519: 2
    }
  }

  /// Units of unwrapping one content key.
  var unwrappingUnits: Int {
    switch self {
    case .rsa(let bitCount):
      switch bitCount {
      case ...2048: 16
      case ...3072: 32
      case ...4096: 64
      default: 750
      }
    case .p256, .p384, .p521, .ed25519: 0
    }
  }
}
