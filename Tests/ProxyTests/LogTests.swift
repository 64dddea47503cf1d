import Bytes
import EventLoop
import Foundation
import Testing

@testable import Proxy

/// What `body` appends, as text.
private func text(_ body: (inout ByteBuffer) -> Void) -> String {
  var buffer = ByteBuffer(capacity: 8192)
  body(&buffer)
  return String(lossy: buffer.readable)
}

@Suite struct LogTextTests {
  static let times: [(Int64, String)] = [
    (0, "1970-01-01T00:00:00.000Z"),
    (951_782_400_000, "2000-02-29T00:00:00.000Z"),
    (1_709_164_799_999, "2024-02-28T23:59:59.999Z"),
    (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
    (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
    (1_795_266_309_042, "2026-11-21T13:05:09.042Z"),
    (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
  ]

  @Test(arguments: times) func datesAreRight(_ milliseconds: Int64, _ want: String) {
    #expect(text { LogText.appendTime(epochMilliseconds: milliseconds, to: &$0) } == want)
  }

  @Test func aPeersBytesStayOneJSONString() throws {
    for byte in UInt8.min...UInt8.max {
      let bytes: [UInt8] = [0x61, byte, 0x62]
      let quoted = text { LogText.appendQuoted(bytes.span, to: &$0) }
      #expect(quoted.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
      let decoded = try JSONSerialization.jsonObject(
        with: Data(quoted.utf8), options: .fragmentsAllowed)
      let scalar = try #require((decoded as? String)?.unicodeScalars.dropFirst().first)
      #expect(scalar.value == UInt32(byte))
    }
  }
}

@Suite struct AccessLogTests {
  private static let line = AccessLog.Line(
    epochMilliseconds: 1_795_266_309_042, requestID: RequestID(high: 1, low: 2), status: 401,
    reason: "expired", wouldRefuse: nil, bytesIn: 3, bytesOut: 4, durationNanoseconds: 5_000,
    upstreamNanoseconds: 6_000)

  /// Runs `body` with a log that writes to a temporary file and returns what is in it afterwards.
  private func written(_ body: (AccessLog) -> Void) throws -> [String] {
    let path = NSTemporaryDirectory() + "access-\(UUID().uuidString).log"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let sink = LogSink(file: try AppendFile(appendingTo: path, mode: 0o600), label: "test")
    body(AccessLog(sink: sink))
    sink.finish()
    let content = try String(contentsOfFile: path, encoding: .utf8)
    return content.split(separator: "\n").map(String.init)
  }

  @Test(arguments: [
    ("/a/b", "\"/a/b\""),
    ("/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c_-d/x", "\"/reset/[token]/x\""),
    ("/eyJa.b.c", "\"/[token]\""),
    ("/xeyJa.b.", "\"/x[token]\""),
    ("/eyJa%2Eb%2ec;eyJa.b.c\"", "\"/[token];[token]\\u0022\""),
    ("/eyJa.b/c.d", "\"/eyJa.b/c.d\""), ("/ey", "\"/ey\""), ("/eyj.a.b", "\"/eyj.a.b\""),
    ("", "\"\""),
  ])
  func namesNoTokenOfAPath(path: String, want: String) {
    var buffer = ByteBuffer(capacity: 256)
    LogText.appendPath(Array(path.utf8).span, to: &buffer)
    #expect(String(lossy: buffer.readable) == want)
  }

  @Test func writesOneObjectALine() throws {
    var input = ByteBuffer(capacity: 64)
    input.append("GET example /a\"b")
    let lines = try written { log in
      log.append(
        Self.line, client: SocketAddress(ipv4: 0x7f00_0001, port: 1), input: input,
        method: ByteRange(0, 3), host: ByteRange(4, 11), path: ByteRange(12, 16),
        route: LogText.quoted("GET /a"), server: SocketAddress(ipv4: 0x7f00_0001, port: 5000),
        now: 0)
      #expect(log.flushDue == AccessLog.flushInterval)
      log.flush()
      #expect(log.flushDue == nil)
    }
    #expect(lines.count == 1)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
    #expect(object["path"] as? String == "/a\"b")
    #expect(object["reason"] as? String == "expired")
    #expect(object["status"] as? Int == 401)
    #expect(object["client"] as? String == "127.0.0.1")
    #expect(object["upstream"] as? String == "127.0.0.1:5000")
    #expect(object["duration_us"] as? Int == 5)
    #expect(object["time"] as? String == "2026-11-21T13:05:09.042Z")
  }

  @Test func aFullBatchGoesOutByItselfAndNoLineIsCut() throws {
    var input = ByteBuffer(capacity: 9000)
    for _ in 0..<8192 { input.append(UInt8(ascii: "x")) }
    let count = 40
    let lines = try written { log in
      for _ in 0..<count {
        log.append(
          Self.line, client: SocketAddress(ipv4: 1, port: 1), input: input, method: .empty,
          host: .empty, path: ByteRange(0, 8192), route: nil, server: nil, now: 0)
      }
      log.flush()
      #expect(log.droppedLines == 0)
    }
    #expect(lines.count == count)
    for line in lines { #expect(line.hasPrefix("{") && line.hasSuffix("}")) }
  }

  @Test func aLineThatNeverFitsIsCounted() throws {
    var input = ByteBuffer(capacity: 20_000)
    // Each byte becomes six: more than a batch.
    for _ in 0..<16_000 { input.append(0x01) }
    let lines = try written { log in
      log.append(
        Self.line, client: SocketAddress(ipv4: 1, port: 1), input: input, method: .empty,
        host: .empty, path: ByteRange(0, 16_000), route: nil, server: nil, now: 0)
      #expect(log.droppedLines == 1)
      log.append(
        Self.line, client: SocketAddress(ipv4: 1, port: 1), input: input, method: .empty,
        host: .empty, path: .empty, route: nil, server: nil, now: 0)
      log.flush()
    }
    #expect(lines.count == 1)
  }
}
