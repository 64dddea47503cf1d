// Whether an address is admitted, or belongs to a set: compiled rules.
//
// What `allow` and `deny` of a route and the blocks around it say (each block's first match counts, and
// every block must admit) is worked out once for each stretch of addresses between two ends of rules;
// a request then costs one binary search, however many rules there are. Immutable, any thread.

/// One `allow` or `deny` with one of its addresses.
public struct AddressRule: Sendable, Hashable {
  /// Whom it is about.
  public let range: AddressRange
  /// True for `allow`.
  public let isAllowed: Bool

  /// Makes a rule.
  public init(_ range: AddressRange, isAllowed: Bool) {
    self.range = range
    self.isAllowed = isAllowed
  }
}

/// The rules of one block, in the order written: the first that matches counts. An address that none
/// is about is refused if the block allows anybody by name, and else admitted.
public struct AddressBlock: Sendable, Hashable {
  /// Most rules of a block.
  public static let rulesMaximum = 1_024

  /// The rules in order.
  public let rules: [AddressRule]

  /// Makes a block of at least one rule.
  public init(_ rules: [AddressRule]) { self.rules = rules }

  func admits(_ address: UInt128) -> Bool {
    if let rule = rules.first(where: { $0.range.contains(address) }) { return rule.isAllowed }
    return !rules.contains(where: \.isAllowed)
  }
}

/// Addresses that are in, compiled.
public final class AddressTable: Sendable {
  /// Where stretches begin, ascending, the first one at 0.
  private let starts: [UInt128]
  /// Whether the stretch with the same index is in.
  private let verdicts: [Bool]

  /// Addresses that every block admits.
  public init(blocks: [AddressBlock]) {
    var ends: Set<UInt128> = [0]
    for rule in blocks.flatMap(\.rules) {
      ends.insert(rule.range.lower)
      if rule.range.upper < .max { ends.insert(rule.range.upper + 1) }
    }
    var starts: [UInt128] = []
    var verdicts: [Bool] = []
    for start in ends.sorted() {
      let isIn = blocks.allSatisfy { $0.admits(start) }
      if verdicts.last == isIn { continue }
      starts.append(start)
      verdicts.append(isIn)
    }
    self.starts = starts
    self.verdicts = verdicts
  }

  /// Addresses of a set; of none when it is empty.
  public convenience init(set: [AddressRange]) {
    let rules = set.map { AddressRule($0, isAllowed: true) }
    self.init(blocks: [AddressBlock(rules + [AddressRule(.all, isAllowed: false)])])
  }

  /// True when the address is in.
  public func contains(_ peer: PeerAddress) -> Bool {
    let address = peer.number
    var low = 0
    var high = starts.count
    // The last stretch that begins at or below the address; the first begins at 0.
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if starts[middle] <= address { low = middle } else { high = middle }
    }
    return verdicts[low]
  }

  /// True when every IPv4 address, or every IPv6 address, is in: a set that leaves nobody out.
  public var isEverybody: Bool {
    AddressRange.everyone.contains { everyone in
      starts.indices.allSatisfy { index in
        let end = index + 1 < starts.count ? starts[index + 1] - 1 : .max
        return verdicts[index] || end < everyone.lower || starts[index] > everyone.upper
      }
    }
  }
}
