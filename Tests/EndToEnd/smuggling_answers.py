"""Answers of an upstream that two readers could read differently, as a table.

A row says where the mechanism comes from, the exact bytes, and what the client gets: the upstream's
answer, 502, or a connection that is cut within the body. Nothing of it may reach another client.
"""

from dataclasses import dataclass

from backends.raw import Play
from smuggling_requests import CHUNKED, END


@dataclass(frozen=True)
class Answer:
    """An upstream's answer, and what its client gets: a status and body, or a cut answer."""

    name: str
    source: str
    play: Play
    status: int = 502
    body: bytes | None = None
    method: str = "GET"
    # The client sees the head and then the end of its connection within the body, or 502 when the
    # fault came together with the head.
    is_cut: bool = False
    # The upstream connection may serve on.
    reusable: bool = False

    def __str__(self):
        return self.name


OTHERS = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
"""What a wrong answer leaves behind for the next client, if it is let."""


def reply(*lines, body=b"", start=b"HTTP/1.1 200 OK") -> bytes:
    return b"".join(one + b"\r\n" for one in [start, *lines]) + b"\r\n" + body


def wrong(name, source, data, then="keep", **more):
    return Answer(name, source, Play(data, then), **more)


def right(name, source, data, body, then="keep", reusable=True, **more):
    more = {"status": 200, **more}
    return Answer(name, source, Play(data, then), body=body, reusable=reusable, **more)


def cut(name, source, chunks, then="keep"):
    data = reply(CHUNKED, body=chunks)
    return Answer(name, source, Play(data, then), status=200, is_cut=True)


