// Finds the body in the bytes behind a head (RFC 9112 §6.3, §7.1).

import Bytes

/// Bounds of a chunked body's syntax.
public struct BodyLimits: Sendable, Equatable {
  /// Most hexadecimal digits of a chunk size: 15 always fit an `Int`.
  public static let chunkSizeDigitsMaximum = 15
  /// Most bytes of extensions behind one chunk size.
  public var chunkExtensionBytesMaximum: Int
  /// Chunk syntax that a body may always spend, however short it is.
  public var chunkOverheadBytesFree: Int
  /// Most bytes of the trailer section.
  public var trailerBytesMaximum: Int
  /// Most trailer lines.
  public var trailerCountMaximum: Int

  /// Makes limits; the defaults are those of the configuration.
  public init(
    chunkExtensionBytesMaximum: Int = 256, chunkOverheadBytesFree: Int = 65_536,
    trailerBytesMaximum: Int = 4_096, trailerCountMaximum: Int = 16
  ) {
    self.chunkExtensionBytesMaximum = chunkExtensionBytesMaximum
    self.chunkOverheadBytesFree = chunkOverheadBytesFree
    self.trailerBytesMaximum = trailerBytesMaximum
    self.trailerCountMaximum = trailerCountMaximum
  }
}

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
  /// Makes a decoder for a body with this framing.
  public init(_ framing: BodyFraming, limits: BodyLimits = BodyLimits()) {}

  /// Finds the next part of the body in `input` at or after offset `start`.
  public mutating func next(_ input: Span<UInt8>, from start: Int) -> BodyStep {
    .needsMore(consumedTo: start)
  }

  /// True once the body is over; from the start when there is none.
  public var isAtEnd: Bool { false }

  /// Whether the peer's close at this point ends the body rightly (`untilClose`, or already over).
  public var mayEndAtClose: Bool { false }
}
