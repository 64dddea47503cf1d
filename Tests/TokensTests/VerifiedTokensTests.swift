import Bytes
import Crypto
import Testing

@testable import Tokens

/// Remembered signatures: one verification a token, nothing remembered that may change, a bound.
@Suite struct VerifiedTokensTests {
  /// Hits, misses and operations with key pairs.
  static func counts(_ verifier: TokenVerifier) -> [UInt64] {
    let counts = verifier.signatureCounts
    return [counts.remembered, counts.verified, counts.computed]
  }

  @Test(arguments: KeyForge.all)
  func verifiesEachTokenOnce(_ forge: KeyForge) {
    let verifier = TokenVerifier()
    let tokens = (0..<5).map { forge.sign("{\"exp\":1700000900,\"sub\":\"u\($0)\"}") }
    let isPair = !forge.algorithm.isSymmetric
    for round in 0..<4 {
      for (index, token) in tokens.enumerated() {
        #expect(verifier.refusal(token, forge.realm) == nil)
        #expect(verifier.subjectText() == "u\(index)")
        #expect(verifier.hasFoundKey)
      }
      #expect(Self.counts(verifier) == [UInt64(round) * 5, 5, isPair ? 5 : 0])
      #expect(verifier.rememberedCount == 5)
    }
  }

  @Test func everythingElseIsJudgedEachTime() throws {
    let forge = try KeyForge(.es256)
    let verifier = TokenVerifier()
    let token = forge.sign("{\"exp\":1700000900,\"nbf\":1700000000}")
    #expect(verifier.refusal(token, forge.realm) == nil)
    #expect(verifier.refusal(token, forge.realm, now: 1_700_000_900) == .expired)
    #expect(verifier.refusal(token, forge.realm, now: 1_699_999_999) == .notYetValid)
    #expect(verifier.refusal(token, forge.realm, .refresh) == .wrongTokenType)
    #expect(Self.counts(verifier) == [3, 1, 1])
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
    #expect(Self.counts(verifier) == [0, 9, 9] && verifier.rememberedCount == 0)
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
    #expect(Self.counts(verifier) == [0, 2, 2])
  }

  /// What is remembered of a realm goes when another takes its place, and nothing else does.
  @Test func theRowsOfAnOldRealmAreEmptied() throws {
    let verifier = TokenVerifier()
    // The same bytes whenever they are signed, unlike with ECDSA.
    let realms = try [KeyForge(.rs256), KeyForge(.hs256), KeyForge(.edDSA)]
    for forge in realms {
      for index in 0..<3 {
        let token = forge.sign("{\"exp\":1700000900,\"sub\":\"\(index)\"}")
        #expect(verifier.refusal(token, forge.realm) == nil)
      }
    }
    #expect(verifier.rememberedCount == 9)
    let newer = try KeyForge.realm([KeyForge.jwk(.hs256)])
    verifier.forget(allBut: [realms[0].realm, newer, realms[2].realm])
    #expect(verifier.rememberedCount == 6)
    let token = realms[0].sign("{\"exp\":1700000900,\"sub\":\"0\"}")
    let bytes = Array(token.utf8)
    let known = verifier.remembers(bytes.span, realm: realms[0].realm, nowSeconds: TokenForge.now)
    let unknown = verifier.remembers(bytes.span, realm: newer, nowSeconds: TokenForge.now)
    #expect(known && !unknown)
    verifier.forget(allBut: [])
    #expect(verifier.rememberedCount == 0)
    let again = verifier.remembers(bytes.span, realm: realms[0].realm, nowSeconds: TokenForge.now)
    #expect(!again)
  }

  /// The key's end holds on hits too, and a token of a dead key is computed for nobody.
  @Test func aKeyThatEndsIsNoLongerRemembered() throws {
    let verifier = TokenVerifier()
    let realm = try TokenForge.realm { definition in
      definition.access.secret = SecretDefinition(text: "a newer access secret of 40 bytes, tests")
      definition.access.previousSecrets = [
        PreviousSecret(
          SecretDefinition(text: TokenForge.accessSecret), endSeconds: TokenForge.now + 10)
      ]
    }
    let token = TokenForge.sign("{\"exp\":1700000900}")
    #expect(verifier.refusal(token, realm) == nil)
    #expect(verifier.refusal(token, realm, now: TokenForge.now + 9) == nil)
    #expect(verifier.refusal(token, realm, now: TokenForge.now + 10) == .badSignature)
    // The key that is left was tried for it.
    #expect(Self.counts(verifier) == [1, 2, 0])
  }

  /// The bound, with real tokens: the first ones are forgotten, nothing grows.
  @Test func tenThousandTokensAreVerifiedOnceEachAndStayWithinTheBound() throws {
    let verifier = TokenVerifier()
    let realm = try TokenForge.realm()
    for index in 0..<10_000 {
      let token = TokenForge.sign("{\"exp\":\(1_700_000_900 + index),\"sub\":\"\(index)\"}")
      guard verifier.refusal(token, realm) == nil else {
        Issue.record("token \(index)")
        return
      }
    }
    #expect(Self.counts(verifier) == [0, 10_000, 0])
    let count = verifier.rememberedCount
    #expect(count <= VerifiedTokens.tokenCountMaximum && count > 6000)
  }

  @Test func tenThousandRowsStayWithinTheBound() {
    let memory = VerifiedTokens(tokenBytesMaximum: 64)
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
    #expect(found <= VerifiedTokens.tokenCountMaximum && found > 6000)
    #expect(memory.count(nowSeconds: now) == found && memory.usedCount == found)
  }

  @Test func theDeadGoFirstThenWhoDiesFirst() {
    let memory = VerifiedTokens(tokenBytesMaximum: 64)
    // Tokens of one set, found by trying.
    var hashes: [Hash128] = []
    var index = 0
    while hashes.count < RowSets.wayCount + 2 {
      let bytes = Array("token \(index)".utf8)
      let hash = memory.hash(bytes.span)
      if hash.low & UInt64(VerifiedTokens.setCount - 1) == 5 { hashes.append(hash) }
      index += 1
    }
    for (index, expiration) in [400, 200, 300, 100, 700, 700, 700, 700].enumerated() {
      memory.remember(
        hashes[index], 1, keyIndex: index, expiration: Int64(expiration), nowSeconds: 0)
    }
    func known() -> [Int?] { hashes.map { memory.keyIndex($0, 1) } }
    #expect(known() == [0, 1, 2, 3, 4, 5, 6, 7, nil, nil])
    memory.remember(hashes[8], 1, keyIndex: 8, expiration: 500, nowSeconds: 50)
    #expect(known() == [0, 1, 2, nil, 4, 5, 6, 7, 8, nil])
    // At 250 the second is dead.
    memory.remember(hashes[9], 1, keyIndex: 9, expiration: 600, nowSeconds: 250)
    #expect(known() == [0, nil, 2, nil, 4, 5, 6, 7, 8, 9])
  }
}
