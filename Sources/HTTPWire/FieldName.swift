// Field names that the gateway knows, found once while a head is parsed (RFC 9110 §5.1).
//
// A known name is one byte from then on: later stages compare ids, not text. Names are added here
// when some stage asks for them, or when browsers send them on every request, so that the slow
// questions (the header guard's folding) are asked of few fields.

import Bytes

/// The id of a known field name; `.other` for every other token. At most 64 cases, because a head
/// keeps the set of names present in one word.
public enum FieldName: UInt8, Sendable, CaseIterable {
  case other = 0
  // Framing, connection and authority: the parser itself reads these.
  case host, connection, keepAlive, contentLength, transferEncoding, te, trailer, upgrade, expect
  /// `Proxy` and every name that begins with `Proxy-`.
  case proxy
  // What policy reads.
  case authorization, cookie, setCookie, origin, contentType, contentEncoding
  case accessControlRequestMethod, accessControlRequestHeaders
  /// Every other name that begins with `Access-Control-`.
  case accessControl
  // What the gateway writes, replaces or filters.
  case forwarded, xForwardedFor, xForwardedProto, xForwardedHost, xForwardedPort, xForwardedPrefix
  case xRealIP, xRequestID, via, wwwAuthenticate, retryAfter, vary, server, date, location
  case traceparent, tracestate
  case secWebSocketKey, secWebSocketVersion, secWebSocketProtocol, secWebSocketExtensions
  case secWebSocketAccept
  // What ordinary messages carry along.
  case accept, acceptEncoding, acceptLanguage, acceptCharset, cacheControl, pragma, userAgent
  case referer, ifNoneMatch, ifModifiedSince, range, secFetchSite, secFetchMode, secFetchDest
  case upgradeInsecureRequests, etag, lastModified, contentDisposition, allow

  /// The id of the name in `text`, which must be a token.
  public init(_ text: Span<UInt8>) { self = recogniseFieldName(text) }
}
