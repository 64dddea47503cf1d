"""`mode observe`: a gateway in front of a running system refuses nothing, and tells what it would."""

import json

import pytest
from backends.recorder import answer_all, fields_of
from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config
from support.metrics import scrape
from support.processes import wait_until
from support.tokens import bearer, claims, now, sign
from support.websocket import dial

ENVIRONMENT = config.environment(ACCESS, REFRESH)
GOOD, EVIL = "https://app.example", "https://evil.example"


def observed(address: str, routes: str = "", extra: str = "", group: str = "") -> str:
    return f"""{config.top()}
{config.REALM}{config.IDENTITY}{config.BLOCKLIST}
cors {{ origins {GOOD}; }}
limit few {{ rate 1/h; burst 2; }}
{extra}
upstream backend {{ server {address}; framework werkzeug; errors flask; {group} }}
group / {{
    upstream backend;  mode observe;
    {routes}
    route / {{ }}
    route /strict {{ mode enforce; }}
}}
"""


def refused(edge) -> dict:
    """What would have been refused: `{(route, reason): count}`."""
    found = scrape(edge).all("gateway_would_refuse_total")
    return {(dict(key)["route"], dict(key)["reason"]): count for key, count in found.items()}


def test_a_migration(gateway, flask):
    """First observed: every answer is the backend's own. Then enforced, and they are the gateway's."""
    routes = """
        route GET /health { auth none; }
        route POST /auth/login { auth none; limit few; }
        route POST /auth/logout { auth any; on_success revoke; }
    """
    edge = gateway(observed(flask.address, routes), ENVIRONMENT)
    # A login's tokens carry identity to the backend, a missing one is the backend's to refuse.
    pair = edge.post("/auth/login", {"email": "ada@example.com", "password": "correct horse"}).json()
    mine = edge.get("/me", pair["access_token"])
    assert (mine.status, mine.json()["edge_user"]) == (200, "user-ada")
    nobody = edge.get("/me")
    assert (nobody.status, nobody.json()["msg"]) == (401, "Missing Authorization Header")
    strange = edge.get("/me", sign(claims(), OTHER_ACCESS), [("X-User-Id", "root")])
    assert strange.status == 422, "Flask-JWT-Extended's own answer"
    for _ in range(4):
        wrong = edge.post("/auth/login", {"email": "ada@example.com", "password": "guess"})
        assert (wrong.status, wrong.json()["msg"]) == (401, "Bad email or password")
    assert edge.post("/auth/logout", token=pair["access_token"]).status == 200
    again = edge.get("/me", pair["access_token"])
    assert (again.status, again.json()["edge_user"]) == (200, None), "revoked, so it is nobody's"
    assert refused(edge) == {
        ("/", "missing"): 1,
        ("/", "bad_signature"): 1,
        ("/", "revoked"): 1,
        ("POST /auth/login", "limited"): 3,
    }
    line = edge.logged(path="/me", would_refuse="missing")
    assert line["status"] == 401 and "reason" not in line
    # The same, enforced.
    edge.file.write_text(edge.file.read_text().replace("mode observe;", ""))
    edge.restart()
    assert edge.get("/me", pair["access_token"]).status == 401
    assert edge.get("/me").one("WWW-Authenticate").startswith("Bearer")
    assert refused(edge) == {}


def test_nothing_is_taken_from_a_request(gateway, recorder):
    backend = recorder()
    edge = gateway(observed(backend.address), ENVIRONMENT)
    good, stray = sign(claims(), ACCESS), sign(claims(sub="other"), ACCESS)
    fields = [
        bearer(good), ("Cookie", f"access_token={good}; theme=dark"), ("X-User-Id", "root"),
        ("Origin", EVIL),
    ]
    assert edge.get(f"/a?jwt={good}&b=c", headers=fields).status == 200
    seen = fields_of(backend.heads[-1])
    assert backend.heads[-1].startswith(f"GET /a?jwt={good}&b=c HTTP/1.1\r\n".encode())
    assert seen["cookie"] == f"access_token={good}; theme=dark"
    assert seen["authorization"] == f"Bearer {good}" and seen["x-user-id"] == "user-1"
    # Two tokens: both arrive, and nobody's identity.
    assert edge.get(f"/a?jwt={stray}", good, [("X-User-Id", "root")]).status == 200
    seen = fields_of(backend.heads[-1])
    assert f"jwt={stray}".encode() in backend.heads[-1] and "x-user-id" not in seen
    assert edge.logged(would_refuse="ambiguous_credentials")["status"] == 200
    assert edge.get("/strict", headers=[("X-User-Id", "root")]).status == 401


