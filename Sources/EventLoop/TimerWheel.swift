// Deadlines of one loop: a hashed wheel of 64-bit ids.
//
//     slot:      0    1    2  ...  1023        one slot per tick of about 4 ms
//     minimum:  [ ]  [ ]  [ ]      [ ]         earliest tick in the slot, so that a slot that only
//     list:      |    |                        holds entries of later rounds isn't walked
//                o    o-o-o                    entries in one array, linked by index
//
// Nothing is cancelled. An owner keeps its true deadline and at most one id in the wheel: when the id
// fires early it schedules again, when it fires for something that is gone (its generation says so) it
// does nothing. So a deadline that moves with every request costs a store, not a wheel operation, and
// looking at the wheel costs one comparison until something is due.
//
// Pure: the time is an argument. Loop only.

/// Ids that fire when their time has come, never early, at most one tick late.
public final class TimerWheel {
  /// Length of a tick: 2^22 ns, about 4.2 ms.
  public static let tickNanoseconds: Int64 = 1 << 22
  /// Ids returned by one `advance`; what is due beyond them comes with the next.
  public static let firedMaximum = 1024
  private static let slotCount = 1024
  private static let never = Int64.max

  private struct Entry {
    var token: UInt64
    var tick: Int64
    var next: Int32
  }

  private var entries: [Entry] = []
  /// First unused entry, -1 when there is none.
  private var free: Int32 = -1
  private var first: [Int32]
  private var minimum: [Int64]
  /// No entry is due before this tick; `never` when there is none.
  private var earliest = TimerWheel.never
  /// Tick of the last `advance`: what is scheduled for an earlier one counts as due now, so that no
  /// walk begins in the distant past.
  private var current: Int64
  /// Number of ids in the wheel.
  private var scheduled = 0

  /// Makes an empty wheel at a time.
  public init(nowNanoseconds: Int64) {
    current = Self.tick(atOrBefore: nowNanoseconds)
    first = Array(repeating: -1, count: Self.slotCount)
    minimum = Array(repeating: Self.never, count: Self.slotCount)
  }

  /// Number of ids that have not fired.
  public var count: Int { scheduled }

  /// Adds an id. A deadline that has passed fires with the next `advance`.
  public func schedule(_ token: UInt64, deadlineNanoseconds: Int64) {
    let tick = max(Self.tick(atOrAfter: deadlineNanoseconds), current)
    let slot = Self.slot(tick)
    let entry = Entry(token: token, tick: tick, next: first[slot])
    if free >= 0 {
      let index = free
      free = entries[Int(index)].next
      entries[Int(index)] = entry
      first[slot] = index
    } else {
      // The owners bound this: one id each, and connections are bounded by descriptors.
      precondition(entries.count < Int(Int32.max))
      first[slot] = Int32(entries.count)
      entries.append(entry)
    }
    minimum[slot] = min(minimum[slot], tick)
    earliest = min(earliest, tick)
    scheduled += 1
  }

  /// When the next id is due, or nil when there is none. May lie in the past.
  public var nextDeadlineNanoseconds: Int64? {
    earliest == Self.never ? nil : earliest * Self.tickNanoseconds
  }

  /// How long a loop may wait: -1 for ever, 0 when something is due, else rounded up.
  public func timeoutMilliseconds(nowNanoseconds: Int64) -> Int {
    guard let next = nextDeadlineNanoseconds else { return -1 }
    let left = next - nowNanoseconds
    return left <= 0 ? 0 : Int((left + 999_999) / 1_000_000)
  }

  /// Appends the ids whose time has come, at most `firedMaximum`; entries of one tick in no
  /// particular order.
  public func advance(toNanoseconds now: Int64, into fired: inout [UInt64]) {
    let target = Self.tick(atOrBefore: now)
    current = target
    guard target >= earliest else { return }
    var left = Self.firedMaximum
    // Nothing is due before `earliest`, and one round visits every slot, however long the loop was
    // away.
    var tick = earliest
    let last = min(target, tick + Int64(Self.slotCount) - 1)
    while tick <= last {
      let slot = Self.slot(tick)
      if minimum[slot] <= target {
        left = fire(slot, upTo: target, limit: left, into: &fired)
        // The rest of this slot is still due: stay in front of it.
        if minimum[slot] <= target { break }
      }
      tick += 1
    }
    earliest = minimum.min() ?? Self.never
  }

  /// Takes due entries out of a slot; returns what is left of `limit`.
  private func fire(
    _ slot: Int, upTo target: Int64, limit: Int, into fired: inout [UInt64]
  ) -> Int {
    var left = limit
    var earliestKept = Self.never
    var kept: Int32 = -1
    var index = first[slot]
    while index >= 0 {
      let entry = entries[Int(index)]
      if entry.tick <= target, left > 0 {
        fired.append(entry.token)
        left -= 1
        scheduled -= 1
        entries[Int(index)].next = free
        free = index
      } else {
        earliestKept = min(earliestKept, entry.tick)
        entries[Int(index)].next = kept
        kept = index
      }
      index = entry.next
    }
    first[slot] = kept
    minimum[slot] = earliestKept
    return left
  }

  private static func slot(_ tick: Int64) -> Int { Int(truncatingIfNeeded: tick) & (slotCount - 1) }

  private static func tick(atOrBefore nanoseconds: Int64) -> Int64 { nanoseconds >> 22 }

  /// Rounded up, so that nothing fires early; capped so that a deadline of "never" can't overflow.
  private static func tick(atOrAfter nanoseconds: Int64) -> Int64 {
    (min(nanoseconds, Int64.max - tickNanoseconds) + tickNanoseconds - 1) >> 22
  }
}
