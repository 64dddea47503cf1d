// The buckets of all limits, shared by all workers (DESIGN §5.6, §5.7).
//
// Each bucket is one number of the generic cell rate algorithm: the theoretical arrival time, up to
// which all permits handed out so far are paid for. A permit moves it one interval ahead and is
// granted while it stays within `burst` intervals of now. So a bucket needs no timer and no sweep: one
// whose time has passed knows nothing and its slot may be given to another key.
//
//     stripe = hash & 63   one mutex, slotCount / 64 slots
//     set    = 16 neighbouring slots in which a key may lie
//
// When all slots of a key's set are alive, the key shares one overflow bucket per limit, and a
// counter tells it: unknown keys get less, known ones lose nothing, nothing is evicted. Locks are
// held for a few dozen instructions and touched only on limited routes. Any thread.

import Bytes
import Synchronization

/// Buckets of fixed number, found by a keyed hash of limit and key.
public final class LimitTable: Sendable {
  /// Slots among which a key is looked up.
  static let setSlots = 16
  static let stripeCount = 64
  /// Limits with an overflow bucket of their own; more share by hash.
  static let overflowBuckets = 64

  private struct Slot {
    var key = Hash128(high: 0, low: 0)
    /// Monotonic nanoseconds; a slot whose time has passed is free.
    var arrival = Int64.min
  }

  /// One mutex and its slots.
  private final class Stripe: Sendable {
    let slots: Mutex<[Slot]>

    init(slotCount: Int) {
      slots = Mutex([Slot](repeating: Slot(), count: slotCount))
    }
  }

  private let stripes: [Stripe]
  private let setsPerStripe: Int
  private let overflow: Mutex<[Int64]>
  private let overflows = Atomic<Int>(0)
  private let key = SipKey.random()

  /// Makes a table with room for at least `slotCount` buckets, keyed with a fresh random key.
  public init(slotCount: Int = 32_768) {
    let perStripe = max(1, (slotCount + Self.stripeCount - 1) / Self.stripeCount)
    // A power of two of sets in each stripe, so that a hash finds its set by a mask.
    var sets = 1
    while sets * Self.setSlots < perStripe { sets *= 2 }
    setsPerStripe = sets
    stripes = (0..<Self.stripeCount).map { _ in
      Stripe(slotCount: sets * Self.setSlots)
    }
    overflow = Mutex([Int64](repeating: .min, count: Self.overflowBuckets))
  }

  /// Number of buckets that fit.
  public var slotCount: Int { Self.stripeCount * setsPerStripe * Self.setSlots }

  /// How often a request had to share an overflow bucket because no slot was free; an alarm.
  public var overflowCount: Int { overflows.load(ordering: .relaxed) }

  /// The bucket of a client address under a limit.
  func bucket(_ limit: CompiledLimit, _ peer: PeerAddress) -> Hash128 {
    var hash = SipHash128(key)
    hash.combine(limit.identity)
    hash.combine(peer.high)
    // One IPv6 customer has a whole /64, and would have 2^64 buckets.
    if peer.isIPv4 { hash.combine(peer.low) }
    return hash.finish()
  }

  /// What became of a request for a permit.
  enum Outcome: Equatable {
    /// Granted; `isShared` says that the overflow bucket paid.
    case granted(isShared: Bool)
    /// None left for so many nanoseconds.
    case refused(waitNanoseconds: Int64)
  }

  /// Takes a permit.
  func take(_ limit: CompiledLimit, _ bucket: Hash128, now: Int64) -> Outcome {
    let sets = setsPerStripe
    let result = stripes[Self.stripe(bucket)].slots.withLock { slots -> Outcome? in
      let first = Self.firstSlot(bucket, sets)
      var free = -1
      for index in first..<(first + Self.setSlots) {
        if slots[index].key == bucket, slots[index].arrival > now {
          return Self.advance(&slots[index].arrival, limit, now)
        }
        if slots[index].arrival <= now, free < 0 { free = index }
      }
      guard free >= 0 else { return nil }
      slots[free].key = bucket
      slots[free].arrival = now
      return Self.advance(&slots[free].arrival, limit, now)
    }
    if let result { return result }
    overflows.add(1, ordering: .relaxed)
    return overflow.withLock { arrivals in
      let outcome = Self.advance(&arrivals[Self.overflowIndex(limit)], limit, now)
      return outcome == .granted(isShared: false) ? .granted(isShared: true) : outcome
    }
  }

  /// Gives a permit back. A bucket that has been forgotten meanwhile needs none.
  func giveBack(_ permit: Permit) {
    if permit.isShared {
      overflow.withLock { arrivals in
        let index = Int(truncatingIfNeeded: permit.limitIdentity) & (Self.overflowBuckets - 1)
        arrivals[index] = Self.reduced(arrivals[index], by: permit.intervalNanoseconds)
      }
      return
    }
    let sets = setsPerStripe
    stripes[Self.stripe(permit.bucket)].slots.withLock { slots in
      let first = Self.firstSlot(permit.bucket, sets)
      for index in first..<(first + Self.setSlots)
      where slots[index].key == permit.bucket {
        slots[index].arrival = Self.reduced(
          slots[index].arrival, by: permit.intervalNanoseconds)
      }
    }
  }

  private static func reduced(_ arrival: Int64, by interval: Int64) -> Int64 {
    let (difference, overflowed) = arrival.subtractingReportingOverflow(interval)
    return overflowed ? .min : difference
  }

  /// The rule itself: one interval further, if that stays within `burst` intervals of now.
  private static func advance(
    _ arrival: inout Int64, _ limit: CompiledLimit, _ now: Int64
  ) -> Outcome {
    let start = max(arrival, now)
    let next = start + limit.intervalNanoseconds
    let latest = now + limit.toleranceNanoseconds
    guard next <= latest else { return .refused(waitNanoseconds: next - latest) }
    arrival = next
    return .granted(isShared: false)
  }

  private static func stripe(_ bucket: Hash128) -> Int {
    Int(truncatingIfNeeded: bucket.low) & (stripeCount - 1)
  }

  private static func firstSlot(_ bucket: Hash128, _ sets: Int) -> Int {
    (Int(truncatingIfNeeded: bucket.high) & (sets - 1)) * setSlots
  }

  private static func overflowIndex(_ limit: CompiledLimit) -> Int {
    Int(truncatingIfNeeded: limit.identity) & (overflowBuckets - 1)
  }
}

/// A permit that was taken and may go back.
struct Permit: Sendable {
  var bucket: Hash128
  var limitIdentity: UInt64
  var intervalNanoseconds: Int64
  /// The overflow bucket paid.
  var isShared: Bool
  /// Goes back unless the answer says that credentials were wrong.
  var isForFailures: Bool
}
