// A public key that verifies signatures.
//
// Made once at load, shared by all workers. A verification makes OpenSSL's context for itself and
// allocates nothing on our side; the exact length of a signature is checked before OpenSSL sees it,
// because OpenSSL takes a PSS signature without its leading zeros, which would give one token two
// spellings. Any thread.

import Bytes
import COpenSSL

/// A key that verifies and can't sign.
@safe
public final class PublicKey: Sendable {
  let handle: KeyHandle

  init(_ handle: KeyHandle) { self.handle = handle }

  /// What kind of key it is.
  public var kind: KeyKind { handle.kind }

  /// True when `signature` was made over `message` with this key's private half and this scheme.
  /// False also for a scheme that doesn't fit the key.
  public func verifies(
    _ signature: Span<UInt8>, of message: Span<UInt8>, with scheme: SignatureScheme
  ) -> Bool {
    guard scheme.fits(kind), signature.count == kind.signatureByteCount else { return false }
    guard scheme.isECDSA else { return check(signature, message, scheme) }
    var der = InlineArray<141, UInt8>(repeating: 0)
    let count = ECDSASignature.encode(signature, into: &der)
    return count > 0 && check(der.span.extracting(first: count), message, scheme)
  }

  private func check(
    _ signature: Span<UInt8>, _ message: Span<UInt8>, _ scheme: SignatureScheme
  ) -> Bool {
    guard let context = unsafe EVP_MD_CTX_new() else { return false }
    defer {
      unsafe EVP_MD_CTX_free(context)
      ERR_clear_error()
    }
    // The parameters belong to the context; the key is only borrowed by both.
    var parameters: OpaquePointer?
    guard
      unsafe EVP_DigestVerifyInit(context, &parameters, scheme.digest, nil, handle.pointer) == 1,
      unsafe scheme.setPadding(parameters)
    else { return false }
    return unsafe signature.withUnsafeBufferPointer { signature in
      unsafe message.withUnsafeBufferPointer { message in
        // Both are read for exactly their counts.
        unsafe EVP_DigestVerify(
          context, signature.baseAddress, signature.count, message.baseAddress, message.count) == 1
      }
    }
  }

  /// True when both are the same key.
  public func equals(_ other: PublicKey) -> Bool {
    defer { ERR_clear_error() }
    return unsafe EVP_PKEY_eq(handle.pointer, other.handle.pointer) == 1
  }
}

extension SignatureScheme {
  /// Sets the padding of RSA; a PSS salt must be exactly as long as the hash (RFC 7518 §3.5).
  @unsafe
  func setPadding(_ parameters: OpaquePointer?) -> Bool {
    guard isPSS else { return true }
    return unsafe EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1
      && EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1
  }
}
