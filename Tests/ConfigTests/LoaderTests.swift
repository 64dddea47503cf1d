// What can't be said in a golden: bounds at the bound and one past it, bytes that are no text, and that
// nothing a file may hold makes the reader trap, hang or tell a secret.

import Bytes
import Testing

@testable import Config

private func load(
  _ files: [String: String], environment: [String: String] = [:]
) -> (directives: [Directive]?, log: DiagnosticLog) {
  let log = DiagnosticLog()
  let source = ConfigSource.inMemory(files: files, environment: environment)
  return (ConfigLoader.load(path: "gateway.conf", source: source, log: log), log)
}

private func messages(_ text: String) -> [String] {
  load(["gateway.conf": text]).log.diagnostics.map(\.message)
}

@Test func missingMainFileIsNamed() {
  let log = load([:]).log
  #expect(
    log.rendered == """
      gateway.conf: error: there is no such file
            = name the configuration with -c FILE

      """)
}

@Test func fileThatCannotBeReadSaysWhy() {
  let log = DiagnosticLog()
  var source = ConfigSource.inMemory(files: [:])
  source.readFile = { _, _ in .failed(reason: "Permission denied") }
  #expect(ConfigLoader.load(path: "a/gateway.conf", source: source, log: log) == nil)
  #expect(
    log.rendered
      == "a/gateway.conf: error: a/gateway.conf can't be read: Permission denied\n")
}

@Test func bytesThatAreNotUTF8AreToldAtTheirPlace() {
  let log = DiagnosticLog()
  var source = ConfigSource.inMemory(files: [:])
  source.readFile = { _, _ in .bytes(Array("workers 2;\nerrors ".utf8) + [0xC3, 0x28]) }
  _ = ConfigLoader.load(path: "gateway.conf", source: source, log: log)
  #expect(log.diagnostics.map(\.message) == ["the file is not UTF-8 from here on"])
  #expect(log.diagnostics.first?.line == 2)
  #expect(log.diagnostics.first?.column == 8)
}

@Test(arguments: [(0, false), (1, true)])
func fileSizeIsBounded(_ extra: Int, _ isRefused: Bool) {
  let text = String(repeating: "#", count: ConfigLimits.fileBytesMaximum + extra)
  #expect(
    messages(text) == (isRefused ? ["gateway.conf has more than 1048576 bytes"] : []))
}

@Test(arguments: [(0, false), (1, true)])
func directiveCountIsBounded(_ extra: Int, _ isRefused: Bool) {
  let count = ConfigLimits.directiveCountMaximum + extra
  let text = String(repeating: "listen :1;\n", count: count)
  #expect(messages(text) == (isRefused ? ["more than 20000 directives"] : []))
}

@Test(arguments: [(0, false), (1, true)])
func fileCountIsBounded(_ extra: Int, _ isRefused: Bool) {
  var files: [String: String] = ["gateway.conf": "include parts/*.conf;"]
  for index in 0..<(ConfigLimits.fileCountMaximum - 1 + extra) {
    files["parts/\(index).conf"] = ""
  }
  #expect(load(files).log.diagnostics.map(\.message) == (isRefused ? ["more than 256 files"] : []))
}

@Test(arguments: [(0, false), (1, true)])
func expandedWordsAreBounded(_ extra: Int, _ isRefused: Bool) {
  let value = String(repeating: "x", count: ConfigLimits.wordBytesMaximum / 2)
  let text = "access_log ${A}${A}\(String(repeating: "x", count: extra));"
  let log = load(["gateway.conf": text], environment: ["A": value]).log
  #expect(
    log.diagnostics.map(\.message)
      == (isRefused ? ["more than 8192 bytes once its variables are replaced"] : []))
}

@Test func diagnosticsAreBoundedAndTheRestIsCounted() {
  let text = String(repeating: "nonsense;\n", count: DiagnosticLog.countMaximum + 7)
  let log = load(["gateway.conf": text]).log
  #expect(log.diagnostics.count == DiagnosticLog.countMaximum)
  #expect(log.errorCount == DiagnosticLog.countMaximum + 7)
  #expect(log.rendered.hasSuffix("… and 7 more\n"))
}

