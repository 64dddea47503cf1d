// `require`: what a route asks of a token's claims, and what a realm asks of each of its tokens.
//
// Lines accumulate from the outside in and all of them hold; `require none` clears what the groups
// around have said, and nothing of its own block, whatever the order. Of one line's values any will
// do; `require all` makes a line of each of them.

import Config
import Tokens

extension Compiler {
  /// Adds the lines of a block to what the blocks around it said.
  func requirements(_ body: [Directive], to lines: inout [(line: ClaimRequirement, text: String)]) {
    let directives = body.all(named: "require")
    let clears = directives.filter { $0.arguments.first?.text == "none" }
    if let clear = clears.first {
      if clear.arguments.count > 1 {
        log.error("none stands alone", at: clear.span, hint: "write require none;")
      }
      lines = []
    }
    for directive in directives where directive.arguments.first?.text != "none" {
      for words in spelledOut(directive) {
        guard let line = requirement(words, directive) else { continue }
        if lines.contains(where: { $0.line == line }) { continue }
        lines.append((line, words.map(\.written).joined(separator: " ")))
      }
    }
  }

  /// What every token of a class must say: the realm's lines and the class's own.
  func requirements(
    of block: Directive, in realm: [(line: ClaimRequirement, text: String)]
  ) -> [ClaimRequirement] {
    var lines = realm
    requirements(block.body, to: &lines)
    if lines.count > ClaimRequirement.linesMaximum {
      log.error(
        "more than \(ClaimRequirement.linesMaximum) require lines hold for these tokens",
        at: block.span, hint: "a token with more rules is better judged by the backend")
    }
    return lines.map(\.line)
  }

  /// The words of the lines that a directive stands for: one, or with `all` one for each value.
  private func spelledOut(_ directive: Directive) -> [[Argument]] {
    let words = directive.arguments
    guard words.allSatisfy(\.isUsable), let quantifier = words.first?.text,
      quantifier == "all" || quantifier == "any"
    else { return [words] }
    let line = Array(words.dropFirst())
    let kind = line.first?.text
    guard kind == "scope" || kind == "role" || kind == "claim" else {
      log.error(
        "\(quantifier) of what?", at: directive.span,
        hint: "write require \(quantifier) scope NAME NAME; or role, or claim NAME VALUE VALUE")
      return []
    }
    let subject = line.prefix(kind == "claim" ? 2 : 1)
    let values = line.dropFirst(subject.count)
    guard quantifier == "all", values.count > 1 else { return [line] }
    return values.map { subject + [$0] }
  }

  private func requirement(_ words: [Argument], _ directive: Directive) -> ClaimRequirement? {
    guard let kind = words.first, words.allSatisfy(\.isUsable) else { return nil }
    let rest = words.dropFirst()
    switch kind.text {
    case "scope":
      for scope in rest where !ClaimRequirement.isScope(scope.bytes) {
        return scope.refuse(
          log, "is not a scope", "one word of printable ASCII without quotes and backslashes")
      }
      return line(.scope, rest, directive, "write require scope NAME;")
    case "role": return line(.role, rest, directive, "write require role NAME;")
    case "claim":
      guard let name = rest.first else {
        log.error("which claim?", at: directive.span, hint: "write require claim NAME VALUE;")
        return nil
      }
      guard let path = ClaimPath(name.text) else {
        return name.refuse(
          log, "is not a claim",
          "a name such as tenant, or a path of at most \(ClaimPath.stepsMaximum) such as user.id")
      }
      return line(.claim(path), rest.dropFirst(), directive, nil)
    case "fresh":
      if let extra = rest.first {
        return extra.refuse(log, "has no meaning here", "write require fresh;")
      }
      return ClaimRequirement(.fresh)
    default:
      return kind.word(
        log,
        [
          ("scope", nil), ("role", nil), ("claim", nil), ("fresh", nil), ("none", nil),
          ("any", nil),
          ("all", nil),
        ]
          as [(String, ClaimRequirement?)]) ?? nil
    }
  }

  /// A line with its values. `hint` is what to write where none is said; nil where none is fine.
  private func line(
    _ subject: ClaimRequirement.Subject, _ values: ArraySlice<Argument>, _ directive: Directive,
    _ hint: String?
  ) -> ClaimRequirement? {
    if values.isEmpty, let hint {
      log.error("which one?", at: directive.span, hint: hint)
      return nil
    }
    if let empty = values.first(where: \.bytes.isEmpty) {
      return empty.refuse(log, "is empty", nil)
    }
    if values.count > 1, let first = values.first, first.text == "all" || first.text == "any" {
      // Read as a value it would let those in who have only that one, or another one.
      return first.refuse(
        log, "stands among the values, of which any will do",
        "write require \(first.text) scope NAME NAME; a value of this name stands last")
    }
    guard values.count <= ClaimRequirement.valuesMaximum else {
      log.error(
        "at most \(ClaimRequirement.valuesMaximum) values", at: directive.span,
        hint: "a claim with more is better judged by the backend")
      return nil
    }
    return ClaimRequirement(subject, values.map(\.text))
  }
}
