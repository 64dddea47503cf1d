"""How often a request arrives when its upstream connection dies: twice only where that is safe.

Safe is a connection that had served before and died without a byte of an answer, when the method is
idempotent or the request was not sent whole.
"""

from collections import Counter

import pytest

from backends.recorder import OK, answer_all
from support import config
from support.wire import render


def dies(last_words=b"", warm=True, reads_body=True):
    """The first connection serves one request (if `warm`), takes another, and ends with some bytes.
    All later ones serve."""

    def script(peer):
        if peer.number > 0:
            return answer_all()(peer)
        if warm:
            peer.read_head()
            peer.send(OK)
        head = peer.read_head()
        if reads_body:
            peer.read_body(head)
        if last_words:
            peer.send(last_words)

    return script


def arrivals(backend) -> int:
    return [b" /second " in head for head in backend.heads].count(True)


SMALL = b"x" * 100
LARGE = b"x" * 1_000_000
"""More than the gateway keeps of a request."""

# method, body, times that it arrives, status
REUSED = [
    ("GET", None, 2, 200),
    ("HEAD", None, 2, 200),
    ("OPTIONS", None, 2, 200),
    ("TRACE", None, 2, 200),
    ("DELETE", None, 2, 200),
    ("PUT", SMALL, 2, 200),
    ("DELETE", SMALL, 2, 200),
    ("PUT", LARGE, 1, 502),
    ("POST", b"", 1, 502),
    ("POST", SMALL, 1, 502),
    ("PATCH", SMALL, 1, 502),
    ("FOO", None, 1, 502),
    ("get", None, 1, 502),
]
HEAD_OK = OK.replace(b"ok", b"")


@pytest.mark.parametrize(
    "method, body, times, status",
    REUSED,
    ids=[f"{row[0]}-{'none' if row[1] is None else len(row[1])}" for row in REUSED],
)
def test_a_kept_connection_that_dies(gateway, recorder, method, body, times, status):
    script = dies()
    if method == "HEAD":

        def script(peer, first=dies()):
            return first(peer) if peer.number == 0 else answer_all(HEAD_OK)(peer)

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address, workers=1))
    with edge.connect() as client:
        assert client.request("GET", "/first").status == 200
        assert client.request(method, "/second", body=body).status == status
    assert arrivals(backend) == times


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_a_new_connection_that_dies(gateway, recorder, method):
    """It is no race with an idle timeout: the server may die of the request."""
    backend = recorder(dies(warm=False))
    edge = gateway(config.open_to(backend.address, workers=1))
    body = None if method == "GET" else SMALL
    assert edge.request(method, "/second", body=body).status == 502
    assert arrivals(backend) == 1


def test_a_server_that_dies_of_each_request_is_sent_each_once(gateway, recorder):
    """While the gateway is busy with others, that a connection was made and that it broke are one
    event to it: the request has been sent by then, and must not count as never sent."""

    def script(peer):
        peer.read_head()
        peer.reset()

    first, second = recorder(script), recorder(script)
    edge = gateway(config.open_to(f"{first.address}; server {second.address}", workers=1))
    clients = [edge.connect() for _ in range(200)]
    for turn in range(5):
        for number, client in enumerate(clients):
            client.send(render("POST", f"/{turn}/{number}", body=b""))
        assert [client.read_response("POST").status for client in clients] == [502] * len(clients)
    arrived = Counter(head.split(b" ")[1] for head in first.heads + second.heads)
    assert len(arrived) == 5 * len(clients) and set(arrived.values()) == {1}


@pytest.mark.parametrize(
    "words",
    [
        b"H",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"garbage\r\n",
    ],
    ids=["a byte", "half a head", "an interim one and more", "an interim one", "100", "garbage"],
)
def test_an_answer_that_had_begun(gateway, recorder, words):
    backend = recorder(dies(words))
    edge = gateway(config.open_to(backend.address, workers=1))
    with edge.connect() as client:
        assert client.request("GET", "/first").status == 200
        assert client.request("GET", "/second").status == 502
    assert arrivals(backend) == 1


def test_an_answer_that_was_cut(gateway, recorder):
    """The client saw a part of it: the gateway can't begin again."""
    backend = recorder(dies(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"))
    edge = gateway(config.open_to(backend.address, workers=1))
    with edge.connect() as client:
        assert client.request("GET", "/first").status == 200
        client.send(render("GET", "/second"))
        with pytest.raises((AssertionError, ConnectionResetError)):
            client.read_response()
    assert arrivals(backend) == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_request_that_was_not_sent_whole(gateway, recorder, method):
    """It can't have happened: another connection gets it, from its first byte."""
    bodies = []

    def script(peer):
        if peer.number == 0:
            return dies(reads_body=False)(peer)
        while True:
            bodies.append(peer.read_body(peer.read_head()))
            peer.send(OK)

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address, workers=1))
    with edge.connect() as client:
        assert client.request("GET", "/first").status == 200
        client.send(render(method, "/second", [("Content-Length", "100")]) + SMALL[:10])
        backend.wait_for_heads(3)
        client.send(SMALL[10:])
        assert client.read_response(method).status == 200
    assert arrivals(backend) == 2
    assert bodies == [SMALL]


def test_no_request_is_tried_for_ever(gateway, recorder):
    """Every connection serves once and dies under its second request."""

    def script(peer):
        peer.read_head()
        if peer.number < 3:
            peer.send(OK)
            peer.read_head()

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address, workers=1))
    with edge.connect() as client:
        assert client.request("GET", "/first").status == 200
        assert client.request("GET", "/second").status == 200
        assert client.request("GET", "/third").status == 200
        # The kept connection dies, then the new one, unanswered.
        assert client.request("GET", "/fourth").status == 502
    assert [head.split(b" ")[1] for head in backend.heads].count(b"/fourth") == 2
