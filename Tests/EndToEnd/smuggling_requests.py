"""Requests that two readers could read differently, as tables.

A row says where the mechanism comes from, the exact bytes, the status that the client gets,
and the exact requests that the backend sees. What the gateway adds itself is not in the tables.
"""

from dataclasses import dataclass

from backends.raw import HOST, Seen

CHUNKED = b"Transfer-Encoding: chunked"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: gateway.test\r\n\r\n"
"""What an attacker wants to be taken for a request: it must never be one."""


@dataclass(frozen=True)
class Payload:
    name: str
    source: str
    data: bytes
    status: int = 200
    sees: tuple = ()
    # The fault is in the body: its head may be on its way upstream, never a whole request.
    in_body: bool = False
    # The connection serves on behind it.
    keeps: bool = False

    def __str__(self):
        return self.name


def head(*lines, line=b"GET /p HTTP/1.1", host=HOST) -> bytes:
    return b"".join(one + b"\r\n" for one in [line, *([host] if host else []), *lines]) + b"\r\n"


def post(*lines, body=b"", line=b"POST /p HTTP/1.1") -> bytes:
    return head(*lines, line=line) + body


def refused(name, source, data, status=400):
    return Payload(name, source, data, status)


def broken(name, source, chunks, status=400):
    """A chunked request whose body is at fault."""
    return Payload(name, source, post(CHUNKED, body=chunks), status, in_body=True)


def passed(name, source, data, *sees, keeps=True):
    return Payload(name, source, data, 200, sees, keeps=keeps)


def get_seen(*lines, start=b"GET /p HTTP/1.1", host=HOST):
    return Seen(start, (host, *lines))


def post_seen(*lines, length=None, body=b"", trailers=(), start=b"POST /p HTTP/1.1"):
    framing = CHUNKED if length is None else b"Content-Length: %d" % length
    return Seen(start, (HOST, *lines, framing), body, trailers)


REQUEST_LINE = [
    refused("a tab for a space", "RFC 9112 §3", head(line=b"GET\t/p HTTP/1.1")),
    refused("two spaces", "RFC 9112 §3", head(line=b"GET  /p HTTP/1.1")),
    refused("a space behind the version", "RFC 9112 §3", head(line=b"GET /p HTTP/1.1 ")),
    refused("a space before the method", "RFC 9112 §3", head(line=b" GET /p HTTP/1.1")),
    refused("a space in the target", "RFC 9112 §3", head(line=b"GET /p /q HTTP/1.1")),
    refused("a second version", "RFC 9112 §3", head(line=b"GET /p HTTP/1.1 HTTP/1.1")),
    refused("HTTP/0.9", "RFC 9112 §2.3", b"GET /p\r\n\r\n" + HIDDEN),
    refused("HTTP/0.9 by name", "RFC 9112 §2.3", head(line=b"GET /p HTTP/0.9"), 505),
    refused("HTTP/2.0", "RFC 9112 §2.3", head(line=b"GET /p HTTP/2.0"), 505),
    refused("HTTP/1.2", "RFC 9112 §2.3", head(line=b"GET /p HTTP/1.2"), 505),
    refused("HTTP/1.10", "RFC 9112 §2.3", head(line=b"GET /p HTTP/1.10")),
    refused("HTTP/1.1 with a NUL", "CVE-2019-9900", head(line=b"GET /p HTTP/1.1\x00")),
    refused("http/1.1", "RFC 9112 §2.3", head(line=b"GET /p http/1.1")),
    refused(
        "the preface of HTTP/2",
        "RFC 9113 §3.4",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        505,
    ),
    refused(
        "CONNECT with early data",
        "CVE-2025-64763, traefik#13542",
        head(line=b"CONNECT gateway.test:80 HTTP/1.1") + HIDDEN,
        501,
    ),
    refused("CONNECT in origin form", "CVE-2025-64763", head(line=b"CONNECT /p HTTP/1.1"), 501),
    refused("an empty line of LF", "RFC 9112 §2.2", b"\n" + head()),
    refused("two empty lines", "RFC 9112 §2.2", b"\r\n\r\n" + head()),
    refused("CR CR LF first", "RFC 9112 §2.2", b"\r\r\n" + head()),
    passed("one empty line", "RFC 9112 §2.2", b"\r\n" + head(), get_seen()),
    refused("LF ends the request line", "nginx 1.29.4", b"GET /p HTTP/1.1\n" + HOST + b"\r\n\r\n"),
    refused("CR ends the request line", "RFC 9112 §2.2", b"GET /p HTTP/1.1\r" + HOST + b"\r\n\r\n"),
    refused("a fragment", "CVE-2021-32779", head(line=b"GET /p#/hidden HTTP/1.1")),
    refused("a byte above ASCII in the target", "RFC 3986", head(line=b"GET /p\xc4\x8a HTTP/1.1")),
    refused("authority form", "RFC 9112 §3.2.3", head(line=b"GET gateway.test:80 HTTP/1.1")),
    refused("another scheme", "RFC 9112 §3.2.2", head(line=b"GET ftp://gateway.test/ HTTP/1.1")),
    refused("asterisk form of GET", "RFC 9112 §3.2.4", head(line=b"GET * HTTP/1.1")),
    refused("a method with a colon", "RFC 9110 §9.1", head(line=b"GE:T /p HTTP/1.1")),
    refused("a line for a method", "RFC 9112 §3", head(line=b"Host: x /p HTTP/1.1")),
]

