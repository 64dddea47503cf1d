"""Conversations that go wrong half-way: what was left in buffers, who stops reading, who comes late."""

import shutil
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest

from backends.recorder import OK, answer_all, fields_of
from conftest import ACCESS, REFRESH
from support import config
from support.processes import wait_until
from support.tokens import bearer, claims, sign
from support.wire import render

ENVIRONMENT = config.environment(ACCESS, REFRESH)
BLOCK = 64 << 10
"""Size of the buffers that connections borrow, with the default limits."""
SOON = 10.0
"""Seconds that none of these answers may need; every timeout that could hide a fault is longer."""


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def paused(edge):
    """Stops the gateway so that several things happen to it at once; resumed by SIGCONT."""
    edge.process.send_signal(signal.SIGSTOP)
    threads = Path(f"/proc/{edge.process.pid}/task")
    wait_until(
        lambda: all(" T " in (one / "stat").read_text() for one in threads.iterdir()),
        "the gateway to stand still",
    )


def resume(edge):
    edge.process.send_signal(signal.SIGCONT)


# Request bodies and the room they need


@pytest.mark.parametrize("count", [10, 31, 32, 33, 40, 500])
def test_a_refused_body_of_many_small_chunks_is_thrown_away_at_once(gateway, recorder, count):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    with edge.connect() as client:
        client.socket.settimeout(SOON)
        head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.send(head + chunked(*[b"x"] * count) + render("GET", "/", [bearer(sign(claims(), ACCESS))]))
        assert client.read_response("POST").status == 401
        assert client.read_response().status == 200


@pytest.mark.parametrize("gap", [0, 1, 100])
def test_a_pipelined_head_at_the_end_of_the_buffer_leaves_room_for_its_body(gateway, recorder, gap):
    backend = recorder()
    edge = gateway(config.open_to(backend.address, workers=1), ENVIRONMENT)
    second = b"POST /second HTTP/1.1\r\nHost: a\r\nX-Pad: %s\r\nContent-Length: 5\r\n\r\n" % (b"p" * 400)
    first = b"POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    body = BLOCK - gap - len(second) - len(first % 10000)
    with edge.connect() as client:
        client.socket.settimeout(SOON)
        client.send(first % body + b"b" * body + second[:200])
        assert client.read_response("POST").status == 200
        client.send(second[200:])
        time.sleep(0.1)  # the head alone fills the buffer before the body comes
        client.send(b"hello")
        assert client.read_response("POST").status == 200
    assert len(backend.heads) == 2


def test_a_held_body_behind_an_earlier_request_has_its_full_room(gateway, recorder):
    """What may take part in a decision does not depend on what was sent before."""
    route = "route POST /refresh { auth refresh; }"
    realm = config.REALM.replace(
        "refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d; }",
        "refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d; token body refreshToken; }",
    )
    backend = recorder()
    text = config.guarded(backend.address, route + "route POST /open { auth none; }", workers=1)
    edge = gateway(text.replace(config.REALM, realm), ENVIRONMENT)
    token = sign(claims(type="refresh"), REFRESH)
    held = b'{"refreshToken":"%s","pad":"%s"}' % (token.encode(), b"p" * 15000)
    head = render("POST", "/refresh", [("Content-Type", "application/json"), ("Content-Length", str(len(held)))])
    first = b"POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    body = 55000
    with edge.connect() as client:
        client.socket.settimeout(SOON)
        client.send(first % body + b"b" * body + head + held)
        assert client.read_response("POST").status == 200
        assert client.read_response("POST").status == 200


# Answers


