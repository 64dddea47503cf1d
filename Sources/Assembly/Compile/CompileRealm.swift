// `realm`: who signs tokens. Fills Tokens' definitions and puts its faults at their lines.
//
// A fault is told by the setting's name; nothing here quotes a secret.

import Bytes
import Config
import Crypto
import Policy
import Proxy
import Tokens

/// A realm's directives, for pointing at them.
private struct RealmPlaces {
  let directive: Directive

  /// Where a fault is to be shown.
  func span(of fault: RealmFault) -> SourceSpan {
    guard let tokenClass = fault.tokenClass else {
      return directive.body.first(named: fault.setting)?.span ?? directive.span
    }
    guard let block = directive.body.first(named: "\(tokenClass.name)") else {
      return directive.span
    }
    if let place = place(of: fault, in: block.body) {
      return place.arguments.first?.span ?? place.span
    }
    return block.span
  }

  private func place(of fault: RealmFault, in body: [Directive]) -> Directive? {
    // Where algorithms are said, they are what doesn't fit.
    if fault.setting == "algorithms" { return body.first(named: "algorithms") }
    switch fault.source {
    case .secret:
      return body.first(named: fault.setting)
        ?? (fault.setting == "secret" ? body.first(named: "secret_file") : nil)
    case .previous(let index): return body.all(named: "previous").dropFirst(index).first
    case .keyFile(let index): return KeyDirectives.files(in: body).dropFirst(index).first
    }
  }
}

extension Compiler {
  /// Reads one `realm` block; the realm itself is made by `makeRealms`.
  func realm(_ directive: Directive) {
    guard let argument = directive.arguments.first, let name = name(argument),
      realmNames.add(name, at: directive.span, log)
    else { return }
    var definition = RealmDefinition(name: name, index: realmDefinitions.count)
    let errorsBefore = log.errorCount
    let body = directive.body
    if let argument = self.argument("preset", of: body) {
      let choices = TokenPreset.allCases.map { ($0.rawValue, $0) }
      definition.preset = argument.word(log, choices) ?? .none
    }
    if let argument = self.argument("issuer", of: body), argument.isUsable {
      definition.issuer = argument.text
    }
    if let directive = body.first(named: "audience") {
      definition.audiences = directive.arguments.filter(\.isUsable).map(\.text)
    }
    if let value = self.argument("leeway", of: body)?.duration(log) {
      definition.leewaySeconds = Int64(value / 1000)
    }
    if let argument = self.argument("weak_secrets", of: body),
      argument.word(log, [("allow", true)]) == true
    {
      if let listener = publicListener {
        log.error(
          "weak secrets are only admitted while every listener is on loopback", at: argument.span,
          hint: "\(listener.name) is not")
      } else {
        definition.admitsWeakSecrets = true
      }
    }
    definition.decryptionKeys = body.all(named: "decrypt").enumerated()
      .compactMap { decryptionKey($0.element, $0.offset) }
    if let mint = body.first(named: "mint") { definition.mint = self.mint(mint) }
    definition.signsItself = mintsByAny || mintingRealms.contains(name)
    keyFilePurpose = definition.signsItself ? .minting : .verifying
    // A realm without an access block lacks its secret, which Tokens says.
    var lines: [(line: ClaimRequirement, text: String)] = []
    requirements(body, to: &lines)
    if let access = body.first(named: "access") {
      definition.access = tokenClass(access, .access, lines)
    }
    if let refresh = body.first(named: "refresh") {
      definition.refresh = tokenClass(refresh, .refresh, lines)
    }
    // An unset variable or a bad value is told already: judging what is left would repeat it.
    let isWhole = log.errorCount == errorsBefore && !hasBrokenArgument(body)
    if isWhole { warnOfMissingAudience(definition, directive) }
    realmDefinitions.append(definition)
    pendingRealms.append(isWhole ? directive : nil)
  }

  /// Compiles the definitions; realm indices must match, so that nothing is made while one is missing.
  func makeRealms() {
    var realms: [Realm] = []
    for (definition, directive) in zip(realmDefinitions, pendingRealms) {
      guard let directive else { continue }
      let places = RealmPlaces(directive: directive)
      do throws(RealmRejection) {
        let realm = try Realm(definition)
        realms.append(realm)
        for fault in realm.weaknesses {
          let message = "realm \(definition.name): \(fault.message)"
          log.warning(message, at: places.span(of: fault), hint: fault.hint)
          settings.warnings.append(message)
        }
      } catch {
        for fault in error.faults {
          log.error(fault.message, at: places.span(of: fault), hint: fault.hint)
        }
      }
    }
    if realms.count == realmDefinitions.count { policy.realms = realms }
    settings.realmNames = realmDefinitions.map(\.name)
  }

