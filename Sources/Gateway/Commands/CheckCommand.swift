// `gateway check`: every mistake of a configuration, or what it amounts to.

import Assembly
import Config
import Proxy

enum CheckCommand {
  static let help = """
    usage: gateway check [-c FILE]

    Reads the configuration with all that it includes and tells every mistake with file, line and
    column, and warnings. Opens no socket and writes nothing. Exit code 0 when it can be served.

      -c FILE   the configuration (gateway.conf)

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("check", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(words, valued: ["-c"], flagged: [])
      try words.expectOperands(0...0, "nothing")
      let path = try ConfigurationOption.path(words)
      guard let configuration = ConfigurationOption.load(path, tellsAll: true) else {
        return ExitCode.refused
      }
      Output.answer("\(path): ok\n" + summary(configuration))
      return ExitCode.done
    }
  }

  private static func summary(_ configuration: Configuration) -> String {
    let settings = configuration.settings
    var rows: [[String]] = []
    func row(_ name: String, _ items: [String]) {
      rows.append(["  " + name, items.isEmpty ? "none" : items.joined(separator: ", ")])
    }
    row("listen", settings.listeners.map(\.address.description))
    row("admin", settings.admin.map { [$0.address.description] } ?? [])
    row("workers", [settings.workerCount == 0 ? "one for each core" : "\(settings.workerCount)"])
    row("realms", settings.realmNames)
    if let assertion = configuration.policy.assertion {
      row("assertion", ["\(assertion.name) by realm \(settings.realmNames[assertion.realm])"])
    }
    row("upstreams", settings.upstreams.map(\.name))
    row("routes", ["\(settings.routes.count)"])
    row("journal", settings.blocklist.journalPath.map { [$0] } ?? [])
    return TextTable.render(rows)
  }
}
