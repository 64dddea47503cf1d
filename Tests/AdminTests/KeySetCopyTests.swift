import Crypto
import EventLoop
import Fetch
import Foundation
import Testing
import Tokens

@testable import Admin

/// Copies on disk: what is written, and which are used.
@Suite struct KeySetCopyTests {
  private let folder: String
  private let now: Int64 = 1_700_000_000

  init() throws { folder = try Files.makeTemporaryDirectory(prefix: "copies-") }

  private func url(_ text: String = "https://issuer.test/jwks?key=word") throws -> KeySetURL {
    KeySetURL(
      url: try #require(FetchURL(text)), tls: try TLSContext(client: .system),
      copyPath: folder + "/state/copy.json")
  }

  private func write(fetched: Int64? = nil, _ set: String = KeyStub.set(["one"])) throws {
    let text = try #require(
      KeySetCopy.text(Array(set.utf8), of: url(), fetchedSeconds: fetched ?? now - 60))
    try KeySetCopy.write(text, to: folder + "/state/copy.json")
  }

  /// What reading comes to: `used`, `missing` or the reason.
  private func read(_ url: KeySetURL? = nil) throws -> String {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    switch KeySetCopy.read(of: try url ?? self.url(), nowSeconds: now) {
    case .usable(let copy): return "used \(copy.set.keys.count) \(now - copy.fetchedSeconds)"
    case .missing: return "missing"
    case .refused(let reason): return reason
    }
  }

  @Test func isUsedByItsOwnURL() throws {
    try write()
    let path = folder + "/state/copy.json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(Files.status(path)?.mode == 0o600)
    #expect(!text.contains("word"), "a URL's query may be a secret")
    // Also a file for `--jwks`.
    #expect(try KeyFile(Array(text.utf8).span, for: .verifying).keys.count == 1)
    #expect(try read() == "used 1 60")
  }

  @Test func isMissingAtFirst() throws { #expect(try read() == "missing") }

  @Test func isNotUsedByAnotherURL() throws {
    try write()
    #expect(try read(url("https://issuer.test/jwks?key=other")) == "it is of another URL")
  }

  @Test(arguments: [(86_399, "used 1 86399"), (86_400, "it is older than a day")])
  func hasAnAge(_ age: Int64, _ want: String) throws {
    try write(fetched: now - age)
    #expect(try read() == want)
  }

  @Test func isNotOfTheFuture() throws {
    try write(fetched: now + 1)
    #expect(try read() == "its time lies in the future")
  }

  @Test(arguments: [0o620, 0o602, 0o666]) func isNotWritableByOthers(_ mode: Int) throws {
    try write()
    try FileManager.default.setAttributes(
      [.posixPermissions: mode], ofItemAtPath: folder + "/state/copy.json")
    #expect(try read().hasPrefix("others may write it"))
  }

  @Test(arguments: [
    "", "{", "[]", KeyStub.set(["one"]), "{\"gateway_copy\":{},\"keys\":[]}",
    "{\"gateway_copy\":{\"url_sha256\":1,\"fetched\":\"x\"}}",
  ]) func isNotBroken(_ text: String) throws {
    try Files.makeDirectories(folder + "/state", mode: 0o700)
    try Files.replace(
      folder + "/state/copy.json", with: Array(text.utf8).span, mode: 0o600)
    #expect(try read() == "it is broken")
  }

  @Test func isJudgedAsAnAnswerIs() throws {
    try write("{\"keys\":[{\"kty\":\"oct\",\"k\":\"\(String(repeating: "A", count: 43))\"}]}")
    #expect(try read().contains("the set holds a shared secret"))
  }

  @Test func isNoFolder() throws {
    try Files.makeDirectories(folder + "/state/copy.json", mode: 0o700)
    #expect(try read() == "it is not a file")
  }
}
