// The two applications behind the gateway. Neither knows of it, but for showing the header it got.

import HTTPWire

/// An application.
enum SampleBackend {
  case flask(FlaskStyle)
  case nest(NestStyle)

  /// Makes an application; nil when the secrets can't be used.
  init?(_ kind: SampleKind, _ secrets: DemoSecrets) {
    switch kind {
    case .flask:
      guard let tokens = BackendTokens(.flaskJWTExtended, secrets) else { return nil }
      self = .flask(FlaskStyle(tokens: tokens))
    case .nest:
      guard let tokens = BackendTokens(.nestDualSecret, secrets) else { return nil }
      self = .nest(NestStyle(tokens: tokens))
    }
  }

  /// The answer to a request.
  func answer(_ request: SampleRequest) -> SampleReply {
    switch self {
    case .flask(let application): application.answer(request)
    case .nest(let application): application.answer(request)
    }
  }

  /// The body of an error that isn't the application's own doing.
  func failure(_ status: Int) -> String {
    switch self {
    case .flask: object(["msg": "\(HeadWriter.reasonPhrase(of: status))"])
    case .nest: NestStyle.failure(status)
    }
  }
}
