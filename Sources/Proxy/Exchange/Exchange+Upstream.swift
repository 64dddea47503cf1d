// Stages 10 and 11: a connection to a server, the request on it, and what happens when it fails.

import Bytes
import EventLoop
import HTTPWire
import Policy

extension Exchange {
  /// The route's own numbers for moving bytes. Precondition: the request was routed.
  func traffic(_ worker: Worker) -> Snapshot.RouteNumbers {
    worker.snapshot.routes[policy.routeIndex]
  }

  /// Longest request body that the route takes.
  func bodyMaximum(_ worker: Worker) -> Int { traffic(worker).bodyBytesMaximum }

  /// Takes a pooled connection or opens one, and writes the head on it. When no server is left to ask,
  /// what failed before (`earlier`) is what the client is told.
  func connect(
    _ worker: Worker, _ client: ClientConnection, after earlier: UpstreamFailure = .connectFailed
  ) {
    let upstreamIndex = traffic(worker).upstream
    var failure = earlier
    while attempts < Exchange.attemptsMaximum {
      let pool = worker.pools[upstreamIndex]
      guard let server = pool.choose(tried: triedServers, now: worker.now) else { break }
      attempts += 1
      if !wantsFreshConnection, let kept = pool.takeIdle(server: server) {
        worker.counters.upstreamReuses += 1
        return forwardHead(worker, client, on: kept)
      }
      switch worker.openUpstream(upstreamIndex, server: server) {
      case .opened(let opened):
        return forwardHead(worker, client, on: opened)
      case .failed:
        failure = .connectFailed
        pool.rest(server: server, now: worker.now)
      case .exhausted:
        // The server has done nothing wrong; another one may be on an address with free ports.
        failure = .exhausted
      }
      markTried(server)
    }
    answerFailure(failure, worker, client)
  }

  private func markTried(_ server: Int) {
    if server < 64 { triedServers |= 1 << UInt64(server) }
  }

  /// Writes the request's head into the connection's buffer and starts the relay.
  private func forwardHead(
    _ worker: Worker, _ client: ClientConnection, on connection: UpstreamConnection
  ) {
    upstream = connection
    connection.client = client.token
    connection.bytesSent = 0
    connection.bytesReceived = 0
    connection.isCounted = true
    worker.pools[connection.upstream].began(server: connection.server)
    if connection.phase == .idle { connection.phase = .busy }
    connection.output.acquire(from: worker.blocks)
    ForwardedHead.append(
      self, worker, client, client.input, to: &connection.output)
    guard !connection.output.overflowed else {
      // Head and identity together are larger than a block: the client's head is to blame.
      connection.output.clear()
      worker.close(connection)
      upstream = nil
      return refuseUnjudged(.headTooLarge, worker, client)
    }
    sentUpstreamAt = worker.now
    // A second attempt has its own time.
    if waitsFor != nil {
      stopCharging(worker, client)
      waitsFor = nil
    }
    responsePhase = .awaitingHead
    requestPhase = head.framing == .none ? .complete : .relaying
    if requestPhase == .complete { pushUpstream(worker, client) }
  }

  /// Sends what waits for the upstream. False when that failed (the failure has been handled).
  @discardableResult
  func pushUpstream(_ worker: Worker, _ client: ClientConnection) -> Bool {
    guard let connection = upstream else { return false }
    switch connection.flush() {
    case .flushed:
      connection.output.release(to: worker.blocks)
      return true
    case .blocked:
      return true
    case .failed:
      // The server may have answered before it closed; that answer counts, and reading finds it or
      // the reason for the failure.
      connection.output.clear()
      connection.mayRead = true
      connection.hangupSeen = true
      requestPhase = .cutOff
      return true
    }
  }

  /// Moves the request's body from the client to the upstream, as far as both let it.
  func relayRequest(_ worker: Worker, _ client: ClientConnection) {
    guard let connection = upstream else { return }
    connection.output.acquire(from: worker.blocks)
    var turns = 0
    while requestPhase == .relaying {
      turns += 1
      let room = connection.output.writableCount - ChunkWriter.overheadMaximum
      guard room > Worker.roomMinimum, turns < Worker.turnMaximum else {
        guard pushUpstream(worker, client) else { return }
        if connection.output.isEmpty && turns < Worker.turnMaximum {
          connection.output.acquire(from: worker.blocks)
          continue
        }
        if turns >= Worker.turnMaximum { worker.queue(client) }
        return
      }
      let reader = client.input.readerIndex
      // The window keeps what is taken within what fits; the decoder never sees the rest.
      let step = requestDecoder.next(
        client.input.written.slice(from: 0, to: reader + room), from: reader)
      switch step {
      case .data(let range):
        requestBodyBytes += range.count
        guard requestBodyBytes <= bodyMaximum(worker) else {
          return failRequest(.bodyTooLarge, worker, client)
        }
        if head.framing == .chunked {
          ChunkWriter.append(client.input.written.slice(range), to: &connection.output)
        } else {
          connection.output.append(client.input.written, range)
        }
        client.input.moveReader(to: range.upper)
      case .trailer(let name, let value, let consumed):
        relayTrailer(name, value, worker, client, connection)
        client.input.moveReader(to: consumed)
      case .end(let consumed):
        client.input.moveReader(to: consumed)
        if head.framing == .chunked {
          if requestTrailersBegun {
            connection.output.append("\r\n")
          } else {
            ChunkWriter.appendEnd(to: &connection.output)
          }
        }
        requestPhase = .complete
      case .malformed(let fault):
        return failRequest(.malformed(fault), worker, client)
      case .needsMore(let consumed):
        client.input.moveReader(to: consumed)
        // The window ended before the bytes did: room has to be made first.
        if reader + room < client.input.writerIndex, consumed > reader { continue }
        if !readMoreBody(worker, client) {
          if client.phase == .inExchange { pushUpstream(worker, client) }
          return
        }
      }
    }
    pushUpstream(worker, client)
  }

