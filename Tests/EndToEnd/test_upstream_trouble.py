"""Upstreams that are down, silent, slow or wrong: 502 and 504, never a hang, never garbage passed on."""

import socket
from contextlib import ExitStack

import pytest

from backends.recorder import OK
from support import config
from support.processes import listening_socket, wait_until
from support.wire import render


def closed_port() -> str:
    """An address where nothing listens: a port the system just gave and took back."""
    with listening_socket() as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def test_an_upstream_that_is_down_is_502(gateway):
    edge = gateway(config.open_to(closed_port()))
    with edge.connect() as client:
        answer = client.request("GET", "/")
        assert answer.status == 502
        assert client.request("GET", "/").status == 502
    line = edge.logged(status=502)
    assert line["path"] == "/"


def test_an_upstream_that_comes_up_is_used(gateway, recorder):
    edge_down = gateway(config.open_to(closed_port()))
    assert edge_down.get("/").status == 502
    backend = recorder()
    edge = gateway(config.open_to(f"{closed_port()}; server {backend.address}"))
    # Two servers, one of them down: a connection that was refused is tried on the other one.
    assert {edge.get(f"/{n}").status for n in range(8)} == {200}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_the_body_for_an_upstream_that_can_not_be_reached_is_no_request(gateway, method, coding):
    """The whole body waited for the connection and was taken back for a second attempt, for which
    there is no server."""
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        # The kernel answers no further connection than these.
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        edge = gateway(f"""{config.top(workers=1)}
            upstream full {{ server 127.0.0.1:{server.getsockname()[1]}; connect_timeout 1s; }}
            route / {{ upstream full; auth none; }}
            route /here {{ respond 200 here; auth none; }}
            """)
        with edge.connect() as client:
            if coding == "length":
                client.send(render(method, "/", body=smuggled))
            else:
                head = render(method, "/", [("Transfer-Encoding", "chunked")])
                client.send(head + b"%x\r\n" % len(smuggled) + smuggled + b"\r\n0\r\n\r\n")
            assert client.read_response().status == 504
            answer = client.request("GET", "/here")
            assert (answer.status, answer.body) == (200, b"here")
    wait_until(lambda: len(edge.log_lines()) == 2, "both are logged")
    assert [line["path"] for line in edge.log_lines()] == ["/", "/here"]


def test_an_upstream_that_is_silent_is_504(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.wait_for_end()

    backend = recorder(script)
    edge = gateway(f"""{config.top()}
        upstream backend {{ server {backend.address}; response_timeout 1s; }}
        route / {{ upstream backend; auth none; }}
        """)
    with edge.connect() as client:
        assert client.request("GET", "/").status == 504
    assert edge.logged(status=504)
    assert len(backend.heads) == 1, "a silent upstream is not asked twice"


@pytest.mark.parametrize("step", [25, 1000, 100_000])
def test_a_server_may_say_many_times_that_it_is_at_work(gateway, recorder, step):
    """More interim answers than a buffer holds, and a final head as long as one may be."""
    interim = b"HTTP/1.1 102 Processing\r\n\r\n"
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 900) for number in range(15))
    final = b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 2\r\n\r\nok"

    def script(peer):
        peer.read_head()
        peer.send_slowly(interim * 8_000 + final, step)

    edge = gateway(f"""{config.top()}
        upstream backend {{ server {recorder(script).address}; response_timeout 10s; }}
        route / {{ upstream backend; auth none; }}
        """)
    with edge.connect() as client:
        answer = client.request("GET", "/")
        assert answer.status == 200 and answer.body == b"ok"
        assert {one.status for one in answer.interim} == {102}


