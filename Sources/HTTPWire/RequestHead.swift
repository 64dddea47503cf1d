// The head of a request: request line and field lines, parsed once into ranges (RFC 9112 §2 to §3).
//
// One object serves many requests: `reset()` keeps its storage, so parsing allocates nothing once
// warm. All ranges are offsets into the bytes given to `parse`, which must stay where they are for
// as long as the ranges are read. Loop only.

import Bytes

/// The parsed head of a request.
public final class RequestHead {
  private var line = RequestLine()
  private var table = FieldTable()
  private var search = HeadSearch()

  /// Makes an empty head.
  public init() {}

  /// Forgets the request and keeps the storage.
  public func reset() {
    line = RequestLine()
    table.removeAll()
    search = HeadSearch()
  }

  /// Reads the head that begins at offset `start` of `bytes`.
  ///
  /// After `needsMore`, call again with the same bytes (they may have moved) and more behind them;
  /// after `complete` the properties hold until `reset()`. After `malformed` the method and target
  /// hold if the request line was read, for the log.
  public func parse(_ bytes: Span<UInt8>, from start: Int, limits: HeadLimits) -> HeadOutcome {
    let limit = start + limits.headBytesMaximum
    let bytes = bytes.slice(from: 0, to: limit)
    // Work on locals: a field of a class that is lent to a call costs an access check each time.
    var search = self.search
    defer { self.search = search }
    guard search.isWorthParsing(bytes, from: start, limit: limit) else { return .needsMore }
    var line = RequestLine()
    var table = FieldTable()
    swap(&table, &self.table)
    table.removeAll()
    let outcome = line.parseHead(bytes, from: start, into: &table, limits: limits)
    self.line = line
    swap(&table, &self.table)

    guard outcome == .needsMore else {
      search.ended()
      return outcome
    }
    if bytes.count >= limit {
      return .malformed(line.hasTarget ? .headTooLarge : .targetTooLong, offset: limit)
    }
    search.ranOut(bytes, from: start)
    return .needsMore
  }

  // MARK: Request line

  /// The method; `.other` for a token that isn't a known name.
  public var method: Method { line.method }
  /// The method's bytes.
  public var methodRange: ByteRange { line.methodRange }
  /// The whole request target as sent.
  public var target: ByteRange { line.target }
  /// The path without query: begins with `/`, is `*` in asterisk form, and may be empty in absolute
  /// form, where it means `/`.
  public var path: ByteRange { line.path }
  /// The query without its `?`; empty when there is none.
  public var query: ByteRange { line.query }
  /// True when the target has a `?`, even with nothing behind it.
  public var hasQuery: Bool { line.hasQuery }
  /// The form of the target.
  public var targetForm: TargetForm { line.targetForm }
  /// Host and port as sent: the `Host` value, or the target's authority when an HTTP/1.0 request has
  /// no `Host`. Empty only when an HTTP/1.0 request names none.
  public var authority: ByteRange { line.authority }
  /// The authority without its port; an IPv6 address keeps its brackets.
  public var host: ByteRange { line.host }
  /// True for HTTP/1.1, false for HTTP/1.0.
  public var isHTTP11: Bool { line.isHTTP11 }
  /// Offset of the method's first byte (an empty line before it is skipped).
  public var byteStart: Int { line.methodRange.lower }
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

  /// How the body's end is found.
  public var framing: BodyFraming { line.framing }
  /// True when the client lets the connection live after this exchange (RFC 9112 §9.3).
  public var keepsAlive: Bool { line.keepsAlive }
  /// True when the client waits for 100 (RFC 9110 §10.1.1); never in HTTP/1.0.
  public var expectsContinue: Bool { line.expectsContinue }
  /// True when `Upgrade` is present and `Connection` names it (RFC 9110 §7.8); never in HTTP/1.0.
  public var wantsUpgrade: Bool { line.upgrade != .none }
  /// What `Upgrade` asks for; `none` exactly when `wantsUpgrade` is false.
  public var upgrade: UpgradeRequest { line.upgrade }
  /// True when the client says that it reads trailers: `TE: trailers` (RFC 9110 §10.1.4).
  public var acceptsTrailers: Bool { line.acceptsTrailers }
}
