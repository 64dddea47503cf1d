import EventLoop
import Policy
import Testing
import Tokens

@testable import Admin
@testable import Proxy

private let now = TestRealm.now

/// A revocation that an operator asks for, and the entry it must become.
struct RevokeCase: Sendable, CustomTestStringConvertible {
  let name: String
  let body: String
  let kind: RevocationKind
  let value: String
  let expires: Int64

  init(
    _ name: String, _ body: String, _ kind: RevocationKind, _ value: String, expires: Int64
  ) {
    self.name = name
    self.body = body
    self.kind = kind
    self.value = value
    self.expires = expires
  }

  var testDescription: String { name }
}

@Suite(.timeLimit(.minutes(1))) struct RevokeTests {
  private static func token(_ payload: String, secret: String = TestRealm.access) -> String {
    #"{"token":"\#(TestRealm.sign(payload, secret: secret))"}"#
  }

  /// The realm's lifetimes are 900 and 9000 seconds, its leeway is 10.
  static let cases: [RevokeCase] = [
    RevokeCase("jti", #"{"jti":"a"}"#, .token, "jti:a", expires: now + 9_020),
    RevokeCase(
      "jti with its end", #"{"jti":"a","expires":\#(now + 5)}"#, .token, "jti:a",
      expires: now + 15),
    RevokeCase(
      "jti with its end within the leeway", #"{"jti":"a","expires":\#(now - 9)}"#, .token, "jti:a",
      expires: now + 1),
    RevokeCase(
      "access token", token(#"{"jti":"x","sub":"u","exp":\#(now + 600)}"#), .token, "jti:x",
      expires: now + 610),
    RevokeCase(
      "refresh token",
      token(#"{"jti":"y","exp":\#(now + 6_000)}"#, secret: TestRealm.refresh), .token, "jti:y",
      expires: now + 6_010),
    RevokeCase("subject", #"{"subject":"u"}"#, .subject, "u", expires: now + 9_020),
    RevokeCase("subject by number", #"{"subject":42}"#, .subject, "42", expires: now + 9_020),
    RevokeCase(
      "subject before a time of long ago", #"{"subject":"u","before":1000}"#, .subject, "u",
      expires: now + 9_020),
    RevokeCase(
      "subject before a time to come", #"{"subject":"u","before":\#(now + 100)}"#, .subject, "u",
      expires: now + 9_120),
    RevokeCase("everyone", #"{"everyone":true}"#, .everyone, "", expires: now + 9_020),
  ]

  @Test(arguments: cases) func applies(_ row: RevokeCase) throws {
    let harness = try ControlHarness()
    let reply = try harness.post("/revoke", row.body)
    #expect(reply.status == 200, "\(reply)")
    #expect(
      reply.body
        == #"{"status":"revoked","kind":"\#(row.kind.name)","realm":"main","#
        + #""expires":\#(row.expires)}"#
    )
    #expect(harness.keeper.entryCount == 1)
    #expect(
      harness.table.lift(kind: row.kind, realm: "main", value: row.value, nowSeconds: now),
      "the entry stands under its canonical value")
  }

  @Test(arguments: [
    #"{"jti":"a"}"#, #"{"subject":"a"}"#, #"{"subject":7}"#, #"{"everyone":true}"#,
    token(#"{"jti":"x","exp":\#(now + 600)}"#), token(#"{"sub":"no id","exp":\#(now + 600)}"#),
  ]) func takesBack(_ body: String) throws {
    let harness = try ControlHarness()
    let none = try harness.post("/unrevoke", body)
    #expect(none.status == 404, "\(none)")
    #expect(try harness.post("/revoke", body).status == 200)
    let restored = try harness.post("/unrevoke", body)
    #expect(restored.body == #"{"status":"restored"}"#)
    #expect(harness.keeper.entryCount == 0)
    #expect(try harness.post("/unrevoke", body).status == 404)
  }

  @Test func namesATokenWithoutIdentifierByItsDigest() throws {
    let harness = try ControlHarness()
    let signed = TestRealm.sign(#"{"sub":"u","exp":\#(now + 600)}"#)
    #expect(try harness.post("/revoke", #"{"token":"\#(signed)"}"#).status == 200)
    let verifier = TokenVerifier()
    _ = verifier.verify(
      Array(signed.utf8).span, realm: try TestRealm.make(), accepting: .any, nowSeconds: now)
    let text = verifier.tokenIdentifierText()
    #expect(text.hasPrefix("sha256:"))
    #expect(harness.table.lift(kind: .token, realm: "main", value: text, nowSeconds: now))
  }

  @Test(arguments: [
    token(#"{"jti":"x","exp":\#(now - 11)}"#), #"{"jti":"a","expires":\#(now - 10)}"#,
    #"{"jti":"a","expires":0}"#,
  ]) func hasNothingToDoForWhatHasExpired(_ body: String) throws {
    let harness = try ControlHarness()
    let reply = try harness.post("/revoke", body)
    #expect(reply.status == 200)
    #expect(reply.body == #"{"status":"nothing_to_do","reason":"expired"}"#)
    #expect(harness.keeper.entryCount == 0)
  }

  @Test(arguments: [
    ("garbage", "malformed"), ("a.b.c", "malformed"),
    (
      TestRealm.sign(#"{"exp":1700000600}"#, secret: "another secret of enough bytes, for tests"),
      "bad_signature"
    ),
    (TestRealm.sign(#"{"exp":1700000600,"nbf":1700000500}"#), "not_yet_valid"),
    (TestRealm.sign(#"{"exp":1800000000}"#), "lifetime_exceeded"),
    (TestRealm.sign(#"{"type":"refresh","exp":1700000600}"#), "wrong_token_type"),
    (String(repeating: "a", count: 9000), "too_large"),
  ]) func refusesATokenThatTheRealmDoesNotAccept(_ token: String, _ reason: String) throws {
    let harness = try ControlHarness()
    let reply = try harness.post("/revoke", #"{"token":"\#(token)"}"#)
    #expect(reply.status == 422, "\(reply)")
    #expect(reply.body.hasSuffix(#""reason":"\#(reason)"}"#))
    #expect(!reply.body.contains(token))
    #expect(harness.keeper.entryCount == 0)
  }

  @Test func keepsForFourHundredDaysWithoutALifetime() throws {
    let harness = try ControlHarness(realms: [TestRealm.make(lifetime: nil, leeway: 0)])
    let reply = try harness.post("/revoke", #"{"jti":"a"}"#)
    #expect(reply.body.hasSuffix(#""expires":\#(now + 400 * 86_400)}"#))
  }

  // MARK: Realms

  @Test func asksWhichOfSeveralRealms() throws {
    let harness = try ControlHarness(
      realms: [TestRealm.make(name: "one"), TestRealm.make(name: "two", index: 1)])
    let reply = try harness.post("/revoke", #"{"jti":"a"}"#)
    #expect(reply.status == 400)
    #expect(reply.body.hasSuffix(#""realms":["one","two"]}"#))
    #expect(try harness.post("/unrevoke", #"{"jti":"a"}"#).status == 400)
    let two = try harness.post("/revoke", #"{"jti":"a","realm":"two"}"#)
    #expect(two.body.contains(#""realm":"two""#))
    let lift = harness.table.lift
    #expect(!lift(.token, "one", "jti:a", now))
    #expect(lift(.token, "two", "jti:a", now))
    let nowhere = try harness.post("/revoke", #"{"jti":"a","realm":"three"}"#)
    #expect(nowhere.status == 400)
    #expect(nowhere.body.hasSuffix(#""realms":["one","two"]}"#))
  }

  @Test func refusesRealmsThatTheBlocklistDoesNotCover() throws {
    let harness = try ControlHarness(
      realms: [TestRealm.make(name: "one"), TestRealm.make(name: "two", index: 1)]
    ) { $0.blocklist.realmIndices = [1] }
    #expect(try harness.post("/revoke", #"{"jti":"a","realm":"one"}"#).status == 400)
    #expect(try harness.post("/revoke", #"{"jti":"a","realm":"two"}"#).status == 200)
  }

  @Test func refusesWithoutARealm() throws {
    let harness = try ControlHarness(realms: [])
    #expect(try harness.post("/revoke", #"{"jti":"a"}"#).status == 400)
  }

  // MARK: The store

  @Test func saysWhenTheTableIsFull() throws {
    let harness = try ControlHarness(entriesMaximum: 1)
    #expect(try harness.post("/revoke", #"{"jti":"a"}"#).status == 200)
    let reply = try harness.post("/revoke", #"{"jti":"b"}"#)
    #expect(reply.status == 507)
    #expect(reply.body.contains("full"))
    #expect(try harness.post("/revoke", #"{"jti":"a"}"#).status == 200, "it stands already")
  }

  @Test func answersOnceTheStoreHasIt() throws {
    let told = try Mailbox<ControlMessage>()
    let harness = try ControlHarness(journal: { try makeJournal($0, told) })
    let client = try harness.connect()
    try client.send(ControlHarness.post("/revoke", #"{"jti":"a"}"#))
    harness.turn()
    #expect(harness.keeper.entryCount == 1, "it stands at once")
    #expect(!client.poll() && client.received.isEmpty, "but isn't acknowledged")
    harness.control.send(.journalWritten(batch: 1, succeeded: true))
    #expect(try client.reply().status == 200)
  }

  @Test func saysWhenTheStoreFails() throws {
    let told = try Mailbox<ControlMessage>()
    let harness = try ControlHarness(journal: { try makeJournal($0, told) })
    for (batch, path) in [(UInt64(1), "/revoke"), (2, "/unrevoke")] {
      let client = try harness.connect()
      try client.send(ControlHarness.post(path, #"{"jti":"a"}"#))
      harness.turn()
      harness.control.send(.journalWritten(batch: batch, succeeded: false))
      let reply = try client.reply()
      #expect(reply.status == 503)
      #expect(reply.field("Retry-After") == "5")
      #expect(reply.body.contains("stands in memory"))
      let status = try harness.ask("GET /status HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(status.body.contains(#""store_failing":true"#))
    }
  }

  @Test func givesUpOnASilentStoreAfterTenSeconds() throws {
    let told = try Mailbox<ControlMessage>()
    let harness = try ControlHarness(journal: { try makeJournal($0, told) })
    do {
      let client = try harness.connect()
      try client.send(ControlHarness.post("/revoke", #"{"jti":"a"}"#))
      harness.turn()
      #expect(harness.loop.waitMilliseconds == 10_001)
      harness.turn(afterMilliseconds: 9_999)
      #expect(!client.poll() && client.received.isEmpty)
      harness.turn(afterMilliseconds: 1)
      let reply = try client.reply()
      #expect(reply.status == 503)
      #expect(reply.body.contains("not confirmed"))
    }
    harness.turn()
    #expect(harness.loop.connectionCount == 0)
    // The late word finds nobody, and not the next client in the same place either.
    let next = try harness.connect()
    try next.send(ControlHarness.post("/revoke", #"{"jti":"b"}"#))
    harness.turn()
    harness.control.send(.journalWritten(batch: 1, succeeded: true))
    harness.turn()
    #expect(!next.poll() && next.received.isEmpty)
    harness.control.send(.journalWritten(batch: 2, succeeded: true))
    #expect(try next.reply().status == 200)
  }

  @Test func aRestartForgetsNothing() throws {
    let told = try Mailbox<ControlMessage>()
    let harness = try ControlHarness(journal: { try makeJournal($0, told) })
    let client = try harness.connect()
    try client.send(ControlHarness.post("/revoke", #"{"subject":"a b","before":5}"#))
    harness.turn()
    harness.control.send(.journalWritten(batch: 1, succeeded: true))
    #expect(try client.reply().status == 200)
    harness.journal?.finish()
    let content = try Journal.open(
      path: harness.directory + "/journal", sync: .always, control: told, nowSeconds: now
    ).content
    #expect(
      content.entries == [
        RevocationEntry(
          kind: .subject, realm: "main", value: "a b", time: 5, expiry: now + 9_020)
      ])
  }
}
