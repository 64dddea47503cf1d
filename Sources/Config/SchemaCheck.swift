// Judges directives by the table: known here, once, with a block or without, enough arguments.
//
// Called by the parser for each directive as it ends, so that what is inside an unknown block isn't
// judged by rules of another. A directive found wrong is marked and left alone from then on: one
// mistake, one report.

import Bytes

enum SchemaCheck {
  /// What nginx has under another name: its users write those first.
  private static let nginxNames = [
    "location": "route", "server_name": "host", "rewrite": "strip_prefix",
    "proxy_pass": "upstream", "return": "respond or redirect", "limit_req": "limit",
    "set_real_ip_from": "trusted_proxies", "worker_processes": "workers",
    "client_max_body_size": "body in limits { }",
    "client_header_timeout": "head_timeout in limits { }",
    "client_body_timeout": "body_timeout in limits { }",
    "proxy_connect_timeout": "connect_timeout in upstream { }",
    "proxy_read_timeout": "response_timeout and read_timeout in upstream { }",
  ]

  /// Judges one directive; false after a report. `written` is the name as it may be shown.
  static func directive(
    _ name: String, _ span: SourceSpan, arguments: [Argument], hasBlock: Bool, context: Block,
    written: String, log: DiagnosticLog
  ) -> Bool {
    guard let rule = Schema.rule(name, in: context) else {
      unknown(name, span, context: context, written: written, log: log)
      return false
    }
    if name == "env_file", span.fileIndex != 0 {
      log.error(
        "env_file in an included file", at: span,
        hint: "variables are replaced while files are read; move it to the main file")
      return false
    }
    var isSound = true
    if rule.opens == nil, hasBlock {
      log.error("\(name) takes no block", at: span, hint: "write \(rule.syntax);")
      isSound = false
    } else if rule.opens != nil, !hasBlock, !rule.blockIsOptional {
      log.error("\(name) needs a block", at: span, hint: "write \(rule.syntax)")
      isSound = false
    }
    if !rule.argumentCounts.contains(arguments.count) {
      let extra =
        arguments.count > rule.argumentCounts.upperBound
        ? arguments[rule.argumentCounts.upperBound].span : span
      log.error(
        "\(name) takes \(rule.argumentText), and here \(arguments.count == 1 ? "is" : "are")"
          + " \(arguments.count)",
        at: extra,
        hint: strayDirective(arguments.dropFirst(rule.argumentCounts.upperBound), rule, context)
          ?? "write \(rule.syntax)\(rule.opens == nil ? ";" : "")")
      isSound = false
    }
    return isSound
  }

  /// What an argument too many was meant to be, when it is the name of a directive: the next one,
  /// whose neighbour has no `;`, or one for the block that this directive may open.
  private static func strayDirective(
    _ extra: ArraySlice<Argument>, _ rule: DirectiveRule, _ context: Block
  ) -> String? {
    guard let first = extra.first, first.isUsable, !first.isQuoted, first.variables.isEmpty else {
      return nil
    }
    let name = first.text
    if let block = rule.opens, let inner = Schema.rule(name, in: block) {
      return "\(name) stands in the block: \(rule.name) … { \(inner.syntax)"
        + (inner.opens == nil ? "; }" : " }")
    }
    guard rule.opens == nil, Schema.rule(name, in: context) != nil else { return nil }
    return "a ; is missing before \(name)"
  }

  /// Reports the directives of a block that may be said only once.
  static func repetitions(in directives: [Directive], context: Block?, log: DiagnosticLog) {
    guard let context else { return }
    var first: [String: SourceSpan] = [:]
    for directive in directives where directive.isSound {
      guard let rule = Schema.rule(directive.name, in: context), !rule.isRepeatable else {
        continue
      }
      if let earlier = first[directive.name] {
        // The same file read twice tells each of its lines twice; the includes are what is wrong.
        log.error(
          "\(directive.name) is said twice", at: directive.span,
          hint: "first at \(earlier.place); only one can count")
      } else {
        first[directive.name] = directive.span
      }
    }
  }

  private static func unknown(
    _ name: String, _ span: SourceSpan, context: Block, written: String, log: DiagnosticLog
  ) {
    let homes = Schema.homes(of: name)
    if !homes.isEmpty {
      let places = homes.map(\.name).joined(separator: ", ")
      log.error(
        "\(written) does not belong in \(context.name)", at: span,
        hint: "it belongs in \(places)")
      return
    }
    let here = Schema.rules(in: context).map(\.name)
    var hint =
      nginxNames[name].map { "what nginx calls \(name) is \($0) here" }
      ?? Spelling.suggestion(for: name, among: here)
    if hint == nil {
      let elsewhere = Set(DirectiveTable.rules.map(\.name)).sorted()
      if let near = Spelling.nearest(to: name, among: elsewhere) {
        let places = Schema.homes(of: near).map(\.name).joined(separator: ", ")
        hint = "did you mean \"\(near)\"? It belongs in \(places)"
      }
    }
    log.error(
      "unknown directive \"\(written)\"", at: span,
      hint: hint ?? "here may stand \(here.sorted().joined(separator: ", "))")
  }
}
