// Minting: from a verified token to one that a realm signs itself, for that realm's backends.
//
// Claims are written as JSON text straight from the original's, header and everything that only
// depends on the realm are rendered beforehand, and what was minted is handed out again while it
// lives. Cold, a token costs its signature and one pass over the claims; warm, a look-up by the hash
// that the verifier knows the original by. One worker; made with the first token that is minted.

import Bytes

/// Mints tokens and remembers them.
final class TokenMinter {
  private let tokenBytesMaximum: Int
  private let minted = MintedTokens()
  private var claims: ByteBuffer
  private var token: ByteBuffer
  /// Room for the largest signature of any algorithm.
  private var signature = ByteBuffer(capacity: 1024)
  /// Tokens that were signed, and those that were handed out again.
  private(set) var counts = MintCounts()

  init(tokenBytesMaximum: Int) {
    self.tokenBytesMaximum = tokenBytesMaximum
    // Base64 makes four bytes of three, so claims that fill this make a token that is too large.
    claims = ByteBuffer(capacity: tokenBytesMaximum)
    token = ByteBuffer(capacity: tokenBytesMaximum)
  }

  /// Appends what was minted from an original, if it is still good.
  func appendKnown(
    _ original: Hash128, source: UInt32, target: UInt32, _ use: MintedUse, nowSeconds: Int64,
    to output: inout ByteBuffer
  ) -> Bool {
    guard
      minted.append(
        original, source: source, target: target, use, nowSeconds: nowSeconds, to: &output)
    else { return false }
    counts.remembered &+= 1
    return true
  }

  /// Mints a token from the claims of an original, appends and remembers it.
  func append(
    _ original: Hash128, _ set: borrowing ClaimSet, _ facts: TokenFacts, source: Realm,
    target: Realm, _ use: MintedUse, nowSeconds: Int64, to output: inout ByteBuffer
  ) -> MintOutcome {
    let rules = target.minting
    guard let signer = rules.signer(use, facts.tokenClass) else { return .unavailable }
    let times = MintedTimes(facts, source: source, rules: rules, nowSeconds: nowSeconds)
    claims.clear()
    set.append(
      mintedFor: use, facts.tokenClass, times, source: source, rules: rules, to: &claims)
    guard !claims.overflowed else { return .tooLarge }
    token.clear()
    guard Self.sign(claims, signer, &token, &signature) else {
      return token.overflowed ? .tooLarge : .unavailable
    }
    counts.signed &+= 1
    output.append(token.readable)
    minted.remember(
      token, for: original, source: source.serial, target: target.serial, use,
      end: times.handOutEnd, nowSeconds: nowSeconds)
    return .appended
  }

  private static func sign(
    _ claims: borrowing ByteBuffer, _ signer: TokenSigner, _ token: inout ByteBuffer,
    _ signature: inout ByteBuffer
  ) -> Bool {
    signer.append(claims.readable, to: &token, signature: &signature)
  }
}

/// How often tokens were minted and how often handed out again.
public struct MintCounts: Sendable, Equatable {
  /// Tokens that were signed.
  public var signed: UInt64 = 0
  /// Tokens that were known.
  public var remembered: UInt64 = 0

  /// Counts at zero.
  public init() {}
}
