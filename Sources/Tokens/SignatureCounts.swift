// What a verifier counts of signatures: how well the cache of verified tokens works, and what strangers
// were let to compute.

/// One verifier's counts since its start. Copied out of a worker when asked for.
public struct SignatureCounts: Sendable, Equatable {
  /// Tokens whose signature was known to be good: the cache's hits.
  public var remembered: UInt64 = 0
  /// Tokens whose signature had to be computed, good or bad: the cache's misses.
  public var verified: UInt64 = 0
  /// Operations with key pairs, signatures verified and content keys unwrapped: a token that may be of
  /// several keys costs several, and one with a shared secret none.
  public var computed: UInt64 = 0

  /// Tokens that were not judged because their address's budget was spent.
  public var refusedByAddress: UInt64 = 0
  /// Tokens that were not judged because the worker's budget was spent.
  public var refusedByWorker: UInt64 = 0

  /// Counts at zero.
  public init() {}
}
