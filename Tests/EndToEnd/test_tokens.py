"""Which tokens pass: exactly those of the seed documents, and none of a list of attacks."""

import hashlib
import json

import pytest

from backends.recorder import lines_named
from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config, tokens
from support.processes import wait_until
from support.tokens import b64, claims, now, sign

ENVIRONMENT = config.environment(ACCESS, REFRESH)


def realm(text: str) -> str:
    return f"""
    realm main {{ {text} }}
    {config.IDENTITY}
    """


DUAL = realm(
    "access { secret ${JWT_ACCESS_SECRET}; lifetime 15m; }"
    "refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d; }"
)


def routes(address: str, refresh: bool = True) -> str:
    return f"""
    upstream backend {{ server {address}; errors problem; }}
    group / {{
        upstream backend;
        {"route POST /refresh { auth refresh; } route POST /any { auth any; }" if refresh else ""}
        route GET  /optional {{ auth optional; }}
        route GET  /open     {{ auth none; }}
        route /              {{ auth required; }}
    }}
    """


@pytest.fixture
def start(gateway, recorder):
    """A gateway with a realm of the given text before a recorder: (gateway, recorder)."""

    def make(realm_text: str, environment=None):
        backend = recorder()
        text = config.top() + realm_text + routes(backend.address, "refresh" in realm_text)
        return gateway(text, environment or ENVIRONMENT), backend

    return make


# The tokens of the seed documents: claims, the realm that the document describes, the identity seen.
MINUTE, DAY = 60, 86400
SINGLE = (
    "preset single-secret; access {{ secret ${{JWT_ACCESS_SECRET}}; lifetime {access}; }}"
    "refresh {{ lifetime {refresh}; }}"
)
SEEDS = {
    "NestJS with two secrets": (
        "preset nest-dual-secret; access { secret ${JWT_ACCESS_SECRET}; lifetime 15m; }"
        "refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d; }",
        lambda: {"sub": "u-1", "email": "a@b.c", "iat": now(), "exp": now() + 15 * MINUTE},
        lambda: sign({"sub": "u-1", "iat": now(), "exp": now() + 7 * DAY}, REFRESH),
        "u-1",
    ),
    "NestJS with an integer sub": (
        "preset nest-dual-secret; access { secret ${JWT_ACCESS_SECRET}; lifetime 15m; }"
        "refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d; }",
        lambda: {"sub": 42, "email": "a@b.c", "iat": now(), "exp": now() + 15 * MINUTE},
        lambda: sign({"sub": 42, "iat": now(), "exp": now() + 7 * DAY}, REFRESH),
        "42",
    ),
    "Flask with a refresh secret of its own": (
        "preset flask-jwt-extended; access { secret ${JWT_ACCESS_SECRET}; lifetime 15m; }"
        "refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d; }",
        lambda: {
            "fresh": False,
            "iat": now(),
            "nbf": now(),
            "jti": "0b6c7f9e-1",
            "type": "access",
            "sub": "u-1",
            "csrf": "x",
            "exp": now() + 15 * MINUTE,
        },
        lambda: sign({"sub": "u-1", "exp": now() + 7 * DAY, "type": "refresh"}, REFRESH),
        "u-1",
    ),
    "FastAPI without jti and iat": (
        SINGLE.format(access="30m", refresh="7d"),
        lambda: {"sub": "7", "username": "ada", "exp": now() + 30 * MINUTE},
        lambda: sign({"sub": "7", "type": "refresh", "exp": now() + 7 * DAY}, ACCESS),
        "7",
    ),
    "one secret, seven days": (
        "preset none; access { secret ${JWT_ACCESS_SECRET}; lifetime 7d; }",
        lambda: {"sub": "9", "email": "u@x.y", "iat": now(), "exp": now() + 7 * DAY},
        None,
        "9",
    ),
    "a user name as sub, half an hour": (
        "preset single-secret; access { secret ${JWT_ACCESS_SECRET}; lifetime 30m; }",
        lambda: {"sub": "ada", "exp": now() + 30 * MINUTE},
        None,
        "ada",
    ),
    "stock Flask-JWT-Extended": (
        "preset flask-jwt-extended; access { secret ${JWT_ACCESS_SECRET}; lifetime 15m; }"
        "refresh { lifetime 30d; }",
        lambda: {
            "fresh": False,
            "iat": now(),
            "nbf": now(),
            "jti": "0b6c7f9e-2",
            "type": "access",
            "sub": "3",
            "username": "a",
            "email": "a@b.c",
            "exp": now() + 15 * MINUTE,
        },
        lambda: sign(
            {
                "fresh": False,
                "iat": now(),
                "nbf": now(),
                "jti": "0b6c7f9e-3",
                "type": "refresh",
                "sub": "3",
                "exp": now() + 30 * DAY,
            },
            ACCESS,
        ),
        "3",
    ),
}


