// Complete answers of the gateway itself: refusals in the route's style, preflights, and (in
// `RouteReply`) what routes without a backend say.
//
// A body is written twice: once to learn its length and taken back, once behind the head. That costs
// a hundred bytes of copying and saves both a scratch buffer and an allocation, on a path that an
// attacker can make the usual one. Loop only.

import Bytes
import HTTPWire
import Tokens

/// Writes the gateway's own answers.
public enum ReplyWriter {
  /// Seconds after which a client may try again when the gateway itself is the trouble.
  public static let unavailableRetrySeconds = 5

  /// Appends the answer to a refused request, a preflight, or a route's own, and returns its status.
  ///
  /// `head` may be one that never became complete (a malformed request): then nothing of it but the
  /// method is used. `closes` adds `Connection: close`; `epochSeconds` is for `Date`; `isStopping`
  /// is what a health answer tells.
  public static func append(
    _ request: RequestPolicy, head: RequestHead, bytes: Span<UInt8>, set: PolicySet,
    closes: Bool, epochSeconds: Int64, isStopping: Bool = false, to buffer: inout ByteBuffer
  ) -> Int {
    if request.answersRoute, request.refusal == nil, head.host.isEmpty,
      set.answers[Int(set.routes[request.route].answer)].namesHost
    {
      // HTTP/1.0 may leave Host out; a redirect to it then leads nowhere.
      request.refuse(.malformed(.missingHost))
    }
    guard let refusal = request.refusal else {
      if request.answersRoute {
        return appendRouteAnswer(
          request, head: head, bytes: bytes, set: set, closes: closes, isStopping: isStopping,
          epochSeconds: epochSeconds, to: &buffer)
      }
      appendPreflight(request, head, bytes, set, closes, epochSeconds, &buffer)
      return 204
    }
    let route = request.route >= 0 ? set.routes[request.route] : nil
    let style = route?.errors ?? set.errors
    let texts = ReplyTexts(refusal: refusal, wantsRefresh: route?.auth == .refresh)
    let status = refusal.status(style)
    HeadWriter.append(status: status, to: &buffer)
    appendCommon(head, closes, epochSeconds, &buffer)
    buffer.append("Cache-Control: no-store\r\n")
    appendChallenge(refusal, route, set, texts, &buffer)
    appendRetry(request, refusal, &buffer)
    if refusal == .methodNotAllowed {
      buffer.append("Allow: ")
      set.table.appendAllowed(request.node, to: &buffer)
      buffer.append("\r\n")
    }
    request.appendCORS(set: set, bytes: bytes, to: &buffer)
    buffer.append("Content-Type: ")
    buffer.append(contentType(style))
    buffer.append("\r\nContent-Length: ")
    let start = buffer.writerIndex
    appendBody(texts, status, style, &buffer)
    let length = buffer.writerIndex - start
    buffer.rewind(to: start)
    buffer.append(decimal: length)
    buffer.append("\r\n\r\n")
    if head.method != .head { appendBody(texts, status, style, &buffer) }
    return status
  }

  private static func appendPreflight(
    _ request: RequestPolicy, _ head: RequestHead, _ bytes: Span<UInt8>, _ set: PolicySet,
    _ closes: Bool, _ epochSeconds: Int64, _ buffer: inout ByteBuffer
  ) {
    HeadWriter.append(status: 204, to: &buffer)
    appendCommon(head, closes, epochSeconds, &buffer)
    if request.corsPolicy >= 0 {
      set.cors[Int(request.corsPolicy)].appendPreflight(
        request.corsMatch, head: head, bytes: bytes, origin: bytes.slice(request.origin),
        node: request.node, table: set.table, to: &buffer)
    }
    // 204 has no Content-Length (RFC 9110 §8.6).
    buffer.append("\r\n")
  }

  static func appendCommon(
    _ head: RequestHead, _ closes: Bool, _ epochSeconds: Int64, _ buffer: inout ByteBuffer
  ) {
    buffer.append("Date: ")
    HTTPDate.append(epochSeconds: epochSeconds, to: &buffer)
    buffer.append("\r\n")
    if closes {
      buffer.append("Connection: close\r\n")
    } else if !head.isHTTP11 {
      // An HTTP/1.0 client that asked to stay must be told that it may (RFC 9112 §C.2.2).
      buffer.append("Connection: keep-alive\r\n")
    }
  }

  // MARK: Fields of refusals

