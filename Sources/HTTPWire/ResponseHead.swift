// The head of a response: status line and field lines, parsed once into ranges (RFC 9112 §4, §6.3).
//
// As strict as for requests: an upstream whose answer can be read in two ways gets no say in which.
// Storage and ranges as in `RequestHead`. Loop only.

import Bytes

/// The parsed head of a response.
public final class ResponseHead {
  private var line = StatusLine()
  private var table = FieldTable()
  private var search = HeadSearch()

  /// Makes an empty head.
  public init() {}

  /// Forgets the response and keeps the storage.
  public func reset() {
    line = StatusLine()
    table.removeAll()
    search = HeadSearch()
  }

  /// Reads the head that begins at offset `start` of `bytes`: the answer to a request with
  /// `requestMethod`, which decides about the body. Calls repeat as for `RequestHead.parse`.
  /// `limits.targetBytesMaximum` isn't used.
  public func parse(
    _ bytes: Span<UInt8>, from start: Int, limits: HeadLimits, requestMethod: Method
  ) -> HeadOutcome {
    let limit = start + limits.headBytesMaximum
    let bytes = bytes.slice(from: 0, to: limit)
    // Work on locals: a field of a class that is lent to a call costs an access check each time.
    var search = self.search
    defer { self.search = search }
    guard search.isWorthParsing(bytes, from: start, limit: limit) else { return .needsMore }
    var line = StatusLine()
    var table = FieldTable()
    swap(&table, &self.table)
    table.removeAll()
    let outcome = line.parseHead(
      bytes, from: start, into: &table, limits: limits, requestMethod: requestMethod)
    self.line = line
    swap(&table, &self.table)

    guard outcome == .needsMore else {
      search.ended()
      return outcome
    }
    if bytes.count >= limit { return .malformed(.headTooLarge, offset: limit) }
    search.ranOut(bytes, from: start)
    return .needsMore
  }

  // MARK: Status line

  /// The status code, 100 to 999.
  public var status: Int { line.status }
  /// The reason phrase as sent, often empty.
  public var reason: ByteRange { line.reason }
  /// True for HTTP/1.1, false for HTTP/1.0.
  public var isHTTP11: Bool { line.isHTTP11 }
  /// True for 100 to 199 except 101: another head follows.
  public var isInterim: Bool { line.status < 200 && line.status != 101 }
  /// Offset of the status line.
  public var byteStart: Int { line.byteStart }
  /// Offset after the blank line.
  public var byteEnd: Int { line.byteEnd }

  // MARK: Fields

  /// Number of field lines.
  public var fieldCount: Int { table.count }
  /// The field at `index`, which must be below `fieldCount`.
  public func field(at index: Int) -> Field { table[index] }
  /// True when the field at `index` must not be forwarded.
  public func isHopByHop(at index: Int) -> Bool { table[index].isHopByHop }
  /// True when at least one field has this known name.
  public func has(_ name: FieldName) -> Bool { table.has(name) }
  /// Index of the first field of a known name at or after `start`, or nil.
  public func index(of name: FieldName, from start: Int = 0) -> Int? {
    table.index(of: name, from: start)
  }
  /// Value of the first field of a known name, or nil.
  public func value(of name: FieldName) -> ByteRange? { table.value(of: name) }

  // MARK: What the fields mean for the connection

  /// True for a 101 that says in the one unambiguous form that the connection is a WebSocket now:
  /// HTTP/1.1, one `Upgrade: websocket`, and `Connection` naming it (RFC 6455 §4.1). `bytes` are
  /// those that were parsed.
  public func agreesToWebSocket(_ bytes: Span<UInt8>) -> Bool {
    guard line.status == 101, line.isHTTP11, line.namesUpgrade, !table.isRepeated(.upgrade),
      let value = table.value(of: .upgrade)
    else { return false }
    return bytes.slice(value).equalsIgnoringCase(lowercase: "websocket")
  }

  /// How the body's end is found, given the request's method.
  public var framing: BodyFraming { line.framing }
  /// The body length the head announces, also where no body follows (HEAD, 304); nil without one.
  public var announcedLength: Int? { line.announcedLength }
  /// True when the connection may carry another exchange once the body has ended.
  public var keepsAlive: Bool { line.keepsAlive }
}
