// Every directive there is: where it may stand, what it takes, what it means.
//
// One row a directive and place. The README's reference is printed from here, so the summaries are
// written for its readers.

/// The rows.
public enum DirectiveTable {
  static let any = ConfigLimits.argumentCountMaximum

  /// All directives, in the order of the reference.
  public static let rules: [DirectiveRule] =
    topRules + realmRules + policyRules + upstreamRules + routeRules

  private static let topRules: [DirectiveRule] = [
    DirectiveRule(
      "include FILE", in: Block.allCases, 1...1, isRepeatable: true,
      "Reads another file in this place; `DIR/*.conf` reads all that match, sorted by byte."),
    DirectiveRule(
      "env_file FILE [optional]", in: [.top], 1...2, isRepeatable: true,
      "Variables for `${NAME}`; the real environment beats them. In the main file only."),
    DirectiveRule(
      "workers auto|N", in: [.top], 1...1, standard: "auto",
      "Worker threads; `auto` is one for each core."),
    DirectiveRule(
      "listen ADDRESS [{ }]", in: [.top], 1...1, isRepeatable: true, opens: .listen,
      blockIsOptional: true,
      "Where clients connect: `127.0.0.1:8080`, `0.0.0.0:8080` for every IPv4 address,"
        + " `[::1]:8080` or `unix:PATH`."),
    DirectiveRule(
      "name NAME", in: [.listen], 1...1, standard: "the address",
      "What routes call this listener in `listener`."),
    DirectiveRule(
      "proxy_protocol [on|off]", in: [.listen], 0...1, standard: "off",
      "Every connection begins with a PROXY protocol header, version 1 or 2, that names the client;"
        + " any other is closed. Where others than this machine reach the listener, and"
        + " `trusted_proxies` is said, only they may send one."),
    DirectiveRule(
      "admin ADDRESS [{ }]", in: [.top], 1...1, opens: .admin, blockIsOptional: true,
      "Where `revoke` and `status` reach the running gateway: a Unix socket of mode 0600, or a TCP"
        + " address, which without a token answers `GET /health` and `GET /metrics` only."),
    DirectiveRule(
      "token_file FILE", in: [.admin], 1...1,
      "The token for a TCP address: 32 bytes or more; one line feed at the end is dropped."),
    DirectiveRule(
      "trusted_proxies CIDR...|none", in: [.top], 1...any, isRepeatable: true, standard: "none",
      "Peers that are believed about their clients: networks, addresses, or `unix` for a Unix"
        + " socket's peers."),
    DirectiveRule(
      "access_log off|stdout|FILE", in: [.top], 1...1, standard: "off",
      "One JSON line for each request, written off the loop; it never holds a token."),
    DirectiveRule(
      "errors STYLE", in: [.top, .upstream, .group, .route], 1...1, standard: "the preset's",
      "Shape of the gateway's own answers: `flask`, `fastapi`, `nestjs`, `coded` or `problem`."),
    DirectiveRule(
      "limits { }", in: [.top], 0...0, opens: .limits, "Bounds on what one client may cost."),
    DirectiveRule(
      "head SIZE", in: [.limits], 1...1, standard: "16k",
      "Request line and header fields together; more is 431."),
    DirectiveRule(
      "target SIZE", in: [.limits], 1...1, standard: "8k", "The request target; more is 414."),
    DirectiveRule(
      "fields N", in: [.limits], 1...1, standard: "100", "Header fields of a request; more is 431."),
    DirectiveRule(
      "response_head SIZE", in: [.limits], 1...1, standard: "32k",
      "A backend's response head; more is 502."),
    DirectiveRule(
      "body SIZE|off", in: [.limits, .routeLimits], 1...1, standard: "10m",
      "The request body; more is 413."),
    DirectiveRule(
      "head_timeout TIME", in: [.limits], 1...1, standard: "10s",
      "First byte of a request to the end of its head; later is 408."),
    DirectiveRule(
      "idle_timeout TIME", in: [.limits], 1...1, standard: "60s",
      "Silence between two requests; then the connection is closed."),
    DirectiveRule(
      "body_timeout TIME", in: [.limits, .routeLimits], 1...1, standard: "30s",
      "Silence within a request body; then 408."),
    DirectiveRule(
      "body_rate SIZE|off", in: [.limits], 1...1, standard: "500",
      "Bytes a second that a client must send of a body while it is waited for; `body_timeout` is how"
        + " far it may fall behind; then 408."),
    DirectiveRule(
      "send_timeout TIME", in: [.limits], 1...1, standard: "60s",
      "A client that does not read its response; then the connection is closed."),
    DirectiveRule(
      "send_rate SIZE|off", in: [.limits], 1...1, standard: "500",
      "Bytes a second that a client must take of a response while it is waited for; `send_timeout` is"
        + " how far it may fall behind; then the connection is closed."),
    DirectiveRule(
      "total_timeout TIME|off", in: [.limits, .routeLimits], 1...1, standard: "off",
      "The whole exchange, tunnels and event streams aside; off because downloads are long."),
    DirectiveRule(
      "stream_idle_timeout TIME|off", in: [.limits, .routeLimits], 1...1, standard: "5m",
      "Silence in a WebSocket tunnel or an event stream; then it is ended."),
    DirectiveRule(
      "token_grace TIME", in: [.limits, .routeLimits], 1...1, standard: "0s",
      "How long a tunnel or an event stream may outlive the token it was opened with."),
    DirectiveRule(
      "connections N", in: [.limits], 1...1, standard: "20000",
      "Client connections of the whole gateway; at the bound accepting pauses until one closes."),
    DirectiveRule(
      "connections_per_address N|off", in: [.limits], 1...1, standard: "10000",
      "Client connections of one address (one /64 of IPv6); one more is closed."),
    DirectiveRule(
      "signature_rate N/s|off", in: [.limits], 1...1, standard: "2500/s",
      "Signatures of key pairs that a worker computes for tokens that it doesn't know yet; more is"
        + " 503. One is an ES256 signature; dearer ones count as several."),
    DirectiveRule(
      "signature_rate_per_address N/s|off", in: [.limits], 1...1, standard: "250/s",
      "The same for one address (one /64 of IPv6) and worker, up to ten seconds' worth at once; more"
        + " is 429. What turned out to be good tokens isn't counted in either."),
    DirectiveRule(
      "drain_timeout TIME", in: [.limits], 1...1, standard: "10s",
      "What requests in flight are given when the gateway is told to stop."),
    DirectiveRule(
      "timeout TIME", in: [.routeLimits], 1...1, standard: "the upstream's",
      "Wait for the backend's response head on these routes; later is 504."),
  ]

