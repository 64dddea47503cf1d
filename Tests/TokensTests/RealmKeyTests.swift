import Bytes
import Crypto
import Testing
import Tokens

/// Which keys a realm has, which of them a token may mean, and for how long they count.
@Suite struct RealmKeyTests {
  static let payload = "{\"exp\":1700000900}"
  static let old = "an older secret with more than 32 bytes"
  static let older = "the oldest secret with more than 32 bytes"

  func faults(_ change: (inout RealmDefinition) -> Void) -> [RealmFault] {
    do {
      _ = try TokenForge.realm(change)
      return []
    } catch {
      return (error as? RealmRejection)?.faults ?? []
    }
  }

  static func previous(_ text: String, until end: Int64 = .max) -> PreviousSecret {
    PreviousSecret(SecretDefinition(text: text), endSeconds: end)
  }

  // MARK: kid

  static let named = [
    KeyForge.jwk(.es256, kid: "a"), KeyForge.jwk(.es384, kid: "b"), KeyForge.jwk(.edDSA, kid: "c"),
  ]

  /// `kid` in the header of a token that the ES256 key signed, and what comes of it.
  static let selections: [(String, [String], DenialReason?)] = [
    ("", named, nil),
    (",\"kid\":\"a\"", named, nil),
    (",\"kid\":\"\\u0061\"", named, nil),
    (",\"kid\":\"A\"", named, .unknownKey),
    (",\"kid\":\"\"", named, .unknownKey),
    (",\"kid\":\"a\\u0000\"", named, .malformed),
    // A name of a key of another algorithm doesn't make that algorithm the token's.
    (",\"kid\":\"b\"", named, .unknownKey),
    (",\"kid\":\"z\"", named, .unknownKey),
    (",\"kid\":\"../../../../dev/null\"", named, .unknownKey),
    (",\"kid\":\"' OR 1=1 --\"", named, .unknownKey),
    (",\"kid\":7", named, .malformed),
    (",\"kid\":null", named, .malformed),
    (",\"kid\":[\"a\"]", named, .malformed),
    // A key without a name is tried whatever the token says.
    (",\"kid\":\"z\"", [KeyForge.jwk(.es256)], nil),
    ("", [KeyForge.jwk(.es256)], nil),
    (",\"kid\":\"z\"", [KeyForge.jwk(.es256), KeyForge.jwk(.edDSA, kid: "c")], nil),
    (",\"kid\":\"c\"", [KeyForge.jwk(.es256), KeyForge.jwk(.edDSA, kid: "c")], nil),
    // The same key under two names answers to both.
    (",\"kid\":\"y\"", named + [KeyForge.jwk(.es256, kid: "y")], nil),
  ]

  @Test(arguments: selections) func aKidSelects(
    _ member: String, _ keys: [String], _ want: DenialReason?
  ) throws {
    let realm = try KeyForge.realm(keys)
    let verifier = TokenVerifier()
    let signer = try KeyForge.signer(.es256)
    let token = signer.sign(header: "{\"alg\":\"ES256\"\(member)}", payload: Self.payload)
    // Before, behind and between tokens of another header, which may be the remembered one.
    let other = try KeyForge.signer(.es256, kid: "a").sign(payload: Self.payload)
    for _ in 0..<3 {
      #expect(verifier.refusal(token, realm) == want, "\(member)")
      #expect(verifier.refusal(token, realm) == want, "\(member)")
      _ = verifier.refusal(other, realm)
    }
  }

  @Test func secretsSelectByKidToo() throws {
    func oct(_ kid: String, _ letter: String) -> String {
      "{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"\(kid)\",\"k\":\""
        + String(repeating: "ABC\(letter)", count: 11) + "\"}"
    }
    let set = KeyForge.set([oct("one", "D"), oct("two", "E")])
    let realm = try KeyForge.realm([set])
    let file = try KeyForge.read(set, .signing)
    let verifier = TokenVerifier()
    for key in file.keys {
      let signer = try #require(TokenSigner(key, .hs256))
      #expect(verifier.refusal(signer.sign(payload: Self.payload), realm) == nil)
      let bare = signer.sign(header: "{\"alg\":\"HS256\"}", payload: Self.payload)
      #expect(verifier.refusal(bare, realm) == nil)
      for (kid, want) in [("one", 0), ("two", 1)] {
        let token = signer.sign(
          header: "{\"alg\":\"HS256\",\"kid\":\"\(kid)\"}", payload: Self.payload)
        let isOwn = file.keys[want].identifier == key.identifier
        #expect(verifier.refusal(token, realm) == (isOwn ? nil : .badSignature))
      }
      let unknown = signer.sign(
        header: "{\"alg\":\"HS256\",\"kid\":\"three\"}", payload: Self.payload)
      #expect(verifier.refusal(unknown, realm) == .unknownKey)
    }
  }

