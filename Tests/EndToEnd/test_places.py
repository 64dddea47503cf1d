"""Where tokens are looked for: what the backend gets of them, and that no log shows them."""

import pytest

from conftest import ACCESS, REFRESH
from support import config
from support.tokens import bearer, claims, sign

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
