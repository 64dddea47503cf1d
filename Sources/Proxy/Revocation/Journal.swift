// The blocklist's journal while the gateway runs: appended and flushed on a Dispatch queue, so that
// no loop ever waits for a disk.
//
// The control loop hands over one batch at a time and is told when it is on the disk. A write that
// failed is undone (the file is cut back to its last whole line), so a full disk costs durability
// until there is room again and never the file. Entries that have expired are left behind when the
// file has doubled since it was last rewritten.

import Bytes
import Dispatch
import EventLoop
import Policy
import Synchronization

/// The append-only file behind the revocation table. Any thread; the work is done on its queue.
public final class Journal: Sendable {
  /// Growth below which a journal is not rewritten while running.
  static let rewriteGrowthMinimum = 4 << 20

  private struct State: ~Copyable {
    var file: AppendFile
    var byteCount: Int
    var rewrittenByteCount: Int
    var isDirty = false
    var isSyncScheduled = false
  }

  private let path: String
  private let sync: JournalSync
  private let control: Mailbox<ControlMessage>
  private let queue = DispatchQueue(label: "gateway.journal")
  private let state: Mutex<State>

  /// Reads the journal at `path`, leaves expired entries and a torn tail behind, and opens it for
  /// appending. Blocks: at start.
  public static func open(
    path: String, sync: JournalSync, control: Mailbox<ControlMessage>, nowSeconds: Int64
  ) throws(JournalFault) -> (journal: Journal, content: JournalContent) {
    let content = try JournalFile.load(path, nowSeconds: nowSeconds)
    let byteCount = try JournalFile.rewrite(path, entries: content.entries)
    let file = try openFile(path)
    let journal = Journal(
      path: path, sync: sync, control: control, file: file, byteCount: byteCount)
    return (journal, content)
  }

  private static func openFile(_ path: String) throws(JournalFault) -> AppendFile {
    do throws(SystemError) {
      return try AppendFile(appendingTo: path, mode: 0o600)
    } catch {
      throw .file(path: path, error)
    }
  }

  private init(
    path: String, sync: JournalSync, control: Mailbox<ControlMessage>, file: consuming AppendFile,
    byteCount: Int
  ) {
    self.path = path
    self.sync = sync
    self.control = control
    state = Mutex(State(file: file, byteCount: byteCount, rewrittenByteCount: byteCount))
  }

  /// Appends whole lines and tells the control loop `journalWritten(batch:)`.
  func append(_ lines: [UInt8], batch: UInt64) {
    queue.async {
      let succeeded = self.write(lines)
      self.control.send(.journalWritten(batch: batch, succeeded: succeeded))
      self.rewriteIfGrown()
    }
  }

  /// Waits until everything handed over is written and flushed: at the end of the process.
  public func finish() {
    queue.sync {
      self.state.withLock { state in
        // At the end nobody is left to tell; the bytes are with the kernel in any case.
        if state.isDirty { try? state.file.syncData() }
        state.isDirty = false
      }
    }
  }

  private func write(_ lines: [UInt8]) -> Bool {
    let needsTimer = state.withLock { state -> Bool? in
      do throws(SystemError) {
        try state.file.write(lines.span)
        state.byteCount += lines.count
        switch sync {
        case .always:
          try state.file.syncData()
          return false
        case .interval:
          let isFirst = !state.isSyncScheduled
          state.isDirty = true
          state.isSyncScheduled = true
          return isFirst
        }
      } catch {
        // A part of a line must not stay in front of the next one. If cutting fails too, loading
        // will say so.
        try? state.file.truncate(toBytes: state.byteCount)
        return nil
      }
    }
    guard let needsTimer else { return false }
    if needsTimer, case .interval(let milliseconds) = sync {
      queue.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { self.syncLater() }
    }
    return true
  }

  private func syncLater() {
    state.withLock { state in
      state.isSyncScheduled = false
      // Tried again with the next entry; `interval` promises no more.
      if state.isDirty { try? state.file.syncData() }
      state.isDirty = false
    }
  }

  private func rewriteIfGrown() {
    let isGrown = state.withLock { state in
      state.byteCount > 2 * state.rewrittenByteCount
        && state.byteCount - state.rewrittenByteCount > Journal.rewriteGrowthMinimum
    }
    guard isGrown else { return }
    do throws(JournalFault) {
      let now = Clock.realtimeMilliseconds() / 1000
      let content = try JournalFile.load(path, nowSeconds: now)
      let byteCount = try JournalFile.rewrite(path, entries: content.entries)
      let file = try Journal.openFile(path)
      replaceFile(file, byteCount)
    } catch {
      // The old file goes on; the next growth tries again.
      state.withLock { $0.rewrittenByteCount = $0.byteCount }
    }
  }

  private func replaceFile(_ file: consuming AppendFile, _ byteCount: Int) {
    var box: AppendFile? = consume file
    state.withLock { state in
      guard let file = box.take() else { return }
      state = State(file: file, byteCount: byteCount, rewrittenByteCount: byteCount)
    }
  }
}
