// Walks Tests/Golden/Config: each file holds a configuration, a dashed line, and the model or the
// diagnostics that it must give. `UPDATE_GOLDEN=1 swift test` rewrites what stands below the line.

import Bytes
import Config
import Foundation
import Testing

/// One golden file: texts by name, variables of the environment, and what is expected.
struct GoldenCase: CustomTestStringConvertible {
  let url: URL
  var files: [String: String] = [:]
  var environment: [String: String] = [:]
  var input = ""
  var expected = ""

  var testDescription: String { url.lastPathComponent }

  /// `== NAME` begins a file, `== environment` the variables; text before any is `gateway.conf`.
  init(url: URL) throws {
    self.url = url
    let text = try String(contentsOf: url, encoding: .utf8)
    let parts = text.components(separatedBy: "\n--------\n")
    input = parts[0]
    expected = parts.count > 1 ? parts[1] : ""
    var name = "gateway.conf"
    for line in input.components(separatedBy: "\n") {
      if line.hasPrefix("== ") {
        name = String(line.dropFirst(3))
      } else if name == "environment" {
        let pair = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if pair.count == 2 { environment[String(pair[0])] = String(pair[1]) }
      } else {
        files[name, default: ""] += line + "\n"
      }
    }
  }

  static let folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Golden/Config")

  static let all: [GoldenCase] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasSuffix(".txt") }.sorted()
      .compactMap { try? GoldenCase(url: folder.appendingPathComponent($0)) }
  }()
}

/// The model as an indented list: what each argument came to be, and where it stands.
func dump(_ directives: [Directive], indent: String = "") -> String {
  var out = ""
  for directive in directives {
    let arguments = directive.arguments.map { argument in
      argument.variables.isEmpty ? "[\(argument.text)]" : "[\(argument.text)]<-\(argument.written)"
    }
    let words = [directive.name] + arguments
    out +=
      "\(indent)\(directive.span.line):\(directive.span.column) \(words.joined(separator: " "))"
    out += "  # \(directive.span.file)\n"
    out += dump(directive.body, indent: indent + "  ")
  }
  return out
}

@Test func findsGoldenFiles() {
  #expect(GoldenCase.all.count > 10)
}

@Test(arguments: GoldenCase.all)
func matchesGolden(_ golden: GoldenCase) throws {
  let log = DiagnosticLog()
  let source = ConfigSource.inMemory(files: golden.files, environment: golden.environment)
  let directives = ConfigLoader.load(path: "gateway.conf", source: source, log: log)
  var result = log.rendered
  if !log.hasErrors { result += dump(directives ?? []) }
  if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
    try (golden.input + "\n--------\n" + result).write(
      to: golden.url, atomically: true, encoding: .utf8)
  } else {
    #expect(result == golden.expected)
  }
  // Every variable of a golden named *SECRET* holds this, and some files do.
  #expect(!result.contains("hush"), "a secret was printed")
}
