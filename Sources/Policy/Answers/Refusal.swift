// Every reason for which the gateway answers a request itself with an error: a closed list.
//
// 401 is only ever about the token and 403 about rights, because front ends delete the token on any
// 401; the gateway's own trouble is 503 and the upstream's 502 or 504 (DESIGN §5.1). A new case does
// not compile until status, name and texts know it.

import HTTPWire
import Tokens

/// Why a request is refused.
public enum Refusal: Sendable, Equatable {
  /// The credential was not enough.
  case denied(DenialReason)
  /// The bytes aren't a message that can be read in exactly one way.
  case malformed(WireFault)
  /// The head or the body did not come in time.
  case requestTimeout
  /// Head and identity together are larger than the gateway forwards.
  case headTooLarge
  /// The body is larger than the route takes.
  case bodyTooLarge
  /// The body holds a token field and is in a content coding.
  case bodyCoded
  /// The body should hold a token field and isn't well-formed, or holds the field twice.
  case bodyUnreadable
  /// A percent sign without two hexadecimal digits behind it.
  case badEscape
  /// The path means different routes to different servers.
  case ambiguousPath
  /// No route for this path and host.
  case noRoute
  /// Routes for this path, but none for this method.
  case methodNotAllowed
  /// A preflight for an origin, method or field that the policy doesn't allow.
  case preflightRefused
  /// An upgrade from an origin that the policy doesn't allow.
  case originRefused
  /// A cookie's token without the header that shows that a page of the site itself sent it.
  case csrfRefused
  /// The route does not admit the client's address.
  case addressRefused
  /// A limit has no permit left.
  case limited
  /// The address has nothing left for signatures that must be computed (`SignatureBudget`).
  case addressBudgetSpent
  /// The worker has nothing left for signatures that must be computed.
  case workerBudgetSpent
  /// The upstream can't be reached or answers garbage.
  case upstreamFailed
  /// The upstream is silent.
  case upstreamTimeout
  /// The gateway itself can't decide or serve now.
  case unavailable

  /// The HTTP status, but for `ErrorStyle.flaskUnprocessable`.
  public var status: Int {
    switch self {
    case .denied(let reason): reason.status
    case .malformed(let fault): fault.status
    case .requestTimeout: 408
    case .headTooLarge: 431
    case .bodyTooLarge: 413
    case .bodyCoded: 415
    case .bodyUnreadable, .badEscape, .ambiguousPath: 400
    case .noRoute: 404
    case .methodNotAllowed: 405
    case .preflightRefused, .originRefused, .csrfRefused, .addressRefused: 403
    case .limited, .addressBudgetSpent: 429
    case .upstreamFailed: 502
    case .upstreamTimeout: 504
    case .unavailable, .workerBudgetSpent: 503
    }
  }

  /// The stable name in answers, logs and metrics.
  public var name: StaticString {
    switch self {
    case .denied(let reason): reason.name
    case .malformed(let fault): fault.name
    case .requestTimeout: "request_timeout"
    case .headTooLarge: "head_too_large"
    case .bodyTooLarge: "body_too_large"
    case .bodyCoded: "body_coded"
    case .bodyUnreadable: "body_unreadable"
    case .badEscape: "bad_escape"
    case .ambiguousPath: "ambiguous_path"
    case .noRoute: "no_route"
    case .methodNotAllowed: "method_not_allowed"
    case .preflightRefused: "preflight_refused"
    case .originRefused: "origin_refused"
    case .csrfRefused: "csrf_refused"
    case .addressRefused: "address_refused"
    case .limited: "limited"
    case .addressBudgetSpent: "signature_rate_per_address"
    case .workerBudgetSpent: "signature_rate"
    case .upstreamFailed: "upstream_failed"
    case .upstreamTimeout: "upstream_timeout"
    case .unavailable: "unavailable"
    }
  }
}
