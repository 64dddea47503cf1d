// Everything that a token's claims have against them, not only the first: class, times, lifetime,
// issuer, audience, and what its realm requires.
//
// The rules are ClaimRules'; this tells by how much each is missed. What a claim says is shown only of
// a token that a key of the realm signed: anybody can write the others.

import Bytes
import JSON

/// The claims of one token, looked into.
struct ClaimDiagnosis {
  private let realm: Realm
  private let key: VerificationKey?
  private let nowSeconds: Int64
  private(set) var findings: [TokenFinding] = []
  /// The class, where key and `type` give one.
  private(set) var tokenClass: TokenClass?

  /// Beyond this a number of seconds is one of milliseconds: the year 5138.
  private static let secondsMaximum: Int64 = 100_000_000_000

  /// Looks at a payload's segment. `key` is the realm's key that signed it, nil where none did.
  init(
    _ segment: ArraySlice<UInt8>, realm: Realm, key: VerificationKey?, accepting: AcceptedClasses,
    nowSeconds: Int64
  ) {
    self.realm = realm
    self.key = key
    self.nowSeconds = nowSeconds
    guard let text = TokenForm.decode(segment) else { return }
    let document = JSONDocument(
      depthMaximum: ClaimSet.depthMaximum, nodeMaximum: ClaimSet.nodeMaximum)
    if let fault = JSONFaultText.fault(text, document, "payload") {
      note(.malformed, fault)
      return
    }
    var claims = ClaimSet(segmentBytesMaximum: segment.count + 4)
    guard claims.read(Array(segment).span) else {
      note(.malformed, "its claims can't be read")
      return
    }
    judgeClass(claims, accepting)
    judgeTimes(claims)
    judgeParties(claims)
    judgeRequirements(claims)
  }

  private mutating func note(_ reason: DenialReason?, _ text: String, _ advice: String? = nil) {
    findings.append(TokenFinding(reason, text, advice: advice))
  }

  /// What a claim says, for a token whose signature holds.
  private func shown(_ row: Int, _ claims: borrowing ClaimSet) -> String? {
    guard key != nil, row > 0 else { return nil }
    return Self.text(row, claims.document, claims.payload)
  }

  private static func text(
    _ row: Int, _ document: JSONDocument, _ payload: borrowing ByteBuffer
  ) -> String {
    let text = payload.readable
    if let string = document.text(row, in: text) { return JSONText.quoted(string) }
    let json = String(lossy: text.slice(document.range(row)))
    // What a terminal would obey is quoted once more.
    let isPlain = json.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    return isPlain ? json : JSONText.quoted(json)
  }

  // MARK: Class

  private mutating func judgeClass(_ claims: borrowing ClaimSet, _ accepting: AcceptedClasses) {
    let said = shown(claims.claims.type, claims)
    let type = claims.claims.type > 0 ? "its type is \(said ?? "another")" : "it has no type"
    guard let key else {
      return
    }
    tokenClass = Self.classOf(claims, realm, key, nowSeconds)
    if let tokenClass {
      if accepting.includes(tokenClass) { return }
      let (is_, wanted) =
        tokenClass == .access ? ("an access", "a refresh") : ("a refresh", "an access")
      return note(
        .wrongTokenType, "it is \(is_) token, and \(wanted) token is asked for",
        tokenClass == .refresh
          ? "send the access token; the refresh token belongs only where new ones are made"
          : "send the refresh token here")
    }
    let signs = TokenClass.allCases.filter { key.signs($0, at: nowSeconds) }
    let names = signs.map { "\($0.name)" }.joined(separator: " and ")
    for one in signs {
      guard let required = realm.rules(one).requiredType else { continue }
      let wanted = JSONText.quoted(String(lossy: required.span))
      note(
        .wrongTokenType,
        "\(type), and \(one.name) tokens of realm \(realm.name) must say \(wanted)",
        "let the backend write it, or take `type` out of the \(one.name) block")
    }
    guard findings.allSatisfy({ $0.reason != .wrongTokenType }) else { return }
    // A key past its end signs for no class, and that end is what is told.
    if signs.isEmpty { return }
    note(
      .wrongTokenType,
      "\(type), but the key that signed it is for \(names) tokens of realm \(realm.name)",
      "the backend's two secrets are exchanged, or it signs one class with the other's secret")
  }

  private static func classOf(
    _ claims: borrowing ClaimSet, _ realm: Realm, _ key: VerificationKey, _ nowSeconds: Int64
  ) -> TokenClass? {
    claims.tokenClass(claims.payload.readable, realm, key, nowSeconds)
  }

  // MARK: Times