@pytest.mark.parametrize("name", SEEDS)
def test_the_tokens_of_the_seeds_pass_where_they_belong(start, name):
    realm_text, access_claims, make_refresh, subject = SEEDS[name]
    edge, backend = start(realm(realm_text))
    access = sign(access_claims(), ACCESS)
    assert edge.get("/me", access).status == 200
    assert lines_named(backend.heads[-1], "X-User-Id") == [subject]
    assert lines_named(backend.heads[-1], "Authorization") == [f"Bearer {access}"]
    asked = len(backend.heads)
    if make_refresh is None:
        return
    refresh = make_refresh()
    assert edge.post("/refresh", token=refresh).status == 200
    assert edge.post("/any", token=refresh).status == 200
    assert edge.post("/any", token=access).status == 200
    asked += 3
    assert edge.get("/me", refresh).status == 401
    assert edge.post("/refresh", token=access).status == 401
    assert edge.get("/optional", refresh).status == 401
    assert len(backend.heads) == asked


def test_the_class_rule_with_two_secrets(start):
    """The key decides; a `type` that says otherwise refuses (DESIGN §5.4)."""
    edge, backend = start(DUAL)
    access_typed = sign(claims(type="access"), ACCESS)
    access_plain = sign(claims(), ACCESS)
    refresh_typed = sign(claims(type="refresh"), REFRESH)
    refresh_plain = sign(claims(), REFRESH)
    for token in (access_typed, access_plain):
        assert edge.get("/", token).status == 200
        assert edge.post("/refresh", token=token).status == 401
        assert edge.logged(path="/refresh")["reason"] == "wrong_token_type"
    for token in (refresh_typed, refresh_plain):
        assert edge.post("/refresh", token=token).status == 200
        assert edge.get("/x", token).status == 401
        assert edge.logged(path="/x")["reason"] == "wrong_token_type"
    for target, token in (("/a", sign(claims(type="refresh"), ACCESS)),):
        assert edge.get(target, token).status == 401
        assert edge.logged(path=target)["reason"] == "wrong_token_type"
    assert edge.post("/any", token=sign(claims(type="access"), REFRESH)).status == 401


def test_the_class_rule_with_one_secret(start):
    edge, _ = start(realm(SINGLE.format(access="15m", refresh="7d")))
    assert edge.get("/", sign(claims(), ACCESS)).status == 200
    assert edge.get("/", sign(claims(type="access"), ACCESS)).status == 200
    assert edge.get("/", sign(claims(type="refresh"), ACCESS)).status == 401
    assert edge.post("/refresh", token=sign(claims(type="refresh"), ACCESS)).status == 200
    assert edge.post("/refresh", token=sign(claims(), ACCESS)).status == 401
    assert edge.post("/refresh", token=sign(claims(type="access"), ACCESS)).status == 401


def test_a_realm_without_a_refresh_class_takes_no_refresh_token(start):
    edge, _ = start(realm("access { secret ${JWT_ACCESS_SECRET}; lifetime 15m; }"))
    assert edge.get("/", sign(claims(), ACCESS)).status == 200
    assert edge.get("/", sign(claims(type="refresh"), ACCESS)).status == 401


# Attacks: name, token, reason in the access log. None of them may reach the backend.

HS = tokens.HEADER


def header(**more):
    return {**HS, **more}


def raw(head, body, signature=b"") -> str:
    parts = [json.dumps(p).encode() if isinstance(p, dict) else p for p in (head, body)]
    return tokens.remember(".".join([b64(parts[0]), b64(parts[1]), b64(signature)]))


def flipped() -> str:
    token = sign(claims(), ACCESS)
    return tokens.remember(token[:-6] + ("A" if token[-6] != "A" else "B") + token[-5:])


