// What is sent, the blocking form against a server in another thread, and who is not there.

import Bytes
import EventLoop
import Fetch
import Glibc
import HTTPWire
import Testing

struct FetchRequestTests {
  private func rendered(_ change: (inout FetchRequest) -> Void) throws -> String {
    let server = try ScriptedServer { address in
      var request = FetchRequest(address: address, host: "example.test:81", target: "/a?b=c")
      change(&request)
      return try FetchExchange(request)
    }
    _ = server.exchange.advance()
    return try server.heard()
  }

  @Test func writesARequestWithoutABody() throws {
    let text = try rendered { request in
      request.headers = [FetchHeader("Authorization", "Bearer x")]
    }
    #expect(
      text == "GET /a?b=c HTTP/1.1\r\nHost: example.test:81\r\nConnection: close\r\n"
        + "Authorization: Bearer x\r\n\r\n")
  }

  @Test func writesARequestWithABody() throws {
    let text = try rendered { request in
      request.method = .post
      request.headers = [FetchHeader("Content-Type", "application/json")]
      request.body = Array("{}".utf8)
    }
    #expect(
      text == "POST /a?b=c HTTP/1.1\r\nHost: example.test:81\r\nConnection: close\r\n"
        + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
  }

  @Test func saysThatAPostIsEmpty() throws {
    let text = try rendered { $0.method = .post }
    #expect(text.contains("\r\nContent-Length: 0\r\n"))
  }

  struct Illegal: Sendable, CustomTestStringConvertible {
    let name: String
    let change: @Sendable (inout FetchRequest) -> Void
    var testDescription: String { name }
  }

  static let illegal: [Illegal] = [
    Illegal(name: "target without slash") { $0.target = "x" },
    Illegal(name: "empty target") { $0.target = "" },
    Illegal(name: "space in target") { $0.target = "/a b" },
    Illegal(name: "line end in target") { $0.target = "/ HTTP/1.1\r\nX: y" },
    Illegal(name: "other bytes in target") { $0.target = "/ä" },
    Illegal(name: "empty host") { $0.host = "" },
    Illegal(name: "line end in host") { $0.host = "a\r\nX: y" },
    Illegal(name: "line end in value") { $0.headers = [FetchHeader("X", "a\r\nY: b")] },
    Illegal(name: "zero in value") { $0.headers = [FetchHeader("X", "a\0")] },
    Illegal(name: "colon in name") { $0.headers = [FetchHeader("X:", "a")] },
    Illegal(name: "empty name") { $0.headers = [FetchHeader("", "a")] },
    Illegal(name: "an own length") { $0.headers = [FetchHeader("Content-length", "7")] },
    Illegal(name: "an own coding") { $0.headers = [FetchHeader("transfer-encoding", "chunked")] },
    Illegal(name: "a second host") { $0.headers = [FetchHeader("HOST", "b")] },
    Illegal(name: "a method without a name") { $0.method = .other },
  ]

  @Test(arguments: illegal)
  func refusesToWriteWhatIsNotOneRequest(_ row: Illegal) throws {
    let nobody = try #require(SocketAddress("127.0.0.1:9"))
    var request = FetchRequest(address: nobody, host: "h", target: "/")
    row.change(&request)
    #expect(throws: FetchError.invalidRequest) { _ = try FetchExchange(request) }
  }

  // MARK: Blocking

  /// Runs a server thread for one connection: it reads a head, then answers and closes, or holds the
  /// connection until the returned mailbox gets a message.
  private func serve(_ group: ListenerGroup, _ reply: String?) throws -> (
    WorkerThread, Mailbox<Int>
  ) {
    let release = try Mailbox<Int>()
    let thread = try WorkerThread.start(name: "server") {
      do {
        guard let listener = group.take() else { return }
        let poller = try Poller()
        try poller.add(listener, token: 0)
        _ = poller.wait(timeoutMilliseconds: 10_000)
        guard case .accepted(let client, _) = listener.accept() else { return }
        guard let reply else {
          let hold = try Poller()
          try hold.add(release, token: 0)
          _ = hold.wait(timeoutMilliseconds: 10_000)
          return
        }
        var request = ByteBuffer(capacity: 4096)
        while !String(lossy: request.readable).contains("\r\n\r\n") {
          _ = try client.wait(toRead: true, toWrite: false, timeoutMilliseconds: 10_000)
          guard case .moved = client.receive(into: &request) else { return }
        }
        var answer = ByteBuffer(capacity: reply.utf8.count)
        answer.append(text: reply)
        _ = client.send(from: &answer)
      } catch {
        Issue.record("the server failed: \(error)")
      }
    }
    return (thread, release)
  }

  @Test(arguments: ["tcp", "unix"])
  func asksAServerAndWaitsForItsAnswer(_ kind: String) throws {
    let directory = try Files.makeTemporaryDirectory(prefix: "fetch-")
    defer { try? Files.removeDirectory(directory) }
    let text = kind == "tcp" ? "127.0.0.1:0" : "unix:\(directory)/a.sock"
    let group = try ListenerGroup(on: try #require(SocketAddress(text)))
    defer { group.removeSocketFile() }
    let (thread, _) = try serve(group, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    let response = try Fetch.send(
      FetchRequest(address: group.address, host: "localhost", target: "/status"),
      timeoutMilliseconds: 10_000)
    thread.join()
    #expect(response.status == 200)
    #expect(response.body == Array("ok".utf8))
  }

  @Test(arguments: [0, 20])
  func aSilentServerRunsOutOfTime(_ milliseconds: Int) throws {
    let group = try ListenerGroup(on: try #require(SocketAddress("127.0.0.1:0")))
    let (thread, release) = try serve(group, nil)
    #expect(throws: FetchError.timedOut) {
      _ = try Fetch.send(
        FetchRequest(address: group.address, host: "localhost", target: "/"),
        timeoutMilliseconds: milliseconds)
    }
    release.send(1)
    thread.join()
  }

  @Test func nobodyThereIsUnreachable() throws {
    let gone: SocketAddress
    do {
      gone = try ListenerGroup(on: try #require(SocketAddress("127.0.0.1:0"))).address
    }
    #expect(throws: FetchError.unreachable(ECONNREFUSED)) {
      _ = try Fetch.send(
        FetchRequest(address: gone, host: "localhost", target: "/"), timeoutMilliseconds: 10_000)
    }
    let noSocket = try #require(SocketAddress("unix:/nowhere/at.all"))
    #expect(throws: FetchError.unreachable(ENOENT)) {
      _ = try Fetch.send(
        FetchRequest(address: noSocket, host: "localhost", target: "/"),
        timeoutMilliseconds: 10_000)
    }
  }

  // MARK: On a loop

  @Test func anEarlyAnswerEndsALongRequest() throws {
    let server = try ScriptedServer { address in
      try FetchExchange(
        FetchRequest(
          .post, address: address, host: "test", target: "/",
          body: Array(repeating: 0, count: 64 << 20)))
    }
    let poller = try Poller()
    try server.exchange.register(with: poller, token: 5)
    #expect(server.exchange.advance() == .waiting(toWrite: true), "more than the kernel takes")
    try server.say(bytes("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"))
    var progress = FetchProgress.waiting(toWrite: true)
    while case .waiting = progress {
      try #require(poller.wait(timeoutMilliseconds: 10_000) == 1)
      #expect(poller.event(at: 0).token == 5)
      progress = server.exchange.advance()
    }
    guard case .completed(let response) = progress else {
      Issue.record("no answer: \(progress)")
      return
    }
    #expect(response.status == 413)
    #expect(server.exchange.advance() == progress, "an ended exchange says the same again")
  }

  @Test func everyFaultHasWords() {
    let faults: [FetchError] = [
      .invalidRequest, .unreachable(ECONNREFUSED), .broken(ECONNRESET), .closedEarly, .timedOut,
      .tooLarge, .malformed(.badStatusLine), .unexpectedAnswer,
    ]
    #expect(Set(faults.map(\.description)).count == faults.count)
    #expect(FetchError.unreachable(ECONNREFUSED).description == "no connection: Connection refused")
  }
}
