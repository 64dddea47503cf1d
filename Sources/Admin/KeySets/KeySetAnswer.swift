// From an issuer's answer to a key set, or to the reason why it is none, in words for the operator.
//
// Stricter than a file: an issuer publishes its set, so one with a shared secret or a private key has
// betrayed it, and everybody could sign. Messages never hold a value of the answer but names of
// members. Control loop and start; pure.

import Bytes
import Fetch
import JSON
import Tokens

/// Why a set is not taken: one line for a person, without a secret.
struct KeySetRefusal: Error, Equatable {
  let reason: String

  init(_ reason: String) { self.reason = reason }
}

enum KeySetAnswer {
  /// Most bytes of a set: what is taken of a file too.
  static let bytesMaximum = KeyFile.bytesMaximum

  /// The set in an answer.
  static func read(_ response: FetchResponse) throws(KeySetRefusal) -> KeyFile {
    switch response.status {
    case 200: return try read(response.body)
    case 300...399:
      throw KeySetRefusal(
        "the server answered \(response.status), a redirect, which is not followed:"
          + " name the address that it leads to")
    default: throw KeySetRefusal("the server answered \(response.status)")
    }
  }

  /// The set in a text: the body of an answer, or a copy of one.
  static func read(_ text: [UInt8]) throws(KeySetRefusal) -> KeyFile {
    let document = JSONDocument(depthMaximum: 8, nodeMaximum: 8192)
    switch document.parse(text.span) {
    case .valid: break
    case .invalid(let fault, let offset):
      throw KeySetRefusal("the answer is no strict JSON: \(fault.name) at byte \(offset)")
    }
    guard document.kind(0) == .object, document.member("keys", of: 0, in: text.span) != nil else {
      if document.kind(0) == .object, document.member("jwks_uri", of: 0, in: text.span) != nil {
        throw KeySetRefusal("the answer describes an issuer; its jwks_uri is the URL to name")
      }
      throw KeySetRefusal("the answer is no JWK set: it has no keys")
    }
    let set: KeyFile
    do throws(KeyFileFault) {
      set = try KeyFile(text.span, for: .verifying)
    } catch {
      throw KeySetRefusal("the set " + error.message)
    }
    if set.holdsPrivateKey {
      throw KeySetRefusal("the set holds a private key: whoever reads it can sign tokens")
    }
    if set.keys.contains(where: \.isSecret) {
      throw KeySetRefusal("the set holds a shared secret: whoever reads it can sign tokens")
    }
    return set
  }
}

extension FetchError {
  /// For the operator, who wants to know what to mend.
  var refusal: KeySetRefusal {
    switch self {
    case .tooLarge:
      KeySetRefusal("the answer is too large: at most \(KeySetAnswer.bytesMaximum) bytes are taken")
    case .timedOut: KeySetRefusal("timeout: no complete answer in time")
    case .invalidRequest, .unresolved, .unreachable, .broken, .insecure, .encoded, .closedEarly,
      .malformed, .unexpectedAnswer:
      KeySetRefusal(description)
    }
  }
}
