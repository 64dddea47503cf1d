// How a tunnel's bytes move, and how it ends.
//
// Each direction is read into the other side's output and sent from there, so that no byte is copied;
// nothing is read while something is unsent, which is the back pressure. Ends:
//
//     a side finishes sending        the other side is told so; when both have, all is over
//     a side breaks                  the other is closed
//     the gateway wants it           a close frame to the client at the end of a frame, the upstream is
//     (token, silence, shutdown)     closed, and the client is listened to for a second as behind
//                                    every last answer; without a place for the frame within a second,
//                                    or a client that takes it, the connection is dropped

import Bytes
import EventLoop
import Policy
import Transport

extension Worker {
  /// How long a tunnel that the gateway ends may take until the close frame is with the client.
  static let tunnelCloseMilliseconds = 1_000
  /// How long one side of a tunnel may say nothing after the other has finished.
  static let halfOpenMilliseconds = 10_000

  // MARK: Beginning

  /// The exchange is over with a 101: its connections become a tunnel, and it is let go of.
  func beginTunnel(_ exchange: Exchange, _ client: ClientConnection) {
    guard let connection = exchange.upstream else { return close(client) }
    counters.upgrades += 1
    tunnelCount += 1
    let credential = gatekeeper.streamCredential(
      exchange.policy, bytes: client.input.written, now: policyTime, set: snapshot.policy)
    let tunnel = Tunnel(exchange, connection, self, client)
    if accessLog.isOn { tunnel.keepText(exchange.head, client.input.written) }
    let grace = exchange.traffic(self).tokenGraceMilliseconds
    let isObserved = exchange.policy.isOnObservedRoute
    exchange.upstream = nil
    client.exchange = nil
    give(exchange)
    client.phase = .tunnelling
    keepStream(
      LiveStream(
        client: client.token, credential: credential, graceMilliseconds: grace, tunnel: tunnel,
        isObserved: isObserved),
      client)
    if isDraining { endTunnel(client, .goingAway, because: "shutdown") }
  }

  // MARK: Moving bytes

  private enum Step {
    case moved
    case nothing
    /// This connection is of no use any more.
    case broken
  }

  /// Does everything that can be done now for a tunnel; true when it has become something else.
  func relay(_ client: ClientConnection) -> Bool {
    guard let tunnel = client.live?.tunnel else {
      close(client)
      return false
    }
    for _ in 0..<Worker.turnMaximum {
      let down = moveDown(tunnel, client)
      guard down != .broken else {
        tunnel.note("client_aborted")
        close(client)
        return false
      }
      if tunnel.isClosing {
        if finishClosing(tunnel, client) { return true }
        guard client.phase == .tunnelling else { return false }
        if down == .moved { continue }
        return false
      }
      let up = moveUp(tunnel, client)
      guard up != .broken else {
        close(client)
        return false
      }
      if client.writeEnded && tunnel.upstreamToldEnd {
        close(client)
        return false
      }
      if down == .nothing && up == .nothing {
        setDeadline(tunnel, client)
        return false
      }
    }
    setDeadline(tunnel, client)
    queue(client)
    return false
  }

  /// From the upstream to the client.
  private func moveDown(_ tunnel: Tunnel, _ client: ClientConnection) -> Step {
    if !client.output.isEmpty {
      let sentBefore = client.bytesSent
      guard client.flush() else { return .broken }
      guard client.output.isEmpty else {
        return client.bytesSent == sentBefore ? .nothing : .moved
      }
    }
    // Behind the last whole frame nothing more is read.
    switch tunnel.closing {
    case .none, .awaitingBoundary: break
    case .awaitingRoom, .flushing: return .nothing
    }
    let connection = tunnel.upstream
    if !connection.input.isEmpty {
      // What came with the 101.
      client.output.acquire(from: blocks)
      let count = pour(&connection.input, into: &client.output)
      tunnel.follow(&client.output, last: count)
      return .moved
    }
    connection.input.release(to: blocks)
    guard connection.mayRead, !connection.inputEnded else {
      return endDown(tunnel, client)
    }
    client.output.acquire(from: blocks)
    let room = client.output.writableCount
    switch connection.stream.receive(into: &client.output) {
    case .moved(let count):
      if count < room && !connection.hangupSeen { connection.mayRead = false }
      tunnel.follow(&client.output, last: count)
      return .moved
    case .wouldBlock:
      connection.mayRead = false
      return endDown(tunnel, client)
    case .closed:
      connection.inputEnded = true
      return endDown(tunnel, client)
    case .failed:
      connection.inputEnded = true
      tunnel.note("upstream_aborted")
      return endDown(tunnel, client)
    }
  }

