"""Where tokens are looked for: what the backend gets of them, and that no log shows them."""

from datetime import timedelta

import pytest
from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token, get_csrf_token

from conftest import ACCESS, REFRESH
from support import config
from support.tokens import bearer, claims, remember, sign

PLACES = """
realm main {
    access  { secret ${JWT_ACCESS_SECRET};  lifetime 15m; %s }
    refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d; token body refresh; }
}
"""


@pytest.fixture
def edge(gateway, recorder):
    """A gateway whose access tokens are in these places, and the recorder behind it."""

    def make(places: str):
        backend = recorder()
        text = config.guarded(backend.address).replace(config.REALM, PLACES % places)
        return gateway(text, config.environment(ACCESS, REFRESH)), backend

    return make


def target(backend) -> str:
    return backend.heads[-1].decode("latin-1").split(" ")[1]


@pytest.mark.parametrize(
    "query, left",
    [("jwt={}", ""), ("a=1&jwt={}&b=2", "?a=1&b=2"), ("jwt={}&jwt={}", ""), ("%6Awt={}", "")],
)
def test_a_query_token_is_taken_and_cut(edge, query, left):
    front, backend = edge("token query jwt; token header Authorization Bearer;")
    token = sign(claims(), ACCESS)
    answer = front.get("/x?" + query.replace("{}", token))
    assert answer.status == 200, answer
    assert target(backend) == "/x" + left
    assert token.encode() not in backend.heads[-1]
    assert b"X-User-Id: user-1" in backend.heads[-1]


def test_a_bad_query_token_is_refused(edge):
    front, _ = edge("token query jwt;")
    good, other = sign(claims(), ACCESS), sign(claims(sub="u2"), ACCESS)
    assert front.get("/x?jwt=" + sign(claims(), REFRESH)).status == 401
    assert front.get("/x?jwt=").status == 401
    assert front.get(f"/x?jwt={good}&jwt={other}").status == 400
    assert front.get(f"/x?jwt={good}", headers=[bearer(other)]).status == 400
    assert front.get("/x", good).status == 401  # the header is no place of this realm
    assert front.get("/x?jwt=" + good.replace(".", "%2E")).status == 401


@pytest.mark.parametrize(
    "place, field",
    [
        ("header X-Token", ("X-Token", "{}")),
        ("header Authorization JWT", ("Authorization", "JWT {}")),
        ("header Authorization Token", ("authorization", "token {}")),
    ],
)
def test_header_and_scheme_are_the_realms(edge, place, field):
    front, backend = edge(f"token {place};")
    token = sign(claims(), ACCESS)
    name, value = field
    assert front.get("/x", headers=[(name, value.replace("{}", token))]).status == 200
    assert front.get("/x", token).status == 401
    assert front.get("/x").status == 401


def library_pair() -> tuple:
    """A token with its `csrf` claim as Flask-JWT-Extended makes it for cookies, and the claim."""
    app = Flask("maker")
    app.config.update(
        JWT_SECRET_KEY=ACCESS,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=10),
        JWT_TOKEN_LOCATION=["cookies"],
    )
    JWTManager(app)
    with app.app_context():
        token = remember(create_access_token("user-1"))
        return token, get_csrf_token(token)


METHODS = ["POST", "PUT", "PATCH", "DELETE", "PURGE"]


@pytest.mark.parametrize("method", METHODS)
def test_a_cookie_needs_the_double_submit(edge, method):
    front, backend = edge("token cookie access_token_cookie; token header Authorization Bearer;")
    token, proof = library_pair()
    cookie = ("Cookie", f"a=1; access_token_cookie={token}; csrf_access_token={proof}")

    def status(*more):
        return front.request(method, "/x", [cookie, *more], b"").status

    assert status(("X-CSRF-TOKEN", proof)) == 200
    assert f"access_token_cookie={token}".encode() in backend.heads[-1]
    assert status(("x-csrf-token", proof)) == 200
    count = len(backend.heads)
    assert status() == 403
    front.logged(reason="csrf_refused")
    for wrong in ("", "x", proof[:-1], proof + "0", proof[:-1] + "!", proof.upper() + "x"):
        assert status(("X-CSRF-TOKEN", wrong)) == 403, wrong
    assert status(("X-CSRF-TOKEN", proof), ("X-CSRF-TOKEN", proof)) == 403
    assert status(("X_CSRF_TOKEN", proof)) == 403
    assert len(backend.heads) == count
    # In a header too: no page of another site can put it there.
    assert status(bearer(token)) == 200


def test_reading_needs_no_proof_and_no_proof_saves_a_bad_token(edge):
    front, _ = edge("token cookie access_token_cookie;")
    token, proof = library_pair()
    cookie = ("Cookie", f"access_token_cookie={token}")
    assert front.get("/x", headers=[cookie]).status == 200
    assert front.get("/x", headers=[("Cookie", f"access_token_cookie={token}x")]).status == 401
    bad = [("Cookie", f"access_token_cookie={token}x"), ("X-CSRF-TOKEN", proof)]
    assert front.request("POST", "/x", bad, b"").status == 401


def test_a_token_without_the_claim_proves_nothing(edge):
    front, _ = edge("token cookie session;")
    for said in ({}, {"csrf": ""}, {"csrf": None}, {"csrf": 1}, {"csrf": ["x"]}):
        cookie = ("Cookie", "session=" + sign(claims(**said), ACCESS))
        for proof in ("", "1", "x", "null"):
            headers = [cookie, ("X-CSRF-TOKEN", proof)]
            assert front.request("POST", "/x", headers, b"").status == 403, (said, proof)


def test_the_header_is_the_realms_and_can_be_off(edge):
    token, proof = library_pair()
    cookie = ("Cookie", f"session={token}")
    front, _ = edge("token cookie session csrf X-XSRF-TOKEN;")
    assert front.request("POST", "/x", [cookie, ("X-XSRF-Token", proof)], b"").status == 200
    assert front.request("POST", "/x", [cookie, ("X-CSRF-Token", proof)], b"").status == 403
    front, _ = edge("token cookie session csrf off;")
    assert front.request("POST", "/x", [cookie], b"").status == 200
