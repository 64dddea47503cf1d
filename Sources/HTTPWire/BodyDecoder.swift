// Finds the body in the bytes behind a head (RFC 9112 §6.3, §7.1).
//
// The one resumable parser: a body has no bound, so its reader keeps a state per grammar position.
// Only a trailer line is asked for whole, since its ranges must lie in one piece; it is bounded. What
// a chunk line may look like is in `ChunkLine`.

import Bytes

/// What the decoder found next.
public enum BodyStep: Sendable, Equatable {
  /// Payload at `range`; everything up to its end is consumed. Never empty.
  case data(ByteRange)
  /// Nothing further in these bytes; those before `consumedTo` are consumed and may be dropped, the
  /// rest must be given again with more behind them.
  case needsMore(consumedTo: Int)
  /// A legal trailer line.
  case trailer(name: ByteRange, value: ByteRange, consumedTo: Int)
  /// The body is over; bytes from `consumedTo` on belong to the next message.
  case end(consumedTo: Int)
  /// The body can't be read in exactly one way.
  case malformed(WireFault)
}

/// The resumable reader of one body.
public struct BodyDecoder: Sendable {
  private enum Phase {
    /// `remaining` bytes of a body with a length.
    case length
    /// Everything belongs to the body.
    case untilClose
    /// Within a chunk's size line.
    case chunkLine
    /// `remaining` bytes of a chunk's data.
    case chunkData
    /// At the CR, then the LF, behind a chunk's data.
    case chunkDataCR, chunkDataLF
    /// At the start of a trailer line, or of the line that ends the body.
    case trailers
    case atEnd
  }

  private var phase: Phase
  private var remaining = 0
  private var line = ChunkLine()
  /// Bytes of chunk syntax and of payload so far.
  private var overheadBytes = 0
  private var payloadBytes = 0
  private var trailerBytes = 0
  private var trailerCount = 0
  private let limits: BodyLimits

  /// Makes a decoder for a body with this framing.
  public init(_ framing: BodyFraming, limits: BodyLimits = BodyLimits()) {
    self.limits = limits
    switch framing {
    case .none: phase = .atEnd
    case .length(let count):
      phase = count > 0 ? .length : .atEnd
      remaining = max(count, 0)
    case .chunked: phase = .chunkLine
    case .untilClose: phase = .untilClose
    }
  }

  /// True once the body is over; from the start when there is none.
  public var isAtEnd: Bool { phase == .atEnd }

  /// Whether the peer's close at this point ends the body rightly (`untilClose`, or already over).
  public var mayEndAtClose: Bool { phase == .atEnd || phase == .untilClose }

  /// Finds the next part of the body in `input` at or after offset `start`. Call until it says
  /// `needsMore`, `end` or `malformed`; after the last of these it isn't called again.
  public mutating func next(_ input: Span<UInt8>, from start: Int) -> BodyStep {
    switch phase {
    case .atEnd: return .end(consumedTo: start)
    case .length:
      guard let range = takeData(input, from: start) else { return .needsMore(consumedTo: start) }
      if remaining == 0 { phase = .atEnd }
      return .data(range)
    case .untilClose:
      guard start < input.count else { return .needsMore(consumedTo: start) }
      return .data(ByteRange(start, input.count))
    case .chunkLine, .chunkData, .chunkDataCR, .chunkDataLF, .trailers:
      return nextOfChunks(input, from: start)
    }
  }

  /// As much of the `remaining` bytes as there is.
  @inline(__always)
  private mutating func takeData(_ input: Span<UInt8>, from start: Int) -> ByteRange? {
    let count = min(remaining, input.count - start)
    guard count > 0 else { return nil }
    remaining -= count
    return ByteRange(start, start + count)
  }

  // MARK: Chunks

