// How a worker comes to its end: no new clients, the requests that are in flight, then nothing.

import EventLoop

extension Worker {
  /// True from the moment the worker was told to stop.
  var isDraining: Bool { drainDeadline != nil }

  /// The slot of the housekeeping timer that ends draining.
  private static let drainTimer = 0

  var isFinished: Bool { isDraining && clients.count == 0 }

  /// Stops accepting and lets what is in flight finish until the deadline (monotonic nanoseconds).
  func drain(until deadline: Int64) {
    timers.schedule(
      Token.make(.housekeeping, slot: Worker.drainTimer), deadlineNanoseconds: deadline)
    if let begun = drainDeadline {
      // Told again: less patience.
      drainDeadline = min(begun, deadline)
      return
    }
    drainDeadline = deadline
    listeners.close(poller)
    for slot in 0..<clients.slotCount {
      guard let client = clients.element(at: slot) else { continue }
      if client.phase == .awaitingProxyHeader { close(client) }
      if client.phase == .tunnelling {
        endTunnel(client, .goingAway, because: "shutdown")
        serve(client)
      }
      if client.phase == .awaitingRequest && client.input.isEmpty && client.output.isEmpty {
        // A request that is already in the kernel's buffer was sent in time and is served.
        serve(client)
        if client.phase == .awaitingRequest && client.input.isEmpty { close(client) }
      }
    }
  }

  /// The bound on draining has passed: what is left is cut off.
  func cutOff() {
    guard let drainDeadline, drainDeadline <= now else { return }
    for slot in 0..<clients.slotCount {
      if let client = clients.element(at: slot) { abort(client, because: "shutdown") }
    }
  }
}
