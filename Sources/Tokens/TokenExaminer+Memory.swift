// What a verifier remembers of the tokens it has accepted, and when it may be used: only for the realm
// as it is now, and only while the key counts.

import Bytes

extension TokenExaminer {
  /// Remembers the signature of an accepted token.
  mutating func remember(
    _ token: Span<UInt8>, _ realm: Realm, _ keyIndex: Int, _ expiration: Int64, _ nowSeconds: Int64
  ) {
    if verified == nil {
      let made = VerifiedTokens(tokenBytesMaximum: tokenBytesMaximum)
      tokenHash = made.hash(token)
      verified = made
    }
    guard let verified else { return }
    verified.remember(
      tokenHash, realm.serial, keyIndex: keyIndex, expiration: expiration, nowSeconds: nowSeconds)
  }

  /// The key that is known to have made a token's signature, while it counts.
  mutating func rememberedKey(
    _ token: Span<UInt8>, _ realm: Realm, _ nowSeconds: Int64
  ) -> Int? {
    guard let index = knownKey(token, realm, nowSeconds) else { return nil }
    counts.remembered &+= 1
    return index
  }

  @inline(__always)
  private mutating func knownKey(
    _ token: Span<UInt8>, _ realm: Realm, _ nowSeconds: Int64
  ) -> Int? {
    guard let verified else { return nil }
    tokenHash = verified.hash(token)
    guard let index = verified.keyIndex(tokenHash, realm.serial),
      index < realm.keys.count, nowSeconds < realm.keys[index].end
    else { return nil }
    return index
  }

  mutating func remembers(_ token: Span<UInt8>, realm: Realm, nowSeconds: Int64) -> Bool {
    token.count <= tokenBytesMaximum && knownKey(token, realm, nowSeconds) != nil
  }

  /// Empties what is remembered of other realms. Cold.
  mutating func forget(allBut realms: [Realm]) {
    let serials = realms.map(\.serial)
    verified?.keepOnly(serials)
    opener?.keepOnly(serials)
  }

  /// What was counted so far.
  var signatureCounts: SignatureCounts {
    var report = counts
    report.computed = account.operationCount
    return report
  }

  var rememberedCount: Int { verified?.usedCount ?? 0 }
}
