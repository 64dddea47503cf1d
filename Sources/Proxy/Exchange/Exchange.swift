// The story of one request, top-down (DESIGN: "One request"):
//
//     begin ─ parse and frame are done ─▶ decide ─▶ perform ─┬▶ admitted ─▶ connect ─▶ forwardHead
//                                           ▲                ├▶ refused / answered here
//                                           ├─ holdBody ◀────┤ (the body has a word in the decision)
//                                           └─ askForKey ◀───┘ (a key may be on its way)
//     advance ─▶ relayRequest ─▶ relayResponse ─▶ respond ─▶ learn ─▶ finish ─▶ log
//
// Control returns here between stages; stages never call each other. An exchange owns the parsed
// heads, the policy's state and both body decoders; bytes stay in the connections' buffers. It is
// taken from the worker's free list when the first byte of a request arrives and given back when the
// answer is complete, so an idle connection has none. Loop only.

import Bytes
import EventLoop
import HTTPWire
import Policy

/// One request and its answer.
final class Exchange {
  enum RequestPhase {
    /// The head is being read or judged.
    case head
    /// A key set is asked for; everything that came stays where it is.
    case awaitingKey
    /// The body is gathered because the decision needs a field of it.
    case holdingBody
    /// The body goes to the upstream as it comes.
    case relaying
    /// The whole request has been handed to the upstream's buffer.
    case complete
    /// The upstream takes no more of the request; its answer may still be on the way.
    case cutOff
    /// The answer did not need the body; what still comes of it is thrown away.
    case discarding
  }

  enum ResponsePhase {
    /// Nothing has been asked of an upstream yet.
    case none
    case awaitingHead
    /// The head waits until what it means (a logout) stands everywhere.
    case held
    case relaying
    /// The upstream agreed to become a WebSocket: the exchange ends, a tunnel begins.
    case upgraded
    /// The whole answer is in the client's output buffer.
    case complete
  }

  /// What `advance` leaves behind.
  enum Progress {
    /// Nothing more can be done before an event or a deadline.
    case waiting
    /// The answer is complete; the connection is ready for the next request or for closing.
    case finished
    /// The connection is a tunnel from here on.
    case upgraded
    /// The connection is gone.
    case closed
    /// There is more to do, but others have waited long enough.
    case yielded
  }

  let head = RequestHead()
  let responseHead = ResponseHead()
  let policy = RequestPolicy()

  var requestPhase = RequestPhase.head
  var responsePhase = ResponsePhase.none
  var requestDecoder = BodyDecoder(.none)
  var responseDecoder = BodyDecoder(.none)
  /// Reads ahead over a held chunked body (`holdingBody`) without taking it from the buffer.
  var scanDecoder = BodyDecoder(.none)
  var scanOffset = 0
  /// Payload of a held chunked body.
  var heldBody = ByteBuffer()

  var upstream: UpstreamConnection?
  /// Servers that failed for this request, a bit each.
  var triedServers: UInt64 = 0
  var attempts = 0
  /// A pooled connection failed: take a new one for the next attempt.
  var wantsFreshConnection = false

  /// Serial number on this worker.
  var serial: UInt64 = 0
  var requestID = RequestID(high: 0, low: 0)
  /// When the request's first byte was seen, when the head was complete, when it went upstream;
  /// monotonic nanoseconds.
  var startedAt: Int64 = 0
  var sentUpstreamAt: Int64 = 0
  var upstreamTook: Int64 = 0
  /// What the deadline of the connection stands for; nil before it is set.
  var waitsFor: Wait?
  /// How far what is waited for had come when the deadline was last moved.
  var progressSeen = 0
  /// How long the client is still waited for to send its body.
  var bodyCredit = ClientCredit()

  /// Payload bytes of the request body, as far as known.
  var requestBodyBytes = 0
  var responseBytes = 0
  /// Bytes of the request body are no longer in the client's buffer: no second attempt.
  var requestBytesDropped = false
  var continueSent = false
  var requestTrailersBegun = false
  var responseTrailersBegun = false
  /// What of the client's connection stands before the answer's first byte; counts as `bytesSent` does.
  var answerPosition = 0
  /// How the response body is framed towards the client.
  var responseFraming = BodyFraming.none
  /// The answer is an event stream or its like: other clocks run, and it ends with its token.
  var isStream = false
  /// The connection closes after this exchange.
  var mustClose = false
  var status = 0
  /// The closed-list word for the log when it was not plain success.
  var reason: StaticString?
  /// Bytes of a refused request's body that may still be thrown away on a kept connection.
  var discardAllowance = 0

  /// What a trusted peer says of this request; stale wherever the peer isn't trusted.
  let claims = ForwardedClaims()
  /// What the backend was told; read on routes that strip a prefix, stale elsewhere.
  var forwardedFacts = ForwardedFacts()

  /// What an exchange is waiting for when its deadline passes.
  enum Wait {
    case requestHead
    case requestBody
    case upstreamConnect
    case upstreamWritable
    case responseHead
    case responseBody
    case clientWritable
    case revocation
    case keySet
  }

