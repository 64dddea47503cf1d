import Testing

@testable import Tokens

/// The budgets of operations with key pairs: at the limit and one past it, what is given back, and a
/// table that is full.
@Suite struct SignatureBudgetTests {
  static let second: Int64 = 1_000_000_000

  static func payer(_ address: UInt64, at nanoseconds: Int64 = 0) -> SignaturePayer {
    SignaturePayer(high: 0, low: address, monotonicNanoseconds: 1_000_000 * second + nanoseconds)
  }

  /// How many units one after another are granted before the first refusal, at most 100,000.
  static func granted(
    _ budget: SignatureBudget, _ address: UInt64 = 1, at nanoseconds: Int64 = 0, units: Int = 1
  ) -> Int {
    for count in 0..<100_000
    where budget.take(units, payer(address, at: nanoseconds)) != nil { return count }
    return 100_000
  }

  @Test func anAddressHasTenSecondsWorth() {
    let budget = SignatureBudget(SignatureRates(perWorker: nil, perAddress: 50))
    for _ in 0..<500 { #expect(budget.take(1, Self.payer(7)) == nil) }
    let spent = budget.take(1, Self.payer(7))
    #expect(spent?.isAddress == true)
    // One unit is paid off in a fiftieth of a second: that is when to come again, and not before.
    let wait = spent?.waitNanoseconds ?? 0
    #expect(wait <= Self.second / 50 && wait > 0)
    #expect(budget.take(1, Self.payer(7, at: wait - 1)) != nil)
    #expect(budget.take(1, Self.payer(7, at: wait)) == nil)
    #expect(budget.take(1, Self.payer(7, at: wait)) != nil)
    // Everybody else has all of it.
    #expect(Self.granted(budget, 8) == 500)
    // And so has the address when it is paid off.
    #expect(Self.granted(budget, 7, at: 20 * Self.second) == 500)
  }

  @Test func aWorkerHasTwoSecondsWorthForAll() {
    let budget = SignatureBudget(SignatureRates(perWorker: 100, perAddress: nil))
    for index in 0..<200 { #expect(budget.take(1, Self.payer(UInt64(index))) == nil) }
    let spent = budget.take(1, Self.payer(200))
    #expect(spent?.isAddress == false)
    #expect(budget.take(1, Self.payer(200, at: spent?.waitNanoseconds ?? 0)) == nil)
    #expect(Self.granted(budget, 3, at: Self.second) == 99)
  }

  /// What the worker refuses is not taken from the address, and the address is told first.
  @Test func bothAreAsked() {
    let budget = SignatureBudget(SignatureRates(perWorker: 10, perAddress: 1))
    #expect(Self.granted(budget, 1) == 10)
    #expect(budget.take(1, Self.payer(1))?.isAddress == true)
    #expect(Self.granted(budget, 2) == 10)
    #expect(budget.take(1, Self.payer(3))?.isAddress == false)
    #expect(Self.granted(budget, 3, at: 2 * Self.second) == 10)
  }

  @Test func offIsWithoutBound() {
    let budget = SignatureBudget(SignatureRates(perWorker: nil, perAddress: nil))
    #expect(Self.granted(budget, units: 750) == 100_000)
  }

  /// An operation that is dearer than the whole burst is possible, and paid off before the next.
  @Test func dearOperationsArePossible() {
    let budget = SignatureBudget(SignatureRates(perWorker: 2500, perAddress: 1))
    #expect(budget.take(750, Self.payer(1)) == nil)
    let spent = budget.take(1, Self.payer(1))
    let wait = spent?.waitNanoseconds ?? 0
    #expect(wait > 739 * Self.second && wait <= 741 * Self.second)
    #expect(budget.take(1, Self.payer(1, at: wait)) == nil)
  }

  /// A token that was begun with is judged to its end; both budgets remember all of it.
  @Test func whatIsBegunIsPaidToItsEnd() {
    let budget = SignatureBudget(SignatureRates(perWorker: 10, perAddress: 1))
    #expect(budget.take(16, Self.payer(1)) == nil)
    #expect(budget.take(8, Self.payer(1), goesOn: true) == nil)
    let address = budget.take(1, Self.payer(1))
    #expect(address?.isAddress == true && address?.waitNanoseconds == 14 * Self.second + 1)
    let worker = budget.take(1, Self.payer(2))
    #expect(worker?.isAddress == false && worker?.waitNanoseconds == 400_000_001)
  }

  @Test(arguments: [(nil, 5, 50), (25, nil, 50), (25, 5, 50)] as [(Int?, Int?, Int)])
  func whatIsGivenBackCanBeSpentAgain(_ worker: Int?, _ address: Int?, _ granted: Int) {
    let budget = SignatureBudget(SignatureRates(perWorker: worker, perAddress: address))
    // Nothing comes of giving back what nobody took.
    budget.giveBack(3, Self.payer(9))
    for _ in 0..<1000 {
      #expect(budget.take(3, Self.payer(1)) == nil)
      budget.giveBack(3, Self.payer(1))
    }
    #expect(Self.granted(budget) == granted)
    #expect(Self.granted(budget, 9) == (worker == nil ? granted : 0))
  }

  /// Addresses for which there is no room share one bucket; those that have one lose nothing.
  @Test func aFullTableShares() {
    let budget = SignatureBudget(SignatureRates(perWorker: nil, perAddress: 1))
    // So many that every set is full.
    let crowd = UInt64(20 * SignatureBudget.addressCountMaximum)
    var refused = 0
    for address in 0..<crowd where budget.take(5, Self.payer(address)) != nil { refused += 1 }
    let shared = budget.overflowCount
    // Each that found no room used the one shared bucket, which takes two operations of five.
    #expect(shared >= crowd - UInt64(SignatureBudget.addressCountMaximum))
    #expect(UInt64(refused) == shared - 2)
    // The first one has a row of its own still.
    #expect(Self.granted(budget, 0) == 5)
    // When all have paid, rows are free again.
    let later = 100 * Self.second
    #expect(budget.take(1, Self.payer(crowd + 1, at: later)) == nil)
    #expect(budget.overflowCount == shared)
  }

  struct Cost: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var tokens: [String]
    var realm: Realm
    /// Units of the budget that they take from an address that had plenty.
    var units: Int
  }

  static func cost(_ name: String, _ units: Int, _ make: () throws -> (Realm, [String])) -> Cost? {
    guard let (realm, tokens) = try? make() else { return nil }
    return Cost(testDescription: name, tokens: tokens, realm: realm, units: units)
  }

  static let payload = "{\"exp\":1700000900}"

  static func forged(_ algorithm: TokenAlgorithm) throws -> String {
    let token = try KeyForge(algorithm).sign(payload)
    return TokenForge.parts(token)[0] + "." + TokenForge.encode("{\"exp\":1700000901}") + "."
      + TokenForge.parts(token)[2]
  }

  static let costs: [Cost?] =
    [
      (.rs256, 1), (.ps512, 1), (.es256, 1), (.es384, 12), (.es512, 9), (.edDSA, 2), (.hs256, 0),
    ].flatMap { (algorithm: TokenAlgorithm, units: Int) in
      [
        cost("a forged \(algorithm.name)", units) {
          (try KeyForge(algorithm).realm, [try forged(algorithm)])
        },
        cost("a good \(algorithm.name), given back", 0) {
          (try KeyForge(algorithm).realm, [try KeyForge(algorithm).sign(payload)])
        },
      ]
    } + [
      cost("an expired one", 1) {
        (try KeyForge(.es256).realm, [try KeyForge(.es256).sign("{\"exp\":1}")])
      },
      cost("one that may be of two keys", 2) {
        (
          try KeyForge.realm([
            "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\(TestKeys.P256.x)\",\"y\":\"\(TestKeys.P256.y)\"}",
            "{\"kty\":\"RSA\",\"n\":\"\(TestKeys.RSA.modulus)\",\"e\":\"AQAB\",\"alg\":\"RS256\"}",
            KeyForge.jwk(.es256, kid: "other"),
          ]), [try forged(.es256)]
        )
      },
      cost("garbage", 0) { (try KeyForge(.es256).realm, ["garbage", "a.b.c", ""]) },
      cost("an algorithm without key", 0) { (try KeyForge(.es256).realm, [try forged(.rs256)]) },
    ]

  @Test(arguments: costs)
  func costsWhatItComputes(_ cost: Cost?) throws {
    let cost = try #require(cost)
    let budget = SignatureBudget(SignatureRates(perWorker: nil, perAddress: 100))
    let verifier = TokenVerifier(budget: budget)
    for token in cost.tokens {
      let bytes = Array(token.utf8)
      _ = verifier.verify(
        bytes.span, realm: cost.realm, accepting: .access, nowSeconds: TokenForge.now,
        payer: Self.payer(1))
    }
    #expect(Self.granted(budget) == 1000 - cost.units)
  }
}
