import Bytes
import Crypto
import Testing
import Tokens

@testable import Policy

/// Rates of signatures on requests: what is answered when one is used up, who is spared, and whose
/// address counts. With Ed25519, of which one costs two units.
@Suite struct SignatureRateTests {
  /// The keys of RFC 8032 §7.1, tests 1 and 2: public and private.
  static let keys = [
    (
      "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
      "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    ),
    (
      "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw",
      "TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs"
    ),
  ]

  static func jwk(_ index: Int, isPrivate: Bool = false) -> [UInt8] {
    let secret = isPrivate ? ",\"d\":\"\(keys[index].1)\"" : ""
    return Array("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\(keys[index].0)\"\(secret)}".utf8)
  }

  static func realm(_ index: Int) throws -> Realm {
    var definition = RealmDefinition(name: "realm\(index)", index: index)
    definition.access.keySources = [
      .file(try KeyFile(jwk(index).span, for: .verifying))
    ]
    definition.refresh = ClassDefinition()
    definition.refresh?.places = [.cookie("refresh_token_cookie")]
    return try Realm(definition)
  }

  static func sign(_ claims: String, key: Int = 0) throws -> String {
    let file = try KeyFile(jwk(key, isPrivate: true).span, for: .signing)
    return try #require(TokenSigner(file.keys[0], .edDSA))
      .sign(header: "{\"alg\":\"EdDSA\"}", payload: "{\"exp\":1700000900,\(claims)}")
  }

  /// A token whose claims were changed after it was signed.
  static func forge(_ number: Int) throws -> String {
    let parts = try sign("\"sub\":\"42\"").split(separator: ".")
    var claims = ByteBuffer(capacity: 128)
    let text = Array("{\"exp\":1700000900,\"sub\":\"\(number)\"}".utf8)
    Base64URL.encode(text.span, into: &claims)
    return "\(parts[0]).\(String(lossy: claims.readable)).\(parts[2])"
  }

  static func request(_ token: String, path: String = "/one") -> String {
    "GET \(path) HTTP/1.1\nAuthorization: Bearer \(token)"
  }

  static func world(perWorker: Int? = nil, perAddress: Int? = nil) throws -> World {
    func route(_ path: String, _ realms: [Int], isObserved: Bool = false) -> RouteDefinition {
      RouteDefinition(
        path: path, auth: .required, realm: realms[0], furtherRealms: Array(realms.dropFirst()),
        isObserved: isObserved)
    }
    var logout = route("/logout", [0])
    logout.onSuccess = .revoke
    return World(
      PolicyDefinitions(
        realms: [try realm(0), try realm(1)], blocklistRealms: [0, 1],
        routes: [
          route("/one", [0]), route("/two", [0, 1]), route("/observed", [0], isObserved: true),
          logout,
        ]),
      signatureRates: SignatureRates(perWorker: perWorker, perAddress: perAddress))
  }

  @Test func anAddressThatForgesIsAskedToWait() throws {
    let world = try Self.world(perAddress: 1)
    let good = try Self.sign("\"sub\":\"42\"")
    #expect(world.verdict(Self.request(good)) == "route 0")
    // Ten seconds' worth at two units each.
    for number in 0..<5 {
      #expect(world.verdict(Self.request(try Self.forge(number))) == "401 bad_signature")
    }
    let forged = Self.request(try Self.forge(5))
    #expect(world.verdict(forged) == "429 signature_rate_per_address")
    let reply = lines(world.reply).head
    #expect(reply[0] == "HTTP/1.1 429 Too Many Requests" && reply.contains("Retry-After: 1"))
    // What is known is served, what costs nothing is judged, and a good token that isn't known waits.
    #expect(world.verdict(Self.request(good)) == "route 0")
    #expect(world.verdict(Self.request("garbage")) == "401 malformed")
    let newer = Self.request(try Self.sign("\"sub\":\"43\""))
    #expect(world.verdict(newer) == "429 signature_rate_per_address")
    // Others are not concerned.
    #expect(world.verdict(newer, peer: "192.0.2.2") == "route 0")
    #expect(world.verdict(forged, peer: "192.0.2.2") == "401 bad_signature")
    // Whoever waits as long as was said is judged.
    world.nanoseconds += 1_000_000_000
    #expect(world.verdict(forged) == "401 bad_signature")
    #expect(world.verdict(forged) == "429 signature_rate_per_address")
    let counts = world.gatekeeper.signatureCounts
    #expect(counts.refusedByAddress == 3 && counts.refusedByWorker == 0)
  }

  /// A /64 of IPv6 is one customer; IPv4 addresses are whole.
  @Test func addressesCountAsInLimits() throws {
    let world = try Self.world(perAddress: 1)
    for number in 0..<5 {
      let request = Self.request(try Self.forge(number))
      #expect(world.verdict(request, peer: "20010db800000001/\(number)") == "401 bad_signature")
    }
    let forged = Self.request(try Self.forge(9))
    #expect(
      world.verdict(forged, peer: "20010db800000001/ffff") == "429 signature_rate_per_address")
    #expect(world.verdict(forged, peer: "20010db800000002/0") == "401 bad_signature")
  }

