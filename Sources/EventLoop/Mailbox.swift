// How one thread tells another something: a queue under a lock, and an eventfd that wakes the loop.
//
// Many senders, one receiver. The receiver takes everything at once per wake-up, so the lock is held
// for a swap of two arrays. A sender rings only when the queue was empty: the loop that hasn't drained
// yet will see the rest anyway.

import CPlatform
import Synchronization

/// A bounded inbox of a loop. Sending: any thread. Draining: its loop.
public final class Mailbox<Message: Sendable>: Sendable {
  /// Messages that may wait; beyond them `send` refuses.
  public let capacity: Int
  private let queue = Mutex<[Message]>([])
  /// An eventfd that is readable while messages wait.
  let bell: Int32

  /// Makes an empty mailbox.
  public init(capacity: Int = 65536) throws(SystemError) {
    precondition(capacity > 0)
    self.capacity = capacity
    bell = try check(platform_eventfd(), "eventfd")
  }

  deinit { platform_close(bell) }

  /// Leaves a message and wakes the loop. False when the mailbox is full: nothing was left.
  @discardableResult
  public func send(_ message: sending Message) -> Bool {
    let before = queue.withLock { [capacity] messages in
      if messages.count < capacity { messages.append(message) } else { return -1 }
      return messages.count - 1
    }
    guard before >= 0 else { return false }
    if before == 0 {
      let result = platform_eventfd_signal(bell)
      if result < 0 { trapOnBug(-result, "write(eventfd)") }
    }
    return true
  }

  /// Moves all messages to the end of `taken`, in the order of sending. Pass the same emptied array
  /// each time: the two swap storage, and nothing is allocated once warm.
  public func drain(into taken: inout [Message]) {
    // Silence first, then look: a message that comes between rings again.
    let result = platform_eventfd_clear(bell)
    if result < 0 { trapOnBug(-result, "read(eventfd)") }
    queue.withLock { messages in
      if taken.isEmpty {
        swap(&messages, &taken)
      } else {
        taken.append(contentsOf: messages)
        messages.removeAll(keepingCapacity: true)
      }
    }
  }
}
