// Answers of every framing, cut at every place, at their limits and one past them.

import Bytes
import EventLoop
import Fetch
import HTTPWire
import Testing

struct FetchAnswerTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let wire: String
    var method = HTTPWire.Method.get
    var closes = false
    let status: Int
    var body = ""
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case(
      name: "length", wire: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200,
      body: "hello"),
    Case(
      name: "empty body", wire: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: 200),
    Case(name: "no content", wire: "HTTP/1.1 204 No Content\r\n\r\n", status: 204),
    Case(
      name: "not modified", wire: "HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n", status: 304),
    Case(
      name: "answer to HEAD", wire: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", method: .head,
      status: 200),
    Case(
      name: "chunked",
      wire:
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
      status: 200, body: "hello"),
    Case(
      name: "chunked with trailers",
      wire:
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
      status: 200, body: "hello"),
    Case(
      name: "until close", wire: "HTTP/1.1 200 OK\r\n\r\nhello", closes: true, status: 200,
      body: "hello"),
    Case(
      name: "HTTP/1.0 until close", wire: "HTTP/1.0 500 Oops\r\nX: y\r\n\r\n", closes: true,
      status: 500),
    Case(
      name: "interim heads first",
      wire: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        + "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
      status: 201, body: "ok"),
    Case(
      name: "bytes behind the end are not read",
      wire: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n\r\n", status: 200,
      body: "ok"),
  ]

  private func check(_ progress: FetchProgress, _ row: Case) {
    guard case .completed(let response) = progress else {
      Issue.record("\(row.name): \(progress)")
      return
    }
    #expect(response.status == row.status)
    #expect(response.body == Array(row.body.utf8))
  }

  @Test(arguments: cases)
  func readsItWhole(_ row: Case) throws {
    check(try answer([bytes(row.wire)], to: row.method, thenCloses: row.closes), row)
  }

  @Test(arguments: cases)
  func readsItByteByByte(_ row: Case) throws {
    let wire = bytes(row.wire)
    let pieces = wire.indices.map { wire[$0...$0] }
    check(try answer(pieces, to: row.method, thenCloses: row.closes), row)
  }

  @Test(arguments: cases)
  func readsItInTwoPiecesCutAnywhere(_ row: Case) throws {
    let wire = bytes(row.wire)
    for cut in wire.indices.dropFirst() {
      let pieces = [wire[..<cut], wire[cut...]]
      check(try answer(pieces, to: row.method, thenCloses: row.closes), row)
    }
  }

  @Test func namesTheFieldsOfTheFinalHead() throws {
    let wire =
      "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n"
      + "HTTP/1.1 200 OK\r\nX-Late:  two \r\nSet-Cookie: a\r\nset-cookie: b\r\n"
      + "Content-Length: 0\r\n\r\n"
    guard case .completed(let response) = try answer([bytes(wire)]) else {
      Issue.record("no answer")
      return
    }
    #expect(response.header("x-late") == "two")
    #expect(response.header("X-Early") == nil)
    #expect(
      response.headers.filter { $0.name.lowercased() == "set-cookie" }.map(\.value) == ["a", "b"])
  }

  // MARK: Cut short

  static let whole = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  ]

  @Test(arguments: whole)
  func everyShorterAnswerIsClosedEarly(_ text: String) throws {
    let wire = bytes(text)
    for cut in wire.indices {
      let pieces = cut == wire.startIndex ? [] : [wire[..<cut]]
      #expect(try answer(pieces, thenCloses: true) == .failed(.closedEarly), "\(cut) bytes")
    }
  }

  @Test func aResetIsNotAnEnd() throws {
    let server = try ScriptedServer { address in
      try FetchExchange(FetchRequest(address: address, host: "test", target: "/"))
    }
    #expect(server.exchange.advance() == .waiting(toWrite: false))
    try server.say(bytes("HTTP/1.1 200 OK\r\n\r\nhel"))
    #expect(server.exchange.advance() == .waiting(toWrite: false))
    let poller = try Poller()
    try server.exchange.register(with: poller, token: 0)
    _ = poller.wait(timeoutMilliseconds: 0)
    server.close(byReset: true)
    #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
    guard case .failed(.broken) = server.exchange.advance() else {
      Issue.record("a broken answer passed for a whole one")
      return
    }
  }

  // MARK: Bounds

  static let framings: [(String, String, Bool)] = [
    ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "0123456789", false),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      "4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n",
      false
    ),
    ("HTTP/1.1 200 OK\r\n\r\n", "0123456789", true),
  ]

  @Test(arguments: framings)
  func theBodyHasABound(_ head: String, _ body: String, _ closes: Bool) throws {
    let wire = bytes(head + body)
    guard case .completed(let fits) = try answer([wire], thenCloses: closes, bodyMaximum: 10) else {
      Issue.record("at the limit")
      return
    }
    #expect(fits.body == Array("0123456789".utf8))
    #expect(
      try answer([wire], thenCloses: closes, bodyMaximum: 9) == .failed(.tooLarge), "one past it")
  }

  @Test func anAnnouncedExcessIsRefusedBeforeItComes() throws {
    let wire = bytes("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n")
    #expect(try answer([wire]) == .failed(.tooLarge))
  }

  @Test func aLongBodyPassesThroughASmallBuffer() throws {
    let count = 300_000
    let wire = bytes(
      "HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n" + String(repeating: "x", count: count))
    let pieces = stride(from: wire.startIndex, to: wire.endIndex, by: 7_001).map {
      wire[$0..<min($0 + 7_001, wire.endIndex)]
    }
    guard case .completed(let response) = try answer(pieces, bodyMaximum: count) else {
      Issue.record("no answer")
      return
    }
    #expect(response.body.count == count)
  }

  @Test func theHeadHasABound() throws {
    let fixed = "HTTP/1.1 204 N\r\nX: \r\n\r\n".utf8.count
    var limits = HeadLimits()
    limits.headBytesMaximum = 512
    for (count, isFine) in [(512, true), (513, false)] {
      let wire = bytes(
        "HTTP/1.1 204 N\r\nX: " + String(repeating: "v", count: count - fixed) + "\r\n\r\n")
      #expect(wire.count == count)
      let progress = try answer([wire], headLimits: limits)
      if isFine {
        guard case .completed = progress else {
          Issue.record("at the limit: \(progress)")
          continue
        }
      } else {
        #expect(progress == .failed(.malformed(.headTooLarge)))
      }
    }
  }

  @Test func interimAnswersHaveABound() throws {
    for (count, isFine) in [
      (FetchExchange.interimMaximum, true), (FetchExchange.interimMaximum + 1, false),
    ] {
      let wire = bytes(
        String(repeating: "HTTP/1.1 102 Processing\r\n\r\n", count: count)
          + "HTTP/1.1 204 N\r\n\r\n")
      let progress = try answer([wire])
      if isFine {
        guard case .completed = progress else {
          Issue.record("at the limit: \(progress)")
          continue
        }
      } else {
        #expect(progress == .failed(.unexpectedAnswer))
      }
    }
  }

  // MARK: Not HTTP

  static let garbage: [(String, WireFault)] = [
    ("SSH-2.0-OpenSSH_9.2\r\n\r\n", .badVersion),
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", .repeatedContentLength),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
      .lengthWithTransferEncoding
    ),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", .badChunkSize),
    ("HTTP/1.1 200 OK\r\nX : y\r\n\r\n", .spaceBeforeColon),
  ]

  @Test(arguments: garbage)
  func refusesWhatCanBeReadInTwoWays(_ text: String, _ fault: WireFault) throws {
    #expect(try answer([bytes(text)]) == .failed(.malformed(fault)))
  }

  @Test func anotherProtocolIsNoAnswer() throws {
    let wire = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    #expect(try answer([bytes(wire)]) == .failed(.unexpectedAnswer))
  }
}
