// The shapes in which backends of the families that the gateway stands before say "no".

/// The shape of the gateway's own error answers.
public enum ErrorStyle: String, Sendable, CaseIterable {
  /// Flask-JWT-Extended: `{"msg": …}`, always 401 for a token.
  case flask
  /// Flask-JWT-Extended with its own 422 for malformed tokens and bad signatures (`flask_422 on`).
  case flaskUnprocessable = "flask-422"
  /// FastAPI: `{"detail": …}`.
  case fastapi
  /// NestJS: `{"statusCode", "message", "error"}`.
  case nestjs
  /// `{"success": false, "error": {"code", "message"}}`.
  case coded
  /// RFC 9457.
  case problem
}
