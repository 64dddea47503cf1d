"""WebSockets through the gateway: real servers and clients; and by hand what none of them would do."""

import json
import struct
import threading
from contextlib import ExitStack, contextmanager
from socket import SO_LINGER, SOL_SOCKET

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from backends.recorder import OK, Ended, lines_named
from conftest import ACCESS, REFRESH
from support import config
from support.processes import wait_until
from support.tokens import claims, now, sign
from support.websocket import (
    BINARY,
    CLOSE,
    TEXT,
    agreement,
    dial,
    frame,
    handshake,
    read_frame,
)
from support.wire import Connection, render

ENVIRONMENT = config.environment(ACCESS, REFRESH)
SERVERS = ["ws_python", "ws_node", "fastapi"]
PATHS = {"ws_python": "/echo", "ws_node": "/echo", "fastapi": "/ws/echo"}


def access(**more) -> str:
    return sign(claims(**more), ACCESS)


def speaking(peer, *more: str):
    """Reads a handshake, agrees, and leaves the connection to the script."""
    head = peer.read_head()
    peer.send(agreement(head, *more))
    return head


def echo_bytes(peer):
    """A server that agrees and gives every byte back."""
    speaking(peer)
    while True:
        if peer.position == len(peer.received):
            peer.more()
        peer.send(peer.exactly(len(peer.received) - peer.position))


@pytest.fixture(params=SERVERS)
def echo(request, gateway):
    """A gateway in front of one of the real servers, and the path that echoes."""
    backend = request.getfixturevalue(request.param)
    edge = gateway(config.guarded(backend.address), ENVIRONMENT)

    @contextmanager
    def open(**more):
        with dial(edge, PATHS[request.param], token=access(), **more) as socket:
            if request.param == "fastapi":
                socket.recv()
            yield socket

    return open


# Bytes


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_messages_pass_both_ways(echo, compression):
    with echo(compression=compression) as socket:
        for message in ["", "hällo", "x" * 125, "x" * 126, "x" * 70_000, b"", b"\x00\xff" * 40_000]:
            socket.send(message)
            assert socket.recv() == message
        assert socket.ping().wait(60)
        socket.close()
        assert socket.close_code == 1000


def test_a_message_of_many_megabytes_passes(echo):
    with echo() as socket:
        message = bytes(range(256)) * (16 << 12)
        socket.send(message)
        assert socket.recv() == message


def test_fragments_stay_fragments(echo):
    with echo() as socket:
        socket.send(["one ", "two ", "three"])
        assert socket.recv() == "one two three"


def test_ten_thousand_small_messages_keep_their_order(echo):
    with echo() as socket:
        count = 10_000

        def speak():
            for number in range(count):
                socket.send(str(number))

        speaker = threading.Thread(target=speak)
        speaker.start()
        assert [socket.recv() for _ in range(count)] == [str(number) for number in range(count)]
        speaker.join()


def test_compressed_frames_pass_untouched(gateway, ws_node):
    edge = gateway(config.open_to(ws_node.address))
    with dial(edge, "/", compression="deflate") as socket:
        assert "permessage-deflate" in socket.response.headers["Sec-WebSocket-Extensions"]
        for number in range(200):
            socket.send("compress me " * number)
            assert socket.recv() == "compress me " * number


def test_the_servers_close_reaches_the_client(gateway, ws_node):
    edge = gateway(config.open_to(ws_node.address))
    with dial(edge, "/") as socket:
        socket.send("leave")
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "left")


def test_the_clients_close_reaches_the_server(gateway, ws_python):
    edge = gateway(config.open_to(ws_python.address))
    with ExitStack() as stack:
        sockets = [stack.enter_context(dial(edge, "/echo")) for _ in range(4)]
        assert edge.get("/open").body == b"4"
        for socket in sockets:
            socket.close()
            assert socket.close_code == 1000
    wait_until(lambda: edge.get("/open").body == b"0", "the server has no connection left")


# The handshake


