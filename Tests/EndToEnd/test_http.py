"""HTTP/1.1 on both sides: what arrives upstream and downstream, byte for byte where it matters."""

import socket
import time

import pytest

from backends.recorder import OK, answer_all, fields_of, lines_named
from support import config
from support.processes import wait_until
from support.wire import render


def chunked(*blocks: bytes, trailers: bytes = b"") -> bytes:
    data = b"".join(b"%x\r\n%s\r\n" % (len(block), block) for block in blocks)
    return data + b"0\r\n" + trailers + b"\r\n"


def respond(*parts: bytes):
    return answer_all(b"".join(parts))


def by_path(peer):
    """Answers each request with its own path and body."""
    while True:
        head = peer.read_head()
        body = peer.read_body(head)
        said = head.split(b" ")[1] + b"|" + body
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)


# What is sent upstream


def test_the_head_arrives_once_in_origin_form_with_host_kept(gateway, recorder):
    backend = recorder()
    edge = gateway(config.open_to(backend.address))
    answer = edge.get("/a/b?c=d&e=%20", headers=[("Host", "shop.example:8080"), ("Accept", "*/*")])
    assert (answer.status, answer.body) == (200, b"ok")
    assert backend.head.startswith(b"GET /a/b?c=d&e=%20 HTTP/1.1\r\n")
    assert lines_named(backend.head, "Host") == ["shop.example:8080"]
    assert lines_named(backend.head, "Accept") == ["*/*"]


def test_an_absolute_form_target_becomes_origin_form(gateway, recorder):
    backend = recorder()
    edge = gateway(config.open_to(backend.address))
    answer = edge.get("http://shop.example/x?y", headers=[("Host", "shop.example")])
    assert answer.status == 200
    assert backend.head.startswith(b"GET /x?y HTTP/1.1\r\n")
    assert lines_named(backend.head, "Host") == ["shop.example"]


