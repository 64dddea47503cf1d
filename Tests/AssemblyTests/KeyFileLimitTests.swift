import Config
import Testing

@testable import Assembly

/// Key and secret files at the bound of what is read, and a byte past it.
@Suite struct KeyFileLimitTests {
  static let key =
    #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#

  func messages(_ realm: String, _ file: String) -> [String] {
    let log = DiagnosticLog()
    let text = """
      listen 127.0.0.1:80;
      realm main { \(realm) }
      upstream a { server a:1; }
      route / { upstream a; }
      """
    let source = ConfigSource.inMemory(files: ["gateway.conf": text, "file": file])
    _ = Configuration.load(path: "gateway.conf", source: source, log: log)
    return log.diagnostics.map(\.message)
  }

  @Test(arguments: ["access { key file; }", "access { jwks file; }"])
  func readsKeyFilesUpToTheirBound(_ realm: String) {
    let bound = 256 << 10
    let padding = String(repeating: " ", count: bound - Self.key.utf8.count)
    #expect(messages(realm, Self.key + padding) == [])
    #expect(messages(realm, Self.key + padding + " ") == ["\"file\" is too large for a key file"])
  }

  @Test func readsSecretFilesUpToTheirBound() {
    let secret = String(repeating: "Nh3kPq8vR2sT6wYz", count: (64 << 10) / 16)
    #expect(messages("access { secret_file file; }", secret) == [])
    #expect(
      messages("access { secret_file file; }", secret + "B") == [
        "\"file\" is too large for a secret"
      ])
  }
}
