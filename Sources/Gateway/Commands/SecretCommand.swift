// `gateway secret`: making secrets and judging them. Neither ever prints a secret it was given.

enum SecretCommand {
  static let help = """
    usage: gateway secret new|check ...

      secret new     make a secret, or a .env file with all that the configuration names
      secret check   judge the secrets of the configuration, or one from standard input

    Each has --help.

    """

  static let commands = [
    Subcommand(name: "new", run: SecretNewCommand.run),
    Subcommand(name: "check", run: SecretCheckCommand.run),
  ]

  static func run(_ words: [String]) -> Int32 {
    Subcommand.run("secret", help: help, commands, words)
  }
}
