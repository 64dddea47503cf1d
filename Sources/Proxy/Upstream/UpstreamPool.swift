// A worker's connections to upstream servers: which server is next, and which idle connection can be
// used again.
//
// Server choice is smooth weighted round robin per worker (each turn every candidate gains its
// weight, the richest is taken and pays the sum), or the server with the fewest requests in flight for
// its weight, where ties go to the richest. A server that could not be connected to is left
// out for `restNanoseconds`, unless no other is left: leaving out everybody would turn one lost
// packet into an outage. Backups are used when no regular server is left. Loop only.

import EventLoop

/// The servers of one upstream as one worker sees them.
final class UpstreamPool {
  /// How long a server is left out after a failed connection attempt.
  static let restNanoseconds: Int64 = 2_000_000_000

  private struct Server {
    let address: SocketAddress
    let weight: Int
    let isBackup: Bool
    var credit = 0
    var restsUntil: Int64 = 0
    var inFlight = 0
    /// Idle connections, the last used on top: it is the least likely to have been closed.
    var idle: [UpstreamConnection] = []
  }

  private var servers: [Server]
  private let idleMaximum: Int
  private let balance: Balance

  /// Makes a pool over `servers` that keeps at most `idleMaximum` idle connections to each.
  init(servers: [UpstreamServer], idleMaximum: Int, balance: Balance = .roundRobin) {
    self.balance = balance
    self.servers = servers.map {
      Server(address: $0.address, weight: max(1, $0.weight), isBackup: $0.isBackup)
    }
    self.idleMaximum = idleMaximum
  }

  /// Address of the server at `index`.
  func address(of index: Int) -> SocketAddress { servers[index].address }

  /// Chooses a server that is not in `tried` (a bit per server below 64); nil when all are.
  func choose(tried: UInt64, now: Int64) -> Int? {
    if servers.count == 1 { return tried & 1 == 0 ? 0 : nil }
    return choose(tried: tried) { !$0.isBackup && $0.restsUntil <= now }
      ?? choose(tried: tried) { $0.isBackup && $0.restsUntil <= now }
      ?? choose(tried: tried) { !$0.isBackup }
      ?? choose(tried: tried) { _ in true }
  }

  private func choose(tried: UInt64, where isCandidate: (Server) -> Bool) -> Int? {
    var best: Int?
    var total = 0
    for index in servers.indices
    where (index >= 64 || tried & (1 << UInt64(index)) == 0) && isCandidate(servers[index]) {
      servers[index].credit += servers[index].weight
      total += servers[index].weight
      guard let leader = best else {
        best = index
        continue
      }
      if isBetter(servers[index], than: servers[leader]) { best = index }
    }
    if let best { servers[best].credit -= total }
    return best
  }

  private func isBetter(_ one: Server, than other: Server) -> Bool {
    if balance == .leastRequests {
      let left = one.inFlight * other.weight
      let right = other.inFlight * one.weight
      if left != right { return left < right }
    }
    return one.credit > other.credit
  }

  /// A request goes to `server`.
  func began(server: Int) { servers[server].inFlight += 1 }

  /// A request that went to `server` is over.
  func ended(server: Int) { servers[server].inFlight -= 1 }

  /// Takes an idle connection to `server` that is still open as far as is known.
  func takeIdle(server: Int) -> UpstreamConnection? {
    servers[server].idle.popLast()
  }

  /// Keeps a connection for later; false when enough are kept already.
  func keep(_ connection: UpstreamConnection) -> Bool {
    guard servers[connection.server].idle.count < idleMaximum else { return false }
    servers[connection.server].idle.append(connection)
    return true
  }

  /// Forgets an idle connection that has been closed.
  func forget(_ connection: UpstreamConnection) {
    servers[connection.server].idle.removeAll { $0 === connection }
  }

  /// Leaves `server` out for a while after a failed connection attempt.
  func rest(server: Int, now: Int64) {
    servers[server].restsUntil = now + UpstreamPool.restNanoseconds
  }
}

/// One server of an upstream, its name resolved.
public struct UpstreamServer: Sendable {
  /// Where to connect to.
  public let address: SocketAddress
  /// Share of the requests relative to the other servers, 1 or more.
  public let weight: Int
  /// True when it is used only if no regular server is left.
  public let isBackup: Bool

  /// Makes a server.
  public init(address: SocketAddress, weight: Int, isBackup: Bool) {
    self.address = address
    self.weight = weight
    self.isBackup = isBackup
  }
}
