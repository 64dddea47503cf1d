"""CORS at the edge (DESIGN §5.8): the gateway is the sole author, or says nothing at all."""

import pytest

from backends.recorder import answer_all
from conftest import ACCESS, REFRESH
from support import config
from support.tokens import claims, sign

ENVIRONMENT = config.environment(ACCESS, REFRESH)
GOOD, EVIL = "http://localhost:5173", "https://evil.example"
POLICY = """
cors {
    origins     http://localhost:5173 https://app.example;
    methods     GET POST DELETE;
    headers     Authorization Content-Type X-Trace;
    expose      X-Total;
    credentials on;
    max_age     10m;
}
"""
FROM_UPSTREAM = answer_all(
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\n"
    b"Access-Control-Allow-Credentials: true\r\nAccess-Control-Expose-Headers: X-Inner\r\n"
    b"Vary: Accept-Encoding\r\nX-Total: 5\r\n\r\nok"
)


def routes(address: str, policy: str = POLICY) -> str:
    return config.guarded(
        address,
        """
        route GET POST /open { auth none; }
        route PUT /put { auth none; }
        route /pass { auth none; cors pass; }
        route /off { auth none; cors off; }
        """,
        extra=policy,
    )


def preflight(edge, target, origin=GOOD, method="GET", headers=None, **more):
    fields = [("Origin", origin), ("Access-Control-Request-Method", method)]
    if headers:
        fields.append(("Access-Control-Request-Headers", headers))
    return edge.request("OPTIONS", target, fields + more.get("also", []))


def cors_headers(answer) -> dict:
    return {n.lower(): v for n, v in answer.headers if n.lower().startswith("access-control-")}


def varies(answer) -> bool:
    names = {part.strip().lower() for value in answer.all("Vary") for part in value.split(",")}
    return "origin" in names


def words(text: str) -> set:
    return {word.strip().lower() for word in text.split(",")}


@pytest.fixture
def start(gateway, recorder):
    def make(policy=POLICY):
        backend = recorder(FROM_UPSTREAM)
        return gateway(routes(backend.address, policy), ENVIRONMENT), backend

    return make


@pytest.mark.parametrize("target", ["/", "/open", "/deep/er"])
def test_a_preflight_is_answered_at_the_edge_without_a_token(start, target):
    edge, backend = start()
    answer = preflight(edge, target, headers="authorization, x-trace")
    assert answer.status in (200, 204)
    got = cors_headers(answer)
    assert got["access-control-allow-origin"] == GOOD
    assert got["access-control-allow-credentials"] == "true"
    assert {"authorization", "x-trace"} <= words(got["access-control-allow-headers"])
    assert "get" in words(got["access-control-allow-methods"])
    assert got["access-control-max-age"] == "600"
    assert varies(answer)
    assert backend.heads == []


REFUSED = [
    ("another origin", dict(origin=EVIL)),
    ("a prefix of a good origin", dict(origin="http://localhost:51")),
    ("a good origin as a prefix", dict(origin="http://localhost:5173.evil.example")),
    ("another scheme", dict(origin="https://localhost:5173")),
    ("the origin null", dict(origin="null")),
    ("upper case", dict(origin="HTTPS://APP.EXAMPLE")),
    ("a method not allowed", dict(method="PATCH")),
    ("a method in lower case", dict(method="delete")),
    ("a header not allowed", dict(headers="x-evil")),
    ("one header of several not allowed", dict(headers="authorization,x-evil")),
]


@pytest.mark.parametrize("name, case", REFUSED, ids=[row[0] for row in REFUSED])
def test_a_refused_preflight_is_403_without_cors_headers(start, name, case):
    edge, backend = start()
    answer = preflight(edge, "/", **case)
    assert answer.status == 403, answer
    assert cors_headers(answer) == {}
    assert backend.heads == []


def test_a_preflight_is_routed_by_the_method_it_asks_for(start):
    """PUT has a route of its own here; the policy allows no PUT."""
    edge, backend = start()
    assert preflight(edge, "/put", method="PUT").status == 403
    assert preflight(edge, "/open", method="POST").status in (200, 204)
    assert backend.heads == []


def test_an_ordinary_answer_has_only_our_headers(start):
    edge, backend = start()
    answer = edge.get("/open", headers=[("Origin", GOOD)])
    assert answer.status == 200
    got = cors_headers(answer)
    assert got["access-control-allow-origin"] == GOOD
    assert got["access-control-allow-credentials"] == "true"
    assert words(got["access-control-expose-headers"]) == {"x-total"}
    assert varies(answer)
    names = {part.strip().lower() for value in answer.all("Vary") for part in value.split(",")}
    assert "accept-encoding" in names, "the backend's own Vary stays"
    assert len(backend.heads) == 1


def test_an_ordinary_request_from_elsewhere_is_forwarded_without_cors_headers(start):
    edge, backend = start()
    for headers in ([("Origin", EVIL)], [("Origin", "null")], []):
        answer = edge.get("/open", headers=headers)
        assert answer.status == 200
        assert cors_headers(answer) == {}
        assert varies(answer)
    assert len(backend.heads) == 3


