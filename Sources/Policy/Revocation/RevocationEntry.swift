// One revocation as it is told between workers, journal, command line and admin API.

import Bytes
import Tokens

/// What a revocation is about.
public enum RevocationKind: UInt8, Sendable, CaseIterable {
  /// One token, by its id.
  case token
  /// All tokens of a subject issued at or before a time.
  case subject
  /// All tokens of a realm issued at or before a time.
  case everyone
  /// One session, by its id.
  case session
  /// A refresh token that was exchanged for another.
  case spent

  /// The word in the journal and on the command line.
  public var name: StaticString {
    switch self {
    case .token: "token"
    case .subject: "subject"
    case .everyone: "everyone"
    case .session: "session"
    case .spent: "spent"
    }
  }
}

/// One revocation.
public struct RevocationEntry: Sendable, Equatable, Hashable {
  /// What it is about.
  public var kind: RevocationKind
  /// Name of the realm: names outlive a reload, indices don't.
  public var realm: String
  /// Token id or subject in canonical text; empty for `everyone`.
  public var value: String
  /// Tokens issued at or before this are refused (`subject`, `everyone`); otherwise when it was
  /// revoked. Seconds since 1970.
  public var time: Int64
  /// When the entry may be forgotten, in seconds since 1970.
  public var expiry: Int64

  /// Makes an entry.
  public init(
    kind: RevocationKind, realm: String, value: String, time: Int64, expiry: Int64
  ) {
    self.kind = kind
    self.realm = realm
    self.value = value
    self.time = time
    self.expiry = expiry
  }
}

extension RevocationEntry {
  /// How long an entry is kept when no lifetime is configured, in seconds.
  public static let keptSecondsWithoutLifetime: Int64 = 400 * 86_400

  /// When nothing that stands at `time` in `realm` can be valid any more: the longest lifetime later,
  /// and the leeway twice, because it stretches both how far `exp` may be away and how long a token
  /// is taken after it.
  public static func expiry(realm: Realm, time: Int64) -> Int64 {
    // Times come from people too: 2^53 seconds is beyond all of them and far from overflow.
    min(max(time, 0), 1 << 53) + (realm.longestLifetimeSeconds ?? keptSecondsWithoutLifetime)
      + 2 * realm.leewaySeconds
  }

  /// A revocation of one token. `identifier` is its id as `TokenVerifier.tokenIdentifierText()`
  /// writes it (`jti:…`, `sha256:…`), `expiration` its `exp` where known.
  public static func token(
    identifier: String, realm: Realm, expiration: Int64? = nil, nowSeconds: Int64
  ) -> RevocationEntry {
    RevocationEntry(
      kind: .token, realm: realm.name, value: identifier, time: nowSeconds,
      expiry: expiration.map { min($0, 1 << 53) + realm.leewaySeconds }
        ?? expiry(realm: realm, time: nowSeconds))
  }

  /// A revocation of all tokens of a subject (canonical text) issued at or before `time`.
  public static func subject(_ subject: String, realm: Realm, time: Int64) -> RevocationEntry {
    RevocationEntry(
      kind: .subject, realm: realm.name, value: subject, time: time,
      expiry: expiry(realm: realm, time: time))
  }

  /// A revocation of all tokens of a realm issued at or before `time`.
  public static func everyone(realm: Realm, time: Int64) -> RevocationEntry {
    RevocationEntry(
      kind: .everyone, realm: realm.name, value: "", time: time,
      expiry: expiry(realm: realm, time: time))
  }
}
