// How each source of changing keys is, for `status` and for metrics. Plain values; no secret: a URL's
// query is left out.

import Tokens

/// One source in one place.
public struct KeySetReport: Sendable, Equatable {
  /// What kind of source.
  public enum Kind: String, Sendable {
    /// A set that is fetched.
    case url
    /// A file that is watched.
    case file
  }

  /// The realm's name.
  public let realm: String
  /// `access`, `refresh`, or `decrypt` for keys that open encrypted tokens.
  public let tokenClass: String
  /// What kind of source.
  public let kind: Kind
  /// The URL without its query, or the path.
  public let place: String
  /// Keys in use.
  public let keyCount: Int
  /// Seconds since the set in use was fetched; nil for files and while there is none.
  public let ageSeconds: Int64?
  /// Seconds until the next fetch by itself; nil for files and while one is under way.
  public let nextFetchSeconds: Int64?
  /// Since when it fails, in seconds since 1970; nil while it works.
  public let failingSince: Int64?
  /// Why it fails, in words.
  public let failure: String?
  /// Fetches that brought a set since the start.
  public let fetchCount: Int
  /// Fetches that didn't.
  public let fetchFailureCount: Int
  /// Keys of the set that can't be used, and why.
  public let skippedKeys: [String]
}

extension LiveKeySource.Place {
  /// The word of the configuration.
  var name: String {
    switch self {
    case .tokenClass(let tokenClass, _): tokenClass.name.description
    case .decryption: "decrypt"
    }
  }
}
