// How the process's descriptors are shared out, so that clients can never take those that serving them
// needs.
//
//     limit = reserve + unused upstream connections + clients + one upstream connection for each
//
// Computed once at the start; nothing here asks the system. Where everything that is configured fits,
// nothing is cut.

/// What the limit of open descriptors leaves for clients and for unused upstream connections.
struct DescriptorPlan: Equatable {
  /// Client connections that can be served at once.
  let clients: Int
  /// Unused connections that each worker may keep for each server.
  let idleForEachServer: Int

  /// Descriptors of a process that serves nobody: standard streams, journal, log, configuration, what
  /// the system's resolver opens, and something to spare.
  private static let fixed = 32
  /// Connections to the admin address, and its listener.
  private static let admin = 65

  /// Shares out `limit` descriptors among `workers` with `listeners` sockets each, which keep up to
  /// `keepIdle[n]` unused connections to server n.
  init(limit: Int, workers: Int, listeners: Int, keepIdle: [Int]) {
    // A poller, an inbox and the listeners for each worker; the control loop is one more.
    let reserve = Self.fixed + Self.admin + (workers + 1) * (2 + listeners)
    let left = max(2, limit - reserve)
    // What is kept unused is a convenience: it gets a quarter at most, the same for each server.
    let asked = keepIdle.reduce(0) { Self.sum($0, Self.product($1, workers)) }
    let idle = min(asked, left / 4)
    if idle == asked {
      idleForEachServer = .max
    } else {
      idleForEachServer = left / 4 / max(1, workers * keepIdle.count)
    }
    clients = max(1, (left - idle) / 2)
  }

  private static func sum(_ one: Int, _ other: Int) -> Int {
    let (sum, overflowed) = one.addingReportingOverflow(other)
    return overflowed ? .max : sum
  }

  private static func product(_ one: Int, _ other: Int) -> Int {
    let (product, overflowed) = one.multipliedReportingOverflow(by: other)
    return overflowed ? .max : product
  }

  /// What the operator ought to know when fewer clients fit than were configured.
  func warning(configured: Int, limit: Int) -> String? {
    guard clients < configured else { return nil }
    return "the limit of \(limit) open files allows \(clients) client connections, not the"
      + " \(configured) of limits { connections }; raise it (ulimit -n, LimitNOFILE=) to about"
      + " \(2 * configured + limit - 2 * clients)"
  }
}
