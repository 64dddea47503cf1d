"""Routes that the gateway answers itself, and routes that admit by address."""

import signal

import pytest

from support import tokens
from support.config import REALM, environment, top
from support.processes import wait_until
from support.wire import exchange, render

from conftest import ACCESS, REFRESH


def own(routes: str, extra: str = "") -> str:
    return f"{top(1)}{REALM}{extra}\n{routes}\n"


@pytest.fixture
def edge(gateway):
    return lambda routes, extra="": gateway(own(routes, extra), environment(ACCESS, REFRESH))


# respond


def test_text_json_and_nothing(edge):
    gate = edge(
        """
        route /text  { auth none; respond 200 "plain \\"words\\""; }
        route /json  { auth none; respond 503 "{\\"detail\\": \\"closed until noon\\"}"; }
        route /none  { auth none; respond 204; }
        route /gone  { auth none; respond 410; }
        """
    )
    text = gate.get("/text/below")
    assert (text.status, text.body) == (200, b'plain "words"')
    assert text.one("Content-Type") == "text/plain; charset=utf-8"
    json = gate.get("/json")
    assert (json.status, json.json()) == (503, {"detail": "closed until noon"})
    assert json.one("Content-Type") == "application/json"
    none = gate.get("/none")
    assert none.status == 204 and none.one("Content-Length") is None
    gone = gate.get("/gone")
    assert (gone.status, gone.one("Content-Length"), gone.body) == (410, "0", b"")
    head = gate.request("HEAD", "/text")
    assert (head.status, head.one("Content-Length"), head.body) == (200, "13", b"")


def test_a_connection_goes_on_behind_own_answers(edge):
    gate = edge("route / { auth none; respond 200 ok; }")
    with gate.connect() as connection:
        for body in (None, b"x" * 70, b"", b"y" * 40_000):
            assert connection.request("POST", "/", body=body).body == b"ok"
        connection.send(render("GET", "/") * 3)
        for _ in range(3):
            assert connection.read_response().body == b"ok"
    line = gate.logged(path="/", method="GET")
    assert line["status"] == 200 and "reason" not in line and "upstream" not in line


def test_a_large_body_of_an_own_answer_closes(edge):
    gate = edge("route / { auth none; respond 200 ok; }")
    with gate.connect() as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        answer = connection.read_response()
        assert (answer.body, answer.one("Connection")) == (b"ok", "close")


@pytest.mark.parametrize("target", ["/secret", "/secret/"])
def test_a_token_is_needed_first(edge, target):
    gate = edge("route /secret { respond 200 inside; }")
    assert gate.get(target).status == 401
    assert gate.get(target, "x.y.z").status == 401
    token = tokens.sign(tokens.claims(), ACCESS)
    assert gate.get(target, token).body == b"inside"
    refresh = tokens.sign(tokens.claims(type="refresh"), REFRESH)
    assert gate.get(target, refresh).status == 401
    preflight = [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "GET")]
    answer = gate.request("OPTIONS", target, preflight)
    assert answer.status == 401 and b"inside" not in answer.body


def test_limits_and_cors_hold(edge):
    gate = edge(
        "route / { auth none; limit one; respond 200 ok; }",
        "limit one { key client_ip; rate 2/h; burst 2; } cors { origins https://app.example; }",
    )
    origin = [("Origin", "https://app.example")]
    first = gate.get("/", headers=origin)
    assert first.one("Access-Control-Allow-Origin") == "https://app.example"
    assert [gate.get("/").status, gate.get("/").status] == [200, 429]


# health


def test_health_on_the_data_listener(edge):
    gate = edge("route GET /healthz { auth none; respond health; method_fallthrough on; }")
    answer = gate.get("/healthz")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})
    assert answer.one("Cache-Control") == "no-store"
    assert gate.request("HEAD", "/healthz").one("Content-Length") == "15"
    assert gate.post("/healthz").status == 405


