// ECDSA signatures between their two forms: R and S side by side, each exactly as long as the
// curve's numbers (RFC 7518 §3.4), and the DER that OpenSSL speaks.
//
//     raw:  | R (n bytes) | S (n bytes) |
//     DER:  30 len  02 len R  02 len S      minimal numbers, a 0 before a set top bit
//
// The DER is written here rather than built by OpenSSL: no allocation, and the length is bounded by
// construction. Numbers of zero are refused here (CVE-2022-21449), numbers beyond the group's order
// by OpenSSL. Any thread.

import Bytes
import COpenSSL

enum ECDSASignature {
  /// Two numbers of P-521: 2 + 67 bytes each, and 3 bytes before them.
  static let derBytesMaximum = 141

  /// Writes `raw` as DER and answers its length; 0 when a number is zero or the length is odd or
  /// too long for any curve.
  static func encode(_ raw: Span<UInt8>, into der: inout InlineArray<141, UInt8>) -> Int {
    let size = raw.count / 2
    guard size > 0, size <= 66, raw.count == 2 * size else { return 0 }
    let first = firstDigit(raw, 0, size)
    let second = firstDigit(raw, size, raw.count)
    guard first < size, second < raw.count else { return 0 }
    let firstCount = size - first + (raw[first] >= 0x80 ? 1 : 0)
    let secondCount = raw.count - second + (raw[second] >= 0x80 ? 1 : 0)
    // At most 2 * (2 + 67) = 138.
    let contents = 4 + firstCount + secondCount
    var end = 0
    func put(_ byte: UInt8, _ der: inout InlineArray<141, UInt8>) {
      der[end] = byte
      end += 1
    }
    put(0x30, &der)
    if contents >= 0x80 { put(0x81, &der) }
    put(UInt8(truncatingIfNeeded: contents), &der)
    for (start, limit, count) in [(first, size, firstCount), (second, raw.count, secondCount)] {
      put(0x02, &der)
      put(UInt8(truncatingIfNeeded: count), &der)
      if count > limit - start { put(0, &der) }
      for index in start..<limit { put(raw[index], &der) }
    }
    return end
  }

  /// Offset of the first byte that isn't zero in `lower ..< upper`, `upper` when all are.
  private static func firstDigit(_ raw: Span<UInt8>, _ lower: Int, _ upper: Int) -> Int {
    var index = lower
    while index < upper, raw[index] == 0 { index += 1 }
    return index
  }

  /// Appends R and S of the DER that OpenSSL made, each `size` bytes; false when it isn't that.
  static func decode(_ der: Span<UInt8>, size: Int, into buffer: inout ByteBuffer) -> Bool {
    var index = 0
    func next() -> UInt8? {
      guard index < der.count else { return nil }
      index += 1
      return der[index - 1]
    }
    guard next() == 0x30, var length = next() else { return false }
    if length == 0x81 { length = next() ?? 0 }
    guard Int(length) == der.count - index else { return false }
    for _ in 0..<2 {
      guard next() == 0x02, let count = next(), Int(count) <= der.count - index else {
        return false
      }
      var start = index
      index += Int(count)
      while start < index, der[start] == 0 { start += 1 }
      guard index - start <= size else { return false }
      for _ in 0..<(size - (index - start)) { buffer.append(0) }
      buffer.append(der.slice(from: start, to: index))
    }
    return index == der.count && !buffer.overflowed
  }
}
