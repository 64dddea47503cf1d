import Testing
import Tokens

/// Tokens as the backends of the seeds sign them: no `jti`, no `iat`, integer `sub`, no `type`.
@Suite struct SeedTokenTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var payload: String
    var isRefresh = false
    var subject: String?
  }

  static let exp = TokenForge.now + 600

  /// Two secrets, one for each class.
  static let dualSecret = [
    Row(
      testDescription: "Flask-JWT-Extended access token",
      payload: """
        {"fresh":false,"iat":1699999990,"jti":"8c0e6bb1-0a4c-4b33-b6a7-7a0d5d1f2a11",
        "type":"access","sub":"17","nbf":1699999990,"csrf":"x","exp":\(exp)}
        """, subject: "17"),
    Row(
      testDescription: "hand-made refresh token beside it",
      payload: "{\"sub\":\"17\",\"exp\":\(exp),\"type\":\"refresh\"}", isRefresh: true,
      subject: "17"),
    Row(
      testDescription: "NestJS access token without type",
      payload: "{\"sub\":17,\"email\":\"a@b\",\"iat\":1699999990,\"exp\":\(exp)}", subject: "17"),
    Row(
      testDescription: "NestJS refresh token without type",
      payload: "{\"sub\":17,\"email\":\"a@b\",\"iat\":1699999990,\"exp\":\(exp)}", isRefresh: true,
      subject: "17"),
  ]

  /// One secret; only the refresh token says what it is.
  static let singleSecret = [
    Row(
      testDescription: "access token without jti, iat and type",
      payload: "{\"sub\":\"17\",\"username\":\"ann\",\"exp\":\(exp)}", subject: "17"),
    Row(
      testDescription: "refresh token with type",
      payload: "{\"sub\":\"17\",\"type\":\"refresh\",\"exp\":\(exp)}", isRefresh: true,
      subject: "17"),
    Row(
      testDescription: "seven-day access token with email",
      payload: "{\"sub\":\"u\",\"email\":\"a@b\",\"iat\":1699999990,\"exp\":\(exp)}", subject: "u"),
    Row(
      testDescription: "integer subject with custom claims",
      payload: """
        {"fresh":false,"iat":1699999990,"jti":"j","type":"access","sub":5,"nbf":1699999990,
        "exp":\(exp),"username":"ann","email":"a@b"}
        """, subject: "5"),
  ]

  @Test(arguments: dualSecret) func passesWithTwoSecrets(_ row: Row) throws {
    for preset in [TokenPreset.flaskJWTExtended, .nestDualSecret, .none] {
      let realm = try TokenForge.realm { $0.preset = preset }
      check(row, realm, row.isRefresh ? TokenForge.refreshSecret : TokenForge.accessSecret)
    }
  }

  @Test(arguments: singleSecret) func passesWithOneSecret(_ row: Row) throws {
    for preset in [TokenPreset.flaskJWTExtended, .singleSecret, .none] {
      let realm = try TokenForge.realm(refresh: nil) {
        $0.preset = preset
        $0.refresh = ClassDefinition()
      }
      check(row, realm, TokenForge.accessSecret)
    }
  }

  private func check(_ row: Row, _ realm: Realm, _ secret: String) {
    let verifier = TokenVerifier()
    let token = TokenForge.sign(row.payload, secret: secret)
    #expect(verifier.refusal(token, realm, row.isRefresh ? .refresh : .access) == nil)
    #expect(verifier.subjectText() == row.subject)
    #expect(verifier.refusal(token, realm, .any) == nil)
    #expect(
      verifier.refusal(token, realm, row.isRefresh ? .access : .refresh) == .wrongTokenType)
  }

  /// A token made by Python's own hmac, json and base64, in the layout that PyJWT writes.
  @Test func readsAForeignToken() throws {
    let realm = try TokenForge.realm(access: "0123456789abcdef0123456789abcdef", refresh: nil)
    let token =
      "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
      + "eyJzdWIiOiI0MiIsIm5hbWUiOiJKXHUwMGY2cmciLCJleHAiOjE3MDAwMDA5MDB9.IJjNdscT4LpMAGa"
      + "Bp-_vsjRD20EGO7aBs7LvtwPPqLc"
    let verifier = TokenVerifier()
    #expect(verifier.refusal(token, realm) == nil)
    #expect(verifier.subjectText() == "42" && verifier.claim("name") == "J%C3%B6rg")
  }
}
