// `gateway token why`: everything that speaks against a token, the decisive fault first.
//
// The verdict is the verifier's own, realm by realm as a route with these realms would ask; what is
// found besides explains it. A fault that nothing here has words for is told by its reason alone, so
// that the explanation can be poor but never wrong.

import Bytes
import JSON

/// A token, explained.
public struct TokenDiagnosis {
  /// The facts of a token that holds, nil for one that doesn't.
  public private(set) var facts: TokenFacts?
  /// The reason of the verdict, nil for a token that holds.
  public private(set) var reason: DenialReason?
  /// True when a key set that isn't at hand may hold its key: then the reason is only the nearest one.
  public private(set) var isUndecided = false
  /// The realm that judged it, nil where no key of any realm made the signature.
  public private(set) var realm: Realm?
  /// What was found, the decisive one first; for a token that holds, what is worth knowing.
  public private(set) var findings: [TokenFinding] = []

  /// Explains `token` for a route that takes tokens of the `meant` realms, of which there is at least
  /// one. `others` are the realms of the same configuration that were not meant, `candidates` further
  /// secrets to try.
  public init(
    _ token: [UInt8], meant: [Realm], others: [Realm] = [], candidates: [CandidateSecret] = [],
    accepting: AcceptedClasses = .any, nowSeconds: Int64
  ) {
    precondition(!meant.isEmpty, "whoever asks names a realm")
    let verdict = Self.judge(token, meant, accepting, nowSeconds)
    (facts, reason, realm) = (verdict.facts, verdict.reason, verdict.realm)
    let bare = Self.bare(token)
    if facts == nil, !bare.isEmpty, bare.count < token.count {
      let rest = TokenDiagnosis(
        bare, meant: meant, others: others, candidates: candidates, accepting: accepting,
        nowSeconds: nowSeconds)
      findings = TokenForm(token).findings
      if rest.facts == nil {
        findings += rest.findings
      } else {
        findings.append(TokenFinding(nil, "without what stands around it the token holds"))
      }
      order()
      return
    }
    var form = TokenForm(token)
    explainUndecided(verdict.undecided)
    findings += form.findings
    var inner = token
    if form.isEncrypted, let opened = open(token, meant, others) {
      inner = opened
      form = TokenForm(inner)
      findings += form.findings
      if form.parts == nil {
        findings.append(
          TokenFinding(
            .malformed, "what is encrypted in it is no signed token",
            advice: "sign first, then encrypt"))
      }
    }
    if let parts = form.parts {
      explain(inner, form, parts, meant, others, candidates, accepting, nowSeconds)
    }
    order()
  }

  /// The token without white space and quotes around it.
  private static func bare(_ token: [UInt8]) -> [UInt8] {
    func isAround(_ byte: UInt8) -> Bool {
      byte <= 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'")
    }
    var rest = token.drop(while: isAround)
    while let last = rest.last, isAround(last) { rest.removeLast() }
    return Array(rest)
  }

  // MARK: The verdict

  /// What a route would decide: the first realm with a key for the signature judges alone, and where
  /// none has one, the furthest that the token came is told.
  private static func judge(
    _ token: [UInt8], _ meant: [Realm], _ accepting: AcceptedClasses, _ nowSeconds: Int64
  ) -> (facts: TokenFacts?, reason: DenialReason?, realm: Realm?, undecided: Realm?) {
    let verifier = TokenVerifier()
    // Behind a realm that has the algorithm a broken signature came further than at one that hasn't;
    // an encrypted token is malformed where nothing opens any.
    let isEncrypted = token.count { $0 == UInt8(ascii: ".") } == 4
    let order: [DenialReason] =
      (isEncrypted ? [.malformed, .unsupportedAlgorithm] : [.unsupportedAlgorithm, .malformed])
      + [.unknownKey, .badSignature]
    var furthest: DenialReason?
    var undecided: Realm?
    for realm in meant {
      switch verifier.verify(
        token.span, realm: realm, accepting: accepting, nowSeconds: nowSeconds)
      {
      case .accepted(let facts): return (facts, nil, realm, nil)
      case .denied(let reason):
        if verifier.hasFoundKey { return (nil, reason, realm, nil) }
        let one = order.firstIndex(of: reason) ?? -1
        let other = furthest.map { order.firstIndex(of: $0) ?? -1 }
        if other.map({ one > $0 }) ?? true { furthest = reason }
      case .undecided:
        // Where the running gateway would wait for a key set, nothing here fetches it.
        undecided = realm
      }
    }
    return (nil, undecided == nil ? furthest : .unknownKey, nil, undecided)
  }

