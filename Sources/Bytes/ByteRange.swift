// A reference into bytes that outlives a call.
//
// Spans can't be stored, slices retain; a pair of offsets does neither. Which buffer a range belongs
// to is said where the range is kept (a head's ranges are offsets into the `written` bytes of the
// buffer it was parsed from).

/// A half-open range of byte offsets, `start ..< end`, in a buffer of at most 4 GiB.
public struct ByteRange: Sendable, Equatable, Hashable {
  /// Offset of the first byte.
  public var start: UInt32
  /// Offset after the last byte; never below `start`.
  public var end: UInt32

  /// The range that holds nothing.
  public static let empty = ByteRange(0, 0)

  /// Makes `lower ..< upper`. A negative or oversized bound is clamped and a reversed pair becomes
  /// empty, so that arithmetic on a peer's numbers can't trap here.
  @inlinable
  public init(_ lower: Int, _ upper: Int) {
    start = UInt32(clamping: lower)
    end = UInt32(clamping: Swift.max(lower, upper))
  }

  /// The first offset as an `Int`.
  @inlinable public var lower: Int { Int(start) }
  /// The offset after the last byte as an `Int`.
  @inlinable public var upper: Int { Int(end) }
  /// Number of bytes.
  @inlinable public var count: Int { Int(end) - Int(start) }
  /// True when the range holds no byte.
  @inlinable public var isEmpty: Bool { end <= start }
}