  /// Nothing is left to send to the client: its block goes back, and it is told of the end.
  private func endDown(_ tunnel: Tunnel, _ client: ClientConnection) -> Step {
    client.output.release(to: blocks)
    if tunnel.upstream.inputEnded, !client.writeEnded {
      client.writeEnded = true
      client.stream.shutdownWrite()
    }
    return .nothing
  }

  /// From the client to the upstream.
  private func moveUp(_ tunnel: Tunnel, _ client: ClientConnection) -> Step {
    let connection = tunnel.upstream
    if !connection.output.isEmpty {
      let sentBefore = connection.bytesSent
      switch connection.flush() {
      case .flushed: break
      case .blocked:
        let count = connection.bytesSent - sentBefore
        return count == 0 ? .nothing : .moved
      case .failed:
        // What the server said before it closed still counts; reading finds it and the end.
        connection.output.clear()
        connection.mayRead = true
        connection.hangupSeen = true
        tunnel.upstreamToldEnd = true
      }
    }
    if tunnel.upstreamToldEnd { return discardUp(tunnel, client) }
    if !client.input.isEmpty {
      // What the client sent behind its request.
      connection.output.acquire(from: blocks)
      tunnel.line.bytesIn &+= pour(&client.input, into: &connection.output)
      return .moved
    }
    client.input.release(to: blocks)
    guard client.mayRead, !client.inputEnded else { return endUp(tunnel, client) }
    connection.output.acquire(from: blocks)
    let room = connection.output.writableCount
    switch client.stream.receive(into: &connection.output) {
    case .moved(let count):
      if count < room && !client.hangupSeen { client.mayRead = false }
      tunnel.line.bytesIn &+= count
      return .moved
    case .wouldBlock:
      client.mayRead = false
      return endUp(tunnel, client)
    case .closed:
      client.inputEnded = true
      return endUp(tunnel, client)
    case .failed:
      tunnel.note("client_aborted")
      return .broken
    }
  }

  /// Nothing is left to send to the upstream: its block goes back, and it is told of the end.
  private func endUp(_ tunnel: Tunnel, _ client: ClientConnection) -> Step {
    tunnel.upstream.output.release(to: blocks)
    if client.inputEnded, !tunnel.upstreamToldEnd {
      tunnel.upstreamToldEnd = true
      tunnel.upstream.stream.shutdownWrite()
    }
    return .nothing
  }

  /// The upstream takes no more: what the client still says is thrown away.
  private func discardUp(_ tunnel: Tunnel, _ client: ClientConnection) -> Step {
    client.input.clear()
    tunnel.upstream.output.release(to: blocks)
    switch client.readOnce(blocks) {
    case .bytes: return .moved
    case .nothing, .ended:
      client.input.release(to: blocks)
      return .nothing
    case .failed: return .broken
    }
  }

  /// Moves bytes that came too early from one buffer into another; returns how many.
  private func pour(_ source: inout ByteBuffer, into target: inout ByteBuffer) -> Int {
    let start = source.readerIndex
    let count = min(source.readableCount, target.writableCount)
    target.append(source.written.slice(from: start, to: start + count))
    source.consume(count)
    return count
  }

  // MARK: Time

