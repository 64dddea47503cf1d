"""Who the client is: what an untrusted client claims is worth nothing, a trusted proxy is believed, and
backends are told about exactly one hop. Routes are never chosen by what anybody forwards."""

import pytest

from support import tokens
from support.config import HOST, behind, environment, guarded, open_to, top
from support.processes import wait_until
from support.wire import Connection, render

from conftest import ACCESS, REFRESH

FORGED = [
    ("X-Forwarded-For", "6.6.6.6"),
    ("x-forwarded-for", "6.6.6.6, 6.6.6.7"),
    ("X-Forwarded-Proto", "evil-https"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Port", "666"),
    ("X-Forwarded-Prefix", "/evil"),
    ("X-Forwarded-Uri", "/evil"),
    ("X-Forwarded-Method", "EVIL"),
    ("X-Forwarded-Server", "evil.example"),
    ("X-Forwarded-User", "evil"),
    ("X-Forwarded", "for=6.6.6.6"),
    ("Forwarded", 'for=6.6.6.6;host=evil.example;proto=evil-https, for="[6::6]"'),
    ("X-Real-IP", "6.6.6.6"),
    ("X_Forwarded_For", "6.6.6.6"),
    ("X.Forwarded.Host", "evil.example"),
    ("X-Forwarded_Proto", "evil-https"),
    ("X_FORWARDED_PREFIX", "/evil"),
    ("forwarded", "for=6.6.6.6"),
    ("X-Original-URL", "/evil"),
    ("X-Rewrite-URL", "/evil"),
    ("Script-Name", "/evil"),
]
OWN = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix", "Forwarded"]
OWN_AND_MORE = OWN + ["X-Request-Id", "X-User-Id", "Host"]


def lines(head: bytes) -> list:
    return [line.partition(b": ") for line in head.split(b"\r\n")[1:] if line]


def told(head: bytes) -> dict:
    """What a backend is told about the client; each name may stand there once."""
    found = {}
    for name, _, value in lines(head):
        key = name.decode().lower()
        if "forwarded" in key:
            assert key not in found, f"{key} stands there twice"
            found[key] = value.decode()
    return found


def trusting(address: str, *proxies: str, more: str = "") -> str:
    return behind(address, f"trusted_proxies {' '.join(proxies)};\n{more}", "forwarded on;")


# Untrusted


@pytest.mark.parametrize("trust", ["", "trusted_proxies 10.0.0.0/8 ::1 unix;"])
@pytest.mark.parametrize("name, value", FORGED)
def test_nothing_that_a_client_claims_arrives(gateway, recorder, name, value, trust):
    """CVE-2024-45806, CVE-2025-41235, CVE-2026-35051, CVE-2026-39858."""
    backend = recorder()
    edge = gateway(behind(backend.address, trust, "forwarded on;"))
    answer = edge.get("/app/x", headers=[("Host", HOST), (name, value), (name, value)])
    assert answer.status == 200
    assert told(backend.head) == {
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-host": HOST,
        "x-forwarded-prefix": "/app",
        "forwarded": f'for=127.0.0.1;host="{HOST}";proto=http',
    }
    # A request's id is random, and may look like anything.
    rest = [value for name, _, value in lines(backend.head) if name != b"X-Request-Id"]
    assert not [value for value in rest if b"evil" in value or b"6.6" in value or b"666" in value]


def test_a_prefix_is_told_only_where_one_is_stripped(gateway, recorder):
    backend = recorder()
    edge = gateway(behind(backend.address))
    assert edge.get("/plain", headers=[("X-Forwarded-Prefix", "/evil")]).status == 200
    assert sorted(told(backend.head)) == ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]


@pytest.mark.parametrize("kind", ["links_flask", "links_flask_fixed"])
def test_flask_sees_one_hop_whatever_is_forged(gateway, request, kind):
    edge = gateway(behind(request.getfixturevalue(kind).address))
    seen = edge.get("/app/seen", headers=[("Host", HOST), *FORGED]).json()
    assert (seen["client"], seen["scheme"], seen["host"]) == ("127.0.0.1", "http", HOST)
    assert seen["root"] == ("/app" if kind == "links_flask_fixed" else "")
    # ProxyFix keeps what stood there before it under names of its own.
    assert [name for name in seen["names"] if name.startswith("HTTP_X_FORWARDED")] == [
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X_FORWARDED_PREFIX",
        "HTTP_X_FORWARDED_PROTO",
    ]


