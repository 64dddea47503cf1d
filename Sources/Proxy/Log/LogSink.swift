// Where finished log lines go: a file or standard output, written on a Dispatch queue, because a
// full disk or a slow terminal must never stop a loop.
//
// Any thread may hand lines over. At most `backlogMaximum` bytes wait; beyond that a batch is dropped
// and its lines are counted by the worker that made them.

import Dispatch
import EventLoop
import Synchronization

/// An append-only destination of log lines. Any thread.
public final class LogSink: Sendable {
  /// Bytes that may wait for the writer before batches are dropped.
  public static let backlogMaximum = 8 << 20

  private let queue: DispatchQueue
  private let file: AppendFile
  private let backlog = Atomic<Int>(0)

  /// Writes to `file` from now on.
  public init(file: consuming AppendFile, label: String) {
    self.file = file
    queue = DispatchQueue(label: label)
  }

  /// Hands a batch of whole lines to the writer; false when the backlog is full.
  public func write(_ lines: [UInt8]) -> Bool {
    let count = lines.count
    guard backlog.load(ordering: .relaxed) + count <= LogSink.backlogMaximum else { return false }
    backlog.add(count, ordering: .relaxed)
    queue.async {
      // A line that can't be written (disk full) is lost: there is nowhere better to tell it.
      try? self.file.write(lines.span)
      self.backlog.subtract(count, ordering: .relaxed)
    }
    return true
  }

  /// Waits until everything handed over so far is written: at the end of the process.
  public func finish() { queue.sync {} }
}
