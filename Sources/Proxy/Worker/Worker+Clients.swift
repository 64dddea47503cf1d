// What a worker does with its client connections: accept, read heads, serve.

import Bytes
import EventLoop
import HTTPWire
import Policy
import Transport

extension Worker {
  // MARK: Accepting

  /// Accepts waiting clients.
  func accept(listener slot: Int) {
    for _ in 0..<Worker.acceptMaximum {
      guard connections.enter() else {
        if connections.waitForRoom(worker: index) { return pauseAccepting() }
        continue
      }
      switch listeners.accept(slot) {
      case .accepted(let socket, let peer):
        admit(socket, peer, listener: slot)
      case .wouldBlock:
        return connections.leave()
      case .exhausted:
        connections.leaveUnused()
        connections.register(index)
        return pauseAccepting()
      case .failed:
        connections.leave()
      }
    }
  }

  private func admit(_ socket: consuming Socket, _ peer: SocketAddress, listener: Int) {
    counters.connectionsAccepted += 1
    let token = clients.reserve()
    let client = ClientConnection(
      token: token, peer: peer, listener: listener, stream: ByteStream(plain: socket))
    client.isTrustedPeer = snapshot.policy.isTrusted(client.policyPeer)
    clients.fill(token, client)
    if snapshot.expectsProxyHeader[listener] {
      guard mayNameClients(client) else { return refuseProxyHeader(client) }
      client.phase = .awaitingProxyHeader
    } else if !countByAddress(client) {
      counters.connectionsRefused += 1
      return close(client)
    }
    do throws(SystemError) {
      try client.stream.register(with: poller, token: client.token)
    } catch {
      return close(client)
    }
    move(client, to: deadline(inMilliseconds: snapshot.limits.headTimeoutMilliseconds))
    serve(client)
  }

  /// Counts a connection for its client's address; false when the address has too many. A trusted
  /// proxy has the connections of many clients.
  func countByAddress(_ client: ClientConnection) -> Bool {
    guard !client.isTrustedPeer, let holder = ConnectionBudget.Holder(client.peer) else {
      return true
    }
    guard connections.take(for: holder) else { return false }
    client.holder = holder
    return true
  }

  /// Stops accepting: descriptors or connections have run out; whoever is in goes on. The budget
  /// tells when something was given back; the timer is for what is given back elsewhere.
  private func pauseAccepting() {
    counters.acceptPauses += 1
    listeners.pause(poller)
    guard !acceptTimerArmed else { return }
    acceptTimerArmed = true
    timers.schedule(
      Token.make(.listener, slot: 0), deadlineNanoseconds: now + Worker.acceptPauseNanoseconds)
  }

  /// Accepts again after a pause.
  func resumeAccepting() {
    guard !isDraining else { return }
    do throws(SystemError) {
      try listeners.resume(poller)
    } catch {
      pauseAccepting()
    }
  }

  // MARK: Serving

  /// Does everything that can be done now for a client connection.
  func serve(_ client: ClientConnection) {
    for _ in 0..<Worker.turnMaximum {
      switch client.phase {
      case .awaitingProxyHeader:
        guard awaitProxyHeader(client) else { return }
      case .awaitingRequest:
        guard awaitHead(client) else { return }
      case .inExchange:
        guard let exchange = client.exchange else { return }
        switch exchange.advance(self, client) {
        case .waiting, .closed, .yielded: return
        case .finished: endExchange(exchange, client)
        case .upgraded: beginTunnel(exchange, client)
        }
      case .tunnelling:
        guard relay(client) else { return }
      case .lingering:
        return linger(client)
      case .closed:
        return
      }
    }
    queue(client)
  }

