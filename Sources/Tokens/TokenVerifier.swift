// One token in, a verdict out: size, parts, header, signature, claims, in that order.
//
// The order is the defence: nothing is parsed before the size is known, no claim is read before the
// signature holds, and each step can only end in a denial or go on. Keys are tried in the realm's
// order, those of the expected class first; the other class's keys are tried too, because a genuine
// token of the wrong class is a different event (`wrong_token_type`) than a forgery.
//
// One verifier per worker, never shared. It owns all its memory: warm, a verification allocates
// nothing and its cost is the MAC plus one pass over the payload.

import Bytes
import Crypto
import JSON

/// Verifies tokens and answers questions about the last accepted one.
public final class TokenVerifier {
  /// Default cap of a token's length.
  public static let tokenBytesDefault = 8192
  /// Room for the largest signature of any algorithm, RSA with 8192 bits.
  private static let signatureBytesMaximum = 1024

  private let tokenBytesMaximum: Int
  private let header = TokenHeader()
  private let claims: ClaimSet
  private var signature = ByteBuffer(capacity: signatureBytesMaximum)
  /// What was signed, kept only for tokens without `jti`, whose id is its hash.
  private var signingInput: ByteBuffer
  private var hasAccepted = false

  /// Makes a verifier that refuses tokens longer than `tokenBytesMaximum` unread.
  public init(tokenBytesMaximum: Int = tokenBytesDefault) {
    precondition(tokenBytesMaximum > 0, "the configuration's limits are positive")
    self.tokenBytesMaximum = tokenBytesMaximum
    claims = ClaimSet(segmentBytesMaximum: tokenBytesMaximum)
    signingInput = ByteBuffer(capacity: tokenBytesMaximum)
  }

  /// Verifies `token` against `realm`. On acceptance the claims stay readable until the next call.
  public func verify(
    _ token: Span<UInt8>, realm: Realm, accepting: AcceptedClasses, nowSeconds: Int64
  ) -> TokenVerdict {
    hasAccepted = false
    guard token.count <= tokenBytesMaximum else { return .denied(.tooLarge) }
    guard let parts = CompactToken(token) else { return .denied(.malformed) }
    let algorithm: TokenAlgorithm
    switch header.judge(token.slice(parts.header)) {
    case .algorithm(let known): algorithm = known
    case .denied(let reason): return .denied(reason)
    }
    let keyIndex: Int
    switch findKey(token, parts, algorithm, realm, refreshFirst: accepting == .refresh) {
    case .found(let index): keyIndex = index
    case .denied(let reason): return .denied(reason)
    }
    guard claims.read(token.slice(parts.payload)) else { return .denied(.malformed) }
    var judged = JudgedClaims()
    if let reason = claims.judge(
      realm: realm, key: realm.keys[keyIndex], accepting: accepting, nowSeconds: nowSeconds,
      into: &judged)
    {
      return .denied(reason)
    }
    header.remember(token.slice(parts.header), algorithm)
    signingInput.clear()
    if !claims.hasTokenIdentifier { signingInput.append(token.slice(parts.signingInput)) }
    hasAccepted = true
    return .accepted(
      TokenFacts(
        tokenClass: judged.tokenClass, hasTokenIdentifier: claims.hasTokenIdentifier,
        hasSubject: claims.hasSubject, realmIndex: UInt16(clamping: realm.index),
        keyIndex: UInt16(clamping: keyIndex), expiration: judged.expiration,
        issuedAt: judged.issuedAt, lifetime: judged.lifetime))
  }

  /// Checks form, header and signature only, whatever the payload holds; nil when they hold. For
  /// tools: no route may rest on it.
  public func verifySignature(_ token: Span<UInt8>, realm: Realm) -> DenialReason? {
    hasAccepted = false
    guard token.count <= tokenBytesMaximum else { return .tooLarge }
    guard let parts = CompactToken(token) else { return .malformed }
    let algorithm: TokenAlgorithm
    switch header.judge(token.slice(parts.header)) {
    case .algorithm(let known): algorithm = known
    case .denied(let reason): return reason
    }
    claims.forget()
    var decoded = ByteBuffer(capacity: tokenBytesMaximum + 4)
    guard Base64URL.decode(token.slice(parts.payload), into: &decoded) else { return .malformed }
    switch findKey(token, parts, algorithm, realm, refreshFirst: false) {
    case .found: return nil
    case .denied(let reason): return reason
    }
  }

