// What the claims must say: class, times, issuer, audience (DESIGN §5.4, RFC 7519 §4.1).
//
// Order: claims that can't be read, then the class, then the times, then issuer and audience. The
// class comes before the times so that a genuine refresh token on an ordinary route is always told
// as `wrong_token_type`, expired or not.
//
// Times are whole seconds. A fraction is cut off (towards zero, as PyJWT does); beyond ±2^53
// parsers disagree about the number, so such a token is malformed. `exp` is the first second at
// which the token is no longer valid.

import Bytes
import JSON

/// Times and class of a token that passed.
struct JudgedClaims {
  var tokenClass = TokenClass.access
  var expiration: Int64 = 0
  var issuedAt = TokenFacts.unknownTime
  var lifetime: Int64 = 0
}

extension ClaimSet {
  /// Judges the claims of a token that `key` signed; the outcome is nil when all rules hold.
  func judge(
    realm: Realm, key: VerificationKey, accepting: AcceptedClasses, nowSeconds: Int64,
    into judged: inout JudgedClaims
  ) -> DenialReason? {
    let text = payload.readable
    // `exp` is required: a token without it would be valid for ever.
    guard claims.expiration > 0, let expiration = document.seconds(claims.expiration, in: text)
    else { return .malformed }
    var notBefore = Int64.min
    if claims.notBefore > 0 {
      guard let time = document.seconds(claims.notBefore, in: text) else { return .malformed }
      notBefore = time
    }
    var issuedAt = Int64.min
    if claims.issuedAt > 0 {
      guard let time = document.seconds(claims.issuedAt, in: text) else { return .malformed }
      issuedAt = time
    }
    guard let tokenClass = tokenClass(text, realm, key, nowSeconds),
      accepting.includes(tokenClass)
    else { return .wrongTokenType }
    let leeway = realm.leewaySeconds
    let lifetime = realm.rules(tokenClass).lifetimeSeconds
    // No sum overflows: claims are within ±2^53, leeway and lifetime are capped when the realm is
    // compiled, and `nowSeconds` is our own clock.
    if nowSeconds >= expiration + leeway { return .expired }
    if notBefore > nowSeconds + leeway || issuedAt > nowSeconds + leeway { return .notYetValid }
    if let lifetime, expiration > nowSeconds + lifetime + leeway { return .lifetimeExceeded }
    // Exact bytes of one string, never containment (GHSA-75c5-xw7c-p5pm).
    if let issuer = realm.issuer, !isString(claims.issuer, issuer, text) { return .wrongIssuer }
    if !realm.audiences.isEmpty, !namesAudience(of: realm, text) { return .wrongAudience }

    judged.tokenClass = tokenClass
    judged.expiration = expiration
    judged.lifetime = lifetime ?? 0
    if claims.issuedAt > 0 {
      judged.issuedAt = issuedAt
    } else {
      judged.issuedAt = lifetime.map { expiration - $0 } ?? TokenFacts.unknownTime
    }
    return nil
  }

  // MARK: Class

  /// The class that key and `type` give the token, nil when they contradict each other.
  ///
  /// Only the strings `access` and `refresh` say anything; other values of `type` (people also keep
  /// the kind of user there) count as absent. A word that means the other class refuses in any
  /// letter case, but only the exact word admits.
  func tokenClass(
    _ text: Span<UInt8>, _ realm: Realm, _ key: VerificationKey, _ nowSeconds: Int64
  ) -> TokenClass? {
    if key.signs(.refresh, at: nowSeconds), fitsRefresh(text, realm, key.isShared) {
      return .refresh
    }
    if key.signs(.access, at: nowSeconds), fitsAccess(text, realm, key.isShared) { return .access }
    return nil
  }

  private func fitsRefresh(_ text: Span<UInt8>, _ realm: Realm, _ isShared: Bool) -> Bool {
    if typeSays("access", text) { return false }
    if let required = realm.refresh.requiredType { return isString(claims.type, required, text) }
    // Where the key also signs access tokens it can't decide, so the token must say it.
    if isShared {
      return claims.type > 0 && document.string(claims.type, in: text, equals: "refresh")
    }
    return true
  }

  private func fitsAccess(_ text: Span<UInt8>, _ realm: Realm, _ isShared: Bool) -> Bool {
    if typeSays("refresh", text) { return false }
    // A token's class is for its life: the end of a shared key for refresh tokens alone doesn't make
    // access tokens of them.
    if isShared, let other = realm.refresh.requiredType, isString(claims.type, other, text) {
      return false
    }
    if let required = realm.access.requiredType { return isString(claims.type, required, text) }
    return true
  }

  /// True when `type` is `word` in any letter case.
  private func typeSays(_ word: StaticString, _ text: Span<UInt8>) -> Bool {
    claims.type > 0 && document.string(claims.type, in: text, equalsIgnoringCase: word)
  }

  // MARK: Audience

  /// True when `aud`, a string or an array of strings, holds one of the realm's audiences.
  private func namesAudience(of realm: Realm, _ text: Span<UInt8>) -> Bool {
    let row = claims.audience
    guard row > 0 else { return false }
    guard document.kind(row) == .array else { return isAudience(row, of: realm, text) }
    var element = row + 1
    let end = document.next(row)
    while element < end {
      if isAudience(element, of: realm, text) { return true }
      element = document.next(element)
    }
    return false
  }

  private func isAudience(_ row: Int, of realm: Realm, _ text: Span<UInt8>) -> Bool {
    for index in 0..<realm.audiences.count where isString(row, realm.audiences[index], text) {
      return true
    }
    return false
  }

  private func isString(_ row: Int, _ bytes: [UInt8], _ text: Span<UInt8>) -> Bool {
    row > 0 && document.string(row, in: text, equals: bytes.span)
  }
}
