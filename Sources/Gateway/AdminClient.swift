// Asks a running gateway over its admin address: one request, one answer, then the connection ends.
//
// Blocks, with a deadline; a command line has nothing else to do. The answer is read by the same strict
// parser as any other response, and is bounded. The protocol stands in Admin's `AdminServer`.

import Assembly
import Bytes
import Config
import EventLoop
import HTTPWire
import JSON

/// Why there was no answer, for a person.
struct AdminFault: Error {
  let message: String
}

/// What the gateway answered.
struct AdminReply {
  let status: Int
  /// The text of a JSON object.
  let body: [UInt8]

  /// The members of the answer.
  var document: JSONDocument? {
    let document = JSONDocument(depthMaximum: 16, nodeMaximum: 100_000)
    guard document.parse(body.span) == .valid, document.kind(0) == .object else { return nil }
    return document
  }

  /// The text of a member of the object.
  func text(_ name: StaticString) -> String? {
    guard let document, let node = document.member(name, of: 0, in: body.span) else { return nil }
    return document.text(node, in: body.span)
  }
}

/// A client of the admin address.
struct AdminClient {
  /// Longest answer that is read.
  static let replyBytesMaximum = 4 << 20
  /// From connecting to the end of the answer. Revoking waits for the disk.
  static let deadlineMilliseconds: Int64 = 15_000

  let address: SocketAddress

  /// The client for `--admin ADDRESS`, or for the admin line of the configuration; nil after a report.
  /// Nothing else of the configuration is looked at, so that neither secrets nor variables are needed.
  static func make(_ words: CommandWords) throws(UsageMistake) -> AdminClient? {
    if let text = try words.one("--admin") {
      guard let address = SocketAddress(text) else {
        throw UsageMistake(message: "\"\(text)\" is no address; write unix:PATH")
      }
      return AdminClient(address: address)
    }
    let path = try ConfigurationOption.path(words)
    let log = DiagnosticLog()
    guard let settings = Configuration.adminAddress(path: path, source: .system, log: log),
      case .address(let address) = settings.address
    else {
      Output.explain(log.rendered)
      return nil
    }
    return AdminClient(address: address)
  }

  /// Sends a request and waits for its answer.
  func ask(_ method: String, _ path: String, json: String? = nil) throws(AdminFault) -> AdminReply {
    do throws(SystemError) {
      let deadline = Clock.monotonicNanoseconds() / 1_000_000 + Self.deadlineMilliseconds
      let socket = try Socket.connect(to: address)
      try wait(socket, toWrite: true, deadline)
      let code = socket.pendingError()
      if code != 0 { throw SystemError(code: code, call: "connect") }
      var text = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
      if let json {
        text +=
          "Content-Type: application/json\r\nContent-Length: \(json.utf8.count)\r\n\r\n\(json)"
      } else {
        text += "\r\n"
      }
      var request = ByteBuffer(capacity: text.utf8.count)
      request.append(text: text)
      while request.readableCount > 0 {
        switch socket.send(from: &request) {
        case .moved: break
        case .wouldBlock: try wait(socket, toWrite: true, deadline)
        // It may have answered and closed without reading all: the answer counts.
        case .closed, .failed: request.clear()
        }
      }
      var reply = ByteBuffer(capacity: Self.replyBytesMaximum)
      var isOpen = true
      while isOpen {
        switch socket.receive(into: &reply) {
        case .moved(let count):
          if count == 0 { throw SystemError(code: 90, call: "receive") }  // EMSGSIZE: no room left
        case .wouldBlock: try wait(socket, toWrite: false, deadline)
        case .closed: isOpen = false
        case .failed(let code):
          if reply.readableCount == 0 { throw SystemError(code: code, call: "receive") }
          isOpen = false
        }
      }
      return try parse(reply.readable, method)
    } catch {
      throw AdminFault(
        message: "no gateway answers at \(address): \(error.reason); is it running?")
    }
  }

  private func wait(
    _ socket: borrowing Socket, toWrite: Bool, _ deadline: Int64
  ) throws(SystemError) {
    let left = deadline - Clock.monotonicNanoseconds() / 1_000_000
    let timeout = SystemError(code: 110, call: "wait")  // ETIMEDOUT
    guard left > 0 else { throw timeout }
    guard
      try socket.wait(toRead: !toWrite, toWrite: toWrite, timeoutMilliseconds: Int(left))
    else { throw timeout }
  }

  private func parse(_ bytes: Span<UInt8>, _ method: String) throws(SystemError) -> AdminReply {
    let head = ResponseHead()
    let garbage = SystemError(code: 71, call: "parse")  // EPROTO
    guard
      case .complete = head.parse(
        bytes, from: 0, limits: HeadLimits(), requestMethod: method == "POST" ? .post : .get)
    else { throw garbage }
    var body: [UInt8] = []
    var decoder = BodyDecoder(head.framing)
    var offset = head.byteEnd
    // Each step consumes bytes or ends the loop.
    while true {
      switch decoder.next(bytes, from: offset) {
      case .data(let range):
        body += [UInt8](copying: bytes.slice(range))
        offset = range.upper
      case .trailer(_, _, let consumedTo): offset = consumedTo
      case .end: return AdminReply(status: head.status, body: body)
      case .needsMore:
        guard decoder.mayEndAtClose else { throw garbage }
        return AdminReply(status: head.status, body: body)
      case .malformed: throw garbage
      }
    }
  }
}
