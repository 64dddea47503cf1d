"""What a client that does nothing costs: less than 1 KiB of resident memory."""

import resource

import pytest

from support import config
from support.processes import wait_until
from support.wire import Connection, render

COUNT = 5000
BYTES_EACH = 1024


@pytest.fixture
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[0] < COUNT + 1000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[1], 2 * COUNT), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def in_turn(edge, clients):
    """Each client is served before the next one comes."""
    for _ in range(COUNT):
        clients.append(edge.connect())
        assert clients[-1].request("GET", "/health").status == 200


def at_once(edge, clients):
    """All connect, then all ask, then all read: as many requests in flight as the backend allows."""
    clients.extend(edge.connect() for _ in range(COUNT))
    for client in clients:
        client.send(render("GET", "/health"))
    for client in clients:
        assert client.read_response().status == 200


@pytest.mark.parametrize("come", [in_turn, at_once])
def test_memory_of_idle_connections(gateway, nest, many_files, come):
    """Issue 3: 5,000 idle keep-alive connections cost less than 1 KiB each."""
    text = config.top() + (
        "limits { idle_timeout 10m; }\n"
        f"upstream nest {{ server {nest.address}; }}\n"
        "route / { upstream nest; auth none; }\n"
    )
    edge = gateway(text.replace("access_log access.log;", ""))
    # What does not depend on the number of clients is there already.
    warm = [edge.connect() for _ in range(64)]
    for _ in range(3):
        for client in warm:
            client.send(render("GET", "/health"))
        for client in warm:
            assert client.read_response().status == 200
    start = edge.memory("VmRSS")
    clients: list[Connection] = []
    come(edge, clients)
    assert edge.status()["connections"]["open"] == COUNT + len(warm)

    def each() -> float:
        return (edge.memory("VmRSS") - start) * 1024 / COUNT

    wait_until(lambda: each() < BYTES_EACH, f"less than {BYTES_EACH} bytes each; {each():.0f} now")
    print(f"{come.__name__}: {each():.0f} bytes for each of {COUNT}")
    for client in clients:
        client.socket.settimeout(60)
    # They are alive, and being used again leaves nothing behind.
    for client in clients:
        assert client.request("GET", "/health").status == 200
    wait_until(lambda: each() < BYTES_EACH, f"the same after use; {each():.0f} now")
    for client in clients + warm:
        client.close()
