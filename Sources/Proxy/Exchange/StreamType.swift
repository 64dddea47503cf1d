// Which answers are streams: by their media type, because nothing else says it beforehand. Asked only of
// answers that don't tell their length.

import Bytes
import HTTPWire

enum StreamType {
  /// Server-sent events, and JSON texts that come one by one.
  private static let names: [StaticString] = [
    "text/event-stream", "application/x-ndjson", "application/stream+json",
    "application/json-seq",
  ]
  /// `application/grpc`, `application/grpc-web+proto` and their like, over HTTP/1.1.
  private static let family: StaticString = "application/grpc"

  /// True when the answer with this head, parsed from `input`, is a stream.
  static func isStream(_ head: ResponseHead, _ input: borrowing ByteBuffer) -> Bool {
    guard let value = head.value(of: .contentType) else { return false }
    return isStream(input.written.slice(value))
  }

  /// Reads a `Content-Type`; parameters don't matter.
  static func isStream(_ value: Span<UInt8>) -> Bool {
    var end = 0
    while end < value.count, value[end] != UInt8(ascii: ";"), value[end] != UInt8(ascii: " "),
      value[end] != UInt8(ascii: "\t")
    {
      end += 1
    }
    let type = value.slice(from: 0, to: end)
    for name in names where type.equalsIgnoringCase(lowercase: name) { return true }
    let count = family.utf8CodeUnitCount
    guard end >= count, type.slice(from: 0, to: count).equalsIgnoringCase(lowercase: family)
    else { return false }
    return end == count || type[count] == UInt8(ascii: "+") || type[count] == UInt8(ascii: "-")
  }
}
