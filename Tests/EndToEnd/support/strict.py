"""HTTP/1.1 read by the letter: the reference that the tests hold the gateway to.

Written from RFC 9110 and RFC 9112, not from the gateway's sources, and stricter than any library:
a message is read in exactly one way or it is a `Fault`. `More` says that the bytes end too early.
`read_forwarded` reads what the gateway itself wrote, where only one spelling of everything is right.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
TARGET = re.compile(rb"[\x21\x22\x24-\x7e]+")  # no space, no control byte, no "#", ASCII
HOST = re.compile(rb"(?:[A-Za-z0-9\-._~]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
EXTENSION = re.compile(
    rb"(?:[ \t]*;[ \t]*[!#$%&\'*+\-.^_`|~0-9A-Za-z]+"
    rb'(?:[ \t]*=[ \t]*(?:[!#$%&\'*+\-.^_`|~0-9A-Za-z]+|"(?:[^"\\\x00-\x08\x0a-\x1f\x7f-\xff]'
    rb'|\\[\t\x20-\x7e])*"))?)*'
)
HOP_BY_HOP = {b"connection", b"keep-alive", b"te", b"transfer-encoding", b"upgrade", b"proxy"}
HOPS_WRITTEN = {
    b"Transfer-Encoding: chunked",
    b"TE: trailers",
    b"Connection: TE",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
}
HEAD_ALONE = set(
    b"host connection keep-alive content-length transfer-encoding te trailer upgrade expect proxy"
    b" authorization cookie set-cookie origin content-type content-encoding cache-control range"
    b" forwarded x-forwarded-for x-forwarded-host x-real-ip x-request-id vary date location".split()
)
"""Names that no trailer may have, as far as the tests use them (RFC 9110 §6.5.1)."""
FAMILIES = (b"proxy-", b"access-control-")
METHOD_BYTES, TARGET_BYTES, HEAD_BYTES, FIELDS = 32, 8192, 16384, 100


class Fault(Exception):
    """The bytes are no message; `status` is how a request with them is refused."""

    def __init__(self, why: str, status: int = 400):
        super().__init__(why)
        self.status = status


class More(Exception):
    """The bytes end before the message does."""


@dataclass
class Message:
    start: bytes  # the request line or status line without CRLF
    fields: list = field(default_factory=list)  # (name, value, line without CRLF)
    framing: object = None  # None, a length, "chunked", or "close"
    body: bytes = b""
    trailers: list = field(default_factory=list)
    chunks: list = field(default_factory=list)
    head_end: int = 0
    end: int = 0

    @property
    def method(self) -> bytes:
        return self.start.split(b" ")[0]

    @property
    def target(self) -> bytes:
        return self.start.split(b" ")[1]

    @property
    def is_old(self) -> bool:
        return self.start.endswith(b" HTTP/1.0")

    @property
    def status(self) -> int:
        return int(self.start.split(b" ")[1])

    def all(self, name: bytes) -> list:
        return [value for key, value, _ in self.fields if key.lower() == name]

    def options(self, name: bytes) -> list:
        """The elements of all lines of a list field, in lower case."""
        joined = b",".join(self.all(name)).lower()
        return [part for part in (one.strip(b" \t") for one in joined.split(b",")) if part]

    @property
    def closes(self) -> bool:
        options = self.options(b"connection")
        is_old = self.is_old or self.start.startswith(b"HTTP/1.0")
        return b"close" in options or (is_old and b"keep-alive" not in options)


def line_at(data: bytes, at: int) -> tuple:
    """The line at `at` and the offset behind it. CR and LF stand only together, at its end."""
    for index in range(at, len(data)):
        if data[index] == 0x0A:
            raise Fault("LF without CR")
        if data[index] == 0x0D:
            if index + 1 == len(data):
                raise More
            if data[index + 1] != 0x0A:
                raise Fault("CR without LF")
            return data[at:index], index + 2
    raise More


def field_at(data: bytes, at: int) -> tuple:
    line, after = line_at(data, at)
    if not line:
        return None, after
    name, colon, rest = line.partition(b":")
    if not colon:
        raise Fault("no colon")
    if not TOKEN.fullmatch(name):
        raise Fault("no token for a name")
    if not VALUE.fullmatch(rest):
        raise Fault("a control byte in a value")
    return (name, rest.strip(b" \t"), line), after


def fields_at(data: bytes, at: int) -> tuple:
    fields = []
    while True:
        one, at = field_at(data, at)
        if one is None:
            return fields, at
        fields.append(one)
        if len(fields) > FIELDS:
            raise Fault("too many fields", 431)


def digits(value: bytes) -> int:
    if not re.fullmatch(rb"[0-9]{1,18}", value):
        raise Fault("a length that is no number")
    return int(value)


def framing_of(message: Message):
    lengths, codings = message.all(b"content-length"), message.all(b"transfer-encoding")
    if len(lengths) > 1 or len(codings) > 1:
        raise Fault("framing said twice")
    if codings:
        if message.is_old or message.start.startswith(b"HTTP/1.0"):
            raise Fault("chunked in HTTP/1.0")
        if lengths:
            raise Fault("length and coding")
        if codings[0].lower() != b"chunked":
            raise Fault("another coding than chunked", 501)
        return "chunked"
    return digits(lengths[0]) if lengths else None


def check_host(value: bytes):
    if not HOST.fullmatch(value) or value.endswith(b":"):
        raise Fault("no host")
    if not value.startswith(b"[") and b":" in value and int(value.split(b":")[1]) > 65535:
        raise Fault("no port")


def read_request(data: bytes, at: int = 0, host_may_be_empty: bool = False) -> Message:
    """The request at `at`, with its body."""
    message = read_request_head(data, at, host_may_be_empty)
    return read_body(message, data)


def read_request_head(data: bytes, at: int = 0, host_may_be_empty: bool = False) -> Message:
    if data[at : at + 1] == b"\r":  # one empty line is skipped (RFC 9112 §2.2)
        _, at = line_at(data, at)
    begin = at
    line, at = line_at(data, at)
    parts = line.split(b" ")
    if len(parts) != 3:
        raise Fault("not three parts")
    method, target, version = parts
    if not TOKEN.fullmatch(method):
        raise Fault("no method")
    if len(method) > METHOD_BYTES:
        raise Fault("a long method", 501)
    if len(target) > TARGET_BYTES:
        raise Fault("a long target", 414)
    if not TARGET.fullmatch(target):
        raise Fault("no target")
    if not re.fullmatch(rb"HTTP/[0-9]\.[0-9]", version):
        raise Fault("no version")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise Fault("another version", 505)
    if method == b"CONNECT":
        raise Fault("CONNECT", 501)
    authority = None
    if not target.startswith(b"/") and not (target == b"*" and method == b"OPTIONS"):
        absolute = re.fullmatch(rb"https?://([^/?]*)([/?].*)?", target, re.IGNORECASE)
        if not absolute:
            raise Fault("another form of target")
        authority = absolute[1]
        check_host(authority)
    fields, end = fields_at(data, at)
    if end - begin > HEAD_BYTES:
        raise Fault("a long head", 431)
    message = Message(line, fields, head_end=end)
    hosts = message.all(b"host")
    if len(hosts) > 1 or (not hosts and not message.is_old):
        raise Fault("not one Host")
    if hosts and not (host_may_be_empty and not hosts[0]):
        check_host(hosts[0])
        if authority is not None and hosts[0].lower() != authority.lower():
            raise Fault("two hosts")
    check_connection(message)
    message.framing = framing_of(message)
    expectations = message.all(b"expect")
    if expectations and [one.lower() for one in expectations] != [b"100-continue"]:
        raise Fault("another expectation", 417)
    return message


def check_connection(message: Message):
    options = message.options(b"connection")
    if any(not TOKEN.fullmatch(option) for option in options):
        raise Fault("no connection option")
    if len([one for one in options if one not in (b"close", b"keep-alive", b"upgrade")]) > 16:
        raise Fault("many connection options")


def read_answer(data: bytes, method: bytes, at: int = 0) -> Message:
    """The answer at `at` to a request of `method`; one whose body ends with the connection takes all
    of `data`. A fault with the status 200 lies in the body: the head was right."""
    message = read_answer_head(data, method, at)
    if message.framing == "close":
        message.body, message.end = data[message.head_end :], len(data)
        return message
    try:
        return read_body(message, data)
    except Fault as fault:
        raise Fault(str(fault), 200) from None


def read_answer_head(data: bytes, method: bytes, at: int = 0) -> Message:
    line, begin = line_at(data, at)
    if not re.fullmatch(rb"HTTP/1\.[01] [1-9][0-9]{2} [\t\x20-\x7e\x80-\xff]*", line):
        raise Fault("no status line", 502)
    fields, end = fields_at(data, begin)
    message = Message(line, fields, head_end=end)
    check_connection(message)
    framing = framing_of(message)
    if message.status < 200 and framing not in (None, 0):
        raise Fault("an interim answer with a body", 502)
    if method == b"HEAD" or message.status < 200 or message.status in (204, 304):
        message.framing = None
    else:
        message.framing = "close" if framing is None else framing
    return message


def read_body(message: Message, data: bytes) -> Message:
    at = message.head_end
    if message.framing == "chunked":
        return read_chunks(message, data, at)
    length = message.framing or 0
    if len(data) - at < length:
        raise More
    message.body, message.end = data[at : at + length], at + length
    return message


def read_chunks(message: Message, data: bytes, at: int) -> Message:
    parts = []
    while True:
        line, at = line_at(data, at)
        size = re.match(rb"[0-9A-Fa-f]{1,15}", line)
        if not size or not EXTENSION.fullmatch(line[size.end() :]):
            raise Fault("no chunk line")
        if len(line) - size.end() > 256:
            raise Fault("a long extension")
        message.chunks.append(line)
        count = int(size[0], 16)
        if count == 0:
            break
        block = data[at : at + count + 2]
        # The CRLF is looked at as far as it is there: a wrong CR is a fault before the LF came.
        if not b"\r\n".startswith(block[count:]):
            raise Fault("no CRLF behind a chunk")
        if len(block) < count + 2:
            raise More
        parts.append(block[:count])
        at += count + 2
    while True:
        one, at = field_at(data, at)
        if one is None:
            break
        if one[0].lower() in HEAD_ALONE or one[0].lower().startswith(FAMILIES):
            raise Fault("a trailer that a head alone may have")
        message.trailers.append(one)
        if len(message.trailers) > 16:
            raise Fault("too many trailers", 431)
    message.body, message.end = b"".join(parts), at
    return message


def read_forwarded(data: bytes, at: int = 0) -> Message:
    """A request as a gateway must write it: one spelling of framing, nothing of another hop."""
    message = read_request(data, at, host_may_be_empty=True)
    if data[at : at + 1] == b"\r":
        raise Fault("an empty line before the request")
    if message.is_old:
        raise Fault("forwarded as HTTP/1.0")
    if not message.target.startswith(b"/") and message.target != b"*":
        raise Fault("no origin form")
    for name, _, line in message.fields:
        if name.lower() in HOP_BY_HOP and line not in HOPS_WRITTEN:
            raise Fault(f"a field of another hop: {line}")
    for line in message.chunks:
        if line != b"%x" % int(line, 16):
            raise Fault("a chunk line that was copied")
    for name, _, line in message.fields:
        if name.lower() in (b"transfer-encoding", b"content-length") and not re.fullmatch(
            rb"Transfer-Encoding: chunked|Content-Length: (0|[1-9][0-9]*)", line
        ):
            raise Fault("framing that was copied")
    return message
