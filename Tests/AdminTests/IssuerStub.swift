import Bytes
import Crypto
import EventLoop
import Fetch
import Testing
import Tokens

@testable import Admin

/// An issuer on a loopback port, moved by the test in its own thread: it hears when `serve` is called
/// and says what the test wants, or nothing.
final class IssuerStub {
  let address: SocketAddress
  private let group: ListenerGroup
  private let box: ListenerBox
  private var connections: [Connection] = []
  /// Requests so far.
  private(set) var requestCount = 0
  /// What is answered; nil to close without a word.
  var answer: String?
  /// True to let everybody wait.
  var isHolding = false

  private final class Connection {
    var socket: Socket
    var heard: [UInt8] = []
    var isCounted = false
    init(_ socket: consuming Socket) { self.socket = socket }
  }

  init() throws {
    group = try ListenerGroup(on: try #require(SocketAddress("127.0.0.1:0")))
    address = group.address
    guard let listener = group.take() else { throw SystemError(code: 0, call: "take") }
    box = ListenerBox(listener)
  }

  /// Answers with these keys of `KeyStub`.
  func publish(_ keys: String..., fields: String = "") {
    answer = Self.response(KeyStub.set(keys), fields: fields)
  }

  static func response(_ body: String, status: String = "200 OK", fields: String = "") -> String {
    "HTTP/1.1 \(status)\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  func url(_ path: String = "/jwks", copy: String? = nil, timeout: Int = 5000) throws -> KeySetURL {
    KeySetURL(
      url: try #require(FetchURL("http://\(address)\(path)")),
      tls: try TLSContext(client: .system), copyPath: copy, timeoutMilliseconds: timeout)
  }

  /// Takes what has come and answers what is whole.
  func serve() {
    while case .accepted(let socket, _) = box.listener.accept() {
      connections.append(Connection(socket))
    }
    connections.removeAll { connection in
      var buffer = ByteBuffer(capacity: 4096)
      while case .moved(let count) = connection.socket.receive(into: &buffer), count > 0 {
        connection.heard += [UInt8](copying: buffer.readable)
        buffer.clear()
      }
      guard String(decoding: connection.heard, as: UTF8.self).hasSuffix("\r\n\r\n") else {
        return false
      }
      if !connection.isCounted { requestCount += 1 }
      connection.isCounted = true
      guard !isHolding else { return false }
      if let answer {
        var out = ByteBuffer(capacity: answer.utf8.count)
        out.append(Array(answer.utf8))
        while case .moved(let count) = connection.socket.send(from: &out), count > 0 {}
      }
      connection.socket.close()
      return true
    }
  }
}

/// Ed25519 keys by name: `one` and `two` are points of published vectors.
enum KeyStub {
  private static let points = [
    "one": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "two": "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw",
    "three": "_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU",
  ]

  static func jwk(_ name: String) -> String {
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\(points[name] ?? "")\",\"kid\":\"\(name)\"}"
  }

  static func set(_ names: [String]) -> String {
    "{\"keys\":[\(names.map(jwk).joined(separator: ","))]}"
  }

  static func file(_ names: String...) throws -> KeyFile {
    try KeyFile(Array(set(names).utf8).span, for: .verifying)
  }

  static func name(_ kid: String) -> UInt64 { KeyName.hash(Array(kid.utf8).span) }
}
