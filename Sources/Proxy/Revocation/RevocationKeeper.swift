// The one writer of the revocation table, on the control loop.
//
// A revocation stands in every worker the moment it is in the shared table; it is acknowledged when
// the journal has it too. Batches go to the journal one after the other; what arrives meanwhile waits
// for the next batch, so that many logouts at once cost one flush. A batch that could not be written
// was told so, and is kept in front of the next one: when the disk has room again, nothing is missing.

import Bytes
import EventLoop
import Policy

/// Who is told when a revocation is durable.
public enum RevocationRequester: Sendable {
  /// An exchange that holds its answer.
  case worker(ExchangeTicket)
  /// A request of the admin server, by its number.
  case admin(UInt64)
}

/// What became of a revocation.
public enum RevocationOutcome: Sendable, Equatable {
  /// It stands everywhere and in the store.
  case durable
  /// It stands everywhere until the gateway stops; the store could not be written.
  case notDurable
  /// The table is full of entries in force: it does not stand.
  case tableFull
}

/// The writer of the revocation table. Control loop only.
public final class RevocationKeeper {
  private let table: RevocationTable
  private let journal: Journal?
  private var batchNumber: UInt64 = 0
  private var isWriting = false
  private var line = ByteBuffer(capacity: RevocationRecord.lineBytesMaximum)
  private var waitingBytes: [UInt8] = []
  /// The batch that is being written.
  private var writingBytes: [UInt8] = []
  private var waiting: [RevocationRequester] = []
  private var written: [RevocationRequester] = []
  /// Answers that can be given now, in the order in which they came about.
  private var outcomes: [(requester: RevocationRequester, outcome: RevocationOutcome)] = []
  /// True after a batch that could not be written, until one can: an alarm for `status`.
  public private(set) var isStoreFailing = false

  /// Bytes of unwritten records that are kept for a store that fails; beyond them the oldest stand
  /// in memory only, as their requesters were told.
  static let unwrittenBytesMaximum = 64 << 20

  /// Makes the writer; without a journal, revocations last until the gateway stops.
  public init(table: RevocationTable, journal: Journal?) {
    self.table = table
    self.journal = journal
  }

  /// Entries in force.
  public var entryCount: Int { table.count }

  /// Applies entries in every worker and hands them to the journal.
  public func revoke(
    _ entries: [RevocationEntry], for requester: RevocationRequester, nowSeconds: Int64
  ) {
    var isApplied = true
    for entry in entries {
      guard table.apply(entry, nowSeconds: nowSeconds) else {
        isApplied = false
        continue
      }
      append(.revoke(entry))
    }
    finish(requester, isApplied)
  }

  /// Takes a revocation back everywhere; false when there was none.
  public func lift(
    kind: RevocationKind, realm: String, value: String, for requester: RevocationRequester,
    nowSeconds: Int64
  ) -> Bool {
    guard table.lift(kind: kind, realm: realm, value: value, nowSeconds: nowSeconds) else {
      return false
    }
    append(.lift(kind: kind, realm: realm, value: value))
    finish(requester, true)
    return true
  }

  /// The journal has finished a batch.
  public func journalWritten(batch: UInt64, succeeded: Bool) {
    guard batch == batchNumber, isWriting else { return }
    isWriting = false
    isStoreFailing = !succeeded
    if !succeeded, writingBytes.count + waitingBytes.count <= Self.unwrittenBytesMaximum {
      waitingBytes = writingBytes + waitingBytes
    }
    writingBytes.removeAll()
    for requester in written { outcomes.append((requester, succeeded ? .durable : .notDurable)) }
    written.removeAll(keepingCapacity: true)
    writeNext()
  }

  /// Forgets expired entries, and tries again what could not be written: now and then.
  public func housekeep(nowSeconds: Int64) {
    table.purge(nowSeconds: nowSeconds)
    if !isWriting, !waitingBytes.isEmpty { write() }
  }

  /// Hands everything unwritten to the journal: at the end of the process.
  public func flush() {
    guard let journal, !waitingBytes.isEmpty else { return }
    batchNumber += 1
    journal.append(waitingBytes, batch: batchNumber)
    waitingBytes.removeAll()
  }

  /// Takes the answers that can be given.
  public func takeOutcomes() -> [(requester: RevocationRequester, outcome: RevocationOutcome)] {
    defer { outcomes.removeAll(keepingCapacity: true) }
    return outcomes
  }

  private func append(_ record: RevocationRecord) {
    guard journal != nil else { return }
    line.clear()
    record.append(to: &line)
    waitingBytes.append(contentsOf: [UInt8](copying: line.readable))
  }

  private func finish(_ requester: RevocationRequester, _ isApplied: Bool) {
    guard isApplied else { return outcomes.append((requester, .tableFull)) }
    guard journal != nil else { return outcomes.append((requester, .durable)) }
    waiting.append(requester)
    writeNext()
  }

  private func writeNext() {
    if !isWriting, !waiting.isEmpty { write() }
  }

  private func write() {
    guard let journal else { return }
    isWriting = true
    batchNumber += 1
    swap(&written, &waiting)
    swap(&writingBytes, &waitingBytes)
    journal.append(writingBytes, batch: batchNumber)
  }
}
