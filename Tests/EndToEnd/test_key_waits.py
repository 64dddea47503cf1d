"""Requests that wait for a key: from a real HTTPS issuer that takes its time, fails, or withdraws."""

import json
import signal
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from socket import SO_LINGER, SOL_SOCKET

import pytest
from websockets.exceptions import ConnectionClosed

from support import config
from support.issuer import Issuer
from support.processes import DEADLINE, wait_until
from support.tokens import bearer
from support.websocket import dial
from support.wire import render

ROUTES = """
    route /open { auth none; }
    route /maybe { auth optional; }
    route POST /refresh { auth refresh; }
    route POST /logout { auth any; on_success revoke; }
"""


def realm(issuer, block="", name="main"):
    return f"""realm {name} {{
    access  {{ jwks {issuer.url} {{ ca {issuer.authority.file}; {block} }} lifetime 15m;
              token header Authorization Bearer; token cookie session csrf X-CSRF-TOKEN; }}
    refresh {{ lifetime 1h; token body refresh_token; }}
}}"""


def guarded(address, realms, routes="", workers=2, extra=""):
    return f"""{config.top(workers)}
{realms}
{config.IDENTITY}
blocklist {{ store memory; }}
{extra}
upstream backend {{ server {address}; }}
group / {{ upstream backend; {routes} {ROUTES} route / {{ auth required; }} }}
"""


def ready(edge):
    wait_until(lambda: all(set["keys"] for set in edge.status()["key_sets"]), "the sets are in use")
    return edge


@pytest.fixture
def waiting(gateway, recorder, issuer):
    """A gateway with one known key, before an issuer that will not answer until it is let."""

    def make(script=None, **more):
        backend = recorder(script)
        edge = ready(gateway(guarded(backend.address, realm(issuer), **more)))
        issuer.gate.clear()
        return edge, backend

    return make


def echo(peer):
    """Answers each request with its own body, chunked or not."""
    while True:
        head = peer.read_head().lower()
        body = b""
        if b"transfer-encoding: chunked" in head:
            while True:
                line = b""
                while not line.endswith(b"\r\n"):
                    line += peer.exactly(1)
                size = int(line, 16)
                body += peer.exactly(size)
                peer.exactly(2)
                if size == 0:
                    break
        else:
            for line in head.split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    body = peer.exactly(int(line.partition(b":")[2]))
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


# What waits


def test_requests_behind_a_waiting_one_keep_their_order(waiting, issuer):
    edge, _ = waiting(echo)
    new = issuer.add("two").token("two")
    with edge.connect() as connection:
        connection.send(
            render("POST", "/x", [bearer(new)], b"first")
            + render("POST", "/open", [], b"second")
            + render("POST", "/x", [bearer(issuer.token("one"))], b"third")
        )
        issuer.asked(2)
        assert edge.get("/x", issuer.token("one")).status == 200, "others go on"
        assert connection.is_open()
        issuer.gate.set()
        answers = [connection.read_response("POST") for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert [answer.body for answer in answers] == [b"first", b"second", b"third"]


CHUNKED = ("Transfer-Encoding", "chunked")


@pytest.mark.parametrize("coding", ["length", "chunked", "expecting"])
def test_a_held_body_waits_and_is_forwarded_whole(waiting, issuer, coding):
    edge, _ = waiting(echo)
    token = issuer.add("two").token("two", type="refresh")
    body = json.dumps({"refresh_token": token, "more": "x" * 3000}).encode()
    fields = [("Content-Type", "application/json")]
    with edge.connect() as connection:
        if coding == "chunked":
            halves = [body[:1000], body[1000:]]
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in halves)
            head = render("POST", "/refresh", [*fields, CHUNKED])
            connection.send(head + chunks + b"0\r\n\r\n")
        elif coding == "expecting":
            length = ("Content-Length", str(len(body)))
            connection.send(render("POST", "/refresh", [*fields, length, ("Expect", "100-continue")]))
            assert connection.read_head().status == 100
            connection.send(body)
        else:
            connection.send(render("POST", "/refresh", fields, body))
        issuer.asked(2)
        issuer.gate.set()
        answer = connection.read_response("POST")
        assert (answer.status, answer.body) == (200, body)
        # The connection is as good as any.
        assert connection.request("GET", "/x", [bearer(issuer.token("one"))]).status == 200


