// Request line, fields and what they mean together, in the order in which faults are told.

import Bytes

extension RequestLine {
  /// Reads the whole head that begins at `start`.
  mutating func parseHead(
    _ bytes: Span<UInt8>, from start: Int, into table: inout FieldTable, limits: HeadLimits
  ) -> HeadOutcome {
    do throws(ParseStop) {
      try readHead(bytes, from: start, into: &table, limits: limits)
      return .complete
    } catch {
      return error.outcome
    }
  }

  private mutating func readHead(
    _ bytes: Span<UInt8>, from start: Int, into table: inout FieldTable, limits: HeadLimits
  ) throws(ParseStop) {
    var offset = start
    guard offset < bytes.count else { throw .needsMore }
    // RFC 9112 §2.2: one empty line before a request is skipped; old clients send one after a body.
    if bytes[offset] == .carriageReturn { offset = try endOfLine(bytes, at: offset) }

    offset = try parse(bytes, from: offset, targetBytesMaximum: limits.targetBytesMaximum)
    byteEnd = try table.parse(bytes, from: offset, countMaximum: limits.fieldCountMaximum)

    try readAuthority(bytes, table)
    let options = try table.readConnectionOptions(bytes)
    keepsAlive = options.keepsAlive(isHTTP11: isHTTP11)
    switch try table.readFraming(bytes, isHTTP11: isHTTP11) {
    case .neither: framing = .none
    case .length(let length): framing = .length(length)
    case .chunked: framing = .chunked
    }
    if options.upgrade, table.has(.upgrade) { upgrade = readUpgrade(bytes, table) }
    if table.has(.expect) { try readExpectation(bytes, table) }
    acceptsTrailers = table.has(.te) && table.listsTrailers(bytes)
  }

  /// Exactly one `Host`, which HTTP/1.0 may lack, and the same authority in an absolute-form target
  /// (RFC 9112 §3.2, §3.2.2, where such a target would win: refusing is safer behind a gateway whose
  /// backends may look at either).
  private mutating func readAuthority(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable
  ) throws(ParseStop) {
    guard let value = try table.only(.host, elseFault: .repeatedHost)?.value else {
      if isHTTP11 { throw .malformed(.missingHost, offset: byteEnd) }
      return
    }
    guard let name = parseAuthority(bytes, value) else {
      throw .malformed(.badHost, offset: value.lower)
    }
    if targetForm == .absolute {
      guard bytes.slice(authority).equalsIgnoringCase(bytes.slice(value)) else {
        throw .malformed(.hostMismatch, offset: value.lower)
      }
    }
    authority = value
    host = name
  }

  /// `100-continue` is the one expectation there is (RFC 9110 §10.1.1); HTTP/1.0 can't wait for it.
  private mutating func readExpectation(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable
  ) throws(ParseStop) {
    guard let value = try table.only(.expect, elseFault: .unsupportedExpectation)?.value else {
      return
    }
    guard equals(bytes, value, "100-continue") else {
      throw .malformed(.unsupportedExpectation, offset: value.lower)
    }
    expectsContinue = isHTTP11
  }
}

extension ParseStop {
  /// The same as a parser's answer.
  var outcome: HeadOutcome {
    switch self {
    case .needsMore: .needsMore
    case .malformed(let fault, let offset): .malformed(fault, offset: offset)
    }
  }
}
