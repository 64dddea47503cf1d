// Blocks that the connections of one loop share, so that an idle connection holds none.
//
// Loop only. The number of blocks out is bounded by the connections of the loop; the free list keeps
// at most `keptMaximum` so that a burst's memory goes back to the system (`BlockPages`). A free block
// holds the address of the next one in its first bytes: lending is two loads and two stores, and a
// request borrows four blocks. A block costs the pages of it that were touched.

/// A free list of equally sized blocks for `ByteBuffer`s of one loop.
@safe
public final class BufferPool {
  /// Size of every block in bytes.
  public let blockBytes: Int
  private let keptMaximum: Int
  private var free: UnsafeMutableRawPointer?
  private var freeCount = 0
  private var lentCount = 0
  private var pages: BlockPages

  /// Makes a pool of blocks of `blockBytes` that keeps at most `keptMaximum` unused ones.
  public init(blockBytes: Int, keptMaximum: Int) {
    precondition(blockBytes >= MemoryLayout<UInt>.size && keptMaximum >= 0)
    self.blockBytes = blockBytes
    self.keptMaximum = keptMaximum
    pages = BlockPages(blockBytes: blockBytes)
  }

  /// Number of blocks in use.
  public var lent: Int { lentCount }

  @unsafe
  func take() -> UnsafeMutableRawPointer {
    lentCount += 1
    guard let block = unsafe free else { return unsafe takeNew() }
    unsafe free = unsafe Self.next(after: block)
    freeCount -= 1
    return unsafe block
  }

  @unsafe
  func give(_ block: UnsafeMutableRawPointer) {
    lentCount -= 1
    guard freeCount < keptMaximum else { return unsafe giveBack(block) }
    // Every block has room for a pointer (checked in `init`) and is aligned for one.
    unsafe block.storeBytes(of: free, as: UnsafeMutableRawPointer?.self)
    unsafe free = block
    freeCount += 1
  }

  // The rare ways are calls, so that the usual ones stay small enough to be inlined.

  @unsafe
  @inline(never)
  private func takeNew() -> UnsafeMutableRawPointer { unsafe pages.take() }

  @unsafe
  @inline(never)
  private func giveBack(_ block: UnsafeMutableRawPointer) { unsafe pages.giveBack(block) }

  @unsafe
  private static func next(after block: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    // A block on the free list begins with what `give` stored there.
    unsafe block.load(as: UnsafeMutableRawPointer?.self)
  }
}
