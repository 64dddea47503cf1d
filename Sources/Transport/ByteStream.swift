// The byte stream under every protocol of the gateway: a socket, or TLS over a socket. Clients,
// upstreams, the Redis feed and `Fetch` know only this type, so that none of them has to learn about
// encryption.
//
// The contract that edge-triggered reading needs, and that every case keeps: `receive` that moved
// fewer bytes than the buffer had room for has emptied the stream, and the next byte makes a new
// event. Only the end of a TLS stream can come together with bytes before it, and is then said by the
// next `receive` without a further event: its owner receives until `.wouldBlock` or an end.
//
// Owned by one loop. Closed when it goes away.

import Bytes
import Crypto
import EventLoop
import Glibc

/// A connected (or connecting) stream of bytes.
public struct ByteStream: ~Copyable {
  private enum Kind: ~Copyable {
    case plain(Socket)
    case secured(SecuredSocket)

    mutating func close() {
      switch consume self {
      case .plain(var socket):
        socket.close()
        self = .plain(socket)
      case .secured(let secured):
        secured.close()
        self = .secured(secured)
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

  /// Starts a connection that is encrypted, to a peer that must prove to be `name`. The handshake
  /// happens on the way of the first `send` or `receive`; `fault` says why there is none.
  public static func connect(
    to address: SocketAddress, as name: TLSServerName, in context: TLSContext
  ) throws(SystemError) -> ByteStream {
    let socket = try Socket.connect(to: address)
    do throws(TLSFault) {
      return ByteStream(
        kind: .secured(SecuredSocket(socket, try TLSSession(client: context, to: name))))
    } catch {
      // All of the session's rules are checked beforehand: what is left is memory.
      throw SystemError(code: ENOMEM, call: "SSL_new")
    }
  }

  private init(kind: consuming Kind) { self.kind = kind }

  /// Why an encrypted stream doesn't work; nil for none and for plain ones. Says more than the errno
  /// of `.failed`, which for a fault of TLS is EPROTO, or ECONNRESET for an end without one.
  public borrowing func fault() -> TLSFault? {
    switch kind {
    case .plain: nil
    case .secured(let secured): secured.fault
    }
  }

  /// True when `send` or `receive` waits until the socket takes bytes; `unsent` says that the owner
  /// has some. During a handshake bytes to send wait for the peer's, not for the kernel.
  public borrowing func waitsToWrite(unsent: Bool) -> Bool {
    switch kind {
    case .plain: unsent
    case .secured(let secured): secured.holdsOutput
    }
  }

  /// True when sending goes on although no event will say so: a handshake that `send` was waiting for
  /// has ended within `receive`. Ask after `.wouldBlock`, as long as there is something to send.
  public borrowing func mustSendAgain() -> Bool {
    switch kind {
    case .plain: false
    case .secured(let secured): secured.isEstablished && !secured.holdsOutput
    }
  }

  /// What ALPN (RFC 7301) has agreed on; nil for nothing.
  public borrowing func applicationProtocol() -> String? {
    switch kind {
    case .plain: nil
    case .secured(let secured): secured.applicationProtocol
    }
  }

  /// Registers with a loop, once, for everything; closing unregisters.
  public borrowing func register(with poller: Poller, token: UInt64) throws(SystemError) {
    switch kind {
    case .plain(let socket): try poller.add(socket, token: token)
    case .secured(let secured): try secured.register(with: poller, token: token)
    }
  }

  /// Receives into the buffer's writable room.
  public mutating func receive(into buffer: inout ByteBuffer) -> IOResult {
    switch kind {
    case .plain(let socket): socket.receive(into: &buffer)
    case .secured(let secured): secured.receive(into: &buffer)
    }
  }

  /// Sends the buffer's readable bytes and consumes what was taken.
  public mutating func send(from buffer: inout ByteBuffer) -> IOResult {
    switch kind {
    case .plain(let socket): socket.send(from: &buffer)
    case .secured(let secured): secured.send(from: &buffer)
    }
  }

  /// The connection's pending error as an errno, 0 for none: what came of connecting.
  public borrowing func pendingError() -> Int32 {
    switch kind {
    case .plain(let socket): socket.pendingError()
    case .secured(let secured): secured.pendingError()
    }
  }

  /// Tells the peer that nothing more will be sent; receiving goes on.
  public mutating func shutdownWrite() {
    switch kind {
    case .plain(let socket): socket.shutdownWrite()
    case .secured(let secured): secured.shutdownWrite()
    }
  }

  /// Makes closing send a reset, so that the peer can't mistake a broken answer for a whole one.
  public borrowing func resetOnClose() {
    switch kind {
    case .plain(let socket): socket.resetOnClose()
    case .secured(let secured): secured.resetOnClose()
    }
  }

  /// Bytes that were sent and that the peer's kernel has not taken yet. After `shutdownWrite()` the end
  /// itself counts as one until it has arrived.
  public borrowing func unacknowledgedBytes() -> Int {
    switch kind {
    case .plain(let socket): socket.unacknowledgedBytes()
    case .secured(let secured): secured.unacknowledgedBytes()
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
    case .secured(let secured):
      try secured.wait(toRead: toRead, toWrite: toWrite, timeoutMilliseconds: timeoutMilliseconds)
    }
  }

  /// Closes now; everything but closing again is a mistake from here on.
  public mutating func close() {
    kind.close()
  }
}
