import Testing
import Tokens

@Suite struct ClaimRulesTests {
  static let now = TokenForge.now

  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var payload: String
    var leeway: Int64 = 0
    var lifetime: Int64?
    var want: DenialReason?

    init(
      _ name: String, _ payload: String, leeway: Int64 = 0, lifetime: Int64? = nil,
      _ want: DenialReason?
    ) {
      testDescription = name
      self.payload = payload
      self.leeway = leeway
      self.lifetime = lifetime
      self.want = want
    }
  }

  static let times = [
    Row("expires in a second", "{\"exp\":\(now + 1)}", nil),
    Row("expires now", "{\"exp\":\(now)}", .expired),
    Row("expired a second ago", "{\"exp\":\(now - 1)}", .expired),
    Row("fraction is cut off", "{\"exp\":\(now).9}", .expired),
    Row("fraction beyond", "{\"exp\":\(now + 1).5}", nil),
    Row("written with an exponent", "{\"exp\":1.8e9}", nil),
    Row("at 2^53", "{\"exp\":9007199254740992}", nil),
    Row("far below zero", "{\"exp\":-9007199254740992}", .expired),
    Row("leeway reaches", "{\"exp\":\(now - 9)}", leeway: 10, nil),
    Row("leeway just misses", "{\"exp\":\(now - 10)}", leeway: 10, .expired),
    Row("nbf now", "{\"exp\":\(now + 9),\"nbf\":\(now)}", nil),
    Row("nbf now and a fraction", "{\"exp\":\(now + 9),\"nbf\":\(now).9}", nil),
    Row("nbf in a second", "{\"exp\":\(now + 9),\"nbf\":\(now + 1)}", .notYetValid),
    Row("nbf within leeway", "{\"exp\":\(now + 9),\"nbf\":\(now + 5)}", leeway: 5, nil),
    Row("nbf beyond leeway", "{\"exp\":\(now + 9),\"nbf\":\(now + 6)}", leeway: 5, .notYetValid),
    Row("iat now", "{\"exp\":\(now + 9),\"iat\":\(now)}", nil),
    Row("iat in a second", "{\"exp\":\(now + 9),\"iat\":\(now + 1)}", .notYetValid),
    Row("iat within leeway", "{\"exp\":\(now + 9),\"iat\":\(now + 1)}", leeway: 1, nil),
    Row("iat long ago", "{\"exp\":\(now + 9),\"iat\":-5}", nil),
    Row("lifetime at the limit", "{\"exp\":\(now + 900)}", lifetime: 900, nil),
    Row("lifetime one beyond", "{\"exp\":\(now + 901)}", lifetime: 900, .lifetimeExceeded),
    Row("lifetime with leeway", "{\"exp\":\(now + 901)}", leeway: 1, lifetime: 900, nil),
    Row("lifetime at 2^53", "{\"exp\":9007199254740992}", lifetime: 900, .lifetimeExceeded),
    Row("expired before not yet valid", "{\"exp\":\(now),\"nbf\":\(now + 9)}", .expired),
    Row("names with escapes", "{\"\\u0065xp\":\(now + 9),\"\\u006ebf\":\(now + 1)}", .notYetValid),
    Row("names of other claims", "{\"exp\":\(now + 9),\"nb\":9e9,\"iatx\":9e9,\"NBF\":9e9}", nil),
    Row("inner members don't count", "{\"exp\":\(now + 9),\"x\":{\"nbf\":9e9,\"exp\":1}}", nil),
  ]

  @Test(arguments: times) func judgesTimes(_ row: Row) throws {
    let realm = try TokenForge.realm {
      $0.leewaySeconds = row.leeway
      $0.access.lifetimeSeconds = row.lifetime
    }
    #expect(TokenVerifier().refusal(TokenForge.sign(row.payload), realm) == row.want)
  }

  @Test func appliesEachClassItsOwnLifetime() throws {
    let realm = try TokenForge.realm {
      $0.access.lifetimeSeconds = 900
      $0.refresh?.lifetimeSeconds = 7 * 86400
    }
    let payload = "{\"exp\":\(Self.now + 86400)}"
    let verifier = TokenVerifier()
    #expect(verifier.refusal(TokenForge.sign(payload), realm, .any) == .lifetimeExceeded)
    let refresh = TokenForge.sign(payload, secret: TokenForge.refreshSecret)
    #expect(verifier.refusal(refresh, realm, .any) == nil)
  }

  static let parties: [(name: String, payload: String, want: DenialReason?)] = [
    ("both right", "\"iss\":\"https://id\",\"aud\":\"api\"", nil),
    ("audience in an array", "\"iss\":\"https://id\",\"aud\":[\"x\",\"api\"]", nil),
    ("second audience", "\"iss\":\"https://id\",\"aud\":\"api2\"", nil),
    ("escaped spelling", "\"iss\":\"https:\\/\\/id\",\"aud\":\"\\u0061pi\"", nil),
    ("no issuer", "\"aud\":\"api\"", .wrongIssuer),
    ("another issuer", "\"iss\":\"https://id2\",\"aud\":\"api\"", .wrongIssuer),
    ("issuer is a prefix", "\"iss\":\"https://i\",\"aud\":\"api\"", .wrongIssuer),
    ("issuer in another case", "\"iss\":\"HTTPS://id\",\"aud\":\"api\"", .wrongIssuer),
    // GHSA-75c5-xw7c-p5pm: issuer compared by containment.
    ("issuer in an array", "\"iss\":[\"https://id\"],\"aud\":\"api\"", .wrongIssuer),
    ("issuer contains ours", "\"iss\":\"https://id,x\",\"aud\":\"api\"", .wrongIssuer),
    ("no audience", "\"iss\":\"https://id\"", .wrongAudience),
    ("another audience", "\"iss\":\"https://id\",\"aud\":\"ap\"", .wrongAudience),
    ("empty array", "\"iss\":\"https://id\",\"aud\":[]", .wrongAudience),
    ("audience in an inner array", "\"iss\":\"https://id\",\"aud\":[[\"api\"]]", .wrongAudience),
    ("audience as a member", "\"iss\":\"https://id\",\"aud\":{\"api\":1}", .wrongAudience),
    ("audience null", "\"iss\":\"https://id\",\"aud\":null", .wrongAudience),
    ("comma list in one string", "\"iss\":\"https://id\",\"aud\":\"x,api\"", .wrongAudience),
  ]

  @Test(arguments: parties) func judgesIssuerAndAudience(
    _ name: String, _ payload: String, _ want: DenialReason?
  ) throws {
    let realm = try TokenForge.realm {
      $0.issuer = "https://id"
      $0.audiences = ["api", "api2"]
    }
    let token = TokenForge.sign("{\"exp\":\(Self.now + 9),\(payload)}")
    #expect(TokenVerifier().refusal(token, realm) == want, "\(name)")
  }

  @Test func ignoresIssuerAndAudienceWhereNoneIsConfigured() throws {
    let token = TokenForge.sign("{\"exp\":\(Self.now + 9),\"iss\":5,\"aud\":\"x\"}")
    #expect(try TokenVerifier().refusal(token, TokenForge.realm()) == nil)
  }

  @Test func tellsIssueTimeAndLifetime() throws {
    let verifier = TokenVerifier()
    func facts(_ payload: String, _ lifetime: Int64?) throws -> TokenFacts? {
      let realm = try TokenForge.realm { $0.access.lifetimeSeconds = lifetime }
      guard case .accepted(let facts) = verifier.verify(TokenForge.sign(payload), realm) else {
        return nil
      }
      return facts
    }
    let exp = Self.now + 600
    let told = try facts("{\"exp\":\(exp),\"iat\":\(Self.now - 5)}", 900)
    #expect(told?.issuedAt == Self.now - 5 && told?.lifetime == 900 && told?.expiration == exp)
    let reckoned = try facts("{\"exp\":\(exp)}", 900)
    #expect(reckoned?.issuedAt == exp - 900)
    let unknown = try facts("{\"exp\":\(exp)}", nil)
    #expect(unknown?.issuedAt == TokenFacts.unknownTime && unknown?.lifetime == 0)
    #expect(MemoryLayout<TokenFacts>.size <= 64)
  }
}
