// Where frames begin in what a WebSocket server sends to its client (RFC 6455 §5.2).
//
// A tunnel's bytes pass untouched. To end one politely the gateway puts a close frame of its own
// between two frames of the server, so it must know where one ends. Payload is never looked at, and
// whether messages make sense is the client's business: only frame headers are read, and one that no
// client would take makes the stream unusable for adding anything to it. Loop only.

import Bytes

/// Follows the frames from server to client, in any pieces.
public struct ServerFrameTracker: Sendable {
  private enum Place {
    /// Before the first byte of a frame, and before its second.
    case opcode, length
    /// Within the 2 or 8 bytes of a longer length.
    case longLength
    case payload
  }

  private var place = Place.opcode
  /// Bytes left of a long length, then of the payload.
  private var remaining: UInt64 = 0
  /// The long length read so far.
  private var payloadBytes: UInt64 = 0
  /// Smallest value that the long length may have: fewer bytes must be used for less.
  private var longLengthMinimum: UInt64 = 0
  /// Control frames are short and whole.
  private var isControl = false
  private var isClose = false
  /// Bytes of the frame that has begun and not ended: so many of the last bytes lie behind the last
  /// place where a frame ended.
  public private(set) var unfinishedBytes = 0
  /// True once a frame header broke the protocol; the tracker then reads nothing further.
  public private(set) var isBroken = false
  /// True once the server has sent a whole close frame: nothing may follow it (§5.5.1).
  public private(set) var hasSentClose = false

  /// Makes a tracker for the bytes behind the response head that agreed to the upgrade.
  public init() {}

  /// True between two frames, and before the first one: a frame may be put here.
  public var isAtBoundary: Bool { place == .opcode && !isBroken }

  /// Follows the next bytes from the server.
  public mutating func advance(_ bytes: Span<UInt8>) {
    _ = advance(bytes, stopsAtBoundary: false)
  }

  /// Follows the next bytes up to where the first frame ends in them; returns how many those are, all
  /// when none ends.
  public mutating func advanceToBoundary(_ bytes: Span<UInt8>) -> Int {
    advance(bytes, stopsAtBoundary: true)
  }

  private mutating func advance(_ bytes: Span<UInt8>, stopsAtBoundary: Bool) -> Int {
    var offset = 0
    while offset < bytes.count, !isBroken {
      if place == .payload {
        let taken = Int(min(remaining, UInt64(bytes.count - offset)))
        offset += taken
        // No stream is that long; a wrong count would only mean waiting in vain.
        unfinishedBytes &+= taken
        remaining -= UInt64(taken)
        if remaining == 0 { endFrame() }
      } else {
        unfinishedBytes &+= 1
        readHeader(bytes[offset])
        offset += 1
      }
      if stopsAtBoundary, isAtBoundary { break }
    }
    return offset
  }

  private mutating func readHeader(_ byte: UInt8) {
    switch place {
    case .opcode:
      // The bits behind FIN belong to extensions, which the two ends have agreed on.
      let opcode = byte & 0x0f
      isControl = opcode & 0x08 != 0
      isClose = opcode == 0x08
      // 3 to 7 and 11 to 15 are reserved; control frames are never fragments (§5.5).
      isBroken = opcode & 0x07 > 2 || isControl && byte & 0x80 == 0
      place = .length
    case .length: readLength(byte)
    case .longLength:
      payloadBytes = payloadBytes << 8 | UInt64(byte)
      remaining -= 1
      if remaining == 0 {
        // The highest bit of eight bytes is always 0 (§5.2).
        isBroken = payloadBytes < longLengthMinimum || payloadBytes >> 63 != 0
        if !isBroken { beginPayload(payloadBytes) }
      }
    case .payload: break
    }
  }

  private mutating func readLength(_ byte: UInt8) {
    // A server never masks (§5.1).
    isBroken = byte & 0x80 != 0 || isControl && byte > 125
    guard !isBroken else { return }
    payloadBytes = 0
    switch byte {
    case 126:
      place = .longLength
      remaining = 2
      longLengthMinimum = 126
    case 127:
      place = .longLength
      remaining = 8
      longLengthMinimum = 65_536
    default: beginPayload(UInt64(byte))
    }
  }

  private mutating func beginPayload(_ count: UInt64) {
    remaining = count
    place = .payload
    if count == 0 { endFrame() }
  }

  private mutating func endFrame() {
    place = .opcode
    unfinishedBytes = 0
    if isClose { hasSentClose = true }
  }
}
