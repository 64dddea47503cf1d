"""Starting, saying so, stopping: signals, ports, sockets, memory."""

import os
import re
import signal
import socket
import threading
from pathlib import Path


import pytest

from backends.recorder import OK
from conftest import ACCESS, REFRESH
from support import config
from support.gateway import run
from support.processes import DEADLINE, listening_socket, wait_until
from support.tokens import bearer, claims, sign
from support.wire import Connection, render

ENVIRONMENT = config.environment(ACCESS, REFRESH)


def test_one_line_and_the_ready_descriptor_say_the_bound_addresses(gateway, recorder):
    edge = gateway(config.open_to(recorder().address))
    port = edge.address[1]
    assert port != 0
    assert f"127.0.0.1:{port}" in edge.ready
    lines = [line for line in edge.stderr().splitlines() if f"127.0.0.1:{port}" in line]
    assert len(lines) == 1, edge.stderr()


def test_several_listeners_with_port_0(gateway, recorder):
    text = config.open_to(recorder().address).replace(
        "listen 127.0.0.1:0;", "listen 127.0.0.1:0; listen 127.0.0.1:0; listen [::1]:0;"
    )
    edge = gateway(text)
    assert len({port for _, port in edge.addresses}) == 3
    for listener in range(3):
        with edge.connect(listener) as client:
            assert client.request("GET", "/").status == 200


def test_a_unix_socket_as_listener(gateway, recorder):
    text = config.open_to(recorder().address).replace(
        "listen 127.0.0.1:0;", "listen 127.0.0.1:0; listen unix:front.sock;"
    )
    edge = gateway(text)
    with Connection(edge.folder / "front.sock") as client:
        assert client.request("GET", "/").status == 200


def test_port_0_is_resolved_once_and_shared_by_the_workers(gateway, recorder):
    edge = gateway(config.open_to(recorder().address, workers=4))
    assert len(edge.addresses) == 1
    for _ in range(40):
        assert edge.get("/").status == 200


def test_one_worker_for_each_core(gateway, recorder):
    text = config.open_to(recorder().address).replace("workers 2;", "workers auto;")
    edge = gateway(text)
    wanted = len(os.sched_getaffinity(0))

    def workers() -> int:
        threads = Path(f"/proc/{edge.process.pid}/task").iterdir()
        return sum((thread / "comm").read_text().startswith("worker") for thread in threads)

    wait_until(lambda: workers() == wanted, f"{wanted} threads are named worker")
    assert edge.get("/").status == 200


def test_no_command_means_run(gateway, recorder):
    edge = gateway(config.open_to(recorder().address), arguments=[])
    assert edge.get("/").status == 200


def test_an_address_in_use_is_named(gateway, recorder):
    with listening_socket() as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = config.open_to(recorder().address).replace("127.0.0.1:0", address)
        edge = gateway(text, start=False)
        done = edge.command("run")
    assert done.returncode == 1
    assert address in done.stderr
    assert "in use" in done.stderr.lower()


def test_a_second_gateway_on_the_same_address_is_refused(gateway, recorder):
    """SO_REUSEPORT alone would let it steal half of the connections without a word."""
    first = gateway(config.open_to(recorder().address))
    address = f"127.0.0.1:{first.address[1]}"
    second = gateway(
        config.open_to(recorder().address).replace("127.0.0.1:0", address), start=False
    )
    done = second.command("run")
    assert done.returncode == 1
    assert address in done.stderr
    assert {first.get("/").status for _ in range(20)} == {200}


def test_an_address_that_is_not_ours_is_named(gateway, recorder):
    text = config.open_to(recorder().address).replace("127.0.0.1:0", "192.0.2.1:8080")
    done = gateway(text, start=False).command("run")
    assert done.returncode == 1
    assert "192.0.2.1:8080" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_request_in_flight_is_finished(gateway, recorder, number):
    asked, go = threading.Event(), threading.Event()

    def script(peer):
        while True:
            if b" /slow " in peer.read_head():
                asked.set()
                assert go.wait(DEADLINE)
            peer.send(OK)

    edge = gateway(config.open_to(recorder(script).address))
    with edge.connect() as idle, edge.connect() as client:
        client.send(render("GET", "/slow"))
        assert asked.wait(DEADLINE)
        edge.process.send_signal(number)
        assert idle.is_closed(), "an idle connection is closed at once"
        wait_until(lambda: refuses(edge.address), "no further connections are accepted")
        assert edge.process.poll() is None
        go.set()
        answer = client.read_response()
        assert (answer.status, answer.body) == (200, b"ok")
        assert client.is_closed()
    assert edge.process.wait(DEADLINE) == 0
    edge.stop()
    assert edge.logged(path="/slow")["status"] == 200


