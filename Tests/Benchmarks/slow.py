"""Latency of an ordinary client, quiet and while 1,000 slow connections are held open.

Each pair measures the median of 2,000 requests without and then with the attack, one worker with its
default limits. During an attack requests are made until it ends, in lots of 2,000; the attacker is
started again when the gateway has cut off all of its connections before the time is over. One request in
twenty comes on a connection of its own. The bar: the attacked median is at most twice the quiet one or
one millisecond more, and no request fails.
"""

import argparse
import os
import resource
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import peers
from material import wait_for

COUNT = 1000
LOT = 2000
FRESH_EVERY = 20
PAUSE = 0.5
"""Seconds between two lots of an attack: an ordinary client doesn't take all that it can get."""
ATTACKS = {
    "head": ["-H", "-i", "5", "-x", "24", "-t", "GET"],
    "body": ["-B", "-i", "5", "-x", "10", "-s", "8192", "-t", "POST"],
    "read": ["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "1"],
}
REQUEST = b"GET /api/items HTTP/1.1\r\nHost: api.example.test\r\n\r\n"


class Client:
    """Asks, measures, counts failures."""

    def __init__(self, port: int):
        self.port = port
        self.failures = 0
        self.kept = self.connect()

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), 20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(20)
        return connection

    @staticmethod
    def ask(connection: socket.socket):
        connection.sendall(REQUEST)
        got = b""
        while not got.endswith(b"x" * 1024):
            block = connection.recv(65536)
            if not block:
                raise ConnectionError("closed within the answer")
            got += block
        if not got.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"{got[:40]!r}")

    def lot(self) -> list:
        """The latencies of 2,000 requests in microseconds."""
        taken = []
        for number in range(LOT):
            begun = time.perf_counter_ns()
            try:
                if number % FRESH_EVERY == 0:
                    with self.connect() as fresh:
                        self.ask(fresh)
                else:
                    self.ask(self.kept)
            except OSError as error:
                self.failures += 1
                print(f"a request failed: {error}")
                self.kept = self.connect()
            taken.append((time.perf_counter_ns() - begun) / 1000)
        return taken


class Attack:
    """slowhttptest, again and again, until the time is over."""

    def __init__(self, kind: str, port: int, seconds: int, folder: Path):
        self.end = time.monotonic() + seconds
        target = "large" if kind == "read" else "api/items"
        self.command = ["slowhttptest", *ATTACKS[kind], "-c", COUNT, "-r", 500, "-v", 0, "-p", 60]
        self.command += ["-u", f"http://127.0.0.1:{port}/{target}"]
        self.folder = folder
        self.starts = 0
        self.go_on()

    def go_on(self) -> bool:
        """Starts it again if it has ended early; false when the time is over."""
        left = self.end - time.monotonic()
        if left <= 0:
            return False
        if self.starts == 0 or self.process.poll() is not None:
            self.starts += 1
            self.process = peers.spawn(
                [*self.command, "-l", max(1, int(left))],
                peers.LOAD_CORE,
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return True

    def stop(self):
        self.process.terminate()
        self.process.wait()


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def wait_until(condition, what: str, seconds: float = 60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def pair(kind: str, proxy, client: Client, seconds: int) -> tuple:
    """Medians without and with the attack, and its cost in memory for each connection."""
    pid = proxy.process.pid
    files = open_files(pid)
    quiet = statistics.median(client.lot())
    memory = resident(pid)
    attack = Attack(kind, proxy.port, seconds, proxy.folder)
    latencies, cost = [], 0.0
    try:
        wait_until(lambda: open_files(pid) > files + COUNT * 0.8, "the attack is under way")
        while attack.go_on() or not latencies:
            latencies += client.lot()
            cost = max(cost, (resident(pid) - memory) / COUNT)
            time.sleep(PAUSE)
    finally:
        attack.stop()
    wait_until(lambda: open_files(pid) < files + 100, "the attackers are gone")
    return quiet, statistics.median(latencies), cost, len(latencies), attack.starts


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=100, help="length of each attack")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--attack", choices=list(ATTACKS), action="append")
    parser.add_argument("--tools", required=True)
    parser.add_argument("--gateway", required=True)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    peers.Gateway.binary = options.gateway
    os.sched_setaffinity(0, {peers.LOAD_CORE})
    failed = False

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with peers.listening_socket() as listener:
            origin = peers.spawn(
                [Path(options.tools) / "origin", listener.fileno()],
                peers.LOAD_CORE,
                pass_fds=(listener.fileno(),),
            )
            proxy = peers.Gateway("plain", folder, listener.getsockname()[1], "")
        try:
            proxy.port = proxy.start()
            wait_for(proxy.port, proxy.process, proxy.folder / "output")
            client = Client(proxy.port)
            for _ in range(3):
                client.lot()
            for kind in options.attack or list(ATTACKS):
                quiets, attackeds = [], []
                for number in range(options.pairs):
                    client.kept.close()
                    client.kept = client.connect()
                    quiet, attacked, cost, count, starts = pair(kind, proxy, client, options.seconds)
                    quiets.append(quiet)
                    attackeds.append(attacked)
                    print(
                        f"slow {kind}: pair {number + 1}: quiet {quiet:.0f} µs, attacked"
                        f" {attacked:.0f} µs ({count} requests, {starts} attacks,"
                        f" {cost / 1024:.1f} KiB a connection)"
                    )
                quiet, attacked = statistics.median(quiets), statistics.median(attackeds)
                met = attacked <= max(2 * quiet, quiet + 1000) and client.failures == 0
                failed |= not met
                print(
                    f"slow {kind}: median {quiet:.0f} µs quiet, {attacked:.0f} µs attacked, ratio"
                    f" {attacked / quiet:.2f}, {client.failures} failures:"
                    f" {'met' if met else 'MISSED'}"
                )
        finally:
            proxy.stop()
            origin.kill()
            origin.wait()
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
