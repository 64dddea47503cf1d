import Bytes
import HTTPWire
import Testing

@testable import Policy

/// A network as a configuration has it, `10.0.0.0/8`; IPv6 as `upper/lower/bits` in hexadecimal halves.
private func network(_ text: String) -> [AddressRange] {
  let parts = text.split(separator: "/").map(String.init)
  if parts.count == 3 {
    return AddressRange.network(
      high: UInt64(parts[0], radix: 16) ?? 0, low: UInt64(parts[1], radix: 16) ?? 0,
      bits: Int(parts[2]) ?? 0) ?? []
  }
  let peer = World.peer(parts[0])
  return AddressRange.network(high: 0, low: peer.low, bits: 96 + (Int(parts[1]) ?? 0)) ?? []
}

@Suite struct AddressTests {
  // MARK: Networks

  @Test(arguments: [
    ("10.0.0.0/8", "10.0.0.0", true), ("10.0.0.0/8", "10.255.255.255", true),
    ("10.0.0.0/8", "9.255.255.255", false), ("10.0.0.0/8", "11.0.0.0", false),
    ("192.0.2.7/32", "192.0.2.7", true), ("192.0.2.7/32", "192.0.2.6", false),
    ("192.0.2.7/32", "192.0.2.8", false), ("0.0.0.0/0", "255.255.255.255", true),
    ("0.0.0.0/0", "20010db800000000/1", false), ("0.0.0.0/0", "0/0", false),
    // IPv4 and IPv6 are apart, also where the bits would say otherwise.
    ("0/0/0", "192.0.2.1", false), ("0/0/0", "20010db800000000/1", true), ("0/0/0", "0/0", false),
    ("0/0/64", "127.0.0.1", false), ("0/0/64", "0/1", true),
    // The v4-mapped spelling of a network is the IPv4 one.
    ("0/ffff0a000000/104", "10.1.2.3", true), ("0/ffff00000000/96", "192.0.2.1", true),
    ("20010db800000000/0/32", "20010db8ffffffff/ffffffffffffffff", true),
    ("20010db800000000/0/32", "20010db900000000/0", false),
  ])
  func aNetworkHoldsItsAddresses(text: String, peer: String, isIn: Bool) {
    #expect(AddressTable(set: network(text)).contains(World.peer(peer)) == isIn)
  }

  @Test(arguments: [
    "10.0.0.1/8", "192.0.2.255/24", "20010db800000000/1/32", "8000000000000000/0/0",
  ])
  func bitsBehindThePrefixAreRefused(text: String) {
    #expect(network(text).isEmpty)
  }

  @Test func thePeersOfAUnixSocketAreASetOfTheirOwn() {
    let table = AddressTable(set: [.unix])
    #expect(table.contains(PeerAddress(high: 0, low: 0, listener: 0)))
    #expect(!table.contains(World.peer("0/1")))
    #expect(!table.contains(World.peer("0.0.0.0")))
  }

  @Test(arguments: [
    (["0.0.0.0/0"], true), (["0/0/0"], true), (["0.0.0.0/1", "128.0.0.0/1"], true),
    (["2000000000000000/0/3"], true), (["0.0.0.0/1"], false), ([], false),
    (["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3", "224.0.0.0/4"], false),
    (["10.0.0.0/8", "fd00000000000000/0/8"], false),
  ])
  func everybodyIsFoundInParts(texts: [String], isEverybody: Bool) {
    #expect(AddressTable(set: texts.flatMap(network)).isEverybody == isEverybody)
  }

  // MARK: Rules

  /// `+10.0.0.0/8 -all`.
  static func block(_ text: String) -> AddressBlock {
    AddressBlock(
      text.split(separator: " ").flatMap { word in
        let ranges = word.dropFirst() == "all" ? [.all] : network(String(word.dropFirst()))
        return ranges.map { AddressRule($0, isAllowed: word.first == "+") }
      })
  }

  @Test(arguments: [
    (["+10.0.0.0/8 -all"], "10.1.1.1", true), (["+10.0.0.0/8 -all"], "11.1.1.1", false),
    // Without a match: refused where somebody is allowed by name, else admitted.
    (["+10.0.0.0/8"], "11.1.1.1", false), (["-10.0.0.0/8"], "11.1.1.1", true),
    (["-10.0.0.0/8"], "10.0.0.0", false),
    // The first match counts.
    (["-10.1.0.0/16 +10.0.0.0/8"], "10.1.2.3", false),
    (["-10.1.0.0/16 +10.0.0.0/8"], "10.2.2.3", true),
    (["+10.0.0.0/8 -10.1.0.0/16"], "10.1.2.3", true), (["-all +10.0.0.0/8"], "10.1.2.3", false),
    (["+all -10.0.0.0/8"], "10.1.2.3", true),
    // Every block must admit, whichever comes first.
    (["+10.0.0.0/8", "+10.1.0.0/16"], "10.1.2.3", true),
    (["+10.0.0.0/8", "+10.1.0.0/16"], "10.2.2.3", false),
    (["+10.1.0.0/16", "+all"], "11.0.0.1", false), (["+all", "-10.1.0.0/16"], "10.1.9.9", false),
    (["-10.1.0.0/16", "+10.1.0.0/16"], "10.1.9.9", false),
    // A peer of a Unix socket is in no network, and in all.
    (["+10.0.0.0/8"], "0/0", false), (["+all"], "0/0", true), (["-0/0/0"], "0/0", true),
  ])
  func rulesAdmit(blocks: [String], peer: String, isAdmitted: Bool) {
    let table = AddressTable(blocks: blocks.map(Self.block))
    #expect(table.contains(World.peer(peer)) == isAdmitted)
  }

