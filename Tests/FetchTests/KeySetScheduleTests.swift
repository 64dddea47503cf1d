// When key sets are fetched, with made-up times.

import Fetch
import Testing

struct KeySetScheduleTests {
  private typealias Rules = KeySetSchedule

  /// A schedule whose first fetch ran from 0 to 10.
  private func fetched(maxAge: Int64? = nil) -> KeySetSchedule {
    var schedule = KeySetSchedule(now: 0)
    _ = schedule.fetchStarted()
    schedule.fetchSucceeded(maxAge: maxAge, now: 10)
    return schedule
  }

  @Test func theFirstFetchIsDueAtOnceAndAlone() {
    var schedule = KeySetSchedule(now: 5)
    #expect(schedule.nextFetch == 5)
    #expect(!schedule.isUsable(now: 5))
    let first = schedule.fetchStarted()
    let second = schedule.fetchStarted()
    #expect(first && !second)
    #expect(schedule.nextFetch == nil)
  }

  static let lives: [(Int64?, Int64)] = [
    (nil, Rules.lifeDefault), (0, Rules.lifeMinimum), (Rules.lifeMinimum - 1, Rules.lifeMinimum),
    (Rules.lifeMinimum + 5, Rules.lifeMinimum + 5), (Rules.lifeMaximum, Rules.lifeMaximum),
    (Rules.lifeMaximum + 1, Rules.lifeMaximum), (.max, Rules.lifeMaximum),
    (.min, Rules.lifeMinimum),
  ]

  @Test(arguments: lives)
  func refreshesAheadOfNeed(_ maxAge: Int64?, _ life: Int64) {
    let schedule = fetched(maxAge: maxAge)
    #expect(schedule.nextFetch == 10 + life / 5 * 4)
    #expect(schedule.isUsable(now: 10 + life + Rules.staleMaximum - 1))
    #expect(!schedule.isUsable(now: 10 + life + Rules.staleMaximum), "stale has an end")
  }

  @Test func pausesGrowAndEnd() {
    var schedule = fetched()
    var now: Int64 = 1_000_000
    for pause: Int64 in [1, 2, 4, 8, 16, 32, 60, 60] {
      _ = schedule.fetchStarted()
      schedule.fetchFailed(now: now)
      #expect(schedule.nextFetch == now + pause * 1000)
      #expect(schedule.isUsable(now: now), "the old set stays")
      now += pause * 1000
    }
    _ = schedule.fetchStarted()
    schedule.fetchSucceeded(maxAge: nil, now: now)
    _ = schedule.fetchStarted()
    schedule.fetchFailed(now: now)
    #expect(schedule.nextFetch == now + 1000, "success forgets the failures")
  }

  @Test func aCopyIsGoodForAStartOnly() {
    var schedule = KeySetSchedule(now: 100)
    schedule.copyRestored(age: 50, now: 100)
    #expect(schedule.isUsable(now: 100))
    #expect(schedule.nextFetch == 100, "a fetch is due all the same")
    #expect(!schedule.isUsable(now: 50 + Rules.staleMaximum))
    #expect(schedule.unknownKeySeen(1, now: 101) == .fetch, "a copy proves nothing unknown")
    for age in [-1, Rules.staleMaximum] {
      var other = KeySetSchedule(now: 100)
      other.copyRestored(age: age, now: 100)
      #expect(!other.isUsable(now: 100))
    }
  }

  @Test func anIdIsUnknownOnlyAgainstAYoungerSet() {
    var schedule = fetched()
    #expect(schedule.unknownKeySeen(1, now: 20) == .fetch)
    _ = schedule.fetchStarted()
    #expect(schedule.unknownKeySeen(1, now: 22) == .wait)
    #expect(schedule.unknownKeySeen(2, now: 23) == .wait, "one fetch at a time")
    schedule.fetchSucceeded(maxAge: nil, now: 30)
    #expect(schedule.unknownKeySeen(1, now: 31) == .unknown)
    #expect(schedule.unknownKeySeen(2, now: 31) == .fetch, "that set was asked for before")
  }

  @Test func whenFetchingFailsNobodyKnows() {
    var schedule = fetched()
    #expect(schedule.unknownKeySeen(1, now: 20) == .fetch)
    _ = schedule.fetchStarted()
    schedule.fetchFailed(now: 30)
    #expect(schedule.unknownKeySeen(1, now: 31) == .unavailable)
    #expect(schedule.unknownKeySeen(1, now: 30 + Rules.pauseMinimum) == .fetch)
  }

  @Test func madeUpIdsDontBecomeRequests() {
    var schedule = fetched()
    var fetches = 0
    for id in 0..<UInt64(Rules.unknownMaximum * 3) {
      let now = 20 + Int64(id)
      if schedule.unknownKeySeen(id, now: now) == .fetch {
        fetches += 1
        _ = schedule.fetchStarted()
        schedule.fetchSucceeded(maxAge: nil, now: now)
      }
    }
    #expect(fetches == Rules.bucketMaximum)
    #expect(schedule.unknownKeySeen(9_999, now: 4_000) == .unavailable)
    #expect(schedule.unknownKeySeen(9_999, now: Rules.bucketInterval) == .fetch, "one more")
    #expect(schedule.unknownKeySeen(9_998, now: Rules.bucketInterval) == .unavailable)
  }

  @Test func anUnknownIdIsLookedForAgainAfterAWhile() {
    var schedule = fetched()
    _ = schedule.unknownKeySeen(1, now: 20)
    _ = schedule.fetchStarted()
    schedule.fetchSucceeded(maxAge: nil, now: 30)
    #expect(schedule.unknownKeySeen(1, now: 40) == .unknown)
    #expect(schedule.unknownKeySeen(1, now: 39 + Rules.unknownLife) == .unknown)
    #expect(schedule.unknownKeySeen(1, now: 40 + Rules.unknownLife) == .fetch)
  }
}