def test_a_cookie_that_waits_still_needs_its_proof(waiting, issuer):
    edge, backend = waiting()
    token = issuer.add("two").token("two", csrf="proof")
    with ThreadPoolExecutor(2) as pool:
        fields = [("Cookie", f"session={token}")]
        forged = pool.submit(edge.request, "POST", "/x", fields)
        proven = pool.submit(edge.request, "POST", "/x", [*fields, ("X-CSRF-TOKEN", "proof")])
        issuer.asked(2)
        issuer.gate.set()
        assert forged.result().status == 403
        assert proven.result().status == 200


def test_a_route_of_two_realms_asks_both_issuers(gateway, recorder, issuer, authority):
    partner = Issuer(authority, "/partner.json").add("p-one")
    backend = recorder()
    realms = realm(issuer) + realm(partner, name="partner")
    edge = ready(gateway(guarded(backend.address, realms, "realm main partner;")))
    assert edge.get("/x", partner.token("p-one")).status == 200
    token = partner.add("p-two").token("p-two")
    assert edge.get("/x", token).status == 200
    # One that nobody publishes is unknown to both; where one can't tell, nobody can.
    stranger = Issuer(authority).add("s-one").add("s-two")
    assert edge.get("/x", stranger.token("s-one")).status == 401
    assert (issuer.count, partner.count) == (3, 3)
    partner.answer = None
    assert edge.get("/x", stranger.token("s-two")).status == 503
    # The realm that has the key needs nobody.
    assert edge.get("/x", issuer.token("one")).status == 200
    partner.stop()
    stranger.stop()


def test_a_websocket_waits_for_its_key(gateway, issuer, ws_python):
    edge = ready(gateway(guarded(ws_python.address, realm(issuer))))
    token = issuer.add("two").token("two")
    with dial(edge, "/echo", subprotocols=["chat", "bearer", token]) as socket:
        socket.send("hello")
        assert socket.recv() == "hello"


# What ends the waiting


def test_an_issuer_that_hangs_costs_a_503(gateway, recorder, issuer):
    backend = recorder()
    edge = ready(gateway(guarded(backend.address, realm(issuer, "timeout 1s;"))))
    issuer.gate.clear()
    token = issuer.add("two").token("two")
    with edge.connect() as connection:
        for path in ("/x", "/maybe"):
            answer = connection.request("GET", path, [bearer(token)])
            assert answer.status == 503 and answer.one("Retry-After")
            assert not answer.all("WWW-Authenticate"), "it says nothing about the token"
        assert connection.request("GET", "/x", [bearer(issuer.token("one"))]).status == 200
    assert len(backend.heads) == 1
    assert edge.logged(reason="unavailable", status=503)
    issuer.gate.set()
    wait_until(lambda: edge.get("/x", token).status == 200, "the key is there")


def test_clients_that_go_away_leave_nothing_to_others(waiting, issuer):
    edge, backend = waiting(workers=1)
    two = issuer.add("two").token("two")
    stranger = Issuer(issuer.authority).add("made-up").token("made-up")
    idle = edge.descriptors()
    with ExitStack() as stack:
        gone = [stack.enter_context(edge.connect()) for _ in range(20)]
        for connection in gone:
            connection.send(render("GET", "/gone", [bearer(two)]))
        issuer.asked(2)
        for number, connection in enumerate(gone):
            if number % 2:
                # As a crash: the gateway is told at once.
                connection.socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        # Half of the places are free again, and taken by others: an answer for those who were there
        # before must not let these pass.
        new = [stack.enter_context(edge.connect()) for _ in range(20)]
        for connection in new:
            connection.send(render("GET", "/new", [bearer(stranger)]))
        assert edge.get("/x", issuer.token("one")).status == 200
        issuer.gate.set()
        assert [connection.read_response().status for connection in new] == [401] * 20
        for connection in new:
            assert connection.request("GET", "/later", [bearer(two)]).status == 200
    seen = [head.split(b" ")[1] for head in backend.heads]
    assert b"/new" not in seen and seen.count(b"/later") == 20
    wait_until(lambda: edge.descriptors() <= idle + 2, "their descriptors are given back")


