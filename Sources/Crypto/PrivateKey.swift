// A private key that signs: the command line, tests, and tokens that the gateway mints itself.
//
// Not for the path of an ordinary request: a signature costs some 30 (Ed25519) to 2000 (RSA)
// microseconds. Any thread.

import Bytes
import COpenSSL

/// A key that signs.
@safe
public final class PrivateKey: Sendable {
  let handle: KeyHandle

  /// Takes a handle whose key has both halves, if they belong together: a signature is made and
  /// verified, which works for keys with and without their factors, as OpenSSL's own check doesn't.
  init(_ handle: KeyHandle) throws(KeyFault) {
    self.handle = handle
    let message: [UInt8] = Array("pair".utf8)
    var signature = ByteBuffer(capacity: handle.kind.signatureByteCount)
    guard let scheme = SignatureScheme.allCases.first(where: { $0.fits(handle.kind) }),
      append(signatureOf: message.span, with: scheme, to: &signature),
      publicKey.verifies(signature.readable, of: message.span, with: scheme)
    else { throw .mismatch }
  }

  /// What kind of key it is.
  public var kind: KeyKind { handle.kind }

  /// The half that verifies. It shares OpenSSL's object, and has no way to sign.
  public var publicKey: PublicKey { PublicKey(handle) }

  /// Appends the signature of `message`; false when the scheme doesn't fit the key or there is no
  /// room.
  public func append(
    signatureOf message: Span<UInt8>, with scheme: SignatureScheme, to buffer: inout ByteBuffer
  ) -> Bool {
    guard scheme.fits(kind) else { return false }
    // Room for DER, which is up to 9 bytes longer than R and S.
    var signature = ByteBuffer(capacity: kind.signatureByteCount + 16)
    guard make(message, scheme, &signature) else { return false }
    if scheme.isECDSA {
      return ECDSASignature.decode(
        signature.readable, size: kind.signatureByteCount / 2, into: &buffer)
    }
    buffer.append(signature.readable)
    return !buffer.overflowed
  }

  private func make(
    _ message: Span<UInt8>, _ scheme: SignatureScheme, _ signature: inout ByteBuffer
  ) -> Bool {
    guard let context = unsafe EVP_MD_CTX_new() else { return false }
    defer {
      unsafe EVP_MD_CTX_free(context)
      ERR_clear_error()
    }
    var parameters: OpaquePointer?
    guard
      unsafe EVP_DigestSignInit(context, &parameters, scheme.digest, nil, handle.pointer) == 1,
      unsafe scheme.setPadding(parameters)
    else { return false }
    return unsafe signature.withUnsafeWritableBytes { room in
      unsafe message.withUnsafeBufferPointer { message in
        // At most `count` bytes are written, which is the room that there is.
        var count = room.count
        let outcome = unsafe EVP_DigestSign(
          context, room.baseAddress?.assumingMemoryBound(to: UInt8.self), &count,
          message.baseAddress, message.count)
        return outcome == 1 ? (count, true) : (0, false)
      }
    }
  }
}
