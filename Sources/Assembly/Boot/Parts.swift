// Everything a serving process is made of, acquired in the order in which it can fail.

import Admin
import Bytes
import EventLoop
import Policy
import Proxy
import Tokens

/// The acquired parts of a gateway: sockets, files, tables, mailboxes.
struct Parts {
  let snapshot: Snapshot
  let control: Mailbox<ControlMessage>
  let workers: [Mailbox<WorkerMessage>]
  /// Remarks of the start that the operator should see.
  let notes: [String]

  private let listeners: [ListenerGroup]
  private let admin: ListenerGroup?
  private let accessLog: LogSink?
  private let revocations: RevocationTable
  private let limits: LimitTable
  private let connections: ConnectionBudget
  private let idleUpstreamMaximum: Int
  private let journal: Journal?
  private let keys: RestoredKeys

  /// Acquires everything; `descriptorLimit` is how many files the process may have open.
  init(_ given: Configuration, descriptorLimit: Int) throws(BootFault) {
    let (configuration, keys) = given.restoringKeys(toServe: true)
    self.keys = keys
    var settings = configuration.settings
    let workerCount = settings.workerCount > 0 ? settings.workerCount : Processors.count
    let servers = try Parts.resolve(settings.upstreams)
    accessLog = try Parts.openAccessLog(settings.accessLog)
    listeners = try Parts.listen(settings.listeners, workers: workerCount)
    admin = try settings.admin.map { (admin) throws(BootFault) in
      try Parts.listen("admin", admin.address, count: 1)
    }
    revocations = RevocationTable()
    limits = LimitTable()
    do throws(SystemError) {
      control = try Mailbox()
      var workers: [Mailbox<WorkerMessage>] = []
      for _ in 0..<workerCount { workers.append(try Mailbox()) }
      self.workers = workers
    } catch {
      throw .system(error)
    }
    let plan = DescriptorPlan(
      limit: descriptorLimit, workers: workerCount, listeners: listeners.count,
      keepIdle: zip(settings.upstreams, servers).flatMap { upstream, servers in
        servers.map { _ in upstream.keepIdleCountMaximum }
      })
    let wanted = settings.limits.connectionCountMaximum
    if let warning = plan.warning(configured: wanted, limit: descriptorLimit) {
      settings.warnings.append(warning)
    }
    idleUpstreamMaximum = plan.idleForEachServer
    connections = ConnectionBudget(
      maximum: min(wanted, plan.clients),
      perAddressMaximum: settings.limits.connectionsPerAddressMaximum, workers: workers)
    let blocklist = Blocklist(
      settings: settings.blocklist, realms: configuration.policy.realms, table: revocations,
      nowSeconds: Clock.realtimeMilliseconds() / 1000)
    let notes: [String]
    (journal, notes) = try blocklist.openJournal(control)
    self.notes = keys.notes + notes
    try blocklist.importFiles()
    snapshot = Snapshot(
      policy: PolicySet(configuration.policy, revocations: revocations), settings: settings,
      servers: servers)
  }

  /// The addresses that clients can use, ports resolved.
  var boundAddresses: [String] { listeners.map { $0.address.description } }

  /// The admin address, if there is one.
  var boundAdmin: String? { admin?.address.description }

  /// The control loop, ready to run on this thread.
  func makeControlLoop() throws(BootFault) -> ControlLoop {
    do throws(SystemError) {
      return try ControlLoop(
        snapshot: snapshot, keys: keys, mailbox: control, workers: workers,
        keeper: RevocationKeeper(table: revocations, journal: journal), admin: admin,
        boundAddresses: boundAddresses, version: GatewayVersion.text, limits: limits,
        connections: connections)
    } catch {
      throw .system(error)
    }
  }

  /// Starts one thread a worker. A worker is built on its own thread.
  func startWorkers() throws(BootFault) -> [WorkerThread] {
    var threads: [WorkerThread] = []
    for index in workers.indices {
      let start = WorkerStart(
        index: index, snapshot: snapshot, mailbox: workers[index], control: control,
        revocations: revocations, limits: limits, connections: connections,
        idleUpstreamMaximum: idleUpstreamMaximum, accessLog: accessLog, listeners: listeners)
      do throws(SystemError) {
        threads.append(try WorkerThread.start(name: "worker-\(index)") { Parts.runWorker(start) })
      } catch {
        throw .system(error)
      }
    }
    return threads
  }

  private static func runWorker(_ start: WorkerStart) {
    do throws(SystemError) {
      try Worker(start).run()
    } catch {
      // No epoll or no eventfd at the very start: there is nothing to serve with.
      try? StandardStream.error.write("gateway: worker \(start.index): \(error)\n")
      System.exit(1)
    }
  }

  /// Writes out what is still on its way and removes the socket file.
  func finish() {
    journal?.finish()
    accessLog?.finish()
    admin?.removeSocketFile()
  }

  // MARK: Acquiring

  private static func resolve(
    _ upstreams: [UpstreamSettings]
  ) throws(BootFault) -> [[UpstreamServer]] {
    var all: [[UpstreamServer]] = []
    for upstream in upstreams {
      var servers: [UpstreamServer] = []
      for server in upstream.servers {
        for address in try addresses(server.address, "upstream \(upstream.name)") {
          servers.append(
            UpstreamServer(address: address, weight: server.weight, isBackup: server.isBackup))
        }
      }
      all.append(servers)
    }
    return all
  }

  private static func addresses(
    _ endpoint: Endpoint, _ setting: String
  ) throws(BootFault) -> [SocketAddress] {
    do throws(ResolverError) {
      return try Resolver.resolve(endpoint)
    } catch {
      throw .resolve(setting: setting, error)
    }
  }

  private static func openAccessLog(_ settings: AccessLogSettings) throws(BootFault) -> LogSink? {
    do throws(SystemError) {
      switch settings {
      case .off: return nil
      case .standardOutput:
        return LogSink(file: try .standardOutput(), label: "gateway.access-log")
      case .file(let path):
        try Files.makeDirectories(Files.directory(of: path), mode: 0o755)
        return LogSink(
          file: try AppendFile(appendingTo: path, mode: 0o640), label: "gateway.access-log")
      }
    } catch {
      if case .file(let path) = settings { throw .accessLog(path: path, error) }
      throw .accessLog(path: "standard output", error)
    }
  }

  private static func listen(
    _ settings: [ListenSettings], workers: Int
  ) throws(BootFault) -> [ListenerGroup] {
    var groups: [ListenerGroup] = []
    for listener in settings {
      groups.append(try listen("listen", listener.address, count: workers))
    }
    return groups
  }

  private static func listen(
    _ setting: String, _ endpoint: Endpoint, count: Int
  ) throws(BootFault) -> ListenerGroup {
    // A listener is one socket: of several addresses of a name, the system's first choice.
    let address = try addresses(endpoint, setting)[0]
    do throws(SystemError) {
      if address.family == .unix {
        try Files.makeDirectories(Files.directory(of: address.path), mode: 0o700)
      }
      return try ListenerGroup(on: address, count: count)
    } catch {
      throw .listen(setting: setting, address: endpoint.description, error)
    }
  }
}
