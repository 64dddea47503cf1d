// The request head as the upstream receives it.
//
// Field lines are copied in runs, so an ordinary head costs a few copies and not one a field. The
// order of the rules matters: hop-by-hop fields go first (RFC 9110 §7.6.1), then the guard takes
// every spelling of the names the gateway owns, and only then the gateway adds its own; so a client
// can't name for removal what is added here (CVE-2021-32813, CVE-2024-45410).

import Bytes
import HTTPWire
import Policy

enum ForwardedHead {
  /// Appends request line, fields and blank line. `input` holds the client's head. The
  /// caller checks `overflowed`.
  static func append(
    _ exchange: Exchange, _ worker: Worker, _ client: ClientConnection,
    _ input: borrowing ByteBuffer, to output: inout ByteBuffer
  ) {
    let head = exchange.head
    let bytes = input.written
    let policy = exchange.policy
    output.append(bytes, head.methodRange)
    output.append(UInt8(ascii: " "))
    policy.appendTarget(head: head, bytes: bytes, to: &output)
    output.append(" HTTP/1.1\r\n")
    appendFields(exchange, worker, bytes, to: &output)
    appendOwn(exchange, worker, client, bytes, to: &output)
    // The one transfer parameter that holds for both hops, since trailers are passed on: gRPC servers
    // insist on it. A sender of TE names it in Connection (RFC 9110 §10.1.4).
    if head.acceptsTrailers { output.append("TE: trailers\r\nConnection: TE\r\n") }
    // The one protocol that connections may turn into. Any other was dropped with `Connection`: with
    // h2c a backend would serve requests that nobody judged.
    if head.upgrade == .webSocket {
      output.append("Connection: Upgrade\r\nUpgrade: websocket\r\n")
    }
    switch head.framing {
    case .none, .untilClose:
      // A method that usually has a body says that it has none (RFC 9110 §8.6).
      if head.method == .post || head.method == .put || head.method == .patch {
        output.append("Content-Length: 0\r\n")
      }
    case .length(let count):
      output.append("Content-Length: ")
      output.append(decimal: count)
      output.append("\r\n")
    case .chunked:
      output.append("Transfer-Encoding: chunked\r\n")
    }
    output.append("\r\n")
  }

  /// Copies the client's fields but those that end here.
  private static func appendFields(
    _ exchange: Exchange, _ worker: Worker, _ bytes: Span<UInt8>, to output: inout ByteBuffer
  ) {
    let head = exchange.head
    let headerGuard = worker.snapshot.policy.headerGuard
    let upstream = exchange.traffic(worker).upstream
    let replacesHost = worker.snapshot.upstreams[upstream].replacesHost
    if replacesHost {
      output.append("Host: ")
      output.append(worker.snapshot.upstreamHosts[upstream])
      output.append("\r\n")
    } else if !head.has(.host) {
      // HTTP/1.0 may lack a Host; an HTTP/1.1 request must not (RFC 9112 §3.2).
      output.append("Host: ")
      output.append(bytes, head.authority)
      output.append("\r\n")
    }
    // Tokens in header fields that the route doesn't read; hardly ever any.
    let dropsLines = exchange.policy.dropsLines
    var runs = FieldRuns()
    for index in 0..<head.fieldCount {
      let field = head.field(at: index)
      let isKept: Bool
      switch field.id {
      // A client may not name its own request: the id in the log would be its choice.
      case .contentLength, .transferEncoding, .expect, .xRequestID: isKept = false
      case .host: isKept = !replacesHost
      case .cookie:
        // Cookies may hold tokens that the route does not read: the policy writes what is left.
        exchange.policy.appendLine(field, bytes: bytes, to: &output)
        continue
      case .secWebSocketProtocol:
        // So may subprotocols.
        if !field.isHopByHop { exchange.policy.appendLine(field, bytes: bytes, to: &output) }
        continue
      default:
        isKept =
          !field.isHopByHop
          && !headerGuard.isGuarded(field, bytes: bytes)
          && !(dropsLines && exchange.policy.isDropped(field))
      }
      if isKept { runs.keep(field.line, of: bytes, to: &output) }
    }
    runs.flush(bytes, to: &output)
  }

  /// Adds what only the gateway may say.
  private static func appendOwn(
    _ exchange: Exchange, _ worker: Worker, _ client: ClientConnection, _ bytes: Span<UInt8>,
    to output: inout ByteBuffer
  ) {
    let upstream = exchange.traffic(worker).upstream
    let sendsForwarded = worker.snapshot.upstreams[upstream].sendsForwarded
    if client.isTrustedPeer || exchange.policy.strippedPrefixBytes > 0 || sendsForwarded {
      ForwardedFields.append(
        exchange.noteForwardedFacts(client), bytes: bytes, withForwarded: sendsForwarded,
        to: &output)
      output.append("X-Request-Id: ")
    } else {
      appendOrdinary(exchange, client, bytes, to: &output)
    }
    exchange.requestID.append(to: &output)
    output.append("\r\n")
    exchange.policy.appendIdentity(to: &output)
  }

  /// What `ForwardedFields` writes for a client that came by itself to a path that stays whole, up to
  /// the request's id.
  private static func appendOrdinary(
    _ exchange: Exchange, _ client: ClientConnection, _ bytes: Span<UInt8>,
    to output: inout ByteBuffer
  ) {
    // Few long literals instead of many short ones: each append is a call.
    output.append("X-Forwarded-For: ")
    client.peer.appendIP(to: &output)
    if exchange.head.authority.isEmpty {
      output.append("\r\nX-Forwarded-Proto: http\r\nX-Request-Id: ")
    } else {
      output.append("\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: ")
      output.append(bytes, exchange.head.authority)
      output.append("\r\nX-Request-Id: ")
    }
  }
}
