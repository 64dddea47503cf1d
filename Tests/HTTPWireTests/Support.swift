// What the tests of this target share: tables with names, bytes in pieces, bytes at a guard page.

import Bytes
import Foundation
import HTTPWire
import Testing

/// A row of a table; its name is what a failure prints.
struct Row<Want: Sendable>: Sendable, CustomTestStringConvertible {
  let name: String
  let input: [UInt8]
  let want: Want

  init(_ name: String, _ input: String, _ want: Want) {
    self.name = name
    self.input = Array(input.utf8)
    self.want = want
  }

  init(_ name: String, _ input: [UInt8], _ want: Want) {
    self.name = name
    self.input = input
    self.want = want
  }

  var testDescription: String { name }
}

/// Calls `parse` with growing prefixes, as reads of the sizes in `cuts` would, and returns the first
/// answer other than `needsMore`.
func feed(
  _ input: [UInt8], cuts: some Sequence<Int>, _ parse: (Span<UInt8>) -> HeadOutcome
) -> HeadOutcome {
  for cut in cuts {
    let prefix = input[..<cut]
    let outcome = parse(prefix.span)
    if outcome != .needsMore { return outcome }
  }
  return parse(input.span)
}

/// Feeds `input` whole, byte by byte and cut in two at every place; every way must answer the same.
func everySplit(
  _ input: [UInt8], sourceLocation: SourceLocation = #_sourceLocation,
  _ makeParser: () -> (Span<UInt8>) -> HeadOutcome
) -> HeadOutcome {
  let whole = makeParser()(input.span)
  let single = feed(input, cuts: 1...max(input.count, 1), makeParser())
  #expect(single == whole, "byte by byte", sourceLocation: sourceLocation)
  for cut in 1..<max(input.count, 2) where cut < input.count {
    let split = feed(input, cuts: [cut], makeParser())
    if split != whole {
      Issue.record("cut at \(cut): \(split), whole: \(whole)", sourceLocation: sourceLocation)
      break
    }
  }
  return whole
}

/// Parses a request whole and in every split; with bytes of another message before and behind it the
/// answer must be the same, moved.
func requestOutcome(
  _ input: [UInt8], limits: HeadLimits = HeadLimits(),
  sourceLocation: SourceLocation = #_sourceLocation
) -> HeadOutcome {
  let outcome = everySplit(input, sourceLocation: sourceLocation) {
    let head = RequestHead()
    return { head.parse($0, from: 0, limits: limits) }
  }
  let junk = Array("POST /earlier HTTP/1.1\r\n\r\n".utf8)
  let behind = outcome == .complete ? Array("GET /later HTTP/1.1\r\n".utf8) : []
  let moved = RequestHead().parse((junk + input + behind).span, from: junk.count, limits: limits)
  switch (outcome, moved) {
  case (.malformed(let fault, let offset), .malformed(let movedFault, let movedOffset)):
    #expect(fault == movedFault, sourceLocation: sourceLocation)
    #expect(offset + junk.count == movedOffset, sourceLocation: sourceLocation)
  default: #expect(outcome == moved, sourceLocation: sourceLocation)
  }
  return outcome
}

extension RequestHead {
  /// Parses an array with the default limits.
  func parse(_ bytes: some Collection<UInt8>, from start: Int = 0) -> HeadOutcome {
    parse(Array(bytes).span, from: start, limits: HeadLimits())
  }
}

/// Parses a response whole and in every split.
func responseOutcome(
  _ input: [UInt8], method: HTTPWire.Method = .get, limits: HeadLimits = HeadLimits(),
  sourceLocation: SourceLocation = #_sourceLocation
) -> HeadOutcome {
  everySplit(input, sourceLocation: sourceLocation) {
    let head = ResponseHead()
    return { head.parse($0, from: 0, limits: limits, requestMethod: method) }
  }
}

/// The fault of an outcome, nil for every other.
func fault(_ outcome: HeadOutcome) -> WireFault? {
  guard case .malformed(let fault, _) = outcome else { return nil }
  return fault
}

/// A parsed request, or nil with a recorded issue.
func parsedRequest(
  _ text: String, sourceLocation: SourceLocation = #_sourceLocation
) -> RequestHead? {
  let head = RequestHead()
  let outcome = head.parse(text.utf8)
  #expect(outcome == .complete, sourceLocation: sourceLocation)
  return outcome == .complete ? head : nil
}

/// The text at `range` of `source`.
func text(_ source: String, _ range: ByteRange) -> String {
  String(decoding: Array(source.utf8)[range.lower..<range.upper], as: UTF8.self)
}

/// What a writer appends.
func written(capacity: Int = 4_096, _ body: (inout ByteBuffer) -> Void) -> String {
  var buffer = ByteBuffer(capacity: capacity)
  body(&buffer)
  let overflowed = buffer.overflowed
  #expect(!overflowed)
  return String(lossy: buffer.readable)
}

/// Bytes that end where an inaccessible page begins: reading one byte too far crashes the test.
@safe
final class GuardedBytes {
  private let base: UnsafeMutableRawPointer
  private let pageBytes: Int

  init() {
    pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
    unsafe base = mmap(
      nil, pageBytes * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    unsafe mprotect(base + pageBytes, pageBytes, PROT_NONE)
  }

  deinit { unsafe munmap(base, pageBytes * 2) }

  /// Calls `body` with a copy of `bytes` that ends at the guard page.
  func with<Result>(_ bytes: some Collection<UInt8>, _ body: (Span<UInt8>) -> Result) -> Result {
    precondition(bytes.count <= pageBytes)
    // start + bytes.count == base + pageBytes, within the accessible page.
    let start = unsafe base + (pageBytes - bytes.count)
    for (index, byte) in bytes.enumerated() {
      unsafe start.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
    }
    let buffer = unsafe UnsafeRawBufferPointer(start: start, count: bytes.count)
    return unsafe body(Span<UInt8>(_unsafeBytes: buffer))
  }
}
