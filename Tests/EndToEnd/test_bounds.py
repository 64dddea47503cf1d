"""Every limit by its name: what is at the limit passes, one more is refused with its own status."""

import socket
import time

import pytest

from backends.recorder import OK, answer_all
from support import config
from support.processes import listening_socket, wait_until
from support.wire import render

SOON = 30.0


def limited(address: str, limits: str, workers: int = 1) -> str:
    return config.open_to(address, extra=f"limits {{ {limits} }}", workers=workers)


def with_upstream(address: str, settings: str, route: str = "", limits: str = "") -> str:
    return f"""{config.top(1)}
    limits {{ {limits} }}
    upstream backend {{ server {address}; {settings} }}
    route / {{ upstream backend; auth none; {route} }}
    """


def ask(edge, data: bytes, method: str = "GET") -> int:
    with edge.connect() as client:
        client.send(data)
        return client.read_response(method).status


# Sizes


def head_of(count: int) -> bytes:
    """A request head of exactly `count` bytes."""
    bare = b"GET / HTTP/1.1\r\nHost: a\r\nX-Pad: \r\n\r\n"
    return bare.replace(b"X-Pad: ", b"X-Pad: " + b"p" * (count - len(bare)))


@pytest.mark.parametrize("size, name", [(16 << 10, ""), (4096, "head 4k; target 2k;")])
def test_head(gateway, recorder, size, name):
    backend = recorder()
    edge = gateway(limited(backend.address, name))
    assert ask(edge, head_of(size)) == 200
    assert ask(edge, head_of(size + 1)) == 431
    # An empty line before the request is no part of the head, and the limit holds for each of them.
    with edge.connect() as client:
        client.send(head_of(size) + head_of(size) + head_of(size + 1))
        assert [client.read_response().status for _ in range(3)] == [200, 200, 431]
    assert len(backend.heads) == 3


@pytest.mark.parametrize("size, name", [(8 << 10, ""), (300, "target 300;")])
def test_target(gateway, recorder, size, name):
    edge = gateway(limited(recorder().address, name))
    assert edge.get("/" + "t" * (size - 1)).status == 200
    assert edge.get("/" + "t" * size).status == 414
    # The query is a part of it; so is the authority of an absolute one.
    assert edge.get("/?" + "t" * (size - 2)).status == 200
    assert edge.get("/?" + "t" * (size - 1)).status == 414


@pytest.mark.parametrize("count, name", [(100, ""), (12, "fields 12;")])
def test_fields(gateway, recorder, count, name):
    edge = gateway(limited(recorder().address, name))

    def request(fields: int) -> bytes:
        lines = "".join(f"X-{n}: 1\r\n" for n in range(fields - 1))
        return f"GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()

    assert ask(edge, request(count)) == 200
    assert ask(edge, request(count + 1)) == 431


@pytest.mark.parametrize("size, name", [(32 << 10, ""), (2048, "response_head 2k;")])
def test_response_head(gateway, recorder, size, name):
    def script(peer):
        while True:
            head = peer.read_head()
            wanted = size + (b"/more " in head)
            bare = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Pad: \r\n\r\n"
            pad = b"X-Pad: " + b"p" * (wanted - len(bare))
            peer.send(bare.replace(b"X-Pad: ", pad) + b"ok")

    edge = gateway(limited(recorder(script).address, name))
    assert edge.get("/").status == 200
    assert edge.get("/more").status == 502


