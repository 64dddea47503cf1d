import Testing
import Tokens

@testable import Gateway

@Test(arguments: [
  ("nothing", "a.b.c and text", "a.b.c and text"),
  ("a token", "x eyJhbGciOiJub25lIn0.e30. y", "x (token) y"),
  ("in a header", "Cookie: a=eyJh.eyJz.QQ; b=1", "Cookie: a=(token); b=1"),
  ("in a query", "/a?jwt=eyJh.eyJz.Q-_Q&x=1", "/a?jwt=(token)&x=1"),
  ("encrypted", "eyJh..QQ.QQ.QQ", "(token)"),
  ("at the end", "eyJh.eyJz.QQ", "(token)"),
  ("white space in its header", "a eyAiYWxnIjoiSFMyNTYifQ.e30.QQ b", "a (token) b"),
  ("a line end in its header", "ewogICJhbGciOiJIUzI1NiJ9.e30.QQ", "(token)"),
  ("two parts", "eyJh.eyJz", "eyJh.eyJz"),
  ("a name with dots", "www.eyJ.example.org", "www.eyJ.example.org"),
])
func tokensAreTakenOutOfATelling(_ name: String, _ text: String, _ want: String) {
  #expect(Redaction.withoutTokens(text) == want)
}

@Test func findingsAreNumberedAndSayWhatToChange() {
  let text = FindingText.render([
    TokenFinding(.badSignature, "it was signed with x", advice: "change y"),
    TokenFinding(.expired, "it expired"),
    TokenFinding(nil, "a note"),
  ])
  #expect(
    text == """
      1. it was signed with x
         -> change y
      2. it expired (expired)
      3. a note

      """)
}
