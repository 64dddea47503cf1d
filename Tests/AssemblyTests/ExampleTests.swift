// The repository's own configuration, as a newcomer has it: with a `.env`, without one, and with the
// placeholders of `.env.example`.

import Config
import Foundation
import Testing

@testable import Assembly

/// Compiles the example with a given `.env`; nil for none.
private func example(env: String?) throws -> (configuration: Configuration?, log: DiagnosticLog) {
  var files: [String: String] = [:]
  for name in ["gateway.conf", "routes/flask.conf", "routes/nestjs.conf", "routes/fastapi.conf"] {
    files[name] = try String(
      contentsOf: GoldenCase.root.appendingPathComponent(name), encoding: .utf8)
  }
  files[".env"] = env
  let log = DiagnosticLog()
  let source = ConfigSource.inMemory(files: files)
  return (Configuration.load(path: "gateway.conf", source: source, log: log), log)
}

@Test func exampleWorksWithSecrets() throws {
  let (configuration, log) = try example(
    env: """
      JWT_ACCESS_SECRET=kA0rTzL3yC4nQ8vWb1dF6hJ9mP2sU5xZ
      JWT_REFRESH_SECRET=Zx5Us2Pm9Jh6Fd1bWv8Qn4Cy3LzTr0Ak
      """)
  #expect(log.rendered == "")
  let routes = try #require(configuration?.routes)
  #expect(routes.count == 16)
  #expect(routes.first?.path == "/fastapi")
  #expect(routes.dropLast().allSatisfy { $0.place.hasPrefix("routes/") })
  #expect(routes.last?.target == "respond health")
  #expect(configuration?.settings.blocklist.journalPath == "state/blocklist.journal")
}

@Test func exampleWithoutEnvNamesVariablesAndCommand() throws {
  let (configuration, log) = try example(env: nil)
  #expect(configuration == nil)
  #expect(
    log.diagnostics.map(\.message) == [
      "the variable JWT_ACCESS_SECRET is not set", "the variable JWT_REFRESH_SECRET is not set",
    ])
  #expect(
    log.diagnostics.allSatisfy {
      $0.hint == ".env does not exist; make it with: gateway secret new --env > .env"
    })
}

@Test func exampleRefusesThePlaceholdersOfTheEnvExample() throws {
  let text = try String(
    contentsOf: GoldenCase.root.appendingPathComponent(".env.example"), encoding: .utf8)
  let (configuration, log) = try example(env: text)
  #expect(configuration == nil)
  #expect(log.diagnostics.count == 2)
  #expect(log.diagnostics.allSatisfy { $0.message.contains("published default") })
}
