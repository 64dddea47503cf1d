// The compact serialisation of an encrypted token (RFC 7516 §7.1):
//
//     header . encrypted key . initialisation vector . ciphertext . tag
//
// Only realms that hold decryption keys look for it; everywhere else five parts are malformed.

import Bytes

/// Where the five parts of an encrypted token lie.
struct EncryptedToken {
  let header: ByteRange
  let key: ByteRange
  let vector: ByteRange
  let ciphertext: ByteRange
  let tag: ByteRange

  /// Finds the parts; nil unless there are exactly four dots, with something in each part but the
  /// second. The caller has bounded the token's length.
  init?(_ token: Span<UInt8>) {
    let dot = UInt8(ascii: ".")
    guard let first = token.firstIndex(of: dot), first > 0,
      let second = token.firstIndex(of: dot, from: first + 1),
      let third = token.firstIndex(of: dot, from: second + 1), third > second + 1,
      let fourth = token.firstIndex(of: dot, from: third + 1), fourth > third + 1,
      fourth + 1 < token.count, token.firstIndex(of: dot, from: fourth + 1) == nil
    else { return nil }
    header = ByteRange(0, first)
    key = ByteRange(first + 1, second)
    vector = ByteRange(second + 1, third)
    ciphertext = ByteRange(third + 1, fourth)
    tag = ByteRange(fourth + 1, token.count)
  }
}

/// How a content key comes to its holder (RFC 7518 §4).
enum KeyManagement {
  /// It is a secret that both have: `dir`.
  case direct
  /// RSA-OAEP-256.
  case rsaOAEP256

  init?(_ name: Span<UInt8>) {
    if name.equals("dir") {
      self = .direct
    } else if name.equals("RSA-OAEP-256") {
      self = .rsaOAEP256
    } else {
      return nil
    }
  }
}

/// How the content is encrypted (RFC 7518 §5).
enum ContentEncryption {
  /// A128GCM.
  case a128GCM
  /// A256GCM.
  case a256GCM

  init?(_ name: Span<UInt8>) {
    if name.equals("A128GCM") {
      self = .a128GCM
    } else if name.equals("A256GCM") {
      self = .a256GCM
    } else {
      return nil
    }
  }

  /// Size of a content key.
  var keyByteCount: Int {
    switch self {
    case .a128GCM: 16
    case .a256GCM: 32
    }
  }
}
