// Threads for loops. What blocks runs on Dispatch instead.
//
// The body is `sending`: whatever a worker owns is made inside it or given away to it, so nothing
// mutable is shared and the loop's types need no locks. Any thread may start and join.

import CPlatform
import Synchronization

/// A running thread. Join it, or it runs on by itself when this goes away.
public final class WorkerThread: Sendable {
  private let handle: UInt64
  private let isJoined = Atomic<Bool>(false)

  private init(handle: UInt64) { self.handle = handle }

  deinit {
    if !isJoined.load(ordering: .acquiring) { platform_thread_detach(handle) }
  }

  /// Starts a thread that runs `body` and ends. At most 15 bytes of `name` are shown by the system.
  /// It inherits the blocked signals of the caller.
  public static func start(
    name: String, body: sending @escaping () -> Void
  ) throws(SystemError) -> WorkerThread {
    // One retain travels with the context pointer; the thread takes it back exactly once.
    let start = unsafe Unmanaged.passRetained(ThreadStart(name: name, body: body))
    var handle: UInt64 = 0
    let result = unsafe platform_thread_start(
      &handle,
      { context in
        guard let context = unsafe context else { return }
        unsafe Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue().run()
      }, start.toOpaque())
    if result < 0 {
      // No thread was made, so the retain is still ours.
      unsafe start.release()
      throw SystemError(code: -result, call: "pthread_create")
    }
    return WorkerThread(handle: handle)
  }

  /// Waits until the thread has ended. Once only.
  public func join() {
    let wasJoined = isJoined.exchange(true, ordering: .acquiringAndReleasing)
    precondition(!wasJoined, "a thread is joined once")
    let result = platform_thread_join(handle)
    precondition(result == 0, "a thread does not join itself")
  }
}

/// What a thread begins with; made by the starter, used by the thread alone.
private final class ThreadStart {
  private let name: String
  private let body: () -> Void

  init(name: String, body: @escaping () -> Void) {
    self.name = name
    self.body = body
  }

  func run() {
    // The name's bytes outlive the call.
    unsafe platform_thread_name(name)
    body()
  }
}

/// The processors of the machine.
public enum Processors {
  /// How many this process may run on: respects affinity masks, not container quotas. At least 1.
  public static var count: Int { Int(platform_processor_count()) }
}
