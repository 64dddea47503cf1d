// Lines on standard error for whoever runs the gateway, written off the loop: whoever reads them may
// be slow. Any thread.

import Dispatch
import EventLoop
import Synchronization

/// The gateway's words to its operator while it serves.
enum OperatorNotice {
  /// Lines that may wait for a slow reader; further ones are dropped.
  private static let waitingMaximum = 1000
  private static let queue = DispatchQueue(label: "gateway.notices", qos: .utility)
  private static let waiting = Atomic<Int>(0)

  /// Writes a line, some time.
  static func tell(_ text: String) {
    guard waiting.load(ordering: .relaxed) < waitingMaximum else { return }
    waiting.wrappingAdd(1, ordering: .relaxed)
    queue.async {
      // Nobody may be reading: serving matters more than saying so.
      try? StandardStream.error.write("gateway: " + text + "\n")
      waiting.wrappingSubtract(1, ordering: .relaxed)
    }
  }
}
