// HMAC (RFC 2104) over SHA-256, SHA-384 and SHA-512, with everything that depends on the key alone
// done once.
//
//     block:  | inner context (key ^ ipad fed) | outer context (key ^ opad fed) |
//
// A MAC copies both contexts to the stack, so that it costs the hash of the message plus one block
// and allocates nothing. Going through EVP_MAC instead would fetch and allocate for every token.
//
// The two contexts are worth as much as the key, so their block is wiped on release too. Any
// thread: immutable after init.

import Bytes
import COpenSSL

/// The hash function under a MAC.
public enum MACAlgorithm: UInt8, Sendable, CaseIterable {
  /// HMAC-SHA256.
  case sha256
  /// HMAC-SHA384.
  case sha384
  /// HMAC-SHA512.
  case sha512

  /// Size of a tag.
  public var byteCount: Int {
    switch self {
    case .sha256: 32
    case .sha384: 48
    case .sha512: 64
    }
  }
}

/// A MAC key, ready to use.
@safe
public final class HMACKey: @unchecked Sendable, CustomReflectable {
  /// The hash function.
  public let algorithm: MACAlgorithm
  // Unchecked because of the pointer: its memory is written in `init` alone and freed in `deinit`.
  private let block: UnsafeMutableRawPointer
  private let blockBytes: Int

  /// Precomputes the contexts of `secret`.
  public init(_ algorithm: MACAlgorithm, secret: SecretBytes) {
    self.algorithm = algorithm
    switch algorithm {
    case .sha256: blockBytes = 2 * MemoryLayout<SHA256_CTX>.stride
    case .sha384, .sha512: blockBytes = 2 * MemoryLayout<SHA512_CTX>.stride
    }
    unsafe block = .allocate(byteCount: blockBytes, alignment: 16)
    secret.withBytes { bytes in
      switch algorithm {
      case .sha256: prepareSHA256(bytes)
      case .sha384, .sha512: prepareSHA512(bytes)
      }
    }
  }

  deinit {
    // block has blockBytes bytes.
    unsafe OPENSSL_cleanse(block, blockBytes)
    unsafe block.deallocate()
  }

