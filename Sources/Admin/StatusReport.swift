// What the admin server says: the sentences of `/revoke` and `/health`, and the object of
// `/status`.
//
// Everything here may be read by whoever may ask: no secret, no token, no subject. Pure.

import Bytes
import EventLoop
import HTTPWire
import Policy
import Proxy
import Tokens

extension AdminAnswer {
  /// Whether the gateway serves; load balancers go by the status.
  static func health(isDraining: Bool) -> AdminAnswer {
    var object = JSONObjectText()
    object.add("status", isDraining ? "draining" : "ok")
    return AdminAnswer(status: isDraining ? 503 : 200, object)
  }

  /// The entry stands in every worker and in the store.
  static func revoked(_ entry: RevocationEntry) -> AdminAnswer {
    var object = JSONObjectText()
    object.add("status", "revoked")
    object.add("kind", word: entry.kind.name)
    object.add("realm", entry.realm)
    object.add("expires", entry.expiry)
    return AdminAnswer(status: 200, object)
  }

  /// The token is refused in any case.
  static let nothingToDo: AdminAnswer = {
    var object = JSONObjectText()
    object.add("status", "nothing_to_do")
    object.add("reason", "expired")
    return AdminAnswer(status: 200, object)
  }()

  /// A revocation was taken back.
  static let restored: AdminAnswer = {
    var object = JSONObjectText()
    object.add("status", "restored")
    return AdminAnswer(status: 200, object)
  }()

  /// There is nothing to take back.
  static let noSuchRevocation = refusal(404, "there is no such revocation")

  /// The journal could not be written.
  static let storeFailed = refusal(
    503, "the store could not be written: the change stands in memory until the gateway stops")

  /// The journal has not answered.
  static let storeIsLate = refusal(
    503, "the store has not confirmed in time: the change stands in memory until it does")

  /// Nothing is ever evicted from the table to make room.
  static let tableFull = refusal(507, "the blocklist is full: this is not revoked")
}

/// The facts of `/status`.
struct StatusReport {
  let parts: ControlParts
  /// The realms as they stand.
  let realms: [Realm]
  /// The sources of keys that change.
  let keySets: [KeySetReport]
  let isDraining: Bool
  let uptimeSeconds: Int64
  let nowSeconds: Int64
  let workersAnswered: Int
  let counters: Counters
  let blocklistEntries: Int
  let isStoreFailing: Bool

  /// The object.
  var object: JSONObjectText {
    let settings = parts.snapshot.settings
    var object = JSONObjectText()
    object.add("status", isDraining ? "draining" : "ok")
    if let version = parts.version { object.add("version", version) }
    object.add("pid", System.processIdentifier)
    object.add("uptime_seconds", uptimeSeconds)
    var workers = JSONObjectText()
    workers.add("count", parts.workers.count)
    workers.add("answered", workersAnswered)
    object.add("workers", workers)
    object.add("listeners", listeners(settings))
    object.add("upstreams", upstreams(settings))
    object.add("routes", settings.routes.count)
    let observed = observed(settings)
    if !observed.isEmpty { object.add("observed", observed) }
    object.add("realms", realms.map(\.name))
    let keys = realms.flatMap(keys)
    if !keys.isEmpty { object.add("keys", keys) }
    if !keySets.isEmpty { object.add("key_sets", keySets.map(keySet)) }
    var blocklist = JSONObjectText()
    blocklist.add("entries", blocklistEntries)
    blocklist.add("store", settings.blocklist.journalPath == nil ? "memory" : "journal")
    blocklist.add("store_failing", isStoreFailing)
    object.add("blocklist", blocklist)
    object.add("limit_overflows", parts.limits?.overflowCount ?? 0)
    if let connections = parts.connections {
      var places = JSONObjectText()
      places.add("open", connections.openCount)
      places.add("maximum", connections.maximum)
      object.add("connections", places)
    }
    object.add("warnings", settings.warnings)
    object.add("counters", countersObject)
    return object
  }

  private func listeners(_ settings: GatewaySettings) -> [JSONObjectText] {
    zip(settings.listeners, parts.boundAddresses).map { listener, address in
      var object = JSONObjectText()
      object.add("name", listener.name)
      object.add("address", address)
      return object
    }
  }

  private func upstreams(_ settings: GatewaySettings) -> [JSONObjectText] {
    settings.upstreams.map { upstream in
      var object = JSONObjectText()
      object.add("name", upstream.name)
      object.add("servers", upstream.servers.map(\.address.description))
      return object
    }
  }

