import Bytes
import Crypto
import HTTPWire
import Testing
import Tokens

@testable import Policy

/// What becomes of tunnels and event streams when the key of their token goes.
@Suite struct KeyWithdrawalTests {
  /// What became of a stream's token when keys have changed.
  @Test func aStreamEndsWithItsKey() throws {
    let world = KeyWorld.world([
      try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
    ])
    #expect(world.verdict(KeyWorld.get("/required", try Issuer.one.sign())) == "route 0")
    let bytes = world.bytes
    func credential() -> StreamCredential? {
      world.gatekeeper.streamCredential(
        world.request, bytes: bytes.span, now: world.now, set: world.set)
    }
    let kept = try #require(credential())
    func verdict() -> StreamVerdict { world.gatekeeper.judge(kept, now: world.now) }
    #expect(verdict() == .stands)
    // The key in another place, beside another.
    try world.succeed([.two, .one])
    #expect(verdict() == .stands)
    #expect(credential() == kept)
    // A set that is not known says nothing.
    try world.succeed(nil)
    #expect(verdict() == .stands)
    try world.succeed([.one])
    #expect(verdict() == .stands)
    try world.succeed([.two])
    #expect(verdict() == .keyWithdrawn)
    #expect(credential()?.endSeconds == .min)
    #expect(world.gatekeeper.judge(StreamCredential(endSeconds: .max), now: world.now) == .stands)
  }

  @Test func aStreamEndsWithItsKeysOwnEnd() throws {
    let realm = try Forge.realm {
      $0.access.previousSecrets = [
        PreviousSecret(
          SecretDefinition(text: "an older secret with more than 32 bytes"),
          endSeconds: Forge.now + 100)
      ]
    }
    let world = World(routes: [RouteDefinition(path: "/", realm: 0)], realms: [realm])
    let token = TokenSigner(secret: SecretBytes(text: "an older secret with more than 32 bytes"))
      .sign(payload: "{\"exp\":1700000900}")
    #expect(world.verdict(KeyWorld.get("/", token)) == "route 0")
    let bytes = world.bytes
    let kept = world.gatekeeper.streamCredential(
      world.request, bytes: bytes.span, now: world.now, set: world.set)
    #expect(kept?.endSeconds == Forge.now + 100)
  }
}
