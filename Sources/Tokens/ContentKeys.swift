// Remembering the content keys that were unwrapped with private RSA keys, so that an encrypted token
// costs its private operation once.
//
// What is remembered is one fact: this realm's key number so unwraps exactly these bytes to that key.
// The content is opened with it anew each time, and authenticates itself. Only keys of tokens that
// were accepted enter. Whoever reads this memory could read the private key as well.
//
// Bounded: 2048 rows (`RowSets`), made for the first such token. One worker.

import Bytes

/// A worker's memory of unwrapped content keys.
final class ContentKeys {
  static let setCount = 256
  /// Most keys that are remembered.
  static let keyCountMaximum = RowSets.wayCount * setCount

  private struct Row {
    var hash = Hash128(high: 0, low: 0)
    /// First second at which its token is dead.
    var expiration = Int64.min
    /// Serial of the realm; 0 is none's.
    var serial: UInt32 = 0
    var keyIndex: UInt16 = 0
    var byteCount: UInt16 = 0
    var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
  }

  private var rows = [Row](repeating: Row(), count: keyCountMaximum)
  private let key = SipKey.random()

  /// The hash that stands for a wrapped key and the size that it is to have.
  func hash(_ wrapped: Span<UInt8>, byteCount: Int) -> Hash128 {
    var hash = SipHash128(key)
    hash.combine(UInt64(byteCount))
    hash.combine(wrapped)
    return hash.finish()
  }

  /// Appends the content key that one of the realm's keys unwraps; false when that is not known.
  func append(
    _ wrapped: Hash128, _ serial: UInt32, keyIndex: Int, to buffer: inout ByteBuffer
  ) -> Bool {
    for index in RowSets.rows(of: wrapped, setCount: Self.setCount)
    where rows[index].hash == wrapped && rows[index].serial == serial
      && rows[index].keyIndex == keyIndex
    {
      let bytes = rows[index].bytes
      Self.append(bytes.0, to: &buffer)
      Self.append(bytes.1, to: &buffer)
      guard rows[index].byteCount == 32 else { return true }
      Self.append(bytes.2, to: &buffer)
      Self.append(bytes.3, to: &buffer)
      return true
    }
    return false
  }

  /// Remembers an unwrapped key of 16 or 32 bytes, in place of one that is dead or dies first.
  func remember(
    _ wrapped: Hash128, _ serial: UInt32, keyIndex: Int, _ contentKey: borrowing ByteBuffer,
    expiration: Int64, nowSeconds: Int64
  ) {
    let bytes = contentKey.readable
    guard bytes.count == 16 || bytes.count == 32 else { return }
    let victim = RowSets.victim(
      RowSets.rows(of: wrapped, setCount: Self.setCount), nowSeconds: nowSeconds
    ) { rows[$0].expiration }
    let isLong = bytes.count == 32
    rows[victim] = Row(
      hash: wrapped, expiration: expiration, serial: serial, keyIndex: UInt16(clamping: keyIndex),
      byteCount: UInt16(bytes.count),
      bytes: (
        bytes.word(at: 0), bytes.word(at: 8), isLong ? bytes.word(at: 16) : 0,
        isLong ? bytes.word(at: 24) : 0
      ))
  }

  /// Empties the rows of realms that are no longer in use. Cold.
  func keepOnly(_ serials: [UInt32]) {
    for index in rows.indices
    where rows[index].serial != 0 && !serials.contains(rows[index].serial) {
      rows[index] = Row()
    }
  }

  private static func append(_ word: UInt64, to buffer: inout ByteBuffer) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      buffer.append(UInt8(truncatingIfNeeded: word >> shift))
    }
  }
}
