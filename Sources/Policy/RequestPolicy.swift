// What is known and decided about one request: filled by `Gatekeeper`, read by the exchange.
//
// One object serves many requests: `reset()` keeps its storage. Ranges refer to the bytes that the
// request's head was parsed from, which the exchange keeps in place until the response head is out.
// Loop only.

import Bytes
import HTTPWire
import Tokens

/// The policy state of one exchange.
public final class RequestPolicy {
  /// What the machine waits for.
  enum Phase: Equatable {
    case idle
    case awaitingBodyField
    case awaitingRevocation
    case awaitingPermit
    case awaitingKey
    /// Admitted, refused or answered.
    case decided
  }

  /// Room for the identity headers of one request; a token whose claims need more is too large.
  static let identityBytesMaximum = 4096
  /// Room for one minted token with the field that it stands in.
  static let mintedBytesMaximum = TokenVerifier.tokenBytesDefault + 1024
  /// Most limits of one route.
  static let limitsMaximum = 16

  var phase = Phase.idle
  var route = -1
  /// The trie node that selected the route, or that knows the methods of a 405.
  var node: Int32 = -1
  var strippedBytes = 0
  var peer = PeerAddress(high: 0, low: 0, listener: 0)
  var preflight = false
  /// The route's own answer is due.
  var answersRoute = false
  var refusalStorage: Refusal?
  var retryAfter = 0
  /// The first reason for which the request would be refused if its route were not observed, or the
  /// limit not in `dry_run`.
  var would: Refusal?
  /// The route is observed.
  var isObserved = false
  /// A backend speaks about cross-origin access although the route has a policy: it is observed.
  var leavesCORS = false

  /// Index of the CORS policy that speaks, -1 without one.
  var corsPolicy: Int32 = -1
  var corsMatch = OriginMatch.noPolicy
  var origin = ByteRange.empty

  let credentials = CredentialFinder()
  var facts: TokenFacts?
  /// The numbers of a verified token that isn't in the head's place for it; nil for every other.
  var keptCredential: StreamCredential?
  /// What was asked about keys; nil for nearly every request.
  var keyQuestions: KeyQuestions?
  /// Hash of the verified token's subject, to compare another token's with.
  var subject: Hash128?
  /// `Name: value` lines, minted tokens among them; storage comes with the first identity.
  var identity = ByteBuffer()
  /// Permits that may go back; cleared once they are settled.
  var permits: [Permit] = []
  /// What a 2xx answer revokes.
  var revocations: [RevocationEntry] = []

  /// Makes the state of no request.
  public init() {}

  /// Forgets the request; storage stays. Permits that were not settled stay spent.
  public func reset() {
    phase = .idle
    route = -1
    node = -1
    strippedBytes = 0
    preflight = false
    answersRoute = false
    refusalStorage = nil
    retryAfter = 0
    if would != nil { would = nil }
    if isObserved {
      isObserved = false
      leavesCORS = false
    }
    corsPolicy = -1
    corsMatch = .noPolicy
    origin = .empty
    credentials.reset()
    facts = nil
    if keptCredential != nil { keptCredential = nil }
    if keyQuestions != nil { keyQuestions = nil }
    subject = nil
    identity.clear()
    if !permits.isEmpty { permits.removeAll(keepingCapacity: true) }
    if !revocations.isEmpty { revocations.removeAll(keepingCapacity: false) }
  }

  /// Makes room for the identity headers and what is minted beside them; nothing is written yet.
  func beginIdentity(_ set: PolicySet) {
    if identity.capacity < set.identityCapacity {
      identity = ByteBuffer(capacity: set.identityCapacity)
    }
    identity.clear()
  }

  /// Forgets what was found and judged of tokens, so that they are judged anew.
  func forgetCredentials() {
    credentials.reset()
    facts = nil
    keptCredential = nil
    subject = nil
    identity.clear()
    revocations.removeAll()
  }

  // MARK: What was decided

  /// Index of the route in `PolicyDefinitions.routes`, -1 before routing or without a route.
  public var routeIndex: Int { route }
  /// Why the request is refused, nil while it isn't.
  public var refusal: Refusal? { refusalStorage }
  /// The closed-list word for log and metrics, nil when the request was not refused.
  public var reasonName: StaticString? { refusalStorage?.name }
  /// The word of the first refusal that was left undone, because the route is observed or the limit
  /// in `dry_run`.
  public var wouldRefuse: StaticString? { would?.name }
  /// That refusal itself.
  public var undone: Refusal? { would }
  /// True on a route with `mode observe`.
  public var isOnObservedRoute: Bool { isObserved }
  /// Seconds for `Retry-After`, 0 without.
  public var retryAfterSeconds: Int { retryAfter }
  /// True for a CORS preflight, answered here or passed on (`cors pass`).
  public var isPreflight: Bool { preflight }
  /// The key to ask for after `needKey`; nil while none is waited for.
  public var neededKey: MissingKey? { phase == .awaitingKey ? keyQuestions?.asked.last : nil }
  /// How many keys were asked for so far.
  public var keysAskedFor: Int { keyQuestions?.asked.count ?? 0 }
  /// The verified token, nil for an anonymous request.
  public var token: TokenFacts? { facts }

  /// Turns the request down from outside the machine: upstream trouble, limits of size and time.
  public func refuse(_ refusal: Refusal) {
    phase = .decided
    refusalStorage = refusal
  }

  /// Notes that an answer goes on although it would have been ended: the log tells it if it has
  /// nothing earlier to tell.
  public func noteUndone(_ refusal: Refusal) {
    if would == nil { would = refusal }
  }

