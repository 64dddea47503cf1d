// What a worker keeps of an answer that goes on: a WebSocket tunnel or an event stream.
//
// An ordinary request is judged once and over soon. A stream outlives the judgement, so it ends when
// its token does: at the token's own end by the connection's deadline, and at a revocation because the
// worker then walks over its streams. Grace moves both. Only numbers are kept, neither the token nor
// anything of the request. Loop only.

import Policy

/// One tunnel or event stream.
final class LiveStream {
  /// The client connection.
  let client: UInt64
  /// The token's numbers, nil for a stream that was opened without one and for one that has outlived
  /// it on an observed route.
  private(set) var credential: StreamCredential?
  /// True on a route with `mode observe`: the token's end is counted and nothing more.
  let isObserved: Bool
  /// How long the stream may outlive its token.
  let graceNanoseconds: Int64
  /// The tunnel, nil for an event stream: that is still an exchange.
  let tunnel: Tunnel?
  /// Index in the worker's list, -1 while it isn't there.
  var place = -1
  /// When what the stream is waiting for becomes too late.
  var waitDue = Deadline.never
  /// When the token ends the stream, grace included; monotonic nanoseconds.
  private(set) var endDue = Deadline.never
  /// What the token was last judged to be.
  private(set) var verdict = StreamVerdict.stands
  private var revokedAt = Deadline.never

  init(
    client: UInt64, credential: StreamCredential?, graceMilliseconds: Int, tunnel: Tunnel? = nil,
    isObserved: Bool = false
  ) {
    self.isObserved = isObserved
    self.client = client
    self.credential = credential
    graceNanoseconds = Int64(graceMilliseconds) * 1_000_000
    self.tunnel = tunnel
  }

  /// When the connection has to be looked at again. A tunnel that is being ended has no other time
  /// than that of its end.
  var due: Int64 { tunnel?.isClosing == true ? waitDue : min(waitDue, endDue) }

  /// Takes a new verdict about the token; true when the stream is over now.
  func adopt(_ verdict: StreamVerdict, now: Int64, epochMilliseconds: Int64) -> Bool {
    guard let credential else { return false }
    self.verdict = verdict
    endDue = Self.due(
      endSeconds: credential.endSeconds, now: now, epochMilliseconds: epochMilliseconds)
    if endDue != Deadline.never { endDue += graceNanoseconds }
    switch verdict {
    case .stands, .expired:
      // Taken back, perhaps, while the grace ran.
      revokedAt = Deadline.never
    case .revoked, .keyWithdrawn:
      // The grace is counted from when the revocation, or the loss of the key, was first seen.
      if revokedAt == Deadline.never { revokedAt = now }
      endDue = min(endDue, revokedAt + graceNanoseconds)
    }
    return endDue <= now
  }

  /// Forgets the token: the stream goes on without.
  func outliveToken() {
    credential = nil
    endDue = Deadline.never
  }

  /// When a second of the calendar comes, in monotonic nanoseconds. What is a century away never
  /// comes, and the sums stay far from overflow whatever a token says.
  private static func due(endSeconds: Int64, now: Int64, epochMilliseconds: Int64) -> Int64 {
    let century: Int64 = 100 * 366 * 86_400
    guard endSeconds < epochMilliseconds / 1000 + century else { return Deadline.never }
    return now + (max(endSeconds, 0) * 1000 - epochMilliseconds) * 1_000_000
  }
}
