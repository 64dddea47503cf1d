"""Streams and their tokens: a WebSocket or an event stream ends when the token it was opened with
expires or is revoked; tokens among the subprotocols; event streams as real backends send them."""

import json
import struct
import threading
import time
from contextlib import ExitStack, suppress
from socket import SO_LINGER, SOL_SOCKET

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from backends.recorder import lines_named
from conftest import ACCESS, REFRESH
from support import config
from support.processes import wait_until
from support.tokens import bearer, claims, now, sign
from support.websocket import BINARY, TEXT, agreement, closing, dial, frame, handshake, read_frame
from support.wire import Connection, render

ENVIRONMENT = config.environment(ACCESS, REFRESH)
LOGOUT = "route POST /auth/logout { auth any; on_success revoke; }"


def access(**more) -> str:
    return sign(claims(**more), ACCESS)


def short_lived(seconds: int, **more) -> str:
    """A token whose last second begins in `seconds`: it lives that long, or up to one second less."""
    return access(exp=now() + seconds, **more)


def closed_with(socket) -> tuple:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            socket.recv()
    received = closed.value.rcvd
    assert received is not None, "dropped without a close frame"
    return received.code, received.reason


def events_until_cut(connection, response=None) -> bytes:
    """What comes of an event stream until it breaks; it must not end as a whole answer does."""
    head = response or connection.read_head()
    assert head.status == 200, head
    assert head.one("Content-Type").startswith("text/event-stream")
    data = connection.pending
    try:
        while block := connection.socket.recv(1 << 16):
            data += block
    except ConnectionResetError:
        pass
    assert not data.endswith(b"0\r\n\r\n"), "a stream that was cut looks complete"
    return data


def speaking(peer, *more: str) -> bytes:
    head = peer.read_head()
    peer.send(agreement(head, *more))
    return head


# Expiry


def test_a_websocket_ends_when_its_token_expires(gateway, ws_python):
    edge = gateway(config.guarded(ws_python.address), ENVIRONMENT)
    token = short_lived(3)
    for path in ["/ticks", "/echo"]:
        with dial(edge, path, token=token) as socket:
            assert closed_with(socket) == (1008, "token expired")
            assert time.time() >= now()
        assert edge.logged(path=path, status=101)["reason"] == "expired"
        token = short_lived(3)
    wait_until(lambda: edge.get("/open", access()).body == b"0", "the server's sides are closed")


def test_the_end_comes_between_two_frames(gateway, recorder):
    """Every message that began to arrive is whole, and the close stands behind it."""

    def script(peer):
        speaking(peer)
        number = 0
        while True:
            # Frames of many sizes, in pieces that never end where a frame does.
            data = frame(bytes([number % 256]) * (number * 37 % 3000), BINARY)
            peer.send_slowly(data, 1000)
            number += 1

    edge = gateway(config.guarded(recorder(script).address), ENVIRONMENT)
    with edge.connect() as client:
        client.send(handshake("/ws", [bearer(short_lived(2))]))
        assert client.read_response().status == 101
        number = 0
        while (got := read_frame(client)) == (BINARY, bytes([number % 256]) * (number * 37 % 3000)):
            number += 1
        assert got == closing(1008, "token expired")
        assert client.is_closed()
    assert number > 10


def test_a_frame_that_does_not_end_is_dropped_after_a_second(gateway, recorder):
    def script(peer):
        speaking(peer)
        peer.send(frame(b"x" * 1_000_000, BINARY)[:5_000])
        peer.wait_for_end()

    edge = gateway(config.guarded(recorder(script).address), ENVIRONMENT)
    with edge.connect() as client:
        client.send(handshake("/ws", [bearer(short_lived(2))]))
        assert client.read_response().status == 101
        assert client.exactly(5_000)
        assert client.is_closed()
    assert edge.logged(status=101)["reason"] == "expired"


def test_a_frame_without_end_is_dropped_however_fast_it_flows(gateway, recorder):
    def script(peer):
        speaking(peer)
        peer.send(b"\x82\x7f" + (1 << 50).to_bytes(8, "big"))
        while True:
            peer.send(b"x" * (1 << 20))

    exp = now() + 1
    edge = gateway(config.guarded(recorder(script).address), ENVIRONMENT)
    with edge.connect() as client:
        client.send(handshake("/ws", [bearer(access(exp=exp))]))
        assert client.read_response().status == 101
        block = bytearray(1 << 20)
        with suppress(ConnectionResetError):
            while client.socket.recv_into(block):
                assert time.time() < exp + 20, "an expired token's frame goes on and on"
    assert edge.logged(status=101)["reason"] == "expired"


