"""Places of tokens against real libraries and at their limits: Flask-JWT-Extended's own cookies, queries
that must stay out of everything that is written, bodies up to 16 KiB, and tokens in two places."""

import itertools
import json

import pytest

from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config
from support.processes import wait_until
from support.tokens import bearer, claims, now, remember, sensitive, sign

ENVIRONMENT = config.environment(ACCESS, REFRESH)
BODY_BYTES_MAXIMUM = 16 << 10


# Flask-JWT-Extended's cookies


class Browser:
    """Keeps cookies as they are set, and sends them all."""

    def __init__(self, edge):
        self.edge, self.cookies = edge, {}

    def ask(self, method, path, proof=None, body=b""):
        headers = [("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))]
        if proof:
            headers.append(("X-CSRF-TOKEN", proof))
        answer = self.edge.request(method, path, headers, None if method == "GET" else body)
        for value in answer.all("Set-Cookie"):
            name, _, value = value.split(";")[0].partition("=")
            self.cookies[name] = value
            if value.count(".") == 2:
                remember(value)
        return answer


@pytest.fixture
def library(gateway, cookies_flask):
    """A gateway before the library, with the library's cookies as the realm's places."""
    return gateway(
        f"""{config.top()}
        realm main {{
            preset flask-jwt-extended;
            access  {{ secret ${{JWT_ACCESS_SECRET}}; lifetime 15m; token cookie access_token_cookie; }}
            refresh {{ lifetime 30d; token cookie refresh_token_cookie; }}
        }}
        {config.IDENTITY}{config.BLOCKLIST}
        upstream flask {{ server {cookies_flask.address}; app_server gunicorn; framework werkzeug; }}
        group / {{
            upstream flask;
            route POST /login   {{ auth none; }}
            route GET  /asked   {{ auth none; }}
            route POST /refresh {{ auth refresh; }}
            route POST /logout  {{ auth any; on_success revoke; }}
            route /             {{ }}
        }}
        """,
        ENVIRONMENT,
    )


def test_the_librarys_cookies_pass_with_its_double_submit(library):
    browser, other = Browser(library), Browser(library)
    assert browser.ask("GET", "/me").status == 401
    assert browser.ask("POST", "/login/ada").status == 200
    assert other.ask("POST", "/login/eve").status == 200
    assert set(browser.cookies) == {
        "access_token_cookie", "csrf_access_token", "refresh_token_cookie", "csrf_refresh_token",
    }  # fmt: skip
    assert browser.ask("GET", "/me").json() == {"id": "ada", "edge": "ada"}
    mine, refreshing = browser.cookies["csrf_access_token"], browser.cookies["csrf_refresh_token"]
    theirs = other.cookies["csrf_access_token"]
    before = len(library.get("/asked").json())
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for wrong in (None, theirs, refreshing, mine + "0"):
            assert browser.ask(method, "/me", wrong).status == 403, (method, wrong)
        assert browser.ask(method, "/me", mine).status == 200, method
    # Only what was good reached the library.
    assert len(library.get("/asked").json()) == before + 1 + 4
    for wrong in (None, mine):
        assert browser.ask("POST", "/refresh", wrong).status == 403
    old = dict(browser.cookies)
    assert browser.ask("POST", "/refresh", refreshing).status == 200
    assert browser.cookies["access_token_cookie"] != old["access_token_cookie"]
    # The new cookie has a proof of its own.
    assert browser.ask("POST", "/me", mine).status == 403
    assert browser.ask("POST", "/me", browser.cookies["csrf_access_token"]).status == 200


def test_a_logout_by_cookies_revokes_both_of_them(library):
    browser = Browser(library)
    assert browser.ask("POST", "/login/ada").status == 200
    kept = dict(browser.cookies)
    assert browser.ask("POST", "/logout", kept["csrf_access_token"]).status == 200
    assert browser.cookies["access_token_cookie"] == ""
    browser.cookies = kept
    assert browser.ask("GET", "/me").status == 401
    assert library.logged(path="/me")["reason"] == "revoked"
    assert browser.ask("POST", "/refresh", kept["csrf_refresh_token"]).status == 401
    assert library.logged(path="/refresh")["reason"] == "revoked"


# Queries


def test_a_query_token_is_in_nothing_that_is_written(gateway, recorder):
    """Answers of every kind on a route that reads queries, an observed one, public ones and none at
    all. The fixture searches every file that the gateway wrote, standard error too."""
    backend = recorder()
    edge = gateway(
        f"""{config.top()}
        realm main {{
            access {{ secret ${{JWT_ACCESS_SECRET}}; lifetime 15m; token query jwt;
                      token query my_token; token header Authorization Bearer; }}
        }}
        {config.IDENTITY}{config.BLOCKLIST}
        upstream backend {{ server {backend.address}; errors problem; }}
        upstream gone {{ server 127.0.0.1:9; errors problem; }}
        group / {{
            upstream backend;
            route GET /public   {{ auth none; }}
            route /watched      {{ mode observe; require scope none-has-it; }}
            route /gone         {{ upstream gone; }}
            route /scoped       {{ require scope none-has-it; }}
            route POST /posted  {{ }}
            route /redirected   {{ auth none; redirect 302 /elsewhere; }}
            route /said         {{ respond 200 hello; }}
            route /             {{ }}
        }}
        """,
        ENVIRONMENT,
    )
    good = sign(claims(), ACCESS)
    tokens = {
        "good": good, "expired": sign(claims(exp=now() - 60), ACCESS),
        "forged": sign(claims(), OTHER_ACCESS), "no token": sensitive("qK7zN2vX9wB4mT6rY1pL"),
        "revoked": sign(claims(jti="gone"), ACCESS),
    }  # fmt: skip
    assert edge.command("revoke", "--jti", "gone").returncode == 0
    paths = ["/a", "/public", "/watched", "/gone", "/scoped", "/posted", "/redirected", "/said",
             "/%2e%2e/a", "/a;b", "/a%zz", "//a"]  # fmt: skip
    seen = set()
    for (name, token), path, place in itertools.product(
        tokens.items(), paths, ("jwt={}", "my_token={}", "a=1&jwt={}&b=2", "%6Awt={}", "jwt={}#x")
    ):
        target = f"{path}?{place.format(token)}"
        # A browser says where it was, too.
        answer = edge.get(target, headers=[("Referer", f"http://gateway.test{target}")])
        seen.add(answer.status)
        for field in [*answer.headers, ("", answer.body.decode("latin-1"))]:
            assert token not in field[1], (name, target, field)
        if answer.status == 200 and path == "/a":
            line = backend.heads[-1].split(b"\r\n")[0]
            assert token.encode() not in line, line
    assert seen >= {200, 302, 400, 401, 403, 502}, seen
    for path in ("/watched", "/gone"):
        edge.logged(path=path)
    assert "scoped" in json.dumps(edge.log_lines())


# Bodies


@pytest.fixture
def bodied(gateway, recorder):
    backend = recorder()
    edge = gateway(
        f"""{config.top()}
        realm main {{
            preset nest-dual-secret;
            access  {{ secret ${{JWT_ACCESS_SECRET}};  lifetime 15m; }}
            refresh {{ secret ${{JWT_REFRESH_SECRET}}; lifetime 7d;
                       token body refreshToken; token header Authorization Bearer; }}
        }}
        {config.IDENTITY}{config.BLOCKLIST}
        upstream backend {{ server {backend.address}; errors problem; }}
        group / {{
            upstream backend;
            route POST /refresh {{ auth refresh; }}
            route POST /any     {{ auth any; }}
            route POST /logout  {{ auth any; on_success revoke; }}
            route /             {{ }}
        }}
        """,
        ENVIRONMENT,
    )
    return edge, backend


def json_body(token: str, size: int) -> bytes:
    text = json.dumps({"refreshToken": token, "pad": ""}, separators=(",", ":"))
    return text.replace('"pad":""', f'"pad":"{"p" * (size - len(text))}"').encode()


def form_body(token: str, size: int) -> bytes:
    text = f"refreshToken={token}&pad="
    return (text + "p" * (size - len(text))).encode()


KINDS = {"application/json": json_body, "application/x-www-form-urlencoded": form_body}


@pytest.mark.parametrize("path", ["/refresh", "/any", "/logout"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_body_is_read_up_to_its_limit(bodied, kind, path):
    edge, backend = bodied
    for step, (size, status) in enumerate([
        (BODY_BYTES_MAXIMUM - 1, 200), (BODY_BYTES_MAXIMUM, 200), (BODY_BYTES_MAXIMUM + 1, 413),
    ]):  # fmt: skip
        for chunked in (False, True):
            token = sign(claims(sub="ada", jti=f"{step}-{chunked}"), REFRESH)
            body = KINDS[kind](token, size)
            assert len(body) == size
            headers = [("Content-Type", kind)]
            if chunked:
                headers.append(("Transfer-Encoding", "chunked"))
                half = size // 2
                sent = b"".join(
                    b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:]))
                with edge.connect() as connection:
                    fields = "".join(f"{name}: {value}\r\n" for name, value in headers)
                    head = f"POST {path} HTTP/1.1\r\nHost: gateway.test\r\n{fields}\r\n"
                    connection.send(head.encode() + sent + b"0\r\n\r\n")
                    answer = connection.read_response("POST")
            else:
                answer = edge.request("POST", path, headers, body)
            assert answer.status == status, (kind, path, size, chunked, answer)
            if status == 200:
                assert b"X-User-Id: ada" in backend.heads[-1]
                wait_until(lambda: body[-64:] in backend.peers[-1].received, "the whole body")


def test_only_some_routes_read_bodies(bodied):
    edge, backend = bodied
    refresh = sign(claims(), REFRESH)
    for kind, make in KINDS.items():
        headers = [("Content-Type", kind)]
        assert edge.request("POST", "/else", headers, make(refresh, 2000)).status == 401
        # With a good access token the body is the backend's business, whatever its size.
        access = bearer(sign(claims(), ACCESS))
        assert edge.request("POST", "/else", [*headers, access], make(refresh, 70000)).status == 200


# Two places

MINE, SAME_PERSON, OTHERS, FORGED = "mine", "mine again", "another's", "forged"


def variants() -> dict:
    return {
        MINE: sign(claims(sub="ada", jti="1"), ACCESS),
        SAME_PERSON: sign(claims(sub="ada", jti="2"), ACCESS),
        OTHERS: sign(claims(sub="eve"), ACCESS),
        FORGED: sign(claims(sub="ada", jti="1"), OTHER_ACCESS),
    }


PLACES = {
    "header": lambda token: ([bearer(token)], ""),
    "own header": lambda token: ([("X-Token", token)], ""),
    "cookie": lambda token: ([("Cookie", f"session={token}")], ""),
    "query": lambda token: ([], f"?jwt={token}"),
    "usual cookie": lambda token: ([("Cookie", f"access_token_cookie={token}")], ""),
    "usual query": lambda token: ([], f"?access_token={token}"),
}
READ = {"header", "own header", "cookie", "query"}


PAIRS = [
    pair for pair in itertools.combinations(PLACES, 2)
    if set(pair) not in ({"cookie", "usual cookie"}, {"query", "usual query"})
]  # fmt: skip


@pytest.mark.parametrize("one, two", PAIRS)
def test_two_places_must_hold_the_same_token(gateway, recorder, one, two):
    """kong#9922: the edge checks one token and the backend reads another."""
    backend = recorder()
    edge = gateway(
        f"""{config.top()}
        realm main {{
            access {{
                secret ${{JWT_ACCESS_SECRET}}; lifetime 15m;
                token header Authorization Bearer; token header X-Token;
                token cookie session csrf off; token query jwt;
            }}
        }}
        {config.IDENTITY}
        upstream backend {{ server {backend.address}; errors problem; }}
        route / {{ upstream backend; }}
        route /public {{ upstream backend; auth none; }}
        route /optional {{ upstream backend; auth optional; }}
        """,
        ENVIRONMENT,
    )
    tokens = variants()
    for first, second in itertools.product(tokens, repeat=2):
        left, query_left = PLACES[one](tokens[first])
        right, query_right = PLACES[two](tokens[second])
        query = query_left or query_right
        if query_left and query_right:
            query = query_left + "&" + query_right[1:]
        before = len(backend.heads)
        for path in ("/", "/optional"):
            status = edge.get(path + query, headers=left + right).status
            if first != second:
                # Tokens in two places that differ are nobody's choice, as long as one of the two
                # places is read; where neither is, there is no token, and both are dropped.
                wanted = 400 if {one, two} & READ else (401 if path == "/" else 200)
            elif {one, two} & READ:
                wanted = 401 if first == FORGED else 200
            else:
                wanted = 401 if path == "/" else 200
            assert status == wanted, (path, one, first, two, second)
        for head in backend.heads[before:]:
            text = head.decode("latin-1")
            unread = [tokens[which] for place, which in ((one, first), (two, second))
                      if place not in READ and {one, two} & READ == set()]  # fmt: skip
            assert all(token not in text for token in unread), text
        # `auth none` neither reads nor judges, so that nothing of a request is ours to take away.
        assert edge.get("/public" + query, headers=left + right).status == 200
        last = backend.heads[-1].decode("latin-1")
        assert tokens[first] in last and tokens[second] in last
