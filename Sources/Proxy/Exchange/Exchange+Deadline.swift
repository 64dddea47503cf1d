// Which clock runs against an exchange, and what happens when it runs out.

import Policy

extension Exchange {
  /// Sets the connection's deadline by what is being waited for. Only progress of just that moves it:
  /// neither peer keeps an exchange alive by being busy with something else. The wait for a response
  /// head is counted from the end of the request.
  func setDeadline(_ worker: Worker, _ client: ClientConnection) {
    let limits = worker.snapshot.limits
    let wait = currentWait(client)
    let progress = progress(of: wait, client)
    if wait == waitsFor && progress == progressSeen { return }
    if waitsFor != nil, waitsFor != wait { stopCharging(worker, client) }
    waitsFor = wait
    progressSeen = progress
    let route = waitNumbers(worker)
    var due: Int64
    switch wait {
    case .requestHead: due = worker.deadline(inMilliseconds: limits.headTimeoutMilliseconds)
    case .requestBody:
      due = bodyCredit.wait(
        route.bodyTerms, moved: client.bytesReceived, now: worker.now)
    case .upstreamConnect:
      due = worker.deadline(inMilliseconds: upstreamSettings(worker).connectTimeoutMilliseconds)
    case .upstreamWritable, .responseBody:
      due = worker.deadline(inMilliseconds: route.bodyIdleTimeoutMilliseconds)
      if requestPhase == .relaying, wait == .responseBody, !isStream {
        // The answer has begun before the request's end: the client is waited for as well, and a
        // trickle of its body must not pass for an answer that goes on.
        due = min(
          due, bodyCredit.wait(route.bodyTerms, moved: client.bytesReceived, now: worker.now))
      }
    case .responseHead:
      due = worker.deadline(inMilliseconds: route.responseHeadTimeoutMilliseconds)
    case .clientWritable: due = worker.sendingDeadline(client)
    case .revocation: due = worker.deadline(inMilliseconds: Exchange.revocationWaitMilliseconds)
    case .keySet: due = worker.deadline(inMilliseconds: worker.snapshot.keyWaitMilliseconds)
    }
    if isStream { return setStreamDeadline(worker, client, wait, due) }
    if route.totalTimeoutMilliseconds > 0 {
      due = min(due, startedAt + Int64(route.totalTimeoutMilliseconds) * 1_000_000)
    }
    worker.move(client, to: due)
  }

  /// What the waits of the exchange are bounded by; a refused request may have no route.
  private func waitNumbers(_ worker: Worker) -> Snapshot.RouteNumbers {
    policy.routeIndex >= 0 ? traffic(worker) : worker.snapshot.unrouted
  }

  /// What is waited for has changed: a client pays only for the time that it kept us waiting.
  @inline(never)
  func stopCharging(_ worker: Worker, _ client: ClientConnection) {
    if bodyCredit.isWaiting {
      bodyCredit.rest(waitNumbers(worker).bodyTerms, moved: client.bytesReceived, now: worker.now)
    }
    if client.sending.isWaiting { worker.endSending(client) }
  }

  /// Longest time that a head is held for a revocation (DESIGN §5.5).
  static let revocationWaitMilliseconds = 1_000

  private func upstreamSettings(_ worker: Worker) -> Snapshot.UpstreamNumbers {
    worker.snapshot.upstreams[traffic(worker).upstream]
  }

  private func progress(of wait: Wait, _ client: ClientConnection) -> Int {
    switch wait {
    case .requestHead, .upstreamConnect, .responseHead, .revocation: 0
    // Another question is another wait.
    case .keySet: policy.keysAskedFor
    case .requestBody: client.bytesReceived
    case .upstreamWritable: upstream?.bytesSent ?? 0
    // An answer may begin before the request's body is through: that it goes on is progress too.
    case .responseBody: upstream.map { $0.bytesReceived &+ $0.bytesSent } ?? 0
    case .clientWritable: client.bytesSent
    }
  }

  private func currentWait(_ client: ClientConnection) -> Wait {
    if !client.output.isEmpty { return .clientWritable }
    switch responsePhase {
    case .held: return .revocation
    case .relaying, .upgraded: return .responseBody
    case .complete: return .requestBody
    case .none: return requestPhase == .awaitingKey ? .keySet : .requestBody
    case .awaitingHead:
      guard let connection = upstream else { return .responseHead }
      if connection.phase == .connecting { return .upstreamConnect }
      if !connection.output.isEmpty { return .upstreamWritable }
      return requestPhase == .relaying ? .requestBody : .responseHead
    }
  }

  /// The deadline has passed.
  func deadlinePassed(_ worker: Worker, _ client: ClientConnection) {
    if isStream, !worker.waitIsOver(client) { return }
    switch waitsFor {
    case nil: worker.abort(client, because: "request_timeout")
    case .requestHead, .requestBody:
      if responsePhase == .complete { return worker.abort(client, because: "request_timeout") }
      failRequest(.requestTimeout, worker, client)
    case .upstreamConnect: upstreamFailed(.connectTimedOut, worker, client)
    case .upstreamWritable: upstreamFailed(.requestTimedOut, worker, client)
    case .responseHead: upstreamFailed(.responseTimedOut, worker, client)
    case .responseBody where requestPhase == .relaying && bodyCredit.isEmpty(at: worker.now):
      worker.abort(client, because: "request_timeout")
    case .responseBody: upstreamFailed(.closedWithinResponse, worker, client)
    case .clientWritable: worker.abort(client, because: "send_timeout")
    case .revocation: revocationApplied(worker, client, isDurable: false)
    case .keySet: keySetAnswered(worker, client, isAvailable: false)
    }
  }
}
