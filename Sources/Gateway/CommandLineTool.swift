// Which command is meant, and help.
//
// Exit codes: 0 done, 1 refused (a mistake in a configuration, a token that fails, a gateway that
// can't be reached), 2 the command line itself is wrong. Answers go to standard output, everything
// that explains a failure to standard error.

import Assembly
import Config
import EventLoop

/// The exit codes of every command.
enum ExitCode {
  static let done: Int32 = 0
  static let refused: Int32 = 1
  static let usage: Int32 = 2
}

/// One command of the table.
struct CommandRow: Sendable {
  let name: String
  let summary: String
  let run: @Sendable (_ arguments: [String]) -> Int32
}

/// The dispatcher.
enum CommandLineTool {
  static let commands: [CommandRow] = [
    CommandRow(name: "run", summary: "serve (what `gateway` alone does)", run: RunCommand.run),
    CommandRow(
      name: "check", summary: "read the configuration and tell every mistake",
      run: CheckCommand.run),
    CommandRow(
      name: "routes", summary: "list the routes with everything they inherit",
      run: RoutesCommand.run),
    CommandRow(
      name: "explain", summary: "tell what would happen to one request, and why",
      run: ExplainCommand.run),
    CommandRow(
      name: "token", summary: "inspect, verify, explain or sign a token", run: TokenCommand.run),
    CommandRow(name: "secret", summary: "make or check a secret", run: SecretCommand.run),
    CommandRow(
      name: "revoke", summary: "make a token, or a subject's tokens, useless at once",
      run: RevokeCommand.run),
    CommandRow(
      name: "status", summary: "ask the running gateway how it is", run: StatusCommand.run),
    CommandRow(name: "version", summary: "print the version", run: VersionCommand.run),
  ]

  static let help: String = {
    let width = commands.map(\.name.count).max() ?? 0
    let rows = commands.map { row in
      "  \(row.name)\(String(repeating: " ", count: width - row.name.count))  \(row.summary)\n"
    }
    return """
      A gateway that checks tokens at the edge of Flask, FastAPI and NestJS backends.

      usage: gateway [COMMAND] [OPTIONS]

      \(rows.joined())
      Every command has --help. -c FILE names the configuration, gateway.conf where it is not said.
      Exit codes: 0 done, 1 refused, 2 wrong usage.

      """
  }()

  /// Runs the command that the words name.
  static func run(_ words: [String]) -> Int32 {
    guard let word = words.first else { return RunCommand.run([]) }
    if word == "--help" || word == "-h" || word == "help" {
      Output.answer(help)
      return ExitCode.done
    }
    if word == "--version" { return VersionCommand.run(Array(words.dropFirst())) }
    // `-c FILE` may stand before the command as well as behind it.
    if word == "-c", words.count > 2, !words[2].hasPrefix("-") {
      let options = words[2...].prefix { $0 != "--" }
      return run(Array(options + words.prefix(2) + words[options.endIndex...]))
    }
    // Options without a command are those of `run`.
    if word.hasPrefix("-") { return RunCommand.run(words) }
    if let row = commands.first(where: { $0.name == word }) {
      return row.run(Array(words.dropFirst()))
    }
    let hint = Spelling.suggestion(for: word, among: commands.map(\.name))
    Output.complaint("there is no command \"\(word)\"\(hint.map { "; " + $0 } ?? "")")
    Output.explain("see gateway --help\n")
    return ExitCode.usage
  }
}

/// The two streams. That nobody reads them is no reason to fail.
enum Output {
  /// What was asked for.
  static func answer(_ text: String) {
    try? StandardStream.output.write(text)
  }

  /// Why it failed, or what else is worth knowing.
  static func explain(_ text: String) {
    try? StandardStream.error.write(text)
  }

  /// One line of explanation.
  static func complaint(_ text: String) {
    explain("gateway: \(text)\n")
  }
}
