// Waiting for many descriptors at once: epoll.
//
// Streams are registered once, for everything, edge-triggered, and never touched again: a request
// costs no epoll_ctl. Closing a socket unregisters it. What an edge asks of the owner stands at
// `Socket`. Listeners and mailboxes are level-triggered: what is left comes again.
//
// A token says whose event it is (a slot index and a generation, so that an event of a socket that
// was closed within the same turn is recognised and ignored). One loop.

import CPlatform
import Glibc

/// One thing that happened.
@frozen
public struct PollEvent: Sendable, Equatable {
  /// The token given at registration.
  public let token: UInt64
  @usableFromInline let flags: UInt32

  init(token: UInt64, flags: UInt32) {
    self.token = token
    self.flags = flags
  }

  /// There is something to receive or accept.
  @inlinable public var isReadable: Bool { flags & 1 != 0 }
  /// There is room to send, or a connection was made.
  @inlinable public var isWritable: Bool { flags & 2 != 0 }
  /// The peer has finished sending or the connection is broken: receive until `.closed`.
  @inlinable public var isHangup: Bool { flags & 4 != 0 }
}

/// The set of descriptors that one loop waits for.
@safe
public final class Poller {
  /// Events taken from the kernel per wake-up; more come with the next.
  public static let eventsMaximum = 256

  private let epoll: Int32
  /// `eventsMaximum` events, of which the first `count` are from the last wait.
  private let events: UnsafeMutablePointer<platform_event>
  private var count = 0

  /// Makes an empty set.
  public init() throws(SystemError) {
    epoll = try check(platform_epoll_create(), "epoll_create1")
    unsafe events = .allocate(capacity: Self.eventsMaximum)
    unsafe events.initialize(repeating: platform_event(), count: Self.eventsMaximum)
  }

  deinit {
    unsafe events.deallocate()
    platform_close(epoll)
  }

  /// Registers a stream for everything, edge-triggered, until it is closed.
  public func add(_ socket: borrowing Socket, token: UInt64) throws(SystemError) {
    try check(platform_epoll_add_stream(epoll, socket.descriptor, token), "epoll_ctl")
  }

  /// Registers a listener; an event comes on every wait for as long as a client is waiting.
  public func add(_ listener: borrowing Listener, token: UInt64) throws(SystemError) {
    try add(source: listener.descriptor, token: token, isShared: listener.isShared)
  }

  /// Unregisters a listener, so that accepting pauses; `add` it again to go on.
  public func remove(_ listener: borrowing Listener) throws(SystemError) {
    try check(platform_epoll_remove(epoll, listener.descriptor), "epoll_ctl")
  }

  /// Registers a mailbox; `drain` it at every event.
  public func add<Message>(_ mailbox: Mailbox<Message>, token: UInt64) throws(SystemError) {
    try add(source: mailbox.bell, token: token, isShared: false)
  }

  private func add(source: Int32, token: UInt64, isShared: Bool) throws(SystemError) {
    try check(platform_epoll_add_source(epoll, source, token, isShared ? 1 : 0), "epoll_ctl")
  }

  /// Waits for events, at most so long (0: not at all, -1: for ever); an interrupted wait is an
  /// empty one. Returns how many there are.
  public func wait(timeoutMilliseconds: Int) -> Int {
    let timeout = Int32(clamping: timeoutMilliseconds)
    // At most `eventsMaximum` events are written, which is what was allocated.
    let result = unsafe platform_epoll_wait(epoll, events, Int32(Self.eventsMaximum), timeout)
    // epoll_wait fails only for a descriptor or pointer that is wrong: our bug.
    if result < 0 { trapOnBug(-result, "epoll_wait") }
    count = Int(result)
    return count
  }

  /// An event of the last wait. Traps on an index that is not below its result.
  public func event(at index: Int) -> PollEvent {
    precondition(index >= 0 && index < count, "an event of the last wait")
    // index < count <= eventsMaximum.
    let event = unsafe events[index]
    return PollEvent(token: event.token, flags: event.flags)
  }
}