  /// A token without `kid` could mean any key of a set: only so many are tried.
  @Test func triesAtMostEightKeysForOneToken() throws {
    let other = try KeyForge.signer(.rs256)
    func set(_ count: Int, named: Bool) -> [String] {
      // Distinct Ed25519 keys; the last one is the signer's.
      let keys = (1..<count).map { index in
        let bytes = [UInt8](repeating: UInt8(index), count: 32)
        return "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\(TokenForge.encode(bytes))\""
          + (named ? ",\"kid\":\"k\(index)\"}" : "}")
      }
      return keys + [KeyForge.jwk(.edDSA, kid: named ? "own" : nil)]
    }
    let signer = try KeyForge.signer(.edDSA)
    func refusal(_ header: String, _ realm: Realm) -> DenialReason? {
      TokenVerifier().refusal(signer.sign(header: header, payload: Self.payload), realm)
    }
    let bare = "{\"alg\":\"EdDSA\"}"
    let named = "{\"alg\":\"EdDSA\",\"kid\":\"own\"}"
    for isNamed in [false, true] {
      #expect(refusal(bare, try KeyForge.realm(set(8, named: isNamed))) == nil)
    }
    let many = try KeyForge.realm(set(9, named: true))
    #expect(refusal(bare, many) == .badSignature)
    #expect(refusal(named, many) == nil)
    #expect(
      TokenVerifier().refusal(other.sign(payload: Self.payload), many) == .unsupportedAlgorithm)
    do {
      _ = try KeyForge.realm(set(9, named: false))
      Issue.record("nine unnamed keys were taken")
    } catch {
      #expect((error as? RealmRejection)?.faults.map(\.kind) == [.tooManyUnnamedKeys])
    }
  }

  // MARK: Rotation

  @Test func aPreviousSecretCountsUntilItsEnd() throws {
    let end = TokenForge.now + 100
    let realm = try TokenForge.realm {
      $0.access.previousSecrets = [
        Self.previous(Self.old, until: end), Self.previous(Self.older, until: end + 100),
      ]
    }
    let verifier = TokenVerifier()
    let current = TokenForge.sign(Self.payload)
    let one = TokenForge.sign(Self.payload, secret: Self.old)
    let two = TokenForge.sign(Self.payload, secret: Self.older)
    for (now, wanted) in [
      (end - 1, [true, true, true]), (end, [true, false, true]), (end + 99, [true, false, true]),
      (end + 100, [true, false, false]), (end - 1, [true, true, true]),
    ] {
      for (token, isGood) in zip([current, one, two], wanted) {
        let want: DenialReason? = isGood ? nil : .badSignature
        #expect(verifier.refusal(token, realm, now: now) == want, "\(now - end)")
      }
    }
    // New tokens are signed with the current secret.
    let token = try #require(realm.makeSigner(for: .access)).sign(payload: Self.payload)
    #expect(verifier.refusal(token, realm, now: end + 500) == nil)
    #expect(verifier.refusal(token, try TokenForge.realm()) == nil)
  }

  @Test func anInheritingClassInheritsTheEnds() throws {
    let end = TokenForge.now + 100
    let realm = try TokenForge.realm(refresh: nil) {
      $0.refresh = ClassDefinition()
      $0.access.previousSecrets = [Self.previous(Self.old, until: end)]
    }
    let payload = "{\"exp\":1700000900,\"type\":\"refresh\"}"
    let token = TokenForge.sign(payload, secret: Self.old)
    #expect(TokenVerifier().refusal(token, realm, .refresh, now: end - 1) == nil)
    #expect(TokenVerifier().refusal(token, realm, .refresh, now: end) == .badSignature)
  }

  @Test func eachClassHasItsOwnEnd() throws {
    // The refresh secret is new; its old value was the access secret's, which stays.
    let end = TokenForge.now + 100
    let realm = try TokenForge.realm {
      $0.refresh?.previousSecrets = [Self.previous(TokenForge.accessSecret, until: end)]
    }
    let refresh = TokenForge.sign("{\"exp\":1700000900,\"type\":\"refresh\"}")
    let access = TokenForge.sign("{\"exp\":1700000900,\"type\":\"access\"}")
    let untyped = TokenForge.sign(Self.payload)
    let verifier = TokenVerifier()
    #expect(verifier.refusal(refresh, realm, .refresh, now: end - 1) == nil)
    #expect(verifier.refusal(refresh, realm, .refresh, now: end) == .wrongTokenType)
    // A secret of both classes can't decide; without a type it is an access token.
    #expect(verifier.refusal(untyped, realm, .refresh, now: end - 1) == .wrongTokenType)
    for now in [end - 1, end] {
      #expect(verifier.refusal(access, realm, .access, now: now) == nil)
      #expect(verifier.refusal(untyped, realm, .access, now: now) == nil)
      #expect(verifier.refusal(refresh, realm, .access, now: now) == .wrongTokenType)
    }
  }

  @Test func judgesPreviousSecrets() {
    func kinds(_ previous: [PreviousSecret]) -> [RealmFault] {
      faults { $0.access.previousSecrets = previous }
    }
    #expect(
      kinds([Self.previous(Self.old), Self.previous("short"), Self.previous("")])
        == [
          RealmFault(
            kind: .shortSecret(byteCount: 5, minimum: 32), tokenClass: .access, source: .previous(1)
          ),
          RealmFault(kind: .emptySecret, tokenClass: .access, source: .previous(2)),
        ])
    #expect(
      kinds([Self.previous(TokenForge.accessSecret)]) == [
        RealmFault(kind: .previousIsCurrent, tokenClass: .access, source: .previous(0))
      ])
    #expect(
      kinds([Self.previous(Self.old), Self.previous(Self.old)]).map(\.kind) == [.previousIsCurrent])
    let many = (0..<9).map { Self.previous("\($0) " + Self.old) }
    #expect(kinds(Array(many.dropLast())).isEmpty)
    #expect(kinds(many).map(\.kind) == [.tooManyPrevious])
    #expect(
      faults {
        $0.refresh?.secret = nil
        $0.refresh?.previousSecrets = [Self.previous(Self.old)]
      } == [RealmFault(kind: .lonelyPrevious, tokenClass: .refresh, source: .previous(0))])
    let weak = try? TokenForge.realm {
      $0.admitsWeakSecrets = true
      $0.access.previousSecrets = [Self.previous("short")]
    }
    #expect(weak?.weaknesses.map(\.source) == [.previous(0)])
  }

  // MARK: Algorithms

  @Test func oneSecretMayHaveSeveralAlgorithms() throws {
    let long = String(repeating: "0123456789", count: 7)
    let realm = try TokenForge.realm(access: long, refresh: nil) {
      $0.access.algorithms = [.hs256, .hs512]
    }
    let verifier = TokenVerifier()
    for (algorithm, want) in [
      (TokenAlgorithm.hs256, nil), (.hs384, DenialReason.unsupportedAlgorithm), (.hs512, nil),
    ] {
      let token = TokenForge.sign(
        header: "{\"alg\":\"\(algorithm.name)\"}", secret: long, algorithm: algorithm)
      #expect(verifier.refusal(token, realm) == want, "\(algorithm.name)")
    }
  }

  /// One secret under two algorithms is one secret: it can't decide the class.
  @Test func equalSecretsUnderTwoAlgorithmsStayShared() throws {
    let long = String(repeating: "0123456789", count: 7)
    let realm = try TokenForge.realm(access: long, refresh: long) {
      $0.access.algorithms = [.hs256]
      $0.refresh?.algorithms = [.hs512]
    }
    let verifier = TokenVerifier()
    func token(_ algorithm: TokenAlgorithm, _ type: String) -> String {
      TokenForge.sign(
        header: "{\"alg\":\"\(algorithm.name)\"}", "{\"exp\":1700000900\(type)}", secret: long,
        algorithm: algorithm)
    }
    #expect(verifier.refusal(token(.hs512, ""), realm, .refresh) == .wrongTokenType)
    #expect(verifier.refusal(token(.hs512, ",\"type\":\"refresh\""), realm, .refresh) == nil)
    #expect(verifier.refusal(token(.hs512, ",\"type\":\"access\""), realm, .any) == .wrongTokenType)
    #expect(verifier.refusal(token(.hs256, ""), realm, .access) == nil)
    #expect(
      verifier.refusal(token(.hs256, ",\"type\":\"refresh\""), realm, .any) == .wrongTokenType)
    #expect(
      faults {
        $0.preset = .nestDualSecret
        $0.access.secret = SecretDefinition(text: long)
        $0.refresh?.secret = SecretDefinition(text: long)
        $0.refresh?.algorithms = [.hs512]
      }.map(\.kind) == [.equalSecrets])
  }

  @Test func oneKeyPairForBothClassesIsShared() throws {
    // The private half in one class is the public half in the other.
    let realm = try KeyForge.realm([KeyForge.jwk(.es256, kid: "a")]) {
      $0.refresh = ClassDefinition()
      $0.refresh?.keySources = [.file(try! KeyForge.read(TestKeys.p256SPKI))]
    }
    let verifier = TokenVerifier()
    let signer = try KeyForge.signer(.es256)
    let untyped = signer.sign(payload: Self.payload)
    let refresh = signer.sign(payload: "{\"exp\":1700000900,\"type\":\"refresh\"}")
    #expect(verifier.refusal(untyped, realm, .refresh) == .wrongTokenType)
    #expect(verifier.refusal(untyped, realm) == nil)
    #expect(verifier.refusal(refresh, realm, .refresh) == nil)
    #expect(verifier.refusal(refresh, realm) == .wrongTokenType)
  }

  @Test func classesMayHaveKeysOfDifferentKinds() throws {
    let realm = try KeyForge.realm([KeyForge.jwk(.rs256)]) {
      $0.refresh = ClassDefinition(secret: SecretDefinition(text: TokenForge.refreshSecret))
    }
    let verifier = TokenVerifier()
    let access = try KeyForge.signer(.rs256).sign(payload: Self.payload)
    let refresh = TokenForge.sign(Self.payload, secret: TokenForge.refreshSecret)
    #expect(verifier.refusal(access, realm) == nil)
    #expect(verifier.refusal(access, realm, .refresh) == .wrongTokenType)
    #expect(verifier.refusal(refresh, realm, .refresh) == nil)
    #expect(verifier.refusal(refresh, realm) == .wrongTokenType)
  }

  @Test func tellsKeysThatFitNothing() throws {
    let rsa = try KeyForge.read(TestKeys.rsaSPKI)
    let ec = try KeyForge.read(TestKeys.p256SPKI)
    func kinds(_ change: (inout ClassDefinition) -> Void) -> [RealmFault] {
      faults {
        $0.access.secret = nil
        change(&$0.access)
      }
    }
    #expect(
      kinds { $0.keySources = [.file(ec), .file(rsa)] } == [
        RealmFault(kind: .unknownAlgorithm, tokenClass: .access, source: .keyFile(1))
      ])
    #expect(
      kinds {
        $0.keySources = [.file(rsa)]
        $0.algorithms = [.rs256]
      }.isEmpty)
    #expect(
      kinds {
        $0.keySources = [.file(rsa), .file(ec)]
        $0.algorithms = [.rs256]
      } == [RealmFault(kind: .unfittingAlgorithms, tokenClass: .access, source: .keyFile(1))])
    #expect(
      faults { $0.access.algorithms = [.rs256] }.map(\.kind) == [.unfittingAlgorithms])
    #expect(kinds { _ in }.map(\.kind) == [.missingSecret])
    for fault in kinds({ $0.keySources = [.file(rsa)] }) {
      #expect(fault.setting == "key" && !fault.message.isEmpty && !fault.hint.isEmpty)
    }
  }

  /// CVE-2015-9235 and CVE-2022-29217, at the door: the text of a key is no secret.
  @Test func refusesTheTextOfAKeyAsSecret() {
    let texts = [
      TestKeys.rsaSPKI, TestKeys.rsaSPKI + "\n", TestKeys.certificate, TestKeys.p256PKCS8,
      "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ someone@somewhere",
      TestKeys.p256SPKI.split(separator: "\n").dropFirst().dropLast().joined(),
    ]
    for text in texts {
      for isWeakAllowed in [false, true] {
        let found = faults {
          $0.admitsWeakSecrets = isWeakAllowed
          $0.access.secret = SecretDefinition(text: text)
        }
        #expect(found.map(\.kind) == [.keyAsSecret])
      }
    }
    let decoded = faults {
      $0.access.secret = SecretDefinition(
        text: TestKeys.p256SPKI.split(separator: "\n").dropFirst().dropLast().joined(),
        encoding: .base64)
    }
    #expect(decoded.map(\.kind) == [.keyAsSecret])
  }
}