  private static let policyRules: [DirectiveRule] = [
    DirectiveRule(
      "identity { }", in: [.top], 0...0, opens: .identity,
      "Headers that backends may trust; every client's copies are removed on every route."),
    DirectiveRule(
      "header NAME CLAIM", in: [.identity], 2...2, isRepeatable: true,
      "Sends a claim (`sub`, `user.id` for a nested one, `$realm` for the realm's name) as this"
        + " header."),
    DirectiveRule(
      "assertion REALM [HEADER]", in: [.identity], 1...2, standard: "`X-Identity-Assertion`",
      "Sends the identity as a JWT too, signed with REALM's access key, minted as its `mint` says."),
    DirectiveRule(
      "blocklist { }", in: [.top], 0...0, opens: .blocklist, "Revoked tokens."),
    DirectiveRule(
      "store memory", in: [.blocklist], 1...1, standard: "memory", "Where they are kept."),
    DirectiveRule(
      "realms NAME...", in: [.blocklist], 1...any, standard: "all",
      "Realms whose tokens are checked."),
    DirectiveRule(
      "journal FILE", in: [.blocklist], 1...1,
      "Append-only file that a restart reads back; without it a restart forgets."),
    DirectiveRule(
      "journal_sync always|interval [TIME]", in: [.blocklist], 1...2, standard: "always",
      "`always`: on the disk before a revocation is acknowledged; `interval`: at most TIME (1s)"
        + " later."),
    DirectiveRule(
      "import FILE", in: [.blocklist], 1...1, isRepeatable: true,
      "Token ids to block from the start, one a line."),
    DirectiveRule(
      "cors [NAME] { }", in: [.top], 0...1, isRepeatable: true, opens: .cors,
      "A cross-origin policy; the unnamed one holds where a route names none."),
    DirectiveRule(
      "origins ORIGIN...", in: [.cors], 1...any,
      "Origins that may call: `https://app.example`, `https://*.app.example`, or `*` without"
        + " credentials."),
    DirectiveRule(
      "methods METHOD...", in: [.cors], 1...any, standard: "those that the routes take",
      "Methods that they may use."),
    DirectiveRule(
      "headers NAME...", in: [.cors], 1...any, standard: "the usual ones",
      "Request headers that they may send; `*` for any."),
    DirectiveRule(
      "expose NAME...", in: [.cors], 1...any, "Response headers that they may read."),
    DirectiveRule(
      "credentials on|off", in: [.cors], 1...1, standard: "off",
      "Whether cookies and client certificates are sent."),
    DirectiveRule(
      "max_age TIME", in: [.cors], 1...1, standard: "the browser's",
      "How long a browser remembers a preflight's answer."),
    DirectiveRule(
      "limit NAME { }", in: [.top], 1...1, isRepeatable: true, opens: .limit,
      "A rate that routes share by naming it."),
    DirectiveRule(
      "key client_ip", in: [.limit], 1...1, standard: "client_ip", "Who is counted."),
    DirectiveRule("rate N/UNIT", in: [.limit], 1...1, "How often: `10/s`, `5/min`, `100/h`."),
    DirectiveRule(
      "burst N", in: [.limit], 1...1, standard: "the rate's N",
      "How many may come at once."),
    DirectiveRule(
      "count all|failures", in: [.limit], 1...1, standard: "all",
      "`failures` gives the permit back unless the backend answers 401, 403 or 422."),
  ]

