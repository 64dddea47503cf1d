import Bytes
import Crypto
import HTTPWire
import Testing
import Tokens

@testable import Policy

/// Realms and tokens for tests.
enum Forge {
  static let accessSecret = "an access secret of 40 bytes, for tests!"
  static let refreshSecret = "a refresh secret of 41 bytes, for tests!!"
  static let now: Int64 = 1_700_000_000

  static func realm(
    _ name: String = "main", index: Int = 0, preset: TokenPreset = .none,
    refresh: String? = refreshSecret, _ change: (inout RealmDefinition) -> Void = { _ in }
  ) throws -> Realm {
    var definition = RealmDefinition(name: name, index: index)
    definition.preset = preset
    definition.access.secret = SecretDefinition(text: accessSecret)
    if let refresh {
      definition.refresh = ClassDefinition(secret: SecretDefinition(text: refresh))
    }
    change(&definition)
    return try Realm(definition)
  }

  static func access(_ claims: String = "\"sub\":\"42\",\"jti\":\"a1\",\"exp\":1700000900")
    -> String
  {
    TokenSigner(secret: SecretBytes(text: accessSecret)).sign(payload: "{\(claims)}")
  }

  static func refresh(_ claims: String = "\"sub\":\"42\",\"jti\":\"r1\",\"exp\":1700600000")
    -> String
  {
    TokenSigner(secret: SecretBytes(text: refreshSecret)).sign(payload: "{\(claims)}")
  }
}

/// One worker's policy around one configuration, asked with request texts.
final class World {
  let revocations: RevocationTable
  let limits: LimitTable
  let gatekeeper: Gatekeeper
  let set: PolicySet
  let request = RequestPolicy()
  let head = RequestHead()
  var bytes: [UInt8] = []
  var seconds = Forge.now
  var nanoseconds: Int64 = 1_000_000_000
  /// The realms as they stand.
  var realms: RealmSet

  init(
    _ definitions: PolicyDefinitions, revocations: RevocationTable = RevocationTable(),
    limits: LimitTable = LimitTable(slotCount: 1024), signatureRates: SignatureRates? = nil
  ) {
    self.revocations = revocations
    self.limits = limits
    set = PolicySet(definitions, revocations: revocations)
    realms = set.realms
    gatekeeper = Gatekeeper(
      revocations: revocations, limits: limits, realms: set.realms, signatureRates: signatureRates)
  }

  /// Routes that are told apart by their upstream's number only matter for routing.
  convenience init(routes: [RouteDefinition], realms: [Realm] = []) {
    self.init(
      PolicyDefinitions(
        listenerCount: 3, realms: realms, blocklistRealms: Array(realms.indices),
        routes: routes))
  }

  var now: PolicyTime {
    PolicyTime(monotonicNanoseconds: nanoseconds, epochSeconds: seconds)
  }

  /// Decides about a request; lines are parted by `\n` and end in CRLF on the wire.
  @discardableResult
  func ask(
    _ text: String, peer: String = "192.0.2.1", listener: Int = 0, keeps: Bool = false
  ) -> PolicyAction {
    if !keeps {
      request.reset()
    }
    head.reset()
    var lines = text
    if !text.contains("Host:") { lines += "\nHost: example.com" }
    let bytes = Array((lines.replacing("\n", with: "\r\n") + "\r\n\r\n").utf8)
    self.bytes = bytes
    let outcome = head.parse(bytes.span, from: 0, limits: HeadLimits())
    #expect(outcome == .complete, "the test's own request: \(text)")
    return gatekeeper.headReceived(
      request, head: head, bytes: bytes.span, peer: Self.peer(peer, listener), now: now, set: set)
  }

  func body(_ text: String) -> PolicyAction {
    let body = Array(text.utf8)
    let bytes = self.bytes
    return gatekeeper.bodyFieldRead(
      request, head: head, bytes: bytes.span, body: body.span, now: now, set: set)
  }

  func answered(_ status: Int) -> LearnAction {
    gatekeeper.responseReceived(request, status: status, now: now, set: set)
  }

  /// The decision in words: `route 1`, `401 expired`, `preflight`, `body`.
  func verdict(_ text: String, peer: String = "192.0.2.1", listener: Int = 0) -> String {
    describe(ask(text, peer: peer, listener: listener))
  }

  func describe(_ action: PolicyAction) -> String {
    switch action {
    case .admit: return "route \(request.routeIndex)"
    case .deny:
      guard let refusal = request.refusal else { return "denied without a reason" }
      return "\(refusal.status) \(refusal.name)"
    case .answerPreflight: return "preflight"
    case .answerRoute: return "answer \(request.routeIndex)"
    case .needBodyField: return "body"
    case .needKey: return "key"
    case .askRevocation, .askPermit: return "wait"
    }
  }

  var reply: String {
    var buffer = ByteBuffer(capacity: 4096)
    let bytes = self.bytes
    _ = ReplyWriter.append(
      request, head: head, bytes: bytes.span, set: set, closes: false,
      epochSeconds: 784_111_777, to: &buffer)
    return buffer.overflowed ? "overflow" : String(lossy: buffer.readable)
  }

  var target: String {
    var buffer = ByteBuffer(capacity: 4096)
    let bytes = self.bytes
    request.appendTarget(head: head, bytes: bytes.span, to: &buffer)
    return String(lossy: buffer.readable)
  }

  /// All lines that would be forwarded but identity and guard.
  var lines: [String] {
    var buffer = ByteBuffer(capacity: 16384)
    let bytes = self.bytes
    for index in 0..<head.fieldCount {
      request.appendLine(head.field(at: index), bytes: bytes.span, to: &buffer)
    }
    return String(lossy: buffer.readable).split(separator: "\r\n").map(String.init)
  }

  var identity: String {
    var buffer = ByteBuffer(capacity: 8192)
    request.appendIdentity(to: &buffer)
    return String(lossy: buffer.readable)
  }

  var cors: [String] {
    var buffer = ByteBuffer(capacity: 4096)
    let bytes = self.bytes
    request.appendCORS(set: set, bytes: bytes.span, to: &buffer)
    return String(lossy: buffer.readable).split(separator: "\r\n").map(String.init)
  }

  /// `192.0.2.1`, or the upper half of an IPv6 address in hexadecimal and the lower behind a slash.
  static func peer(_ text: String, _ listener: Int = 0) -> PeerAddress {
    if text.contains("/") {
      let halves = text.split(separator: "/").map { UInt64($0, radix: 16) ?? 0 }
      return PeerAddress(high: halves[0], low: halves[1], listener: listener)
    }
    let low = text.split(separator: ".").reduce(UInt64(0xffff)) { $0 << 8 | (UInt64($1) ?? 0) }
    return PeerAddress(high: 0, low: low, listener: listener)
  }
}

/// A header block or body in one line, for comparing.
func lines(_ reply: String) -> (head: [String], body: String) {
  guard let range = reply.firstRange(of: "\r\n\r\n") else { return ([], reply) }
  return (
    reply[..<range.lowerBound].split(separator: "\r\n").map(String.init),
    String(reply[range.upperBound...])
  )
}
