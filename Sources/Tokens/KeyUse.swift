// How much a key is used: what an operator asks before dropping an old one.
//
// Counted only in realms where there is a choice (a class with several keys, or a key with an end),
// so that the ordinary realm with one secret for each class pays one branch. The numbers are shared
// by all workers; they are few, and written with relaxed order: nothing is decided by them.
//
// They begin at the start of the gateway: what a key did before is not known.

import Synchronization

/// The numbers of one key. Any thread.
final class KeyUse: Sendable {
  private let count = Atomic<Int>(0)
  private let lastUse = Atomic<Int64>(.min)
  private let newestExpiration = Atomic<Int64>(.min)

  /// Notes a token that the key verified.
  func note(expiration: Int64, nowSeconds: Int64) {
    count.wrappingAdd(1, ordering: .relaxed)
    // A second is written once, and an expiration when it is the newest: mostly these only load.
    if lastUse.load(ordering: .relaxed) < nowSeconds {
      lastUse.max(nowSeconds, ordering: .relaxed)
    }
    if newestExpiration.load(ordering: .relaxed) < expiration {
      newestExpiration.max(expiration, ordering: .relaxed)
    }
  }

  /// Number of tokens; last use and newest expiration, nil before the first.
  var numbers: (count: Int, lastUse: Int64?, newestExpiration: Int64?) {
    let count = count.load(ordering: .relaxed)
    guard count > 0 else { return (0, nil, nil) }
    return (
      count, lastUse.load(ordering: .relaxed), newestExpiration.load(ordering: .relaxed)
    )
  }
}

/// What is known of one key of a realm.
public struct KeyReport: Sendable, Equatable {
  /// Whether an old key may go.
  public enum Drop: Sendable, Equatable {
    /// It doesn't count any more, or no token of it can be alive.
    case safe
    /// A token of it lives until then, in seconds since 1970.
    case tokenLives(until: Int64)
    /// The gateway has not run as long as a token may live; it will have by then.
    case notYetKnown(until: Int64)
    /// The class has no lifetime, so that tokens may live for any time.
    case unknown
  }

  /// Algorithm and names: `ES256 "one"`.
  public let key: String
  /// Which of the settings it is: `secret`, `previous 1`, `key file 2`.
  public let place: String
  /// The classes that it signs or signed for.
  public let classes: [TokenClass]
  /// First second at which it no longer counts for any class, nil for a key without end.
  public let end: Int64?
  /// Tokens that it verified since the start.
  public let count: Int
  /// When it last did, in seconds since 1970; nil for never.
  public let lastUse: Int64?
  /// When the newest of these tokens expires.
  public let newestExpiration: Int64?
  /// The longest life of a token of its classes, nil without a limit.
  public let lifetimeSeconds: Int64?

  /// Whether it may go, for a key with an end; nil for the others.
  public func drop(nowSeconds: Int64, uptimeSeconds: Int64) -> Drop? {
    guard let end else { return nil }
    if nowSeconds >= end { return .safe }
    if let newestExpiration, newestExpiration > nowSeconds {
      return .tokenLives(until: Swift.min(newestExpiration, end))
    }
    // It signed nothing since it became the old one, which was at the start at the latest.
    guard let lifetimeSeconds else { return .unknown }
    if uptimeSeconds >= lifetimeSeconds { return .safe }
    return .notYetKnown(until: Swift.min(nowSeconds + lifetimeSeconds - uptimeSeconds, end))
  }
}

extension Realm {
  /// What is known of each key, in the order of the settings; empty where nothing is counted.
  public var keyReports: [KeyReport] {
    guard countsKeyUse else { return [] }
    return keys.indices.map { index in
      let key = keys[index]
      let classes = TokenClass.allCases.filter { key.end(of: $0) > .min }
      let lifetimes = classes.map { lifetimeSeconds($0) }
      let numbers = key.use.numbers
      return KeyReport(
        key: keyText(index), place: key.place, classes: classes,
        end: key.end == .max ? nil : key.end, count: numbers.count, lastUse: numbers.lastUse,
        newestExpiration: numbers.newestExpiration,
        lifetimeSeconds: lifetimes.contains(nil) ? nil : lifetimes.compactMap { $0 }.max())
    }
  }
}
