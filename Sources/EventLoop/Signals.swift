// SIGTERM, SIGINT, SIGHUP and SIGUSR1 as something to read, SIGPIPE as nothing at all.
//
// `Signals.block()` is the first thing a process does: every thread that starts later inherits the
// mask, so no signal interrupts a loop and exactly one place sees it: a `Signals` in a `Poller`, or a
// Dispatch signal source.

import CPlatform
import Glibc

/// The signals that mean something to the process.
public enum Signal: Sendable, Equatable {
  /// SIGTERM or SIGINT: finish and go.
  case terminate
  /// SIGHUP: read the configuration again.
  case reload
  /// SIGUSR1: open the log files again.
  case reopenLogs
}

/// The inbox of the process's signals. One loop.
public final class Signals {
  /// The signals that ask a process to finish: for Dispatch signal sources, after `block()`.
  public static let stopNumbers: [Int32] = [SIGTERM, SIGINT]

  let descriptor: Int32

  /// Blocks the signals in the calling thread and all it starts from here on, and ignores SIGPIPE.
  /// Call first in `main`.
  public static func block() {
    let result = platform_block_signals()
    precondition(result >= 0, "pthread_sigmask takes any set")
  }

  /// Undoes the blocking in the calling thread: a process that is about to wait for its end can be
  /// stopped the ordinary way again.
  public static func unblock() {
    let result = platform_unblock_signals()
    precondition(result >= 0, "pthread_sigmask takes any set")
  }

  /// Starts reading the signals that `block()` blocks.
  public init() throws(SystemError) {
    descriptor = try check(platform_signalfd(), "signalfd")
  }

  deinit { platform_close(descriptor) }

  /// The next signal that came, or nil when there is none.
  public func next() -> Signal? {
    while true {
      let number = platform_signalfd_next(descriptor)
      if number < 0 { return nil }
      switch number {
      case SIGTERM, SIGINT: return .terminate
      case SIGHUP: return .reload
      case SIGUSR1: return .reopenLogs
      default: continue
      }
    }
  }
}
