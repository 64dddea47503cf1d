// A Flask API with Flask-JWT-Extended: snake_case, errors as `{"msg": …}`, refresh tokens in the
// Authorization header. Logging out stores nothing: revoking is what such a backend cannot do.

import HTTPWire
import Tokens

struct FlaskStyle {
  let tokens: BackendTokens

  func answer(_ request: SampleRequest) -> SampleReply {
    switch (request.method, request.path) {
    case (.get, "/health"):
      return SampleReply(200, object(["status": "ok", "backend": "flask"]))
    case (.post, "/auth/login"):
      let account = Account.find(
        email: request.text("email"), password: request.text("password"))
      guard let account else {
        return SampleReply(401, object(["msg": "Bad email or password"]))
      }
      return pair(account.id, account.email)
    case (.post, "/auth/refresh"):
      return withIdentity(request, accepting: .refresh) { pair($0.subject, $0.email) }
    case (.post, "/auth/logout"):
      return withIdentity(request, accepting: .any) { _ in
        SampleReply(200, object(["msg": "Logged out"]))
      }
    case (.get, "/me"):
      return withIdentity(request, accepting: .access) { identity in
        SampleReply(
          200,
          object([
            "backend": "flask", "id": identity.subject, "email": identity.email,
            "x_user_id": request.userID,
          ]))
      }
    default: return SampleReply(404, object(["msg": "Not found"]))
    }
  }

  /// What `@jwt_required()` does: 401 for a token that is missing or too old, 422 for a bad one.
  private func withIdentity(
    _ request: SampleRequest, accepting: AcceptedClasses, _ body: (Identity) -> SampleReply
  ) -> SampleReply {
    switch tokens.verify(request.bearer, accepting: accepting) {
    case .success(let identity): return body(identity)
    case .failure(let denial):
      switch denial.reason {
      case .missing: return SampleReply(401, object(["msg": "Missing Authorization Header"]))
      case .expired: return SampleReply(401, object(["msg": "Token has expired"]))
      case .wrongTokenType: return SampleReply(422, object(["msg": "Wrong type of token"]))
      case .badSignature: return SampleReply(422, object(["msg": "Signature verification failed"]))
      default: return SampleReply(422, object(["msg": "Bad token (\(denial.reason.name))"]))
      }
    }
  }

  /// Both tokens, with the claims that the library writes.
  private func pair(_ subject: String, _ email: String?) -> SampleReply {
    SampleReply(
      200,
      object([
        "access_token": token(.access, subject, email, seconds: BackendTokens.accessSeconds),
        "refresh_token": token(.refresh, subject, email, seconds: BackendTokens.refreshSeconds),
        "token_type": "Bearer",
      ]))
  }

  private func token(
    _ tokenClass: TokenClass, _ subject: String, _ email: String?, seconds: Int64
  ) -> String {
    let now = BackendTokens.now
    let text = object([
      "sub": subject, "email": email, "type": "\(tokenClass.name)",
      "jti": BackendTokens.newIdentifier(),
    ])
    return tokens.sign(
      tokenClass,
      payload: text.dropLast() + ",\"fresh\":false,\"iat\":\(now),\"nbf\":\(now),"
        + "\"exp\":\(now + seconds)}")
  }
}
