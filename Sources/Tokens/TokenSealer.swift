// Encrypting tokens: the command line and the tests. Not for the request path.

import Bytes
import Crypto

/// Encrypts signed tokens for the holder of a key.
public struct TokenSealer: Sendable {
  private enum Key: Sendable {
    case direct(SecretBytes)
    case rsa(PublicKey)
  }
  private let key: Key
  private let identifier: [UInt8]?

  /// A sealer for whoever holds this key: with its public half, or with the secret itself.
  public init(_ key: DecryptionKey) {
    switch key.material {
    case .direct(let secret): self.key = .direct(secret)
    case .rsa(let half): self.key = .rsa(half.publicKey)
    }
    identifier = key.identifier
  }

  /// `alg` and `enc` as a header says them; with an RSA key the cipher is A256GCM.
  public var methods: (alg: String, enc: String) {
    switch key {
    case .direct(let secret): ("dir", secret.count == 16 ? "A128GCM" : "A256GCM")
    case .rsa: ("RSA-OAEP-256", "A256GCM")
    }
  }

  /// The encrypted token around `token`, with the header `{"alg":…,"enc":…,"cty":"JWT"}`.
  public func seal(_ token: String) -> String {
    seal(
      token, header: "{\"alg\":\"\(methods.alg)\",\"enc\":\"\(methods.enc)\",\"cty\":\"JWT\"}")
  }

  /// The same with a header taken as it is: a forge for tests.
  public func seal(_ token: String, header: String) -> String {
    var contentKey = ByteBuffer(capacity: 32)
    var wrapped = ByteBuffer(capacity: 1024)
    switch key {
    case .direct(let secret): secret.withBytes { contentKey.append($0) }
    case .rsa(let half):
      RandomBytes.append(32, to: &contentKey)
      let isWrapped = half.wrap(contentKey.readable, into: &wrapped)
      precondition(isWrapped, "DecryptionKey takes RSA keys only, and the buffer fits the largest")
    }
    let plain = Array(token.utf8)
    let headerBytes = Array(header.utf8)
    var output = ByteBuffer(capacity: (plain.count + headerBytes.count) / 3 * 4 + 2048)
    Base64URL.encode(headerBytes.span, into: &output)
    var vector = ByteBuffer(capacity: ContentCipher.vectorByteCount)
    RandomBytes.append(ContentCipher.vectorByteCount, to: &vector)
    var ciphertext = ByteBuffer(capacity: plain.count + 1)
    var tag = ByteBuffer(capacity: ContentCipher.tagByteCount)
    let isSealed = ContentCipher.seal(
      plain.span, key: contentKey.readable, vector: vector.readable,
      authenticating: output.readable, into: &ciphertext, tag: &tag)
    precondition(isSealed, "keys have a cipher's size, and the buffers fit")
    output.append(UInt8(ascii: "."))
    Base64URL.encode(wrapped.readable, into: &output)
    output.append(UInt8(ascii: "."))
    Base64URL.encode(vector.readable, into: &output)
    output.append(UInt8(ascii: "."))
    Base64URL.encode(ciphertext.readable, into: &output)
    output.append(UInt8(ascii: "."))
    Base64URL.encode(tag.readable, into: &output)
    return String(lossy: output.readable)
  }
}
