// The two clocks. Both are read through the vdso: no system call, some 20 ns.
//
// A loop reads the time once per wake-up and passes it down. Any thread.

import CPlatform

/// What time it is.
public enum Clock {
  /// Nanoseconds that only ever grow: for deadlines.
  public static func monotonicNanoseconds() -> Int64 { platform_monotonic_nanoseconds() }

  /// Milliseconds since 1970, as the machine believes: for token lifetimes and logs. May jump.
  public static func realtimeMilliseconds() -> Int64 { platform_realtime_milliseconds() }
}
