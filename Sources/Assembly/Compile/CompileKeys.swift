// The keys of `access { }` and `refresh { }`: secrets, secrets that were, and key files; fetched sets
// are in CompileKeySet. What changes while the gateway runs is noted for it in `liveKeys`.
//
// Files are read here, once, and judged by Tokens; what is wrong with one is told at its directive,
// without a byte of it. A secret's line end is dropped and said, because a backend that reads the
// same file may keep it.

import Admin
import Bytes
import Config
import Crypto
import Tokens

/// The directives that name key files.
enum KeyDirectives {
  /// In their order, which is that of `ClassDefinition.keySources`.
  static func files(in body: [Directive]) -> [Directive] {
    body.filter { $0.name == "key" || $0.name == "jwks" }
  }
}

extension Compiler {
  /// Fills in what a class's block says about its keys.
  func keys(of body: [Directive], _ tokenClass: TokenClass, into definition: inout ClassDefinition)
  {
    var encoding = SecretEncoding.raw
    if let argument = argument("encoding", of: body) {
      let choices = SecretEncoding.allCases.map { ($0.rawValue, $0) }
      encoding = argument.word(log, choices) ?? .raw
    }
    if let argument = argument("secret", of: body), argument.isUsable {
      definition.secret = SecretDefinition(SecretBytes(argument.bytes.span), encoding: encoding)
    }
    if let argument = argument("secret_file", of: body) {
      if body.first(named: "secret") != nil {
        log.error(
          "there is a secret already", at: argument.span, hint: "say either secret or secret_file")
      } else if let secret = secretFile(argument) {
        definition.secret = SecretDefinition(secret, encoding: encoding)
      }
    }
    definition.previousSecrets = body.all(named: "previous").compactMap { previous($0, encoding) }
    for directive in KeyDirectives.files(in: body) {
      let place = LiveKeySource.Place.tokenClass(tokenClass, index: definition.keySources.count)
      if let source = keySource(directive, place) { definition.keySources.append(source) }
    }
    if let directive = body.first(named: "algorithms") {
      definition.algorithms = algorithms(directive)
    }
  }

  /// `previous TEXT until DAY`.
  private func previous(_ directive: Directive, _ encoding: SecretEncoding) -> PreviousSecret? {
    guard directive.arguments.count == 3 else { return nil }
    let (text, until, day) = (
      directive.arguments[0], directive.arguments[1], directive.arguments[2]
    )
    guard until.isUsable, until.text == "until" else {
      log.error(
        "a previous secret needs its end", at: until.span,
        hint: "write previous ${OLD_SECRET} until 2026-11-30;")
      return nil
    }
    guard let end = day.endOfDay(log), text.isUsable else { return nil }
    let secret = SecretDefinition(SecretBytes(text.bytes.span), encoding: encoding)
    return PreviousSecret(secret, endSeconds: end)
  }

  private func algorithms(_ directive: Directive) -> [TokenAlgorithm] {
    let choices = TokenAlgorithm.allCases.map { ("\($0.name)", $0) }
    var algorithms: [TokenAlgorithm] = []
    for argument in directive.arguments {
      guard let algorithm = argument.word(log, choices) else { continue }
      if algorithms.contains(algorithm) {
        log.error("\(argument.quotedForMessage) is said twice", at: argument.span, hint: nil)
      }
      algorithms.append(algorithm)
    }
    return algorithms
  }

  // MARK: Files

  private func secretFile(_ argument: Argument) -> SecretBytes? {
    guard var bytes = contents(argument, atMost: SecretFile.bytesMaximum, "a secret") else {
      return nil
    }
    if SecretFile.dropLineEnd(&bytes) {
      log.warning(
        "the line end of \(argument.text) is not part of the secret", at: argument.span,
        hint: "a backend must drop it too")
    }
    return SecretBytes(bytes.span)
  }

  /// Notes where keys come from that change while the gateway runs.
  private func watch(
    _ directive: Directive, _ place: LiveKeySource.Place, _ origin: LiveKeySource.Origin
  ) {
    liveKeys.sources.append(
      LiveKeySource(
        realm: realmDefinitions.count, place: place, directive: directive.name, origin: origin))
  }

  /// `key FILE`, `jwks FILE` or `jwks URL`.
  private func keySource(_ directive: Directive, _ place: LiveKeySource.Place) -> KeySource? {
    guard let argument = directive.arguments.first, argument.isUsable else { return nil }
    if argument.text.holds("://") {
      guard directive.name == "jwks" else {
        return argument.refuse(
          log, "is a URL, and a file is needed", "jwks takes the URL of a JWK set")
      }
      guard let set = keySet(directive, argument) else { return nil }
      watch(directive, place, .url(set))
      return .remote(nil)
    }
    if directive.block != nil {
      log.error(
        "the block is for a URL, and this is a file", at: directive.span,
        hint: "write jwks \(argument.written);")
      return nil
    }
    guard let bytes = contents(argument, atMost: KeyFile.bytesMaximum, "a key file"),
      let file = keyFile(directive, argument, bytes)
    else { return nil }
    if let path = path(argument) {
      watch(directive, place, .file(path: path, digest: KeyDigest.of(bytes)))
    }
    return .file(file)
  }

  private func keyFile(
    _ directive: Directive, _ argument: Argument, _ bytes: [UInt8]
  ) -> KeyFile? {
    do throws(KeyFileFault) {
      let file = try KeyFile(bytes.span, for: keyFilePurpose)
      if directive.name == "key", file.keys.count > 1 {
        return argument.refuse(log, "holds several keys", "write jwks for a set")
      }
      for note in file.notes { log.warning("skipped: \(note)", at: argument.span, hint: nil) }
      if file.holdsPrivateKey, keyFilePurpose == .verifying {
        log.warning(
          "\(argument.quotedForMessage) holds a private key", at: argument.span,
          hint: "the public half is enough here, and can't be stolen")
      }
      return file
    } catch {
      return argument.refuse(log, error.message, error.hint)
    }
  }

  /// `decrypt FILE` of a realm, the `index`th.
  func decryptionKey(_ directive: Directive, _ index: Int) -> DecryptionKey? {
    guard let argument = directive.arguments.first,
      let bytes = contents(argument, atMost: KeyFile.bytesMaximum, "a key file")
    else { return nil }
    do throws(KeyFileFault) {
      let key = try DecryptionKey(bytes.span)
      if let path = path(argument) {
        watch(
          directive, .decryption(index: index), .file(path: path, digest: KeyDigest.of(bytes)))
      }
      return key
    } catch {
      return argument.refuse(log, error.message, error.hint)
    }
  }

  func contents(_ argument: Argument, atMost count: Int, _ what: String) -> [UInt8]? {
    guard let path = path(argument) else { return nil }
    switch source.readFile(path, count) {
    case .bytes(let read): return read
    case .missing: return argument.refuse(log, "is not there", nil)
    case .tooLarge:
      return argument.refuse(log, "is too large for \(what)", "at most \(count) bytes")
    case .failed(let reason): return argument.refuse(log, "can't be read: \(reason)", nil)
    }
  }
}
