"""Identity headers: always the gateway's, never the client's, however they are spelled."""

import pytest

from backends.recorder import lines_named
from conftest import ACCESS, REFRESH
from support import config
from support.tokens import bearer, claims, now, sign
from support.wire import render

ENVIRONMENT = config.environment(ACCESS, REFRESH)

SPELLINGS = [
    "X-User-Id",
    "x-user-id",
    "X-USER-ID",
    "X_User_Id",
    "x_user_id",
    "X-User_Id",
    "X_User-Id",
    "X.User.Id",
    "X-User.Id",
    "x~user~id",
    "X+User+Id",
    "X!User!Id",
    "X'User'Id",
    "X^User`Id",
    "X|User|Id",
    "X*User*Id",
    "X&User&Id",
    "X$User$Id",
    "X%User%Id",
    "X#User#Id",
    "x-USER_id",
]
FORGED = [(name, "forged") for name in SPELLINGS] + [
    ("X-User-Email", "forged"),
    ("x_user_email", "forged"),
]


def folded(name: str) -> str:
    """The equivalence class of a name: case folded, every non-alphanumeric alike."""
    return "".join(c if c.isalnum() else "-" for c in name.lower())


def identity(head: bytes) -> list:
    """Every line that any backend could take for an identity header, as (name, value)."""
    found = []
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if folded(name) in ("x-user-id", "x-user-email"):
            found.append((name, value.strip()))
    return found


def routes(address: str) -> str:
    return config.guarded(
        address,
        """
        route GET  /open     { auth none; }
        route GET  /optional { auth optional; }
        route POST /refresh  { auth refresh; }
        route POST /any      { auth any; }
        """,
    )


KINDS = [
    ("public", "GET", "/open", None, []),
    ("public with a token", "GET", "/open", lambda: sign(claims(), ACCESS), []),
    ("optional without a token", "GET", "/optional", None, []),
    ("optional", "GET", "/optional", lambda: sign(claims(), ACCESS), [("X-User-Id", "user-1")]),
    ("required", "GET", "/", lambda: sign(claims(), ACCESS), [("X-User-Id", "user-1")]),
    (
        "required with both claims",
        "GET",
        "/",
        lambda: sign(claims(email="a@b.c"), ACCESS),
        [("X-User-Id", "user-1"), ("X-User-Email", "a@b.c")],
    ),
    (
        "an absent claim",
        "GET",
        "/",
        lambda: sign(claims(sub=None, email="a@b.c"), ACCESS),
        [("X-User-Email", "a@b.c")],
    ),
    ("refresh", "POST", "/refresh", lambda: sign(claims(), REFRESH), [("X-User-Id", "user-1")]),
    ("any", "POST", "/any", lambda: sign(claims(), REFRESH), [("X-User-Id", "user-1")]),
]


@pytest.mark.parametrize(
    "name, method, path, token, wanted", KINDS, ids=[kind[0] for kind in KINDS]
)
def test_a_forged_header_reaches_no_route(gateway, recorder, name, method, path, token, wanted):
    backend = recorder()
    edge = gateway(routes(backend.address), ENVIRONMENT)
    credential = [bearer(token())] if token else []
    body = b"" if method == "POST" else None
    with edge.connect() as client:
        for forged in [[one] for one in FORGED] + [FORGED, list(reversed(FORGED))]:
            for headers in (forged + credential, credential + forged):
                answer = client.request(method, path, headers, body)
                assert answer.status == 200, (forged, answer)
                assert sorted(identity(backend.heads[-1])) == sorted(wanted), forged
                assert b"forged" not in backend.heads[-1], forged


CONNECTIONS = [
    ["X-User-Id"],
    ["x-user-id"],
    ["close, X-USER-ID"],
    ["keep-alive", "x-user-id"],
    ["X-User-Id, X-User-Email, X-Forwarded-For"],
    ["x_user_id"],
    [" x-user-id ,, "],
]


@pytest.mark.parametrize("values", CONNECTIONS, ids=str)
def test_connection_cannot_remove_identity(gateway, recorder, values):
    """CVE-2021-32813, CVE-2024-45410: a client names the proxy's own headers for removal."""
    backend = recorder()
    edge = gateway(routes(backend.address), ENVIRONMENT)
    headers = [("Connection", value) for value in values] + [("X-User-Id", "forged")]
    headers.append(bearer(sign(claims(email="a@b.c"), ACCESS)))
    assert edge.get("/", headers=headers).status == 200
    assert sorted(identity(backend.head)) == [("X-User-Email", "a@b.c"), ("X-User-Id", "user-1")]
    assert len(lines_named(backend.head, "X-Forwarded-For")) == 1


def test_connection_cannot_remove_the_token(gateway, recorder):
    backend = recorder()
    edge = gateway(routes(backend.address), ENVIRONMENT)
    token = sign(claims(), ACCESS)
    answer = edge.get("/", token, headers=[("Connection", "Authorization")])
    # Either refused, or judged and forwarded the same way: never judged with it, sent without it.
    if answer.status == 200:
        assert identity(backend.head) == [("X-User-Id", "user-1")]


