// `gateway secret check`: are the secrets long, unknown to the world, and not shared by mistake?
//
// Prints where a secret stands and what is wrong with it, never the secret.

import Assembly
import Bytes
import Config
import Crypto
import EventLoop
import Tokens

enum SecretCheckCommand {
  static let help = """
    usage: gateway secret check [-c FILE] [--env FILE ...]
           gateway secret check -

    Judges every secret of the configuration: long enough, not a published default or placeholder,
    and not shared by mistake: between realms, between classes where the preset wants two, as its own
    predecessor, as the key that opens encrypted tokens, or under a name of the environment file that
    is for something else. Two writings of one secret (base64, hex, a line end, quotes) count as the
    same. With - it judges the first line of standard input instead; so it does where nothing is said
    and there is no gateway.conf. Exit code 1 when something is wrong. No secret is printed.

      --env FILE   a backend's environment file: tells which of its names hold the gateway's secrets,
                   and which nearly do; as often as needed
      -c FILE      the configuration (gateway.conf)

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("secret check", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(words, valued: ["-c", "--env"], flagged: [])
      try words.expectOperands(0...1, "nothing")
      if let word = words.operands.first {
        // Not the word itself: it would be in the shell's history, and now in this output.
        guard word == "-" else {
          throw UsageMistake(message: "a secret is read from standard input (-), not from a word")
        }
        guard try words.one("-c") == nil, words.all("--env").isEmpty else {
          throw UsageMistake(message: "- stands alone, without -c and --env")
        }
        return try checkInput()
      }
      let path = try ConfigurationOption.path(words)
      if try words.one("-c") == nil, words.all("--env").isEmpty, Files.status(path) == nil {
        guard !StandardStream.inherited(0).isTerminal else {
          throw UsageMistake(message: "there is no \(path), and nothing on standard input")
        }
        return try checkInput()
      }
      return checkConfiguration(path, backends: words.all("--env"))
    }
  }

  private static func checkInput() throws(UsageMistake) -> Int32 {
    let secret = Array(try StandardInput.firstLine().utf8)
    let verdict = SecretVerdict(secret.span, minimum: TokenAlgorithm.hs256.secretBytesMinimum)
    Output.answer(verdict.words + "\n")
    return verdict.isGood ? ExitCode.done : ExitCode.refused
  }

  private static func checkConfiguration(_ path: String, backends: [String]) -> Int32 {
    let log = DiagnosticLog()
    guard let directives = ConfigLoader.load(path: path, source: .system, log: log) else {
      Output.explain(log.rendered)
      return ExitCode.refused
    }
    let settings = SecretSetting.all(in: directives)
    if settings.isEmpty {
      if SecretSetting.hasKeyFiles(in: directives) {
        Output.answer("no shared secret: all keys come from files, which gateway check reads\n")
        return ExitCode.done
      }
      Output.explain(log.rendered)
      Output.complaint("\(path): there is no secret in any realm")
      return ExitCode.refused
    }
    var isGood = true
    var known: [SecretSharing.Known] = []
    var rows: [[String]] = []
    for setting in settings {
      let place = setting.argument.span.lineOnly
      guard setting.argument.isUsable else {
        let names = setting.argument.variables.joined(separator: ", ")
        rows.append([place, setting.label, "not set: \(names)"])
        isGood = false
        continue
      }
      let (text, words) = setting.text()
      guard let text else {
        rows.append([place, setting.label, words])
        isGood = false
        continue
      }
      let verdict = SecretVerdict(setting, text)
      isGood = isGood && verdict.isGood
      rows.append([place, setting.label, verdict.words])
      if let key = verdict.key { known.append(SecretSharing.Known(setting: setting, key: key)) }
    }
    var sharing = SecretSharing(known)
    sharing.compare(decryptionIn: directives)
    for directive in directives.all(named: "env_file") {
      guard let argument = directive.arguments.first, argument.isUsable else { continue }
      let file = ConfigPath.resolve(argument.text, relativeTo: argument.span.file)
      // What is wrong with it was told when the configuration was read.
      let variables = EnvironmentFile.variables(
        at: file, source: .system, log: DiagnosticLog())
      sharing.compare(ownFile: file, variables ?? [:])
    }
    for file in backends {
      let log = DiagnosticLog()
      if let variables = EnvironmentFile.variables(at: file, source: .system, log: log) {
        sharing.compare(backendFile: file, variables)
      } else {
        Output.explain(log.rendered)
        isGood = false
      }
    }
    rows += sharing.rows
    isGood = isGood && sharing.isGood
    Output.answer(TextTable.render(rows))
    return isGood ? ExitCode.done : ExitCode.refused
  }
}

/// What is to be said about one secret.
private struct SecretVerdict {
  let isGood: Bool
  let words: String
  /// The key bytes, nil when there are none.
  let key: SecretBytes?

  init(_ secret: Span<UInt8>, minimum: Int) {
    key = SecretBytes(secret)
    (isGood, words) = Self.say(
      SecretStrength.judge(secret, minimum: minimum), secret.count, minimum)
  }

  init(_ setting: SecretSetting, _ text: [UInt8]) {
    let minimum = setting.minimum
    key = setting.encoding.decode(text.span)
    guard let key else {
      (isGood, words) = (false, "not valid \(setting.encoding.rawValue)")
      return
    }
    if PEMKey.looksLikeKey(text.span) || key.withBytes({ PEMKey.looksLikeKey($0) }) {
      (isGood, words) = (false, "the text of a key or certificate; write key FILE for it")
      return
    }
    // A published text is known in every encoding.
    let known = SecretStrength.judge(text.span, minimum: 0)
    let strength = key.withBytes { SecretStrength.judge($0, minimum: minimum) }
    (isGood, words) = Self.say(known == .knownDefault ? known : strength, key.count, minimum)
  }

  private static func say(
    _ strength: SecretStrength, _ count: Int, _ minimum: Int
  ) -> (Bool, String) {
    switch strength {
    case .ok: (true, "ok, \(count) bytes")
    case .empty: (false, "empty")
    case .short: (false, "short: \(count) bytes, at least \(minimum) are needed")
    case .knownDefault: (false, "a published default or an unfilled placeholder")
    }
  }
}
