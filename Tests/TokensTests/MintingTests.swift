import Bytes
import Crypto
import Testing

@testable import Tokens

extension TokenVerifier {
  /// As the gatekeeper does: what is remembered, else a new one.
  func appendMinted(
    _ use: MintedUse, _ facts: TokenFacts, source: Realm, target: Realm, nowSeconds: Int64,
    to output: inout ByteBuffer
  ) -> MintOutcome {
    let original = acceptedHash
    if appendMinted(
      use, original, source: source.serial, target: target.serial, nowSeconds: nowSeconds,
      to: &output)
    {
      return .appended
    }
    return mint(
      use, original, facts, source: source, target: target, nowSeconds: nowSeconds, to: &output)
  }
}

/// Minted tokens: what they say, for how long, and who signs them.
@Suite struct MintingTests {
  static let backendSecret = "a backend's own secret of 42 bytes, tests!"
  static let backendRefresh = "the same for refresh tokens, of 44 bytes, ok"

  /// The realm of the backends.
  static func target(
    _ preset: TokenPreset = .none, refresh: String? = backendRefresh,
    _ change: (inout RealmDefinition) -> Void = { _ in }
  ) throws -> Realm {
    try TokenForge.realm(access: backendSecret, refresh: refresh) {
      $0.name = "backend"
      $0.index = 4
      $0.preset = preset
      change(&$0)
    }
  }

  /// Verifies a token of the realm `main` and mints one for another.
  static func mint(
    _ token: String, source: Realm, target: Realm, use: MintedUse = .replacement,
    verifier: TokenVerifier = TokenVerifier(), now: Int64 = TokenForge.now
  ) -> String {
    let facts: TokenFacts
    switch verifier.verify(token, source, .any, now: now) {
    case .accepted(let accepted): facts = accepted
    default: return "refused"
    }
    var output = ByteBuffer(capacity: 16 << 10)
    switch verifier.appendMinted(
      use, facts, source: source, target: target, nowSeconds: now, to: &output)
    {
    case .appended: return String(lossy: output.readable)
    case .tooLarge: return "too large"
    case .unavailable: return "unavailable"
    }
  }

  /// The claims of a token as text.
  static func claims(_ token: String) -> String {
    let parts = TokenForge.parts(token)
    guard parts.count == 3 else { return token }
    var text = ByteBuffer(capacity: 16 << 10)
    let segment = Array(parts[1].utf8)
    guard Base64URL.decode(segment.span, into: &text) else { return "not base64url" }
    return String(lossy: text.readable)
  }