  // MARK: Signature

  private enum KeySearch {
    case found(Int)
    case denied(DenialReason)
  }

  /// The key that made the signature. Only keys of the header's algorithm are tried, so that the
  /// token can't choose how a key is used (CVE-2015-9235).
  private func findKey(
    _ token: Span<UInt8>, _ parts: CompactToken, _ algorithm: TokenAlgorithm, _ realm: Realm,
    refreshFirst: Bool
  ) -> KeySearch {
    let keys = realm.keys
    var hasAlgorithm = false
    for key in keys where key.algorithm == algorithm { hasAlgorithm = true }
    guard hasAlgorithm else { return .denied(.unsupportedAlgorithm) }
    signature.clear()
    guard Base64URL.decode(token.slice(from: parts.signatureStart), into: &signature) else {
      return .denied(.malformed)
    }
    let message = token.slice(parts.signingInput)
    for step in 0..<keys.count {
      let index = refreshFirst ? keys.count - 1 - step : step
      if keys[index].algorithm == algorithm, keys[index].verifies(signature, over: message) {
        return .found(index)
      }
    }
    return .denied(.badSignature)
  }

  // MARK: The last accepted token

  /// Keyed hash of the last accepted token's id; of nothing when none was accepted.
  public func hashTokenIdentifier(_ key: SipKey) -> Hash128 {
    if hasAccepted, claims.loadTokenIdentifier() {
      return TokenIdentifier.hash(readableJTI: claims.scratch, key)
    }
    loadDigest()
    return TokenIdentifier.hash(readableDigest: claims.scratch, key)
  }

  /// Keyed hash of the last accepted token's subject, nil without one.
  public func hashSubject(_ key: SipKey) -> Hash128? {
    guard hasAccepted, claims.loadSubject() else { return nil }
    return TokenIdentifier.hash(readableSubject: claims.scratch, key)
  }

  /// The last accepted token's id for journal and audit: `jti:…`, or `sha256:…` without a `jti`.
  public func tokenIdentifierText() -> String {
    if hasAccepted, claims.loadTokenIdentifier() {
      return "\(TokenIdentifier.jtiPrefix)" + text(claims.scratch)
    }
    loadDigest()
    var digits = ByteBuffer(capacity: 64)
    encode(claims.scratch, into: &digits)
    return "\(TokenIdentifier.digestPrefix)" + text(digits)
  }

  /// The last accepted token's subject, nil without one.
  public func subjectText() -> String? {
    hasAccepted && claims.loadSubject() ? text(claims.scratch) : nil
  }

  /// Appends a claim of the last accepted token as an identity header's value (DESIGN §5.3); false
  /// when it is absent. What doesn't fit sets the buffer's overflow mark.
  public func appendClaim(_ claim: ClaimPath, to buffer: inout ByteBuffer) -> Bool {
    hasAccepted && claims.append(claim, to: &buffer)
  }

  /// Writes the SHA-256 of the signing input into the scratch.
  private func loadDigest() {
    var hash = SHA256()
    hash.update(readable: signingInput)
    claims.scratch.clear()
    hash.finish(into: &claims.scratch)
  }

  private func encode(_ bytes: borrowing ByteBuffer, into digits: inout ByteBuffer) {
    Hexadecimal.encode(bytes.readable, into: &digits)
  }

  private func text(_ buffer: borrowing ByteBuffer) -> String { String(lossy: buffer.readable) }
}

extension SHA256 {
  fileprivate mutating func update(readable buffer: borrowing ByteBuffer) {
    update(buffer.readable)
  }
}
