// Stages 12 and 13: the upstream's answer, from its first byte to the client's output buffer.
//
// Malformed or ambiguous answers become 502 and are never forwarded. The body is always re-framed:
// what the upstream meant is decided once, by the decoder, and written anew.

import Bytes
import EventLoop
import HTTPWire
import Policy

extension Exchange {
  /// Moves the answer from the upstream to the client, as far as both let it.
  func relayResponse(_ worker: Worker, _ client: ClientConnection) -> Progress {
    var turns = 0
    // One reference for the whole turn; a retry puts another connection in its place.
    guard let connection = upstream else { return .waiting }
    while upstream === connection {
      turns += 1
      guard turns < Worker.turnMaximum else {
        worker.queue(client)
        return .yielded
      }
      switch responsePhase {
      case .awaitingHead:
        guard readResponseHead(worker, client, connection) else { return .waiting }
      case .relaying:
        guard relayBody(worker, client, connection) else { return .waiting }
      case .upgraded:
        return .upgraded
      case .none, .held, .complete:
        return .waiting
      }
    }
    return .waiting
  }

  /// Parses the response head, reading as needed. True when something changed.
  private func readResponseHead(
    _ worker: Worker, _ client: ClientConnection, _ connection: UpstreamConnection
  ) -> Bool {
    if !connection.input.isEmpty {
      switch responseHead.parse(
        connection.input.written, from: connection.input.readerIndex,
        limits: worker.responseHeadLimits, requestMethod: head.method)
      {
      case .complete:
        connection.input.moveReader(to: responseHead.byteEnd)
        responseHeadReceived(worker, client, connection)
        return true
      case .malformed:
        upstreamFailed(.responseMalformed, worker, client)
        return false
      case .needsMore:
        if connection.input.writableCount == 0 {
          upstreamFailed(.responseMalformed, worker, client)
          return false
        }
      }
    }
    switch connection.readOnce(worker.blocks) {
    case .bytes:
      return true
    case .nothing:
      return false
    case .ended, .failed:
      // Not a look at the buffer: an interim answer is consumed, and was an answer all the same.
      let nothingCame = connection.bytesReceived == 0
      let failure: UpstreamFailure =
        connection.phase == .connecting
        ? .connectFailed : nothingCame ? .closedBeforeResponse : .responseMalformed
      upstreamFailed(failure, worker, client)
      return false
    }
  }

  /// A complete head: interim ones pass, the final one is judged, held or forwarded.
  private func responseHeadReceived(
    _ worker: Worker, _ client: ClientConnection, _ connection: UpstreamConnection
  ) {
    let code = responseHead.status
    if code < 200 {
      guard code != 101 else { return switchProtocols(worker, client, connection) }
      // 100 was answered here.
      // Interim answers are advice: those that would take the final head's room are left out.
      if code != 100, head.isHTTP11, client.output.writerIndex < Worker.roomMinimum {
        ForwardedResponse.appendInterim(self, worker, client, connection.input)
      }
      responseHead.reset()
      // However many come, the next head has as much room as it may need: half of a block.
      if connection.input.readerIndex > connection.input.capacity / 2 {
        connection.input.compact()
      }
      return
    }
    status = code
    upstreamTook = worker.now - sentUpstreamAt
    switch worker.gatekeeper.responseReceived(
      policy, status: code, now: worker.policyTime, set: worker.snapshot.policy)
    {
    case .none:
      respond(worker, client, connection)
    case .revoke(let entries):
      responsePhase = .held
      worker.revoke(entries, for: self, client)
    }
  }

  /// The held answer may go: what it means stands in every worker.
  func revocationApplied(_ worker: Worker, _ client: ClientConnection, isDurable: Bool) {
    guard responsePhase == .held, let connection = upstream else { return }
    if !isDurable {
      worker.counters.revocationsNotDurable += 1
      reason = "revocation_not_durable"
    }
    respond(worker, client, connection)
  }

  /// Writes the filtered head for the client and starts the body.
  private func respond(
    _ worker: Worker, _ client: ClientConnection, _ connection: UpstreamConnection
  ) {
    client.output.acquire(from: worker.blocks)
    responseDecoder = BodyDecoder(responseHead.framing)
    switch responseHead.framing {
    case .none: responseFraming = .none
    case .length(let count): responseFraming = .length(count)
    case .chunked, .untilClose:
      // HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
      responseFraming = head.isHTTP11 ? .chunked : .untilClose
      noteStream(worker, client, connection)
    }
    if head.upgrade == .webSocket { closeIfMoreCame(worker, client) }
    if responseFraming == .untilClose || worker.isDraining { mustClose = true }
    // An answer before the end of the request: the rest of the request will not be read.
    if requestPhase != .complete { mustClose = true }
    let start = client.output.writerIndex
    answerPosition = client.bytesSent &+ client.output.readableCount
    ForwardedResponse.append(self, worker, client, connection.input)
    guard !client.output.overflowed else {
      client.output.rewind(to: start)
      client.output.clearOverflow()
      return upstreamFailedAsMalformed(worker, client)
    }
    responseBytes += client.output.writerIndex - start
    responsePhase = .relaying
  }

