// Everything that decides about requests, as the configuration says it, before it is compiled.
//
// Assembly fills these plain values; `PolicyDefinitions.mistakes()` names what is wrong with them
// (Assembly adds file, line and column), and `PolicySet` compiles them. Start and reload only.

import Tokens

/// The uncompiled decisions of one configuration.
public struct PolicyDefinitions: Sendable {
  /// Number of listeners; routes refer to them by index.
  public var listenerCount: Int
  /// The realms; `Realm.index` is the place in this list.
  public var realms: [Realm]
  /// Realms whose tokens are checked against the blocklist, by index.
  public var blocklistRealms: [Int]
  /// Headers that the backends may trust.
  public var identityHeaders: [IdentityHeaderDefinition]
  /// The signed identity beside them; nil without one.
  public var assertion: AssertionDefinition?
  /// The CORS policies.
  public var corsPolicies: [CORSDefinition]
  /// Index of the unnamed policy, which also speaks before a route is known.
  public var defaultCORS: Int?
  /// Peers whose word about their clients is taken (`trusted_proxies`).
  public var trustedProxies: [AddressRange] = []
  /// The limits.
  public var limits: [LimitDefinition]
  /// The routes; a request's route index is the place in this list.
  public var routes: [RouteDefinition]
  /// Shape of answers given before a route is known.
  public var errors: ErrorStyle

  /// Makes definitions; without arguments, of a gateway that answers 404 to everything.
  public init(
    listenerCount: Int = 1, realms: [Realm] = [], blocklistRealms: [Int] = [],
    identityHeaders: [IdentityHeaderDefinition] = [], corsPolicies: [CORSDefinition] = [],
    defaultCORS: Int? = nil, limits: [LimitDefinition] = [], routes: [RouteDefinition] = [],
    errors: ErrorStyle = .problem
  ) {
    self.listenerCount = listenerCount
    self.realms = realms
    self.blocklistRealms = blocklistRealms
    self.identityHeaders = identityHeaders
    self.corsPolicies = corsPolicies
    self.defaultCORS = defaultCORS
    self.limits = limits
    self.routes = routes
    self.errors = errors
  }
}

/// Which definition a mistake is about, so that Assembly can point at its line.
public enum PolicySubject: Sendable, Equatable {
  /// A route, by index.
  case route(Int)
  /// A CORS policy, by index.
  case cors(Int)
  /// A limit, by index.
  case limit(Int)
  /// An identity header, by index.
  case identityHeader(Int)
  /// The signed identity.
  case assertion
}

/// Something in the definitions that can't stand.
public struct PolicyMistake: Sendable, Equatable {
  /// What it is about.
  public let subject: PolicySubject
  /// The other route of a pair of routes that don't go together.
  public let related: Int?
  /// What is wrong, for the operator; holds no secret.
  public let message: String
  /// What to do about it, if that can be said.
  public let hint: String?

  init(_ subject: PolicySubject, _ message: String, hint: String? = nil, related: Int? = nil) {
    self.subject = subject
    self.message = message
    self.hint = hint
    self.related = related
  }
}