NAMES_OF_CGI = [
    "Script-Name",
    "SCRIPT_NAME",
    "Path-Info",
    "Remote-User",
    "REMOTE_USER",
    "Remote-Addr",
    "X-Forwarded-For",
    "X-Forwarded-User",
    "X_Forwarded_Proto",
    "X-Forwarded-Prefix",
    "Forwarded",
    "X-Real-IP",
    "x_real_ip",
]


@pytest.mark.parametrize("path", ["/open", "/optional"])
def test_names_that_backends_trust_are_stripped(gateway, recorder, path):
    """gunicorn#2650: a Script-Name header moves the path of every WSGI application."""
    backend = recorder()
    edge = gateway(routes(backend.address), ENVIRONMENT)
    assert edge.get(path, headers=[(name, "/forged") for name in NAMES_OF_CGI]).status == 200
    assert b"/forged" not in backend.head


def test_headers_that_only_look_alike_pass(gateway, recorder):
    backend = recorder()
    edge = gateway(routes(backend.address), ENVIRONMENT)
    for name in ("X-User", "X-User-Id2", "X-User-Identity", "User-Id", "XUserId", "X-Userid"):
        assert edge.get("/open", headers=[(name, "kept")]).status == 200
        assert lines_named(backend.heads[-1], name) == ["kept"], name


VALUES = [
    ("text", "plain", "plain"),
    ("text with a space", "two words", "two words"),
    ("UTF-8", "Zoë", "Zo%C3%AB"),
    ("a percent sign", "100%", "100%25"),
    ("a newline", "a\r\nX-Admin: 1", "a%0D%0AX-Admin: 1"),
    ("DEL", "a\x7fb", "a%7Fb"),
    ("an emoji", "🦉", "%F0%9F%A6%89"),
    ("an integer", 42, "42"),
    ("zero", 0, "0"),
    ("a negative integer", -7, "-7"),
    ("a large integer", 9007199254740993, "9007199254740993"),
    ("true", True, "true"),
    ("false", False, "false"),
    ("an array", ["a", "b"], "a,b"),
    ("an array with a comma", ["a,b", "c"], "a%2Cb,c"),
    ("an array of integers", [1, 2], "1,2"),
    ("an object", {"a": 1}, None),
    ("null", None, None),
    ("an empty string", "", None),
]


def test_how_claims_become_header_values(gateway, recorder):
    backend = recorder()
    edge = gateway(
        f"""{config.top()}
        realm main {{ access {{ secret ${{JWT_ACCESS_SECRET}}; lifetime 15m; }} }}
        identity {{ header X-Value value; header X-Realm $realm; }}
        upstream backend {{ server {backend.address}; }}
        route / {{ upstream backend; auth required; }}
        """,
        ENVIRONMENT,
    )
    wrong = []
    for name, value, wanted in VALUES:
        token = sign({"sub": "u", "exp": now() + 600, "value": value}, ACCESS)
        assert edge.get("/", token, headers=[("X-Value", "forged")]).status == 200, name
        got = lines_named(backend.heads[-1], "X-Value")
        if got != ([] if wanted is None else [wanted]):
            wrong.append((name, got, wanted))
        assert lines_named(backend.heads[-1], "X-Realm") == ["main"]
        assert lines_named(backend.heads[-1], "X-Admin") == []
    assert not wrong


def test_a_real_gunicorn_never_sees_a_forged_name(gateway, flask):
    """gunicorn folds `_` and `-` into one WSGI name; what Flask reads is the gateway's."""
    edge = gateway(routes(flask.address), ENVIRONMENT)
    token = sign(claims(sub="user-1", type="access", jti="j1", iat=now(), fresh=False), ACCESS)
    for forged in [[one] for one in FORGED] + [FORGED]:
        seen = edge.get("/debug/headers", token, headers=forged).json()
        assert seen["headers"]["HTTP_X_USER_ID"] == "user-1", forged
        assert "HTTP_X_USER_EMAIL" not in seen["headers"]
        assert "forged" not in str(seen), forged
    seen = edge.get(
        "/debug/headers", token, headers=[("Script-Name", "/debug"), ("SCRIPT_NAME", "/debug")]
    )
    assert (seen.json()["path"], seen.json()["script_name"]) == ("/debug/headers", "")


def test_a_real_node_never_sees_a_forged_name(gateway, nest):
    edge = gateway(routes(nest.address), ENVIRONMENT)
    token = sign(claims(), ACCESS)
    for forged in [[one] for one in FORGED] + [FORGED]:
        raw = edge.get("/debug/headers", token, headers=forged).json()["raw_headers"]
        pairs = [(n, v) for n, v in zip(raw[::2], raw[1::2]) if folded(n).startswith("x-user-")]
        assert pairs == [("X-User-Id", "user-1")], forged


def test_pipelined_requests_do_not_share_an_identity(gateway, recorder):
    backend = recorder()
    edge = gateway(routes(backend.address), ENVIRONMENT)
    with edge.connect() as client:
        wanted = []
        data = b""
        for number in range(40):
            if number % 3 == 0:
                data += render("GET", "/optional", [("X-User-Id", "forged")])
                wanted.append([])
            else:
                data += render("GET", "/optional", [bearer(sign(claims(sub=f"u{number}"), ACCESS))])
                wanted.append([("X-User-Id", f"u{number}")])
        client.send(data)
        for _ in wanted:
            assert client.read_response().status == 200
    assert [identity(head) for head in backend.heads] == wanted
