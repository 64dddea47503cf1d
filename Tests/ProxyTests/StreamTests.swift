// Streams by their tokens: when they end, where a close frame goes, and which answers are streams.

import Bytes
import HTTPWire
import Policy
import Testing
import Tokens

@testable import Proxy

@Suite struct LiveStreamTests {
  private static let epoch: Int64 = 1_700_000_000_000
  private static let second: Int64 = 1_000_000_000

  private static func stream(endSeconds: Int64, grace: Int = 0) throws -> LiveStream {
    LiveStream(
      client: 1, credential: StreamCredential(endSeconds: endSeconds),
      graceMilliseconds: grace)
  }

  private func adopt(_ stream: LiveStream, _ verdict: StreamVerdict, after seconds: Double) -> Bool
  {
    let nanoseconds = Int64(seconds * 1_000_000_000)
    return stream.adopt(
      verdict, now: 5 * Self.second + nanoseconds,
      epochMilliseconds: Self.epoch + nanoseconds / 1_000_000)
  }

  @Test func aStreamWithoutATokenNeverEndsByOne() {
    let stream = LiveStream(client: 1, credential: nil, graceMilliseconds: 0)
    #expect(!adopt(stream, .stands, after: 0))
    #expect(stream.endDue == Deadline.never)
  }

  @Test func endsWhenTheTokenDoes() throws {
    let stream = try Self.stream(endSeconds: 1_700_000_010)
    #expect(!adopt(stream, .stands, after: 0.25))
    // Exactly, however often it is judged meanwhile.
    #expect(stream.endDue == 15 * Self.second)
    #expect(!adopt(stream, .stands, after: 9.5))
    #expect(stream.endDue == 15 * Self.second)
    #expect(adopt(stream, .expired, after: 10))
  }

  @Test func graceMovesTheEnd() throws {
    let stream = try Self.stream(endSeconds: 1_700_000_010, grace: 3_000)
    #expect(!adopt(stream, .stands, after: 0))
    #expect(stream.endDue == 18 * Self.second)
    #expect(!adopt(stream, .expired, after: 12.9))
    #expect(adopt(stream, .expired, after: 13))
  }

  @Test func aRevocationEndsItAtOnceOrAfterTheGrace() throws {
    let plain = try Self.stream(endSeconds: 1_700_000_100)
    #expect(!adopt(plain, .stands, after: 0))
    #expect(adopt(plain, .revoked, after: 1))
    let graced = try Self.stream(endSeconds: 1_700_000_100, grace: 2_000)
    #expect(!adopt(graced, .revoked, after: 1))
    #expect(graced.endDue == 8 * Self.second)
    // Another revocation doesn't begin the grace anew.
    #expect(!adopt(graced, .revoked, after: 2.5))
    #expect(graced.endDue == 8 * Self.second)
    #expect(adopt(graced, .revoked, after: 3))
  }

  @Test func aWithdrawnKeyEndsItAsARevocationDoes() throws {
    let plain = try Self.stream(endSeconds: 1_700_000_100)
    #expect(adopt(plain, .keyWithdrawn, after: 1))
    #expect(plain.verdict == .keyWithdrawn)
    let graced = try Self.stream(endSeconds: 1_700_000_100, grace: 2_000)
    #expect(!adopt(graced, .keyWithdrawn, after: 1))
    #expect(graced.endDue == 8 * Self.second)
    // The key is back, as if nothing had been.
    #expect(!adopt(graced, .stands, after: 2))
    #expect(!adopt(graced, .keyWithdrawn, after: 3))
    #expect(!adopt(graced, .revoked, after: 4))
    #expect(adopt(graced, .keyWithdrawn, after: 5))
  }

  @Test func aRevocationThatIsTakenBackIsForgotten() throws {
    let stream = try Self.stream(endSeconds: 1_700_000_100, grace: 2_000)
    #expect(!adopt(stream, .revoked, after: 1))
    #expect(!adopt(stream, .stands, after: 2))
    #expect(stream.endDue == 107 * Self.second)
    #expect(!adopt(stream, .revoked, after: 50))
    #expect(stream.endDue == 57 * Self.second)
  }

