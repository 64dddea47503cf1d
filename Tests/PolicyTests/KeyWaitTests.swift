import Bytes
import Crypto
import HTTPWire
import Testing
import Tokens

@testable import Policy

/// Key pairs of issuers, and tokens that they sign.
struct Issuer: Sendable {
  let kid: String
  private let x: String
  private let d: String

  static let one = Issuer(
    kid: "one", x: "3EyOSzIVe-Uh1AOjU5UIPCrcUvdNIBIaNmt-GBaTqF8",
    d: "Z2F0ZXdheSB0ZXN0IGtleSBvbmUuLi4uLi4uLi4uLi4")
  static let two = Issuer(
    kid: "two", x: "qXArvx_Gn3mXo0xU_3j7h8uJmbn3Cg-RN85YVlVMSSw",
    d: "Z2F0ZXdheSB0ZXN0IGtleSB0d28uLi4uLi4uLi4uLi4")
  static let three = Issuer(
    kid: "three", x: "-9kAawtWcPPGiMZ3_dtKX9AqPem-sZKutHMnajSZ6Z8",
    d: "Z2F0ZXdheSB0ZXN0IGtleSB0aHJlZS4uLi4uLi4uLi4")

  var jwk: String { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"\(kid)\",\"x\":\"\(x)\"}" }

  func sign(
    _ claims: String = "\"sub\":\"42\",\"jti\":\"a1\",\"exp\":1700000900", kid name: String? = nil
  ) throws -> String {
    let text = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\(x)\",\"d\":\"\(d)\"}"
    let file = try KeyFile(Array(text.utf8).span, for: .signing)
    let signer = try #require(TokenSigner(file.keys[0], .edDSA))
    let member = (name ?? kid).isEmpty ? "" : ",\"kid\":\"\(name ?? kid)\""
    return signer.sign(header: "{\"alg\":\"EdDSA\"\(member)}", payload: "{\(claims)}")
  }

  /// A fetched set of these keys; nil for one that is not known.
  static func set(_ issuers: [Issuer]?) throws -> KeySource {
    guard let issuers else { return .remote(nil) }
    let text = "{\"keys\":[\(issuers.map(\.jwk).joined(separator: ","))]}"
    return .remote(try KeyFile(Array(text.utf8).span, for: .verifying))
  }
}

/// Requests whose key may be on its way: when the machine asks, and what it makes of the answer.
@Suite struct KeyWaitTests {
  /// Access and refresh tokens of one fetched set each, in every kind of place.
  static func main(_ access: [Issuer]?, _ refresh: [Issuer]? = []) throws -> Realm {
    var definition = RealmDefinition(name: "main", index: 0)
    definition.access.keySources = [try Issuer.set(access)]
    definition.access.places = [
      .authorizationBearer, .cookie("a", csrfHeader: "X-CSRF-TOKEN"), .query("q"),
      .bodyField("token"),
    ]
    definition.refresh = ClassDefinition()
    if refresh?.isEmpty != true { definition.refresh?.keySources = [try Issuer.set(refresh)] }
    definition.refresh?.places = [.cookie("r", csrfHeader: ""), .bodyField("refresh")]
    return try Realm(definition)
  }

  static let partnerSecret = "a partner's secret of forty bytes, tests"

  /// The partner's fetched keys, or a secret in place of none.
  static func partner(_ access: [Issuer]?) throws -> Realm {
    var definition = RealmDefinition(name: "partner", index: 1)
    if access?.isEmpty == true {
      definition.access.secret = SecretDefinition(text: partnerSecret)
    } else {
      definition.access.keySources = [try Issuer.set(access)]
    }
    return try Realm(definition)
  }

  static func local() throws -> Realm {
    try Forge.realm("local", index: 2)
  }

