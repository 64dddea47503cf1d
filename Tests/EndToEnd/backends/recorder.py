"""A backend that plays a script and keeps every byte it was sent.

A script is a function of one connection (`Peer`), run on a thread of its own: it reads what it wants,
sends exactly the bytes it wants, as slowly as it is told, and may close early, reset, or say nothing.
The default script answers every request with a small 200.
"""

import contextlib
import socket
import struct
import threading
import time

DEADLINE = 60.0
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class Ended(Exception):
    """The other side closed the connection."""


class Peer:
    """One connection from the gateway."""

    def __init__(self, connection: socket.socket, number: int, timeline: list):
        self.socket = connection
        self.timeline = timeline
        self.number = number
        self.received = bytearray()
        self.position = 0
        self.heads = []
        connection.settimeout(DEADLINE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def more(self):
        try:
            block = self.socket.recv(1 << 18)
        except ConnectionResetError:
            raise Ended from None
        if not block:
            raise Ended
        self.received += block

    def read_head(self) -> bytes:
        """A request head through its blank line; raises Ended when no further one comes."""
        while (end := self.received.find(b"\r\n\r\n", self.position)) < 0:
            self.more()
        head = bytes(self.received[self.position : end + 4])
        self.position = end + 4
        self.heads.append(head)
        self.timeline.append(head)
        return head

    def exactly(self, count: int) -> bytes:
        while len(self.received) - self.position < count:
            self.more()
        data = bytes(self.received[self.position : self.position + count])
        self.position += count
        return data

    def line(self) -> bytes:
        while (end := self.received.find(b"\r\n", self.position)) < 0:
            self.more()
        return self.exactly(end + 2 - self.position)[:-2]

    def read_body(self, head: bytes) -> bytes:
        """The body that the head announces, decoded; trailers are kept in `trailers`."""
        fields = fields_of(head)
        if "transfer-encoding" in fields:
            data = b""
            while size := int(self.line().split(b";")[0], 16):
                data += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            self.trailers = []
            while line := self.line():
                self.trailers.append(line)
            return data
        return self.exactly(int(fields.get("content-length", "0")))

    def discard(self, count: int):
        """Reads `count` bytes without keeping them: for bodies too large to record."""
        left = count - (len(self.received) - self.position)
        del self.received[self.position :]
        while left > 0:
            block = self.socket.recv(min(left, 1 << 20))
            if not block:
                raise Ended
            left -= len(block)

    def send(self, data: bytes):
        self.socket.sendall(data)

    def send_slowly(self, data: bytes, step: int = 1):
        """In pieces of `step` bytes, each its own segment."""
        for start in range(0, len(data), step):
            self.socket.sendall(data[start : start + step])

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def reset(self):
        """Ends the connection by RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def wait_for_end(self):
        """Reads until the other side closes."""
        with contextlib.suppress(Ended):
            while True:
                self.more()


def fields_of(head: bytes) -> dict:
    """Header fields by lower-case name; repeated ones joined by a comma."""
    fields = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        if line:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            fields[name] = f"{fields[name]},{value}" if name in fields else value
    return fields


def lines_named(head: bytes, name: str) -> list:
    """The values of every line of that exact name (any case), in order."""
    values = []
    for line in head.decode("latin-1").split("\r\n")[1:]:
        if line.partition(":")[0].lower() == name.lower():
            values.append(line.partition(":")[2].strip())
    return values


def answer_all(answer: bytes = OK):
    """A script that reads whole requests and answers each of them the same."""

    def script(peer: Peer):
        while True:
            head = peer.read_head()
            peer.read_body(head)
            peer.send(answer)

    return script


class Recorder:
    """Listens, plays `script` on every connection, and keeps the connections."""

    def __init__(self, script=None):
        self.script = script or answer_all()
        self.peers: list[Peer] = []
        self.timeline: list[bytes] = []
        self.failures: list[BaseException] = []
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(256)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.stopping = False
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            peer = Peer(connection, len(self.peers), self.timeline)
            self.peers.append(peer)
            thread = threading.Thread(target=self._play, args=(peer,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _play(self, peer: Peer):
        try:
            self.script(peer)
        except Ended:
            pass
        except (OSError, ValueError) as error:
            # Closing our own sockets at the end wakes the scripts up; before that it is a failure,
            # except where the gateway rightly stopped reading.
            if not self.stopping and not isinstance(error, (ConnectionError, TimeoutError)):
                self.failures.append(error)
        except BaseException as error:
            self.failures.append(error)
        finally:
            peer.close()

    # What came

    @property
    def heads(self) -> list:
        """Every request head in the order of arrival, whatever connection it came by."""
        return list(self.timeline)

    @property
    def head(self) -> bytes:
        """The one head that came."""
        heads = self.heads
        assert len(heads) == 1, f"{len(heads)} requests came: {heads}"
        return heads[0]

    def wait_for_heads(self, count: int) -> list:
        end = time.monotonic() + DEADLINE
        while len(self.heads) < count:
            assert time.monotonic() < end, f"{len(self.heads)} of {count} requests came"
            time.sleep(0.01)
        return self.heads

    def stop(self):
        self.stopping = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in list(self.peers):
            peer.close()
        for thread in self.threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "a script did not end"
        if self.failures:
            raise AssertionError(
                f"a backend script failed: {self.failures[0]!r}"
            ) from self.failures[0]
