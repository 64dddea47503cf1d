import Bytes
import Crypto
import EventLoop
import Foundation
import Policy
import Testing
import Tokens

@testable import Admin
@testable import Proxy

/// A real control loop on a Unix socket in a temporary directory (or on a loopback port), turned by
/// the test itself, with clocks that stand still and workers that are only mailboxes.
final class ControlHarness {
  final class Times {
    var monotonic: Int64 = 1_000_000_000_000
    var realtime: Int64 = TestRealm.now * 1000
  }

  /// Lines for the operator.
  final class Notices {
    var lines: [String] = []
  }

  let directory: String
  let address: SocketAddress
  let loop: ControlLoop
  let control: Mailbox<ControlMessage>
  let workers: [Mailbox<WorkerMessage>]
  let table: RevocationTable
  let keeper: RevocationKeeper
  let journal: Journal?
  let times = Times()
  let notices = Notices()
  /// What was said of copies at the start.
  private(set) var notes: [String] = []

  init(
    realms: [Realm]? = nil, keys: LiveKeySources? = nil, policy: PolicyDefinitions? = nil,
    workers workerCount: Int = 0, entriesMaximum: Int = 1000,
    overTCP: Bool = false, token: String? = nil, mailboxCapacity: Int = 1000,
    journal makeJournal: (String) throws -> Journal?,
    settings change: (inout GatewaySettings) -> Void = { _ in }
  ) throws {
    directory = try Files.makeTemporaryDirectory(prefix: "admin-tests-")
    let wanted =
      overTCP
      ? SocketAddress(ipv4: 0x7f00_0001, port: 0)
      : try #require(SocketAddress(unixPath: directory + "/admin.sock"))
    let group = try ListenerGroup(on: wanted)
    address = group.address
    control = try Mailbox()
    workers = try (0..<workerCount).map { _ in try Mailbox(capacity: mailboxCapacity) }
    table = RevocationTable(entriesMaximum: entriesMaximum)
    journal = try makeJournal(directory)
    keeper = RevocationKeeper(table: table, journal: journal)
    var settings = GatewaySettings()
    settings.admin = AdminSettings(
      address: .address(address), token: token.map { SecretBytes(text: $0) })
    let realms =
      try realms ?? keys?.definitions.map { try Realm($0) } ?? [TestRealm.make()]
    settings.blocklist.realmIndices = realms.map(\.index)
    change(&settings)
    var policy = policy ?? PolicyDefinitions()
    policy.realms = realms
    var restored = RestoredKeys(realms: realms)
    if let keys {
      restored = RestoredKeys(
        keys, policy: PolicySet(policy, revocations: table), nowSeconds: TestRealm.now)
      policy.realms = restored.realms
      notes = restored.notes
    }
    let times = self.times
    let notices = self.notices
    loop = try ControlLoop(
      ControlParts(
        snapshot: Snapshot(
          policy: PolicySet(policy, revocations: table), settings: settings,
          servers: settings.upstreams.map { _ in [] }),
        keys: restored, mailbox: control, workers: workers,
        keeper: keeper, admin: group, boundAddresses: ["127.0.0.1:8080"], version: "1.2.3",
        tell: { notices.lines.append($0) }),
      clock: ControlClock(
        monotonicNanoseconds: { times.monotonic }, realtimeMilliseconds: { times.realtime }))
  }

  /// Without a journal.
  convenience init(
    realms: [Realm]? = nil, keys: LiveKeySources? = nil, policy: PolicyDefinitions? = nil,
    workers: Int = 0, entriesMaximum: Int = 1000, overTCP: Bool = false,
    token: String? = nil, mailboxCapacity: Int = 1000,
    settings change: (inout GatewaySettings) -> Void = { _ in }
  ) throws {
    try self.init(
      realms: realms, keys: keys, policy: policy, workers: workers,
      entriesMaximum: entriesMaximum, overTCP: overTCP, token: token,
      mailboxCapacity: mailboxCapacity, journal: { _ in nil }, settings: change)
  }

  deinit {
    try? Files.remove(directory + "/admin.sock")
    try? Files.remove(directory + "/journal")
    try? Files.removeDirectory(directory)
  }

