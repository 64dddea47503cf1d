// SIGTERM and SIGINT as something to wait for, SIGPIPE as nothing at all.
//
// `Signals.block()` is the first thing a process does: every thread that starts later inherits the
// mask, so no signal interrupts a loop and exactly one place sees it: a Dispatch signal source.

import CPlatform
import Glibc

/// The signals that mean something to the process.
public enum Signals {
  /// The signals that ask a process to finish: for Dispatch signal sources, after `block()`.
  public static let stopNumbers: [Int32] = [SIGTERM, SIGINT]

  /// Blocks the signals in the calling thread and all it starts from here on, and ignores SIGPIPE and
  /// SIGXFSZ: a peer that is gone and a full file are errors of the write.
  /// Call first in `main`.
  public static func block() {
    let result = platform_block_signals()
    precondition(result >= 0, "pthread_sigmask takes any set")
  }
}
