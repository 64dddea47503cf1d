import Bytes
import Testing

@testable import Proxy

@Suite struct RequestIDTests {
  @Test func isThirtyTwoDigits() {
    var buffer = ByteBuffer(capacity: 32)
    RequestID(high: 0x0123_4567_89ab_cdef, low: 0x000f_a000_0000_0009).append(to: &buffer)
    #expect(String(lossy: buffer.readable) == "0123456789abcdef000fa00000000009")
    let hasFitted = !buffer.overflowed
    #expect(hasFitted)
    var small = ByteBuffer(capacity: 31)
    RequestID(high: 1, low: 2).append(to: &small)
    let overflowed = small.overflowed
    let count = small.readableCount
    #expect(overflowed && count == 16)
  }

  @Test func namesNoTwoRequestsAlike() {
    var one = RequestIDSource()
    var other = RequestIDSource()
    var seen: Set<[UInt64]> = []
    for _ in 0..<1000 {
      for id in [one.make(), other.make()] { seen.insert([id.high, id.low]) }
    }
    #expect(seen.count == 2000)
  }
}
