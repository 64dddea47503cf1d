// A limit as the request path needs it: numbers only.

import Bytes

/// A compiled limit.
struct CompiledLimit: Sendable {
  /// Hash of the name, the same in every configuration of this process.
  let identity: UInt64
  /// Time that one permit costs.
  let intervalNanoseconds: Int64
  /// `burst` intervals.
  let toleranceNanoseconds: Int64
  let countsFailuresOnly: Bool
  let isDryRun: Bool

  init(_ definition: LimitDefinition) {
    // No secret needed: the operator's few names, hashed again with the client's part under the
    // table's own key.
    var hash = SipHash128(SipKey(0, 0))
    hash.combine(text: definition.name)
    identity = hash.finish().low
    // Clamped to what `mistakes` admits, so that no product can overflow.
    let period = Int64(
      min(max(definition.periodSeconds, 1), LimitDefinition.periodSecondsMaximum))
    let permits = Int64(min(max(definition.permits, 1), LimitDefinition.countMaximum))
    let burst = Int64(min(max(definition.burst, 1), LimitDefinition.countMaximum))
    let interval = max(1, period * 1_000_000_000 / permits)
    intervalNanoseconds = interval
    toleranceNanoseconds =
      interval.multipliedReportingOverflow(by: burst).overflow
      ? .max / 2 : interval * burst
    countsFailuresOnly = definition.count == .failures
    isDryRun = definition.isDryRun
  }

  /// Statuses that say "these credentials were wrong" (DESIGN §5.6).
  static func isFailure(_ status: Int) -> Bool {
    status == 401 || status == 403 || status == 422
  }

  /// Whole seconds until a permit is there, rounded up, so that a client that obeys is let in.
  static func retryAfterSeconds(_ waitNanoseconds: Int64) -> Int {
    Int(max(1, (waitNanoseconds + 999_999_999) / 1_000_000_000))
  }
}

extension LimitDefinition {
  /// Longest period and largest numbers: products stay far from overflow.
  static let periodSecondsMaximum = 366 * 86_400
  static let countMaximum = 1_000_000

  /// Everything in the limit that can't stand.
  func mistakes(_ subject: PolicySubject) -> [PolicyMistake] {
    var found: [PolicyMistake] = []
    if permits < 1 || permits > Self.countMaximum || periodSeconds < 1
      || periodSeconds > Self.periodSecondsMaximum
    {
      found.append(
        PolicyMistake(subject, "the rate must be at least one and at most a million a period"))
    }
    if burst < 1 || burst > Self.countMaximum {
      found.append(PolicyMistake(subject, "the burst must be between 1 and a million"))
    } else if periodSeconds >= 1, permits >= 1,
      burst / permits * periodSeconds > Self.periodSecondsMaximum
    {
      found.append(PolicyMistake(subject, "the burst is worth more than a year of permits"))
    }
    return found
  }
}
