// Listening: ports, addresses in use, Unix socket files, running out of descriptors.

import Bytes
import EventLoop
import Glibc
import Testing

struct ListenerTests {
  /// An own directory for one test's files; removed with what is in it.
  final class Directory {
    let path: String
    init() throws { path = try Files.makeTemporaryDirectory(prefix: "loop-") }
    deinit {
      for name in (try? Files.glob(path + "/*")) ?? [] { try? Files.remove(name) }
      try? Files.removeDirectory(path)
    }
  }

  @Test func allListenersOfAGroupShareTheChosenPort() throws {
    let group = try ListenerGroup(on: loopback(), count: 3)
    #expect(group.address.port != 0)
    for _ in 0..<3 {
      let listener = try take(group)
      #expect(listener.address == group.address)
    }
    #expect(throws: SystemError.self) { _ = try take(group) }
  }

  @Test func everyClientReachesOneOfTheListeners() throws {
    let group = try ListenerGroup(on: loopback(), count: 2)
    let first = try take(group)
    let second = try take(group)
    let poller = try Poller()
    try poller.add(first, token: 1)
    try poller.add(second, token: 2)
    for _ in 0..<8 {
      let client = try Socket.connect(to: group.address)
      let address = try client.localAddress()
      #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
      switch poller.event(at: 0).token == 1 ? first.accept() : second.accept() {
      case .accepted(_, let peer): #expect(peer == address)
      default: Issue.record("a client was waiting")
      }
    }
  }

  @Test(arguments: ["127.0.0.1:0", "[::1]:0"])
  func anAddressInUseIsFoundAlthoughItCouldBeShared(_ text: String) throws {
    let group = try ListenerGroup(on: try #require(SocketAddress(text)), count: 2)
    let error = #expect(throws: SystemError.self) {
      _ = try ListenerGroup(on: group.address, count: 2)
    }
    #expect(error?.isAddressInUse == true)
    #expect(error?.description.hasSuffix("Address already in use") == true)
  }

  @Test func anAddressIsFreeAgainWhenItsListenersAreGone() throws {
    let address: SocketAddress
    do {
      let group = try ListenerGroup(on: loopback())
      address = group.address
      let listener = try take(group)
      let client = try Socket.connect(to: address)
      // The server closes first, so its end lingers in TIME_WAIT: that must not matter.
      var server = try accept(listener)
      server.close()
      #expect(try receive(client, count: 1) == "")
    }
    #expect(try ListenerGroup(on: address).address == address)
  }

  @Test func aForeignAddressIsRefused() throws {
    // 192.0.2.0/24 is for documentation: no machine has it.
    let error = #expect(throws: SystemError.self) {
      _ = try ListenerGroup(on: try #require(SocketAddress("192.0.2.1:0")))
    }
    #expect(error?.code == EADDRNOTAVAIL)
    #expect(error?.call.description == "bind")
  }

  @Test func aUnixSocketIsForItsOwnerOnly() throws {
    let directory = try Directory()
    let address = try #require(SocketAddress("unix:\(directory.path)/a.sock"))
    let group = try ListenerGroup(on: address)
    let status = try #require(Files.status(address.path))
    #expect(status.kind == .socket)
    #expect(status.mode == 0o600)
    #expect(status.mode & 0o077 == 0)
    let listener = try take(group)
    let client = try Socket.connect(to: address)
    let server = try accept(listener)
    var hello = buffer("hello")
    _ = client.send(from: &hello)
    #expect(try receive(server, count: 5) == "hello")
    group.removeSocketFile()
    #expect(Files.status(address.path) == nil)
    group.removeSocketFile()
  }

  @Test func workersShareOneUnixSocket() throws {
    let directory = try Directory()
    let address = try #require(SocketAddress("unix:\(directory.path)/a.sock"))
    let group = try ListenerGroup(on: address, count: 2)
    let first = try take(group)
    let second = try take(group)
    let one = try Poller()
    try one.add(first, token: 1)
    let two = try Poller()
    try two.add(second, token: 2)
    _ = try Socket.connect(to: address)
    _ = try accept(second)
    if case .wouldBlock = first.accept() { return }
    Issue.record("there was one client only")
  }

  @Test func whatADeadProcessLeftIsReplaced() throws {
    let directory = try Directory()
    let address = try #require(SocketAddress("unix:\(directory.path)/a.sock"))
    do { _ = try ListenerGroup(on: address) }
    #expect(Files.status(address.path)?.kind == .socket, "left behind")
    let group = try ListenerGroup(on: address)
    let listener = try take(group)
    _ = try Socket.connect(to: address)
    _ = try accept(listener)
  }

  @Test func aLivingProcessKeepsItsSocket() throws {
    let directory = try Directory()
    let address = try #require(SocketAddress("unix:\(directory.path)/a.sock"))
    let group = try ListenerGroup(on: address)
    let error = #expect(throws: SystemError.self) { _ = try ListenerGroup(on: address) }
    #expect(error?.isAddressInUse == true)
    _ = try Socket.connect(to: address)
    group.removeSocketFile()
    // Another process takes the path: the first one must leave it alone from then on.
    let next = try ListenerGroup(on: address)
    group.removeSocketFile()
    #expect(Files.status(address.path)?.kind == .socket)
    next.removeSocketFile()
  }

  @Test func aFileThatIsNoSocketIsLeftAlone() throws {
    let directory = try Directory()
    let path = directory.path + "/precious"
    try Files.replace(path, with: Array("data".utf8).span, mode: 0o600)
    let error = #expect(throws: SystemError.self) {
      _ = try ListenerGroup(on: try #require(SocketAddress("unix:\(path)")))
    }
    #expect(error?.isAddressInUse == true)
    #expect(try Files.read(path, bytesMaximum: 10) == Array("data".utf8))
  }

  @Test func runningOutOfDescriptorsIsToldApartFromABadClient() async {
    await #expect(processExitsWith: .success) {
      let group = try ListenerGroup(on: loopback())
      let listener = try take(group)
      let poller = try Poller()
      try poller.add(listener, token: 1)
      let first = try Socket.connect(to: group.address)
      #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
      // From here on the process may have no further descriptor. (The structs outlive the calls.)
      var before = rlimit()
      _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before)
      var none = rlimit(rlim_cur: 0, rlim_max: before.rlim_max)
      _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &none)
      var code: Int32 = 0
      if case .exhausted(let exhausted) = listener.accept() { code = exhausted }
      guard code == EMFILE else { exit(2) }
      // Pausing silences the listener; going on finds the client still waiting.
      try poller.remove(listener)
      guard poller.wait(timeoutMilliseconds: 0) == 0 else { exit(3) }
      guard System.raiseDescriptorLimit() == Int(before.rlim_max) else { exit(4) }
      try poller.add(listener, token: 1)
      guard poller.wait(timeoutMilliseconds: 10_000) == 1 else { exit(5) }
      guard case .accepted = listener.accept() else { exit(6) }
      _ = first.pendingError()
      exit(0)
    }
  }
}
