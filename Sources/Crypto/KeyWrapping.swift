// RSA-OAEP with SHA-256 in both places (RFC 7518 §4.3): a content key on its way to the holder of a
// private key.
//
// Whether the padding was right is never told: a wrong one yields a random key, with which the
// content then fails as it would with any other wrong key (RFC 7516 §11.5). A private operation
// costs a millisecond with 2048 bits, so whoever lets strangers ask for it must count.

import Bytes
import COpenSSL

extension PrivateKey {
  /// Appends exactly `byteCount` bytes (at most 32): the wrapped key, or random bytes when it can't
  /// be had or has another size. False only for a key that isn't RSA, or without room.
  public func unwrap(
    _ wrapped: Span<UInt8>, byteCount: Int, into buffer: inout ByteBuffer
  ) -> Bool {
    guard case .rsa = kind, (1...32).contains(byteCount), buffer.writableCount >= byteCount else {
      return false
    }
    // Made in any case, so that failing takes the same steps.
    var random = ByteBuffer(capacity: 32)
    RandomBytes.append(byteCount, to: &random)
    var plain = ByteBuffer(capacity: kind.signatureByteCount)
    if decrypt(wrapped, into: &plain), plain.readableCount == byteCount {
      buffer.append(plain.readable)
    } else {
      buffer.append(random.readable)
    }
    return true
  }

  private func decrypt(_ wrapped: Span<UInt8>, into buffer: inout ByteBuffer) -> Bool {
    guard wrapped.count == kind.signatureByteCount,
      let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, handle.pointer, nil)
    else { return false }
    defer {
      unsafe EVP_PKEY_CTX_free(context)
      ERR_clear_error()
    }
    guard unsafe EVP_PKEY_decrypt_init(context) == 1, unsafe Self.setPadding(context) else {
      return false
    }
    return unsafe buffer.withUnsafeWritableBytes { room in
      unsafe wrapped.withUnsafeBufferPointer { wrapped in
        // At most `count` bytes are written, which is the room that there is.
        var count = room.count
        let outcome = unsafe EVP_PKEY_decrypt(
          context, room.baseAddress?.assumingMemoryBound(to: UInt8.self), &count,
          wrapped.baseAddress, wrapped.count)
        return outcome == 1 ? (count, true) : (0, false)
      }
    }
  }

  @unsafe
  fileprivate static func setPadding(_ context: OpaquePointer) -> Bool {
    unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1
      && EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1
      && EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1
  }
}

extension PublicKey {
  /// Appends `key` wrapped for the holder of the private half; false for a key that isn't RSA, or
  /// without room.
  public func wrap(_ key: Span<UInt8>, into buffer: inout ByteBuffer) -> Bool {
    guard case .rsa = kind, buffer.writableCount >= kind.signatureByteCount,
      let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, handle.pointer, nil)
    else { return false }
    defer {
      unsafe EVP_PKEY_CTX_free(context)
      ERR_clear_error()
    }
    guard unsafe EVP_PKEY_encrypt_init(context) == 1, unsafe PrivateKey.setPadding(context) else {
      return false
    }
    return unsafe buffer.withUnsafeWritableBytes { room in
      unsafe key.withUnsafeBufferPointer { key in
        // At most `count` bytes are written, which is the room that there is.
        var count = room.count
        let outcome = unsafe EVP_PKEY_encrypt(
          context, room.baseAddress?.assumingMemoryBound(to: UInt8.self), &count, key.baseAddress,
          key.count)
        return outcome == 1 ? (count, true) : (0, false)
      }
    }
  }
}
