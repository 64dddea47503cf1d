// Where a configuration says its shared secrets: for judging them and for making new ones, before
// the configuration as a whole needs to be right.

import Config
import Tokens

/// A `secret`, `secret_file` or `previous` line of a configuration.
struct SecretSetting {
  /// Which directive it is.
  enum Source: String {
    case secret
    case file = "secret_file"
    case previous
  }

  let source: Source
  let realm: String
  /// The realm's preset.
  let preset: TokenPreset
  let tokenClass: String
  let encoding: SecretEncoding
  /// Bytes that the longest hash of its algorithms needs.
  let minimum: Int
  /// The secret, or the path of its file.
  let argument: Argument

  /// What to call it.
  var label: String {
    "realm \(realm), \(source == .previous ? "previous " : "")\(tokenClass) secret"
  }

  /// The secret as configured; nil when its file can't be read, and why in words.
  func text() -> (bytes: [UInt8]?, words: String) {
    guard source == .file else { return (argument.bytes, "") }
    let path = ConfigPath.resolve(argument.text, relativeTo: argument.span.file)
    switch ConfigSource.system.readFile(path, SecretFile.bytesMaximum) {
    case .bytes(var bytes):
      _ = SecretFile.dropLineEnd(&bytes)
      return (bytes, "")
    case .missing: return (nil, "its file is not there: \(argument.text)")
    case .tooLarge: return (nil, "its file is too large: \(argument.text)")
    case .failed(let reason): return (nil, "its file can't be read: \(argument.text): \(reason)")
    }
  }

  /// All of them, in the order of the configuration.
  static func all(in directives: [Directive]) -> [SecretSetting] {
    var settings: [SecretSetting] = []
    for realm in directives.all(named: "realm") {
      let presetName = realm.body.first(named: "preset")?.arguments.first?.text
      let preset = presetName.flatMap { TokenPreset(rawValue: $0) } ?? .none
      for name in ["access", "refresh"] {
        guard let block = realm.body.first(named: name) else { continue }
        let encoding = block.body.first(named: "encoding")?.arguments.first
        let names = block.body.first(named: "algorithms")?.arguments ?? []
        let algorithms = names.compactMap { TokenAlgorithm($0.bytes.span) }
        let minimum = algorithms.map(\.secretBytesMinimum).max() ?? 0
        for directive in block.body {
          guard let source = Source(rawValue: directive.name),
            let argument = directive.arguments.first
          else { continue }
          settings.append(
            SecretSetting(
              source: source, realm: realm.arguments.first?.text ?? "", preset: preset,
              tokenClass: name,
              encoding: encoding.flatMap { SecretEncoding(rawValue: $0.text) } ?? .raw,
              minimum: Swift.max(minimum, TokenAlgorithm.hs256.secretBytesMinimum),
              argument: argument))
        }
      }
    }
    return settings
  }

  /// True when some realm takes keys from files.
  static func hasKeyFiles(in directives: [Directive]) -> Bool {
    directives.all(named: "realm").contains { realm in
      realm.body.contains { block in
        block.body.contains { $0.name == "key" || $0.name == "jwks" }
      }
    }
  }
}

/// A `key` or `jwks` line of a configuration that names a file.
struct KeyFileSetting {
  /// As written.
  let name: String
  /// From where the command runs.
  let path: String

  /// All of them, in the order of the configuration.
  static func all(in directives: [Directive]) -> [KeyFileSetting] {
    var files: [KeyFileSetting] = []
    for realm in directives.all(named: "realm") {
      for block in realm.body {
        for directive in block.body where directive.name == "key" || directive.name == "jwks" {
          guard let argument = directive.arguments.first, argument.isUsable,
            !argument.text.hasPrefix("http")
          else { continue }
          files.append(
            KeyFileSetting(
              name: argument.text,
              path: ConfigPath.resolve(argument.text, relativeTo: argument.span.file)))
        }
      }
    }
    return files
  }
}