  /// `WWW-Authenticate` as RFC 6750 §3: without an error code when there was no token, so that a
  /// client learns nothing but how to ask; with one where a token or its rights were judged, and with
  /// the name that log and metrics have for the reason, whatever the body's style has room for.
  private static func appendChallenge(
    _ refusal: Refusal, _ route: CompiledRoute?, _ set: PolicySet, _ texts: ReplyTexts,
    _ buffer: inout ByteBuffer
  ) {
    guard case .denied(let reason) = refusal else { return }
    if let route, route.realm >= 0 {
      buffer.append(set.challenges[Int(route.realm)])
    } else {
      buffer.append("WWW-Authenticate: Bearer realm=\"gateway\"")
    }
    switch reason {
    case .missing: break
    case .malformed, .tooLarge, .unsupportedAlgorithm, .unknownKey, .badSignature, .expired,
      .notYetValid, .lifetimeExceeded, .wrongTokenType, .revoked, .wrongIssuer, .wrongAudience:
      buffer.append(", error=\"invalid_token\", error_description=\"")
      buffer.append(texts.sentence)
      buffer.append("\"")
    case .missingClaim, .insufficientScope:
      buffer.append(", error=\"insufficient_scope\"")
      appendScope(route, set, &buffer)
    case .ambiguousCredentials: buffer.append(", error=\"invalid_request\"")
    }
    if reason != .missing {
      buffer.append(", reason=\"")
      buffer.append(reason.name)
      buffer.append("\"")
    }
    buffer.append("\r\n")
  }

  /// The scopes that would do, as RFC 6750 §3 lists them; they hold no quotes. Those of the route, and
  /// those that its realm asks of the class, where there is one realm only.
  private static func appendScope(
    _ route: CompiledRoute?, _ set: PolicySet, _ buffer: inout ByteBuffer
  ) {
    guard let route else { return }
    var scopes: [UInt8] = []
    if route.requirements >= 0 { scopes = set.requirements[Int(route.requirements)].scopeText }
    if route.realm >= 0, route.furtherRealmCount == 0 {
      let tokenClass: TokenClass = route.auth == .refresh ? .refresh : .access
      let more = set.realms.realms[Int(route.realm)].requirements(tokenClass)?.scopeText ?? []
      if !more.isEmpty, more != scopes { scopes += (scopes.isEmpty ? [] : [0x20]) + more }
    }
    guard !scopes.isEmpty else { return }
    buffer.append(", scope=\"")
    buffer.append(scopes)
    buffer.append("\"")
  }

  private static func appendRetry(
    _ request: RequestPolicy, _ refusal: Refusal, _ buffer: inout ByteBuffer
  ) {
    if request.retryAfter > 0 {
      HeadWriter.append(name: "Retry-After", decimal: request.retryAfter, to: &buffer)
    } else if refusal == .unavailable {
      HeadWriter.append(name: "Retry-After", decimal: unavailableRetrySeconds, to: &buffer)
    }
  }

  // MARK: Bodies

  private static func contentType(_ style: ErrorStyle) -> StaticString {
    switch style {
    case .flask, .flaskUnprocessable, .fastapi, .coded: "application/json"
    case .nestjs: "application/json; charset=utf-8"
    case .problem: "application/problem+json"
    }
  }

  /// The texts are literals without quotes, backslashes and control bytes, so they are JSON strings
  /// as they stand.
  private static func appendBody(
    _ texts: ReplyTexts, _ status: Int, _ style: ErrorStyle, _ buffer: inout ByteBuffer
  ) {
    switch style {
    case .flask, .flaskUnprocessable:
      buffer.append("{\"msg\":\"")
      buffer.append(texts.flaskMessage)
      // jsonify ends its body with a line feed.
      buffer.append("\"}\n")
    case .fastapi:
      buffer.append("{\"detail\":\"")
      buffer.append(texts.fastAPIDetail)
      buffer.append("\"}")
    case .nestjs:
      buffer.append("{\"statusCode\":")
      buffer.append(decimal: status)
      buffer.append(",\"message\":\"")
      buffer.append(texts.nestMessage)
      buffer.append("\",\"error\":\"")
      buffer.append(HeadWriter.reasonPhrase(of: status))
      buffer.append("\"}")
    case .coded:
      buffer.append("{\"success\":false,\"error\":{\"code\":\"")
      buffer.append(texts.code)
      buffer.append("\",\"message\":\"")
      buffer.append(texts.sentence)
      buffer.append("\"}}")
    case .problem:
      buffer.append("{\"type\":\"about:blank\",\"title\":\"")
      buffer.append(HeadWriter.reasonPhrase(of: status))
      buffer.append("\",\"status\":")
      buffer.append(decimal: status)
      buffer.append(",\"detail\":\"")
      buffer.append(texts.sentence)
      buffer.append("\",\"reason\":\"")
      buffer.append(texts.refusal.name)
      buffer.append("\"}")
    }
  }
}
