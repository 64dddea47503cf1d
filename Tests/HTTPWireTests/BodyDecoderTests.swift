// Bodies: every framing, every cut, every way to write a chunk line wrongly.

import Bytes
import HTTPWire
import Testing

/// What a decoder finds when a body arrives in pieces that end at `cuts`, as a reader would call it:
/// consumed bytes are dropped, unconsumed ones come again in front of the next piece.
struct BodyReading: Equatable {
  var payload: [UInt8] = []
  var trailers: [String] = []
  var fault: WireFault?
  /// Bytes that belong to the body, once it is over.
  var end: Int?

  init(
    _ input: [UInt8], framing: BodyFraming = .chunked, limits: BodyLimits = BodyLimits(),
    cuts: some Sequence<Int>
  ) {
    var decoder = BodyDecoder(framing, limits: limits)
    var consumed = 0
    for cut in Array(cuts) + [input.count] {
      while true {
        let window = Array(input[consumed..<cut])
        let step = decoder.next(window.span, from: 0)
        switch step {
        case .data(let range):
          #expect(!range.isEmpty)
          payload += window[range.lower..<range.upper]
          consumed += range.upper
          continue
        case .trailer(let name, let value, let consumedTo):
          let pair = [name, value].map { window[$0.lower..<$0.upper] }
          trailers.append(pair.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "="))
          consumed += consumedTo
          continue
        case .needsMore(let consumedTo): consumed += consumedTo
        case .end(let consumedTo):
          end = consumed + consumedTo
          #expect(decoder.isAtEnd && decoder.mayEndAtClose)
          return
        case .malformed(let wireFault):
          fault = wireFault
          return
        }
        break
      }
    }
  }
}

/// Reads a body whole, byte by byte and cut in two everywhere; every way must find the same.
private func read(
  _ input: [UInt8], framing: BodyFraming = .chunked, limits: BodyLimits = BodyLimits(),
  sourceLocation: SourceLocation = #_sourceLocation
) -> BodyReading {
  let whole = BodyReading(input, framing: framing, limits: limits, cuts: [])
  let single = BodyReading(
    input, framing: framing, limits: limits, cuts: 0..<input.count)
  #expect(single.end == whole.end && single.trailers == whole.trailers, "byte by byte")
  #expect(single.fault == whole.fault, "byte by byte", sourceLocation: sourceLocation)
  #expect(whole.fault != nil || single.payload == whole.payload, sourceLocation: sourceLocation)
  for cut in 0..<input.count {
    let split = BodyReading(input, framing: framing, limits: limits, cuts: [cut])
    if split != whole {
      Issue.record("cut at \(cut): \(split), whole: \(whole)", sourceLocation: sourceLocation)
      break
    }
  }
  return whole
}

@Suite("Bodies")
struct BodyDecoderTests {
  static let good: [Row<String>] = [
    Row("empty", "0\r\n\r\n", ""),
    Row("one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello"),
    Row("three chunks", "1\r\na\r\n2\r\nbc\r\nA\r\n0123456789\r\n0\r\n\r\n", "abc0123456789"),
    Row(
      "hexadecimal in both cases", "a\r\n0123456789\r\nB\r\n01234567890\r\n0\r\n\r\n",
      "012345678901234567890"),
    Row("leading zeros", "0005\r\nhello\r\n000\r\n\r\n", "hello"),
    Row("data that looks like chunks", "7\r\n0\r\n\r\n5\r\r\n0\r\n\r\n", "0\r\n\r\n5\r"),
    Row("extension name", "1;a\r\nx\r\n0;b\r\n\r\n", "x"),
    Row("extension with value", "1;a=b\r\nx\r\n0\r\n\r\n", "x"),
    Row("several extensions", "1;a;b=c;d\r\nx\r\n0\r\n\r\n", "x"),
    Row("quoted value", "1;a=\"b;\\\"\\\\ =\t\"\r\nx\r\n0\r\n\r\n", "x"),
    Row("quoted value, then another", "1;a=\"\";c\r\nx\r\n0\r\n\r\n", "x"),
    Row("bad whitespace of the grammar", "1 \t; a = b ;c ; d\r\nx\r\n0\r\n\r\n", "x"),
  ]

  @Test(arguments: good) func chunkedIsRead(row: Row<String>) {
    let reading = read(row.input)
    #expect(String(decoding: reading.payload, as: UTF8.self) == row.want)
    #expect(reading.end == row.input.count)
    #expect(reading.fault == nil)
    let pipelined = read(row.input + Array("GET / HTTP/1.1\r\n".utf8))
    #expect(pipelined.end == row.input.count && pipelined.payload == reading.payload)
  }

  @Test(arguments: good) func everyPrefixNeedsMore(row: Row<String>) {
    for count in 0..<row.input.count {
      let reading = BodyReading(Array(row.input[..<count]), cuts: [])
      #expect(reading.end == nil && reading.fault == nil, "prefix of \(count)")
    }
  }

