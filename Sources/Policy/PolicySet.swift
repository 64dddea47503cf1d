// The compiled decisions of one configuration: flat arrays, indices, bytes.
//
// Built once at start or reload from `PolicyDefinitions`, then immutable and shared by all workers.
// What a request needs is found by index: its route's row names its realm, its places, its limits and
// its CORS policy by number.

import Bytes
import Tokens

/// What the gatekeepers of all workers read; immutable.
public final class PolicySet: Sendable {
  /// Which request fields are never taken from a client.
  public let headerGuard: HeaderGuard
  /// Number of routes.
  public let routeCount: Int

  let table: RouteTable
  let routes: [CompiledRoute]
  /// Indices into `limits`, route after route.
  let routeLimits: [Int32]
  let limits: [CompiledLimit]
  /// The realms as the configuration gives them; a worker may know newer keys.
  public let realms: RealmSet
  let realmRules: [RealmRules]
  /// True when some realm requires claims of its tokens.
  let realmsRequireClaims: Bool
  /// Realms of routes that take several, route after route.
  let furtherRealms: [Int32]
  /// Per realm `WWW-Authenticate: Bearer realm="NAME"` (RFC 6750 §3).
  let challenges: [[UInt8]]
  let places: [PlaceTable]
  /// What routes require of a token's claims.
  let requirements: [ClaimRequirements]
  let identity: [IdentityHeader]
  /// The realms that mint for routes.
  let mintTargets: [MintTarget]
  /// The fields in which their backends look for tokens, target after target.
  let mintFields: [MintField]
  /// What writes the signed identity, nil where nobody asks for it.
  let assertion: MintTarget?
  /// Room for identity headers and all that may be minted beside them.
  let identityCapacity: Int
  let claims: [ClaimPath]
  /// The openings of the identity headers (`Name: `), and whole headers for `$realm` per realm.
  let identityBytes: [UInt8]
  let cors: [CORSPolicy]
  /// Who may come to the routes that ask.
  let addresses: [AddressTable]
  /// What routes without a backend say.
  let answers: [CompiledAnswer]
  /// Whose word about clients is taken; nil when nobody's is.
  private let trustedPeers: AddressTable?
  /// Index of the policy that speaks before a route is known, -1 without one.
  let defaultCORS: Int32
  let errors: ErrorStyle

  /// What the request path needs of a realm beside the realm itself. Numbers only: copying an array
  /// out of a row would count references that all workers share.
  struct RealmRules: Sendable {
    let isBlocklisted: Bool
    let tokenKey: SipKey
    let subjectKey: SipKey
    let everyoneRow: Hash128
    /// The name in `identityBytes`.
    let name: ByteRange
  }

  /// One identity header.
  struct IdentityHeader: Sendable {
    /// `Name: ` in `identityBytes`.
    let opening: ByteRange
    /// Index into `claims`, -1 for `$realm`.
    let claim: Int
  }