def test_identity_and_guard_hold_on_upgrades(gateway, ws_node):
    edge = gateway(config.guarded(ws_node.address), ENVIRONMENT)
    forged = [("X-User-Id", "root"), ("x_user_id", "root"), ("X-Forwarded-For", "6.6.6.6")]
    token = access(sub="ada", email="ada@example.com")
    with dial(edge, "/", token=token, headers=forged) as socket:
        socket.send("who")
        seen = json.loads(socket.recv())
    assert seen["x-user-id"] == "ada" and seen["x-user-email"] == "ada@example.com"
    assert seen["x-forwarded-for"] == "127.0.0.1" and "x_user_id" not in seen
    assert seen["connection"] == "Upgrade" and seen["upgrade"] == "websocket"
    assert len(seen["x-request-id"]) == 32


@pytest.mark.parametrize("name, token, status", [
    ("none", None, 401),
    ("bad", "a.b.c", 401),
    ("expired", "expired", 401),
])
def test_an_upgrade_needs_what_a_request_needs(gateway, ws_python, name, token, status):
    edge = gateway(config.guarded(ws_python.address), ENVIRONMENT)
    token = access(exp=now() - 5) if token == "expired" else token
    with pytest.raises(InvalidStatus) as refused, dial(edge, "/echo", token=token):
        pass
    assert refused.value.response.status_code == status


def test_an_upgrade_from_a_wrong_origin_is_refused(gateway, ws_python):
    cors = "cors { origins https://app.example; credentials on; }"
    edge = gateway(config.guarded(ws_python.address, extra=cors), ENVIRONMENT)
    with dial(edge, "/echo", token=access(), origin="https://app.example") as socket:
        socket.send("hello")
        assert socket.recv() == "hello"
    wrong = [("Origin", "https://app.example"), ("Origin", "https://evil.example")]
    for origins in [wrong[1:], wrong]:
        with pytest.raises(InvalidStatus) as refused:
            with dial(edge, "/echo", token=access(), headers=origins):
                pass
        assert refused.value.response.status_code == 403


def test_limits_hold_for_upgrades(gateway, ws_python):
    limit = "limit few { rate 2/min; burst 2; }"
    edge = gateway(
        config.guarded(ws_python.address, "route /echo { limit few; }", limit, workers=1), ENVIRONMENT
    )
    for _ in range(2):
        with dial(edge, "/echo", token=access()):
            pass
    with pytest.raises(InvalidStatus) as refused, dial(edge, "/echo", token=access()):
        pass
    assert refused.value.response.status_code == 429


