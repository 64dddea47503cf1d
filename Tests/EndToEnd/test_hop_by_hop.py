"""What concerns one connection ends there (RFC 9110 §7.6.1): line by line, in both directions."""

import pytest

from backends.raw import HOST, Play, Seen, seen
from support.stand import Stand

TRAILERS = (b"TE: trailers", b"Connection: TE")
"""The one field of a hop that the gateway says anew: trailers pass, so both hops can have them."""

# name, lines of the request, those of them that the backend sees
REQUESTS = [
    ("keep-alive", [b"Connection: keep-alive", b"Keep-Alive: timeout=5"], []),
    ("Keep-Alive that nobody named", [b"Keep-Alive: timeout=5, max=100"], []),
    ("one name", [b"Connection: X-Hop", b"X-Hop: 1", b"X-End: 2"], [b"X-End: 2"]),
    ("a name before the option", [b"X-Hop: 1", b"Connection: X-Hop"], []),
    ("every line of a name", [b"X-Hop: 1", b"Connection: x-hop", b"x-HOP: 2", b"X-Hop: 3"], []),
    ("case", [b"cOnNeCtIoN: x-HOP", b"X-Hop: 1"], []),
    ("a list", [b"Connection: a,b ,\tc", b"A: 1", b"B: 2", b"C: 3", b"D: 4"], [b"D: 4"]),
    ("empty elements", [b"Connection: ,, X-Hop ,,", b"X-Hop: 1"], []),
    ("several lines", [b"Connection: a", b"Connection: b", b"A: 1", b"B: 2", b"C: 3"], [b"C: 3"]),
    ("a line between", [b"Connection: a", b"C: 3", b"connection: b", b"B: 2"], [b"C: 3"]),
    ("an empty line", [b"Connection:", b"X-End: 1"], [b"X-End: 1"]),
    ("a name that is not there", [b"Connection: X-Nothing", b"X-End: 1"], [b"X-End: 1"]),
    ("no prefix", [b"Connection: X-Ho", b"X-Hop: 1"], [b"X-Hop: 1"]),
    ("no alias", [b"Connection: X_Hop", b"X-Hop: 1"], [b"X-Hop: 1"]),
    ("itself", [b"Connection: connection", b"X-End: 1"], [b"X-End: 1"]),
    ("Proxy-", [b"Proxy-Connection: keep-alive", b"proxy-anything: 1", b"Proxy: x"], []),
    ("Proxy-Authorization", [b"Proxy-Authorization: Basic x"], []),
    ("Proxy-Authenticate", [b"Proxy-Authenticate: Basic"], []),
    ("another family", [b"Proxied: 1"], [b"Proxied: 1"]),
    ("TE", [b"TE: gzip, deflate;q=0.5"], []),
    ("TE that Connection names", [b"Connection: TE", b"TE: gzip"], []),
    ("TE: trailers", [b"Connection: TE", b"TE: trailers"], TRAILERS),
    ("TE: trailers among others", [b"TE: gzip;q=0.5, Trailers", b"TE: deflate"], TRAILERS),
    ("TE: trailers in a second line", [b"TE: gzip", b"te: trailers"], TRAILERS),
    ("TE with a weight is another", [b"TE: trailers2, xtrailers"], []),
    ("Trailer goes on", [b"Connection: trailer", b"Trailer: X-Sum"], [b"Trailer: X-Sum"]),
    ("Upgrade", [b"Upgrade: foo/2"], []),
    ("Upgrade that is asked for", [b"Connection: upgrade", b"Upgrade: foo/2, bar"], []),
    ("Host", [b"Connection: host"], []),
    ("names of the gateway", [b"Connection: x-forwarded-for, X-Forwarded-Host, x-request-id"], []),
    ("Via passes", [b"Via: 1.1 other"], [b"Via: 1.1 other"]),
    (
        "what nobody may drop",
        [b"Connection: content-type", b"Content-Type: a/b"],
        [b"Content-Type: a/b"],
    ),
    ("nor this", [b"Connection: Origin", b"Origin: http://a.test"], [b"Origin: http://a.test"]),
    (
        "as many as are allowed",
        [b"Connection: " + b",".join(b"x%d" % n for n in range(16)), b"X0: 1", b"X15: 1"],
        [],
    ),
]

