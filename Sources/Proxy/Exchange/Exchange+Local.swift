// Answers that the gateway gives itself, and request bodies that are held or thrown away.

import Bytes
import HTTPWire
import Policy

extension Exchange {
  /// Tells a client that waits with its body to send it (RFC 9110 §10.1.1): after admission only, or
  /// when the body itself is needed to decide.
  func sendContinue(_ worker: Worker, _ client: ClientConnection) {
    guard head.expectsContinue, !continueSent else { return }
    continueSent = true
    client.output.acquire(from: worker.blocks)
    client.output.append("HTTP/1.1 100 Continue\r\n\r\n")
  }

  /// Writes the answer that the policy decided on: a refusal, a preflight, or what the route says.
  func answerHere(_ worker: Worker, _ client: ClientConnection) {
    settleBody(client)
    if head.upgrade == .webSocket { closeIfMoreCame(worker, client) }
    client.output.acquire(from: worker.blocks)
    let start = client.output.writerIndex
    status = ReplyWriter.append(
      policy, head: head, bytes: client.input.written, set: worker.snapshot.policy,
      closes: mustClose, epochSeconds: worker.epochSeconds, isStopping: worker.isDraining,
      to: &client.output)
    reason = policy.reasonName
    responseBytes = client.output.writerIndex - start
    if policy.refusal != nil { worker.counters.requestsRefused += 1 }
    responsePhase = .complete
  }

  /// Tells the client that no answer will come from the upstream: 502, 503 or 504.
  func answerFailure(
    _ failure: UpstreamFailure, _ worker: Worker, _ client: ClientConnection
  ) {
    worker.counters.upstreamFailures += 1
    policy.learnFailure(worker.gatekeeper)
    policy.refuse(failure.refusal)
    answerHere(worker, client)
    reason = failure.name
  }

  /// Refuses an admitted request that the backend will not see. Nobody has judged a password, so a
  /// permit of `count failures` goes back (DESIGN §5.6).
  func refuseUnjudged(_ refusal: Refusal, _ worker: Worker, _ client: ClientConnection) {
    policy.learnFailure(worker.gatekeeper)
    policy.refuse(refusal)
    answerHere(worker, client)
  }

  /// The request turned out bad in its body: refuse it while the client has seen nothing.
  func failRequest(_ refusal: Refusal, _ worker: Worker, _ client: ClientConnection) {
    if let connection = upstream {
      worker.close(connection)
      upstream = nil
    }
    mustClose = true
    guard responsePhase == .none || responsePhase == .awaitingHead else {
      return worker.abort(client, because: "malformed_body")
    }
    policy.refuse(refusal)
    answerHere(worker, client)
  }

  /// Decides what becomes of a body that nobody will read: thrown away if it is short, else the
  /// connection closes after the answer.
  private func settleBody(_ client: ClientConnection) {
    switch requestPhase {
    case .complete: return
    case .discarding: return
    case .head, .awaitingKey, .holdingBody, .relaying, .cutOff: break
    }
    let waitsToBeAsked = head.expectsContinue && !continueSent
    switch head.framing {
    case .none, .untilClose:
      requestPhase = .complete
    case .length(let count) where count <= Exchange.discardMaximum && !waitsToBeAsked:
      requestPhase = .discarding
      discardAllowance = Exchange.discardMaximum
    case .chunked where !waitsToBeAsked:
      requestPhase = .discarding
      discardAllowance = Exchange.discardMaximum
    case .length, .chunked:
      // A client that was told to wait may never send the body, or may: only closing is clear.
      requestPhase = .discarding
      mustClose = true
    }
  }

