"""Route rules on claims: what `require` lets through to a real backend, and what the others are told."""

from datetime import timedelta

import pytest
from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token

from conftest import ACCESS, REFRESH
from support import config
from support.tokens import claims, now, remember, sign

ENVIRONMENT = config.environment(ACCESS, REFRESH)
RULES = """
    upstream flask; strip_prefix on; require scope orders:read orders:write;
    route /                { }
    route /echo       { require claim tenant acme globex; require role admin; }
    route /me         { require none; require fresh; }
    route /status     { require none; require all role editor author; }
    route GET  /health     { auth none; require none; }
    route /debug      { require none; auth optional; require claim realm_access.roles auditor; }
"""


@pytest.fixture
def edge(gateway, flask):
    return gateway(
        f"""{config.top()}{config.REALM}{config.IDENTITY}{config.BLOCKLIST}
        upstream flask {{ server {flask.address}; app_server gunicorn; framework werkzeug; }}
        group /shop {{ {RULES} }}
        """,
        ENVIRONMENT,
    )


def library_token(**options) -> str:
    """A token as Flask-JWT-Extended itself makes it."""
    app = Flask("maker")
    app.config.update(JWT_SECRET_KEY=ACCESS, JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=10))
    JWTManager(app)
    with app.app_context():
        return remember(create_access_token("user-1", **options))


MINE = {"scope": "orders:write", "tenant": "acme", "role": "admin"}
WRONG = "insufficient_scope"
GONE = "missing_claim"
CASES = [
    ("scope string", "GET", "/public/headers", {"scope": "x orders:read"}, 200, None),
    ("scp array", "GET", "/public/headers", {"scp": ["x", "orders:write"]}, 200, None),
    ("no scope", "GET", "/public/headers", {}, 403, GONE),
    ("a longer scope", "GET", "/public/headers", {"scope": "orders:reader"}, 403, WRONG),
    ("a shorter scope", "GET", "/public/headers", {"scope": "orders"}, 403, WRONG),
    ("two in one element", "GET", "/public/headers", {"scp": ["x orders:read"]}, 403, WRONG),
    ("all lines", "POST", "/echo", MINE, 200, None),
    ("the other tenant", "POST", "/echo", {**MINE, "tenant": "globex"}, 200, None),
    ("no tenant", "POST", "/echo", {**MINE, "tenant": None}, 403, GONE),
    ("a stranger's tenant", "POST", "/echo", {**MINE, "tenant": "acme2"}, 403, WRONG),
    ("roles", "POST", "/echo", {**MINE, "role": None, "roles": ["admin"]}, 200, None),
    ("another role", "POST", "/echo", {**MINE, "role": "administrator"}, 403, WRONG),
    ("the group's scope missing", "POST", "/echo", {**MINE, "scope": "x"}, 403, WRONG),
    ("each of the roles", "GET", "/status/200", {"role": ["author", "editor"]}, 200, None),
    ("one of the roles", "GET", "/status/200", {"role": "editor"}, 403, WRONG),
    ("fresh", "GET", "/me", {"fresh": True}, 200, None),
    ("not fresh", "GET", "/me", {"fresh": False}, 403, WRONG),
    ("fresh for a while", "GET", "/me", {"fresh": now() + 900}, 200, None),
    ("fresh no longer", "GET", "/me", {"fresh": now() - 1}, 403, WRONG),
    ("nothing about fresh", "GET", "/me", {}, 403, GONE),
    ("nested", "GET", "/debug/headers", {"realm_access": {"roles": ["auditor"]}}, 200, None),
    ("nested, another", "GET", "/debug/headers", {"realm_access": {"roles": ["x"]}}, 403, WRONG),
]


@pytest.mark.parametrize("name, method, path, said, status, reason", CASES, ids=[c[0] for c in CASES])
def test_a_token_passes_by_its_claims(edge, name, method, path, said, status, reason):
    token = sign(claims(**said), ACCESS)
    with edge.connect() as client:
        headers = [("Authorization", f"Bearer {token}")]
        answer = client.request(method, f"/shop{path}", headers, b"" if method == "POST" else None)
    assert answer.status == status, answer
    if reason:
        challenge = answer.one("WWW-Authenticate")
        assert 'error="insufficient_scope"' in challenge
        assert f'reason="{reason}"' in challenge
        wants_scope = path in ("/public/headers", "/echo")
        assert ('scope="orders:read orders:write"' in challenge) == wants_scope
        edge.logged(reason=reason)


@pytest.mark.parametrize("fresh, status", [(True, 200), (False, 403), (timedelta(minutes=5), 200),
                                           (timedelta(minutes=-5), 403)])
