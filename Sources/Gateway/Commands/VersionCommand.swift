// `gateway version`.

import Assembly

enum VersionCommand {
  static let help = """
    usage: gateway version

    Prints the version. As everywhere -c FILE may be said, and nothing of it is read.

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("version", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(words, valued: ["-c"], flagged: [])
      try words.expectOperands(0...0, "nothing")
      Output.answer("gateway \(GatewayVersion.text)\n")
      return ExitCode.done
    }
  }
}
