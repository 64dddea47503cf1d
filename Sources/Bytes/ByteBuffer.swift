// The one owner of bytes that live longer than a call.
//
//     0 ........ readerIndex ........ writerIndex ........ capacity
//     | consumed | readable            | writable          |
//     `--------- written --------------'
//
// The capacity is fixed: a buffer is a bound. An append that does not fit is dropped whole and sets
// `overflowed`, which the writer checks once at the end; so neither a peer nor a wrong sum can reach
// a trap or an unbounded allocation. A buffer may have no storage at all (an idle connection): it
// borrows a block from its loop's `BufferPool` and gives it back.
//
// Loop only: not Sendable, no locks.

/// Bytes with a reader index, a writer index and a fixed capacity, in storage it alone owns.
@safe
public struct ByteBuffer: ~Copyable {
  @usableFromInline var base: UnsafeMutableRawPointer?
  /// Size of the storage in bytes; 0 without storage.
  public private(set) var capacity: Int
  /// Offset of the first unread byte.
  public private(set) var readerIndex: Int
  /// Offset after the last written byte.
  public private(set) var writerIndex: Int
  /// True once an append did not fit. Sticky until `clear()`.
  public private(set) var overflowed: Bool
  /// True for storage of its own, false for a block of a pool, which only the pool can free.
  private var ownsStorage: Bool

  /// Makes a buffer without storage: every append overflows until `acquire(from:)`.
  public init() {
    unsafe base = nil
    capacity = 0
    readerIndex = 0
    writerIndex = 0
    overflowed = false
    ownsStorage = false
  }

  /// Makes a buffer that owns `capacity` bytes.
  public init(capacity: Int) {
    precondition(capacity > 0 && capacity <= Int(UInt32.max))
    unsafe base = .allocate(byteCount: capacity, alignment: 16)
    self.capacity = capacity
    readerIndex = 0
    writerIndex = 0
    overflowed = false
    ownsStorage = true
  }

  deinit {
    if ownsStorage { unsafe base?.deallocate() }
  }

  // MARK: Looking

  /// Number of unread bytes.
  public var readableCount: Int { writerIndex - readerIndex }
  /// Number of bytes that still fit.
  public var writableCount: Int { capacity - writerIndex }
  /// True when there is nothing unread.
  public var isEmpty: Bool { writerIndex == readerIndex }
  /// True when the buffer holds a block of memory.
  public var hasStorage: Bool { capacity > 0 }