def test_health_says_when_the_gateway_stops(edge):
    gate = edge("route /healthz { auth none; respond health; }")
    with gate.connect() as connection:
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n")
        # The request has begun when a later one on another connection has been answered.
        assert gate.get("/healthz").status == 200
        gate.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts(gate), "the listener is closed")
        connection.send(b"\r\n")
        answer = connection.read_response()
    assert (answer.status, answer.json()) == (503, {"status": "draining"})
    assert answer.one("Connection") == "close"


def accepts(gate) -> bool:
    try:
        gate.connect().close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "agent", ["kube-probe/1.30", "GoogleHC/1.0", "ELB-HealthChecker/2.0", "Amazon-Route53", ""]
)
@pytest.mark.parametrize("path", ["/ping", "/health", "/healthz", "/ready", "/oauth2/auth", "/robots.txt"])
def test_no_agent_and_no_path_is_magic(gateway, recorder, agent, path):
    """GHSA-5hvv-m4w4-gf6v: a health checker's User-Agent went past authentication."""
    backend = recorder()
    configuration = f"""{top(1)}{REALM}
upstream backend {{ server {backend.address}; }}
group / {{ upstream backend; route / {{ auth required; }} route /status {{ auth none; respond health; }} }}
"""
    edge = gateway(configuration, environment(ACCESS, REFRESH))
    assert edge.get(path, headers=[("User-Agent", agent)]).status == 401
    assert not backend.heads


# redirect


@pytest.mark.parametrize(
    "status, target, request_target, location",
    [
        ("", "/new", "/old", "/new"),
        ("301", "https://example.com/x?y#z", "/old", "https://example.com/x?y#z"),
        ("308", "https://$host$request_uri", "/old/a%2Fb?c=d&e", "https://shop.example/old/a%2Fb?c=d&e"),
        ("307", "https://$host:8443$request_uri", "/old", "https://shop.example:8443/old"),
        ("303", "/new$request_uri", "/old/x/", "/new/old/x/"),
        ("302", "https://example.com$request_uri", "/old//evil.example", "https://example.com/old//evil.example"),
    ],
)
def test_redirects(edge, status, target, request_target, location):
    gate = edge(f"route /old {{ auth none; redirect {status} {target}; }}")
    answer = gate.get(request_target, headers=[("Host", "shop.example:8080")])
    assert answer.status == int(status or 302)
    assert answer.one("Location") == location
    assert answer.one("Content-Length") == "0"


@pytest.mark.parametrize(
    "target",
    ["//evil.example/x", "/%0d%0aSet-Cookie:%20a=b", "/\\evil.example", "/x?\\\\evil.example", "/;//evil"],
)
def test_a_client_can_not_choose_where_a_redirect_leads(edge, target):
    """CVE-2024-21497 and its kind: the authority is fixed before the first byte of the request."""
    gate = edge("route / { auth none; redirect https://example.com$request_uri; }")
    answer = gate.get(target)
    assert answer.status in (302, 400)
    if answer.status == 302:
        assert answer.one("Location") == "https://example.com" + target
        assert answer.one("Set-Cookie") is None


def test_forwarded_hosts_do_not_choose_where_a_redirect_leads(edge):
    """CVE-2024-21492: X-Forwarded-Host as the target of a redirect."""
    gate = edge("route / { auth none; redirect https://$host/; }", "trusted_proxies 127.0.0.1;")
    answer = gate.get("/", headers=[("Host", "own.example"), ("X-Forwarded-Host", "evil.example")])
    assert answer.one("Location") == "https://own.example/"


def test_a_redirect_to_a_nameless_host_is_refused(edge):
    gate = edge("route / { auth none; redirect https://$host/; }")
    assert exchange(gate.address, b"GET / HTTP/1.0\r\n\r\n").status == 400


