// A connection that has become a WebSocket: what is kept of it once its exchange is over.
//
//     client ──▶ upstream.output ──▶ upstream        each side's output holds what it has yet to
//     client ◀── client.output   ◀── upstream        receive, at most one block
//
// Bytes pass untouched and unread but for the frames' headers towards the client, because a polite end
// needs a place between two frames. The upstream connection belongs to the tunnel until both are
// closed; it never goes back to the pool, whose next request would be sent into a WebSocket
// (CVE-2025-64763). How bytes move is in `Worker+Tunnels`. Loop only.

import Bytes
import EventLoop
import HTTPWire

/// One WebSocket tunnel.
final class Tunnel {
  /// What the tunnel's deadline stands for.
  enum Wait {
    /// One side has to say something.
    case silence
    /// One side has finished; the other has to.
    case otherEnd
    /// The client has to take what it was sent.
    case clientWritable
    case upstreamWritable
  }

  /// How an end that the gateway wants comes about.
  enum Closing {
    case none
    /// The server's frame that is on its way has to end.
    case awaitingBoundary(CloseFrame)
    /// What lies in the client's buffer are whole frames; the close comes behind them.
    case awaitingRoom(CloseFrame)
    /// The close frame lies in the client's buffer.
    case flushing
  }

  let upstream: UpstreamConnection
  let idleMilliseconds: Int
  let upstreamWriteMilliseconds: Int
  var frames = ServerFrameTracker()
  var closing = Closing.none
  /// The upstream has been told that nothing follows, or takes no more.
  var upstreamToldEnd = false
  var waitsFor: Wait?
  var progressSeen = 0
  /// The access line, complete but for bytes and duration.
  var line: AccessLog.Line
  let clientAddress: SocketAddress
  let startedAt: Int64
  let route: Int
  /// Method, host and path for the access line, behind each other; empty when there is no log.
  var text = ByteBuffer()
  var method = ByteRange.empty
  var host = ByteRange.empty
  var path = ByteRange.empty
  var isLogged = false

  init(
    _ exchange: Exchange, _ upstream: UpstreamConnection, _ worker: Worker,
    _ client: ClientConnection
  ) {
    self.upstream = upstream
    clientAddress = exchange.clientAddress(client)
    let traffic = exchange.traffic(worker)
    idleMilliseconds = traffic.streamIdleTimeoutMilliseconds
    upstreamWriteMilliseconds = traffic.bodyIdleTimeoutMilliseconds
    startedAt = exchange.startedAt
    route = exchange.policy.routeIndex
    line = AccessLog.Line(
      epochMilliseconds: 0, requestID: exchange.requestID, status: 101, reason: nil,
      wouldRefuse: exchange.policy.wouldRefuse, bytesIn: 0, bytesOut: exchange.responseBytes,
      durationNanoseconds: 0, upstreamNanoseconds: exchange.upstreamTook)
  }

  /// Keeps the parts of the request's head that the access line tells: a few dozen bytes instead of
  /// the pinned buffer.
  func keepText(_ head: RequestHead, _ bytes: Span<UInt8>) {
    let count = head.methodRange.count + head.authority.count + head.path.count
    text = ByteBuffer(capacity: max(count, 1))
    func keep(_ range: ByteRange) -> ByteRange {
      text.append(bytes, range)
      return ByteRange(text.writerIndex - range.count, text.writerIndex)
    }
    method = keep(head.methodRange)
    host = keep(head.authority)
    path = keep(head.path)
  }

  /// Looks where frames end in the `count` bytes that were just put at the end of the client's output.
  /// Once the tunnel is to end, only the frame that has begun may go on.
  func follow(_ output: inout ByteBuffer, last count: Int) {
    let start = output.writerIndex - count
    if isClosing {
      let taken = frames.advanceToBoundary(output.written.slice(from: start))
      output.rewind(to: start + taken)
    } else {
      frames.advance(output.written.slice(from: start))
    }
    line.bytesOut &+= output.writerIndex - start
  }

  /// Notes why the tunnel ends; the first reason stays.
  func note(_ reason: StaticString) {
    if line.reason == nil { line.reason = reason }
  }

  /// True once the gateway has begun to end the tunnel.
  var isClosing: Bool {
    if case .none = closing { false } else { true }
  }
}
