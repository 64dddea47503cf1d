// The resumable machine that decides about requests (DESIGN §2): events in, actions out.
//
//     headReceived ─▶ route ─▶ address ─▶ CORS ─▶ limits by address ─▶ authenticate ─┬▶ admit, answerRoute
//                       │         │         │            │                  │        ├▶ needBodyField ─▶ bodyFieldRead
//                     deny      deny    preflight      deny               deny       ├▶ needKey ─▶ keySetAnswered
//                                                                                    └▶ (askRevocation, askPermit)
//
// Stages follow DESIGN §3, 5 to 9. No I/O, no clock, and warm no allocation. The token's own part is
// in `Gatekeeper+Auth`, what an answer means in `Gatekeeper+Learn`. Loop only.

import Bytes
import HTTPWire
import Tokens

/// One worker's decider: its scratch, its token verifier, and the tables that all workers share.
public final class Gatekeeper {
  let router = Router()
  let verifier: TokenVerifier
  let bodyReader = BodyFieldReader()
  let revocations: RevocationTable.Reader
  let limits: LimitTable
  let counts = DecisionCounts()
  private var realmSet: RealmSet
  /// The realms with the keys that they have now: what every decision goes by.
  private(set) var realms: [Realm]
  /// What the last token needs that was `undecided(.keyMissing)`.
  var missingKey = MissingKey(name: KeyName.none, realms: [])
  /// What the control loop said lately about keys that are missing.
  var missingKeys = MissingKeys()

  /// Makes a worker's gatekeeper over the shared tables.
  /// `signatureRates` bound what strangers may have computed; tools need none.
  public init(
    revocations: RevocationTable, limits: LimitTable, realms: RealmSet,
    signatureRates: SignatureRates? = nil
  ) {
    verifier = TokenVerifier(budget: signatureRates.map { SignatureBudget($0) })
    realmSet = realms
    self.realms = realms.realms
    self.revocations = RevocationTable.Reader(revocations)
    self.limits = limits
  }

  /// Adopts what other threads changed meanwhile; for an idle worker's timer, so that it doesn't
  /// keep an outgrown revocation table alive.
  public func housekeep() { revocations.refresh() }

  /// Takes over keys that have changed; what is older than what is known is left alone, and then it
  /// says false.
  @discardableResult
  public func adopt(_ newer: RealmSet) -> Bool {
    guard newer.version > realmSet.version else { return false }
    realmSet = newer
    realms = newer.realms
    missingKeys.removeAll()
    // What is remembered of an old realm can't be used any more; its room can.
    verifier.forget(allBut: realms)
    return true
  }

  /// How often signatures were computed and how often remembered.
  public var signatureCounts: SignatureCounts { verifier.signatureCounts }

  /// Number of tokens whose signature is remembered.
  public var rememberedTokenCount: Int { verifier.rememberedCount }

  /// How often tokens were minted for backends and how often handed out again.
  public var mintCounts: MintCounts { verifier.mintCounts }

  /// What was decided so far. Copies tables: for reports.
  public var decisions: DecisionReport { counts.report }

  // MARK: Events

