// `Location`, `Content-Location` and cookie paths of an answer follow a stripped prefix.
//
// A backend behind `strip_prefix on` does not see `/flask`, so its `/login` is `/flask/login` to the
// client. A backend that heeds X-Forwarded-Prefix (Werkzeug's ProxyFix) writes the prefix itself, and
// then nothing is added: what begins with the prefix on a segment boundary stays as it is. A path of
// another host's URL, a relative one, and everything that isn't understood stay too.
//
// Written straight into the answer, piece by piece; nothing is kept.

import Bytes

/// Writing fields of an answer with the prefix in front of their paths.
///
/// `outer` is what somebody trusted has cut before us, `prefix` what was cut here. Each is empty or
/// begins with a slash and doesn't end with one.
enum PrefixedFields {
  // MARK: Locations

  /// Appends a URL reference. `ours` and `told` are the client's names for us: the URL keeps them.
  /// `inner` is a name that only we have for the backend (`upstream_host`), empty without one: the
  /// client gets the path alone. `isHTTPS` says whether the client asked by TLS, and so whether `https`
  /// is ours as well as `http`, which backends write that know no better.
  static func appendLocation(
    _ url: Span<UInt8>, outer: Span<UInt8>, prefix: Span<UInt8>, isHTTPS: Bool,
    ours: Span<UInt8>, told: Span<UInt8>, inner: [UInt8], to output: inout ByteBuffer
  ) {
    let path: Int
    if url.count > 0, url[0] == UInt8(ascii: "/") {
      // `//host/path` names a host.
      guard url.count == 1 || url[1] != UInt8(ascii: "/") else { return output.append(url) }
      path = 0
    } else {
      guard let start = authorityStart(url, isHTTPS: isHTTPS) else { return output.append(url) }
      var end = start
      while end < url.count, !isPathEnd(url[end]), url[end] != UInt8(ascii: "/") { end += 1 }
      let authority = url.slice(from: start, to: end)
      path = end
      guard !authority.isEmpty else { return output.append(url) }
      if authority.equalsIgnoringCase(ours) || authority.equalsIgnoringCase(told) {
        output.append(url.slice(from: 0, to: end))
      } else if inner.isEmpty || !authority.equalsIgnoringCase(inner.span) {
        return output.append(url)
      }
    }
    let rest = url.slice(from: path)
    appendPrefix(before: rest, outer: outer, prefix: prefix, to: &output)
    output.append(rest)
  }

  /// Offset behind `http://`, or behind `https://` where that is ours; nil for any other beginning.
  private static func authorityStart(_ url: Span<UInt8>, isHTTPS: Bool) -> Int? {
    if url.slice(from: 0, to: 7).equalsIgnoringCase(lowercase: "http://") { return 7 }
    guard isHTTPS, url.slice(from: 0, to: 8).equalsIgnoringCase(lowercase: "https://") else {
      return nil
    }
    return 8
  }

  private static func isPathEnd(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
  }

  /// Appends what has to stand before a path so that the client's next request comes here.
  private static func appendPrefix(
    before path: Span<UInt8>, outer: Span<UInt8>, prefix: Span<UInt8>,
    to output: inout ByteBuffer
  ) {
    if begins(path, with: outer, and: prefix) { return }
    output.append(outer)
    // A backend may know its own prefix and not what is in front of us.
    let knowsOwn = !outer.isEmpty && begins(path, with: outer.slice(from: 0, to: 0), and: prefix)
    if !knowsOwn { output.append(prefix) }
  }

  /// True when a path begins with both, and the next segment begins or the path ends behind them.
  private static func begins(
    _ path: Span<UInt8>, with outer: Span<UInt8>, and prefix: Span<UInt8>
  ) -> Bool {
    let count = outer.count + prefix.count
    guard path.count >= count, path.slice(from: 0, to: outer.count).equals(outer),
      path.slice(from: outer.count, to: count).equals(prefix)
    else { return false }
    return path.count == count || path[count] == UInt8(ascii: "/") || isPathEnd(path[count])
  }

  // MARK: Cookies

  /// Appends the value of a `Set-Cookie` field with the prefix in its `Path`.
  ///
  /// Read as browsers do (RFC 6265 §5.2): attributes end at semicolons, whatever is quoted, and what
  /// does not begin with a slash (a quoted path, for one) is no path. A cookie called `__Host-…` must
  /// have the path `/`, so it keeps it.
  static func appendCookie(
    _ value: Span<UInt8>, outer: Span<UInt8>, prefix: Span<UInt8>, to output: inout ByteBuffer
  ) {
    guard !value.slice(from: 0, to: 7).equalsIgnoringCase(lowercase: "__host-") else {
      return output.append(value)
    }
    var copied = 0
    // The name and the value come first.
    var start = value.firstIndex(of: UInt8(ascii: ";"), from: 0)
    while let semicolon = start {
      let next = value.firstIndex(of: UInt8(ascii: ";"), from: semicolon + 1)
      if let path = pathValue(value, ByteRange(semicolon + 1, next ?? value.count)) {
        output.append(value.slice(from: copied, to: path.lower))
        appendPrefix(before: value.slice(path), outer: outer, prefix: prefix, to: &output)
        // `/flask/` would not hold for `/flask` itself (RFC 6265 §5.1.4).
        copied = path.count == 1 ? path.upper : path.lower
      }
      start = next
    }
    output.append(value.slice(from: copied, to: value.count))
  }

  /// The value of an attribute that is a `Path` with a path in it.
  private static func pathValue(_ bytes: Span<UInt8>, _ attribute: ByteRange) -> ByteRange? {
    var start = attribute.lower
    while start < attribute.upper, isSpace(bytes[start]) { start += 1 }
    guard
      bytes.slice(from: start, to: min(start + 4, attribute.upper))
        .equalsIgnoringCase(lowercase: "path")
    else { return nil }
    start += 4
    while start < attribute.upper, isSpace(bytes[start]) { start += 1 }
    guard start < attribute.upper, bytes[start] == UInt8(ascii: "=") else { return nil }
    start += 1
    while start < attribute.upper, isSpace(bytes[start]) { start += 1 }
    var end = attribute.upper
    while end > start, isSpace(bytes[end - 1]) { end -= 1 }
    guard start < end, bytes[start] == UInt8(ascii: "/") else { return nil }
    return ByteRange(start, end)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