HOSTS = [
    refused("no Host", "RFC 9112 §3.2", head(host=None)),
    refused("two Hosts", "RFC 9112 §3.2", head(b"Host: other.test")),
    refused("two equal Hosts", "RFC 9112 §3.2", head(HOST)),
    refused("a second Host in capitals", "RFC 9112 §3.2", head(b"HOST: other.test")),
    refused("Host behind a space", "PortSwigger 2025: hidden Host", head(b" Host: other.test")),
    refused("Host before a space", "PortSwigger 2025: hidden Host", head(b"Host : other.test")),
    refused("a Host with a path", "nginx 1.29.4", head(host=b"Host: gateway.test/x")),
    refused("a Host with a user", "nginx 1.29.4", head(host=b"Host: u@gateway.test")),
    refused("a Host with two ports", "nginx 1.29.4", head(host=b"Host: gateway.test:80:81")),
    refused("a Host with a bad port", "nginx 1.29.4", head(host=b"Host: gateway.test:65536")),
    refused("a Host with a space", "nginx 1.29.4", head(host=b"Host: gateway.test other")),
    refused("a Host with a comma", "RFC 9110 §7.2", head(host=b"Host: gateway.test,other")),
    refused("a Host with an escape", "RFC 9110 §7.2", head(host=b"Host: gate%77ay.test")),
    refused("an empty Host", "RFC 9110 §7.2", head(host=b"Host:")),
    refused("a Host above ASCII", "RFC 9110 §7.2", head(host=b"Host: g\xe2\x93\x90.test")),
    refused(
        "absolute form against Host",
        "RFC 9112 §3.2.2",
        head(line=b"GET http://other.test/p HTTP/1.1"),
    ),
    refused(
        "absolute form, other port",
        "RFC 9112 §3.2.2",
        head(line=b"GET http://gateway.test:81/p HTTP/1.1"),
    ),
    refused(
        "absolute form with a user",
        "RFC 9110 §4.2.4",
        head(line=b"GET http://u@gateway.test/p HTTP/1.1"),
    ),
    refused(
        "absolute form without Host",
        "RFC 9112 §3.2",
        head(line=b"GET http://gateway.test/p HTTP/1.1", host=None),
    ),
    passed(
        "absolute form becomes origin form",
        "CVE-2026-2293, nest#17737",
        head(line=b"GET http://gateway.test/p HTTP/1.1"),
        get_seen(),
    ),
    Payload(
        "OPTIONS of everything",
        "RFC 9112 §3.2.4",
        head(line=b"OPTIONS * HTTP/1.1"),
        404,  # legal, and no route takes it
        keeps=True,
    ),
    passed(
        "a Host in other names",
        "RFC 9110 §7.2",
        head(b"X-Host: other.test", b"Hostx: other.test"),
        get_seen(b"X-Host: other.test", b"Hostx: other.test"),
    ),
]

