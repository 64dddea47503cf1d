"""An HTTP/1.1 client that speaks bytes: it sends what it is given, and reads strictly.

Every wait is bounded by DEADLINE; a peer that says nothing makes a test fail, never hang.
"""

import socket
from dataclasses import dataclass, field

DEADLINE = 60.0


@dataclass
class Response:
    status: int
    version: str
    phrase: str
    headers: list = field(default_factory=list)
    body: bytes = b""
    interim: list = field(default_factory=list)
    trailers: list = field(default_factory=list)
    chunks: int = 0

    def all(self, name: str) -> list:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str):
        """The value of a header that stands there once; None if it is absent."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands there {len(values)} times: {values}"
        return values[0] if values else None

    def json(self):
        import json

        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.headers} {self.body[:400]!r}"


def render(method: str, target: str, headers=(), body: bytes | None = None, host="gateway.test"):
    """The bytes of a plain request; `headers` are pairs and may repeat. Host is added once."""
    lines = [f"{method} {target} HTTP/1.1"]
    if host is not None and not any(name.lower() == "host" for name, _ in headers):
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


class Connection:
    """One connection to `address`: (host, port), or the path of a Unix socket."""

    def __init__(self, address, deadline: float = DEADLINE):
        if isinstance(address, tuple):
            self.socket = socket.create_connection(address, deadline)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(deadline)
            self.socket.connect(str(address))
        self.socket.settimeout(deadline)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data: bytes):
        self.socket.sendall(data)

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def request(self, method: str, target: str, headers=(), body=None, **more) -> Response:
        self.send(render(method, target, headers, body, **more))
        return self.read_response(method)

    # Reading

    def _more(self) -> bool:
        block = self.socket.recv(1 << 16)
        self.pending += block
        return bool(block)

    def _line(self) -> str:
        while b"\r\n" not in self.pending:
            assert len(self.pending) < 1 << 20, "a line without an end"
            assert self._more(), f"the connection ended within a line: {self.pending!r}"
        line, self.pending = self.pending.split(b"\r\n", 1)
        assert b"\n" not in line and b"\r" not in line, f"bare CR or LF: {line!r}"
        return line.decode("latin-1")

    def _fields(self) -> list:
        fields = []
        while line := self._line():
            name, colon, value = line.partition(":")
            assert colon and name and name == name.strip(), f"no header line: {line!r}"
            fields.append((name, value.strip(" \t")))
        return fields

    def exactly(self, count: int) -> bytes:
        while len(self.pending) < count:
            assert self._more(), f"the connection ended {count - len(self.pending)} bytes early"
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def read_head(self) -> Response:
        """One head, interim or final."""
        version, status, phrase = (self._line().split(" ", 2) + [""])[:3]
        assert version in ("HTTP/1.1", "HTTP/1.0"), version
        assert len(status) == 3 and status.isdigit(), status
        return Response(int(status), version, phrase, self._fields())

    def read_response(self, method: str = "GET") -> Response:
        """A whole response to a request of `method`, with the interim ones before it."""
        interim = []
        while True:
            response = self.read_head()
            if response.status >= 200 or response.status == 101:
                break
            interim.append(response)
        response.interim = interim
        length, coding = response.one("Content-Length"), response.one("Transfer-Encoding")
        assert length is None or coding is None, "both Content-Length and Transfer-Encoding"
        if method == "HEAD" or response.status in (204, 304, 101):
            return response
        if coding is not None:
            assert coding.lower() == "chunked", coding
            blocks = []
            while size := int(self._line().split(";")[0], 16):
                blocks.append(self.exactly(size))
                assert self.exactly(2) == b"\r\n"
            response.body, response.chunks = b"".join(blocks), len(blocks)
            response.trailers = self._fields()
        elif length is not None:
            assert length.isdigit(), length
            response.body = self.exactly(int(length))
        else:
            while self._more():
                pass
            response.body, self.pending = self.pending, b""
        return response

    def is_closed(self) -> bool:
        """Waits for the peer to close; false if it sends something instead."""
        try:
            return not self.pending and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def is_open(self) -> bool:
        """True if the peer has neither closed nor sent anything by now."""
        self.socket.setblocking(False)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
            return False
        except BlockingIOError:
            return not self.pending
        finally:
            self.socket.settimeout(DEADLINE)


def exchange(address, data: bytes, method: str = "GET") -> Response:
    """Sends raw bytes on a connection of its own and reads one response."""
    with Connection(address) as connection:
        connection.send(data)
        return connection.read_response(method)
