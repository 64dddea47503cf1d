// One field line of a head (RFC 9110 §5, RFC 9112 §5).

import Bytes

/// A field of a head: offsets into the bytes that the head was parsed from.
public struct Field: Sendable, Equatable {
  /// The name's id, `.other` when the gateway has no name for it.
  public let id: FieldName
  /// True when the field concerns this connection only and isn't forwarded: one of the fixed names,
  /// or named by `Connection` (RFC 9110 §7.6.1).
  public internal(set) var isHopByHop: Bool
  /// The name as it was sent.
  public let name: ByteRange
  /// The value without whitespace around it.
  public let value: ByteRange
  /// The whole line, from the name to after its CRLF.
  public let line: ByteRange
}

/// How the end of a body is found (RFC 9112 §6.3).
public enum BodyFraming: Sendable, Equatable {
  /// No body.
  case none
  /// Exactly this many bytes.
  case length(Int)
  /// The chunked transfer coding.
  case chunked
  /// All bytes until the peer closes: responses only.
  case untilClose
}

/// What a head parser says about the bytes it was given.
public enum HeadOutcome: Sendable, Equatable {
  /// The head isn't complete; call again with more bytes behind the same ones.
  case needsMore
  /// The head is complete and legal; the head object has the facts.
  case complete
  /// The message can't be read in exactly one way. `offset` is the first offending byte.
  case malformed(WireFault, offset: Int)
}

/// Bounds of a head.
public struct HeadLimits: Sendable, Equatable {
  /// Longest request target.
  public var targetBytesMaximum: Int
  /// Longest head, from its first byte to after the blank line.
  public var headBytesMaximum: Int
  /// Most field lines.
  public var fieldCountMaximum: Int

  /// Longest method token.
  public static let methodBytesMaximum = 32
  /// Most options in all `Connection` fields of a head that name something else than the options
  /// the gateway knows; keeps the work of finding the named fields bounded.
  public static let connectionOptionsMaximum = 16

  /// Makes limits; the defaults are those of the configuration.
  public init(
    targetBytesMaximum: Int = 8_192, headBytesMaximum: Int = 16_384, fieldCountMaximum: Int = 100
  ) {
    self.targetBytesMaximum = targetBytesMaximum
    self.headBytesMaximum = headBytesMaximum
    self.fieldCountMaximum = fieldCountMaximum
  }
}
