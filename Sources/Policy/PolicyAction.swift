// What the policy machine asks of the exchange. Plain values; the details are in `RequestPolicy`.

/// The next thing to do with a request.
public enum PolicyAction: Sendable, Equatable {
  /// Forward it.
  case admit
  /// Answer it here: `RequestPolicy.refusal` says why, `ReplyWriter` says it to the client.
  case deny
  /// Answer the preflight here with `ReplyWriter`.
  case answerPreflight
  /// The request may pass, and its route has an answer of its own: give it with `ReplyWriter`.
  case answerRoute
  /// Gather the body (16 KiB at most), then call `bodyFieldRead` or `bodyTooLarge`.
  case needBodyField
  /// Ask the remote blocklist, then call `revocationAnswered`.
  case askRevocation
  /// Ask the shared limit store, then call `permitAnswered`.
  case askPermit
  /// Have the realm's key set fetched, then call `keySetAnswered`.
  case needKey
}

/// What a response means beyond itself.
public enum LearnAction: Sendable, Equatable {
  /// Nothing: send it on.
  case none
  /// Hold the head until these entries stand in every worker and in the store.
  case revoke([RevocationEntry])
}

/// What a remote blocklist knows about a token.
public enum RevocationAnswer: UInt8, Sendable {
  /// Not revoked.
  case clear
  /// Revoked.
  case revoked
  /// No answer in time.
  case unavailable
}

/// What a shared limit store says.
public enum PermitAnswer: Sendable, Equatable {
  /// The request may pass.
  case granted
  /// It may not; try again after so many seconds.
  case refused(retryAfterSeconds: Int)
  /// No answer in time.
  case unavailable
}

/// The client's address and where it came in.
public struct PeerAddress: Sendable, Equatable {
  /// First eight bytes of the address as IPv6 (IPv4 mapped: zero).
  public let high: UInt64
  /// Last eight bytes of the address as IPv6 (IPv4 mapped: `0xffff` and the four bytes).
  public let low: UInt64
  /// Index of the listener.
  public let listener: Int

  /// Makes an address from its two halves in network order.
  public init(high: UInt64, low: UInt64, listener: Int) {
    self.high = high
    self.low = low
    self.listener = listener
  }

  /// True for an IPv4 address.
  var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }
}

/// The time of a decision; read once per wake-up of the loop.
public struct PolicyTime: Sendable, Equatable {
  /// Never goes back: what limits count with.
  public let monotonicNanoseconds: Int64
  /// Seconds since 1970: what tokens are judged by.
  public let epochSeconds: Int64

  /// Makes a time.
  public init(monotonicNanoseconds: Int64, epochSeconds: Int64) {
    self.monotonicNanoseconds = monotonicNanoseconds
    self.epochSeconds = epochSeconds
  }
}