def test_a_large_slow_frame_may_still_end_in_time(gateway, recorder):
    whole = frame(b"x" * 100_000, BINARY)
    rest = threading.Event()

    def script(peer):
        speaking(peer)
        peer.send(whole[:60_000])
        assert rest.wait(60)
        peer.send(whole[60_000:] + frame(b"too late"))
        peer.wait_for_end()

    edge = gateway(config.guarded(recorder(script).address), ENVIRONMENT)
    exp = now() + 2
    with edge.connect() as client:
        client.send(handshake("/ws", [bearer(access(exp=exp))]))
        assert client.read_response().status == 101
        got = client.exactly(60_000)
        threading.Timer(max(0, exp - time.time()) + 0.3, rest.set).start()
        assert got + client.exactly(len(whole) - 60_000) == whole
        assert read_frame(client) == closing(1008, "token expired")
        assert client.is_closed()


def test_a_client_that_does_not_read_is_dropped_with_its_token(gateway, ws_python):
    edge = gateway(config.guarded(ws_python.address, workers=1), ENVIRONMENT)
    with edge.connect() as client:
        client.send(handshake("/flood/10000", [bearer(short_lived(2))]))
        assert client.read_response().status == 101
        assert edge.logged(status=101)["reason"] == "expired"


def test_what_the_client_says_after_the_end_reaches_nobody(gateway, recorder):
    def script(peer):
        speaking(peer)
        peer.send(frame(b"x" * 10_000, BINARY)[:5_000])
        peer.wait_for_end()

    server = recorder(script)
    exp = now() + 2
    edge = gateway(config.guarded(server.address), ENVIRONMENT)
    with edge.connect() as client:
        client.send(handshake("/ws", [bearer(access(exp=exp))]))
        assert client.read_response().status == 101
        client.send(frame(b"in time", mask=True))
        peer = server.peers[0]
        wait_until(lambda: len(peer.received) - peer.position == 13, "it has arrived")
        wait_until(lambda: time.time() > exp + 0.2, "the token is over")
        client.send(frame(b"too late", mask=True))
        assert client.exactly(5_000) and client.is_closed()
    assert len(peer.received) - peer.position == 13


@pytest.mark.parametrize("where", ["top", "route"])
def test_grace_lets_a_stream_outlive_its_token(gateway, ws_python, where):
    limits = "limits { token_grace 2s; }"
    inner = f"route /ticks {{ {limits} }}" if where == "route" else ""
    edge = gateway(
        config.guarded(ws_python.address, inner, limits if where == "top" else ""), ENVIRONMENT
    )
    exp = now() + 1
    with dial(edge, "/ticks", token=access(exp=exp)) as socket:
        assert closed_with(socket) == (1008, "token expired")
        assert time.time() >= exp + 2
    with pytest.raises(InvalidStatus):
        with dial(edge, "/ticks", token=access(exp=now() - 1)):
            pass


def test_leeway_counts_for_streams_too(gateway, ws_python):
    configuration = config.guarded(ws_python.address).replace(
        "preset  flask-jwt-extended;", "preset flask-jwt-extended; leeway 2s;"
    )
    edge = gateway(configuration, ENVIRONMENT)
    exp = now() + 1
    with dial(edge, "/ticks", token=access(exp=exp)) as socket:
        assert closed_with(socket) == (1008, "token expired")
        assert time.time() >= exp + 2


def test_a_tunnel_without_a_token_has_no_end(gateway, ws_python):
    edge = gateway(config.guarded(ws_python.address, "route /echo { auth optional; }"), ENVIRONMENT)
    with dial(edge, "/echo") as anonymous, dial(edge, "/echo", token=short_lived(1)) as known:
        assert closed_with(known) == (1008, "token expired")
        assert revoke_everyone(edge)
        anonymous.send("still here")
        assert anonymous.recv() == "still here"


# Revocation

REVOKERS = {
    "the token": lambda edge: edge.command("revoke", "--jti", "t-1").returncode == 0,
    "the subject": lambda edge: edge.command("revoke", "--subject", "ada").returncode == 0,
    "everyone": lambda edge: revoke_everyone(edge),
}


def revoke_everyone(edge, **more) -> bool:
    """Over the admin socket: the command line has no word for it."""
    body = json.dumps({"everyone": True, **more}).encode()
    with Connection(edge.folder / "admin.sock") as admin:
        admin.send(render("POST", "/revoke", [("Content-Type", "application/json")], body))
        return admin.read_response("POST").status == 200


