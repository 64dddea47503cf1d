// How long the gateway waits for a client that is slow: for its request body, or for its reading of
// the answer.
//
// A bound on silence alone lets a client hold a connection for ever with a byte a minute. So waiting
// is paid from an account: it begins with the silence that is allowed, waiting spends it, and each
// byte that moves earns 1/rate seconds back, up to where it began. Who keeps up with the rate is never
// cut off; who doesn't is, at the latest when the account is empty. Time in which the gateway waits
// for somebody else (the upstream, the policy) is nobody's fault and costs nothing.
//
// Pure: the time is an argument. Loop only.

/// One account of waiting, in nanoseconds.
struct ClientCredit {
  /// What an account is opened with and what it earns.
  struct Terms {
    /// The allowed silence, which is also the most that can be saved up.
    let silenceNanoseconds: Int64
    /// Bytes per second that a client must move; 0 when only silence counts.
    let bytesPerSecond: Int64
  }

  /// What is left; nil before the first wait, when nothing has been spent.
  private var left: Int64?
  /// When the wait that is going on began (or was last settled); nil while there is none.
  private var since: Int64?
  /// How many bytes had moved then.
  private var seen = 0

  /// True once a wait has begun: the account is not as new.
  var isOpen: Bool { left != nil || since != nil }

  /// True while waiting is being charged.
  var isWaiting: Bool { since != nil }

  /// True when a wait is going on and no byte has moved since it was settled.
  func isWaiting(at moved: Int) -> Bool { since != nil && seen == moved }

  /// True when the wait that is going on has spent all that was left when it was settled.
  func isEmpty(at now: Int64) -> Bool {
    guard let since, let left else { return false }
    return now - since >= left
  }

  /// Begins a wait or settles the one that is going on; returns when the account will be empty.
  mutating func wait(_ terms: Terms, moved: Int, now: Int64) -> Int64 {
    settle(terms, moved: moved, now: now)
    since = now
    seen = moved
    let rest = max(0, left ?? terms.silenceNanoseconds)
    left = rest
    return now + rest
  }

  /// Ends the wait that is going on, if any.
  mutating func rest(_ terms: Terms, moved: Int, now: Int64) {
    settle(terms, moved: moved, now: now)
    since = nil
  }

  private mutating func settle(_ terms: Terms, moved: Int, now: Int64) {
    guard let since else { return }
    guard terms.bytesPerSecond > 0 else { return left = terms.silenceNanoseconds }
    // At most 8 GB in one step: the product stays below 2^63.
    let bytes = Int64(min(max(0, moved - seen), 8_000_000_000))
    let earned = bytes * 1_000_000_000 / terms.bytesPerSecond
    // A wait that is going on has said what was left when it began.
    let before = left ?? 0
    // Both are at most some 2^63 / 2: a wait is settled at least when its account is empty.
    left = min(terms.silenceNanoseconds, before - (now - since) + earned)
  }
}