def other_payload() -> str:
    mine, theirs = sign(claims(), ACCESS), sign(claims(sub="admin"), OTHER_ACCESS)
    head, _, signature = mine.split(".")
    return tokens.remember(".".join([head, theirs.split(".")[1], signature]))


def non_canonical_tail() -> str:
    """The last character of 43 carries two unused bits; another value decodes to the same bytes."""
    token = sign(claims(), ACCESS)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return tokens.remember(token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1])


ATTACKS = {
    "alg none": (lambda: raw(header(alg="none"), claims()), "unsupported_algorithm"),
    "alg None": (lambda: raw(header(alg="None"), claims()), "unsupported_algorithm"),
    "alg nOnE with a signature": (
        lambda: sign(claims(), ACCESS, header(alg="nOnE")),
        "unsupported_algorithm",
    ),
    "alg none and two parts": (lambda: raw(header(alg="none"), claims()).rstrip("."), "malformed"),
    "alg RS256 signed with the secret": (
        lambda: sign(claims(), ACCESS, header(alg="RS256")),
        "unsupported_algorithm",
    ),
    "alg HS512": (
        lambda: sign(claims(), ACCESS, header(alg="HS512"), hashlib.sha512),
        "unsupported_algorithm",
    ),
    "alg HS384": (
        lambda: sign(claims(), ACCESS, header(alg="HS384"), hashlib.sha384),
        "unsupported_algorithm",
    ),
    "alg hs256 in lower case": (
        lambda: sign(claims(), ACCESS, header(alg="hs256")),
        "unsupported_algorithm",
    ),
    "alg absent": (
        lambda: sign(claims(), ACCESS, {"typ": "JWT"}),
        {"malformed", "unsupported_algorithm"},
    ),
    "alg an array": (
        lambda: sign(claims(), ACCESS, header(alg=["HS256"])),
        {"malformed", "unsupported_algorithm"},
    ),
    "alg null": (
        lambda: sign(claims(), ACCESS, header(alg=None)),
        {"malformed", "unsupported_algorithm"},
    ),
    "alg twice": (lambda: sign(claims(), ACCESS, b'{"alg":"none","alg":"HS256"}'), "malformed"),
    "another secret": (lambda: sign(claims(), OTHER_ACCESS), "bad_signature"),
    "an empty secret": (lambda: sign(claims(), ""), "bad_signature"),
    "a flipped signature": (flipped, "bad_signature"),
    "another payload": (other_payload, "bad_signature"),
    "an empty signature": (lambda: raw(HS, claims()), {"bad_signature", "malformed"}),
    "a truncated signature": (lambda: sign(claims(), ACCESS)[:-10], {"bad_signature", "malformed"}),
    "a longer signature": (lambda: sign(claims(), ACCESS) + "AAAA", {"bad_signature", "malformed"}),
    "a padded signature": (lambda: sign(claims(), ACCESS) + "=", "malformed"),
    "a non-canonical last character": (non_canonical_tail, {"malformed", "bad_signature"}),
    "an unknown critical header": (
        lambda: sign(claims(), ACCESS, header(crit=["exp2"], exp2=1)),
        "malformed",
    ),
    "b64 false": (lambda: sign(claims(), ACCESS, header(crit=["b64"], b64=False)), "malformed"),
    "five parts": (lambda: sign(claims(), ACCESS) + ".AAAA.AAAA", "malformed"),
    "four parts": (lambda: sign(claims(), ACCESS) + ".AAAA", "malformed"),
    "two parts": (lambda: ".".join(sign(claims(), ACCESS).split(".")[:2]), "malformed"),
    "one part": (lambda: "abcdef", "malformed"),
    "only dots": (lambda: "..", "malformed"),
    "a thousand dots": (lambda: "." * 1000, {"malformed", "too_large"}),
    "a payload that is no object": (lambda: sign(b"[1]", ACCESS), "malformed"),
    "a payload that is no JSON": (lambda: sign(b"{sub:1}", ACCESS), "malformed"),
    "an empty payload": (lambda: sign(b"", ACCESS), "malformed"),
    "bytes behind the payload": (
        lambda: sign(json.dumps(claims()).encode() + b"{}", ACCESS),
        "malformed",
    ),
    "sub twice": (
        lambda: sign(b'{"sub":"a","sub":"admin","exp":%d}' % (now() + 600), ACCESS),
        "malformed",
    ),
    "exp twice": (
        lambda: sign(b'{"sub":"a","exp":1,"exp":%d}' % (now() + 600), ACCESS),
        "malformed",
    ),
    "NUL in a claim": (lambda: sign(claims(sub="admin\0"), ACCESS), "malformed"),
    "invalid UTF-8": (
        lambda: sign(b'{"sub":"\xff\xfe","exp":%d}' % (now() + 600), ACCESS),
        "malformed",
    ),
    "a lone surrogate": (
        lambda: sign(b'{"sub":"\\ud800","exp":%d}' % (now() + 600), ACCESS),
        "malformed",
    ),
    "deep nesting": (
        lambda: sign(b'{"x":' + b"[" * 400 + b"]" * 400 + b',"exp":%d}' % (now() + 600), ACCESS),
        "malformed",
    ),
    "no exp": (lambda: sign(claims(exp=None), ACCESS), {"malformed", "missing_claim", "expired"}),
    "exp null": (lambda: sign(b'{"sub":"a","exp":null}', ACCESS), {"malformed", "expired"}),
    "exp a string": (lambda: sign(claims(exp=str(now() + 600)), ACCESS), "malformed"),
    "exp true": (lambda: sign(claims(exp=True), ACCESS), "malformed"),
    "exp infinite": (
        lambda: sign(b'{"sub":"a","exp":1e400}', ACCESS),
        {"malformed", "lifetime_exceeded"},
    ),
    "exp NaN": (lambda: sign(b'{"sub":"a","exp":NaN}', ACCESS), "malformed"),
    "exp negative": (lambda: sign(claims(exp=-1), ACCESS), {"malformed", "expired"}),
    "exp zero": (lambda: sign(claims(exp=0), ACCESS), "expired"),
    "exp past 64 bits": (
        lambda: sign(b'{"sub":"a","exp":99999999999999999999999}', ACCESS),
        {"malformed", "lifetime_exceeded"},
    ),
    "expired": (lambda: sign(claims(exp=now() - 1), ACCESS), "expired"),
    "expired long ago": (lambda: sign(claims(exp=now() - 10**8), ACCESS), "expired"),
    "a lifetime that is too long": (
        lambda: sign(claims(exp=now() + 3600), ACCESS),
        "lifetime_exceeded",
    ),
    "not yet valid": (lambda: sign(claims(nbf=now() + 300), ACCESS), "not_yet_valid"),
    "nbf a string": (lambda: sign(claims(nbf="0"), ACCESS), "malformed"),
    "iat a string": (lambda: sign(claims(iat="0"), ACCESS), "malformed"),
    "a refresh token": (lambda: sign(claims(), REFRESH), "wrong_token_type"),
    "an unknown kid": (
        lambda: sign(claims(), OTHER_ACCESS, header(kid="../../etc/passwd")),
        {"unknown_key", "bad_signature"},
    ),
    "20,000 characters": (lambda: sign(claims(pad="x" * 9000), ACCESS), {"too_large"}),
}


