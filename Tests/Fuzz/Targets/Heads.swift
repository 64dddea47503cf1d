// Request and response heads: however the bytes arrive, the answer is the one for all of them, every
// range of it lies within them, and a plain second reader finds the same message.

import Bytes
import HTTPWire

/// Small, so that short inputs reach every bound.
private let limits = HeadLimits(
  targetBytesMaximum: 128, headBytesMaximum: 1_024, fieldCountMaximum: 12)

/// What a head says, in a form that can be compared.
private struct Reading: Equatable {
  var outcome: HeadOutcome
  var numbers: [Int] = []
  var flags: [Bool] = []
  var ranges: [ByteRange] = []
  var framing = BodyFraming.none
  var fields: [Field] = []
}

/// The input with a blank line behind it: in parts, a head is only judged once its end is there.
private func ended(_ input: Span<UInt8>) -> [UInt8] { input.copied + Array("\r\n\r\n".utf8) }

func fuzzRequestHead(_ bytes: Span<UInt8>) {
  let bytes = ended(bytes)
  let input = bytes.span
  let whole = readRequest(input, pieces: [])
  expect(whole, readRequest(input, pieces: 0..<input.count), "byte by byte")
  for cut in cuts(input, everywhereUpTo: 64) {
    expect(whole, readRequest(input, pieces: [cut]), "cut at \(cut)")
  }
  checkFields(whole, input)
  let head = RequestHead()
  if head.parse(input, from: 0, limits: limits) == .complete { checkPlainRequest(bytes, head) }
}

private func readRequest(_ input: Span<UInt8>, pieces: some Sequence<Int>) -> Reading {
  let head = RequestHead()
  var outcome = HeadOutcome.needsMore
  for count in pieces where outcome == .needsMore {
    outcome = head.parse(input.slice(from: 0, to: count), from: 0, limits: limits)
  }
  if outcome == .needsMore {
    let copy = input.copied
    outcome = head.parse(copy.span, from: 0, limits: limits)
  }
  guard outcome == .complete else { return Reading(outcome: outcome) }
  return Reading(
    outcome: outcome, numbers: [head.byteStart, head.byteEnd, Int(head.method.rawValue)],
    flags: [
      head.hasQuery, head.isHTTP11, head.keepsAlive, head.expectsContinue, head.wantsUpgrade,
      head.upgrade == .webSocket, head.acceptsTrailers,
    ],
    ranges: [
      head.methodRange, head.target, head.path, head.query, head.authority, head.host,
    ],
    framing: head.framing, fields: (0..<head.fieldCount).map { head.field(at: $0) })
}

/// The first byte is the request's method: `H` for HEAD, `C` for CONNECT, else GET.
func fuzzResponseHead(_ input: Span<UInt8>) {
  guard input.count > 0 else { return }
  let method: Method =
    switch input[0] {
    case UInt8(ascii: "H"): .head
    case UInt8(ascii: "C"): .connect
    default: .get
    }
  let bytes = ended(input.slice(from: 1))
  let input = bytes.span
  let whole = readResponse(input, method, pieces: [])
  expect(whole, readResponse(input, method, pieces: 0..<input.count), "byte by byte")
  for cut in cuts(input, everywhereUpTo: 64) {
    expect(whole, readResponse(input, method, pieces: [cut]), "cut at \(cut)")
  }
  checkFields(whole, input)
  let head = ResponseHead()
  if head.parse(input, from: 0, limits: limits, requestMethod: method) == .complete {
    checkPlainResponse(bytes, head, method)
  }
}

private func readResponse(
  _ input: Span<UInt8>, _ method: Method, pieces: some Sequence<Int>
) -> Reading {
  let head = ResponseHead()
  var outcome = HeadOutcome.needsMore
  for count in pieces where outcome == .needsMore {
    outcome = head.parse(
      input.slice(from: 0, to: count), from: 0, limits: limits, requestMethod: method)
  }
  if outcome == .needsMore {
    let copy = input.copied
    outcome = head.parse(copy.span, from: 0, limits: limits, requestMethod: method)
  }
  guard outcome == .complete else { return Reading(outcome: outcome) }
  return Reading(
    outcome: outcome,
    numbers: [head.byteStart, head.byteEnd, head.status, head.announcedLength ?? -1],
    flags: [head.isHTTP11, head.keepsAlive, head.isInterim], ranges: [head.reason],
    framing: head.framing, fields: (0..<head.fieldCount).map { head.field(at: $0) })
}

private func expect(_ whole: Reading, _ cut: Reading, _ how: String) {
  check(cut == whole, "whole: \(whole)\n\(how): \(cut)")
}

/// Nothing that ends a line may hide in what is forwarded.
private func checkFields(_ reading: Reading, _ input: Span<UInt8>) {
  for range in reading.ranges { check(range.upper <= input.count, "a range beyond the bytes") }
  for field in reading.fields {
    check(field.line.upper <= input.count, "a line beyond the bytes")
    check(!field.name.isEmpty, "a field without a name")
    for index in field.line.lower..<field.line.upper - 2 {
      let byte = input[index]
      check(byte != 0 && byte != 10 && byte != 13, "a field line that is more than one")
    }
  }
  if case .length(let count) = reading.framing { check(count >= 0, "a negative length") }
}
