import Bytes
import Crypto
import Testing

@testable import Tokens

/// What a worker remembers of the tokens that it minted: for how long, of which realms, how many.
@Suite struct MintedTokensTests {
  static let now = TokenForge.now

  static func counts(_ signed: UInt64, _ remembered: UInt64) -> MintCounts {
    var counts = MintCounts()
    (counts.signed, counts.remembered) = (signed, remembered)
    return counts
  }

  @Test func aTokenIsSignedOnceInMostOfItsLife() throws {
    let verifier = TokenVerifier()
    let (source, target) = (try TokenForge.realm(), try MintingTests.target())
    let token = TokenForge.sign("{\"exp\":1700000900,\"sub\":\"u\"}")
    func mint(_ now: Int64) -> String {
      MintingTests.mint(token, source: source, target: target, verifier: verifier, now: now)
    }
    let first = mint(Self.now)
    for second in 0..<45 { #expect(mint(Self.now + Int64(second)) == first) }
    #expect(verifier.mintCounts == Self.counts(1, 45))
    // Fifteen seconds before its end another one is minted.
    let second = mint(Self.now + 45)
    #expect(second != first)
    #expect(verifier.mintCounts == Self.counts(2, 45))
    #expect(mint(Self.now + 89) == second)
    #expect(mint(Self.now + 90) != second)
  }

  /// The original's own end is the end of both, and nothing is gained by minting again.
  @Test func theOriginalsEndIsTheLast() throws {
    let verifier = TokenVerifier()
    let (source, target) = (try TokenForge.realm(), try MintingTests.target())
    let token = TokenForge.sign("{\"exp\":1700000030}")
    for second in Int64(0)..<30 {
      let minted = MintingTests.mint(
        token, source: source, target: target, verifier: verifier, now: Self.now + second)
      #expect(MintingTests.claims(minted).contains("\"exp\":1700000030"))
    }
    #expect(verifier.mintCounts == Self.counts(1, 29))
    #expect(
      MintingTests.mint(
        token, source: source, target: target, verifier: verifier, now: Self.now + 30)
        == "refused")
  }

  @Test func eachOriginalTargetAndUseHasItsOwn() throws {
    let verifier = TokenVerifier()
    let source = try TokenForge.realm()
    let targets = [try MintingTests.target(), try MintingTests.target(.flaskJWTExtended)]
    var minted = Set<String>()
    for _ in 0..<3 {
      for target in targets {
        for sub in ["a", "b"] {
          for use in [MintedUse.replacement, .assertion] {
            minted.insert(
              MintingTests.mint(
                TokenForge.sign("{\"exp\":1700000900,\"sub\":\"\(sub)\"}"), source: source,
                target: target, use: use, verifier: verifier))
          }
        }
      }
    }
    // What flask is told and what an assertion says is the same, so those have the same text.
    #expect(minted.count == 4)
    #expect(verifier.mintCounts == Self.counts(8, 16))
  }

