"""Clients that are slow on purpose: cut off, at a bounded cost, and nobody else notices."""

import shutil
import socket
import subprocess
import threading
import time

import pytest

from backends.recorder import OK, answer_all
from support import config
from support.processes import stop, wait_until
from support.wire import Connection, render

SOON = 30.0
COUNT = 1000


def limited(address: str, limits: str, workers: int = 1) -> str:
    return config.open_to(address, extra=f"limits {{ {limits} }}", workers=workers)


def trickle(client: Connection, piece: bytes, every: float, seconds: float) -> float:
    """Sends a piece again and again until the gateway answers or the time is over; how long."""
    begun = time.monotonic()
    client.socket.settimeout(every)
    while time.monotonic() - begun < seconds:
        try:
            client.send(piece)
            client.pending += client.socket.recv(1)
            break
        except TimeoutError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            break
    client.socket.settimeout(SOON)
    return time.monotonic() - begun


# The rate of a body


def test_a_body_below_the_rate_is_408(gateway, recorder):
    """Never silent for a second, and still too slow."""
    edge = gateway(limited(recorder().address, "body_timeout 1s; body_rate 1000;"))
    with edge.connect() as client:
        client.send(render("POST", "/slow", [("Content-Length", "100000")]))
        assert trickle(client, b"x" * 10, 0.1, SOON) < SOON / 2
        assert client.read_response("POST").status == 408
        assert client.is_closed()
    assert edge.logged(path="/slow")["reason"] == "request_timeout"


def test_a_chunked_body_below_the_rate_is_408(gateway, recorder):
    edge = gateway(limited(recorder().address, "body_timeout 1s; body_rate 1000;"))
    with edge.connect() as client:
        client.send(render("POST", "/", [("Transfer-Encoding", "chunked")]))
        assert trickle(client, b"3\r\nabc\r\n", 0.1, SOON) < SOON / 2
        assert client.read_response("POST").status == 408


@pytest.mark.parametrize("rate", ["1000", "off"])
def test_a_body_at_the_rate_may_take_as_long_as_it_takes(gateway, recorder, rate):
    """Three times as long as the silence that is allowed; without a rate any speed will do."""
    edge = gateway(limited(recorder().address, f"body_timeout 1s; body_rate {rate};"))
    piece = b"x" * (200 if rate == "1000" else 1)
    with edge.connect() as client:
        client.send(render("POST", "/", [("Content-Length", str(30 * len(piece)))]))
        for _ in range(30):
            time.sleep(0.1)
            client.send(piece)
        assert client.read_response("POST").status == 200


def test_a_body_below_the_rate_does_not_pass_for_an_answer_that_goes_on(gateway, recorder):
    """The backend answers before the body is there, and goes on with whatever comes of it."""

    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            peer.send(peer.exactly(1))

    edge = gateway(limited(recorder(script).address, "body_timeout 1s; body_rate 1000;"))
    with edge.connect() as client:
        client.send(render("POST", "/slow", [("Content-Length", "100000")]))
        assert client.read_head().status == 200
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < SOON:
                client.send(b"x" * 10)
                time.sleep(0.1)
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert time.monotonic() - begun < SOON / 2
    assert edge.logged(path="/slow")["reason"] == "request_timeout"


def test_a_body_that_the_upstream_holds_back_is_not_the_clients_fault(gateway, recorder):
    """The client could not send: the time that the upstream took is not charged to it."""

    def script(peer):
        peer.read_head()
        time.sleep(3)
        peer.discard(20 << 20)
        peer.send(OK)

    edge = gateway(
        limited(recorder(script).address, "body 100m; body_timeout 1s; body_rate 1m;")
    )
    with edge.connect() as client:
        client.send(render("POST", "/", [("Content-Length", str(20 << 20))]) + b"x" * (20 << 20))
        assert client.read_response("POST").status == 200


# The rate of reading


def endless(peer):
    peer.read_head()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
    while True:
        peer.send(b"z" * 65536)


