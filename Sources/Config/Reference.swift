// The reference of all directives, as the README shows it: the directive table printed.
//
// A test compares the README with this, so that neither can be forgotten.

extension DirectiveTable {
  /// The lines around the reference in the README.
  public static let referenceMarks = (
    begin: "<!-- directives: begin -->\n", end: "<!-- directives: end -->\n"
  )

  /// One Markdown table for each kind of block.
  public static func reference() -> String {
    var out = ""
    for block in Block.allCases {
      out += "\n**\(block == .top ? "Top level" : "`\(title(block))`")**\n\n"
      out += "| directive | default | meaning |\n|---|---|---|\n"
      // `include` may stand anywhere and is told once.
      for rule in Schema.rules(in: block) where rule.name != "include" || block == .top {
        out += "| `\(escaped(rule.syntax))` | \(escaped(rule.standard ?? "–")) |"
        out += " \(escaped(rule.summary)) |\n"
      }
    }
    return out + "\n"
  }

  private static func title(_ block: Block) -> String {
    switch block {
    case .tokenClass: "access { }`, `refresh { }"
    case .routeLimits: "limits { }` of a route or group, as in `group { limits { } }"
    case .group: "group PREFIX { }"
    case .route: "route [METHOD...] PATH { }"
    case .top, .listen, .admin, .realm, .keySet, .mint, .identity, .blocklist, .cors, .limit,
      .limits, .upstream:
      block.name
    }
  }

  /// A `|` would end the cell, even within code.
  private static func escaped(_ text: String) -> String {
    text.map { $0 == "|" ? "\\|" : String($0) }.joined()
  }
}
