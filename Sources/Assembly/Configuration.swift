// A configuration, compiled: what Proxy and Policy need, and what the command line shows of it.
//
// `Configuration.load` is the one way from a path to something that can run; it tells every mistake
// and gives nothing while there is one (a configuration with an error starts nothing and replaces
// nothing). Reads files through a `ConfigSource`; start-up, reload on Dispatch, and tools.

import Admin
import Config
import EventLoop
import Policy
import Proxy
import Tokens

/// A configuration that can run.
public struct Configuration: Sendable {
  /// Listeners, upstreams, limits, logs.
  public let settings: GatewaySettings
  /// Routes, realms, identity, CORS, rates.
  public let policy: PolicyDefinitions
  /// Keys of the realms that change while the gateway runs.
  public let liveKeys: LiveKeySources
  /// The routes as people see them; the same order and number as `policy.routes`.
  public let routes: [RouteListing]

  /// Reads and compiles the configuration at a path; nil when the log then has errors.
  public static func load(
    path: String, source: ConfigSource, log: DiagnosticLog
  ) -> Configuration? {
    guard let directives = ConfigLoader.load(path: path, source: source, log: log) else {
      return nil
    }
    let compiler = Compiler(log: log, mainFile: path, source: source)
    let configuration = compiler.compile(directives)
    if log.hasErrors { return nil }
    var settings = configuration.settings
    settings.warnings = log.diagnostics.map { diagnostic in
      "\(diagnostic.file):\(diagnostic.line): \(diagnostic.message)"
    }
    return Configuration(
      settings: settings, policy: configuration.policy, liveKeys: configuration.liveKeys,
      routes: configuration.routes)
  }

  /// The same with the keys of the copies that earlier runs left of fetched key sets, and what is to be
  /// said of copies that are not used; `toServe`, they must be this user's own. Reads files; fetches
  /// nothing.
  public func restoringKeys(toServe: Bool) -> (configuration: Configuration, keys: RestoredKeys) {
    guard liveKeys.longestFetchMilliseconds != nil else {
      return (self, RestoredKeys(realms: policy.realms, sources: liveKeys))
    }
    let set = PolicySet(policy, revocations: RevocationTable(entriesMaximum: 1))
    let keys = RestoredKeys(
      liveKeys, policy: set, nowSeconds: Clock.realtimeMilliseconds() / 1000, toServe: toServe)
    var policy = policy
    policy.realms = keys.realms
    let restored = Configuration(
      settings: settings, policy: policy, liveKeys: liveKeys, routes: routes)
    return (restored, keys)
  }

  /// The admin address of the configuration at a path, without looking at anything else in it; nil
  /// and a report in the log when there is none to be had.
  public static func adminAddress(
    path: String, source: ConfigSource, log: DiagnosticLog
  ) -> AdminSettings? {
    guard let directive = ConfigLoader.adminDirective(path: path, source: source, log: log) else {
      if !log.hasErrors {
        log.error(
          "no admin line", inFile: path, hint: "add admin unix:run/admin.sock; or give --admin")
      }
      return nil
    }
    return Compiler(log: log, mainFile: path, source: source).admin(directive)
  }
}

/// One route with its inheritance resolved, for `routes`, `explain` and `check`.
public struct RouteListing: Sendable {
  /// Names of the methods; empty for any.
  public let methods: [String]
  /// The host as written; nil for any.
  public let host: String?
  /// Names of the listeners; empty for any.
  public let listeners: [String]
  /// The whole path with its groups' prefixes.
  public let path: String
  /// The word of the configuration.
  public let auth: String
  /// The realm's name, or those of several with spaces between; nil without one.
  public let realm: String?
  /// Its `require` lines and those of the groups around it as written, without that word.
  public let requirements: [String]
  /// Names of the limits.
  public let limits: [String]
  /// The policy's name, `default`, `pass` or `off`.
  public let cors: String
  /// Its `allow` and `deny` lines and those of the groups around it, from the outside in.
  public let addresses: [String]
  /// The upstream's name, or `respond …` or `redirect …` as written.
  public let target: String
  /// True when the route has an answer of its own and no upstream.
  public let answersItself: Bool
  /// True with `mode observe`.
  public let isObserved: Bool
  /// What of the token the backend gets: `keep`, `drop` or `remint` and a realm.
  public let forwarding: String
  /// True when a 2xx answer revokes the presented tokens.
  public let revokesOnSuccess: Bool
  /// Name of the style of its error answers.
  public let errors: String
  /// What is cut from the path before it is forwarded; empty for nothing.
  public let strippedPrefix: String
  /// `file:line` of the route.
  public let place: String
}
