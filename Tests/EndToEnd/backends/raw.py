"""A backend of raw sockets that keeps every byte it was sent, keeps its connections open, and reads
by the letter (support/strict.py): bytes that are not exactly one request after another are a fault.

It answers each request with the target and body that it saw, so that an answer gone astray shows. A
target `/play/NAME/CUT` is answered with the bytes of the play of that name instead: whole, in two
parts, or byte by byte, with a pause for the gateway to have seen the first part before the next.
"""

import selectors
import socket
import threading
import time
from dataclasses import dataclass, field

from support.strict import Fault, Message, More, read_answer, read_forwarded, read_request_head

DEADLINE = 60.0
HOST = b"Host: gateway.test"
"""What every client of these tests says."""
OWN = {
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-forwarded-prefix",
    b"x-request-id",
}


@dataclass
class Line:
    """One connection from the gateway."""

    socket: socket.socket
    number: int
    received: bytearray = field(default_factory=bytearray)
    requests: list = field(default_factory=list)
    plays: list = field(default_factory=list)
    position: int = 0
    fault: str = ""
    ended: bool = False
    answered_early: bool = False


@dataclass(frozen=True)
class Play:
    """Bytes to answer with; what becomes of the connection behind them: keep, close, reset, or close
    where they end too early or only the end can say that they are whole (`as needed`)."""

    data: bytes
    then: str = "keep"
    cut: int = 0


@dataclass(frozen=True)
class Seen:
    """A request as the gateway was meant to send it, its own fields aside."""

    start: bytes
    lines: tuple
    body: bytes = b""
    trailers: tuple = ()


def seen(message: Message) -> Seen:
    return Seen(
        message.start,
        tuple(line for _, _, line in message.fields if not is_own(line)),
        message.body,
        tuple(line for _, _, line in message.trailers),
    )


def is_own(line: bytes) -> bool:
    return line.partition(b":")[0].lower() in OWN


def echo(message: Message) -> bytes:
    """An answer that can't be taken for that of another request."""
    said = message.target + b"|" + message.body
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said)
    return head if message.method == b"HEAD" else head + said


def end_of_answer(data: bytes, method: bytes):
    """Where the final answer is whole or wrong, so that nobody waits for more; None where somebody
    would."""
    at = 0
    try:
        while (found := read_answer(data, method, at)).status < 200:
            if found.status == 101:
                return found.end
            at = found.end
    except More:
        return None
    except Fault:
        # A head may be looked at only when its blank line has come.
        return len(data) if b"\r\n\r\n" in data[at:] else None
    return None if found.framing == "close" else found.end


class RawBackend:
    """Listens; one thread reads, judges and answers everything."""

    def __init__(self):
        self.plays: dict[str, Play] = {}
        self.answers: dict[bytes, Play] = {}
        self.pause = lambda: None
        self.lines: list[Line] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.failures: list[BaseException] = []
        self.played = 0
        self.waker, self.woken = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    # Loop

    def _run(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.listener, selectors.EVENT_READ, None)
            selector.register(self.woken, selectors.EVENT_READ, None)
            while True:
                for key, _ in selector.select(DEADLINE):
                    if key.fileobj is self.woken:
                        return
                    if key.data is None:
                        self._accept(selector)
                        continue
                    try:
                        self._read(key.data)
                    except OSError:
                        key.data.ended = True
                    except Exception as error:  # a fault of the test's own
                        self.failures.append(error)
                        key.data.ended = True
                    if key.data.ended:
                        selector.unregister(key.fileobj)
                        key.data.socket.close()

    def _accept(self, selector):
        accepted, _ = self.listener.accept()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.settimeout(DEADLINE)
        line = Line(accepted, len(self.lines))
        self.lines.append(line)
        selector.register(accepted, selectors.EVENT_READ, line)

    def _read(self, line: Line):
        block = line.socket.recv(1 << 18)
        if not block:
            line.ended = True
            return
        line.received += block
        while not line.ended and not line.fault:
            data = bytes(line.received)
            try:
                message = read_forwarded(data, line.position)
            except More:
                self._answer_early(line, data)
                return
            except Fault as fault:
                line.fault = f"{fault}: {data[line.position :][:300]!r}"
                return
            line.position = message.end
            line.requests.append(message)
            if line.answered_early:
                line.answered_early = False
            else:
                self._answer(line, message)

    def _answer_early(self, line: Line, data: bytes):
        """Targets below `/early` are answered as soon as their head is there."""
        try:
            head = read_request_head(data, line.position)
        except (More, Fault):
            return
        if head.target.startswith(b"/early") and not line.answered_early:
            line.answered_early = True
            line.socket.sendall(echo(head))

    def _answer(self, line: Line, message: Message):
        if message.target in self.answers:
            self._say(line, message, self.answers[message.target])
            return
        if not message.target.startswith(b"/play/"):
            line.socket.sendall(echo(message))
            return
        _, _, name, cut = message.target.decode().split("/", 3)
        play = self.plays[name]
        if cut == "bytes":
            parts = [play.data[at : at + 1] for at in range(len(play.data))]
        elif cut == "whole":
            parts = [play.data]
        else:
            parts = [play.data[: int(cut)], play.data[int(cut) :]]
        line.plays.append(name)
        try:
            for part in parts[:-1]:
                line.socket.sendall(part)
                self.pause()
            line.socket.sendall(parts[-1] if parts else b"")
        finally:
            self.played += 1
        if play.then == "reset":
            line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if play.then != "keep":
            line.ended = True

    def _say(self, line: Line, message: Message, play: Play):
        """Sends a made-up answer. What is behind a whole one goes with its last byte: bytes that came
        later might rightly be taken for the next answer."""
        end = end_of_answer(play.data, message.method)
        cut = play.cut if 0 < play.cut < (end or len(play.data)) else 0
        if cut:
            line.socket.sendall(play.data[:cut])
            self.pause()
        line.socket.sendall(play.data[cut:])
        line.ended = end is None

    # What came

    def requests(self) -> list:
        """Every whole request so far, connection by connection."""
        return [message for line in self.lines for message in line.requests]

    def count(self) -> int:
        return sum(len(line.requests) for line in self.lines)

    def holds(self, text: bytes) -> bool:
        """True if these bytes came, wherever."""
        return any(text in line.received for line in self.lines)

    def assert_clean(self):
        """No connection ever carried a byte that is not of a whole, canonical request; a request
        may only be cut off by the end of its connection."""
        assert not self.failures, self.failures
        for line in self.lines:
            assert not line.fault, f"connection {line.number}: {line.fault}"

    def assert_no_open_remains(self):
        """Waits until every connection with a begun request has ended."""
        end = time.monotonic() + DEADLINE
        while any(not one.ended and len(one.received) > one.position for one in self.lines):
            assert time.monotonic() < end, "half a request on a connection that stays open"
            time.sleep(0.01)

    def forget(self):
        """Drops what came so far; connections stay."""
        self.lines = [line for line in self.lines if not line.ended]
        for line in self.lines:
            line.requests, line.plays = [], []

    def stop(self):
        self.waker.send(b"x")
        self.thread.join(DEADLINE)
        for one in [self.listener, self.waker, self.woken, *(line.socket for line in self.lines)]:
            one.close()
        assert not self.thread.is_alive(), "the backend did not end"
        self.assert_clean()