def test_no_attack_passes(start):
    """One gateway for the whole table: none of them may spoil it for the next, or for a good token."""
    edge, backend = start(DUAL + "limits { head 32k; }")
    good = sign(claims(), ACCESS)
    wanted = {}
    for number, (name, (make, reason)) in enumerate(ATTACKS.items()):
        token = tokens.remember(make())
        for target in (f"/required/{number}", f"/optional/{number}"):
            assert edge.get(target, token).status == 401, name
            wanted[target] = (name, reason if isinstance(reason, set) else {reason})
        if name != "a refresh token":
            assert edge.post("/any", token=token).status == 401, name
    assert backend.heads == []
    wait_until(
        lambda: wanted.keys() <= {line["path"] for line in edge.log_lines()},
        "an access line for every attack",
    )
    reasons = {line["path"]: line.get("reason") for line in edge.log_lines()}
    wrong = [
        (name, target, reasons[target])
        for target, (name, allowed) in wanted.items()
        if reasons[target] not in allowed
    ]
    assert not wrong
    assert edge.get("/good", good).status == 200


PASSING = {
    "the smallest": lambda: sign(claims(), ACCESS),
    "a kid that no key has a name for": lambda: sign(claims(), ACCESS, header(kid="k1")),
    "no typ": lambda: sign(claims(), ACCESS, {"alg": "HS256"}),
    "at+jwt": lambda: sign(claims(), ACCESS, header(typ="at+jwt")),
    "white space in the JSON": lambda: sign(
        b' { "sub" : "user-1" , "exp" : %d } ' % (now() + 600),
        ACCESS,
        b'{ "typ":"JWT", "alg" : "HS256" }',
    ),
    "escapes in the JSON": lambda: sign(
        b'{"s\\u0075b":"user-\\u0031","exp":%d}' % (now() + 600), ACCESS
    ),
    "exp with a fraction": lambda: sign(claims(exp=now() + 600.5), ACCESS),
    "nested claims": lambda: sign(claims(realm_access={"roles": [{"a": [1, 2]}]}), ACCESS),
    "a large payload": lambda: sign(claims(pad="x" * 3000), ACCESS),
}