  /// Lets the loop do what can be done now, and moves its clock first.
  func turn(afterMilliseconds milliseconds: Int64 = 0, waiting: Int = 0) {
    times.monotonic += milliseconds * 1_000_000
    times.realtime += milliseconds
    loop.turn(timeoutMilliseconds: waiting)
  }

  func connect() throws -> AdminClient { try AdminClient(self) }

  /// Sends a request and returns the whole answer.
  func ask(_ request: String) throws -> Reply {
    let client = try connect()
    try client.send(request)
    return try client.reply()
  }

  func post(_ path: String, _ body: String, fields: String = "") throws -> Reply {
    try ask(ControlHarness.post(path, body, fields: fields))
  }

  static func post(_ path: String, _ body: String, fields: String = "") -> String {
    "POST \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(fields)"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  /// The messages in a worker's mailbox.
  func messages(_ worker: Int) -> [WorkerMessage] {
    var taken: [WorkerMessage] = []
    workers[worker].drain(into: &taken)
    return taken
  }
}

/// One client connection of the test.
final class AdminClient {
  private let harness: ControlHarness
  private let socket: Socket
  private(set) var received: [UInt8] = []

  init(_ harness: ControlHarness) throws {
    self.harness = harness
    socket = try Socket.connect(to: harness.address)
    _ = try socket.wait(toRead: false, toWrite: true, timeoutMilliseconds: 5000)
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var buffer = ByteBuffer(capacity: max(bytes.count, 1))
    buffer.append(bytes)
    while !buffer.isEmpty {
      switch socket.send(from: &buffer) {
      case .moved: continue
      case .wouldBlock: harness.turn()
      // The answer is on its way already and nobody reads on.
      case .closed, .failed: return
      }
    }
  }

  func finishSending() { socket.shutdownWrite() }

  /// What has come so far; true when the server has finished.
  @discardableResult
  func poll() -> Bool {
    var buffer = ByteBuffer(capacity: 1 << 16)
    while true {
      buffer.clear()
      switch socket.receive(into: &buffer) {
      case .moved: received += [UInt8](copying: buffer.readable)
      case .wouldBlock: return false
      case .closed, .failed: return true
      }
    }
  }

  /// Turns the loop until the server has finished, and returns what it said.
  func reply() throws -> Reply {
    for _ in 0..<500 {
      // A Unix socket is ready at once, a loopback port or a journal after a moment.
      if poll() { return Reply(received) }
      harness.turn(waiting: received.isEmpty ? 10 : 0)
    }
    throw NoReply()
  }

  struct NoReply: Error {}
}

/// An answer, taken apart.
struct Reply: Equatable {
  let status: Int
  let head: String
  let body: String

  init(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    let end = text.range(of: "\r\n\r\n")
    head = end.map { String(text[..<$0.lowerBound]) } ?? text
    body = end.map { String(text[$0.upperBound...]) } ?? ""
    status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
  }

  /// The value of a field of the head.
  func field(_ name: String) -> String? {
    head.components(separatedBy: "\r\n").first { $0.hasPrefix(name + ": ") }
      .map { String($0.dropFirst(name.count + 2)) }
  }
}

/// A realm with two secrets and lifetimes, and its tokens.
enum TestRealm {
  static let now: Int64 = 1_700_000_000
  static let access = "an access secret of 40 bytes, for tests!"
  static let refresh = "a refresh secret of 41 bytes, for tests!!"

  static func make(
    name: String = "main", index: Int = 0, lifetime: Int64? = 900, leeway: Int64 = 10
  ) throws -> Realm {
    var definition = RealmDefinition(name: name, index: index)
    definition.access = ClassDefinition(
      secret: SecretDefinition(text: access), lifetimeSeconds: lifetime)
    definition.refresh = ClassDefinition(
      secret: SecretDefinition(text: refresh), lifetimeSeconds: lifetime.map { $0 * 10 })
    definition.leewaySeconds = leeway
    return try Realm(definition)
  }

  static func sign(_ payload: String, secret: String = access) -> String {
    TokenSigner(secret: SecretBytes(text: secret)).sign(payload: payload)
  }
}

/// A journal that tells the test what became of a batch; the test passes on what it likes.
func makeJournal(_ directory: String, _ told: Mailbox<ControlMessage>) throws -> Journal {
  try Journal.open(
    path: directory + "/journal", sync: .always, control: told, nowSeconds: TestRealm.now
  ).journal
}
