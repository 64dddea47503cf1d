"""1 GiB passes both ways, and the gateway stays as small as it was."""

import threading

import pytest

from support import config
from support.wire import render

GIB = 1 << 30
BLOCK = b"0123456789abcdef" * (1 << 16)
GROWTH_KIB = 512
"""The socket buffers are the kernel's; what may grow here is a handful of blocks and the heap's slack."""


def open_without_limit(backend) -> str:
    return config.open_to(backend.address, extra="limits { body off; }")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def send_body(connection, chunked: bool):
    block = chunk(BLOCK) if chunked else BLOCK
    for _ in range(GIB // len(BLOCK)):
        connection.send(block)
    if chunked:
        connection.send(b"0\r\n\r\n")


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_gibibyte_up(gateway, recorder, chunked):
    def script(peer):
        head = peer.read_head()
        if b"GET" in head[:4]:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        if b"chunked" in head.lower():
            count = 0
            peer.socket.setblocking(True)
            tail = bytes(peer.received[peer.position :])[-7:]
            del peer.received[peer.position :]
            while not tail.endswith(b"\r\n0\r\n\r\n"):
                block = peer.socket.recv(1 << 20)
                assert block
                count += len(block)
                tail = (tail + block)[-7:]
            assert count >= GIB - (1 << 20)
        else:
            peer.discard(GIB)
        peer.send(b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")

    edge = gateway(open_without_limit(recorder(script)))
    assert edge.get("/warm").status == 200
    start = edge.memory("VmHWM")
    framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(GIB))
    with edge.connect() as client:
        client.send(render("POST", "/", [framing]))
        send_body(client, chunked)
        answer = client.read_response("POST")
    assert (answer.status, answer.body) == (201, b"done")
    assert edge.memory("VmHWM") - start <= GROWTH_KIB


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_gibibyte_down(gateway, recorder, chunked):
    def script(peer):
        head = peer.read_head()
        if b" /warm " in head:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % GIB
        peer.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        send_body(peer, chunked)
        peer.wait_for_end()

    edge = gateway(open_without_limit(recorder(script)))
    assert edge.get("/warm").status == 200
    start = edge.memory("VmHWM")
    with edge.connect() as client:
        client.send(render("GET", "/"))
        head = client.read_head()
        assert head.status == 200
        if chunked:
            count, tail = len(client.pending), client.pending[-5:]
            while not tail.endswith(b"0\r\n\r\n"):
                block = client.socket.recv(1 << 20)
                assert block, "the body ended early"
                count += len(block)
                tail = (tail + block)[-5:]
            assert count >= GIB
        else:
            left = GIB - len(client.pending)
            while left:
                block = client.socket.recv(min(left, 1 << 20))
                assert block, f"{left} bytes are missing"
                left -= len(block)
    assert edge.memory("VmHWM") - start <= GROWTH_KIB


def test_a_client_that_does_not_read_holds_the_upstream_back(gateway, recorder):
    """Back-pressure: what the upstream can push is bounded by kernel buffers, not by our memory."""
    pushed = threading.Event()
    sent = []

    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
        peer.socket.settimeout(3)
        total = 0
        try:
            while total < GIB:
                total += peer.socket.send(BLOCK)
        except OSError:
            pass
        sent.append(total)
        pushed.set()

    edge = gateway(open_without_limit(recorder(script)))
    start = edge.memory("VmHWM")
    with edge.connect() as client:
        client.send(render("GET", "/"))
        assert pushed.wait(60)
        assert sent[0] < 64 << 20
        assert edge.memory("VmHWM") - start <= GROWTH_KIB


def test_an_upstream_that_does_not_read_holds_the_client_back(gateway, recorder):
    done = threading.Event()

    def script(peer):
        peer.read_head()
        assert done.wait(60)

    edge = gateway(open_without_limit(recorder(script)))
    start = edge.memory("VmHWM")
    with edge.connect() as client:
        client.send(render("POST", "/", [("Content-Length", str(GIB))]))
        client.socket.settimeout(3)
        total = 0
        try:
            while total < GIB:
                total += client.socket.send(BLOCK)
        except TimeoutError:
            pass
        assert total < 64 << 20
        assert edge.memory("VmHWM") - start <= GROWTH_KIB
    done.set()
