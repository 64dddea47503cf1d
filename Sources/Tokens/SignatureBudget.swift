// What strangers may make a worker compute with key pairs (DESIGN §5.4): a budget for each address, and
// one for the worker.
//
// Anybody can send a token that was never signed, and finding that out costs 15 µs (RSA) to 700 µs
// (P-384), opening one that was encrypted for an RSA key a millisecond and more. So each operation is
// paid for before it is computed. Tokens that are known cost nothing and are always served; what an
// accepted token cost is given back, once for each, so that many users can come at once: all of them do
// after a restart or a change of keys, when nothing is known. No stranger can make a good token. The
// worker's budget bounds what the others can take together.
//
// A budget is one number of the generic cell rate algorithm, as in the limit table: the time up to
// which everything so far is paid for. An operation is computed while that is less than the burst
// ahead of now, and moves it by its cost; so one that is dearer than the whole burst is possible, and
// is paid off before the next. A token is asked about once: what else it costs is paid, not refused,
// for one that is judged by halves would have to begin again each time.
//
// Addresses lie in a table of fixed size, 8 rows in which each may be; a row that is paid off is free.
// When all are taken, an address that has none shares one more with its like. Pure: the time comes in.
// One worker.

import Bytes

/// How much may be computed, in units a second: one is what a verification with ES256 costs.
public struct SignatureRates: Sendable, Equatable {
  /// For each worker; nil for no bound.
  public var perWorker: Int?
  /// For each address and worker; nil for no bound.
  public var perAddress: Int?

  /// The defaults: a worker spends at most a quarter of a core (a unit is 60 to 100 µs), an address
  /// a tenth of that.
  public init(perWorker: Int? = 2500, perAddress: Int? = 250) {
    self.perWorker = perWorker
    self.perAddress = perAddress
  }
}

/// Whose budget is used, and when.
public struct SignaturePayer: Sendable {
  let high: UInt64
  let low: UInt64
  let monotonicNanoseconds: Int64

  /// Names an address by two words; whoever shares an address gives the same ones.
  public init(high: UInt64, low: UInt64, monotonicNanoseconds: Int64) {
    self.high = high
    self.low = low
    self.monotonicNanoseconds = monotonicNanoseconds
  }
}

/// A budget that has nothing left.
public struct SpentBudget: Sendable, Equatable {
  /// True for the address's, false for the worker's.
  public let isAddress: Bool
  /// When there is something again.
  public let waitNanoseconds: Int64
}

/// The account of one token: nobody's for tools, which are trusted and have no budget.
struct SignatureAccount {
  private let budget: SignatureBudget?
  private var payer: SignaturePayer?
  /// What the token has cost so far.
  private var units = 0
  /// Operations that were computed, whoever paid.
  private(set) var operationCount: UInt64 = 0

  init(_ budget: SignatureBudget?) { self.budget = budget }

  /// Opens the account for a token. `goesOn` says that it is the last one again, with another realm.
  mutating func open(_ payer: SignaturePayer?, goesOn: Bool) {
    self.payer = payer
    if !goesOn { units = 0 }
  }

  /// Pays for an operation, or tells which budget has nothing left.
  mutating func pay(_ units: Int) -> SpentBudget? {
    if let budget, let payer {
      if let spent = budget.take(units, payer, goesOn: self.units > 0) { return spent }
      self.units += units
    }
    operationCount &+= 1
    return nil
  }

  /// Gives back what the token has cost.
  mutating func giveBack() {
    guard units > 0, let budget, let payer else { return }
    budget.giveBack(units, payer)
    units = 0
  }
}

/// One worker's budgets.
public final class SignatureBudget {
  /// A worker's burst: two seconds' worth.
  static let workerBurstSeconds = 2
  /// An address's burst: what users behind one address may try at once with tokens that are no good.
  static let addressBurstSeconds = 10
  /// Rows in which an address may lie.
  static let wayCount = 8
  static let setCount = 512
  /// Most addresses that owe something at one time.
  public static let addressCountMaximum = wayCount * setCount

  /// One bucket's rule.
  private struct Rule {
    /// Time that one unit costs; 0 without a bound.
    let interval: Int64
    let tolerance: Int64