  private mutating func judgeTimes(_ claims: borrowing ClaimSet) {
    let expiration = time("exp", claims.claims.expiration, claims)
    let notBefore = time("nbf", claims.claims.notBefore, claims)
    let issuedAt = time("iat", claims.claims.issuedAt, claims)
    if claims.claims.expiration == 0 {
      note(
        .malformed, "it has no exp: it would be valid for ever",
        "let the backend write exp (Flask-JWT-Extended: JWT_ACCESS_TOKEN_EXPIRES must not be False)"
      )
    }
    for (name, seconds) in [("exp", expiration), ("iat", issuedAt), ("nbf", notBefore)] {
      guard let seconds, seconds > Self.secondsMaximum else { continue }
      note(
        nil, "its \(name) is \(seconds): that looks like milliseconds",
        "times are seconds since 1970 (Math.floor(Date.now() / 1000))")
    }
    let leeway = realm.leewaySeconds
    if let expiration, nowSeconds >= expiration + leeway {
      let late = nowSeconds - expiration
      note(
        .expired, "it expired \(SpanText.of(late)) ago\(leewayText)",
        "let the client fetch a new one"
          + (leewayAdvice(late + 1).map { "; if the clocks differ, \($0)" } ?? ""))
    }
    for (name, seconds) in [("nbf", notBefore), ("iat", issuedAt)] {
      guard let seconds, seconds > nowSeconds + leeway, seconds <= Self.secondsMaximum else {
        continue
      }
      let early = seconds - nowSeconds
      note(
        .notYetValid, "its \(name) lies \(SpanText.of(early)) in the future\(leewayText)",
        (name == "iat"
          ? "the signer's clock is ahead of this one, or this one behind: set both by NTP"
          : "wait, or compare both clocks")
          + (leewayAdvice(early).map { "; " + $0 } ?? ""))
    }
    judgeLifetime(expiration, issuedAt)
  }

  private var leewayText: String {
    realm.leewaySeconds == 0 ? "" : ", with the leeway of \(realm.leewaySeconds) s counted"
  }

  private func leewayAdvice(_ seconds: Int64) -> String? {
    seconds <= RealmKeys.leewaySecondsMaximum ? "it would pass with `leeway \(seconds)s;`" : nil
  }

  private mutating func time(
    _ name: String, _ row: Int, _ claims: borrowing ClaimSet
  ) -> Int64? {
    guard row > 0 else { return nil }
    if let seconds = Self.seconds(row, claims.document, claims.payload) { return seconds }
    note(
      .malformed,
      "its \(name) is no number of seconds" + (shown(row, claims).map { ": \($0)" } ?? ""),
      "times are numbers of seconds since 1970, not texts")
    return nil
  }

  private static func seconds(
    _ row: Int, _ document: JSONDocument, _ payload: borrowing ByteBuffer
  ) -> Int64? {
    document.seconds(row, in: payload.readable)
  }

  private mutating func judgeLifetime(_ expiration: Int64?, _ issuedAt: Int64?) {
    guard let expiration else { return }
    let tokenClass = tokenClass ?? .access
    guard let lifetime = realm.lifetimeSeconds(tokenClass),
      expiration > nowSeconds + lifetime + realm.leewaySeconds
    else { return }
    let left = expiration - nowSeconds
    let whole = issuedAt.map { expiration - $0 } ?? left
    note(
      .lifetimeExceeded,
      "it lives \(SpanText.of(left)) more, and \(tokenClass.name) tokens of realm \(realm.name) live "
        + "at most \(SpanText.of(lifetime))",
      expiration > Self.secondsMaximum
        ? "let the backend write seconds, not milliseconds"
        : "let the backend sign for \(lifetime) s at most, or say `lifetime \(max(whole, left))s;` in "
          + "the \(tokenClass.name) block")
  }

  // MARK: Issuer and audience

  private mutating func judgeParties(_ claims: borrowing ClaimSet) {
    if let issuer = realm.issuerText,
      !Self.isString(claims.claims.issuer, issuer, claims.document, claims.payload)
    {
      note(
        .wrongIssuer,
        found("iss", claims.claims.issuer, claims) + ", and realm \(realm.name) wants "
          + JSONText.quoted(issuer),
        "let the backend write it, or correct `issuer`")
    }
    let wanted = realm.audienceTexts
    guard !wanted.isEmpty else { return }
    let row = claims.claims.audience
    let isMet = wanted.contains {
      Self.names(row, $0, claims.document, claims.payload)
    }
    guard !isMet else { return }
    note(
      .wrongAudience,
      found("aud", row, claims) + ", and realm \(realm.name) wants "
        + wanted.map { JSONText.quoted($0) }.joined(separator: " or "),
      "let the backend write it, or correct `audience`")
  }

  private func found(_ name: String, _ row: Int, _ claims: borrowing ClaimSet) -> String {
    if row == 0 { return "it has no \(name)" }
    return shown(row, claims).map { "its \(name) is \($0)" } ?? "its \(name) says something else"
  }

  private static func isString(
    _ row: Int, _ text: String, _ document: JSONDocument, _ payload: borrowing ByteBuffer
  ) -> Bool {
    row > 0 && document.string(row, in: payload.readable, equals: Array(text.utf8).span)
  }

  /// True when `aud`, a string or an array of strings, names `text`.
  private static func names(
    _ row: Int, _ text: String, _ document: JSONDocument, _ payload: borrowing ByteBuffer
  ) -> Bool {
    guard row > 0 else { return false }
    guard document.kind(row) == .array else { return isString(row, text, document, payload) }
    var element = row + 1
    while element < document.next(row) {
      if isString(element, text, document, payload) { return true }
      element = document.next(element)
    }
    return false
  }

  // MARK: What the realm requires

  private mutating func judgeRequirements(_ claims: borrowing ClaimSet) {
    guard let tokenClass, let requirements = realm.requirements(tokenClass) else { return }
    let reasons = claims.judgeEach(requirements, nowSeconds: nowSeconds)
    for (line, reason) in zip(requirements.lines, reasons) {
      guard let reason else { continue }
      note(
        reason,
        reason == .missingClaim
          ? "it lacks what realm \(realm.name) requires: \(line.text)"
          : "realm \(realm.name) requires \(line.text), and its claim says something else",
        "let the backend write it, or take the `require` line out of the realm")
    }
  }
}
