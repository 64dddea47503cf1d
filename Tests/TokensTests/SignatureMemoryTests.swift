import Bytes
import Crypto
import Testing

@testable import Tokens

/// Remembered signatures: one verification a token, nothing remembered that may change, a bound.
@Suite struct SignatureMemoryTests {
  static func counts(_ verified: UInt64, _ remembered: UInt64) -> SignatureCounts {
    var counts = SignatureCounts()
    (counts.verified, counts.remembered) = (verified, remembered)
    return counts
  }

  @Test(arguments: KeyForge.all.filter { !$0.algorithm.isSymmetric })
  func verifiesEachTokenOnce(_ forge: KeyForge) {
    let verifier = TokenVerifier()
    let tokens = (0..<5).map { forge.sign("{\"exp\":1700000900,\"sub\":\"u\($0)\"}") }
    for round in 0..<4 {
      for (index, token) in tokens.enumerated() {
        #expect(verifier.refusal(token, forge.realm) == nil)
        #expect(verifier.subjectText() == "u\(index)")
      }
      #expect(verifier.signatureCounts == Self.counts(5, UInt64(round) * 5))
    }
  }

  @Test func secretsAreNotRemembered() throws {
    let verifier = TokenVerifier()
    let realm = try TokenForge.realm()
    for _ in 0..<3 {
      #expect(verifier.refusal(TokenForge.sign("{\"exp\":1700000900}"), realm) == nil)
    }
    #expect(verifier.signatureCounts == SignatureCounts())
  }

  @Test func everythingElseIsJudgedEachTime() throws {
    let forge = try KeyForge(.es256)
    let verifier = TokenVerifier()
    let token = forge.sign("{\"exp\":1700000900,\"nbf\":1700000000}")
    #expect(verifier.refusal(token, forge.realm) == nil)
    #expect(verifier.refusal(token, forge.realm, now: 1_700_000_900) == .expired)
    #expect(verifier.refusal(token, forge.realm, now: 1_699_999_999) == .notYetValid)
    #expect(verifier.refusal(token, forge.realm, .refresh) == .wrongTokenType)
    #expect(verifier.signatureCounts == Self.counts(1, 3))
  }

  @Test func anythingButTheSameBytesIsAnotherToken() throws {
    let forge = try KeyForge(.edDSA)
    let verifier = TokenVerifier()
    let token = forge.sign("{\"exp\":1700000900}")
    #expect(verifier.refusal(token, forge.realm) == nil)
    let bytes = Array(token.utf8)
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] = damaged[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      #expect(verifier.refusal(String(lossy: damaged.span), forge.realm) != nil, "byte \(index)")
    }
    #expect(verifier.signatureCounts.remembered == 0)
  }

  @Test func refusedTokensAreNotRemembered() throws {
    let forge = try KeyForge(.es256)
    let verifier = TokenVerifier()
    let other = try KeyForge.signer(.rs256).sign(
      header: "{\"alg\":\"ES256\"}", payload: "{\"exp\":1700000900}")
    for token in [forge.sign("{\"exp\":1}"), forge.sign("{}"), other] {
      for _ in 0..<3 { #expect(verifier.refusal(token, forge.realm) != nil) }
    }
    #expect(verifier.signatureCounts == Self.counts(9, 0))
  }

  /// A realm that is made anew, with other keys or the same, begins with nothing.
  @Test func aNewRealmRemembersNothing() throws {
    let verifier = TokenVerifier()
    let forge = try KeyForge(.es256)
    let token = forge.sign("{\"exp\":1700000900}")
    #expect(verifier.refusal(token, forge.realm) == nil)
    let dropped = try KeyForge.realm([KeyForge.jwk(.edDSA)])
    #expect(verifier.refusal(token, dropped) == .unsupportedAlgorithm)
    let moved = try KeyForge.realm([KeyForge.jwk(.edDSA), KeyForge.jwk(.es256)])
    #expect(verifier.refusal(token, moved) == nil)
    #expect(verifier.signatureCounts == Self.counts(2, 0))
  }

  @Test func tenThousandTokensStayWithinTheBound() {
    let memory = SignatureMemory()
    let now = TokenForge.now
    var found = 0
    for index in 0..<10_000 {
      let bytes = Array("token \(index)".utf8)
      let hash = memory.hash(bytes.span)
      #expect(memory.keyIndex(hash, 7) == nil)
      memory.remember(
        hash, 7, keyIndex: index % 100, expiration: now + 1 + Int64(index % 900), nowSeconds: now)
      #expect(memory.keyIndex(hash, 7) == index % 100)
      #expect(memory.keyIndex(hash, 8) == nil)
    }
    for index in 0..<10_000 {
      let bytes = Array("token \(index)".utf8)
      if memory.keyIndex(memory.hash(bytes.span), 7) == index % 100 { found += 1 }
    }
    #expect(found <= SignatureMemory.tokenCountMaximum && found > 6000)
    #expect(memory.count(nowSeconds: now) == found)
  }

  @Test func theDeadGoFirstThenWhoDiesFirst() {
    let memory = SignatureMemory()
    // Tokens of one set, found by trying.
    var hashes: [Hash128] = []
    var index = 0
    while hashes.count < SignatureMemory.wayCount + 2 {
      let bytes = Array("token \(index)".utf8)
      let hash = memory.hash(bytes.span)
      if hash.low & UInt64(SignatureMemory.setCount - 1) == 5 { hashes.append(hash) }
      index += 1
    }
    for (index, expiration) in [400, 200, 300, 100].enumerated() {
      memory.remember(
        hashes[index], 1, keyIndex: index, expiration: Int64(expiration), nowSeconds: 0)
    }
    func known() -> [Int?] { hashes.map { memory.keyIndex($0, 1) } }
    #expect(known() == [0, 1, 2, 3, nil, nil])
    memory.remember(hashes[4], 1, keyIndex: 4, expiration: 500, nowSeconds: 50)
    #expect(known() == [0, 1, 2, nil, 4, nil])
    // At 250 the second is dead.
    memory.remember(hashes[5], 1, keyIndex: 5, expiration: 600, nowSeconds: 250)
    #expect(known() == [0, nil, 2, nil, 4, 5])
  }
}
