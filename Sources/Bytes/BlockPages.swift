// Memory for blocks, straight from the kernel: pages that cost nothing until they are touched and
// that can be given back one block at a time.
//
// The allocator would do neither. It carves blocks of 64 KiB out of an arena among small objects that
// live as long as a connection, and an arena only shrinks from its end: after a burst, the pages of
// freed blocks would stay. Address space is kept for ever (a burst's blocks at most), memory is not.
// One owner, one thread.

import Glibc

/// Blocks of one size in slabs of pages of their own.
@safe
struct BlockPages: ~Copyable {
  /// Blocks of one slab: few calls to the kernel, and few mappings (their number is limited).
  private static let slabBlocks = 64

  /// Distance between blocks: whole pages, so that each can be given back alone.
  private let stride: Int
  private var slabs: [UnsafeMutableRawPointer] = unsafe []
  /// Blocks of the last slab that were never lent.
  private var untouched = 0
  /// Blocks whose pages the kernel has got back.
  private var returned: [UnsafeMutableRawPointer] = unsafe []

  init(blockBytes: Int) {
    let page = max(4096, sysconf(Int32(_SC_PAGESIZE)))
    stride = (blockBytes + page - 1) / page * page
  }

  deinit {
    // Each slab was mapped with this length.
    for index in unsafe slabs.indices { unsafe munmap(slabs[index], stride * Self.slabBlocks) }
  }

  /// A block whose pages are untouched.
  @unsafe
  mutating func take() -> UnsafeMutableRawPointer {
    if let block = unsafe returned.popLast() { return unsafe block }
    if untouched == 0 { map() }
    untouched -= 1
    // map() left a slab, and untouched < slabBlocks.
    return unsafe slabs[slabs.count - 1] + untouched * stride
  }

  /// Takes a block back and gives its memory to the kernel; the next reader sees zeros.
  @unsafe
  mutating func giveBack(_ block: UnsafeMutableRawPointer) {
    // The block is stride bytes of one slab. Should the call fail, the pages are merely kept.
    unsafe madvise(block, stride, MADV_DONTNEED)
    unsafe returned.append(block)
  }

  private mutating func map() {
    let count = stride * Self.slabBlocks
    // No address is asked for, no file is meant; swap isn't reserved for what may never be touched.
    let slab = unsafe mmap(
      nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    // The number of blocks is bounded by the connections: out of memory is the machine's fault.
    guard let slab = unsafe slab, unsafe slab != UnsafeMutableRawPointer(bitPattern: -1) else {
      fatalError("out of memory")
    }
    // A huge page under the first byte of a slab would be 2 MiB for a head of 10 bytes.
    unsafe madvise(slab, count, MADV_NOHUGEPAGE)
    unsafe slabs.append(slab)
    untouched = Self.slabBlocks
  }
}