@pytest.mark.parametrize("what", REVOKERS)
def test_revoking_closes_live_tunnels_and_streams_on_all_workers(gateway, ws_python, fastapi, what):
    extra = f"upstream api {{ server {fastapi.address}; }} route /events {{ upstream api; }}"
    edge = gateway(config.guarded(ws_python.address, "", extra, workers=4), ENVIRONMENT)
    token = access(sub="ada", jti="t-1", iat=now())
    other = access(sub="grace", jti="t-2", iat=now())
    sockets, streams = [], []
    with dial(edge, "/echo", token=other) as bystander:
        with ExitStack() as stack:
            for number in range(16):
                path = "/ticks" if number % 2 else "/echo"
                sockets.append(stack.enter_context(dial(edge, path, token=token)))
            for _ in range(8):
                connection = stack.enter_context(edge.connect())
                connection.send(render("GET", "/events", [bearer(token)]))
                streams.append((connection, connection.read_head()))
            assert REVOKERS[what](edge)
            for socket in sockets:
                assert closed_with(socket) == (1008, "token revoked")
            for connection, head in streams:
                events_until_cut(connection, head)
        if what == "everyone":
            assert closed_with(bystander) == (1008, "token revoked")
        else:
            bystander.send("still here")
            assert bystander.recv() == "still here"

    def reasons():
        return [line.get("reason") for line in edge.log_lines() if line["path"] == "/events"]

    wait_until(lambda: reasons() == ["revoked"] * 8, "eight lines say revoked")


def test_logging_out_closes_the_tunnels_of_the_token(gateway, ws_python, flask):
    extra = f"upstream api {{ server {flask.address}; }} group / {{ upstream api; {LOGOUT} }}"
    edge = gateway(config.guarded(ws_python.address, "", extra, workers=4), ENVIRONMENT)
    token = access(sub="ada", jti="mine")
    with dial(edge, "/ticks", token=token) as one, dial(edge, "/echo", token=token) as two:
        with dial(edge, "/echo", token=access(sub="ada", jti="other")) as other:
            assert edge.post("/auth/logout", token=token).status == 200
            assert closed_with(one) == (1008, "token revoked")
            assert closed_with(two) == (1008, "token revoked")
            other.send("hello")
            assert other.recv() == "hello"


def test_grace_holds_for_revocations_and_may_be_taken_back(gateway, ws_python):
    limits = "limits { token_grace 2s; }"
    edge = gateway(config.guarded(ws_python.address, extra=limits), ENVIRONMENT)
    with dial(edge, "/ticks", token=access(jti="gone")) as gone:
        began = time.monotonic()
        assert edge.command("revoke", "--jti", "gone").returncode == 0
        gone.recv()
        assert closed_with(gone) == (1008, "token revoked")
        assert time.monotonic() - began >= 2


def test_streams_leave_nothing_behind_however_they_end(gateway, ws_python, fastapi):
    extra = f"upstream api {{ server {fastapi.address}; }} route /events {{ upstream api; }}"
    edge = gateway(config.guarded(ws_python.address, "", extra), ENVIRONMENT)

    def tunnel(path="/echo", token=None):
        client = edge.connect()
        client.send(handshake(path, [bearer(token or access())]))
        assert client.read_response().status == 101
        return client

    def rest():
        status = edge.command("status").stdout
        return "tunnels open: 0" in status and edge.descriptors()

    with edge.connect() as client:
        assert client.request("GET", "/health", [bearer(access())]).status == 200
    before = wait_until(rest, "nothing is open")
    for number in range(15):
        tunnel().close()
        half = tunnel()
        half.finish_sending()
        assert half.is_closed()
        half.close()
        reset = tunnel("/ticks")
        reset.socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        reset.close()
        left = tunnel("/goodbye")
        assert read_frame(left) == (TEXT, b"goodbye")
        left.close()
        gone = tunnel(token=access(jti=f"gone-{number}"))
        stream = edge.connect()
        stream.send(render("GET", "/events", [bearer(access(jti=f"gone-{number}"))]))
        head = stream.read_head()
        assert edge.command("revoke", "--jti", f"gone-{number}").returncode == 0
        assert read_frame(gone) == closing(1008, "token revoked") and gone.is_closed()
        events_until_cut(stream, head)
        gone.close(), stream.close()
    # Idle upstream connections may stay open for a while.
    wait_until(lambda: (rest() or before + 99) <= before + 4, "all descriptors are closed")


# The subprotocol as a token's place