  private static let upstreamRules: [DirectiveRule] = [
    DirectiveRule(
      "upstream NAME { }", in: [.top], 1...1, isRepeatable: true, opens: .upstream,
      "A backend."),
    DirectiveRule(
      "server ADDRESS [weight=N] [backup]", in: [.upstream], 1...3, isRepeatable: true,
      "One of its servers."),
    DirectiveRule(
      "balance round_robin|least_requests", in: [.upstream], 1...1, standard: "round_robin",
      "How servers take turns."),
    DirectiveRule(
      "app_server gunicorn|uvicorn|node|other", in: [.upstream], 1...1, standard: "other",
      "What runs the backend; sets how long unused connections are kept, always shorter than it"
        + " does."),
    DirectiveRule(
      "framework NAME", in: [.upstream], 1...1, standard: "unknown",
      "How the backend reads paths: `werkzeug`, `starlette`, `express`, `fastify` or `unknown`,"
        + " which means every way."),
    DirectiveRule(
      "upstream_host NAME", in: [.upstream], 1...1, standard: "the client's",
      "The Host that is sent."),
    DirectiveRule(
      "forwarded on|off", in: [.upstream], 1...1, standard: "off",
      "Whether `Forwarded` (RFC 7239) is sent beside `X-Forwarded-*`."),
    DirectiveRule(
      "connect_timeout TIME", in: [.upstream], 1...1, standard: "3s",
      "Wait for a connection; later is 504."),
    DirectiveRule(
      "response_timeout TIME|off", in: [.upstream], 1...1, standard: "30s",
      "Wait for the response head; later is 504."),
    DirectiveRule(
      "read_timeout TIME|off", in: [.upstream, .routeLimits], 1...1, standard: "60s",
      "Silence within a response body; then the connection is cut."),
    DirectiveRule(
      "keepalive N", in: [.upstream], 1...1, standard: "64",
      "Unused connections kept for each server and worker."),
    DirectiveRule(
      "keepalive_timeout TIME", in: [.upstream], 1...1, standard: "by app_server",
      "How long they are kept."),
  ]
}