  /// Compiles `definitions`. Rows whose indices point nowhere become the strictest thing possible,
  /// but Assembly asks `PolicyDefinitions.mistakes()` first and never compiles what has any.
  public init(_ definitions: PolicyDefinitions, revocations: RevocationTable) {
    headerGuard = HeaderGuard(definitions)
    routeCount = definitions.routes.count
    table = RouteTable(RouteTableBuilder(definitions))
    limits = definitions.limits.map { CompiledLimit($0) }
    realms = RealmSet(definitions.realms)
    var text: [UInt8] = []
    func keep(_ part: String) -> ByteRange {
      text.append(contentsOf: part.utf8)
      return ByteRange(text.count - part.utf8.count, text.count)
    }
    realmRules = definitions.realms.indices.map { index in
      let name = definitions.realms[index].name
      return RealmRules(
        isBlocklisted: definitions.blocklistRealms.contains(index),
        tokenKey: revocations.key(.token, realm: name),
        subjectKey: revocations.key(.subject, realm: name),
        everyoneRow: revocations.everyoneRow(realm: name), name: keep(name))
    }
    realmsRequireClaims = definitions.realms.contains { $0.hasRequirements }
    challenges = definitions.realms.map { Self.challenge(realm: $0.name) }
    var claims: [ClaimPath] = []
    identity = definitions.identityHeaders.map { header in
      let opening = keep("\(header.name): ")
      switch header.source {
      case .claim(let claim):
        claims.append(claim)
        return IdentityHeader(opening: opening, claim: claims.count - 1)
      case .realmName: return IdentityHeader(opening: opening, claim: -1)
      }
    }
    self.claims = claims
    var compiler = RouteCompiler(definitions)
    routes = definitions.routes.map { compiler.compile($0) }
    var fields: [MintField] = []
    mintTargets = compiler.mintRealms.map {
      MintTarget(definitions.realms[$0], fields: &fields, keep)
    }
    mintFields = fields
    assertion = definitions.assertion.flatMap { assertion in
      guard definitions.realms.indices.contains(assertion.realm) else { return nil }
      let opening = keep("\(assertion.name): ")
      return MintTarget(
        realm: assertion.realm, accessOpening: opening, refreshOpening: opening, fields: 0..<0)
    }
    let mintedCount = (mintTargets.isEmpty ? 0 : 1) + (assertion == nil ? 0 : 1)
    identityCapacity =
      RequestPolicy.identityBytesMaximum + mintedCount * RequestPolicy.mintedBytesMaximum
    identityBytes = text
    cors = definitions.corsPolicies.map { CORSPolicy($0) }
    defaultCORS = Int32(definitions.defaultCORS ?? -1)
    errors = definitions.errors
    routeLimits = compiler.limits
    furtherRealms = compiler.furtherRealms
    places = compiler.places
    requirements = compiler.requirements
    addresses = compiler.addresses
    answers = compiler.answers
    trustedPeers =
      definitions.trustedProxies.isEmpty ? nil : AddressTable(set: definitions.trustedProxies)
  }

  /// True when `trusted_proxies` names anybody.
  public var namesTrustedPeers: Bool { trustedPeers != nil }

  /// True for a peer whose word about its clients is taken (`trusted_proxies`). Asked once a
  /// connection.
  public func isTrusted(_ peer: PeerAddress) -> Bool { trustedPeers?.contains(peer) ?? false }

  private static func challenge(realm: String) -> [UInt8] {
    var text = Array("WWW-Authenticate: Bearer realm=\"".utf8)
    for byte in realm.utf8 where byte >= 0x20 && byte < 0x7f {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        text.append(UInt8(ascii: "\\"))
      }
      text.append(byte)
    }
    text.append(UInt8(ascii: "\""))
    return text
  }
}

/// Makes the routes' rows; routes that read the same places share their table.
private struct RouteCompiler {
  private struct PlaceKey: Hashable {
    var realms: [Int]
    var auth: AuthRule
    var onSuccess: SuccessMeaning
    var forwarding: TokenForwarding
  }

  private let definitions: PolicyDefinitions
  private var known: [PlaceKey: Int32] = [:]
  private(set) var places: [PlaceTable] = []
  private var knownRequirements: [[ClaimRequirement]: Int32] = [:]
  private(set) var requirements: [ClaimRequirements] = []
  private(set) var limits: [Int32] = []
  private(set) var furtherRealms: [Int32] = []
  private var knownAddresses: [[AddressBlock]: Int32] = [:]
  private(set) var addresses: [AddressTable] = []
  private(set) var answers: [CompiledAnswer] = []
  /// The realms that mint for routes, by index.
  private(set) var mintRealms: [Int] = []

  init(_ definitions: PolicyDefinitions) { self.definitions = definitions }