def test_forwarded_headers_are_the_gateways_own(gateway, recorder):
    backend = recorder()
    edge = gateway(config.open_to(backend.address))
    forged = [
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("X_Forwarded_For", "6.6.6.6"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Forwarded-Port", "666"),
        ("Forwarded", "for=6.6.6.6"),
        ("X-Real-IP", "6.6.6.6"),
        ("X-Request-Id", "evil-request"),
        ("x_request_id", "evil-request"),
    ]
    assert edge.get("/", headers=[("Host", "shop.example"), *forged]).status == 200
    assert lines_named(backend.head, "X-Forwarded-For") == ["127.0.0.1"]
    assert lines_named(backend.head, "X-Forwarded-Proto") == ["http"]
    assert lines_named(backend.head, "X-Forwarded-Host") == ["shop.example"]
    assert len(lines_named(backend.head, "X-Request-Id")) == 1
    for word in (b"6.6.6.6", b"evil", b": 666\r", b"X_Forwarded_For"):
        assert word not in backend.head


def test_every_request_has_a_request_id_of_its_own(gateway, recorder):
    backend = recorder()
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        for _ in range(20):
            assert client.request("GET", "/").status == 200
    seen = [fields_of(head)["x-request-id"] for head in backend.heads]
    assert len(set(seen)) == 20


@pytest.mark.parametrize(
    "connection, gone",
    [
        ("X-Hop", ["X-Hop"]),
        ("close, X-Hop", ["X-Hop"]),
        ("x-hop , X-SECOND", ["X-Hop", "X-Second"]),
    ],
)
def test_what_connection_names_stays_on_its_hop(gateway, recorder, connection, gone):
    backend = recorder()
    edge = gateway(config.open_to(backend.address))
    headers = [("Connection", connection), ("X-Hop", "1"), ("X-Second", "2"), ("X-End", "3")]
    headers += [("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("TE", "gzip")]
    assert edge.get("/", headers=headers).status == 200
    for name in [*gone, "Keep-Alive", "Proxy-Connection", "TE"]:
        assert lines_named(backend.head, name) == [], name
    assert lines_named(backend.head, "X-End") == ["3"]


def test_connection_cannot_remove_what_the_gateway_adds(gateway, recorder):
    backend = recorder()
    edge = gateway(config.open_to(backend.address))
    names = "X-Forwarded-For, X-Forwarded-Proto, x-forwarded-host, X-Request-Id, Host"
    answer = edge.get("/", headers=[("Connection", names)])
    if answer.status == 400:  # naming Host is a fault that may be refused
        assert backend.heads == []
        answer = edge.get("/", headers=[("Connection", names.removesuffix(", Host"))])
    assert answer.status == 200
    for name in (
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Request-Id",
        "Host",
    ):
        assert len(lines_named(backend.head, name)) == 1, name


def test_hop_by_hop_fields_of_the_answer_stay_on_their_hop(gateway, recorder):
    backend = recorder(
        respond(
            b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Inner\r\nKeep-Alive: timeout=5\r\n",
            b"X-Inner: 1\r\nX-Outer: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n",
            b"Content-Length: 0\r\n\r\n",
        )
    )
    answer = gateway(config.open_to(backend.address)).get("/")
    assert answer.one("X-Inner") is None and answer.one("Keep-Alive") is None
    assert answer.one("X-Outer") == "2"
    assert answer.all("Set-Cookie") == ["a=1", "b=2"]


def test_an_upgrade_is_forwarded_as_an_ordinary_request(gateway, recorder):
    """No tunnel is offered, so the backend must not be asked for one."""
    backend = recorder()
    edge = gateway(config.open_to(backend.address))
    headers = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AA"),
    ]
    answer = edge.get("/", headers=headers)
    assert answer.status == 200
    for name in ("Upgrade", "HTTP2-Settings"):
        assert lines_named(backend.head, name) == []


# Connections


def test_a_connection_serves_many_requests_and_reuses_one_upstream_connection(gateway, recorder):
    backend = recorder()
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        for number in range(100):
            assert client.request("GET", f"/{number}").body == b"ok"
        assert client.is_open()
    assert len(backend.heads) == 100
    assert len(backend.peers) == 1


def test_upstream_connections_are_shared_by_the_clients_of_a_worker(gateway, recorder):
    backend = recorder()
    edge = gateway(config.open_to(backend.address, workers=1))
    for number in range(30):
        assert edge.get(f"/{number}").status == 200
    assert len(backend.heads) == 30
    assert len(backend.peers) == 1


def test_pipelined_requests_are_answered_in_order(gateway, recorder):
    backend = recorder(by_path)
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        client.send(b"".join(render("POST", f"/{n}", body=b"b%d" % n) for n in range(64)))
        for number in range(64):
            assert client.read_response("POST").body == b"/%d|b%d" % (number, number)
        assert client.is_open()


def test_pipelined_requests_stay_in_order_when_some_are_refused(gateway, recorder):
    backend = recorder(by_path)
    edge = gateway(f"""{config.top()}
        upstream backend {{ server {backend.address}; }}
        route GET /open {{ upstream backend; auth none; }}
        """)
    with edge.connect() as client:
        targets = ["/open/1", "/none/2", "/open/3", "/none/4", "/open/5"]
        client.send(b"".join(render("GET", target) for target in targets))
        assert [client.read_response().status for _ in targets] == [200, 404, 200, 404, 200]


def test_an_answer_on_its_way_survives_what_its_client_still_sends(gateway, recorder):
    """The client reads late and says something meanwhile; to a closed socket that means a reset."""
    body = b"z" * 500_000
    answer = respond(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n", body)
    edge = gateway(config.open_to(recorder(answer).address))
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(edge.address)
        plain.sendall(render("GET", "/", [("Connection", "close")]))
        # More than the second for which a closing connection is listened to.
        for _ in range(15):
            time.sleep(0.2)
            plain.sendall(b"x")
        plain.settimeout(60)
        data = b""
        while block := plain.recv(1 << 16):
            data += block
    assert data.endswith(b"\r\n\r\n" + body)


def test_connection_close_is_honoured(gateway, recorder):
    edge = gateway(config.open_to(recorder().address))
    with edge.connect() as client:
        answer = client.request("GET", "/", [("Connection", "close")])
        assert answer.status == 200
        assert "close" in (answer.one("Connection") or "").lower()
        assert client.is_closed()


def test_a_request_written_byte_by_byte(gateway, recorder):
    backend = recorder(by_path)
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        for byte in render("POST", "/slow", [("X-Long", "y" * 64)], body=b"0123456789"):
            client.send(bytes([byte]))
        assert client.read_response("POST").body == b"/slow|0123456789"


def test_a_response_written_byte_by_byte(gateway, recorder):
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"abc", b"defg")

    def script(peer):
        while True:
            peer.read_head()
            peer.send_slowly(answer)

    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as client:
        for _ in range(3):
            assert client.request("GET", "/").body == b"abcdefg"


def test_a_client_that_has_finished_sending_still_gets_its_answer(gateway, recorder):
    edge = gateway(config.open_to(recorder(by_path).address))
    with edge.connect() as client:
        client.send(render("POST", "/half", body=b"closed"))
        client.finish_sending()
        assert client.read_response("POST").body == b"/half|closed"
        assert client.is_closed()


def test_clients_that_vanish_leave_nothing_behind(gateway, recorder):
    backend = recorder(by_path)
    edge = gateway(config.open_to(backend.address))
    assert edge.get("/warm").status == 200
    before = edge.descriptors()
    head = render("POST", "/gone", [("Content-Length", "1000")])
    for cut in (0, 1, 20, len(head) - 1, len(head)):
        with edge.connect() as client:
            client.send(head[:cut])
    with edge.connect() as client:
        client.send(head + b"x" * 500)
    wait_until(lambda: edge.descriptors() <= before + 2, "the descriptors are given back")
    assert edge.get("/after").status == 200


# Bodies


@pytest.mark.parametrize("size", [0, 1, 1000, 16384, 65536, 1 << 20])
def test_bodies_by_length_pass_both_ways(gateway, recorder, size):
    edge = gateway(config.open_to(recorder(by_path).address))
    body = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
    with edge.connect() as client:
        for _ in range(2):
            assert client.request("POST", "/", body=body).body == b"/|" + body


def test_chunked_bodies_pass_both_ways(gateway, recorder):
    def script(peer):
        while True:
            head = peer.read_head()
            body = peer.read_body(head)
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            peer.send(chunked(body[:7], body[7:]))

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address))
    blocks = [b"first block", b"x" * 70000, b"!"]
    with edge.connect() as client:
        for _ in range(2):
            client.send(render("POST", "/", [("Transfer-Encoding", "chunked")]) + chunked(*blocks))
            answer = client.read_response("POST")
            assert answer.body == b"".join(blocks)
            assert answer.one("Transfer-Encoding") == "chunked"
    for head in backend.heads:
        assert (
            len(lines_named(head, "Transfer-Encoding")) + len(lines_named(head, "Content-Length"))
            == 1
        )


