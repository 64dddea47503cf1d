// Making tokens: the command line, the demo and the tests. Not for the request path.

import Bytes
import Crypto

/// Signs compact JWS tokens with one secret.
public struct TokenSigner: Sendable {
  private let algorithm: TokenAlgorithm
  private let key: HMACKey

  /// Makes a signer.
  public init(_ algorithm: TokenAlgorithm = .hs256, secret: SecretBytes) {
    self.algorithm = algorithm
    key = HMACKey(algorithm.macAlgorithm, secret: secret)
  }

  /// The token for `payload` (a JSON object's text), with the header `{"alg":…,"typ":"JWT"}`.
  public func sign(payload: String) -> String {
    sign(header: "{\"alg\":\"\(algorithm.name)\",\"typ\":\"JWT\"}", payload: payload)
  }

  /// The token for a header and payload taken as they are, well-formed or not: a forge for tests.
  public func sign(header: String, payload: String) -> String {
    let header = Array(header.utf8)
    let payload = Array(payload.utf8)
    var token = ByteBuffer(capacity: (header.count + payload.count) / 3 * 4 + 256)
    Base64URL.encode(header.span, into: &token)
    token.append(UInt8(ascii: "."))
    Base64URL.encode(payload.span, into: &token)
    var tag = ByteBuffer(capacity: 64)
    key.append(tagOf: token.readable, to: &tag)
    token.append(UInt8(ascii: "."))
    Base64URL.encode(tag.readable, into: &token)
    return String(lossy: token.readable)
  }
}