FIELDS = [
    refused("an empty name", "CVE-2023-25725", post(b": 5", b"Content-Length: 5", body=b"hello")),
    refused(
        "an empty name and value", "CVE-2023-25725", post(b":", b"Content-Length: 5", body=b"hello")
    ),
    refused("a line of a space", "RFC 9112 §5.2", head(b" ")),
    refused("a line without a colon", "RFC 9112 §5", head(b"X-A")),
    refused("a folded line", "RFC 9112 §5.2", head(b"X-A: 1", b" Content-Length: 5")),
    refused("a folded line by tab", "RFC 9112 §5.2", head(b"X-A: 1", b"\tContent-Length: 5")),
    refused(
        "a folded first line", "RFC 9112 §2.2", b"GET /p HTTP/1.1\r\n X: 1\r\n" + HOST + b"\r\n\r\n"
    ),
    refused("a space before the colon", "RFC 9112 §5.1", head(b"X-A : 1")),
    refused("NUL in a value", "CVE-2019-9900", head(b"X-A: 1\x00Content-Length: 5")),
    refused("NUL in a name", "CVE-2019-9900", head(b"X\x00A: 1")),
    refused("CR in a value", "RFC 9110 §5.5", head(b"X-A: 1\rContent-Length: 5")),
    refused("LF in a value", "nginx 1.29.4", head(b"X-A: 1\nContent-Length: 5")),
    refused(
        "LF LF ends the head", "RFC 9112 §2.2", b"GET /p HTTP/1.1\r\n" + HOST + b"\n\n" + HIDDEN
    ),
    refused(
        "CRLF LF ends the head", "RFC 9112 §2.2", b"GET /p HTTP/1.1\r\n" + HOST + b"\r\n\n" + HIDDEN
    ),
    refused("CR CR LF ends a line", "RFC 9112 §2.2", head(b"X-A: 1\r")),
    refused("a vertical tab in a name", "gunicorn#3091", head(b"X\x0b-A: 1")),
    refused("a name in brackets", "RFC 9110 §5.1", head(b"(X-A): 1")),
    refused("a name above ASCII", "RFC 9110 §5.1", head(b"X-\xc4\x80: 1")),
    refused("DEL in a value", "RFC 9110 §5.5", head(b"X-A: \x7f")),
    refused("too many lines", "limit", head(*(b"X-%d: 1" % n for n in range(100))), 431),
    refused(
        "a head over the limit",
        "limit",
        head(*(b"X-%d: %s" % (n, b"a" * 990) for n in range(17))),
        431,
    ),
    refused(
        "a target over the limit", "limit", head(line=b"GET /" + b"a" * 8192 + b" HTTP/1.1"), 414
    ),
    passed(
        "a name of 270 bytes that begins like a length",
        "CVE-2021-40346",
        post(
            b"Content-Length0" + b"a" * 255 + b":", b"Content-Length: %d" % len(HIDDEN), body=HIDDEN
        ),
        post_seen(b"Content-Length0" + b"a" * 255 + b":", length=len(HIDDEN), body=HIDDEN),
    ),
    refused(
        "a name of 270 bytes before a second length",
        "CVE-2021-40346",
        post(
            b"Content-Length0" + b"a" * 255 + b":",
            b"Content-Length: 0",
            b"Content-Length: 5",
            body=b"hello",
        ),
    ),
    passed(
        "bytes above ASCII in a value",
        "RFC 9110 §5.5",
        head(b"X-A: \xc4\x8a\xc4\x8d"),
        get_seen(b"X-A: \xc4\x8a\xc4\x8d"),
    ),
    passed("an empty value", "RFC 9110 §5.5", head(b"X-A:"), get_seen(b"X-A:")),
]


def length(name, value, source="RFC 9110 §8.6", status=400):
    data = post(b"Content-Length:" + value, body=b"hello")
    return refused(f"length: {name}", source, data, status)


def length_passed(name, line):
    return passed(
        f"length: {name}",
        "RFC 9110 §8.6",
        post(line, body=b"hello"),
        post_seen(length=5, body=b"hello"),
    )


