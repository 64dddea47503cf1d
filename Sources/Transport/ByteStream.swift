// The byte stream under every protocol of the gateway: a socket now, TLS over a socket as a further
// case of `Kind`. Clients, upstreams, the Redis feed and `Fetch` know only this type, so that none of
// them has to learn about encryption.
//
// The contract that edge-triggered reading needs, and that every case must keep: `receive` that moved
// fewer bytes than the buffer had room for has emptied the stream, and the next byte makes a new
// event. (A TLS case goes on reading records until the room is full or nothing is left.)
//
// Owned by one loop. Closed when it goes away.

import Bytes
import EventLoop

/// A connected (or connecting) stream of bytes.
public struct ByteStream: ~Copyable {
  private enum Kind: ~Copyable {
    case plain(Socket)

    mutating func close() {
      switch consume self {
      case .plain(var socket):
        socket.close()
        self = .plain(socket)
      }
    }
  }

  private var kind: Kind

  /// Bytes as they are, over a socket.
  public init(plain socket: consuming Socket) {
    kind = .plain(socket)
  }

  /// Starts a connection without encryption; see `Socket.connect(to:)`.
  public static func connect(to address: SocketAddress) throws(SystemError) -> ByteStream {
    ByteStream(plain: try Socket.connect(to: address))
  }

  /// Registers with a loop, once, for everything; closing unregisters.
  public borrowing func register(with poller: Poller, token: UInt64) throws(SystemError) {
    switch kind {
    case .plain(let socket): try poller.add(socket, token: token)
    }
  }

  /// Receives into the buffer's writable room.
  public mutating func receive(into buffer: inout ByteBuffer) -> IOResult {
    switch kind {
    case .plain(let socket): socket.receive(into: &buffer)
    }
  }

  /// Sends the buffer's readable bytes and consumes what was taken.
  public mutating func send(from buffer: inout ByteBuffer) -> IOResult {
    switch kind {
    case .plain(let socket): socket.send(from: &buffer)
    }
  }

  /// The connection's pending error as an errno, 0 for none: what came of connecting.
  public borrowing func pendingError() -> Int32 {
    switch kind {
    case .plain(let socket): socket.pendingError()
    }
  }

  /// Tells the peer that nothing more will be sent; receiving goes on.
  public mutating func shutdownWrite() {
    switch kind {
    case .plain(let socket): socket.shutdownWrite()
    }
  }

  /// Makes closing send a reset, so that the peer can't mistake a broken answer for a whole one.
  public borrowing func resetOnClose() {
    switch kind {
    case .plain(let socket): socket.resetOnClose()
    }
  }

  /// Bytes that were sent and that the peer's kernel has not taken yet. After `shutdownWrite()` the end
  /// itself counts as one until it has arrived.
  public borrowing func unacknowledgedBytes() -> Int {
    switch kind {
    case .plain(let socket): socket.unacknowledgedBytes()
    }
  }

  /// Blocks until something can be received (or sent), at most so long; false when the time ran out.
  /// For command lines and tests; a loop uses `Poller`.
  public borrowing func wait(
    toRead: Bool, toWrite: Bool, timeoutMilliseconds: Int
  ) throws(SystemError) -> Bool {
    switch kind {
    case .plain(let socket):
      try socket.wait(toRead: toRead, toWrite: toWrite, timeoutMilliseconds: timeoutMilliseconds)
    }
  }

  /// Closes now; everything but closing again is a mistake from here on.
  public mutating func close() {
    kind.close()
  }
}