  // MARK: Claims

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    var preset = TokenPreset.none
    let given: String
    let wanted: String
    var change: @Sendable (inout RealmDefinition) -> Void = { _ in }
    var testDescription: String { name }
  }

  static let times = "\"exp\":1700000055,\"iat\":1699999995"
  static let cases: [Case] = [
    Case(name: "nothing but exp", given: "\"exp\":1700000900", wanted: times),
    Case(
      name: "values byte by byte",
      given: #""exp":1700000900,"big":123456789012345678901234567890,"e":1.50E+3,"s":"\u00e9\/é","#
        + #""o":{"a" : [1, null,true], "b":{}},"n":null,"f":false"#,
      wanted: times
        + #","big":123456789012345678901234567890,"e":1.50E+3,"s":"\u00e9\/é","#
        + #""o":{"a" : [1, null,true], "b":{}},"n":null,"f":false"#),
    Case(
      name: "names byte by byte", given: #""exp":1700000900,"a\u0062":1,"":2,"q\"":3"#,
      wanted: times + #","a\u0062":1,"":2,"q\"":3"#),
    Case(
      name: "white space between members is not copied",
      given: "\"exp\" : 1700000900 ,\n \"a\" : 1 ", wanted: times + ",\"a\":1"),
    Case(
      name: "what the gateway answers for",
      given: #""exp":1700000900,"nbf":1600000000,"iss":"them","aud":["x"],"type":"access","x":1"#,
      wanted: times + ",\"x\":1"),
    Case(
      name: "the same behind escapes",
      given: #""exp":1700000900,"\u006ebf":1600000000,"i\u0073s":"them","ty\u0070e":"access""#,
      wanted: times),
    Case(
      name: "a subject as it is", given: #""exp":1700000900,"sub":42,"jti":7"#,
      wanted: times + #","sub":42,"jti":7"#),
    Case(
      name: "a subject for flask", preset: .flaskJWTExtended,
      given: #""exp":1700000900,"jti":7,"sub":42"#,
      wanted: times + #","type":"access","sub":"42","jti":"7""#),
    Case(
      name: "a subject of zero for flask", preset: .flaskJWTExtended,
      given: #""exp":1700000900,"sub":-0"#, wanted: times + #","type":"access","sub":"0""#),
    Case(
      name: "a large subject for flask", preset: .flaskJWTExtended,
      given: #""exp":1700000900,"sub":123456789012345678901"#,
      wanted: times + #","type":"access","sub":"123456789012345678901""#),
    Case(
      name: "a text for flask", preset: .flaskJWTExtended,
      given: #""exp":1700000900,"sub":"\u00e9\"","fresh":true"#,
      wanted: times + #","type":"access","sub":"\u00e9\"","fresh":true"#),
    Case(
      name: "null is nobody", given: #""exp":1700000900,"sub":null,"jti":null"#, wanted: times),
    Case(
      name: "issuer and audience", given: #""exp":1700000900,"iss":"a","aud":"b""#,
      wanted: times + #","iss":"back\"end","aud":"api""#
    ) {
      $0.issuer = "back\"end"
      $0.audiences = ["api"]
    },
    Case(
      name: "audiences", given: #""exp":1700000900"#, wanted: times + #","aud":["api","web"]"#
    ) { $0.audiences = ["api", "web"] },
    Case(
      name: "a type that the class asks for", given: #""exp":1700000900,"type":"x""#,
      wanted: times + #","type":"Bearer""#
    ) { $0.access.requiredType = "Bearer" },
    Case(
      name: "single secret says the type", preset: .singleSecret, given: #""exp":1700000900"#,
      wanted: times + #","type":"access""#),
    Case(
      name: "a mapped claim wins", given: #""exp":1700000900,"role":"admin","r":{"role":["a", 1]}"#,
      wanted: times + #","role":["a", 1],"r":{"role":["a", 1]}"#
    ) { $0.mint.claims = [claim("role", "r.role")] },
    Case(
      name: "a mapped claim that isn't there is no copied one",
      given: #""exp":1700000900,"role":"admin""#, wanted: times
    ) { $0.mint.claims = [claim("role", "r.role")] },
    Case(
      name: "the same behind escapes", given: #""exp":1700000900,"r\u006fle":"admin""#,
      wanted: times
    ) { $0.mint.claims = [claim("role", "r.role")] },
    Case(
      name: "a mapped subject", preset: .flaskJWTExtended,
      given: #""exp":1700000900,"sub":"x","user":{"id":42}"#,
      wanted: times + #","type":"access","sub":"42","user":{"id":42}"#
    ) { $0.mint.claims = [claim("sub", "user.id")] },
    Case(
      name: "a mapped subject that isn't there", given: #""exp":1700000900,"sub":"x""#,
      wanted: times
    ) { $0.mint.claims = [claim("sub", "user.id")] },
    Case(
      name: "the realm's name", given: #""exp":1700000900,"sub":"x","realm":"y""#,
      wanted: times + #","sub":"x","realm":"main""#
    ) { $0.mint.claims = [MintedClaim(name: "realm", source: .realmName)] },
    Case(
      name: "claims none",
      given: #""exp":1700000900,"sub":"x","jti":"j","role":"admin","fresh":true"#,
      wanted: times + #","sub":"x","jti":"j","r":"admin""#
    ) {
      $0.mint.copiesClaims = false
      $0.mint.claims = [claim("r", "role")]
    },
    Case(
      name: "claims none for flask", preset: .flaskJWTExtended,
      given: #""exp":1700000900,"sub":"x","role":"admin","fresh":true"#,
      wanted: times + #","type":"access","sub":"x","fresh":true"#
    ) { $0.mint.copiesClaims = false },
  ]

  static func claim(_ name: String, _ path: String) -> MintedClaim {
    guard let path = ClaimPath(path) else { preconditionFailure("a path of this test") }
    return MintedClaim(name: name, source: .claim(path))
  }

  @Test(arguments: cases) func saysOfTheClaims(_ row: Case) throws {
    let source = try TokenForge.realm()
    let target = try Self.target(row.preset, row.change)
    let minted = Self.mint(TokenForge.sign("{\(row.given)}"), source: source, target: target)
    #expect(Self.claims(minted) == "{\(row.wanted)}")
  }

  // MARK: Times

  struct Times: Sendable, CustomTestStringConvertible {
    let name: String
    let given: String
    let exp: Int64
    let iat: Int64
    var leeway: Int64 = 0
    var lifetime: Int64 = 60
    var classLifetime: Int64?
    var testDescription: String { name }
  }

  static let now = TokenForge.now
  static let timesCases: [Times] = [
    Times(name: "a minute", given: "\"exp\":1700000900", exp: now + 55, iat: now - 5),
    Times(
      name: "less, as configured", given: "\"exp\":1700000900", exp: now + 10, iat: now - 5,
      lifetime: 10),
    Times(name: "the rest", given: "\"exp\":1700000054", exp: now + 54, iat: now - 5),
    Times(name: "the last second", given: "\"exp\":1700000001", exp: now + 1, iat: now - 5),
    Times(name: "a fraction", given: "\"exp\":1700000030.9", exp: now + 30, iat: now - 5),
    Times(
      name: "beyond the end, by leeway", given: "\"exp\":1699999990", exp: now + 20, iat: now - 5,
      leeway: 30),
    Times(
      name: "issued long ago", given: "\"exp\":1700000900,\"iat\":1600000000", exp: now + 55,
      iat: 1_600_000_000),
    Times(
      name: "issued just now", given: "\"exp\":1700000900,\"iat\":1700000000", exp: now + 55,
      iat: now - 5),
    Times(
      name: "issued by a clock ahead", given: "\"exp\":1700000900,\"iat\":1700000020",
      exp: now + 55, iat: now - 5, leeway: 30),
    Times(
      name: "issued before everything", given: "\"exp\":1700000900,\"iat\":-5", exp: now + 55,
      iat: -5),
    Times(
      name: "the lifetime tells when", given: "\"exp\":1700000100", exp: now + 55, iat: now - 800,
      classLifetime: 900),
  ]

  @Test(arguments: timesCases) func livesSoLong(_ row: Times) throws {
    let source = try TokenForge.realm {
      $0.leewaySeconds = row.leeway
      $0.access.lifetimeSeconds = row.classLifetime
    }
    let target = try Self.target { $0.mint.lifetimeSeconds = row.lifetime }
    let minted = Self.mint(TokenForge.sign("{\(row.given)}"), source: source, target: target)
    #expect(Self.claims(minted) == "{\"exp\":\(row.exp),\"iat\":\(row.iat)}")
  }

  // MARK: Classes and keys

  @Test func everyMintedTokenIsOneOfItsRealm() throws {
    let source = try TokenForge.realm()
    let verifier = TokenVerifier()
    for preset in TokenPreset.allCases {
      let target = try Self.target(preset)
      let access = Self.mint(
        TokenForge.sign("{\"exp\":1700000900,\"sub\":1}"), source: source, target: target)
      #expect(verifier.refusal(access, target) == nil)
      #expect(verifier.refusal(access, target, .refresh) == .wrongTokenType)
      #expect(verifier.refusal(access, source) == .badSignature)
      let refresh = Self.mint(
        TokenForge.sign("{\"exp\":1700000900,\"sub\":1}", secret: TokenForge.refreshSecret),
        source: source, target: target)
      #expect(verifier.refusal(refresh, target, .refresh) == nil)
      #expect(verifier.refusal(refresh, target) == .wrongTokenType)
    }
  }

  /// One secret for both classes: only the word tells them apart.
  @Test func aSharedKeySaysTheType() throws {
    let source = try TokenForge.realm()
    let target = try Self.target(refresh: nil) { $0.refresh = ClassDefinition() }
    let verifier = TokenVerifier()
    let refresh = Self.mint(
      TokenForge.sign("{\"exp\":1700000900}", secret: TokenForge.refreshSecret),
      source: source, target: target)
    #expect(Self.claims(refresh) == "{\(Self.times),\"type\":\"refresh\"}")
    #expect(verifier.refusal(refresh, target) == .wrongTokenType)
    #expect(verifier.refusal(refresh, target, .refresh) == nil)
  }

  @Test func aRealmMayMintForItself() throws {
    let realm = try TokenForge.realm()
    let token = TokenForge.sign("{\"exp\":1700000900,\"sub\":\"u\"}")
    let minted = Self.mint(token, source: realm, target: realm)
    #expect(minted != token)
    #expect(Self.claims(minted) == "{\(Self.times),\"sub\":\"u\"}")
    #expect(TokenVerifier().refusal(minted, realm) == nil)
  }

  /// Signed by the private half, verified by whoever has the public one alone; `kid` says which.
  @Test(arguments: TokenAlgorithm.allCases) func everyAlgorithmSigns(
    _ algorithm: TokenAlgorithm
  ) throws {
    let source = try TokenForge.realm()
    let token = TokenForge.sign("{\"exp\":1700000900,\"sub\":\"u\"}")
    let other: TokenAlgorithm = algorithm == .edDSA ? .es256 : .edDSA
    let file = KeyForge.set([
      KeyForge.jwk(other, kid: "public only"),
      KeyForge.jwk(algorithm, kid: "this one", isPrivate: true),
    ])
    let keys = try KeyForge.read(
      algorithm.isSymmetric ? KeyForge.jwk(algorithm, kid: "this one") : file, .minting)
    let target = try Self.target(refresh: nil) {
      $0.access.secret = nil
      $0.access.keySources = [.file(keys)]
    }
    #expect(target.mintingAlgorithm(.replacement, .access) == algorithm)
    let minted = Self.mint(token, source: source, target: target)
    let reader = try KeyForge.realm([KeyForge.jwk(algorithm, kid: "this one")])
    #expect(TokenVerifier().refusal(minted, reader) == nil)
    #expect(
      TokenForge.parts(minted)[0]
        == TokenForge.encode(
          "{\"alg\":\"\(algorithm.name)\",\"typ\":\"JWT\",\"kid\":\"this one\"}"))
  }

  @Test func publicKeysSignNothing() throws {
    let target = try KeyForge.realm([KeyForge.jwk(.es256)])
    #expect(target.mintingAlgorithm(.replacement, .access) == nil)
    #expect(target.mintingAlgorithm(.assertion, .access) == nil)
    let source = try TokenForge.realm()
    let token = TokenForge.sign("{\"exp\":1700000900}")
    #expect(Self.mint(token, source: source, target: target) == "unavailable")
  }

  @Test func aRealmWithoutRefreshTokensMintsNone() throws {
    let target = try Self.target(refresh: nil)
    #expect(target.mintingAlgorithm(.replacement, .access) == .hs256)
    #expect(target.mintingAlgorithm(.replacement, .refresh) == nil)
    #expect(target.mintingAlgorithm(.assertion, .refresh) == .hs256)
    let token = TokenForge.sign("{\"exp\":1700000900}", secret: TokenForge.refreshSecret)
    #expect(
      Self.mint(token, source: try TokenForge.realm(), target: target) == "unavailable")
  }

  @Test func previousSecretsNeverSign() throws {
    let source = try TokenForge.realm()
    let target = try Self.target {
      $0.access.previousSecrets = [
        PreviousSecret(
          SecretDefinition(text: "an older secret of 42 bytes, to be dropped"), endSeconds: .max)
      ]
    }
    let plain = try Self.target()
    let token = TokenForge.sign("{\"exp\":1700000900}")
    #expect(
      Self.mint(token, source: source, target: target)
        == Self.mint(token, source: source, target: plain))
  }

  // MARK: Assertions

  @Test func anAssertionIsSignedByTheAccessKeyAndTellsTheClass() throws {
    let source = try TokenForge.realm()
    let target = try Self.target(refresh: nil)
    let refresh = TokenForge.sign("{\"exp\":1700000900}", secret: TokenForge.refreshSecret)
    let access = TokenForge.sign("{\"exp\":1700000900}")
    let verifier = TokenVerifier()
    for (token, word) in [(access, "access"), (refresh, "refresh")] {
      let minted = Self.mint(
        token, source: source, target: target, use: .assertion, verifier: verifier)
      #expect(Self.claims(minted) == "{\(Self.times),\"type\":\"\(word)\"}")
      let bytes = Array(minted.utf8)
      #expect(verifier.verifySignature(bytes.span, realm: target, nowSeconds: Self.now) == nil)
    }
  }

  // MARK: Caps

  /// At the cap of a token's bytes and one claim past it.
  @Test func aTokenIsNeverLargerThanOneMayBe() throws {
    let source = try TokenForge.realm()
    let target = try Self.target { $0.issuer = String(repeating: "i", count: 200) }
    let most = TokenVerifier.tokenBytesDefault
    var lengths = Set<Int>()
    var outcomes = Set<String>()
    for count in (most / 4 * 3 - 700)..<(most / 4 * 3 - 200) {
      let token = TokenForge.sign(
        "{\"exp\":1700000900,\"x\":\"\(String(repeating: "x", count: count))\"}")
      guard token.utf8.count <= most else { continue }
      let minted = Self.mint(token, source: source, target: target)
      if minted == "too large" {
        outcomes.insert(minted)
      } else {
        lengths.insert(minted.utf8.count)
      }
    }
    #expect(outcomes == ["too large"])
    #expect(lengths.max().map { $0 <= most && $0 > most - 4 } ?? false)
  }
}