  static func world(_ realms: [Realm]) -> World {
    func route(
      _ path: String, _ auth: AuthRule, _ taken: [Int] = [0], _ meaning: SuccessMeaning = .nothing
    ) -> RouteDefinition {
      RouteDefinition(
        path: path, framework: .express, auth: auth, realm: taken[0],
        furtherRealms: Array(taken.dropFirst()), onSuccess: meaning)
    }
    return World(
      PolicyDefinitions(
        realms: realms, blocklistRealms: Array(realms.indices),
        identityHeaders: [IdentityHeaderDefinition(name: "X-Realm", source: .realmName)],
        routes: [
          route("/required", .required), route("/optional", .optional),
          route("/refresh", .refresh), route("/any", .any),
          route("/logout", .any, [0], .revoke), route("/both", .required, [0, 1]),
          route("/mixed", .required, [0, 2]),
        ]))
  }

  /// The machine's answer when these realms have taken the place of theirs.
  static func answer(_ world: World, _ isAvailable: Bool = true, _ realms: Realm...) -> String {
    for realm in realms { world.adopt(realm) }
    let bytes = world.bytes
    return world.describe(
      world.gatekeeper.keySetAnswered(
        world.request, isAvailable: isAvailable, head: world.head, bytes: bytes.span,
        now: world.now, set: world.set))
  }

  static func get(_ path: String, _ token: String) -> String {
    "GET \(path) HTTP/1.1\nAuthorization: Bearer \(token)"
  }

  // MARK: One token

