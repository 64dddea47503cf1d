import Bytes
import HTTPWire
import Testing
import Tokens

@testable import Policy

/// The resumable machine: its waits, its reuse, and what an exchange may do to it from outside.
@Suite struct MachineTests {
  static func world() throws -> World {
    World(
      routes: [
        RouteDefinition(path: "/", framework: .werkzeug, auth: .required, realm: 0),
        RouteDefinition(path: "/open", framework: .werkzeug, auth: .none),
      ], realms: [try Forge.realm()])
  }

  static let good = "GET / HTTP/1.1\nAuthorization: Bearer \(Forge.access())"

  @Test(arguments: [
    ("clear", RevocationAnswer.clear, "route 0"), ("revoked", .revoked, "401 revoked"),
    ("no answer", .unavailable, "503 unavailable"),
  ])
  func goesOnAfterTheRemoteBlocklist(name: String, answer: RevocationAnswer, want: String) throws {
    let world = try Self.world()
    world.ask(Self.good)
    world.request.phase = .awaitingRevocation
    let bytes = world.bytes
    let action = world.gatekeeper.revocationAnswered(
      world.request, answer: answer, head: world.head, bytes: bytes.span, now: world.now,
      set: world.set)
    #expect(world.describe(action) == want, "\(name)")
    #expect((world.request.token != nil) == (answer == .clear))
  }

  @Test(arguments: [
    ("granted", PermitAnswer.granted, "route 0", 0),
    ("refused", .refused(retryAfterSeconds: 7), "429 limited", 7),
    ("refused at once", .refused(retryAfterSeconds: 0), "429 limited", 1),
    ("no answer", .unavailable, "503 unavailable", 0),
  ])
  func goesOnAfterTheSharedLimit(
    name: String, answer: PermitAnswer, want: String, retry: Int
  ) throws {
    let world = try Self.world()
    world.ask(Self.good)
    world.request.credentials.reset()
    world.request.phase = .awaitingPermit
    let bytes = world.bytes
    let action = world.gatekeeper.permitAnswered(
      world.request, answer: answer, head: world.head, bytes: bytes.span, now: world.now,
      set: world.set)
    #expect(world.describe(action) == want, "\(name)")
    #expect(world.request.retryAfterSeconds == retry)
  }

  @Test(arguments: [(true, "route 0"), (false, "503 unavailable")])
  func goesOnAfterTheKeySet(isAvailable: Bool, want: String) throws {
    let world = try Self.world()
    world.ask(Self.good)
    world.request.phase = .awaitingKey
    let bytes = world.bytes
    let action = world.gatekeeper.keySetAnswered(
      world.request, isAvailable: isAvailable, head: world.head, bytes: bytes.span,
      now: world.now, set: world.set)
    #expect(world.describe(action) == want)
  }

  @Test func aRequestLeavesNothingToTheNext() throws {
    let world = try Self.world()
    world.ask(Self.good + "\nCookie: jwt=\(Forge.access())\nOrigin: https://a.b")
    #expect(world.request.token != nil)
    world.request.refuse(.upstreamFailed)
    world.ask("GET /open HTTP/1.1\nCookie: jwt=\(Forge.access())")
    #expect(world.request.token == nil)
    #expect(world.request.refusal == nil)
    #expect(world.request.routeIndex == 1)
    #expect(world.lines.contains("Cookie: jwt=\(Forge.access())"))
    world.request.reset()
    #expect(world.request.routeIndex == -1)
    #expect(world.request.reasonName == nil)
  }

  @Test func aRefusalLeavesNoIdentity() throws {
    let world = World(
      PolicyDefinitions(
        realms: [try Forge.realm()], blocklistRealms: [0],
        identityHeaders: [IdentityHeaderDefinition(name: "X-Realm", source: .realmName)],
        routes: [
          RouteDefinition(
            path: "/", framework: .werkzeug, auth: .any, realm: 0, onSuccess: .revoke)
        ]))
    world.ask(Self.good)
    #expect(world.identity == "X-Realm: main\r\n")
    world.request.phase = .awaitingRevocation
    let bytes = world.bytes
    _ = world.gatekeeper.revocationAnswered(
      world.request, answer: .revoked, head: world.head, bytes: bytes.span, now: world.now,
      set: world.set)
    #expect(world.identity.isEmpty)
  }

  @Test func timeIsTheCallers() throws {
    let world = try Self.world()
    world.seconds = 1_700_000_899
    #expect(world.verdict(Self.good) == "route 0")
    world.seconds = 1_700_000_900
    #expect(world.verdict(Self.good) == "401 expired")
  }

  @Test func anotherRealmsTokenIsNotThisOnes() throws {
    let other = try Forge.realm("other", index: 1) {
      $0.access.secret = SecretDefinition(text: "quite another secret of 43 bytes, for tests")
      $0.refresh = nil
    }
    let world = World(
      PolicyDefinitions(
        realms: [try Forge.realm(), other], blocklistRealms: [0, 1],
        routes: [
          RouteDefinition(path: "/a", framework: .werkzeug, realm: 0),
          RouteDefinition(path: "/b", framework: .werkzeug, realm: 1),
        ]))
    let token = "Authorization: Bearer \(Forge.access())"
    #expect(world.verdict("GET /a HTTP/1.1\n\(token)") == "route 0")
    #expect(world.verdict("GET /b HTTP/1.1\n\(token)") == "401 bad_signature")
    #expect(lines(world.reply).head.contains { $0.contains("realm=\"other\"") })
  }

  @Test func aRouteWithoutItsRealmLetsNobodyIn() {
    let world = World(routes: [
      RouteDefinition(path: "/", framework: .werkzeug, auth: .required, realm: nil)
    ])
    #expect(world.verdict(Self.good) == "503 unavailable")
    #expect(world.verdict("GET / HTTP/1.1") == "503 unavailable")
  }

  @Test func aBodyThatNobodyAskedForIsOurBug() async {
    await #expect(processExitsWith: .failure) {
      let world = World(routes: [RouteDefinition(path: "/", auth: .none)])
      world.ask("POST / HTTP/1.1\nContent-Length: 2")
      _ = world.body("{}")
    }
  }

  @Test func theSameHeadTwiceIsOurBug() async {
    await #expect(processExitsWith: .failure) {
      let world = World(routes: [RouteDefinition(path: "/", auth: .none)])
      world.ask("GET / HTTP/1.1")
      world.ask("GET / HTTP/1.1", keeps: true)
    }
  }
}
