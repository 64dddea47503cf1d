// Dates, chunks and lines that are written.

import Bytes
import HTTPWire
import Testing

@Suite("Writers")
struct WriterTests {
  @Test(arguments: [
    (Int64(0), "Thu, 01 Jan 1970 00:00:00 GMT"),
    (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
    (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
    (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
    (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
    (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    (Int64.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
    (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
  ]) func date(seconds: Int64, want: String) {
    #expect(written { HTTPDate.append(epochSeconds: seconds, to: &$0) } == want)
    #expect(want.utf8.count == HTTPDate.byteCount)
  }

  @Test func chunks() {
    let data = Array(repeating: UInt8(ascii: "x"), count: 26)
    let text = written {
      ChunkWriter.append(data.span, to: &$0)
      ChunkWriter.append(data.span.extracting(0..<0), to: &$0)
      ChunkWriter.appendEnd(to: &$0)
    }
    #expect(text == "1a\r\n" + String(repeating: "x", count: 26) + "\r\n0\r\n\r\n")
  }

  @Test func aChunkReadsBackAsItWasWritten() {
    for count in [1, 9, 10, 15, 16, 255, 256, 4_095] {
      let data = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      var buffer = ByteBuffer(capacity: count + ChunkWriter.overheadMaximum + 5)
      ChunkWriter.append(data.span, to: &buffer)
      ChunkWriter.appendEnd(to: &buffer)
      let overflowed = buffer.overflowed
      #expect(!overflowed)
      let bytes = Array(copying: buffer.readable)
      let read = BodyReading(bytes, cuts: [])
      #expect(read.payload == data)
      #expect(read.end == bytes.count)
    }
  }

  @Test func lines() {
    let value = Array("v".utf8)
    let text = written {
      HeadWriter.append(status: 431, to: &$0)
      HeadWriter.append(status: 799, to: &$0)
      HeadWriter.append(name: "A", value: "b", to: &$0)
      HeadWriter.append(name: "C", value: value.span, to: &$0)
      HeadWriter.append(name: value.span, value: value.span, to: &$0)
      HeadWriter.append(name: "Content-Length", decimal: 0, to: &$0)
    }
    #expect(
      text == "HTTP/1.1 431 Request Header Fields Too Large\r\nHTTP/1.1 799 \r\n"
        + "A: b\r\nC: v\r\nv: v\r\nContent-Length: 0\r\n")
  }

  @Test func everyRegisteredReasonIsOneTheParserTakes() {
    for status in 100...599 {
      let bytes = Array(written { HeadWriter.append(status: status, to: &$0) }.utf8)
      let outcome = responseOutcome(bytes + Array("\r\n".utf8))
      #expect(outcome == .complete, "\(status)")
    }
  }
}
