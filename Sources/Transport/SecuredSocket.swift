// TLS over a socket: moves ciphertext between `Socket` and `TLSSession`, so that the owner sees the
// same four results as without encryption.
//
// The handshake is driven by whatever the owner does, `receive` or `send`. Either may have to do both
// directions, so both start by pushing out what the kernel didn't take before.
//
// Bounds: ciphertext is asked for only when the session can't go on without it, and plaintext is
// encrypted only when the record before it is with the kernel. A peer that sends records without any
// data in them is left after `idleBytesMaximum`; so is one that makes us answer without reading.
//
// Owned by one loop. Closed when it goes away.

import Bytes
import Crypto
import EventLoop
import Glibc

/// A socket and the TLS session over it. A class, so that a plain `ByteStream` stays small.
final class SecuredSocket {
  /// Ciphertext taken within one call without a byte of plaintext: far more than any handshake has.
  private static let idleBytesMaximum = 1 << 20
  /// Ciphertext that waits for a peer that doesn't read.
  private static let outputBytesMaximum = 1 << 18
  private static let bufferBytes = 16 * 1024 + 512

  private var socket: Socket
  private var session: TLSSession
  private var input = ByteBuffer(capacity: SecuredSocket.bufferBytes)
  private var output = ByteBuffer(capacity: SecuredSocket.bufferBytes)
  /// How receiving has ended: said once all plaintext before it has been delivered.
  private var end: IOResult?
  /// The owner has finished sending, and the socket has not been told yet.
  private var mustShutDown = false

  init(_ socket: consuming Socket, _ session: consuming TLSSession) {
    self.socket = socket
    self.session = session
  }

  var fault: TLSFault? { session.fault }
  var isEstablished: Bool { session.isEstablished }
  var applicationProtocol: String? { session.applicationProtocol }
  /// True while the kernel hasn't taken everything.
  var holdsOutput: Bool { !output.isEmpty || session.outputByteCount > 0 }

  func register(with poller: Poller, token: UInt64) throws(SystemError) {
    try poller.add(socket, token: token)
  }

  func pendingError() -> Int32 { socket.pendingError() }

  /// Of ciphertext, what is held here included.
  func unacknowledgedBytes() -> Int {
    socket.unacknowledgedBytes() + output.readableCount + session.outputByteCount
  }

  func resetOnClose() { socket.resetOnClose() }

  func wait(
    toRead: Bool, toWrite: Bool, timeoutMilliseconds: Int
  ) throws(SystemError) -> Bool {
    try socket.wait(toRead: toRead, toWrite: toWrite, timeoutMilliseconds: timeoutMilliseconds)
  }

  // MARK: Moving bytes

  func receive(into buffer: inout ByteBuffer) -> IOResult {
    guard buffer.writableCount > 0 else { return .moved(0) }
    if let end { return end }
    var moved = 0
    var idleBytes = 0
    // Each turn delivers plaintext, takes ciphertext of a bounded amount, or returns.
    while true {
      switch session.read(into: &buffer) {
      case .moved(let count):
        moved += count
        idleBytes = 0
        if buffer.writableCount == 0 { return .moved(moved) }
      case .closed:
        return ended(.closed, moved)
      case .failed:
        // The alert that says why, as far as it goes.
        _ = push()
        return ended(.failed(EPROTO), moved)
      case .wantsInput:
        // A refusal to take more is no reason not to read what is there.
        _ = push()
        guard idleBytes <= Self.idleBytesMaximum,
          session.outputByteCount <= Self.outputBytesMaximum
        else {
          session.abandon(.noProgress)
          return ended(.failed(EPROTO), moved)
        }
        switch fill() {
        case .moved(let count): idleBytes += count
        case .wouldBlock: return moved > 0 ? .moved(moved) : .wouldBlock
        case .closed:
          session.connectionEnded()
          return ended(.failed(ECONNRESET), moved)
        case .failed(let code): return ended(.failed(code), moved)
        }
      }
    }
  }

  func send(from buffer: inout ByteBuffer) -> IOResult {
    var moved = 0
    var idleBytes = 0
    // Each turn encrypts plaintext, takes ciphertext of a bounded amount, or returns.
    while true {
      switch push() {
      case .moved: break
      case .wouldBlock: return moved > 0 ? .moved(moved) : .wouldBlock
      case .closed: return .closed
      case .failed(let code): return .failed(code)
      }
      if buffer.isEmpty { return .moved(moved) }
      switch session.write(from: &buffer) {
      case .moved(let count): moved += count
      case .closed: return .closed
      case .failed:
        _ = push()
        return .failed(EPROTO)
      case .wantsInput:
        if session.outputByteCount > 0 { continue }
        guard idleBytes <= Self.idleBytesMaximum else {
          session.abandon(.noProgress)
          return .failed(EPROTO)
        }
        switch fill() {
        case .moved(let count): idleBytes += count
        case .wouldBlock: return moved > 0 ? .moved(moved) : .wouldBlock
        case .closed:
          session.connectionEnded()
          return .failed(ECONNRESET)
        case .failed(let code): return .failed(code)
        }
      }
    }
  }

  func shutdownWrite() {
    session.closeNotify()
    mustShutDown = true
    _ = push()
  }

  func close() {
    // Politeness: nobody waits for it to arrive.
    session.closeNotify()
    _ = push()
    socket.close()
  }

  private func ended(_ result: IOResult, _ moved: Int) -> IOResult {
    end = result
    return moved > 0 ? .moved(moved) : result
  }

  /// Hands ciphertext to the kernel: `.moved` when all of it is out.
  private func push() -> IOResult {
    while holdsOutput {
      output.compact()
      session.drain(into: &output)
      // The session always fills the room that there is; were it not so, this would go on for ever.
      guard !output.isEmpty else { return .failed(EPROTO) }
      switch socket.send(from: &output) {
      case .moved: continue
      case .wouldBlock: return .wouldBlock
      case .closed: return .closed
      case .failed(let code): return .failed(code)
      }
    }
    if mustShutDown {
      mustShutDown = false
      socket.shutdownWrite()
    }
    return .moved(0)
  }

  /// Fetches ciphertext from the kernel for the session.
  private func fill() -> IOResult {
    input.clear()
    let result = socket.receive(into: &input)
    if case .moved = result { session.feed(from: &input) }
    return result
  }
}
