// The README's reference of directives is the table's own; `UPDATE_GOLDEN=1 swift test` rewrites it.

import Config
import Foundation
import Testing

private let readme = GoldenCase.folder.deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("README.md")

@Test func readmeHasTheReferenceOfTheTable() throws {
  let marks = DirectiveTable.referenceMarks
  let text = try String(contentsOf: readme, encoding: .utf8)
  let begin = try #require(text.range(of: marks.begin), "no line \(marks.begin)")
  let end = try #require(text.range(of: marks.end), "no line \(marks.end)")
  let reference = DirectiveTable.reference()
  if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
    let whole = text[..<begin.upperBound] + reference + text[end.lowerBound...]
    try whole.write(to: readme, atomically: true, encoding: .utf8)
  } else {
    #expect(text[begin.upperBound..<end.lowerBound] == reference)
  }
}

@Test func everyBlockIsInTheReference() {
  let reference = DirectiveTable.reference()
  for rule in DirectiveTable.rules {
    #expect(reference.contains(rule.summary.replacingOccurrences(of: "|", with: "\\|")))
  }
}
