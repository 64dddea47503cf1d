// Threads, signals and clocks.

import EventLoop
import Glibc
import Testing

struct ThreadTests {
  @Test func joiningWaitsForTheEnd() throws {
    let mailbox = try Mailbox<UInt>()
    let thread = try WorkerThread.start(name: "a name longer than fifteen bytes") {
      mailbox.send(UInt(pthread_self()))
    }
    thread.join()
    var taken: [UInt] = []
    mailbox.drain(into: &taken)
    #expect(taken.count == 1)
    #expect(taken.first != UInt(pthread_self()), "a thread of its own")
  }

  @Test func theBodyIsReleasedWhenTheThreadEnds() throws {
    final class Witness: Sendable {
      let mailbox: Mailbox<String>
      init(_ mailbox: Mailbox<String>) { self.mailbox = mailbox }
      deinit { mailbox.send("gone") }
    }
    let mailbox = try Mailbox<String>()
    let thread = try WorkerThread.start(name: "w") { [witness = Witness(mailbox)] in
      witness.mailbox.send("ran")
    }
    thread.join()
    var taken: [String] = []
    mailbox.drain(into: &taken)
    #expect(taken == ["ran", "gone"])
  }

  @Test func joiningTwiceStopsTheProcess() async {
    await #expect(processExitsWith: .failure) {
      let thread = try WorkerThread.start(name: "w") {}
      thread.join()
      thread.join()
    }
  }

  @Test func aThreadInheritsTheMaskAndABlockedSignalWaits() async {
    await #expect(processExitsWith: .success) {
      Signals.block()
      let thread = try WorkerThread.start(name: "w") {
        for number in Signals.stopNumbers + [SIGPIPE] { raise(number) }
      }
      thread.join()
      exit(0)
    }
  }

  @Test func clocksGoForward() {
    let first = Clock.monotonicNanoseconds()
    #expect(Clock.monotonicNanoseconds() >= first)
    // After 2020 and before 2200.
    let now = Clock.realtimeMilliseconds()
    #expect(now > 1_577_836_800_000 && now < 7_258_118_400_000)
  }
}
