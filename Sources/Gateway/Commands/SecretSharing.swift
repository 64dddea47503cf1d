// Secrets that are the same where they must not be, for `gateway secret check`: in two realms, in two
// classes, as the previous one, as the key that opens encrypted tokens, under another name of the
// environment file, and against what a backend's environment file holds.
//
// Two writings of one secret count as the same: base64 and what it encodes, a line end, quotes.

import Assembly
import Bytes
import Config
import Crypto
import Tokens

/// The rows that are to be told, and whether one of them is a fault.
struct SecretSharing {
  /// A secret of the configuration with its key bytes.
  struct Known {
    let setting: SecretSetting
    let key: SecretBytes
  }

  let known: [Known]
  private(set) var rows: [[String]] = []
  private(set) var isGood = true

  init(_ known: [Known]) {
    self.known = known
    compareEachOther()
  }

  private mutating func tell(_ place: String, _ label: String, _ words: String, isFault: Bool) {
    rows.append([place, label, words])
    if isFault { isGood = false }
  }

  /// `realm main, access secret`, and how it differs where it does.
  private func name(_ setting: SecretSetting, _ relation: SecretRelation) -> String {
    switch relation {
    case .same: setting.label
    case .misread(let how): "\(setting.label), but for its writing: \(how)"
    }
  }

  // MARK: Within the configuration

  private mutating func compareEachOther() {
    for (index, one) in known.enumerated() {
      for other in known[..<index] {
        guard let relation = SecretRelation.between(other.key, one.key) else { continue }
        let name = name(other.setting, relation)
        let words: String
        let isFault: Bool
        if one.setting.realm != other.setting.realm {
          (words, isFault) = ("shared with \(name)", true)
        } else if one.setting.tokenClass == other.setting.tokenClass {
          (words, isFault) = ("no change: the same as \(name)", true)
        } else if one.setting.preset == .nestDualSecret {
          (words, isFault) = ("the same as \(name); preset nest-dual-secret needs two", true)
        } else {
          // Within a realm the type claim tells the classes apart.
          (words, isFault) = ("note: the same as \(name)", false)
        }
        tell(one.setting.argument.span.lineOnly, one.setting.label, words, isFault: isFault)
      }
    }
  }

  /// Compares with the keys that open encrypted tokens: whoever encrypts could sign too.
  mutating func compare(decryptionIn directives: [Directive]) {
    for realm in directives.all(named: "realm") {
      for directive in realm.body.all(named: "decrypt") {
        guard let argument = directive.arguments.first, argument.isUsable else { continue }
        let path = ConfigPath.resolve(argument.text, relativeTo: argument.span.file)
        guard case .bytes(let bytes) = ConfigSource.system.readFile(path, KeyFile.bytesMaximum),
          let key = try? DecryptionKey(bytes.span)
        else { continue }
        for one in known {
          guard let relation = key.relation(to: one.key) else { continue }
          tell(
            argument.span.lineOnly, "realm \(realm.arguments.first?.text ?? ""), decrypt key",
            "shared with \(name(one.setting, relation)): whoever encrypts could sign", isFault: true
          )
        }
      }
    }
  }

  // MARK: Environment files

  /// Compares with the other names of an environment file of the configuration.
  mutating func compare(ownFile path: String, _ variables: [String: [UInt8]]) {
    // Names that the configuration reads were compared as its secrets.
    let names = known.flatMap(\.setting.argument.variables)
    for (name, value) in variables.sorted(by: { $0.key < $1.key })
    where !value.isEmpty && !names.contains(name) {
      for one in known {
        guard let relation = SecretRelation.between(one.key, SecretBytes(value.span)) else {
          continue
        }
        // Backends call the same secret otherwise; a password or a session's key is another thing.
        let isTokens = ["JWT", "TOKEN"].contains { name.uppercased().hasPart($0) }
        tell(
          path, name,
          (isTokens ? "note: the same as " : "shared with ") + self.name(one.setting, relation),
          isFault: !isTokens)
      }
    }
  }

  /// Compares with a backend's environment file: which of its names hold a secret of the gateway.
  mutating func compare(backendFile path: String, _ variables: [String: [UInt8]]) {
    var isFound = false
    for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
      var isRelated = false
      for one in known {
        guard let relation = SecretRelation.between(one.key, SecretBytes(value.span)) else {
          continue
        }
        isRelated = true
        let isSame = relation == .same
        tell(
          path, name,
          (isSame ? "ok, the same as " : "not the same as ") + self.name(one.setting, relation),
          isFault: !isSame)
      }
      isFound = isFound || isRelated
      guard !isRelated else { continue }
      for one in known where one.setting.argument.variables.contains(name) {
        tell(
          path, name, "another value than \(one.setting.label), which has this name", isFault: true)
        isFound = true
      }
    }
    if !isFound { tell(path, "-", "holds no secret of the configuration", isFault: true) }
  }
}

extension String {
  /// True when `part` is in it; plain search, for names.
  fileprivate func hasPart(_ part: String) -> Bool {
    let (text, wanted) = (Array(utf8), Array(part.utf8))
    guard wanted.count <= text.count else { return false }
    return (0...(text.count - wanted.count)).contains {
      text[$0..<($0 + wanted.count)].elementsEqual(wanted)
    }
  }
}
