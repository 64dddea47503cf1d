// The text of `gateway explain`: readings, route, decision, and what would be sent or answered.

import Assembly
import Bytes
import EventLoop
import HTTPWire
import Policy
import Proxy
import Tokens

/// One request's way through the gateway, told.
struct Explanation {
  let configuration: Configuration
  let request: ExplainedRequest
  let set: PolicySet
  let gatekeeper: Gatekeeper
  let policy = RequestPolicy()
  let claims = ForwardedClaims()
  let head = RequestHead()
  let now = PolicyTime(
    monotonicNanoseconds: Clock.monotonicNanoseconds(),
    epochSeconds: Clock.realtimeMilliseconds() / 1000)

  init(_ configuration: Configuration, _ request: ExplainedRequest) {
    self.configuration = configuration
    self.request = request
    let revocations = RevocationTable()
    set = PolicySet(configuration.policy, revocations: revocations)
    gatekeeper = Gatekeeper(
      revocations: revocations, limits: LimitTable(), realms: set.realms)
  }

  /// Everything there is to tell. What looks like a token is never part of it, wherever the request
  /// holds one.
  func text() -> String { Redaction.withoutTokens(whole()) }

  private func whole() -> String {
    let bytes = request.bytes
    let listener = configuration.settings.listeners[request.listener]
    var out = section("request", ["\(request.method) \(request.target) at \(request.host)"])
    out += section("from", ["\(text(of: request.address)), by listener \(listener.name)"])
    let limits = configuration.settings.limits
    let outcome = head.parse(
      bytes.span, from: 0,
      limits: HeadLimits(
        targetBytesMaximum: limits.targetBytesMaximum, headBytesMaximum: limits.headBytesMaximum,
        fieldCountMaximum: limits.fieldCountMaximum))
    switch outcome {
    case .complete: break
    case .needsMore:
      return out + section("verdict", ["refused: the head doesn't end"])
    case .malformed(let fault, let offset):
      let what = "\(fault.status) \(fault.name): the request is malformed at byte \(offset)"
      return out + section("verdict", [what])
    }
    out += readings()
    var notes: [String] = []
    let action = decide(bytes, &notes)
    out += section("client", [client()])
    out += route()
    out += section("steps", steps(notes, bytes))
    switch action {
    case .admit: out += section("verdict", [admitted()] + undone()) + sent(bytes)
    case .answerRoute:
      out += section("verdict", ["answered here: \(listing.target)"] + undone()) + answer(bytes)
    case .answerPreflight:
      out += section("verdict", ["the preflight is answered here"]) + answer(bytes)
    default: out += section("verdict", [refused()]) + answer(bytes)
    }
    return out
  }

  // MARK: The decision

  /// Runs the machine to its end; what a running gateway would ask elsewhere is answered kindly and
  /// noted.
  func decide(_ bytes: [UInt8], _ notes: inout [String]) -> PolicyAction {
    var client = peer
    if set.isTrusted(peer) {
      claims.read(head, bytes: bytes.span, peer: peer, set: set)
      client = claims.client
    }
    var action = gatekeeper.headReceived(
      policy, head: head, bytes: bytes.span, peer: client, now: now, set: set)
    // Each wait comes once at most; the bound is for a machine that has lost its way.
    for _ in 0..<8 {
      switch action {
      case .admit, .deny, .answerPreflight, .answerRoute: return action
      case .needBodyField:
        notes.append("the body is read for a token: \(request.body.count) bytes")
        action = gatekeeper.bodyFieldRead(
          policy, head: head, bytes: bytes.span, body: request.body.span, now: now, set: set)
      case .askRevocation:
        notes.append("the blocklist's store is asked: taken for not revoked")
        action = gatekeeper.revocationAnswered(
          policy, answer: .clear, head: head, bytes: bytes.span, now: now, set: set)
      case .askPermit:
        notes.append("the shared limits are asked: taken for granted")
        action = gatekeeper.permitAnswered(
          policy, answer: .granted, head: head, bytes: bytes.span, now: now, set: set)
      case .needKey:
        notes.append("the key set is fetched: taken for unavailable")
        action = gatekeeper.keySetAnswered(
          policy, isAvailable: false, head: head, bytes: bytes.span, now: now, set: set)
      }
    }
    return action
  }

  // MARK: Words

  /// A label and its lines, indented under each other.
  func section(_ label: String, _ lines: [String]) -> String {
    var out = ""
    for (index, line) in lines.enumerated() {
      let name = index == 0 ? label : ""
      out += name + String(repeating: " ", count: max(1, 10 - name.count)) + line + "\n"
    }
    return out
  }

  var peer: PeerAddress {
    let ip = request.address.ipBytes
    return PeerAddress(high: ip.high, low: ip.low, listener: request.listener)
  }

  /// What the backend is told about the client.
  var facts: ForwardedFacts {
    ForwardedFacts(
      head, peer: request.address, claims: set.isTrusted(peer) ? claims : nil,
      strippedBytes: policy.strippedPrefixBytes)
  }

  func text(of address: SocketAddress) -> String {
    var buffer = ByteBuffer(capacity: SocketAddress.ipTextBytesMaximum)
    address.appendIP(to: &buffer)
    return String(lossy: buffer.readable)
  }
}

/// Tokens in a text for people.
enum Redaction {
  /// Letters of a header that begins with white space behind its brace, at least: `ey` and `ew` alone
  /// begin names too.
  private static let headerLettersMinimum = 16

  /// The text with `(token)` in the place of every token: base64url of `{"`, or of `{` and white space,
  /// and dots.
  static func withoutTokens(_ text: String) -> String {
    var out: [UInt8] = []
    var run: [UInt8] = []
    func flush() {
      let isToken =
        run.count { $0 == UInt8(ascii: ".") } >= 2
        && (run.starts(with: Array("eyJ".utf8))
          || (run.starts(with: Array("ey".utf8)) || run.starts(with: Array("ew".utf8)))
            && run.prefix { $0 != UInt8(ascii: ".") }.count >= headerLettersMinimum)
      out += isToken ? Array("(token)".utf8) : run
      run = []
    }
    for byte in text.utf8 {
      if byte.isASCIIAlphanumeric || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        || (byte == UInt8(ascii: ".") && !run.isEmpty)
      {
        run.append(byte)
      } else {
        flush()
        out.append(byte)
      }
    }
    flush()
    return String(decoding: out, as: UTF8.self)
  }
}
