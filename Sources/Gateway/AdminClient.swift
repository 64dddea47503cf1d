// Asks a running gateway over its admin address: one request, one answer, then the connection ends.
//
// Blocks, with a deadline; a command line has nothing else to do. `Fetch` does the talking; what is
// asked and answered stands in Admin's `AdminServer`.

import Assembly
import Bytes
import Config
import Crypto
import EventLoop
import Fetch
import HTTPWire
import JSON

/// Why there was no answer, for a person.
struct AdminFault: Error {
  let message: String
}

/// What the gateway answered.
struct AdminReply {
  let status: Int
  /// The text of a JSON object.
  let body: [UInt8]

  /// The members of the answer.
  var document: JSONDocument? {
    let document = JSONDocument(depthMaximum: 16, nodeMaximum: 100_000)
    guard document.parse(body.span) == .valid, document.kind(0) == .object else { return nil }
    return document
  }

  /// The text of a member of the object.
  func text(_ name: StaticString) -> String? {
    guard let document, let node = document.member(name, of: 0, in: body.span) else { return nil }
    return document.text(node, in: body.span)
  }
}

/// A client of the admin address.
struct AdminClient {
  /// Longest answer that is read.
  static let replyBytesMaximum = 4 << 20
  /// From connecting to the end of the answer. Revoking waits for the disk.
  static let timeoutMilliseconds = 15_000
  /// Longest token file.
  private static let tokenFileBytesMaximum = 1025

  let address: SocketAddress
  /// What is presented over TCP; nil for a Unix socket.
  private let token: SecretBytes?

  /// The client for `--admin ADDRESS`, or for the admin line of the configuration; nil after a report.
  /// Nothing else of the configuration is looked at, so that neither secrets nor variables are needed.
  static func make(_ words: CommandWords) throws(UsageMistake) -> AdminClient? {
    let tokenFile = try words.one("--admin-token-file")
    if let text = try words.one("--admin") {
      guard let address = SocketAddress(text) else {
        throw UsageMistake(message: "\"\(text)\" is no address; write unix:PATH or 127.0.0.1:PORT")
      }
      guard let tokenFile else { return AdminClient(address: address, token: nil) }
      return read(tokenFile).map { AdminClient(address: address, token: $0) }
    }
    if tokenFile != nil {
      throw UsageMistake(message: "--admin-token-file belongs to --admin")
    }
    let path = try ConfigurationOption.path(words)
    let log = DiagnosticLog()
    guard let settings = Configuration.adminAddress(path: path, source: .system, log: log),
      case .address(let address) = settings.address
    else {
      Output.explain(log.rendered)
      return nil
    }
    return AdminClient(address: address, token: settings.token)
  }

  private static func read(_ path: String) -> SecretBytes? {
    do throws(SystemError) {
      var bytes = try Files.read(path, bytesMaximum: tokenFileBytesMaximum)
      if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
      return SecretBytes(bytes.span)
    } catch {
      Output.complaint("\(path): \(error.reason)")
      return nil
    }
  }

  /// Sends a request and waits for its answer.
  func ask(
    _ method: HTTPWire.Method, _ path: String, json: String? = nil
  ) throws(AdminFault) -> AdminReply {
    var headers: [FetchHeader] = []
    if json != nil { headers.append(FetchHeader("Content-Type", "application/json")) }
    if let token {
      let text = token.withBytes { String(lossy: $0) }
      headers.append(FetchHeader("Authorization", "Bearer " + text))
    }
    let request = FetchRequest(
      method, address: address, host: "localhost", target: path, headers: headers,
      body: json.map { Array($0.utf8) }, responseBytesMaximum: Self.replyBytesMaximum)
    do throws(FetchError) {
      let response = try Fetch.send(request, timeoutMilliseconds: Self.timeoutMilliseconds)
      return AdminReply(status: response.status, body: response.body)
    } catch {
      let hint: String
      switch error {
      case .unreachable: hint = "; is the gateway running?"
      case .invalidRequest, .unresolved, .broken, .insecure, .encoded, .closedEarly, .timedOut,
        .tooLarge, .malformed, .unexpectedAnswer:
        hint = ""
      }
      throw AdminFault(message: "no answer from \(address): \(error)\(hint)")
    }
  }
}