  /// Passes one trailer field on unless the guard or the hop-by-hop rule takes it (RFC 9110 §6.5).
  private func relayTrailer(
    _ name: ByteRange, _ value: ByteRange, _ worker: Worker, _ client: ClientConnection,
    _ connection: UpstreamConnection
  ) {
    if !requestTrailersBegun {
      requestTrailersBegun = true
      ChunkWriter.appendLastChunk(to: &connection.output)
    }
    let headerGuard = worker.snapshot.policy.headerGuard
    guard !headerGuard.isGuarded(name: client.input.written.slice(name), asTrailer: true)
    else { return }
    TrailerLine.append(name, value, from: client.input, to: &connection.output)
  }

  /// Makes room behind the pinned head and reads. False when nothing came (or the connection ended,
  /// which has been handled).
  func readMoreBody(_ worker: Worker, _ client: ClientConnection) -> Bool {
    if client.input.writableCount == 0 {
      // The body's first bytes are given up: from here on the request can't be sent again.
      requestBytesDropped = true
      client.input.compact(keeping: head.byteEnd)
    }
    switch client.readOnce(worker.blocks) {
    case .bytes:
      return true
    case .nothing:
      return false
    case .ended, .failed:
      // The client gave up within its own body: there is nobody to answer.
      worker.abort(client, because: "client_aborted")
      return false
    }
  }

  /// The upstream failed: try again where that is safe, answer 502 or 504 while the client has seen
  /// nothing, cut the connection otherwise (a truncated answer must not look whole).
  func upstreamFailed(
    _ failure: UpstreamFailure, _ worker: Worker, _ client: ClientConnection
  ) {
    guard let connection = upstream else { return }
    let attempt = UpstreamFailure.Attempt(
      connectionWasReused: connection.isReused,
      methodIsIdempotent: head.method.isIdempotent,
      requestWasFullySent: requestPhase == .complete && connection.output.isEmpty,
      requestIsReplayable: !requestBytesDropped)
    let server = connection.server
    let upstreamIndex = connection.upstream
    worker.close(connection)
    upstream = nil
    let isTakenBack = failure == .responseMalformed && takeBackAnswer(worker, client)
    guard responsePhase == .awaitingHead || isTakenBack else {
      worker.counters.upstreamFailures += 1
      return cutAnswer(worker, client, because: failure.name)
    }
    switch failure {
    case .connectFailed, .connectTimedOut:
      worker.pools[upstreamIndex].rest(server: server, now: worker.now)
      markTried(server)
    case .closedBeforeResponse, .responseTimedOut, .responseMalformed, .closedWithinResponse,
      .requestTimedOut, .exhausted:
      wantsFreshConnection = true
    }
    if failure.allowsRetry(attempt), attempts < Exchange.attemptsMaximum {
      worker.counters.upstreamRetries += 1
      replayRequest(client)
      connect(worker, client, after: failure)
      // A kept connection has no event to come: the body moves in the next turn.
      return worker.queue(client)
    }
    answerFailure(failure, worker, client)
  }

  /// Goes back to the body's first byte; its bytes are still behind the head. They are unread again,
  /// also for an answer that comes because no server is left: they must not be taken for a request.
  private func replayRequest(_ client: ClientConnection) {
    client.input.moveReader(to: head.byteEnd)
    requestPhase = .head
    requestDecoder = BodyDecoder(head.framing)
    requestBodyBytes = 0
    requestTrailersBegun = false
    responsePhase = .none
  }

  /// The answer is complete: the connection serves again, or closes.
  func releaseUpstream(_ worker: Worker) {
    guard let connection = upstream else { return }
    upstream = nil
    let isReusable =
      requestPhase == .complete && responsePhase == .complete && responseHead.keepsAlive
      && responseDecoder.isAtEnd && connection.output.isEmpty && connection.input.isEmpty
      && connection.hasNothingMore(worker.blocks)
    if isReusable {
      connection.requestsServed += 1
      worker.park(connection)
    } else {
      worker.close(connection)
    }
  }
}