@pytest.mark.parametrize("round", range(3))
def test_bytes_behind_an_answer_that_fills_the_buffer_answer_nobody(gateway, recorder, round):
    """The answer ends where the buffer ends; what follows it is still in the kernel then."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    body = BLOCK - len(head % BLOCK)
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    def script(peer):
        while True:
            peer.read_head()
            if peer.number == 0:
                peer.send(head % body + b"a" * body + evil)
            else:
                peer.send(OK)

    edge = gateway(config.open_to(recorder(script).address, workers=1), ENVIRONMENT)
    with edge.connect() as client:
        # Everything is there before the gateway looks.
        client.send(render("GET", "/first"))
        assert client.read_head().status == 200
        client.exactly(body)
        client.send(render("GET", "/second"))
        assert client.read_response().body == b"ok"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"])
def test_an_idle_connection_that_spoke_or_ended_is_not_used(gateway, recorder, method, last_words):
    """Even when the next request comes in the same wake-up, and first."""
    first = []

    def script(peer):
        peer.read_head()
        peer.send(OK)
        if peer.number == 0:
            first.append(peer)
            peer.wait_for_end()
            return
        while True:
            peer.read_head()
            peer.send(OK)

    edge = gateway(config.open_to(recorder(script).address, workers=1), ENVIRONMENT)
    with edge.connect() as client:
        assert client.request("GET", "/one").status == 200
        wait_until(lambda: first, "the first answer")
        time.sleep(0.1)
        paused(edge)
        client.send(render(method, "/two", body=b"" if method == "POST" else None))
        time.sleep(0.05)
        if last_words:
            first[0].send(last_words)
        first[0].socket.shutdown(socket.SHUT_WR)
        time.sleep(0.05)
        resume(edge)
        answer = client.read_response(method)
        assert (answer.status, answer.body) == (200, b"ok")


@pytest.mark.parametrize("count", [1, 20, 60, 64])
def test_a_flood_of_interim_answers_does_not_spoil_the_final_one(gateway, recorder, count):
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: <%s>\r\n\r\n" % (b"l" * 900)
    final = b"HTTP/1.1 200 OK\r\nX-Long: %s\r\nContent-Length: 2\r\n\r\nok" % (b"y" * 2000)

    def script(peer):
        while True:
            peer.read_head()
            peer.send(interim * count + final)

    edge = gateway(config.open_to(recorder(script).address, workers=1), ENVIRONMENT)
    with edge.connect() as client:
        answer = client.request("GET", "/")
        assert (answer.status, answer.body) in [(200, b"ok"), (502, answer.body)]


# Who is asked twice


def dies_under_the_second_request(bytes_read: int):
    """The first connection serves one request, takes the second one's head and so much of its body,
    and closes; every other one answers all."""

    def script(peer):
        if peer.number > 0:
            return answer_all()(peer)
        peer.read_head()
        peer.send(OK)
        peer.read_head()
        peer.exactly(bytes_read)

    return script


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("count", [0, 1, 5000])
def test_a_request_that_was_sent_whole_is_never_sent_again(
    gateway, recorder, method, framing, count
):
    """Nobody knows whether it happened: the client is told, and decides."""
    if framing == "chunked" and count == 0:
        body, fields = b"0\r\n\r\n", [("Transfer-Encoding", "chunked")]
    elif framing == "chunked":
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (count, b"x" * count)
        fields = [("Transfer-Encoding", "chunked")]
    else:
        body, fields = b"x" * count, [("Content-Length", str(count))]
    backend = recorder(dies_under_the_second_request(len(body)))
    edge = gateway(config.open_to(backend.address, workers=1), ENVIRONMENT)
    with edge.connect() as client:
        assert client.request("GET", "/").status == 200
        client.send(render(method, "/pay", fields) + body)
        answer = client.read_response(method)
    assert answer.status == 502
    assert [b"/pay" in head for head in backend.heads].count(True) == 1


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("sent", [0, 10, 5000])
def test_a_request_that_was_not_sent_whole_is_sent_again(gateway, recorder, framing, sent):
    """Its end never left the gateway, so it can't have happened; the client notices nothing."""
    body = b"x" * 6000
    if framing == "length":
        fields = [("Content-Length", "6000")]
        pieces = body[:sent], body[sent:]
    else:
        fields = [("Transfer-Encoding", "chunked")]
        first = b"%x\r\n%b\r\n" % (sent, body[:sent]) if sent else b""
        pieces = first, b"%x\r\n%b\r\n0\r\n\r\n" % (6000 - sent, body[sent:])
    bodies = []

    def script(peer):
        if peer.number == 0:
            return dies_under_the_second_request(len(pieces[0]))(peer)
        while True:
            bodies.append(peer.read_body(peer.read_head()))
            peer.send(OK)

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address, workers=1), ENVIRONMENT)
    with edge.connect() as client:
        assert client.request("GET", "/").status == 200
        client.send(render("POST", "/pay", fields) + pieces[0])
        wait_until(lambda: len(backend.peers) == 2, "a second connection")
        client.send(pieces[1])
        assert client.read_response("POST").status == 200
    assert bodies == [body]
    assert [b"/pay" in head for head in backend.heads].count(True) == 2


def test_a_post_on_a_fresh_connection_is_not_sent_again(gateway, recorder):
    """A server that closes a connection which served nothing yet did not close it for being idle."""

    def script(peer):
        peer.read_head()

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address, workers=1), ENVIRONMENT)
    with edge.connect() as client:
        client.send(render("POST", "/pay", [("Content-Length", "6000")]))
        assert client.read_response("POST").status == 502
    assert len(backend.heads) == 1


