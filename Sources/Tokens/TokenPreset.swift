// What each preset of a realm stands for: places and error style, as data.
//
// A preset never sets a lifetime or a secret (DESIGN §4): those are what an operator must have
// thought about.

/// A named set of defaults for a realm.
public enum TokenPreset: String, Sendable, CaseIterable {
  /// No assumption about the backend.
  case none
  /// Flask-JWT-Extended: both tokens in the Authorization header, one secret unless told otherwise.
  case flaskJWTExtended = "flask-jwt-extended"
  /// NestJS with two secrets: the refresh token in the header or in the body.
  case nestDualSecret = "nest-dual-secret"
  /// One secret for both classes, told apart by `type`.
  case singleSecret = "single-secret"

  /// Places of a class's tokens, in the order of reading.
  public func places(_ tokenClass: TokenClass) -> [TokenPlace] {
    switch (self, tokenClass) {
    case (_, .access), (.none, .refresh), (.flaskJWTExtended, .refresh), (.singleSecret, .refresh):
      [.authorizationBearer]
    case (.nestDualSecret, .refresh):
      [.authorizationBearer, .bodyField("refreshToken"), .bodyField("refresh_token")]
    }
  }

  /// Name of the error style of answers that only the realm can decide.
  public var errorStyleName: String {
    switch self {
    case .none, .singleSecret: "problem"
    case .flaskJWTExtended: "flask"
    case .nestDualSecret: "nestjs"
    }
  }
}
