// `jwks URL [{ … }]`: a key set that is fetched while the gateway runs. Nothing is fetched here, so that
// a configuration can be checked without a network.
//
// Plain `http` is refused, because who can change the answer on its way can sign tokens; on loopback
// nobody can who isn't on this machine, so there it is taken with a warning: for tests and for a sidecar
// that does the encryption.

import Admin
import Config
import Crypto
import EventLoop
import Fetch
import Tokens

/// A URL that was read, where, and with which settings: a second directive must mean the same.
struct NamedKeySet {
  let set: KeySetURL
  let authorities: String?
  let span: SourceSpan
}

extension Compiler {
  /// Most bytes of a file of authorities: what a whole system trusts is a quarter of it.
  private static let authoritiesBytesMaximum = 1 << 20

  /// What a `jwks` directive with a URL says; nil after a report.
  func keySet(_ directive: Directive, _ argument: Argument) -> KeySetURL? {
    guard let url = keySetURL(argument) else { return nil }
    let known = keySets[url]
    // Said once, the settings hold wherever the URL is named again.
    if let known, directive.block == nil { return known.set }
    let errorsBefore = log.errorCount
    let authorities = self.argument("ca", of: directive.body)
    let tls = authorities == nil ? systemTLS(at: argument) : authorities.flatMap(self.authorities)
    let copy = copyPath(self.argument("copy", of: directive.body), url)
    let timeout = self.argument("timeout", of: directive.body)?.duration(log, in: 100...60_000)
    guard log.errorCount == errorsBefore, let tls else { return nil }
    let set = KeySetURL(
      url: url, tls: known?.set.tls ?? tls, copyPath: copy,
      timeoutMilliseconds: timeout ?? KeySetURL.timeoutMillisecondsDefault)
    let path = authorities.flatMap { self.path($0) }
    if let known {
      guard known.authorities == path, known.set.copyPath == set.copyPath,
        known.set.timeoutMilliseconds == set.timeoutMilliseconds
      else {
        return argument.refuse(
          log, "is fetched once, and its settings differ",
          "first at \(known.span.place); say them there alone")
      }
      return known.set
    }
    keySets[url] = NamedKeySet(set: set, authorities: path, span: directive.span)
    return set
  }

  /// An issuer signs for many with the same keys: who names no audience takes the tokens of them all.
  func warnOfMissingAudience(_ definition: RealmDefinition, _ directive: Directive) {
    let isFetched = liveKeys.sources.contains { source in
      guard source.realm == definition.index, case .url = source.origin else { return false }
      return true
    }
    guard isFetched, definition.audiences.isEmpty else { return }
    log.warning(
      "realm \(definition.name) takes whatever its issuer signs, also for other APIs",
      at: directive.span, hint: "add audience NAME; with what the issuer calls this one")
  }

  // MARK: Arguments

  private func keySetURL(_ argument: Argument) -> FetchURL? {
    guard let url = FetchURL(argument.text) else {
      let (what, hint) = fault(of: argument.text)
      return argument.refuse(log, what, hint)
    }
    guard !url.isSecure else { return url }
    let isHere: Bool
    switch url.endpoint {
    case .address(let address): isHere = address.isLoopback
    case .name(let name, _): isHere = name == "localhost"
    }
    guard isHere else {
      return argument.refuse(
        log, "is not encrypted: who can change the answer on its way can sign tokens",
        "write https://; `{ ca FILE; }` behind it trusts an authority of your own")
    }
    log.warning(
      "\(argument.quotedForMessage) is fetched without encryption", at: argument.span,
      hint: "every program of this machine that can take its place can sign tokens")
    return url
  }

  /// What is wrong with a text that is no URL of ours.
  private func fault(of text: String) -> (what: String, hint: String) {
    let example = "write https://login.example.com/.well-known/jwks.json"
    guard text.hasPrefix("https://") || text.hasPrefix("http://") else {
      return ("is neither an https URL nor a file", example)
    }
    let place = text.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" && $0 != "?" }
    if place.contains("@") {
      return ("holds a user", "URLs end up in logs: there is no place for a password in one")
    }
    if text.contains("#") { return ("has a fragment", "leave out what follows the #") }
    return ("is not a URL that can be read in one way", example)
  }

  /// The context of those who trust as the system does: one for all.
  private func systemTLS(at argument: Argument) -> TLSContext? {
    if let systemTLSContext { return systemTLSContext }
    do throws(TLSFault) {
      let made = try TLSContext(client: .system, protocols: ["http/1.1"])
      systemTLSContext = made
      return made
    } catch {
      return argument.refuse(log, "can't be fetched: \(error)", nil)
    }
  }

  private func authorities(_ argument: Argument) -> TLSContext? {
    guard
      let text = contents(argument, atMost: Self.authoritiesBytesMaximum, "certificates")
    else { return nil }
    do throws(TLSFault) {
      return try TLSContext(client: .pem(text), protocols: ["http/1.1"])
    } catch {
      return argument.refuse(
        log, "holds no certificate that can be read",
        "it takes the authority's certificate in PEM (BEGIN CERTIFICATE)")
    }
  }

  /// Where the copy is; nil for `off`.
  private func copyPath(_ argument: Argument?, _ url: FetchURL) -> String? {
    guard let argument else {
      let name = "state/jwks-\(KeySetURL.digest(url).prefix(16)).json"
      return ConfigPath.resolve(name, relativeTo: mainFile)
    }
    return argument.isUsable && argument.text == "off" ? nil : path(argument)
  }
}