  /// A realm that is made anew, with another key or the same, begins with nothing.
  @Test func aReplacedRealmForgets() throws {
    let verifier = TokenVerifier()
    let token = TokenForge.sign("{\"exp\":1700000900}")
    let (source, target) = (try TokenForge.realm(), try MintingTests.target())
    let first = MintingTests.mint(token, source: source, target: target, verifier: verifier)
    let rotated = try TokenForge.realm(access: "another secret of a backend, of 45 bytes, ok!")
    let second = MintingTests.mint(token, source: source, target: rotated, verifier: verifier)
    #expect(second != first)
    #expect(verifier.refusal(second, rotated) == nil)
    _ = MintingTests.mint(
      token, source: try TokenForge.realm(), target: target, verifier: verifier)
    #expect(verifier.mintCounts == Self.counts(3, 0))
    #expect(
      MintingTests.mint(token, source: source, target: target, verifier: verifier) == first)
    #expect(verifier.mintCounts == Self.counts(3, 1))
  }

  // MARK: Bounds

  /// Remembers tokens of a size under made-up originals.
  static func fill(
    _ minted: MintedTokens, _ indices: Range<Int>, bytes: Int, end: Int64 = now + 45
  ) {
    var token = ByteBuffer(capacity: bytes)
    for index in indices {
      token.clear()
      token.append(decimal: index)
      while token.writableCount > 0 { token.append(UInt8(ascii: "x")) }
      minted.remember(
        token, for: hash(index), source: 1, target: 2, .replacement, end: end,
        nowSeconds: now)
    }
  }

  static func hash(_ index: Int) -> Hash128 {
    var hash = SipHash128(SipKey(1, 2))
    hash.combine(UInt64(index))
    return hash.finish()
  }

  /// What is handed out for an original, nil when nothing is.
  static func known(
    _ minted: MintedTokens, _ index: Int, source: UInt32 = 1, target: UInt32 = 2,
    use: MintedUse = .replacement, now: Int64 = now
  ) -> String? {
    var output = ByteBuffer(capacity: 16 << 10)
    let isKnown = minted.append(
      hash(index), source: source, target: target, use, nowSeconds: now, to: &output)
    return isKnown ? String(lossy: output.readable) : nil
  }

  @Test func tenThousandTokensStayWithinTheBound() {
    let minted = MintedTokens()
    Self.fill(minted, 0..<10_000, bytes: 300)
    var found = 0
    for index in 0..<10_000 {
      guard let token = Self.known(minted, index) else { continue }
      #expect(token.hasPrefix("\(index)x"))
      found += 1
    }
    #expect(found <= MintedTokens.tokenCountMaximum && found > 6000)
    let measured = minted.measure(nowSeconds: Self.now)
    #expect(measured.tokens == found)
    #expect(measured.bytes == 3_000_000)
    #expect(minted.measure(nowSeconds: Self.now + 45).tokens == 0)
  }

  /// Long tokens: the bytes are the bound, the oldest go first, and none is ever mixed up.
  @Test func bytesAreBoundedToo() {
    let minted = MintedTokens()
    let each = MintedTokens.blockBytes / 256
    for round in 0..<5 {
      Self.fill(minted, (round * 256)..<((round + 1) * 256), bytes: each)
      #expect(minted.measure(nowSeconds: Self.now).bytes <= 2 * MintedTokens.blockBytes)
      for index in 0..<((round + 1) * 256) {
        let token = Self.known(minted, index)
        #expect(token?.hasPrefix("\(index)x") ?? true)
        if index < (round - 1) * 256 { #expect(token == nil) }
      }
      #expect(Self.known(minted, round * 256 + 255) != nil)
    }
    // One more byte than the block has left begins the next one.
    Self.fill(minted, 2000..<2001, bytes: 1)
    #expect(Self.known(minted, 2000) != nil)
    #expect(Self.known(minted, 3 * 256) == nil && Self.known(minted, 4 * 256 + 255) != nil)
  }

  @Test func aTokenLargerThanABlockIsNotKept() {
    let minted = MintedTokens()
    Self.fill(minted, 0..<1, bytes: MintedTokens.blockBytes)
    Self.fill(minted, 1..<2, bytes: MintedTokens.blockBytes + 1)
    #expect(minted.measure(nowSeconds: Self.now) == (1, MintedTokens.blockBytes))
  }

  @Test func everythingThatItWasMintedOfMustBeTheSame() {
    let minted = MintedTokens()
    Self.fill(minted, 0..<1, bytes: 8)
    #expect(Self.known(minted, 0) != nil)
    #expect(Self.known(minted, 1) == nil)
    #expect(Self.known(minted, 0, source: 3) == nil)
    #expect(Self.known(minted, 0, target: 3) == nil)
    #expect(Self.known(minted, 0, use: .assertion) == nil)
    #expect(Self.known(minted, 0, now: Self.now + 44) != nil)
    #expect(Self.known(minted, 0, now: Self.now + 45) == nil)
  }
}