  /// Stage 2 and 3: reads until a head is complete. False when there is none yet.
  private func awaitHead(_ client: ClientConnection) -> Bool {
    guard client.flush() else {
      close(client)
      return false
    }
    // One answer at a time: a client that doesn't read its answers gets no further ones.
    guard client.output.isEmpty else {
      awaitSending(client)
      return false
    }
    if client.sending.isWaiting { endSending(client) }
    while true {
      if !client.input.isEmpty {
        if let exchange = parseHead(client) {
          client.phase = .inExchange
          exchange.begin(self, client)
          return true
        }
        if client.phase != .awaitingRequest { return true }
      }
      switch client.readOnce(blocks) {
      case .bytes: continue
      case .nothing:
        restBetweenRequests(client)
        return false
      case .ended, .failed:
        close(client)
        return false
      }
    }
  }

  /// Parses what has come. Nil when the head isn't complete or was refused.
  private func parseHead(_ client: ClientConnection) -> Exchange? {
    let exchange: Exchange
    if let begun = client.exchange {
      exchange = begun
    } else {
      exchange = takeExchange()
      client.exchange = exchange
      exchange.startedAt = now
      // A request begins in the buffer's first quarter: a head is at most half of a block, so a body
      // behind it always has room. Moving only then costs each byte at most a few moves, however
      // many requests were sent in a row.
      if client.input.readerIndex > client.input.capacity / 4 { client.input.compact() }
    }
    switch exchange.head.parse(
      client.input.written, from: client.input.readerIndex, limits: requestHeadLimits)
    {
    case .complete:
      return exchange
    case .malformed(let fault, _):
      refuseHead(.malformed(fault), exchange, client)
      return nil
    case .needsMore:
      if client.input.writableCount == 0 {
        // The head began behind an earlier request: it moves to the front and is read anew.
        exchange.head.reset()
        client.input.compact()
      }
      return nil
    }
  }

  /// A head that can't be read in exactly one way is never repaired: answer and close.
  func refuseHead(_ refusal: Refusal, _ exchange: Exchange, _ client: ClientConnection) {
    counters.requestsMalformed += 1
    client.phase = .inExchange
    exchange.mustClose = true
    exchange.claims.forgetClient()
    exchange.requestID = makeRequestID()
    exchange.policy.refuse(refusal)
    exchange.answerHere(self, client)
  }

  /// Nothing more to read: an idle connection gives back what it borrowed, a begun head keeps its
  /// deadline from its first byte on, whatever trickles in.
  private func restBetweenRequests(_ client: ClientConnection) {
    let limits = snapshot.limits
    guard let exchange = client.exchange else {
      client.releaseIdleBuffers(blocks)
      if client.requestsServed > 0 {
        move(client, to: deadline(inMilliseconds: limits.idleTimeoutMilliseconds))
      }
      if isDraining { close(client) }
      return
    }
    if !client.headDeadlineSet {
      client.headDeadlineSet = true
      move(
        client,
        to: exchange.startedAt + Int64(limits.headTimeoutMilliseconds) * 1_000_000)
    }
  }

  /// The answer is complete and in the output buffer.
  private func endExchange(_ exchange: Exchange, _ client: ClientConnection) {
    let mustClose = exchange.mustClose
    exchange.finish(self, client)
    if exchange.isStream { forgetStream(client) }
    client.exchange = nil
    client.headDeadlineSet = false
    if client.sending.isWaiting, client.output.isEmpty { endSending(client) }
    give(exchange)
    if client.input.isEmpty { client.input.clear() }
    client.phase = .awaitingRequest
    if mustClose { beginLingering(client) }
  }

  /// Between exchanges, an answer waits for its client to read: only reading moves the deadline.
  @inline(never)
  func awaitSending(_ client: ClientConnection) {
    guard !client.sending.isWaiting(at: client.bytesSent) else { return }
    move(client, to: sendingDeadline(client))
  }

  /// Until when the client must go on reading.
  @inline(never)
  func sendingDeadline(_ client: ClientConnection) -> Int64 {
    client.sending.wait(snapshot.sendTerms, moved: client.bytesSent, now: now)
  }

  /// The client is not waited for to read any more.
  @inline(never)
  func endSending(_ client: ClientConnection) {
    client.sending.rest(snapshot.sendTerms, moved: client.bytesSent, now: now)
  }
}
