// The one owner of an OpenSSL key, and the judgement that each key passes before it is used.
//
// Checked once, at load: kind, size, exponent, that a point lies on its curve (PrivateKey checks its
// two halves itself). What passes is immutable. OpenSSL allows one EVP_PKEY in many threads
// at once as long as each operation has its own context, which is how PublicKey and PrivateKey use
// it.
//
// What OpenSSL leaves in a thread's error queue is dropped at the call that caused it, so that a
// later call (TLS) does not find it.

import Bytes
import COpenSSL

/// An OpenSSL key that passed.
@safe
final class KeyHandle: @unchecked Sendable, CustomReflectable {
  // Unchecked because of the pointer: set in `init` alone, freed in `deinit`, never written through.
  @unsafe let pointer: OpaquePointer
  let kind: KeyKind

  static let rsaBits = 2048...8192

  /// Takes over `pointer` if the key passes; frees it otherwise.
  @unsafe
  static func adopt(_ pointer: OpaquePointer?) throws(KeyFault) -> KeyHandle {
    defer { ERR_clear_error() }
    guard let pointer = unsafe pointer else { throw .malformed }
    do throws(KeyFault) {
      let kind = try unsafe kind(of: pointer)
      try unsafe check(pointer, kind)
      return unsafe KeyHandle(pointer, kind)
    } catch {
      unsafe EVP_PKEY_free(pointer)
      throw error
    }
  }

  @unsafe
  private init(_ pointer: OpaquePointer, _ kind: KeyKind) {
    unsafe self.pointer = unsafe pointer
    self.kind = kind
  }

  deinit {
    // The handle owns one reference.
    unsafe EVP_PKEY_free(pointer)
  }

  /// An empty mirror, so that `dump` and debug output show nothing.
  var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }

  // MARK: Judging

  @unsafe
  private static func kind(of key: OpaquePointer) throws(KeyFault) -> KeyKind {
    if unsafe EVP_PKEY_is_a(key, "RSA") == 1 {
      let bitCount = Int(unsafe EVP_PKEY_get_bits(key))
      if bitCount < rsaBits.lowerBound { throw .rsaTooShort(bitCount: bitCount) }
      if bitCount > rsaBits.upperBound { throw .rsaTooLong(bitCount: bitCount) }
      return .rsa(bitCount: bitCount)
    }
    if unsafe EVP_PKEY_is_a(key, "ED25519") == 1 { return .ed25519 }
    guard unsafe EVP_PKEY_is_a(key, "EC") == 1 else { throw .unsupportedType }
    // A key that spells its curve's parameters out could bring its own generator (CVE-2020-0601).
    var isExplicit: Int32 = 0
    guard
      unsafe EVP_PKEY_get_int_param(
        key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &isExplicit) != 1 || isExplicit == 0
    else { throw .unsupportedType }
    var name = InlineArray<32, CChar>(repeating: 0)
    var room = name.mutableSpan
    let isNamed = unsafe room.withUnsafeMutableBufferPointer { name in
      // At most name.count bytes are written, the 0 included.
      unsafe EVP_PKEY_get_group_name(key, name.baseAddress, name.count, nil) == 1
    }
    guard isNamed else { throw .unsupportedType }
    let curves: [(String, KeyKind)] = [
      ("prime256v1", .p256), ("secp384r1", .p384), ("secp521r1", .p521),
    ]
    let text = name.span
    for (curve, kind) in curves {
      let wanted = Array(curve.utf8)
      var index = 0
      while index < wanted.count, text[index] == CChar(bitPattern: wanted[index]) { index += 1 }
      if index == wanted.count, text[index] == 0 { return kind }
    }
    throw .unsupportedType
  }

  @unsafe
  private static func check(_ key: OpaquePointer, _ kind: KeyKind) throws(KeyFault) {
    if case .rsa = kind { try unsafe checkModulus(key) }
    let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil)
    defer { unsafe EVP_PKEY_CTX_free(context) }
    // OpenSSL has no public check for Ed25519 before 3.1; a key that is no point verifies nothing.
    if kind != .ed25519, unsafe EVP_PKEY_public_check(context) != 1 { throw .badNumber }
  }

  @unsafe
  private static func checkModulus(_ key: OpaquePointer) throws(KeyFault) {
    var exponent: OpaquePointer?
    var modulus: OpaquePointer?
    defer {
      unsafe BN_free(exponent)
      unsafe BN_free(modulus)
    }
    guard unsafe EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1,
      unsafe EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) == 1
    else { throw .malformed }
    // A long exponent would make each verification cost as much as a signature.
    guard unsafe BN_is_odd(exponent) == 1, unsafe BN_is_one(exponent) == 0,
      unsafe BN_num_bits(exponent) <= 64
    else { throw .badExponent }
    if unsafe isGuessable(modulus) { throw .guessableModulus }
  }

  /// True for moduli with the fingerprint of CVE-2017-15361: modulo each small prime they are a
  /// power of 65537. A good modulus passes as one with a chance below 2^-27.
  @unsafe
  private static func isGuessable(_ modulus: OpaquePointer?) -> Bool {
    let primes: [UInt] = [
      11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ]
    return primes.allSatisfy { prime in
      let remainder = unsafe BN_mod_word(modulus, prime)
      var power: UInt = 1
      for _ in 0..<prime {
        if power == remainder { return true }
        power = power * 65537 % prime
      }
      return false
    }
  }
}
