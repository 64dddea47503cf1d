// A small HTTP server for the sample backends: one thread, one poller, whole requests in memory.
//
// Not the gateway's server and no model for one: bodies are small, answers are made at once, and the
// only client is the gateway.

import Bytes
import EventLoop
import HTTPWire

/// The kinds of sample backend.
enum SampleKind: Sendable {
  case flask, nest
}

/// One backend's listener and connections. One thread.
final class SampleServer {
  private static let listenerToken: UInt64 = 0

  private let backend: SampleBackend
  private let listener: Listener
  private let poller: Poller
  private var connections: [UInt64: SampleConnection] = [:]
  private var nextToken: UInt64 = 1

  private init(_ backend: SampleBackend, _ listener: consuming Listener) throws(SystemError) {
    self.backend = backend
    self.listener = listener
    poller = try Poller()
    try poller.add(self.listener, token: Self.listenerToken)
  }

  /// Starts a backend on a free loopback port; returns its address. It runs until the process ends.
  static func start(
    _ kind: SampleKind, _ secrets: DemoSecrets
  ) throws(SystemError) -> SocketAddress {
    let group = try ListenerGroup(on: SocketAddress(ipv4: 0x7f00_0001, port: 0))
    let name = kind == .flask ? "sample-flask" : "sample-nest"
    _ = try WorkerThread.start(name: name) {
      guard let listener = group.take(), let backend = SampleBackend(kind, secrets) else { return }
      do throws(SystemError) {
        try SampleServer(backend, listener).run()
      } catch {
        Console.complain("\(name): \(error)")
      }
    }
    return group.address
  }

  private func run() throws(SystemError) {
    while true {
      let count = poller.wait(timeoutMilliseconds: -1)
      for index in 0..<count {
        let token = poller.event(at: index).token
        if token == Self.listenerToken {
          try acceptAll()
        } else if let connection = connections[token], !connection.serve(backend) {
          connections[token] = nil
        }
      }
    }
  }

  private func acceptAll() throws(SystemError) {
    while true {
      switch listener.accept() {
      case .accepted(let socket, _):
        let token = nextToken
        nextToken += 1
        try poller.add(socket, token: token)
        connections[token] = SampleConnection(socket)
      case .failed: continue
      case .wouldBlock: return
      case .exhausted: return
      }
    }
  }
}

/// One connection from the gateway.
private final class SampleConnection {
  /// Most bytes of a request, head and body.
  private static let requestBytesMaximum = 131_072
  private static let answerBytesMaximum = 65_536

  private let socket: Socket
  private let head = RequestHead()
  private var input = ByteBuffer(capacity: requestBytesMaximum)
  private var output = ByteBuffer(capacity: answerBytesMaximum)
  private var mustClose = false

  init(_ socket: consuming Socket) { self.socket = socket }

  /// Does what can be done now; false when the connection is over.
  func serve(_ backend: SampleBackend) -> Bool {
    while true {
      let received = socket.receive(into: &input)
      while !mustClose, answerNext(backend) {}
      if !flush() { return false }
      if mustClose && output.isEmpty { return false }
      switch received {
      case .moved(let count):
        // The buffer is full of a request that doesn't end.
        if count == 0 { return false }
      case .wouldBlock: return true
      case .closed, .failed: return false
      }
    }
  }

  /// Answers the next request if all of it is here; false when more bytes are needed.
  private func answerNext(_ backend: SampleBackend) -> Bool {
    guard !input.isEmpty else { return false }
    let start = input.readerIndex
    switch head.parse(input.written, from: start, limits: HeadLimits()) {
    case .needsMore:
      input.compact()
      return false
    case .malformed(let fault, _):
      mustClose = true
      write(SampleReply(fault.status, backend.failure(fault.status)), isHead: false)
      return true
    case .complete: break
    }
    var body: [UInt8] = []
    guard let end = readBody(into: &body) else {
      head.reset()
      return false
    }
    let reply = backend.answer(SampleRequest(head, input.written, body: body))
    mustClose = !head.keepsAlive
    write(reply, isHead: head.method == .head)
    head.reset()
    input.consume(end - start)
    if input.isEmpty { input.clear() }
    return true
  }

  /// The whole body, decoded; nil while it isn't here. Returns the offset after it.
  private func readBody(into body: inout [UInt8]) -> Int? {
    var decoder = BodyDecoder(head.framing)
    var offset = head.byteEnd
    while true {
      switch decoder.next(input.written, from: offset) {
      case .data(let range):
        for index in range.lower..<range.upper { body.append(input.written[index]) }
        offset = range.upper
      case .trailer(_, _, let consumedTo): offset = consumedTo
      case .end(let consumedTo): return consumedTo
      case .needsMore: return nil
      case .malformed:
        mustClose = true
        return nil
      }
    }
  }

  private func write(_ reply: SampleReply, isHead: Bool) {
    HeadWriter.append(status: reply.status, to: &output)
    output.append("Date: ")
    HTTPDate.append(epochSeconds: BackendTokens.now, to: &output)
    output.append("\r\n")
    HeadWriter.append(name: "Content-Type", value: "application/json", to: &output)
    HeadWriter.append(name: "Content-Length", decimal: reply.body.utf8.count, to: &output)
    if mustClose { HeadWriter.append(name: "Connection", value: "close", to: &output) }
    output.append("\r\n")
    if !isHead { output.append(text: reply.body) }
  }

  /// Sends what is waiting; false when the gateway has gone.
  private func flush() -> Bool {
    while !output.isEmpty {
      switch socket.send(from: &output) {
      case .moved: continue
      // An answer is far smaller than a socket's buffer: nobody reads on the other side.
      case .wouldBlock, .closed, .failed: return false
      }
    }
    output.clear()
    return true
  }
}