  /// What a request with a new key's token becomes when the key is there, when it isn't, and when
  /// nobody can tell.
  @Test(arguments: [
    ("/required", "route 0"), ("/optional", "route 1"), ("/any", "route 3"),
    ("/logout", "route 4"),
  ])
  func waitsForANewKey(path: String, admitted: String) throws {
    let token = try Issuer.two.sign()
    for (isAvailable, realm, want) in [
      (true, try Self.main([.one, .two]), admitted),
      (true, try Self.main([.one]), "401 unknown_key"),
      (false, try Self.main([.one]), "503 unavailable"),
    ] {
      let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
      #expect(world.verdict(Self.get(path, token)) == "key")
      let key = try #require(world.request.neededKey)
      #expect(key.realms == [0] && key.name == KeyName.hash(Array("two".utf8).span))
      #expect(world.request.token == nil && world.identity.isEmpty)
      #expect(Self.answer(world, isAvailable, realm) == want, "\(path)")
      #expect(world.request.neededKey == nil)
      #expect((world.request.token != nil) == want.hasPrefix("route"))
      #expect(world.identity == (want.hasPrefix("route") ? "X-Realm: main\r\n" : ""))
      // Trouble of ours says nothing of the token.
      let head = lines(world.reply).head
      #expect(
        want.hasPrefix("route")
          || head.contains { $0.hasPrefix("WWW-Authenticate") } == want.hasPrefix("401"))
      #expect(head.contains { $0.hasPrefix("Retry-After") } == want.hasPrefix("503"))
    }
  }

  @Test func waitsWhileNoSetIsKnown() throws {
    let world = Self.world([try Self.main(nil), try Self.partner([]), try Self.local()])
    for kid in ["", "one"] {
      #expect(world.verdict(Self.get("/required", try Issuer.one.sign(kid: kid))) == "key")
      #expect(Self.answer(world, true, try Self.main([.one])) == "route 0")
      #expect(world.verdict(Self.get("/required", try Issuer.one.sign(kid: kid))) == "route 0")
      world.adopt(try Self.main(nil))
    }
    // An answer that leaves the set unknown is none.
    #expect(world.verdict(Self.get("/required", try Issuer.one.sign())) == "key")
    #expect(Self.answer(world, true, try Self.main(nil)) == "503 unavailable")
  }

  @Test func whatIsBadAnywayNeverWaits() throws {
    let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
    for (token, want) in [
      (try Issuer.two.sign(kid: "one"), "401 bad_signature"),
      (try Issuer.two.sign(kid: ""), "401 bad_signature"),
      (Forge.access(), "401 unsupported_algorithm"),
      (try Issuer.one.sign("\"exp\":1"), "401 expired"),
    ] {
      #expect(world.verdict(Self.get("/required", token)) == want)
      #expect(world.request.keyQuestions == nil)
    }
    // A good token beside nothing, of course.
    #expect(world.verdict("GET /optional HTTP/1.1") == "route 1")
  }

  @Test func theTokenIsJudgedWholeByTheNewKey() throws {
    for (claims, want) in [
      ("\"sub\":\"42\",\"exp\":1699999999", "401 expired"),
      ("\"sub\":\"42\",\"exp\":1700000900,\"type\":\"refresh\"", "401 wrong_token_type"),
      ("\"sub\":\"42\",\"jti\":\"bad\",\"exp\":1700000900", "401 revoked"),
    ] {
      let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
      let entry = RevocationEntry.token(
        identifier: "jti:bad", realm: world.set.realms.realms[0], expiration: 1_700_000_900,
        nowSeconds: Forge.now)
      #expect(world.revocations.apply(entry, nowSeconds: Forge.now))
      #expect(world.verdict(Self.get("/required", try Issuer.two.sign(claims))) == "key")
      #expect(Self.answer(world, true, try Self.main([.two])) == want)
    }
  }

  // MARK: Places

  @Test func aCookieStillNeedsItsProof() throws {
    let token = try Issuer.two.sign("\"exp\":1700000900,\"csrf\":\"proof\"")
    for (proof, want) in [("proof", "route 0"), ("other", "403 csrf_refused")] {
      let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
      #expect(
        world.verdict("POST /required HTTP/1.1\nCookie: a=\(token)\nX-CSRF-TOKEN: \(proof)")
          == "key")
      #expect(Self.answer(world, true, try Self.main([.two])) == want)
    }
  }

  @Test func aQueryTokenIsStillCut() throws {
    let token = try Issuer.two.sign()
    let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
    #expect(world.verdict("GET /required?x=1&q=\(token) HTTP/1.1") == "key")
    #expect(Self.answer(world, true, try Self.main([.two])) == "route 0")
    #expect(world.target == "/required?x=1")
  }

  @Test func aSubprotocolsTokenWaitsToo() throws {
    let token = try Issuer.two.sign()
    let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
    let handshake = SubprotocolTests.handshake(
      "/required", ["Sec-WebSocket-Protocol: chat, bearer, \(token)"])
    #expect(world.verdict(handshake) == "key")
    #expect(Self.answer(world, true, try Self.main([.two])) == "route 0")
    #expect(world.lines.contains("Sec-WebSocket-Protocol: chat"))
  }

  /// The body is held already: it is asked for again, and found where it lies.
  @Test func aBodysTokenWaitsToo() throws {
    let refresh = try Issuer.two.sign("\"sub\":\"42\",\"exp\":1700000900,\"type\":\"refresh\"")
    let body = "{\"refresh\":\"\(refresh)\"}"
    for (path, admitted) in [("/refresh", "route 2"), ("/any", "route 3")] {
      for (isAvailable, keys, want) in [
        (true, [Issuer.two], admitted), (true, [.one], "401 unknown_key"),
        (false, [.one], "503 unavailable"),
      ] {
        let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
        #expect(world.verdict(BodyFieldTests.post(path, body, BodyFieldTests.json)) == "body")
        #expect(world.describe(world.body(body)) == "key")
        let next = Self.answer(world, isAvailable, try Self.main(keys))
        guard isAvailable else {
          #expect(next == want)
          continue
        }
        #expect(next == "body")
        #expect(world.describe(world.body(body)) == want, "\(path)")
      }
    }
  }

  /// Front ends attach the access token to the refresh request: it may be anybody's story.
  @Test func aSecondTokenBesideTheBodysIsAskedForToo() throws {
    let refresh = try Issuer.one.sign("\"sub\":\"42\",\"exp\":1700000900,\"type\":\"refresh\"")
    let body = "{\"refresh\":\"\(refresh)\"}"
    let other = try Issuer.two.sign("\"sub\":\"7\",\"exp\":1700000900,\"type\":\"refresh\"")
    for (isAvailable, keys, want) in [
      (true, [Issuer.one], "route 2"), (true, [.one, .two], "400 ambiguous_credentials"),
      (false, [.one], "503 unavailable"),
    ] {
      let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
      let text = BodyFieldTests.post(
        "/refresh", body, BodyFieldTests.json, "Cookie: r=\(other)")
      #expect(world.verdict(text) == "body")
      #expect(world.describe(world.body(body)) == "key")
      let next = Self.answer(world, isAvailable, try Self.main(keys))
      #expect(next == (isAvailable ? "body" : want))
      if isAvailable { #expect(world.describe(world.body(body)) == want) }
    }
  }

  /// A logout ends the refresh token that it carries, and waits for that one's key: at most one
  /// question for each key.
  @Test func aLogoutLeavesNoTokenBehind() throws {
    let access = try Issuer.two.sign("\"sub\":\"42\",\"jti\":\"a1\",\"exp\":1700000900")
    let refresh = try Issuer.three.sign(
      "\"sub\":\"42\",\"jti\":\"r1\",\"exp\":1700000900,\"type\":\"refresh\"")
    let text = "POST /logout HTTP/1.1\nAuthorization: Bearer \(access)\nCookie: r=\(refresh)"
    let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
    #expect(world.verdict(text) == "key")
    #expect(Self.answer(world, true, try Self.main([.two])) == "key")
    #expect(world.request.neededKey?.name == KeyName.hash(Array("three".utf8).span))
    #expect(Self.answer(world, true, try Self.main([.two, .three])) == "route 4")
    guard case .revoke(let entries) = world.answered(200) else {
      Issue.record("nothing was learned")
      return
    }
    #expect(entries.count == 2)
    // An unknown one is the backend's business, and no reason to refuse the logout.
    let second = Self.world([try Self.main([.two]), try Self.partner([]), try Self.local()])
    #expect(second.verdict(text) == "key")
    #expect(Self.answer(second, true, try Self.main([.two])) == "route 4")
    guard case .revoke(let one) = second.answered(200) else {
      Issue.record("nothing was learned")
      return
    }
    #expect(one.count == 1)
    let third = Self.world([try Self.main([.two]), try Self.partner([]), try Self.local()])
    #expect(third.verdict(text) == "key")
    #expect(Self.answer(third, false) == "503 unavailable")
  }

  // MARK: Several realms

  @Test func asksAllRealmsThatMayHaveTheKey() throws {
    let token = try Issuer.three.sign()
    var world = try Self.twoRealms()
    #expect(world.verdict(Self.get("/both", token)) == "key")
    #expect(world.request.neededKey?.realms == [0, 1])
    #expect(Self.answer(world, true, try Self.partner([.two, .three])) == "route 5")
    #expect(world.identity == "X-Realm: partner\r\n")
    world = try Self.twoRealms()
    #expect(world.verdict(Self.get("/both", token)) == "key")
    #expect(Self.answer(world, true) == "401 unknown_key")
    world = try Self.twoRealms()
    #expect(world.verdict(Self.get("/both", token)) == "key")
    #expect(Self.answer(world, false) == "503 unavailable")
    // The realm that has the key judges, however many others may be missing theirs.
    let pending = Self.world([try Self.main(nil), try Self.partner([.two]), try Self.local()])
    #expect(pending.verdict(Self.get("/both", try Issuer.two.sign())) == "route 5")
    #expect(pending.verdict(Self.get("/mixed", Forge.access())) == "route 6")
    // One that can't have it isn't asked.
    #expect(pending.verdict(Self.get("/mixed", token)) == "key")
    #expect(pending.request.neededKey?.realms == [0])
  }

  static func twoRealms() throws -> World {
    Self.world([try Self.main([.one]), try Self.partner([.two]), try Self.local()])
  }

  /// A key that is said to be unknown is final only for the realms that were asked.
  @Test func anotherRealmsQuestionIsAnother() throws {
    let token = try Issuer.three.sign(kid: "one")
    let world = Self.world([try Self.main(nil), try Self.partner([.one]), try Self.local()])
    #expect(world.verdict(Self.get("/both", token)) == "key")
    #expect(world.request.neededKey?.realms == [0])
    // Meanwhile the partner's key has gone: it may have another of that name.
    #expect(
      Self.answer(world, true, try Self.main([.two]), try Self.partner([.two])) == "key")
    #expect(world.request.neededKey?.realms == [0, 1])
    #expect(Self.answer(world, true) == "401 unknown_key")
  }

  // MARK: Bounds

  @Test func noRequestAsksForEver() throws {
    let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
    #expect(world.verdict(Self.get("/required", try Issuer.two.sign())) == "key")
    let questions = try #require(world.request.keyQuestions)
    questions.asked = (0..<KeyQuestions.countMaximum).map {
      MissingKey(name: UInt64($0 + 1), realms: [0])
    }
    #expect(Self.answer(world, true) == "503 unavailable")
  }

  /// Repeated questions are answered from memory: for ten seconds, and for one where nobody could tell.
  @Test(arguments: [
    (true, "401 unknown_key", MissingKeys.unknownNanoseconds),
    (false, "503 unavailable", MissingKeys.unavailableNanoseconds),
  ])
  func remembersAnswersForAWhile(isAvailable: Bool, want: String, life: Int64) throws {
    let world = Self.world([try Self.main([.one]), try Self.partner([.two]), try Self.local()])
    let text = Self.get("/required", try Issuer.three.sign())
    #expect(world.verdict(text) == "key")
    #expect(Self.answer(world, isAvailable) == want)
    #expect(world.verdict(text) == want)
    world.nanoseconds += life - 1
    #expect(world.verdict(text) == want)
    // Another name, and the same in other realms, are other questions.
    #expect(world.verdict(Self.get("/required", try Issuer.three.sign(kid: "x"))) == "key")
    #expect(world.verdict(Self.get("/both", try Issuer.three.sign())) == "key")
    world.nanoseconds += 1
    #expect(world.verdict(text) == "key")
  }

  @Test func newKeysEmptyTheMemory() throws {
    let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
    let text = Self.get("/required", try Issuer.two.sign())
    #expect(world.verdict(text) == "key")
    #expect(Self.answer(world, true) == "401 unknown_key")
    #expect(world.verdict(text) == "401 unknown_key")
    world.adopt(try Self.main([.one, .two]))
    #expect(world.verdict(text) == "route 0")
    world.adopt(try Self.main(nil))
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
    let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
    #expect(world.verdict(Self.get("/required", try Issuer.two.sign())) == "key")
    #expect(
      world.describe(world.gatekeeper.keyCannotBeAsked(world.request)) == "503 unavailable")
    #expect(world.verdict(Self.get("/required", try Issuer.two.sign())) == "key")
  }

  /// An observed route waits too, because its decision is to be the true one; then it lets go.
  @Test func anObservedRouteWaitsAndLetsGo() throws {
    for (isAvailable, keys, would) in [
      (true, [Issuer.two], ""), (true, [.one], "unknown_key"), (false, [.one], "unavailable"),
    ] {
      let world = World(
        PolicyDefinitions(
          realms: [try Self.main([.one])],
          identityHeaders: [IdentityHeaderDefinition(name: "X-Realm", source: .realmName)],
          routes: [RouteDefinition(path: "/", auth: .required, realm: 0, isObserved: true)]))
      #expect(world.verdict(Self.get("/", try Issuer.two.sign())) == "key")
      #expect(Self.answer(world, isAvailable, try Self.main(keys)) == "route 0")
      #expect((world.request.wouldRefuse?.description ?? "") == would)
      #expect(world.identity == (would.isEmpty ? "X-Realm: main\r\n" : ""))
    }
  }

  // MARK: Streams

  /// What became of a stream's token when keys have changed.
  @Test func aStreamEndsWithItsKey() throws {
    let world = Self.world([try Self.main([.one]), try Self.partner([]), try Self.local()])
    #expect(world.verdict(Self.get("/required", try Issuer.one.sign())) == "route 0")
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
    #expect(world.verdict(Self.get("/", token)) == "route 0")
    let bytes = world.bytes
    let kept = world.gatekeeper.streamCredential(
      world.request, bytes: bytes.span, now: world.now, set: world.set)
    #expect(kept?.endSeconds == Forge.now + 100)
  }
}

extension World {
  /// A realm takes the place of the one with its index.
  func adopt(_ realm: Realm) {
    realms = realms.replacing(realm)
    gatekeeper.adopt(realms)
  }

  /// The first realm with these keys, succeeding the one before.
  func succeed(_ keys: [Issuer]?) throws {
    var definition = RealmDefinition(name: "main", index: 0)
    definition.access.keySources = [try Issuer.set(keys)]
    adopt(try Realm(definition, succeeding: gatekeeper.realms[0]))
  }
}
