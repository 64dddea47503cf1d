// What Policy finds wrong with the definitions as a whole, told at the lines that they came from.
//
// Policy knows no lines and quotes values between backticks. A quoted value that is an argument of the
// directive becomes the place to point at; one that came from a variable is replaced by what the file
// says, because values of variables are never printed.

import Config
import Policy

extension Compiler {
  /// Asks Policy what can't stand, and reports it; beside other mistakes, what is certain all the same.
  func judgePolicy(_ directives: [Directive]) {
    let values = variableValues(in: directives)
    let isWhole = !log.hasErrors
    for mistake in policy.mistakes(isWhole: isWhole) {
      if !isWhole, isDoubtful(mistake) { continue }
      let sources: [Directive]
      let index: Int
      switch mistake.subject {
      case .route(let route): (sources, index) = (routeDirectives, route)
      case .cors(let policy): (sources, index) = (corsDirectives, policy)
      case .limit(let limit): (sources, index) = (limitDirectives, limit)
      case .identityHeader(let header): (sources, index) = (identityDirectives, header)
      case .assertion: (sources, index) = ([assertionDirective].compactMap(\.self), 0)
      }
      let message = redacted(mistake.message, values)
      var hint = mistake.hint.map { redacted($0, values) }
      guard sources.indices.contains(index) else {
        log.error(message, inFile: mainFile, hint: hint)
        continue
      }
      if let related = mistake.related, sources.indices.contains(related) {
        let other = "the other one is at \(sources[related].span.place)"
        // Some hints end with a directive and its semicolon.
        hint = hint.map { ($0.hasSuffix(";") ? $0 + " " : $0 + "; ") + other } ?? other
      }
      let quoted = quotedParts(mistake.message).first
      let span = quoted.flatMap { self.span(of: $0, in: sources[index]) }
      log.error(message, at: span ?? sources[index].span, hint: hint)
    }
  }

  /// True when one of the routes that a mistake is about was not understood in all its parts: the
  /// refused line may be what makes it another route.
  private func isDoubtful(_ mistake: PolicyMistake) -> Bool {
    guard case .route(let index) = mistake.subject else { return false }
    return doubtfulRoutes.contains(index)
      || mistake.related.map(doubtfulRoutes.contains) ?? false
  }

  /// What stands between backticks.
  private func quotedParts(_ message: String) -> [String] {
    let parts = message.split(separator: "`", omittingEmptySubsequences: false)
    return parts.enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
  }

  /// Where a quoted text stands in a directive or its block: an argument, or a directive of the block
  /// that it begins with (`origins *`).
  private func span(of text: String, in directive: Directive) -> SourceSpan? {
    // Inside first: a policy may be named like one of its origins.
    for inner in directive.body {
      if let found = span(of: text, in: inner) { return found }
    }
    if let found = directive.arguments.first(where: { $0.isUsable && $0.text == text }) {
      return found.span
    }
    let name = String(text.prefix { $0 != " " })
    return directive.body.first(named: name)?.span
  }

  /// Every argument with a variable in it: what it came to be, and what the file says.
  private func variableValues(in directives: [Directive]) -> [(value: String, written: String)] {
    directives.flatMap { directive in
      directive.arguments.filter { !$0.variables.isEmpty }
        .map { (value: $0.text.lowercased(), written: $0.written) }
        + variableValues(in: directive.body)
    }
  }

  private func redacted(
    _ message: String, _ values: [(value: String, written: String)]
  ) -> String {
    let parts = message.split(separator: "`", omittingEmptySubsequences: false).map(String.init)
    let shown = parts.enumerated().map { offset, part in
      guard offset % 2 == 1 else { return part }
      let lowercase = part.lowercased()
      // A whole value, or one that is long enough not to be there by chance.
      let match = values.first { value, _ in
        lowercase == value || (value.utf8.count > 2 && lowercase.holds(value))
      }
      return match?.written ?? part
    }
    return shown.joined(separator: "`")
  }
}
