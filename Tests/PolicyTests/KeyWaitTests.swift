import Bytes
import Crypto
import HTTPWire
import Testing
import Tokens

@testable import Policy

/// Requests whose key may be on its way: when the machine asks, and what it makes of the answer.
@Suite struct KeyWaitTests {
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
      (true, try KeyWorld.main([.one, .two]), admitted),
      (true, try KeyWorld.main([.one]), "401 unknown_key"),
      (false, try KeyWorld.main([.one]), "503 unavailable"),
    ] {
      let world = KeyWorld.world([
        try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
      ])
      #expect(world.verdict(KeyWorld.get(path, token)) == "key")
      let key = try #require(world.request.neededKey)
      #expect(key.realms == [0] && key.name == KeyName.hash(Array("two".utf8).span))
      #expect(world.request.token == nil && world.identity.isEmpty)
      #expect(KeyWorld.answer(world, isAvailable, realm) == want, "\(path)")
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
    let world = KeyWorld.world([
      try KeyWorld.main(nil), try KeyWorld.partner([]), try KeyWorld.local(),
    ])
    for kid in ["", "one"] {
      #expect(world.verdict(KeyWorld.get("/required", try Issuer.one.sign(kid: kid))) == "key")
      #expect(KeyWorld.answer(world, true, try KeyWorld.main([.one])) == "route 0")
      #expect(world.verdict(KeyWorld.get("/required", try Issuer.one.sign(kid: kid))) == "route 0")
      world.adopt(try KeyWorld.main(nil))
    }
    // An answer that leaves the set unknown is none.
    #expect(world.verdict(KeyWorld.get("/required", try Issuer.one.sign())) == "key")
    #expect(KeyWorld.answer(world, true, try KeyWorld.main(nil)) == "503 unavailable")
  }

  @Test func whatIsBadAnywayNeverWaits() throws {
    let world = KeyWorld.world([
      try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
    ])
    for (token, want) in [
      (try Issuer.two.sign(kid: "one"), "401 bad_signature"),
      (try Issuer.two.sign(kid: ""), "401 bad_signature"),
      (Forge.access(), "401 unsupported_algorithm"),
      (try Issuer.one.sign("\"exp\":1"), "401 expired"),
    ] {
      #expect(world.verdict(KeyWorld.get("/required", token)) == want)
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
      let world = KeyWorld.world([
        try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
      ])
      let entry = RevocationEntry.token(
        identifier: "jti:bad", realm: world.set.realms.realms[0], expiration: 1_700_000_900,
        nowSeconds: Forge.now)
      #expect(world.revocations.apply(entry, nowSeconds: Forge.now))
      #expect(world.verdict(KeyWorld.get("/required", try Issuer.two.sign(claims))) == "key")
      #expect(KeyWorld.answer(world, true, try KeyWorld.main([.two])) == want)
    }
  }

  // MARK: Places

  @Test func aCookieStillNeedsItsProof() throws {
    let token = try Issuer.two.sign("\"exp\":1700000900,\"csrf\":\"proof\"")
    for (proof, want) in [("proof", "route 0"), ("other", "403 csrf_refused")] {
      let world = KeyWorld.world([
        try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
      ])
      #expect(
        world.verdict("POST /required HTTP/1.1\nCookie: a=\(token)\nX-CSRF-TOKEN: \(proof)")
          == "key")
      #expect(KeyWorld.answer(world, true, try KeyWorld.main([.two])) == want)
    }
  }

  @Test func aQueryTokenIsStillCut() throws {
    let token = try Issuer.two.sign()
    let world = KeyWorld.world([
      try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
    ])
    #expect(world.verdict("GET /required?x=1&q=\(token) HTTP/1.1") == "key")
    #expect(KeyWorld.answer(world, true, try KeyWorld.main([.two])) == "route 0")
    #expect(world.target == "/required?x=1")
  }

  @Test func aSubprotocolsTokenWaitsToo() throws {
    let token = try Issuer.two.sign()
    let world = KeyWorld.world([
      try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
    ])
    let handshake = SubprotocolTests.handshake(
      "/required", ["Sec-WebSocket-Protocol: chat, bearer, \(token)"])
    #expect(world.verdict(handshake) == "key")
    #expect(KeyWorld.answer(world, true, try KeyWorld.main([.two])) == "route 0")
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
        let world = KeyWorld.world([
          try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
        ])
        #expect(world.verdict(BodyFieldTests.post(path, body, BodyFieldTests.json)) == "body")
        #expect(world.describe(world.body(body)) == "key")
        let next = KeyWorld.answer(world, isAvailable, try KeyWorld.main(keys))
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
      let world = KeyWorld.world([
        try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
      ])
      let text = BodyFieldTests.post(
        "/refresh", body, BodyFieldTests.json, "Cookie: r=\(other)")
      #expect(world.verdict(text) == "body")
      #expect(world.describe(world.body(body)) == "key")
      let next = KeyWorld.answer(world, isAvailable, try KeyWorld.main(keys))
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
    let world = KeyWorld.world([
      try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
    ])
    #expect(world.verdict(text) == "key")
    #expect(KeyWorld.answer(world, true, try KeyWorld.main([.two])) == "key")
    #expect(world.request.neededKey?.name == KeyName.hash(Array("three".utf8).span))
    #expect(KeyWorld.answer(world, true, try KeyWorld.main([.two, .three])) == "route 4")
    guard case .revoke(let entries) = world.answered(200) else {
      Issue.record("nothing was learned")
      return
    }
    #expect(entries.count == 2)
    // An unknown one is the backend's business, and no reason to refuse the logout.
    let second = KeyWorld.world([
      try KeyWorld.main([.two]), try KeyWorld.partner([]), try KeyWorld.local(),
    ])
    #expect(second.verdict(text) == "key")
    #expect(KeyWorld.answer(second, true, try KeyWorld.main([.two])) == "route 4")
    guard case .revoke(let one) = second.answered(200) else {
      Issue.record("nothing was learned")
      return
    }
    #expect(one.count == 1)
    let third = KeyWorld.world([
      try KeyWorld.main([.two]), try KeyWorld.partner([]), try KeyWorld.local(),
    ])
    #expect(third.verdict(text) == "key")
    #expect(KeyWorld.answer(third, false) == "503 unavailable")
  }

  /// Nothing that was found with the old keys is kept: the body's token is judged anew as well.
  @Test func aLogoutOfTheBodyIsJudgedAnew() throws {
    let access = try Issuer.one.sign("\"sub\":\"42\",\"jti\":\"a1\",\"exp\":1700000900")
    let refresh = try Issuer.three.sign(
      "\"sub\":\"42\",\"jti\":\"r1\",\"exp\":1700000900,\"type\":\"refresh\"")
    let body = "{\"token\":\"\(access)\",\"refresh\":\"\(refresh)\"}"
    for (keys, want, count) in [
      ([Issuer.one, .three], "route 4", 2), ([.one], "route 4", 1), ([.three], "key", 0),
    ] {
      let world = KeyWorld.world([
        try KeyWorld.main([.one]), try KeyWorld.partner([]), try KeyWorld.local(),
      ])
      #expect(world.verdict(BodyFieldTests.post("/logout", body, BodyFieldTests.json)) == "body")
      #expect(world.describe(world.body(body)) == "key")
      #expect(KeyWorld.answer(world, true, try KeyWorld.main(keys)) == "body")
      #expect(world.describe(world.body(body)) == want)
      guard case .revoke(let entries) = world.answered(200) else {
        #expect(count == 0)
        continue
      }
      #expect(entries.count == count)
    }
  }

  // MARK: Several realms

  @Test func asksAllRealmsThatMayHaveTheKey() throws {
    let token = try Issuer.three.sign()
    var world = try KeyWorld.twoRealms()
    #expect(world.verdict(KeyWorld.get("/both", token)) == "key")
    #expect(world.request.neededKey?.realms == [0, 1])
    #expect(KeyWorld.answer(world, true, try KeyWorld.partner([.two, .three])) == "route 5")
    #expect(world.identity == "X-Realm: partner\r\n")
    world = try KeyWorld.twoRealms()
    #expect(world.verdict(KeyWorld.get("/both", token)) == "key")
    #expect(KeyWorld.answer(world, true) == "401 unknown_key")
    world = try KeyWorld.twoRealms()
    #expect(world.verdict(KeyWorld.get("/both", token)) == "key")
    #expect(KeyWorld.answer(world, false) == "503 unavailable")
    // The realm that has the key judges, however many others may be missing theirs.
    let pending = KeyWorld.world([
      try KeyWorld.main(nil), try KeyWorld.partner([.two]), try KeyWorld.local(),
    ])
    #expect(pending.verdict(KeyWorld.get("/both", try Issuer.two.sign())) == "route 5")
    #expect(pending.verdict(KeyWorld.get("/mixed", Forge.access())) == "route 6")
    // One that can't have it isn't asked.
    #expect(pending.verdict(KeyWorld.get("/mixed", token)) == "key")
    #expect(pending.request.neededKey?.realms == [0])
  }

  /// A key that is said to be unknown is final only for the realms that were asked.
  @Test func anotherRealmsQuestionIsAnother() throws {
    let token = try Issuer.three.sign(kid: "one")
    let world = KeyWorld.world([
      try KeyWorld.main(nil), try KeyWorld.partner([.one]), try KeyWorld.local(),
    ])
    #expect(world.verdict(KeyWorld.get("/both", token)) == "key")
    #expect(world.request.neededKey?.realms == [0])
    // Meanwhile the partner's key has gone: it may have another of that name.
    #expect(
      KeyWorld.answer(world, true, try KeyWorld.main([.two]), try KeyWorld.partner([.two])) == "key"
    )
    #expect(world.request.neededKey?.realms == [0, 1])
    #expect(KeyWorld.answer(world, true) == "401 unknown_key")
  }

  /// An observed route waits too, because its decision is to be the true one; then it lets go.
  @Test func anObservedRouteWaitsAndLetsGo() throws {
    for (isAvailable, keys, would) in [
      (true, [Issuer.two], ""), (true, [.one], "unknown_key"), (false, [.one], "unavailable"),
    ] {
      let world = World(
        PolicyDefinitions(
          realms: [try KeyWorld.main([.one])],
          identityHeaders: [IdentityHeaderDefinition(name: "X-Realm", source: .realmName)],
          routes: [RouteDefinition(path: "/", auth: .required, realm: 0, isObserved: true)]))
      #expect(world.verdict(KeyWorld.get("/", try Issuer.two.sign())) == "key")
      #expect(KeyWorld.answer(world, isAvailable, try KeyWorld.main(keys)) == "route 0")
      #expect((world.request.wouldRefuse?.description ?? "") == would)
      #expect(world.identity == (would.isEmpty ? "X-Realm: main\r\n" : ""))
    }
  }
}
