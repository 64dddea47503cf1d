import EventLoop
import Foundation
import Policy
import Testing
import Tokens

@testable import Admin
@testable import Proxy

/// Key files that change, under a clock that the test moves.
@Suite(.timeLimit(.minutes(2))) struct KeyFileWatchTests {
  /// A folder with one file, watched by realm `main`.
  private final class Stage {
    let folder: String
    let path: String
    private(set) var harness: ControlHarness!

    init(_ names: String..., directive: String = "jwks") throws {
      folder = try Files.makeTemporaryDirectory(prefix: "key-files-")
      path = folder + "/set.json"
      let text = KeyStub.set(names)
      try put(text)
      var definition = RealmDefinition(name: "main", index: 0)
      definition.access.keySources = [
        .file(try KeyFile(Array(text.utf8).span, for: .verifying))
      ]
      harness = try ControlHarness(
        keys: LiveKeySources(
          definitions: [definition],
          sources: [
            LiveKeySource(
              realm: 0, place: .tokenClass(.access, index: 0), directive: directive,
              origin: .file(path: path, digest: KeyDigest.of(Array(text.utf8))))
          ]), workers: 1)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func put(_ text: String) throws {
      try Files.replace(path, with: Array(text.utf8).span, mode: 0o600)
    }

    var report: KeySetReport { harness.loop.liveKeys.reports[0] }

    /// Moves the clock by looks until something is so.
    func look(until isSo: () -> Bool) throws {
      for _ in 0..<2000 {
        if isSo() { return }
        harness.turn(afterMilliseconds: 1000, waiting: 5)
      }
      throw CancellationError()
    }

    /// Two looks: what was to be seen was seen.
    func lookTwice() {
      for _ in 0..<2 {
        let before = harness.loop.liveKeys.lookCount
        for _ in 0..<2000 where harness.loop.liveKeys.lookCount == before {
          harness.turn(afterMilliseconds: 1000, waiting: 5)
        }
      }
    }
  }

  @Test func whatDidNotChangeIsNoNews() throws {
    let stage = try Stage("one")
    stage.lookTwice()
    try stage.put(KeyStub.set(["one"]))
    stage.lookTwice()
    #expect(stage.harness.loop.liveKeys.realms.version == 1)
    #expect(stage.harness.notices.lines.isEmpty)
    #expect(stage.report.kind == .file && stage.report.place == stage.path)
  }

  @Test func takesANewFileInTheOldOnesPlace() throws {
    let stage = try Stage("one")
    try stage.put(KeyStub.set(["one", "two"]))
    try stage.look { stage.report.keyCount == 2 }
    #expect(stage.harness.notices.lines == ["\(stage.path): new keys are in use (2)"])
    stage.harness.turn()
    let hasTold = stage.harness.messages(0).contains { message in
      if case .realmsChanged(let realms) = message { realms.version == 2 } else { false }
    }
    #expect(hasTold)
  }

  @Test func takesWhatIsWrittenIntoTheFile() throws {
    let stage = try Stage("one")
    stage.lookTwice()
    try Data(KeyStub.set(["two", "three"]).utf8).write(to: URL(fileURLWithPath: stage.path))
    try stage.look { stage.report.keyCount == 2 }
  }

  @Test(arguments: ["", "{\"keys\":[", "hello", "{\"keys\":[]}"])
  func aBrokenFileKeepsTheKeysAndIsSaidOnce(_ text: String) throws {
    let stage = try Stage("one")
    try stage.put(text)
    try stage.look { stage.report.failure != nil }
    try stage.put(text + " ")
    stage.lookTwice()
    #expect(stage.report.keyCount == 1)
    #expect(stage.harness.loop.liveKeys.realms.version == 1)
    #expect(stage.harness.notices.lines.count == 1)
    #expect(stage.harness.notices.lines[0].contains("the keys read before stay in use"))
    try stage.put(KeyStub.set(["one"]))
    try stage.look { stage.report.failure == nil }
    #expect(stage.harness.notices.lines.count == 2)
  }

  @Test func aMissingFileKeepsTheKeys() throws {
    let stage = try Stage("one")
    try Files.remove(stage.path)
    try stage.look { stage.report.failure == "it is not there" }
    #expect(stage.report.keyCount == 1)
    try stage.put(KeyStub.set(["one"]))
    try stage.look { stage.report.failure == nil }
  }

  @Test func aKeyStaysOneKey() throws {
    let stage = try Stage("one", directive: "key")
    try stage.put(KeyStub.set(["one", "two"]))
    try stage.look { stage.report.failure == "it holds several keys" }
  }

  /// Two realms that meet on a route exchange their keys: whichever file is seen first breaks a rule.
  @Test func aRefusedFileIsTriedAgainWhenAnotherOneHasChanged() throws {
    let folder = try Files.makeTemporaryDirectory(prefix: "key-files-")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func put(_ realm: String, _ key: String) throws {
      try Files.replace(
        "\(folder)/\(realm)", with: Array(KeyStub.set([key]).utf8).span, mode: 0o600)
    }
    var keys = LiveKeySources()
    for (index, (realm, key)) in [("main", "one"), ("other", "two")].enumerated() {
      try put(realm, key)
      var definition = RealmDefinition(name: realm, index: index)
      definition.access.keySources = [.file(try KeyStub.file(key))]
      keys.definitions.append(definition)
      keys.sources.append(
        LiveKeySource(
          realm: index, place: .tokenClass(.access, index: 0), directive: "jwks",
          origin: .file(
            path: "\(folder)/\(realm)",
            digest: KeyDigest.of(Array(KeyStub.set([key]).utf8)))))
    }
    var policy = PolicyDefinitions()
    policy.routes = [RouteDefinition(path: "/")]
    policy.routes[0].realm = 0
    policy.routes[0].furtherRealms = [1]
    let harness = try ControlHarness(keys: keys, policy: policy, workers: 1)
    func look(until isSo: () -> Bool) throws {
      for _ in 0..<2000 where !isSo() { harness.turn(afterMilliseconds: 1000, waiting: 5) }
      guard isSo() else { throw CancellationError() }
    }
    try put("main", "two")
    try look { harness.loop.liveKeys.reports[0].failure != nil }
    try put("other", "three")
    try look { harness.loop.liveKeys.reports[0].failure == nil }
    let two = try Realm(
      { () throws -> RealmDefinition in
        var definition = RealmDefinition(name: "two", index: 0)
        definition.access.keySources = [.file(try KeyStub.file("two"))]
        return definition
      }())
    #expect(harness.loop.liveKeys.realms.realms[0].sharesKey(with: two))
  }

  @Test func neverOpensWhatIsNoFile() throws {
    let stage = try Stage("one")
    try Files.remove(stage.path)
    try Files.makeDirectories(stage.path, mode: 0o700)
    try stage.look { stage.report.failure == "it is not a file" }
  }
}
