// A worker's own listening sockets: accepting can pause and go on, and ends once.

import EventLoop

/// The listeners of one worker, by the index that routes know them by. Loop only.
struct ListenerSet {
  /// Arrays can't hold what can't be copied; a box can.
  private final class Box {
    let listener: Listener
    init(_ listener: consuming Listener) { self.listener = listener }
  }

  private var boxes: [Box] = []
  private var isListening = false

  /// Takes this worker's listener from each group.
  init(_ groups: [ListenerGroup]) {
    for group in groups {
      // Each group was opened for as many workers as there are.
      guard let listener = group.take() else { preconditionFailure("a listener for each worker") }
      boxes.append(Box(listener))
    }
  }

  /// Starts or goes on accepting.
  mutating func resume(_ poller: Poller) throws(SystemError) {
    guard !isListening else { return }
    isListening = true
    for index in boxes.indices {
      try poller.add(boxes[index].listener, token: Token.make(.listener, slot: index))
    }
  }

  /// Stops accepting; clients wait in the kernel's queue.
  mutating func pause(_ poller: Poller) {
    guard isListening else { return }
    isListening = false
    for box in boxes {
      // A listener that was added can be removed; there is nothing to do about a failure.
      try? poller.remove(box.listener)
    }
  }

  /// Stops accepting for good: the kernel refuses new clients.
  mutating func close(_ poller: Poller) {
    pause(poller)
    boxes.removeAll()
  }

  /// Accepts one client.
  func accept(_ index: Int) -> AcceptResult {
    guard index < boxes.count else { return .wouldBlock }
    return boxes[index].listener.accept()
  }
}
