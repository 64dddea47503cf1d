// Whether a realm whose keys were replaced may take its place: the rules of `PolicyDefinitions` about
// keys in common and keys that sign, asked again while the gateway runs. Control loop; each pair of
// realms is compared once, however many routes name both.

import Tokens

extension PolicySet {
  /// Why `realm` can't stand in for the realm of its index, nil when it can: on a route that takes
  /// tokens of several realms no two of them may have a key in common, because then nobody could say
  /// whose a token is; and a realm that mints goes on having a key for it. `realms` are those in use,
  /// by index. For a person; holds no key.
  public func keyConflict(of realm: Realm, among realms: [Realm]) -> String? {
    let signs =
      mintTargets.contains { $0.realm == realm.index } || assertion?.realm == realm.index
    if signs {
      // As it was configured: then it was asked whether it can sign what its routes need.
      let configured = self.realms.realms[realm.index]
      for tokenClass in TokenClass.allCases
      where configured.mintingAlgorithm(.replacement, tokenClass) != nil
        && realm.mintingAlgorithm(.replacement, tokenClass) == nil
      {
        return "realm \(realm.name) signs \(tokenClass.name) tokens for its backends, and would"
          + " have no private key or secret for it"
      }
    }
    for index in partners(of: realm.index) where realms.indices.contains(index) {
      if realms[index].sharesKey(with: realm) {
        return "realms \(realms[index].name) and \(realm.name) would have a key in common"
      }
    }
    return nil
  }

  /// The other realms of routes that take tokens of this one, each once.
  private func partners(of realm: Int) -> [Int] {
    var met: Set<Int> = []
    for route in routes where route.auth != .none && route.furtherRealmCount > 0 {
      let further = furtherRealms[
        Int(route.firstFurtherRealm)..<Int(route.firstFurtherRealm + route.furtherRealmCount)]
      let indices = [Int(route.realm)] + further.map { Int($0) }
      if indices.contains(realm) { met.formUnion(indices) }
    }
    met.remove(realm)
    return met.sorted()
  }
}
