// How the control loop ends: the workers drain, who waits for an answer gets it, until the deadline.
//
// Told to stop once, what is in flight gets its time; told again, it gets none. Control loop only.

extension ControlLoop {
  /// True from the moment the gateway was told to stop.
  var isDraining: Bool { drainDeadline != nil }

  var isFinished: Bool {
    guard let drainDeadline, workers.allSatisfy(\.hasEnded) else { return false }
    return !(server?.isBusy ?? false) || drainDeadline <= now
  }

  /// The first time, what is in flight gets its time; told again, it gets none.
  func stop() {
    if isDraining {
      drainDeadline = now
    } else {
      let milliseconds = parts.snapshot.settings.limits.drainTimeoutMilliseconds
      drainDeadline =
        milliseconds > 0 ? now + min(Int64(milliseconds), .max / 2_000_000) * 1_000_000 : .max
      server?.stopAccepting()
      // A successor may take the address from here on.
      parts.admin?.removeSocketFile()
    }
    for index in workers.indices where !workers[index].hasEnded { workers[index].owesDrain = true }
  }

  func tellToDrain() {
    guard let drainDeadline else { return }
    for index in workers.indices where workers[index].owesDrain {
      workers[index].owesDrain = !workers[index].mailbox.send(.drain(deadline: drainDeadline))
    }
  }
}