  /// Only progress of what is waited for moves the deadline, as in an exchange.
  private func setDeadline(_ tunnel: Tunnel, _ client: ClientConnection) {
    // One that is being ended has its second, whatever moves meanwhile.
    if tunnel.isClosing { return }
    let wait: Tunnel.Wait
    let progress: Int
    let isHalfOpen = client.writeEnded || tunnel.upstreamToldEnd
    if !client.output.isEmpty {
      wait = .clientWritable
      progress = client.bytesSent
    } else if !tunnel.upstream.output.isEmpty {
      wait = .upstreamWritable
      progress = tunnel.upstream.bytesSent
    } else {
      wait = isHalfOpen ? .otherEnd : .silence
      progress = tunnel.line.bytesIn &+ tunnel.line.bytesOut
    }
    if wait == tunnel.waitsFor && progress == tunnel.progressSeen { return }
    if wait != .clientWritable, client.sending.isWaiting { endSending(client) }
    tunnel.waitsFor = wait
    tunnel.progressSeen = progress
    let due =
      switch wait {
      case .clientWritable: sendingDeadline(client)
      case .upstreamWritable: deadline(inMilliseconds: tunnel.upstreamWriteMilliseconds)
      case .otherEnd: deadline(inMilliseconds: Worker.halfOpenMilliseconds)
      case .silence: deadline(inMilliseconds: tunnel.idleMilliseconds)
      }
    moveStream(client, waitDue: due)
  }

  /// A tunnel's deadline has passed.
  func tunnelDeadlinePassed(_ client: ClientConnection) {
    guard let tunnel = client.live?.tunnel else { return close(client) }
    if tunnel.isClosing { return abort(client, because: "close_timeout") }
    guard waitIsOver(client) else { return }
    switch tunnel.waitsFor {
    case nil, .silence: endTunnel(client, .goingAway, because: "stream_idle_timeout")
    case .otherEnd: close(client)
    case .clientWritable: abort(client, because: "send_timeout")
    case .upstreamWritable: abort(client, because: "upstream_request_timeout")
    }
  }

  // MARK: Ending

  /// Begins to end a tunnel politely. `serve` must follow.
  func endTunnel(_ client: ClientConnection, _ frame: CloseFrame, because reason: StaticString) {
    guard let stream = client.live, let tunnel = stream.tunnel, !tunnel.isClosing else { return }
    tunnel.note(reason)
    tunnel.closing = .awaitingBoundary(frame)
    // Nothing of what the client says reaches the backend from here on.
    tunnel.upstream.output.release(to: blocks)
    client.input.release(to: blocks)
    moveStream(client, waitDue: deadline(inMilliseconds: Worker.tunnelCloseMilliseconds))
  }

  /// Puts the close frame behind the last whole frame and sends it; true when that has been done and
  /// the client is only listened to.
  private func finishClosing(_ tunnel: Tunnel, _ client: ClientConnection) -> Bool {
    if case .awaitingBoundary(let frame) = tunnel.closing {
      if tunnel.frames.isBroken {
        // No WebSocket: there is no place for a frame.
        abort(client, because: "close_timeout")
        return false
      }
      if tunnel.frames.hasSentClose || client.writeEnded {
        tunnel.closing = .flushing
      } else if CloseFrame.cut(&client.output, unfinished: tunnel.frames.unfinishedBytes) {
        tunnel.closing = .awaitingRoom(frame)
      } else if tunnel.upstream.inputEnded {
        // The rest of the frame will never come.
        abort(client, because: "close_timeout")
        return false
      } else {
        return false
      }
      tunnel.upstream.input.release(to: blocks)
      close(tunnel.upstream)
    }
    if case .awaitingRoom(let frame) = tunnel.closing {
      client.output.acquire(from: blocks)
      if client.output.writableCount < frame.byteCount { client.output.compact() }
      if client.output.writableCount >= frame.byteCount {
        frame.append(to: &client.output)
        tunnel.line.bytesOut &+= frame.byteCount
        tunnel.closing = .flushing
      }
    }
    guard client.flush() else {
      close(client)
      return false
    }
    guard case .flushing = tunnel.closing, client.output.isEmpty else { return false }
    forgetStream(client)
    beginLingering(client)
    return true
  }

  /// The tunnel is over: its access line, and its other end.
  func end(_ tunnel: Tunnel) {
    tunnelCount -= 1
    close(tunnel.upstream)
    guard accessLog.isOn else { return }
    var line = tunnel.line
    line.epochMilliseconds = epochMilliseconds
    line.durationNanoseconds = now - tunnel.startedAt
    accessLog.append(
      line, client: tunnel.clientAddress, input: tunnel.text, method: tunnel.method,
      host: tunnel.host,
      path: tunnel.path,
      route: tunnel.route >= 0 ? snapshot.routeLabels[tunnel.route] : nil,
      server: pools[tunnel.upstream.upstream].address(of: tunnel.upstream.server), now: now)
  }
}