def test_a_body_that_is_gone_is_not_sent_again(gateway, recorder):
    """More of the body has passed than the gateway keeps: it can't begin anew."""

    def script(peer):
        if peer.number > 0:
            return answer_all()(peer)
        peer.read_head()
        peer.send(OK)
        peer.read_head()
        peer.discard(500_000)

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address, workers=1), ENVIRONMENT)
    with edge.connect() as client:
        assert client.request("GET", "/").status == 200
        client.send(render("PUT", "/file", [("Content-Length", "600000")]) + b"x" * 500_000)
        assert client.read_response("PUT").status == 502
    assert [b"/file" in head for head in backend.heads].count(True) == 1


# Deadlines that only progress moves


def limited(address: str, limits: str, workers: int = 1) -> str:
    return config.open_to(address, extra=f"limits {{ {limits} }}", workers=workers)


def trickle_until_closed(client, bytes_each=b"x", seconds=SOON) -> float:
    """Sends a byte every now and then and reads nothing; how long until the gateway had enough."""
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < seconds:
            client.send(bytes_each)
            time.sleep(0.2)
    except (ConnectionError, BrokenPipeError):
        pass
    return time.monotonic() - begun


def test_a_client_that_reads_nothing_does_not_stay_by_sending(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            peer.send(b"z" * 65536)

    edge = gateway(limited(recorder(script).address, "send_timeout 1s;"), ENVIRONMENT)
    with edge.connect() as client:
        client.send(render("GET", "/"))
        assert trickle_until_closed(client) < SOON / 2


def test_a_slow_answer_does_not_keep_a_client_that_reads_nothing(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"z" * (12 << 20))
        while True:
            time.sleep(0.2)
            peer.send(b"z")

    edge = gateway(limited(recorder(script).address, "send_timeout 1s;"), ENVIRONMENT)
    with edge.connect() as client:
        client.send(render("GET", "/"))
        time.sleep(4)
        wait_until(lambda: edge.log_lines(), "the end of the exchange", SOON / 2)


def test_a_body_that_stopped_is_not_excused_by_the_upstream(gateway, recorder):
    """Interim answers while the body is awaited are no progress of the body."""

    def script(peer):
        peer.read_head()
        while True:
            time.sleep(0.2)
            peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")

    edge = gateway(limited(recorder(script).address, "body_timeout 1s;"), ENVIRONMENT)
    with edge.connect() as client:
        client.socket.settimeout(SOON / 2)
        client.send(render("POST", "/", [("Content-Length", "10")]) + b"abc")
        assert client.read_response("POST").status == 408


STALL = r"""
#include <unistd.h>
#include <time.h>
static int stall(void) {
  struct timespec t = {20, 0};
  if (access("stall", F_OK) == 0) nanosleep(&t, 0);
  return 0;
}
int fsync(int fd) { return stall(); }
int fdatasync(int fd) { return stall(); }
"""


def test_a_logout_is_held_for_one_second_at_most(gateway, recorder, tmp_path):
    compiler = shutil.which("cc") or shutil.which("clang")
    if not compiler:
        pytest.skip("no C compiler to make a disk that stalls")
    (tmp_path / "stall.c").write_text(STALL)
    library = tmp_path / "stall.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "stall.c"], check=True)
    edge = gateway(
        config.guarded(recorder().address, "route POST /logout { auth any; on_success revoke; }"),
        {**ENVIRONMENT, "LD_PRELOAD": str(library)},
    )
    token = sign(claims(jti="stalled"), ACCESS)
    (edge.folder / "stall").touch()
    begun = time.monotonic()
    with edge.connect() as client:
        client.socket.settimeout(SOON)
        client.send(render("POST", "/logout", [bearer(token)], b""))
        assert client.read_response("POST").status == 200
    assert time.monotonic() - begun < 4
    assert edge.get("/", token).status == 401
    edge.kill()


# Tokens that nobody judged


def test_tokens_in_headers_that_the_route_does_not_read_are_not_forwarded(gateway, recorder):
    realm = config.REALM.replace(
        "lifetime 15m; }", "lifetime 15m; token header X-Access Bearer; }"
    ).replace("lifetime 7d; }", "lifetime 7d; token header X-Refresh Bearer; }")
    backend = recorder()
    edge = gateway(config.guarded(backend.address).replace(config.REALM, realm), ENVIRONMENT)
    token = sign(claims(), ACCESS)
    refresh = sign(claims(type="refresh"), REFRESH)
    headers = [
        ("X-Access", f"Bearer {token}"),
        ("Authorization", f"Bearer {token}"),
        ("X-Refresh", f"Bearer {refresh}"),
        ("X-Other", "kept"),
    ]
    assert edge.get("/", headers=headers).status == 200
    fields = fields_of(backend.head)
    assert fields.get("x-access") == f"Bearer {token}"
    assert fields.get("x-other") == "kept"
    assert "x-refresh" not in fields
    assert "authorization" not in fields


BODY_REALM = config.REALM.replace(
    "lifetime 7d; }",
    "lifetime 7d; token header Authorization Bearer; token body refreshToken; }",
)


@pytest.mark.parametrize(
    "name, types",
    [
        ("none", []),
        ("text", ["text/plain"]),
        ("multipart", ["multipart/form-data; boundary=x"]),
        ("a second type", ["text/plain", "application/json"]),
        ("a second type behind", ["application/json", "text/plain"]),
        ("another charset", ["application/json; charset=utf-7"]),
        ("another charset, quoted", ['application/json; CharSet="utf-16le"']),
    ],
)
def test_a_body_that_only_the_backend_can_read_is_not_passed_behind_a_good_header(
    gateway, recorder, name, types
):
    """The header's token is good, the body's was revoked: a backend that prefers the body must not
    see it unjudged."""
    backend = recorder()
    routes = "route POST /refresh { auth refresh; } route POST /logout { auth any; on_success revoke; }"
    text = config.guarded(backend.address, routes).replace(config.REALM, BODY_REALM)
    edge = gateway(text, ENVIRONMENT)
    good = sign(claims(type="refresh", sub="me"), REFRESH)
    revoked = sign(claims(type="refresh", sub="victim"), REFRESH)
    assert edge.post("/logout", token=revoked).status == 200
    before = len(backend.heads)
    body = b'{"refreshToken":"%s"}' % revoked.encode()
    headers = [("Content-Type", type) for type in types]
    assert edge.post("/refresh", body, token=good, headers=headers).status in (400, 415)
    assert len(backend.heads) == before
    plain = [("Content-Type", "application/json; charset=UTF-8")]
    assert edge.post("/refresh", b"{}", token=good, headers=plain).status == 200
    assert edge.post("/refresh", b"", token=good).status == 200


def test_a_body_goes_on_to_the_next_server_when_the_first_cannot_be_reached(gateway, recorder):
    """A kept connection has no event of its own to start the body with."""

    def script(peer):
        while True:
            peer.read_body(peer.read_head())
            peer.send(OK)

    backend = recorder(script)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: refused, and taken by nobody
        text = config.open_to(backend.address, workers=1).replace(
            "{ server", "{ server 127.0.0.1:%d; server" % closed.getsockname()[1]
        )
        edge = gateway(text, ENVIRONMENT)
        with edge.connect() as client:
            client.socket.settimeout(SOON)
            for number in range(4):
                assert client.request("POST", f"/{number}", body=b"x" * 100).status == 200
                time.sleep(2.1 if number == 2 else 0.05)  # once, until the server is tried again
            assert client.request("PUT", "/last", body=b"y" * 30000).status == 200
    assert len(backend.heads) == 5


def test_a_token_header_in_a_trailer_is_not_forwarded(gateway, recorder):
    realm = config.REALM.replace("lifetime 15m; }", "lifetime 15m; token header X-Access Bearer; }")
    backend = recorder()
    edge = gateway(config.guarded(backend.address).replace(config.REALM, realm), ENVIRONMENT)
    token = sign(claims(), ACCESS)
    lines = b"X-Access: Bearer %s\r\nx_access: 1\r\nX-Sum: 1\r\n" % token.encode()
    with edge.connect() as client:
        head = render("POST", "/", [("Transfer-Encoding", "chunked"), ("X-Access", f"Bearer {token}")])
        client.send(head + b"1\r\nx\r\n0\r\n" + lines + b"\r\n")
        assert client.read_response("POST").status == 200
    assert backend.peers[0].trailers == [b"X-Sum: 1"]


def test_a_client_that_resets_does_not_keep_its_upstream_waiting(gateway, recorder):
    ended = []

    def script(peer):
        peer.read_head()
        peer.wait_for_end()
        ended.append(peer)

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address), ENVIRONMENT)
    client = edge.connect()
    client.send(render("GET", "/"))
    backend.wait_for_heads(1)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    wait_until(lambda: ended, "the end of the upstream connection", SOON)
    assert edge.logged(path="/")["reason"] == "client_aborted"
