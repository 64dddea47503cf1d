"""The differential suite: what the gateway was sent against what its backend was sent.

Every row of `smuggling_requests` goes through the real gateway to a backend of raw sockets that
keeps its connections open and reads by the letter. The requests that arrive must be exactly those
that the row names, whatever is cut where; a canary behind the row on the same connection and another
client's request over the pooled upstream connections must each get the answer that is its own.
"""

import socket
from collections import Counter
from itertools import pairwise

import pytest

from backends.raw import HOST, Play, Seen, seen
from smuggling_answers import ANSWERS
from smuggling_requests import HIDDEN, REQUESTS, post
from support.processes import DEADLINE, wait_until
from support.stand import Stand
from support.strict import read_request_head
from support.wire import Connection

LONG = 500
"""A row of more bytes is cut only where a line, a name or a number begins or ends."""


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    made = Stand(tmp_path_factory.mktemp("smuggling"))
    yield made
    made.stop()


# Requests


class Case:
    """One client connection that sends `parts`, one after the other."""

    def __init__(self, stand, row, cuts=(), canary_later=False):
        self.row = row
        self.canary, self.target, self.sees = stand.canary("canary")
        self.later = canary_later
        data = row.data if canary_later else row.data + self.canary
        edges = [0, *cuts, len(data)]
        self.parts = [data[a:b] for a, b in pairwise(edges)]
        self.connection = stand.edge.connect()

    def send(self, data: bytes):
        try:
            self.connection.send(data)
        except OSError:
            pass  # refused and closed: whatever follows has nowhere to go

    def check(self) -> list:
        """Reads the answers; gives the requests that the backend must have seen."""
        client, row = self.connection, self.row
        if row.status != 200:
            answer = client.read_response()
            assert answer.status == row.status, f"{row}: {answer}"
        if row.status != 200 and not row.keeps:
            assert (answer.one("Connection") or "").lower() == "close", f"{row}: {answer}"
            self.send(self.canary if self.later else b"")
            assert client.is_closed(), f"{row}: served on: {client.pending!r}"
            return []
        for sees in row.sees:
            method, target, _ = sees.start.split(b" ")
            answer = client.read_response(method.decode())
            assert answer.status == 200, f"{row}: {answer}"
            assert answer.body == target + b"|" + sees.body, f"{row}: {answer}"
        self.send(self.canary if self.later else b"")
        if not row.keeps:
            assert client.is_closed(), f"{row}: served on: {client.pending!r}"
            return list(row.sees)
        answer = client.read_response()
        assert (answer.status, answer.body) == (200, self.target + b"|"), f"{row}: {answer}"
        assert client.is_open(), row
        return [*row.sees, self.sees]


def converse(stand, cases: list):
    """Plays all cases at once, part by part, and judges what everybody got."""
    backend = stand.backend
    backend.forget()
    stand.settle()
    for step in range(max(len(case.parts) for case in cases)):
        for case in cases:
            if step < len(case.parts):
                case.send(case.parts[step])
        stand.settle()
    wanted = Counter()
    for case in cases:
        wanted.update(case.check())
        case.connection.close()
    wanted.update(stand.others())
    got = Counter(seen(message) for message in backend.requests())
    assert got == wanted, f"too much: {got - wanted}; too little: {wanted - got}"
    assert_what_was_cut_off(backend, cases)
    for message in backend.requests():
        assert_own_fields(message)


def assert_what_was_cut_off(backend, cases: list):
    """Of a request with a fault in its body the head may have come; then the connection ended."""
    backend.assert_no_open_remains()
    backend.assert_clean()
    for line in backend.lines:
        if len(line.received) == line.position:
            continue
        assert any(case.row.in_body for case in cases), bytes(line.received[line.position :])
        begun = read_request_head(bytes(line.received), line.position)
        assert seen(begun) == Seen(b"POST /p HTTP/1.1", (HOST, b"Transfer-Encoding: chunked"))


def assert_own_fields(message):
    """What the gateway says itself is there once and is the truth."""
    assert message.all(b"x-forwarded-for") == [b"127.0.0.1"]
    assert message.all(b"x-forwarded-proto") == [b"http"]
    assert message.all(b"x-forwarded-host") == message.all(b"host")
    assert len(message.all(b"x-request-id")) == 1
    assert len(message.all(b"host")) == 1


def cuts_of(row) -> list:
    """Every place to cut a row, or of a long one those around its syntax."""
    data = row.data
    if len(data) <= LONG:
        return list(range(1, len(data)))
    edges = {1, len(data) - 1}
    for index, byte in enumerate(data):
        if byte in b"\r\n:; \t" and (index < 300 or index > len(data) - 300):
            edges.update((index, index + 1))
    return sorted(edge for edge in edges if 0 < edge < len(data))


@pytest.mark.parametrize("row", REQUESTS, ids=str)
def test_a_request_arrives_as_meant_or_not_at_all(stand, row):
    """Whole, with the canary behind it in the same bytes, and after its answer."""
    for later in (False, True):
        converse(stand, [Case(stand, row, canary_later=later)])


@pytest.mark.parametrize("row", REQUESTS, ids=str)
def test_where_a_request_is_cut_changes_nothing(stand, row):
    converse(stand, [Case(stand, row, [cut]) for cut in cuts_of(row)])


def test_requests_byte_by_byte(stand):
    """All rows at once; a long one has its middle in one piece."""
    cases = []
    for row in REQUESTS:
        count = len(row.data)
        places = range(1, count) if count <= LONG else [*range(1, 200), *range(count - 100, count)]
        cases.append(Case(stand, row, places))
    converse(stand, cases)


# Answers


