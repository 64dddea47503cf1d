"""Made-up tunnels and event streams, many at a time: clients and backends from a seed, cut anywhere.

What one side says is filled with the number of its own client, so that a byte that reaches another
one is seen; a server's frames must arrive whole and in order, with nothing behind a close; what comes
behind a handshake must never become a request; and in the end nothing may be left open.

`TUNNELS_SEED=n` makes other ones, `TUNNELS=n` more.
"""

import contextlib
import os
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from backends.recorder import Ended, fields_of
from conftest import ACCESS, REFRESH
from support import config
from support.processes import wait_until
from support.tokens import bearer, claims, now, sign
from support.websocket import BINARY, CLOSE, CONTINUATION, PING, TEXT, agreement, frame, handshake
from support.wire import render

SEED = int(os.environ.get("TUNNELS_SEED", "1"))
COUNT = int(os.environ.get("TUNNELS", "400"))
TOGETHER = 50
GHOST = b"GET /ghost HTTP/1.1\r\nHost: a\r\n\r\n"
REFUSALS = [
    b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n\x81\x00",
    b"HTTP/1.0 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x00",
    b"HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n\x81\x00",
    b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 5\r\n\r\nxxxxx",
    b"garbage\r\n\r\n",
    b"",
]
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def filled(number: int, count: int) -> bytes:
    """So many nine-byte words of one client."""
    return b"<%07d>" % number * count