def test_our_own_refusals_carry_the_headers(start):
    """Otherwise a browser hides the 401 from the page that has to react to it."""
    edge, _ = start()
    for method, target, status in [("GET", "/", 401), ("DELETE", "/put", 401)]:
        answer = edge.request(method, target, [("Origin", GOOD)])
        assert answer.status == status
        assert cors_headers(answer)["access-control-allow-origin"] == GOOD
        assert varies(answer)
    answer = edge.get("/", headers=[("Origin", EVIL)])
    assert answer.status == 401 and cors_headers(answer) == {}


def test_answers_before_routing_use_the_default_policy(gateway, recorder):
    edge = gateway(f"""{config.top()}{POLICY}
        upstream backend {{ server {recorder().address}; }}
        route GET /only {{ upstream backend; auth none; }}
        """)
    for method, target, status in [("GET", "/none", 404), ("POST", "/only", 405)]:
        answer = edge.request(method, target, [("Origin", GOOD)])
        assert answer.status == status
        assert cors_headers(answer)["access-control-allow-origin"] == GOOD


def test_upstream_trouble_carries_the_headers(gateway):
    edge = gateway(config.open_to("127.0.0.1:1", extra=POLICY))
    answer = edge.get("/", headers=[("Origin", GOOD)])
    assert answer.status == 502
    assert cors_headers(answer)["access-control-allow-origin"] == GOOD


def test_options_without_a_requested_method_is_an_ordinary_request(start):
    edge, backend = start()
    answer = edge.request("OPTIONS", "/", [("Origin", GOOD)])
    assert answer.status == 401
    token = sign(claims(), ACCESS)
    assert edge.request("OPTIONS", "/", [("Origin", GOOD)], token=token).status == 200
    assert len(backend.heads) == 1


def test_pass_sends_the_preflight_upstream_without_identity(start):
    edge, backend = start()
    answer = preflight(edge, "/pass", also=[("X-User-Id", "forged"), ("x_user_id", "forged")])
    assert answer.status == 200
    assert cors_headers(answer)["access-control-allow-origin"] == "*"
    assert b"forged" not in backend.head
    answer = edge.get("/pass", headers=[("Origin", EVIL)])
    assert cors_headers(answer)["access-control-allow-origin"] == "*"


def test_without_a_policy_a_preflight_goes_upstream_without_a_token(gateway, recorder):
    """The guarded route wants a token, which a preflight cannot carry."""
    backend = recorder(FROM_UPSTREAM)
    edge = gateway(routes(backend.address, policy=""), ENVIRONMENT)
    answer = preflight(edge, "/")
    assert answer.status == 200
    assert cors_headers(answer)["access-control-allow-origin"] == "*"
    assert len(backend.heads) == 1


def test_an_upgrade_from_elsewhere_is_403(start):
    """A browser sends no preflight for a WebSocket; the origin is all there is."""
    edge, backend = start()
    upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    answer = edge.get("/open", headers=[*upgrade, ("Origin", EVIL)])
    assert answer.status == 403
    assert backend.heads == []


def test_a_star_allows_anyone_without_credentials(gateway, recorder):
    edge = gateway(config.open_to(recorder().address, extra="cors { origins *; }"))
    answer = edge.get("/", headers=[("Origin", EVIL)])
    got = cors_headers(answer)
    assert got["access-control-allow-origin"] in ("*", EVIL)
    assert "access-control-allow-credentials" not in got


def test_a_wildcard_subdomain_says_no_more_than_it_does(gateway, recorder):
    edge = gateway(
        config.open_to(recorder().address, extra="cors { origins https://*.app.example; }")
    )
    for origin, allowed in [
        ("https://a.app.example", True),
        ("https://app.example", False),
        ("https://evil-app.example", False),
        ("https://a.app.example.evil.example", False),
        ("http://a.app.example", False),
        ("https://evil.example/.app.example", False),
        ("https://a.app.example:8443", False),
    ]:
        got = cors_headers(edge.get("/", headers=[("Origin", origin)]))
        assert ("access-control-allow-origin" in got) is allowed, origin


BAD = [
    ("a star with credentials", "cors { origins *; credentials on; }"),
    ("null", "cors { origins null; }"),
    ("an origin with a path", "cors { origins https://app.example/; }"),
    ("an origin without a scheme", "cors { origins app.example; }"),
    ("a star inside a label", "cors { origins https://app*.example; }"),
    ("a star for the whole host", "cors { origins https://*; }"),
]


@pytest.mark.parametrize("policy", [row[1] for row in BAD], ids=[row[0] for row in BAD])
def test_policies_that_match_more_than_they_say_are_refused(gateway, recorder, policy):
    edge = gateway(config.open_to(recorder().address, extra=policy), start=False)
    checked = edge.command("check")
    assert checked.returncode == 1
    assert "gateway.conf:" in checked.stderr + checked.stdout