# name, lines of the answer, those of them that the client sees
ANSWERS = [
    ("keep-alive", [b"Connection: keep-alive", b"Keep-Alive: timeout=5"], []),
    ("one name", [b"Connection: X-Hop", b"X-Hop: 1", b"X-End: 2"], [b"X-End: 2"]),
    ("case and lists", [b"connection: x-HOP,y", b"X-Hop: 1", b"Y: 2", b"x-hop: 3"], []),
    ("several lines", [b"Connection: a", b"Connection: b", b"A: 1", b"B: 2", b"C: 3"], [b"C: 3"]),
    ("Proxy-", [b"Proxy-Connection: close", b"Proxy-Authenticate: Basic"], []),
    ("Upgrade", [b"Upgrade: h2c", b"Connection: upgrade"], []),
    ("TE", [b"TE: trailers"], []),
    (
        "cookies",
        [b"Connection: set-cookie", b"Set-Cookie: a=b", b"Set-Cookie: c=d"],
        [b"Set-Cookie: a=b", b"Set-Cookie: c=d"],
    ),
    (
        "what a browser needs",
        [b"Connection: access-control-allow-origin, vary, location", b"Vary: a", b"Location: /x"],
        [b"Vary: a", b"Location: /x"],
    ),
    ("Trailer goes on", [b"Trailer: X-Sum"], [b"Trailer: X-Sum"]),
    ("Via passes", [b"Via: 1.1 inner"], [b"Via: 1.1 inner"]),
]


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    made = Stand(tmp_path_factory.mktemp("hop-by-hop"))
    yield made
    made.stop()


def ask(stand, *lines: bytes):
    """One request of these lines, and one behind it on the same connection."""
    stand.backend.forget()
    with stand.edge.connect() as client:
        client.send(b"\r\n".join([b"GET /p HTTP/1.1", HOST, *lines, b"", b""]))
        answer = client.read_response()
        if "close" not in (answer.one("Connection") or ""):
            assert client.request("GET", "/next").body == b"/next|"
    return answer


@pytest.mark.parametrize("name, lines, kept", REQUESTS, ids=[row[0] for row in REQUESTS])
def test_a_request_leaves_its_hop_behind(stand, name, lines, kept):
    assert ask(stand, *lines).status == 200
    got = [seen(message) for message in stand.backend.requests()]
    assert got == [Seen(b"GET /p HTTP/1.1", (HOST, *kept)), Seen(b"GET /next HTTP/1.1", (HOST,))]
    for message in stand.backend.requests():
        for own in (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-request-id"):
            assert len(message.all(own)) == 1, own


@pytest.mark.parametrize("order", ["client first", "option first"])
def test_close_is_the_clients_own(stand, order):
    """A client's `close` ends its connection and not the upstream one."""
    stand.others(1)
    stand.backend.forget()
    lines = [b"Connection: close, X-Hop", b"X-Hop: 1"]
    if order == "client first":
        lines.reverse()
    answer = ask(stand, *lines)
    assert answer.one("Connection") == "close"
    stand.others(1)
    assert len(stand.backend.lines) == 1
    assert seen(stand.backend.requests()[0]) == Seen(b"GET /p HTTP/1.1", (HOST,))


@pytest.mark.parametrize("name, lines, kept", ANSWERS, ids=[row[0] for row in ANSWERS])
def test_an_answer_leaves_its_hop_behind(stand, name, lines, kept):
    data = b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"Content-Length: 2", b"", b"ok"])
    stand.backend.plays = {"0": Play(data)}
    with stand.edge.connect() as client:
        answer = client.request("GET", "/play/0/whole")
        assert client.request("GET", "/next").body == b"/next|"
    got = [f"{name}: {value}".encode() for name, value in answer.headers]
    assert got == [*kept, b"Content-Length: 2"]


def test_an_interim_answer_leaves_its_hop_behind(stand):
    early = b"HTTP/1.1 103 Early Hints\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
    final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    stand.backend.plays = {"0": Play(early + b"Link: </a>\r\n\r\n" + final)}
    with stand.edge.connect() as client:
        answer = client.request("GET", "/play/0/whole")
    assert [one.headers for one in answer.interim] == [[("Link", "</a>")]]


@pytest.mark.parametrize("then", ["keep", "close"])
def test_the_upstreams_close_is_its_own(stand, then):
    """It ends the upstream connection after the answer; the client's stays."""
    data = b"HTTP/1.1 200 OK\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok"
    stand.backend.plays = {"0": Play(data, then)}
    stand.backend.forget()
    with stand.edge.connect() as client:
        answer = client.request("GET", "/play/0/whole")
        assert answer.headers == [("Content-Length", "2")]
        assert client.request("GET", "/next").body == b"/next|"
    assert [len(line.requests) for line in stand.backend.lines if line.plays] == [1]
