// Making tokens: the command line, the demo, the tests, and what a realm mints for its backends.

import Bytes
import Crypto
import JSON

/// Signs compact JWS tokens with one key.
public struct TokenSigner: Sendable {
  private enum Key: Sendable {
    case mac(HMACKey)
    case signature(PrivateKey, SignatureScheme)
  }

  /// The algorithm that its tokens name.
  public let algorithm: TokenAlgorithm
  private let key: Key
  /// The header of its tokens, `{"alg":…,"typ":"JWT"}` and `kid` where the key has one.
  private let header: String
  /// The same as it stands in a token, with the dot behind it.
  private let encodedHeader: [UInt8]

  /// Makes a signer with a shared secret; `algorithm` must be one of HS256, HS384, HS512.
  public init(_ algorithm: TokenAlgorithm = .hs256, secret: SecretBytes) {
    guard let signer = TokenSigner(TokenKey(.secret(secret)), algorithm) else {
      preconditionFailure("a secret signs with HS256, HS384 or HS512")
    }
    self = signer
  }

  /// Makes a signer with a key from a file; nil when it has no private half or doesn't fit the
  /// algorithm.
  public init?(_ key: TokenKey, _ algorithm: TokenAlgorithm) {
    switch (key.material, algorithm.method) {
    case (.secret(let secret), .mac(let hash)): self.key = .mac(HMACKey(hash, secret: secret))
    case (.privateKey(let half), .signature(let scheme)) where scheme.fits(half.kind):
      self.key = .signature(half, scheme)
    default: return nil
    }
    self.algorithm = algorithm
    let name = key.identifier.map { ",\"kid\":" + JSONText.quoted(String(lossy: $0.span)) } ?? ""
    header = "{\"alg\":\"\(algorithm.name)\",\"typ\":\"JWT\"\(name)}"
    encodedHeader = Self.encode(header)
  }

  private static func encode(_ header: String) -> [UInt8] {
    let bytes = Array(header.utf8)
    var text = ByteBuffer(capacity: bytes.count / 3 * 4 + 8)
    Base64URL.encode(bytes.span, into: &text)
    text.append(UInt8(ascii: "."))
    return [UInt8](copying: text.readable)
  }

  /// The token for `payload` (a JSON object's text), with the header `{"alg":…,"typ":"JWT"}`, and
  /// `kid` where the key has one.
  public func sign(payload: String) -> String { sign(header: header, payload: payload) }

  /// Writes the token for `payload` (a JSON object's text) into `token`, which must be empty; false
  /// when it doesn't fit or OpenSSL fails. `signature` lends room of 1024 bytes. Allocates nothing
  /// with a shared secret.
  func append(
    _ payload: Span<UInt8>, to token: inout ByteBuffer, signature: inout ByteBuffer
  ) -> Bool {
    token.append(encodedHeader)
    Base64URL.encode(payload, into: &token)
    signature.clear()
    switch key {
    case .mac(let key): key.append(tagOf: token.readable, to: &signature)
    case .signature(let key, let scheme):
      // What doesn't fit isn't worth its signature.
      guard !token.overflowed, key.append(signatureOf: token.readable, with: scheme, to: &signature)
      else { return false }
    }
    token.append(UInt8(ascii: "."))
    Base64URL.encode(signature.readable, into: &token)
    return !token.overflowed
  }

  /// The token for a header and payload taken as they are, well-formed or not: a forge for tests.
  public func sign(header: String, payload: String) -> String {
    let header = Array(header.utf8)
    let payload = Array(payload.utf8)
    // The longest signature has 1024 bytes.
    var token = ByteBuffer(capacity: (header.count + payload.count) / 3 * 4 + 2048)
    Base64URL.encode(header.span, into: &token)
    token.append(UInt8(ascii: "."))
    Base64URL.encode(payload.span, into: &token)
    var signature = ByteBuffer(capacity: 1024)
    switch key {
    case .mac(let key): key.append(tagOf: token.readable, to: &signature)
    case .signature(let key, let scheme):
      let isMade = key.append(signatureOf: token.readable, with: scheme, to: &signature)
      precondition(isMade, "the key passed a signature when it was read")
    }
    token.append(UInt8(ascii: "."))
    Base64URL.encode(signature.readable, into: &token)
    return String(lossy: token.readable)
  }
}
