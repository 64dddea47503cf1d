// Chunked bodies: the same payload, trailers and end in every cut, and to a plain second reader.

import Bytes
import HTTPWire

/// Small, so that short inputs reach every bound.
private let limits = BodyLimits(
  chunkExtensionBytesMaximum: 16, chunkOverheadBytesFree: 64, trailerBytesMaximum: 96,
  trailerCountMaximum: 3)

/// What came out of a body.
private struct Outcome: Equatable {
  var payload: [UInt8] = []
  var trailers: [[UInt8]] = []
  var fault: WireFault?
  /// Offset after the body, nil while it isn't over.
  var end: Int?
}

func fuzzChunkedBody(_ input: Span<UInt8>) {
  let whole = decode(input, arriving: [input.count])
  check(decode(input, arriving: 1...max(input.count, 1)) == whole, "byte by byte it differs")
  if let end = whole.end { checkPlainChunks(input.copied, payload: whole.payload, end: end) }
  for cut in cuts(input, everywhereUpTo: 128) {
    check(decode(input, arriving: [cut, input.count]) == whole, "cut at \(cut) it differs")
  }
}

/// Decodes with reads that reach up to each of `ends`, giving again what wasn't consumed.
private func decode(_ input: Span<UInt8>, arriving ends: some Sequence<Int>) -> Outcome {
  var decoder = BodyDecoder(.chunked, limits: limits)
  var outcome = Outcome()
  var consumed = 0
  for end in ends where end <= input.count {
    let arrived = input.slice(from: 0, to: end)
    var wantsMore = false
    while !wantsMore {
      let before = consumed
      switch decoder.next(arrived, from: consumed) {
      case .data(let range):
        check(range.lower >= before && range.upper <= end, "payload outside what arrived")
        outcome.payload += arrived.slice(range).copied
        consumed = range.upper
      case .trailer(let name, let value, let upTo):
        outcome.trailers.append(arrived.slice(name).copied)
        outcome.trailers.append(arrived.slice(value).copied)
        consumed = upTo
      case .needsMore(let upTo):
        consumed = upTo
        wantsMore = true
      case .end(let upTo):
        check(decoder.isAtEnd, "an end that isn't one")
        outcome.end = upTo
        return outcome
      case .malformed(let fault):
        outcome.fault = fault
        return outcome
      }
      check(consumed >= before && consumed <= end, "consumed what isn't there")
      check(wantsMore || consumed > before, "a step without progress")
    }
  }
  return outcome
}