def test_an_inner_block_replaces_who_answers(edge, recorder):
    backend = recorder()
    gate = edge(
        f"""upstream b {{ server {backend.address}; }}
        group / {{
            auth none; redirect 301 /moved;
            route /a {{ }}
            route /b {{ respond 200 here; }}
            route /c {{ upstream b; }}
            group /d {{ upstream b; route / {{ }} route /e {{ redirect /f; }} }}
        }}"""
    )
    assert gate.get("/a").one("Location") == "/moved"
    assert gate.get("/b").body == b"here"
    assert gate.get("/c").status == 200 and gate.get("/d").status == 200
    assert gate.get("/d/e").one("Location") == "/f"
    assert len(backend.heads) == 2


# allow and deny


@pytest.mark.parametrize(
    "rules, status",
    [
        ("allow 127.0.0.1;", 200),
        ("allow 127.0.0.0/8 10.0.0.0/8;", 200),
        ("allow 10.0.0.0/8;", 403),
        ("deny 127.0.0.1;", 403),
        ("deny 10.0.0.0/8;", 200),
        ("deny 127.0.0.1; allow all;", 403),
        ("allow 127.0.0.1; deny all;", 200),
        ("deny all; allow 127.0.0.1;", 403),
        ("allow ::ffff:127.0.0.0/104;", 200),
        ("allow ::/0;", 403),
        ("deny ::/0;", 200),
        ("allow unix;", 403),
    ],
)
def test_first_match_in_a_block(edge, rules, status):
    gate = edge(f"route / {{ auth none; {rules} respond 200 ok; }}")
    answer = gate.get("/")
    assert answer.status == status
    if status == 403:
        assert answer.json()["reason"] == "address_refused"
        assert gate.logged(status=403)["reason"] == "address_refused"


@pytest.mark.parametrize(
    "outer, inner, status",
    [
        ("allow 127.0.0.1;", "allow all;", 200),
        ("allow 10.0.0.0/8;", "allow all;", 403),
        ("allow all;", "allow 10.0.0.0/8;", 403),
        ("deny 127.0.0.1;", "allow 127.0.0.1;", 403),
        ("allow 127.0.0.1;", "", 200),
        ("allow 10.0.0.0/8;", "", 403),
    ],
)
def test_every_block_must_admit(edge, outer, inner, status):
    gate = edge(f"group / {{ auth none; {outer} route / {{ {inner} respond 200 ok; }} }}")
    assert gate.get("/").status == status


def test_an_address_is_refused_before_token_and_body(edge, recorder):
    backend = recorder()
    gate = edge(
        f"upstream b {{ server {backend.address}; }} route / {{ upstream b; allow 10.0.0.0/8; }}"
    )
    token = tokens.sign(tokens.claims(), ACCESS)
    assert gate.get("/").status == 403
    assert gate.get("/", token).status == 403
    with gate.connect() as connection:
        connection.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = connection.read_response()
        assert answer.status == 403 and not answer.interim
    assert not backend.heads


# Limits of a route


def test_a_routes_own_waits(gateway, recorder):
    def script(peer):
        head = peer.read_head()
        if b"/silent" in head:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            peer.more()
        else:
            peer.more()

    backend = recorder(script)
    configuration = f"""{top(1)}
upstream backend {{ server {backend.address}; }}
group / {{
    upstream backend; auth none;
    route / {{ }}
    route /silent {{ limits {{ read_timeout 200ms; }} }}
    route /slow {{ limits {{ total_timeout 200ms; }} }}
    route /body {{ limits {{ body_timeout 200ms; }} }}
}}
"""
    edge = gateway(configuration)
    with edge.connect() as connection:
        connection.send(render("GET", "/silent"))
        assert connection.read_head().status == 200
        assert connection.exactly(4) == b"half" and connection.is_closed()
    assert edge.get("/slow").status == 504
    with edge.connect() as connection:
        connection.send(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        assert connection.read_response().status == 408
