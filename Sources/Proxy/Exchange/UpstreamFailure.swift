// What can go wrong on the upstream's side, what the client is told, and whether another attempt is
// safe. Pingora's triple: what failed, in which phase, on a new or a reused connection.

import Policy

/// Why an upstream connection let an exchange down.
enum UpstreamFailure {
  /// No connection could be made (refused, unreachable).
  case connectFailed
  /// The gateway has no descriptor, port or memory left for a connection: nobody was asked.
  case exhausted
  /// The connection was not made in time.
  case connectTimedOut
  /// The connection ended or broke before a response byte came.
  case closedBeforeResponse
  /// The response head did not come in time.
  case responseTimedOut
  /// The response was malformed, ambiguous or over a bound (RFC 9112 §6.3): never forwarded.
  case responseMalformed
  /// The connection ended or broke in the middle of the response.
  case closedWithinResponse
  /// The upstream did not take the request's body in time.
  case requestTimedOut

  /// What the client is told: 504 for a server that is too slow, 502 for one that fails, and 503 with
  /// `Retry-After` for the gateway's own trouble.
  var refusal: Refusal {
    switch self {
    case .connectTimedOut, .responseTimedOut, .requestTimedOut: .upstreamTimeout
    case .connectFailed, .closedBeforeResponse, .responseMalformed, .closedWithinResponse:
      .upstreamFailed
    case .exhausted: .unavailable
    }
  }

  /// The word for the access log.
  var name: StaticString {
    switch self {
    case .connectFailed: "upstream_connect_failed"
    case .exhausted: "out_of_sockets"
    case .connectTimedOut: "upstream_connect_timeout"
    case .closedBeforeResponse: "upstream_closed"
    case .responseTimedOut: "upstream_timeout"
    case .responseMalformed: "upstream_malformed"
    case .closedWithinResponse: "upstream_aborted"
    case .requestTimedOut: "upstream_request_timeout"
    }
  }

  /// What the exchange knows when it has to decide.
  struct Attempt {
    /// The connection had served a request before.
    var connectionWasReused: Bool
    /// Repeating the request has the effect of sending it once (RFC 9110 §9.2.2).
    var methodIsIdempotent: Bool
    /// The kernel took every byte of the request, body included.
    var requestWasFullySent: Bool
    /// All request bytes sent so far are still at hand.
    var requestIsReplayable: Bool
  }

  /// Whether sending the request again can't make it happen twice.
  func allowsRetry(_ attempt: Attempt) -> Bool {
    guard attempt.requestIsReplayable else { return false }
    switch self {
    case .connectFailed, .connectTimedOut, .exhausted:
      // The server has not seen a byte.
      return true
    case .closedBeforeResponse:
      // The usual race: the server closed its idle connection while the request was on its way. Of
      // a request that was sent whole nobody knows whether it happened; one that was not can't have.
      return attempt.connectionWasReused
        && (attempt.methodIsIdempotent || !attempt.requestWasFullySent)
    case .responseTimedOut, .responseMalformed, .closedWithinResponse, .requestTimedOut:
      return false
    }
  }
}
