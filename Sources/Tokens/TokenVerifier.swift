// The public face of verification: one per worker, never shared.
//
// All state lives in one struct that is reached once per call; see TokenExaminer for what happens
// to a token.

import Bytes

/// Verifies tokens and answers questions about the last accepted one.
public final class TokenVerifier {
  /// Default cap of a token's length.
  public static let tokenBytesDefault = 8192

  private var examiner: TokenExaminer

  /// Makes a verifier that refuses tokens longer than `tokenBytesMaximum` unread. `budget` bounds what
  /// it computes for those who pay.
  public init(tokenBytesMaximum: Int = tokenBytesDefault, budget: SignatureBudget? = nil) {
    precondition(tokenBytesMaximum > 0, "the configuration's limits are positive")
    examiner = TokenExaminer(tokenBytesMaximum: tokenBytesMaximum, budget: budget)
  }

  /// Verifies `token` against `realm`. On acceptance the claims stay readable until the next call.
  ///
  /// `payer` is whose budget is used, nobody's for tools. `isFurther` says that it is the last token
  /// again, with another realm of its route.
  public func verify(
    _ token: Span<UInt8>, realm: Realm, accepting: AcceptedClasses, nowSeconds: Int64,
    payer: SignaturePayer? = nil, isFurther: Bool = false
  ) -> TokenVerdict {
    let verdict = identify(
      token, realm: realm, accepting: accepting, nowSeconds: nowSeconds, payer: payer,
      isFurther: isFurther)
    guard case .accepted(let facts) = verdict,
      let reason = judge(realm, facts, nowSeconds: nowSeconds)
    else { return verdict }
    return .denied(reason)
  }

  /// The same without the realm's own requirements (`require` in a realm): whose token it is, and
  /// whether it is alive. For revoking, which a token that lacks a claim must not escape, and for
  /// whoever asks about revocation before claims.
  public func identify(
    _ token: Span<UInt8>, realm: Realm, accepting: AcceptedClasses, nowSeconds: Int64,
    payer: SignaturePayer? = nil, isFurther: Bool = false
  ) -> TokenVerdict {
    examiner.verify(
      token, realm: realm, accepting: accepting, nowSeconds: nowSeconds, payer: payer,
      isFurther: isFurther)
  }

  /// True when the token's signature is known to be of a key of `realm` that counts.
  public func remembers(_ token: Span<UInt8>, realm: Realm, nowSeconds: Int64) -> Bool {
    examiner.remembers(token, realm: realm, nowSeconds: nowSeconds)
  }

  /// Empties what is remembered of realms that are none of these.
  public func forget(allBut realms: [Realm]) { examiner.forget(allBut: realms) }

  /// How often signatures were computed and how often remembered, since the start.
  public var signatureCounts: SignatureCounts { examiner.signatureCounts }

  /// Number of tokens that are remembered.
  public var rememberedCount: Int { examiner.rememberedCount }

  /// True when the last verified token had a signature of one of the realm's keys, accepted or not.
  public var hasFoundKey: Bool { examiner.hasFoundKey }

  /// Which key to ask for after `.undecided(.keyMissing)`: the token's `kid` as `KeyName` says it.
  public var keyName: UInt64 { examiner.keyName }

  /// Checks form, header and signature only, whatever the payload holds; nil when they hold. For
  /// tools: no route may rest on it.
  public func verifySignature(
    _ token: Span<UInt8>, realm: Realm, nowSeconds: Int64
  ) -> DenialReason? {
    examiner.verifySignature(token, realm: realm, nowSeconds: nowSeconds)
  }

  /// Keyed hash of the last accepted token's id; of nothing when none was accepted.
  public func hashTokenIdentifier(_ key: SipKey) -> Hash128 { examiner.hashTokenIdentifier(key) }

  /// Keyed hash of the last accepted token's subject, nil without one.
  public func hashSubject(_ key: SipKey) -> Hash128? { examiner.hashSubject(key) }

  /// The last accepted token's id for journal and audit: `jti:…`, or `sha256:…` without a `jti`.
  public func tokenIdentifierText() -> String { examiner.tokenIdentifierText() }

  /// The last accepted token's subject, nil without one.
  public func subjectText() -> String? { examiner.subjectText() }

  /// Why the last accepted token doesn't meet a route's requirements, nil when it meets them all.
  public func judge(_ requirements: ClaimRequirements, nowSeconds: Int64) -> DenialReason? {
    examiner.judge(requirements, nowSeconds: nowSeconds)
  }

  /// Why the last accepted token doesn't say what its realm requires of every token of its class, nil
  /// when it does.
  public func judge(_ realm: Realm, _ facts: TokenFacts, nowSeconds: Int64) -> DenialReason? {
    guard realm.hasRequirements, let requirements = realm.requirements(facts.tokenClass) else {
      return nil
    }
    return judge(requirements, nowSeconds: nowSeconds)
  }

  /// True when the last accepted token's `csrf` claim is a string of exactly these bytes. Compared in
  /// time that depends on the lengths only.
  public func csrfEquals(_ value: Span<UInt8>) -> Bool { examiner.csrfEquals(value) }

  /// Appends a claim of the last accepted token as an identity header's value (DESIGN §5.3); false
  /// when it is absent. What doesn't fit sets the buffer's overflow mark.
  public func appendClaim(_ claim: ClaimPath, to buffer: inout ByteBuffer) -> Bool {
    examiner.appendClaim(claim, to: &buffer)
  }

  // MARK: Minting

  /// The keyed hash that stands for the last accepted token: by it what is minted is remembered.
  public var acceptedHash: Hash128 { examiner.tokenHash }

  /// Appends what was minted before from the token of this hash; false when nothing is remembered that
  /// may still be handed out. `source` and `target` are the realms' serials. Counts no references.
  public func appendMinted(
    _ use: MintedUse, _ original: Hash128, source: UInt32, target: UInt32, nowSeconds: Int64,
    to output: inout ByteBuffer
  ) -> Bool {
    examiner.appendMinted(
      use, original, source: source, target: target, nowSeconds: nowSeconds, to: &output)
  }

  /// Appends a token that `target` signs for its backends, minted from the claims of the last accepted
  /// one, which has this hash and these facts from `source`. Only `.appended` appends whole tokens.
  public func mint(
    _ use: MintedUse, _ original: Hash128, _ facts: TokenFacts, source: Realm, target: Realm,
    nowSeconds: Int64, to output: inout ByteBuffer
  ) -> MintOutcome {
    examiner.mint(
      use, original, facts, source: source, target: target, nowSeconds: nowSeconds, to: &output)
  }

  /// How often tokens were minted and how often handed out again, since the start.
  public var mintCounts: MintCounts { examiner.mintCounts }
}