@Test func secretOfAnyBytesArrivesAsItIs() {
  let log = DiagnosticLog()
  var source = ConfigSource.inMemory(
    files: ["gateway.conf": "realm a { access { secret ${S}; } }"])
  source.environment = { $0 == "S" ? [0xFF, 0x00, 0x7B, 0x20] : nil }
  let directives = ConfigLoader.load(path: "gateway.conf", source: source, log: log) ?? []
  let secret = directives.first?.body.first?.body.first?.arguments.first
  #expect(secret?.bytes == [0xFF, 0x00, 0x7B, 0x20])
  #expect(secret?.written == "${S}")
  #expect(log.diagnostics.isEmpty)
}

@Test func adminLineIsReadWithoutSecrets() {
  let log = DiagnosticLog()
  let source = ConfigSource.inMemory(files: [
    "gateway.conf": "admin unix:run/a.sock; realm a { access { secret ${UNSET}; } } nonsense; {"
  ])
  let admin = ConfigLoader.adminDirective(path: "gateway.conf", source: source, log: log)
  #expect(admin?.arguments.first?.text == "unix:run/a.sock")
  #expect(log.diagnostics.isEmpty)
}

@Test func adminLineWithAnUnsetVariableSaysSo() {
  let log = DiagnosticLog()
  let source = ConfigSource.inMemory(files: ["gateway.conf": "admin ${WHERE};"])
  #expect(ConfigLoader.adminDirective(path: "gateway.conf", source: source, log: log) == nil)
  #expect(
    log.diagnostics.map(\.message) == [
      "gateway.conf:1:7: the admin address ${WHERE} can't be read"
    ])
}

private let sample = """
  env_file .env optional;
  workers "2"; # hush
  realm main {
    preset flask-jwt-extended;
    access { secret hush-hush; lifetime 15m; }
    refresh { secret "hush \\" hush"; lifetime ${DAYS:-7}d; }
  }
  include routes/*.conf;
  group /a { route GET "/x y" { auth none; } }
  """

@Test func everyPrefixIsReadWithoutTellingASecret() {
  let bytes = Array(sample.utf8)
  for count in 0...bytes.count {
    let log = load([
      "gateway.conf": String(decoding: bytes[..<count], as: UTF8.self),
      "routes/a.conf": String(decoding: bytes[count...], as: UTF8.self),
    ]).log
    #expect(!log.rendered.contains("hush"), "cut at \(count): \(log.rendered)")
  }
}

@Test func everyChangedByteIsReadWithoutTrap() {
  let bytes = Array(sample.utf8)
  for offset in bytes.indices {
    for byte in Array("{\"; ".utf8) + [0xFF] {
      var changed = bytes
      changed[offset] = byte
      let log = DiagnosticLog()
      var source = ConfigSource.inMemory(files: [:])
      source.readFile = { path, _ in path == "gateway.conf" ? .bytes(changed) : .missing }
      _ = ConfigLoader.load(path: "gateway.conf", source: source, log: log)
      #expect(!log.rendered.contains("\u{0}"))
    }
  }
}

@Test func everyDirectiveOfTheTableIsConsistent() {
  for rule in DirectiveTable.rules {
    #expect(!rule.contexts.isEmpty && rule.summary.hasSuffix("."), "\(rule.syntax)")
    #expect((rule.opens != nil) == rule.syntax.contains("{"), "\(rule.syntax)")
    for context in rule.contexts {
      let same = DirectiveTable.rules.filter {
        $0.name == rule.name && $0.contexts.contains(context)
      }
      #expect(same.count == 1, "\(rule.name) has two rows in \(context.name)")
    }
  }
  for block in Block.allCases {
    #expect(Schema.rules(in: block).count > 1, "\(block.name) holds nothing")
  }
}

@Test(arguments: ["{", "a {", "group /a {\n", "}", ";", "\"", "${", "include gateway.conf;"])
func manyOfAnythingEnd(_ text: String) {
  let log = load(["gateway.conf": String(repeating: text, count: 10_000)]).log
  #expect(log.hasErrors)
}
