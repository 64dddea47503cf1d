// Blocks that the connections of one loop share, so that an idle connection holds none.
//
// Loop only. The number of blocks out is bounded by the connections of the loop; the free list keeps
// at most `keptMaximum` so that a burst's memory goes back to the system.

/// A free list of equally sized blocks for `ByteBuffer`s of one loop.
@safe
public final class BufferPool {
  /// Size of every block in bytes.
  public let blockBytes: Int
  private let keptMaximum: Int
  private var free: [UnsafeMutableRawPointer] = unsafe []
  private var lentCount = 0

  /// Makes a pool of blocks of `blockBytes` that keeps at most `keptMaximum` unused ones.
  public init(blockBytes: Int, keptMaximum: Int) {
    precondition(blockBytes > 0 && keptMaximum >= 0)
    self.blockBytes = blockBytes
    self.keptMaximum = keptMaximum
    unsafe free.reserveCapacity(keptMaximum)
  }

  deinit {
    while let block = unsafe free.popLast() { unsafe block.deallocate() }
  }

  /// Number of blocks in use.
  public var lent: Int { lentCount }

  @unsafe
  func take() -> UnsafeMutableRawPointer {
    lentCount += 1
    if let block = unsafe free.popLast() { return unsafe block }
    return .allocate(byteCount: blockBytes, alignment: 16)
  }

  @unsafe
  func give(_ block: UnsafeMutableRawPointer) {
    lentCount -= 1
    if unsafe free.count < keptMaximum {
      unsafe free.append(block)
    } else {
      unsafe block.deallocate()
    }
  }
}
