// Copies the kept field lines of a head in runs: lines that follow each other are one copy, so an
// ordinary head costs two or three copies and not one a field.

import Bytes

/// The run of neighbouring lines that waits to be copied.
struct FieldRuns {
  private var start = 0
  private var end = 0

  /// Adds a kept line; what was waiting is copied if this line does not follow it.
  @inline(__always)
  mutating func keep(_ line: ByteRange, of bytes: Span<UInt8>, to output: inout ByteBuffer) {
    if line.lower != end {
      flush(bytes, to: &output)
      start = line.lower
    }
    end = line.upper
  }

  /// Copies what is waiting.
  func flush(_ bytes: Span<UInt8>, to output: inout ByteBuffer) {
    output.append(bytes.slice(from: start, to: end))
  }
}
