// `gateway explain`: one request, decided as a worker would decide it, and told step by step.
//
// The decision is Policy's own machine over the compiled configuration; nothing is sent and nothing is
// opened. What only a running gateway knows (revocations, spent permits) is said to be unknown. The
// token is never printed.

import Assembly
import Bytes
import Config
import EventLoop
import Policy

enum ExplainCommand {
  static let help = """
    usage: gateway explain METHOD URL [OPTIONS]

    Tells what would happen to a request, step by step: how its path can be read, which route takes
    it and where that stands, addresses, origin and limits, where a token is looked for and what
    becomes of it, and what would be sent to the backend or answered. No token is printed.

      --token-file FILE        sends Authorization: Bearer with the first line of FILE; - reads it
                               from standard input
      --token TOKEN            the same with the token itself, or - (others see it in the process list)
      -H, --header 'NAME: V'   a header, as often as needed
      --host HOST              the Host header
      --origin ORIGIN          the Origin header
      --body TEXT              a body, where the token may stand in one
      --client, --from IP      where the connection comes from (127.0.0.1), or unix; a trusted proxy's
                               X-Forwarded-For is believed
      --listener NAME          the listener it comes in by (the first one)
      -c FILE                  the configuration (gateway.conf)

    URL is a path, or http://HOST/PATH. Revocations and rates are those of a gateway just started
    without a journal; gateway token why tells more about a token alone.

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("explain", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(
        words,
        valued: [
          "-c", "-H", "--header", "--token", "--token-file", "--host", "--origin", "--body",
          "--from", "--client", "--listener",
        ],
        flagged: [])
      try words.expectOperands(2...2, "METHOD URL")
      let path = try ConfigurationOption.path(words)
      guard let configuration = ConfigurationOption.loadForTokens(path) else {
        return ExitCode.refused
      }
      guard let request = try request(words, configuration) else { return ExitCode.refused }
      Output.answer(Explanation(configuration, request).text())
      return ExitCode.done
    }
  }

  private static func request(
    _ words: CommandWords, _ configuration: Configuration
  ) throws(UsageMistake) -> ExplainedRequest? {
    var request = try ExplainedRequest(method: words.operands[0], url: words.operands[1])
    request.fields = words.all("-H") + words.all("--header")
    if let host = try words.one("--host") { request.host = host }
    if let origin = try words.one("--origin") { request.fields.append("Origin: " + origin) }
    if let body = try words.one("--body") { request.body = Array(body.utf8) }
    switch (try words.one("--token"), try words.one("--token-file")) {
    case (nil, nil): break
    case (let token?, nil): request.bear(try TokenWord.read(token))
    case (nil, let path?):
      guard let token = try TokenWord.read(file: path) else { return nil }
      request.bear(token)
    case (_?, _?): throw UsageMistake(message: "say either --token or --token-file")
    }
    if !words.all("--from").isEmpty, !words.all("--client").isEmpty {
      throw UsageMistake(message: "--client and --from mean the same; say one")
    }
    let client = try words.one("--client")
    let from = try words.one("--from")
    if let text = client ?? from {
      let bytes = Array(text.utf8)
      let unix = text == "unix" ? SocketAddress(unixPath: text) : nil
      guard let address = unix ?? SocketAddress(ip: bytes.span, port: 0) else {
        throw UsageMistake(message: "\"\(text)\" is no IP address")
      }
      request.address = address
    }
    if let name = try words.one("--listener") {
      let names = configuration.settings.listeners.map(\.name)
      guard let index = names.firstIndex(of: name) else {
        throw UsageMistake(
          message: "there is no listener \"\(name)\"; there is \(names.joined(separator: ", "))")
      }
      request.listener = index
    }
    return request
  }
}

/// A request as the command line gives it.
struct ExplainedRequest {
  let method: String
  let target: String
  var host: String
  var fields: [String] = []
  var body: [UInt8] = []
  var address = SocketAddress(ipv4: 0x7F00_0001, port: 0)
  var listener = 0

  /// Takes a URL apart: a fragment is what a browser keeps to itself.
  init(method: String, url: String) throws(UsageMistake) {
    self.method = method
    host = "localhost"
    var rest = Substring(url)
    for scheme in ["http://", "https://"] where url.hasPrefix(scheme) {
      rest = rest.dropFirst(scheme.count)
      if let hash = rest.firstIndex(of: "#") { rest = rest[..<hash] }
      let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
      host = String(rest[..<end])
      rest = rest[end...]
      if !rest.hasPrefix("/") { rest = "/" + rest }
    }
    guard rest.hasPrefix("/") || rest == "*" else {
      throw UsageMistake(message: "\"\(url)\" is neither a path nor http://HOST/PATH")
    }
    target = String(rest)
  }

  /// Adds a token as most clients send it.
  mutating func bear(_ token: String) { fields.append("Authorization: Bearer " + token) }

  /// The request's head as a client would send it.
  var bytes: [UInt8] {
    var text = "\(method) \(target) HTTP/1.1\r\n"
    if !fields.contains(where: { $0.lowercased().hasPrefix("host:") }) {
      text += "Host: \(host)\r\n"
    }
    for field in fields { text += field + "\r\n" }
    if !body.isEmpty { text += "Content-Length: \(body.count)\r\n" }
    return Array((text + "\r\n").utf8)
  }
}
