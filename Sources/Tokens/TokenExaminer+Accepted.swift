// What can be asked of the last accepted token, until the next one is looked at: its names as hashes and
// as text, its claims, and tokens minted of it. After a refusal there is none, and every answer says so.

import Bytes
import Crypto

extension TokenExaminer {
  mutating func hashTokenIdentifier(_ key: SipKey) -> Hash128 {
    if hasAccepted, claims.loadTokenIdentifier() {
      return TokenIdentifier.hash(jti: claims.scratch.readable, key)
    }
    loadDigest()
    return TokenIdentifier.hash(digest: claims.scratch.readable, key)
  }

  mutating func hashSubject(_ key: SipKey) -> Hash128? {
    guard hasAccepted, claims.loadSubject() else { return nil }
    return TokenIdentifier.hash(subject: claims.scratch.readable, key)
  }

  mutating func tokenIdentifierText() -> String {
    if hasAccepted, claims.loadTokenIdentifier() {
      return "\(TokenIdentifier.jtiPrefix)" + String(lossy: claims.scratch.readable)
    }
    loadDigest()
    var digits = ByteBuffer(capacity: 64)
    Hexadecimal.encode(claims.scratch.readable, into: &digits)
    return "\(TokenIdentifier.digestPrefix)" + String(lossy: digits.readable)
  }

  mutating func subjectText() -> String? {
    hasAccepted && claims.loadSubject() ? String(lossy: claims.scratch.readable) : nil
  }

  func csrfEquals(_ value: Span<UInt8>) -> Bool { hasAccepted && claims.csrfEquals(value) }

  func judge(_ requirements: ClaimRequirements, nowSeconds: Int64) -> DenialReason? {
    hasAccepted ? claims.judge(requirements, nowSeconds: nowSeconds) : .missingClaim
  }

  mutating func appendClaim(_ claim: ClaimPath, to buffer: inout ByteBuffer) -> Bool {
    hasAccepted && claims.append(claim, to: &buffer)
  }

  func appendMinted(
    _ use: MintedUse, _ original: Hash128, source: UInt32, target: UInt32, nowSeconds: Int64,
    to output: inout ByteBuffer
  ) -> Bool {
    guard let minter else { return false }
    return minter.appendKnown(
      original, source: source, target: target, use, nowSeconds: nowSeconds, to: &output)
  }

  mutating func mint(
    _ use: MintedUse, _ original: Hash128, _ facts: TokenFacts, source: Realm, target: Realm,
    nowSeconds: Int64, to output: inout ByteBuffer
  ) -> MintOutcome {
    guard hasAccepted else { return .unavailable }
    return makeMinter().append(
      original, claims, facts, source: source, target: target, use, nowSeconds: nowSeconds,
      to: &output)
  }

  private mutating func makeMinter() -> TokenMinter {
    if let minter { return minter }
    let made = TokenMinter(tokenBytesMaximum: tokenBytesMaximum)
    minter = made
    return made
  }

  var mintCounts: MintCounts { minter?.counts ?? MintCounts() }

  /// Writes the SHA-256 of the signing input into the scratch.
  private mutating func loadDigest() {
    var hash = SHA256()
    hash.update(signingInput.readable)
    claims.scratch.clear()
    hash.finish(into: &claims.scratch)
  }
}