def test_a_browsers_token_opens_a_websocket_and_stays_at_the_gateway(gateway, ws_node):
    edge = gateway(config.guarded(ws_node.address), ENVIRONMENT)
    token = access(sub="ada")
    with dial(edge, "/", subprotocols=["bearer", token]) as socket:
        assert socket.subprotocol == "bearer"
        socket.send("who")
        seen = socket.recv()
    assert token not in seen and "sec-websocket-protocol" not in seen and '"x-user-id":"ada"' in seen
    with dial(edge, "/", subprotocols=["chat", "bearer", token, "other"]) as socket:
        assert socket.subprotocol == "chat"
        socket.send("who")
        seen = socket.recv()
    assert token not in seen and '"sec-websocket-protocol":"chat, other"' in seen
    for protocols in [["bearer"], ["bearer", "x"], ["bearer", access(exp=now() - 9)], ["chat"]]:
        with pytest.raises(InvalidStatus) as refused:
            with dial(edge, "/", subprotocols=protocols):
                pass
        assert refused.value.response.status_code == 401
    edge.logged(reason="expired")


def test_a_backends_choice_of_nothing_offered_is_removed(gateway, recorder):
    def script(peer):
        speaking(peer, "Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: bearer")
        peer.wait_for_end()

    server = recorder(script)
    edge = gateway(config.guarded(server.address), ENVIRONMENT)
    with edge.connect() as client:
        client.send(handshake("/ws", [("Sec-WebSocket-Protocol", f"Bearer,{access()}")]))
        answer = client.read_response()
        assert answer.status == 101 and answer.all("Sec-WebSocket-Protocol") == ["Bearer"]
    assert lines_named(server.head, "Sec-WebSocket-Protocol") == []


def test_two_tokens_are_two_stories(gateway, recorder):
    server = recorder()
    edge = gateway(config.guarded(server.address), ENVIRONMENT)
    one, two = access(sub="ada"), access(sub="grace")
    for headers in [
        [("Sec-WebSocket-Protocol", f"bearer, {one}"), bearer(two)],
        [("Sec-WebSocket-Protocol", f"bearer, {one}, bearer, {two}")],
        [("Sec-WebSocket-Protocol", f"bearer, {one}"), ("Sec-WebSocket-Protocol", f"bearer, {one}")],
    ]:
        with edge.connect() as client:
            client.send(handshake("/ws", headers))
            assert client.read_response().status == 400
    assert server.heads == []


def test_public_routes_leave_subprotocols_alone(gateway, recorder):
    def script(peer):
        speaking(peer, "Sec-WebSocket-Protocol: bearer")
        peer.wait_for_end()

    server = recorder(script)
    edge = gateway(config.guarded(server.address, "route /open { auth none; }"), ENVIRONMENT)
    value = f"bearer, {access()}"
    with edge.connect() as client:
        client.send(handshake("/open", [("Sec-WebSocket-Protocol", value)]))
        assert client.read_response().one("Sec-WebSocket-Protocol") == "bearer"
    assert lines_named(server.head, "Sec-WebSocket-Protocol") == [value]


