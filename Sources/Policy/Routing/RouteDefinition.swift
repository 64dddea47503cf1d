// What the configuration says about one route, before it is compiled.
//
// Plain values, filled by Assembly from the located model (inheritance and presets already applied)
// and read once by `PolicySet`. Indices refer to the lists of the same `PolicyDefinitions`.

import Tokens

/// The server framework behind a route: it decides which spellings of a path mean the same there.
public enum Framework: String, Sendable, CaseIterable {
  /// Flask and everything else on Werkzeug: case-sensitive, merges slashes.
  case werkzeug
  /// FastAPI and everything else on Starlette: case-sensitive.
  case starlette
  /// Express and NestJS on it: compares paths without case by default.
  case express
  /// Fastify and NestJS on it: case-sensitive.
  case fastify
  /// Not said: every reading counts.
  case unknown

  /// True when the framework may compare paths without case.
  public var foldsCase: Bool {
    switch self {
    case .express, .unknown: true
    case .werkzeug, .starlette, .fastify: false
    }
  }
}

/// Which hosts a route answers for.
public enum HostRule: Sendable, Equatable, Hashable {
  /// Every host.
  case any
  /// Exactly this name, compared without case and port.
  case exact(String)
  /// Every name that ends with a dot and this suffix: `*.example.com` is `.wildcard("example.com")`.
  case wildcard(String)
}

/// What a route wants to know about the caller.
public enum AuthRule: UInt8, Sendable, CaseIterable {
  /// Nothing: tokens are neither read nor judged.
  case none
  /// No token is fine, a bad one is still 401.
  case optional
  /// An access token.
  case required
  /// A refresh token.
  case refresh
  /// Either class.
  case any
}

/// Who speaks about cross-origin access on a route.
public enum CORSRule: Sendable, Equatable {
  /// The gateway, by the policy with this index; upstream's own headers are removed.
  case policy(Int)
  /// The backend: preflights go upstream without auth, its headers are kept. The rule where the
  /// configuration has no `cors` block at all.
  case pass
  /// Nobody: a preflight is an ordinary OPTIONS request and needs what the route needs; headers of
  /// the backend are kept.
  case off
}

/// What a 2xx answer on a route means for the tokens of its request.
public enum SuccessMeaning: UInt8, Sendable {
  /// Nothing.
  case nothing
  /// The caller logged out: the presented token and a refresh token of the same subject are revoked.
  case revoke
}

/// What of the judged token a backend gets.
public enum TokenForwarding: Sendable, Equatable, Hashable {
  /// The token as it came.
  case keep
  /// Nothing.
  case drop
  /// A short-lived one instead that the realm with this index signs.
  case remint(Int)
}

/// One route.
public struct RouteDefinition: Sendable {
  /// Most realms of one route; a forged token costs a try of each one's keys.
  public static let realmsMaximum = 8

  /// Indices of the listeners it answers on; empty means all.
  public var listeners: [Int]
  /// The hosts it answers for.
  public var host: HostRule
  /// Method names, case-sensitive; empty means any. GET includes HEAD.
  public var methods: [String]
  /// The path prefix with its group's prefix, as in a request: begins with `/`, holds no `%`, `;`,
  /// `\`, empty or dot segment. A trailing slash doesn't matter.
  public var path: String
  /// The part of `path` that is not forwarded, ending on a segment boundary; empty forwards all.
  public var strippedPrefix: String
  /// The framework behind the route's upstream.
  public var framework: Framework
  /// What the caller must present.
  public var auth: AuthRule
  /// Index into `PolicyDefinitions.realms`; nil only with `auth none`.
  public var realm: Int?
  /// More realms whose tokens are taken, asked in this order after `realm`.
  public var furtherRealms: [Int]
  /// All of them.
  public var realms: [Int] { (realm.map { [$0] } ?? []) + furtherRealms }
  /// What the token's claims must say; all of them.
  public var requirements: [ClaimRequirement]
  /// Indices into `PolicyDefinitions.limits`; all of them apply.
  public var limits: [Int]
  /// Who speaks about cross-origin access.
  public var cors: CORSRule
  /// The shape of the gateway's own answers.
  public var errors: ErrorStyle
  /// The route says `mode observe`: tokens, limits and origins are judged and counted, and nothing is
  /// refused for them.
  public var isObserved: Bool
  /// True when whoever serves the route may compare paths without case: its backend; the gateway's
  /// own answers never do.
  public var foldsCase: Bool { answer == nil && framework.foldsCase }
  /// What of the judged token the backend gets.
  public var forwarding = TokenForwarding.keep
  /// The block around the route that says so, for people: `upstream nest`; empty for the route's own.
  public var forwardingOrigin = ""
  /// What a 2xx answer means.
  public var onSuccess: SuccessMeaning
  /// Who may come, block by block from the outside in; all of them must admit.
  public var addressBlocks: [AddressBlock]
  /// What the route answers itself; nil where a backend does.
  public var answer: RouteAnswer?
  /// The route says `method_fallthrough on`: requests whose method it doesn't take may reach a
  /// shorter prefix with weaker protection.
  public var allowsMethodFallthrough: Bool

  /// Makes a route.
  public init(
    listeners: [Int] = [], host: HostRule = .any, methods: [String] = [], path: String,
    strippedPrefix: String = "", framework: Framework = .unknown, auth: AuthRule = .required,
    realm: Int? = nil, furtherRealms: [Int] = [], requirements: [ClaimRequirement] = [],
    limits: [Int] = [],
    cors: CORSRule = .pass,
    errors: ErrorStyle = .problem, onSuccess: SuccessMeaning = .nothing,
    addressBlocks: [AddressBlock] = [], answer: RouteAnswer? = nil,
    allowsMethodFallthrough: Bool = false, isObserved: Bool = false
  ) {
    self.listeners = listeners
    self.host = host
    self.methods = methods
    self.path = path
    self.strippedPrefix = strippedPrefix
    self.framework = framework
    self.auth = auth
    self.realm = realm
    self.furtherRealms = furtherRealms
    self.requirements = requirements
    self.limits = limits
    self.cors = cors
    self.errors = errors
    self.onSuccess = onSuccess
    self.addressBlocks = addressBlocks
    self.answer = answer
    self.allowsMethodFallthrough = allowsMethodFallthrough
    self.isObserved = isObserved
  }
}