    init(_ rate: Int?, burstSeconds: Int) {
      // At least a unit a second, at most one a nanosecond, so that no product can overflow.
      interval = rate.map { 1_000_000_000 / Int64(max(1, min($0, 1_000_000_000))) } ?? 0
      tolerance = Int64(burstSeconds) * 1_000_000_000
    }

    /// How long it takes until something may be computed; 0 for now.
    func wait(_ paidUntil: Int64, _ now: Int64) -> Int64 {
      guard interval > 0, paidUntil > now else { return 0 }
      return max(0, paidUntil - now - tolerance + 1)
    }

    func pay(_ units: Int, _ paidUntil: inout Int64, _ now: Int64) {
      if interval > 0 { paidUntil = max(paidUntil, now) + Int64(units) * interval }
    }
  }

  private struct Row {
    var key: UInt64 = 0
    /// Monotonic nanoseconds; a row whose time has passed is free.
    var paidUntil = Int64.min
  }

  private let worker: Rule
  private let address: Rule
  private var workerPaidUntil = Int64.min
  /// Made for the first operation; the last row is the one that is shared.
  private var rows: [Row] = []
  private let key = SipKey.random()
  /// How often an address had to share.
  public private(set) var overflowCount: UInt64 = 0

  /// Makes budgets in which nothing is spent.
  public init(_ rates: SignatureRates) {
    worker = Rule(rates.perWorker, burstSeconds: Self.workerBurstSeconds)
    address = Rule(rates.perAddress, burstSeconds: Self.addressBurstSeconds)
  }

  /// Takes `units` from both budgets, or nothing: then the one that has nothing left. `units` are the
  /// gateway's own numbers (`SignatureCost`); `goesOn` says that something was taken for the same
  /// token before, which is then taken in any case.
  func take(_ units: Int, _ payer: SignaturePayer, goesOn: Bool = false) -> SpentBudget? {
    let now = payer.monotonicNanoseconds
    var row = -1
    if address.interval > 0 {
      row = self.row(payer)
      let wait = address.wait(rows[row].paidUntil, now)
      if wait > 0, !goesOn { return SpentBudget(isAddress: true, waitNanoseconds: wait) }
    }
    let wait = worker.wait(workerPaidUntil, now)
    if wait > 0, !goesOn { return SpentBudget(isAddress: false, waitNanoseconds: wait) }
    worker.pay(units, &workerPaidUntil, now)
    if row >= 0 { address.pay(units, &rows[row].paidUntil, now) }
    return nil
  }

  /// Gives back what was paid for a token that was found good in the same moment.
  func giveBack(_ units: Int, _ payer: SignaturePayer) {
    // What is subtracted was added before: it can't fall below what was there.
    if worker.interval > 0, workerPaidUntil > payer.monotonicNanoseconds {
      workerPaidUntil -= Int64(units) * worker.interval
    }
    guard address.interval > 0 else { return }
    let row = row(payer, counts: false)
    if rows[row].paidUntil > payer.monotonicNanoseconds {
      rows[row].paidUntil -= Int64(units) * address.interval
    }
  }

  /// The address's row: its own, a free one, or the one that is shared.
  private func row(_ payer: SignaturePayer, counts: Bool = true) -> Int {
    if rows.isEmpty { rows = [Row](repeating: Row(), count: Self.addressCountMaximum + 1) }
    var hash = SipHash128(key)
    hash.combine(payer.high)
    hash.combine(payer.low)
    let value = hash.finish()
    let first = Int(truncatingIfNeeded: value.high & UInt64(Self.setCount - 1)) * Self.wayCount
    var free = -1
    for index in first..<(first + Self.wayCount) {
      if rows[index].paidUntil <= payer.monotonicNanoseconds {
        if free < 0 { free = index }
      } else if rows[index].key == value.low {
        return index
      }
    }
    guard free >= 0 else {
      if counts { overflowCount &+= 1 }
      return Self.addressCountMaximum
    }
    rows[free] = Row(key: value.low, paidUntil: .min)
    return free
  }
}