  /// Makes the exchange ready for another request.
  func reset() {
    head.reset()
    responseHead.reset()
    policy.reset()
    requestPhase = .head
    responsePhase = .none
    requestDecoder = BodyDecoder(.none)
    responseDecoder = BodyDecoder(.none)
    upstream = nil
    triedServers = 0
    attempts = 0
    wantsFreshConnection = false
    startedAt = 0
    sentUpstreamAt = 0
    upstreamTook = 0
    waitsFor = nil
    if bodyCredit.isOpen { bodyCredit = ClientCredit() }
    requestBodyBytes = 0
    responseBytes = 0
    requestBytesDropped = false
    continueSent = false
    scanOffset = 0
    requestTrailersBegun = false
    responseTrailersBegun = false
    responseFraming = .none
    isStream = false
    mustClose = false
    status = 0
    reason = nil
    discardAllowance = 0
  }
}

// MARK: - The story

extension Exchange {
  /// Body bytes of a request that was answered without the upstream which are thrown away so that
  /// the connection can be kept; a longer body closes it.
  static let discardMaximum = 64 << 10
  /// Longest body that may take part in a decision.
  static let heldBodyMaximum = 16 << 10
  /// Attempts for one request, the first one included.
  static let attemptsMaximum = 3

  /// Stages 3 and 4 are done: the head is complete and its framing known. Starts the rest.
  func begin(_ worker: Worker, _ client: ClientConnection) {
    worker.counters.requests += 1
    client.input.moveReader(to: head.byteEnd)
    requestDecoder = BodyDecoder(head.framing)
    requestID = worker.makeRequestID()
    mustClose = !head.keepsAlive || worker.isDraining
    client.requestsServed += 1
    decide(worker, client)
  }

  /// Stages 5 to 9: route, CORS, limits, authentication.
  func decide(_ worker: Worker, _ client: ClientConnection) {
    let action = worker.gatekeeper.headReceived(
      policy, head: head, bytes: client.input.written, peer: policyPeer(worker, client),
      now: worker.policyTime, set: worker.snapshot.policy)
    perform(action, worker, client)
  }

  /// Does what the policy says.
  func perform(_ action: PolicyAction, _ worker: Worker, _ client: ClientConnection) {
    switch action {
    case .admit:
      admitted(worker, client)
    case .deny, .answerPreflight:
      answerHere(worker, client)
    case .answerRoute:
      answerHere(worker, client)
      policy.learnAnswer(worker.gatekeeper, status: status)
    case .needBodyField:
      requestPhase = .holdingBody
      sendContinue(worker, client)
    case .needKey:
      askForKey(worker, client)
    case .askRevocation, .askPermit:
      // No store of this configuration answers later, so the policy machine never asks; if it does,
      // not knowing is not a yes.
      policy.refuse(.unavailable)
      answerHere(worker, client)
    }
  }

  /// Stages 10 and 11 begin: the request may pass.
  func admitted(_ worker: Worker, _ client: ClientConnection) {
    if case .length(let count) = head.framing, count > bodyMaximum(worker) {
      return refuseUnjudged(.bodyTooLarge, worker, client)
    }
    if head.framing != .none { sendContinue(worker, client) }
    connect(worker, client)
  }

  /// Does everything that can be done now: called for every event of either connection.
  func advance(_ worker: Worker, _ client: ClientConnection) -> Progress {
    if requestPhase == .holdingBody { holdBody(worker, client) }
    guard client.phase == .inExchange else { return .closed }
    if requestPhase == .relaying {
      relayRequest(worker, client)
    } else if let connection = upstream, !connection.output.isEmpty {
      pushUpstream(worker, client)
    }
    guard client.phase == .inExchange else { return .closed }
    var progress = Progress.waiting
    switch responsePhase {
    case .none, .held: break
    case .awaitingHead, .relaying: progress = relayResponse(worker, client)
    case .upgraded: progress = .upgraded
    case .complete: break
    }
    guard client.phase == .inExchange else { return .closed }
    guard client.flush() else {
      worker.abort(client, because: "client_aborted")
      return .closed
    }
    if requestPhase == .discarding { discardBody(worker, client) }
    if responsePhase == .complete {
      // An answer that came before the whole request was read ends the connection: the rest of the
      // body would be taken for a request (RFC 9112 §9.3).
      if requestPhase == .relaying || requestPhase == .cutOff { mustClose = true }
      if requestPhase == .complete || mustClose { return .finished }
    }
    setDeadline(worker, client)
    return progress
  }

  /// Stage 14, and the connections go their ways.
  func finish(_ worker: Worker, _ client: ClientConnection) {
    if worker.accessLog.isOn { log(worker, client) }
    releaseUpstream(worker)
  }

  private func log(_ worker: Worker, _ client: ClientConnection) {
    // Of a head that never became complete nothing is repeated: its parts have no meaning yet.
    let isParsed = head.byteEnd > 0
    let method = isParsed ? head.methodRange : .empty
    let host = isParsed ? head.authority : .empty
    let path = isParsed ? head.path : .empty
    let route = policy.routeIndex
    let server = upstream.map { worker.pools[$0.upstream].address(of: $0.server) }
    worker.accessLog.append(
      AccessLog.Line(
        epochMilliseconds: worker.epochMilliseconds, requestID: requestID, status: status,
        reason: reason, wouldRefuse: policy.wouldRefuse, bytesIn: requestBodyBytes,
        bytesOut: responseBytes, durationNanoseconds: worker.now - startedAt,
        upstreamNanoseconds: upstreamTook),
      client: clientAddress(client),
      input: client.input, method: method, host: host, path: path,
      route: route >= 0 ? worker.snapshot.routeLabels[route] : nil, server: server,
      now: worker.now)
  }
}
