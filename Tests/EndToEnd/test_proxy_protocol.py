"""The PROXY protocol on a listener: who the client is, said by the load balancer in front."""

import shutil
import socket
import struct
import subprocess

import pytest

from backends.recorder import lines_named
from support import config
from support.processes import listening_socket, stop, wait_until
from support.wire import Connection, render

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def proxied(address: str, limits: str = "", extra: str = "", workers: int = 1) -> str:
    text = config.open_to(address, extra=f"{extra} limits {{ {limits} }}", workers=workers)
    return text.replace(
        "listen 127.0.0.1:0;", "listen 127.0.0.1:0 { proxy_protocol on; } listen 127.0.0.1:0;"
    )


def line(source="192.0.2.7", destination="192.0.2.8", family="TCP4") -> bytes:
    return f"PROXY {family} {source} {destination} 51234 443\r\n".encode()


def binary(source="192.0.2.7", command=0x21, extensions=b"") -> bytes:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    address = socket.inet_pton(family, source)
    payload = address + address + struct.pack("!HH", 51234, 443) + extensions
    kind = 0x21 if family == socket.AF_INET6 else 0x11
    return SIGNATURE + bytes([command, kind]) + struct.pack("!H", len(payload)) + payload


def local() -> bytes:
    return SIGNATURE + b"\x20\x00\x00\x00"