LENGTHS = [
    length("empty", b"", "CVE-2023-40225, haproxy#2237"),
    length("spaces only", b" \t ", "CVE-2023-40225"),
    length("+", b" +5"),
    length("-", b" -5"),
    length("-0", b" -0"),
    length("hexadecimal", b" 0x5"),
    length("with a fraction", b" 5.0"),
    length("with an exponent", b" 5e0"),
    length("with an underscore", b" 5_0"),
    length("two words", b" 5 5"),
    length("an equal list", b" 5,5"),
    length("an equal list with a space", b" 5, 5"),
    length("a list", b" 5, 0"),
    length("a list with an empty element", b" 5,"),
    length("a parameter", b" 5;x"),
    length("quoted", b' "5"'),
    length("a vertical tab before", b"\x0b5", "gunicorn#3364"),
    length("a form feed behind", b" 5\x0c", "gunicorn#3364"),
    length("a hard space before", b" \xa05", "gunicorn#3364"),
    length("NUL behind", b" 5\x00", "CVE-2019-9900"),
    length("a digit above ASCII", b" \xef\xbc\x95"),
    length("2^64 + 5", b" 18446744073709551621"),
    length("2^63", b" 9223372036854775808"),
    length("leading zeros past every bound", b" 000000000000000000005"),
    refused(
        "two lengths",
        "CVE-2021-40346",
        post(b"Content-Length: 0", b"Content-Length: 5", body=b"hello"),
    ),
    refused(
        "two equal lengths",
        "CVE-2021-40346",
        post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"),
    ),
    refused(
        "two lengths, two cases",
        "CVE-2021-40346",
        post(b"content-length: 5", b"CONTENT-LENGTH: 5", body=b"hello"),
    ),
    refused("a length, folded", "RFC 9112 §5.2", post(b"Content-Length:", b" 5", body=b"hello")),
    refused(
        "a space before the colon of a length",
        "RFC 9112 §5.1",
        post(b"Content-Length : 5", body=b"hello"),
    ),
    refused("a length over the limit", "limit", post(b"Content-Length: 10000000000"), 413),
    length_passed("no space", b"Content-Length:5"),
    length_passed("much space", b"Content-Length: \t 5 \t"),
    length_passed("leading zeros", b"Content-Length: 0005"),
    length_passed("capitals", b"CONTENT-LENGTH: 5"),
    *(
        passed(
            f"an alias of a length: {alias.decode()}",
            "CVE-2025-64484, gunicorn#2799",
            post(b"Content-Length: 5", alias + b": 0", body=b"hello"),
            post_seen(length=5, body=b"hello"),
        )
        for alias in (b"Content_Length", b"CONTENT_LENGTH", b"Content.Length", b"Content~Length")
    ),
]


def coding(name, line, source="CVE-2024-1135, CVE-2024-6827", status=400):
    """A line that some reader takes for `chunked`, with a body that is empty only to that one."""
    return refused(f"coding: {name}", source, post(line, body=b"0\r\n\r\n" + HIDDEN), status)


