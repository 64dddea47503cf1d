// What a worker does with answers that go on: it knows them by their tokens and ends them with these.

import EventLoop
import Policy
import Tokens

extension Worker {
  /// Keeps a tunnel or an event stream that has just begun. A token that has ended or was revoked
  /// meanwhile ends it at the connection's next deadline, which is now.
  func keepStream(_ stream: LiveStream, _ client: ClientConnection) {
    client.live = stream
    guard let credential = stream.credential else { return }
    stream.place = liveStreams.count
    liveStreams.append(stream)
    _ = stream.adopt(
      gatekeeper.judge(credential, now: policyTime), now: now,
      epochMilliseconds: epochMilliseconds)
  }

  /// Forgets what was kept of a stream that is over, and closes a tunnel's other end.
  func forgetStream(_ client: ClientConnection) {
    guard let stream = client.live else { return }
    client.live = nil
    if stream.place >= 0 {
      // The last one takes its place.
      let last = liveStreams.removeLast()
      if last !== stream {
        liveStreams[stream.place] = last
        last.place = stream.place
      }
      stream.place = -1
    }
    if let tunnel = stream.tunnel { end(tunnel) }
  }

  /// Judges every stream's token again: the revocation table has changed, or keys have.
  func sweepStreams() {
    var index = liveStreams.count - 1
    while index >= 0 {
      // Ending this one puts one into its place that was looked at already.
      let stream = liveStreams[index]
      index -= 1
      guard let client = clients.find(stream.client) else { continue }
      if judge(stream, client) { moveStream(client, waitDue: stream.waitDue) }
    }
  }

  /// Judges a stream's token and ends the stream if its time has come; true when it goes on.
  private func judge(_ stream: LiveStream, _ client: ClientConnection) -> Bool {
    guard let credential = stream.credential else { return true }
    let isOver = stream.adopt(
      gatekeeper.judge(credential, now: policyTime), now: now,
      epochMilliseconds: epochMilliseconds)
    guard isOver else { return true }
    let (frame, reason): (CloseFrame, DenialReason) =
      switch stream.verdict {
      case .revoked: (.tokenRevoked, .revoked)
      case .keyWithdrawn: (.keyWithdrawn, .unknownKey)
      case .expired, .stands: (.tokenExpired, .expired)
      }
    if stream.isObserved {
      letGoOn(stream, client, reason)
      return true
    }
    if let tunnel = stream.tunnel {
      // One that is being closed has its second already.
      guard !tunnel.isClosing else { return true }
      counters.streamsEndedByToken += 1
      endTunnel(client, frame, because: reason.name)
      serve(client)
    } else {
      // An event stream has no word for this: it is cut, so that it never looks complete.
      counters.streamsEndedByToken += 1
      guard let exchange = client.exchange else {
        abort(client, because: reason.name)
        return false
      }
      exchange.cutAnswer(self, client, because: reason.name)
      serve(client)
    }
    return false
  }

  /// A stream on an observed route has outlived its token: once told, it goes on.
  private func letGoOn(_ stream: LiveStream, _ client: ClientConnection, _ reason: DenialReason) {
    counters.streamsOutlivingToken += 1
    stream.outliveToken()
    if let tunnel = stream.tunnel {
      if tunnel.line.wouldRefuse == nil { tunnel.line.wouldRefuse = reason.name }
    } else {
      client.exchange?.policy.noteUndone(.denied(reason))
    }
  }

  /// Moves the deadline of a stream: what it waits for, or the end of its token.
  func moveStream(_ client: ClientConnection, waitDue: Int64) {
    guard let stream = client.live else { return move(client, to: waitDue) }
    stream.waitDue = waitDue
    move(client, to: stream.due)
  }

  /// A stream's deadline has passed; true when that is because of what it waited for, and not because
  /// of its token, which is judged here.
  func waitIsOver(_ client: ClientConnection) -> Bool {
    guard let stream = client.live else { return true }
    if stream.endDue <= now, !judge(stream, client) { return false }
    if stream.waitDue <= now { return true }
    moveStream(client, waitDue: stream.waitDue)
    return false
  }
}
