// The admin server's connections: bytes in, calls out; answers in, bytes out.
//
// HTTP/1.1 over a Unix socket (mode 0600) or TCP, one request a connection. What is asked for is
// decided by `AdminGate`; what is answered, by `ControlLoop`, which takes the calls. Nothing here
// knows tokens or counters. Control loop only. The protocol:
//
//     GET  /health     200 {"status":"ok"}, 503 {"status":"draining"}
//     GET  /status     200 {"status","version","pid","uptime_seconds",
//                           "workers":{"count","answered"},"listeners":[{"name","address"}],
//                           "upstreams":[{"name","servers":[…]}],"routes":N,"realms":[…],
//                           "blocklist":{"entries","store":"memory"|"journal","store_failing"},
//                           "limit_overflows":N,"warnings":[…],"counters":{…}}
//     GET  /metrics    200, the same in the text format of Prometheus, and more of it
//     POST /revoke     {"jti":"…","expires":EPOCH?} | {"token":"…"} |
//                      {"subject":"…","before":EPOCH?} | {"everyone":true,"before":EPOCH?},
//                      each with "realm":"…" where there are several.
//                      200 {"status":"revoked","kind","realm","expires"} once it stands in every
//                      worker and in the store; for what has expired
//                      200 {"status":"nothing_to_do","reason":"expired"}
//     POST /unrevoke   {"jti":"…"} | {"token":"…"} | {"subject":"…"} | {"everyone":true}
//                      200 {"status":"restored"}, 404 when there was no such revocation
//
// POST needs `Content-Type: application/json`. Errors are {"error":"a sentence"}: 400 (several
// realms: also "realms":[…]), 401 and 403 (TCP only), 404, 405, 408, 413, 415, 422 (a token that the
// realm doesn't accept, also "reason":"bad_signature"), 431, 503 with Retry-After (the store failed:
// it stands in memory until the gateway stops), 507 (the table is full: it doesn't stand).

import Bytes
import EventLoop
import HTTPWire
import Transport

/// A complete request, for the control loop to answer.
struct AdminCall {
  /// The connection to answer, by its token.
  let connection: UInt64
  /// What is asked for.
  let endpoint: AdminEndpoint
  /// The body of a POST.
  let body: [UInt8]
}

/// The listener of the admin address and its connections.
final class AdminServer {
  /// Clients at a time; further ones wait in the kernel's queue.
  static let connectionCountMaximum = 64
  /// Longest request head.
  static let headBytesMaximum = 8 << 10
  /// From connecting to the end of the request, and again for taking the answer.
  static let requestNanoseconds: Int64 = 10_000_000_000
  /// How long a client that was answered is listened to.
  static let lingerNanoseconds: Int64 = 1_000_000_000
  /// Bytes of such a client that are dropped before it is cut off.
  static let lingerBytesMaximum = 1 << 20
  /// How long accepting pauses when descriptors have run out.
  static let acceptPauseNanoseconds: Int64 = 100_000_000
  static let headLimits = HeadLimits(
    targetBytesMaximum: headBytesMaximum, headBytesMaximum: headBytesMaximum,
    fieldCountMaximum: 64)

  private let poller: Poller
  private let gate: AdminGate
  private var connections = AdminConnections()
  private var listener: ListenerBox?
  private let listenerToken: UInt64
  private var isListening = false
  private var resumeAt = Int64.max
  private var calls: [AdminCall] = []
  /// Time of this wake-up, told by the loop before anything else.
  private(set) var now: Int64 = 0
  private var epochSeconds: Int64 = 0

  /// Serves `group`'s one listener on `poller`, whose events for it carry `listenerToken`.
  init(
    group: ListenerGroup, gate: AdminGate, poller: Poller, listenerToken: UInt64
  ) throws(SystemError) {
    self.poller = poller
    self.gate = gate
    self.listenerToken = listenerToken
    // The group was opened for this one loop.
    guard let taken = group.take() else { preconditionFailure("the admin address has a listener") }
    listener = ListenerBox(taken)
    try resume()
  }