def test_fastapi_and_node_see_one_hop(gateway, links_fastapi, links_node):
    edge = gateway(behind(links_fastapi.address))
    seen = edge.get("/app/seen", headers=[("Host", HOST), *FORGED]).json()
    assert (seen["client"], seen["scheme"], seen["host"]) == ("127.0.0.1", "http", HOST)
    edge = gateway(behind(links_node.address))
    raw = edge.get("/app/x", headers=[("Host", HOST), *FORGED]).json()["lines"]
    pairs = list(zip(raw[::2], raw[1::2]))
    assert [value for name, value in pairs if name.lower() == "x-forwarded-for"] == ["127.0.0.1"]
    assert not [pair for pair in pairs if "evil" in pair[1] or "6.6" in pair[1]]


@pytest.mark.parametrize("name", OWN_AND_MORE)
@pytest.mark.parametrize("spelling", [str, str.lower, str.upper, str.swapcase])
def test_connection_can_not_name_what_the_gateway_adds(gateway, recorder, name, spelling):
    """CVE-2021-32813, CVE-2024-45410, GHSA-92mv-8f8w-wq52: by case, and on several lines."""
    backend = recorder()
    configuration = guarded(
        backend.address,
        "group /app { strip_prefix on; route / { auth required; } }",
    ).replace("upstream backend {", "upstream backend { forwarded on;")
    edge = gateway(configuration, environment(ACCESS, REFRESH))
    headers = [
        ("Connection", f"keep-alive, {spelling(name)}"),
        ("connection", spelling(name)),
        ("CONNECTION", f"x-other,{spelling(name)} ,close"),
        (name, "forged") if name != "Host" else ("X-Other", "forged"),
    ]
    token = tokens.sign(tokens.claims(sub="ada"), ACCESS)
    answer = edge.get("/app/x", token, headers=[("Host", HOST), *headers])
    assert answer.status in (200, 400), answer
    if answer.status == 400:
        # Naming Host is naming the message's own address: refused, never sent without one.
        assert name == "Host" and not backend.heads
        return
    found = [key.decode().lower() for key, _, _ in lines(backend.head)]
    for own in OWN_AND_MORE:
        assert found.count(own.lower()) == 1, own
    assert b"forged" not in backend.head


# Trusted


@pytest.mark.parametrize(
    "chain, client",
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        (["6.6.6.6", "198.51.100.7"], "198.51.100.7"),
        (["6.6.6.6, 198.51.100.7, 10.1.1.1", "10.2.2.2"], "198.51.100.7"),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        (["198.51.100.7, nonsense, 10.1.1.1"], "10.1.1.1"),
        (["198.51.100.7, nonsense"], "127.0.0.1"),
        (["2001:db8::7"], "2001:db8::7"),
        (['[2001:db8::7]:443, 10.1.1.1'], "2001:db8::7"),
        ([], "127.0.0.1"),
    ],
)
def test_the_client_is_whom_a_trusted_proxy_names(gateway, recorder, chain, client):
    backend = recorder()
    edge = gateway(trusting(backend.address, "127.0.0.1", "10.0.0.0/8"))
    headers = [("X-Forwarded-For", line) for line in chain]
    assert edge.get("/app/x", headers=headers).status == 200
    assert told(backend.head)["x-forwarded-for"] == client
    node = f'"[{client}]"' if ":" in client else client
    assert told(backend.head)["forwarded"].startswith(f"for={node};")
    assert edge.logged(path="/app/x")["client"] == client


