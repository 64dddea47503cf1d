// How a worker's client connections end: a deadline, an answer after which nothing follows, a cut in the
// middle.

import EventLoop
import HTTPWire
import Policy
import Transport

extension Worker {
  /// How long a closed connection's client is listened to, in milliseconds: the answer on its way
  /// must not be destroyed by a reset.
  static let lingerMilliseconds = 1_000

  /// A client's deadline has passed.
  func deadlinePassed(_ client: ClientConnection) {
    switch client.phase {
    case .awaitingProxyHeader:
      refuseProxyHeader(client)
    case .awaitingRequest:
      if let exchange = client.exchange, !client.input.isEmpty, client.output.isEmpty {
        refuseHead(.requestTimeout, exchange, client)
        serve(client)
      } else {
        closeLate(client)
      }
    case .inExchange:
      client.exchange?.deadlinePassed(self, client)
      serve(client)
    case .tunnelling:
      tunnelDeadlinePassed(client)
      serve(client)
    case .lingering:
      if !awaitDelivery(client) { closeLate(client) }
    case .closed:
      closeLate(client)
    }
  }

  /// Goes on listening to a client whose kernel is still taking the answer; false when it has all of
  /// it, or took too long. Closed now, the client's next byte would be answered with a reset, and that
  /// destroys what is on its way.
  private func awaitDelivery(_ client: ClientConnection) -> Bool {
    guard client.output.isEmpty else { return false }
    let left = client.stream.unacknowledgedBytes()
    guard left > 1 else { return false }
    let due = client.sending.wait(snapshot.sendTerms, moved: client.bytesSent &- left, now: now)
    guard due > now else { return false }
    move(client, to: min(due, deadline(inMilliseconds: Worker.lingerMilliseconds)))
    return true
  }

  /// Closes a client that was waited for long enough. One that has not read its answer must see that
  /// it isn't whole: in HTTP/1.0 an answer may end with its connection.
  private func closeLate(_ client: ClientConnection) {
    if !client.output.isEmpty { client.stream.resetOnClose() }
    close(client)
  }

  /// Sends what is left, says that nothing follows, and listens for a moment.
  func beginLingering(_ client: ClientConnection) {
    client.phase = .lingering
    // A client that still has to read has the deadline of that.
    guard client.output.isEmpty else { return awaitSending(client) }
    move(client, to: deadline(inMilliseconds: Worker.lingerMilliseconds))
  }

  func linger(_ client: ClientConnection) {
    guard client.flush() else { return close(client) }
    guard client.output.isEmpty else { return awaitSending(client) }
    if !client.writeEnded {
      client.writeEnded = true
      client.stream.shutdownWrite()
      client.output.release(to: blocks)
      move(client, to: deadline(inMilliseconds: Worker.lingerMilliseconds))
    }
    for _ in 0..<Worker.turnMaximum {
      client.input.clear()
      switch client.readOnce(blocks) {
      case .bytes: continue
      case .nothing:
        client.input.release(to: blocks)
        return
      case .ended, .failed: return close(client)
      }
    }
    queue(client)
  }

  /// Ends an exchange in the middle and drops the connection: the client must see that the answer is
  /// not whole.
  func abort(_ client: ClientConnection, because reason: StaticString) {
    if let exchange = client.exchange, client.phase == .inExchange {
      if exchange.reason == nil { exchange.reason = reason }
      exchange.mustClose = true
      exchange.finish(self, client)
    }
    client.live?.tunnel?.note(reason)
    client.stream.resetOnClose()
    close(client)
  }

  /// Closes a client connection and gives everything back.
  func close(_ client: ClientConnection) {
    guard client.phase != .closed else { return }
    client.phase = .closed
    if client.live != nil { forgetStream(client) }
    if let exchange = client.exchange {
      client.exchange = nil
      exchange.releaseUpstream(self)
      give(exchange)
    }
    client.releaseBuffers(blocks)
    clients.remove(client.token)
    client.stream.close()
    if let holder = client.holder { connections.giveBack(for: holder) }
    connections.leave()
  }
}
