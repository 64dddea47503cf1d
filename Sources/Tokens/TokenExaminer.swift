// One token in, a verdict out: size, parts, header, signature, claims, in that order.
//
// The order is the defence: nothing is parsed before the size is known, no claim is read before the
// signature holds, and each step can only end in a denial or go on. Keys are tried in the realm's
// order, those of the expected class first; the other class's keys are tried too, because a genuine
// token of the wrong class is a different event (`wrong_token_type`) than a forgery.
//
// An encrypted token is opened first, and what comes out must be a signed one.
//
// Signatures that held are remembered (`VerifiedTokens`), and only they: a token that is known goes
// through everything else like every other.
//
// It owns all its memory: warm, a known token allocates nothing, and its cost is a hash of it plus one
// pass over the payload; computing with public keys allocates within OpenSSL. One worker.

import Bytes
import Crypto
import JSON

/// The state of a verifier and the steps of a verification.
struct TokenExaminer: ~Copyable {
  /// Room for the largest signature of any algorithm, RSA with 8192 bits, and for the decoder, which
  /// writes in steps of three.
  private static let signatureBytesMaximum = 1024 + 4

  /// Most signatures of key pairs that are computed for one token: one without `kid` could mean any
  /// key of a large set, and would cost as many times more.
  static let attemptsMaximum = 8

  let tokenBytesMaximum: Int
  private var header = TokenHeader()
  var claims: ClaimSet
  private var signature = ByteBuffer(capacity: signatureBytesMaximum)
  /// What was signed, kept only for tokens without `jti`, whose id is its hash.
  var signingInput: ByteBuffer
  var hasAccepted = false
  private(set) var hasFoundKey = false
  /// Made for the first token that is accepted.
  var verified: VerifiedTokens?
  /// Hash of the token that is looked at, where there is a cache.
  var tokenHash = Hash128(high: 0, low: 0)
  /// Who pays for what the token costs.
  var account: SignatureAccount
  var counts = SignatureCounts()
  /// Made for the first encrypted token of a realm that takes such.
  var opener: TokenOpener?
  /// Made for the first token that is minted.
  var minter: TokenMinter?

  init(tokenBytesMaximum: Int, budget: SignatureBudget?) {
    self.tokenBytesMaximum = tokenBytesMaximum
    account = SignatureAccount(budget)
    claims = ClaimSet(segmentBytesMaximum: tokenBytesMaximum)
    signingInput = ByteBuffer(capacity: tokenBytesMaximum)
  }

  mutating func verify(
    _ token: Span<UInt8>, realm: Realm, accepting: AcceptedClasses, nowSeconds: Int64,
    payer: SignaturePayer?, isFurther: Bool
  ) -> TokenVerdict {
    hasAccepted = false
    hasFoundKey = false
    account.open(payer, goesOn: isFurther)
    guard token.count <= tokenBytesMaximum else { return .denied(.tooLarge) }
    if let index = rememberedKey(token, realm, nowSeconds) {
      return judge(token, CompactToken(verified: token), realm, index, accepting, nowSeconds)
    }
    if let parts = CompactToken(token) {
      return verify(token, parts, realm, accepting, nowSeconds)
    }
    guard !realm.decryptionKeys.isEmpty else { return .denied(.malformed) }
    let opener = makeOpener()
    switch opener.open(token, realm: realm, paying: &account) {
    case .opened: break
    case .denied(let reason): return .denied(reason)
    case .undecided(let lack): return undecided(lack)
    }
    var inner = ByteBuffer()
    opener.exchangeOpened(&inner)
    defer { opener.exchangeOpened(&inner) }
    let verdict: TokenVerdict
    if let index = rememberedKey(inner.readable, realm, nowSeconds) {
      verdict = judge(
        inner.readable, CompactToken(verified: inner.readable), realm, index, accepting, nowSeconds)
    } else if let parts = CompactToken(inner.readable) {
      verdict = verify(inner.readable, parts, realm, accepting, nowSeconds)
    } else {
      verdict = .denied(.malformed)
    }
    if case .accepted(let facts) = verdict {
      opener.rememberKey(realm, expiration: facts.expiration, nowSeconds: nowSeconds)
    }
    return verdict
  }

