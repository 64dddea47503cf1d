// Whole requests and single paths, decided by a compiled configuration that uses every feature.
//
// In a request, byte 1 stands for a genuine access token and byte 2 for a refresh token; after its
// blank line stands the body. What is decided is then written: target, fields, identity, answer.

import Assembly
import Bytes
import Config
import Crypto
import EventLoop
import HTTPWire
import Policy
import Proxy
import Tokens

private let secrets = [
  "A": "an access secret of 40 bytes, for fuzzing", "B": "a refresh secret of 41 bytes, for fuzz",
]

private let text = """
  listen 127.0.0.1:8080;
  trusted_proxies 127.0.0.0/8 10.0.0.0/8 2001:db8::/32;
  realm main {
      preset nest-dual-secret;
      access { secret ${A}; token header Authorization Bearer; token header X-Access; }
      refresh { secret ${B}; token header X-Refresh; token body refreshToken;
          token body refresh_token; }
  }
  identity { header X-User-Id sub; header X-Realm $realm; }
  blocklist { store memory; realms main; }
  cors { origins http://localhost:5173 https://*.app.example; credentials on; max_age 1h; }
  cors open { origins *; methods GET POST; headers X-A; expose X-B; }
  upstream a { server 127.0.0.1:5000; framework werkzeug; }
  upstream n { server 127.0.0.1:5001; framework express; }
  group / { upstream n; realm main; cors open;
      route GET / { auth none; }
      route POST /auth/refresh { auth refresh; method_fallthrough on; }
      route POST /auth/logout { auth any; on_success revoke; method_fallthrough on; }
      route /public { auth optional; }
      route /admin/users { }
      route /host { host example.com *.example.org; }
      route /moved { auth none; redirect 308 https://$host$request_uri; }
      route /text { respond 418 "no coffee"; }
      route /healthz { auth none; respond health; }
      route /inside { auth none; deny 10.1.0.0/16; allow 10.0.0.0/8 ::1; }
  }
  group /flask { upstream a; realm main; strip_prefix on;
      route / { } route GET /health { auth none; cors off; }
  }
  group /watched { upstream n; realm main; cors open; mode observe;
      route / { } route POST /auth/refresh { auth refresh; method_fallthrough on; }
  }
  """

/// The state of one worker.
private final class World {
  let set: PolicySet
  let gatekeeper: Gatekeeper
  let head = RequestHead()
  let request = RequestPolicy()
  let claims = ForwardedClaims()
  let access: [UInt8]
  let refresh: [UInt8]

  init() {
    let log = DiagnosticLog()
    let source = ConfigSource.inMemory(files: ["gateway.conf": text], environment: secrets)
    let loaded = Configuration.load(path: "gateway.conf", source: source, log: log)
    guard let loaded else { fatalError(log.rendered) }
    let revocations = RevocationTable()
    set = PolicySet(loaded.policy, revocations: revocations)
    gatekeeper = Gatekeeper(
      revocations: revocations, limits: LimitTable(slotCount: 64), realms: set.realms)
    // Beside the secrets a set that was never fetched, so that made-up keys are waited for.
    var definition = loaded.liveKeys.definitions[0]
    definition.access.keySources = [.remote(nil)]
    definition.access.algorithms = [.hs256, .es256]
    guard let realm = try? Realm(definition) else { fatalError("the realm doesn't compile") }
    gatekeeper.adopt(set.realms.replacing(realm))
    func sign(_ key: String, _ type: String) -> [UInt8] {
      let payload = "{\"sub\":\"42\",\"jti\":\"j\",\"type\":\"\(type)\",\"exp\":1700000900}"
      let secret = SecretBytes(text: secrets[key] ?? "")
      return Array(TokenSigner(secret: secret).sign(payload: payload).utf8)
    }
    access = sign("A", "access")
    refresh = sign("B", "refresh")
  }

  /// Decides about the request in `bytes` and writes everything that follows from it.
  func decide(_ bytes: [UInt8]) {
    request.reset()
    head.reset()
    let span = bytes.span
    let outcome = head.parse(span, from: 0, limits: HeadLimits())
    guard outcome == .complete else {
      if case .malformed(let fault, _) = outcome { answerMalformed(fault, span) }
      return
    }
    let now = PolicyTime(monotonicNanoseconds: 1, epochSeconds: 1_700_000_000)
    let socket = PeerAddress(high: 0, low: 0xffff_7f00_0001, listener: 0)
    claims.read(head, bytes: span, peer: socket, set: set)
    let peer = claims.client
    var action = gatekeeper.headReceived(
      request, head: head, bytes: span, peer: peer, now: now, set: set)
    // Every question is answered, yes or no by the input; no request asks for ever.
    var waits = 0
    while action == .needBodyField || action == .needKey {
      waits += 1
      check(waits <= 10, "a request that waits for ever")
      if action == .needBodyField {
        action = gatekeeper.bodyFieldRead(
          request, head: head, bytes: span, body: span.slice(from: head.byteEnd), now: now,
          set: set)
      } else {
        check(request.neededKey != nil, "a question about nothing")
        action = gatekeeper.keySetAnswered(
          request, isAvailable: bytes.count % 2 == 0, head: head, bytes: span, now: now, set: set)
      }
    }
    if request.isOnObservedRoute {
      check(action == .admit, "an observed route refused or answered something")
      if request.undone?.isAboutToken == true {
        check(request.token == nil, "a name for a token that would be refused")
      }
    }
    switch action {
    case .admit: forward(span)
    case .deny: check(request.refusal != nil, "denied without a reason")
    case .answerPreflight: check(request.isPreflight, "answered what was no preflight")
    case .answerRoute: check(request.refusal == nil, "answered what was refused")
    default: check(false, "a wait that nobody configured")
    }
    if action == .admit {
      _ = gatekeeper.responseReceived(request, status: 200, now: now, set: set)
    } else {
      answer(span)
    }
  }

