"""Made-up conversations: what a client sends and how a backend answers, right or nearly so.

Everything comes from a seed. What the gateway has to make of it is decided by the strict reader of
`support.strict` and the rules below, which are written from the RFCs and the README.
"""

import re
from dataclasses import dataclass, field

from backends.raw import HOST, Play, Seen
from support.strict import (
    FAMILIES,
    Fault,
    Message,
    More,
    read_answer,
    read_answer_head,
    read_body,
    read_request_head,
)

BODY_LIMIT = 1 << 20
LARGE = 40_000
DISCARDED = 64 << 10
REFUSALS = {400, 413, 414, 417, 431, 501, 505}
HOP_BY_HOP = {b"connection", b"keep-alive", b"te", b"transfer-encoding", b"upgrade", b"proxy"}
PROTECTED = set(
    b"host content-length authorization cookie set-cookie origin content-type content-encoding expect"
    b" trailer forwarded x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port"
    b" x-forwarded-prefix x-real-ip x-request-id www-authenticate retry-after vary date location"
    b" cache-control".split()
)
"""Names that `Connection` can't remove."""
GUARDED = set(
    b"forwarded x-forwarded x-real-ip script-name path-info remote-user remote-addr proxy"
    b" x-original-url".split()
)
ALIASED = {
    b"content-length",
    b"content-type",
    b"content-encoding",
    b"transfer-encoding",
    b"x-request-id",
}


# What is sent

FIELDS = [
    (b"X-A", b"1"),
    (b"x-b", b"two  words"),
    (b"X-C", b""),
    (b"Accept", b"*/*"),
    (b"Range", b"bytes=0-1"),
    (b"Trailer", b"X-Sum"),
    (b"TE", b"trailers"),
    (b"TE", b"gzip"),
    (b"Keep-Alive", b"timeout=5"),
    (b"Upgrade", b"foo"),
    (b"Proxy-Connection", b"close"),
    (b"X-Forwarded-For", b"6.6.6.6"),
    (b"X_Forwarded_Host", b"evil"),
    (b"Script_Name", b"/evil"),
    (b"Content_Length", b"3"),
    (b"Transfer_Encoding", b"chunked"),
    (b"Connection", b"keep-alive"),
    (b"Connection", b"close"),
    (b"Connection", b"x-a, X-B"),
    (b"Connection", b"upgrade, te"),
    (b"Connection", b"content-length, x-forwarded-for"),
    (b"Expect", b"100-continue"),
]
ODD = [b"\0", b"\t", b"\n", b"\r", b" ", b"\x0b", b"\x7f", b"\x80", b"\xff", b":", b";", b",", b"%"]
ODD += [
    b"0",
    b"1",
    b"f",
    b"x",
    b'"',
    b"/",
    b"\\",
    b"\r\n",
    b"\n\r",
    b"\r\r\n",
    b"\r\n\r\n",
    b"#",
    b"+",
]


def chunked(dice, body: bytes, trailers=()) -> bytes:
    parts, at, most = [], 0, 20 if len(body) < LARGE else 20_000
    while at < len(body):
        block = body[at : at + dice.randint(1, most)]
        size = dice.choice([b"%x", b"%X", b"0%x", b"%x;a", b'%x;a="b;c"', b"%x ;a=b"]) % len(block)
        parts.append(size + b"\r\n" + block + b"\r\n")
        at += len(block)
    return b"".join(parts) + b"0\r\n" + b"".join(line + b"\r\n" for line in trailers) + b"\r\n"


TRAILERS = [
    (),
    (),
    (),
    (b"X-Sum: 1",),
    (b"X-Sum: 1", b"x_forwarded_for: 6"),
    (b"Content-Length: 5",),
]