  private mutating func explainUndecided(_ realm: Realm?) {
    guard let realm else { return }
    isUndecided = true
    findings.append(
      TokenFinding(
        .unknownKey,
        "realm \(realm.name) fetches a key set that may hold its key, and here it is not fetched",
        advice:
          "ask `gateway status` whether the running gateway has it, or give a copy by --jwks FILE"))
  }

  // MARK: What speaks against it

  private mutating func explain(
    _ token: [UInt8], _ form: TokenForm, _ parts: CompactToken, _ meant: [Realm],
    _ others: [Realm], _ candidates: [CandidateSecret], _ accepting: AcceptedClasses,
    _ nowSeconds: Int64
  ) {
    let signature = SignatureDiagnosis(
      token, form, parts, meant: meant, others: others, candidates: candidates,
      nowSeconds: nowSeconds)
    // Whether a key is missing can't be said while keys are missing.
    findings += isUndecided && signature.signer == nil ? [] : signature.findings
    let owner = signature.signer?.realm ?? realm ?? meant[0]
    let claims = ClaimDiagnosis(
      token[parts.payload.lower..<parts.payload.upper], realm: owner, key: signature.signer?.key,
      accepting: accepting, nowSeconds: nowSeconds)
    findings += claims.findings
  }

  private mutating func open(_ token: [UInt8], _ meant: [Realm], _ others: [Realm]) -> [UInt8]? {
    guard token.count <= TokenVerifier.tokenBytesDefault else { return nil }
    let holders = meant.filter { !$0.decryptionKeys.isEmpty }
    if holders.isEmpty {
      findings.append(
        TokenFinding(
          .malformed,
          "it is encrypted (JWE, five parts), and \(Self.names(meant)) key to open it",
          advice: "say `decrypt FILE;` in the realm, or let the issuer send signed tokens"))
    }
    var reasons: [DenialReason] = []
    for realm in holders + others.filter({ !$0.decryptionKeys.isEmpty }) {
      let opener = TokenOpener(tokenBytesMaximum: TokenVerifier.tokenBytesDefault)
      if let reason = opener.open(token.span, realm: realm) {
        reasons.append(reason)
        continue
      }
      if !meant.contains(where: { $0 === realm }) {
        findings.append(
          TokenFinding(
            .badSignature, "it was encrypted for realm \(realm.name)",
            advice: "use it where that realm is accepted"))
      }
      var opened = ByteBuffer()
      opener.exchangeOpened(&opened)
      return [UInt8](copying: opened.readable)
    }
    if reasons.contains(.badSignature) {
      findings.append(
        TokenFinding(
          .badSignature, "no `decrypt` key opens it: it was encrypted for another key, or changed",
          advice: "compare the key that the issuer encrypts for with the realm's"))
    } else if reasons.contains(.unknownKey) {
      findings.append(
        TokenFinding(.unknownKey, "its kid names none of the keys that open encrypted tokens"))
    } else if reasons.contains(.unsupportedAlgorithm) {
      findings.append(
        TokenFinding(
          .unsupportedAlgorithm, "no `decrypt` key is for its alg and enc",
          advice:
            "RSA keys are for RSA-OAEP-256, secrets of 16 and 32 bytes for dir with A128GCM and "
            + "A256GCM"))
    } else if reasons.contains(.malformed), findings.isEmpty {
      findings.append(TokenFinding(.malformed, "its five parts are not those of RFC 7516 §7.1"))
    }
    return nil
  }

  private static func names(_ realms: [Realm]) -> String {
    realms.count == 1 ? "realm \(realms[0].name) has no" : "none of the realms has a"
  }

  /// The verdict's own reason first, then the order in which a token is judged.
  private mutating func order() {
    guard let reason else {
      // Of a token that holds nothing refuses.
      findings.removeAll { $0.reason != nil }
      return
    }
    if let index = findings.firstIndex(where: { $0.reason == reason }) {
      findings.insert(findings.remove(at: index), at: 0)
    } else {
      findings.insert(TokenFinding(reason, reason.meaning), at: 0)
    }
  }
}