  /// Tells that no answer of the upstream will come (502, 504): permits of `count failures` go back.
  /// Not for a client that goes away: that has spent its permit.
  public func learnFailure(_ gatekeeper: Gatekeeper) {
    gatekeeper.settle(self, status: 502)
  }

  /// Tells the status of the route's own answer, which is judged like a backend's.
  public func learnAnswer(_ gatekeeper: Gatekeeper, status: Int) {
    if !permits.isEmpty { gatekeeper.settle(self, status: status) }
  }

  // MARK: What is forwarded

  /// Bytes of the path that are not forwarded: a prefix that begins with `/`, or 0.
  public var strippedPrefixBytes: Int { strippedBytes }

  /// Appends the request target for the upstream: origin form, without a stripped prefix and without
  /// tokens in the query.
  public func appendTarget(
    head: RequestHead, bytes: Span<UInt8>, to buffer: inout ByteBuffer
  ) {
    if head.targetForm == .asterisk { return buffer.append(UInt8(ascii: "*")) }
    appendTarget(head, bytes, from: head.path.lower + strippedBytes, to: &buffer)
  }

  /// The same with the whole path, for the client: `$request_uri`.
  func appendWholeTarget(head: RequestHead, bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
    appendTarget(head, bytes, from: head.path.lower, to: &buffer)
  }

  private func appendTarget(
    _ head: RequestHead, _ bytes: Span<UInt8>, from start: Int, to buffer: inout ByteBuffer
  ) {
    let path = head.path
    // Nothing left means the root (RFC 9112 §3.2.1).
    if start >= path.upper {
      buffer.append(UInt8(ascii: "/"))
    } else {
      buffer.append(bytes.slice(from: start, to: path.upper))
    }
    guard head.hasQuery else { return }
    guard credentials.dropsQuery else {
      buffer.append(UInt8(ascii: "?"))
      return buffer.append(bytes, head.query)
    }
    appendPairs(
      head.query, separator: UInt8(ascii: "&"), opening: "?", between: "&", bytes: bytes,
      to: &buffer)
  }

  /// Appends a request field's line without the tokens that the route doesn't read; nothing when
  /// nothing of it is left. Cheap for a field that holds none.
  public func appendLine(_ field: Field, bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
    if isDropped(field) { return }
    let before = buffer.writerIndex
    if field.id == .cookie, credentials.dropsCookie {
      appendPairs(
        field.value, separator: UInt8(ascii: ";"), opening: "Cookie: ", between: "; ",
        bytes: bytes, to: &buffer)
    } else if field.id == .secWebSocketProtocol, credentials.dropsSubprotocols {
      appendPairs(
        field.value, separator: UInt8(ascii: ","), opening: "Sec-WebSocket-Protocol: ",
        between: ", ", bytes: bytes, to: &buffer)
    } else {
      return buffer.append(bytes, field.line)
    }
    if buffer.writerIndex > before { buffer.append("\r\n") }
  }

  /// True when a client offered no subprotocol but the one that carried its token: then the gateway
  /// chooses that one in its 101, because the backend never saw it, and a browser wants a choice.
  public var choosesBearer: Bool {
    credentials.dropsSubprotocols && !credentials.offersSubprotocols
  }

  /// Appends the chosen `Sec-WebSocket-Protocol` line, the word spelled as the client did.
  public func appendChosenSubprotocol(bytes: Span<UInt8>, to buffer: inout ByteBuffer) {
    buffer.append("Sec-WebSocket-Protocol: ")
    buffer.append(bytes, credentials.subprotocolWord)
    buffer.append("\r\n")
  }

  /// True when whole lines hold tokens that are not forwarded: then each line is asked about.
  public var dropsLines: Bool { credentials.dropsLine }

  /// True when this field's whole line is not forwarded, because it holds a token that the route
  /// doesn't read.
  public func isDropped(_ field: Field) -> Bool {
    credentials.dropsLine && credentials.dropped.contains(field.line)
  }

  private func appendPairs(
    _ range: ByteRange, separator: UInt8, opening: StaticString, between: StaticString,
    bytes: Span<UInt8>, to buffer: inout ByteBuffer
  ) {
    var pairs = PairScanner(range, separator: separator)
    var isFirst = true
    while let pair = pairs.next(bytes) {
      if credentials.dropped.contains(pair.whole) { continue }
      buffer.append(isFirst ? opening : between)
      buffer.append(bytes, pair.whole)
      isFirst = false
    }
  }

  /// Appends the identity headers of the verified token, complete lines; nothing when anonymous.
  public func appendIdentity(to buffer: inout ByteBuffer) {
    Self.append(identity, to: &buffer)
  }

  private static func append(_ source: borrowing ByteBuffer, to buffer: inout ByteBuffer) {
    buffer.append(source.readable)
  }

  // MARK: What is answered

  /// True when upstream's `Access-Control-*` fields are removed because the gateway speaks.
  public var replacesCORS: Bool { corsPolicy >= 0 && !leavesCORS }

  /// Appends the CORS fields of the response, complete lines, `Vary: Origin` among them; nothing
  /// where no policy speaks. `bytes` are those of the request's head.
  public func appendCORS(
    set: PolicySet, bytes: Span<UInt8>, to buffer: inout ByteBuffer
  ) {
    if replacesCORS {
      set.cors[Int(corsPolicy)].appendAnswer(corsMatch, origin: bytes.slice(origin), to: &buffer)
    } else if route < 0, set.defaultCORS >= 0 {
      // Refused before anything was known about it, a malformed head for one.
      buffer.append("Vary: Origin\r\n")
    }
  }
}
