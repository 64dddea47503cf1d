// The response head as the client receives it.

import Bytes
import HTTPWire
import Policy

enum ForwardedResponse {
  /// Appends the final head, parsed from the bytes of `input`: status line, filtered fields, our framing, CORS, connection.
  static func append(
    _ exchange: Exchange, _ worker: Worker, _ client: ClientConnection,
    _ input: borrowing ByteBuffer
  ) {
    let head = exchange.responseHead
    let bytes = input.written
    appendStatusLine(head, bytes, to: &client.output)
    appendFields(exchange, worker, client, head, bytes, to: &client.output)
    exchange.policy.appendCORS(
      set: worker.snapshot.policy, bytes: client.input.written, to: &client.output)
    appendFraming(exchange, head, bytes, to: &client.output)
    if exchange.mustClose {
      client.output.append("Connection: close\r\n")
    } else if !exchange.head.isHTTP11 {
      client.output.append("Connection: keep-alive\r\n")
    }
    client.output.append("\r\n")
  }

  /// Appends an interim head (103 and its like) as it came, hop-by-hop fields aside.
  static func appendInterim(
    _ exchange: Exchange, _ worker: Worker, _ client: ClientConnection,
    _ input: borrowing ByteBuffer
  ) {
    client.output.acquire(from: worker.blocks)
    let head = exchange.responseHead
    let bytes = input.written
    let start = client.output.writerIndex
    appendStatusLine(head, bytes, to: &client.output)
    appendFields(exchange, worker, client, head, bytes, to: &client.output)
    client.output.append("\r\n")
    if client.output.overflowed || client.output.writerIndex > Worker.roomMinimum {
      client.output.rewind(to: start)
      client.output.clearOverflow()
    }
  }

  static func appendStatusLine(
    _ head: ResponseHead, _ bytes: Span<UInt8>, to output: inout ByteBuffer
  ) {
    output.append("HTTP/1.1 ")
    output.append(decimal: head.status)
    output.append(UInt8(ascii: " "))
    output.append(bytes, head.reason)
    output.append("\r\n")
  }

  static func appendFields(
    _ exchange: Exchange, _ worker: Worker, _ client: ClientConnection, _ head: ResponseHead,
    _ bytes: Span<UInt8>, to output: inout ByteBuffer
  ) {
    let ownsCORS = exchange.policy.replacesCORS
    // Paths follow a stripped prefix; on other routes nothing has to.
    let followsPrefix = exchange.policy.strippedPrefixBytes > 0
    var runs = FieldRuns()
    for index in 0..<head.fieldCount {
      let field = head.field(at: index)
      switch field.id {
      case .contentLength, .transferEncoding: continue
      case .secWebSocketProtocol:
        if exchange.policy.choosesBearer { continue }
      case .accessControl, .accessControlRequestMethod, .accessControlRequestHeaders:
        if ownsCORS { continue }
      case .location, .setCookie, .other:
        if followsPrefix, !field.isHopByHop,
          appendPrefixed(field, exchange, worker, client.input, bytes, to: &output)
        {
          continue
        }
      default: break
      }
      if !field.isHopByHop { runs.keep(field.line, of: bytes, to: &output) }
    }
    runs.flush(bytes, to: &output)
  }

  /// Appends a field whose paths follow the stripped prefix, and says whether it is one. `request`
  /// holds the client's head.
  private static func appendPrefixed(
    _ field: Field, _ exchange: Exchange, _ worker: Worker, _ request: borrowing ByteBuffer,
    _ bytes: Span<UInt8>, to output: inout ByteBuffer
  ) -> Bool {
    let isCookie = field.id == .setCookie
    guard
      field.id != .other
        || bytes.slice(field.name).equalsIgnoringCase(lowercase: "content-location")
    else { return false }
    let value = bytes.slice(field.value)
    let facts = exchange.forwardedFacts
    output.append(bytes, field.name)
    output.append(": ")
    if isCookie {
      PrefixedFields.appendCookie(
        value, outer: request.written.slice(facts.outerPrefix),
        prefix: request.written.slice(facts.prefix), to: &output)
    } else {
      PrefixedFields.appendLocation(
        value, outer: request.written.slice(facts.outerPrefix),
        prefix: request.written.slice(facts.prefix), isHTTPS: facts.isHTTPS,
        ours: request.written.slice(exchange.head.authority),
        told: request.written.slice(facts.host),
        inner: worker.snapshot.upstreamHosts[exchange.traffic(worker).upstream],
        to: &output)
    }
    output.append("\r\n")
    return true
  }

  /// Says how the body is framed. An answer to HEAD and a 304 keep the length that the upstream told
  /// (RFC 9110 §8.6); 204 has none.
  private static func appendFraming(
    _ exchange: Exchange, _ head: ResponseHead, _ bytes: Span<UInt8>, to output: inout ByteBuffer
  ) {
    switch exchange.responseFraming {
    case .length(let count):
      output.append("Content-Length: ")
      output.append(decimal: count)
      output.append("\r\n")
    case .chunked:
      output.append("Transfer-Encoding: chunked\r\n")
    case .untilClose:
      break
    case .none:
      guard let told = head.announcedLength, head.status != 204 else { return }
      output.append("Content-Length: ")
      output.append(decimal: told)
      output.append("\r\n")
    }
  }
}
