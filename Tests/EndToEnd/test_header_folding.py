"""Forged names before a real gunicorn, which folds `-`, `_` and case into one WSGI name.

With its default header map gunicorn drops names with `_`; with `--header-map dangerous` it takes
them. Neither may make a difference: what Flask reads is the gateway's word, on every kind of route.
"""

import itertools

import pytest
from conftest import ACCESS, REFRESH
from smuggling_requests import REQUESTS
from support import config
from support.gateway import Gateway
from support.processes import Backend, flask_command
from support.tokens import bearer, claims, sign
from support.wire import render

SEPARATORS = "-_.~"
RARE = "!#$%&'*+^`|"
"""The other bytes of a name that are neither letter nor digit: no server folds them today."""

IDENTITY = ["X-User-Id", "X-User-Email"]
FORWARDED = [
    "Forwarded",
    "X-Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "X-Forwarded-Protocol",
    "X-Forwarded-Ssl",
    "X-Forwarded-Scheme",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Access-Token",
    "X-Forwarded-Client-Cert",
    "X-Real-IP",
    "X-Original-URL",
    "X-Rewrite-URL",
]
OF_CGI = [
    "Script-Name",
    "Path-Info",
    "Path-Translated",
    "Query-String",
    "Request-Method",
    "Request-URI",
    "Remote-Addr",
    "Remote-Host",
    "Remote-Port",
    "Remote-User",
    "Remote-Ident",
    "Server-Name",
    "Server-Port",
    "Server-Protocol",
    "Server-Software",
    "Gateway-Interface",
    "Auth-Type",
    "Document-Root",
    "Proxy",
]
ONLY_AS_THEY_ARE = ["Content-Length", "Content-Type", "Transfer-Encoding", "X-Request-Id"]
"""Names that a client may send, but not under another spelling."""


def spellings(name: str, proper: bool) -> list:
    """Every mix of separators in three cases, and each rare separator throughout."""
    parts = name.split("-")
    mixes = list(itertools.product(SEPARATORS, repeat=len(parts) - 1)) if len(parts) < 4 else []
    mixes += [(one,) * (len(parts) - 1) for one in SEPARATORS + RARE]
    found = []
    for mix in mixes:
        spelled = "".join(a + b for a, b in itertools.zip_longest(parts, mix, fillvalue=""))
        cases = [spelled, spelled.lower(), spelled.upper()]
        found += cases if set(mix) <= set(SEPARATORS) else cases[:1]
    wanted = dict.fromkeys(found)
    return [one for one in wanted if proper or one.lower() != name.lower()]


FORGED = [
    *(one for name in IDENTITY + FORWARDED + OF_CGI for one in spellings(name, True)),
    *(one for name in ONLY_AS_THEY_ARE for one in spellings(name, False)),
]

KINDS = [
    # name, method, path, token, identity, path that the backend sees
    ("none", "GET", "/open/x", None, {}, "/open/x"),
    ("none with a token", "GET", "/open/x", ACCESS, {}, "/open/x"),
    ("optional", "GET", "/optional", None, {}, "/optional"),
    ("optional with a token", "GET", "/optional", ACCESS, {"X-User-Id": "user-1"}, "/optional"),
    ("required", "GET", "/x", ACCESS, {"X-User-Id": "user-1"}, "/x"),
    ("refresh", "POST", "/refresh", REFRESH, {"X-User-Id": "user-1"}, "/refresh"),
    ("any", "POST", "/any", ACCESS, {"X-User-Id": "user-1"}, "/any"),
    ("limited", "GET", "/limited", None, {}, "/limited"),
    ("stripped", "GET", "/app/inner", None, {}, "/inner"),
    ("an ordinary OPTIONS", "OPTIONS", "/x", ACCESS, {"X-User-Id": "user-1"}, "/x"),
    ("a preflight that passes", "OPTIONS", "/pass", None, {}, "/pass"),
    ("HEAD", "HEAD", "/open/x", None, {}, None),
]

PREFLIGHT = [
    ("Origin", "http://a.test"),
    ("Access-Control-Request-Method", "GET"),
]


def command(*more):
    """gunicorn with the application of this test."""

    def make(fd: int) -> list:
        return [*flask_command(fd)[:-1], *more, "environ_app:app"]

    return make


