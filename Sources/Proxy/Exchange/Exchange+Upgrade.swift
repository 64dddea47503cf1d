// An exchange whose answer goes on: a WebSocket handshake, and event streams.
//
// Bytes that come behind a handshake stay in the client's buffer until a 101 has made them the
// tunnel's (CVE-2026-2833, CVE-2026-2835: passed on before, they are requests that nobody judged). A
// backend that answers anything else has refused: its answer goes out as any other, and if bytes did
// come, the connection closes behind it, because they may be frames as well as a request.

import Bytes
import EventLoop
import HTTPWire
import Policy

extension Exchange {
  /// The upstream says 101. Believed only if it was asked, whole and unambiguous (RFC 9110 §15.2.2).
  func switchProtocols(
    _ worker: Worker, _ client: ClientConnection, _ connection: UpstreamConnection
  ) {
    // A server that agrees before it has read the request agrees to something else.
    guard head.upgrade == .webSocket, requestPhase == .complete, connection.output.isEmpty,
      responseHead.agreesToWebSocket(connection.input.written)
    else { return upstreamFailed(.responseMalformed, worker, client) }
    status = 101
    upstreamTook = worker.now - sentUpstreamAt
    // 101 revokes nothing; permits go back where it wasn't a failure.
    _ = worker.gatekeeper.responseReceived(
      policy, status: 101, now: worker.policyTime, set: worker.snapshot.policy)
    client.output.acquire(from: worker.blocks)
    let start = client.output.writerIndex
    ForwardedResponse.appendSwitch(self, worker, client, connection.input)
    guard !client.output.overflowed else {
      client.output.rewind(to: start)
      client.output.clearOverflow()
      return upstreamFailed(.responseMalformed, worker, client)
    }
    responseBytes += client.output.writerIndex - start
    responsePhase = .upgraded
  }

  /// A handshake gets another answer than 101: if the client did not wait for it, nothing that follows
  /// can be told from frames.
  func closeIfMoreCame(_ worker: Worker, _ client: ClientConnection) {
    // What the kernel holds came before the answer, too. A client that has ended is seen later.
    if client.input.isEmpty { _ = client.readOnce(worker.blocks) }
    if !client.input.isEmpty { mustClose = true }
  }

  // MARK: Event streams

  /// Sees whether the answer is a stream: then it may be silent for `stream_idle_timeout`, has no
  /// total time, and ends when the token of its request does.
  func noteStream(
    _ worker: Worker, _ client: ClientConnection, _ connection: UpstreamConnection
  ) {
    guard StreamType.isStream(responseHead, connection.input) else { return }
    isStream = true
    let credential = worker.gatekeeper.streamCredential(
      policy, bytes: client.input.written, now: worker.policyTime, set: worker.snapshot.policy)
    worker.keepStream(
      LiveStream(
        client: client.token, credential: credential,
        graceMilliseconds: traffic(worker).tokenGraceMilliseconds,
        isObserved: policy.isOnObservedRoute), client)
  }

  /// Sets the deadline of an exchange that streams; `due` is an ordinary exchange's.
  func setStreamDeadline(
    _ worker: Worker, _ client: ClientConnection, _ wait: Wait, _ due: Int64
  ) {
    let silence = traffic(worker).streamIdleTimeoutMilliseconds
    worker.moveStream(
      client,
      waitDue: wait == .responseBody ? worker.deadline(inMilliseconds: silence) : due)
  }
}

extension ForwardedResponse {
  /// Appends the 101: the upstream's fields, and the hop-by-hop ones as the gateway's own.
  static func appendSwitch(
    _ exchange: Exchange, _ worker: Worker, _ client: ClientConnection,
    _ input: borrowing ByteBuffer
  ) {
    let bytes = input.written
    appendStatusLine(exchange.responseHead, bytes, to: &client.output)
    client.output.append("Connection: Upgrade\r\nUpgrade: websocket\r\n")
    appendFields(exchange, worker, client, exchange.responseHead, bytes, to: &client.output)
    if exchange.policy.choosesBearer {
      exchange.policy.appendChosenSubprotocol(
        bytes: client.input.written, to: &client.output)
    }
    exchange.policy.appendCORS(
      set: worker.snapshot.policy, bytes: client.input.written, to: &client.output)
    client.output.append("\r\n")
  }
}
