// What is kept of a stream's token, and how it is judged again.

import Bytes
import HTTPWire
import Testing
import Tokens

@testable import Policy

@Suite struct StreamCredentialTests {
  static let claims =
    "\"sub\":\"42\",\"jti\":\"a1\",\"iat\":\(Forge.now - 60),\"exp\":\(Forge.now + 900)"

  private func credential(_ world: World) -> StreamCredential? {
    let bytes = world.bytes
    return world.gatekeeper.streamCredential(
      world.request, bytes: bytes.span, now: world.now, set: world.set)
  }

  private func world(leeway: Int64 = 0, blocklisted: Bool = true) throws -> World {
    let realm = try Forge.realm { $0.leewaySeconds = leeway }
    return World(
      PolicyDefinitions(
        realms: [realm], blocklistRealms: blocklisted ? [0] : [],
        routes: [
          RouteDefinition(path: "/", framework: .werkzeug, auth: .optional, realm: 0),
          RouteDefinition(path: "/any", framework: .werkzeug, auth: .any, realm: 0),
        ]))
  }

  private func ask(_ world: World, _ token: String, path: String = "/") {
    #expect(world.ask("GET \(path) HTTP/1.1\nAuthorization: Bearer \(token)") == .admit)
  }

  @Test func anAnonymousRequestHasNone() throws {
    let world = try world()
    #expect(world.ask("GET / HTTP/1.1") == .admit)
    #expect(credential(world) == nil)
  }

  @Test(arguments: [Int64(0), 30]) func endsWithTheToken(leeway: Int64) throws {
    let world = try world(leeway: leeway)
    ask(world, Forge.access(Self.claims))
    let kept = try #require(credential(world))
    #expect(kept.endSeconds == Forge.now + 900 + leeway)
    #expect(world.gatekeeper.judge(kept, now: world.now) == .stands)
    world.seconds = kept.endSeconds - 1
    #expect(world.gatekeeper.judge(kept, now: world.now) == .stands)
    world.seconds += 1
    #expect(world.gatekeeper.judge(kept, now: world.now) == .expired)
  }

  /// The answer came when the token was over: what was admitted is still known for what it was.
  @Test func isKnownAfterTheTokenHasExpired() throws {
    let world = try world()
    ask(world, Forge.access(Self.claims))
    let early = try #require(credential(world))
    world.seconds += 5_000
    let late = try #require(credential(world))
    #expect(early == late)
    #expect(world.gatekeeper.judge(late, now: world.now) == .expired)
  }

  /// The verifier has seen other tokens meanwhile.
  @Test func isTheRequestsOwnWhateverCameBetween() throws {
    let world = try world()
    ask(world, Forge.access(Self.claims))
    let first = try #require(credential(world))
    let other = Forge.access("\"sub\":\"7\",\"jti\":\"z\",\"exp\":\(Forge.now + 10)")
    _ = world.gatekeeper.verifier.verify(
      Array(other.utf8).span, realm: world.set.realms.realms[0], accepting: .any,
      nowSeconds: Forge.now)
    #expect(credential(world) == first)
  }

  private func entry(_ kind: RevocationKind, _ value: String, time: Int64) -> RevocationEntry {
    RevocationEntry(kind: kind, realm: "main", value: value, time: time, expiry: Forge.now + 10_000)
  }

  @Test(
    arguments: [
      ("its id", RevocationKind.token, "jti:a1", 0, StreamVerdict.revoked),
      ("another id", .token, "jti:a2", 0, .stands),
      ("its subject, later", .subject, "42", 0, .revoked),
      ("its subject, at its issue", .subject, "42", -60, .revoked),
      ("its subject, before its issue", .subject, "42", -61, .stands),
      ("another subject", .subject, "7", 0, .stands),
      ("everyone", .everyone, "", 0, .revoked),
      ("everyone before its issue", .everyone, "", -61, .stands),
    ] as [(String, RevocationKind, String, Int64, StreamVerdict)])
  func isRevokedByTheRulesOfARequest(
    name: String, kind: RevocationKind, value: String, offset: Int64, want: StreamVerdict
  ) throws {
    let world = try world()
    let token = Forge.access(Self.claims)
    ask(world, token)
    let kept = try #require(credential(world))
    #expect(
      world.revocations.apply(
        entry(kind, value, time: Forge.now + offset), nowSeconds: Forge.now))
    #expect(world.gatekeeper.judge(kept, now: world.now) == want, "\(name)")
    let again = world.verdict("GET / HTTP/1.1\nAuthorization: Bearer \(token)")
    #expect(again == (want == .revoked ? "401 revoked" : "route 0"), "\(name)")
    // Taken back, it stands again.
    #expect(
      world.revocations.lift(kind: kind, realm: "main", value: value, nowSeconds: Forge.now))
    #expect(world.gatekeeper.judge(kept, now: world.now) == .stands, "\(name)")
  }

  @Test func isNotRevokedWhereTheRealmIsNotChecked() throws {
    let world = try world(blocklisted: false)
    ask(world, Forge.access(Self.claims))
    let kept = try #require(credential(world))
    _ = world.revocations.apply(entry(.token, "jti:a1", time: 0), nowSeconds: Forge.now)
    #expect(world.gatekeeper.judge(kept, now: world.now) == .stands)
  }

  /// A refresh token in another place than the route's first: the head's place holds no token.
  @Test func knowsATokenOfTheBody() throws {
    let realm = try Forge.realm {
      $0.refresh?.places = [.bodyField("refresh_token")]
    }
    let world = World(
      routes: [RouteDefinition(path: "/", framework: .werkzeug, auth: .refresh, realm: 0)],
      realms: [realm])
    let text =
      "POST / HTTP/1.1\nContent-Type: application/json\nContent-Length: 9999"
    #expect(world.ask(text) == .needBodyField)
    let token = Forge.refresh("\"sub\":\"42\",\"jti\":\"r9\",\"exp\":\(Forge.now + 5)")
    #expect(world.body(#"{"refresh_token":"\#(token)"}"#) == .admit)
    let kept = try #require(credential(world))
    #expect(kept.endSeconds == Forge.now + 5)
    #expect(
      world.revocations.apply(entry(.token, "jti:r9", time: Forge.now), nowSeconds: Forge.now))
    #expect(world.gatekeeper.judge(kept, now: world.now) == .revoked)
  }
}