@pytest.mark.parametrize("name", PASSING)
def test_unusual_but_good_tokens_pass(start, name):
    edge, backend = start(DUAL)
    assert edge.get("/", PASSING[name]()).status == 200
    assert lines_named(backend.head, "X-User-Id") == ["user-1"]


# The Authorization header

CREDENTIALS = [
    ("no header", [], 401, "missing"),
    ("another scheme", ["Basic dXNlcjpwYXNz"], 401, "missing"),
    ("an empty value", [""], 401, "missing"),
    ("only the scheme", ["Bearer"], 401, "malformed"),
    ("two words behind the scheme", ["Bearer {token} x"], 401, "malformed"),
    ("no scheme", ["{token}"], 401, {"missing", "malformed"}),
    ("a tab behind the scheme", ["Bearer\t{token}"], 401, {"missing", "malformed"}),
    ("two lines", ["Bearer {token}", "Bearer {token}"], 400, "ambiguous_credentials"),
    ("two lines, the second bad", ["Bearer {token}", "Bearer x.y.z"], 400, "ambiguous_credentials"),
    ("a comma list", ["Bearer {token}, Basic dXNlcjpwYXNz"], 400, "ambiguous_credentials"),
    ("Basic first in a list", ["Basic dXNlcjpwYXNz, Bearer {token}"], 400, "ambiguous_credentials"),
    ("lower-case scheme", ["bearer {token}"], 200, None),
    ("upper-case scheme", ["BEARER {token}"], 200, None),
]


@pytest.mark.parametrize(
    "name, values, status, reason", CREDENTIALS, ids=[c[0] for c in CREDENTIALS]
)
def test_how_the_authorization_header_is_read(start, name, values, status, reason):
    edge, backend = start(DUAL)
    token = sign(claims(), ACCESS)
    headers = [("Authorization", value.format(token=token)) for value in values]
    answer = edge.get("/required", headers=headers)
    assert answer.status == status
    if status != 200:
        reasons = reason if isinstance(reason, set) else {reason}
        assert edge.logged(path="/required")["reason"] in reasons
        assert backend.heads == []


def test_two_authorization_lines_are_400_on_every_route(start):
    edge, backend = start(DUAL)
    token = sign(claims(), ACCESS)
    for target in ("/required", "/optional", "/open"):
        answer = edge.get(target, headers=[tokens.bearer(token), ("authorization", "Basic eDp5")])
        assert answer.status == 400, target
        answer = edge.get(target, headers=[("Authorization", f"Bearer {token}, Basic eDp5")])
        assert answer.status == 400, target
    assert backend.heads == []


def test_optional_takes_none_or_a_good_one(start):
    edge, backend = start(DUAL)
    assert edge.get("/optional").status == 200
    assert lines_named(backend.heads[-1], "X-User-Id") == []
    assert edge.get("/optional", sign(claims(), ACCESS)).status == 200
    assert lines_named(backend.heads[-1], "X-User-Id") == ["user-1"]
    assert edge.get("/optional", sign(claims(), OTHER_ACCESS)).status == 401
    assert edge.get("/optional", "garbage").status == 401
    assert len(backend.heads) == 2


def test_none_neither_reads_nor_judges_a_token(start):
    edge, backend = start(DUAL)
    for token in ("garbage", sign(claims(exp=1), ACCESS), sign(claims(), ACCESS)):
        assert edge.get("/open", token).status == 200
        assert lines_named(backend.heads[-1], "X-User-Id") == []
        assert lines_named(backend.heads[-1], "Authorization") == [f"Bearer {token}"]


