// All realms of a configuration with the keys that they have at one time.
//
// Realms never change: a key that comes or goes makes a new realm in the old one's place, and a new
// set of all. A worker judges by the newest set it was told of; between two sets it may be a message
// behind, never ahead. Immutable, shared by all workers.

/// The realms as they stand.
public final class RealmSet: Sendable {
  /// Grows with every change of a key.
  public let version: UInt64
  /// The realms, by their index.
  public let realms: [Realm]

  /// The realms of a start or a reload.
  public init(_ realms: [Realm]) {
    version = 1
    self.realms = realms
  }

  private init(version: UInt64, _ realms: [Realm]) {
    self.version = version
    self.realms = realms
  }

  /// The same with another realm in the place of the one with its index.
  public func replacing(_ realm: Realm) -> RealmSet {
    var realms = realms
    realms[realm.index] = realm
    return RealmSet(version: version + 1, realms)
  }
}