LENGTH_2 = b"Content-Length: 2"
ANSWERS = [
    # heads
    wrong("garbage", "RFC 9112 §4", b"\x16\x03\x01\x02\x00\x01\r\n\r\n" + OTHERS),
    wrong(
        "a line without status", "RFC 9112 §4", reply(LENGTH_2, start=b"HTTP/1.1 OK", body=b"ok")
    ),
    wrong("two digits", "RFC 9112 §4", reply(LENGTH_2, start=b"HTTP/1.1 20 OK", body=b"ok")),
    wrong("four digits", "RFC 9112 §4", reply(LENGTH_2, start=b"HTTP/1.1 2000 OK", body=b"ok")),
    wrong(
        "a negative status", "RFC 9112 §4", reply(LENGTH_2, start=b"HTTP/1.1 -20 OK", body=b"ok")
    ),
    wrong("status 099", "RFC 9112 §4", reply(LENGTH_2, start=b"HTTP/1.1 099 OK", body=b"ok")),
    wrong("two spaces", "RFC 9112 §4", reply(LENGTH_2, start=b"HTTP/1.1  200 OK", body=b"ok")),
    wrong("a tab", "RFC 9112 §4", reply(LENGTH_2, start=b"HTTP/1.1\t200 OK", body=b"ok")),
    wrong(
        "no space behind the status",
        "RFC 9112 §4",
        reply(LENGTH_2, start=b"HTTP/1.1 200", body=b"ok"),
    ),
    wrong("HTTP/2.0", "RFC 9112 §2.3", reply(LENGTH_2, start=b"HTTP/2.0 200 OK", body=b"ok")),
    wrong("HTTP/0.9", "RFC 9112 §2.3", b"hello, old world\r\n\r\n"),
    wrong("ICY", "RFC 9112 §2.3", reply(LENGTH_2, start=b"ICY 200 OK", body=b"ok")),
    wrong("an empty line first", "RFC 9112 §4", b"\r\n" + reply(LENGTH_2, body=b"ok")),
    wrong(
        "CR in the reason", "RFC 9112 §4", reply(LENGTH_2, start=b"HTTP/1.1 200 O\rK", body=b"ok")
    ),
    wrong(
        "NUL in the reason",
        "CVE-2019-9900",
        reply(LENGTH_2, start=b"HTTP/1.1 200 O\x00K", body=b"ok"),
    ),
    wrong("LF for CRLF", "nginx 1.29.4", reply(LENGTH_2, body=b"ok").replace(b"\r\n", b"\n")),
    wrong(
        "LF behind the status line", "nginx 1.29.4", b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok"
    ),
    wrong("LF within the fields", "nginx 1.29.4", reply(b"X-A: 1\nX-B: 2", LENGTH_2, body=b"ok")),
    wrong("CR within a field", "RFC 9110 §5.5", reply(b"X-A: 1\rX-B: 2", LENGTH_2, body=b"ok")),
    wrong("NUL in a value", "CVE-2019-9900", reply(b"X-A: \x00", LENGTH_2, body=b"ok")),
    wrong("a folded line", "RFC 9112 §5.2", reply(b"X-A: 1", b" 2", LENGTH_2, body=b"ok")),
    wrong("a folded first line", "RFC 9112 §5.2", reply(b" X-A: 1", LENGTH_2, body=b"ok")),
    wrong("a space before the colon", "RFC 9112 §5.1", reply(b"X-A : 1", LENGTH_2, body=b"ok")),
    wrong("an empty name", "CVE-2023-25725", reply(b": 1", LENGTH_2, body=b"ok")),
    wrong("no colon", "RFC 9112 §5", reply(b"X-A", LENGTH_2, body=b"ok")),
    wrong("half a head and the end", "RFC 9112 §8", b"HTTP/1.1 200 OK\r\nContent-", then="close"),
    wrong("half a head and a reset", "RFC 9112 §8", b"HTTP/1.1 200 OK\r\nContent-", then="reset"),
    # framing
    wrong("two lengths", "CVE-2021-40346", reply(LENGTH_2, b"Content-Length: 3", body=b"okk")),
    wrong("two equal lengths", "CVE-2021-40346", reply(LENGTH_2, LENGTH_2, body=b"ok")),
    wrong("a list of lengths", "RFC 9110 §8.6", reply(b"Content-Length: 2, 2", body=b"ok")),
    wrong("an empty length", "CVE-2023-40225", reply(b"Content-Length:", body=b"ok"), then="close"),
    wrong("a length with a sign", "RFC 9110 §8.6", reply(b"Content-Length: +2", body=b"ok")),
    wrong("a hexadecimal length", "RFC 9110 §8.6", reply(b"Content-Length: 0x2", body=b"ok")),
    wrong(
        "a length past 64 bits",
        "RFC 9110 §8.6",
        reply(b"Content-Length: 18446744073709551618", body=b"ok"),
    ),
    wrong("length and chunked", "RFC 9112 §6.3", reply(LENGTH_2, CHUNKED, body=END)),
    wrong("chunked and length", "RFC 9112 §6.3", reply(CHUNKED, LENGTH_2, body=END)),
    wrong("chunked twice", "RFC 9112 §6.1", reply(CHUNKED, CHUNKED, body=END)),
    wrong(
        "an unknown coding",
        "RFC 9112 §6.1",
        reply(b"Transfer-Encoding: gzip", body=b"ok"),
        then="close",
    ),
    wrong(
        "a coding behind a vertical tab",
        "gunicorn#3091",
        reply(b"Transfer-Encoding: \x0bchunked", body=END),
    ),
    wrong(
        "chunked in HTTP/1.0", "RFC 9112 §6.1", reply(CHUNKED, start=b"HTTP/1.0 200 OK", body=END)
    ),
    wrong(
        "101 that nobody asked for",
        "CVE-2026-2833",
        reply(b"Upgrade: foo", b"Connection: Upgrade", start=b"HTTP/1.1 101 Switching") + OTHERS,
    ),
    wrong(
        "100 with a length",
        "RFC 9110 §8.6",
        reply(b"Content-Length: 2", start=b"HTTP/1.1 100 Continue", body=b"ok") + OTHERS,
    ),
    wrong(
        "103 with chunks",
        "RFC 9112 §6.1",
        reply(CHUNKED, start=b"HTTP/1.1 103 Early Hints", body=END) + OTHERS,
    ),
    # chunks: the head was right
    cut("chunk: no number", "RFC 9112 §7.1", b"xyz\r\nok\r\n" + END),
    cut("chunk: empty size", "RFC 9112 §7.1", b"\r\n" + END),
    cut("chunk: LF ends the size", "nginx 1.29.4", b"2\nok\r\n" + END),
    cut("chunk: 0x", "RFC 9112 §7.1", b"0x2\r\nok\r\n" + END),
    cut("chunk: past 64 bits", "RFC 9112 §7.1", b"10000000000000002\r\nok\r\n" + END),
    cut("chunk: data too long", "RFC 9112 §7.1", b"1\r\nok\r\n" + END),
    cut("chunk: LF behind data", "CVE-2025-22871", b"2\r\nok\n" + END),
    cut("chunk: two bytes for the CRLF", "CVE-2025-43859", b"2\r\nokXX0\r\n\r\n" + OTHERS),
    cut("chunk: LF in an extension", "CVE-2025-55315", b"2;a\nok\r\n" + END),
    cut("chunk: the end before the end", "RFC 9112 §8", b"2\r\nok\r\n", then="close"),
    cut("chunk: a reset before the end", "RFC 9112 §8", b"2\r\nok\r\n", then="reset"),
    cut(
        "trailer: a length",
        "RFC 9110 §6.5.1",
        b"2\r\nok\r\n0\r\nContent-Length: 5\r\n\r\n" + OTHERS,
    ),
    cut(
        "trailer: a cookie", "RFC 9110 §6.5.1", b"2\r\nok\r\n0\r\nSet-Cookie: a=b\r\n\r\n" + OTHERS
    ),
    cut("trailer: no colon", "RFC 9112 §7.1.2", b"2\r\nok\r\n0\r\nX-A\r\n\r\n" + OTHERS),
    Answer(
        "a length and the end before it",
        "RFC 9112 §8",
        Play(reply(b"Content-Length: 20", body=b"too short"), "close"),
        status=200,
        is_cut=True,
    ),
    # bytes behind a right answer: never the next client's
    right(
        "another answer behind it",
        "response queue poisoning",
        reply(LENGTH_2, body=b"ok") + OTHERS,
        b"ok",
        reusable=False,
    ),
    right(
        "CRLF behind it", "RFC 9112 §2.2", reply(LENGTH_2, body=b"ok\r\n"), b"ok", reusable=False
    ),
    right(
        "a byte behind it",
        "response queue poisoning",
        reply(LENGTH_2, body=b"okX"),
        b"ok",
        reusable=False,
    ),
    right(
        "an answer behind chunks",
        "response queue poisoning",
        reply(CHUNKED, body=b"2\r\nok\r\n" + END) + OTHERS,
        b"ok",
        reusable=False,
    ),
    right(
        "an answer behind nothing",
        "response queue poisoning",
        reply(b"Content-Length: 0") + OTHERS,
        b"",
        reusable=False,
    ),
    right(
        "100 behind the answer",
        "PortSwigger 2025: Expect",
        reply(LENGTH_2, body=b"ok") + b"HTTP/1.1 100 Continue\r\n\r\n",
        b"ok",
        reusable=False,
    ),
    right(
        "204 with a body",
        "RFC 9112 §6.3",
        reply(start=b"HTTP/1.1 204 No Content") + OTHERS,
        b"",
        status=204,
        reusable=False,
    ),
    right(
        "204 with a length and a body",
        "RFC 9110 §8.6",
        reply(LENGTH_2, start=b"HTTP/1.1 204 No Content", body=b"ok"),
        b"",
        status=204,
        reusable=False,
    ),
    right(
        "304 with a body",
        "RFC 9112 §6.3",
        reply(LENGTH_2, start=b"HTTP/1.1 304 Not Modified", body=b"ok"),
        b"",
        status=304,
        reusable=False,
    ),
    right(
        "304 with a length",
        "RFC 9110 §8.6",
        reply(LENGTH_2, start=b"HTTP/1.1 304 Not Modified"),
        b"",
        status=304,
    ),
    right(
        "HEAD with a body",
        "RFC 9112 §6.3",
        reply(b"Content-Length: %d" % len(OTHERS), body=OTHERS),
        b"",
        method="HEAD",
        reusable=False,
    ),
    right(
        "HEAD with chunks",
        "RFC 9112 §6.3",
        reply(CHUNKED, body=b"2\r\nok\r\n" + END),
        b"",
        method="HEAD",
        reusable=False,
    ),
    right("HEAD as it should be", "RFC 9110 §9.3.2", reply(LENGTH_2), b"", method="HEAD"),
    right(
        "bytes behind close",
        "RFC 9112 §9.6",
        reply(b"Connection: close", LENGTH_2, body=b"ok") + OTHERS,
        b"ok",
        reusable=False,
    ),
    # right, and read in one way
    right("by length", "RFC 9112 §6.2", reply(LENGTH_2, body=b"ok"), b"ok"),
    right(
        "by chunks",
        "RFC 9112 §7.1",
        reply(CHUNKED, body=b"1;a=b\r\no\r\n01\r\nk\r\n0\r\nX-Sum: 1\r\n\r\n"),
        b"ok",
    ),
    right(
        "without a reason",
        "RFC 9112 §4",
        reply(LENGTH_2, start=b"HTTP/1.1 200 ", body=b"ok"),
        b"ok",
    ),
    right("until the end", "RFC 9112 §6.3", reply(body=b"ok"), b"ok", then="close", reusable=False),
    right(
        "until the end, with an answer in it",
        "RFC 9112 §6.3",
        reply(body=b"ok" + OTHERS),
        b"ok" + OTHERS,
        then="close",
        reusable=False,
    ),
    right(
        "HTTP/1.0",
        "RFC 9112 §9.3",
        reply(LENGTH_2, start=b"HTTP/1.0 200 OK", body=b"ok"),
        b"ok",
        reusable=False,
    ),
    right(
        "100 that nobody asked for",
        "RFC 9110 §15.2",
        b"HTTP/1.1 100 Continue\r\n\r\n" + reply(LENGTH_2, body=b"ok"),
        b"ok",
    ),
    right(
        "many interim ones",
        "RFC 9110 §15.2",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 8 + reply(LENGTH_2, body=b"ok"),
        b"ok",
    ),
    right(
        "a thousand of 100",
        "RFC 9110 §15.2",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000 + reply(LENGTH_2, body=b"ok"),
        b"ok",
    ),
    right(
        "a flood of 100",
        "RFC 9110 §15.2",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5000 + reply(LENGTH_2, body=b"ok"),
        b"ok",
    ),
    right(
        "aliases of framing",
        "CVE-2025-64484",
        reply(LENGTH_2, b"Content_Length: 9", b"Transfer_Encoding: chunked", body=b"ok"),
        b"ok",
    ),
]
assert len({row.name for row in ANSWERS}) == len(ANSWERS)