@pytest.mark.parametrize(
    "header, value, changed",
    [
        ("X-Forwarded-Proto", "https", {"x-forwarded-proto": "https"}),
        ("X-Forwarded-Proto", "HTTPS", {"x-forwarded-proto": "https"}),
        ("X-Forwarded-Proto", "https,http", {}),
        ("X-Forwarded-Proto", "gopher", {}),
        ("X-Forwarded-Host", "app.example:8443", {"x-forwarded-host": "app.example:8443"}),
        ("X-Forwarded-Host", "a.example, b.example", {}),
        ("X-Forwarded-Host", "user@evil.example", {}),
        ("X-Forwarded-Prefix", "/outer", {"x-forwarded-prefix": "/outer/app"}),
        ("X-Forwarded-Prefix", "//evil.example", {}),
        ("X-Forwarded-Prefix", "/a/../b", {}),
        ("X-Forwarded-Prefix", "/a\"b", {}),
        ("X-Forwarded-Port", "8443", {}),
        ("Forwarded", "for=6.6.6.6;proto=https;host=evil.example", {}),
        ("X-Real-IP", "6.6.6.6", {}),
        ("X_Forwarded_For", "6.6.6.6", {}),
    ],
)
def test_a_trusted_proxy_is_believed_in_one_good_value(gateway, recorder, header, value, changed):
    backend = recorder()
    edge = gateway(trusting(backend.address, "127.0.0.0/8"))
    assert edge.get("/app/x", headers=[("Host", HOST), (header, value)]).status == 200
    wanted = {
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-host": HOST,
        "x-forwarded-prefix": "/app",
    } | changed
    seen = told(backend.head)
    assert seen.pop("forwarded") == (
        f'for=127.0.0.1;host="{wanted["x-forwarded-host"]}";proto={wanted["x-forwarded-proto"]}'
    )
    assert seen == wanted
    # The same value twice is not one value.
    if changed:
        again = [("Host", HOST), (header, value), (header, value)]
        assert edge.get("/app/y", headers=again).status == 200
        name, own = next(iter(changed)), told(backend.heads[-1])
        assert own[name] != changed[name]