CODINGS = [
    coding("two lines", CHUNKED + b"\r\n" + CHUNKED),
    coding("two lines, the second unknown", CHUNKED + b"\r\nTransfer-encoding: cow"),
    coding("two lines, the second identity", CHUNKED + b"\r\nTransfer-Encoding: identity"),
    coding("chunked twice", b"Transfer-Encoding: chunked, chunked", "CVE-2026-2835"),
    coding("identity behind", b"Transfer-Encoding: chunked, identity", "CVE-2026-2835"),
    coding("identity before", b"Transfer-Encoding: identity, chunked", "CVE-2026-2835", 501),
    coding("gzip before", b"Transfer-Encoding: gzip, chunked", status=501),
    coding("identity", b"Transfer-Encoding: identity", status=501),
    coding("gzip", b"Transfer-Encoding: gzip", status=501),
    coding("a cow", b"Transfer-Encoding: cow", status=501),
    coding("a letter before", b"Transfer-Encoding: xchunked", status=501),
    coding("a letter behind", b"Transfer-Encoding: chunkedx", status=501),
    coding("empty", b"Transfer-Encoding:"),
    coding("a comma behind", b"Transfer-Encoding: chunked,"),
    coding("a comma before", b"Transfer-Encoding: ,chunked"),
    coding("a parameter", b"Transfer-Encoding: chunked;q=0"),
    coding("quoted", b'Transfer-Encoding: "chunked"'),
    coding("a vertical tab before", b"Transfer-Encoding:\x0bchunked", "gunicorn#3091"),
    coding("a vertical tab behind", b"Transfer-Encoding: chunked\x0b", "gunicorn#3091"),
    coding("a form feed before", b"Transfer-Encoding: \x0cchunked", "gunicorn#3091"),
    coding("a hard space before", b"Transfer-Encoding: \xa0chunked", "gunicorn#3364"),
    coding("a hard space behind", b"Transfer-Encoding: chunked\xa0", "gunicorn#3364"),
    coding("a file separator", b"Transfer-Encoding: \x1cchunked", "gunicorn#3364"),
    coding("a next line", b"Transfer-Encoding: chunked\x85", "gunicorn#3364"),
    coding("NUL behind", b"Transfer-Encoding: chunked\x00", "CVE-2019-9900"),
    coding("CR before", b"Transfer-Encoding: \rchunked"),
    coding("a tab within", b"Transfer-Encoding: chun\tked"),
    coding("a long s", b"Transfer-Encoding: \xc5\xbfchunked"),
    coding("a space before the colon", b"Transfer-Encoding : chunked"),
    coding("a tab before the colon", b"Transfer-Encoding\t: chunked"),
    coding("a vertical tab before the colon", b"Transfer-Encoding\x0b: chunked", "gunicorn#3091"),
    coding("a hard space before the colon", b"Transfer-Encoding\xa0: chunked", "gunicorn#3364"),
    coding("a space before the name", b" Transfer-Encoding: chunked"),
    coding("a vertical tab before the name", b"\x0bTransfer-Encoding: chunked"),
    coding("the colon on the next line", b"Transfer-Encoding\r\n : chunked"),
    coding("folded", b"Transfer-Encoding:\r\n chunked"),
    coding("folded behind", CHUNKED + b"\r\n , identity"),
    coding("behind LF", b"X: y\nTransfer-Encoding: chunked"),
    coding("behind CR", b"X: y\rTransfer-Encoding: chunked"),
    refused(
        "length and coding",
        "CVE-2026-2835: CL.TE",
        post(b"Content-Length: 6", CHUNKED, body=b"0\r\n\r\nX" + HIDDEN),
    ),
    refused(
        "coding and length",
        "CVE-2026-2835: TE.CL",
        post(CHUNKED, b"Content-Length: 4", body=b"2e\r\n" + HIDDEN + b"\r\n0\r\n\r\n"),
    ),
    refused(
        "length of nothing and coding",
        "CVE-2026-2835: TE.0",
        post(b"Content-Length: 0", CHUNKED, body=b"0\r\n\r\n" + HIDDEN),
    ),
    refused(
        "length and an unknown coding",
        "CL.TE",
        post(b"Content-Length: 5", b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    ),
    refused(
        "chunked from HTTP/1.0",
        "RFC 9112 §6.1",
        post(CHUNKED, line=b"POST /p HTTP/1.0", body=b"0\r\n\r\n" + HIDDEN),
    ),
    refused(
        "chunked and a length from HTTP/1.0",
        "RFC 9112 §6.1",
        post(CHUNKED, b"Content-Length: 5", line=b"POST /p HTTP/1.0", body=b"0\r\n\r\n"),
    ),
    *(
        passed(
            f"coding: {line.decode()!r}",
            "RFC 9112 §7.1",
            post(line, body=b"5\r\nhello\r\n0\r\n\r\n"),
            post_seen(body=b"hello"),
        )
        for line in (b"Transfer-Encoding:chunked", b"TRANSFER-ENCODING: \tCHUNKED \t")
    ),
    *(
        passed(
            f"an alias of the coding: {alias.decode()}",
            "CVE-2025-64484, gunicorn#2799",
            post(b"Content-Length: 5", alias + b": chunked", body=b"0\r\n\r\n"),
            post_seen(length=5, body=b"0\r\n\r\n"),
        )
        for alias in (
            b"Transfer_Encoding",
            b"TRANSFER_ENCODING",
            b"Transfer.Encoding",
            b"Transfer~Encoding",
        )
    ),
    passed(
        "a name that ends like the coding",
        "RFC 9110 §5.1",
        post(b"Content-Length: 5", b"X-Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        post_seen(b"X-Transfer-Encoding: chunked", length=5, body=b"0\r\n\r\n"),
    ),
]

END = b"0\r\n\r\n"
CHUNKS = [
    broken("chunk: LF ends the size", "nginx 1.29.4", b"5\nhello\r\n" + END),
    broken("chunk: CR ends the size", "CVE-2025-55315", b"5\rhello\r\n" + END),
    broken("chunk: CR CR LF ends the size", "CVE-2025-55315", b"5\r\r\nhello\r\n" + END),
    broken("chunk: LF in an extension", "CVE-2025-55315", b"5;a\nhello\r\n" + END),
    broken("chunk: CR in an extension", "CVE-2025-55315", b"5;a\rb\r\nhello\r\n" + END),
    broken(
        "chunk: LF behind the semicolon",
        "CVE-2025-55315",
        b"2;\nxx\r\n2e\r\n0\r\n\r\n" + HIDDEN + END,
    ),
    broken("chunk: LF in a quoted value", "CVE-2025-58056", b'5;a="\n"\r\nhello\r\n' + END),
    broken("chunk: CRLF in a quoted value", "CVE-2025-58056", b'5;a="\r\n"\r\nhello\r\n' + END),
    broken("chunk: an endless quote", "CVE-2025-58056", b'5;a="\r\nhello\r\n' + END),
    broken("chunk: NUL in an extension", "CVE-2019-9900", b"5;a\x00\r\nhello\r\n" + END),
    broken("chunk: an empty extension", "RFC 9112 §7.1.1", b"5;\r\nhello\r\n" + END),
    broken("chunk: a value without a name", "RFC 9112 §7.1.1", b"5;=b\r\nhello\r\n" + END),
    broken(
        "chunk: an extension of 300 bytes",
        "CVE-2025-22871",
        b"5;" + b"a" * 300 + b"\r\nhello\r\n" + END,
    ),
    broken("chunk: LF behind the data", "CVE-2025-22871", b"5\r\nhello\n" + END),
    broken("chunk: CR behind the data", "CVE-2025-22871", b"5\r\nhello\r" + END),
    broken("chunk: two bytes for the CRLF", "CVE-2025-43859", b"5\r\nhelloXX0\r\n\r\n" + HIDDEN),
    broken("chunk: no CRLF behind the data", "CVE-2025-43859", b"5\r\nhello" + END),
    broken("chunk: data too long", "RFC 9112 §7.1", b"3\r\nhello\r\n" + END),
    broken("chunk: LF ends the last one", "nginx 1.29.4", b"5\r\nhello\r\n0\n\r\n" + HIDDEN),
    broken("chunk: LF ends the body", "nginx 1.29.4", b"5\r\nhello\r\n0\r\n\n" + HIDDEN),
    broken("chunk: CR ends the body", "RFC 9112 §7.1", b"5\r\nhello\r\n0\r\n\rG"),
    broken("size: empty", "RFC 9112 §7.1", b"\r\n" + END),
    broken("size: empty with an extension", "RFC 9112 §7.1", b";a\r\n" + END),
    broken("size: +", "RFC 9112 §7.1", b"+5\r\nhello\r\n" + END),
    broken("size: -", "RFC 9112 §7.1", b"-5\r\nhello\r\n" + END),
    broken("size: -0", "RFC 9112 §7.1", b"-0\r\n\r\n" + HIDDEN),
    broken("size: 0x", "RFC 9112 §7.1", b"0x5\r\nhello\r\n" + END),
    broken("size: a space before", "RFC 9112 §7.1", b" 5\r\nhello\r\n" + END),
    broken("size: a space behind", "RFC 9112 §7.1", b"5 \r\nhello\r\n" + END),
    broken("size: a tab behind", "RFC 9112 §7.1", b"5\t\r\nhello\r\n" + END),
    broken("size: a vertical tab behind", "gunicorn#3091", b"5\x0b\r\nhello\r\n" + END),
    broken("size: an underscore", "RFC 9112 §7.1", b"0_5\r\nhello\r\n" + END),
    broken("size: a letter", "RFC 9112 §7.1", b"g\r\nhello\r\n" + END),
    broken("size: a comma", "RFC 9112 §7.1", b"5,5\r\nhello\r\n" + END),
    broken("size: 2^64 + 5", "RFC 9112 §7.1", b"10000000000000005\r\nhello\r\n" + END),
    broken("size: 2^32 over and over", "RFC 9112 §7.1", b"ffffffffffffffff\r\nhello\r\n" + END),
    broken("size: many zeros", "RFC 9112 §7.1", b"0" * 40 + b"5\r\nhello\r\n" + END),
    broken("trailer: no colon", "RFC 9112 §7.1.2", b"0\r\nX-A\r\n\r\n" + HIDDEN),
    broken(
        "trailer: a space before the colon", "RFC 9112 §7.1.2", b"0\r\nX-A : 1\r\n\r\n" + HIDDEN
    ),
    broken("trailer: folded", "RFC 9112 §7.1.2", b"0\r\nX-A: 1\r\n 2\r\n\r\n" + HIDDEN),
    broken("trailer: LF", "nginx 1.29.4", b"0\r\nX-A: 1\n\r\n" + HIDDEN),
    broken("trailer: NUL", "CVE-2019-9900", b"0\r\nX-A: \x00\r\n\r\n" + HIDDEN),
    broken("trailer: an empty name", "CVE-2023-25725", b"0\r\n: 1\r\n\r\n" + HIDDEN),
    broken("trailer: the next request", "RFC 9112 §7.1.2", b"0\r\n" + HIDDEN),
    *(
        broken(
            f"trailer: {line.decode()}", "RFC 9110 §6.5.1", b"0\r\n" + line + b"\r\n\r\n" + HIDDEN
        )
        for line in (
            b"Content-Length: 5",
            b"Transfer-Encoding: chunked",
            b"Host: other.test",
            b"Authorization: Bearer x",
            b"Cookie: a=b",
            b"Connection: close",
            b"Content-Type: text/html",
            b"X-Forwarded-For: 6.6.6.6",
            b"Expect: 100-continue",
            b"TE: trailers",
            b"Trailer: Host",
            b"Upgrade: h2c",
        )
    ),
    broken("trailer: too many", "limit", b"0\r\n" + b"X-A: 1\r\n" * 17 + b"\r\n", 431),
    broken("trailer: too long", "limit", b"0\r\nX-A: " + b"a" * 4096 + b"\r\n\r\n", 431),
    passed(
        "chunk: sizes in every legal spelling",
        "RFC 9112 §7.1",
        post(CHUNKED, body=b"0005\r\nhello\r\nA\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n"),
        post_seen(body=b"hello01234567890123456789"),
    ),
    passed(
        "chunk: extensions end here",
        "CVE-2025-55315",
        post(CHUNKED, body=b'5;a\r\nhello\r\n1 ; a = "x;\\"y" ;b=c\r\n!\r\n0;last\r\n\r\n'),
        post_seen(body=b"hello!"),
    ),
    passed(
        "chunk: a request as data",
        "TE.CL",
        post(CHUNKED, body=b"%x\r\n%s\r\n" % (len(HIDDEN), HIDDEN) + END),
        post_seen(body=HIDDEN),
    ),
    passed(
        "trailer: an ordinary one",
        "RFC 9112 §7.1.2",
        post(CHUNKED, body=b"1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n"),
        post_seen(body=b"x", trailers=(b"X-Sum: 1",)),
    ),
    passed(
        "trailer: aliases of guarded names",
        "CVE-2025-64484",
        post(
            CHUNKED, body=b"0\r\nContent_Length: 5\r\nx_forwarded_for: 6.6.6.6\r\nX-Sum: 1\r\n\r\n"
        ),
        post_seen(trailers=(b"X-Sum: 1",)),
    ),
]

BODIES = [
    passed(
        "CL.0: a request as the body of POST",
        "PortSwigger: CL.0",
        post(b"Content-Length: %d" % len(HIDDEN), body=HIDDEN),
        post_seen(length=len(HIDDEN), body=HIDDEN),
    ),
    passed(
        "0.CL: a request as the body of GET",
        "PortSwigger 2025: 0.CL",
        head(b"Content-Length: %d" % len(HIDDEN)) + HIDDEN,
        Seen(b"GET /p HTTP/1.1", (HOST, b"Content-Length: %d" % len(HIDDEN)), HIDDEN),
    ),
    passed(
        "a request as the chunked body of GET",
        "PortSwigger: 0.TE",
        head(CHUNKED) + b"%x\r\n%s\r\n" % (len(HIDDEN), HIDDEN) + END,
        Seen(b"GET /p HTTP/1.1", (HOST, CHUNKED), HIDDEN),
    ),
    passed(
        "a request as the body of OPTIONS",
        "PortSwigger: CL.0",
        post(b"Content-Length: %d" % len(HIDDEN), body=HIDDEN, line=b"OPTIONS /p HTTP/1.1"),
        post_seen(length=len(HIDDEN), body=HIDDEN, start=b"OPTIONS /p HTTP/1.1"),
    ),
    passed(
        "a request as the body of an unknown method",
        "PortSwigger: CL.0",
        post(b"Content-Length: %d" % len(HIDDEN), body=HIDDEN, line=b"FOO /p HTTP/1.1"),
        post_seen(length=len(HIDDEN), body=HIDDEN, start=b"FOO /p HTTP/1.1"),
    ),
    passed(
        "POST without framing has no body",
        "RFC 9112 §6.3",
        post() + HIDDEN.replace(b"hidden", b"second"),
        post_seen(length=0),
        get_seen(start=b"GET /second HTTP/1.1"),
    ),
    passed(
        "CRLF behind a body",
        "RFC 9112 §2.2",
        post(b"Content-Length: 5", body=b"hello\r\n"),
        post_seen(length=5, body=b"hello"),
    ),
    passed(
        "a body by length from HTTP/1.0",
        "RFC 9112 §6.3",
        post(
            b"Content-Length: 5", b"Connection: keep-alive", line=b"POST /p HTTP/1.0", body=b"hello"
        ),
        post_seen(length=5, body=b"hello"),
    ),
    passed(
        "HTTP/1.0 closes",
        "RFC 9112 §9.3",
        head(line=b"GET /p HTTP/1.0") + HIDDEN,
        get_seen(),
        keeps=False,
    ),
    passed(
        "close ends the conversation",
        "RFC 9112 §9.6",
        head(b"Connection: close") + HIDDEN,
        get_seen(),
        keeps=False,
    ),
    passed(
        "a range is only asked for",
        "RFC 9110 §14",
        head(b"Range: bytes=0-4,-0,1-"),
        get_seen(b"Range: bytes=0-4,-0,1-"),
    ),
    passed(
        "TRACE",
        "RFC 9110 §9.3.8",
        head(line=b"TRACE /p HTTP/1.1"),
        get_seen(start=b"TRACE /p HTTP/1.1"),
    ),
]


def expects(name, *lines, status=417):
    data = post(*lines, b"Content-Length: %d" % len(HIDDEN), body=HIDDEN)
    return refused(f"expect: {name}", "PortSwigger 2025: Expect", data, status)


def expects_passed(name, line):
    return passed(
        f"expect: {name}",
        "PortSwigger 2025: Expect",
        post(line, b"Content-Length: %d" % len(HIDDEN), body=HIDDEN),
        post_seen(length=len(HIDDEN), body=HIDDEN),
    )


EXPECTATIONS = [
    expects("a word before", b"Expect: y 100-continue"),
    expects("a list", b"Expect: 100-continue, 100-continue"),
    expects("two lines", b"Expect: 100-continue", b"Expect: 100-continue"),
    expects("empty", b"Expect:"),
    expects("a letter behind", b"Expect: 100-continuex"),
    expects("a parameter", b"Expect: 100-continue;x"),
    expects("another", b"Expect: 200-ok"),
    expects("a hard space", b"Expect: \xa0100-continue"),
    expects("a vertical tab", b"Expect: \x0b100-continue", status=400),
    expects("a space before the colon", b"Expect : 100-continue", status=400),
    expects("folded", b"Expect:", b" 100-continue", status=400),
    expects_passed("no space", b"Expect:100-continue"),
    expects_passed("capitals", b"EXPECT: 100-CONTINUE"),
    expects_passed("named by Connection", b"Connection: expect\r\nExpect: 100-continue"),
    passed(
        "expect: GET without a body",
        "PortSwigger 2025: Expect",
        head(b"Expect: 100-continue"),
        get_seen(),
    ),
    passed(
        "expect: chunked",
        "PortSwigger 2025: Expect",
        post(b"Expect: 100-continue", CHUNKED, body=b"%x\r\n%s\r\n" % (len(HIDDEN), HIDDEN) + END),
        post_seen(body=HIDDEN),
    ),
]

HOPS = [
    passed(
        "Connection names the length",
        "CVE-2021-32813",
        post(b"Connection: Content-Length", b"Content-Length: 5", body=b"hello"),
        post_seen(length=5, body=b"hello"),
    ),
    passed(
        "Connection names the coding",
        "CVE-2021-32813",
        post(b"Connection: transfer-encoding", CHUNKED, body=b"5\r\nhello\r\n" + END),
        post_seen(body=b"hello"),
    ),
    passed("Connection names Host", "CVE-2021-32813", head(b"Connection: host"), get_seen()),
    passed(
        "Connection names what is forwarded",
        "CVE-2024-45410",
        head(b"Connection: X-Forwarded-For, x-forwarded-host", b"connection: x-request-id"),
        get_seen(),
    ),
    refused(
        "Connection is no list of names", "RFC 9110 §7.6.1", head(b"Connection: keep-alive; x")
    ),
    refused(
        "Connection names too much",
        "limit",
        head(b"Connection: " + b",".join(b"x%d" % n for n in range(17))),
    ),
    passed(
        "Keep-Alive, TE and Proxy- end here",
        "RFC 9110 §7.6.1",
        head(
            b"Keep-Alive: 5",
            b"TE: gzip",
            b"Proxy-Connection: close",
            b"Proxy-Authorization: x",
            b"Proxy: x",
        ),
        get_seen(),
    ),
    passed(
        "bytes behind an upgrade are the next request",
        "CVE-2026-2833",
        head(b"Connection: Upgrade", b"Upgrade: foo") + HIDDEN.replace(b"hidden", b"second"),
        get_seen(),
        get_seen(start=b"GET /second HTTP/1.1"),
    ),
    passed(
        "h2c is not asked for",
        "CVE-2026-2833, h2c smuggling",
        head(
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        ),
        get_seen(),
    ),
]

REQUESTS = [
    *REQUEST_LINE,
    *HOSTS,
    *FIELDS,
    *LENGTHS,
    *CODINGS,
    *CHUNKS,
    *BODIES,
    *EXPECTATIONS,
    *HOPS,
]
assert len({row.name for row in REQUESTS}) == len(REQUESTS)