  /// The routes that only watch, and what they let through.
  private func observed(_ settings: GatewaySettings) -> [JSONObjectText] {
    settings.routes.indices.filter { settings.routes[$0].isObserved }.map { index in
      var object = JSONObjectText()
      object.add("route", settings.routes[index].label)
      var would = JSONObjectText()
      for refusal in Refusal.observable {
        let count = counters.decisions.letThrough(refusal, route: index)
        if count > 0 { would.add(refusal.name.description, count) }
      }
      object.add("would_refuse", would)
      return object
    }
  }

  /// The keys of a realm, for whoever wants to drop one.
  private func keys(of realm: Realm) -> [JSONObjectText] {
    realm.keyReports.map { report in
      var object = JSONObjectText()
      object.add("realm", realm.name)
      object.add("key", report.key)
      object.add("place", report.place)
      object.add("class", word: report.tokenClass.name)
      object.add("tokens", report.count)
      object.add("last_used", report.lastUse.map(date) ?? "not since the start")
      if let newest = report.newestExpiration { object.add("newest_token_expires", date(newest)) }
      if let end = report.end { object.add("counts_until", date(end)) }
      switch report.drop(nowSeconds: nowSeconds) {
      case nil: break
      case .safe: object.add("safe_to_drop", "yes")
      case .tokenLives(let until):
        object.add("safe_to_drop", "no: a token of it lives until \(date(until))")
      case .notYetKnown(let until):
        object.add("safe_to_drop", "not known before \(date(until))")
      case .successorUnseen:
        object.add("safe_to_drop", "not known: no token of the new secret was seen yet")
      case .unknown: object.add("safe_to_drop", "not known: its class has no lifetime")
      }
      return object
    }
  }

  /// Where changing keys come from, and how that goes.
  private func keySet(_ report: KeySetReport) -> JSONObjectText {
    var object = JSONObjectText()
    object.add("realm", report.realm)
    object.add("class", report.tokenClass)
    object.add("kind", report.kind.rawValue)
    object.add("place", report.place)
    object.add("keys", report.keyCount)
    if let age = report.ageSeconds { object.add("age_seconds", age) }
    if let next = report.nextFetchSeconds { object.add("next_fetch_seconds", next) }
    if report.kind == .url {
      object.add("fetches", report.fetchCount)
      object.add("fetches_failed", report.fetchFailureCount)
    }
    if let since = report.failingSince { object.add("failing_since", date(since)) }
    if let failure = report.failure { object.add("failure", failure) }
    if !report.skippedKeys.isEmpty { object.add("skipped", report.skippedKeys) }
    return object
  }

  private func date(_ seconds: Int64) -> String {
    var buffer = ByteBuffer(capacity: HTTPDate.byteCount)
    HTTPDate.append(epochSeconds: seconds, to: &buffer)
    return String(lossy: buffer.readable)
  }

  private var countersObject: JSONObjectText {
    var object = JSONObjectText()
    object.add("connections_accepted", counters.connectionsAccepted)
    object.add("connections_refused", counters.connectionsRefused)
    object.add("proxy_headers_refused", counters.proxyHeadersRefused)
    object.add("connections_open", counters.connectionsOpen)
    object.add("requests", counters.requests)
    object.add("requests_malformed", counters.requestsMalformed)
    object.add("requests_refused", counters.requestsRefused)
    object.add("upstream_failures", counters.upstreamFailures)
    object.add("upstream_connects", counters.upstreamConnects)
    object.add("upstream_reuses", counters.upstreamReuses)
    object.add("upstream_retries", counters.upstreamRetries)
    object.add("upgrades", counters.upgrades)
    object.add("tunnels_open", counters.tunnelsOpen)
    object.add("streams_ended_by_token", counters.streamsEndedByToken)
    object.add("streams_outliving_token", counters.streamsOutlivingToken)
    object.add("accept_pauses", counters.acceptPauses)
    object.add("token_cache_hits", counters.tokenCacheHits)
    object.add("token_cache_misses", counters.tokenCacheMisses)
    object.add("token_cache_entries", counters.tokenCacheEntries)
    object.add("signatures_computed", counters.signaturesComputed)
    object.add("signatures_refused_per_address", counters.signaturesRefusedPerAddress)
    object.add("signatures_refused", counters.signaturesRefused)
    object.add("log_lines_dropped", counters.logLinesDropped)
    object.add("revocations_not_durable", counters.revocationsNotDurable)
    object.add("tokens_minted", counters.tokensMinted)
    object.add("minted_tokens_reused", counters.mintedTokensReused)
    return object
  }
}
