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

  /// The id of the name in `text`.
  public init(_ text: Span<UInt8>) {
    self = FieldName(in: text, at: 0, count: text.count)
  }

  /// The id of the name of `count` bytes at `start`. By length first, then a comparison or a few
  /// with constants; a byte that isn't the name's own letter in either case never matches, so this
  /// may be asked before the bytes are known to be a token.
  @inline(__always)
  init(in bytes: Span<UInt8>, at start: Int, count: Int) {
    // Inlined, so that each name becomes one or two constants; as a call it stood out in profiles.
    @inline(__always) func isName(_ name: StaticString) -> Bool {
      bytes.matchesIgnoringCase(lowercase: name, at: start)
    }
    var name = FieldName.other
    switch count {
    case 2:
      if isName("te") { name = .te }
    case 3:
      if isName("via") { name = .via }
    case 4:
      if isName("host") {
        name = .host
      } else if isName("date") {
        name = .date
      } else if isName("vary") {
        name = .vary
      } else if isName("etag") {
        name = .etag
      }
    case 5:
      if isName("range") {
        name = .range
      } else if isName("allow") {
        name = .allow
      } else if isName("proxy") {
        name = .proxy
      }
    case 6:
      if isName("accept") {
        name = .accept
      } else if isName("cookie") {
        name = .cookie
      } else if isName("origin") {
        name = .origin
      } else if isName("server") {
        name = .server
      } else if isName("expect") {
        name = .expect
      } else if isName("pragma") {
        name = .pragma
      }
    case 7:
      if isName("referer") {
        name = .referer
      } else if isName("upgrade") {
        name = .upgrade
      } else if isName("trailer") {
        name = .trailer
      }
    case 8:
      if isName("location") { name = .location }
    case 9:
      if isName("x-real-ip") {
        name = .xRealIP
      } else if isName("forwarded") {
        name = .forwarded
      }
    case 10:
      if isName("user-agent") {
        name = .userAgent
      } else if isName("connection") {
        name = .connection
      } else if isName("set-cookie") {
        name = .setCookie
      } else if isName("keep-alive") {
        name = .keepAlive
      } else if isName("tracestate") {
        name = .tracestate
      }
    case 11:
      if isName("traceparent") {
        name = .traceparent
      } else if isName("retry-after") {
        name = .retryAfter
      }
    case 12:
      if isName("content-type") {
        name = .contentType
      } else if isName("x-request-id") {
        name = .xRequestID
      }
    case 13:
      if isName("authorization") {
        name = .authorization
      } else if isName("cache-control") {
        name = .cacheControl
      } else if isName("if-none-match") {
        name = .ifNoneMatch
      } else if isName("last-modified") {
        name = .lastModified
      }
    case 14:
      if isName("content-length") {
        name = .contentLength
      } else if isName("sec-fetch-site") {
        name = .secFetchSite
      } else if isName("sec-fetch-mode") {
        name = .secFetchMode
      } else if isName("sec-fetch-dest") {
        name = .secFetchDest
      } else if isName("accept-charset") {
        name = .acceptCharset
      }
    case 15:
      if isName("accept-encoding") {
        name = .acceptEncoding
      } else if isName("accept-language") {
        name = .acceptLanguage
      } else if isName("x-forwarded-for") {
        name = .xForwardedFor
      }
    case 16:
      if isName("content-encoding") {
        name = .contentEncoding
      } else if isName("x-forwarded-host") {
        name = .xForwardedHost
      } else if isName("x-forwarded-port") {
        name = .xForwardedPort
      } else if isName("www-authenticate") {
        name = .wwwAuthenticate
      }
    case 17:
      if isName("x-forwarded-proto") {
        name = .xForwardedProto
      } else if isName("transfer-encoding") {
        name = .transferEncoding
      } else if isName("if-modified-since") {
        name = .ifModifiedSince
      } else if isName("sec-websocket-key") {
        name = .secWebSocketKey
      }
    case 18:
      if isName("x-forwarded-prefix") { name = .xForwardedPrefix }
    case 19:
      if isName("content-disposition") { name = .contentDisposition }
    case 20:
      if isName("sec-websocket-accept") { name = .secWebSocketAccept }
    case 21:
      if isName("sec-websocket-version") { name = .secWebSocketVersion }
    case 22:
      if isName("sec-websocket-protocol") { name = .secWebSocketProtocol }
    case 24:
      if isName("sec-websocket-extensions") { name = .secWebSocketExtensions }
    case 25:
      if isName("upgrade-insecure-requests") { name = .upgradeInsecureRequests }
    case 29:
      if isName("access-control-request-method") { name = .accessControlRequestMethod }
    case 30:
      if isName("access-control-request-headers") { name = .accessControlRequestHeaders }
    default: break
    }
    if name == .other {
      // Families: every member is treated alike.
      if count > 6, isName("proxy-") {
        name = .proxy
      } else if count > 15, isName("access-control-") {
        name = .accessControl
      }
    }
    self = name
  }
}

extension FieldName {
  /// The name's place in a set of names kept in one word.
  @inline(__always) var bit: UInt64 { 1 &<< UInt64(rawValue) }

  /// True for names that concern one connection only, whether or not `Connection` says so
  /// (RFC 9110 §7.6.1).
  @inline(__always)
  var isHopByHop: Bool {
    switch self {
    case .connection, .keepAlive, .te, .transferEncoding, .upgrade, .proxy: true
    default: false
    }
  }
}
