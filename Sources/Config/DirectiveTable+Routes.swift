// The rows of `group` and `route`.

extension DirectiveTable {
  static let shared: [Block] = [.group, .route]
  static let routeRules: [DirectiveRule] = [
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
      "forward_token keep|drop|remint [REALM]", in: [.identity, .upstream] + shared, 1...2,
      standard: "keep",
      "What of the judged token the backend gets: the token, nothing, or one that REALM signs with its"
        + " own key for at most a minute. A route's word counts before a group's, an upstream's and"
        + " that of `identity`."),
    DirectiveRule(
      "require [any|all] scope|role|claim|fresh|none ...", in: shared, 1...any, isRepeatable: true,
      "What the token must say: `scope NAME...`, `role NAME...`, `claim NAME [VALUE...]` (any of the"
        + " values, with `all` before it each of them) or `fresh`. All lines hold, those of the groups"
        + " around too; `none` clears them."
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
      "mode observe|enforce", in: shared, 1...1, standard: "enforce",
      "`observe` refuses nothing for a token, a limit or an origin: what would be refused is logged"
        + " and counted, and goes on. `enforce` takes it back."),
    DirectiveRule(
      "method_fallthrough on|off", in: shared, 1...1, standard: "off",
      "Allows other methods of this path to reach a shorter route with weaker protection."),
    DirectiveRule(
      "limits { }", in: shared, 0...0, opens: .routeLimits, "Bounds for these routes."),
  ]
}
