// Each limit of a head, at the limit and one past it; and the statuses of all faults.

import Bytes
import HTTPWire
import Testing

@Suite("Limits of a head")
struct HeadLimitTests {
  private let limits = HeadLimits(
    targetBytesMaximum: 20, headBytesMaximum: 200, fieldCountMaximum: 5)

  private func request(target: String = "/", fields: String = "", method: String = "GET") -> [UInt8]
  {
    Array("\(method) \(target) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n".utf8)
  }

  private func outcome(_ input: [UInt8]) -> HeadOutcome { requestOutcome(input, limits: limits) }

  @Test func target() {
    let atLimit = "/" + String(repeating: "t", count: 19)
    #expect(outcome(request(target: atLimit)) == .complete)
    #expect(outcome(request(target: atLimit + "t")) == .malformed(.targetTooLong, offset: 24))
    #expect(fault(outcome(request(target: atLimit + "?#"))) == .targetTooLong)
  }

  @Test func aTargetThatNeverEndsIsTooLongAndNotTooLargeAHead() {
    let wide = HeadLimits(targetBytesMaximum: 1_000, headBytesMaximum: 100, fieldCountMaximum: 5)
    let endless = Array(("GET /" + String(repeating: "t", count: 200)).utf8)
    #expect(fault(requestOutcome(endless, limits: wide)) == .targetTooLong)
  }

  @Test func method() {
    let atLimit = String(repeating: "M", count: HeadLimits.methodBytesMaximum)
    #expect(outcome(request(method: atLimit)) == .complete)
    #expect(fault(outcome(request(method: atLimit + "M"))) == .methodTooLong)
  }

  @Test func fieldCount() {
    let four = String(repeating: "a: b\r\n", count: 4)
    #expect(outcome(request(fields: four)) == .complete)
    #expect(fault(outcome(request(fields: four + "a: b\r\n"))) == .tooManyFields)
  }

  @Test func headBytes() {
    let frame = request(fields: "a: \r\n").count
    let atLimit = request(fields: "a: " + String(repeating: "v", count: 200 - frame) + "\r\n")
    #expect(atLimit.count == 200)
    #expect(outcome(atLimit) == .complete)
    let tooLarge = request(fields: "a: " + String(repeating: "v", count: 201 - frame) + "\r\n")
    #expect(outcome(tooLarge) == .malformed(.headTooLarge, offset: 200))
  }

  @Test func aHeadThatNeverEndsIsTooLarge() {
    let endless = request().dropLast(2) + Array(String(repeating: "a", count: 500).utf8)
    #expect(fault(outcome(Array(endless))) == .headTooLarge)
  }

  @Test func bytesBehindTheHeadDontCount() {
    let input = request() + [UInt8](repeating: 0x41, count: 1_000)
    #expect(outcome(input) == .complete)
  }

  @Test func responseHeadAndFieldCount() {
    let frame = "HTTP/1.1 200 \r\na: \r\n\r\n".utf8.count
    for (extra, want) in [(0, nil as WireFault?), (1, .headTooLarge)] {
      let value = String(repeating: "v", count: 200 - frame + extra)
      let input = Array("HTTP/1.1 200 \r\na: \(value)\r\n\r\n".utf8)
      #expect(fault(responseOutcome(input, limits: limits)) == want)
    }
    for (count, want) in [(5, nil as WireFault?), (6, .tooManyFields)] {
      let fields = String(repeating: "a: b\r\n", count: count)
      let input = Array("HTTP/1.1 200 \r\n\(fields)\r\n".utf8)
      #expect(fault(responseOutcome(input, limits: limits)) == want)
    }
  }

  /// The statuses by which faults are told to clients; every fault that isn't listed is 400.
  @Test func statusesOfFaults() {
    let others: [WireFault: Int] = [
      .targetTooLong: 414, .unsupportedExpectation: 417, .headTooLarge: 431, .tooManyFields: 431,
      .trailersTooLarge: 431, .tooManyTrailers: 431, .methodTooLong: 501, .connectRefused: 501,
      .unsupportedTransferCoding: 501, .unsupportedVersion: 505,
    ]
    for fault in WireFault.allCases {
      #expect(fault.status == others[fault] ?? 400, "\(fault)")
    }
    #expect(Set(WireFault.allCases.map { "\($0.name)" }).count == WireFault.allCases.count)
  }
}
