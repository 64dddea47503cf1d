// What a worker has decided, counted: by result and reason for tokens, by route and reason for what
// observed routes and limits in `dry_run` let through.
//
// Plain integers of one worker, copied into a report when the control loop asks. Counting is an
// increment at a known place; only the table of the routes grows, once, when something is let
// through that would have been refused. Loop only; reports cross threads.

import Tokens

extension Refusal {
  /// The refusals that `mode observe` leaves undone and that are counted by reason; a place in this
  /// list is a column of the tables.
  public static let observable: [Refusal] =
    DenialReason.allCases.map { .denied($0) } + [
      .csrfRefused, .bodyTooLarge, .bodyCoded, .bodyUnreadable, .unavailable, .limited,
      .originRefused, .preflightRefused, .addressBudgetSpent, .workerBudgetSpent,
    ]

  /// The place in `observable`; nil for what is enforced everywhere.
  var column: Int? {
    // Denial reasons are numbered from 0; a test holds both lists together.
    switch self {
    case .denied(let reason): Int(reason.rawValue)
    case .csrfRefused: 16
    case .bodyTooLarge: 17
    case .bodyCoded: 18
    case .bodyUnreadable: 19
    case .unavailable: 20
    case .limited: 21
    case .originRefused: 22
    case .preflightRefused: 23
    case .addressBudgetSpent: 24
    case .workerBudgetSpent: 25
    case .malformed, .requestTimeout, .headTooLarge, .badEscape, .ambiguousPath, .noRoute,
      .methodNotAllowed, .addressRefused, .upstreamFailed, .upstreamTimeout:
      nil
    }
  }

  /// True for what is decided about a token, and not about an origin or a rate.
  public var isAboutToken: Bool {
    switch self {
    case .denied, .csrfRefused, .bodyTooLarge, .bodyCoded, .bodyUnreadable, .unavailable,
      .addressBudgetSpent, .workerBudgetSpent:
      true
    case .malformed, .requestTimeout, .headTooLarge, .badEscape, .ambiguousPath, .noRoute,
      .methodNotAllowed, .preflightRefused, .originRefused, .addressRefused, .limited,
      .upstreamFailed, .upstreamTimeout:
      false
    }
  }
}

/// One worker's counts. Loop only.
final class DecisionCounts {
  private static let columns = 26
  private var accepted: UInt64 = 0
  private var anonymous: UInt64 = 0
  private var refused: InlineArray<26, UInt64> = .init(repeating: 0)
  private var observed: InlineArray<26, UInt64> = .init(repeating: 0)
  /// Rows of `columns` numbers, one for each route up to the last that let something through.
  private var letThrough: [UInt64] = []

  init() {}

  /// A request passed with a verified token, or without any where none is needed.
  func admitted(withToken hasToken: Bool) {
    if hasToken { accepted &+= 1 } else { anonymous &+= 1 }
  }

  /// A request was refused, or would have been if its route were not observed.
  func denied(_ refusal: Refusal, isObserved: Bool) {
    guard let column = refusal.column, refusal.isAboutToken else { return }
    if isObserved { observed[column] &+= 1 } else { refused[column] &+= 1 }
  }

  /// A route let a request through that would have been refused.
  func passed(_ refusal: Refusal, route: Int) {
    guard let column = refusal.column, route >= 0 else { return }
    let place = route * Self.columns + column
    if place >= letThrough.count {
      letThrough += Array(repeating: 0, count: (route + 1) * Self.columns - letThrough.count)
    }
    letThrough[place] &+= 1
  }

  /// The numbers as they are now.
  var report: DecisionReport {
    DecisionReport(
      accepted: accepted, anonymous: anonymous,
      refused: (0..<Self.columns).map { refused[$0] },
      observed: (0..<Self.columns).map { observed[$0] }, letThrough: letThrough)
  }
}

/// What was decided, by one worker or by all of them. A copy of its own.
public struct DecisionReport: Sendable, Equatable {
  /// Requests that passed with a verified token.
  public private(set) var accepted: UInt64 = 0
  /// Requests that passed without any, on routes that read tokens.
  public private(set) var anonymous: UInt64 = 0
  private var refused: [UInt64] = []
  private var observed: [UInt64] = []
  private var letThrough: [UInt64] = []

  /// Nothing decided.
  public init() {}

  init(
    accepted: UInt64, anonymous: UInt64, refused: [UInt64], observed: [UInt64],
    letThrough: [UInt64]
  ) {
    self.accepted = accepted
    self.anonymous = anonymous
    self.refused = refused
    self.observed = observed
    self.letThrough = letThrough
  }

  /// Adds another worker's.
  public mutating func add(_ other: DecisionReport) {
    accepted &+= other.accepted
    anonymous &+= other.anonymous
    Self.add(other.refused, to: &refused)
    Self.add(other.observed, to: &observed)
    Self.add(other.letThrough, to: &letThrough)
  }

  /// How often a request was refused for this reason.
  public func refused(_ refusal: Refusal) -> UInt64 { Self.count(refused, 0, refusal) }

  /// How often one would have been, on observed routes.
  public func observed(_ refusal: Refusal) -> UInt64 { Self.count(observed, 0, refusal) }

  /// How often a route let a request through that would have been refused for this reason: because
  /// the route is observed, or the limit in `dry_run`. One request counts once.
  public func letThrough(_ refusal: Refusal, route: Int) -> UInt64 {
    Self.count(letThrough, route * Refusal.observable.count, refusal)
  }

  private static func add(_ other: [UInt64], to sum: inout [UInt64]) {
    if sum.count < other.count {
      sum += Array(repeating: 0, count: other.count - sum.count)
    }
    for index in other.indices { sum[index] &+= other[index] }
  }

  private static func count(_ table: [UInt64], _ start: Int, _ refusal: Refusal) -> UInt64 {
    guard let column = refusal.column, table.indices.contains(start + column) else { return 0 }
    return table[start + column]
  }
}
