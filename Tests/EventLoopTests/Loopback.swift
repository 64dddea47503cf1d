// What several tests need: connected TCP sockets over the loopback interface, and texts in buffers.

import Bytes
import EventLoop
import Testing

/// An address on the loopback interface with a port of the system's choice.
func loopback() throws -> SocketAddress { try #require(SocketAddress("127.0.0.1:0")) }

/// A listener of a group. (The testing macros take only what can be copied.)
func take(_ group: ListenerGroup) throws -> Listener {
  guard let listener = group.take() else { throw SystemError(code: 0, call: "take") }
  return listener
}

/// A buffer that holds a text.
func buffer(_ text: String, capacity: Int = 4096) -> ByteBuffer {
  var buffer = ByteBuffer(capacity: capacity)
  buffer.append(text: text)
  return buffer
}

/// Accepts the next client, waiting for it.
func accept(_ listener: borrowing Listener) throws -> Socket {
  let poller = try Poller()
  try poller.add(listener, token: 1)
  while true {
    switch listener.accept() {
    case .accepted(let socket, _): return socket
    case .wouldBlock:
      try #require(poller.wait(timeoutMilliseconds: 10_000) == 1, "waited in vain")
    case .exhausted(let code): throw SystemError(code: code, call: "accept")
    case .failed(let code): throw SystemError(code: code, call: "accept")
    }
  }
}

/// Receives until so many bytes are there or the stream has ended, and returns them as text.
func receive(_ socket: borrowing Socket, count: Int) throws -> String {
  var buffer = ByteBuffer(capacity: count)
  while buffer.readableCount < count {
    switch socket.receive(into: &buffer) {
    case .moved: continue
    case .wouldBlock:
      let isReady = try socket.wait(toRead: true, toWrite: false, timeoutMilliseconds: 10_000)
      try #require(isReady, "waited in vain")
    case .closed: return String(lossy: buffer.readable)
    case .failed(let code): throw SystemError(code: code, call: "recv")
    }
  }
  return String(lossy: buffer.readable)
}