  static let bad: [Row<WireFault>] = [
    Row("no size", "\r\n", .badChunkSize),
    Row("size isn't hexadecimal", "g\r\n", .badChunkSize),
    Row("0x", "0x5\r\nhello\r\n", .badChunkSize),
    Row("sign", "+5\r\nhello\r\n", .badChunkSize),
    Row("negative", "-5\r\nhello\r\n", .badChunkSize),
    Row("space before the size", " 5\r\nhello\r\n", .badChunkSize),
    Row("space behind the size", "5 \r\nhello\r\n", .badChunkExtension),
    Row("two sizes", "5 5\r\nhello\r\n", .badChunkExtension),
    Row("underscore", "1_0\r\n", .badChunkSize),
    Row("bare LF behind the size (CVE-2025-22871)", "5\nhello\r\n", .bareLineFeed),
    Row("bare LF behind the last size", "0\n\r\n", .bareLineFeed),
    Row("bare CR behind the size (CVE-2025-58056)", "5\rhello\r\n", .bareCarriageReturn),
    Row("CR CR LF behind the size", "5\r\r\nhello", .bareCarriageReturn),
    Row("NUL behind the size", "5\0\r\nhello", .badChunkSize),
    Row("size of 16 digits", "0000000000000005\r\nhello\r\n", .chunkSizeTooLong),
    Row("size beyond 64 bits", "10000000000000005\r\nhello\r\n", .chunkSizeTooLong),
    Row("empty extension", "5;\r\nhello\r\n", .badChunkExtension),
    Row("extension with LF (CVE-2025-55315)", "5;a\nhello\r\n", .bareLineFeed),
    Row("LF right behind the semicolon", "5;\nhello\r\n", .bareLineFeed),
    Row("LF in a quoted value", "5;a=\"\n\"\r\nhello\r\n", .bareLineFeed),
    Row("CRLF in a quoted value", "5;a=\"\r\n\"\r\nhello\r\n", .badChunkExtension),
    Row("escaped CR in a quoted value", "5;a=\"\\\r\"\r\nhello\r\n", .badChunkExtension),
    Row("bare CR behind an extension", "5;a\rhello\r\n", .bareCarriageReturn),
    Row("extension with NUL", "5;a\0\r\nhello\r\n", .badChunkExtension),
    Row("extension without a value", "5;a=\r\nhello\r\n", .badChunkExtension),
    Row("text behind a quoted value", "5;a=\"b\"c\r\nhello\r\n", .badChunkExtension),
    Row("whitespace behind an extension", "5;a \r\nhello\r\n", .badChunkExtension),
    Row("byte above ASCII in an extension", "5;ä\r\nhello\r\n", .badChunkExtension),
    Row("data longer than its size", "4\r\nhello\r\n", .badChunkEnd),
    Row("data shorter than its size", "6\r\nhello\r\n0\r\n\r\n", .badChunkEnd),
    Row("bare LF behind the data (CVE-2025-43859)", "5\r\nhello\n0\r\n\r\n", .badChunkEnd),
    Row("CR without LF behind the data", "5\r\nhello\r0\r\n\r\n", .badChunkEnd),
    Row("two bytes that aren't CRLF (CVE-2025-43859)", "5\r\nhelloxx0\r\n\r\n", .badChunkEnd),
    Row("bare LF ends the body", "0\r\n\n", .bareLineFeed),
    Row("CR without LF ends the body", "0\r\n\rG", .bareCarriageReturn),
    Row("trailer without colon", "0\r\nabc\r\n\r\n", .badTrailer),
    Row("trailer with a space before the colon", "0\r\nA : b\r\n\r\n", .badTrailer),
    Row("folded trailer", "0\r\nA: b\r\n c\r\n\r\n", .badTrailer),
    Row("trailer with NUL", "0\r\nA: \0\r\n\r\n", .badTrailer),
    Row("trailer that ends in a bare LF", "0\r\nA: b\n\r\n", .bareLineFeed),
    Row("framing in a trailer", "0\r\nContent-Length: 5\r\n\r\n", .forbiddenTrailer),
    Row("coding in a trailer", "0\r\nTransfer-Encoding: chunked\r\n\r\n", .forbiddenTrailer),
    Row("authority in a trailer", "0\r\nhost: b\r\n\r\n", .forbiddenTrailer),
    Row("credentials in a trailer", "0\r\nA: b\r\nAuthorization: x\r\n\r\n", .forbiddenTrailer),
    Row("cookie in a trailer", "0\r\nSet-Cookie: x\r\n\r\n", .forbiddenTrailer),
    Row("forwarded field in a trailer", "0\r\nX-Forwarded-For: x\r\n\r\n", .forbiddenTrailer),
    Row("Connection in a trailer", "0\r\nConnection: x\r\n\r\n", .forbiddenTrailer),
  ]

  @Test(arguments: bad) func chunkedIsRefused(row: Row<WireFault>) {
    #expect(read(row.input).fault == row.want)
  }

  @Test func trailersAreHandedOver() {
    let input = Array("1\r\nx\r\n0\r\nX-Sum: 1\r\nGrpc-Status:0\r\n\r\nrest".utf8)
    let reading = read(input)
    #expect(reading.trailers == ["X-Sum=1", "Grpc-Status=0"])
    #expect(reading.end == input.count - 4)
  }