def test_chunk_extensions_are_not_forwarded(gateway, recorder):
    backend = recorder(by_path)
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        client.send(render("POST", "/", [("Transfer-Encoding", "chunked")]))
        client.send(b"3;name=value\r\nabc\r\n0;last\r\n\r\n")
        assert client.read_response("POST").body == b"/|abc"
    assert b"name=value" not in backend.peers[0].received
    assert b"last" not in backend.peers[0].received


def test_trailers_pass_except_those_that_claim_identity(gateway, recorder):
    seen = []

    def script(peer):
        while True:
            head = peer.read_head()
            peer.read_body(head)
            seen.append(list(peer.trailers))
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
            peer.send(chunked(b"body", trailers=b"X-Sum: 42\r\n"))

    edge = gateway(config.open_to(recorder(script).address, extra=config.IDENTITY))
    with edge.connect() as client:
        client.send(
            render("POST", "/", [("Transfer-Encoding", "chunked"), ("Trailer", "X-Check")])
            + chunked(
                b"abc",
                trailers=b"X-Check: 1\r\nX-User-Id: forged\r\nx_user_id: forged\r\n",
            )
        )
        answer = client.read_response("POST")
    assert answer.status == 200, answer
    assert seen == [[b"X-Check: 1"]]
    assert answer.trailers == [("X-Sum", "42")]


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 99",
        b"Transfer-Encoding: gzip",
        b"Host: evil.example",
        b"Authorization: Bearer evil",
        b"Cookie: evil=1",
        b"X-Forwarded-For: 6.6.6.6",
        b"x_forwarded_for: 6.6.6.6",
        b"Connection: evil",
        b"X-Request-Id: evil",
    ],
)
def test_trailers_that_a_head_alone_may_carry_are_never_forwarded(gateway, recorder, line):
    """Stripped or refused: a backend that merges trailers into the head would act on them."""
    backend = recorder(by_path)
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        client.send(render("POST", "/", [("Transfer-Encoding", "chunked")]))
        client.send(chunked(b"abc", trailers=line + b"\r\n"))
        answer = client.read_response("POST")
    assert answer.status in (200, 400)
    for peer in backend.peers:
        assert b": " + line.split(b": ")[1] not in peer.received


