import Bytes
import EventLoop
import Foundation
import Policy
import Testing

@testable import Proxy

/// A path in a directory of its own, removed afterwards.
private func withJournalPath(_ body: (String) throws -> Void) throws {
  let folder = NSTemporaryDirectory() + "journal-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try body(folder + "/state/blocklist.journal")
}

private func entry(_ value: String, expiry: Int64 = 1000) -> RevocationEntry {
  RevocationEntry(kind: .token, realm: "main", value: "jti:" + value, time: 10, expiry: expiry)
}

private func line(_ record: RevocationRecord) -> [UInt8] {
  var buffer = ByteBuffer(capacity: RevocationRecord.lineBytesMaximum)
  record.append(to: &buffer)
  return [UInt8](copying: buffer.readable)
}

/// Waits for the next message of the journal; bounded by the poller's own timeout.
private func nextBatch(_ control: Mailbox<ControlMessage>) throws -> (UInt64, Bool)? {
  let poller = try Poller()
  try poller.add(control, token: 1)
  guard poller.wait(timeoutMilliseconds: 30_000) > 0 else { return nil }
  var messages: [ControlMessage] = []
  control.drain(into: &messages)
  guard case .journalWritten(let batch, let succeeded)? = messages.first else { return nil }
  return (batch, succeeded)
}

@Suite struct JournalTests {
  @Test func aMissingFileIsAnEmptyJournal() throws {
    try withJournalPath { path in
      let opened = try Journal.open(
        path: path, sync: .always, control: try Mailbox(), nowSeconds: 0)
      #expect(opened.content.entries.isEmpty)
      #expect(FileManager.default.fileExists(atPath: path))
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
      #expect(mode as? Int == 0o600)
    }
  }

  @Test func whatWasAppendedIsThereAfterARestart() throws {
    try withJournalPath { path in
      let control = try Mailbox<ControlMessage>()
      let first = try Journal.open(path: path, sync: .always, control: control, nowSeconds: 0)
      first.journal.append(line(.revoke(entry("a"))) + line(.revoke(entry("b"))), batch: 7)
      let told = try #require(try nextBatch(control))
      #expect(told == (7, true))
      let second = try Journal.open(path: path, sync: .always, control: control, nowSeconds: 0)
      #expect(second.content.entries == [entry("a"), entry("b")])
    }
  }

  @Test func liftedAndExpiredEntriesAreLeftBehind() throws {
    try withJournalPath { path in
      let control = try Mailbox<ControlMessage>()
      let first = try Journal.open(path: path, sync: .always, control: control, nowSeconds: 0)
      first.journal.append(
        line(.revoke(entry("gone", expiry: 99))) + line(.revoke(entry("kept", expiry: 101)))
          + line(.revoke(entry("lifted"))) + line(.revoke(entry("again")))
          + line(.lift(kind: .token, realm: "main", value: "jti:lifted"))
          + line(.lift(kind: .token, realm: "main", value: "jti:again"))
          + line(.revoke(entry("again", expiry: 500))), batch: 1)
      _ = try nextBatch(control)
      let second = try Journal.open(path: path, sync: .always, control: control, nowSeconds: 100)
      #expect(second.content.entries == [entry("kept", expiry: 101), entry("again", expiry: 500)])
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(!text.contains("gone") && !text.contains("lifted"))
    }
  }

  /// The table keeps the later time and expiry of one entry; what a restart reads must be no weaker.
  @Test func aLaterWeakerEntryWeakensNothingAfterARestart() throws {
    try withJournalPath { path in
      let control = try Mailbox<ControlMessage>()
      let first = try Journal.open(path: path, sync: .always, control: control, nowSeconds: 0)
      func sweep(time: Int64, expiry: Int64) -> RevocationEntry {
        RevocationEntry(
          kind: .subject, realm: "main", value: "42", time: time, expiry: expiry)
      }
      first.journal.append(
        line(.revoke(sweep(time: 90, expiry: 900))) + line(.revoke(sweep(time: 50, expiry: 950)))
          + line(.revoke(sweep(time: 60, expiry: 700)))
          + line(.revoke(entry("a", expiry: 800))) + line(.revoke(entry("a", expiry: 99))),
        batch: 1)
      _ = try nextBatch(control)
      let second = try Journal.open(path: path, sync: .always, control: control, nowSeconds: 100)
      #expect(
        second.content.entries == [sweep(time: 90, expiry: 950), entry("a", expiry: 800)])
    }
  }

  /// Swift takes a composed and a decomposed letter for one text; tokens and their hashes don't.
  @Test func valuesThatOnlyLookAlikeStayApart() throws {
    try withJournalPath { path in
      let control = try Mailbox<ControlMessage>()
      let first = try Journal.open(path: path, sync: .always, control: control, nowSeconds: 0)
      first.journal.append(
        line(.revoke(entry("\u{e9}"))) + line(.revoke(entry("e\u{301}", expiry: 900)))
          + line(.lift(kind: .token, realm: "main", value: "jti:e\u{301}")), batch: 1)
      _ = try nextBatch(control)
      let second = try Journal.open(path: path, sync: .always, control: control, nowSeconds: 0)
      #expect(second.content.entries.map { Array($0.value.utf8) } == [Array("jti:\u{e9}".utf8)])
      #expect(second.content.entries.map(\.expiry) == [1000])
    }
  }

  @Test func aTornTailIsDroppedAtEveryByte() throws {
    let whole = line(.revoke(entry("first")))
    let torn = line(.revoke(entry("second")))
    for count in 1..<torn.count {
      try withJournalPath { path in
        try FileManager.default.createDirectory(
          atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(whole + torn.prefix(count)).write(to: URL(fileURLWithPath: path))
        let opened = try Journal.open(
          path: path, sync: .always, control: try Mailbox(), nowSeconds: 0)
        #expect(opened.content.entries == [entry("first")])
        #expect(opened.content.hadTornTail)
      }
    }
  }

  @Test func damageInTheMiddleIsToldWithItsLine() throws {
    try withJournalPath { path in
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      let bytes =
        line(.revoke(entry("first"))) + Array("\u{1}garbage\n".utf8)
        + line(.revoke(entry("third")))
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      #expect {
        _ = try Journal.open(path: path, sync: .always, control: try Mailbox(), nowSeconds: 0)
      } throws: { error in
        guard case .damaged(_, let number)? = error as? JournalFault else { return false }
        return number == 2
      }
      let after = try Data(contentsOf: URL(fileURLWithPath: path))
      #expect(Array(after) == bytes, "a journal that can't be read is not touched")
    }
  }

  @Test func intervalModeWritesAtOnceAndFlushesAtTheEnd() throws {
    try withJournalPath { path in
      let control = try Mailbox<ControlMessage>()
      let opened = try Journal.open(
        path: path, sync: .interval(milliseconds: 60_000), control: control, nowSeconds: 0)
      opened.journal.append(line(.revoke(entry("a"))), batch: 1)
      #expect(try #require(try nextBatch(control)) == (1, true))
      opened.journal.finish()
      let again = try JournalFile.load(path, nowSeconds: 0)
      #expect(again.entries == [entry("a")])
    }
  }
}