@pytest.mark.parametrize(
    "size, limits, route",
    [
        (10 << 20, "", ""),
        (1000, "body 1000;", ""),
        (500, "body 1000;", "limits { body 500; }"),
        (2000, "body 1000;", "limits { body 2000; }"),
    ],
    ids=["default", "top", "smaller on the route", "larger on the route"],
)
def test_body(gateway, recorder, size, limits, route):
    edge = gateway(with_upstream(recorder().address, "", route, limits))
    for extra, status in ((0, 200), (1, 413)):
        body = b"x" * (size + extra)
        assert edge.post("/", body).status == status
        with edge.connect() as client:
            client.send(render("POST", "/", [("Transfer-Encoding", "chunked")]))
            client.send(b"%x\r\n%b\r\n" % (size // 2, body[: size // 2]))
            rest = body[size // 2 :]
            client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest))
            assert client.read_response("POST").status == status


def test_body_off(gateway, recorder):
    edge = gateway(with_upstream(recorder().address, "", "limits { body off; }", "body 1000;"))
    assert edge.post("/", b"x" * (11 << 20)).status == 200


def chunked(*parts: bytes) -> bytes:
    return render("POST", "/", [("Transfer-Encoding", "chunked")]) + b"".join(parts)


FIXED = [
    ("method", b"M" * 32 + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ("method + 1", b"M" * 33 + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    (
        "connection options",
        render("GET", "/", [("Connection", ",".join(f"x{n}" for n in range(16)))]),
        200,
    ),
    (
        "connection options + 1",
        render("GET", "/", [("Connection", ",".join(f"x{n}" for n in range(17)))]),
        400,
    ),
    ("chunk size digits", chunked(b"000000000000003\r\nabc\r\n0\r\n\r\n"), 200),
    ("chunk size digits + 1", chunked(b"0000000000000003\r\nabc\r\n0\r\n\r\n"), 400),
    ("chunk extension", chunked(b"3;" + b"e" * 255 + b"\r\nabc\r\n0\r\n\r\n"), 200),
    ("chunk extension + 1", chunked(b"3;" + b"e" * 256 + b"\r\nabc\r\n0\r\n\r\n"), 400),
    (
        "trailer fields",
        chunked(b"1\r\na\r\n0\r\n", *(b"X-%d: 1\r\n" % n for n in range(16)), b"\r\n"),
        200,
    ),
    (
        "trailer fields + 1",
        chunked(b"1\r\na\r\n0\r\n", *(b"X-%d: 1\r\n" % n for n in range(17)), b"\r\n"),
        431,
    ),
    ("trailers", chunked(b"0\r\nX: " + b"t" * 4089 + b"\r\n\r\n"), 200),
    ("trailers + 1", chunked(b"0\r\nX: " + b"t" * 4094 + b"\r\n\r\n"), 431),
]


@pytest.mark.parametrize("data, status", [row[1:] for row in FIXED], ids=[row[0] for row in FIXED])
def test_what_no_configuration_changes(gateway, recorder, data, status):
    edge = gateway(limited(recorder().address, ""))
    assert ask(edge, data, "POST") == status


def test_attempts(gateway, recorder):
    """Three servers are asked, not a fourth."""

    def nobody() -> str:
        with listening_socket() as listener:
            return f"127.0.0.1:{listener.getsockname()[1]}"

    backend = recorder()
    for down, status in ((2, 200), (3, 502)):
        servers = "; server ".join([nobody() for _ in range(down)] + [backend.address])
        edge = gateway(config.open_to(servers, workers=1))
        assert edge.get("/").status == status


@pytest.mark.parametrize("kept", [1, 3])
def test_keepalive(gateway, recorder, kept):
    """Of five connections that were used at once so many are kept, the others closed."""
    ended = []

    def script(peer):
        peer.read_head()
        wait_until(lambda: len(backend.heads) == 5, "five requests at once")
        peer.send(OK)
        peer.wait_for_end()
        ended.append(time.monotonic())

    backend = recorder(script)
    edge = gateway(with_upstream(backend.address, f"keepalive {kept}; keepalive_timeout 1h;"))
    clients = [edge.connect() for _ in range(5)]
    for client in clients:
        client.send(render("GET", "/"))
    for client in clients:
        assert client.read_response().status == 200
    wait_until(lambda: len(ended) == 5 - kept, f"{5 - kept} are closed")
    for client in clients:
        client.close()
    time.sleep(0.3)
    assert len(ended) == 5 - kept


# Times: half of the limit passes, past it is refused


def test_head_timeout(gateway, recorder):
    """From the first byte to the end of the head, whatever trickles in; silence before it is free."""
    edge = gateway(limited(recorder().address, "head_timeout 2s; idle_timeout 1h;"))
    with edge.connect() as client:
        assert client.request("GET", "/").status == 200
        for _ in range(2):
            time.sleep(1.2)  # idle; with the head below more than the limit
            for piece in (b"GET / HT", b"TP/1.1\r\nHo", b"st: a\r\n\r\n"):
                client.send(piece)
                time.sleep(0.4)
            assert client.read_response().status == 200
        begun = time.monotonic()
        client.socket.settimeout(0.2)
        sent = b""
        while time.monotonic() - begun < SOON:
            try:
                client.send(b"G" if not sent else b"E")
                sent += b"."
                client.pending += client.socket.recv(1)
                break
            except TimeoutError:
                continue
        client.socket.settimeout(SOON)
        assert client.read_response().status == 408
        assert 2 <= time.monotonic() - begun < SOON / 2
        assert client.is_closed()


def test_idle_timeout(gateway, recorder):
    edge = gateway(limited(recorder().address, "idle_timeout 2s;"))
    with edge.connect() as client:
        for _ in range(3):
            assert client.request("GET", "/").status == 200
            time.sleep(1)
        assert client.is_open()
        begun = time.monotonic()
        assert client.is_closed(), "without a word"
        assert time.monotonic() - begun < SOON / 2


def test_body_timeout(gateway, recorder):
    edge = gateway(limited(recorder().address, "body_timeout 2s; body_rate off;"))
    with edge.connect() as client:
        client.send(render("POST", "/", [("Content-Length", "4")]))
        for _ in range(4):
            time.sleep(0.8)
            client.send(b"x")
        assert client.read_response("POST").status == 200
        client.send(render("POST", "/", [("Content-Length", "4")]) + b"xxx")
        assert client.read_response("POST").status == 408
        assert client.is_closed()


def after(seconds: float):
    def script(peer):
        while True:
            head = peer.read_head()
            peer.read_body(head)
            time.sleep(seconds if b"/late" in head else 0.4)
            peer.send(OK)

    return script


@pytest.mark.parametrize(
    "settings, route",
    [
        ("response_timeout 2s;", ""),
        ("response_timeout 1h;", "limits { timeout 2s; }"),
        ("response_timeout 1s;", "limits { timeout 2s; }"),
    ],
    ids=["upstream", "sooner on the route", "later on the route"],
)
def test_response_timeout(gateway, recorder, settings, route):
    edge = gateway(with_upstream(recorder(after(5)).address, settings, route))
    assert edge.get("/").status == 200
    assert edge.get("/late").status == 504
    assert edge.post("/late", b"body").status == 504


def test_response_timeout_counts_from_the_end_of_the_request(gateway, recorder):
    edge = gateway(with_upstream(recorder(after(0.4)).address, "response_timeout 2s;"))
    with edge.connect() as client:
        client.send(render("POST", "/", [("Content-Length", "30")]))
        for _ in range(30):
            time.sleep(0.1)
            client.send(b"x")
        assert client.read_response("POST").status == 200


def test_read_timeout(gateway, recorder):
    def script(peer):
        while True:
            head = peer.read_head()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            for number in range(4):
                time.sleep(5 if b"/late" in head and number == 2 else 0.8)
                peer.send(b"x")

    edge = gateway(with_upstream(recorder(script).address, "read_timeout 2s;"))
    assert edge.get("/").body == b"xxxx"
    with edge.connect() as client:
        client.send(render("GET", "/late"))
        assert client.read_head().status == 200
        with pytest.raises((AssertionError, ConnectionResetError)):
            client.exactly(4)


def test_connect_timeout(gateway):
    """A server whose queue is full answers no SYN: 504, not 502."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        time.sleep(0.2)
        address = f"127.0.0.1:{full.getsockname()[1]}"
        edge = gateway(with_upstream(address, "connect_timeout 500ms;"))
        begun = time.monotonic()
        assert edge.get("/").status == 504
        assert 0.5 <= time.monotonic() - begun < SOON
        for filler in fillers:
            filler.close()


def test_total_timeout(gateway, recorder):
    """The whole exchange, busy or not; between two of them the clock stands still."""

    def script(peer):
        while True:
            head = peer.read_head()
            if b"/stream" not in head:
                time.sleep(5 if b"/late" in head else 0.8)
                peer.send(OK)
                continue
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(1000):
                peer.send(b"x")
                time.sleep(0.1)

    edge = gateway(limited(recorder(script).address, "total_timeout 2s;"))
    with edge.connect() as client:
        for _ in range(4):
            assert client.request("GET", "/").status == 200
    assert edge.get("/late").status == 504
    with edge.connect() as client:
        client.send(render("GET", "/stream"))
        assert client.read_head().status == 200
        begun = time.monotonic()
        with pytest.raises((AssertionError, ConnectionResetError)):
            client.exactly(1000)
        assert time.monotonic() - begun < SOON / 2


def test_send_timeout(gateway, recorder):
    """What was not read is waited for so long; whoever reads on gets all."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n" + b"z" * 8_000_000
    edge = gateway(limited(recorder(answer_all(answer)).address, "send_timeout 2s;"))
    with edge.connect() as client:
        client.send(render("GET", "/"))
        time.sleep(0.8)
        assert len(client.read_response().body) == 8_000_000
        client.send(render("GET", "/still"))
        wait_until(lambda: edge.logged(path="/still"), "it is cut off")
    assert edge.logged(path="/still")["reason"] == "send_timeout"
