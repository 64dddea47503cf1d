import EventLoop

import Testing
import Tokens

@testable import Admin
@testable import Policy
@testable import Proxy

private let metrics = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"

@Suite(.timeLimit(.minutes(1))) struct MetricsTests {
  // MARK: The text

  @Test func tellsFamiliesAsTheFormatAsks() {
    var text = MetricsText()
    text.add("a_total", .counter, "Help.", 7)
    text.family("b", .gauge, "More help.")
    text.sample(1, ["x": "one", "y": ""])
    text.sample(-2, ["x": "two", "y": ""])
    #expect(
      text.text == """
        # HELP a_total Help.
        # TYPE a_total counter
        a_total 7
        # HELP b More help.
        # TYPE b gauge
        b{x="one",y=""} 1
        b{x="two",y=""} -2

        """)
  }

  @Test(arguments: [
    (#"a"b"#, #"a\"b"#), (#"a\b"#, #"a\\b"#), ("a\nb", #"a\nb"#), ("ä€", "ä€"),
    ("a\tb\u{7F}", "a\u{FFFD}b\u{FFFD}"), (#"\n"#, #"\\n"#),
    (String(repeating: "x", count: 300), String(repeating: "x", count: 256)),
  ])
  func escapesLabels(value: String, shown: String) {
    var text = MetricsText()
    text.family("a", .gauge, "h")
    text.sample(1, ["x": value])
    #expect(text.text.hasSuffix("\na{x=\"\(shown)\"} 1\n"))
  }

  @Test func tellsNoSampleTwice() {
    var text = MetricsText()
    text.family("a", .gauge, "h")
    text.sample(1, ["x": "1"])
    text.sample(2, ["x": "1"])
    text.family("b", .gauge, "h")
    text.sample(3, ["x": "1"])
    #expect(text.text.hasSuffix("a{x=\"1\"} 1\n# HELP b h\n# TYPE b gauge\nb{x=\"1\"} 3\n"))
  }

  // MARK: Who may read them, and when

  @Test func answersWithTheWorkersCounters() throws {
    let harness = try ControlHarness(workers: 2) {
      $0.warnings = ["one", "two"]
      $0.routes = [
        RouteTraffic(
          upstreamIndex: -1, bodyBytesMaximum: 1, responseHeadTimeoutMilliseconds: 1, label: "/a"),
        RouteTraffic(
          upstreamIndex: -1, bodyBytesMaximum: 1, responseHeadTimeoutMilliseconds: 1, label: "/b"),
      ]
      $0.routes[1].isObserved = true
    }
    let client = try harness.connect()
    try client.send(metrics)
    harness.turn()
    for worker in 0..<2 {
      guard case .reportCounters(let serial) = harness.messages(worker).last else {
        Issue.record("nobody asked the worker")
        return
      }
      let counts = DecisionCounts()
      counts.admitted(withToken: true)
      counts.denied(.denied(.expired), isObserved: false)
      counts.passed(.denied(.missing), route: 1)
      counts.denied(.denied(.missing), isObserved: true)
      var counters = Counters()
      counters.requests = 20
      counters.decisions = counts.report
      counters.streamsOutlivingToken = 1
      harness.control.send(.counters(worker: worker, serial: serial, counters))
    }
    let reply = try client.reply()
    #expect(reply.status == 200)
    #expect(reply.field("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
    let lines = Set(reply.body.split(separator: "\n").map(String.init))
    for line in [
      "gateway_build_info{version=\"1.2.3\"} 1", "gateway_workers 2",
      "gateway_workers_answered 2", "gateway_config_warnings 2", "gateway_requests_total 40",
      "gateway_auth_decisions_total{result=\"accepted\",reason=\"\"} 2",
      "gateway_auth_decisions_total{result=\"anonymous\",reason=\"\"} 0",
      "gateway_auth_decisions_total{result=\"refused\",reason=\"expired\"} 2",
      "gateway_auth_decisions_total{result=\"refused\",reason=\"revoked\"} 0",
      "gateway_auth_decisions_total{result=\"would_refuse\",reason=\"missing\"} 2",
      "gateway_would_refuse_total{route=\"/b\",reason=\"missing\"} 2",
      "gateway_observed_route{route=\"/b\"} 1", "gateway_streams_outliving_token_total 2",
      "gateway_key_tokens_total{realm=\"main\",class=\"refresh\",key=\"HS256\",place=\"secret\"} 0",
    ] {
      #expect(lines.contains(line), "\(line)")
    }
    #expect(!reply.body.contains("route=\"/a\""))
    // Every reason of the closed list.
    for reason in DenialReason.allCases {
      #expect(reply.body.contains("{result=\"refused\",reason=\"\(reason.name)\"}"))
    }
  }

  @Test func aWorkerThatDoesNotAnswerIsToldByANumber() throws {
    let harness = try ControlHarness(workers: 2)
    let client = try harness.connect()
    try client.send(metrics)
    harness.turn()
    var counters = Counters()
    counters.requests = 3
    harness.control.send(.counters(worker: 0, serial: 1, counters))
    harness.turn(afterMilliseconds: 999)
    client.poll()
    #expect(client.received.isEmpty)
    harness.turn(afterMilliseconds: 1)
    let reply = try client.reply()
    #expect(reply.status == 200)
    #expect(reply.body.contains("\ngateway_workers_answered 1\n"))
    #expect(reply.body.contains("\ngateway_requests_total 3\n"))
  }

  @Test func statusAndMetricsWaitBesideEachOther() throws {
    let harness = try ControlHarness(workers: 1)
    let (one, two) = (try harness.connect(), try harness.connect())
    try one.send(metrics)
    try two.send("GET /status HTTP/1.1\r\nHost: a\r\n\r\n")
    harness.turn()
    harness.control.send(.counters(worker: 0, serial: 2, Counters()))
    #expect(try one.reply().body.hasPrefix("# HELP "))
    #expect(try two.reply().body.hasPrefix("{"))
  }

  @Test func needsNoTokenOverTCP() throws {
    let harness = try ControlHarness(
      overTCP: true, token: "a token of more than 32 bytes, for tests")
    #expect(try harness.ask(metrics).status == 200)
    let head = try harness.ask("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(head.status == 200 && head.body.isEmpty)
    #expect(try harness.ask("POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n").status == 401)
    #expect(try harness.ask("GET /metrics/ HTTP/1.1\r\nHost: a\r\n\r\n").status == 401)
    #expect(try harness.ask("GET /status HTTP/1.1\r\nHost: a\r\n\r\n").status == 401)
    let local = try ControlHarness()
    #expect(try local.post("/metrics", "{}").status == 405)
  }

  // MARK: Keys

  @Test func tellsWhetherAnOldKeyMayGo() throws {
    var definition = RealmDefinition(name: "main", index: 0)
    definition.access = ClassDefinition(
      secret: SecretDefinition(text: TestRealm.access), lifetimeSeconds: 900)
    definition.access.previousSecrets = [
      PreviousSecret(
        SecretDefinition(text: TestRealm.refresh), endSeconds: TestRealm.now + 100_000)
    ]
    let realm = try Realm(definition)
    func line(_ name: String, _ at: Int64 = TestRealm.now) -> String? {
      var text = MetricsText()
      MetricsOfKeys(realms: [realm], nowSeconds: at).add(to: &text)
      return text.text.split(separator: "\n").first {
        $0.hasPrefix(name + "{") && $0.contains("prev")
      }
      .map { String($0.dropFirst(name.count)) }
    }
    let labels = "{realm=\"main\",class=\"access\",key=\"HS256\",place=\"previous 1\""
    #expect(line("gateway_key_tokens_total") == labels + "} 0")
    #expect(line("gateway_key_last_use_timestamp_seconds") == nil)
    #expect(line("gateway_key_end_timestamp_seconds") == labels + "} 1700100000")
    #expect(line("gateway_key_safe_to_drop") == labels + "} 0")
    #expect(line("gateway_key_drop_verdict") == labels + ",verdict=\"successor_unseen\"} 1")
    func show(_ secret: String, _ exp: Int64) {
      let token = Array(TestRealm.sign("{\"exp\":\(exp)}", secret: secret).utf8)
      _ = TokenVerifier().verify(
        token.span, realm: realm, accepting: .access, nowSeconds: TestRealm.now)
    }
    show(TestRealm.access, TestRealm.now + 9)
    #expect(line("gateway_key_drop_verdict") == labels + ",verdict=\"not_yet_known\"} 1")
    show(TestRealm.refresh, TestRealm.now + 60)
    #expect(line("gateway_key_tokens_total") == labels + "} 1")
    #expect(line("gateway_key_last_use_timestamp_seconds") == labels + "} 1700000000")
    #expect(
      line("gateway_key_newest_token_expiration_timestamp_seconds") == labels + "} 1700000060")
    #expect(line("gateway_key_drop_verdict") == labels + ",verdict=\"token_lives\"} 1")
    #expect(line("gateway_key_safe_to_drop", TestRealm.now + 900) == labels + "} 1")
    #expect(
      line("gateway_key_drop_verdict", TestRealm.now + 900) == labels + ",verdict=\"safe\"} 1")
  }
}