def read_slowly(client: Connection, count: int, every: float, seconds: float) -> float:
    """Reads `count` bytes again and again until the connection ends or the time is over."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        time.sleep(every)
        try:
            if not client.socket.recv(count):
                break
        except ConnectionResetError:
            break
    return time.monotonic() - begun


def front(address: str, limits: str) -> str:
    # A Unix socket: its buffers are small, so that every read is soon seen by the gateway.
    return limited(address, limits).replace(
        "listen 127.0.0.1:0;", "listen 127.0.0.1:0; listen unix:front.sock;"
    )


def test_a_reader_below_the_rate_is_cut_off(gateway, recorder):
    """Never still for the time that silence may last, and still too slow."""
    limits = "send_timeout 3s; send_rate 4m;"
    edge = gateway(front(recorder(endless).address, limits))
    with Connection(edge.folder / "front.sock") as client:
        client.send(render("GET", "/slow"))
        assert read_slowly(client, 20_000, 0.05, SOON) < SOON
    assert edge.logged(path="/slow")["reason"] == "send_timeout"


def test_without_a_rate_a_reader_may_be_slow(gateway, recorder):
    edge = gateway(front(recorder(endless).address, "send_timeout 3s; send_rate off;"))
    with Connection(edge.folder / "front.sock") as client:
        client.send(render("GET", "/slow"))
        assert read_slowly(client, 20_000, 0.05, 8) >= 8
    assert edge.logged(path="/slow")["reason"] == "client_aborted"


def test_the_end_of_an_answer_is_waited_for_like_its_middle(gateway, recorder):
    """The exchange is over for the upstream, and the client still has to read."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 260000\r\n\r\n" + b"z" * 260_000
    edge = gateway(front(recorder(answer_all(answer)).address, "send_timeout 1s; send_rate 4m;"))
    with Connection(edge.folder / "front.sock") as client:
        client.send(render("GET", "/"))
        wait_until(lambda: edge.status()["connections"]["open"] == 1, "it is served")
        wait_until(lambda: edge.status()["connections"]["open"] == 0, "it is cut off", SOON)


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_last_answer_is_waited_for_as_long_as_any_other(gateway, recorder, version):
    """The end of it comes while the client isn't reading, and the connection closes behind it: it has
    `send_timeout` all the same, not the second for which a closed connection is listened to."""
    stuck, over = threading.Event(), threading.Event()

    def script(peer):
        size = int(peer.read_head().split(b" ")[1][1:])
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.send(b"%x\r\n" % size + b"z" * size + b"\r\n")
        assert stuck.wait(SOON)
        peer.send(b"3\r\nend\r\n0\r\n\r\n")
        over.set()
        peer.wait_for_end()

    edge = gateway(front(recorder(script).address, "send_timeout 20s;"))
    # Whatever the kernel's buffers hold, some of these leave a little of the answer in the gateway's.
    sizes = range(120_000, 320_000, 20_000)
    clients = [Connection(edge.folder / "front.sock") for _ in sizes]
    for client, size in zip(clients, sizes):
        client.send(f"GET /{size} {version}\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    time.sleep(0.5)
    stuck.set()
    assert over.wait(SOON)
    time.sleep(2.5)
    for client, size in zip(clients, sizes):
        assert client.read_response().body == b"z" * size + b"end"
        client.close()


def test_a_cut_answer_never_looks_whole(gateway, recorder):
    """To an HTTP/1.0 client the end of the connection is the end of the body."""

    def script(peer):
        size = int(peer.read_head().split(b" ")[1][1:])
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"z" * size)

    edge = gateway(limited(recorder(script).address, "send_timeout 1s; send_rate off;"))
    clients = {}
    # The kernel takes the first ones whole; of the next one a little stays in the gateway, whose
    # exchange is over by then; of the others more than it can hold.
    for size in range(100_000, 6_000_000, 50_000):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(SOON)
        client.connect(edge.address)
        client.sendall(f"GET /{size} HTTP/1.0\r\nHost: a\r\n\r\n".encode())
        clients[size] = client
    wait_until(lambda: len(edge.log_lines()) == len(clients), "all answers are over", SOON)
    time.sleep(2.5)
    for size, client in clients.items():
        received = 0
        try:
            while block := client.recv(1 << 20):
                received += len(block)
            assert received > size, f"{received} bytes of {size} and a clean end"
        except ConnectionResetError:
            pass
        client.close()
    reasons = [line.get("reason") for line in edge.log_lines()]
    assert None in reasons and "send_timeout" in reasons, "too few sizes for this machine"


# slowhttptest

ATTACKS = {
    "slow head": ["-H", "-i", "1", "-x", "24", "-t", "GET"],
    "slow body": ["-B", "-i", "1", "-x", "10", "-s", "8192", "-t", "POST"],
    "slow read": ["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "1"],
}
# KiB of resident memory that one connection of each attack may cost at the most; README, "Limits".
COSTS = {"slow head": 16, "slow body": 16, "slow read": 160}


@pytest.fixture
def attack(tmp_path):
    started = []

    def make(address, kind: str) -> subprocess.Popen:
        program = shutil.which("slowhttptest")
        assert program, "slowhttptest is not installed (Tests/run installs it)"
        with open(tmp_path / "attack.log", "wb") as log:
            started.append(
                subprocess.Popen(
                    [program, *ATTACKS[kind], "-c", str(COUNT), "-r", "500", "-l", "15", "-v", "0"]
                    + ["-p", "60", "-u", f"http://{address[0]}:{address[1]}/{kind.replace(' ', '-')}"],
                    cwd=tmp_path,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )
        return started[-1]

    yield make
    for process in started:
        stop(process, "slowhttptest")


@pytest.mark.parametrize("kind", ATTACKS)
def test_a_thousand_slow_connections_harm_nobody(gateway, recorder, attack, kind):
    # More than the kernel would take from the gateway and keep for a client that does not read.
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 4500000\r\n\r\n" + b"z" * 4_500_000

    def script(peer):
        while True:
            head = peer.read_head()
            peer.read_body(head)
            peer.send(large if b"/slow-read" in head else OK)

    limits = "head_timeout 7s; body_timeout 7s; send_timeout 7s;"
    edge = gateway(limited(recorder(script).address, limits, workers=2))
    for _ in range(100):
        assert edge.get("/").status == 200
    before = edge.memory("VmRSS")
    process = attack(edge.address, kind)
    served, most = 0, 0
    with edge.connect() as kept:
        while process.poll() is None:
            for _ in range(20):
                assert kept.request("GET", "/kept").status == 200
            assert edge.get("/fresh").status == 200
            served += 21
            most = max(most, edge.status()["connections"]["open"])
    assert most > COUNT * 0.8, f"only {most} connections came"
    assert served > 100
    cost = (edge.memory("VmHWM") - before) / COUNT
    print(f"{kind}: {served} requests served; {cost:.1f} KiB for each of {most} connections")
    assert cost < COSTS[kind]
    # Most were told or cut off by the gateway before the attack ended by itself.
    lines = edge.log_lines()
    if kind == "slow read":
        ended = sum(line.get("reason") == "send_timeout" for line in lines)
    else:
        ended = sum(line["status"] == 408 for line in lines)
    assert ended > COUNT * 0.5, f"{ended} of {COUNT} were cut off"
    wait_until(lambda: edge.status()["connections"]["open"] == 0, "nobody is left")
