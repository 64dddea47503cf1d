// One client of the admin server: one request, one answer, then the end.
//
//     readingHead ──▶ readingBody ──▶ waiting ──▶ sending ──▶ lingering ──▶ (gone)
//          └──────────────┴─── refused ─────────────▲
//
// Plain state; `AdminServer` moves it on. Control loop only.

import Bytes
import HTTPWire
import Transport

/// The state of one admin connection.
final class AdminConnection {
  /// Where the exchange stands.
  enum Phase {
    /// The head isn't complete.
    case readingHead
    /// The head has passed; its body isn't complete.
    case readingBody
    /// The request is complete and with the control loop.
    case waiting
    /// The answer is on its way.
    case sending
    /// The answer is out; what the client still sends is read and dropped, so that no reset
    /// destroys the answer before the client has read it.
    case lingering
  }

  /// Room for a head and, after it, for what comes of a body at a time: more than any chunk line or
  /// trailer section, so that reading always gets on.
  static let inputBytes = 2 * AdminServer.headBytesMaximum

  /// Names the connection in the poller and in the control loop.
  let token: UInt64
  var stream: ByteStream
  var phase = Phase.readingHead
  /// When the phase must be over, in monotonic nanoseconds.
  var deadline: Int64
  let head = RequestHead()
  var input = ByteBuffer(capacity: inputBytes)
  var endpoint = AdminEndpoint.health
  var decoder = BodyDecoder(.none)
  var body: [UInt8] = []
  var output = ByteBuffer()
  /// True when the answer goes without its body.
  var isHead = false
  /// Bytes dropped while lingering.
  var droppedBytes = 0

  init(token: UInt64, stream: consuming ByteStream, deadline: Int64) {
    self.token = token
    self.stream = stream
    self.deadline = deadline
  }

  /// True while the gateway owes something: a request that has begun, an answer that isn't out.
  var isBusy: Bool {
    switch phase {
    case .readingHead: !input.isEmpty
    case .readingBody, .waiting, .sending: true
    case .lingering: false
    }
  }
}
