// Where clients come in.
//
// A `ListenerGroup` binds one address once for all workers, before they start, so that every mistake
// is found and named at the start. Each worker then takes its own `Listener`: over IP an own socket
// on the same port (SO_REUSEPORT, the kernel spreads the clients), over a Unix path a copy of the one
// socket. Groups: any thread. Listeners: one loop.

import CPlatform
import Glibc
import Synchronization

/// What one attempt to accept came to.
public enum AcceptResult: ~Copyable {
  /// A client, and where it comes from.
  case accepted(Socket, SocketAddress)
  /// No more clients now.
  case wouldBlock
  /// The process or the machine is out of descriptors or memory (an errno): pause accepting.
  case exhausted(Int32)
  /// This client is gone already (an errno); go on with the next.
  case failed(Int32)
}

/// A listening socket of one loop. Closed when it goes away.
public struct Listener: ~Copyable, Sendable {
  private let socket: Socket
  /// The address it listens on, with the port that the system chose if 0 was asked for.
  public let address: SocketAddress
  /// True when other loops wait on the same socket.
  let isShared: Bool

  init(adopting descriptor: Int32, address: SocketAddress, isShared: Bool) {
    socket = Socket(adopting: descriptor)
    self.address = address
    self.isShared = isShared
  }

  var descriptor: Int32 { socket.descriptor }

  /// Accepts one client. One system call: TCP_NODELAY comes from the listening socket.
  public borrowing func accept() -> AcceptResult {
    var peer = platform_endpoint()
    // The endpoint outlives the call.
    let result = unsafe platform_accept(descriptor, &peer)
    if result >= 0 { return .accepted(Socket(adopting: result), SocketAddress(peer)) }
    switch -result {
    case EAGAIN: return .wouldBlock
    case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(-result)
    case ENOTSOCK, EINVAL, EOPNOTSUPP: trapOnBug(-result, "accept")
    // Everything else is the new connection's own trouble, which Linux tells here.
    default: return .failed(blameless(-result, "accept"))
    }
  }
}

/// The listeners of all workers on one address.
public final class ListenerGroup: Sendable {
  /// Clients that may wait to be accepted, as far as the system allows (`somaxconn`).
  public static let backlogDefault: Int32 = 4096

  /// The address as bound: with the port that the system chose if 0 was asked for.
  public let address: SocketAddress
  private let isShared: Bool
  /// Descriptors that nobody has taken yet. Any thread, under the lock.
  private let untaken: Mutex<[Int32]>
  /// Which file is ours, for a Unix socket.
  private let file: FileIdentity?

  /// Binds and listens, `count` times. An address in use is found here, also when the other user
  /// would share it; of a Unix path, what a dead process left behind is removed.
  public init(
    on address: SocketAddress, count: Int = 1, backlog: Int32 = ListenerGroup.backlogDefault
  ) throws(SystemError) {
    precondition(count > 0)
    var opened: [Int32] = []
    do throws(SystemError) {
      switch address.family {
      case .ipv4, .ipv6:
        self.address = try Self.bind(address, count, &opened)
        isShared = false
        file = nil
        for descriptor in opened { try check(platform_listen(descriptor, backlog), "listen") }
      case .unix:
        self.address = address
        isShared = count > 1
        opened.append(try Self.bindUnix(address))
        file = Files.identity(address.path)
        try check(platform_listen(opened[0], backlog), "listen")
        for _ in 1..<count {
          opened.append(try check(platform_duplicate(opened[0]), "dup"))
        }
      }
    } catch {
      for descriptor in opened { platform_close(descriptor) }
      throw error
    }
    untaken = Mutex(opened)
  }

  deinit {
    untaken.withLock { descriptors in
      for descriptor in descriptors { platform_close(descriptor) }
    }
  }

  /// One worker's listener; nil when all are taken.
  public func take() -> Listener? {
    guard let descriptor = untaken.withLock({ $0.popLast() }) else { return nil }
    return Listener(adopting: descriptor, address: address, isShared: isShared)
  }

  /// Removes a Unix socket's file, unless another process has put its own there meanwhile. Call once
  /// at the end; clients that came before are still served.
  public func removeSocketFile() {
    guard let file, Files.identity(address.path) == file else { return }
    // The path's bytes outlive the call; a file that is gone is what was wanted.
    _ = unsafe platform_unlink(address.path)
  }

  // MARK: Binding

  /// `count` sockets on one address.
  private static func bind(
    _ address: SocketAddress, _ count: Int, _ opened: inout [Int32]
  ) throws(SystemError) -> SocketAddress {
    var endpoint = address.endpoint
    if address.port != 0 {
      // A second gateway would share the port without a word: only a bind without SO_REUSEPORT
      // tells. The socket must be gone before the real ones come.
      // The endpoint outlives the call, here and below.
      let probe = try check(unsafe platform_bind(&endpoint, 0), "bind")
      // Two sockets may be bound to one port while neither listens, so listening is the proof.
      let result = platform_listen(probe, 1)
      platform_close(probe)
      try check(result, "listen")
    }
    // For port 0 the kernel never picks a port that somebody shares; the first socket holds it.
    for _ in 0..<count {
      opened.append(try check(unsafe platform_bind(&endpoint, 1), "bind"))
      if endpoint.port == 0 { endpoint.port = try localAddress(of: opened[0]).port }
    }
    return address.with(port: endpoint.port)
  }

  private static func bindUnix(_ address: SocketAddress) throws(SystemError) -> Int32 {
    // The path's bytes outlive each call.
    let first = unsafe platform_bind_unix(address.path)
    guard first == -EADDRINUSE, Files.identity(address.path)?.isSocket == true,
      !isAnswered(address)
    else { return try check(first, "bind") }
    // Nobody listens there: the file is what a killed process left.
    _ = unsafe platform_unlink(address.path)
    return try check(unsafe platform_bind_unix(address.path), "bind")
  }

  /// True unless the system says that nobody listens on the path: in doubt, hands off.
  private static func isAnswered(_ address: SocketAddress) -> Bool {
    do {
      _ = try Socket.connect(to: address)
      return true
    } catch {
      return error.code != ECONNREFUSED
    }
  }
}
