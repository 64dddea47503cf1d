import Bytes
import Crypto
import Testing
import Tokens

/// When a token that no key signed is bad, and when nobody can tell yet.
@Suite struct MissingKeyTests {
  enum Keys: String, CaseIterable {
    /// A set that holds ES256 "a" and ES384 "b".
    case known
    /// The same set with nothing in it known.
    case pending
    /// The same set and an unnamed Ed25519 key from a file.
    case withFile
    /// A pending set that may hold ES256 only, and a secret with a name.
    case narrow
    /// The set's keys in a file.
    case local
  }

  static func realm(_ keys: Keys) throws -> Realm {
    let set = KeyForge.set([
      KeyForge.jwk(.es256, kid: "a"), KeyForge.jwk(.es384, kid: "b"),
    ])
    let file = try KeyForge.read(set)
    let extra = try KeyForge.read(KeyForge.jwk(.edDSA))
    let secret = try KeyForge.read(KeyForge.jwk(.hs256, kid: "s"))
    switch keys {
    case .known: return try Realm(KeySourceTests.definition([.remote(file)]))
    case .pending: return try Realm(KeySourceTests.definition([.remote(nil)]))
    case .withFile: return try Realm(KeySourceTests.definition([.remote(file), .file(extra)]))
    case .narrow:
      return try Realm(
        KeySourceTests.definition([.remote(nil), .file(secret)], algorithms: [.es256, .hs256]))
    case .local: return try Realm(KeySourceTests.definition([.file(file)]))
    }
  }

  /// Who signs, what the header says beside `alg`, and the outcome with each kind of keys.
  static let cases: [(TokenAlgorithm, String, [String])] = [
    // Genuine.
    (.es256, ",\"kid\":\"a\"", ["ok", "ask", "ok", "ask", "ok"]),
    (.es256, "", ["ok", "ask", "ok", "ask", "ok"]),
    // Names that no key has.
    (.es256, ",\"kid\":\"z\"", ["ask", "ask", "ask", "ask", "unknown_key"]),
    (.es256, ",\"kid\":\"\"", ["ask", "ask", "ask", "ask", "unknown_key"]),
    (.es256, ",\"kid\":\"A\"", ["ask", "ask", "ask", "ask", "unknown_key"]),
    // A name that is there, of another key or algorithm.
    (.es256, ",\"kid\":\"b\"", ["unknown_key", "ask", "unknown_key", "ask", "unknown_key"]),
    // An algorithm that no key has.
    (
      .rs256, ",\"kid\":\"z\"",
      ["ask", "ask", "ask", "unsupported_algorithm", "unsupported_algorithm"]
    ),
    (
      .rs256, ",\"kid\":\"a\"",
      [
        "unsupported_algorithm", "ask", "unsupported_algorithm", "unsupported_algorithm",
        "unsupported_algorithm",
      ]
    ),
    (
      .rs256, "",
      [
        "unsupported_algorithm", "ask", "unsupported_algorithm", "unsupported_algorithm",
        "unsupported_algorithm",
      ]
    ),
    // An unnamed key is tried whatever the name; a name that it hasn't may be another's all the same.
    (
      .edDSA, ",\"kid\":\"z\"",
      ["ask", "ask", "ok", "unsupported_algorithm", "unsupported_algorithm"]
    ),
    // Algorithms of a secret are never fetched.
    (
      .hs256, ",\"kid\":\"z\"",
      [
        "unsupported_algorithm", "unsupported_algorithm", "unsupported_algorithm", "unknown_key",
        "unsupported_algorithm",
      ]
    ),
    (
      .hs256, ",\"kid\":\"s\"",
      [
        "unsupported_algorithm", "unsupported_algorithm", "unsupported_algorithm", "ok",
        "unsupported_algorithm",
      ]
    ),
    (
      .hs512, "",
      [
        "unsupported_algorithm", "unsupported_algorithm", "unsupported_algorithm",
        "unsupported_algorithm", "unsupported_algorithm",
      ]
    ),
  ]

  func outcome(_ verdict: TokenVerdict) -> String {
    switch verdict {
    case .accepted: "ok"
    case .denied(let reason): "\(reason.name)"
    case .undecided(.keyMissing): "ask"
    case .undecided(.budgetSpent): "budget"
    }
  }

