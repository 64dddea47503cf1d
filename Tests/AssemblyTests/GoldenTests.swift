// Walks Tests/Golden/Assembly: each file holds a configuration, a dashed line, and what it compiles to
// or the diagnostics that it must give. `UPDATE_GOLDEN=1 swift test` rewrites what stands below.

import Config
import Foundation
import Policy
import Proxy
import Testing
import Tokens

import Admin
@testable import Assembly

/// One golden file; `== NAME` begins a file, `== environment` the variables.
struct GoldenCase: CustomTestStringConvertible {
  let url: URL
  var files: [String: String] = [:]
  var environment: [String: String] = [:]
  var input = ""
  var expected = ""

  var testDescription: String { url.lastPathComponent }

  init(url: URL) throws {
    self.url = url
    let text = try String(contentsOf: url, encoding: .utf8)
    let parts = text.components(separatedBy: "\n--------\n")
    input = parts[0]
    expected = parts.count > 1 ? parts[1] : ""
    var name = "gateway.conf"
    for line in input.components(separatedBy: "\n") {
      if line.hasPrefix("== ") {
        name = String(line.dropFirst(3))
      } else if name == "environment" {
        let pair = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if pair.count == 2 { environment[String(pair[0])] = String(pair[1]) }
      } else {
        files[name, default: ""] += line + "\n"
      }
    }
  }

  static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static let all: [GoldenCase] = {
    let folder = root.appendingPathComponent("Tests/Golden/Assembly")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasSuffix(".txt") }.sorted()
      .compactMap { try? GoldenCase(url: folder.appendingPathComponent($0)) }
  }()
}

@Test func findsGoldenFiles() {
  #expect(GoldenCase.all.count > 10)
}

@Test(arguments: GoldenCase.all)
func matchesGolden(_ golden: GoldenCase) throws {
  let log = DiagnosticLog()
  let source = ConfigSource.inMemory(files: golden.files, environment: golden.environment)
  let configuration = Configuration.load(path: "gateway.conf", source: source, log: log)
  let result = log.rendered + (configuration.map(dump) ?? "")
  if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
    try (golden.input + "\n--------\n" + result).write(
      to: golden.url, atomically: true, encoding: .utf8)
  } else {
    #expect(result == golden.expected)
  }
  #expect((configuration == nil) == log.hasErrors)
  // Secrets in goldens hold this word.
  #expect(!result.contains("hush"), "a secret was printed")
}

/// A compiled configuration as text; defaults of `limits` are left out.
func dump(_ configuration: Configuration) -> String {
  let settings = configuration.settings
  var out = "workers \(settings.workerCount)\n"
  for listener in settings.listeners {
    out += "listen \(listener.name) = \(listener.address)"
    out += listener.expectsProxyHeader ? " proxy_protocol\n" : "\n"
  }
  let trusted = configuration.policy.trustedProxies
  if !trusted.isEmpty { out += "trusted, leading bits \(trusted.map(\.leadingBits))\n" }
  if let admin = settings.admin { out += "admin \(admin.address)\n" }
  out += "access_log \(settings.accessLog)\n"
  if settings.limits != TrafficLimits() { out += "\(settings.limits)\n" }
  let blocklist = settings.blocklist
  out += "blocklist journal=\(blocklist.journalPath ?? "-") sync=\(blocklist.journalSync)"
  out += " import=\(blocklist.importPaths) realms=\(blocklist.realmIndices)\n"
  out += "realms \(settings.realmNames)\n"
  for source in configuration.liveKeys.sources {
    guard case .url(let set) = source.origin else { continue }
    out += "jwks realm=\(source.realm) \(source.place) \(set.shown)"
    out += " copy=\(set.copyPath ?? "-") timeout=\(set.timeoutMilliseconds)\n"
  }
  for realm in configuration.policy.realms {
    for tokenClass in TokenClass.allCases {
      guard let lines = realm.requirements(tokenClass)?.lines else { continue }
      out += "  \(realm.name) \(tokenClass.name) require=\(lines.map(\.text))\n"
    }
  }
  for header in configuration.policy.identityHeaders {
    switch header.source {
    case .claim(let path): out += "identity \(header.name) = \(path.text)\n"
    case .realmName: out += "identity \(header.name) = realm's name\n"
    }
  }
  if let assertion = configuration.policy.assertion {
    out += "assertion \(assertion.name) by \(assertion.realm)\n"
  }
  for policy in configuration.policy.corsPolicies { out += "\(policy)\n" }
  for limit in configuration.policy.limits { out += "\(limit)\n" }
  for upstream in settings.upstreams {
    out += "upstream \(upstream.name) \(upstream.balance)"
    out += " connect=\(upstream.connectTimeoutMilliseconds)"
    out += " head=\(upstream.responseHeadTimeoutMilliseconds)"
    out += " body=\(upstream.bodyIdleTimeoutMilliseconds)"
    out += " keep=\(upstream.keepIdleCountMaximum)x\(upstream.keepIdleMilliseconds)"
    out += " host=\(upstream.upstreamHost ?? "-")\(upstream.sendsForwarded ? " forwarded" : "")\n"
    for server in upstream.servers {
      out += "  \(server.address) weight=\(server.weight)\(server.isBackup ? " backup" : "")\n"
    }
  }
  for index in configuration.routes.indices {
    let (route, rule) = (configuration.routes[index], configuration.policy.routes[index])
    let traffic = settings.routes[index]
    out += "\(route.place) \(traffic.label) auth=\(route.auth) realm=\(route.realm ?? "-")"
    out += " limits=\(route.limits) cors=\(route.cors) errors=\(route.errors)"
    out += " framework=\(rule.framework) listeners=\(rule.listeners)"
    out += " success=\(rule.onSuccess) fallthrough=\(rule.allowsMethodFallthrough)"
    out += " -> \(route.target) strip=\(rule.strippedPrefix)"
    out += " body=\(traffic.bodyBytesMaximum) timeout=\(traffic.responseHeadTimeoutMilliseconds)"
    func add(_ name: String, _ value: (some Any)?) { if let value { out += " \(name)=\(value)" } }
    add("read", traffic.bodyIdleTimeoutMilliseconds)
    add("body_timeout", traffic.bodyTimeoutMilliseconds)
    add("total", traffic.totalTimeoutMilliseconds)
    add("stream_idle", traffic.streamIdleTimeoutMilliseconds)
    add("grace", traffic.tokenGraceMilliseconds)
    add("addresses", route.addresses.isEmpty ? nil : route.addresses)
    add("token", rule.forwarding == .keep ? nil : route.forwarding)
    add("answer", rule.answer)
    add("mode", rule.isObserved ? "observe" : nil)
    #expect(rule.isObserved == route.isObserved && rule.isObserved == traffic.isObserved)
    add("require", route.requirements.isEmpty ? nil : route.requirements)
    out += "\n"
  }
  for warning in settings.warnings { out += "warning \(warning)\n" }
  return out
}
