// The name of one request in logs and towards backends: `X-Request-Id`.
//
// 64 random bits drawn per worker at start and a counter: unique without a lock, not guessable from
// outside, and never taken from the client (no peer is trusted to name requests).

import Bytes

/// 128 bits that name one request.
struct RequestID: Sendable {
  let high: UInt64
  let low: UInt64

  /// Appends 32 lower-case hexadecimal digits.
  func append(to buffer: inout ByteBuffer) {
    buffer.append(allHexadecimalDigitsOf: high)
    buffer.append(allHexadecimalDigitsOf: low)
  }
}

/// Makes the request ids of one worker.
struct RequestIDSource {
  private let prefix: UInt64
  private var next: UInt64

  init() {
    var generator = SystemRandomNumberGenerator()
    prefix = generator.next()
    next = generator.next()
  }

  mutating func make() -> RequestID {
    next &+= 1
    return RequestID(high: prefix, low: next)
  }
}
