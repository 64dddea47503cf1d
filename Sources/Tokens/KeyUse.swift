// How much a key is used: what an operator asks before dropping an old one.
//
// Counted for every key and class, so that whoever looks for a key's use finds it. The numbers are
// shared by all workers and written with relaxed order: nothing is decided by them. Measured, a note
// costs 2.1 ns, and 2.7 ns where two threads note the same key at once: less than what it would take
// to keep counts of each worker in step with keys that come and go. They begin at the start of the
// gateway; what a key did before is not known.

import Synchronization

/// The numbers of one key. Any thread.
final class KeyUse: Sendable {
  /// A number that no other key has, and this one in every realm that succeeds its first.
  let serial = KeyUse.serials.wrappingAdd(1, ordering: .relaxed).newValue

  private static let serials = Atomic<UInt64>(0)

  private let access = ClassUse()
  private let refresh = ClassUse()

  /// Notes a token of a class that the key verified.
  func note(_ tokenClass: TokenClass, expiration: Int64, nowSeconds: Int64) {
    switch tokenClass {
    case .access: access.note(expiration: expiration, nowSeconds: nowSeconds)
    case .refresh: refresh.note(expiration: expiration, nowSeconds: nowSeconds)
    }
  }

  /// What it was used for, for one class.
  func numbers(_ tokenClass: TokenClass) -> KeyUseNumbers {
    switch tokenClass {
    case .access: access.numbers
    case .refresh: refresh.numbers
    }
  }

  /// When it was first seen to have signed, whatever the class; nil for not yet.
  var firstUse: Int64? {
    switch (access.numbers.firstUse, refresh.numbers.firstUse) {
    case (let one?, let two?): Swift.min(one, two)
    case (let one, let two): one ?? two
    }
  }
}

/// What a key was used for since the start; the times are nil before the first use.
struct KeyUseNumbers {
  var count = 0
  var firstUse: Int64?
  var lastUse: Int64?
  var newestExpiration: Int64?
}

/// One class's part of it.
private struct ClassUse: ~Copyable, Sendable {
  private let count = Atomic<Int>(0)
  private let firstUse = Atomic<Int64>(.max)
  private let lastUse = Atomic<Int64>(.min)
  private let newestExpiration = Atomic<Int64>(.min)

  func note(expiration: Int64, nowSeconds: Int64) {
    let before = count.wrappingAdd(1, ordering: .relaxed).oldValue
    if before == 0 { firstUse.min(nowSeconds, ordering: .relaxed) }
    // A second is written once, and an expiration when it is the newest: mostly these only load.
    if lastUse.load(ordering: .relaxed) < nowSeconds {
      lastUse.max(nowSeconds, ordering: .relaxed)
    }
    if newestExpiration.load(ordering: .relaxed) < expiration {
      newestExpiration.max(expiration, ordering: .relaxed)
    }
  }

  var numbers: KeyUseNumbers {
    let count = count.load(ordering: .relaxed)
    guard count > 0 else { return KeyUseNumbers() }
    // Another worker may be between its count and its times.
    func told(_ time: Int64) -> Int64? { time == .min || time == .max ? nil : time }
    return KeyUseNumbers(
      count: count, firstUse: told(firstUse.load(ordering: .relaxed)),
      lastUse: told(lastUse.load(ordering: .relaxed)),
      newestExpiration: told(newestExpiration.load(ordering: .relaxed)))
  }
}

/// What is known of one key of a realm, for one of the classes that it signs.
public struct KeyReport: Sendable, Equatable {
  /// Whether an old key may go.
  public enum Drop: Sendable, Equatable {
    /// It doesn't count any more, or no token of it can be alive.
    case safe
    /// A token of it lives until then, in seconds since 1970.
    case tokenLives(until: Int64)
    /// Tokens that were not seen may live until then, in seconds since 1970: the new secret has not
    /// been in use for a token's lifetime.
    case notYetKnown(until: Int64)
    /// No token of the new secret was seen: the old one may still be signing.
    case successorUnseen
    /// The class has no lifetime, so that tokens may live for any time.
    case unknown

    /// The stable name in metrics.
    public var name: StaticString {
      switch self {
      case .safe: "safe"
      case .tokenLives: "token_lives"
      case .notYetKnown: "not_yet_known"
      case .successorUnseen: "successor_unseen"
      case .unknown: "no_lifetime"
      }
    }
  }

  /// Algorithm and names: `ES256 "one"`.
  public let key: String
  /// Which of the class's settings it is: `secret`, `previous 1`, `key file 2`.
  public let place: String
  /// The class.
  public let tokenClass: TokenClass
  /// First second at which it no longer counts for the class, nil for a key without end.
  public let end: Int64?
  /// Tokens of the class that it verified since the start.
  public let count: Int
  /// When it last did, in seconds since 1970; nil for never.
  public let lastUse: Int64?
  /// When the newest of these tokens expires.
  public let newestExpiration: Int64?
  /// The longest life of a token of the class, nil without a limit.
  public let lifetimeSeconds: Int64?
  /// How long after its expiration a token is still taken.
  public let leewaySeconds: Int64
  /// When the secret that took its place was first seen to have signed; nil for not yet.
  public let successorFirstUse: Int64?

  /// Whether it may go, for a key with an end; nil for the others.
  ///
  /// Tokens that nobody has shown yet live no longer than a lifetime after the last of them was
  /// signed. When that was, only the signer knows; where it is one, it was before the first token of
  /// the new secret.
  public func drop(nowSeconds: Int64) -> Drop? {
    guard let end else { return nil }
    if nowSeconds >= end { return .safe }
    // Claims are bounded, so that these sums don't overflow (`ClaimSet`, `RealmKeys`).
    if let newestExpiration, nowSeconds < newestExpiration &+ leewaySeconds {
      return .tokenLives(until: Swift.min(newestExpiration &+ leewaySeconds, end))
    }
    guard let lifetimeSeconds else { return .unknown }
    guard let successorFirstUse else { return .successorUnseen }
    let last = successorFirstUse &+ lifetimeSeconds &+ leewaySeconds
    return nowSeconds >= last ? .safe : .notYetKnown(until: Swift.min(last, end))
  }
}

extension Realm {
  /// What is known of each key for each of its classes, in the order of the settings.
  public var keyReports: [KeyReport] {
    keys.indices.flatMap { index in
      TokenClass.allCases.filter { keys[index].end(of: $0) > .min }.map { report(index, $0) }
    }
  }

  private func report(_ index: Int, _ tokenClass: TokenClass) -> KeyReport {
    let key = keys[index]
    let end = key.end(of: tokenClass)
    let numbers = key.use.numbers(tokenClass)
    // Of one secret with several algorithms any will do.
    let successors = keys.filter { $0.end(of: tokenClass) == .max && $0.isSecret(of: tokenClass) }
    return KeyReport(
      key: keyText(index), place: key.place(of: tokenClass), tokenClass: tokenClass,
      end: end == .max ? nil : end, count: numbers.count, lastUse: numbers.lastUse,
      newestExpiration: numbers.newestExpiration, lifetimeSeconds: lifetimeSeconds(tokenClass),
      leewaySeconds: leewaySeconds,
      successorFirstUse: successors.compactMap(\.use.firstUse).min())
  }
}
