// Known names are recognised exactly, and the byte classes are those of the RFCs.

import Bytes
import HTTPWire
import Testing

@Suite("Field names")
struct FieldNameTests {
  /// Every known name as it is usually written.
  static let names: [(FieldName, String)] = [
    (.host, "Host"), (.connection, "Connection"), (.keepAlive, "Keep-Alive"),
    (.contentLength, "Content-Length"), (.transferEncoding, "Transfer-Encoding"), (.te, "TE"),
    (.trailer, "Trailer"), (.upgrade, "Upgrade"), (.expect, "Expect"), (.proxy, "Proxy"),
    (.proxy, "Proxy-Authorization"), (.proxy, "Proxy-X"), (.authorization, "Authorization"),
    (.cookie, "Cookie"), (.setCookie, "Set-Cookie"), (.origin, "Origin"),
    (.contentType, "Content-Type"), (.contentEncoding, "Content-Encoding"),
    (.accessControlRequestMethod, "Access-Control-Request-Method"),
    (.accessControlRequestHeaders, "Access-Control-Request-Headers"),
    (.accessControl, "Access-Control-Allow-Origin"), (.accessControl, "Access-Control-X"),
    (.accessControl, "Access-Control-Allow-Private-Network-And-More-Than-Thirty-Two"),
    (.forwarded, "Forwarded"), (.xForwardedFor, "X-Forwarded-For"),
    (.xForwardedProto, "X-Forwarded-Proto"), (.xForwardedHost, "X-Forwarded-Host"),
    (.xForwardedPort, "X-Forwarded-Port"), (.xForwardedPrefix, "X-Forwarded-Prefix"),
    (.xRealIP, "X-Real-IP"), (.xRequestID, "X-Request-ID"), (.via, "Via"),
    (.wwwAuthenticate, "WWW-Authenticate"), (.retryAfter, "Retry-After"), (.vary, "Vary"),
    (.server, "Server"), (.date, "Date"), (.location, "Location"), (.traceparent, "Traceparent"),
    (.tracestate, "Tracestate"), (.secWebSocketKey, "Sec-WebSocket-Key"),
    (.secWebSocketVersion, "Sec-WebSocket-Version"),
    (.secWebSocketProtocol, "Sec-WebSocket-Protocol"),
    (.secWebSocketExtensions, "Sec-WebSocket-Extensions"),
    (.secWebSocketAccept, "Sec-WebSocket-Accept"), (.accept, "Accept"),
    (.acceptEncoding, "Accept-Encoding"), (.acceptLanguage, "Accept-Language"),
    (.acceptCharset, "Accept-Charset"), (.cacheControl, "Cache-Control"), (.pragma, "Pragma"),
    (.userAgent, "User-Agent"), (.referer, "Referer"), (.ifNoneMatch, "If-None-Match"),
    (.ifModifiedSince, "If-Modified-Since"), (.range, "Range"),
    (.secFetchSite, "Sec-Fetch-Site"), (.secFetchMode, "Sec-Fetch-Mode"),
    (.secFetchDest, "Sec-Fetch-Dest"), (.upgradeInsecureRequests, "Upgrade-Insecure-Requests"),
    (.etag, "ETag"), (.lastModified, "Last-Modified"),
    (.contentDisposition, "Content-Disposition"), (.allow, "Allow"),
  ]

  private func name(_ text: String) -> FieldName { FieldName(Array(text.utf8).span) }

  @Test func everyKnownNameIsRecognisedInAnyCase() {
    for (id, spelling) in Self.names {
      for text in [spelling, spelling.lowercased(), spelling.uppercased()] {
        #expect(name(text) == id, "\(text)")
        let guarded = GuardedBytes()
        #expect(guarded.with(Array(text.utf8)) { FieldName($0) } == id, "\(text)")
      }
    }
    #expect(Set(Self.names.map(\.0)).union([.other]).count == FieldName.allCases.count)
    #expect(FieldName.allCases.count <= 64)
  }

  /// One changed byte makes another name: also the bytes that differ from a letter, digit or hyphen
  /// only in the bit that tells upper from lower case.
  @Test func aChangedByteIsAnotherName() {
    for (id, spelling) in Self.names where id != .proxy && id != .accessControl {
      let bytes = Array(spelling.utf8)
      for index in bytes.indices {
        for changed in [bytes[index] ^ 0x01, bytes[index] ^ 0x40, UInt8(ascii: "_"), 0x00, 0xff] {
          var other = bytes
          other[index] = changed
          #expect(FieldName(other.span) != id, "\(spelling) at \(index) with \(changed)")
        }
        if !bytes[index].isASCIIAlphanumeric || bytes[index] < 0x40 {
          var other = bytes
          other[index] ^= 0x20
          #expect(FieldName(other.span) != id, "\(spelling) at \(index)")
        }
      }
      #expect(name(spelling + "x") != id)
      #expect(name(String(spelling.dropLast())) != id)
    }
  }

  @Test func namesAreTheTokensOfTheRFC() {
    let tchar = Set("!#$%&'*+-.^_`|~0123456789".utf8).union(
      (UInt8(ascii: "a")...UInt8(ascii: "z"))
    ).union(UInt8(ascii: "A")...UInt8(ascii: "Z"))
    for byte in UInt8.min...UInt8.max {
      let input = Array("GET / HTTP/1.1\r\nHost: a\r\nx".utf8) + [byte] + Array("y: z\r\n\r\n".utf8)
      let outcome = RequestHead().parse(input)
      let isColon = byte == UInt8(ascii: ":")
      #expect((outcome == .complete) == (tchar.contains(byte) || isColon), "byte \(byte)")
    }
  }

  @Test func hostsAreMadeOfLettersDigitsAndFourMarks() {
    for byte in UInt8.min...UInt8.max {
      let input = Array("GET / HTTP/1.1\r\nHost: x".utf8) + [byte] + Array("y\r\n\r\n".utf8)
      let isHost = byte.isASCIIAlphanumeric || "-._~".utf8.contains(byte)
      #expect((RequestHead().parse(input) == .complete) == isHost, "byte \(byte)")
    }
  }

  @Test func valuesAreVisibleBytesSpacesTabsAndTheUpperHalf() {
    for byte in UInt8.min...UInt8.max {
      // At the start, in the middle and at the end of the words the scan reads.
      for length in 0..<18 {
        let fill = [UInt8](repeating: UInt8(ascii: "v"), count: length)
        let input =
          Array("GET / HTTP/1.1\r\nHost: a\r\nx:".utf8) + fill + [byte] + fill
          + Array("\r\n\r\n".utf8)
        let isLegal = byte >= 0x20 && byte != 0x7f || byte == 0x09
        #expect((RequestHead().parse(input) == .complete) == isLegal, "byte \(byte), \(length)")
      }
    }
  }

  @Test func targetsAreVisibleASCIIWithoutHash() {
    for byte in UInt8.min...UInt8.max where byte != UInt8(ascii: " ") {
      for length in 0..<18 {
        let fill = [UInt8](repeating: UInt8(ascii: "t"), count: length)
        let input =
          Array("GET /".utf8) + fill + [byte] + fill + Array(" HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        let isLegal = byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "#")
        #expect((RequestHead().parse(input) == .complete) == isLegal, "byte \(byte), \(length)")
      }
    }
  }
}
