// The request line (RFC 9112 §3): `method SP request-target SP HTTP-version CRLF`, single spaces,
// nothing else.

import Bytes

/// The four forms of a request target (RFC 9112 §3.2), of which authority-form is CONNECT's alone
/// and therefore always refused.
public enum TargetForm: UInt8, Sendable {
  /// `/path?query`.
  case origin
  /// `http://authority/path?query`.
  case absolute
  /// `*`, with OPTIONS only.
  case asterisk
}

/// What a request line says, and what `RequestHead` finds in the fields.
struct RequestLine {
  var method = Method.other
  var methodRange = ByteRange.empty
  var target = ByteRange.empty
  var path = ByteRange.empty
  var query = ByteRange.empty
  var hasQuery = false
  var targetForm = TargetForm.origin
  var authority = ByteRange.empty
  var host = ByteRange.empty
  var isHTTP11 = false
  var byteEnd = 0
  var framing = BodyFraming.none
  var keepsAlive = false
  var expectsContinue = false
  var upgrade = UpgradeRequest.none
  var acceptsTrailers = false
  /// True once the target has been read whole.
  var hasTarget = false

  /// Reads the line that begins at `start`; returns the offset after it.
  mutating func parse(
    _ bytes: Span<UInt8>, from start: Int, targetBytesMaximum: Int
  ) throws(ParseStop) -> Int {
    let methodEnd = try parseMethod(bytes, from: start)
    let targetStart = methodEnd &+ 1
    let targetEnd = endOfTarget(bytes, from: targetStart)
    target = ByteRange(targetStart, targetEnd)
    if targetEnd &- targetStart > targetBytesMaximum {
      throw .malformed(.targetTooLong, offset: targetStart &+ targetBytesMaximum)
    }
    guard targetEnd < bytes.count else { throw .needsMore }
    guard bytes[targetEnd] == .space, targetEnd > targetStart else {
      throw .malformed(faultInTarget(bytes[targetEnd]), offset: targetEnd)
    }
    hasTarget = true
    let lineEnd = try parseVersion(bytes, from: targetEnd &+ 1)
    // RFC 9110 §15.6.2: a method that isn't supported is 501, and a tunnel never is.
    if method == .connect { throw .malformed(.connectRefused, offset: start) }
    try splitTarget(bytes)
    return lineEnd
  }

  /// Reads the method and the space behind it; returns the space's offset.
  private mutating func parseMethod(
    _ bytes: Span<UInt8>, from start: Int
  ) throws(ParseStop) -> Int {
    var offset = start
    while offset < bytes.count, ASCIISet.token.contains(bytes[offset]) {
      offset &+= 1
      // RFC 9112 §3: a method longer than any that is implemented is 501.
      if offset &- start > HeadLimits.methodBytesMaximum {
        throw .malformed(.methodTooLong, offset: start)
      }
    }
    guard offset < bytes.count else { throw .needsMore }
    guard bytes[offset] == .space, offset > start else {
      throw .malformed(bytes[offset] == .lineFeed ? .bareLineFeed : .badMethod, offset: offset)
    }
    methodRange = ByteRange(start, offset)
    method = Method(in: bytes, at: start, count: offset &- start)
    return offset
  }

  /// Reads `HTTP/1.1` or `HTTP/1.0` and CRLF; returns the offset after them.
  private mutating func parseVersion(
    _ bytes: Span<UInt8>, from start: Int
  ) throws(ParseStop) -> Int {
    if bytes.matches("HTTP/1.1\r\n", at: start) {
      isHTTP11 = true
      return start &+ 10
    }
    let version = try readVersion(bytes, from: start)
    isHTTP11 = version == .oneOne
    let end = start + 8
    guard end < bytes.count else { throw .needsMore }
    guard bytes[end] == .carriageReturn else {
      throw .malformed(bytes[end] == .lineFeed ? .bareLineFeed : .badVersion, offset: end)
    }
    return try endOfLine(bytes, at: end)
  }

  /// Finds form, path and query of the target.
  private mutating func splitTarget(_ bytes: Span<UInt8>) throws(ParseStop) {
    var pathStart = target.lower
    let end = target.upper
    if bytes[pathStart] == UInt8(ascii: "*"), target.count == 1 {
      guard method == .options else {
        throw .malformed(.badTargetForm, offset: target.lower)
      }
      targetForm = .asterisk
    } else if bytes[pathStart] != UInt8(ascii: "/") {
      pathStart = try splitAbsoluteTarget(bytes)
    }
    let questionMark = find(UInt8(ascii: "?"), in: bytes, from: pathStart, to: end)
    path = ByteRange(pathStart, questionMark)
    hasQuery = questionMark < end
    query = hasQuery ? ByteRange(questionMark &+ 1, end) : .empty
  }

  /// Reads scheme and authority of an absolute-form target; returns where its path begins.
  private mutating func splitAbsoluteTarget(_ bytes: Span<UInt8>) throws(ParseStop) -> Int {
    let start = target.lower
    let end = target.upper
    // The scheme is only looked at to find the authority: how the client is connected is known from
    // the socket, never from its own words (GHSA-vhr5-ggp3-qq85).
    var authorityStart = start
    if bytes.matchesIgnoringCase(lowercase: "http://", at: start) {
      authorityStart += 7
    } else if bytes.matchesIgnoringCase(lowercase: "https://", at: start) {
      authorityStart += 8
    } else {
      throw .malformed(.badTargetForm, offset: start)
    }
    var authorityEnd = authorityStart
    while authorityEnd < end, bytes[authorityEnd] != UInt8(ascii: "/"),
      bytes[authorityEnd] != UInt8(ascii: "?")
    {
      authorityEnd += 1
    }
    authority = ByteRange(authorityStart, authorityEnd)
    guard let name = parseAuthority(bytes, authority) else {
      throw .malformed(.badHost, offset: authorityStart)
    }
    host = name
    targetForm = .absolute
    return authorityEnd
  }
}

@inline(never)
private func faultInTarget(_ byte: UInt8) -> WireFault {
  switch byte {
  // Two spaces, or a line without version (HTTP/0.9).
  case .space, .carriageReturn: .badRequestLine
  case .lineFeed: .bareLineFeed
  case UInt8(ascii: "#"): .fragmentInTarget
  default: .badTarget
  }
}
