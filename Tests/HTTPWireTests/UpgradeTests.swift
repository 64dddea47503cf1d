// What a request wants to upgrade to: a WebSocket handshake in its one form, and everything else.

import HTTPWire
import Testing

@Suite("Upgrade")
struct UpgradeTests {
  private static let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

  private static func get(_ fields: String, line: String = "GET / HTTP/1.1") -> String {
    line + "\r\nHost: a\r\n" + fields + "\r\n"
  }

  static let rows: [Row<UpgradeRequest>] = [
    Row("nothing", get(""), .none),
    Row("websocket", get("Connection: Upgrade\r\nUpgrade: websocket\r\n" + key), .webSocket),
    Row(
      "as Firefox writes it",
      get("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" + key), .webSocket),
    Row("other case", get("connection: UPGRADE\r\nUPGRADE: WebSocket\r\n" + key), .webSocket),
    Row(
      "two Connection lines",
      get("Connection: close\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" + key), .webSocket),
    Row("Upgrade that Connection doesn't name", get("Upgrade: websocket\r\n" + key), .none),
    Row("Connection without Upgrade", get("Connection: upgrade\r\n" + key), .none),
    Row(
      "HTTP/1.0 (RFC 9110 §7.8)",
      get("Connection: upgrade\r\nUpgrade: websocket\r\n" + key, line: "GET / HTTP/1.0"), .none),
    Row("h2c", get("Connection: upgrade\r\nUpgrade: h2c\r\n"), .other),
    Row("TLS", get("Connection: upgrade\r\nUpgrade: TLS/1.3\r\n"), .other),
    Row("empty", get("Connection: upgrade\r\nUpgrade:\r\n" + key), .other),
    Row(
      "a choice", get("Connection: upgrade\r\nUpgrade: websocket, h2c\r\n" + key), .other),
    Row(
      "websocket last", get("Connection: upgrade\r\nUpgrade: h2c, websocket\r\n" + key), .other),
    Row(
      "empty element", get("Connection: upgrade\r\nUpgrade: websocket,\r\n" + key), .other),
    Row(
      "version", get("Connection: upgrade\r\nUpgrade: websocket/13\r\n" + key), .other),
    Row(
      "two lines",
      get("Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n" + key), .other),
    Row(
      "subprotocols over two lines, with empty elements",
      get(
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat,, v1.x\r\n"
          + "Sec-WebSocket-Protocol: \r\n" + key), .webSocket),
    Row(
      "a subprotocol with a space within",
      get(
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: bearer x\r\n" + key),
      .other),
    Row(
      "a subprotocol in quotes, on a second line",
      get(
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\n"
          + "Sec-WebSocket-Protocol: \"bearer\", x\r\n" + key), .other),
    Row(
      "a subprotocol behind a space that only some readers know",
      get(
        "Connection: upgrade\r\nUpgrade: websocket\r\n"
          + "Sec-WebSocket-Protocol: bearer\u{A0}, x\r\n" + key), .other),
    Row("no key", get("Connection: upgrade\r\nUpgrade: websocket\r\n"), .other),
    Row("two keys", get("Connection: upgrade\r\nUpgrade: websocket\r\n" + key + key), .other),
    Row(
      "POST", get("Connection: upgrade\r\nUpgrade: websocket\r\n" + key, line: "POST / HTTP/1.1"),
      .other),
    Row(
      "lower-case method",
      get("Connection: upgrade\r\nUpgrade: websocket\r\n" + key, line: "get / HTTP/1.1"), .other),
    Row(
      "body (CVE-2026-2833)",
      get("Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n" + key), .other),
    Row(
      "length of 0",
      get("Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n" + key), .other),
    Row(
      "chunked",
      get("Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n" + key),
      .other),
  ]

  @Test(arguments: rows) func isRecognised(row: Row<UpgradeRequest>) {
    guard let head = parsedRequest(String(decoding: row.input, as: UTF8.self)) else { return }
    #expect(head.upgrade == row.want)
    #expect(head.wantsUpgrade == (row.want != .none))
    let again = head.parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
    #expect(again == .complete && head.upgrade == .none, "nothing is left of it")
  }
}
