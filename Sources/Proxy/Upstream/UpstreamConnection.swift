// The gateway's side towards one upstream server: a connection that serves one request at a time and
// waits in its worker's pool between them. Loop only.

import Bytes
import EventLoop
import Transport

/// One connection to an upstream server.
final class UpstreamConnection {
  enum Phase {
    case connecting
    case busy
    case idle
    case closed
  }

  let token: UInt64
  let upstream: Int
  let server: Int
  var stream: ByteStream
  var phase = Phase.connecting
  /// What the server has sent: the pinned response head, then body.
  var input = ByteBuffer()
  /// What the server has yet to receive.
  var output = ByteBuffer()
  var mayRead = false
  var mayWrite = true
  var hangupSeen = false
  var inputEnded = false
  var deadline = Deadline()
  /// The client connection whose exchange uses this connection; 0 while idle.
  var client: UInt64 = 0
  var requestsServed = 0
  /// Counted as in flight by its pool.
  var isCounted = false
  /// Bytes of the current request that the kernel has taken.
  var bytesSent = 0
  /// Bytes that came since the current request was begun.
  var bytesReceived = 0

  init(token: UInt64, upstream: Int, server: Int, stream: consuming ByteStream) {
    self.token = token
    self.upstream = upstream
    self.server = server
    self.stream = stream
  }

  /// True when an earlier request was answered on this connection: it may have been closed by the
  /// server since, without anybody's fault.
  var isReused: Bool { requestsServed > 0 }

  enum ReadOutcome {
    case bytes
    case nothing
    case ended
    case failed(Int32)
  }

  /// Reads once if the kernel may hold bytes and the buffer has room.
  func readOnce(_ pool: BufferPool) -> ReadOutcome {
    guard !inputEnded else { return .ended }
    guard mayRead else { return .nothing }
    input.acquire(from: pool)
    let room = input.writableCount
    guard room > 0 else { return .nothing }
    switch stream.receive(into: &input) {
    case .moved(let count):
      bytesReceived &+= count
      if count < room && !hangupSeen { mayRead = false }
      return .bytes
    case .wouldBlock:
      mayRead = false
      return .nothing
    case .closed:
      inputEnded = true
      return .ended
    case .failed(let code):
      inputEnded = true
      return .failed(code)
    }
  }

  /// True when the server is as silent as it ought to be behind a whole answer. The kernel may hold
  /// bytes whose event has come already (an answer that filled the buffer): they would be taken for
  /// the next request's answer.
  func hasNothingMore(_ pool: BufferPool) -> Bool {
    guard mayRead, !inputEnded, !hangupSeen else { return !inputEnded && !hangupSeen }
    input.clear()
    if case .nothing = readOnce(pool) { return true }
    return false
  }

  enum WriteOutcome {
    case flushed
    case blocked
    case failed(Int32)
  }

  /// Writes what the kernel takes.
  func flush() -> WriteOutcome {
    while !output.isEmpty && mayWrite {
      switch stream.send(from: &output) {
      case .moved(let count):
        bytesSent += count
        // The kernel takes bytes only when it has a connection, and tells of that later: should the
        // connection break before, the server may have had the request all the same.
        if phase == .connecting { phase = .busy }
        if !output.isEmpty { mayWrite = false }
      case .wouldBlock:
        mayWrite = false
      case .closed:
        return .failed(0)
      case .failed(let code):
        return .failed(code)
      }
    }
    guard output.isEmpty else { return .blocked }
    output.clear()
    return .flushed
  }

  /// Gives back all memory: the connection goes to the pool or ends.
  func releaseBuffers(_ pool: BufferPool) {
    input.release(to: pool)
    output.release(to: pool)
  }
}