@pytest.fixture(scope="module", params=["drop", "dangerous"])
def edge(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    backend = Backend("environ", command("--header-map", request.param), {}, folder)
    inside = folder / "gateway"
    inside.mkdir()
    edge = Gateway(
        inside,
        f"""{config.top(1)}
        {config.REALM}{config.IDENTITY}
        limit many {{ key client_ip; rate 100000/s; burst 100000; }}
        upstream backend {{ server {backend.address}; app_server gunicorn; framework werkzeug; }}
        group / {{
            upstream backend;
            route      /open     {{ auth none; }}
            route      /p        {{ auth none; }}
            route      /second   {{ auth none; }}
            route GET  /optional {{ auth optional; }}
            route POST /refresh  {{ auth refresh; }}
            route POST /any      {{ auth any; }}
            route      /limited  {{ auth none; limit many; }}
            route      /pass     {{ auth required; cors pass; }}
            route      /         {{ auth required; cors off; }}
        }}
        group /app {{ upstream backend; strip_prefix on; route / {{ auth none; }} }}
        """,
        config.environment(ACCESS, REFRESH),
    ).start()
    yield edge
    edge.stop()
    backend.stop()


def credential(secret) -> list:
    if secret is None:
        return []
    return [bearer(sign(claims(type="refresh" if secret is REFRESH else "access"), secret))]


def told(answer) -> dict:
    assert answer.status == 200, answer
    return answer.json()["environ"]


def judge(environ: dict, identity: dict, path: str):
    """Everything that an application may trust is the gateway's or the socket's."""
    assert "forged" not in str(environ), {k: v for k, v in environ.items() if "forged" in v}
    for name in IDENTITY:
        key = "HTTP_" + name.upper().replace("-", "_")
        assert environ.get(key) == identity.get(name), name
    assert environ["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "http"
    assert environ["HTTP_X_FORWARDED_HOST"] == environ["HTTP_HOST"] == "gateway.test"
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["SCRIPT_NAME"] == ""
    assert environ["PATH_INFO"] == path
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert "," not in environ["HTTP_X_REQUEST_ID"]
    for name in environ:
        trusted = name.startswith(("HTTP_X_FORWARDED_", "HTTP_FORWARDED", "HTTP_X_REAL_IP"))
        assert not trusted or name in OURS, name
        assert name not in ("HTTP_PROXY", "HTTP_REMOTE_USER", "REMOTE_USER", "AUTH_TYPE"), name


OURS = {f"HTTP_X_FORWARDED_{name}" for name in ("FOR", "PROTO", "HOST", "PREFIX")}


def test_this_backend_folds_what_the_gateway_lets_through(edge, request):
    """Otherwise the rest of this file would show nothing."""
    environ = told(edge.get("/open/x", headers=[("X_Harmless", "1"), ("X.Harmless", "2")]))
    dangerous = "dangerous" in request.node.name
    assert environ.get("HTTP_X_HARMLESS") == ("1" if dangerous else None)


def batches(names, size=60):
    return [names[start : start + size] for start in range(0, len(names), size)]


@pytest.mark.parametrize(
    "name, method, path, secret, identity, inner", KINDS, ids=[one[0] for one in KINDS]
)
def test_no_kind_of_route_lets_a_forged_name_through(
    edge, name, method, path, secret, identity, inner
):
    """All names together, before and behind the token; a body where the method has one."""
    extra = PREFLIGHT if "preflight" in name else []
    body = b"" if method == "POST" else None
    for names in batches(FORGED):
        lines = [(one, "/forged") for one in names]
        for headers in (
            [*credential(secret), *extra, *lines],
            [*lines, *extra, *credential(secret)],
        ):
            answer = edge.request(method, path, headers, body)
            assert answer.status == 200, answer
            if inner is not None:
                judge(told(answer), identity, inner)


def test_every_spelling_alone(edge):
    token = credential(ACCESS)
    with edge.connect() as client:
        for name in FORGED:
            answer = client.request("GET", "/x", [*token, (name, "/forged")])
            judge(told(answer), {"X-User-Id": "user-1"}, "/x")


@pytest.mark.parametrize("name", ["X-User-Id", "x_user_id", "X-Forwarded-For", "Script_Name"])
@pytest.mark.parametrize("value", ["forged, user-1", "user-1, forged", "user-1,,forged"])
def test_duplicates_and_lists(edge, name, value):
    """CVE-2026-26308: several values joined by a comma, several lines, the right one among them."""
    lines = [(name, "user-1"), (name, value), (name.lower(), "forged"), (name, "user-1")]
    environ = told(edge.get("/x", headers=[*lines, *credential(ACCESS)]))
    judge(environ, {"X-User-Id": "user-1"}, "/x")


@pytest.mark.parametrize(
    "path, secret", [("/open/x", None), ("/x", ACCESS)], ids=["public", "required"]
)
def test_trailers(edge, path, secret):
    """A server that merges trailers into the head must not find a forged name there either."""
    for names in batches([one for one in FORGED if one.lower() not in REFUSED], 15):
        head = render("POST", path, [*credential(secret), ("Transfer-Encoding", "chunked")])
        lines = "".join(f"{name}: /forged\r\n" for name in names).encode()
        with edge.connect() as client:
            client.send(head + b"3\r\nabc\r\n0\r\n" + lines + b"\r\n")
            answer = client.read_response("POST")
        assert answer.json()["body"] == "abc"
        judge(told(answer), {"X-User-Id": "user-1"} if secret else {}, path)


# Names that no trailer may have: the whole request is refused (test_smuggling).
REFUSED = {name.lower() for name in FORWARDED + ONLY_AS_THEY_ARE + ["Proxy"]}


@pytest.mark.parametrize(
    "change", [str, str.lower, str.upper, str.swapcase], ids=["as is", "lower", "upper", "swapped"]
)
@pytest.mark.parametrize("together", [True, False], ids=["one line", "many lines"])
def test_connection_removes_nothing_that_is_ours(edge, change, together):
    """CVE-2021-32813, CVE-2024-45410, GHSA-92mv-8f8w-wq52."""
    names = [*IDENTITY, "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id"]
    names = [change(name) for name in [*names, "Host", "Authorization"]]
    values = [", ".join(names)] if together else names
    lines = [("Connection", value) for value in values]
    for headers in ([*lines, *credential(ACCESS)], [*credential(ACCESS), *lines]):
        environ = told(edge.get("/x", headers=headers))
        judge(environ, {"X-User-Id": "user-1"}, "/x")
        assert environ["HTTP_AUTHORIZATION"].startswith("Bearer ")


@pytest.mark.parametrize("alias", spellings("Content-Length", False)[:12])
def test_the_length_has_no_second_name(edge, alias):
    """gunicorn#2799: an alias of the length made two of them."""
    headers = [(alias, "3"), ("Content-Length", "10"), (alias, "0")]
    with edge.connect() as client:
        client.send(render("POST", "/open/x", headers) + b"0123456789")
        answer = client.read_response("POST")
        assert answer.json()["body"] == "0123456789"
        assert told(answer)["CONTENT_LENGTH"] == "10"
        assert client.request("GET", "/open/next").status == 200


@pytest.mark.parametrize("row", [row for row in REQUESTS if row.sees and row.keeps], ids=str)
def test_gunicorn_counts_the_same_requests(edge, row):
    """What the smuggling suite lets through, before a real server: as many answers, and the bodies
    that were meant; what is behind the row is the next request and nothing else."""
    with edge.connect() as client:
        client.send(row.data + render("GET", "/open/canary"))
        for sees in row.sees:
            method, target, _ = sees.start.decode().split(" ")
            answer = client.read_response(method)
            if method == "FOO":
                assert answer.status == 405
                continue
            assert told(answer)["PATH_INFO"] == target
            assert answer.json()["body"] == sees.body.decode("latin-1")
        assert told(client.read_response())["PATH_INFO"] == "/open/canary"
        assert client.is_open()


def test_a_route_that_is_not_there_says_nothing_of_the_backend(edge):
    """Refusals of the gateway repeat nothing that the client sent."""
    answer = edge.request("GET", "/x", [(name, "/forged") for name in FORGED[:60]])
    assert answer.status == 401
    assert "forged" not in str(answer)
