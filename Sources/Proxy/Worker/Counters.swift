// What a worker counts: plain integers on its own thread, copied into a message when asked for.

import Policy

/// One worker's counters since start. Loop only; copies cross threads in messages.
public struct Counters: Sendable {
  /// Client connections accepted.
  public var connectionsAccepted: UInt64 = 0
  /// Client connections closed at once because their address had too many.
  public var connectionsRefused: UInt64 = 0
  /// Client connections closed because they did not begin with the PROXY protocol header that their
  /// listener expects.
  public var proxyHeadersRefused: UInt64 = 0
  /// Client connections open now.
  public var connectionsOpen: UInt64 = 0
  /// Requests whose head was read and well-formed.
  public var requests: UInt64 = 0
  /// Requests that were malformed or timed out before their head was complete.
  public var requestsMalformed: UInt64 = 0
  /// Requests refused by the gateway's policy.
  public var requestsRefused: UInt64 = 0
  /// Requests that failed because of the upstream (502, 503, 504 or an aborted answer).
  public var upstreamFailures: UInt64 = 0
  /// Connections opened to upstream servers.
  public var upstreamConnects: UInt64 = 0
  /// Requests sent on an upstream connection that had served one before.
  public var upstreamReuses: UInt64 = 0
  /// Requests sent again because a reused connection had died.
  public var upstreamRetries: UInt64 = 0
  /// Connections that became tunnels.
  public var upgrades: UInt64 = 0
  /// Tunnels open now.
  public var tunnelsOpen: UInt64 = 0
  /// Tunnels and event streams that ended because their token had expired or was revoked.
  public var streamsEndedByToken: UInt64 = 0
  /// Times that accepting paused because connections or descriptors had run out.
  public var acceptPauses: UInt64 = 0
  /// Tokens whose signature was remembered.
  public var tokenCacheHits: UInt64 = 0
  /// Tokens whose signature had to be computed, good or bad.
  public var tokenCacheMisses: UInt64 = 0
  /// Tokens that are remembered now.
  public var tokenCacheEntries: UInt64 = 0
  /// Operations with key pairs: signatures verified, content keys unwrapped.
  public var signaturesComputed: UInt64 = 0
  /// Tokens that were not judged because their address had used up its rate of signatures.
  public var signaturesRefusedPerAddress: UInt64 = 0
  /// Tokens that were not judged because the worker had used up its rate of signatures.
  public var signaturesRefused: UInt64 = 0
  /// Access-log lines dropped because the writer fell behind.
  public var logLinesDropped: UInt64 = 0
  /// Tokens that were signed for backends.
  public var tokensMinted: UInt64 = 0
  /// Requests that were given a token that was signed before.
  public var mintedTokensReused: UInt64 = 0
  /// Revocations that stand in memory but could not be made durable in time.
  public var revocationsNotDurable: UInt64 = 0

  /// Tunnels and event streams that went on after their token's end, on observed routes.
  public var streamsOutlivingToken: UInt64 = 0
  /// What was decided about tokens, limits and origins; filled in a report.
  public var decisions = DecisionReport()

  /// Makes counters at zero.
  public init() {}

  /// Adds another worker's counters.
  public mutating func add(_ other: Counters) {
    connectionsAccepted += other.connectionsAccepted
    connectionsRefused += other.connectionsRefused
    proxyHeadersRefused += other.proxyHeadersRefused
    connectionsOpen += other.connectionsOpen
    requests += other.requests
    requestsMalformed += other.requestsMalformed
    requestsRefused += other.requestsRefused
    upstreamFailures += other.upstreamFailures
    upstreamConnects += other.upstreamConnects
    upstreamReuses += other.upstreamReuses
    upstreamRetries += other.upstreamRetries
    upgrades += other.upgrades
    tunnelsOpen += other.tunnelsOpen
    streamsEndedByToken += other.streamsEndedByToken
    acceptPauses += other.acceptPauses
    tokenCacheHits += other.tokenCacheHits
    tokenCacheMisses += other.tokenCacheMisses
    tokenCacheEntries += other.tokenCacheEntries
    signaturesComputed += other.signaturesComputed
    signaturesRefusedPerAddress += other.signaturesRefusedPerAddress
    signaturesRefused += other.signaturesRefused
    logLinesDropped += other.logLinesDropped
    tokensMinted += other.tokensMinted
    mintedTokensReused += other.mintedTokensReused
    revocationsNotDurable += other.revocationsNotDurable
    streamsOutlivingToken += other.streamsOutlivingToken
    decisions.add(other.decisions)
  }
}