  /// An empty mirror, so that `dump` and debug output show nothing.
  public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }

  /// Appends the tag of `message`.
  public func append(tagOf message: Span<UInt8>, to buffer: inout ByteBuffer) {
    var tag = InlineArray<64, UInt8>(repeating: 0)
    compute(message, &tag)
    buffer.append(tag.span.extracting(first: algorithm.byteCount))
  }

  /// True when `tag` is the tag of `message`; takes the same time wherever they differ.
  public func verify(_ tag: Span<UInt8>, of message: Span<UInt8>) -> Bool {
    guard tag.count == algorithm.byteCount else { return false }
    var expected = InlineArray<64, UInt8>(repeating: 0)
    compute(message, &expected)
    let computed = expected.span
    return unsafe tag.withUnsafeBytes { given in
      unsafe computed.withUnsafeBytes { own in
        // Both hold at least byteCount bytes: given by the guard, own has 64.
        unsafe CRYPTO_memcmp(given.baseAddress, own.baseAddress, algorithm.byteCount) == 0
      }
    }
  }

  private func compute(_ message: Span<UInt8>, _ tag: inout InlineArray<64, UInt8>) {
    var room = tag.mutableSpan
    unsafe message.withUnsafeBytes { message in
      unsafe room.withUnsafeMutableBufferPointer { tag in
        guard let tag = tag.baseAddress else { return }
        switch algorithm {
        case .sha256: unsafe computeSHA256(message, tag)
        case .sha384, .sha512: unsafe computeSHA512(message, tag)
        }
      }
    }
  }

  // MARK: SHA-256

  private func prepareSHA256(_ secret: Span<UInt8>) {
    // block has room for two contexts, suitably aligned.
    let contexts = unsafe block.bindMemory(to: SHA256_CTX.self, capacity: 2)
    unsafe contexts.initialize(repeating: SHA256_CTX(), count: 2)
    var padded = InlineArray<64, UInt8>(repeating: 0)
    var room = padded.mutableSpan
    unsafe room.withUnsafeMutableBufferPointer { pad in
      guard let pad = pad.baseAddress else { return }
      unsafe secret.withUnsafeBufferPointer { secret in
        if secret.count > 64 {
          // SHA256 writes 32 of the 64 bytes of pad.
          _ = unsafe COpenSSL.SHA256(secret.baseAddress, secret.count, pad)
        } else if let start = secret.baseAddress {
          unsafe pad.update(from: start, count: secret.count)
        }
      }
      for context in 0..<2 {
        // 0x36 for the inner context, 0x36 ^ 0x5c on top of it for the outer one.
        for index in 0..<64 { unsafe pad[index] ^= context == 0 ? 0x36 : 0x36 ^ 0x5c }
        _ = unsafe SHA256_Init(contexts + context)
        _ = unsafe SHA256_Update(contexts + context, pad, 64)
      }
      unsafe OPENSSL_cleanse(pad, 64)
    }
  }

  @unsafe
  private func computeSHA256(
    _ message: UnsafeRawBufferPointer, _ tag: UnsafeMutablePointer<UInt8>
  ) {
    // block holds two initialised contexts while self lives; tag has 64 bytes, 32 are written.
    let contexts = unsafe block.assumingMemoryBound(to: SHA256_CTX.self)
    var context = unsafe contexts[0]
    _ = unsafe SHA256_Update(&context, message.baseAddress, message.count)
    _ = unsafe SHA256_Final(tag, &context)
    context = unsafe contexts[1]
    _ = unsafe SHA256_Update(&context, tag, 32)
    _ = unsafe SHA256_Final(tag, &context)
  }

  // MARK: SHA-384 and SHA-512

  private func prepareSHA512(_ secret: Span<UInt8>) {
    // block has room for two contexts, suitably aligned.
    let contexts = unsafe block.bindMemory(to: SHA512_CTX.self, capacity: 2)
    unsafe contexts.initialize(repeating: SHA512_CTX(), count: 2)
    let isShort = algorithm == .sha384
    var padded = InlineArray<128, UInt8>(repeating: 0)
    var room = padded.mutableSpan
    unsafe room.withUnsafeMutableBufferPointer { pad in
      guard let pad = pad.baseAddress else { return }
      unsafe secret.withUnsafeBufferPointer { secret in
        if secret.count > 128 {
          // At most 64 of the 128 bytes of pad are written.
          if isShort {
            _ = unsafe SHA384(secret.baseAddress, secret.count, pad)
          } else {
            _ = unsafe SHA512(secret.baseAddress, secret.count, pad)
          }
        } else if let start = secret.baseAddress {
          unsafe pad.update(from: start, count: secret.count)
        }
      }
      for context in 0..<2 {
        for index in 0..<128 { unsafe pad[index] ^= context == 0 ? 0x36 : 0x36 ^ 0x5c }
        _ = unsafe isShort ? SHA384_Init(contexts + context) : SHA512_Init(contexts + context)
        _ = unsafe SHA512_Update(contexts + context, pad, 128)
      }
      unsafe OPENSSL_cleanse(pad, 128)
    }
  }

  @unsafe
  private func computeSHA512(
    _ message: UnsafeRawBufferPointer, _ tag: UnsafeMutablePointer<UInt8>
  ) {
    // block holds two initialised contexts while self lives; tag has 64 bytes, md_len are written.
    let contexts = unsafe block.assumingMemoryBound(to: SHA512_CTX.self)
    var context = unsafe contexts[0]
    _ = unsafe SHA512_Update(&context, message.baseAddress, message.count)
    _ = unsafe SHA512_Final(tag, &context)
    context = unsafe contexts[1]
    _ = unsafe SHA512_Update(&context, tag, algorithm.byteCount)
    _ = unsafe SHA512_Final(tag, &context)
  }
}
