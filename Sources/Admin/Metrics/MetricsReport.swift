// What `/metrics` tells, family by family: the facts of `/status` as numbers.
//
// Bounded by the configuration: a sample for each key, key set and reason, and for each route that let
// something through. Labels hold names of the configuration and of keys; never a token, a subject or
// a secret. Names keep to Prometheus's conventions (a unit at the end, `_total` for what only grows),
// and the README lists every one of them. Pure.

import Policy
import Proxy
import Tokens

/// The metrics of one moment.
struct MetricsReport {
  private let facts: StatusReport
  private let counters: Counters

  init(_ facts: StatusReport) {
    self.facts = facts
    counters = facts.counters
  }

  /// All of them.
  var text: MetricsText {
    var text = MetricsText()
    addProcess(&text)
    addTraffic(&text)
    addDecisions(&text)
    addObserved(&text)
    MetricsOfKeys(realms: facts.realms, nowSeconds: facts.nowSeconds).add(to: &text)
    addTokens(&text)
    addMinting(&text)
    addKeySets(&text)
    addRevocations(&text)
    return text
  }

  // MARK: The process

  private func addProcess(_ text: inout MetricsText) {
    let settings = facts.parts.snapshot.settings
    text.family("gateway_build_info", .gauge, "The version that runs; always 1.")
    text.sample(1, ["version": facts.parts.version ?? ""])
    text.add(
      "gateway_start_time_seconds", .gauge, "When the gateway started, in seconds since 1970.",
      facts.nowSeconds - facts.uptimeSeconds)
    text.add(
      "gateway_draining", .gauge, "1 from the moment the gateway was told to stop.",
      facts.isDraining ? 1 : 0)
    text.add("gateway_workers", .gauge, "Worker threads.", facts.parts.workers.count)
    text.add(
      "gateway_workers_answered", .gauge,
      "Workers whose counters are of now; of the others their last ones are told.",
      facts.workersAnswered)
    text.add("gateway_routes", .gauge, "Routes of the configuration.", settings.routes.count)
    text.add(
      "gateway_config_warnings", .gauge, "Warnings about the configuration, as `check` tells them.",
      settings.warnings.count)
    text.add(
      "gateway_log_lines_dropped_total", .counter, "Access lines that were not written.",
      counters.logLinesDropped)
  }

  // MARK: Traffic

  private func addTraffic(_ text: inout MetricsText) {
    text.add(
      "gateway_connections_accepted_total", .counter, "Client connections accepted.",
      counters.connectionsAccepted)
    text.add(
      "gateway_connections_refused_total", .counter,
      "Client connections closed at once because their address had too many.",
      counters.connectionsRefused)
    text.add(
      "gateway_proxy_headers_refused_total", .counter,
      "Client connections closed for want of a PROXY protocol header.",
      counters.proxyHeadersRefused)
    text.add(
      "gateway_connections_open", .gauge, "Client connections open now.", counters.connectionsOpen)
    if let connections = facts.parts.connections {
      text.add(
        "gateway_connections_maximum", .gauge, "Client connections that may be open.",
        connections.maximum)
    }
    text.add(
      "gateway_accept_pauses_total", .counter,
      "Times that accepting paused because places or descriptors had run out.",
      counters.acceptPauses)
    text.add(
      "gateway_requests_total", .counter, "Requests whose head was well-formed.",
      counters.requests)
    text.add(
      "gateway_requests_malformed_total", .counter,
      "Requests that were malformed or late before their head was complete.",
      counters.requestsMalformed)
    text.add(
      "gateway_requests_refused_total", .counter, "Requests that the policy refused.",
      counters.requestsRefused)
    text.add(
      "gateway_upstream_failures_total", .counter,
      "Requests that failed because of their backend, or for want of a connection to it.",
      counters.upstreamFailures)
    text.add(
      "gateway_upstream_connects_total", .counter, "Connections opened to backends.",
      counters.upstreamConnects)
    text.add(
      "gateway_upstream_reuses_total", .counter, "Requests sent on a connection used before.",
      counters.upstreamReuses)
    text.add(
      "gateway_upstream_retries_total", .counter,
      "Requests sent again because a kept connection had died.", counters.upstreamRetries)
    text.add(
      "gateway_upgrades_total", .counter, "Connections that became WebSockets.", counters.upgrades)
    text.add("gateway_tunnels_open", .gauge, "WebSockets open now.", counters.tunnelsOpen)
    text.add(
      "gateway_streams_ended_by_token_total", .counter,
      "WebSockets and event streams ended with their token.", counters.streamsEndedByToken)
    text.add(
      "gateway_limit_overflows_total", .counter,
      "Times that unknown clients had to share a limit's bucket.",
      facts.parts.limits?.overflowCount ?? 0)
  }

  // MARK: Decisions

