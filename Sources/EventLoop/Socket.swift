// One connected (or connecting) stream socket: owned, non-blocking, closed exactly once.
//
// What it does not do: wait (that is `Poller`), buffer (`ByteBuffer`), encrypt (`Transport`). Reading
// is edge-triggered by convention: the owner receives until a read was shorter than the room it had,
// and after a hang-up until `.closed`. Owned by one loop.

import Bytes
import CPlatform
import Glibc

/// What one attempt to move bytes came to.
public enum IOResult: Sendable, Equatable {
  /// So many bytes moved. 0 only when there was nothing to send or no room to receive.
  case moved(Int)
  /// Nothing now; wait for the next event.
  case wouldBlock
  /// The peer has finished sending (or, on sending, will never read again).
  case closed
  /// The connection is broken: an errno.
  case failed(Int32)
}

/// A stream socket, TCP or Unix. Closed when it goes away.
public struct Socket: ~Copyable, Sendable {
  /// The descriptor; -1 when closed.
  private var fd: Int32

  /// Takes over a descriptor that nobody else will close: from `detach()`.
  public init(adopting descriptor: Int32) { fd = descriptor }

  deinit {
    if fd >= 0 { platform_close(fd) }
  }

  /// Gives the descriptor away without closing it: for handing a socket to another thread.
  public consuming func detach() -> Int32 {
    let descriptor = fd
    fd = -1
    return descriptor
  }

  /// Closes the socket now; everything but closing again is a mistake from here on.
  public mutating func close() {
    if fd >= 0 { platform_close(fd) }
    fd = -1
  }

  var descriptor: Int32 { fd }

  /// Starts a connection. Poll for writable, then ask `pendingError()`. Failures that are known at
  /// once (refused on this machine, no such path, no descriptors left) are thrown.
  public static func connect(to address: SocketAddress) throws(SystemError) -> Socket {
    switch address.family {
    case .ipv4, .ipv6:
      var endpoint = address.endpoint
      // The endpoint outlives the call.
      return Socket(adopting: try check(unsafe platform_connect(&endpoint), "connect"))
    case .unix:
      // The path's bytes end with a zero and outlive the call.
      return Socket(adopting: try check(unsafe platform_connect_unix(address.path), "connect"))
    }
  }

  /// Two sockets connected with each other: for tests and for talking within the process.
  public static func makePair() throws(SystemError) -> SocketPair {
    var pair: [Int32] = [-1, -1]
    // The call fills two elements, which is how many there are.
    let result = unsafe platform_socket_pair(&pair)
    try check(result, "socketpair")
    return SocketPair(first: Socket(adopting: pair[0]), second: Socket(adopting: pair[1]))
  }

  // MARK: Moving bytes

  /// Receives into the buffer's writable room. One system call.
  public borrowing func receive(into buffer: inout ByteBuffer) -> IOResult {
    let room = buffer.writableCount
    // A read of no bytes returns 0, which would look like the peer's end.
    guard room > 0 else { return .moved(0) }
    let result = unsafe buffer.withUnsafeWritableBytes { bytes in
      // The kernel writes at most the room's count.
      let result = unsafe platform_receive(fd, bytes.baseAddress, bytes.count)
      return (max(result, 0), result)
    }
    if result > 0 { return .moved(result) }
    return result == 0 ? .closed : outcome(result, "recv")
  }

  /// Sends the buffer's readable bytes and consumes what the kernel took. One system call.
  public borrowing func send(from buffer: inout ByteBuffer) -> IOResult {
    guard !buffer.isEmpty else { return .moved(0) }
    let result = unsafe buffer.readable.withUnsafeBytes { bytes in
      // The span's own start and count.
      unsafe platform_send(fd, bytes.baseAddress, bytes.count)
    }
    if result >= 0 {
      buffer.consume(result)
      return .moved(result)
    }
    return outcome(result, "send")
  }

  @inline(never)
  private borrowing func outcome(_ result: Int, _ call: StaticString) -> IOResult {
    let code = blameless(Int32(truncatingIfNeeded: -result), call)
    switch code {
    case EAGAIN: return .wouldBlock
    case EPIPE: return .closed
    default: return .failed(code)
    }
  }

  // MARK: State

  /// The socket's pending error as an errno, 0 for none; reading clears it.
  public borrowing func pendingError() -> Int32 {
    let code = platform_pending_error(fd)
    return code < 0 ? blameless(-code, "getsockopt") : code
  }

  /// Tells the peer that nothing more will be sent; receiving goes on.
  public borrowing func shutdownWrite() {
    // The only failure of a valid descriptor is that the connection is gone already.
    _ = platform_shutdown_write(fd)
  }

  /// Makes closing send a reset, so that the peer can't mistake a broken answer for a whole one.
  public borrowing func resetOnClose() {
    _ = platform_reset_on_close(fd)
  }

  /// Bytes that were sent and that the peer's kernel has not taken yet; 0 where nobody can tell.
  public borrowing func unacknowledgedBytes() -> Int { max(0, Int(platform_unacknowledged(fd))) }

  /// The address of this end.
  public borrowing func localAddress() throws(SystemError) -> SocketAddress {
    try EventLoop.localAddress(of: fd)
  }

  /// True when small writes go out at once (TCP_NODELAY).
  public borrowing func sendsAtOnce() -> Bool { platform_no_delay(fd) > 0 }

  /// Blocks until the socket can be read (or written) or has an error, at most so long (-1: for
  /// ever). False when the time ran out. For command lines and tests; a loop uses `Poller`.
  public borrowing func wait(
    toRead: Bool, toWrite: Bool, timeoutMilliseconds: Int
  ) throws(SystemError) -> Bool {
    let interest: Int32 = (toRead ? 1 : 0) | (toWrite ? 2 : 0)
    let timeout = Int32(clamping: timeoutMilliseconds)
    return try check(platform_wait_one(fd, interest, timeout), "poll") > 0
  }
}

/// Two sockets connected with each other.
@frozen
public struct SocketPair: ~Copyable {
  /// One end.
  public var first: Socket
  /// The other.
  public var second: Socket

  /// Puts two ends together.
  init(first: consuming Socket, second: consuming Socket) {
    self.first = first
    self.second = second
  }
}

/// The address a descriptor is bound to.
func localAddress(of descriptor: Int32) throws(SystemError) -> SocketAddress {
  var endpoint = platform_endpoint()
  // The endpoint outlives the call.
  try check(unsafe platform_local_endpoint(descriptor, &endpoint), "getsockname")
  return SocketAddress(endpoint)
}
