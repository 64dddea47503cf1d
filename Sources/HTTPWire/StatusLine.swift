// The status line (RFC 9112 §4) and what a response's fields mean for its body (§6.3).

import Bytes

/// What a status line says, and what the fields say about the connection.
struct StatusLine {
  var status = 0
  var reason = ByteRange.empty
  var isHTTP11 = false
  var byteStart = 0
  var byteEnd = 0
  var framing = BodyFraming.none
  var announcedLength: Int?
  var keepsAlive = false
  /// `Connection` lists `upgrade`.
  var namesUpgrade = false

  /// Reads the whole head that begins at `start`.
  mutating func parseHead(
    _ bytes: Span<UInt8>, from start: Int, into table: inout FieldTable, limits: HeadLimits,
    requestMethod: Method
  ) -> HeadOutcome {
    do throws(ParseStop) {
      let offset = try parse(bytes, from: start)
      byteEnd = try table.parse(bytes, from: offset, countMaximum: limits.fieldCountMaximum)
      try readFraming(bytes, &table, requestMethod)
      return .complete
    } catch {
      return error.outcome
    }
  }

  /// Reads `HTTP-version SP status-code SP [reason] CRLF` at `start`; returns the offset after it.
  private mutating func parse(_ bytes: Span<UInt8>, from start: Int) throws(ParseStop) -> Int {
    byteStart = start
    isHTTP11 = try readVersion(bytes, from: start) == .oneOne
    // SP, three digits, SP: the second space is there even without a reason (RFC 9112 §4).
    for position in 8..<13 {
      let offset = start + position
      guard offset < bytes.count else { throw .needsMore }
      let byte = bytes[offset]
      let digit = Int(byte) - 0x30
      let isRight =
        switch position {
        case 8, 12: byte == .space
        // Beyond 599 there is no status; a client would have to treat it as a server's failure
        // (RFC 9110 §15), and so it is told one.
        case 9: digit >= 1 && digit <= 5
        default: digit >= 0 && digit <= 9
        }
      guard isRight else { throw .malformed(faultInLine(byte), offset: offset) }
      if position > 8, position < 12 { status = status * 10 + digit }
    }
    let stop = endOfFieldValue(bytes, from: start + 13)
    guard stop < bytes.count else { throw .needsMore }
    guard bytes[stop] == .carriageReturn else {
      throw .malformed(faultInLine(bytes[stop]), offset: stop)
    }
    reason = ByteRange(start + 13, stop)
    return try endOfLine(bytes, at: stop)
  }

  private func faultInLine(_ byte: UInt8) -> WireFault {
    byte == .lineFeed ? .bareLineFeed : .badStatusLine
  }

  /// RFC 9112 §6.3, in its order. The framing fields are judged even where no body follows: an
  /// upstream that contradicts itself isn't believed about anything.
  private mutating func readFraming(
    _ bytes: Span<UInt8>, _ table: inout FieldTable, _ requestMethod: Method
  ) throws(ParseStop) {
    let options = try table.readConnectionOptions(bytes)
    keepsAlive = options.keepsAlive(isHTTP11: isHTTP11)
    namesUpgrade = options.upgrade
    let fields = try table.readFraming(bytes, isHTTP11: isHTTP11)
    if case .length(let length) = fields { announcedLength = length }

    let hasNoContent = status < 200 || status == 204
    if requestMethod == .head || hasNoContent || status == 304 {
      framing = .none
      // RFC 9110 §8.6, RFC 9112 §6.1: these never announce a body. One that does may send it too,
      // so that what follows on this connection can't be trusted to be the next response.
      if hasNoContent, fields != .neither, fields != .length(0) {
        guard status == 204 else { throw .malformed(.bodyNotAllowed, offset: byteStart) }
        keepsAlive = false
      }
      return
    }
    switch fields {
    case .chunked: framing = .chunked
    case .length(let length): framing = .length(length)
    case .neither:
      framing = .untilClose
      keepsAlive = false
    }
  }
}