def test_a_client_that_only_finished_sending_gets_its_answer(waiting, issuer):
    edge, _ = waiting()
    with edge.connect() as connection:
        connection.send(render("GET", "/x", [bearer(issuer.add("two").token("two"))]))
        connection.finish_sending()
        issuer.asked(2)
        issuer.gate.set()
        assert connection.read_response().status == 200


def test_stopping_does_not_wait_for_an_issuer(waiting, issuer):
    edge, _ = waiting(extra="limits { drain_timeout 1s; }")
    with edge.connect() as connection:
        connection.send(render("GET", "/x", [bearer(issuer.add("two").token("two"))]))
        issuer.asked(2)
        process = edge.process
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
        with suppress(ConnectionResetError):
            # Told, or cut off: nothing that looks like a yes.
            answer = connection.socket.recv(1 << 16)
            assert not answer or answer.startswith(b"HTTP/1.1 503 ")


def test_stopping_lets_a_waiting_request_finish(waiting, issuer):
    edge, _ = waiting()
    with edge.connect() as connection:
        connection.send(render("GET", "/x", [bearer(issuer.add("two").token("two"))]))
        issuer.asked(2)
        edge.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(edge), "it accepts nobody any more")
        issuer.gate.set()
        answer = connection.read_response()
        assert answer.status in (200, 503)
    assert edge.process.wait(DEADLINE) == 0


def refuses(edge) -> bool:
    try:
        edge.connect().close()
    except ConnectionError:
        return True
    return False


# Made-up keys


def test_made_up_names_stay_cheap_and_keep_nobody_out(gateway, recorder, issuer):
    backend = recorder()
    edge = ready(gateway(guarded(backend.address, realm(issuer))))
    stranger = Issuer(issuer.authority).add("stranger")
    made_up = [stranger.token("stranger", named=f"made-up-{number}") for number in range(300)]
    good = issuer.token("one")
    statuses = set()

    def flood(part):
        with edge.connect() as connection:
            for token in part * 3:
                statuses.add(connection.request("GET", "/x", [bearer(token)]).status)
                assert connection.request("GET", "/x", [bearer(good)]).status == 200

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(flood, [made_up[part::4] for part in range(4)]))
    assert statuses <= {401, 503}
    assert issuer.count <= 1 + 4 + 1, "the bucket bounds what the issuer is asked"
    assert len(edge.stderr().splitlines()) < 20
    # The same name again and again is answered, whoever asks, and never by the issuer.
    before = issuer.count
    for _ in range(50):
        assert edge.get("/x", made_up[0]).status in (401, 503)
    assert issuer.count <= before + 1
    stranger.stop()


# Streams whose key goes


def withdraw(edge, issuer):
    """The issuer replaces its key, and somebody with a token of the new one makes the gateway look."""
    issuer.add("two").published.remove("one")
    assert edge.get("/echo-not", issuer.token("two")).status != 401


def test_a_tunnel_ends_when_its_key_is_withdrawn(gateway, ws_python, issuer):
    edge = ready(gateway(guarded(ws_python.address, realm(issuer))))
    issuer.add("lasting")
    with dial(edge, "/echo", token=issuer.token("lasting")) as lasting:
        with dial(edge, "/echo", token=issuer.token("one")) as socket:
            socket.send("hello")
            assert socket.recv() == "hello"
            withdraw(edge, issuer)
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=DEADLINE)
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
                1008,
                "token key withdrawn",
            )
        assert edge.logged(status=101, reason="unknown_key")
        lasting.send("still here")
        assert lasting.recv() == "still here"


def test_an_event_stream_is_cut_when_its_key_is_withdrawn(gateway, recorder, issuer):
    def script(peer):
        while b"/events" not in peer.read_head():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        peer.more()

    edge = ready(gateway(guarded(recorder(script).address, realm(issuer))))
    with edge.connect() as connection:
        connection.send(render("GET", "/events", [bearer(issuer.token("one"))]))
        assert connection.read_head().status == 200
        withdraw(edge, issuer)
        with suppress(ConnectionResetError):
            while block := connection.socket.recv(1 << 16):
                assert not block.endswith(b"0\r\n\r\n"), "it looks complete"
    assert edge.logged(reason="unknown_key", path="/events")
