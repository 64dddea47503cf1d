// Every directive there is: where it may stand, what it takes, what it means.
//
// One row a directive and place. The README's reference is printed from here, so the summaries are
// written for its readers.

/// The rows.
public enum DirectiveTable {
  private static let any = ConfigLimits.argumentCountMaximum

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
        + " address, which without a token answers `GET /health` only."),
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
      "drain_timeout TIME", in: [.limits], 1...1, standard: "10s",
      "What requests in flight are given when the gateway is told to stop."),
    DirectiveRule(
      "timeout TIME", in: [.routeLimits], 1...1, standard: "the upstream's",
      "Wait for the backend's response head on these routes; later is 504."),
  ]

  private static let realmRules: [DirectiveRule] = [
    DirectiveRule(
      "realm NAME { }", in: [.top], 1...1, isRepeatable: true, opens: .realm,
      "Who signs tokens, and how."),
    DirectiveRule(
      "preset NAME", in: [.realm], 1...1, standard: "none",
      "Places and rules of a backend's tokens: `flask-jwt-extended`, `nest-dual-secret`,"
        + " `single-secret` or `none`. Never a lifetime or a secret."),
    DirectiveRule(
      "issuer NAME", in: [.realm], 1...1, "What `iss` must be."),
    DirectiveRule(
      "audience NAME...", in: [.realm], 1...any, "What `aud` must be, or hold one of."),
    DirectiveRule(
      "leeway TIME", in: [.realm], 1...1, standard: "0s",
      "How far clocks may differ."),
    DirectiveRule(
      "weak_secrets allow", in: [.realm], 1...1,
      "Admits short and known default secrets while every listener is on loopback; never empty"
        + " ones."),
    DirectiveRule(
      "decrypt FILE", in: [.realm], 1...1, isRepeatable: true,
      "A key that opens encrypted tokens (JWE): a private RSA key (PEM or JWK) for `RSA-OAEP-256`, or"
        + " a JWK of type `oct` for `dir`, with `A128GCM` or `A256GCM`. What is inside must be signed"
        + " like any other token. Up to 8."),
    DirectiveRule(
      "access { }", in: [.realm], 0...0, opens: .tokenClass, "The tokens that requests carry."),
    DirectiveRule(
      "refresh { }", in: [.realm], 0...0, opens: .tokenClass,
      "The tokens that get new ones. Without a secret or key of its own it takes the access keys, and"
        + " `type` must say `refresh`."),
    DirectiveRule(
      "secret TEXT", in: [.tokenClass], 1...1, isSecret: true,
      "The shared secret, from a variable: `secret ${JWT_ACCESS_SECRET};`."),
    DirectiveRule(
      "secret_file FILE", in: [.tokenClass], 1...1,
      "The shared secret from a file, as Docker and Kubernetes give it; one line end at its end is"
        + " dropped, and `check` and `status` say so."),
    DirectiveRule(
      "previous TEXT until DAY", in: [.tokenClass], 3...3, isRepeatable: true, isSecret: true,
      "A secret that the current one replaced, so that tokens live through the change:"
        + " `previous ${OLD_SECRET} until 2026-11-30;`. It counts to the end of that day, UTC. Up to"
        + " 8."),
    DirectiveRule(
      "encoding raw|base64|base64url|hex", in: [.tokenClass], 1...1, standard: "raw",
      "How the secrets are written. Backends take them raw, even when they look like base64."),
    DirectiveRule(
      "key FILE", in: [.tokenClass], 1...1, isRepeatable: true,
      "A public key, certificate (PEM) or JWK whose tokens are taken, beside or instead of a secret."
    ),
    DirectiveRule(
      "jwks FILE", in: [.tokenClass], 1...1, isRepeatable: true,
      "A JWK set; a token's `kid` chooses among its keys. Keys for other purposes are skipped."),
    DirectiveRule(
      "algorithms NAME...", in: [.tokenClass], 1...any,
      standard: "HS256 for a secret; what the key says",
      "The algorithms that the keys may have: `HS256`, `HS384`, `HS512`, `RS256` to `RS512`, `PS256`"
        + " to `PS512`, `ES256`, `ES384`, `ES512`, `EdDSA`. An RSA key that does not say its own needs"
        + " it."),
    DirectiveRule(
      "type NAME", in: [.tokenClass], 1...1,
      "What `type` must say in every token of the class."),
    DirectiveRule(
      "lifetime TIME", in: [.tokenClass], 1...1,
      "Longest life of a token; `exp` further away is refused."),
    DirectiveRule(
      "token header NAME [SCHEME]", in: [.tokenClass], 2...4, isRepeatable: true,
      standard: "the preset's",
      "Where the token is: a header and its scheme, `token cookie NAME [csrf HEADER|off]`, `token query"
        + " NAME`, or `token body FIELD` on refresh and logout routes."),
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

  private static let shared: [Block] = [.group, .route]
  private static let routeRules: [DirectiveRule] = [
    DirectiveRule(
      "group PREFIX { }", in: [.top, .group], 1...1, isRepeatable: true, opens: .group,
      "Settings that its routes share; prefix and route path are put together."),
    DirectiveRule(
      "route [METHOD...] PATH { }", in: [.top, .group], 1...any, isRepeatable: true, opens: .route,
      "Requests below a path, of these methods or of any. The longest path wins."),
    DirectiveRule("upstream NAME", in: shared, 1...1, "Which backend answers."),
    DirectiveRule(
      "respond STATUS|health [BODY]", in: shared, 1...2,
      "The gateway answers itself, with text or JSON; `health` is 200, and 503 while it stops."),
    DirectiveRule(
      "redirect [STATUS] TARGET", in: shared, 1...2, standard: "status 302",
      "To `https://HOST/PATH` or `/PATH`; `https://$host` is the request's own host, and"
        + " `$request_uri` at the end its path and query."),
    DirectiveRule(
      "allow CIDR...|all", in: shared, 1...any, isRepeatable: true,
      "Clients that may come, as in `trusted_proxies`. In a block the first `allow` or `deny` that"
        + " matches counts; without a match only blocks without `allow` admit."),
    DirectiveRule(
      "deny CIDR...|all", in: shared, 1...any, isRepeatable: true,
      "Clients that may not come: 403, before anything else is asked. The blocks around must admit"
        + " the client too."),
    DirectiveRule(
      "host NAME...", in: shared, 1...any, standard: "any",
      "Only requests for these hosts; `*.example.com` for subdomains."),
    DirectiveRule(
      "listener NAME...", in: shared, 1...any, standard: "any", "Only requests at these listeners."),
    DirectiveRule(
      "strip_prefix on|off", in: shared, 1...1, standard: "off",
      "Whether the group's prefix is cut from the path that the backend sees."),
    DirectiveRule(
      "auth none|optional|required|refresh|any", in: shared, 1...1, standard: "required",
      "Which token a request must bring: none; maybe an access token; an access token; a refresh"
        + " token; either."),
    DirectiveRule(
      "realm NAME...", in: shared, 1...any, standard: "the only one",
      "Whose tokens. Of several the first whose key fits judges a token."),
    DirectiveRule(
      "require scope|role|claim|fresh|none ...", in: shared, 1...any, isRepeatable: true,
      "What the token must say: `scope NAME...`, `role NAME...`, `claim NAME [VALUE...]` (any of the"
        + " values) or `fresh`. All lines hold, those of the groups around too; `none` clears them."
    ),
    DirectiveRule(
      "limit NAME...|off", in: shared, 1...any, isRepeatable: true,
      "Rates that hold here, beside those of the groups around; `off` clears them."),
    DirectiveRule(
      "cors NAME|pass|off", in: shared, 1...1, standard: "the unnamed policy",
      "The cross-origin policy; `pass` leaves it to the backend."),
    DirectiveRule(
      "flask_422 on|off", in: shared + [.top], 1...1, standard: "off",
      "With `errors flask`: 422 for malformed tokens and bad signatures, as Flask-JWT-Extended"
        + " answers."),
    DirectiveRule(
      "on_success revoke", in: shared, 1...1,
      "When the backend answers 2xx, the presented tokens are revoked (logout)."),
    DirectiveRule(
      "method_fallthrough on|off", in: shared, 1...1, standard: "off",
      "Allows other methods of this path to reach a shorter route with weaker protection."),
    DirectiveRule(
      "limits { }", in: shared, 0...0, opens: .routeLimits, "Bounds for these routes."),
  ]
}
