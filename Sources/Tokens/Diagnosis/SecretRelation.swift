// Whether two secrets are the same one, or the same one read or written in another way: what
// `gateway secret check` looks for. Tools only; tells how, never what.

import Bytes
import Crypto

/// How two secrets belong together.
public enum SecretRelation: Sendable, Equatable {
  /// The same bytes.
  case same
  /// The same but for how one of them is written: `decoded from base64`, `with a newline behind it`.
  case misread(String)

  /// The relation of two secrets' key bytes, nil where they have nothing to do with each other.
  public static func between(_ one: SecretBytes, _ other: SecretBytes) -> SecretRelation? {
    if one.equals(other) { return .same }
    let bytes = [one, other].map { secret in secret.withBytes { [UInt8](copying: $0) } }
    for (from, to) in [(bytes[0], bytes[1]), (bytes[1], bytes[0])] {
      // A reading of a few bytes is anybody's.
      if let reading = SecretReading.all(of: from).first(where: { $0.bytes == to && to.count >= 8 })
      {
        return .misread(reading.text)
      }
    }
    return nil
  }
}

extension DecryptionKey {
  /// The relation of a secret that opens encrypted tokens to one that signs; nil for an RSA key.
  public func relation(to secret: SecretBytes) -> SecretRelation? {
    switch material {
    case .direct(let own): SecretRelation.between(own, secret)
    case .rsa: nil
    }
  }
}
