// `identity` and `blocklist`: what backends may trust, and what is trusted no longer.

import Config
import Policy
import Proxy
import Tokens

extension Compiler {
  /// What the `identity` block says. Policy judges their names.
  func identity(_ directive: Directive) {
    topForwarding = forwarding(directive.body, of: "identity")
    if let line = directive.body.first(named: "assertion") { assertion(line) }
    for header in directive.body.all(named: "header") {
      guard header.arguments.count == 2, header.arguments.allSatisfy(\.isUsable) else { continue }
      let (named, claim) = (header.arguments[0], header.arguments[1])
      guard FieldNames.isToken(named.bytes) else {
        let _: Bool? = named.refuse(log, "is not a header's name", nil)
        continue
      }
      let source: IdentitySource
      if claim.text == "$realm" {
        source = .realmName
      } else if claim.text.hasPrefix("$") {
        let _: Bool? = claim.refuse(log, "is no variable of a request", "there is $realm")
        continue
      } else if let path = ClaimPath(claim.text) {
        source = .claim(path)
      } else {
        let _: Bool? = claim.refuse(
          log, "is not a claim",
          "a name such as sub, or a path of at most \(ClaimPath.stepsMaximum) such as user.id")
        continue
      }
      policy.identityHeaders.append(IdentityHeaderDefinition(name: named.text, source: source))
      identityDirectives.append(header)
    }
  }

  /// The `blocklist` block; without one every realm is checked against a list in memory.
  func blocklist(_ directive: Directive?) {
    var blocklist = BlocklistSettings()
    blocklist.realmIndices = Array(realmDefinitions.indices)
    defer {
      settings.blocklist = blocklist
      policy.blocklistRealms = blocklist.realmIndices
    }
    guard let body = directive?.body else { return }
    if let argument = argument("store", of: body) {
      let _: Bool? = argument.word(log, [("memory", true)])
    }
    if let directive = body.first(named: "realms") {
      blocklist.realmIndices = directive.arguments.compactMap { realmNames.index($0, log) }
    }
    if let argument = argument("journal", of: body) { blocklist.journalPath = path(argument) }
    if let directive = body.first(named: "journal_sync"), let word = directive.arguments.first {
      let interval = directive.arguments.count > 1 ? directive.arguments[1] : nil
      switch word.word(log, [("always", true), ("interval", false)]) {
      case true:
        if let interval {
          let _: Bool? = interval.refuse(log, "has no meaning here", "write journal_sync always;")
        }
      case false:
        let value = interval.map { $0.duration(log, in: 10...60_000) } ?? 1000
        if let value { blocklist.journalSync = .interval(milliseconds: value) }
      case nil: break
      }
      if blocklist.journalPath == nil, body.first(named: "journal") == nil {
        log.error("journal_sync without a journal", at: directive.span, hint: "add journal FILE;")
      }
    }
    for directive in body.all(named: "import") {
      guard let argument = directive.arguments.first, let path = path(argument) else { continue }
      // Only whether it is there: it is read when the gateway starts.
      if source.readFile(path, 0) == .missing {
        log.error("there is no file \(path)", at: argument.span)
      }
      blocklist.importPaths.append(path)
    }
  }
}
