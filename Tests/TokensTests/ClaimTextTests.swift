import Bytes
import Testing
import Tokens

/// DESIGN §5.3: how a claim becomes a header value.
@Suite struct ClaimTextTests {
  static let values: [(value: String, want: String?)] = [
    ("\"plain\"", "plain"), ("\"two words\"", "two words"), ("\" edges \"", "%20edges%20"),
    ("\" \"", "%20"), ("\"50%\"", "50%25"), ("\"%41\"", "%2541"), ("\"a,b\"", "a,b"),
    ("\"J\u{F6}rg \u{20AC}\"", "J%C3%B6rg %E2%82%AC"), ("\"\\uD83D\\uDE00\"", "%F0%9F%98%80"),
    ("\"a\\r\\nX-Admin: 1\"", "a%0D%0AX-Admin: 1"), ("\"tab\\t\"", "tab%09"),
    ("\"\\u007f\"", "%7F"),
    ("\"~!\\\"#$&'()*+-./:;<=>?@[\\\\]^_`{|}\"", "~!\"#$&'()*+-./:;<=>?@[\\]^_`{|}"),
    ("42", "42"), ("-0", "0"), ("-17", "-17"), ("12345678901234567890", "12345678901234567890"),
    ("1.5", "1.5"), ("true", "true"), ("false", "false"), ("null", nil), ("\"\"", nil),
    ("{}", nil), ("{\"a\":\"b\"}", nil), ("[]", nil), ("[\"a\"]", "a"), ("[\"a\",\"b\"]", "a,b"),
    ("[\"a,b\",\"c\"]", "a%2Cb,c"), ("[1,true,\"x\"]", "1,true,x"),
    ("[null,\"\",{},[],\"x\"]", "x"), ("[\"x\",null,\"y\"]", "x,y"), ("[null]", nil),
    ("[[\"a\"],{\"b\":\"c\"}]", nil), ("[\" a\",\"b \"]", "%20a,b%20"),
  ]

  @Test(arguments: values) func encodes(_ value: String, _ want: String?) throws {
    let verifier = TokenVerifier()
    let token = TokenForge.sign("{\"exp\":1700000900,\"c\":\(value),\"after\":\"z\"}")
    #expect(try verifier.refusal(token, TokenForge.realm()) == nil)
    #expect(verifier.claim("c") == want)
    #expect(verifier.claim("after") == "z")
  }

  @Test func findsNestedAndDottedNames() throws {
    let verifier = TokenVerifier()
    let payload = """
      {"exp":1700000900,"sub":7,"realm_access":{"roles":["a","b"],"x":{"y":"deep"}},
       "https://example.com/roles":"url","a.b":"dotted","a":{"b":"nested","c":"only nested"},
       "\\u0065mail":"e@x"}
      """
    #expect(try verifier.refusal(TokenForge.sign(payload), TokenForge.realm()) == nil)
    #expect(verifier.claim("sub") == "7")
    #expect(verifier.claim("realm_access.roles") == "a,b")
    #expect(verifier.claim("realm_access.x.y") == "deep")
    #expect(verifier.claim("realm_access.x") == nil)
    #expect(verifier.claim("realm_access.roles.a") == nil)
    #expect(verifier.claim("https://example.com/roles") == "url")
    #expect(verifier.claim("a.b") == "dotted")
    #expect(verifier.claim("a.c") == "only nested")
    #expect(verifier.claim("email") == "e@x")
    #expect(verifier.claim("missing") == nil && verifier.claim("missing.too") == nil)
  }

  @Test(arguments: ["", ".", "a.", ".a", "a..b", "a.b.c.d.e.f.g.h.i"])
  func refusesBrokenPaths(_ path: String) {
    #expect(ClaimPath(path) == nil)
  }

  @Test func marksABufferThatIsTooSmall() throws {
    let verifier = TokenVerifier()
    let token = TokenForge.sign("{\"exp\":1700000900,\"c\":\"12345\",\"d\":[\"123\",\"45\"]}")
    #expect(try verifier.refusal(token, TokenForge.realm()) == nil)
    #expect(verifier.claim("c", capacity: 5) == "12345")
    #expect(verifier.claim("c", capacity: 4) == "overflow")
    #expect(verifier.claim("d", capacity: 6) == "123,45")
    #expect(verifier.claim("d", capacity: 5) == "overflow")
  }
}
