// `gateway status`: what the running gateway says of itself.

import Bytes
import JSON

enum StatusCommand {
  static let help = """
    usage: gateway status [--json] [--admin ADDRESS] [-c FILE]

    Asks the running gateway how it is: addresses, workers, upstreams, observed routes, every key's
    use, where keys come from, blocklist, warnings, counters.

      --json           the answer as it comes
      --admin ADDRESS  the admin address, as unix:PATH or 127.0.0.1:PORT
      --admin-token-file FILE
                       the token for --admin over TCP; with -c, the configuration names it
      -c FILE          the configuration whose admin line names it (gateway.conf); nothing else of it
                       is read, so no secret is needed

    """

  static func run(_ words: [String]) -> Int32 {
    Command.run("status", help: help, words) { (words) throws(UsageMistake) in
      let words = try CommandWords(
        words, valued: ["-c", "--admin", "--admin-token-file"], flagged: ["--json"])
      try words.expectOperands(0...0, "nothing")
      guard let client = try AdminClient.make(words) else { return ExitCode.refused }
      do throws(AdminFault) {
        let reply = try client.ask(.get, "/status")
        guard reply.status == 200, let document = reply.document else {
          let message = reply.text("error") ?? "the gateway answered \(reply.status)"
          Output.complaint("status: \(message)")
          return ExitCode.refused
        }
        Output.answer(
          words.has("--json")
            ? String(lossy: reply.body.span) + "\n" : StatusText.render(document, reply.body))
        return ExitCode.done
      } catch {
        Output.complaint("status: \(error.message)")
        return ExitCode.refused
      }
    }
  }
}

/// A JSON object as indented lines, for people: whatever later versions add is shown too.
enum StatusText {
  static func render(_ document: JSONDocument, _ body: [UInt8]) -> String {
    members(of: 0, document, body, indent: "")
  }

  private static func members(
    of node: Int, _ document: JSONDocument, _ body: [UInt8], indent: String, isReasons: Bool = false
  ) -> String {
    var out = ""
    var row = node + 1
    while row < document.next(node) {
      let name = document.text(row, in: body.span) ?? ""
      let value = row + 1
      // Reasons are spelt as in the log, where somebody will look for them.
      let label = isReasons ? name : String(name.map { $0 == "_" ? " " : $0 })
      switch document.kind(value) {
      case .object:
        out += "\(indent)\(label)\n"
        out += members(
          of: value, document, body, indent: indent + "  ", isReasons: name == "would_refuse")
      case .array:
        out += list(value, label, document, body, indent: indent)
      default: out += "\(indent)\(label): \(scalar(value, document, body))\n"
      }
      row = document.next(value)
    }
    return out
  }

  private static func list(
    _ node: Int, _ label: String, _ document: JSONDocument, _ body: [UInt8], indent: String
  ) -> String {
    var scalars: [String] = []
    var blocks = ""
    var row = node + 1
    while row < document.next(node) {
      if document.kind(row) == .object {
        var text = members(of: row, document, body, indent: indent + "    ")
        // A list's item begins with a dash where its first line would be indented.
        text = "\(indent)  - " + text.dropFirst(indent.count + 4)
        blocks += text
      } else {
        scalars.append(scalar(row, document, body))
      }
      row = document.next(row)
    }
    if blocks.isEmpty {
      return "\(indent)\(label): \(scalars.isEmpty ? "none" : scalars.joined(separator: ", "))\n"
    }
    return "\(indent)\(label)\n\(blocks)"
  }

  private static func scalar(_ node: Int, _ document: JSONDocument, _ body: [UInt8]) -> String {
    if document.kind(node) == .string { return document.text(node, in: body.span) ?? "" }
    if document.kind(node) == .array {
      var items: [String] = []
      var row = node + 1
      while row < document.next(node) {
        items.append(scalar(row, document, body))
        row = document.next(row)
      }
      return items.joined(separator: ", ")
    }
    return String(lossy: body.span.slice(document.range(node)))
  }
}
