// The line before a chunk's data: `chunk-size [chunk-ext] CRLF` (RFC 9112 §7.1, §7.1.1).
//
//     chunk-ext = *( BWS ";" BWS ext-name [ BWS "=" BWS ext-val ] )
//
// Extensions are read by their grammar and dropped. The grammar matters: readers that end a chunk
// line at a bare LF, or skip anything up to the LF, disagree with others about where data begins
// (CVE-2025-55315, CVE-2025-58056, CVE-2025-22871, CVE-2025-43859).

import Bytes

/// The resumable reader of one chunk line, a byte at a time.
struct ChunkLine: Sendable {
  enum Step: Equatable {
    case goesOn
    case isComplete
    case malformed(WireFault)
  }

  private enum Place {
    /// Before the first digit, and behind one.
    case beforeSize, size
    /// Behind the size or an extension, after whitespace: only `;` may follow.
    case beforeSemicolon
    /// Behind `;`, within a name, and in whitespace behind it.
    case beforeName, name, afterName
    /// Behind `=`, within a token value.
    case beforeValue, value
    /// Within a quoted value, behind its backslash, and behind its closing quote.
    case quoted, quotedPair, afterQuoted
    /// Behind the CR.
    case lineFeed
  }

  private var place = Place.beforeSize
  private var digitCount = 0
  private var extensionBytes = 0
  /// The size read so far: at most 15 digits, which fit.
  private(set) var size = 0
  /// Bytes read so far.
  private(set) var byteCount = 0

  /// Reads the next byte of the line.
  @inline(__always)
  mutating func read(_ byte: UInt8, _ limits: BodyLimits) -> Step {
    switch place {
    case .beforeSize, .size:
      if let digit = byte.hexadecimalDigitValue {
        digitCount += 1
        guard digitCount <= BodyLimits.chunkSizeDigitsMaximum else {
          return .malformed(.chunkSizeTooLong)
        }
        size = size << 4 | Int(digit)
        byteCount += 1
        place = .size
        return .goesOn
      }
      if place == .size, byte == .carriageReturn {
        byteCount += 1
        place = .lineFeed
        return .goesOn
      }
      return readExtension(byte, limits)
    case .lineFeed:
      return byte == .lineFeed ? .isComplete : .malformed(.bareCarriageReturn)
    case .beforeSemicolon, .beforeName, .name, .afterName, .beforeValue, .value, .quoted,
      .quotedPair, .afterQuoted:
      return readExtension(byte, limits)
    }
  }

  /// Rare: nearly no sender uses extensions.
  @inline(never)
  private mutating func readExtension(_ byte: UInt8, _ limits: BodyLimits) -> Step {
    guard let next = place(after: byte) else { return .malformed(fault(at: byte)) }
    byteCount += 1
    if next != .lineFeed {
      extensionBytes += 1
      guard extensionBytes <= limits.chunkExtensionBytesMaximum else {
        return .malformed(.chunkExtensionTooLong)
      }
    }
    place = next
    return .goesOn
  }

  /// The place behind `byte`, or nil when the byte may not stand here.
  private func place(after byte: UInt8) -> Place? {
    let isToken = ASCIISet.token.contains(byte)
    let isSpace = byte.isOptionalWhitespace
    switch place {
    case .beforeSize, .lineFeed: return nil
    case .size: return isSpace ? .beforeSemicolon : ending(byte)
    case .beforeSemicolon:
      if isSpace { return .beforeSemicolon }
      return byte == UInt8(ascii: ";") ? .beforeName : nil
    case .beforeName:
      if isSpace { return .beforeName }
      return isToken ? .name : nil
    case .name:
      if isToken { return .name }
      if isSpace { return .afterName }
      return byte == UInt8(ascii: "=") ? .beforeValue : ending(byte)
    case .afterName:
      if isSpace { return .afterName }
      if byte == UInt8(ascii: "=") { return .beforeValue }
      return byte == UInt8(ascii: ";") ? .beforeName : nil
    case .beforeValue:
      if isSpace { return .beforeValue }
      if byte == UInt8(ascii: "\"") { return .quoted }
      return isToken ? .value : nil
    case .value:
      if isToken { return .value }
      return isSpace ? .beforeSemicolon : ending(byte)
    case .quoted:
      if byte == UInt8(ascii: "\"") { return .afterQuoted }
      if byte == UInt8(ascii: "\\") { return .quotedPair }
      return byte.isQuotable ? .quoted : nil
    case .quotedPair: return byte.isQuotable ? .quoted : nil
    case .afterQuoted: return isSpace ? .beforeSemicolon : ending(byte)
    }
  }

  /// What may stand behind a size, a name or a value without whitespace between.
  private func ending(_ byte: UInt8) -> Place? {
    if byte == UInt8(ascii: ";") { return .beforeName }
    return byte == .carriageReturn ? .lineFeed : nil
  }

  private func fault(at byte: UInt8) -> WireFault {
    if byte == .lineFeed { return .bareLineFeed }
    switch place {
    case .beforeSize, .size: return .badChunkSize
    case .beforeSemicolon, .beforeName, .name, .afterName, .beforeValue, .value, .quoted,
      .quotedPair, .afterQuoted, .lineFeed:
      return .badChunkExtension
    }
  }
}

extension UInt8 {
  /// Bytes that may stand in a quoted string, escaped or not (RFC 9110 §5.6.4), and obs-text not:
  /// nobody quotes that in a chunk extension.
  fileprivate var isQuotable: Bool { self == .tab || self >= 0x20 && self < 0x7f }
}
