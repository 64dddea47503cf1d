// What the configuration says about moving bytes: listeners, upstreams, limits, logs, the admin
// address and the blocklist's files.
//
// Plain values with their defaults, filled by Assembly and read by Proxy and Admin; nothing here
// reads a file, resolves a name or opens a socket. What *decides* about a request (routes, realms,
// identity, CORS, rates) is Policy's `PolicySet`, not this. Immutable once published, so any thread
// may read it. Names in addresses are not resolved yet (`Resolver`). Durations are milliseconds and 0 means "no such deadline"; sizes are bytes and
// `Int.max` means "no such limit".

import Crypto
import EventLoop
import Tokens

/// One `listen` line.
public struct ListenSettings: Sendable, Equatable {
  /// The name that routes use in `listener`; the address as written where none was given.
  public var name: String
  /// Where to listen.
  public var address: Endpoint
  /// True when every connection begins with a PROXY protocol header, which is believed,
  /// `proxy_protocol`.
  public var expectsProxyHeader: Bool

  /// Makes one listener.
  public init(name: String, address: Endpoint, expectsProxyHeader: Bool = false) {
    self.name = name
    self.address = address
    self.expectsProxyHeader = expectsProxyHeader
  }

  /// True when others than this machine can connect.
  public var isReachable: Bool {
    guard case .address(let address) = self.address else { return true }
    return address.family != .unix && !address.isLoopback
  }
}

/// One `server` of an upstream.
public struct ServerSettings: Sendable, Equatable {
  /// Where the backend listens.
  public var address: Endpoint
  /// Its share of the requests, 1 … 100.
  public var weight: Int
  /// True for a server that is used only while no other one can be.
  public var isBackup: Bool

  /// Makes one server.
  public init(address: Endpoint, weight: Int = 1, isBackup: Bool = false) {
    self.address = address
    self.weight = weight
    self.isBackup = isBackup
  }
}

/// How an upstream's servers take turns.
public enum Balance: UInt8, Sendable {
  /// In turn, by weight.
  case roundRobin
  /// The one with the fewest requests in flight from this worker, by weight.
  case leastRequests
}

/// One `upstream` block.
public struct UpstreamSettings: Sendable, Equatable {
  /// Its name, used by routes, logs and status.
  public var name: String
  /// At least one server, in the order written.
  public var servers: [ServerSettings]
  /// How servers take turns.
  public var balance: Balance = .roundRobin
  /// Longest wait for a connection.
  public var connectTimeoutMilliseconds = 3_000
  /// Longest wait for the response head, from the last byte sent of the request.
  public var responseHeadTimeoutMilliseconds = 30_000
  /// Longest silence within a response body, and while a request body can't be written.
  public var bodyIdleTimeoutMilliseconds = 60_000
  /// How long an unused connection is kept. Always shorter than the application server keeps it
  /// (gunicorn 2 s, node and uvicorn 5 s), so that a request rarely meets a closing connection.
  public var keepIdleMilliseconds = 4_000
  /// Unused connections kept per server and worker.
  public var keepIdleCountMaximum = 64
  /// The Host sent upstream; nil keeps the client's.
  public var upstreamHost: String?
  /// Whether `Forwarded` (RFC 7239) is sent beside X-Forwarded-*.
  public var sendsForwarded = false

  /// Makes an upstream with the default timeouts.
  public init(name: String, servers: [ServerSettings]) {
    self.name = name
    self.servers = servers
  }
}

/// Bounds on what one client may cost; the top level's `limits` block.
public struct TrafficLimits: Sendable, Equatable {
  /// Request line and fields together, `head`; more is 431.
  public var headBytesMaximum = 16 << 10
  /// The request target, `target`; more is 414.
  public var targetBytesMaximum = 8 << 10
  /// Field lines of a head, `fields`; more is 431.
  public var fieldCountMaximum = 100
  /// An upstream's response head, `response_head`; more is 502.
  public var responseHeadBytesMaximum = 32 << 10
  /// The request body, `body`; more is 413. 10 MiB lets a photo through and not a film; a route may
  /// say otherwise.
  public var bodyBytesMaximum = 10 << 20
  /// First byte of a request to the end of its head, `head_timeout`; later is 408.
  public var headTimeoutMilliseconds = 10_000
  /// Silence between two requests on a connection, `idle_timeout`; then it is closed.
  public var idleTimeoutMilliseconds = 60_000
  /// Silence within a request body, `body_timeout`; then 408 and close. With `body_rate` the time
  /// that a client can be behind in all.
  public var bodyTimeoutMilliseconds = 30_000
  /// A response that the client doesn't read, `send_timeout`; then close. With `send_rate` the time
  /// that a client can be behind in all.
  public var sendTimeoutMilliseconds = 60_000
  /// Silence in a tunnel or an event stream, `stream_idle_timeout`; then it is ended.
  public var streamIdleTimeoutMilliseconds = 300_000
  /// How long a tunnel or an event stream may outlive the token that it was opened with,
  /// `token_grace`.
  public var tokenGraceMilliseconds = 0
  /// The whole exchange, `total_timeout`. None by default: downloads and event streams are long.
  public var totalTimeoutMilliseconds = 0
  /// Bytes per second of a request body that a client must at least send while the gateway waits for
  /// it, `body_rate`; 0 when only silence counts.
  public var bodyBytesPerSecond = 500
  /// Bytes per second of a response that a client must at least take while it waits for the client,
  /// `send_rate`; 0 when only silence counts.
  public var sendBytesPerSecond = 500
  /// Client connections of the whole gateway, `connections`; at the bound accepting pauses.
  public var connectionCountMaximum = 20_000
  /// Client connections of one address, `connections_per_address`; one more is closed.
  public var connectionsPerAddressMaximum = 10_000
  /// What a worker computes with key pairs for tokens that it doesn't know, `signature_rate` and
  /// `signature_rate_per_address`.
  public var signatureRates = SignatureRates()
  /// What is in flight when the gateway is told to stop, `drain_timeout`; then it is cut off.
  public var drainTimeoutMilliseconds = 10_000