  /// The unread bytes.
  public var readable: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { span(from: readerIndex, count: writerIndex - readerIndex) }
  }

  /// All bytes written and not yet discarded, consumed ones too: what ranges of a head refer to.
  public var written: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { span(from: 0, count: writerIndex) }
  }

  @_lifetime(borrow self)
  private borrowing func span(from offset: Int, count: Int) -> Span<UInt8> {
    // 0 <= offset, offset + count <= writerIndex <= capacity: kept by every mutating function.
    let bytes = unsafe UnsafeRawBufferPointer(
      start: base.map { unsafe UnsafeRawPointer($0) + offset }, count: base == nil ? 0 : count)
    let span = unsafe Span<UInt8>(_unsafeBytes: bytes)
    return unsafe _overrideLifetime(span, borrowing: self)
  }

  // MARK: Moving the indices

  /// Marks `count` unread bytes as read; at most what is readable.
  public mutating func consume(_ count: Int) {
    readerIndex += Swift.min(Swift.max(count, 0), readableCount)
  }

  /// Moves the reader index to an offset within the written bytes, forward or, to read bytes again
  /// that are still there, backward.
  public mutating func moveReader(to offset: Int) {
    readerIndex = Swift.min(Swift.max(offset, 0), writerIndex)
  }

  /// Forgets all bytes and the overflow mark; the storage stays.
  public mutating func clear() {
    readerIndex = 0
    writerIndex = 0
    overflowed = false
  }

  /// Keeps the first `offset` written bytes and forgets the rest: for undoing what was just written
  /// and for reusing the room behind a pinned head.
  public mutating func rewind(to offset: Int) {
    writerIndex = Swift.min(Swift.max(offset, 0), writerIndex)
    readerIndex = Swift.min(readerIndex, writerIndex)
  }

  /// Takes back the overflow mark after the writer has undone or answered for what did not fit.
  public mutating func clearOverflow() { overflowed = false }

  /// Moves the unread bytes to offset `floor` (0 by default), making room behind them. Bytes before
  /// `floor` are kept: that is where a pinned head lives.
  public mutating func compact(keeping floor: Int = 0) {
    let floor = Swift.min(Swift.max(floor, 0), readerIndex)
    guard let base = unsafe base, readerIndex > floor else { return }
    let count = readableCount
    // floor < readerIndex and readerIndex + count == writerIndex <= capacity.
    unsafe (base + floor).copyMemory(from: base + readerIndex, byteCount: count)
    readerIndex = floor
    writerIndex = floor + count
  }

  // MARK: Writing

  /// Appends one byte.
  public mutating func append(_ byte: UInt8) {
    guard writerIndex < capacity, let base = unsafe base else { return overflowed = true }
    // writerIndex < capacity was just checked.
    unsafe base.storeBytes(of: byte, toByteOffset: writerIndex, as: UInt8.self)
    writerIndex += 1
  }

  /// Appends the bytes of a span that lives in other storage.
  public mutating func append(_ bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBytes { unsafe append(copying: $0) }
  }

  /// Appends the bytes at `range` of `bytes`.
  public mutating func append(_ bytes: Span<UInt8>, _ range: ByteRange) {
    append(bytes.slice(range))
  }

  /// Appends a literal.
  public mutating func append(_ literal: StaticString) {
    precondition(literal.hasPointerRepresentation)
    // A StaticString with a pointer is valid for utf8CodeUnitCount bytes for ever.
    unsafe append(
      copying: UnsafeRawBufferPointer(
        start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  /// Appends the UTF-8 bytes of a string: start-up and cold paths.
  public mutating func append(text: String) {
    guard text.utf8.count <= writableCount else { return overflowed = true }
    for byte in text.utf8 { append(byte) }
  }

  /// Appends the bytes of an array: start-up and cold paths, and blocks rendered beforehand.
  public mutating func append(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe append(copying: $0) }
  }

  /// Appends a whole number in decimal digits.
  public mutating func append(decimal number: Int) {
    let magnitude = number.magnitude
    var count = 1
    var bound: UInt = 10
    // No magnitude of an Int has more than 19 digits, so the bound never overflows.
    while count < 19, magnitude >= bound {
      count += 1
      bound &*= 10
    }
    let sign = number < 0 ? 1 : 0
    guard count + sign <= capacity - writerIndex, let base = unsafe base else {
      return overflowed = true
    }
    if sign > 0 { append(UInt8(ascii: "-")) }
    var rest = magnitude
    var offset = writerIndex + count
    while offset > writerIndex {
      offset -= 1
      let digit = UInt8(truncatingIfNeeded: rest % 10)
      // writerIndex <= offset < writerIndex + count <= capacity.
      unsafe base.storeBytes(
        of: UInt8(ascii: "0") + digit, toByteOffset: offset, as: UInt8.self)
      rest /= 10
    }
    writerIndex += count
  }

  /// Appends a number as lower-case hexadecimal digits, without leading zeros unless `width` (at
  /// most 16) asks.
  public mutating func append(hexadecimal number: UInt64, width: Int = 1) {
    let significant = (64 - number.leadingZeroBitCount + 3) / 4
    let count = Swift.min(16, Swift.max(significant, width, 1))
    guard count <= writableCount else { return overflowed = true }
    var shift = (count - 1) * 4
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: (number >> UInt64(shift)) & 15)
      append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
      shift -= 4
    }
  }

  /// Appends all sixteen lower-case hexadecimal digits of a number, eight at a time: every request is
  /// given an id of two such numbers.
  public mutating func append(allHexadecimalDigitsOf number: UInt64) {
    guard capacity - writerIndex >= 16, let base = unsafe base else { return overflowed = true }
    let high = Self.hexadecimalDigits(UInt32(truncatingIfNeeded: number >> 32))
    let low = Self.hexadecimalDigits(UInt32(truncatingIfNeeded: number))
    // writerIndex + 16 <= capacity was just checked.
    unsafe base.storeBytes(of: high.bigEndian, toByteOffset: writerIndex, as: UInt64.self)
    unsafe base.storeBytes(of: low.bigEndian, toByteOffset: writerIndex + 8, as: UInt64.self)
    writerIndex += 16
  }

  /// The eight digits of a number as ASCII, the first in the highest byte.
  private static func hexadecimalDigits(_ number: UInt32) -> UInt64 {
    var digits = UInt64(number)
    digits = (digits << 16 | digits) & 0x0000_ffff_0000_ffff
    digits = (digits << 8 | digits) & 0x00ff_00ff_00ff_00ff
    digits = (digits << 4 | digits) & 0x0f0f_0f0f_0f0f_0f0f
    // A byte of 10 and more carries into its bit 4 when 6 is added: those become letters.
    let letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return digits + 0x3030_3030_3030_3030 + letters * 39
  }

  @unsafe
  private mutating func append(copying bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    guard bytes.count <= capacity - writerIndex, let base = unsafe base else {
      return overflowed = true
    }
    // writerIndex + count <= capacity was just checked; the source is other storage or lies before
    // writerIndex, so the ranges never overlap.
    unsafe (base + writerIndex).copyMemory(from: source, byteCount: bytes.count)
    writerIndex += bytes.count
  }

  // MARK: The operating system's door

  /// Lends the writable room to a system call, which returns how many bytes it wrote there.
  /// For `EventLoop` and `Crypto` only.
  @unsafe
  public mutating func withUnsafeWritableBytes<Result>(
    _ body: (UnsafeMutableRawBufferPointer) -> (written: Int, result: Result)
  ) -> Result {
    let room = unsafe UnsafeMutableRawBufferPointer(
      start: base.map { unsafe $0 + writerIndex }, count: writableCount)
    let outcome = unsafe body(room)
    precondition(outcome.written >= 0 && outcome.written <= room.count)
    writerIndex += outcome.written
    return outcome.result
  }

  // MARK: Blocks of a pool

  /// Borrows a block from the loop's pool unless there is storage already.
  public mutating func acquire(from pool: BufferPool) {
    if unsafe base == nil { borrow(from: pool) }
  }

  /// Most calls find storage: the others are kept out of them.
  @inline(never)
  private mutating func borrow(from pool: BufferPool) {
    unsafe base = unsafe pool.take()
    capacity = pool.blockBytes
    clear()
  }

  /// Gives the block back to the pool it came from and forgets all bytes.
  public mutating func release(to pool: BufferPool) {
    guard let block = unsafe base else { return }
    precondition(capacity == pool.blockBytes, "a block goes back to the pool it came from")
    unsafe pool.give(block)
    unsafe base = nil
    capacity = 0
    clear()
  }
}