def test_fresh_is_what_flask_jwt_extended_says(edge, fresh, status):
    answer = edge.get("/shop/me", library_token(fresh=fresh))
    assert answer.status == status, answer


def test_nobody_meets_a_requirement(edge):
    assert edge.get("/shop/debug/headers").status == 401
    assert edge.get("/shop/health").status == 200


def test_routes_and_explain_tell_the_rules(edge):
    table = edge.command("routes").stdout
    assert "scope orders:read orders:write; claim tenant acme globex; role admin" in table
    told = edge.command("explain", "GET", "/shop/me").stdout
    assert "claims: not asked, required are fresh" in told


REALM_RULES = """
realm main {
    require claim tenant acme;
    access  { secret ${JWT_ACCESS_SECRET};  lifetime 15m; require scope shop; }
    refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d;  require claim device; }
}
"""


@pytest.fixture
def strict(gateway, flask):
    """A realm that asks for claims of its own, and a route that asks for more."""
    return gateway(
        f"""{config.top()}{REALM_RULES}{config.IDENTITY}{config.BLOCKLIST}
        upstream flask {{ server {flask.address}; app_server gunicorn; framework werkzeug; }}
        group /shop {{ upstream flask; strip_prefix on;
            route /         {{ }}
            route /debug    {{ require role admin; }}
            route /optional {{ auth optional; respond 204; }}
            route /renew    {{ auth refresh; respond 204; }}
            route /either   {{ auth any; respond 204; }}
        }}
        """,
        ENVIRONMENT,
    )


ACCEPTED = {"tenant": "acme", "scope": "shop"}


@pytest.mark.parametrize(
    "name, path, secret, said, status, reason",
    [
        ("all of it", "/public/headers", ACCESS, ACCEPTED, 200, None),
        ("no tenant", "/public/headers", ACCESS, {"scope": "shop"}, 403, GONE),
        ("another tenant", "/public/headers", ACCESS, {**ACCEPTED, "tenant": "x"}, 403, WRONG),
        ("no scope", "/public/headers", ACCESS, {"tenant": "acme"}, 403, GONE),
        ("another scope", "/public/headers", ACCESS, {**ACCEPTED, "scope": "shopper"}, 403, WRONG),
        ("the route's on top", "/debug/headers", ACCESS, ACCEPTED, 403, GONE),
        ("both", "/debug/headers", ACCESS, {**ACCEPTED, "role": "admin"}, 200, None),
        ("optional too", "/optional", ACCESS, {}, 403, GONE),
        ("refresh", "/renew", REFRESH, {"tenant": "acme", "device": "1"}, 204, None),
        ("refresh without device", "/renew", REFRESH, {"tenant": "acme"}, 403, GONE),
        ("refresh of no tenant", "/renew", REFRESH, {"device": "1"}, 403, GONE),
        ("any, by its class", "/either", REFRESH, {"tenant": "acme", "device": 1}, 204, None),
        ("any, by its class too", "/either", ACCESS, {"tenant": "acme"}, 403, GONE),
        ("expired before claims", "/public/headers", ACCESS, {"exp": 1}, 401, "expired"),
    ],
)
def test_a_realm_asks_for_claims_of_its_own(strict, name, path, secret, said, status, reason):
    answer = strict.get(f"/shop{path}", sign(claims(**said), secret))
    assert answer.status == status, answer
    if reason:
        strict.logged(reason=reason)
    if reason in (GONE, WRONG) and secret == ACCESS and path == "/public/headers":
        assert 'scope="shop"' in answer.one("WWW-Authenticate")


def test_nobody_is_asked_for_claims(strict):
    assert strict.get("/shop/optional").status == 204


def test_a_token_that_lacks_a_claim_can_be_revoked(strict):
    token = sign(claims(jti="lacking"), ACCESS)
    assert strict.get("/shop/public/headers", token).status == 403
    done = strict.command("revoke", "--token", "-", input=token)
    assert done.returncode == 0, done.stderr
    assert strict.get("/shop/public/headers", token).status == 401
    strict.logged(reason="revoked")


def test_the_tools_agree_about_the_realms_claims(strict):
    token = sign(claims(scope="shop"), ACCESS)
    verified = strict.command("token verify", "-", input=token)
    assert verified.returncode == 1 and verified.stdout.startswith("refused: missing_claim")
    listed = strict.command("routes").stdout
    assert "realm main requires of every access token: claim tenant acme; scope shop" in listed
    assert "realm main requires of every refresh token: claim tenant acme; claim device" in listed
    told = strict.command("token why", "-", input=token)
    assert told.returncode == 1
    assert "it lacks what realm main requires: claim tenant acme" in told.stdout