  /// The defaults.
  public init() {}
}

/// What one route changes about the moving of its bytes. `GatewaySettings.routes` has one for each
/// route of the policy set, at the same index.
public struct RouteTraffic: Sendable, Equatable {
  /// What `upstreamIndex` says of a route that answers itself.
  public static let noUpstream = -1

  /// Index into `GatewaySettings.upstreams`, or `noUpstream`.
  public var upstreamIndex: Int
  /// The route's own bound on the request body.
  public var bodyBytesMaximum: Int
  /// The route's own wait for the response head.
  public var responseHeadTimeoutMilliseconds: Int
  /// The route's own bound on silence within a response body; nil for the upstream's.
  public var bodyIdleTimeoutMilliseconds: Int?
  /// The route's own bound on silence within a request body; nil for that of `limits`.
  public var bodyTimeoutMilliseconds: Int?
  /// The route's own bound on a whole exchange; nil for that of `limits`.
  public var totalTimeoutMilliseconds: Int?
  /// The route's own bound on silence in a tunnel or an event stream; nil for that of `limits`.
  public var streamIdleTimeoutMilliseconds: Int?
  /// The route's own grace for tunnels and event streams behind their token; nil for that of `limits`.
  public var tokenGraceMilliseconds: Int?
  /// The route says `mode observe`.
  public var isObserved = false
  /// The route as written, for logs and status: `POST /flask/auth/login`.
  public var label: String

  /// Makes one route's traffic settings.
  public init(
    upstreamIndex: Int, bodyBytesMaximum: Int, responseHeadTimeoutMilliseconds: Int, label: String
  ) {
    self.upstreamIndex = upstreamIndex
    self.bodyBytesMaximum = bodyBytesMaximum
    self.responseHeadTimeoutMilliseconds = responseHeadTimeoutMilliseconds
    self.label = label
  }
}

/// Where the access log goes.
public enum AccessLogSettings: Sendable, Equatable {
  /// Nowhere.
  case off
  /// JSON lines on standard output.
  case standardOutput
  /// JSON lines appended to a file.
  case file(path: String)
}

/// The `admin` line.
public struct AdminSettings: Sendable, Equatable {
  /// A Unix socket (mode 0600) or a TCP address.
  public var address: Endpoint
  /// What requests over TCP must present as `Authorization: Bearer`: the content of the token file
  /// without its line feed. Without one, only health is answered there.
  public var token: SecretBytes?

  /// Makes the admin settings.
  public init(address: Endpoint, token: SecretBytes? = nil) {
    self.address = address
    self.token = token
  }

  /// Equal when address and token are.
  public static func == (left: AdminSettings, right: AdminSettings) -> Bool {
    guard left.address == right.address else { return false }
    guard let token = left.token, let other = right.token else {
      return left.token == nil && right.token == nil
    }
    return token.equals(other)
  }
}

/// When a journal entry is on the disk.
public enum JournalSync: Sendable, Equatable {
  /// Before the revocation is acknowledged.
  case always
  /// At most this much later; a crash of the machine may forget that long.
  case interval(milliseconds: Int)
}

/// The `blocklist` block. Without one, revocations live in memory until the gateway stops.
public struct BlocklistSettings: Sendable, Equatable {
  /// The journal's file; nil keeps revocations in memory alone.
  public var journalPath: String?
  /// When the journal is synchronised.
  public var journalSync: JournalSync = .always
  /// Files with one token id a line, blocked in each realm below from the start.
  public var importPaths: [String] = []
  /// Indices of the realms whose tokens are checked against the blocklist; every realm by default.
  public var realmIndices: [Int] = []

  /// An empty blocklist in memory.
  public init() {}
}

/// Everything that Proxy and Admin need beside the policy set.
public struct GatewaySettings: Sendable, Equatable {
  /// Number of workers; 0 means one per core (`workers auto`).
  public var workerCount = 0
  /// At least one.
  public var listeners: [ListenSettings] = []
  /// Nil when no admin address was given.
  public var admin: AdminSettings?
  /// In the order written; routes refer to them by index.
  public var upstreams: [UpstreamSettings] = []
  /// One per route of the policy set, at the same index.
  public var routes: [RouteTraffic] = []
  /// Bounds for every client.
  public var limits = TrafficLimits()
  /// Where the access log goes.
  public var accessLog: AccessLogSettings = .off
  /// The blocklist's files.
  public var blocklist = BlocklistSettings()
  /// How long a request waits for a key set: the longest time that one may take to be fetched, and a
  /// second more. The control loop answers sooner; this is for when it doesn't.
  public var keyWaitMilliseconds = 6_000
  /// Realm names by realm index, for revocations, status and logs.
  public var realmNames: [String] = []
  /// What the operator ought to know at start and in `status` (weak secrets on loopback, …); holds
  /// no secret.
  public var warnings: [String] = []

  /// Settings without listener, upstream or route.
  public init() {}
}
