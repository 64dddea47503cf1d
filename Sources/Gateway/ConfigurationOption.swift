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
}