  @Test func lengthTakesExactlyItsBytes() {
    let input = Array("hello, next".utf8)
    let reading = read(input, framing: .length(5))
    #expect(reading.payload == Array("hello".utf8))
    #expect(reading.end == 5)
    #expect(read(input, framing: .length(0)).end == 0)
    #expect(read(input, framing: .none).end == 0)
    let unfinished = read(input, framing: .length(12))
    #expect(unfinished.end == nil && unfinished.payload == input)
  }

  @Test func untilCloseTakesEverything() {
    let input = Array("all of it".utf8)
    let reading = read(input, framing: .untilClose)
    #expect(reading.payload == input)
    #expect(reading.end == nil)
  }

  @Test func onlySomeFramingsMayEndAtClose() {
    #expect(BodyDecoder(.untilClose).mayEndAtClose)
    #expect(!BodyDecoder(.untilClose).isAtEnd)
    #expect(BodyDecoder(.none).isAtEnd)
    #expect(BodyDecoder(.length(0)).isAtEnd)
    #expect(!BodyDecoder(.length(1)).mayEndAtClose)
    #expect(!BodyDecoder(.chunked).mayEndAtClose)
  }

  @Test func theEndIsToldAgain() {
    let input = Array("0\r\n\r\nrest".utf8)
    var decoder = BodyDecoder(.chunked)
    #expect(step(&decoder, input, 0) == .end(consumedTo: 5))
    #expect(step(&decoder, input, 5) == .end(consumedTo: 5))
  }

  private func step(_ decoder: inout BodyDecoder, _ input: [UInt8], _ start: Int) -> BodyStep {
    decoder.next(input.span, from: start)
  }
}

@Suite("Limits of a chunked body")
struct BodyLimitTests {
  private func fault(_ input: String, _ limits: BodyLimits) -> WireFault? {
    read(Array(input.utf8), limits: limits).fault
  }

  @Test func sizeDigits() {
    let zeros = String(repeating: "0", count: BodyLimits.chunkSizeDigitsMaximum - 1)
    #expect(fault(zeros + "1\r\nx\r\n0\r\n\r\n", BodyLimits()) == nil)
    #expect(fault(zeros + "01\r\nx\r\n0\r\n\r\n", BodyLimits()) == .chunkSizeTooLong)
    // The largest size is taken; nobody will send its bytes.
    let largest = String(repeating: "f", count: BodyLimits.chunkSizeDigitsMaximum)
    let reading = read(Array((largest + "\r\nxyz").utf8))
    #expect(reading.fault == nil && reading.payload == Array("xyz".utf8))
  }

  @Test func extensionBytes() {
    let limits = BodyLimits(chunkExtensionBytesMaximum: 8)
    #expect(fault("1;abcdefg\r\nx\r\n0\r\n\r\n", limits) == nil)
    #expect(fault("1;abcdefgh\r\nx\r\n0\r\n\r\n", limits) == .chunkExtensionTooLong)
    #expect(fault("1  \t\t\t\t\t\t;a\r\nx\r\n0\r\n\r\n", limits) == .chunkExtensionTooLong)
  }

  @Test func overhead() {
    // A chunk of one byte has 5 bytes of syntax behind its size digit's line: paid for.
    let cheap = String(repeating: "1\r\nx\r\n", count: 200) + "0\r\n\r\n"
    #expect(fault(cheap, BodyLimits(chunkOverheadBytesFree: 0)) == .chunkOverheadTooLarge)
    #expect(fault(cheap, BodyLimits(chunkOverheadBytesFree: 3)) == nil)
    // With an extension each costs 13 bytes for 1: one free byte less, and the last one is too much.
    let dear = String(repeating: "1;1234567\r\nx\r\n", count: 20) + "0\r\n\r\n"
    let spent = 20 * 13 + 3 - 20 * BodyLimits.chunkOverheadRatioMaximum
    let before = 19 * 13 + 11 - 19 * BodyLimits.chunkOverheadRatioMaximum
    let needed = max(spent, before)
    #expect(fault(dear, BodyLimits(chunkOverheadBytesFree: needed)) == nil)
    #expect(fault(dear, BodyLimits(chunkOverheadBytesFree: needed - 1)) == .chunkOverheadTooLarge)
  }

  @Test func trailerCount() {
    let limits = BodyLimits(trailerCountMaximum: 2)
    #expect(fault("0\r\na: b\r\na: b\r\n\r\n", limits) == nil)
    #expect(fault("0\r\na: b\r\na: b\r\na: b\r\n\r\n", limits) == .tooManyTrailers)
  }

  @Test func trailerBytes() {
    // Two lines of 6 bytes and the closing CRLF.
    #expect(fault("0\r\na: b\r\na: b\r\n\r\n", BodyLimits(trailerBytesMaximum: 14)) == nil)
    #expect(
      fault("0\r\na: b\r\na: b\r\n\r\n", BodyLimits(trailerBytesMaximum: 13)) == .trailersTooLarge)
    #expect(
      fault("0\r\na: " + String(repeating: "b", count: 50), BodyLimits(trailerBytesMaximum: 14))
        == .trailersTooLarge)
  }
}
