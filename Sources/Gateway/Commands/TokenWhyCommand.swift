// `gateway token why`: why a token is refused, in plain words, and what to change.
//
// The finding is Tokens' (Diagnosis); here stand the words of the command line, and the secrets that
// only a configuration's text can suggest: names of variables that nobody replaced, and key files
// that somebody took for secrets. No secret is printed.

import Assembly
import Bytes
import Config
import EventLoop
import Tokens

enum TokenWhyCommand {
  static let help = """
    usage: gateway token why [REALM] TOKEN [OPTIONS]

    Tells why a token is refused and what to change, the decisive fault first. Tries every key of
    every realm, ended ones too, each secret as text, base64, base64url and hex, with line ends,
    spaces and quotes, and the published defaults. Exit code 0 when the token holds, 1 when not.
    Does not know revocations; a route's own rules are told by
    gateway explain METHOD URL --token-file FILE. No secret is printed.

      REALM               the realm that should accept it (any of the configuration)
      TOKEN               the token, or - to read it from standard input
      --class CLASS       access, refresh or any (any): what the route takes
      --now TIME          judge at this time: seconds since 1970 or YYYY-MM-DD (UTC)
    \(TokenRealmOption.help)

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("token why", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(
        words, valued: TokenRealmOption.valued + ["--class", "--now"], flagged: [])
      try words.expectOperands(1...2, "TOKEN")
      let classes = try TokenVerifyCommand.classes(words)
      var now = Clock.realtimeMilliseconds() / 1000
      if let text = try words.one("--now") {
        // To the end of the year 9999, so that no sum with a lifetime overflows.
        guard let time = PointInTime.seconds(text), time < 253_402_300_800 else {
          throw UsageMistake(
            message: "\"\(text)\" is neither seconds since 1970 nor a date such as 2030-01-31")
        }
        now = time
      }
      let name = words.operands.count == 2 ? words.operands[0] : nil
      let token = Array(try TokenWord.read(words.operands.last ?? "").utf8)
      guard let realms = try TokenRealmOption.loadAll(words, name: name) else {
        return ExitCode.refused
      }
      let diagnosis = TokenDiagnosis(
        token, meant: realms.meant, others: realms.others,
        candidates: try SuggestedSecrets.all(words), accepting: classes, nowSeconds: now)
      Output.answer(text(diagnosis, now))
      return diagnosis.facts == nil ? ExitCode.refused : ExitCode.done
    }
  }

  /// The whole answer.
  private static func text(_ diagnosis: TokenDiagnosis, _ now: Int64) -> String {
    var out: String
    if let facts = diagnosis.facts, let realm = diagnosis.realm {
      let name = facts.tokenClass == .access ? "an access" : "a refresh"
      out =
        "holds: \(name) token of realm \(realm.name), good for \(facts.expiration - now) s more "
        + "(until \(TimeText.moment(facts.expiration))), key \(realm.keyText(Int(facts.keyIndex)))\n"
    } else {
      let reason = diagnosis.reason ?? .malformed
      let place = diagnosis.realm.map { " by realm \($0.name)" } ?? ""
      out =
        diagnosis.isUndecided
        ? "undecided: the running gateway would ask for the key set first\n"
        : "refused\(place): \(reason.name)\n"
    }
    return out + FindingText.render(diagnosis.findings)
  }
}

/// Findings for people.
enum FindingText {
  /// Numbered, each with what to change beneath it.
  static func render(_ findings: [TokenFinding]) -> String {
    var out = ""
    for (index, finding) in findings.enumerated() {
      let word = index > 0 ? finding.reason.map { " (\($0.name))" } ?? "" : ""
      out += "\(index + 1). \(finding.text)\(word)\n"
      if let advice = finding.advice { out += "   -> \(advice)\n" }
    }
    return out
  }
}

/// Secrets that the text of a configuration suggests.
private enum SuggestedSecrets {
  static func all(_ words: CommandWords) throws(UsageMistake) -> [CandidateSecret] {
    let files = words.all("--key") + words.all("--jwks")
    if !files.isEmpty || !words.all("--secret-file").isEmpty {
      return files.compactMap { keyFile($0, $0) }
    }
    let path = try ConfigurationOption.path(words)
    let directives =
      ConfigLoader.load(path: path, source: .system, log: DiagnosticLog()) ?? []
    var found: [CandidateSecret] = []
    var names: [String] = []
    for setting in SecretSetting.all(in: directives) {
      for name in setting.argument.variables where !names.contains(name) { names.append(name) }
    }
    for name in names {
      for text in ["${\(name)}", "$\(name)", name] {
        found.append(
          CandidateSecret(
            Array(text.utf8), label: "the text `\(text)` itself",
            advice: "the backend doesn't replace the variable by its value: look at how it is set "
              + "there, and make a new secret, since everybody can sign so"))
      }
    }
    for file in KeyFileSetting.all(in: directives) {
      if let candidate = keyFile(file.path, file.name) { found.append(candidate) }
    }
    return found
  }

  private static func keyFile(_ path: String, _ name: String) -> CandidateSecret? {
    guard case .bytes(let bytes) = ConfigSource.system.readFile(path, KeyFile.bytesMaximum) else {
      return nil
    }
    return CandidateSecret(
      bytes, label: "the text of the key file \(name) as a secret",
      advice:
        "whoever knows the public key can make such tokens (CVE-2015-9235): it is an attack, or "
        + "a backend whose algorithm isn't fixed; let it sign with the private key")
  }
}