@Suite struct RevocationKeeperTests {
  private let ticket = ExchangeTicket(worker: 1, client: 2, exchange: 3)

  @Test func withoutAJournalAnEntryIsDurableAtOnce() {
    let table = RevocationTable()
    let keeper = RevocationKeeper(table: table, journal: nil)
    keeper.revoke([entry("a")], for: .worker(ticket), nowSeconds: 0)
    let outcomes = keeper.takeOutcomes()
    #expect(outcomes.map(\.outcome) == [.durable])
    #expect(keeper.takeOutcomes().isEmpty)
    #expect(table.count == 1)
  }

  @Test func withAJournalTheAnswerWaitsAndBatchesAreOneByOne() throws {
    try withJournalPath { path in
      let control = try Mailbox<ControlMessage>()
      let opened = try Journal.open(path: path, sync: .always, control: control, nowSeconds: 0)
      let table = RevocationTable()
      let keeper = RevocationKeeper(table: table, journal: opened.journal)
      for name in ["a", "b", "c"] {
        keeper.revoke([entry(name)], for: .worker(ticket), nowSeconds: 0)
      }
      #expect(table.count == 3, "in force at once")
      #expect(keeper.takeOutcomes().isEmpty, "but not acknowledged")
      let first = try #require(try nextBatch(control))
      keeper.journalWritten(batch: first.0, succeeded: first.1)
      #expect(keeper.takeOutcomes().count == 1)
      let second = try #require(try nextBatch(control))
      keeper.journalWritten(batch: second.0, succeeded: second.1)
      #expect(keeper.takeOutcomes().count == 2, "what waited went together")
    }
  }

  @Test func aStoreThatFailsIsToldAndRemembered() throws {
    try withJournalPath { path in
      let control = try Mailbox<ControlMessage>()
      let opened = try Journal.open(path: path, sync: .always, control: control, nowSeconds: 0)
      let keeper = RevocationKeeper(table: RevocationTable(), journal: opened.journal)
      keeper.revoke([entry("a")], for: .admin(9), nowSeconds: 0)
      let batch = try #require(try nextBatch(control)).0
      keeper.journalWritten(batch: batch, succeeded: false)
      #expect(keeper.takeOutcomes().map(\.outcome) == [.notDurable])
      #expect(keeper.isStoreFailing)
      keeper.journalWritten(batch: batch, succeeded: true)
      #expect(keeper.isStoreFailing, "a batch is told once")
    }
  }

  @Test func whatCouldNotBeWrittenIsTriedAgain() throws {
    try withJournalPath { path in
      let control = try Mailbox<ControlMessage>()
      let opened = try Journal.open(path: path, sync: .always, control: control, nowSeconds: 0)
      let keeper = RevocationKeeper(table: RevocationTable(), journal: opened.journal)
      keeper.revoke([entry("a")], for: .admin(1), nowSeconds: 0)
      var batch = try #require(try nextBatch(control)).0
      // The disk is emptied behind the keeper's back, and the batch reported as failed.
      try Data().write(to: URL(fileURLWithPath: path))
      keeper.journalWritten(batch: batch, succeeded: false)
      keeper.housekeep(nowSeconds: 0)
      batch = try #require(try nextBatch(control)).0
      keeper.journalWritten(batch: batch, succeeded: true)
      #expect(!keeper.isStoreFailing)
      #expect(keeper.takeOutcomes().map(\.outcome) == [.notDurable], "told once")
      #expect(try JournalFile.load(path, nowSeconds: 0).entries == [entry("a")])
      // And at the end of the process, whoever waits for it or not.
      keeper.revoke([entry("b")], for: .admin(2), nowSeconds: 0)
      keeper.revoke([entry("c")], for: .admin(3), nowSeconds: 0)
      keeper.flush()
      opened.journal.finish()
      #expect(try JournalFile.load(path, nowSeconds: 0).entries.count == 3)
    }
  }

  @Test func aFullTableIsTold() {
    let keeper = RevocationKeeper(table: RevocationTable(entriesMaximum: 1), journal: nil)
    keeper.revoke([entry("a")], for: .admin(1), nowSeconds: 0)
    keeper.revoke([entry("b")], for: .admin(2), nowSeconds: 0)
    #expect(keeper.takeOutcomes().map(\.outcome) == [.durable, .tableFull])
  }
}