  /// Throws away what has come of an unwanted body.
  func discardBody(_ worker: Worker, _ client: ClientConnection) {
    var turns = 0
    while requestPhase == .discarding, !mustClose, turns < Worker.turnMaximum {
      turns += 1
      switch requestDecoder.next(client.input.written, from: client.input.readerIndex) {
      case .data(let range):
        discardAllowance -= range.count
        client.input.moveReader(to: range.upper)
        if discardAllowance < 0 { mustClose = true }
      case .trailer(_, _, let consumed):
        client.input.moveReader(to: consumed)
      case .end(let consumed):
        client.input.moveReader(to: consumed)
        requestPhase = .complete
      case .malformed:
        mustClose = true
      case .needsMore(let consumed):
        client.input.moveReader(to: consumed)
        // The head stays: the log still needs it.
        if client.input.isEmpty { client.input.rewind(to: head.byteEnd) }
        if client.input.writableCount == 0 { client.input.compact(keeping: head.byteEnd) }
        switch client.readOnce(worker.blocks) {
        case .bytes: break
        case .nothing: return
        case .ended, .failed: mustClose = true
        }
      }
    }
    // What is left is here already: no event will ask for it.
    if requestPhase == .discarding, !mustClose { worker.queue(client) }
  }

  /// Gathers a body that the decision needs a field of. Nothing is taken from the client's buffer:
  /// after admission the body is relayed, and if need be replayed, from there.
  func holdBody(_ worker: Worker, _ client: ClientConnection) {
    while true {
      switch gather(client, worker) {
      case .complete(let payload):
        return bodyGathered(payload, worker, client)
      case .tooLarge:
        return bodyGathered(nil, worker, client)
      case .malformed(let fault):
        return failRequest(.malformed(fault), worker, client)
      case .incomplete:
        switch client.readOnce(worker.blocks) {
        case .bytes: continue
        case .nothing: return
        case .ended, .failed: return worker.abort(client, because: "client_aborted")
        }
      }
    }
  }

  private enum Gathered {
    /// The payload lies in the client's buffer at the range, or in `heldBody` when the range is nil.
    case complete(ByteRange?)
    case incomplete
    case tooLarge
    case malformed(WireFault)
  }

  private func gather(_ client: ClientConnection, _ worker: Worker) -> Gathered {
    switch head.framing {
    case .none, .untilClose:
      return .complete(.empty)
    case .length(let count):
      guard count <= Exchange.heldBodyMaximum else { return .tooLarge }
      if client.input.readableCount >= count {
        return .complete(ByteRange(head.byteEnd, head.byteEnd + count))
      }
      return client.input.writableCount == 0 ? .tooLarge : .incomplete
    case .chunked:
      return gatherChunks(client, worker)
    }
  }

  private func gatherChunks(_ client: ClientConnection, _ worker: Worker) -> Gathered {
    if scanOffset < head.byteEnd {
      scanOffset = head.byteEnd
      scanDecoder = BodyDecoder(.chunked)
      heldBody.acquire(from: worker.blocks)
      heldBody.clear()
    }
    while true {
      switch scanDecoder.next(client.input.written, from: scanOffset) {
      case .data(let range):
        scanOffset = range.upper
        guard heldBody.readableCount + range.count <= Exchange.heldBodyMaximum else {
          return .tooLarge
        }
        heldBody.append(client.input.written, range)
      case .trailer(_, _, let consumed):
        scanOffset = consumed
      case .end:
        return .complete(nil)
      case .malformed(let fault):
        return .malformed(fault)
      case .needsMore(let consumed):
        scanOffset = consumed
        return client.input.writableCount == 0 ? .tooLarge : .incomplete
      }
    }
  }

  /// Hands the gathered body to the policy; nil when it was over the bound.
  private func bodyGathered(
    _ payload: ByteRange??, _ worker: Worker, _ client: ClientConnection
  ) {
    requestPhase = .head
    let action: PolicyAction
    let set = worker.snapshot.policy
    switch payload {
    case .none:
      action = worker.gatekeeper.bodyTooLarge(
        policy, head: head, bytes: client.input.written, now: worker.policyTime, set: set)
    case .some(.none):
      action = worker.gatekeeper.bodyFieldRead(
        policy, head: head, bytes: client.input.written, body: heldBody.readable,
        now: worker.policyTime, set: set)
    case .some(.some(let range)):
      action = worker.gatekeeper.bodyFieldRead(
        policy, head: head, bytes: client.input.written,
        body: client.input.written.slice(range), now: worker.policyTime, set: set)
    }
    heldBody.release(to: worker.blocks)
    // It may be asked for again, when a key has come.
    scanOffset = 0
    perform(action, worker, client)
  }
}
