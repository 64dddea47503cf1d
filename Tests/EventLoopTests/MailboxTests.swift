// Messages between threads.

import Bytes
import EventLoop
import Testing

struct MailboxTests {
  @Test func messagesComeInOrderAndWakeTheLoop() throws {
    let mailbox = try Mailbox<Int>()
    let poller = try Poller()
    try poller.add(mailbox, token: 9)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
    for number in 0..<3 { #expect(mailbox.send(number)) }
    #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
    #expect(poller.event(at: 0).token == 9)
    var taken: [Int] = []
    mailbox.drain(into: &taken)
    #expect(taken == [0, 1, 2])
    #expect(poller.wait(timeoutMilliseconds: 0) == 0, "silent once drained")
    mailbox.send(3)
    #expect(poller.wait(timeoutMilliseconds: 10_000) == 1)
    mailbox.drain(into: &taken)
    #expect(taken == [0, 1, 2, 3], "behind what was not emptied")
  }

  @Test func aFullMailboxRefusesAndKeepsWhatItHas() throws {
    let mailbox = try Mailbox<Int>(capacity: 2)
    #expect(mailbox.send(1))
    #expect(mailbox.send(2))
    #expect(!mailbox.send(3))
    var taken: [Int] = []
    mailbox.drain(into: &taken)
    #expect(taken == [1, 2])
    #expect(mailbox.send(4))
  }

  @Test func nothingIsLostBetweenManySendersAndOneLoop() throws {
    let senders = 4
    let each = 5_000
    let mailbox = try Mailbox<(sender: Int, number: Int)>(capacity: senders * each)
    let poller = try Poller()
    try poller.add(mailbox, token: 1)
    var threads: [WorkerThread] = []
    for sender in 0..<senders {
      threads.append(
        try WorkerThread.start(name: "sender") {
          for number in 0..<each { mailbox.send((sender, number)) }
        })
    }
    var next = Array(repeating: 0, count: senders)
    var taken: [(sender: Int, number: Int)] = []
    while next.reduce(0, +) < senders * each {
      // A lost wake-up shows as a wait in vain.
      try #require(poller.wait(timeoutMilliseconds: 10_000) == 1)
      mailbox.drain(into: &taken)
      for message in taken {
        #expect(message.number == next[message.sender], "in the order of sending")
        next[message.sender] = message.number + 1
      }
      taken.removeAll(keepingCapacity: true)
    }
    for thread in threads { thread.join() }
  }
}