  /// Decides about a request whose head is complete. `bytes` are those the head was parsed from.
  public func headReceived(
    _ request: RequestPolicy, head: RequestHead, bytes: Span<UInt8>, peer: PeerAddress,
    now: PolicyTime, set: PolicySet
  ) -> PolicyAction {
    precondition(request.phase == .idle, "one head a request: the exchange resets between them")
    request.peer = peer
    if head.has(.origin) { noteOrigin(request, head) }
    let asked = AskedMethod(head, bytes)
    request.preflight = asked.isPreflight
    var choice = choose(asked.method, asked.name, head, bytes, peer, set)
    if asked.isPreflight, case .route(let index, _) = choice.verdict,
      set.routes[index].cors == CompiledRoute.corsOff
    {
      // Nobody speaks CORS here: OPTIONS is a method like any other and needs its own route.
      request.preflight = false
      choice = choose(head.method, head.methodRange, head, bytes, peer, set)
    }
    switch choice.verdict {
    case .route(let index, let node):
      request.route = index
      request.node = node
      request.strippedBytes = choice.strippedBytes
    case .noRoute: return denyUnrouted(request, .noRoute, bytes, set)
    case .methodNotAllowed(let node):
      request.node = node
      // A refused preflight is 403 and nothing else (DESIGN §5.8).
      return denyUnrouted(
        request, request.preflight ? .preflightRefused : .methodNotAllowed, bytes, set)
    case .ambiguousPath: return denyUnrouted(request, .ambiguousPath, bytes, set)
    case .badEscape: return denyUnrouted(request, .badEscape, bytes, set)
    }
    let route = set.routes[request.route]
    if route.isObserved { observe(request, route) }
    noteCORS(request, route.cors, bytes, set)
    if route.addresses >= 0, !set.addresses[Int(route.addresses)].contains(peer) {
      // A refused preflight says nothing about origins (DESIGN §5.8).
      if request.preflight, request.corsPolicy >= 0 { request.corsMatch = .none }
      return refuse(request, .addressRefused)
    }
    if CredentialFinder.isAmbiguousAuthorization(head, bytes, scansValue: route.auth == .none) {
      return deny(request, .denied(.ambiguousCredentials))
    }
    if request.preflight { return preflight(request, asked, head, bytes, set) }
    if head.wantsUpgrade, route.cors >= 0, head.has(.origin), !request.corsMatch.isAllowed,
      !goesOn(request, without: .originRefused)
    {
      return refuse(request, .originRefused)
    }
    // What is refused for its origin costs no permit, whether it is really refused or not.
    if route.limitCount > 0, request.would == nil, !takePermits(request, route, now, set),
      !goesOn(request, without: .limited)
    {
      return refuse(request, .limited)
    }
    return authenticate(request, head, bytes, now, set)
  }

  // MARK: Routing

  /// The method that a request is about: for a preflight the one it asks permission for.
  private struct AskedMethod {
    var method: Method
    var name: ByteRange
    var isPreflight = false

    init(_ head: RequestHead, _ bytes: Span<UInt8>) {
      method = head.method
      name = head.methodRange
      guard method == .options, let asked = head.value(of: .accessControlRequestMethod) else {
        return
      }
      isPreflight = true
      name = asked
      method = Method(bytes.slice(asked))
    }
  }

  private func choose(
    _ method: Method, _ name: ByteRange, _ head: RequestHead, _ bytes: Span<UInt8>,
    _ peer: PeerAddress, _ set: PolicySet
  ) -> RouteChoice {
    router.choose(
      path: bytes.slice(head.path), method: method, methodName: bytes.slice(name),
      host: bytes.slice(head.host), listener: peer.listener, set: set)
  }

  /// Refuses a request that has no route; the default CORS policy speaks.
  private func denyUnrouted(
    _ request: RequestPolicy, _ refusal: Refusal, _ bytes: Span<UInt8>, _ set: PolicySet
  ) -> PolicyAction {
    noteCORS(request, set.defaultCORS, bytes, set)
    if refusal == .preflightRefused, request.corsPolicy >= 0 { request.corsMatch = .none }
    return refuse(request, refusal)
  }

  // MARK: CORS

  /// Two Origin fields are nobody's origin.
  private func noteOrigin(_ request: RequestPolicy, _ head: RequestHead) {
    guard let first = head.index(of: .origin), head.index(of: .origin, from: first + 1) == nil
    else { return }
    request.origin = head.field(at: first).value
  }

  private func noteCORS(
    _ request: RequestPolicy, _ policy: Int32, _ bytes: Span<UInt8>, _ set: PolicySet
  ) {
    guard policy >= 0, Int(policy) < set.cors.count else { return }
    request.corsPolicy = policy
    request.corsMatch = set.cors[Int(policy)].match(bytes.slice(request.origin))
  }