  mutating func compile(_ route: RouteDefinition) -> CompiledRoute {
    let firstLimit = Int32(limits.count)
    limits.append(contentsOf: route.limits.map { Int32($0) })
    let firstFurtherRealm = Int32(furtherRealms.count)
    furtherRealms.append(contentsOf: route.furtherRealms.map { Int32($0) })
    var prefix = route.strippedPrefix.utf8.count
    if route.strippedPrefix.utf8.last == UInt8(ascii: "/") { prefix -= 1 }
    let place = placeIndex(route)
    let forwarding = forwarding(route)
    let cors: Int32 =
      switch route.cors {
      case .policy(let index): Int32(index)
      // Nobody is there to pass a preflight to, and it must not get the answer without a token.
      case .pass: route.answer == nil ? CompiledRoute.corsPass : CompiledRoute.corsOff
      case .off: CompiledRoute.corsOff
      }
    return CompiledRoute(
      strippedBytes: prefix, foldsCase: route.foldsCase, auth: route.auth,
      errors: route.errors, onSuccess: route.onSuccess, realm: Int32(route.realm ?? -1),
      firstFurtherRealm: firstFurtherRealm, furtherRealmCount: Int32(route.furtherRealms.count),
      places: place, requirements: requirementIndex(route),
      readsBearerOnly: place >= 0 && places[Int(place)].readsBearerOnly,
      readsBody: place >= 0 && places[Int(place)].readsBody,
      withholdsToken: forwarding != .keep,
      mints: place >= 0 && route.answer == nil
        && (definitions.assertion != nil || mintTargetIndex(forwarding) >= 0),
      mintTarget: mintTargetIndex(forwarding), cors: cors,
      addresses: addressIndex(route), answer: answerIndex(route), isObserved: route.isObserved,
      firstLimit: firstLimit,
      limitCount: Int32(route.limits.count))
  }

  /// What of a token goes to the backend; where nobody reads one, no backend is, or requests go on as
  /// they came (`mode observe`), nothing is done.
  private func forwarding(_ route: RouteDefinition) -> TokenForwarding {
    route.auth == .none || route.answer != nil || route.isObserved ? .keep : route.forwarding
  }

  private mutating func mintTargetIndex(_ forwarding: TokenForwarding) -> Int32 {
    guard case .remint(let realm) = forwarding, definitions.realms.indices.contains(realm) else {
      return -1
    }
    if let index = mintRealms.firstIndex(of: realm) { return Int32(index) }
    mintRealms.append(realm)
    return Int32(mintRealms.count - 1)
  }

  private mutating func requirementIndex(_ route: RouteDefinition) -> Int32 {
    guard !route.requirements.isEmpty else { return -1 }
    if let index = knownRequirements[route.requirements] { return index }
    requirements.append(ClaimRequirements(route.requirements))
    let index = Int32(requirements.count - 1)
    knownRequirements[route.requirements] = index
    return index
  }

  /// Routes of one group have the same rules: one table.
  private mutating func addressIndex(_ route: RouteDefinition) -> Int32 {
    guard !route.addressBlocks.isEmpty else { return -1 }
    if let index = knownAddresses[route.addressBlocks] { return index }
    addresses.append(AddressTable(blocks: route.addressBlocks))
    let index = Int32(addresses.count - 1)
    knownAddresses[route.addressBlocks] = index
    return index
  }

  private mutating func answerIndex(_ route: RouteDefinition) -> Int32 {
    guard let answer = route.answer else { return -1 }
    answers.append(CompiledAnswer(answer))
    return Int32(answers.count - 1)
  }

  private func target(_ forwarding: TokenForwarding) -> Realm? {
    guard case .remint(let realm) = forwarding, definitions.realms.indices.contains(realm) else {
      return nil
    }
    return definitions.realms[realm]
  }

  private mutating func placeIndex(_ route: RouteDefinition) -> Int32 {
    let realms = route.realms
    guard route.auth != .none, !realms.isEmpty,
      realms.allSatisfy(definitions.realms.indices.contains)
    else { return -1 }
    let forwarding = forwarding(route)
    let key = PlaceKey(
      realms: realms, auth: route.auth, onSuccess: route.onSuccess, forwarding: forwarding)
    if let index = known[key] { return index }
    places.append(
      PlaceTable(
        realms: realms.map { definitions.realms[$0] }, auth: route.auth,
        onSuccess: route.onSuccess, withholdsToken: forwarding != .keep, target: target(forwarding))
    )
    let index = Int32(places.count - 1)
    known[key] = index
    return index
  }
}