  // MARK: What the loop asks

  /// Takes the time of this wake-up.
  func wake(now: Int64, epochSeconds: Int64) {
    self.now = now
    self.epochSeconds = epochSeconds
  }

  /// When something here is due next.
  var nextDeadline: Int64 {
    var next = resumeAt
    connections.forEach { next = min(next, $0.deadline) }
    return next
  }

  /// True while a client is owed an answer.
  var isBusy: Bool {
    var isBusy = false
    connections.forEach { if $0.isBusy { isBusy = true } }
    return isBusy
  }

  /// Number of open connections.
  var connectionCount: Int { connections.count }

  /// Takes the requests that have become complete.
  func takeCalls() -> [AdminCall] {
    defer { calls.removeAll(keepingCapacity: true) }
    return calls
  }

  /// Answers a call; nothing when the connection is gone or has its answer.
  func answer(_ token: UInt64, _ answer: AdminAnswer) {
    guard let connection = connections.find(token), connection.phase == .waiting else { return }
    send(answer, connection)
  }

  /// Takes those who are waiting already, then no one any more.
  func stopAccepting() {
    accept()
    pause()
    listener = nil
    resumeAt = .max
  }

  // MARK: Events

  /// Accepts waiting clients.
  func accept() {
    while isListening, let listener {
      guard connections.count < AdminServer.connectionCountMaximum else { return pause() }
      switch listener.listener.accept() {
      case .accepted(let socket, _): admit(socket)
      case .wouldBlock: return
      case .exhausted:
        pause()
        resumeAt = now + AdminServer.acceptPauseNanoseconds
        return
      case .failed: continue
      }
    }
  }

  /// A connection's descriptor is ready for something.
  func handle(_ event: PollEvent) {
    guard let connection = connections.find(event.token) else { return }
    serve(connection)
  }

  /// Ends what has taken too long.
  func passDeadlines() {
    if resumeAt <= now { resumeOrTryLater() }
    var late: [AdminConnection] = []
    connections.forEach { if $0.deadline <= now { late.append($0) } }
    for connection in late {
      switch connection.phase {
      case .readingHead where connection.input.isEmpty, .sending, .lingering: close(connection)
      case .readingHead, .readingBody:
        send(.refusal(408, "the request took too long"), connection)
      // The loop bounds how long it takes to answer.
      case .waiting: break
      }
    }
  }

  private func admit(_ socket: consuming Socket) {
    let connection = AdminConnection(
      token: connections.reserve(), stream: ByteStream(plain: socket),
      deadline: now + AdminServer.requestNanoseconds)
    connections.fill(connection)
    do throws(SystemError) {
      try connection.stream.register(with: poller, token: connection.token)
    } catch {
      return close(connection)
    }
    serve(connection)
  }

  /// Does everything that can be done now.
  private func serve(_ connection: AdminConnection) {
    switch connection.phase {
    case .readingHead, .readingBody: read(connection)
    // What the client sends meanwhile is dropped once it has its answer.
    case .waiting: break
    case .sending: flush(connection)
    case .lingering: linger(connection)
    }
  }

  // MARK: Reading

  private func read(_ connection: AdminConnection) {
    while true {
      switch connection.phase {
      case .readingHead: parseHead(connection)
      case .readingBody: parseBody(connection)
      case .waiting, .sending, .lingering: return
      }
      guard connection.phase == .readingHead || connection.phase == .readingBody else { return }
      switch connection.stream.receive(into: &connection.input) {
      case .moved(let count) where count > 0: continue
      // The limits of head and body end a request long before the room does.
      case .moved: return send(.refusal(400, "the request can't be read"), connection)
      case .wouldBlock: return
      case .closed, .failed: return close(connection)
      }
    }
  }

