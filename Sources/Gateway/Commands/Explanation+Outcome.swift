// `gateway explain`: what the backend would be sent, or what would be answered in its place.

import Assembly
import Bytes
import EventLoop
import HTTPWire
import Policy
import Proxy
import Tokens

extension Explanation {
  /// The route that was found.
  var listing: RouteListing { configuration.routes[policy.routeIndex] }

  func admitted() -> String {
    let traffic = configuration.settings.routes[policy.routeIndex]
    let upstream = configuration.settings.upstreams[traffic.upstreamIndex]
    let servers = upstream.servers.map(\.address.description).joined(separator: ", ")
    return "forwarded to upstream \(upstream.name) (\(servers))"
  }

  /// What the route would do if it were not observed.
  func undone() -> [String] {
    policy.undone.map { ["enforced, it would be refused with \($0.status): \($0.name)"] } ?? []
  }

  func refused() -> String {
    guard let refusal = policy.refusal else { return "refused" }
    let text = "refused with \(refusal.status): \(refusal.name)"
    guard refusal == .ambiguousPath, readingsAgree else { return text }
    return text + "; behind the stripped prefix a reading has a dot or an empty segment"
  }

  /// The head that the backend would get, without the request's id.
  func sent(_ bytes: [UInt8]) -> String {
    var buffer = ByteBuffer(capacity: 64 << 10)
    buffer.append(text: request.method + " ")
    policy.appendTarget(head: head, bytes: bytes.span, to: &buffer)
    buffer.append(" HTTP/1.1\r\n")
    let traffic = configuration.settings.routes[policy.routeIndex]
    let upstream = configuration.settings.upstreams[traffic.upstreamIndex]
    if let host = upstream.upstreamHost { buffer.append(text: "Host: \(host)\r\n") }
    for index in 0..<head.fieldCount {
      let field = head.field(at: index)
      if field.id == .host, upstream.upstreamHost != nil { continue }
      if policy.isDropped(field) { continue }
      if field.id == .authorization {
        buffer.append("Authorization: (as sent)\r\n")
      } else if !head.isHopByHop(at: index), !set.headerGuard.isGuarded(field, bytes: bytes.span) {
        policy.appendLine(field, bytes: bytes.span, to: &buffer)
      }
    }
    ForwardedFields.append(
      facts, bytes: bytes.span, withForwarded: upstream.sendsForwarded, to: &buffer)
    for line in identityLines() { buffer.append(text: line + "\r\n") }
    if head.upgrade == .webSocket {
      buffer.append("Connection: Upgrade\r\nUpgrade: websocket\r\n")
    }
    return section("sent", lines(buffer.readable))
  }

  func answer(_ bytes: [UInt8]) -> String {
    var buffer = ByteBuffer(capacity: 64 << 10)
    _ = ReplyWriter.append(
      policy, head: head, bytes: bytes.span, set: set, closes: false,
      epochSeconds: now.epochSeconds, to: &buffer)
    return section("answer", lines(buffer.readable))
  }

  func lines(_ bytes: Span<UInt8>) -> [String] {
    String(lossy: bytes).split(omittingEmptySubsequences: false) { $0.isNewline }
      .map(String.init).filter { !$0.isEmpty }
  }
}