def test_the_same_token_twice_and_from_many_connections(start):
    """A remembered header segment or token must not change a verdict."""
    edge, _ = start(DUAL)
    good, bad = sign(claims(), ACCESS), sign(claims(), OTHER_ACCESS)
    with edge.connect() as client:
        for token, status in [
            (good, 200),
            (bad, 401),
            (good, 200),
            (bad, 401),
            (bad, 401),
            (good, 200),
        ]:
            assert client.request("GET", "/", [tokens.bearer(token)]).status == status


def test_issuer_and_audience(start):
    edge, _ = start(
        realm(
            "issuer https://id.example; audience shop;"
            "access { secret ${JWT_ACCESS_SECRET}; lifetime 15m; }"
        )
    )
    good = {"iss": "https://id.example", "aud": "shop"}
    assert edge.get("/", sign(claims(**good), ACCESS)).status == 200
    assert edge.get("/", sign(claims(**{**good, "aud": ["x", "shop"]}), ACCESS)).status == 200
    for path, more, reason in [
        ("/no-issuer", {"iss": None}, "wrong_issuer"),
        ("/other-issuer", {"iss": "https://id.example.evil"}, "wrong_issuer"),
        ("/issuer-part", {"iss": "https://id"}, "wrong_issuer"),
        ("/issuer-list", {"iss": ["https://id.example"]}, {"wrong_issuer", "malformed"}),
        ("/no-audience", {"aud": None}, "wrong_audience"),
        ("/other-audience", {"aud": "shopping"}, "wrong_audience"),
        ("/audience-part", {"aud": "sho"}, "wrong_audience"),
    ]:
        assert edge.get(path, sign(claims(**{**good, **more}), ACCESS)).status == 401, path
        reasons = reason if isinstance(reason, set) else {reason}
        assert edge.logged(path=path)["reason"] in reasons


def test_leeway_is_applied_to_exp_and_nbf(start):
    edge, _ = start(realm("leeway 120s; access { secret ${JWT_ACCESS_SECRET}; lifetime 15m; }"))
    assert edge.get("/", sign(claims(exp=now() - 30), ACCESS)).status == 200
    assert edge.get("/", sign(claims(exp=now() - 300), ACCESS)).status == 401
    assert edge.get("/", sign(claims(nbf=now() + 30), ACCESS)).status == 200
    assert edge.get("/", sign(claims(nbf=now() + 300), ACCESS)).status == 401


def test_a_refresh_token_in_the_body_where_the_preset_reads_it(start):
    edge, backend = start(
        realm(
            "preset nest-dual-secret; access { secret ${JWT_ACCESS_SECRET}; lifetime 15m; }"
            "refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d; }"
        )
    )
    token = sign(claims(), REFRESH)
    answer = edge.post("/refresh", {"refreshToken": token})
    assert answer.status == 200
    assert token.encode() in backend.peers[-1].received, "the held body is forwarded"
    form = f"refreshToken={token}".encode()
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    assert edge.post("/refresh", form, headers=headers).status == 200
    asked = len(backend.heads)
    for body in ({}, {"refreshToken": sign(claims(), ACCESS)}, {"refreshToken": 5}, [token]):
        assert edge.post("/refresh", body).status in (400, 401), body
    twice = b'{"refreshToken":"%s","refreshToken":"x"}' % token.encode()
    headers = [("Content-Type", "application/json")]
    assert edge.post("/refresh", twice, headers=headers).status in (400, 401)
    assert len(backend.heads) == asked


def test_tokens_in_places_that_the_route_does_not_read_do_not_reach_the_backend(start):
    """The usual cookies and the query `jwt` would be read by a backend behind us, unverified."""
    edge, backend = start(DUAL)
    good, evil = sign(claims(), ACCESS), sign(claims(sub="admin"), OTHER_ACCESS)
    cookie = ("Cookie", f"theme=dark; access_token_cookie={good}")
    answer = edge.get(f"/cookie?x=1&jwt={good}", good, headers=[cookie])
    assert answer.status == 200
    head = backend.heads[-1]
    assert b"access_token_cookie" not in head and b"jwt=" not in head
    assert b"theme=dark" in head and b"x=1" in head
    for path, headers in [
        ("/a", [("Cookie", f"access_token_cookie={evil}")]),
        (f"/b?jwt={evil}", []),
    ]:
        answer = edge.get(path, good, headers=headers)
        assert answer.status == 400, path
        assert edge.logged(path=path.split("?")[0])["reason"] == "ambiguous_credentials"