  private mutating func makeOpener() -> TokenOpener {
    if let opener { return opener }
    let made = TokenOpener(tokenBytesMaximum: tokenBytesMaximum)
    opener = made
    return made
  }

  /// Verifies a signed token, encrypted before or not, whose signature isn't known.
  private mutating func verify(
    _ token: Span<UInt8>, _ parts: CompactToken, _ realm: Realm, _ accepting: AcceptedClasses,
    _ nowSeconds: Int64
  ) -> TokenVerdict {
    let algorithm: TokenAlgorithm
    switch header.judge(token.slice(parts.header)) {
    case .algorithm(let known): algorithm = known
    case .denied(let reason): return .denied(reason)
    }
    let keyIndex: Int
    switch findKey(
      token, parts, algorithm, realm, refreshFirst: accepting == .refresh, nowSeconds)
    {
    case .found(let index): keyIndex = index
    case .denied(let reason): return .denied(reason)
    case .undecided(let lack): return undecided(lack)
    }
    let verdict = judge(token, parts, realm, keyIndex, accepting, nowSeconds)
    if case .accepted(let facts) = verdict {
      header.remember(token.slice(parts.header), algorithm)
      remember(token, realm, keyIndex, facts.expiration, nowSeconds)
      // Once for each distinct token: what is only encrypted anew is paid for.
      account.giveBack()
    }
    return verdict
  }

  private mutating func undecided(_ lack: Undecided) -> TokenVerdict {
    if case .budgetSpent(let spent) = lack {
      if spent.isAddress {
        counts.refusedByAddress &+= 1
      } else {
        counts.refusedByWorker &+= 1
      }
    }
    return .undecided(lack)
  }

  /// Judges the claims of a token that a key of the realm signed.
  private mutating func judge(
    _ token: Span<UInt8>, _ parts: CompactToken, _ realm: Realm, _ keyIndex: Int,
    _ accepting: AcceptedClasses, _ nowSeconds: Int64
  ) -> TokenVerdict {
    hasFoundKey = true
    guard claims.read(token.slice(parts.payload)) else { return .denied(.malformed) }
    var judged = JudgedClaims()
    if let reason = claims.judge(
      realm: realm, key: realm.keys[keyIndex], accepting: accepting, nowSeconds: nowSeconds,
      into: &judged)
    {
      return .denied(reason)
    }
    realm.keys[keyIndex].use.note(
      judged.tokenClass, expiration: judged.expiration, nowSeconds: nowSeconds)
    let hasTokenIdentifier = claims.hasTokenIdentifier
    signingInput.clear()
    if !hasTokenIdentifier { signingInput.append(token.slice(parts.signingInput)) }
    hasAccepted = true
    return .accepted(
      TokenFacts(
        tokenClass: judged.tokenClass, hasTokenIdentifier: hasTokenIdentifier,
        hasSubject: claims.hasSubject, realmIndex: UInt16(clamping: realm.index),
        keyIndex: UInt16(clamping: keyIndex), expiration: judged.expiration,
        issuedAt: judged.issuedAt, lifetime: judged.lifetime))
  }

  mutating func verifySignature(
    _ token: Span<UInt8>, realm: Realm, nowSeconds: Int64
  ) -> DenialReason? {
    hasAccepted = false
    guard token.count <= tokenBytesMaximum else { return .tooLarge }
    guard let parts = CompactToken(token, allowsEmptyPayload: true) else {
      guard !realm.decryptionKeys.isEmpty else { return .malformed }
      let opener = makeOpener()
      if let reason = opener.open(token, realm: realm) { return reason }
      var inner = ByteBuffer()
      opener.exchangeOpened(&inner)
      defer { opener.exchangeOpened(&inner) }
      guard let parts = CompactToken(inner.readable, allowsEmptyPayload: true) else {
        return .malformed
      }
      return verifySignature(inner.readable, parts, realm, nowSeconds)
    }
    return verifySignature(token, parts, realm, nowSeconds)
  }

