// Which key a token was signed with, for those who keep a token's numbers longer than its request:
// tunnels and event streams. Realms come and go with their keys; a mark is the same in all of them.

/// The key of one token's signature.
public struct KeyMark: Sendable, Equatable {
  let serial: UInt64
}

extension Realm {
  /// The mark of an accepted token's key, nil for facts of another realm.
  public func mark(of facts: TokenFacts) -> KeyMark? {
    let index = Int(facts.keyIndex)
    guard keys.indices.contains(index) else { return nil }
    return KeyMark(serial: keys[index].use.serial)
  }

  /// First second at which an accepted token's key no longer counts for its class; `Int64.max` for a
  /// key without end.
  public func keyEnd(of facts: TokenFacts) -> Int64 {
    let index = Int(facts.keyIndex)
    return keys.indices.contains(index) ? keys[index].end(of: facts.tokenClass) : .min
  }

  /// False when a key was withdrawn: every set of the realm is known, and none has it. As long as one is
  /// not known, nobody can say that.
  public func mayHold(_ mark: KeyMark) -> Bool {
    keys.contains { $0.use.serial == mark.serial }
      || absentKeys.contains { $0.use.serial == mark.serial }
  }
}
