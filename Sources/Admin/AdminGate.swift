// Who may ask what of the admin server: a complete request head in, an endpoint or a refusal out.
//
// The Unix socket's mode (0600) is its lock. Over TCP everything but `GET /health` and `GET /metrics`
// needs the bearer token, asked for first so that a stranger can't even learn which paths there are;
// and what changes something needs a JSON content type, which a browser never sends elsewhere without
// asking, and a loopback Host, so that a name that was rebound to 127.0.0.1 is no way in (DESIGN
// §5.10).

import Bytes
import Crypto
import EventLoop
import HTTPWire

/// What can be asked for.
enum AdminEndpoint: Sendable, Equatable {
  /// Whether the gateway serves.
  case health
  /// What it is and does.
  case status
  /// What it counts, for Prometheus.
  case metrics
  /// Revoke a token, a subject's tokens, or everyone's.
  case revoke
  /// Take a revocation back.
  case unrevoke

  /// True for what is read, with GET or HEAD; the others are POST with a JSON body.
  var isReadOnly: Bool {
    switch self {
    case .health, .status, .metrics: true
    case .revoke, .unrevoke: false
    }
  }

  /// True for what whoever reaches a TCP address may read.
  fileprivate var isOpen: Bool {
    switch self {
    case .health, .metrics: true
    case .status, .revoke, .unrevoke: false
    }
  }

  fileprivate init?(_ path: Span<UInt8>) {
    if path.equals("/health") {
      self = .health
    } else if path.equals("/status") {
      self = .status
    } else if path.equals("/metrics") {
      self = .metrics
    } else if path.equals("/revoke") {
      self = .revoke
    } else if path.equals("/unrevoke") {
      self = .unrevoke
    } else {
      return nil
    }
  }
}

/// The rules of one admin address.
struct AdminGate {
  /// Longest request body.
  static let bodyBytesMaximum = 64 << 10

  /// True when the address is a Unix socket.
  let isLocal: Bool
  /// What requests over TCP must present; without one only health and metrics are answered there.
  let token: SecretBytes?

  /// The endpoint that a request is for, if it may pass.
  func admit(_ head: RequestHead, _ bytes: Span<UInt8>) throws(AdminAnswer) -> AdminEndpoint {
    let endpoint = AdminEndpoint(bytes.slice(head.path))
    let isReading = head.method == .get || head.method == .head
    let isOpen = endpoint?.isOpen ?? false
    if !isLocal, !(isOpen && isReading), !isAuthorized(head, bytes) {
      throw .refusal(401, "this needs `Authorization: Bearer` with the admin token")
    }
    guard let endpoint else { throw .refusal(404, "no such path") }
    if endpoint.isReadOnly {
      guard isReading else { throw .methodNotAllowed(allow: "GET, HEAD") }
      return endpoint
    }
    guard head.method == .post else { throw .methodNotAllowed(allow: "POST") }
    if !isLocal, !namesLoopback(bytes.slice(head.host)) {
      throw .refusal(403, "changes are taken under a loopback Host only")
    }
    guard hasJSONBody(head, bytes) else {
      throw .refusal(415, "the body must be `Content-Type: application/json`, without a coding")
    }
    if case .length(let length) = head.framing, length > AdminGate.bodyBytesMaximum {
      throw .bodyTooLarge
    }
    return endpoint
  }

  /// One `Authorization: Bearer` with the token, compared in constant time. An empty token opens
  /// nothing.
  private func isAuthorized(_ head: RequestHead, _ bytes: Span<UInt8>) -> Bool {
    guard let token, token.count > 0, let index = head.index(of: .authorization),
      head.index(of: .authorization, from: index + 1) == nil
    else { return false }
    let value = bytes.slice(head.field(at: index).value)
    guard value.slice(from: 0, to: 7).equalsIgnoringCase(lowercase: "bearer ") else { return false }
    var start = 7
    while start < value.count, value[start] == UInt8(ascii: " ") { start += 1 }
    let given = SecretBytes(value.slice(from: start))
    return token.equals(given)
  }

  private func namesLoopback(_ host: Span<UInt8>) -> Bool {
    if host.equalsIgnoringCase(lowercase: "localhost") { return true }
    let isBracketed = host.count > 2 && host[0] == UInt8(ascii: "[")
    let address = isBracketed ? host.slice(from: 1, to: host.count - 1) : host
    return SocketAddress(ip: address, port: 0)?.isLoopback ?? false
  }

  private func hasJSONBody(_ head: RequestHead, _ bytes: Span<UInt8>) -> Bool {
    guard !head.has(.contentEncoding), let index = head.index(of: .contentType),
      head.index(of: .contentType, from: index + 1) == nil
    else { return false }
    let value = bytes.slice(head.field(at: index).value)
    var end = value.firstIndex(of: UInt8(ascii: ";")) ?? value.count
    while end > 0, value[end - 1] == UInt8(ascii: " ") || value[end - 1] == 0x09 { end -= 1 }
    return value.slice(from: 0, to: end).equalsIgnoringCase(lowercase: "application/json")
  }
}

extension AdminAnswer {
  /// 413.
  static let bodyTooLarge = refusal(
    413, "the body may have \(AdminGate.bodyBytesMaximum) bytes at most")
}
