"""How many clients there may be: in all, from one address, and when descriptors run out."""

import resource
import select
import socket
import threading
import time

import pytest

from backends.recorder import OK, answer_all
from support import config
from support.processes import wait_until
from support.wire import Connection, render

CLOSING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def limited(address: str, limits: str, workers: int = 2) -> str:
    return config.open_to(address, extra=f"limits {{ {limits} }}", workers=workers)


def connect_from(source: str, address) -> Connection:
    client = Connection.__new__(Connection)
    client.socket = socket.create_connection(address, 60, source_address=(source, 0))
    client.pending = b""
    return client


# The total


@pytest.mark.parametrize("workers", [1, 3])
def test_at_the_bound_accepting_pauses_until_one_closes(gateway, recorder, workers):
    edge = gateway(limited(recorder().address, "connections 5;", workers))
    inside = [edge.connect() for _ in range(5)]
    for client in inside:
        assert client.request("GET", "/").status == 200
    assert edge.status()["connections"] == {"open": 5, "maximum": 5}
    outside = [edge.connect() for _ in range(3)]
    for client in outside:
        client.send(render("GET", "/late"))
    wait_until(lambda: edge.status()["counters"]["accept_pauses"], "accepting pauses")
    for client in inside:
        assert client.request("GET", "/").status == 200, "those who are in go on"
    assert all(client.is_open() for client in outside), "and nobody else is served"
    assert edge.status()["connections"]["open"] == 5
    for leaving in inside[:3]:
        leaving.close()
        waiting = [client.socket for client in outside]
        assert select.select(waiting, [], [], 60)[0], "one more is let in"
        served = next(c for c in outside if select.select([c.socket], [], [], 0)[0])
        assert served.read_response().status == 200
        outside.remove(served)
        inside.append(served)
    for client in inside[3:]:
        assert client.request("GET", "/").status == 200
        client.close()
    wait_until(lambda: edge.status()["connections"]["open"] == 0, "nobody is left")


# One address


def test_one_address_too_many_is_closed_and_counted(gateway, recorder):
    edge = gateway(limited(recorder().address, "connections_per_address 3;"))
    clients = [edge.connect() for _ in range(3)]
    for client in clients:
        assert client.request("GET", "/").status == 200
    with edge.connect() as one_more:
        assert one_more.is_closed(), "one past the bound, without an answer"
    with connect_from("127.0.0.2", edge.address) as other:
        assert other.request("GET", "/").status == 200, "another address has its own"
    counters = edge.status()["counters"]
    assert counters["connections_refused"] == 1
    clients.pop().close()
    wait_until(lambda: edge.status()["connections"]["open"] == 2, "a place is free again")
    assert edge.get("/").status == 200
    for client in clients:
        assert client.request("GET", "/").status == 200
        client.close()


def test_connections_per_address_can_be_off(gateway, recorder):
    edge = gateway(limited(recorder().address, "connections_per_address off;"))
    clients = [edge.connect() for _ in range(50)]
    for client in clients:
        assert client.request("GET", "/").status == 200
        client.close()


# Descriptors


def test_fewer_descriptors_than_connections_are_said(gateway, recorder):
    edge = gateway(config.open_to(recorder().address), open_files=300)
    places = edge.status()["connections"]["maximum"]
    assert 20 < places < 150
    lines = [line for line in edge.stderr().splitlines() if "open files" in line]
    assert len(lines) == 1 and "300" in lines[0] and f" {places} " in lines[0], edge.stderr()
    assert any("open files" in warning for warning in edge.status()["warnings"])


def test_enough_descriptors_are_not_worth_a_word(gateway, recorder):
    edge = gateway(limited(recorder().address, "connections 50;"), open_files=512)
    assert "open files" not in edge.stderr()
    assert edge.status()["connections"]["maximum"] == 50


def test_the_soft_limit_is_raised(gateway, recorder):
    edge = gateway(config.open_to(recorder().address))
    soft, hard = resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


@pytest.mark.parametrize("answer", [OK, CLOSING], ids=["kept", "closed"])
def test_more_clients_than_descriptors_are_served_one_after_the_other(gateway, recorder, answer):
    """Every one of 400 clients under 300 descriptors gets its answer from the backend: nobody is
    harmed by those who wait, and those who wait get in."""
    backend = recorder(answer_all(answer))
    edge = gateway(config.open_to(backend.address), open_files=300)
    waiting = {}
    for number in range(400):
        client = edge.connect()
        client.send(render("GET", f"/{number}"))
        waiting[client.socket] = client
    served = 0
    while waiting:
        ready = select.select(list(waiting), [], [], 60)[0]
        assert ready, f"{served} of 400 were served; {edge.status()}"
        for found in ready:
            client = waiting.pop(found)
            assert client.read_response().status == 200
            served += 1
            client.close()
    counters = edge.status()["counters"]
    assert counters["upstream_failures"] == 0
    assert counters["accept_pauses"] > 0
    assert edge.get("/").status == 200


def test_all_places_in_use_leave_descriptors_for_the_upstream(gateway, recorder):
    """As many requests in flight as there are places, each with an upstream connection of its own."""
    go = threading.Event()

    def script(peer):
        while True:
            peer.read_head()
            go.wait(60)
            peer.send(OK)

    edge = gateway(config.open_to(recorder(script).address), open_files=300)
    places = edge.status()["connections"]["maximum"]
    clients = [edge.connect() for _ in range(places + 20)]
    for client in clients:
        client.send(render("GET", "/"))
    wait_until(lambda: edge.status()["counters"]["accept_pauses"], "accepting pauses")
    go.set()
    for _ in range(len(clients)):
        ready = select.select([client.socket for client in clients], [], [], 60)[0]
        client = next(client for client in clients if client.socket is ready[0])
        assert client.read_response().status == 200
        client.close()
        clients.remove(client)


def test_without_a_descriptor_for_the_upstream_it_is_503(gateway, recorder):
    """Not 502: the backend has done nothing wrong, and the client may come again."""
    backend = recorder(answer_all(CLOSING))
    edge = gateway(config.open_to(backend.address, workers=1))
    with edge.connect() as client:
        assert client.request("GET", "/").status == 200
        wait_until(lambda: not edge.status()["counters"]["connections_open"] > 1, "quiet")
        before = resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        answer = client.request("GET", "/")
        assert answer.status == 503
        assert int(answer.one("Retry-After")) > 0
        resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE, before)
        assert client.request("GET", "/").status == 200, "the server was not left out"
    assert edge.logged(status=503)["reason"] == "out_of_sockets"


@pytest.mark.parametrize("workers", [1, 3])
def test_accepting_goes_on_when_descriptors_come_back(gateway, recorder, workers):
    edge = gateway(config.open_to(recorder().address, workers=workers))
    with edge.connect() as inside:
        assert inside.request("GET", "/").status == 200
        before = resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE)
        # What is open stays open; nothing more can be opened.
        resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        # Enough for each worker to have some.
        outside = [edge.connect() for _ in range(20)]
        for client in outside:
            client.send(render("GET", "/"))
        for _ in range(20):
            assert inside.request("GET", "/").status == 200
        time.sleep(1)
        assert all(client.is_open() for client in outside)
        resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE, before)
        for client in outside:
            assert client.read_response().status == 200
            client.close()
    # Looked at ten times a second, and not each time one of them has looked.
    assert 0 < edge.status()["counters"]["accept_pauses"] < 1000