HEADERS = [
    ("version 1", line(), "192.0.2.7"),
    ("version 1, IPv6", line("2001:db8::7", "2001:db8::8", "TCP6"), "2001:db8::7"),
    ("version 1, unknown", b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    ("version 1, unknown with addresses", b"PROXY UNKNOWN ff::1 ff::2 1 2\r\n", "127.0.0.1"),
    ("version 2", binary(), "192.0.2.7"),
    ("version 2, IPv6", binary("2001:db8::7"), "2001:db8::7"),
    ("version 2, extension", binary(extensions=b"\x04\x00\x05hello"), "192.0.2.7"),
    ("version 2, local", local(), "127.0.0.1"),
    ("version 2, longest", binary(extensions=b"\x04\x01\xf9" + b"x" * 505), "192.0.2.7"),
]

named = pytest.mark.parametrize(
    "header, client", [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS]
)


@named
def test_the_header_says_who_the_client_is(gateway, recorder, header, client):
    """In one packet with the request; the second request has none; forged fields count nothing."""
    backend = recorder()
    edge = gateway(proxied(backend.address))
    forged = [("X-Forwarded-For", "6.6.6.6")]
    with edge.connect() as connection:
        connection.send(header + render("GET", "/first", forged))
        assert connection.read_response().status == 200
        assert connection.request("GET", "/second", forged).status == 200
    for head in backend.heads:
        assert lines_named(head, "X-Forwarded-For") == [client]
    assert edge.logged(path="/first")["client"] == client
    assert edge.logged(path="/second")["client"] == client


@pytest.mark.parametrize("header", [line(), binary()], ids=["version 1", "version 2"])
def test_the_header_may_be_cut_anywhere(gateway, recorder, header):
    backend = recorder()
    edge = gateway(proxied(backend.address))
    data = header + render("GET", "/")
    for cut in range(1, len(header) + 2):
        with edge.connect() as connection:
            connection.send(data[:cut])
            connection.send(data[cut:])
            assert connection.read_response().status == 200
    with edge.connect() as connection:
        for index in range(len(data)):
            connection.send(data[index : index + 1])
        assert connection.read_response().status == 200
    assert {tuple(lines_named(head, "X-Forwarded-For")) for head in backend.heads} == {
        ("192.0.2.7",)
    }


REFUSED = [
    ("a request without a header", render("GET", "/")),
    ("garbage", b"\x00\x01\x02\x03 nothing that anybody knows"),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64),
    ("small letters", b"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + render("GET", "/")),
    ("an address that is none", line("192.0.2.256") + render("GET", "/")),
    ("the wrong family", line("2001:db8::7", "2001:db8::8") + render("GET", "/")),
    ("bare LF", line().replace(b"\r", b"") + render("GET", "/")),
    ("a line that is too long", b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n" + render("GET", "/")),
    ("nobody's address", line("::", "::1", "TCP6") + render("GET", "/")),
    ("an unknown command", binary(command=0x22) + render("GET", "/")),
    ("version 3", binary(command=0x31) + render("GET", "/")),
    (
        "one byte more than the longest",
        binary(extensions=b"\x04\x01\xfa" + b"x" * 506) + render("GET", "/"),
    ),
    ("an extension beyond the end", binary(extensions=b"\x04\x00\x09abc") + render("GET", "/")),
]


@pytest.mark.parametrize("data", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_anything_else_is_closed_without_an_answer(gateway, recorder, data):
    backend = recorder()
    edge = gateway(proxied(backend.address))
    with edge.connect() as connection:
        connection.send(data)
        assert connection.is_closed()
    assert backend.heads == []
    wait_until(lambda: edge.status()["counters"]["proxy_headers_refused"] == 1, "it is counted")


def test_a_second_header_is_no_request(gateway, recorder):
    """A client behind the load balancer can't add a header of its own."""
    backend = recorder()
    edge = gateway(proxied(backend.address))
    with edge.connect() as connection:
        connection.send(line() + line("6.6.6.6") + render("GET", "/"))
        assert connection.read_response().status == 400
    assert backend.heads == []


def test_behind_the_header_tls_is_not_understood(gateway, recorder):
    edge = gateway(proxied(recorder().address))
    with edge.connect() as connection:
        connection.send(line() + b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64)
        assert connection.read_response().status == 400


@pytest.mark.parametrize("header", [line(), binary()], ids=["version 1", "version 2"])
def test_a_listener_that_expects_none_believes_none(gateway, recorder, header):
    backend = recorder()
    edge = gateway(proxied(backend.address))
    with edge.connect(listener=1) as connection:
        connection.send(header + render("GET", "/"))
        assert connection.read_response().status == 400
    assert backend.heads == []


@pytest.mark.parametrize("sent", [b"", b"PROXY TCP4 192."], ids=["nothing", "a part"])
def test_a_header_that_does_not_come_is_not_waited_for(gateway, recorder, sent):
    edge = gateway(proxied(recorder().address, "head_timeout 300ms;"))
    with edge.connect() as connection:
        connection.send(sent)
        assert connection.is_closed(), "without an answer"
    assert edge.status()["counters"]["proxy_headers_refused"] == 1


def test_looking_whether_somebody_listens_is_no_fault(gateway, recorder):
    edge = gateway(proxied(recorder().address))
    edge.connect().close()
    wait_until(lambda: edge.status()["counters"]["connections_accepted"] == 1, "it was accepted")
    wait_until(lambda: edge.status()["connections"]["open"] == 0, "it was closed")
    assert edge.status()["counters"]["proxy_headers_refused"] == 0


def test_limits_go_by_the_address_in_the_header(gateway, recorder):
    edge = gateway(
        proxied(recorder().address, extra="limit slow { rate 1/h; burst 1; }").replace(
            "auth none; ", "auth none; limit slow; "
        )
    )

    def ask(source: str) -> int:
        with edge.connect() as connection:
            connection.send(line(source) + render("GET", "/"))
            return connection.read_response().status

    assert [ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.2")] == [200, 429, 200]


def test_connections_per_address_go_by_the_address_in_the_header(gateway, recorder):
    edge = gateway(proxied(recorder().address, "connections_per_address 2;"))

    def come(source: str) -> Connection:
        connection = edge.connect()
        connection.send(line(source) + render("GET", "/"))
        return connection

    inside = [come("192.0.2.1"), come("192.0.2.1"), come("192.0.2.2"), come("192.0.2.2")]
    for connection in inside:
        assert connection.read_response().status == 200
    with come("192.0.2.1") as one_more:
        assert one_more.is_closed()
    # One customer of IPv6 has a whole /64.
    network = [come_six(edge, f"2001:db8::{n}") for n in range(1, 3)]
    for connection in network:
        assert connection.read_response().status == 200
    with come_six(edge, "2001:db8::3") as one_more:
        assert one_more.is_closed()
    with come_six(edge, "2001:db8:0:1::3") as other:
        assert other.read_response().status == 200
    for connection in inside + network:
        connection.close()


def come_from(source: str, address) -> Connection:
    connection = Connection.__new__(Connection)
    connection.socket = socket.create_connection(address, 60, source_address=(source, 0))
    connection.pending = b""
    return connection


def come_six(edge, source: str) -> Connection:
    connection = edge.connect()
    connection.send(line(source, "2001:db8::ff", "TCP6") + render("GET", "/"))
    return connection


def test_only_trusted_proxies_may_send_the_header(gateway, recorder):
    """Where the configuration names them and others than this machine reach the listener; anybody
    else is closed, header or not."""
    backend = recorder()
    text = proxied(backend.address, extra="trusted_proxies 127.0.0.1;")
    edge = gateway(text.replace("127.0.0.1:0 { proxy", "0.0.0.0:0 { proxy"))
    with edge.connect() as connection:
        connection.send(line() + render("GET", "/"))
        assert connection.read_response().status == 200
    assert lines_named(backend.head, "X-Forwarded-For") == ["192.0.2.7"]
    with come_from("127.0.0.2", edge.address) as connection:
        assert connection.is_closed()
    assert edge.status()["counters"]["proxy_headers_refused"] == 1
    assert len(backend.heads) == 1


def test_a_balancer_on_this_machine_need_not_be_trusted_otherwise(gateway, recorder):
    """On loopback the header is believed; `trusted_proxies` is about those whom it names."""
    backend = recorder()
    edge = gateway(proxied(backend.address, extra="trusted_proxies 10.0.0.0/8;"))
    for source, wanted in (("10.0.0.5", "198.51.100.1"), ("192.0.2.6", "192.0.2.6")):
        with edge.connect() as connection:
            connection.send(line(source) + render("GET", "/", [("X-Forwarded-For", "198.51.100.1")]))
            assert connection.read_response().status == 200
        assert lines_named(backend.heads[-1], "X-Forwarded-For") == [wanted]


def test_a_client_behind_the_balancer_is_believed_only_if_it_is_trusted_itself(gateway, recorder):
    backend = recorder()
    text = proxied(backend.address, extra="trusted_proxies 127.0.0.1 192.0.2.7;")
    edge = gateway(text)
    for source, wanted in (("192.0.2.7", "198.51.100.1"), ("192.0.2.6", "192.0.2.6")):
        with edge.connect() as connection:
            connection.send(line(source) + render("GET", "/", [("X-Forwarded-For", "198.51.100.1")]))
            assert connection.read_response().status == 200
        assert lines_named(backend.heads[-1], "X-Forwarded-For")[0].split(",")[0] == wanted


def test_trusted_proxies_are_not_counted_by_address(gateway, recorder):
    text = config.open_to(
        recorder().address, extra="trusted_proxies 127.0.0.1; limits { connections_per_address 1; }"
    )
    edge = gateway(text)
    clients = [edge.connect() for _ in range(5)]
    for client in clients:
        assert client.request("GET", "/").status == 200
        client.close()


def test_a_listener_that_anybody_reaches_is_warned_of(gateway, recorder):
    text = config.open_to(recorder().address)
    for address, extra, warned in (
        ("0.0.0.0:0", "", True),
        ("0.0.0.0:0", "trusted_proxies 10.0.0.0/8;", False),
        ("127.0.0.1:0", "", False),
        ("unix:front.sock", "", False),
    ):
        listen = f"listen {address} {{ proxy_protocol on; }} {extra}"
        edge = gateway(text.replace("listen 127.0.0.1:0;", listen), start=False)
        done = edge.command("check")
        assert done.returncode == 0, done.stderr
        assert ("may take any address" in done.stderr + done.stdout) == warned, done


def test_a_unix_socket_may_expect_the_header(gateway, recorder):
    """Where a load balancer on the same machine is best let in."""
    backend = recorder()
    text = config.open_to(backend.address).replace(
        "listen 127.0.0.1:0;",
        "listen 127.0.0.1:0; listen unix:front.sock { proxy_protocol on; }",
    )
    edge = gateway(text)
    with Connection(edge.folder / "front.sock") as connection:
        connection.send(line() + render("GET", "/"))
        assert connection.read_response().status == 200
    assert lines_named(backend.head, "X-Forwarded-For") == ["192.0.2.7"]


@pytest.fixture
def haproxy(tmp_path):
    """Starts haproxy in front of an address: `haproxy(address, "send-proxy-v2")`."""
    started = []

    def make(address, options: str) -> tuple:
        program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        assert program, "haproxy is not installed (Tests/run installs it)"
        listener = listening_socket()
        file = tmp_path / "haproxy.cfg"
        file.write_text(
            "global\n  maxconn 200\n"
            "defaults\n  mode tcp\n  timeout connect 60s\n  timeout client 60s\n"
            "  timeout server 60s\n"
            f"frontend front\n  bind fd@{listener.fileno()}\n  default_backend edge\n"
            f"backend edge\n  server edge {address[0]}:{address[1]} {options}\n"
        )
        with listener:
            name = listener.getsockname()
            with open(tmp_path / "haproxy.log", "wb") as log:
                started.append(
                    subprocess.Popen(
                        [program, "-db", "-f", str(file)],
                        pass_fds=(listener.fileno(),),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                    )
                )
        return name

    yield make
    for process in started:
        stop(process, "haproxy")


@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn"])
def test_behind_a_real_haproxy(gateway, recorder, haproxy, option):
    backend = recorder()
    edge = gateway(proxied(backend.address))
    front = haproxy(edge.address, option)
    for number in range(1, 6):
        source = f"127.0.0.{number}"
        with come_from(source, front) as connection:
            for _ in range(2):
                assert connection.request("GET", f"/{number}").status == 200
        for head in backend.heads[-2:]:
            assert lines_named(head, "X-Forwarded-For") == [source]
    assert edge.status()["counters"]["proxy_headers_refused"] == 0


def test_haproxys_health_checks_are_local(gateway, recorder, haproxy):
    """They come with a LOCAL header (version 2) and close, and the server stays up."""
    edge = gateway(proxied(recorder().address))
    front = haproxy(edge.address, "send-proxy-v2 check check-send-proxy inter 50ms")
    wait_until(lambda: edge.status()["counters"]["connections_accepted"] > 3, "some checks")
    with Connection(front) as connection:
        assert connection.request("GET", "/").status == 200
    assert edge.status()["counters"]["proxy_headers_refused"] == 0
