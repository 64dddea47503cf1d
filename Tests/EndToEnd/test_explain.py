"""`gateway explain` tells the chain of one request as the running gateway decides it, and no token."""

import re

import pytest

from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config
from support.tokens import claims, now, sign

ENVIRONMENT = {**config.environment(ACCESS, REFRESH), "OTHER": OTHER_ACCESS}
RULES = """
realm main {
    preset  flask-jwt-extended;
    require claim tenant acme;
    access  { secret ${JWT_ACCESS_SECRET};  lifetime 15m;
              token header Authorization Bearer; token cookie session csrf off; }
    refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d; require none; }
}
realm other { access { secret ${OTHER}; } }
cors { origins http://shop.example; }
limit few { key client_ip; rate 100/s; burst 100; }
"""


@pytest.fixture
def edge(gateway, recorder):
    backend = recorder()
    return gateway(
        f"""{config.top()}{RULES}{config.IDENTITY}
        upstream backend {{ server {backend.address}; }}
        group /shop {{ upstream backend; realm main; limit few;
            route /        {{ }}
            route /orders  {{ require scope orders:write; require role admin; }}
            route /renew   {{ auth refresh; respond 204; }}
            route /open    {{ auth none; respond 204; }}
            route /inside  {{ deny all; }}
            route /both    {{ realm main other; respond 204; }}
        }}
        """,
        ENVIRONMENT,
    )


MINE = {"tenant": "acme"}
FULL = {**MINE, "scope": "orders:write", "role": "admin"}
CASES = [
    ("good", "/shop/x", ACCESS, MINE, ["signature: good, key HS256", "require claim tenant acme (realm main): met"]),
    ("none", "/shop/x", None, {}, ["token: none found"]),
    ("expired", "/shop/x", ACCESS, {**MINE, "exp": now() - 50}, ["token: expired, by realm main", "-> "]),
    ("realm's claim", "/shop/x", ACCESS, {}, ["require claim tenant acme (realm main): not met, missing_claim"]),
    ("refresh", "/shop/x", REFRESH, {}, ["it is a refresh token, and an access token is asked for"]),
    ("renew", "/shop/renew", REFRESH, {}, ["a verified refresh token of realm main", "lifetime: within 604800 s"]),
    ("foreign", "/shop/x", OTHER_ACCESS, MINE, ["it was signed with realm other's access secret"]),
    ("newline", "/shop/x", ACCESS + "\n", MINE, ["with a newline behind it"]),
    ("scope", "/shop/orders", ACCESS, {**FULL, "scope": "x"},
     ["require scope orders:write (route): not met, insufficient_scope", "require role admin (route): met"]),
    ("all", "/shop/orders", ACCESS, FULL, ["require role admin (route): met"]),
    ("open", "/shop/open", ACCESS, MINE, ["token: neither read nor judged"]),
    ("address", "/shop/inside", ACCESS, MINE, ["address: not admitted by deny all"]),
    ("two realms", "/shop/both", OTHER_ACCESS, {}, ["a verified access token of realm other"]),
    ("nowhere", "/elsewhere", ACCESS, MINE, ["route     none"]),
]  # fmt: skip


@pytest.mark.parametrize("name, path, secret, said, words", CASES, ids=[c[0] for c in CASES])
def test_it_tells_what_the_gateway_does(edge, name, path, secret, said, words):
    token = secret and sign(claims(**said), secret)
    given = ["--token-file", "-"] if token else []
    done = edge.command("explain", "GET", path, *given, input=token or "")
    assert done.returncode == 0, done.stderr
    for word in words:
        assert word in done.stdout, done.stdout
    assert not token or token not in done.stdout
    answer = edge.get(path, token)
    verdict = re.search(r"^verdict +(.*)$", done.stdout, re.M)[1]
    if refused := re.match(r"refused with (\d+): (\w+)", verdict):
        assert answer.status == int(refused[1]), verdict
        edge.logged(reason=refused[2])
    else:
        assert answer.status in (200, 204), (answer, verdict)


def test_it_tells_places_origin_and_what_is_held_back(edge):
    token = sign(claims(**MINE), ACCESS)
    told = edge.command(
        *["explain", "GET", f"/shop/x?jwt={token}", "--header", f"Cookie: session={token}; a=b"],
        *["--origin", "http://shop.example", "--host", "shop.example", "--client", "192.0.2.1"],
    ).stdout
    assert "request   GET /shop/x?jwt=(token) at shop.example" in told
    assert "from      192.0.2.1," in told
    assert "cors: the origin is allowed" in told
    assert "token: looked for in header authorization: bearer, cookie session" in told
    assert "token: found in header Cookie" in told
    assert "token: not forwarded: query jwt" in told
    assert "X-User-Id: user-1" in told
    assert token not in told
    told = edge.command("explain", "GET", "/shop/x", "--origin", "http://evil.example").stdout
    assert "cors: the origin is not allowed" in told


def test_a_token_is_read_from_a_file(edge, tmp_path):
    (tmp_path / "token").write_text("Bearer " + sign(claims(**MINE), ACCESS) + "\r\n")
    done = edge.command("explain", "GET", "/shop/x", "--token-file", tmp_path / "token")
    assert "forwarded to upstream backend" in done.stdout
    done = edge.command("explain", "GET", "/shop/x", "--token-file", "nowhere")
    assert done.returncode == 1 and "nowhere" in done.stderr


@pytest.mark.parametrize(
    "more",
    [["--token", "a", "--token-file", "b"], ["--client", "::1", "--from", "::1"], ["--client", "x"]],
    ids=" ".join,
)
def test_contradictions_are_usage(edge, more):
    assert edge.command("explain", "GET", "/shop/x", *more).returncode == 2