  @Test func compiledRulesSayWhatTheRulesSay() {
    var dice = ReadingModelTests.Dice(state: 5)
    for _ in 0..<200 {
      let blocks = (0...dice.next(3)).map { _ in
        AddressBlock(
          (0...dice.next(8)).map { _ in
            let lower = UInt128(dice.next(41))
            let range = AddressRange(lower: lower, upper: lower + UInt128(dice.next(13)))
            return AddressRule(range, isAllowed: dice.next(2) == 0)
          })
      }
      let table = AddressTable(blocks: blocks)
      for number in 0..<64 {
        let peer = PeerAddress(high: 0, low: UInt64(number), listener: 0)
        let wanted = blocks.allSatisfy { $0.admits(peer.number) }
        #expect(table.contains(peer) == wanted, "\(blocks) about \(number)")
      }
    }
  }

  // MARK: On routes

  static func world() -> World {
    let office = AddressTests.block("+10.0.0.0/8 -all")
    return World(
      PolicyDefinitions(
        corsPolicies: [CORSDefinition(origins: ["https://app.example"])], defaultCORS: 0,
        limits: [LimitDefinition(name: "one", permits: 1, periodSeconds: 60)],
        routes: [
          RouteDefinition(path: "/", auth: .none, cors: .policy(0)),
          RouteDefinition(
            path: "/office", auth: .none, limits: [0], cors: .policy(0), addressBlocks: [office]),
          RouteDefinition(
            path: "/office/floor", auth: .none, cors: .policy(0),
            addressBlocks: [office, AddressTests.block("+10.1.0.0/16")]),
          RouteDefinition(
            path: "/token", auth: .required, realm: 0, cors: .policy(0), addressBlocks: [office]),
        ]))
  }

  @Test(arguments: [
    ("GET / HTTP/1.1", "192.0.2.1", "route 0"),
    ("GET /office HTTP/1.1", "10.2.3.4", "route 1"),
    ("GET /office HTTP/1.1", "192.0.2.1", "403 address_refused"),
    ("GET /office/floor HTTP/1.1", "10.2.3.4", "403 address_refused"),
    ("GET /office/floor HTTP/1.1", "10.1.3.4", "route 2"),
    // Before the token is looked at, and before two credentials are.
    ("GET /token HTTP/1.1", "192.0.2.1", "403 address_refused"),
    ("GET /token HTTP/1.1\nAuthorization: a\nAuthorization: b", "192.0.2.1", "403 address_refused"),
    (
      "OPTIONS /office HTTP/1.1\nOrigin: https://app.example\nAccess-Control-Request-Method: GET",
      "192.0.2.1", "403 address_refused"
    ),
    (
      "OPTIONS /office HTTP/1.1\nOrigin: https://app.example\nAccess-Control-Request-Method: GET",
      "10.0.0.1", "preflight"
    ),
  ])
  func aRouteAdmitsByAddress(text: String, peer: String, verdict: String) {
    #expect(Self.world().verdict(text, peer: peer) == verdict)
  }

  @Test func aRefusedAddressCostsNoPermit() {
    let world = Self.world()
    for _ in 0..<3 {
      #expect(world.verdict("GET /office HTTP/1.1", peer: "192.0.2.1") == "403 address_refused")
    }
    #expect(world.verdict("GET /office HTTP/1.1", peer: "10.0.0.1") == "route 1")
    #expect(world.verdict("GET /office HTTP/1.1", peer: "10.0.0.1") == "429 limited")
  }

  @Test func aRefusedPreflightSaysNothingAboutOrigins() {
    let world = Self.world()
    world.ask(
      "OPTIONS /office HTTP/1.1\nOrigin: https://app.example\nAccess-Control-Request-Method: GET")
    #expect(!world.reply.contains("Access-Control-Allow-Origin"))
    world.ask("GET /office HTTP/1.1\nOrigin: https://app.example")
    #expect(world.reply.contains("Access-Control-Allow-Origin: https://app.example"))
  }

  @Test func tooManyRulesInABlockAreAMistake() {
    func mistakes(_ count: Int) -> [PolicyMistake] {
      let rules = (0..<count).map { _ in AddressRule(.all, isAllowed: true) }
      return PolicyDefinitions(
        routes: [RouteDefinition(path: "/", auth: .none, addressBlocks: [AddressBlock(rules)])]
      ).mistakes()
    }
    #expect(mistakes(AddressBlock.rulesMaximum).isEmpty)
    #expect(mistakes(AddressBlock.rulesMaximum + 1).count == 1)
  }
}
