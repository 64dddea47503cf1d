// Bounds of a chunked body's syntax. The payload itself is bounded by the caller.

/// Bounds of a chunked body's syntax.
public struct BodyLimits: Sendable, Equatable {
  /// Most hexadecimal digits of a chunk size, leading zeros included: 15 always fit an `Int`.
  public static let chunkSizeDigitsMaximum = 15
  /// Most bytes of chunk syntax for each byte of payload, beyond the free ones: a body of chunks of
  /// one byte without extensions has 5.
  public static let chunkOverheadRatioMaximum = 8

  /// Most bytes of extensions behind one chunk size, from the first space or `;` to before the CR.
  public var chunkExtensionBytesMaximum: Int
  /// Chunk syntax that a body may always spend, however little payload it has.
  public var chunkOverheadBytesFree: Int
  /// Most bytes of the trailer section, its closing CRLF included.
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
