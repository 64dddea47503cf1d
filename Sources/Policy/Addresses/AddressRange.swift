// A run of addresses, as a configuration's CIDR says it.
//
// IPv4 lives in v4-mapped form (::ffff:a.b.c.d), so that one client has one spelling whichever socket
// it came in through, and a rule for it holds on all of them. The peer of a Unix socket has no
// address: it is `::`, which no peer of a network can be. Pure values, any thread.

/// A run of addresses, both ends included.
public struct AddressRange: Sendable, Hashable {
  let lower: UInt128
  let upper: UInt128

  /// Every address, and the peers of Unix sockets.
  public static let all = AddressRange(lower: 0, upper: .max)
  /// The peers of Unix sockets.
  public static let unix = AddressRange(lower: 0, upper: 0)

  private static let mapped = AddressRange(
    lower: 0xffff << 32, upper: 0xffff << 32 | 0xffff_ffff)
  /// All that IPv4 has, and all that is in use of IPv6 (2000::/3).
  static let everyone = [
    mapped, AddressRange(lower: 0x2000 << 112, upper: 0x3fff << 112 | (1 << 112 - 1)),
  ]

  /// Number of leading bits that all of its addresses share, of 32 for IPv4 and 128 for IPv6: what
  /// "wide" is measured by.
  public var leadingBits: Int {
    let isIPv4 = lower >= Self.mapped.lower && upper <= Self.mapped.upper
    return (lower ^ upper).leadingZeroBitCount - (isIPv4 ? 96 : 0)
  }

  init(lower: UInt128, upper: UInt128) {
    self.lower = lower
    self.upper = upper
  }

  /// The ranges of a CIDR: the address in two halves in network order (IPv4 mapped), and how many of
  /// its 128 bits count. Nil when a bit behind them is set, because `10.0.0.1/8` may mean the network
  /// or the host.
  ///
  /// An IPv6 network that has the mapped addresses in its middle (`::/0`) means IPv6 alone: who writes
  /// it does not think of IPv4.
  public static func network(high: UInt64, low: UInt64, bits: Int) -> [AddressRange]? {
    precondition(0...128 ~= bits, "the configuration's reader bounds it")
    let base = UInt128(high) << 64 | UInt128(low)
    let host: UInt128 = bits == 128 ? 0 : UInt128.max >> UInt128(bits)
    guard base & host == 0 else { return nil }
    let whole = AddressRange(lower: base, upper: base | host)
    guard bits < 96, whole.lower < mapped.lower, whole.upper > mapped.upper else { return [whole] }
    // Without the peers of Unix sockets too.
    return [
      AddressRange(lower: max(whole.lower, 1), upper: mapped.lower - 1),
      AddressRange(lower: mapped.upper + 1, upper: whole.upper),
    ]
  }

  /// The address with all but its first `bits` bits cleared.
  public static func base(high: UInt64, low: UInt64, bits: Int) -> (high: UInt64, low: UInt64) {
    let whole = UInt128(high) << 64 | UInt128(low)
    let base = bits <= 0 ? 0 : whole & ~(bits >= 128 ? 0 : UInt128.max >> UInt128(bits))
    return (UInt64(truncatingIfNeeded: base >> 64), UInt64(truncatingIfNeeded: base))
  }

  /// True when the address is within.
  func contains(_ address: UInt128) -> Bool { lower <= address && address <= upper }
}

extension PeerAddress {
  /// The address as one number, in the order of `AddressRange`.
  var number: UInt128 { UInt128(high) << 64 | UInt128(low) }
}
