import Testing

@testable import Tokens

/// What a route's `require` lines make of a token's claims.
@Suite struct ClaimRequirementTests {
  /// A line, the claims behind `exp`, and the refusal.
  typealias Row = (line: ClaimRequirement, claims: String, want: DenialReason?)

  static let write = ClaimRequirement(.scope, ["orders:write"])
  static let scopes: [Row] = [
    (write, "\"scope\":\"orders:write\"", nil),
    (write, "\"scope\":\"orders:read orders:write\"", nil),
    (write, "\"scope\":\"orders:write orders:read\"", nil),
    (write, "\"scope\":\" orders:write  x\"", nil),
    (write, "\"scope\":[\"a\",\"orders:write\"]", nil),
    (write, "\"scp\":[\"orders:write\"]", nil),
    (write, "\"scp\":\"a orders:write\"", nil),
    (write, "\"scopes\":[\"orders:write\"]", nil),
    (write, "\"scope\":null,\"scp\":\"orders:write\"", nil),
    (write, "\"scope\":\"orders:\\u0077rite\"", nil),
    (write, "\"sub\":\"1\"", .missingClaim),
    (write, "\"scope\":null", .missingClaim),
    (write, "\"permissions\":[\"orders:write\"]", .missingClaim),
    // The first claim that is there counts: two are not added up.
    (write, "\"scope\":\"a\",\"scp\":\"orders:write\"", .insufficientScope),
    (write, "\"scope\":\"\"", .insufficientScope), (write, "\"scope\":[]", .insufficientScope),
    // Never containment, in either direction, and never without case.
    (write, "\"scope\":\"orders:writer\"", .insufficientScope),
    (write, "\"scope\":\"xorders:write\"", .insufficientScope),
    (write, "\"scope\":\"orders:writ\"", .insufficientScope),
    (write, "\"scope\":\"orders:*\"", .insufficientScope),
    (write, "\"scope\":\"ORDERS:WRITE\"", .insufficientScope),
    (write, "\"scope\":\"orders:write,x\"", .insufficientScope),
    (write, "\"scope\":\"a\\torders:write\"", .insufficientScope),
    (write, "\"scope\":\"a \\u006frders:write\"", .insufficientScope),
    (write, "\"scope\":[\"a orders:write\"]", .insufficientScope),
    (write, "\"scope\":[[\"orders:write\"]]", .insufficientScope),
    (write, "\"scope\":{\"orders:write\":true}", .insufficientScope),
    (write, "\"scope\":true", .insufficientScope), (write, "\"scope\":1", .insufficientScope),
    (ClaimRequirement(.scope, ["a", "b"]), "\"scope\":\"x b\"", nil),
    (ClaimRequirement(.scope, ["1"]), "\"scope\":1", .insufficientScope),
    (ClaimRequirement(.scope, ["true"]), "\"scope\":[true]", .insufficientScope),
  ]

  static let admin = ClaimRequirement(.role, ["admin"])
  static let tenant = claim("tenant", ["acme", "7", "true"])
  static let others: [Row] = [
    (admin, "\"role\":\"admin\"", nil), (admin, "\"roles\":[\"user\",\"admin\"]", nil),
    (admin, "\"role\":[\"admin\"]", nil), (admin, "\"roles\":\"admin\"", nil),
    (admin, "\"roles\":\"user admin\"", .insufficientScope),
    (admin, "\"roles\":\"user,admin\"", .insufficientScope),
    (admin, "\"role\":\"user\",\"roles\":[\"admin\"]", .insufficientScope),
    (admin, "\"role\":\"administrator\"", .insufficientScope),
    (admin, "\"role\":\"Admin\"", .insufficientScope),
    (admin, "\"roles\":{\"admin\":true}", .insufficientScope),
    (admin, "\"realm_access\":{\"roles\":[\"admin\"]}", .missingClaim),
    (tenant, "\"tenant\":\"acme\"", nil), (tenant, "\"tenant\":7", nil),
    (tenant, "\"tenant\":\"7\"", nil), (tenant, "\"tenant\":true", nil),
    (tenant, "\"tenant\":[\"x\",\"acme\"]", nil),
    (tenant, "\"tenant\":7.0", .insufficientScope),
    (tenant, "\"tenant\":false", .insufficientScope),
    (tenant, "\"tenant\":\"acme corp\"", .insufficientScope),
    (tenant, "\"tenant\":{}", .insufficientScope), (tenant, "\"Tenant\":\"acme\"", .missingClaim),
    (claim("a.b", ["x"]), "\"a\":{\"b\":\"x\"}", nil), (claim("a.b", ["x"]), "\"a.b\":\"x\"", nil),
    (claim("a.b", ["x"]), "\"a\":{\"b\":[\"x\"]}", nil),
    (claim("a.b", ["x"]), "\"a.b\":\"y\",\"a\":{\"b\":\"x\"}", .insufficientScope),
    (claim("a.b", ["x"]), "\"a\":\"x\"", .missingClaim),
    (claim("c"), "\"c\":\"x\"", nil), (claim("c"), "\"c\":0", nil),
    (claim("c"), "\"c\":false", nil),
    (claim("c"), "\"c\":[null]", nil), (claim("c"), "\"c\":\"\"", .missingClaim),
    (claim("c"), "\"c\":null", .missingClaim), (claim("c"), "\"c\":[]", .missingClaim),
    (claim("c"), "\"c\":{}", .missingClaim), (claim("c"), "\"d\":1", .missingClaim),
  ]

