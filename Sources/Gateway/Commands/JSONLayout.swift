// A parsed JSON text laid out for people: two spaces a level, short arrays on one line.
//
// Written from the parsed rows, strings escaped anew: no byte of the original reaches a terminal
// unchecked.

import Bytes
import JSON

/// Lays out one document.
struct JSONLayout {
  private let document: JSONDocument
  /// Longest array of scalars that stays on one line.
  private static let lineMaximum = 72

  init(_ document: JSONDocument) { self.document = document }

  /// The whole text, laid out, without a line end. `text` is the text that was parsed.
  func render(_ text: Span<UInt8>) -> String { value(0, text, "") }

  /// Nesting is bounded by the reader's depth cap.
  private func value(_ row: Int, _ text: Span<UInt8>, _ indent: String) -> String {
    switch document.kind(row) {
    case .object:
      return block(row, "{", "}", indent) { child in
        let name = JSONText.quoted(document.text(child, in: text) ?? "")
        return "\(name): " + value(child + 1, text, indent + "  ")
      }
    case .array:
      let line = "[" + elements(row).map { value($0, text, "") }.joined(separator: ", ") + "]"
      let holdsContainers = elements(row).contains {
        document.kind($0) == .object || document.kind($0) == .array
      }
      if !holdsContainers, line.utf8.count <= Self.lineMaximum { return line }
      return block(row, "[", "]", indent) { value($0, text, indent + "  ") }
    case .string: return JSONText.quoted(document.text(row, in: text) ?? "")
    // Numbers and words are ASCII by grammar.
    case .number, .yes, .no, .null: return String(lossy: text.slice(document.range(row)))
    }
  }

  private func block(
    _ row: Int, _ open: String, _ close: String, _ indent: String, _ item: (Int) -> String
  ) -> String {
    let children = document.kind(row) == .object ? names(row) : elements(row)
    if children.isEmpty { return open + close }
    let lines = children.map { indent + "  " + item($0) }
    return open + "\n" + lines.joined(separator: ",\n") + "\n" + indent + close
  }

  private func names(_ row: Int) -> [Int] {
    var rows: [Int] = []
    var child = row + 1
    while child < document.next(row) {
      rows.append(child)
      child = document.next(child + 1)
    }
    return rows
  }

  private func elements(_ row: Int) -> [Int] {
    var rows: [Int] = []
    var child = row + 1
    while child < document.next(row) {
      rows.append(child)
      child = document.next(child)
    }
    return rows
  }
}