  private func parseHead(_ connection: AdminConnection) {
    guard !connection.input.isEmpty else { return }
    let head = connection.head
    switch head.parse(connection.input.written, from: 0, limits: AdminServer.headLimits) {
    case .needsMore: return
    case .malformed(let fault, _):
      send(.refusal(fault.status, "the request can't be read: \(fault.name)"), connection)
    case .complete:
      connection.isHead = head.method == .head
      do throws(AdminAnswer) {
        connection.endpoint = try gate.admit(head, connection.input.written)
      } catch {
        return send(error, connection)
      }
      connection.input.moveReader(to: head.byteEnd)
      guard !connection.endpoint.isReadOnly else { return call(connection) }
      connection.decoder = BodyDecoder(head.framing)
      connection.phase = .readingBody
      if head.expectsContinue, connection.input.isEmpty { sendContinue(connection) }
      parseBody(connection)
    }
  }

  /// The client waits for this before it sends the body. 25 bytes always fit a fresh socket; if
  /// they don't, the client goes on by itself after a while.
  private func sendContinue(_ connection: AdminConnection) {
    var interim = ByteBuffer(capacity: 64)
    HeadWriter.append(status: 100, to: &interim)
    interim.append("\r\n")
    _ = connection.stream.send(from: &interim)
  }

  private func parseBody(_ connection: AdminConnection) {
    while true {
      let start = connection.input.readerIndex
      switch connection.decoder.next(connection.input.written, from: start) {
      case .data(let range):
        guard connection.body.count + range.count <= AdminGate.bodyBytesMaximum else {
          return send(.bodyTooLarge, connection)
        }
        connection.body += [UInt8](copying: connection.input.written.slice(range))
        connection.input.moveReader(to: range.upper)
      case .trailer(_, _, let consumed):
        connection.input.moveReader(to: consumed)
      case .needsMore(let consumed):
        connection.input.moveReader(to: consumed)
        return connection.input.compact()
      case .end(let consumed):
        connection.input.moveReader(to: consumed)
        return call(connection)
      case .malformed(let fault):
        return send(
          .refusal(fault.status, "the body can't be read: \(fault.name)"), connection)
      }
    }
  }

  private func call(_ connection: AdminConnection) {
    connection.phase = .waiting
    connection.deadline = .max
    calls.append(
      AdminCall(
        connection: connection.token, endpoint: connection.endpoint, body: connection.body))
    connection.body = []
  }

  // MARK: Answering

  private func send(_ answer: AdminAnswer, _ connection: AdminConnection) {
    connection.output = answer.render(toHead: connection.isHead, epochSeconds: epochSeconds)
    connection.phase = .sending
    connection.deadline = now + AdminServer.requestNanoseconds
    flush(connection)
  }

  private func flush(_ connection: AdminConnection) {
    while !connection.output.isEmpty {
      switch connection.stream.send(from: &connection.output) {
      case .moved: continue
      case .wouldBlock: return
      case .closed, .failed: return close(connection)
      }
    }
    connection.stream.shutdownWrite()
    connection.phase = .lingering
    connection.deadline = now + AdminServer.lingerNanoseconds
    linger(connection)
  }

  private func linger(_ connection: AdminConnection) {
    while connection.droppedBytes <= AdminServer.lingerBytesMaximum {
      connection.input.clear()
      switch connection.stream.receive(into: &connection.input) {
      case .moved(let count): connection.droppedBytes += count
      case .wouldBlock: return
      case .closed, .failed: return close(connection)
      }
    }
    close(connection)
  }

  private func close(_ connection: AdminConnection) {
    connection.stream.close()
    connections.remove(connection.token)
    if !isListening, resumeAt == .max { resumeOrTryLater() }
  }

  // MARK: Listening

  private func resumeOrTryLater() {
    resumeAt = .max
    do throws(SystemError) {
      try resume()
    } catch {
      resumeAt = now + AdminServer.acceptPauseNanoseconds
    }
  }

  private func resume() throws(SystemError) {
    guard let listener, !isListening else { return }
    try poller.add(listener.listener, token: listenerToken)
    isListening = true
  }

  private func pause() {
    guard let listener, isListening else { return }
    isListening = false
    // A listener that was added can be removed; there is nothing to do about a failure.
    try? poller.remove(listener.listener)
  }
}
