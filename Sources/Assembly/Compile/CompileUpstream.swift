// `upstream`: the backends, their servers and how they like to be treated.

import Config
import EventLoop
import Policy
import Proxy

/// What routes take over from their upstream.
struct UpstreamTraits {
  var framework = Framework.unknown
  var errors: ErrorStyle?
  var forwarding: ForwardingLine?
}

extension Compiler {
  /// Frameworks that leave reading paths to another.
  private static let pathReaders = [
    "flask": "werkzeug", "fastapi": "starlette", "nest": "express, or fastify where Nest uses it",
    "nestjs": "express, or fastify where Nest uses it",
  ]

  /// One `upstream` block.
  func upstream(_ directive: Directive) {
    guard let argument = directive.arguments.first, let name = name(argument),
      upstreamNames.add(name, at: directive.span, log)
    else { return }
    let body = directive.body
    var upstream = UpstreamSettings(name: name, servers: [])
    var traits = UpstreamTraits()
    for line in body.all(named: "server") {
      if let server = server(line) { upstream.servers.append(server) }
    }
    if !body.contains(where: { $0.name == "server" }) {
      log.error(
        "upstream \(name) has no server", at: directive.span, hint: "add server 127.0.0.1:5000;")
    } else if !upstream.servers.isEmpty, upstream.servers.allSatisfy(\.isBackup) {
      log.error(
        "upstream \(name) has only backup servers", at: directive.span,
        hint: "one server must not be a backup")
    }
    if let argument = self.argument("balance", of: body) {
      upstream.balance =
        argument.word(
          log, [("round_robin", Balance.roundRobin), ("least_requests", .leastRequests)])
        ?? upstream.balance
    }
    if let argument = self.argument("app_server", of: body) {
      // Each closes unused connections on its own after a while; ours go earlier, so that a request
      // hardly ever meets a connection that is being closed.
      upstream.keepIdleMilliseconds =
        argument.word(
          log, [("gunicorn", 1_500), ("uvicorn", 4_000), ("node", 4_000), ("other", 4_000)])
        ?? upstream.keepIdleMilliseconds
    }
    if let argument = self.argument("framework", of: body) {
      let choices = Framework.allCases.map { ($0.rawValue, $0) }
      traits.framework = argument.word(log, choices, meant: Self.pathReaders) ?? .unknown
    }
    traits.errors = errorStyle(self.argument("errors", of: body))
    traits.forwarding = forwarding(body, of: "upstream \(name)")
    times(body, &upstream)
    if let argument = self.argument("upstream_host", of: body), argument.isUsable {
      upstream.upstreamHost = host(argument)
    }
    if let flag = self.argument("forwarded", of: body)?.flag(log) {
      upstream.sendsForwarded = flag
    }
    settings.upstreams.append(upstream)
    upstreamTraits.append(traits)
  }

  private func times(_ body: [Directive], _ upstream: inout UpstreamSettings) {
    if let value = argument("connect_timeout", of: body)?.duration(log, in: Self.timeBounds) {
      upstream.connectTimeoutMilliseconds = value
    }
    if let value = argument("response_timeout", of: body)?.durationOrOff(log) {
      upstream.responseHeadTimeoutMilliseconds = value
    }
    if let value = argument("read_timeout", of: body)?.durationOrOff(log) {
      upstream.bodyIdleTimeoutMilliseconds = value
    }
    if let value = argument("keepalive", of: body)?.number(log, in: 0...10_000) {
      upstream.keepIdleCountMaximum = value
    }
    if let value = argument("keepalive_timeout", of: body)?.duration(log, in: Self.timeBounds) {
      upstream.keepIdleMilliseconds = value
    }
  }

  /// `server ADDRESS [weight=N] [backup]`.
  private func server(_ directive: Directive) -> ServerSettings? {
    guard let argument = directive.arguments.first,
      let endpoint = endpoint(argument, forListening: false)
    else { return nil }
    var server = ServerSettings(address: endpoint)
    for option in directive.arguments.dropFirst() where option.isUsable {
      let text = option.text
      if text == "backup" {
        server.isBackup = true
      } else if text.hasPrefix("weight="), let weight = Int(text.dropFirst(7)),
        (1...100).contains(weight)
      {
        server.weight = weight
      } else {
        return option.refuse(
          log, "is no option of a server", "weight=N with N from 1 to 100, or backup")
      }
    }
    return server
  }

  /// A value for `Host`: a name or address, with a port if need be.
  private func host(_ argument: Argument) -> String? {
    let isHost = argument.bytes.allSatisfy { byte in
      byte.isASCIIAlphanumeric || ".-_:[]".utf8.contains(byte)
    }
    guard isHost, (1...253).contains(argument.bytes.count) else {
      return argument.refuse(
        log, "is not a host", "write backend.internal or backend.internal:5000")
    }
    return argument.text
  }
}
