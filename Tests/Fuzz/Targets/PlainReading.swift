// A second reader of messages, written the plainest way from the grammar and sharing nothing with the
// gateway's: what the gateway takes, this one must take too and find the same parts of.
//
// It is slower and only judges what was accepted; refusing too much is what the unit tests find.

import Bytes
import HTTPWire

private let tokenMarks = Set("!#$%&'*+-.^_`|~".utf8)

private func isToken(_ text: ArraySlice<UInt8>) -> Bool {
  !text.isEmpty
    && text.allSatisfy { byte in
      tokenMarks.contains(byte) || (48...57).contains(byte) || (65...90).contains(byte)
        || (97...122).contains(byte)
    }
}

private func lowered(_ text: ArraySlice<UInt8>) -> String {
  String(decoding: text, as: UTF8.self).lowercased()
}

private func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
  var text = text
  while let first = text.first, first == 32 || first == 9 { text.removeFirst() }
  while let last = text.last, last == 32 || last == 9 { text.removeLast() }
  return text
}

/// The lines of `bytes` up to the first CRLF CRLF, and the offset behind it; nil without one.
private func headLines(_ bytes: [UInt8]) -> (lines: [ArraySlice<UInt8>], end: Int)? {
  var lines: [ArraySlice<UInt8>] = []
  var start = 0
  var index = 0
  while index + 1 < bytes.count {
    guard bytes[index] == 13, bytes[index + 1] == 10 else {
      index += 1
      continue
    }
    // One empty line may stand before a request.
    if index == start, !lines.isEmpty { return (lines, index + 2) }
    if index > start { lines.append(bytes[start..<index]) }
    index += 2
    start = index
  }
  return nil
}

/// The field lines of a head as lower-case names and values; checks each by the grammar.
private func plainFields(_ lines: ArraySlice<ArraySlice<UInt8>>) -> [(name: String, value: String)]
{
  lines.map { line in
    let colon = line.firstIndex(of: 58)
    check(colon != nil, "a field line without a colon passed")
    let name = line[..<(colon ?? line.startIndex)]
    check(isToken(name), "a field name that is no token passed")
    let value = trimmed(line[((colon ?? line.startIndex) + 1)...])
    check(value.allSatisfy { $0 >= 32 && $0 != 127 || $0 == 9 }, "a control byte passed")
    return (lowered(name), String(decoding: value, as: UTF8.self))
  }
}

/// The framing that the fields say, by the only rules there are.
private func plainFraming(
  _ fields: [(name: String, value: String)], isHTTP11: Bool
) -> BodyFraming {
  let lengths = fields.filter { $0.name == "content-length" }
  let codings = fields.filter { $0.name == "transfer-encoding" }
  check(lengths.count + codings.count <= 1, "two framings passed")
  if let coding = codings.first {
    check(isHTTP11 && coding.value.lowercased() == "chunked", "a coding other than chunked passed")
    return .chunked
  }
  guard let length = lengths.first else { return .none }
  let isNumber = length.value.utf8.allSatisfy { (48...57).contains($0) }
  check(isNumber, "a length that isn't digits passed")
  guard let count = Int(length.value) else { fatalError("a length that is no number passed") }
  return .length(count)
}

/// Checks a request head that the gateway's parser took.
func checkPlainRequest(_ bytes: [UInt8], _ head: RequestHead) {
  guard let (lines, end) = headLines(bytes) else { fatalError("a head without an end passed") }
  check(end == head.byteEnd, "the head ends elsewhere")
  let parts = lines[0].split(separator: 32, omittingEmptySubsequences: false)
  check(parts.count == 3 && isToken(parts[0]), "a request line of other parts passed")
  let target = parts[1]
  check(
    !target.isEmpty && target.allSatisfy { $0 > 32 && $0 < 127 && $0 != 35 },
    "a target with a byte that can't be there passed")
  let version = lowered(parts[2])
  check(Array(parts[2].prefix(4)) == Array("HTTP".utf8), "a version in lower case passed")
  check(version == "http/1.1" || version == "http/1.0", "an unknown version passed")
  let isHTTP11 = version == "http/1.1"
  check(isHTTP11 == head.isHTTP11, "another version")
  let method = String(decoding: parts[0], as: UTF8.self)
  check(method != "CONNECT", "CONNECT passed")
  check(lowered(target) != "*" || method == "OPTIONS", "an asterisk passed")
  let fields = plainFields(lines[1...])
  check(fields.count == head.fieldCount, "another number of fields")
  let hosts = fields.filter { $0.name == "host" }
  check(hosts.count == 1 || !isHTTP11 && hosts.isEmpty, "no Host, or two")
  check(plainFraming(fields, isHTTP11: isHTTP11) == head.framing, "another framing")
}

/// Checks a response head that the gateway's parser took.
func checkPlainResponse(_ bytes: [UInt8], _ head: ResponseHead, _ method: Method) {
  guard let (lines, end) = headLines(bytes) else { fatalError("a head without an end passed") }
  check(end == head.byteEnd, "the head ends elsewhere")
  let line = lines[0]
  check(
    line.count >= 13 && String(head.status).utf8.elementsEqual(line.dropFirst(9).prefix(3)),
    "another status")
  let fields = plainFields(lines[1...])
  check(fields.count == head.fieldCount, "another number of fields")
  let framing = plainFraming(fields, isHTTP11: line[line.startIndex + 7] == 49)
  let hasBody = method != .head && head.status >= 200 && ![204, 304].contains(head.status)
  let want = hasBody ? (framing == .none ? .untilClose : framing) : BodyFraming.none
  check(want == head.framing, "another framing")
}

/// Decodes a chunked body that the gateway's decoder took; its payload and end must be these.
func checkPlainChunks(_ bytes: [UInt8], payload: [UInt8], end: Int) {
  var offset = 0
  var plain: [UInt8] = []
  func takeLine() -> ArraySlice<UInt8> {
    let start = offset
    while offset + 1 < bytes.count, bytes[offset] != 13 || bytes[offset + 1] != 10 { offset += 1 }
    let line = bytes[start..<offset]
    check(line.allSatisfy { $0 >= 32 && $0 != 127 || $0 == 9 }, "a control byte in a line passed")
    offset += 2
    check(offset <= bytes.count, "a line without an end passed")
    return line
  }
  while true {
    let digits = takeLine().prefix { $0 != 59 && $0 != 32 && $0 != 9 }
    let isNumber = digits.allSatisfy { $0.hexadecimalDigitValue != nil }
    check(isNumber, "a size that isn't digits passed")
    guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16) else {
      fatalError("a size that is no number passed")
    }
    if size == 0 { break }
    check(bytes.count - offset >= size + 2, "a chunk beyond the bytes passed")
    plain += bytes[offset..<offset + size]
    offset += size
    check(bytes[offset] == 13 && bytes[offset + 1] == 10, "a chunk without CRLF passed")
    offset += 2
  }
  while !takeLine().isEmpty {}
  check(plain == payload, "another payload")
  check(offset == end, "the body ends elsewhere")
}
