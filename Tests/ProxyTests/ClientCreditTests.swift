import Testing

@testable import Proxy

private let second: Int64 = 1_000_000_000

/// 30 s of silence, 500 bytes a second.
private let terms = ClientCredit.Terms(silenceNanoseconds: 30 * second, bytesPerSecond: 500)

@Suite struct ClientCreditTests {
  @Test func silenceSpendsWhatIsAllowed() {
    var credit = ClientCredit()
    #expect(!credit.isOpen && !credit.isWaiting)
    #expect(credit.wait(terms, moved: 0, now: 100) == 100 + 30 * second)
    #expect(credit.isWaiting(at: 0) && !credit.isWaiting(at: 1))
  }

  @Test func exactlyTheRateGoesOnForEver() {
    var credit = ClientCredit()
    _ = credit.wait(terms, moved: 0, now: 0)
    for step in 1...10_000 {
      let now = Int64(step) * second
      let due = credit.wait(terms, moved: step * 500, now: now)
      #expect(due == now + 30 * second)
    }
  }

  @Test func aByteLessThanTheRateIsCutOffInTheEnd() {
    var credit = ClientCredit()
    var due = credit.wait(terms, moved: 0, now: 0)
    var step = 0
    while due > Int64(step) * second, step < 20_000 {
      step += 1
      due = credit.wait(terms, moved: step * 499, now: Int64(step) * second)
    }
    // 2 ms are lost each second: 30 s are gone after 15,000.
    #expect(step == 15_000)
  }

  @Test func aByteAMinuteIsCutOffSoon() {
    var credit = ClientCredit()
    _ = credit.wait(terms, moved: 0, now: 0)
    let due = credit.wait(terms, moved: 1, now: 29 * second)
    #expect(due == 30 * second + second / 500)
  }

  @Test func nothingIsSavedBeyondTheAllowedSilence() {
    var credit = ClientCredit()
    _ = credit.wait(terms, moved: 0, now: 0)
    let due = credit.wait(terms, moved: 1_000_000_000_000, now: second)
    #expect(due == 31 * second)
  }

  @Test func timeSpentOnOthersIsFree() {
    var credit = ClientCredit()
    _ = credit.wait(terms, moved: 0, now: 0)
    credit.rest(terms, moved: 0, now: 10 * second)
    #expect(!credit.isWaiting && credit.isOpen)
    // Minutes later the same 20 s are left.
    let due = credit.wait(terms, moved: 0, now: 300 * second)
    #expect(due == 320 * second)
    // Resting twice charges once.
    credit.rest(terms, moved: 0, now: 305 * second)
    credit.rest(terms, moved: 0, now: 900 * second)
    let later = credit.wait(terms, moved: 0, now: 1000 * second)
    #expect(later == 1015 * second)
  }

  @Test func anEmptyAccountIsDueNow() {
    var credit = ClientCredit()
    _ = credit.wait(terms, moved: 0, now: 0)
    let due = credit.wait(terms, moved: 0, now: 40 * second)
    #expect(due == 40 * second, "the timer was late")
  }

  @Test func anEmptyAccountSaysSo() {
    var credit = ClientCredit()
    #expect(!credit.isEmpty(at: 100 * second), "nobody is waited for")
    _ = credit.wait(terms, moved: 0, now: 0)
    #expect(!credit.isEmpty(at: 29 * second) && credit.isEmpty(at: 30 * second))
    credit.rest(terms, moved: 0, now: 30 * second)
    #expect(!credit.isEmpty(at: 31 * second))
  }

  @Test func withoutARateOnlySilenceCounts() {
    let silence = ClientCredit.Terms(silenceNanoseconds: 30 * second, bytesPerSecond: 0)
    var credit = ClientCredit()
    _ = credit.wait(silence, moved: 0, now: 0)
    for step in 1...100 {
      let now = Int64(step) * 29 * second
      let due = credit.wait(silence, moved: step, now: now)
      #expect(due == now + 30 * second)
    }
  }

  @Test func theFastestRateAndTheLongestSilenceStayInBounds() {
    let wide = ClientCredit.Terms(
      silenceNanoseconds: 3_600 * second, bytesPerSecond: 16 << 20)
    var credit = ClientCredit()
    _ = credit.wait(wide, moved: 0, now: 0)
    let due = credit.wait(wide, moved: .max, now: 3_600 * second)
    #expect(due > 3_600 * second && due <= 7_200 * second)
    let slow = ClientCredit.Terms(silenceNanoseconds: second, bytesPerSecond: 1)
    var other = ClientCredit()
    _ = other.wait(slow, moved: 0, now: 0)
    let capped = other.wait(slow, moved: .max, now: 1)
    #expect(capped == 1 + second)
  }
}