  @Test(arguments: cases) func asksOnlyForWhatMayBeFetched(
    _ algorithm: TokenAlgorithm, _ member: String, _ want: [String]
  ) throws {
    let token = try KeyForge.signer(algorithm).sign(
      header: "{\"alg\":\"\(algorithm.name)\"\(member)}", payload: RealmKeyTests.payload)
    for (keys, want) in zip(Keys.allCases, want) {
      let verifier = TokenVerifier()
      let realm = try Self.realm(keys)
      for _ in 0..<2 {
        #expect(
          outcome(verifier.verify(token, realm)) == want, "\(keys) \(algorithm.name) \(member)")
      }
      #expect(verifier.hasFoundKey == (want == "ok"))
    }
  }

  @Test func aWrongSignatureOfAKnownKeyIsNotAskedFor() throws {
    let verifier = TokenVerifier()
    let known = try Self.realm(.known)
    for (kid, want) in [("\"a\"", "bad_signature"), ("\"z\"", "ask")] {
      let token = try KeyForge.signer(.es256).sign(
        header: "{\"alg\":\"ES256\",\"kid\":\(kid)}", payload: RealmKeyTests.payload)
      var parts = TokenForge.parts(token)
      parts[1] = TokenForge.encode("{\"exp\":1700000901}")
      #expect(outcome(verifier.verify(parts.joined(separator: "."), known)) == want)
    }
    // Without a name, complete sets have had their chance.
    var bare = TokenForge.parts(
      try KeyForge.signer(.es256).sign(payload: RealmKeyTests.payload))
    bare[1] = TokenForge.encode("{\"exp\":1700000901}")
    #expect(outcome(verifier.verify(bare.joined(separator: "."), known)) == "bad_signature")
    #expect(
      outcome(verifier.verify(bare.joined(separator: "."), try Self.realm(.pending))) == "ask")
  }

  /// Of an issuer that names no key a new one shows by nothing but a signature that no key made; of a file
  /// there is nothing to fetch.
  @Test func whoNamesNoKeyIsAskedForANewOne() throws {
    func realm(_ isRemote: Bool) throws -> Realm {
      let set = try KeyForge.read(
        KeyForge.set([KeyForge.jwk(.es256), KeyForge.jwk(.es384, kid: "b")]))
      return try Realm(
        KeySourceTests.definition([isRemote ? .remote(set) : .file(set)] + [.remote(try other())]))
    }
    func other() throws -> KeyFile { try KeyForge.read(KeyForge.jwk(.edDSA, kid: "c")) }
    let verifier = TokenVerifier()
    for (algorithm, want) in [(TokenAlgorithm.es256, "ask"), (.es384, "bad_signature")] {
      let token = try KeyForge.signer(algorithm).sign(payload: RealmKeyTests.payload)
      #expect(outcome(verifier.verify(token, try realm(true))) == "ok")
      var forged = TokenForge.parts(token)
      forged[1] = TokenForge.encode("{\"exp\":1700000901}")
      let text = forged.joined(separator: ".")
      #expect(outcome(verifier.verify(text, try realm(true))) == want)
      #expect(outcome(verifier.verify(text, try realm(false))) == "bad_signature")
    }
  }

  /// What is bad whatever the key never costs a fetch.
  @Test(arguments: [
    ("a.b.c", "malformed"), ("{\"alg\":\"none\",\"kid\":\"z\"}", "unsupported_algorithm"),
    ("{\"alg\":\"RS999\",\"kid\":\"z\"}", "unsupported_algorithm"),
    ("{\"alg\":\"ES256\",\"kid\":7}", "malformed"),
    ("{\"alg\":\"ES256\",\"kid\":\"z\",\"crit\":[\"b\"]}", "malformed"),
    ("{\"alg\":\"ES256\",\"kid\":\"z\"}", "malformed"),
  ])
  func garbageIsNotAskedFor(_ header: String, _ want: String) throws {
    let verifier = TokenVerifier()
    var token = header
    if header.hasPrefix("{") {
      // A signature that is no base64url.
      token = TokenForge.encode(header) + "." + TokenForge.encode(RealmKeyTests.payload) + ".+++"
    }
    for keys in [Keys.known, .pending] {
      #expect(outcome(verifier.verify(token, try Self.realm(keys))) == want)
    }
    let long = String(repeating: "a", count: 8193)
    #expect(outcome(verifier.verify(long, try Self.realm(.pending))) == "too_large")
  }

  @Test func aKeyIdIsKnownByItsHash() throws {
    let verifier = TokenVerifier()
    let realm = try Self.realm(.known)
    func hash(_ member: String) throws -> UInt64 {
      let token = try KeyForge.signer(.es256).sign(
        header: "{\"alg\":\"ES256\"\(member)}", payload: RealmKeyTests.payload)
      _ = verifier.verify(token, realm)
      return verifier.keyName
    }
    let z = try hash(",\"kid\":\"z\"")
    #expect(z != KeyName.none)
    #expect(try hash("") == KeyName.none)
    // Also when the header is the remembered one, and by its meaning, not its spelling.
    let a = try hash(",\"kid\":\"a\"")
    #expect(a != z)
    #expect(try hash(",\"kid\":\"a\"") == a)
    #expect(try hash(",\"kid\":\"\\u007a\"") == z)
    #expect(try hash(",\"kid\":\"\"") != 0)
    #expect(try hash(",\"kid\":\"z\"") == z)
  }

  /// What was remembered of a token's signature doesn't outlive the key.
  @Test func aKeyThatIsGoneVerifiesNothing() throws {
    let verifier = TokenVerifier()
    let token = try KeyForge.signer(.es256).sign(
      header: "{\"alg\":\"ES256\",\"kid\":\"a\"}", payload: RealmKeyTests.payload)
    let first = try Self.realm(.known)
    for _ in 0..<2 { #expect(outcome(verifier.verify(token, first)) == "ok") }
    let second = try Realm(
      KeySourceTests.definition([try KeySourceTests.set(KeyForge.jwk(.es384, kid: "b"))]),
      succeeding: first)
    #expect(outcome(verifier.verify(token, second)) == "ask")
    let pending = try Realm(KeySourceTests.definition([.remote(nil)]), succeeding: second)
    #expect(outcome(verifier.verify(token, pending)) == "ask")
    let third = try Realm(
      KeySourceTests.definition([
        try KeySourceTests.set(
          KeyForge.jwk(.es256, kid: "a"))
      ]), succeeding: pending)
    #expect(outcome(verifier.verify(token, third)) == "ok")
  }
}
