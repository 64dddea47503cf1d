// `-c FILE`: the configuration that a command works on, read and judged in one way everywhere.

import Assembly
import Config

enum ConfigurationOption {
  /// The file where nothing is said.
  static let standardPath = "gateway.conf"

  /// The path that the words name.
  static func path(_ words: CommandWords) throws(UsageMistake) -> String {
    try words.one("-c") ?? standardPath
  }

  /// The compiled configuration; nil after its mistakes were told. Warnings are told when `tellsAll`.
  static func load(_ path: String, tellsAll: Bool = false) -> Configuration? {
    let log = DiagnosticLog()
    let configuration = Configuration.load(path: path, source: .system, log: log)
    if log.hasErrors || tellsAll { Output.explain(log.rendered) }
    if log.hasErrors {
      let count = log.errorCount
      Output.complaint("\(path): \(count) \(count == 1 ? "error" : "errors")")
    }
    return configuration
  }

  /// The same for commands that judge tokens: with the keys of the copies that the running gateway left
  /// of fetched key sets. What is not at hand is said, for the realm of that name or for all.
  static func loadForTokens(_ path: String, realm name: String? = nil) -> Configuration? {
    guard let (configuration, keys) = load(path)?.restoringKeys(toServe: false) else { return nil }
    for note in keys.notes { Output.explain("note: \(note)\n") }
    for realm in configuration.policy.realms where name == nil || realm.name == name {
      for set in keys.missingSets(of: realm) {
        Output.explain(
          "note: realm \(realm.name): the key set at \(set) is not at hand: there is no copy of it."
            + " Fetch it into a file and say --jwks FILE\n")
      }
    }
    return configuration
  }
}
