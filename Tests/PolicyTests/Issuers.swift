// Issuers of tokens, and gatekeepers that know their keys or not: for the tests of fetched keys.

import Bytes
import Crypto
import HTTPWire
import Testing
import Tokens

@testable import Policy

/// Key pairs of issuers, and tokens that they sign.
struct Issuer: Sendable {
  let kid: String
  private let x: String
  private let d: String

  static let one = Issuer(
    kid: "one", x: "3EyOSzIVe-Uh1AOjU5UIPCrcUvdNIBIaNmt-GBaTqF8",
    d: "Z2F0ZXdheSB0ZXN0IGtleSBvbmUuLi4uLi4uLi4uLi4")
  static let two = Issuer(
    kid: "two", x: "qXArvx_Gn3mXo0xU_3j7h8uJmbn3Cg-RN85YVlVMSSw",
    d: "Z2F0ZXdheSB0ZXN0IGtleSB0d28uLi4uLi4uLi4uLi4")
  static let three = Issuer(
    kid: "three", x: "-9kAawtWcPPGiMZ3_dtKX9AqPem-sZKutHMnajSZ6Z8",
    d: "Z2F0ZXdheSB0ZXN0IGtleSB0aHJlZS4uLi4uLi4uLi4")

  var jwk: String { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"\(kid)\",\"x\":\"\(x)\"}" }

  func sign(
    _ claims: String = "\"sub\":\"42\",\"jti\":\"a1\",\"exp\":1700000900", kid name: String? = nil
  ) throws -> String {
    let text = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\(x)\",\"d\":\"\(d)\"}"
    let file = try KeyFile(Array(text.utf8).span, for: .signing)
    let signer = try #require(TokenSigner(file.keys[0], .edDSA))
    let member = (name ?? kid).isEmpty ? "" : ",\"kid\":\"\(name ?? kid)\""
    return signer.sign(header: "{\"alg\":\"EdDSA\"\(member)}", payload: "{\(claims)}")
  }

  /// A fetched set of these keys; nil for one that is not known.
  static func set(_ issuers: [Issuer]?) throws -> KeySource {
    guard let issuers else { return .remote(nil) }
    let text = "{\"keys\":[\(issuers.map(\.jwk).joined(separator: ","))]}"
    return .remote(try KeyFile(Array(text.utf8).span, for: .verifying))
  }
}

/// Gatekeepers before fetched sets.
enum KeyWorld {
  /// Access and refresh tokens of one fetched set each, in every kind of place.
  static func main(_ access: [Issuer]?, _ refresh: [Issuer]? = []) throws -> Realm {
    var definition = RealmDefinition(name: "main", index: 0)
    definition.access.keySources = [try Issuer.set(access)]
    definition.access.places = [
      .authorizationBearer, .cookie("a", csrfHeader: "X-CSRF-TOKEN"), .query("q"),
      .bodyField("token"),
    ]
    definition.refresh = ClassDefinition()
    if refresh?.isEmpty != true { definition.refresh?.keySources = [try Issuer.set(refresh)] }
    definition.refresh?.places = [.cookie("r", csrfHeader: ""), .bodyField("refresh")]
    return try Realm(definition)
  }

  static let partnerSecret = "a partner's secret of forty bytes, tests"

  /// The partner's fetched keys, or a secret in place of none.
  static func partner(_ access: [Issuer]?) throws -> Realm {
    var definition = RealmDefinition(name: "partner", index: 1)
    if access?.isEmpty == true {
      definition.access.secret = SecretDefinition(text: partnerSecret)
    } else {
      definition.access.keySources = [try Issuer.set(access)]
    }
    return try Realm(definition)
  }

  static func local() throws -> Realm {
    try Forge.realm("local", index: 2)
  }

  static func world(_ realms: [Realm]) -> World {
    func route(
      _ path: String, _ auth: AuthRule, _ taken: [Int] = [0], _ meaning: SuccessMeaning = .nothing
    ) -> RouteDefinition {
      RouteDefinition(
        path: path, framework: .express, auth: auth, realm: taken[0],
        furtherRealms: Array(taken.dropFirst()), onSuccess: meaning)
    }
    return World(
      PolicyDefinitions(
        realms: realms, blocklistRealms: Array(realms.indices),
        identityHeaders: [IdentityHeaderDefinition(name: "X-Realm", source: .realmName)],
        routes: [
          route("/required", .required), route("/optional", .optional),
          route("/refresh", .refresh), route("/any", .any),
          route("/logout", .any, [0], .revoke), route("/both", .required, [0, 1]),
          route("/mixed", .required, [0, 2]),
        ]))
  }

  /// The machine's answer when these realms have taken the place of theirs.
  static func answer(_ world: World, _ isAvailable: Bool = true, _ realms: Realm...) -> String {
    for realm in realms { world.adopt(realm) }
    let bytes = world.bytes
    return world.describe(
      world.gatekeeper.keySetAnswered(
        world.request, isAvailable: isAvailable, head: world.head, bytes: bytes.span,
        now: world.now, set: world.set))
  }

  static func get(_ path: String, _ token: String) -> String {
    "GET \(path) HTTP/1.1\nAuthorization: Bearer \(token)"
  }

  static func twoRealms() throws -> World {
    Self.world([try Self.main([.one]), try Self.partner([.two]), try Self.local()])
  }
}

extension World {
  /// A realm takes the place of the one with its index.
  func adopt(_ realm: Realm) {
    realms = realms.replacing(realm)
    gatekeeper.adopt(realms)
  }

  /// The first realm with these keys, succeeding the one before.
  func succeed(_ keys: [Issuer]?) throws {
    var definition = RealmDefinition(name: "main", index: 0)
    definition.access.keySources = [try Issuer.set(keys)]
    adopt(try Realm(definition, succeeding: gatekeeper.realms[0]))
  }
}
