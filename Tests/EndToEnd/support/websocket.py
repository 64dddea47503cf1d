"""WebSockets for the tests: the `websockets` client against the gateway, and frames by hand where a
test has to say what no library would."""

import base64
import hashlib
import os
import struct

from websockets.sync.client import connect

from .wire import DEADLINE, Connection

TEXT, BINARY, CLOSE, PING, CONTINUATION = 1, 2, 8, 9, 0


def dial(gateway, path: str, token=None, subprotocols=None, headers=(), **more):
    """A WebSocket through the gateway; `token` as an Authorization header."""
    headers = list(headers) + ([("Authorization", f"Bearer {token}")] if token else [])
    host, port = gateway.address
    more = {"compression": None, "max_size": 1 << 26, "ping_interval": None, **more}
    return connect(
        f"ws://{host}:{port}{path}",
        additional_headers=headers,
        subprotocols=subprotocols,
        proxy=None,
        open_timeout=DEADLINE,
        close_timeout=DEADLINE,
        **more,
    )


def handshake(path: str, headers=(), key: str | None = None) -> bytes:
    key = key or base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", "Host: gateway.test", "Connection: Upgrade"]
    lines += ["Upgrade: websocket", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def accept_value(key: str) -> str:
    text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


def agreement(head: bytes, *more: str) -> bytes:
    """The 101 that answers the handshake `head`."""
    key = next(
        line.partition(b":")[2].strip().decode()
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key:")
    )
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Accept: {accept_value(key)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def frame(payload: bytes, opcode: int = TEXT, final: bool = True, mask: bool = False) -> bytes:
    first = (0x80 if final else 0) | opcode
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, bit | len(payload))
    elif len(payload) < 65536:
        head = struct.pack("!BBH", first, bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, bit | 127, len(payload))
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def read_frame(connection: Connection) -> tuple:
    """One unmasked frame: (opcode, payload)."""
    first, length = connection.exactly(2)
    assert length < 0x80, "a server's frame is never masked"
    if length == 126:
        length = struct.unpack("!H", connection.exactly(2))[0]
    elif length == 127:
        length = struct.unpack("!Q", connection.exactly(8))[0]
    return first & 0x0F, connection.exactly(length)


def closing(code: int, reason: str = "") -> tuple:
    """What `read_frame` gives for this close."""
    return (CLOSE, struct.pack("!H", code) + reason.encode())
