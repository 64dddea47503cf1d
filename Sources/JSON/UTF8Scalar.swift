// UTF-8 as RFC 3629 defines it: no overlong form, no surrogate, nothing beyond U+10FFFF.

import Bytes

/// Length of the well-formed UTF-8 sequence at `index`, 0 when there is none. `index` is in range.
func utf8SequenceLength(_ text: Span<UInt8>, at index: Int) -> Int {
  let first = text[index]
  if first < 0x80 { return 1 }
  let available = text.count - index
  func isContinuation(_ offset: Int) -> Bool { text[index + offset] & 0xC0 == 0x80 }
  switch first {
  case 0xC2...0xDF:
    return available > 1 && isContinuation(1) ? 2 : 0
  case 0xE0...0xEF:
    guard available > 2, isContinuation(1), isContinuation(2) else { return 0 }
    // E0 80...9F would be overlong, ED A0...BF would be a surrogate.
    if first == 0xE0 && text[index + 1] < 0xA0 { return 0 }
    if first == 0xED && text[index + 1] > 0x9F { return 0 }
    return 3
  case 0xF0...0xF4:
    guard available > 3, isContinuation(1), isContinuation(2), isContinuation(3) else { return 0 }
    // F0 80...8F would be overlong, F4 90...BF beyond U+10FFFF.
    if first == 0xF0 && text[index + 1] < 0x90 { return 0 }
    if first == 0xF4 && text[index + 1] > 0x8F { return 0 }
    return 4
  default:
    return 0
  }
}