def ask(stand, row, cut="whole") -> Connection:
    """Asks for the play of an answer's row on a connection of its own."""
    client = stand.edge.connect()
    target = f"/play/{ANSWERS.index(row)}/{cut}"
    client.send(f"{row.method} {target} HTTP/1.1\r\nHost: gateway.test\r\n\r\n".encode())
    return client


def assert_cut(client, row):
    """The client must not be able to take what came for a whole answer of the upstream's: it ends
    early, or is the gateway's own 502, when the fault was there before anything was sent."""
    data = b""
    try:
        while block := client.socket.recv(1 << 16):
            data += block
            if data.startswith(b"HTTP/1.1 502 "):
                return client.close()
    except ConnectionResetError:
        pass
    if data:
        assert data.startswith(b"HTTP/1.1 200 OK\r\n"), (row, data)
        assert not data.partition(b"\r\n\r\n")[2].endswith(b"0\r\n\r\n"), (row, data)
        assert b"poison" not in data, (row, data)
    client.close()


def assert_answered(client, row):
    if row.is_cut:
        return assert_cut(client, row)
    with client:
        answer = client.read_response(row.method)
        assert answer.status == row.status, f"{row}: {answer}"
        assert row.body is None or answer.body == row.body, f"{row}: {answer}"
        if row.status == 502:
            for name, _ in answer.headers:
                assert name.lower() in OURS, f"{row}: {answer}"


OURS = {"content-type", "content-length", "date", "connection", "cache-control", "x-request-id"}


def judge_answers(stand, asked: list):
    """`asked` are rows and the connections that wait for them."""
    backend = stand.backend
    for row, client in asked:
        assert_answered(client, row)
    wait_until(lambda: backend.played == len(asked), "the ends of the plays")
    stand.settle()
    stand.others()
    for line in list(backend.lines):
        if any(not ANSWERS[int(name)].reusable for name in line.plays):
            wait_until(lambda line=line: line.ended, f"the end of the connection of {line.plays}")
            assert line.requests[-1].target.startswith(b"/play/"), line.requests[-1]
    backend.assert_clean()


def begin(stand):
    stand.backend.forget()
    stand.backend.played = 0
    stand.backend.plays = {str(index): row.play for index, row in enumerate(ANSWERS)}


@pytest.mark.parametrize("row", ANSWERS, ids=str)
def test_an_answer_is_its_own_clients_or_nobodys(stand, row):
    begin(stand)
    judge_answers(stand, [(row, ask(stand, row))])
    served = [line for line in stand.backend.lines if line.plays]
    assert len(served) == 1
    if row.reusable:
        assert len(served[0].requests) > 1, "a connection that could serve on did not"


@pytest.mark.parametrize("row", ANSWERS, ids=str)
def test_where_an_answer_is_cut_changes_nothing(stand, row):
    begin(stand)
    data = row.play.data
    count = len(data)
    cuts = range(1, count) if count <= LONG else [1, 20, 30, count // 2, count - 30, count - 1]
    for start in range(0, len(cuts), 64):
        stand.backend.played = 0
        judge_answers(stand, [(row, ask(stand, row, cut)) for cut in cuts[start : start + 64]])


def test_answers_byte_by_byte(stand):
    begin(stand)
    rows = [row for row in ANSWERS if len(row.play.data) <= LONG]
    judge_answers(stand, [(row, ask(stand, row, "bytes")) for row in rows])


# Answers that come too early


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("sent", [0, 1, len(HIDDEN)])
def test_an_answer_before_the_body_leaves_no_body_behind(stand, framing, sent):
    """Pause-based and 0.CL desynchronisation: the body that follows an early answer is nobody's
    request, neither here nor on the upstream connection."""
    backend = stand.backend
    backend.forget()
    body = HIDDEN * 2
    lines = [b"Content-Length: %d" % len(body)]
    if framing == "chunked":
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        lines = [b"Transfer-Encoding: chunked"]
    with stand.edge.connect() as client:
        client.send(post(*lines, line=b"POST /early HTTP/1.1") + body[:sent])
        answer = client.read_response("POST")
        assert (answer.status, answer.body) == (200, b"/early|")
        assert (answer.one("Connection") or "").lower() == "close"
        with_canary, target, _ = stand.canary("canary")
        client.send(body[sent:] + with_canary)
        assert client.is_closed()
    stand.others()
    backend.assert_no_open_remains()
    backend.assert_clean()
    assert not any(one.target in (b"/hidden", target) for one in backend.requests())


def test_an_answer_to_a_request_that_was_cut_off_is_nobodys(stand):
    """A client that leaves before its answer: the answer must not be the next client's."""
    backend = stand.backend
    backend.forget()
    gone = []
    for _ in range(8):
        client = stand.edge.connect()
        request, _, _ = stand.canary("gone")
        client.send(request)
        gone.append(client)
    for client in gone:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    stand.others(8)
    backend.assert_clean()


@pytest.mark.parametrize("finishes", [True, False], ids=["finishes", "goes on"])
def test_a_refusal_does_not_cut_the_answer_before_it(stand, finishes):
    """The client takes little at a time; what follows its request is no request, so that the gateway
    closes with most of the long answer still in the kernel."""
    body = b"x" * 100_000
    stand.backend.answers = {
        b"/long": Play(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body, cut=50_000)
    }
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(DEADLINE)
        client.connect(stand.edge.address)
        client.sendall(b"GET /long HTTP/1.1\r\n" + HOST + b"\r\n\r\n\nGARBAGE\r\n\r\n" + b"y" * 400)
        if finishes:
            client.shutdown(socket.SHUT_WR)
        stand.settle()
        got = b""
        while block := client.recv(2000):
            got += block
    stand.backend.answers = {}
    assert got.startswith(
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body + b"HTTP/1.1 400"
    )
    stand.backend.assert_clean()