def with_body(dice, lines: list) -> bytes:
    body = bytes(dice.choice(b"abcdefgh\r\n0") for _ in range(dice.choice([0, 1, 5, 40, 200])))
    if dice.random() < 0.02:
        # Beyond what the gateway holds at once: buffers fill, move and empty.
        body = (body + b"pad") * (LARGE // (len(body) + 3) * dice.randint(1, 3))
    elif dice.random() < 0.2:
        body = b"GET /hidden HTTP/1.1\r\nHost: gateway.test\r\n\r\n"
    kind = dice.random()
    if kind < 0.55:
        lines.append(b"Content-Length: %d" % len(body))
    if kind > 0.5:
        lines.append(b"Transfer-Encoding: chunked")
        body = chunked(dice, body, dice.choice(TRAILERS))
    return body


def request(dice, target: bytes) -> bytes:
    method = dice.choice(
        [b"GET"] * 4 + [b"POST"] * 3 + [b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"FOO"]
    )
    version = b"HTTP/1.0" if dice.random() < 0.05 else b"HTTP/1.1"
    lines = [
        name + b": " + value for name, value in dice.choices(FIELDS, k=dice.choice([0, 0, 1, 2, 4]))
    ]
    body = with_body(dice, lines) if dice.random() < (0.7 if method[0] == 80 else 0.1) else b""
    if dice.random() < 0.02:
        lines.append(b"X-Pad: " + b"p" * dice.randint(1000, 15000))
    lines.insert(dice.randint(0, len(lines)), HOST)
    if dice.random() < 0.05:
        target = b"http://gateway.test" + target
    return b"\r\n".join([b"%s %s %s" % (method, target, version), *lines, b"", b""]) + body


def answer(dice) -> bytes:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * dice.choice([0] * 8 + [1, 3])
    status = dice.choice(
        [b"200 OK"] * 6 + [b"201 ", b"204 No", b"304 Not", b"404 None", b"500 Bad"]
    )
    version = b"HTTP/1.0" if dice.random() < 0.05 else b"HTTP/1.1"
    lines = [
        name + b": " + value
        for name, value in dice.choices(ANSWER_FIELDS, k=dice.choice([0, 1, 3]))
    ]
    bare = status[:3] in (b"204", b"304")
    body = b"" if bare or dice.random() < 0.1 else with_body(dice, lines)
    return interim + b"\r\n".join([version + b" " + status, *lines, b"", b""]) + body


ANSWER_FIELDS = [
    (b"X-A", b"1"),
    (b"Set-Cookie", b"a=b"),
    (b"Content-Type", b"text/plain"),
    (b"Connection", b"close"),
    (b"Connection", b"keep-alive, x-a"),
    (b"Connection", b"set-cookie"),
    (b"Keep-Alive", b"5"),
    (b"Content_Length", b"9"),
    (b"Proxy-Authenticate", b"x"),
    (b"Upgrade", b"h2c"),
]


def spoil(dice, data: bytes) -> bytes:
    """One small change somewhere."""
    at = dice.randrange(len(data) + 1)
    end = min(len(data), at + dice.choice([1, 1, 2, 8]))
    lines = data.split(b"\r\n")
    kind = dice.randrange(8)
    if kind == 0:
        return data[:at] + dice.choice(ODD) + data[at:]
    if kind == 1:
        return data[:at] + dice.choice(ODD) + data[end:]
    if kind == 2:
        return data[:at] + data[end:]
    if kind == 3:
        return data[:end] + data[at:end] + data[end:]
    if kind == 4:
        lines.insert(dice.randrange(len(lines)), dice.choice(lines))
        return b"\r\n".join(lines)
    if kind == 5:
        spots = [found.start() for found in re.finditer(b"\r\n", data)] or [0]
        spot = dice.choice(spots)
        return (
            data[:spot]
            + dice.choice([b"\n", b"\r", b"\r\r\n", b" \r\n", b"\r\n "])
            + data[spot + 2 :]
        )
    if kind == 6:
        lines.insert(dice.randrange(1, len(lines) + 1), dice.choice(CONFUSING))
        return b"\r\n".join(lines)
    return data[:at] if dice.random() < 0.5 else data[:at] + data[at:end].swapcase() + data[end:]


CONFUSING = [
    b"Content-Length: 0",
    b"Content-Length: 5",
    b"Content-Length:",
    b"Content-Length: 5, 5",
    b"content-length : 5",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding:\x0bchunked",
    b" Transfer-Encoding: chunked",
    b": x",
    b"X-A",
    b"Host: gateway.test",
    b"Host: other.test",
    b"Expect: x",
    b"0",
    b"",
]


# What must become of it


@dataclass
class Expected:
    """What a client has to get, in order, and what the backend has to see because of it."""

    answers: list = field(default_factory=list)
    sees: list = field(default_factory=list)
    # More than one arrival is right: a request that may be sent again.
    repeated: set = field(default_factory=set)


@dataclass
class Wanted:
    """An answer: its status, and for one that passes its fields, body and trailers; `is_cut` when
    only a beginning of it may come; `is_optional` when silence is as good."""

    method: bytes
    status: set
    lines: list | None = None
    body: bytes = b""
    trailers: list = field(default_factory=list)
    is_cut: bool = False
    is_optional: bool = False


def fold(name: bytes) -> bytes:
    return re.sub(rb"[^a-z0-9]", b"-", name.lower())


def is_guarded(name: bytes) -> bool:
    folded = fold(name)
    if folded.startswith(b"x-forwarded-") or folded in GUARDED:
        return True
    return folded in ALIASED and (name.lower() != folded or folded == b"x-request-id")


def stays(name: bytes, message: Message) -> bool:
    """Whether a field ends at this hop."""
    lower = name.lower()
    if lower in HOP_BY_HOP or re.match(rb"proxy-.", lower):
        return True
    named = lower in message.options(b"connection")
    return named and lower not in PROTECTED and not lower.startswith(FAMILIES)


def forwarded(message: Message) -> Seen:
    """The request as the backend has to see it."""
    target = re.sub(rb"(?i)^https?://[^/?]*", b"", message.target)
    if target[:1] not in (b"/", b"*"):
        target = b"/" + target
    lines = [
        line
        for name, _, line in message.fields
        if name.lower() not in (b"content-length", b"expect")
        and not stays(name, message)
        and not is_guarded(name)
    ]
    if not message.all(b"host"):
        lines.insert(
            0, b"Host: " + (re.findall(rb"(?i)^https?://([^/?]*)", message.target) or [b""])[0]
        )
    if b"trailers" in message.options(b"te"):
        lines += [b"TE: trailers", b"Connection: TE"]
    if message.framing == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
    elif message.framing is not None:
        lines.append(b"Content-Length: %d" % message.framing)
    elif message.method in (b"POST", b"PUT", b"PATCH"):
        lines.append(b"Content-Length: 0")
    trailers = tuple(
        name + b": " + value for name, value, _ in message.trailers if not is_guarded(name)
    )
    return Seen(message.method + b" " + target + b" HTTP/1.1", tuple(lines), message.body, trailers)


def refusal(message: Message) -> int:
    """The status of a legal request that is not forwarded, or 0."""
    path = forwarded(message).start.split(b" ")[1].split(b"?")[0]
    if path == b"*":
        return 404
    return 400 if re.search(rb"%(?![0-9A-Fa-f]{2})", path) else 0


def expect(data: bytes, plays: dict, echo) -> Expected:
    """What must become of a client's bytes before a backend that answers targets with `plays`."""
    expected, at = Expected(), 0
    while at < len(data):
        method = b"HEAD" if re.match(rb"(\r\n)?HEAD ", data[at : at + 7]) else b"GET"
        try:
            message = read_request_head(data, at)
        except More:
            # What is broken may be told before it is whole.
            expected.answers.append(Wanted(method, REFUSALS, is_optional=True))
            return expected
        except Fault:
            is_whole = b"\r\n\r\n" in data[at:]
            expected.answers.append(Wanted(method, REFUSALS, is_optional=not is_whole))
            return expected
        at = step(message, data, plays, echo, expected)
        if at < 0:
            return expected
    return expected


def step(message: Message, data: bytes, plays: dict, echo, expected: Expected) -> int:
    """One request with a legal head; where the next begins, or -1 when none is served."""
    method = message.method
    refused = refusal(message)
    too_large = isinstance(message.framing, int) and message.framing > BODY_LIMIT
    waits = bool(message.all(b"expect")) and not message.is_old and message.framing is not None
    if refused:
        expected.answers.append(Wanted(method, {refused}))
        try:
            read_body(message, data)
        except (More, Fault):
            return -1
        return -1 if waits or message.closes or len(message.body) > DISCARDED else message.end
    if too_large:
        expected.answers.append(Wanted(method, {413}))
        return -1
    try:
        read_body(message, data)
    except More:
        expected.answers.append(Wanted(method, REFUSALS, is_optional=True))
        return -1
    except Fault:
        expected.answers.append(Wanted(method, REFUSALS))
        return -1
    sees = forwarded(message)
    expected.sees.append(sees)
    play = plays.get(sees.start.split(b" ")[1])
    if play is None:
        said = echo(Message(sees.start, body=message.body))
        play = Play(said)
    wanted, lives = answered(play.data, message)
    if not play.data:
        expected.repeated.add(sees)
    expected.answers.append(wanted)
    return message.end if lives and not message.closes else -1


def answered(data: bytes, message: Message) -> tuple:
    """What the client gets of an answer's bytes, and whether its connection lives on."""
    method, at = message.method, 0
    try:
        while (found := read_answer(data, method, at)).status < 200:
            if found.status == 101:
                return Wanted(method, {502}), True
            at = found.end
    except More:
        head_is_there = has_head(data, method, at)
        return (
            (Wanted(method, {200}, is_cut=True), False)
            if head_is_there
            else (Wanted(method, {502}), True)
        )
    except Fault as fault:
        if fault.status == 200:
            return Wanted(method, {200}, is_cut=True), False
        return Wanted(method, {502}), True
    lines = [
        line
        for name, _, line in found.fields
        if name.lower() not in (b"content-length", b"transfer-encoding") and not stays(name, found)
    ]
    unbounded = found.framing in ("chunked", "close")
    trailers = [(name, value) for name, value, _ in found.trailers]
    if message.is_old:
        trailers = []
    wanted = Wanted(method, {found.status}, lines, found.body, trailers)
    return wanted, not (message.is_old and unbounded)


def has_head(data: bytes, method: bytes, at: int) -> bool:
    """True when the final head is whole and only its body is not."""
    try:
        return read_answer_head(data, method, at).status >= 200
    except (More, Fault):
        return False
