"""Location, Content-Location and cookie paths behind a stripped prefix, with real backends: apps that
know nothing of a proxy, and apps that write the prefix themselves. A browser must end up on the page
either way."""

from urllib.parse import quote, urljoin, urlsplit

import pytest

from support.config import HOST, behind, top
from support.wire import render

def follow(edge, target: str, steps: int = 5):
    """Follows redirects as a browser would, on our own host only."""
    for _ in range(steps):
        answer = edge.get(target, headers=[("Host", HOST)])
        if answer.status < 300 or answer.status >= 400:
            return target, answer
        url = urljoin(f"http://{HOST}{target}", answer.one("Location"))
        assert urlsplit(url).netloc == HOST, url
        target = urlsplit(url).path + ("?" + urlsplit(url).query if urlsplit(url).query else "")
    raise AssertionError(f"more than {steps} redirects")


FLASKS = pytest.mark.parametrize("kind", ["links_flask", "links_flask_fixed"])
FASTAPIS = pytest.mark.parametrize("kind", ["links_fastapi", "links_fastapi_rooted"])


@FLASKS
@pytest.mark.parametrize("path", ["/old", "/old-external", "/new"])
def test_flask_redirects_arrive(gateway, request, kind, path):
    edge = gateway(behind(request.getfixturevalue(kind).address))
    target, answer = follow(edge, "/app" + path)
    assert answer.status == 200 and answer.json() == {"page": "new"}
    assert target.split("?")[0] == "/app/new/"


@FLASKS
def test_flask_names_what_it_made(gateway, request, kind):
    edge = gateway(behind(request.getfixturevalue(kind).address))
    answer = edge.post("/app/items")
    assert answer.status == 201
    assert answer.one("Location") == "/app/items/7"
    assert answer.one("Content-Location") == "/app/items/7"


@FLASKS
def test_flask_leads_elsewhere_untouched(gateway, request, kind):
    edge = gateway(behind(request.getfixturevalue(kind).address))
    assert edge.get("/app/away").one("Location") == "https://elsewhere.example/x"


@FLASKS
def test_flask_cookies_come_back(gateway, request, kind):
    edge = gateway(behind(request.getfixturevalue(kind).address))
    answer = edge.get("/app/login")
    assert answer.one("Location") == "/app/account"
    cookies = {line.split("=")[0]: line for line in answer.all("Set-Cookie")}
    assert "; Path=/app/account" in cookies["theme"]
    assert "; HttpOnly" in cookies["theme"]
    assert cookies["everywhere"] == "everywhere=1; Path=/app"
    assert cookies["session"].endswith("; Path=/app")
    assert cookies["bare"] == "bare=1"
    sent = "; ".join(cookies[name].split(";")[0] for name in ("session", "theme"))
    assert edge.get("/app/account", headers=[("Cookie", sent)]).json() == {
        "user": "ada",
        "theme": "dark",
    }


def test_flask_behind_proxyfix_knows_where_it_is(gateway, links_flask_fixed):
    edge = gateway(behind(links_flask_fixed.address))
    seen = edge.get("/app/seen?x=1", headers=[("Host", HOST)]).json()
    assert seen["root"] == "/app"
    assert seen["url"] == f"http://{HOST}/app/seen?x=1"
    assert (seen["client"], seen["scheme"], seen["host"]) == ("127.0.0.1", "http", HOST)


@FASTAPIS
@pytest.mark.parametrize("path", ["/old", "/old-named", "/new", "/login"])
def test_fastapi_redirects_arrive(gateway, request, kind, path):
    edge = gateway(behind(request.getfixturevalue(kind).address))
    target, answer = follow(edge, "/app" + path)
    assert answer.status == 200 and answer.json() == {"page": "new"}
    assert target == "/app/new/"


@FASTAPIS
def test_fastapi_cookies_follow(gateway, request, kind):
    edge = gateway(behind(request.getfixturevalue(kind).address))
    cookie = edge.get("/app/login").one("Set-Cookie")
    assert "; Path=/app;" in cookie + ";"


def say(edge, *headers, target="/app/say", host=HOST):
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in headers)
    answer = edge.get(f"{target}?{query}", headers=[("Host", host)])
    assert answer.status == 302, answer
    return answer


@pytest.mark.parametrize(
    "location, wanted",
    [
        ("/x?y=/z#w", "/app/x?y=/z#w"),
        ("/", "/app/"),
        ("/app/x", "/app/x"),
        ("/app", "/app"),
        ("/application", "/app/application"),
        ("http://$HOST/x", f"http://{HOST}/app/x"),
        ("HTTP://$HOST", f"HTTP://{HOST}/app"),
        ("http://$HOST/app/x", f"http://{HOST}/app/x"),
        ("https://$HOST/x", f"https://{HOST}/x"),
        ("http://shop.example/x", "http://shop.example/x"),
        ("//$HOST/x", f"//{HOST}/x"),
        ("//evil.example/x", "//evil.example/x"),
        ("http://evil.example/x", "http://evil.example/x"),
        ("x", "x"),
        ("../x", "../x"),
        ("?y", "?y"),
    ],
)
def test_node_locations_follow(gateway, links_node, location, wanted):
    edge = gateway(behind(links_node.address))
    assert say(edge, ("Location", location)).one("Location") == wanted
    assert say(edge, ("Content-Location", location)).one("Content-Location") == wanted