def refuses(address) -> bool:
    try:
        with socket.create_connection(address, 5) as connection:
            # Taken by the kernel before the listener was closed: closed without an answer.
            connection.settimeout(5)
            connection.sendall(render("GET", "/"))
            return connection.recv(1) == b""
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    except TimeoutError:
        return False


def test_a_request_that_never_ends_does_not_stop_the_stop(gateway, recorder):
    asked = threading.Event()

    def script(peer):
        peer.read_head()
        asked.set()
        peer.wait_for_end()

    edge = gateway(config.open_to(recorder(script).address, extra="limits { drain_timeout 1s; }"))
    with edge.connect() as client:
        client.send(render("GET", "/forever"))
        assert asked.wait(DEADLINE)
        edge.stop()


def test_stopping_right_after_the_start(gateway, recorder):
    edge = gateway(config.open_to(recorder().address))
    edge.stop()
    edge.start()
    assert edge.get("/").status == 200


def test_a_signal_before_it_is_ready_ends_it_too(gateway, recorder):
    import subprocess

    from support.gateway import binary

    edge = gateway(config.open_to(recorder().address), start=False)
    for _ in range(5):
        process = subprocess.Popen(
            [binary(), "run", "-c", edge.file], cwd=edge.folder, stderr=subprocess.DEVNULL
        )
        process.terminate()
        assert process.wait(DEADLINE) in (0, -signal.SIGTERM)


def test_a_burst_of_connections(gateway, recorder):
    edge = gateway(config.open_to(recorder().address))
    clients = [edge.connect() for _ in range(300)]
    try:
        for client in clients:
            client.send(render("GET", "/"))
        assert {client.read_response().status for client in clients} == {200}
        for client in reversed(clients):
            client.send(render("GET", "/"))
        assert {client.read_response().status for client in clients} == {200}
    finally:
        for client in clients:
            client.close()


def test_running_out_of_descriptors_pauses_and_resumes(gateway, recorder):
    import resource

    edge = gateway(config.open_to(recorder().address, workers=1))
    assert edge.get("/").status == 200
    limit = edge.descriptors() + 20
    resource.prlimit(edge.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    clients = [edge.connect() for _ in range(60)]
    for client in clients:
        client.close()
    wait_until(lambda: edge.get("/").status == 200, "accepting goes on")


def test_slow_clients_hold_up_nobody(gateway, recorder):
    edge = gateway(config.open_to(recorder().address, workers=1))
    slow = [edge.connect() for _ in range(100)]
    try:
        for number, client in enumerate(slow):
            client.send(render("POST", "/", [("Content-Length", "10")])[: 10 + number % 60])
        for _ in range(50):
            assert edge.get("/").status == 200
    finally:
        for client in slow:
            client.close()


def test_memory_at_the_start_with_a_hundred_thousand_blocked_ids(gateway, recorder):
    """Issue 2: two workers and 100,000 entries stay under 24 MiB."""
    text = config.guarded(recorder().address, workers=2).replace(
        "journal state/blocklist.journal;", "import blocked.txt;"
    )
    edge = gateway(text, ENVIRONMENT, start=False)
    ids = [f"{n:08x}-9d5b-4e0f-8c1a-{n * 7919 % 16**12:012x}" for n in range(100_000)]
    (edge.folder / "blocked.txt").write_text("\n".join(ids) + "\n")
    edge.start()
    resident = edge.memory("VmRSS")
    print(f"VmRSS {resident} KiB, VmHWM {edge.memory('VmHWM')} KiB")
    assert resident < 24 * 1024
    with edge.connect() as client:
        for jti in (ids[0], ids[49_999], ids[-1]):
            assert client.request("GET", "/", [bearer(sign(claims(jti=jti), ACCESS))]).status == 401
        assert client.request("GET", "/", [bearer(sign(claims(jti="free"), ACCESS))]).status == 200


def test_memory_does_not_grow_with_requests(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    tokens = [bearer(sign(claims(sub=f"u{n}"), ACCESS)) for n in range(50)]

    def round_of_requests():
        with edge.connect() as client:
            for _ in range(10):
                data = b"".join(render("GET", "/", [token]) for token in tokens)
                client.send(data + b"".join(render("GET", "/x") for _ in tokens))
                for _ in range(2 * len(tokens)):
                    client.read_response()

    for _ in range(3):
        round_of_requests()
    start = edge.memory("VmRSS")
    for _ in range(10):
        round_of_requests()
    assert edge.memory("VmRSS") - start < 1024


def test_the_binary_needs_no_environment_and_no_home(gateway, recorder):
    edge = gateway(config.open_to(recorder().address))
    done = run("version", folder=edge.folder, environment={})
    assert done.returncode == 0
    assert re.search(r"\d+\.\d+", done.stdout)
