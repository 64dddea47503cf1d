// The timer wheel under a clock of the test's own.

import EventLoop
import Testing

struct TimerWheelTests {
  static let tick = TimerWheel.tickNanoseconds
  static let second: Int64 = 1_000_000_000
  /// One round of the wheel's slots.
  static let round = tick * 1024

  /// A start that is not on a tick.
  static let start: Int64 = 5 * second + 12345

  private func fired(_ wheel: TimerWheel, at now: Int64) -> [UInt64] {
    var ids: [UInt64] = []
    wheel.advance(toNanoseconds: now, into: &ids)
    return ids.sorted()
  }

  static let delays: [(String, Int64)] = [
    ("now", 0), ("1 ns", 1), ("just below a tick", tick - 1), ("a tick", tick),
    ("just above a tick", tick + 1), ("a second", second), ("a round less one", round - 1),
    ("a round", round), ("a round and one", round + 1), ("three rounds", 3 * round),
    ("an hour", 3600 * second), ("400 days", 400 * 86400 * second),
  ]

  @Test(arguments: delays)
  func firesNeverEarlyAndAtMostATickLate(_ name: String, _ delay: Int64) {
    let wheel = TimerWheel(nowNanoseconds: Self.start)
    let deadline = Self.start + delay
    wheel.schedule(42, deadlineNanoseconds: deadline)
    #expect(wheel.count == 1)
    #expect(fired(wheel, at: deadline - 1) == [])
    #expect(fired(wheel, at: deadline + Self.tick) == [42])
    #expect(wheel.count == 0)
    #expect(wheel.nextDeadlineNanoseconds == nil)
    #expect(fired(wheel, at: deadline + 10 * Self.round) == [])
  }

  @Test func theNextDeadlineIsWhenWaitingEnds() throws {
    let wheel = TimerWheel(nowNanoseconds: Self.start)
    #expect(wheel.timeoutMilliseconds(nowNanoseconds: Self.start) == -1)
    wheel.schedule(1, deadlineNanoseconds: Self.start + 2 * Self.second)
    wheel.schedule(2, deadlineNanoseconds: Self.start + Self.second)
    wheel.schedule(3, deadlineNanoseconds: Self.start + 90 * Self.second)
    let next = try #require(wheel.nextDeadlineNanoseconds)
    #expect(next >= Self.start + Self.second && next < Self.start + Self.second + Self.tick)
    let timeout = wheel.timeoutMilliseconds(nowNanoseconds: Self.start)
    #expect(timeout >= 1000 && timeout <= 1006)
    #expect(
      fired(wheel, at: Self.start + Int64(timeout) * 1_000_000) == [2],
      "a loop that slept so long finds it due")
    let later = try #require(wheel.nextDeadlineNanoseconds)
    #expect(later >= Self.start + 2 * Self.second)
    #expect(wheel.timeoutMilliseconds(nowNanoseconds: later + 1) == 0)
  }

  @Test func aDeadlineInThePastFiresAtOnce() {
    let wheel = TimerWheel(nowNanoseconds: Self.start)
    wheel.schedule(1, deadlineNanoseconds: 0)
    wheel.schedule(2, deadlineNanoseconds: -5)
    wheel.schedule(3, deadlineNanoseconds: .min)
    #expect(wheel.timeoutMilliseconds(nowNanoseconds: Self.start) == 0)
    #expect(fired(wheel, at: Self.start) == [1, 2, 3])
    // Also when the loop has gone on without anything being due.
    let later = Self.start + 3 * Self.round
    #expect(fired(wheel, at: later) == [])
    wheel.schedule(4, deadlineNanoseconds: Self.start)
    #expect(fired(wheel, at: later) == [4])
  }

  @Test func aDeadlineOfNeverDoesNotOverflow() {
    let wheel = TimerWheel(nowNanoseconds: Self.start)
    wheel.schedule(1, deadlineNanoseconds: .max)
    wheel.schedule(2, deadlineNanoseconds: Self.start + Self.second)
    #expect(fired(wheel, at: Self.start + 2 * Self.second) == [2])
    #expect(wheel.timeoutMilliseconds(nowNanoseconds: Self.start) > 0)
    #expect(wheel.count == 1)
  }

  @Test func oneIdMayStandThereTwice() {
    let wheel = TimerWheel(nowNanoseconds: Self.start)
    wheel.schedule(7, deadlineNanoseconds: Self.start + Self.second)
    wheel.schedule(7, deadlineNanoseconds: Self.start + 2 * Self.second)
    #expect(fired(wheel, at: Self.start + Self.second + Self.tick) == [7])
    #expect(fired(wheel, at: Self.start + 2 * Self.second + Self.tick) == [7])
  }

  @Test func workPerTurnIsBounded() {
    let wheel = TimerWheel(nowNanoseconds: Self.start)
    let total = TimerWheel.firedMaximum * 2 + 1
    for id in 0..<total {
      // Spread over slots, rounds, and many in one slot.
      let delay = id % 3 == 0 ? Self.second : Int64(id) * Self.tick / 2
      wheel.schedule(UInt64(id), deadlineNanoseconds: Self.start + delay)
    }
    let now = Self.start + 100 * Self.second
    var seen: Set<UInt64> = []
    for want in [TimerWheel.firedMaximum, TimerWheel.firedMaximum, 1, 0] {
      let ids = fired(wheel, at: now)
      #expect(ids.count == want)
      if want > 0, wheel.count > 0 {
        #expect(wheel.timeoutMilliseconds(nowNanoseconds: now) == 0, "the rest is still due")
      }
      seen.formUnion(ids)
    }
    #expect(seen.count == total)
  }

  /// Against a plain list: random deadlines, random steps of the clock, re-arming on the way.
  @Test(arguments: [UInt64(1), 2, 3, 4, 5])
  func agreesWithAPlainList(_ seed: UInt64) {
    var state = seed &* 0x9e37_79b9_7f4a_7c15
    func random(_ bound: Int64) -> Int64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int64(state >> 33) % bound
    }
    var now = Self.start
    let wheel = TimerWheel(nowNanoseconds: now)
    var model: [UInt64: Int64] = [:]
    var nextID: UInt64 = 0
    for _ in 0..<4000 {
      for _ in 0..<random(4) {
        let delay = random(10) == 0 ? random(20 * Self.round) : random(Self.round / 2)
        model[nextID] = now + delay
        wheel.schedule(nextID, deadlineNanoseconds: now + delay)
        nextID += 1
      }
      now += random(20) == 0 ? random(3 * Self.round) : random(4 * Self.tick)
      for id in fired(wheel, at: now) {
        guard let deadline = model.removeValue(forKey: id) else {
          Issue.record("fired twice: \(id)")
          continue
        }
        #expect(deadline <= now, "never early")
      }
      let late = model.values.count { $0 <= now - Self.tick }
      #expect(late == 0, "at most a tick late")
      #expect(wheel.count == model.count)
      if let earliest = model.values.min(), let next = wheel.nextDeadlineNanoseconds {
        #expect(next >= earliest && next < earliest + 2 * Self.tick)
      } else {
        #expect(model.isEmpty && wheel.nextDeadlineNanoseconds == nil)
      }
    }
  }
}
