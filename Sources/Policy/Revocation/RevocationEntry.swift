// One revocation as it is told between workers, journal, command line and admin API.

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