def is_filled(number: int, data: bytes) -> bool:
    """True for a cut of such words, wherever it begins and ends."""
    word = b"<%07d>" % number
    start = data.find(b"<") if len(data) >= len(word) else (word * 3).find(data)
    if len(data) < len(word):
        return start >= 0
    whole = word * (len(data) // len(word) + 3)
    return whole[-start % len(word) :].startswith(data)


def pieces(dice, send, data: bytes):
    while data:
        step = dice.choice([1, 7, 300] if len(data) < 1_000 else [3_000, 1 << 20])
        send(data[:step])
        data = data[step:]


class World:
    """Both sides of all conversations, and what went wrong."""

    def __init__(self):
        self.faults, self.tunnels, self.ended_by_token = [], 0, 0

    def fault(self, *what):
        self.faults.append(what)

    # The backend

    def script(self, peer):
        while True:
            head = peer.read_head()
            _, _, number, seed = head.split(b" ")[1].decode().split("/")
            number, dice = int(number), random.Random(int(seed))
            fields = fields_of(head)
            if fields.get("x-user-id", f"u{number}") != f"u{number}" or "x_user_id" in fields:
                self.fault("identity", number, head)
            if b"bearer" in fields.get("sec-websocket-protocol", "").encode():
                self.fault("a token passed", number, head)
            if "upgrade" not in fields:
                return self.stream(peer, dice, number)
            if dice.random() < 0.25:
                answer = dice.choice(REFUSALS)
                peer.send(answer)
                if not answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 200")):
                    return
                continue
            interim = b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" * dice.choice([0, 0, 1, 3])
            first = frame(filled(number, 50)) * dice.choice([0, 0, 1])
            pieces(dice, peer.send, interim + agreement(head) + first)
            return self.serve(peer, dice, number)

    def serve(self, peer, dice, number):
        # A thread that waits for bytes does not notice that its socket was reset.
        peer.socket.settimeout(4)
        reader = threading.Thread(target=self.listen, args=(peer, number), daemon=True)
        reader.start()
        try:
            for _ in range(dice.randint(0, 15)):
                opcode = dice.choice([TEXT, BINARY, BINARY, CONTINUATION, PING])
                count = dice.choice([0, 1, 13]) if opcode == PING else dice.choice([0, 1, 14, 600, 8_000])
                made = frame(filled(number, count), opcode, opcode == PING or dice.random() < 0.8)
                pieces(dice, peer.send, made)
                time.sleep(dice.choice([0, 0, 0.02]))
            end = dice.choice(["close", "reset", "half", "middle", "whole", "wait"])
            if end == "reset":
                return peer.reset()
            if end == "middle":
                peer.send(frame(filled(number, 100))[:500])
            if end == "whole":
                peer.send(frame(b"\x03\xe8", CLOSE))
            if end == "half":
                with contextlib.suppress(OSError):
                    peer.socket.shutdown(socket.SHUT_WR)
            if end in ("half", "wait", "middle"):
                reader.join(3)
        finally:
            peer.close()
            reader.join(60)

    def listen(self, peer, number):
        try:
            while True:
                if peer.position == len(peer.received):
                    peer.more()
                data = peer.exactly(len(peer.received) - peer.position)
                if GHOST not in data and not is_filled(number, data):
                    self.fault("another's bytes in the backend", number, data[:80])
        except (Ended, OSError):
            pass

    def stream(self, peer, dice, number):
        peer.send(EVENTS)
        for _ in range(dice.randint(0, 8)):
            data = filled(number, dice.choice([1, 30, 2_000]))
            pieces(dice, peer.send, b"%x\r\n" % len(data) + data + b"\r\n")
            time.sleep(dice.choice([0, 0.02]))
        end = dice.choice(["whole", "close", "reset", "wait"])
        if end == "whole":
            peer.send(b"0\r\n\r\n")
        if end == "reset":
            peer.reset()
        if end == "wait":
            peer.wait_for_end()

    # The clients

    def client(self, edge, number):
        dice = random.Random(SEED * 1_000_003 + number)
        with edge.connect() as client:
            client.socket.settimeout(30)
            try:
                self.talk(client, dice, number)
            except (AssertionError, ConnectionError):
                # Cut somewhere, by the backend's will or by the client's own.
                pass
            except TimeoutError:
                self.fault("nothing came for too long", number)

    def talk(self, client, dice, number):
        token = sign(claims(sub=f"u{number}", exp=now() + dice.choice([1, 2, 600, 600])), ACCESS)
        path = f"/c/{number}/{dice.randrange(1 << 30)}"
        forged = [("X-User-Id", "root"), ("X_User_Id", "root")] * dice.choice([0, 1])
        if dice.random() < 0.3:
            client.send(render("GET", path, [bearer(token), *forged]))
            answer = client.read_response()
            # The shortest tokens live for what is left of this second.
            is_over = answer.status == 401 and answer.body == b'{"msg":"Token has expired"}\n'
            if not is_filled(number, answer.body) and not is_over:
                self.fault("another's events", number, answer.body[:80])
            return
        place = dice.choice([bearer(token), ("Sec-WebSocket-Protocol", f"bearer, {token}")])
        early = dice.choice([b"", b"", filled(number, 10), filled(number, 9_000), GHOST])
        asked = handshake(path, [place, *forged])
        pieces(dice, client.send, asked[:-4])
        # Sent later, early bytes may come behind the answer, and are a request like any other.
        client.send(asked[-4:] + early)
        answer = client.read_response()
        if answer.status != 101:
            if early and not client.is_closed():
                self.fault("an open end behind a refused handshake", number, answer.status)
            return
        self.tunnels += 1
        offered = place[0] == "Sec-WebSocket-Protocol"
        if answer.one("Sec-WebSocket-Protocol") != ("bearer" if offered else None):
            self.fault("a choice", number, answer.headers)
        for _ in range(dice.randint(0, 5)):
            client.send(filled(number, dice.choice([1, 100, 4_000])))
        if dice.random() < 0.2:
            # Cut by then, it has no end to send.
            with contextlib.suppress(OSError):
                client.finish_sending()
        self.take_frames(client, dice, number)

    def take_frames(self, client, dice, number):
        closed = False
        while dice.random() < 0.98:
            first, length = client.exactly(2)
            if closed:
                return self.fault("a frame behind the close", number, first, length)
            if length > 125:
                length = int.from_bytes(client.exactly(2 if length == 126 else 8))
            payload = client.exactly(length)
            closed = first & 0x0F == CLOSE
            if closed:
                self.ended_by_token += payload.startswith(b"\x03\xf0")
            elif not is_filled(number, payload):
                return self.fault("another's frame", number, payload[:80])


def test_made_up_tunnels_and_streams(gateway, recorder):
    world = World()
    limits = "limits { stream_idle_timeout 1s; send_timeout 5s; head_timeout 5s; }"
    edge = gateway(
        config.guarded(recorder(world.script).address, extra=limits),
        config.environment(ACCESS, REFRESH),
    )
    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(lambda number: world.client(edge, number), range(COUNT)))
    assert world.faults == [], f"TUNNELS_SEED={SEED}"
    assert world.tunnels > COUNT / 5 and world.ended_by_token > 0, "too little came about"

    def is_quiet():
        status = edge.status()
        return status["connections"]["open"] == 0 and status["counters"]["tunnels_open"] == 0

    wait_until(is_quiet, "everything is over")
