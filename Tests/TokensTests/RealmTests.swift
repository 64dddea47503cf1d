import Bytes
import Crypto
import Testing
import Tokens

@Suite struct RealmTests {
  static let other = "another secret with more than 32 bytes"

  func faults(_ change: (inout RealmDefinition) -> Void) -> [RealmFault] {
    do {
      _ = try TokenForge.realm(change)
      return []
    } catch let rejection as RealmRejection {
      return rejection.faults
    } catch {
      Issue.record("\(error)")
      return []
    }
  }

  @Test func tellsEveryFaultByItsSetting() {
    let found = faults {
      $0.access.secret = SecretDefinition(text: "secret123")
      $0.refresh?.secret = SecretDefinition(text: "")
      $0.access.lifetimeSeconds = 0
      $0.refresh?.lifetimeSeconds = 1 << 40
      $0.leewaySeconds = -1
    }
    #expect(
      found == [
        RealmFault(kind: .badLeeway, tokenClass: nil),
        RealmFault(kind: .badLifetime, tokenClass: .access),
        RealmFault(kind: .knownSecret, tokenClass: .access),
        RealmFault(kind: .badLifetime, tokenClass: .refresh),
        RealmFault(kind: .emptySecret, tokenClass: .refresh),
      ])
    #expect(found.map(\.setting) == ["leeway", "lifetime", "secret", "lifetime", "secret"])
    for fault in found {
      #expect(!fault.message.isEmpty && !fault.hint.isEmpty)
      #expect(!fault.message.contains("secret123"))
    }
  }

  static let secrets:
    [(name: String, text: String, encoding: SecretEncoding, want: RealmFault.Kind?)] =
      [
        (
          "31 bytes", "0123456789abcdefghijklmnopqrstu", .raw,
          .shortSecret(byteCount: 31, minimum: 32)
        ),
        ("32 bytes", "0123456789abcdefghijklmnopqrstuv", .raw, nil),
        ("empty", "", .raw, .emptySecret),
        ("empty base64", "", .base64, .emptySecret),
        ("padding inside", "a===", .base64, .undecodableSecret(.base64)),
        ("not base64", "ab!?", .base64, .undecodableSecret(.base64)),
        ("not base64url", "ab+/", .base64url, .undecodableSecret(.base64url)),
        ("odd hexadecimal", "abc", .hex, .undecodableSecret(.hex)),
        ("32 bytes of hexadecimal", String(repeating: "0f1e2d3c", count: 8), .hex, nil),
        (
          "31 bytes of hexadecimal", String(String(repeating: "0f1e2d3c", count: 8).dropLast(2)),
          .hex,
          .shortSecret(byteCount: 31, minimum: 32)
        ),
        ("placeholder", "${JWT_ACCESS_SECRET}", .raw, .knownSecret),
        ("default that happens to be base64url", "changeme", .base64url, .knownSecret),
        ("encoded default", "ZGV2LXNlY3JldC1jaGFuZ2UtbWU=", .base64, .knownSecret),
      ]

  @Test(arguments: secrets) func judgesSecrets(
    _ name: String, _ text: String, _ encoding: SecretEncoding, _ want: RealmFault.Kind?
  ) {
    let found = faults {
      $0.access.secret = SecretDefinition(text: text, encoding: encoding)
    }
    #expect(found.map(\.kind) == (want.map { [$0] } ?? []), "\(name)")
  }

  @Test func needsLongerSecretsForLongerHashes() {
    let found = faults { $0.access.algorithms = [.hs512] }
    #expect(found.map(\.kind) == [.shortSecret(byteCount: 40, minimum: 64)])
  }

  @Test func needsAnAccessSecret() {
    #expect(faults { $0.access.secret = nil }.map(\.kind) == [.missingSecret])
  }

  @Test func admitsWeakSecretsOnlyWhenAsked() throws {
    let weak = try TokenForge.realm(access: "short", refresh: "dev-secret") {
      $0.admitsWeakSecrets = true
    }
    #expect(
      weak.weaknesses == [
        RealmFault(kind: .shortSecret(byteCount: 5, minimum: 32), tokenClass: .access),
        RealmFault(kind: .knownSecret, tokenClass: .refresh),
      ])
    #expect(
      TokenVerifier().refusal(TokenForge.sign("{\"exp\":1700000900}", secret: "short"), weak) == nil
    )
    // Empty never (CVE-2022-23540).
    let found = faults {
      $0.admitsWeakSecrets = true
      $0.access.secret = SecretDefinition(text: "")
    }
    #expect(found.map(\.kind) == [.emptySecret])
  }

  @Test func dualSecretsMustDiffer() {
    let equal = faults {
      $0.preset = .nestDualSecret
      $0.refresh?.secret = SecretDefinition(text: TokenForge.accessSecret)
    }
    #expect(equal == [RealmFault(kind: .equalSecrets, tokenClass: .refresh)])
    let inherited = faults {
      $0.preset = .nestDualSecret
      $0.refresh?.secret = nil
    }
    #expect(inherited == [RealmFault(kind: .equalSecrets, tokenClass: .refresh)])
    // Equal once decoded, though written differently.
    let decoded = faults {
      $0.preset = .nestDualSecret
      $0.access.secret = SecretDefinition(text: Self.other)
      $0.refresh?.secret = SecretDefinition(
        text: Self.other.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(),
        encoding: .hex)
    }
    #expect(decoded == [RealmFault(kind: .equalSecrets, tokenClass: .refresh)])
    #expect(faults { $0.preset = .nestDualSecret }.isEmpty)
  }

  @Test func refusesTypesThatNoTokenCanHave() {
    let both = faults {
      $0.access.requiredType = "Refresh"
      $0.refresh?.requiredType = "access"
    }
    #expect(
      both == [
        RealmFault(kind: .contradictoryType, tokenClass: .access),
        RealmFault(kind: .contradictoryType, tokenClass: .refresh),
      ])
    let same = faults {
      $0.access.requiredType = "jwt"
      $0.refresh?.requiredType = "jwt"
    }
    #expect(same == [RealmFault(kind: .contradictoryType, tokenClass: .refresh)])
  }

  @Test func tellsLifetimes() throws {
    let both = try TokenForge.realm {
      $0.access.lifetimeSeconds = 900
      $0.refresh?.lifetimeSeconds = 604_800
    }
    #expect(both.longestLifetimeSeconds == 604_800)
    let open = try TokenForge.realm { $0.access.lifetimeSeconds = 900 }
    #expect(open.longestLifetimeSeconds == nil)
    let accessOnly = try TokenForge.realm(refresh: nil) { $0.access.lifetimeSeconds = 900 }
    #expect(accessOnly.longestLifetimeSeconds == 900)
    #expect(accessOnly.lifetimeSeconds(.access) == 900)
  }

  @Test func signsForEachClass() throws {
    let realm = try TokenForge.realm()
    let verifier = TokenVerifier()
    for (tokenClass, accepting) in [
      (TokenClass.access, AcceptedClasses.access), (.refresh, .refresh),
    ] {
      let token = try #require(realm.makeSigner(for: tokenClass)).sign(
        payload: "{\"exp\":1700000900}")
      #expect(verifier.refusal(token, realm, accepting) == nil)
    }
    #expect(try TokenForge.realm(refresh: nil).makeSigner(for: .refresh) == nil)
  }

  @Test func verifiesLongerHashes() throws {
    let secret = String(repeating: "0123456789", count: 7)
    for (algorithm, name) in [(TokenAlgorithm.hs384, "HS384"), (.hs512, "HS512")] {
      let realm = try TokenForge.realm(access: secret, refresh: nil) {
        $0.access.algorithms = [algorithm]
      }
      let verifier = TokenVerifier()
      let good = TokenForge.sign(
        header: "{\"alg\":\"\(name)\"}", secret: secret, algorithm: algorithm)
      #expect(verifier.refusal(good, realm) == nil)
      let short = TokenForge.sign(header: "{\"alg\":\"HS256\"}", secret: secret)
      #expect(verifier.refusal(short, realm) == .unsupportedAlgorithm)
      let lying = TokenForge.sign(header: "{\"alg\":\"\(name)\"}", secret: secret)
      #expect(verifier.refusal(lying, realm) == .badSignature)
    }
  }

  @Test func aKeyOnlyServesItsOwnAlgorithm() throws {
    let long = String(repeating: "0123456789", count: 7)
    let realm = try TokenForge.realm(refresh: long) { $0.refresh?.algorithms = [.hs512] }
    let verifier = TokenVerifier()
    let payload = "{\"exp\":1700000900}"
    let genuine = TokenForge.sign(
      header: "{\"alg\":\"HS512\"}", payload, secret: long, algorithm: .hs512)
    #expect(verifier.refusal(genuine, realm, .refresh) == nil)
    // Signed with the refresh key as it is meant, but naming the access key's algorithm.
    let renamed = TokenForge.sign(
      header: "{\"alg\":\"HS256\"}", payload, secret: long, algorithm: .hs512)
    #expect(verifier.refusal(renamed, realm, .any) == .badSignature)
    let mixed = TokenForge.sign(header: "{\"alg\":\"HS256\"}", payload, secret: long)
    #expect(verifier.refusal(mixed, realm, .any) == .badSignature)
  }

  @Test func checksTheSignatureAlone() throws {
    let realm = try TokenForge.realm()
    func check(_ token: String) -> DenialReason? {
      let bytes = Array(token.utf8)
      return TokenVerifier().verifySignature(bytes.span, realm: realm, nowSeconds: TokenForge.now)
    }
    #expect(check(TokenForge.sign("no JSON at all")) == nil)
    #expect(check(TokenForge.sign("{\"exp\":1}", secret: TokenForge.refreshSecret)) == nil)
    #expect(check(TokenForge.sign("{}", secret: Self.other)) == .badSignature)
    #expect(check(TokenForge.sign(header: "{\"alg\":\"none\"}")) == .unsupportedAlgorithm)
    #expect(check("a.b") == .malformed)
    #expect(check(String(repeating: "a", count: 8193)) == .tooLarge)
  }
}