  /// Each turn of the loop consumes at least a byte or returns.
  private mutating func nextOfChunks(_ input: Span<UInt8>, from start: Int) -> BodyStep {
    var offset = start
    while offset < input.count {
      switch phase {
      case .chunkData:
        guard let range = takeData(input, from: offset) else {
          return .needsMore(consumedTo: offset)
        }
        payloadBytes &+= range.count
        if remaining == 0 { phase = .chunkDataCR }
        return .data(range)
      case .chunkDataCR:
        guard input[offset] == .carriageReturn else { return .malformed(.badChunkEnd) }
        phase = .chunkDataLF
        offset += 1
      case .chunkDataLF:
        guard input[offset] == .lineFeed else { return .malformed(.badChunkEnd) }
        phase = .chunkLine
        line = ChunkLine()
        overheadBytes &+= 2
        offset += 1
      case .chunkLine:
        switch line.read(input[offset], limits) {
        case .goesOn: break
        case .malformed(let fault): return .malformed(fault)
        case .isComplete:
          overheadBytes &+= line.byteCount + 1
          if costsTooMuch { return .malformed(.chunkOverheadTooLarge) }
          remaining = line.size
          phase = remaining > 0 ? .chunkData : .trailers
        }
        offset += 1
      case .trailers: return nextTrailer(input, from: offset)
      case .length, .untilClose, .atEnd: return .needsMore(consumedTo: offset)
      }
    }
    return .needsMore(consumedTo: offset)
  }

  /// True when the body has more chunk syntax than its payload pays for: a long body of tiny chunks
  /// makes far more work, here and behind us, than its bytes suggest.
  private var costsTooMuch: Bool {
    let paid = payloadBytes.multipliedReportingOverflow(by: BodyLimits.chunkOverheadRatioMaximum)
    return !paid.overflow && overheadBytes - limits.chunkOverheadBytesFree > paid.partialValue
  }

  /// A trailer line or the end, read like the field lines of a head (RFC 9112 §7.1.2).
  private mutating func nextTrailer(_ input: Span<UInt8>, from start: Int) -> BodyStep {
    // No line may reach beyond what is left of the section's bytes, the last CRLF included.
    let room = limits.trailerBytesMaximum - trailerBytes
    let bounded = input.slice(from: 0, to: start + room)
    do throws(ParseStop) {
      if bounded.count > start, bounded[start] == .carriageReturn {
        let end = try endOfLine(bounded, at: start)
        phase = .atEnd
        return .end(consumedTo: end)
      }
      guard bounded.count > start else { throw .needsMore }
      let field = try parseFieldLine(bounded, at: start)
      if field.id.isForbiddenInTrailers { return .malformed(.forbiddenTrailer) }
      trailerCount += 1
      if trailerCount > limits.trailerCountMaximum { return .malformed(.tooManyTrailers) }
      trailerBytes += field.line.count
      return .trailer(name: field.name, value: field.value, consumedTo: field.line.upper)
    } catch {
      switch error {
      case .needsMore:
        if input.count - start >= room { return .malformed(.trailersTooLarge) }
        return .needsMore(consumedTo: start)
      case .malformed(let fault, _):
        // A field named by a fault of its own in a head is just a bad trailer here.
        switch fault {
        case .bareLineFeed, .bareCarriageReturn: return .malformed(fault)
        default: return .malformed(.badTrailer)
        }
      }
    }
  }
}

extension FieldName {
  /// Names that a trailer may not carry: framing, routing, authentication, and how the content is to
  /// be read (RFC 9110 §6.5.1). A reader that merges trailers into the head would act on them.
  fileprivate var isForbiddenInTrailers: Bool {
    switch self {
    case .host, .connection, .keepAlive, .contentLength, .transferEncoding, .te, .trailer, .upgrade,
      .expect, .proxy, .authorization, .cookie, .setCookie, .origin, .contentType, .contentEncoding,
      .accessControlRequestMethod, .accessControlRequestHeaders, .accessControl, .forwarded,
      .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort, .xForwardedPrefix,
      .xRealIP, .xRequestID, .via, .wwwAuthenticate, .retryAfter, .vary, .date, .location,
      .traceparent, .tracestate, .secWebSocketKey, .secWebSocketVersion, .secWebSocketProtocol,
      .secWebSocketExtensions, .secWebSocketAccept, .cacheControl, .pragma, .range, .ifNoneMatch,
      .ifModifiedSince, .contentDisposition:
      true
    case .other, .server, .accept, .acceptEncoding, .acceptLanguage, .acceptCharset, .userAgent,
      .referer, .secFetchSite, .secFetchMode, .secFetchDest, .upgradeInsecureRequests, .etag,
      .lastModified, .allow:
      false
    }
  }
}