  private func addDecisions(_ text: inout MetricsText) {
    let decisions = counters.decisions
    text.family(
      "gateway_auth_decisions_total", .counter,
      "Requests by what was decided about their token; would_refuse on observed routes.")
    text.sample(decisions.accepted, ["result": "accepted", "reason": ""])
    text.sample(decisions.anonymous, ["result": "anonymous", "reason": ""])
    for refusal in Refusal.observable where refusal.isAboutToken {
      let reason = refusal.name.description
      text.sample(decisions.refused(refusal), ["result": "refused", "reason": reason])
      text.sample(decisions.observed(refusal), ["result": "would_refuse", "reason": reason])
    }
  }

  private func addObserved(_ text: inout MetricsText) {
    let routes = facts.parts.snapshot.settings.routes
    let observed = routes.filter(\.isObserved)
    text.family("gateway_observed_route", .gauge, "Routes with mode observe; always 1.")
    for route in observed { text.sample(1, ["route": route.label]) }
    // Routes that differ in host or listener alone may be called alike: one sample, summed.
    var counts: [String: [UInt64]] = [:]
    for index in routes.indices {
      let row = Refusal.observable.map { counters.decisions.letThrough($0, route: index) }
      guard row.contains(where: { $0 > 0 }) else { continue }
      let sum = counts[routes[index].label] ?? row.map { _ in 0 }
      counts[routes[index].label] = zip(sum, row).map { $0 &+ $1 }
    }
    text.family(
      "gateway_would_refuse_total", .counter,
      "Requests let through that would have been refused, by route and first reason.")
    for route in routes {
      guard let row = counts.removeValue(forKey: route.label) else { continue }
      for (refusal, count) in zip(Refusal.observable, row) where count > 0 {
        text.sample(count, ["route": route.label, "reason": refusal.name.description])
      }
    }
    text.add(
      "gateway_streams_outliving_token_total", .counter,
      "WebSockets and event streams that went on after their token's end, on observed routes.",
      counters.streamsOutlivingToken)
  }

  // MARK: Tokens and keys

  private func addTokens(_ text: inout MetricsText) {
    text.add(
      "gateway_token_cache_hits_total", .counter, "Tokens whose signature was known to be good.",
      counters.tokenCacheHits)
    text.add(
      "gateway_token_cache_misses_total", .counter, "Tokens whose signature had to be computed.",
      counters.tokenCacheMisses)
    text.add(
      "gateway_token_cache_entries", .gauge, "Tokens that the workers remember.",
      counters.tokenCacheEntries)
    text.add(
      "gateway_signatures_computed_total", .counter,
      "Operations with key pairs: signatures verified, content keys unwrapped.",
      counters.signaturesComputed)
    text.family(
      "gateway_signatures_refused_total", .counter,
      "Tokens not judged because a rate of signatures was used up.")
    text.sample(counters.signaturesRefusedPerAddress, ["rate": "signature_rate_per_address"])
    text.sample(counters.signaturesRefused, ["rate": "signature_rate"])
  }

  private func addMinting(_ text: inout MetricsText) {
    text.add(
      "gateway_tokens_minted_total", .counter, "Tokens that were signed for backends.",
      counters.tokensMinted)
    text.add(
      "gateway_minted_tokens_reused_total", .counter,
      "Requests that were given a token that was signed before.", counters.mintedTokensReused)
  }

  private func addKeySets(_ text: inout MetricsText) {
    func labels(_ report: KeySetReport) -> MetricLabels {
      ["realm": report.realm, "class": report.tokenClass, "place": report.place]
    }
    text.family(
      "gateway_key_set_keys", .gauge, "Keys in use of a set that is fetched or a watched file.")
    for report in facts.keySets { text.sample(report.keyCount, labels(report)) }
    text.family("gateway_key_set_age_seconds", .gauge, "Time since the set in use was fetched.")
    for report in facts.keySets {
      if let age = report.ageSeconds { text.sample(age, labels(report)) }
    }
    text.family("gateway_key_set_failing", .gauge, "1 while a set or a file can't be had.")
    for report in facts.keySets {
      text.sample(report.failingSince == nil ? 0 : 1, labels(report))
    }
    text.family("gateway_key_set_fetches_total", .counter, "Fetches of a set, by result.")
    for report in facts.keySets where report.kind == .url {
      text.sample(report.fetchCount, labels(report).and("result", "ok"))
      text.sample(report.fetchFailureCount, labels(report).and("result", "failed"))
    }
  }

  private func addRevocations(_ text: inout MetricsText) {
    text.add(
      "gateway_blocklist_entries", .gauge, "Revocations in force.", facts.blocklistEntries)
    text.add(
      "gateway_blocklist_store_failing", .gauge,
      "1 while revocations can't be written and stand in memory alone.",
      facts.isStoreFailing ? 1 : 0)
    text.add(
      "gateway_revocations_not_durable_total", .counter,
      "Logouts answered before their revocation was written.", counters.revocationsNotDurable)
  }
}
