// AES in Galois/Counter mode (NIST SP 800-38D) with the sizes that JWE fixes (RFC 7518 §5.3): a key
// of 16 or 32 bytes, an initialisation vector of 12 bytes, a tag of 16 bytes.
//
// Nothing is handed out before the tag holds: what a failed attempt decrypted is taken back and
// wiped. Any thread; allocates within OpenSSL only.

import Bytes
import COpenSSL

/// Authenticated encryption of one message.
public enum ContentCipher {
  /// Size of an initialisation vector.
  public static let vectorByteCount = 12
  /// Size of a tag.
  public static let tagByteCount = 16

  /// True for the sizes of key that there are.
  public static func hasSize(_ count: Int) -> Bool { count == 16 || count == 32 }

  /// Appends the plaintext; false, with nothing appended, when a size is wrong, there is no room,
  /// or the tag doesn't hold.
  public static func open(
    _ ciphertext: Span<UInt8>, key: Span<UInt8>, vector: Span<UInt8>, tag: Span<UInt8>,
    authenticating data: Span<UInt8>, into buffer: inout ByteBuffer
  ) -> Bool {
    guard hasSize(key.count), vector.count == vectorByteCount, tag.count == tagByteCount,
      ciphertext.count <= buffer.writableCount, ciphertext.count <= Int(Int32.max),
      data.count <= Int(Int32.max), let context = unsafe EVP_CIPHER_CTX_new()
    else { return false }
    defer {
      unsafe EVP_CIPHER_CTX_free(context)
      ERR_clear_error()
    }
    return unsafe buffer.withUnsafeWritableBytes { room in
      let target = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self)
      // Key and vector have the sizes of the cipher; ciphertext.count bytes fit into the room; the
      // tag is 16 bytes, which OpenSSL only reads.
      let isOpen = unsafe key.withUnsafeBufferPointer { key in
        unsafe vector.withUnsafeBufferPointer { vector in
          unsafe EVP_DecryptInit_ex(
            context, cipher(key.count), nil, key.baseAddress, vector.baseAddress) == 1
        }
      }
      var count: Int32 = 0
      guard isOpen, unsafe update(context, nil, data, EVP_DecryptUpdate, &count),
        unsafe update(context, target, ciphertext, EVP_DecryptUpdate, &count)
      else { return (0, false) }
      let isSet = unsafe tag.withUnsafeBytes { tag in
        unsafe EVP_CIPHER_CTX_ctrl(
          context, EVP_CTRL_AEAD_SET_TAG, 16, UnsafeMutableRawPointer(mutating: tag.baseAddress))
          == 1
      }
      var rest: Int32 = 0
      // GCM is a stream: the last step writes nothing and judges the tag.
      guard isSet, unsafe EVP_DecryptFinal_ex(context, target, &rest) == 1 else {
        // ciphertext.count bytes at most were written.
        unsafe OPENSSL_cleanse(room.baseAddress, ciphertext.count)
        return (0, false)
      }
      return (Int(count), true)
    }
  }

  /// Appends the ciphertext to `buffer` and its tag to `tag`; false when a size is wrong or there
  /// is no room. A vector must never be used twice with one key.
  public static func seal(
    _ plaintext: Span<UInt8>, key: Span<UInt8>, vector: Span<UInt8>,
    authenticating data: Span<UInt8>, into buffer: inout ByteBuffer, tag: inout ByteBuffer
  ) -> Bool {
    guard hasSize(key.count), vector.count == vectorByteCount, tag.writableCount >= tagByteCount,
      plaintext.count <= buffer.writableCount, plaintext.count <= Int(Int32.max),
      data.count <= Int(Int32.max), let context = unsafe EVP_CIPHER_CTX_new()
    else { return false }
    defer {
      unsafe EVP_CIPHER_CTX_free(context)
      ERR_clear_error()
    }
    let isSealed = unsafe buffer.withUnsafeWritableBytes { room in
      let target = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self)
      // As in `open`.
      let isReady = unsafe key.withUnsafeBufferPointer { key in
        unsafe vector.withUnsafeBufferPointer { vector in
          unsafe EVP_EncryptInit_ex(
            context, cipher(key.count), nil, key.baseAddress, vector.baseAddress) == 1
        }
      }
      var count: Int32 = 0
      var rest: Int32 = 0
      guard isReady, unsafe update(context, nil, data, EVP_EncryptUpdate, &count),
        unsafe update(context, target, plaintext, EVP_EncryptUpdate, &count),
        unsafe EVP_EncryptFinal_ex(context, target, &rest) == 1
      else { return (0, false) }
      return (Int(count), true)
    }
    guard isSealed else { return false }
    return unsafe tag.withUnsafeWritableBytes { room in
      // room has at least the 16 bytes that are written.
      unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, room.baseAddress) == 1
        ? (tagByteCount, true) : (0, false)
    }
  }

  @unsafe
  private static func cipher(_ keyByteCount: Int) -> OpaquePointer? {
    unsafe keyByteCount == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm()
  }

  /// Feeds bytes; without a target they are only authenticated. OpenSSL takes no empty input for
  /// the end of anything, so that none is fed.
  @unsafe
  private static func update(
    _ context: OpaquePointer, _ target: UnsafeMutablePointer<UInt8>?, _ bytes: Span<UInt8>,
    _ step: (
      OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int32>?,
      UnsafePointer<UInt8>?, Int32
    ) -> Int32, _ count: inout Int32
  ) -> Bool {
    count = 0
    guard bytes.count > 0 else { return true }
    return unsafe bytes.withUnsafeBufferPointer { bytes in
      // As many bytes are written to the target as are read; the caller made room.
      unsafe step(context, target, &count, bytes.baseAddress, Int32(clamping: bytes.count)) == 1
    }
  }
}
