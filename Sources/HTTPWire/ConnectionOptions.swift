// What `Connection` says, and which fields it makes hop-by-hop (RFC 9110 §7.6.1, RFC 9112 §9.3).
//
// Fixed names (`Keep-Alive`, `TE`, …) are marked by the field parser. Here are the fields that an
// option names. A peer may name what it likes, so: the number of such options is bounded, since each
// costs a walk over the fields, and fields that carry authority, framing, credentials or meaning for
// the final recipient are never dropped on a peer's word (CVE-2021-32813, CVE-2024-45410).

import Bytes

/// The options of all `Connection` fields of a head.
struct ConnectionOptions {
  var close = false
  var keepAlive = false
  var upgrade = false

  /// True when the connection may carry another message (RFC 9112 §9.3).
  func keepsAlive(isHTTP11: Bool) -> Bool { !close && (isHTTP11 || keepAlive) }
}

extension FieldTable {
  /// Reads every `Connection` field and marks the fields they name.
  mutating func readConnectionOptions(
    _ bytes: Span<UInt8>
  ) throws(ParseStop) -> ConnectionOptions {
    var options = ConnectionOptions()
    guard has(.connection) else { return options }
    var named = 0
    var row = 0
    while let index = index(of: .connection, from: row) {
      row = index + 1
      var elements = ListElements(self[index].value)
      while let element = elements.next(bytes) {
        guard isToken(bytes, element) else {
          throw .malformed(.badConnectionOption, offset: element.lower)
        }
        if equals(bytes, element, "keep-alive") {
          options.keepAlive = true
        } else if equals(bytes, element, "close") {
          options.close = true
        } else if equals(bytes, element, "upgrade") {
          options.upgrade = true
        } else {
          named += 1
          guard named <= HeadLimits.connectionOptionsMaximum else {
            throw .malformed(.tooManyConnectionOptions, offset: element.lower)
          }
          markFields(named: element, in: bytes)
        }
      }
    }
    return options
  }

  /// True when `TE` lists `trailers` (RFC 9110 §10.1.4).
  func listsTrailers(_ bytes: Span<UInt8>) -> Bool {
    var row = 0
    while let index = index(of: .te, from: row) {
      row = index + 1
      var elements = ListElements(self[index].value)
      while let element = elements.next(bytes) {
        if equals(bytes, element, "trailers") { return true }
      }
    }
    return false
  }

  private mutating func markFields(named option: ByteRange, in bytes: Span<UInt8>) {
    let id = FieldName(in: bytes, at: option.lower, count: option.count)
    guard !id.isProtected, has(id) else { return }
    for index in 0..<count where self[index].id == id && self[index].name.count == option.count {
      // `.other` and the families stand for many names: compare the bytes.
      if bytes.slice(self[index].name).equalsIgnoringCase(bytes.slice(option)) {
        markHopByHop(at: index)
      }
    }
  }
}

/// The elements of a comma-separated list, empty ones skipped (RFC 9110 §5.6.1).
struct ListElements {
  private var offset: Int
  private let end: Int

  init(_ value: ByteRange) {
    offset = value.lower
    end = value.upper
  }

  /// The next element without whitespace around it, or nil at the end. A comma within quotes
  /// separates too: no list that is read here may have quotes.
  mutating func next(_ bytes: Span<UInt8>) -> ByteRange? {
    while offset < end {
      let comma = find(.comma, in: bytes, from: offset, to: end)
      var first = offset
      var last = comma
      offset = comma + 1
      while first < last, bytes[first].isOptionalWhitespace { first += 1 }
      while first < last, bytes[last - 1].isOptionalWhitespace { last -= 1 }
      if first < last { return ByteRange(first, last) }
    }
    return nil
  }
}

/// True when the bytes at `range` are one or more token characters.
func isToken(_ bytes: Span<UInt8>, _ range: ByteRange) -> Bool {
  for offset in range.lower..<range.upper where !ASCIISet.token.contains(bytes[offset]) {
    return false
  }
  return !range.isEmpty
}

/// True when the bytes at `range` are those of `lowercase`, letters compared without case.
@inline(__always)
func equals(_ bytes: Span<UInt8>, _ range: ByteRange, _ lowercase: StaticString) -> Bool {
  range.count == lowercase.utf8CodeUnitCount
    && bytes.matchesIgnoringCase(lowercase: lowercase, at: range.lower)
}

extension FieldName {
  /// True for names that stay end-to-end whatever `Connection` says.
  fileprivate var isProtected: Bool {
    switch self {
    case .host, .contentLength, .authorization, .cookie, .setCookie, .origin, .contentType,
      .contentEncoding, .expect, .trailer, .accessControl, .accessControlRequestMethod,
      .accessControlRequestHeaders, .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost,
      .xForwardedPort, .xForwardedPrefix, .xRealIP, .xRequestID, .wwwAuthenticate, .retryAfter,
      .vary, .date, .location, .cacheControl:
      true
    default: false
    }
  }
}
