// The rows of `realm` and of what stands in it.

extension DirectiveTable {
  static let realmRules: [DirectiveRule] = [
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
      "require [any|all] scope|role|claim|fresh|none ...", in: [.realm, .tokenClass], 1...any,
      isRepeatable: true,
      "What every token of the realm, or of the class, must say wherever it is used, in the words of a"
        + " route's `require`, whose lines come on top. In a class `none` clears the realm's."),
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
      "mint { }", in: [.realm], 0...0, opens: .mint,
      "What the tokens say that the realm signs for its backends (`forward_token remint`,"
        + " `assertion`)."),
    DirectiveRule(
      "lifetime TIME", in: [.mint], 1...1, standard: "60s",
      "Their life, 5s to 60s; never beyond the end of the token that they are made from."),
    DirectiveRule(
      "claims all|none", in: [.mint], 1...1, standard: "all",
      "Whether all claims are copied, or only `sub`, `jti` and the mapped ones."),
    DirectiveRule(
      "claim NAME CLAIM", in: [.mint], 2...2, isRepeatable: true,
      "Gives them a claim (`realm_access.roles` for a nested one, `$realm` for the name of the realm"
        + " that verified the token) under this name. Up to 32."),
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
        + " Key files are watched: what changes in one counts a second later."),
    DirectiveRule(
      "jwks FILE|URL [{ }]", in: [.tokenClass], 1...1, isRepeatable: true, opens: .keySet,
      blockIsOptional: true,
      "A JWK set; a token's `kid` chooses among its keys. Keys for other purposes are skipped. A set at"
        + " an `https` URL is fetched, and fetched again ahead of need; until it is there, its tokens are"
        + " answered 503."),
    DirectiveRule(
      "ca FILE", in: [.keySet], 1...1, standard: "the system's",
      "Certificates (PEM) of the authorities that are believed about the URL's server, and no others;"
        + " the system's are those of `SSL_CERT_FILE` where it is set."),
    DirectiveRule(
      "copy FILE|off", in: [.keySet], 1...1, standard: "state/jwks-….json beside the main file",
      "Where the set is kept for a start while its server is away; for a day at most."),
    DirectiveRule(
      "timeout TIME", in: [.keySet], 1...1, standard: "5s",
      "The longest time of one fetch, from the name to the last byte."),
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
      "token header|cookie|query|body NAME ...", in: [.tokenClass], 2...4, isRepeatable: true,
      standard: "the preset's",
      "Where the token is: `header NAME [SCHEME]`, `cookie NAME [csrf HEADER|off]`, `query NAME`, or"
        + " `body FIELD` on refresh and logout routes."),
  ]
}
