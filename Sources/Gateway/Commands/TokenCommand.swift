// `gateway token`: reading, checking, explaining and making tokens at a prompt.

import Config

enum TokenCommand {
  static let help = """
    usage: gateway token inspect|verify|why|sign ...

      token inspect TOKEN           show what a token says, without checking anything
      token verify [REALM] TOKEN    check a token as a route would
      token why [REALM] TOKEN       tell why a token is refused, and what to change
      token sign [REALM]            make a token

    Each has --help.

    """

  static let commands = [
    Subcommand(name: "inspect", run: TokenInspectCommand.run),
    Subcommand(name: "verify", run: TokenVerifyCommand.run),
    Subcommand(name: "why", run: TokenWhyCommand.run),
    Subcommand(name: "sign", run: TokenSignCommand.run),
  ]

  static func run(_ words: [String]) -> Int32 {
    Subcommand.run("token", help: help, commands, words)
  }
}

/// A command that is two words long.
struct Subcommand: Sendable {
  let name: String
  let run: @Sendable (_ arguments: [String]) -> Int32

  /// Hands the words behind the second word to its command.
  static func run(
    _ name: String, help: String, _ commands: [Subcommand], _ words: [String]
  ) -> Int32 {
    if let word = words.first, let row = commands.first(where: { $0.name == word }) {
      return row.run(Array(words.dropFirst()))
    }
    return Command.run(name, help: help, words) { (words) throws(UsageMistake) in
      let names = commands.map(\.name)
      guard let word = words.first else {
        throw UsageMistake(message: "say which: \(names.joined(separator: ", "))")
      }
      let hint = Spelling.suggestion(for: word, among: names)
      throw UsageMistake(message: "there is no \(name) \(word)\(hint.map { "; " + $0 } ?? "")")
    }
  }
}
