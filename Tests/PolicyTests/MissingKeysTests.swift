import Bytes
import Crypto
import HTTPWire
import Testing
import Tokens

@testable import Policy

/// What bounds the questions about keys: one request's, and what a worker remembers of the answers.
@Suite struct MissingKeysTests {
  @Test func noRequestAsksForEver() throws {
    let world = KeyWorld.world([
      try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
    ])
    #expect(world.verdict(KeyWorld.get("/required", try Issuer.two.sign())) == "key")
    let questions = try #require(world.request.keyQuestions)
    questions.asked = (0..<KeyQuestions.countMaximum).map {
      MissingKey(name: UInt64($0 + 1), realms: [0])
    }
    #expect(KeyWorld.answer(world, true) == "503 unavailable")
  }

  /// Repeated questions are answered from memory: for ten seconds, and for one where nobody could tell.
  @Test(arguments: [
    (true, "401 unknown_key", MissingKeys.unknownNanoseconds),
    (false, "503 unavailable", MissingKeys.unavailableNanoseconds),
  ])
  func remembersAnswersForAWhile(isAvailable: Bool, want: String, life: Int64) throws {
    let world = KeyWorld.world([
      try KeyWorld.main([.one]), try KeyWorld.partner([.two]), try KeyWorld.local(),
    ])
    let text = KeyWorld.get("/required", try Issuer.three.sign())
    #expect(world.verdict(text) == "key")
    #expect(KeyWorld.answer(world, isAvailable) == want)
    #expect(world.verdict(text) == want)
    world.nanoseconds += life - 1
    #expect(world.verdict(text) == want)
    // Another name, and the same in other realms, are other questions.
    #expect(world.verdict(KeyWorld.get("/required", try Issuer.three.sign(kid: "x"))) == "key")
    #expect(world.verdict(KeyWorld.get("/both", try Issuer.three.sign())) == "key")
    world.nanoseconds += 1
    #expect(world.verdict(text) == "key")
  }

  @Test func newKeysEmptyTheMemory() throws {
    let world = KeyWorld.world([
      try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
    ])
    let text = KeyWorld.get("/required", try Issuer.two.sign())
    #expect(world.verdict(text) == "key")
    #expect(KeyWorld.answer(world, true) == "401 unknown_key")
    #expect(world.verdict(text) == "401 unknown_key")
    world.adopt(try KeyWorld.main([.one, .two]))
    #expect(world.verdict(text) == "route 0")
    world.adopt(try KeyWorld.main(nil))
    #expect(world.verdict(text) == "key")
    // What is older is left alone.
    #expect(!world.gatekeeper.adopt(world.set.realms))
    #expect(world.verdict(text) == "key")
  }

  @Test func theMemoryIsBounded() {
    var memory = MissingKeys()
    #expect(memory.answer(7, now: 0) == nil)
    for name in 0..<10_000 { memory.remember(UInt64(name), .unknown, now: Int64(name)) }
    let kept = (0..<10_000).filter { memory.answer(UInt64($0), now: 10_000) != nil }
    #expect(kept.count == MissingKeys.countMaximum)
    #expect(kept.first == 10_000 - MissingKeys.countMaximum)
    memory.remember(9_999, .unavailable, now: 10_000)
    #expect(memory.answer(9_999, now: 10_000) == .unavailable)
    memory.removeAll()
    #expect(memory.answer(9_999, now: 10_000) == nil)
  }

  @Test func aQuestionThatNobodyTakesIsTrouble() throws {
    let world = KeyWorld.world([
      try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
    ])
    #expect(world.verdict(KeyWorld.get("/required", try Issuer.two.sign())) == "key")
    #expect(
      world.describe(world.gatekeeper.keyCannotBeAsked(world.request)) == "503 unavailable")
    #expect(world.verdict(KeyWorld.get("/required", try Issuer.two.sign())) == "key")
  }
}