def test_explain_tells_what_becomes_of_an_upgrade(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    token = access()
    upgrade = ["-H", "Connection: Upgrade", "-H", "Sec-WebSocket-Key: x", "-H"]
    more = ["-H", f"Sec-WebSocket-Protocol: bearer, {token}"]
    told = edge.command("explain", "GET", "/ws", *upgrade, "Upgrade: websocket", *more).stdout
    assert "upgrade: websocket, passed on" in told and "chooses the subprotocol bearer" in told
    assert "Upgrade: websocket" in told and token not in told
    told = edge.command("explain", "GET", "/ws", *upgrade, "Upgrade: h2c", "--token", token).stdout
    assert "upgrade: dropped" in told and "Upgrade: h2c" not in told


# Event streams


@pytest.mark.parametrize("backend", ["flask", "fastapi"])
def test_events_leave_at_once(gateway, backend, request):
    edge = gateway(config.guarded(request.getfixturevalue(backend).address), ENVIRONMENT)
    with edge.connect() as client:
        client.send(render("GET", "/events", [bearer(access()), ("Accept", "text/event-stream")]))
        head = client.read_head()
        assert head.status == 200 and head.one("Transfer-Encoding") == "chunked"
        seen, arrivals = b"", []
        while len(arrivals) < 10:
            size = int(client._line(), 16)
            seen += client.exactly(size)
            assert client.exactly(2) == b"\r\n"
            arrivals.append(seen.count(b"\n\n"))
    # One event every 50 ms: buffered ones would come in heaps.
    assert arrivals == sorted(set(arrivals))
    assert seen.startswith(b"id: 0\ndata: tick 0\n\n")


@pytest.mark.parametrize("backend", ["flask", "fastapi"])
def test_an_event_stream_ends_with_its_token_and_never_looks_whole(gateway, backend, request):
    edge = gateway(config.guarded(request.getfixturevalue(backend).address), ENVIRONMENT)
    with edge.connect() as client:
        client.send(render("GET", "/events", [bearer(short_lived(2))]))
        assert b"data: tick 1" in events_until_cut(client)
    line = edge.logged(path="/events")
    assert line["reason"] == "expired" and line["status"] == 200
    if backend == "fastapi":
        wait_until(
            lambda: edge.get("/events/open", access()).json() == {"open": 0}, "upstream closed"
        )


def test_an_event_stream_that_ends_by_itself_keeps_the_connection(gateway, fastapi):
    edge = gateway(config.guarded(fastapi.address), ENVIRONMENT)
    with edge.connect() as client:
        for _ in range(3):
            answer = client.request("GET", "/events?count=3&pause=0.01", [bearer(access())])
            assert answer.body.count(b"data:") == 3
        # Nothing is left behind that a revocation could cut.
        assert revoke_everyone(edge, before=now() - 5)
        assert client.request("GET", "/health", [bearer(access(iat=now()))]).status == 200


def test_a_client_that_leaves_an_event_stream_ends_it_upstream(gateway, fastapi):
    edge = gateway(config.guarded(fastapi.address), ENVIRONMENT)
    with edge.connect() as client:
        client.send(render("GET", "/events", [bearer(access())]))
        client.read_head()
        assert edge.get("/events/open", access()).json() == {"open": 1}
    wait_until(lambda: edge.get("/events/open", access()).json() == {"open": 0}, "upstream closed")


def events(peer, media="text/event-stream", pause=0.2, count=None):
    peer.read_head()
    peer.send(
        f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n"
        "X-Accel-Buffering: no\r\nCache-Control: no-cache\r\n\r\n".encode()
    )
    number = 0
    while count is None or number < count:
        peer.send(b"3\r\n:x\n\r\n")
        number += 1
        time.sleep(pause)


@pytest.mark.parametrize("media", [
    "text/event-stream; charset=utf-8",
    "application/x-ndjson",
    "application/grpc+proto",
])
def test_streams_have_their_own_clock(gateway, recorder, media):
    """No total time, and silence as long as `stream_idle_timeout` says, whatever `read_timeout` is."""
    extra = "limits { total_timeout 1s; stream_idle_timeout 1500ms; }"
    server = recorder(lambda peer: (events(peer, media, 0.3, 8), peer.wait_for_end()))
    configuration = config.open_to(server.address, extra=extra).replace(
        "upstream backend { server", "upstream backend { read_timeout 100ms; server"
    )
    edge = gateway(configuration)
    with edge.connect() as client:
        client.send(render("GET", "/"))
        head = client.read_head()
        assert head.one("X-Accel-Buffering") == "no" and head.one("Cache-Control") == "no-cache"
        began = time.monotonic()
        assert client.exactly(8 * 8) == b"3\r\n:x\n\r\n" * 8
        assert time.monotonic() - began > 1.5
        # Then it falls silent.
        assert client.is_closed()
    assert edge.logged(status=200)["reason"] == "upstream_aborted"


def test_a_stream_is_given_the_drain_time_and_never_looks_whole(gateway, fastapi):
    edge = gateway(config.open_to(fastapi.address, extra="limits { drain_timeout 1s; }"))
    with edge.connect() as client:
        client.send(render("GET", "/events"))
        head = client.read_head()
        stopper = threading.Thread(target=edge.stop)
        stopper.start()
        assert b"data: tick 9\n" in events_until_cut(client, head)
        stopper.join()
    assert edge.log_lines()[-1]["reason"] == "shutdown"


def test_ordinary_downloads_are_not_cut_with_the_token(gateway, recorder):
    """What has a length or another type isn't a stream: it was admitted and is delivered."""
    exp = now() + 2

    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        while time.time() < exp + 1:
            peer.send(b"1\r\nx\r\n")
            time.sleep(0.1)
        peer.send(b"0\r\n\r\n")
        peer.wait_for_end()

    edge = gateway(config.guarded(recorder(script).address), ENVIRONMENT)
    answer = edge.get("/", access(exp=exp, jti="d"))
    assert answer.status == 200 and len(answer.body) > 5


def test_trailers_of_a_grpc_style_answer_pass(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web+proto\r\n"
            b"Transfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n"
            b"5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\n"
        )
        peer.wait_for_end()

    edge = gateway(config.guarded(recorder(script).address), ENVIRONMENT)
    answer = edge.get("/", access(), [("TE", "trailers")])
    assert answer.body == b"hello" and answer.trailers == [("grpc-status", "0")]
