// Whose keys `token verify` and `token sign` work with: a realm of the configuration, or a secret
// from a file without any configuration.

import Assembly
import Bytes
import Crypto
import EventLoop
import Tokens

/// A realm for a tool.
enum TokenRealmOption {
  static let valued = ["-c", "--secret-file", "--encoding", "--alg", "--issuer", "--audience"]
  static let help = """
      -c FILE             the configuration (gateway.conf)
      --secret-file FILE  no configuration: the secret is in this file (one line end is dropped)
      --encoding E        with --secret-file: raw (as the backends take it), base64, base64url, hex
      --alg ALG           with --secret-file: HS256, HS384 or HS512 (HS256)
      --issuer TEXT       with --secret-file: the token's iss
      --audience TEXT     with --secret-file: the token's aud; may be given several times
    """
  private static let secretBytesMaximum = 64 << 10

  /// The realm that the words mean; nil after a report of what is wrong with it.
  static func load(_ words: CommandWords, name: String?) throws(UsageMistake) -> Realm? {
    if let path = try words.one("--secret-file") {
      guard name == nil else {
        throw UsageMistake(message: "--secret-file is used without a realm's name")
      }
      return try realm(words, secretFile: path)
    }
    for option in ["--encoding", "--alg", "--issuer", "--audience"] where !words.all(option).isEmpty
    {
      throw UsageMistake(message: "\(option) belongs to --secret-file; a realm has its own")
    }
    guard let configuration = ConfigurationOption.load(try ConfigurationOption.path(words)) else {
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
      return realm
    }
    guard let realm = realms.first else {
      throw UsageMistake(message: "the configuration has no realm; see --secret-file")
    }
    guard realms.count == 1 else {
      throw UsageMistake(message: "there are several realms, say which: \(names)")
    }
    return realm
  }

  private static func realm(
    _ words: CommandWords, secretFile path: String
  ) throws(UsageMistake) -> Realm? {
    var definition = RealmDefinition(name: path, index: 0)
    let encodingName = try words.one("--encoding") ?? "raw"
    guard let encoding = SecretEncoding(rawValue: encodingName) else {
      throw UsageMistake(message: "--encoding is one of raw, base64, base64url, hex")
    }
    let algorithmName = Array((try words.one("--alg") ?? "HS256").utf8)
    guard let algorithm = TokenAlgorithm(algorithmName.span) else {
      throw UsageMistake(message: "--alg is one of HS256, HS384, HS512")
    }
    definition.issuer = try words.one("--issuer")
    definition.audiences = words.all("--audience")
    // A tool may look at tokens of any secret; what is weak about it is said.
    definition.admitsWeakSecrets = true
    definition.access.algorithm = algorithm
    definition.refresh = ClassDefinition()
    do throws(SystemError) {
      var bytes = try Files.read(path, bytesMaximum: secretBytesMaximum)
      if bytes.last == UInt8(ascii: "\n") {
        bytes.removeLast()
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        Output.explain("note: the line end of \(path) is not part of the secret\n")
      }
      definition.access.secret = SecretDefinition(SecretBytes(bytes.span), encoding: encoding)
    } catch {
      Output.complaint("\(path): \(error.reason)")
      return nil
    }
    do throws(RealmRejection) {
      let realm = try Realm(definition)
      for fault in realm.weaknesses { Output.explain("warning: \(path): \(fault.message)\n") }
      return realm
    } catch {
      for fault in error.faults { Output.complaint("\(path): \(fault.message)") }
      return nil
    }
  }
}
