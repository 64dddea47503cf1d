// Where a request's token was looked for and what became of what was found: for `gateway explain`.
//
// Tells what CredentialFinder and BodyFieldReader did, after the decision, by places and names, so
// that no value of a header or cookie is in it but the judged token, which nobody prints. Tools only.

import Bytes
import HTTPWire
import Tokens

/// The story of a request's credentials.
public struct CredentialAccount: Sendable {
  /// The places of the judged token, in the order of looking: `header authorization: bearer`.
  public private(set) var places: [String] = []
  /// Those of a refresh token beside it.
  public private(set) var secondaryPlaces: [String] = []
  /// Where the judged token was, nil where there was none.
  public private(set) var found: String?
  /// The judged token, empty where there was none.
  public private(set) var token: [UInt8] = []
  /// True when there is more than one story about who is calling.
  public private(set) var isAmbiguous = false
  /// Parts of the request that are not forwarded, by name: `cookie access_token`.
  public private(set) var dropped: [String] = []

  /// The account of a request that `gatekeeper` decided about last.
  public init(
    _ gatekeeper: Gatekeeper, _ request: RequestPolicy, head: RequestHead, bytes: Span<UInt8>,
    set: PolicySet
  ) {
    guard request.route >= 0 else { return }
    let route = set.routes[request.route]
    guard route.auth != .none, route.places >= 0 else { return }
    let table = set.places[Int(route.places)]
    notePlaces(table)
    let credentials = request.credentials
    let body = gatekeeper.bodyReader
    isAmbiguous = credentials.primary.state == .ambiguous || body.primary.state == .ambiguous
    dropped = credentials.dropped.map { Self.name(of: $0, head, bytes) }
    if credentials.dropsQuery, dropped.isEmpty { dropped = ["query parameter"] }
    if body.primary.state == .present {
      found = "the body"
      token = Self.copy(body.text, body.primary.range)
    } else if credentials.primary.state == .present {
      note(credentials.primary, head, bytes)
    } else if route.auth == .any, credentials.secondary.state == .present {
      note(credentials.secondary, head, bytes)
    } else if route.auth == .any, body.secondary.state == .present {
      found = "the body"
      token = Self.copy(body.text, body.secondary.range)
    }
  }

  private mutating func notePlaces(_ table: PlaceTable) {
    func add(_ text: String, _ role: PlaceRole) {
      if role == .primary { places.append(text) }
      if role == .secondary { secondaryPlaces.append(text) }
    }
    for header in table.headers {
      let scheme = String(lossy: header.place.scheme.span)
      add("header \(header.place.name)" + (scheme.isEmpty ? "" : ": \(scheme)"), header.role)
    }
    for cookie in table.cookies { add("cookie " + String(lossy: cookie.name.span), cookie.role) }
    for query in table.queries { add("query " + String(lossy: query.name.span), query.role) }
    for field in table.bodyFields { add("body field " + String(lossy: field.span), .primary) }
    for field in table.secondaryBodyFields {
      add("body field " + String(lossy: field.span), .secondary)
    }
  }

  private mutating func note(_ credential: Credential, _ head: RequestHead, _ bytes: Span<UInt8>) {
    found = Self.place(of: credential.range, head, bytes)
    token = [UInt8](copying: bytes.slice(credential.range))
  }

  private static func copy(_ text: borrowing ByteBuffer, _ range: ByteRange) -> [UInt8] {
    [UInt8](copying: text.written.slice(range))
  }

  /// The part of the head that a range lies in.
  private static func place(
    of range: ByteRange, _ head: RequestHead, _ bytes: Span<UInt8>
  ) -> String {
    for index in 0..<head.fieldCount {
      let field = head.field(at: index)
      if field.value.lower <= range.lower, range.upper <= field.value.upper {
        return "header " + String(lossy: bytes.slice(field.name))
      }
    }
    return "the query"
  }

  /// What a part that isn't forwarded is called: never its value.
  private static func name(
    of range: ByteRange, _ head: RequestHead, _ bytes: Span<UInt8>
  ) -> String {
    for index in 0..<head.fieldCount {
      let field = head.field(at: index)
      if field.line.lower == range.lower {
        return "header " + String(lossy: bytes.slice(field.name))
      }
      guard field.value.lower <= range.lower, range.upper <= field.value.upper else { continue }
      if field.id == .cookie { return "cookie " + before(UInt8(ascii: "="), range, bytes) }
      return "a part of " + String(lossy: bytes.slice(field.name))
    }
    return "query " + before(UInt8(ascii: "="), range, bytes)
  }

  private static func before(
    _ mark: UInt8, _ range: ByteRange, _ bytes: Span<UInt8>
  ) -> String {
    let text = bytes.slice(range)
    return String(lossy: text.slice(from: 0, to: text.firstIndex(of: mark) ?? 0))
  }
}

extension RequestPolicy {
  /// Whether the policy of the route admits the request's Origin; nil without a policy or an Origin.
  public var isOriginAllowed: Bool? {
    corsPolicy >= 0 && !origin.isEmpty ? corsMatch.isAllowed : nil
  }
}