  @Test func aWorkerWithNothingLeftIsUnavailable() throws {
    let world = try Self.world(perWorker: 5, perAddress: nil)
    let good = Self.request(try Self.sign("\"sub\":\"42\""))
    #expect(world.verdict(good) == "route 0")
    // Two seconds' worth at two units each; good tokens cost nothing.
    for number in 0..<5 {
      let request = Self.request(try Self.forge(number))
      #expect(world.verdict(request, peer: "192.0.2.\(number)") == "401 bad_signature")
    }
    let forged = Self.request(try Self.forge(5))
    #expect(world.verdict(forged, peer: "192.0.2.9") == "503 signature_rate")
    let reply = lines(world.reply).head
    #expect(reply[0] == "HTTP/1.1 503 Service Unavailable" && reply.contains("Retry-After: 1"))
    #expect(world.verdict(good, peer: "192.0.2.9") == "route 0")
    #expect(world.gatekeeper.signatureCounts.refusedByWorker == 1)
  }

  /// Good tokens cost their address and the worker nothing, however many come at once: an office after
  /// a restart.
  @Test func aColdStartIsFree() throws {
    let world = try Self.world(perWorker: 1, perAddress: 1)
    for number in 0..<100 {
      let request = Self.request(try Self.sign("\"sub\":\"\(number)\""))
      #expect(world.verdict(request) == "route 0")
    }
    #expect(world.gatekeeper.rememberedTokenCount == 100)
  }

  /// A token of the second realm costs the first one's key as well, once, and gets both back; a
  /// forged one is asked about once and judged by all realms.
  @Test func realmsAfterTheFirstAreRemembered() throws {
    let world = try Self.world(perAddress: 1)
    for number in 0..<10 {
      let request = Self.request(
        try Self.sign("\"sub\":\"\(number)\"", key: 1), path: "/two")
      for _ in 0..<3 { #expect(world.verdict(request) == "route 1") }
    }
    let counts = world.gatekeeper.signatureCounts
    #expect(counts.computed == 20 && counts.remembered == 20 && counts.verified == 20)
    for number in 0..<3 {
      let request = Self.request(try Self.forge(number), path: "/two")
      #expect(world.verdict(request) == "401 bad_signature")
    }
    let forged = Self.request(try Self.forge(3), path: "/two")
    #expect(world.verdict(forged) == "429 signature_rate_per_address")
    #expect(world.gatekeeper.signatureCounts.computed == 26)
  }

  @Test func observedRoutesLetItPassWithoutAName() throws {
    let world = try Self.world(perAddress: 1)
    for number in 0..<5 { world.ask(Self.request(try Self.forge(number))) }
    let request = Self.request(try Self.forge(5), path: "/observed")
    #expect(world.verdict(request) == "route 2")
    #expect(world.request.wouldRefuse.map { "\($0)" } == "signature_rate_per_address")
    #expect(world.request.retryAfterSeconds == 0)
  }

  /// A logout whose refresh token can't be judged is no logout.
  @Test func aLogoutWaitsForItsRefreshToken() throws {
    let world = try Self.world(perAddress: 1)
    let access = try Self.sign("\"sub\":\"42\"")
    #expect(world.verdict(Self.request(access)) == "route 0")
    for number in 0..<5 { world.ask(Self.request(try Self.forge(number))) }
    #expect(world.verdict(Self.request(access, path: "/logout")) == "route 3")
    let refresh = try Self.sign("\"sub\":\"42\",\"type\":\"refresh\"")
    let both =
      Self.request(access, path: "/logout")
      + "\nCookie: refresh_token_cookie=\(refresh)"
    #expect(world.verdict(both) == "429 signature_rate_per_address")
    world.nanoseconds += 1_000_000_000
    #expect(world.verdict(both) == "route 3")
    guard case .revoke(let entries) = world.answered(204) else {
      Issue.record("nothing is revoked")
      return
    }
    #expect(entries.count == 2)
  }

  /// Adopting other realms empties what was remembered of those that went.
  @Test func adoptedRealmsBeginWithNothing() throws {
    let world = try Self.world()
    let one = Self.request(try Self.sign("\"sub\":\"42\""))
    let two = Self.request(try Self.sign("\"sub\":\"42\"", key: 1), path: "/two")
    for request in [one, two] { world.ask(request) }
    #expect(world.gatekeeper.rememberedTokenCount == 2)
    let newer = world.set.realms.replacing(try Self.realm(0))
    world.gatekeeper.adopt(newer)
    #expect(world.gatekeeper.rememberedTokenCount == 1)
    // An older set changes nothing.
    world.gatekeeper.adopt(world.set.realms)
    #expect(world.gatekeeper.rememberedTokenCount == 1)
    #expect(world.verdict(two) == "route 1" && world.verdict(one) == "route 0")
    #expect(world.gatekeeper.rememberedTokenCount == 2)
    #expect(world.gatekeeper.signatureCounts.computed == 4)
  }
}