  private mutating func verifySignature(
    _ token: Span<UInt8>, _ parts: CompactToken, _ realm: Realm, _ nowSeconds: Int64
  ) -> DenialReason? {
    let algorithm: TokenAlgorithm
    switch header.judge(token.slice(parts.header)) {
    case .algorithm(let known): algorithm = known
    case .denied(let reason): return reason
    }
    account.open(nil, goesOn: false)
    var decoded = ByteBuffer(capacity: tokenBytesMaximum + 4)
    guard Base64URL.decode(token.slice(parts.payload), into: &decoded) else { return .malformed }
    switch findKey(token, parts, algorithm, realm, refreshFirst: false, nowSeconds) {
    case .found: return nil
    case .denied(let reason): return reason
    case .undecided: return .unknownKey
    }
  }

  // MARK: Signature

  private enum KeySearch {
    case found(Int)
    case denied(DenialReason)
    case undecided(Undecided)
  }

  /// The key that made the signature. Only keys of the header's algorithm are tried, so that the
  /// token can't choose how a key is used (CVE-2015-9235); of those only the ones that its `kid` may
  /// mean, and none whose end has passed.
  private mutating func findKey(
    _ token: Span<UInt8>, _ parts: CompactToken, _ algorithm: TokenAlgorithm, _ realm: Realm,
    refreshFirst: Bool, _ nowSeconds: Int64
  ) -> KeySearch {
    guard realm.possibleAlgorithms & algorithm.mask != 0 else {
      return .denied(.unsupportedAlgorithm)
    }
    signature.clear()
    guard Base64URL.decode(token.slice(from: parts.signatureStart), into: &signature) else {
      return .denied(.malformed)
    }
    let message = token.slice(parts.signingInput)
    let isSelective = realm.hasKeyIdentifiers && header.hasKeyIdentifier
    let keyCount = realm.keys.count
    var wasTried = !isSelective
    var attempts = 0
    for step in 0..<keyCount {
      let index = refreshFirst ? keyCount - 1 - step : step
      let key = realm.keys[index]
      guard key.algorithm == algorithm, nowSeconds < key.end else { continue }
      if isSelective {
        guard header.names(key) else { continue }
        wasTried = true
      }
      if algorithm.isAsymmetric {
        if attempts == Self.attemptsMaximum { break }
        if let spent = account.pay(key.units) { return .undecided(.budgetSpent(spent)) }
      }
      if attempts == 0 { counts.verified &+= 1 }
      attempts += 1
      if key.verifies(signature.readable, over: message) { return .found(index) }
    }
    return notFound(wasTried ? .badSignature : .unknownKey, algorithm, realm)
  }

  /// No key of the realm made the signature. That is final, unless a fetched set may bring the key: one
  /// that is not known, or any when the token names a key that no source has. A name that is there is no
  /// reason to look again; nor is no name at all, unless the issuer gives its keys none: then a new one
  /// shows by nothing else.
  private func notFound(
    _ reason: DenialReason, _ algorithm: TokenAlgorithm, _ realm: Realm
  ) -> KeySearch {
    if realm.remoteKeys.pending & algorithm.mask != 0 { return .undecided(.keyMissing) }
    if realm.remoteKeys.algorithms & algorithm.mask != 0, header.hasKeyIdentifier,
      !realm.keys.contains(where: { header.spells($0) })
    {
      return .undecided(.keyMissing)
    }
    if realm.remoteKeys.unnamed & algorithm.mask != 0, !header.hasKeyIdentifier {
      return .undecided(.keyMissing)
    }
    let isUnsupported = realm.algorithmMask & algorithm.mask == 0
    return .denied(isUnsupported ? .unsupportedAlgorithm : reason)
  }

  /// The `kid` of the last token as a number.
  var keyName: UInt64 { header.keyName }
}
