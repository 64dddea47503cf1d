// Whose keys `token verify`, `token why` and `token sign` work with: a realm of the configuration, or
// a secret, a key or a key set from a file without any configuration.

import Assembly
import Bytes
import Crypto
import EventLoop
import Tokens

/// A realm for a tool.
enum TokenRealmOption {
  static let valued = [
    "-c", "--secret-file", "--key", "--jwks", "--decrypt", "--encoding", "--alg", "--issuer",
    "--audience",
  ]
  static let help = """
      -c FILE             the configuration (gateway.conf)
      --secret-file FILE  no configuration: the secret is in this file (one line end is dropped)
      --key FILE          no configuration: a key (PEM, certificate or JWK) is in this file
      --jwks FILE         no configuration: a JWK set is in this file
      --decrypt FILE      with these files: the key that opens encrypted tokens
      --encoding E        with --secret-file: raw (as the backends take it), base64, base64url, hex
      --alg ALG           with these files: the algorithm, where the key does not say it
                          (HS256 for a secret; an RSA key needs RS256, PS256, ...)
      --issuer TEXT       with these files: the token's iss
      --audience TEXT     with these files: the token's aud; may be given several times
    """
  private static let files = ["--secret-file", "--key", "--jwks"]

  /// The realm that the words mean; nil after a report of what is wrong with it.
  static func load(
    _ words: CommandWords, name: String?, for purpose: KeyFile.Purpose
  ) throws(UsageMistake) -> Realm? {
    guard let realms = try loadAll(words, name: name, for: purpose) else { return nil }
    guard realms.meant.count == 1, let realm = realms.meant.first else {
      let names = realms.meant.map(\.name).joined(separator: ", ")
      throw UsageMistake(message: "there are several realms, say which: \(names)")
    }
    return realm
  }

  /// The realms that the words mean, all of them where no name is said, and the configuration's
  /// others; nil after a report.
  static func loadAll(
    _ words: CommandWords, name: String?, for purpose: KeyFile.Purpose = .verifying
  ) throws(UsageMistake) -> (meant: [Realm], others: [Realm])? {
    let given = files.filter { !words.all($0).isEmpty }
    if given.count > 1 {
      throw UsageMistake(message: "say one of \(given.joined(separator: ", "))")
    }
    if let option = given.first, let path = try words.one(option) {
      guard name == nil else {
        throw UsageMistake(message: "\(option) is used without a realm's name")
      }
      return try realm(words, option, path, purpose).map { ([$0], []) }
    }
    for option in ["--decrypt", "--encoding", "--alg", "--issuer", "--audience"]
    where !words.all(option).isEmpty {
      throw UsageMistake(
        message: "\(option) belongs to \(files.joined(separator: ", ")); a realm has its own")
    }
    let path = try ConfigurationOption.path(words)
    guard let configuration = ConfigurationOption.loadForTokens(path, realm: name) else {
      return nil
    }
    let realms = configuration.policy.realms
    let names = realms.map(\.name).joined(separator: ", ")
    if let name {
      guard let realm = realms.first(where: { $0.name == name }) else {
        throw UsageMistake(
          message: "there is no realm \"\(name)\""
            + (realms.isEmpty ? "; the configuration has none" : "; there is \(names)"))
      }
      return ([realm], realms.filter { $0 !== realm })
    }
    guard !realms.isEmpty else {
      throw UsageMistake(message: "the configuration has no realm; see --secret-file")
    }
    return (realms, [])
  }

  // MARK: Files

  private static func realm(
    _ words: CommandWords, _ option: String, _ path: String, _ purpose: KeyFile.Purpose
  ) throws(UsageMistake) -> Realm? {
    var definition = RealmDefinition(name: path, index: 0)
    definition.issuer = try words.one("--issuer")
    definition.audiences = words.all("--audience")
    // A tool may look at tokens of any secret; what is weak about it is said.
    definition.admitsWeakSecrets = true
    definition.refresh = ClassDefinition()
    if let path = try words.one("--decrypt") {
      guard let key = decryptionKey(path) else { return nil }
      definition.decryptionKeys = [key]
    }
    let algorithm = try algorithm(words, isForSecret: option == "--secret-file")
    definition.access.algorithms = algorithm.map { [$0] }
    if option == "--secret-file" {
      let encodingName = try words.one("--encoding") ?? "raw"
      guard let encoding = SecretEncoding(rawValue: encodingName) else {
        throw UsageMistake(message: "--encoding is one of raw, base64, base64url, hex")
      }
      guard let secret = secret(path) else { return nil }
      definition.access.secret = SecretDefinition(secret, encoding: encoding)
    } else {
      guard words.all("--encoding").isEmpty else {
        throw UsageMistake(message: "--encoding belongs to --secret-file")
      }
      guard let file = keyFile(path, purpose) else { return nil }
      definition.access.keySources = [.file(file)]
    }
    do throws(RealmRejection) {
      let realm = try Realm(definition)
      for fault in realm.weaknesses { Output.explain("warning: \(path): \(fault.message)\n") }
      return realm
    } catch {
      for fault in error.faults {
        Output.complaint("\(path): \(fault.message)")
        if fault.kind == .unknownAlgorithm { Output.explain("say it with --alg\n") }
      }
      return nil
    }
  }

  private static func algorithm(
    _ words: CommandWords, isForSecret: Bool
  ) throws(UsageMistake) -> TokenAlgorithm? {
    guard let name = try words.one("--alg") else { return nil }
    guard let algorithm = TokenAlgorithm(Array(name.utf8).span) else {
      throw UsageMistake(message: "--alg is one of \(TokenAlgorithm.allNames)")
    }
    if isForSecret, !algorithm.isSymmetric {
      throw UsageMistake(message: "--alg is one of HS256, HS384, HS512 with --secret-file")
    }
    return algorithm
  }

  /// The bytes of a secret's file without one line end, as `secret_file` reads it.
  private static func secret(_ path: String) -> SecretBytes? {
    guard var bytes = read(path, SecretFile.bytesMaximum) else { return nil }
    if SecretFile.dropLineEnd(&bytes) {
      Output.explain("note: the line end of \(path) is not part of the secret\n")
    }
    return SecretBytes(bytes.span)
  }

  private static func keyFile(_ path: String, _ purpose: KeyFile.Purpose) -> KeyFile? {
    guard let bytes = read(path, KeyFile.bytesMaximum) else { return nil }
    do throws(KeyFileFault) {
      let file = try KeyFile(bytes.span, for: purpose)
      for note in file.notes { Output.explain("note: \(path): \(note)\n") }
      return file
    } catch {
      Output.complaint("\(path) \(error.message)")
      if let hint = error.hint { Output.explain("\(hint)\n") }
      return nil
    }
  }

  /// A key that opens encrypted tokens; nil after a report.
  static func decryptionKey(_ path: String) -> DecryptionKey? {
    guard let bytes = read(path, KeyFile.bytesMaximum) else { return nil }
    do throws(KeyFileFault) {
      return try DecryptionKey(bytes.span)
    } catch {
      Output.complaint("\(path) \(error.message)")
      if let hint = error.hint { Output.explain("\(hint)\n") }
      return nil
    }
  }

  private static func read(_ path: String, _ bytesMaximum: Int) -> [UInt8]? {
    do throws(SystemError) {
      return try Files.read(path, bytesMaximum: bytesMaximum)
    } catch {
      Output.complaint("\(path): \(error.reason)")
      return nil
    }
  }
}
