// What a route answers itself, without a backend: `respond`, `respond health` and `redirect`.
//
// Worked out when the configuration is read; a request only copies bytes. A redirect's target can't
// carry the client to a host that the configuration doesn't name, but for `$host`, which is the
// request's own: scheme and authority end before the first byte that a request chooses. Immutable,
// any thread.

import Bytes
import HTTPWire

/// Where a redirect leads: `https://$host$request_uri`, in parts.
public struct RedirectTarget: Sendable, Equatable {
  /// What stands before `$host`, or everything without one: `https://`.
  public var opening: String
  /// Whether `$host` follows: the request's host without its port.
  public var namesHost: Bool
  /// What stands behind `$host`: a port, a path.
  public var rest: String
  /// Whether `$request_uri` ends it: path and query as the client sent them.
  public var endsWithRequest: Bool

  /// Makes a target of its parts.
  public init(
    opening: String, namesHost: Bool = false, rest: String = "", endsWithRequest: Bool = false
  ) {
    self.opening = opening
    self.namesHost = namesHost
    self.rest = rest
    self.endsWithRequest = endsWithRequest
  }
}

/// The answer of a route without a backend.
public enum RouteAnswer: Sendable, Equatable {
  /// A constant answer; `isJSON` decides the content type of a body.
  case respond(status: Int, body: [UInt8], isJSON: Bool)
  /// 200 while the gateway serves, 503 while it is stopping.
  case health
  /// A redirect: 301, 302, 303, 307 or 308.
  case redirect(status: Int, RedirectTarget)

  /// True when the answer needs to know the request's host.
  var needsHost: Bool {
    guard case .redirect(_, let target) = self else { return false }
    return target.namesHost
  }
}

/// A route's answer as the request path needs it. A class, so that a request counts one reference
/// and not one for each text.
final class CompiledAnswer: Sendable {
  enum Kind: Sendable {
    case respond, health, redirect
  }

  let kind: Kind
  let status: Int
  let body: [UInt8]
  let isJSON: Bool
  let opening: [UInt8]
  let namesHost: Bool
  let rest: [UInt8]
  let endsWithRequest: Bool

  init(_ answer: RouteAnswer) {
    var target = RedirectTarget(opening: "")
    switch answer {
    case .respond(let status, let body, let isJSON):
      (kind, self.status, self.body, self.isJSON) = (.respond, status, body, isJSON)
    case .health:
      (kind, status, body, isJSON) = (.health, 200, [], true)
    case .redirect(let status, let given):
      target = given
      (kind, self.status, body, isJSON) = (.redirect, status, [], false)
    }
    opening = Array(target.opening.utf8)
    namesHost = target.namesHost
    rest = Array(target.rest.utf8)
    endsWithRequest = target.endsWithRequest
  }

  /// Statuses that have no body, and no length either (RFC 9110 §8.6, §15.4.5).
  static func hasLength(_ status: Int) -> Bool { status != 204 && status != 304 }

  /// Appends the redirect's target.
  func appendTarget(
    _ request: RequestPolicy, _ head: RequestHead, _ bytes: Span<UInt8>,
    to buffer: inout ByteBuffer
  ) {
    buffer.append(opening)
    if namesHost { buffer.append(bytes, head.host) }
    buffer.append(rest)
    if endsWithRequest { request.appendWholeTarget(head: head, bytes: bytes, to: &buffer) }
  }
}
