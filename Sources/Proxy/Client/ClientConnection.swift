// The client's side of the gateway: one HTTP/1.1 connection, its two buffers and its deadline.
//
// It reads, writes and closes; what the bytes mean is the Exchange's business. An idle connection
// holds neither buffers nor an exchange. Loop only.

import Bytes
import EventLoop
import Policy
import Transport

/// One client connection.
final class ClientConnection {
  enum Phase {
    /// The PROXY protocol header that says who the client is has not come yet.
    case awaitingProxyHeader
    /// Between requests, or a head is arriving.
    case awaitingRequest
    /// A request is being served.
    case inExchange
    /// Bytes pass between the client and an upstream: the connection is a WebSocket.
    case tunnelling
    /// The last answer has been written; what the client still sends is read and thrown away until
    /// it closes, so that a reset does not destroy the answer on its way (RFC 9112 §9.6).
    case lingering
    case closed
  }

  let token: UInt64
  /// The client's address: the socket's, or what a PROXY protocol header said.
  var peer: SocketAddress
  let listener: Int
  /// Whose connections it counts among; nil when it is counted for nobody.
  var holder: ConnectionBudget.Holder?
  var stream: ByteStream
  var phase = Phase.awaitingRequest
  /// What the client has sent: the pinned head of the current request, then its body, then what was
  /// pipelined.
  var input = ByteBuffer()
  /// What the client has yet to receive.
  var output = ByteBuffer()
  /// Edge-triggered readiness: the kernel may hold unread bytes, or have room.
  var mayRead = true
  var mayWrite = true
  /// The kernel reported a hang-up; reading goes on until it says so itself.
  var hangupSeen = false
  /// The client will send no more bytes.
  var inputEnded = false
  var deadline = Deadline()
  /// Bytes that came and went since the connection began: only these are progress.
  private(set) var bytesReceived = 0
  private(set) var bytesSent = 0
  /// How long the client is still waited for to read what was sent to it.
  var sending = ClientCredit()
  var exchange: Exchange?
  /// What is kept of a tunnel or an event stream, nil for everything else.
  var live: LiveStream?
  var requestsServed = 0
  /// The deadline of the head that is arriving has been set, from its first byte.
  var headDeadlineSet = false
  /// The client has been told that nothing follows.
  var writeEnded = false
  /// What the peer says about its clients is believed (`trusted_proxies`); known from the start.
  var isTrustedPeer = false
  /// Already in the worker's list of connections that have more to do.
  var isQueued = false

  init(token: UInt64, peer: SocketAddress, listener: Int, stream: consuming ByteStream) {
    self.token = token
    self.peer = peer
    self.listener = listener
    self.stream = stream
  }

  /// The client as the policy sees it.
  var policyPeer: PeerAddress {
    let address = peer.ipBytes
    return PeerAddress(high: address.high, low: address.low, listener: listener)
  }

  enum ReadOutcome {
    case bytes
    case nothing
    case ended
    case failed
  }

  /// Reads once if the kernel may hold bytes and the buffer has room.
  func readOnce(_ pool: BufferPool) -> ReadOutcome {
    guard mayRead, !inputEnded else { return inputEnded ? .ended : .nothing }
    input.acquire(from: pool)
    let room = input.writableCount
    guard room > 0 else { return .nothing }
    switch stream.receive(into: &input) {
    case .moved(let count):
      bytesReceived &+= count
      // A short read has emptied the socket; the next byte makes a new edge. After a hang-up there
      // may be no further edge, so reading goes on until the end is seen.
      if count < room && !hangupSeen { mayRead = false }
      return .bytes
    case .wouldBlock:
      mayRead = false
      return .nothing
    case .closed:
      inputEnded = true
      return .ended
    case .failed:
      inputEnded = true
      return .failed
    }
  }

  /// Writes what the kernel takes. False when the connection is broken.
  func flush() -> Bool {
    while !output.isEmpty && mayWrite {
      switch stream.send(from: &output) {
      case .moved(let count):
        bytesSent &+= count
        if !output.isEmpty { mayWrite = false }
      case .wouldBlock:
        mayWrite = false
      case .closed, .failed:
        return false
      }
    }
    if output.isEmpty { output.clear() }
    return true
  }

  /// Gives back the memory that an idle connection does not need.
  func releaseIdleBuffers(_ pool: BufferPool) {
    if input.isEmpty { input.release(to: pool) }
    if output.isEmpty { output.release(to: pool) }
  }

  /// Gives back all memory: the connection is ending.
  func releaseBuffers(_ pool: BufferPool) {
    input.release(to: pool)
    output.release(to: pool)
  }
}
