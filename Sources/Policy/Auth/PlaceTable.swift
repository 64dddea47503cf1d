// Which places of a request a route reads tokens from, and what happens to tokens elsewhere.
//
// A token in a place that the gateway doesn't read would reach the backend unverified (kong#9922).
// What a place is depends on the route: on `auth required` the realm's access places are read; a
// cookie that is a refresh place is somebody else's business and not forwarded; a cookie that
// neither class knows but that libraries read by default (`access_token_cookie`, …) is not forwarded
// either, and if it holds another token than the one that was read, there are two stories about who
// is calling.
//
// Compiled once, immutable, any thread.

import HTTPWire
import Tokens

/// What a token found in a place is to the route.
enum PlaceRole: UInt8, Sendable {
  /// The token that the route judges.
  case primary
  /// A refresh token beside it that is learned on logout; forwarded where the judged one is.
  case secondary
  /// Not forwarded.
  case dropped
  /// Not forwarded, and refused when it differs from the judged token.
  case stray
}

/// The places of one kind of route, in all realms that it takes.
final class PlaceTable: Sendable {
  struct Named: Sendable {
    let name: [UInt8]
    let role: PlaceRole
    /// Of a cookie: see `TokenPlace.csrfHeader`.
    var csrfHeader: [UInt8] = []
  }
  struct HeaderPlace: Sendable {
    let place: TokenPlace
    let id: FieldName
    let role: PlaceRole
  }

  /// Cookies and parameters that common libraries read without being told (Flask-JWT-Extended's
  /// defaults; what passport-jwt's and python tutorials use), and which class they are named for.
  private static let usualNames: [(name: String, tokenClass: TokenClass)] = [
    ("access_token_cookie", .access), ("access_token", .access), ("accessToken", .access),
    ("access-token", .access), ("jwt", .access), ("token", .access), ("auth_token", .access),
    ("authToken", .access), ("id_token", .access), ("Authorization", .access),
    ("authorization", .access),
    ("refresh_token_cookie", .refresh), ("refresh_token", .refresh), ("refreshToken", .refresh),
    ("refresh-token", .refresh),
  ]

  let headers: [HeaderPlace]
  let cookies: [Named]
  let queries: [Named]
  /// Body fields of the judged token.
  let bodyFields: [[UInt8]]
  /// Body fields of a refresh token beside it.
  let secondaryBodyFields: [[UInt8]]
  /// True when the only header place is `Authorization: Bearer`, the case worth a short cut.
  let readsBearerOnly: Bool
  /// True when neither the judged token nor one beside it is forwarded.
  let withholdsToken: Bool
  /// True when a request's body may hold a token that matters.
  var readsBody: Bool { !bodyFields.isEmpty || !secondaryBodyFields.isEmpty }

  /// The places of a route. `target` is the realm whose tokens the backend reads where they are minted:
  /// what a client sends in their places was judged by nobody.
  init(
    realms: [Realm], auth: AuthRule, onSuccess: SuccessMeaning, withholdsToken: Bool = false,
    target: Realm? = nil
  ) {
    self.withholdsToken = withholdsToken
    let access = realms.flatMap { $0.places(.access) }
    let refresh = realms.flatMap { $0.hasRefreshClass ? $0.places(.refresh) : [] }
    let readsBodies = auth == .refresh || auth == .any || onSuccess == .revoke
    func role(_ place: TokenPlace) -> PlaceRole {
      switch auth {
      case .none: return .dropped
      case .required, .optional:
        if access.contains(place) { return .primary }
        return onSuccess == .revoke ? .secondary : .dropped
      case .refresh: return refresh.contains(place) ? .primary : .dropped
      case .any: return access.contains(place) ? .primary : .secondary
      }
    }
    var headers: [HeaderPlace] = []
    var cookies: [Named] = []
    var queries: [Named] = []
    var bodyFields: [[UInt8]] = []
    var secondaryBodyFields: [[UInt8]] = []
    var seen: [TokenPlace] = []
    for place in access + refresh where !seen.contains(place) {
      seen.append(place)
      let role = role(place)
      switch place.kind {
      case .header:
        headers.append(
          HeaderPlace(place: place, id: FieldName(place.nameBytes.span), role: role))
      case .cookie:
        // One cookie of two realms or classes: where either wants proof, it is wanted.
        if let known = cookies.firstIndex(where: { $0.name == place.nameBytes }) {
          if cookies[known].csrfHeader.isEmpty { cookies[known].csrfHeader = place.csrfHeader }
        }
        cookies.append(
          Named(name: place.nameBytes, role: role, csrfHeader: place.csrfHeader))
      case .query: queries.append(Named(name: place.nameBytes, role: role))
      case .bodyField:
        guard readsBodies else { continue }
        if role == .primary { bodyFields.append(place.nameBytes) }
        if role == .secondary { secondaryBodyFields.append(place.nameBytes) }
      }
    }
    // Its header fields are held back as a whole: `MintTarget`.
    for place in target.map({ $0.places(.access) + $0.places(.refresh) }) ?? [] {
      if place.kind == .cookie, !cookies.contains(where: { $0.name == place.nameBytes }) {
        cookies.append(Named(name: place.nameBytes, role: .dropped))
      }
      if place.kind == .query, !queries.contains(where: { $0.name == place.nameBytes }) {
        queries.append(Named(name: place.nameBytes, role: .dropped))
      }
    }
    if !headers.contains(where: { $0.place == .authorizationBearer }) {
      headers.append(
        HeaderPlace(place: .authorizationBearer, id: .authorization, role: .stray))
    }
    for usual in Self.usualNames {
      let name = Array(usual.name.utf8)
      let role: PlaceRole =
        switch auth {
        case .none: .dropped
        case .required, .optional, .any: usual.tokenClass == .access ? .stray : .dropped
        case .refresh: usual.tokenClass == .refresh ? .stray : .dropped
        }
      if !cookies.contains(where: { $0.name == name }) {
        cookies.append(Named(name: name, role: role))
      }
      if !queries.contains(where: { $0.name == name }) {
        queries.append(Named(name: name, role: role))
      }
    }
    self.headers = headers
    self.cookies = cookies
    self.queries = queries
    self.bodyFields = bodyFields
    self.secondaryBodyFields = secondaryBodyFields
    readsBearerOnly =
      headers.count == 1 && headers[0].place == .authorizationBearer
      && headers[0].role == .primary
  }
}
