import Bytes
import Crypto
import Testing
import Tokens

/// Realms whose keys are fetched: what they are before, during and after.
@Suite struct KeySourceTests {
  static func definition(
    _ sources: [KeySource], algorithms: [TokenAlgorithm]? = nil,
    _ change: (inout RealmDefinition) -> Void = { _ in }
  ) -> RealmDefinition {
    var definition = RealmDefinition(name: "main", index: 0)
    definition.access.keySources = sources
    definition.access.algorithms = algorithms
    change(&definition)
    return definition
  }

  static func set(_ keys: String...) throws -> KeySource {
    .remote(try KeyForge.read(KeyForge.set(keys)))
  }

  func faults(_ definition: RealmDefinition) -> [RealmFault] {
    do throws(RealmRejection) {
      _ = try Realm(definition)
      return []
    } catch {
      return error.faults
    }
  }

  @Test func aSetThatIsNotKnownIsNoMissingKey() throws {
    let pending = try Realm(Self.definition([.remote(nil)]))
    #expect(pending.hasRemoteKeys && pending.isIncomplete)
    let known = try Realm(Self.definition([Self.set(KeyForge.jwk(.es256))]))
    #expect(known.hasRemoteKeys && !known.isIncomplete)
    let file = try KeyForge.realm([KeyForge.jwk(.es256)])
    #expect(!file.hasRemoteKeys && !file.isIncomplete)
    #expect(faults(Self.definition([])).map(\.kind) == [.missingSecret])
    // One of two.
    let half = try Realm(Self.definition([.remote(nil), Self.set(KeyForge.jwk(.es256))]))
    #expect(half.isIncomplete)
    let token = try KeyForge.signer(.es256).sign(payload: RealmKeyTests.payload)
    #expect(TokenVerifier().refusal(token, half) == nil)
    // A refresh class that names nothing inherits what is fetched.
    let heir = try Realm(
      Self.definition([Self.set(KeyForge.jwk(.es256))]) { $0.refresh = ClassDefinition() })
    let refresh = try KeyForge.signer(.es256).sign(
      payload: "{\"exp\":1700000900,\"type\":\"refresh\"}")
    #expect(TokenVerifier().refusal(refresh, heir, .refresh) == nil)
  }

  @Test func otherKeysCountBesideASetThatIsNotKnown() throws {
    let realm = try Realm(
      Self.definition([.remote(nil)]) {
        $0.access.algorithms = [.hs256, .es256]
        $0.access.secret = SecretDefinition(text: TokenForge.accessSecret)
      })
    #expect(realm.isIncomplete)
    #expect(TokenVerifier().refusal(TokenForge.sign(RealmKeyTests.payload), realm) == nil)
  }

  @Test func aFetchedSetObeysTheRulesOfAFile() throws {
    let rsa = try KeyForge.read(TestKeys.rsaSPKI)
    let source = RealmFault.Source.keyFile(0)
    #expect(
      faults(Self.definition([.remote(rsa)])) == [
        RealmFault(kind: .unknownAlgorithm, tokenClass: .access, source: source)
      ])
    #expect(faults(Self.definition([.remote(rsa)], algorithms: [.rs256])).isEmpty)
    #expect(
      faults(Self.definition([.remote(rsa)], algorithms: [.es256])) == [
        RealmFault(kind: .unfittingAlgorithms, tokenClass: .access, source: source)
      ])
    // What never could be right is told before anything was fetched.
    #expect(
      faults(Self.definition([.remote(nil)], algorithms: [.hs256])) == [
        RealmFault(kind: .unfittingAlgorithms, tokenClass: .access, source: source)
      ])
    let unnamed = (1...9).map { index in
      "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\""
        + TokenForge.encode([UInt8](repeating: UInt8(index), count: 32)) + "\"}"
    }
    let many = KeySource.remote(try KeyForge.read(KeyForge.set(unnamed)))
    #expect(faults(Self.definition([many])).map(\.kind) == [.tooManyUnnamedKeys])
    let dual = Self.definition([try Self.set(KeyForge.jwk(.es256))]) {
      $0.preset = .nestDualSecret
      $0.refresh = ClassDefinition()
      $0.refresh?.keySources = $0.access.keySources
    }
    #expect(faults(dual).map(\.kind) == [.equalSecrets])
  }

  @Test func aFetchedSetHoldsNoSecret() throws {
    let secrets = try Self.set(KeyForge.jwk(.hs256, kid: "a"))
    for algorithms in [nil, [TokenAlgorithm.hs256, .es256]] {
      let found = faults(Self.definition([secrets], algorithms: algorithms))
      #expect(
        found == [RealmFault(kind: .fetchedSecret, tokenClass: .access, source: .keyFile(0))])
      for fault in found {
        #expect(!fault.message.isEmpty && !fault.hint.isEmpty && !fault.isWeakness)
      }
    }
    // The same set from a file is taken.
    #expect(try KeyForge.realm([KeyForge.set([KeyForge.jwk(.hs256, kid: "a")])]).name == "main")
  }

  @Test func countsGoOnWhileTheKeyIsThere() throws {
    func realm(_ keys: String..., after: Realm? = nil) throws -> Realm {
      let set = KeySource.remote(try KeyForge.read(KeyForge.set(keys)))
      return try Realm(
        Self.definition([set]) {
          $0.access.algorithms = [.es256, .es384, .hs256]
          $0.access.secret = SecretDefinition(text: TokenForge.accessSecret)
        }, succeeding: after)
    }
    let verifier = TokenVerifier()
    let one = try realm(KeyForge.jwk(.es256, kid: "a"))
    let token = try KeyForge.signer(.es256).sign(payload: RealmKeyTests.payload)
    #expect(verifier.refusal(token, one) == nil)
    #expect(verifier.refusal(TokenForge.sign(RealmKeyTests.payload), one) == nil)
    #expect(one.keyReports.map(\.count) == [1, 1])
    // Another place, another name, one more key: the material and its algorithm are the key.
    let two = try realm(
      KeyForge.jwk(.es384, kid: "b"), KeyForge.jwk(.es256, kid: "c"), after: one)
    #expect(two.keyReports.map(\.count) == [1, 0, 1])
    #expect(verifier.refusal(token, two) == nil)
    #expect(two.keyReports.map(\.count) == [1, 0, 2])
    // A worker that still has the old realm adds to the same numbers.
    #expect(verifier.refusal(token, one) == nil)
    #expect(two.keyReports.map(\.count) == [1, 0, 3])
    let three = try realm(KeyForge.jwk(.es384, kid: "b"), after: two)
    #expect(verifier.refusal(token, three) == .unsupportedAlgorithm)
    let four = try realm(KeyForge.jwk(.es256, kid: "a"), after: three)
    #expect(four.keyReports.map(\.count) == [1, 0])
  }
}