  /// A class's block; `realm` are the `require` lines around it.
  private func tokenClass(
    _ directive: Directive, _ tokenClass: TokenClass,
    _ realm: [(line: ClaimRequirement, text: String)]
  ) -> ClassDefinition {
    var definition = ClassDefinition()
    let body = directive.body
    definition.requirements = requirements(of: directive, in: realm)
    keys(of: body, tokenClass, into: &definition)
    if let argument = argument("lifetime", of: body),
      let value = argument.duration(log, in: 1000...ConfigValue.durationMaximum)
    {
      definition.lifetimeSeconds = Int64(value / 1000)
    }
    if let argument = argument("type", of: body), argument.isUsable {
      definition.requiredType = argument.text
    }
    let places = body.all(named: "token").compactMap(tokenPlace)
    if !places.isEmpty { definition.places = places }
    return definition
  }

  /// `token cookie NAME [csrf HEADER|off]`.
  private func cookiePlace(_ arguments: [Argument]) -> TokenPlace? {
    let named = arguments[1]
    guard FieldNames.isToken(named.bytes) else {
      return named.refuse(log, "is not a cookie's name", nil)
    }
    guard arguments.count > 2 else { return .cookie(named.text, csrfHeader: "X-CSRF-TOKEN") }
    let hint = "write token cookie NAME csrf HEADER; or csrf off"
    guard arguments[2].text == "csrf" else {
      return arguments[2].refuse(log, "has no meaning here", hint)
    }
    guard arguments.count == 4 else {
      return arguments[2].refuse(log, "needs a header, or off", hint)
    }
    if arguments[3].text == "off" { return .cookie(named.text) }
    guard FieldNames.isToken(arguments[3].bytes) else {
      return arguments[3].refuse(log, "is not a header's name", hint)
    }
    return .cookie(named.text, csrfHeader: arguments[3].text)
  }

  /// `token header NAME [SCHEME]`, `token cookie`, `token query NAME` or `token body FIELD`.
  private func tokenPlace(_ directive: Directive) -> TokenPlace? {
    guard directive.arguments.count >= 2,
      let kind = directive.arguments[0].word(
        log,
        [
          ("header", TokenPlace.Kind.header), ("cookie", .cookie), ("query", .query),
          ("body", .bodyField),
        ])
    else { return nil }
    if kind == .cookie {
      guard directive.arguments.allSatisfy(\.isUsable) else { return nil }
      return cookiePlace(directive.arguments)
    }
    let named = directive.arguments[1]
    guard named.isUsable else { return nil }
    if directive.arguments.count > 3 {
      return directive.arguments[3].refuse(log, "has no meaning here", nil)
    }
    let scheme = directive.arguments.count > 2 ? directive.arguments[2] : nil
    guard scheme?.isUsable ?? true else { return nil }
    if kind == .header {
      guard FieldNames.isToken(named.bytes) else {
        return named.refuse(log, "is not a header's name", nil)
      }
      if let scheme, !FieldNames.isToken(scheme.bytes) {
        return scheme.refuse(log, "is not a scheme", "one word such as Bearer, or none at all")
      }
      return .header(named.text, scheme: scheme?.text ?? "")
    }
    if let scheme {
      return scheme.refuse(
        log, "has no meaning here",
        kind == .query ? "write token query NAME;" : "write token body FIELD;")
    }
    guard kind == .query else {
      guard !named.bytes.isEmpty else { return named.refuse(log, "is not a field's name", nil) }
      return .bodyField(named.text)
    }
    // Compared with what a parameter's name means once decoded.
    guard !named.bytes.isEmpty,
      named.bytes.allSatisfy({ $0.isASCIIAlphanumeric || "-._~".utf8.contains($0) })
    else {
      return named.refuse(log, "is not a parameter's name", "letters, digits, -, ., _ and ~")
    }
    return .query(named.text)
  }

  private func hasBrokenArgument(_ body: [Directive]) -> Bool {
    body.contains { directive in
      !directive.isSound || directive.arguments.contains { !$0.isUsable }
        || hasBrokenArgument(directive.body)
    }
  }
}

/// The grammar of field names (RFC 9110 §5.6.2).
enum FieldNames {
  /// True for one or more token characters.
  static func isToken(_ bytes: [UInt8]) -> Bool {
    !bytes.isEmpty
      && bytes.allSatisfy { byte in
        byte.isASCIIAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
  }
}
