"""Resident memory of idle keep-alive connections, by the growth of each proxy's processes.

Every client is served one request and stays. `in turn`, each comes when the one before was served;
`at once`, all are connected before the first asks, so that the memory of a burst shows if it is not
given back. What a proxy needs for any number of clients is warmed up before. One worker each.
"""

import argparse
import resource
import socket
import tempfile
import time
from pathlib import Path

import peers
from material import Material, wait_for
from measure import family

SETTLE_SECONDS = 5


def resident(pid: int) -> int:
    """Bytes of the process and its descendants that lie in memory."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in family(pid))
    return pages * resource.getpagesize()


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), 60)
    client.settimeout(60)
    return client


def read_answer(client: socket.socket):
    got = b""
    while len(got) < 1024 or not got.endswith(b"x" * 1024):
        block = client.recv(65536)
        if not block:
            raise SystemExit(f"a connection was closed behind {got[:200]!r}")
        got += block


def in_turn(port: int, count: int, request: bytes) -> list:
    clients = []
    for _ in range(count):
        clients.append(connect(port))
        clients[-1].sendall(request)
        read_answer(clients[-1])
    return clients


def at_once(port: int, count: int, request: bytes) -> list:
    clients = [connect(port) for _ in range(count)]
    for client in clients:
        client.sendall(request)
    for client in clients:
        read_answer(client)
    return clients


def measure(proxy, come, options, request: bytes) -> float:
    port = proxy.start()
    try:
        wait_for(port, proxy.process, proxy.folder / "output")
        warm = at_once(port, 64, request)
        before = resident(proxy.process.pid)
        clients = come(port, options.connections, request)
        time.sleep(SETTLE_SECONDS)
        after = resident(proxy.process.pid)
        for client in clients:  # each must have been there all the time
            client.setblocking(False)
            try:
                if client.recv(1) == b"":
                    raise SystemExit(f"{proxy.name} closed an idle connection")
            except BlockingIOError:
                pass
        for client in clients + warm:
            client.close()
        return (after - before) / options.connections
    finally:
        proxy.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--tools", required=True)
    parser.add_argument("--gateway", required=True)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    peers.Gateway.binary = options.gateway
    peers.Proxy.connections = options.connections + 1000

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request = Material(folder, ["plain"]).files["plain"].read_bytes()
        with peers.listening_socket() as listener:
            origin = peers.spawn(
                [Path(options.tools) / "origin", listener.fileno()],
                peers.LOAD_CORE,
                pass_fds=(listener.fileno(),),
            )
            port = listener.getsockname()[1]
        try:
            for come in (in_turn, at_once):
                for kind in (peers.Gateway, peers.HAProxy, peers.Nginx):
                    inside = folder / f"{come.__name__}-{kind.name}"
                    inside.mkdir()
                    each = measure(kind("plain", inside, port, ""), come, options, request)
                    print(f"{come.__name__.replace('_', ' '):8} {kind.name:8} {each:7.0f} bytes")
        finally:
            origin.kill()
            origin.wait()


if __name__ == "__main__":
    main()