  /// Answers a preflight, or lets it pass to the backend (`cors pass`): before limits and auth, as
  /// browsers send it without any credential.
  private func preflight(
    _ request: RequestPolicy, _ asked: AskedMethod, _ head: RequestHead, _ bytes: Span<UInt8>,
    _ set: PolicySet
  ) -> PolicyAction {
    guard request.corsPolicy >= 0 else {
      if set.routes[request.route].withholdsToken, !withholdUnjudged(request, head, bytes, set) {
        return refuse(request, .preflightRefused)
      }
      request.phase = .decided
      return .admit
    }
    let policy = set.cors[Int(request.corsPolicy)]
    var isAllowed = request.corsMatch.isAllowed && policy.allows(method: bytes.slice(asked.name))
    if let first = head.index(of: .accessControlRequestMethod),
      head.index(of: .accessControlRequestMethod, from: first + 1) != nil
    {
      isAllowed = false
    }
    var index = head.index(of: .accessControlRequestHeaders)
    while isAllowed, let field = index {
      isAllowed = policy.allows(headers: bytes.slice(head.field(at: field).value))
      index = head.index(of: .accessControlRequestHeaders, from: field + 1)
    }
    if request.leavesCORS {
      if !isAllowed { note(request, .preflightRefused) }
      request.phase = .decided
      return .admit
    }
    guard isAllowed else {
      request.corsMatch = .none
      return refuse(request, .preflightRefused)
    }
    request.phase = .decided
    return .answerPreflight
  }

  // MARK: Limits

  /// Takes a permit of every limit of the route, or none. False when one refuses.
  private func takePermits(
    _ request: RequestPolicy, _ route: CompiledRoute, _ now: PolicyTime, _ set: PolicySet
  ) -> Bool {
    for offset in 0..<route.limitCount {
      let limit = set.limits[Int(set.routeLimits[Int(route.firstLimit + offset)])]
      let bucket = limits.bucket(limit, request.peer)
      switch limits.take(limit, bucket, now: now.monotonicNanoseconds) {
      case .granted(let isShared):
        request.permits.append(
          Permit(
            bucket: bucket, limitIdentity: limit.identity,
            intervalNanoseconds: limit.intervalNanoseconds, isShared: isShared,
            isForFailures: limit.countsFailuresOnly))
      case .refused(let wait):
        if limit.isDryRun {
          note(request, .limited)
          continue
        }
        request.retryAfter = CompiledLimit.retryAfterSeconds(wait)
        // The request doesn't happen, so it costs nothing elsewhere.
        for permit in request.permits { limits.giveBack(permit) }
        request.permits.removeAll(keepingCapacity: true)
        return false
      }
    }
    return true
  }

  // MARK: Ends

  /// Refuses a request for what its token is worth, or lets it go on without a name where the route
  /// is observed.
  func deny(_ request: RequestPolicy, _ refusal: Refusal) -> PolicyAction {
    counts.denied(refusal, isObserved: request.isObserved)
    return request.isObserved ? goOn(request, without: refusal) : refuse(request, refusal)
  }

  /// Refuses a request, whatever its route's mode.
  func refuse(_ request: RequestPolicy, _ refusal: Refusal) -> PolicyAction {
    request.refusalStorage = refusal
    forgetCaller(request, refusal)
    return .deny
  }

  /// No token's facts or headers outlive a refusal.
  func forgetCaller(_ request: RequestPolicy, _ refusal: Refusal) {
    request.phase = .decided
    request.facts = nil
    request.identity.clear()
    if !request.permits.isEmpty { settle(request, status: refusal.status) }
  }

  /// The request may pass: to the backend, or to the answer that the route has of its own.
  func admit(_ request: RequestPolicy, _ set: PolicySet) -> PolicyAction {
    request.phase = .decided
    let route = set.routes[request.route]
    if route.auth != .none { counts.admitted(withToken: request.facts != nil) }
    guard route.answer >= 0 else { return .admit }
    request.answersRoute = true
    return .answerRoute
  }
}