  @Test func theTokensEndComesBeforeALaterGrace() throws {
    let stream = try Self.stream(endSeconds: 1_700_000_010, grace: 60_000)
    #expect(!adopt(stream, .revoked, after: 9))
    #expect(stream.endDue == 74 * Self.second)
    let sooner = try Self.stream(endSeconds: 1_700_000_001, grace: 60_000)
    #expect(!adopt(sooner, .revoked, after: 10))
    #expect(sooner.endDue == 66 * Self.second)
  }

  @Test(arguments: [Int64.min, -1, 0, 1]) func ancientTokensAreOver(endSeconds: Int64) throws {
    #expect(adopt(try Self.stream(endSeconds: endSeconds), .expired, after: 0))
  }

  @Test(arguments: [5_700_000_000, 1 << 53, .max / 2, .max] as [Int64])
  func tokensOfAnotherCenturyNeverEndAStream(endSeconds: Int64) throws {
    let stream = try Self.stream(endSeconds: endSeconds, grace: 86_400_000)
    #expect(!adopt(stream, .stands, after: 0))
    #expect(stream.endDue == Deadline.never)
  }
}

@Suite struct CloseFrameTests {
  private static func text(_ buffer: borrowing ByteBuffer) -> [UInt8] {
    [UInt8](copying: buffer.readable)
  }

  @Test func isWhatRFC6455Says() {
    var buffer = ByteBuffer(capacity: 64)
    CloseFrame.tokenExpired.append(to: &buffer)
    let bytes = Self.text(buffer)
    #expect(bytes == [0x88, 15, 0x03, 0xf0] + Array("token expired".utf8))
    #expect(bytes.count == CloseFrame.tokenExpired.byteCount)
    buffer.clear()
    CloseFrame.goingAway.append(to: &buffer)
    #expect(Self.text(buffer) == [0x88, 2, 0x03, 0xe9])
    var tracker = ServerFrameTracker()
    tracker.advance(buffer.readable)
    #expect(tracker.hasSentClose && tracker.isAtBoundary)
  }

  /// Two frames of 6 bytes in the buffer, cut at each byte of the second: what the client gets are
  /// whole frames, unless some of the unfinished one has left already.
  @Test func cutsAtTheEndOfTheLastWholeFrame() {
    let frames: [UInt8] = [0x81, 4, 1, 2, 3, 4, 0x82, 4, 5, 6, 7, 8]
    for received in 0...frames.count {
      for sent in 0...received {
        var buffer = ByteBuffer(capacity: 32)
        var tracker = ServerFrameTracker()
        buffer.append(Array(frames[..<received]))
        tracker.advance(frames.span.extracting(0..<received))
        buffer.consume(sent)
        let boundary = received / 6 * 6
        let isCut = CloseFrame.cut(&buffer, unfinished: tracker.unfinishedBytes)
        #expect(isCut == (sent <= boundary), "\(received) received, \(sent) sent")
        let left = Self.text(buffer)
        #expect(left == (isCut ? Array(frames[sent..<boundary]) : Array(frames[sent..<received])))
      }
    }
  }
}

@Suite struct StreamTypeTests {
  @Test(arguments: [
    ("text/event-stream", true), ("text/event-stream; charset=utf-8", true),
    ("text/event-stream;charset=utf-8", true), ("Text/Event-Stream", true),
    ("text/event-stream\t; x", true), ("application/x-ndjson", true),
    ("application/stream+json", true), ("application/json-seq", true),
    ("application/grpc", true), ("application/grpc+proto", true), ("application/grpc-web", true),
    ("application/grpc-web-text+proto", true), ("application/grpc; x=y", true),
    ("APPLICATION/GRPC+JSON", true),
    ("", false), ("text/plain", false), ("application/json", false), ("text/event-streams", false),
    ("xtext/event-stream", false), ("application/grpcx", false), ("application/grp", false),
    ("application/octet-stream", false), (";text/event-stream", false),
  ])
  func isKnownByItsMediaType(value: String, want: Bool) {
    #expect(StreamType.isStream(Array(value.utf8).span) == want)
  }
}