  private func forward(_ bytes: Span<UInt8>) {
    var out = ByteBuffer(capacity: 64 << 10)
    request.appendTarget(head: head, bytes: bytes, to: &out)
    check(out.readableCount > 0, "an empty target")
    for index in 0..<head.fieldCount {
      let field = head.field(at: index)
      if set.headerGuard.isGuarded(field, bytes: bytes) { continue }
      request.appendLine(field, bytes: bytes, to: &out)
    }
    request.appendIdentity(to: &out)
    let ours = SocketAddress(ipv4: 0x7f00_0001, port: 1)
    let facts = ForwardedFacts(head, peer: ours, claims: claims, strippedBytes: 0)
    var forwarded = ByteBuffer(capacity: 64 << 10)
    ForwardedFields.append(facts, bytes: bytes, withForwarded: true, to: &forwarded)
    checkLines(forwarded)
    request.appendCORS(set: set, bytes: bytes, to: &out)
    check(!out.overflowed, "more forwarded than came in")
    guard request.choosesBearer else { return }
    check(head.upgrade == .webSocket, "a subprotocol chosen for no WebSocket")
    var chosen = ByteBuffer(capacity: 128)
    request.appendChosenSubprotocol(bytes: bytes, to: &chosen)
    let line = String(lossy: chosen.readable).lowercased()
    check(line == "sec-websocket-protocol: bearer\r\n", "a subprotocol nobody has: \(line)")
  }

  /// Five fields at most, each on one line, whatever the claims were.
  private func checkLines(_ fields: borrowing ByteBuffer) {
    let lines = fields.readable.copied.split(separator: 10, omittingEmptySubsequences: false)
    check(lines.count <= 6 && lines.last?.isEmpty == true, "forwarded fields of other lines")
    for line in lines.dropLast() {
      check(
        line.last == 13 && line.starts(with: "X-Forwarded-".utf8)
          || line.starts(with: "Forwarded: for=".utf8),
        "a forwarded field that isn't one")
      check(line.dropLast().allSatisfy { $0 >= 32 && $0 < 127 }, "a forwarded field with odd bytes")
    }
  }

  private func answer(_ bytes: Span<UInt8>) {
    var out = ByteBuffer(capacity: 64 << 10)
    let status = ReplyWriter.append(
      request, head: head, bytes: bytes, set: set, closes: false, epochSeconds: 1_700_000_000,
      to: &out)
    check(!out.overflowed, "an answer without an end")
    check(status >= 200 && status < 600, "a status that isn't one")
    let own = ResponseHead()
    let outcome = own.parse(
      out.readable, from: 0, limits: HeadLimits(headBytesMaximum: 64 << 10),
      requestMethod: head.method)
    check(outcome == .complete, "an answer that can't be read: \(outcome)")
    if status == 308, let location = own.value(of: .location) {
      let home = "https://" + String(lossy: bytes.slice(head.host)) + "/"
      check(
        String(lossy: out.readable.slice(location)).hasPrefix(home), "a redirect to somebody else")
    }
  }

  private func answerMalformed(_ fault: WireFault, _ bytes: Span<UInt8>) {
    request.refuse(.malformed(fault))
    answer(bytes)
  }
}

// One thread only ever calls a target.
nonisolated(unsafe) private let world = World()

func fuzzPolicy(_ input: Span<UInt8>) {
  let world = unsafe world
  var bytes: [UInt8] = []
  for index in input.indices {
    switch input[index] {
    case 1: bytes += world.access
    case 2: bytes += world.refresh
    default: bytes.append(input[index])
    }
  }
  world.decide(bytes)
}

func fuzzPath(_ input: Span<UInt8>) {
  let head = Array("GET /".utf8)
  let tail = Array(" HTTP/1.1\r\nHost: www.example.org\r\n\r\n".utf8)
  unsafe world.decide(head + input.copied + tail)
}