def test_bodies_that_cannot_be_read_go_on(gateway, recorder):
    backend = recorder()
    edge = gateway(
        observed(backend.address, "route POST /auth/refresh { auth refresh; }", "").replace(
            "flask-jwt-extended", "nest-dual-secret"
        ),
        ENVIRONMENT,
    )
    json_type = ("Content-Type", "application/json")
    bodies = {
        "body_unreadable": (b"{", [json_type]),
        "missing": (b"{}", [json_type]),
        "body_coded": (b"\x1f\x8b", [json_type, ("Content-Encoding", "gzip")]),
        "body_too_large": (b" " * 200_000, [json_type]),
    }
    for reason, (body, headers) in bodies.items():
        assert edge.post("/auth/refresh", body, headers=headers).status == 200
        assert edge.logged(would_refuse=reason)["bytes_in"] == len(body)
    # Without a length the bound shows itself late; every byte arrives all the same.
    text = b"".join(b"4000\r\n" + b"x" * 0x4000 + b"\r\n" for _ in range(12)) + b"0\r\n\r\n"
    with edge.connect() as client:
        client.send(
            b"POST /auth/refresh?late HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + text
        )
        assert client.read_response("POST").status == 200
    wait_until(
        lambda: any(line["bytes_in"] == 12 * 0x4000 for line in edge.log_lines()), "the whole body"
    )
    assert refused(edge)[("POST /auth/refresh", "body_too_large")] == 2


def test_cors_stays_with_the_backend(gateway, recorder):
    answer = answer_all(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\n"
        b"X-Seen: backend\r\n\r\n"
    )
    backend = recorder(answer)
    edge = gateway(observed(backend.address), ENVIRONMENT)
    for origin in (GOOD, EVIL):
        fields = [("Origin", origin), ("Access-Control-Request-Method", "GET")]
        for method in ("OPTIONS", "GET"):
            given = edge.request(method, "/", fields)
            assert (given.status, given.one("X-Seen")) == (200, "backend")
            assert given.all("Access-Control-Allow-Origin") == ["*"]
    assert refused(edge)[("/", "preflight_refused")] == 1
    assert edge.request("OPTIONS", "/strict", fields).status == 403


def test_what_is_always_enforced(gateway, recorder):
    backend = recorder()
    edge = gateway(
        observed(
            backend.address,
            "route /away { deny all; } route /small { auth none; limits { body 10; } }",
        ),
        ENVIRONMENT,
    )
    assert edge.get("/away").status == 403
    assert edge.post("/small", b"12345678901").status == 413
    assert edge.get("/strict/..%2fa").status == 400
    assert edge.request("GET", "/", [("Content-Length", "1"), ("Content-Length", "2")]).status == 400
    assert backend.heads == [] and refused(edge) == {}


@pytest.mark.parametrize("ending", ["expires", "is revoked"])
def test_a_tunnel_outlives_its_token(gateway, ws_python, ending):
    edge = gateway(observed(ws_python.address), ENVIRONMENT)
    lifetime = 2 if ending == "expires" else 600
    token = sign(claims(exp=now() + lifetime, jti="of-the-tunnel"), ACCESS)
    with dial(edge, "/echo", token, headers=[("Origin", EVIL)]) as socket:
        socket.send("before")
        assert socket.recv() == "before"
        if ending == "is revoked":
            assert edge.command("revoke", "--jti", "of-the-tunnel").returncode == 0
        wait_until(
            lambda: scrape(edge).get("gateway_streams_outliving_token_total") == 1, "the end is told"
        )
        socket.send("after")
        assert socket.recv() == "after"
    # A wrong origin came first, so that is what the line tells.
    assert edge.logged(status=101)["would_refuse"] == "origin_refused"
    assert scrape(edge).get("gateway_streams_ended_by_token_total") == 0


def test_an_event_stream_outlives_its_token(gateway, flask):
    edge = gateway(observed(flask.address), ENVIRONMENT)
    with edge.connect() as client:
        token = sign(claims(exp=now() + 2), ACCESS)
        client.send(
            f"GET /events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        assert client.read_head().status == 200
        wait_until(
            lambda: scrape(edge).get("gateway_streams_outliving_token_total") == 1, "the end is told"
        )
        data = client.socket.recv(1 << 16)
        while b"tick" not in data:
            data += client.socket.recv(1 << 16)
    assert edge.logged(path="/events")["would_refuse"] == "expired"


def test_the_command_line_tells_what_is_observed(gateway, recorder):
    edge = gateway(observed(recorder().address), ENVIRONMENT)
    assert "warning: " in edge.stderr() and "observed, nothing is refused" in edge.stderr()
    check = edge.command("check")
    assert check.returncode == 0 and "auth is not enforced on 1 of them" in check.stderr + check.stdout
    rows = {line.split()[2]: line.split()[3] for line in edge.command("routes").stdout.splitlines()}
    assert rows["/"] == "observe" and rows["/strict"] == "enforce"
    told = edge.command("explain", "GET", "/x").stdout
    assert "mode observe" in told and "enforced, it would be refused with 401: missing" in told
    assert "enforced" not in edge.command("explain", "GET", "/strict").stdout
    assert edge.get("/x").status == 200
    assert edge.status()["observed"] == [{"route": "/", "would_refuse": {"missing": 1}}]
    assert any("observed" in warning for warning in edge.status()["warnings"])
    assert json.dumps(edge.status()["keys"][0]["class"]) == '"access"'