def test_flask_behind_two_proxies(gateway, links_flask_fixed):
    edge = gateway(trusting(links_flask_fixed.address, "127.0.0.1"))
    headers = [
        ("Host", "inner.example"),
        ("X-Forwarded-For", "6.6.6.6, 198.51.100.7"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example"),
        ("X-Forwarded-Prefix", "/outer"),
    ]
    seen = edge.get("/app/seen", headers=headers).json()
    assert seen["client"] == "198.51.100.7"
    assert seen["url"] == "https://shop.example/outer/app/seen"
    answer = edge.get("/app/old-external", headers=headers)
    assert answer.one("Location") == "https://shop.example/outer/app/new/"


def test_a_keepalive_connection_names_a_client_each_time(gateway, recorder):
    """Nothing of a request's claims is left for the next one."""
    backend = recorder()
    edge = gateway(trusting(backend.address, "127.0.0.1"))
    claims = [
        ("X-Forwarded-For", "198.51.100.7"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example"),
        ("X-Forwarded-Prefix", "/outer"),
    ]
    with edge.connect() as connection:
        for headers in (claims, [], claims[:1]):
            assert connection.request("GET", "/app/x", [("Host", HOST), *headers]).status == 200
    first, second, third = map(told, backend.heads)
    assert first["x-forwarded-for"] == third["x-forwarded-for"] == "198.51.100.7"
    assert second["x-forwarded-for"] == "127.0.0.1"
    assert second["x-forwarded-proto"] == third["x-forwarded-proto"] == "http"
    assert second["x-forwarded-host"] == third["x-forwarded-host"] == HOST
    assert second["x-forwarded-prefix"] == third["x-forwarded-prefix"] == "/app"


@pytest.mark.parametrize("is_trusted", [True, False])
def test_the_peers_of_a_unix_socket(gateway, recorder, is_trusted):
    backend = recorder()
    trust = "unix" if is_trusted else "10.0.0.0/8"
    edge = gateway(
        trusting(backend.address, trust).replace(
            "listen 127.0.0.1:0;", "listen 127.0.0.1:0; listen unix:client.sock;"
        )
    )
    with Connection(edge.folder / "client.sock") as connection:
        answer = connection.request("GET", "/app/x", [("X-Forwarded-For", "198.51.100.7")])
        assert answer.status == 200
    client = "198.51.100.7" if is_trusted else "unix"
    assert told(backend.head)["x-forwarded-for"] == client
    assert told(backend.head)["forwarded"].startswith(
        "for=198.51.100.7;" if is_trusted else "for=_unix;"
    )


def test_ipv6_peers(gateway, recorder):
    backend = recorder()
    edge = gateway(
        trusting(backend.address, "::1").replace("listen 127.0.0.1:0;", "listen [::1]:0;")
    )
    assert edge.get("/app/x", headers=[("X-Forwarded-For", "198.51.100.7")]).status == 200
    assert told(backend.head)["x-forwarded-for"] == "198.51.100.7"


# What rests on the client's address


def test_limits_count_the_client_and_not_the_proxy(gateway, recorder):
    limit = "limit one { key client_ip; rate 1/h; burst 1; }"
    configuration = open_to(recorder().address, "limit one;", limit + " trusted_proxies 127.0.0.1;")
    edge = gateway(configuration)

    def ask(chain):
        return edge.get("/", headers=[("X-Forwarded-For", chain)]).status

    assert [ask("198.51.100.7"), ask("198.51.100.7"), ask("6.6.6.6, 198.51.100.7")] == [200, 429, 429]
    assert ask("198.51.100.8") == 200


def test_an_untrusted_client_can_not_spread_itself(gateway, recorder):
    limit = "limit one { key client_ip; rate 1/h; burst 1; }"
    edge = gateway(open_to(recorder().address, "limit one;", limit))
    first, second = (
        edge.get("/", headers=[("X-Forwarded-For", f"198.51.100.{n}"), ("X-Real-IP", f"10.0.0.{n}")])
        for n in (1, 2)
    )
    assert (first.status, second.status) == (200, 429)


@pytest.mark.parametrize(
    "trust, chain, status",
    [
        ("", "10.1.1.1", 403),
        ("trusted_proxies 127.0.0.1;", "10.1.1.1", 200),
        ("trusted_proxies 127.0.0.1;", "10.1.1.1, 198.51.100.7", 403),
        ("trusted_proxies 127.0.0.1;", "198.51.100.7, 10.1.1.1", 200),
        ("trusted_proxies 127.0.0.1;", "nonsense", 403),
        ("trusted_proxies 192.0.2.0/24;", "10.1.1.1", 403),
    ],
)
def test_addresses_are_admitted_by_the_client(gateway, recorder, trust, chain, status):
    edge = gateway(open_to(recorder().address, "allow 10.0.0.0/8;", trust))
    answer = edge.get("/", headers=[("X-Forwarded-For", chain)])
    assert answer.status == status
    if status == 403:
        assert answer.json()["reason"] == "address_refused"


@pytest.mark.parametrize("trust", ["", "trusted_proxies 127.0.0.1;"])
def test_routes_are_chosen_by_the_request_itself(gateway, recorder, trust):
    """GHSA-vhr5-ggp3-qq85, CVE-2023-27487, GHSA-7x63-xv5r-3p2x: forwarded values choose no route."""
    inside, outside = recorder(), recorder()
    configuration = f"""{top(1)}{trust}
upstream inside {{ server {inside.address}; }}
upstream outside {{ server {outside.address}; }}
route / {{ upstream outside; auth none; }}
route /admin {{ upstream inside; auth none; allow 192.0.2.0/24; }}
group / {{ host admin.example; upstream inside; auth none; route /x {{ }} }}
"""
    edge = gateway(configuration)
    headers = [
        ("X-Forwarded-Host", "admin.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Uri", "/admin"),
        ("X-Forwarded-Prefix", "/admin"),
        ("X-Forwarded-Method", "GET"),
        ("X-Original-URL", "/admin"),
        ("X-Rewrite-URL", "/admin"),
        ("X-Envoy-Original-Path", "/admin"),
        ("Forwarded", "host=admin.example"),
    ]
    assert edge.get("/x", headers=[("Host", "shop.example"), *headers]).status == 200
    assert not inside.heads and len(outside.heads) == 1
    assert edge.get("/admin", headers=headers).status == 403


@pytest.mark.parametrize("fault", [
    "bad line",
    "Content-Length: 1\r\nTransfer-Encoding: chunked",
    "Content-Length: x",
    "Expect: wonders",
])
def test_a_malformed_request_is_logged_under_the_peer(gateway, recorder, fault):
    edge = gateway(open_to(recorder().address, "", "trusted_proxies 127.0.0.1;"))
    with edge.connect() as connection:
        connection.send(render("GET", "/first", [("X-Forwarded-For", "198.51.100.7")]))
        assert connection.read_response().status == 200
        forged = "GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\n"
        connection.send(f"{forged}{fault}\r\n\r\n".encode())
        assert connection.read_response().status in (400, 417)
    wait_until(lambda: len(edge.log_lines()) == 2, "both are logged")
    assert edge.log_lines()[0]["client"] == "198.51.100.7"
    assert edge.log_lines()[1]["client"] == "127.0.0.1"
