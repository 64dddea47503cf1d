import Testing

@testable import Proxy

/// Nanoseconds of whole seconds.
private func seconds(_ count: Int64) -> Int64 { count * 1_000_000_000 }

@Suite struct DeadlineTests {
  @Test func armsOnceForManyMoves() {
    var deadline = Deadline()
    #expect(deadline.move(to: seconds(60), now: 0) == seconds(5))
    for step in 1...100 {
      #expect(deadline.move(to: seconds(60) + Int64(step), now: Int64(step)) == nil)
    }
  }

  @Test func armsAgainWhenTheDeadlineComesNearer() {
    var deadline = Deadline()
    #expect(deadline.move(to: seconds(60), now: 0) == seconds(5))
    #expect(deadline.move(to: seconds(1), now: 0) == seconds(1))
    #expect(deadline.move(to: seconds(2), now: 0) == nil)
  }

  @Test func anEarlyEntryIsArmedAgainUntilTheDeadlinePasses() {
    var deadline = Deadline()
    _ = deadline.move(to: seconds(12), now: 0)
    var outcome = deadline.fired(now: seconds(5))
    #expect(!outcome.passed && outcome.rearmAt == seconds(10))
    outcome = deadline.fired(now: seconds(10))
    #expect(!outcome.passed && outcome.rearmAt == seconds(12))
    #expect(deadline.fired(now: seconds(12)).passed)
  }

  @Test func aLeftOverEntryDoesNotArmASecondOne() {
    var deadline = Deadline()
    _ = deadline.move(to: seconds(4), now: 0)
    _ = deadline.move(to: seconds(1), now: 0)
    // The one at 1 s fires after the deadline was moved away.
    _ = deadline.move(to: seconds(30), now: 0)
    let first = deadline.fired(now: seconds(1))
    #expect(!first.passed && first.rearmAt == seconds(6))
    // The old one at 4 s is stale.
    let stale = deadline.fired(now: seconds(4))
    #expect(!stale.passed && stale.rearmAt == nil)
  }

  @Test func neverIsNeverDue() {
    var deadline = Deadline()
    #expect(deadline.move(to: Deadline.never, now: 0) == seconds(5))
    let outcome = deadline.fired(now: seconds(5))
    #expect(!outcome.passed && outcome.rearmAt == nil)
  }
}
