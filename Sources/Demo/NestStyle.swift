// A NestJS API with two secrets: camelCase, errors as `{"statusCode", …}`, the refresh token in the
// body and good once. Its tokens have no `jti` and no `type`: the secret alone tells their class.

import HTTPWire
import Tokens

final class NestStyle {
  private let tokens: BackendTokens
  /// Refresh tokens that were handed out and not used: what the real one keeps hashes of in its
  /// database.
  private var liveRefreshTokens: Set<String> = []
  /// Handed-out tokens that are remembered; the demo forgets all when there are more.
  private static let liveMaximum = 10_000

  init(tokens: BackendTokens) { self.tokens = tokens }

  func answer(_ request: SampleRequest) -> SampleReply {
    switch (request.method, request.path) {
    case (.get, "/health"):
      return SampleReply(200, object(["status": "ok", "backend": "nest"]))
    case (.post, "/auth/login"):
      let account = Account.find(
        email: request.text("email"), password: request.text("password"))
      guard let account else { return SampleReply(401, Self.failure(401)) }
      return pair(account.id, account.email)
    case (.post, "/auth/refresh"): return refresh(request)
    case (.post, "/auth/logout"):
      return withIdentity(request) { _ in
        SampleReply(200, object(["message": "Logged out"]))
      }
    case (.get, "/me"):
      return withIdentity(request) { identity in
        SampleReply(
          200,
          object([
            "backend": "nest", "id": identity.subject, "email": identity.email,
            "xUserId": request.userID,
          ]))
      }
    default: return SampleReply(404, Self.failure(404))
    }
  }

  /// The error body that Nest's exception filter writes.
  static func failure(_ status: Int) -> String {
    let reason = HeadWriter.reasonPhrase(of: status)
    let text = object(["message": "\(reason)", "error": "\(reason)"])
    return "{\"statusCode\":\(status)," + text.dropFirst()
  }

  /// A new pair for a refresh token that wasn't used before.
  private func refresh(_ request: SampleRequest) -> SampleReply {
    let presented = request.text("refreshToken")
    guard let presented,
      case .success(let identity) = tokens.verify(Array(presented.utf8), accepting: .refresh),
      liveRefreshTokens.remove(presented) != nil
    else { return SampleReply(401, Self.failure(401)) }
    return pair(identity.subject, identity.email)
  }

  /// What a guard on a route does.
  private func withIdentity(
    _ request: SampleRequest, _ body: (Identity) -> SampleReply
  ) -> SampleReply {
    guard case .success(let identity) = tokens.verify(request.bearer, accepting: .access) else {
      return SampleReply(401, Self.failure(401))
    }
    return body(identity)
  }

  private func pair(_ subject: String, _ email: String?) -> SampleReply {
    let refreshToken = token(.refresh, subject, email, seconds: BackendTokens.refreshSeconds)
    if liveRefreshTokens.count >= Self.liveMaximum { liveRefreshTokens.removeAll() }
    liveRefreshTokens.insert(refreshToken)
    return SampleReply(
      200,
      object([
        "accessToken": token(.access, subject, email, seconds: BackendTokens.accessSeconds),
        "refreshToken": refreshToken,
      ]))
  }

  private func token(
    _ tokenClass: TokenClass, _ subject: String, _ email: String?, seconds: Int64
  ) -> String {
    let now = BackendTokens.now
    let text = object(["sub": subject, "email": email])
    return tokens.sign(
      tokenClass, payload: text.dropLast() + ",\"iat\":\(now),\"exp\":\(now + seconds)}")
  }
}