def test_several_cookies_each_follow(gateway, links_node):
    edge = gateway(behind(links_node.address))
    answer = say(
        edge,
        ("Set-Cookie", "a=1; Path=/"),
        ("set-cookie", "b=2; secure; PATH=/x; SameSite=None"),
        ("Set-Cookie", "c=3; HttpOnly"),
        ("Set-Cookie", 'd=4; Path="/x"'),
        ("Set-Cookie", "__Host-e=5; Path=/; Secure"),
        ("Set-Cookie", "f=6; path=/app/deep"),
        ("X-Path", "/x"),
    )
    assert answer.all("Set-Cookie") == [
        "a=1; Path=/app",
        "b=2; secure; PATH=/app/x; SameSite=None",
        "c=3; HttpOnly",
        'd=4; Path="/x"',
        "__Host-e=5; Path=/; Secure",
        "f=6; path=/app/deep",
    ]
    assert answer.one("X-Path") == "/x"


def test_without_a_stripped_prefix_nothing_changes(gateway, recorder):
    lines = b"Location: /x\r\nContent-Location: /y\r\nSet-Cookie: a=1; Path=/\r\n"

    def script(peer):
        while True:
            peer.read_head()
            peer.send(b"HTTP/1.1 302 Found\r\n" + lines + b"Content-Length: 0\r\n\r\n")

    backend = recorder(script)
    edge = gateway(behind(backend.address))
    plain, stripped = edge.get("/plain/x"), edge.get("/app/x")
    assert plain.one("Location") == "/x" and stripped.one("Location") == "/app/x"
    assert plain.one("Content-Location") == "/y" and stripped.one("Content-Location") == "/app/y"
    assert plain.one("Set-Cookie") == "a=1; Path=/"
    assert stripped.one("Set-Cookie") == "a=1; Path=/app"


def test_the_backends_inner_name_stays_inside(gateway, links_node):
    edge = gateway(behind(links_node.address, upstream="upstream_host inner.example:5000;"))
    assert say(edge, ("Location", "http://inner.example:5000/x?y")).one("Location") == "/app/x?y"
    assert say(edge, ("Location", f"http://{HOST}/x")).one("Location") == f"http://{HOST}/app/x"


def test_a_trusted_proxys_prefix_and_name_are_followed(gateway, links_node):
    edge = gateway(behind(links_node.address, "trusted_proxies 127.0.0.1;"))
    told = [
        ("Host", "inner.example"),
        ("X-Forwarded-Host", "shop.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Prefix", "/outer"),
    ]
    for location, wanted in [
        ("/x", "/outer/app/x"),
        ("/outer/app/x", "/outer/app/x"),
        ("/app/x", "/outer/app/x"),
        ("https://shop.example/x", "https://shop.example/outer/app/x"),
        ("http://inner.example/x", "http://inner.example/outer/app/x"),
        ("https://evil.example/x", "https://evil.example/x"),
    ]:
        answer = edge.get("/app/say?Location=" + quote(location, safe=""), headers=told)
        assert answer.one("Location") == wanted


def test_a_head_that_grows_too_large_is_the_backends_fault(gateway, recorder):
    """Each cookie grows by the prefix: an answer that fits may not fit any more, and is then 502."""
    line = b"Set-Cookie: a=1; Path=/;Path=/;Path=/;Path=/;Path=/;Path=/;Path=/;Path=/;Path=/\r\n"

    def script(peer):
        while True:
            peer.read_head()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + line * 90 + b"\r\n")

    prefix = "/" + "p" * 400
    configuration = f"""{top(1)}
upstream app {{ server {recorder(script).address}; }}
group {prefix} {{ upstream app; auth none; strip_prefix on; route / {{ }} }}
route /plain {{ upstream app; auth none; }}
"""
    edge = gateway(configuration)
    assert edge.get("/plain").status == 200
    assert edge.get(prefix + "/x").status == 502
    assert edge.get("/plain").status == 200


@pytest.mark.parametrize(
    "rest",
    [
        "/..",
        "/../x",
        "/x/..",
        "/x/../..",
        "/%2e%2e/x",
        "/.%2E/x",
        "/x%2f..",
        "/..%2fx",
        "//x",
        "/%2fx",
        "/\\x",
        "/%5cx",
        "/;/x",
        "/..;/x",
        "/.",
        "/./x",
        "\\..\\x",
        "%2f..",
    ],
)
def test_what_is_left_of_a_stripped_path_is_clean(gateway, recorder, rest):
    """CVE-2026-48020: a stripped prefix left `/..`; CVE-2026-40912: measured on the decoded path."""
    backend = recorder()
    edge = gateway(behind(backend.address))
    answer = edge.get("/app" + rest)
    assert answer.status in (400, 404), answer
    assert not backend.heads


@pytest.mark.parametrize(
    "path, wanted",
    [("/app", "/"), ("/app/", "/"), ("/app?x", "/?x"), ("/app/x%2Fy", "/x%2Fy"), ("/app/a//b", "/a//b")],
)
def test_a_stripped_path_begins_with_one_slash(gateway, recorder, path, wanted):
    backend = recorder()
    edge = gateway(behind(backend.address))
    assert edge.get(path).status == 200
    assert backend.head.split(b" ")[1] == wanted.encode()


def test_absolute_form_is_stripped_too(gateway, recorder):
    backend = recorder()
    edge = gateway(behind(backend.address))
    with edge.connect() as connection:
        connection.send(render("GET", f"http://{HOST}/app/x", host=HOST))
        assert connection.read_response().status == 200
    assert backend.head.split(b" ")[1] == b"/x"
