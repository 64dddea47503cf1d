// The other side of a fetch: a listening socket on the loopback interface whose connection the test
// moves by hand, byte by byte, in the same thread.

import Bytes
import EventLoop
import Fetch
import HTTPWire
import Testing

/// A server that says what the test tells it to say, to one client.
final class ScriptedServer {
  let address: SocketAddress
  private let group: ListenerGroup
  private var connection: Socket

  /// Listens, and lets `start` connect.
  init(start: (SocketAddress) throws -> FetchExchange) throws {
    let loopback = try #require(SocketAddress("127.0.0.1:0"))
    group = try ListenerGroup(on: loopback)
    address = group.address
    guard let listener = group.take() else { throw SystemError(code: 0, call: "take") }
    exchange = try start(address)
    let poller = try Poller()
    try poller.add(listener, token: 0)
    try #require(poller.wait(timeoutMilliseconds: 10_000) == 1)
    switch listener.accept() {
    case .accepted(let socket, _): connection = socket
    default: throw SystemError(code: 0, call: "accept")
    }
  }

  /// The fetch under test.
  let exchange: FetchExchange

  /// What the client has sent so far, as far as it was not looked at before.
  func heard() throws -> String {
    var buffer = ByteBuffer(capacity: 1 << 16)
    while true {
      switch connection.receive(into: &buffer) {
      case .moved(let count) where count > 0: continue
      default: return String(lossy: buffer.readable)
      }
    }
  }

  /// Sends bytes.
  func say(_ bytes: ArraySlice<UInt8>) throws {
    var buffer = ByteBuffer(capacity: max(1, bytes.count))
    buffer.append(Array(bytes))
    while buffer.readableCount > 0 {
      switch connection.send(from: &buffer) {
      case .moved: continue
      case .wouldBlock:
        _ = try connection.wait(toRead: false, toWrite: true, timeoutMilliseconds: 10_000)
      case .closed, .failed: throw SystemError(code: 0, call: "send")
      }
    }
  }

  /// Ends the connection in order, or by a reset.
  func close(byReset: Bool = false) {
    if byReset { connection.resetOnClose() }
    connection.close()
  }
}

/// Sends an answer in these pieces, letting the client read after each; then closes if asked, and
/// says what came of it.
func answer(
  _ pieces: [ArraySlice<UInt8>], to method: HTTPWire.Method = .get, thenCloses: Bool = false,
  bodyMaximum: Int = 4096, headLimits: HeadLimits = HeadLimits()
) throws -> FetchProgress {
  let server = try ScriptedServer { address in
    var request = FetchRequest(
      method, address: address, host: "test", target: "/", responseBytesMaximum: bodyMaximum)
    request.headLimits = headLimits
    return try FetchExchange(request)
  }
  var progress = server.exchange.advance()
  for piece in pieces {
    guard case .waiting = progress else { return progress }
    try server.say(piece)
    progress = server.exchange.advance()
  }
  if thenCloses {
    // What nobody has read would turn the end into a reset.
    _ = try server.heard()
    server.close()
  }
  // What was sent is on its way within this machine: a few looks at most, never a sleep.
  let poller = try Poller()
  if case .waiting = progress { try server.exchange.register(with: poller, token: 0) }
  while case .waiting = progress {
    progress = server.exchange.advance()
    guard case .waiting = progress, thenCloses else { break }
    try #require(poller.wait(timeoutMilliseconds: 10_000) == 1)
  }
  return progress
}

/// The bytes of a text.
func bytes(_ text: String) -> ArraySlice<UInt8> { ArraySlice(text.utf8) }
