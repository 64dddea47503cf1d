// One configuration, compiled: what every worker reads and nobody changes.

import EventLoop
import Policy

/// An immutable configuration as the workers use it. Any thread.
public final class Snapshot: Sendable {
  /// Who may do what: routes, realms, identity, CORS, limits.
  public let policy: PolicySet
  /// Listeners, timeouts, sizes.
  public let settings: GatewaySettings
  /// The servers of each upstream, names resolved, in the order of `settings.upstreams`.
  public let servers: [[UpstreamServer]]
  /// `settings.routes[n].label` as a JSON string, for the access log.
  let routeLabels: [[UInt8]]
  /// What the loop asks of routes and upstreams on every request: numbers only, so that reading a
  /// row retains nothing (the settings' rows hold texts and lists).
  let routes: [RouteNumbers]
  let upstreams: [UpstreamNumbers]
  /// The Host that each upstream is sent; empty where the client's is kept.
  let upstreamHosts: [[UInt8]]
  /// By listener: true when connections begin with a PROXY protocol header.
  let expectsProxyHeader: [Bool]
  /// The settings' limits.
  let limits: TrafficLimits
  /// What waiting for a slow client is paid by.
  let bodyTerms: ClientCredit.Terms
  let sendTerms: ClientCredit.Terms

  struct RouteNumbers {
    let upstream: Int
    let bodyBytesMaximum: Int
    let responseHeadTimeoutMilliseconds: Int
  }

  struct UpstreamNumbers {
    let connectTimeoutMilliseconds: Int
    let bodyIdleTimeoutMilliseconds: Int
    let keepIdleMilliseconds: Int
    /// True when `upstreamHosts[n]` replaces the client's Host.
    let replacesHost: Bool
    /// True when the backend is sent `Forwarded` (RFC 7239).
    let sendsForwarded: Bool
  }

  /// Makes a snapshot; `servers` has one list for each upstream of `settings`.
  public init(policy: PolicySet, settings: GatewaySettings, servers: [[UpstreamServer]]) {
    precondition(servers.count == settings.upstreams.count)
    self.policy = policy
    self.settings = settings
    self.servers = servers
    routeLabels = settings.routes.map { LogText.quoted($0.label) }
    expectsProxyHeader = settings.listeners.map(\.expectsProxyHeader)
    limits = settings.limits
    bodyTerms = ClientCredit.Terms(
      silenceNanoseconds: Int64(limits.bodyTimeoutMilliseconds) * 1_000_000,
      bytesPerSecond: Int64(limits.bodyBytesPerSecond))
    sendTerms = ClientCredit.Terms(
      silenceNanoseconds: Int64(limits.sendTimeoutMilliseconds) * 1_000_000,
      bytesPerSecond: Int64(limits.sendBytesPerSecond))
    routes = settings.routes.map {
      RouteNumbers(
        upstream: $0.upstreamIndex, bodyBytesMaximum: $0.bodyBytesMaximum,
        responseHeadTimeoutMilliseconds: $0.responseHeadTimeoutMilliseconds)
    }
    upstreams = settings.upstreams.map {
      UpstreamNumbers(
        connectTimeoutMilliseconds: $0.connectTimeoutMilliseconds,
        bodyIdleTimeoutMilliseconds: $0.bodyIdleTimeoutMilliseconds,
        keepIdleMilliseconds: $0.keepIdleMilliseconds, replacesHost: $0.upstreamHost != nil,
        sendsForwarded: $0.sendsForwarded)
    }
    upstreamHosts = settings.upstreams.map { Array(($0.upstreamHost ?? "").utf8) }
  }

  /// Size of the blocks that connections borrow: two heads of the largest allowed size fit (one as
  /// received, one as rewritten), and never less than 64 KiB.
  var blockBytes: Int {
    max(
      64 << 10,
      2 * max(settings.limits.headBytesMaximum, settings.limits.responseHeadBytesMaximum))
  }
}
