// A connection's one deadline, moved many times a request and rarely told to the timer wheel.
//
// Moving a deadline writes a field. The wheel holds one entry that fires at `armedAt`, never later
// than `checkInterval` from when it was armed; an entry that fires early is armed again. So a busy
// keep-alive connection costs the wheel one insertion in five seconds, not four a request.

/// A deadline in monotonic nanoseconds with a lazily armed timer.
struct Deadline {
  /// Longest time between two looks at a connection, in nanoseconds.
  static let checkInterval: Int64 = 5_000_000_000
  /// The value of a deadline that never passes.
  static let never = Int64.max

  /// When the deadline passes.
  private(set) var due = Deadline.never
  /// When the wheel will say the token, or `never`.
  private(set) var armedAt = Deadline.never

  /// Moves the deadline; returns when to arm the wheel, or nil when an armed entry comes first.
  mutating func move(to due: Int64, now: Int64) -> Int64? {
    self.due = due
    let wanted = min(due, now + Deadline.checkInterval)
    guard armedAt == Deadline.never || wanted < armedAt else { return nil }
    armedAt = wanted
    return wanted
  }

  /// Says whether the deadline has passed when the wheel says the token; if not, when to arm again
  /// (nil when a sooner entry is still in the wheel or nothing is due).
  mutating func fired(now: Int64) -> (passed: Bool, rearmAt: Int64?) {
    if due <= now {
      armedAt = Deadline.never
      return (true, nil)
    }
    // An entry left over from before the deadline was moved nearer: the armed one is still to come.
    if armedAt > now && armedAt != Deadline.never { return (false, nil) }
    armedAt = Deadline.never
    guard due != Deadline.never else { return (false, nil) }
    return (false, move(to: due, now: now))
  }
}