  static let fresh = ClaimRequirement(.fresh)
  static let freshness: [Row] = [
    (fresh, "\"fresh\":true", nil), (fresh, "\"fresh\":false", .insufficientScope),
    (fresh, "\"sub\":\"1\"", .missingClaim), (fresh, "\"fresh\":null", .missingClaim),
    (fresh, "\"fresh\":\"true\"", .insufficientScope),
    (fresh, "\"fresh\":[true]", .insufficientScope),
    (fresh, "\"fresh\":1", .insufficientScope),
    (fresh, "\"fresh\":\(TokenForge.now)", .insufficientScope),
    (fresh, "\"fresh\":\(TokenForge.now).9", .insufficientScope),
    (fresh, "\"fresh\":\(TokenForge.now + 1)", nil),
    (fresh, "\"fresh\":\(TokenForge.now + 1).5", nil),
    (fresh, "\"fresh\":1e300", .insufficientScope),
  ]

  static func claim(_ path: String, _ values: [String] = []) -> ClaimRequirement {
    ClaimPath(path).map { ClaimRequirement(.claim($0), values) } ?? ClaimRequirement(.fresh)
  }

  @Test(arguments: scopes + others + freshness)
  func judges(_ line: ClaimRequirement, _ claims: String, _ want: DenialReason?) throws {
    let verifier = TokenVerifier()
    let token = TokenForge.sign("{\"exp\":1700000900,\(claims),\"last\":1}")
    #expect(try verifier.refusal(token, TokenForge.realm()) == nil)
    let got = verifier.judge(ClaimRequirements([line]), nowSeconds: TokenForge.now)
    #expect(got == want, "\(line.values) of \(claims)")
  }

  @Test func everyLineMustHold() throws {
    let rules = ClaimRequirements([Self.write, Self.admin, Self.claim("tenant", ["acme"])])
    let verifier = TokenVerifier()
    let parts = ["\"scope\":\"orders:write\"", "\"role\":\"admin\"", "\"tenant\":\"acme\""]
    for missing in 0...parts.count {
      let claims = parts.indices.filter { $0 != missing }.map { parts[$0] }
      let token = TokenForge.sign("{\"exp\":1700000900,\(claims.joined(separator: ","))}")
      #expect(try verifier.refusal(token, TokenForge.realm()) == nil)
      let got = verifier.judge(rules, nowSeconds: TokenForge.now)
      #expect(got == (missing == parts.count ? nil : .missingClaim))
    }
  }

  @Test func nothingIsMetWithoutAToken() throws {
    let verifier = TokenVerifier()
    let rules = ClaimRequirements([Self.claim("exp")])
    #expect(verifier.judge(rules, nowSeconds: TokenForge.now) == .missingClaim)
    #expect(try verifier.refusal("a.b.c", TokenForge.realm()) != nil)
    #expect(verifier.judge(rules, nowSeconds: TokenForge.now) == .missingClaim)
  }

  @Test func tellsWhichLineImpliesWhich() {
    let one = ClaimRequirement(.scope, ["a"])
    let two = ClaimRequirement(.scope, ["a", "b"])
    #expect(one.implies(two) && !two.implies(one) && one.implies(one))
    #expect(!one.implies(ClaimRequirement(.role, ["a"])))
    #expect(Self.claim("c", ["x"]).implies(Self.claim("c")))
    #expect(!Self.claim("c").implies(Self.claim("c", ["x"])))
    #expect(!Self.claim("c").implies(Self.claim("d")))
  }

  @Test func listsTheScopesForAChallenge() {
    let rules = ClaimRequirements([
      Self.write, Self.admin, ClaimRequirement(.scope, ["orders:write", "b"]),
    ])
    #expect(rules.scopeText == Array("orders:write b".utf8))
    #expect(ClaimRequirements([Self.admin]).scopeText.isEmpty)
  }
}