WRONG = [
    ("garbage", b"\x00\x01\x02 not http\r\n\r\n"),
    ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("a bad status", b"HTTP/1.1 20 OK\r\n\r\n"),
    ("a status of letters", b"HTTP/1.1 abc OK\r\n\r\n"),
    ("another version", b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    ("a folded line", b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok"),
    ("a space before the colon", b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"),
    ("NUL in a value", b"HTTP/1.1 200 OK\r\nX-A: \x00\r\nContent-Length: 2\r\n\r\nok"),
    (
        "bare CR in a value",
        b"HTTP/1.1 200 OK\r\nX-A: 1\rSet-Cookie: a\r\nContent-Length: 2\r\n\r\nok",
    ),
    ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk"),
    (
        "length and chunked",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("a bad length", b"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok"),
    ("an unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok"),
    ("a head over the limit", b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100000 + b"\r\n\r\n"),
    ("an endless head", b"HTTP/1.1 200 OK\r\n" + b"X-A: a\r\n" * 50000),
    ("nothing", b""),
    ("half a head", b"HTTP/1.1 200 OK\r\nContent-"),
    (
        "a switch of protocols nobody asked for",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ),
]


@pytest.mark.parametrize("data", [row[1] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_answer_is_502_and_never_forwarded(gateway, recorder, data):
    def script(peer):
        peer.read_head()
        peer.send(data)

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        answer = client.request("GET", "/")
        assert answer.status == 502, answer
        assert client.request("GET", "/").status == 502
    assert len(backend.peers) >= 2, "the connection of a wrong answer is used again"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
EVENTS = b"Content-Type: text/event-stream\r\n"
WRONG_BODIES = {
    "a bad chunk": CHUNKED + b"\r\nxyz\r\nok\r\n0\r\n\r\n",
    "a bad chunk of events": CHUNKED + EVENTS + b"\r\n2\r\nok\r\nxyz\r\n",
    "a bad trailer": CHUNKED + b"\r\n2\r\nok\r\n0\r\nX-A\r\n\r\n",
}


@pytest.mark.parametrize("data", WRONG_BODIES.values(), ids=WRONG_BODIES)
def test_a_wrong_body_that_came_with_its_head_is_502(gateway, recorder, data):
    """Nothing of it had left. Like an answer that is cut, it is the connection's last."""

    def script(peer):
        peer.read_head()
        peer.send(data)

    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as client:
        assert client.request("GET", "/").status == 502
        assert client.is_closed()


def test_an_upstream_that_resets_is_502(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.reset()

    edge = gateway(config.open_to(recorder(script).address))
    assert edge.get("/").status == 502
    assert edge.post("/", b"body").status == 502


def test_a_post_is_not_sent_twice(gateway, recorder):
    """The first connection serves one request and dies under the second one, which it has read."""

    def script(peer):
        peer.read_head()
        peer.send(OK)
        head = peer.read_head()
        peer.read_body(head)

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address, workers=1))
    with edge.connect() as client:
        assert client.request("GET", "/first").status == 200
        assert client.request("POST", "/second", body=b"money").status == 502
    posts = [head for head in backend.heads if head.startswith(b"POST")]
    assert len(posts) == 1


def test_a_get_on_a_connection_that_died_is_tried_again(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.send(OK)
        if peer.number == 0:
            peer.read_head()  # taken, never answered
            return
        peer.wait_for_end()

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address, workers=1))
    with edge.connect() as client:
        assert client.request("GET", "/first").status == 200
        assert client.request("GET", "/second").status == 200
    assert len(backend.peers) == 2


def test_bytes_behind_an_answer_do_not_answer_the_next_request(gateway, recorder):
    def script(peer):
        while True:
            peer.read_head()
            peer.send(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")

    edge = gateway(config.open_to(recorder(script).address, workers=1))
    with edge.connect() as client:
        for _ in range(5):
            answer = client.request("GET", "/")
            assert answer.status in (200, 502)
            assert b"poison" not in answer.body


def test_a_client_that_leaves_during_the_answer_harms_nobody(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                peer.send(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        except OSError:
            pass

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address))
    for _ in range(5):
        with edge.connect() as client:
            client.send(render("GET", "/"))
            client.read_head()
    backend.threads[-1].join(60)
    assert not backend.threads[-1].is_alive(), "the upstream connection is given up as well"
    assert edge.process.poll() is None


def test_a_half_open_upstream_answers_still(gateway, recorder):
    """The upstream answers and shuts its writing side: a whole answer, and a new connection next."""
    import socket

    def script(peer):
        peer.read_head()
        peer.send(OK)
        peer.socket.shutdown(socket.SHUT_WR)
        peer.wait_for_end()

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        for _ in range(3):
            assert client.request("GET", "/").status == 200
    assert len(backend.peers) == 3
