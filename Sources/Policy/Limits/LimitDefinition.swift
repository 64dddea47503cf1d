// What the configuration says about one limit, before it is compiled.

/// What requests share one bucket of a limit.
public enum LimitKey: UInt8, Sendable, CaseIterable {
  /// The client's address: IPv4 whole, IPv6 by its /64, because one customer has all of that.
  case clientAddress
}

/// Which requests spend a permit for good.
public enum LimitCount: UInt8, Sendable, CaseIterable {
  /// Every request.
  case all
  /// Those that fail with 401, 403 or 422, and those whose client goes away; every other answer
  /// gives the permit back.
  case failures
}

/// One `limit` block. Routes that name it share its buckets; so do all workers, and the buckets
/// outlive a reload because they are found by the limit's name.
public struct LimitDefinition: Sendable, Equatable {
  /// The name, which is also the identity of its buckets.
  public var name: String
  /// What shares a bucket.
  public var key: LimitKey
  /// How many permits come back in each period; at least 1.
  public var permits: Int
  /// The period: 1 for `/s`, 60 for `/min`, 3600 for `/h`.
  public var periodSeconds: Int
  /// How many requests may come at once; at least 1.
  public var burst: Int
  /// Which requests spend a permit.
  public var count: LimitCount
  /// True when refusals are only counted and logged.
  public var isDryRun: Bool

  /// Makes a limit.
  public init(
    name: String, key: LimitKey = .clientAddress, permits: Int, periodSeconds: Int,
    burst: Int = 1, count: LimitCount = .all, isDryRun: Bool = false
  ) {
    self.name = name
    self.key = key
    self.permits = permits
    self.periodSeconds = periodSeconds
    self.burst = burst
    self.count = count
    self.isDryRun = isDryRun
  }
}