def test_the_head_goes_upstream_with_the_gateways_own_hop_by_hop_fields(gateway, recorder):
    server = recorder(echo_bytes)
    edge = gateway(config.open_to(server.address))
    with edge.connect() as client:
        client.send(
            b"GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, UPGRADE, X-Hop\r\n"
            b"Upgrade: WebSocket\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTE: gzip\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        answer = client.read_response()
    assert answer.status == 101
    assert answer.one("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert answer.one("Connection") == "Upgrade" and answer.one("Upgrade") == "websocket"
    assert lines_named(server.head, "Connection") == ["Upgrade"]
    assert lines_named(server.head, "Upgrade") == ["websocket"]
    for name in ["X-Hop", "Keep-Alive", "TE"]:
        assert lines_named(server.head, name) == []


@pytest.mark.parametrize("upgrade, more", [
    ("h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
    ("h2c, websocket", ""),
    ("websocket, h2c", ""),
    ("TLS/1.0", ""),
    ("websocket/13", ""),
    ("websocket\r\nUpgrade: h2c", ""),
    ("websocket\r\nUpgrade: websocket", ""),
])
def test_no_other_protocol_is_ever_asked_for(gateway, recorder, upgrade, more):
    """CVE-2025-8671's older sisters: an h2c connection past the gate serves what nobody judged."""
    server = recorder()
    edge = gateway(config.open_to(server.address))
    with edge.connect() as client:
        client.send(
            f"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            f"Upgrade: {upgrade}\r\nSec-WebSocket-Key: x\r\n{more}\r\n".encode()
        )
        assert client.read_response().status == 200
        assert client.request("GET", "/next").status == 200
    for head in server.wait_for_heads(2):
        for name in ["Connection", "Upgrade", "HTTP2-Settings"]:
            assert lines_named(head, name) == []


def test_an_upgrade_with_a_body_is_an_ordinary_request(gateway, recorder):
    server = recorder()
    edge = gateway(config.open_to(server.address))
    headers = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "x")]
    assert edge.request("POST", "/", headers, b"body").status == 200
    assert lines_named(server.head, "Upgrade") == []


# Bytes behind the request (CVE-2026-2833, CVE-2026-2835)


def test_early_bytes_wait_for_the_101(gateway, recorder):
    """Nothing but the head reaches the backend until it has agreed; then all of it does, in order."""
    agreed = threading.Event()
    early = {}

    def script(peer):
        head = peer.read_head()
        assert agreed.wait(60)
        early["before"] = bytes(peer.received[peer.position :])
        peer.send(agreement(head))
        peer.send(peer.exactly(len(sent)))
        peer.wait_for_end()

    sent = frame(b"early", mask=True) + frame(b"x" * 200_000, BINARY, mask=True)
    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as client:
        client.socket.settimeout(60)
        threading.Thread(
            target=lambda: client.send(handshake("/ws") + sent), daemon=True
        ).start()
        wait_until(lambda: len(edge.log_lines()) == 0, "no line yet")
        threading.Timer(0.3, agreed.set).start()
        assert client.read_response().status == 101
        assert client.exactly(len(sent)) == sent
    assert early["before"] == b""


def test_a_handshake_may_come_behind_other_requests(gateway, recorder):
    """All in one segment: two requests, the handshake, and a frame that is the tunnel's."""

    def script(peer):
        while b"Upgrade: websocket" not in (head := peer.read_head()):
            peer.send(OK)
        peer.send(agreement(head))
        peer.send(peer.exactly(len(sent)))
        peer.wait_for_end()

    sent = frame(b"behind", mask=True)
    edge = gateway(config.open_to(recorder(script).address, workers=1))
    with edge.connect() as client:
        client.send(render("GET", "/1") + render("GET", "/2") + handshake("/ws") + sent)
        assert client.read_response().status == 200
        assert client.read_response().status == 200
        assert client.read_response().status == 101
        assert client.exactly(len(sent)) == sent


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: gateway.test\r\n\r\n"


@pytest.mark.parametrize("answer, status", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
    (b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nUpgrade: websocket\r\n\r\n", 426),
    (b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 403),
])
def test_a_refused_upgrade_never_makes_requests_of_early_bytes(gateway, recorder, answer, status):
    def script(peer):
        while True:
            peer.read_head()
            peer.send(answer)

    server = recorder(script)
    edge = gateway(config.open_to(server.address))
    with edge.connect() as client:
        client.send(handshake("/ws") + SMUGGLED)
        response = client.read_response()
        assert response.status == status and response.one("Connection") == "close"
        assert client.is_closed()
    assert len(server.heads) == 1


def test_a_refusal_of_the_gateway_never_makes_requests_of_early_bytes(gateway, recorder):
    server = recorder()
    edge = gateway(config.guarded(server.address), ENVIRONMENT)
    with edge.connect() as client:
        client.send(handshake("/ws") + SMUGGLED)
        response = client.read_response()
        assert response.status == 401 and response.one("Connection") == "close"
        assert client.is_closed()
    assert server.heads == []


def test_a_refused_upgrade_keeps_a_patient_clients_connection(gateway, ws_python):
    edge = gateway(config.open_to(ws_python.address))
    with edge.connect() as client:
        client.send(handshake("/refused"))
        assert client.read_response().status == 403
        assert client.request("GET", "/health").status == 200
        client.send(handshake("/echo"))
        assert client.read_response().status == 101


# What the backend may say


@pytest.mark.parametrize("name, answer", [
    ("no Upgrade", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n"),
    ("no Connection", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
    (
        "another protocol",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ),
    (
        "two protocols",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
    ),
    (
        "two Upgrade lines",
        "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n",
    ),
    (
        "HTTP/1.0",
        "HTTP/1.0 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ),
    (
        "a body",
        "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello",
    ),
    (
        "chunks",
        "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
])
def test_a_wrong_101_is_502(gateway, recorder, name, answer):
    def script(peer):
        peer.read_head()
        peer.send(answer.encode())
        peer.wait_for_end()

    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as client:
        client.send(handshake("/ws"))
        assert client.read_response().status == 502
    assert edge.logged(status=502)["reason"] == "upstream_malformed"


@pytest.mark.parametrize("headers", [
    [],
    [("Connection", "Upgrade"), ("Upgrade", "h2c")],
    [("Upgrade", "websocket"), ("Sec-WebSocket-Key", "x")],
], ids=["no upgrade", "h2c", "not named by Connection"])
def test_a_101_that_nobody_asked_for_is_502(gateway, recorder, headers):
    def script(peer):
        head = peer.read_head()
        peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        peer.wait_for_end()

    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as client:
        assert client.request("GET", "/", headers).status == 502


def test_bytes_with_the_101_reach_the_client(gateway, recorder):
    """A server may speak at once; even more than a buffer holds beside the head."""
    first = frame(b"hello") + frame(b"y" * 300_000, BINARY)

    def script(peer):
        head = peer.read_head()
        peer.send(agreement(head) + first)
        peer.wait_for_end()

    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as client:
        client.send(handshake("/ws"))
        assert client.read_response().status == 101
        assert client.exactly(len(first)) == first


# Ends


def test_a_vanished_client_ends_the_upstream_and_the_reverse(gateway, recorder):
    def until_told(peer):
        speaking(peer)
        peer.send(frame(b"up"))
        with peer.socket.makefile("rb") as incoming:
            assert incoming.read() == b""

    server = recorder(until_told)
    edge = gateway(config.open_to(server.address))
    for ends in ["finishes", "resets"]:
        client = edge.connect()
        client.send(handshake("/ws"))
        assert client.read_response().status == 101
        assert read_frame(client) == (TEXT, b"up")
        if ends == "resets":
            client.socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    wait_until(lambda: len(edge.log_lines()) == 2, "both tunnels have ended")

    def ends_at_once(peer):
        speaking(peer)
        peer.send(frame(b"last"))

    edge = gateway(config.open_to(recorder(ends_at_once).address))
    with edge.connect() as client:
        client.send(handshake("/ws"))
        assert client.read_response().status == 101
        assert read_frame(client) == (TEXT, b"last")
        assert client.is_closed()


def test_half_a_close_lets_the_other_half_finish(gateway, recorder):
    def script(peer):
        speaking(peer)
        peer.wait_for_end()
        for number in range(50):
            peer.send(frame(b"z" * 10_000, BINARY))

    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as client:
        client.send(handshake("/ws"))
        assert client.read_response().status == 101
        client.finish_sending()
        for _ in range(50):
            assert read_frame(client) == (BINARY, b"z" * 10_000)
        assert client.is_closed()


def test_a_tunnel_never_returns_to_the_pool(gateway, recorder):
    """CVE-2025-64763, traefik#13542: the next request must not be sent into an old WebSocket."""

    def script(peer):
        while True:
            head = peer.read_head()
            if b"Upgrade: websocket" not in head:
                peer.send(OK)
                continue
            peer.send(agreement(head))
            assert peer.exactly(7)[:2] == b"\x81\x81"
            peer.send(frame(b"x") + frame(b"\x03\xe8", CLOSE))
            with pytest.raises(Ended):
                peer.more()
            raise Ended

    server = recorder(script)
    edge = gateway(config.open_to(server.address, workers=1))
    for _ in range(5):
        assert edge.get("/").status == 200
        with edge.connect() as client:
            client.send(handshake("/ws"))
            assert client.read_response().status == 101
            client.send(frame(b"x", mask=True))
            assert read_frame(client) == (TEXT, b"x")
            assert read_frame(client)[0] == CLOSE
    for number, peer in enumerate(server.peers):
        upgrades = [b"Upgrade: websocket" in head for head in peer.heads]
        assert True not in upgrades[:-1], f"connection {number} went on behind its tunnel"


def test_one_side_that_says_nothing_is_cut_at_the_idle_limit(gateway, ws_python):
    limits = "limits { stream_idle_timeout 500ms; total_timeout 600ms; }"
    edge = gateway(config.open_to(ws_python.address, extra=limits))
    with dial(edge, "/ticks") as socket:
        # Ticks every 20 ms are no silence, and a tunnel has no total time.
        assert [socket.recv() for _ in range(60)][-1] == "59"
    with dial(edge, "/echo") as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
        assert closed.value.rcvd.code == 1001
    assert edge.logged(path="/echo", status=101)["reason"] == "stream_idle_timeout"
    wait_until(lambda: edge.get("/open").body == b"0", "the server has no connection left")


def test_a_route_has_its_own_idle_limit(gateway, ws_python):
    route = "limits { stream_idle_timeout 300ms; }"
    edge = gateway(config.open_to(ws_python.address, route))
    with dial(edge, "/echo") as socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv()
    assert closed.value.rcvd.code == 1001


def test_a_slow_reader_costs_a_bounded_buffer_and_is_cut(gateway, ws_python):
    limits = "limits { send_timeout 2s; }"
    edge = gateway(config.open_to(ws_python.address, extra=limits, workers=1))
    edge.get("/health")
    before = edge.memory("VmRSS")
    clients = []
    for _ in range(40):
        client = Connection(edge.address)
        client.send(handshake("/flood/1000"))
        assert client.read_response().status == 101
        clients.append(client)
    wait_until(
        lambda: len(edge.log_lines()) >= 41 and edge.get("/open").body == b"0", "all were cut"
    )
    # 40 floods of 64 MiB each were held up; a block of 64 KiB each is 2.5 MiB.
    assert edge.memory("VmHWM") - before < 8 << 10
    for client in clients:
        client.close()
    assert edge.logged(path="/flood/1000")["reason"] == "send_timeout"


def test_an_idle_tunnel_holds_no_buffer(gateway, ws_python):
    edge = gateway(config.open_to(ws_python.address, workers=1))
    count = 300

    def open_and_speak(stack):
        client = stack.enter_context(edge.connect())
        client.send(handshake("/echo"))
        assert client.read_response().status == 101
        client.send(frame(b"x" * 20_000, BINARY, mask=True))
        assert read_frame(client) == (BINARY, b"x" * 20_000)

    with ExitStack() as stack:
        for _ in range(20):
            open_and_speak(stack)
        before = edge.memory("VmRSS")
        for _ in range(count):
            open_and_speak(stack)
        # Each has had 20 KB in a buffer, each way.
        assert edge.memory("VmRSS") - before < count * 4


def test_draining_tells_tunnels_to_go_away(gateway, ws_python):
    edge = gateway(config.open_to(ws_python.address))
    stopper = threading.Thread(target=edge.stop)
    with ExitStack() as stack:
        paths = ["/echo", "/ticks"] * 4
        sockets = [stack.enter_context(dial(edge, path)) for path in paths]
        stopper.start()
        for socket in sockets:
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    socket.recv()
            assert closed.value.rcvd.code == 1001
    stopper.join()


# The log


def test_the_access_line_is_written_at_the_end(gateway, ws_python):
    edge = gateway(config.open_to(ws_python.address))
    with dial(edge, "/echo?secret=1") as socket:
        socket.send("x" * 1000)
        assert socket.recv() == "x" * 1000
        assert edge.get("/health").status == 200
        edge.logged(path="/health")
        assert [line for line in edge.log_lines() if line["path"] == "/echo"] == []
    line = edge.logged(path="/echo")
    assert line["status"] == 101 and line["method"] == "GET" and "reason" not in line
    assert line["upstream"] == ws_python.address and line["route"] == "/"
    # A masked text frame of 1000 bytes has a head of 8, an unmasked one of 4.
    assert line["bytes_in"] >= 1008 and line["bytes_out"] >= 1004
    assert line["duration_us"] > 0


def test_status_counts_tunnels(gateway, ws_python):
    edge = gateway(config.open_to(ws_python.address))
    with dial(edge, "/echo"), dial(edge, "/echo"):
        wait_until(
            lambda: "tunnels open: 2" in edge.command("status").stdout, "two tunnels are open"
        )
    wait_until(lambda: "tunnels open: 0" in edge.command("status").stdout, "no tunnel is open")
