import Bytes
import Testing
import Tokens

@Suite struct TokenPlaceTests {
  static let bearer: [(value: String, want: String)] = [
    ("Bearer abc", "abc"), ("bearer abc", "abc"), ("BEARER abc", "abc"), ("Bearer   abc", "abc"),
    ("Bearer a.b-c_d", "a.b-c_d"), ("", "absent"), ("Basic abc", "absent"),
    ("BearerX abc", "absent"), ("Bearer1 abc", "absent"), ("Bear abc", "absent"),
    ("Bearer", "malformed"), ("Bearer ", "malformed"), ("Bearer a b", "malformed"),
    ("Bearer abc ", "malformed"), ("Bearer\tabc", "malformed"), ("Bearer:abc", "malformed"),
    ("Bearer=abc", "malformed"), ("Bearer \u{A0}abc", "malformed"),
    // Python and JavaScript take U+00A0 for white space, so the backends would see a token here.
    ("Bearer\u{A0}abc", "malformed"), ("\u{A0}Bearer abc", "malformed"),
    ("Basic\u{85}Bearer abc", "malformed"), ("Basic\tBearer abc", "malformed"),
    // Flask-JWT-Extended picks the Bearer item of a comma list, passport-jwt the first.
    ("Basic x, Bearer abc", "ambiguous"), ("Bearer abc, Bearer def", "ambiguous"),
    ("Bearer abc,", "ambiguous"), (",Bearer abc", "ambiguous"), (",", "ambiguous"),
    ("Digest username=\"a\", realm=\"b\"", "ambiguous"),
  ]

  @Test(arguments: bearer) func readsAuthorization(_ value: String, _ want: String) {
    #expect(Self.reading(.authorizationBearer, value) == want)
  }

  @Test func readsOtherSchemesAndBareValues() {
    let custom = TokenPlace.header("X-Auth", scheme: "JWT")
    #expect(custom.name == "x-auth")
    #expect(Self.reading(custom, "jwt abc") == "abc")
    #expect(Self.reading(custom, "Bearer abc") == "absent")
    let bare = TokenPlace.header("X-Token", scheme: "")
    #expect(Self.reading(bare, "abc") == "abc")
    #expect(Self.reading(bare, "Bearer abc") == "malformed")
    #expect(Self.reading(bare, "a,b") == "ambiguous")
    #expect(Self.reading(bare, "") == "absent")
  }

  static func reading(_ place: TokenPlace, _ value: String) -> String {
    let bytes = Array(value.utf8)
    switch place.read(bytes.span) {
    case .absent: return "absent"
    case .malformed: return "malformed"
    case .ambiguous: return "ambiguous"
    case .token(let range): return String(lossy: bytes.span.slice(range))
    }
  }

  @Test func presetsAreDataWithoutLifetimeOrSecret() throws {
    for preset in TokenPreset.allCases {
      #expect(preset.places(.access) == [.authorizationBearer])
      #expect(preset.places(.refresh).first == .authorizationBearer)
      let realm = try TokenForge.realm { $0.preset = preset }
      #expect(realm.lifetimeSeconds(.access) == nil && realm.lifetimeSeconds(.refresh) == nil)
      #expect(realm.places(.refresh) == preset.places(.refresh))
    }
    #expect(
      TokenPreset.nestDualSecret.places(.refresh).dropFirst()
        == [.bodyField("refreshToken"), .bodyField("refresh_token")])
    #expect(
      TokenPreset.allCases.map(\.rawValue)
        == ["none", "flask-jwt-extended", "nest-dual-secret", "single-secret"])
    #expect(
      TokenPreset.allCases.map(\.errorStyleName) == ["problem", "flask", "nestjs", "problem"])
    let realm = try TokenForge.realm { $0.refresh?.places = [.cookie("rt"), .query("t")] }
    #expect(realm.places(.refresh) == [.cookie("rt"), .query("t")])
    #expect(realm.places(.access) == [.authorizationBearer])
  }

  @Test func reasonsHaveTheirNamesAndStatuses() {
    let names = DenialReason.allCases.map { "\($0.name) \($0.status)" }
    #expect(
      names == [
        "missing 401", "malformed 401", "too_large 401", "unsupported_algorithm 401",
        "unknown_key 401", "bad_signature 401", "expired 401", "not_yet_valid 401",
        "lifetime_exceeded 401", "wrong_token_type 401", "revoked 401", "wrong_issuer 401",
        "wrong_audience 401", "missing_claim 403", "insufficient_scope 403",
        "ambiguous_credentials 400",
      ])
  }
}