def test_head_has_no_body_and_the_connection_goes_on(gateway, recorder):
    def script(peer):
        while True:
            head = peer.read_head()
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
            peer.send(answer if head.startswith(b"HEAD") else answer + b"hello")

    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as client:
        answer = client.request("HEAD", "/")
        assert (answer.status, answer.one("Content-Length"), answer.body) == (200, "5", b"")
        assert client.request("GET", "/").body == b"hello"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n",
    ],
    ids=["204", "304", "304 with a length"],
)
def test_answers_without_a_body_keep_the_connection(gateway, recorder, answer):
    backend = recorder(answer_all(answer))
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        for _ in range(3):
            got = client.request("GET", "/")
            assert got.status == int(answer[9:12])
        assert client.is_open()
    assert len(backend.peers) == 1


def test_interim_answers_reach_a_client_of_http_1_1(gateway, recorder):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    edge = gateway(config.open_to(recorder(answer_all(hints + hints + OK)).address))
    with edge.connect() as client:
        for _ in range(2):
            answer = client.request("GET", "/")
            assert (answer.status, answer.body) == (200, b"ok")
            assert [one.status for one in answer.interim] == [103, 103]
            assert answer.interim[0].one("Link") == "</a.css>; rel=preload"


def test_interim_answers_do_not_reach_a_client_of_http_1_0(gateway, recorder):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    edge = gateway(config.open_to(recorder(answer_all(hints + OK)).address))
    with edge.connect() as client:
        client.send(b"GET / HTTP/1.0\r\nHost: old.example\r\n\r\n")
        answer = client.read_response()
        assert (answer.status, answer.body, answer.interim) == (200, b"ok", [])


def test_continue_is_sent_before_the_body_and_only_once(gateway, recorder):
    def script(peer):
        while True:
            head = peer.read_head()
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            peer.read_body(head)
            peer.send(OK)

    for play in (None, script):
        edge = gateway(config.open_to(recorder(play).address))
        with edge.connect() as client:
            client.send(render("POST", "/", [("Expect", "100-continue"), ("Content-Length", "4")]))
            assert client.read_head().status == 100
            client.send(b"body")
            answer = client.read_response("POST")
            assert (answer.status, answer.interim) == (200, [])
            assert client.request("GET", "/").status == 200


def test_continue_is_not_sent_to_a_client_that_is_refused(gateway, recorder):
    backend = recorder()
    edge = gateway(
        config.guarded(backend.address),
        config.environment("A" * 20 + "b7" * 10, "C" * 20 + "d9" * 10),
    )
    with edge.connect() as client:
        client.send(render("POST", "/", [("Expect", "100-continue"), ("Content-Length", "4")]))
        answer = client.read_response("POST")
        assert (answer.status, answer.interim) == (401, [])
    assert backend.heads == []


