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
  let unrouted: RouteNumbers
  let upstreams: [UpstreamNumbers]
  /// The Host that each upstream is sent; empty where the client's is kept.
  let upstreamHosts: [[UInt8]]
  /// By listener: true when connections begin with a PROXY protocol header.
  let expectsProxyHeader: [Bool]
  /// By listener: true when others than this machine can connect.
  let isReachable: [Bool]
  /// The settings' limits.
  let limits: TrafficLimits
  /// What waiting for a slow reader is paid by.
  let sendTerms: ClientCredit.Terms
  /// How long a request waits for a key set.
  let keyWaitMilliseconds: Int

  struct RouteNumbers {
    let upstream: Int
    let bodyBytesMaximum: Int
    let responseHeadTimeoutMilliseconds: Int
    /// What waiting for a slow body is paid by.
    let bodyTerms: ClientCredit.Terms
    let bodyIdleTimeoutMilliseconds: Int
    let totalTimeoutMilliseconds: Int
    let streamIdleTimeoutMilliseconds: Int
    let tokenGraceMilliseconds: Int

    /// A route's numbers, or with nil those of a request that no route has taken.
    init(_ route: RouteTraffic?, _ settings: GatewaySettings) {
      let limits = settings.limits
      upstream = route?.upstreamIndex ?? RouteTraffic.noUpstream
      let backend =
        settings.upstreams.indices.contains(upstream) ? settings.upstreams[upstream] : nil
      bodyBytesMaximum = route?.bodyBytesMaximum ?? limits.bodyBytesMaximum
      responseHeadTimeoutMilliseconds = route?.responseHeadTimeoutMilliseconds ?? 0
      let silence = route?.bodyTimeoutMilliseconds ?? limits.bodyTimeoutMilliseconds
      bodyTerms = ClientCredit.Terms(
        silenceNanoseconds: Int64(silence) * 1_000_000,
        bytesPerSecond: Int64(limits.bodyBytesPerSecond))
      bodyIdleTimeoutMilliseconds =
        route?.bodyIdleTimeoutMilliseconds ?? backend?.bodyIdleTimeoutMilliseconds ?? 0
      totalTimeoutMilliseconds = route?.totalTimeoutMilliseconds ?? limits.totalTimeoutMilliseconds
      streamIdleTimeoutMilliseconds =
        route?.streamIdleTimeoutMilliseconds ?? limits.streamIdleTimeoutMilliseconds
      tokenGraceMilliseconds = route?.tokenGraceMilliseconds ?? limits.tokenGraceMilliseconds
    }
  }

  struct UpstreamNumbers {
    let connectTimeoutMilliseconds: Int
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
    isReachable = settings.listeners.map(\.isReachable)
    limits = settings.limits
    sendTerms = ClientCredit.Terms(
      silenceNanoseconds: Int64(limits.sendTimeoutMilliseconds) * 1_000_000,
      bytesPerSecond: Int64(limits.sendBytesPerSecond))
    keyWaitMilliseconds = settings.keyWaitMilliseconds
    routes = settings.routes.map { RouteNumbers($0, settings) }
    unrouted = RouteNumbers(nil, settings)
    upstreams = settings.upstreams.map {
      UpstreamNumbers(
        connectTimeoutMilliseconds: $0.connectTimeoutMilliseconds,
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
