// One URL's key set as the control loop keeps it: when it is fetched, the fetch under way, what is in
// use, and how it goes.
//
// State and bookkeeping; `LiveKeys` decides. Control loop only.

import EventLoop
import Fetch
import Tokens

/// Whether a source works, for one line when it begins to fail and one when that ends.
struct SourceHealth {
  /// Since when it fails, in seconds since 1970; nil while it works.
  private(set) var failingSince: Int64?
  /// Why, at the last attempt.
  private(set) var reason: String?

  /// An attempt failed; true when the one before had not.
  mutating func failed(_ reason: String, nowSeconds: Int64) -> Bool {
    self.reason = reason
    guard failingSince == nil else { return false }
    failingSince = nowSeconds
    return true
  }

  /// An attempt succeeded; true when the one before had not.
  mutating func worked() -> Bool {
    defer { (failingSince, reason) = (nil, nil) }
    return failingSince != nil
  }
}

/// The set of one URL.
final class RemoteKeySet {
  let url: KeySetURL
  /// Everything that uses it.
  let uses: [LiveKeySource]
  var schedule: KeySetSchedule
  var health = SourceHealth()
  /// The fetch under way.
  var job: FetchJob?
  /// Which fetch this is: what comes late of an earlier one is told by it.
  private(set) var attempt: UInt32 = 0
  /// The set in use; nil while none may be used.
  private(set) var set: KeyFile?
  /// Digest of its text; empty for a copy.
  private(set) var digest: [UInt8] = []
  /// When it was fetched, in seconds since 1970.
  var fetchedSeconds: Int64?
  /// Keyed hashes of the key ids in it.
  private var names: Set<UInt64> = []
  /// False after a copy that could not be written, so that it is said once.
  var isCopyWritten = true
  /// Fetches that brought a set, and those that didn't.
  var successCount = 0
  var failureCount = 0

  init(_ url: KeySetURL, uses: [LiveKeySource], nowMilliseconds: Int64) {
    self.url = url
    self.uses = uses
    schedule = KeySetSchedule(now: nowMilliseconds)
  }

  /// Begins a new attempt and gives its token for the poller.
  func beginAttempt(index: Int) -> UInt64 {
    attempt &+= 1
    return ControlToken.fetch | UInt64(attempt & 0xFF_FFFF) << 32 | UInt64(index)
  }

  /// True when an event's token is of the fetch under way.
  func isCurrent(_ token: UInt64) -> Bool {
    job != nil && UInt32(truncatingIfNeeded: token >> 32) & 0xFF_FFFF == attempt & 0xFF_FFFF
  }

  /// Takes a set into use, or none.
  func use(_ set: KeyFile?, digest: [UInt8]) {
    self.set = set
    self.digest = digest
    names = Set((set?.keys ?? []).compactMap { $0.identifier.map { KeyName.hash($0.span) } })
  }

  /// True when the set in use names a key so.
  func names(_ keyName: UInt64) -> Bool { names.contains(keyName) }

  func isUsed(by realms: [Int]) -> Bool { uses.contains { realms.contains($0.realm) } }
}
