// An input in pieces: the places to cut it at, and copies whose end AddressSanitizer guards.

import Bytes

/// Ways to cut an input in two: everywhere when it is short, else at a place that depends on nothing
/// but its bytes, so that a failure can be repeated.
func cuts(_ input: Span<UInt8>, everywhereUpTo bytesMaximum: Int) -> Range<Int> {
  if input.count <= bytesMaximum { return 0..<input.count }
  var hash: UInt32 = 2_166_136_261
  for index in input.indices { hash = (hash ^ UInt32(input[index])) &* 16_777_619 }
  let cut = Int(hash % UInt32(input.count))
  return cut..<cut + 1
}

extension Span where Element == UInt8 {
  /// The bytes as an array, with storage of their own.
  var copied: [UInt8] { Array(copying: self) }
}