def test_continue_is_not_sent_to_a_client_of_http_1_0(gateway, recorder):
    edge = gateway(config.open_to(recorder().address))
    with edge.connect() as client:
        client.send(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab")
        answer = client.read_response("POST")
        assert (answer.status, answer.interim) == (200, [])


def test_an_answer_before_the_body_was_read_reaches_the_client(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        peer.wait_for_end()

    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as client:
        client.send(render("POST", "/", [("Content-Length", "1000000")]) + b"x" * 1000)
        answer = client.read_response("POST")
        assert (answer.status, answer.body) == (403, b"no")


# HTTP/1.0


def test_a_client_of_http_1_0_is_answered_and_closed(gateway, recorder):
    backend = recorder()
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        answer = client.read_response()
        assert (answer.status, answer.body) == (200, b"ok")
        assert client.is_closed()
    assert backend.head.startswith(b"GET /old HTTP/1.1\r\n")
    assert len(lines_named(backend.head, "Host")) == 1


def test_a_client_of_http_1_0_may_ask_for_keep_alive(gateway, recorder):
    edge = gateway(config.open_to(recorder().address))
    with edge.connect() as client:
        for _ in range(2):
            client.send(b"GET / HTTP/1.0\r\nHost: old.example\r\nConnection: keep-alive\r\n\r\n")
            answer = client.read_response()
            assert answer.status == 200
            if "keep-alive" not in (answer.one("Connection") or "").lower():
                assert client.is_closed()
                return


def test_a_client_of_http_1_0_never_sees_chunks(gateway, recorder):
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"abc", b"def")
    edge = gateway(config.open_to(recorder(answer_all(answer)).address))
    with edge.connect() as client:
        client.send(b"GET / HTTP/1.0\r\nHost: old.example\r\nConnection: keep-alive\r\n\r\n")
        got = client.read_response()
        assert got.one("Transfer-Encoding") is None
        assert got.body == b"abcdef"


# Upstreams that close


def test_an_upstream_of_http_1_0_ends_its_body_by_closing(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end")

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        for _ in range(3):
            assert client.request("GET", "/").body == b"until the end"
            if not client.pending and not client.is_open():
                break
    assert edge.get("/again").body == b"until the end"


def test_an_upstream_that_says_close_is_not_used_again(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.send(OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        peer.wait_for_end()

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        for _ in range(5):
            answer = client.request("GET", "/")
            assert answer.status == 200
            assert "close" not in (answer.one("Connection") or "").lower()
    assert len(backend.peers) == 5


def test_an_idle_upstream_connection_that_was_closed_harms_nobody(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.send(OK)

    backend = recorder(script)
    edge = gateway(config.open_to(backend.address))
    with edge.connect() as client:
        for _ in range(10):
            assert client.request("GET", "/").status == 200
    assert len(backend.peers) >= 10


CUT_SHORT = {
    "by length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
    "by chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello",
}


@pytest.mark.parametrize("answer", CUT_SHORT.values(), ids=CUT_SHORT)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_a_body_that_ends_early_is_never_passed_off_as_whole(gateway, recorder, answer, version):
    """To a client of HTTP/1.0, for which the end of the connection ends the body, that is a reset."""

    def script(peer):
        peer.read_head()
        peer.send(answer)

    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as client:
        client.send(f"GET / HTTP/{version}\r\nHost: gateway.test\r\n\r\n".encode())
        with pytest.raises((AssertionError, ConnectionResetError)):
            print("taken for whole:", client.read_response())


@pytest.mark.parametrize("answer", CUT_SHORT.values(), ids=CUT_SHORT)
def test_what_there_is_of_a_cut_answer_arrives(gateway, recorder, answer):
    """Its framing tells that it isn't whole: no reset has to, which would take bytes along."""

    def script(peer):
        peer.read_head()
        peer.send(answer)

    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as client:
        client.send(render("GET", "/"))
        data = b""
        while block := client.socket.recv(65536):
            data += block
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK"), data
    assert b"hello" in body or b"only this" in body, data
    assert not body.endswith(b"0\r\n\r\n"), data


def test_answers_without_length_reach_the_client_whole(gateway, recorder):
    def script(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300000)

    edge = gateway(config.open_to(recorder(script).address))
    answer = edge.get("/")
    assert answer.body == b"x" * 300000
