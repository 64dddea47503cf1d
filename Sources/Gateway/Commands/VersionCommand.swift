// `gateway version`.

import Assembly

enum VersionCommand {
  static let help = """
    usage: gateway version

    Prints the version.

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("version", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(words, valued: [], flagged: [])
      try words.expectOperands(0...0, "nothing")
      Output.answer("gateway \(GatewayVersion.text)\n")
      return ExitCode.done
    }
  }
}
