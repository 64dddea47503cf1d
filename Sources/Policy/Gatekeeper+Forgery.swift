// Tokens in cookies and requests that another site made a browser send.
//
// A browser adds cookies to what any page makes it send, but only a page of the site itself can set
// a header of its own. Flask-JWT-Extended's double submit: a request that may change something
// repeats the token's `csrf` claim in a header. A token that is also in a header needs no proof.
// Loop only.

import Bytes
import HTTPWire

extension Gatekeeper {
  /// True when a request with a cookie's token lacks the proof that a page of the site sent it. Right
  /// after that token was accepted. Methods that nobody knows may change something.
  func isForged(
    _ credential: Credential, _ route: CompiledRoute, _ head: RequestHead, _ bytes: Span<UInt8>,
    _ set: PolicySet
  ) -> Bool {
    switch head.method {
    case .get, .head, .options, .trace: return false
    default: break
    }
    let places = set.places[Int(route.places)]
    let cookie = Int(credential.cookie)
    guard !places.cookies[cookie].csrfHeader.isEmpty else { return false }
    var proof = ByteRange.empty
    for index in 0..<head.fieldCount {
      let field = head.field(at: index)
      guard isCSRFHeader(bytes.slice(field.name), places.cookies[cookie].csrfHeader) else {
        continue
      }
      // Two lines are two stories.
      guard proof.isEmpty else { return true }
      proof = field.value
    }
    return proof.isEmpty || !verifier.csrfEquals(bytes.slice(proof))
  }

  private func isCSRFHeader(_ name: Span<UInt8>, _ header: [UInt8]) -> Bool {
    name.equalsIgnoringCase(header.span)
  }
}