  /// Takes back a malformed answer of which the client was not sent a byte, so that it becomes 502;
  /// false when it is too late for that. One that only ends early is cut instead: what there is of
  /// it is good.
  func takeBackAnswer(_ worker: Worker, _ client: ClientConnection) -> Bool {
    guard responsePhase == .relaying, client.bytesSent <= answerPosition else { return false }
    client.output.rewind(to: client.output.readerIndex + (answerPosition - client.bytesSent))
    if isStream {
      isStream = false
      worker.forgetStream(client)
    }
    responsePhase = .awaitingHead
    // What arrived together is chance; like a cut answer this is the connection's last.
    mustClose = true
    return true
  }

  /// Ends an answer that will not become whole. Where its framing tells that something is missing, what
  /// there is of it still goes out; where only the end of the connection would tell, that is a reset.
  func cutAnswer(_ worker: Worker, _ client: ClientConnection, because cause: StaticString) {
    reason = cause
    guard responsePhase == .relaying, responseFraming != .untilClose else {
      return worker.abort(client, because: cause)
    }
    mustClose = true
    responsePhase = .complete
  }

  private func upstreamFailedAsMalformed(_ worker: Worker, _ client: ClientConnection) {
    responsePhase = .awaitingHead
    upstreamFailed(.responseMalformed, worker, client)
  }

  /// Moves one step of the body. False when it has to wait.
  private func relayBody(
    _ worker: Worker, _ client: ClientConnection, _ connection: UpstreamConnection
  ) -> Bool {
    client.output.acquire(from: worker.blocks)
    let room = client.output.writableCount - ChunkWriter.overheadMaximum
    guard room > Worker.roomMinimum else {
      guard client.flush() else {
        worker.abort(client, because: "client_aborted")
        return false
      }
      return client.output.isEmpty
    }
    let reader = connection.input.readerIndex
    switch responseDecoder.next(
      connection.input.written.slice(from: 0, to: reader + room), from: reader)
    {
    case .data(let range):
      appendBody(connection.input.written.slice(range), to: &client.output)
      responseBytes += range.count
      connection.input.moveReader(to: range.upper)
      return true
    case .trailer(let name, let value, let consumed):
      if responseFraming == .chunked {
        if !responseTrailersBegun { ChunkWriter.appendLastChunk(to: &client.output) }
        responseTrailersBegun = true
        TrailerLine.append(name, value, from: connection.input, to: &client.output)
      }
      connection.input.moveReader(to: consumed)
      return true
    case .end(let consumed):
      connection.input.moveReader(to: consumed)
      endBody(client)
      return true
    case .malformed:
      upstreamFailed(.responseMalformed, worker, client)
      return false
    case .needsMore(let consumed):
      connection.input.moveReader(to: consumed)
      // The window ended before the bytes did: room has to be made first.
      if reader + room < connection.input.writerIndex { return consumed > reader }
      return readMoreResponse(worker, client, connection)
    }
  }

  private func readMoreResponse(
    _ worker: Worker, _ client: ClientConnection, _ connection: UpstreamConnection
  ) -> Bool {
    if connection.input.isEmpty {
      connection.input.clear()
    } else if connection.input.writableCount == 0 {
      connection.input.compact()
    }
    switch connection.readOnce(worker.blocks) {
    case .bytes:
      return true
    case .nothing:
      return false
    case .ended:
      if responseHead.framing == .untilClose {
        endBody(client)
        return true
      }
      upstreamFailed(.closedWithinResponse, worker, client)
      return false
    case .failed:
      upstreamFailed(.closedWithinResponse, worker, client)
      return false
    }
  }

  private func appendBody(_ bytes: Span<UInt8>, to output: inout ByteBuffer) {
    switch responseFraming {
    case .chunked: ChunkWriter.append(bytes, to: &output)
    case .length, .untilClose: output.append(bytes)
    case .none: break
    }
  }

  private func endBody(_ client: ClientConnection) {
    if responseFraming == .chunked {
      if responseTrailersBegun {
        client.output.append("\r\n")
      } else {
        ChunkWriter.appendEnd(to: &client.output)
      }
    }
    responsePhase = .complete
  }
}
