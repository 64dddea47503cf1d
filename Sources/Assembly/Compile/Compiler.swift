// From the located model to settings and policy definitions: the order of the work, and what its
// parts share.
//
// One file for each kind of block. The parts go on after a mistake with a value that causes no second
// report, so that one run tells all. Names are resolved at the end of each part's turn: realms before
// routes, upstreams before routes, wherever they stand in the file. One thread, used once.

import Admin
import Config
import Crypto
import EventLoop
import Fetch
import Policy
import Proxy
import Tokens

/// One compilation.
final class Compiler {
  let log: DiagnosticLog
  let mainFile: String
  /// For whether named files are there; nothing is read from them.
  let source: ConfigSource

  var settings = GatewaySettings()
  var policy = PolicyDefinitions()
  var listings: [RouteListing] = []

  var listenerNames = NameTable("listener")
  var realmNames = NameTable("realm")
  var upstreamNames = NameTable("upstream")
  var limitNames = NameTable("limit")
  var corsNames = NameTable("cors policy")

  /// By realm index.
  var realmDefinitions: [RealmDefinition] = []
  /// Their directives, nil for those whose mistakes were told already.
  var pendingRealms: [Directive?] = []
  /// Keys of the realms that change while the gateway runs.
  var liveKeys = LiveKeySources()
  /// Key sets that are fetched, each URL once.
  var keySets: [FetchURL: NamedKeySet] = [:]
  var systemTLSContext: TLSContext?
  var upstreamTraits: [UpstreamTraits] = []
  /// Style of answers where nothing nearer says one.
  var topErrors: ErrorStyle?
  var topFlask422 = false
  /// The directive behind each definition, for pointing at what Policy finds wrong with it.
  var routeDirectives: [Directive] = []
  /// Routes with a line, of their own or of a group around, that was refused.
  var doubtfulRoutes: Set<Int> = []
  /// The `mode observe` lines.
  var observeLines: [ObserveLine] = []
  var corsDirectives: [Directive] = []
  var limitDirectives: [Directive] = []
  var identityDirectives: [Directive] = []
  var assertionDirective: Directive?
  /// What `identity` says about the tokens that backends get.
  var topForwarding: ForwardingLine?
  /// Names of the realms that sign tokens themselves.
  var mintingRealms: Set<String> = []
  /// What is kept of the key files of the realm that is being read.
  var keyFilePurpose = KeyFile.Purpose.verifying
  /// True when a `remint` names no realm.
  var mintsByAny = false

  init(log: DiagnosticLog, mainFile: String, source: ConfigSource) {
    self.log = log
    self.source = source
    self.mainFile = mainFile
  }

  /// Compiles all; the result is meant only when the log has no errors.
  func compile(_ directives: [Directive]) -> Configuration {
    compileTop(directives)
    for directive in directives.all(named: "listen") { listen(directive) }
    if !directives.contains(where: { $0.name == "listen" }) {
      log.error("nothing to listen on", inFile: mainFile, hint: "add listen 127.0.0.1:8080;")
    }
    noteMintingRealms(directives)
    for directive in directives.all(named: "realm") { realm(directive) }
    makeRealms()
    if let directive = directives.first(named: "identity") { identity(directive) }
    blocklist(directives.first(named: "blocklist"))
    for directive in directives.all(named: "cors") { cors(directive) }
    for directive in directives.all(named: "limit") { limit(directive) }
    for directive in directives.all(named: "upstream") where directive.opens == .upstream {
      upstream(directive)
    }
    compileRoutes(directives)
    tellObserved()
    if policy.routes.isEmpty, !log.hasErrors {
      log.error(
        "no route", inFile: mainFile,
        hint: "add group /api { upstream NAME; route / { auth required; } }")
    }
    judgePolicy(directives)
    warnOfMinting()
    liveKeys.definitions = realmDefinitions
    if let longest = liveKeys.longestFetchMilliseconds {
      settings.keyWaitMilliseconds = longest + 1_000
    }
    return Configuration(
      settings: settings, policy: policy, liveKeys: liveKeys, routes: listings)
  }

  // MARK: Shared

  /// The only argument of the only directive of a name in a block.
  func argument(_ name: String, of directives: [Directive]) -> Argument? {
    directives.first(named: name)?.arguments.first
  }

  /// A path that a file names, as this process can open it.
  func path(_ argument: Argument) -> String? {
    guard argument.isUsable else { return nil }
    guard !argument.bytes.isEmpty, !argument.bytes.contains(0) else {
      return argument.refuse(log, "is not a path", nil)
    }
    return ConfigPath.resolve(argument.text, relativeTo: argument.span.file)
  }

  /// A name for a thing of the configuration: letters, digits, `-`, `_` and `.`, because it appears in
  /// headers, logs and journals.
  func name(_ argument: Argument) -> String? {
    guard argument.isUsable else { return nil }
    let isName = argument.bytes.allSatisfy { byte in
      byte.isASCIIAlphanumeric || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        || byte == UInt8(ascii: ".")
    }
    guard isName, (1...64).contains(argument.bytes.count) else {
      return argument.refuse(log, "is not a name", "1 to 64 letters, digits, -, _ and .")
    }
    return argument.text
  }

  /// An address; a Unix socket's path is made relative to the file that names it.
  func endpoint(_ argument: Argument, forListening: Bool) -> Endpoint? {
    switch argument.address(log, forListening: forListening) {
    case nil: return nil
    case .unix(let path):
      let resolved = ConfigPath.resolve(path, relativeTo: argument.span.file)
      guard let address = SocketAddress(unixPath: resolved) else {
        return argument.refuse(
          log, "is too long for a socket's path", "with its directory at most 107 bytes")
      }
      return .address(address)
    case .host:
      guard let endpoint = Endpoint(argument.text) else {
        return argument.refuse(
          log, "is not an address", "write 127.0.0.1:8080, [::1]:8080, name:8080 or unix:PATH")
      }
      if forListening, case .name(let name, let port) = endpoint {
        guard name == "localhost" else {
          return argument.refuse(log, "is a name", "listen on a numeric address")
        }
        return .address(SocketAddress(ipv4: 0x7F00_0001, port: port))
      }
      return endpoint
    }
  }

  /// The style that `errors` and `flask_422` of one block say.
  func errorStyle(_ argument: Argument?) -> ErrorStyle? {
    argument?.word(
      log,
      [
        ("flask", ErrorStyle.flask), ("fastapi", .fastapi), ("nestjs", .nestjs),
        ("coded", .coded), ("problem", .problem),
      ])
  }
}

/// The things of one kind that have names, in the order defined.
struct NameTable {
  let kind: String
  private(set) var names: [String] = []
  private var spans: [SourceSpan] = []

  init(_ kind: String) { self.kind = kind }

  /// Adds a name; false and a report when it is taken.
  mutating func add(_ name: String, at span: SourceSpan, _ log: DiagnosticLog) -> Bool {
    if let index = names.firstIndex(of: name) {
      log.error(
        "\(kind) \"\(name)\" is defined twice", at: span, hint: "first at \(spans[index].place)")
      return false
    }
    names.append(name)
    spans.append(span)
    return true
  }

  /// Index of the thing that an argument names; nil after a report.
  func index(_ argument: Argument, _ log: DiagnosticLog) -> Int? {
    guard argument.isUsable else { return nil }
    if let index = names.firstIndex(of: argument.text) { return index }
    var hint = Spelling.suggestion(for: argument.text, among: names)
    if hint == nil {
      hint = names.isEmpty ? "none is defined" : "there is \(names.joined(separator: ", "))"
    }
    return argument.refuse(log, "is no \(kind)", hint)
  }
}
