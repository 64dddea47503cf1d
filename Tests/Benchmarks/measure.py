"""CPU per request of the gateway beside haproxy, nginx and a byte relay, on the same jobs.

One worker each, pinned to core 0; the load generator and the backend on core 1. In every round each
proxy serves the same number of requests, in short turns, so that a change of the machine's speed meets
all of them; ratios are made within a round, and their median is what counts. Wall-clock figures
are not used: on a shared machine they say little.

Jobs that the peers can't do (key pairs, `require`, re-mint) are measured beside the gateway's own `auth`.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import peers
from material import Material, wait_for

SLICES = 6
"""A round is served in so many turns: what disturbs the machine for a second then meets everybody."""
BARS = {("plain", "haproxy"): 0.85, ("auth", "haproxy"): 0.75, ("remint", "auth"): 1.1}


def family(pid: int) -> list:
    """A process and all of its descendants."""
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        children = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        for child in children:
            found += family(int(child))
    return found


def cpu_nanoseconds(pid: int) -> int:
    """User and system time of a process, its threads and its children so far."""
    total = 0
    for one in family(pid):
        for task in os.listdir(f"/proc/{one}/task"):
            total += int(Path(f"/proc/{one}/task/{task}/schedstat").read_text().split()[0])
    return total


def load(binary, port: int, connections: int, requests: int, file: Path):
    done = subprocess.run(
        [binary, str(port), str(connections), str(requests), str(file)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {peers.LOAD_CORE}),
    )
    if done.returncode != 0 or int(done.stdout.split()[1]) != 0:
        raise SystemExit(f"the load failed: {done.stdout}{done.stderr}")


def spread(values) -> str:
    low, high = min(values), max(values)
    if len(values) >= 4:
        low, _, high = statistics.quantiles(values, n=4)
    return f"{low:.2f} … {high:.2f}"


def report(job: str, rounds: dict):
    """Medians, and ratios within each round with their middle half."""
    print(f"\n{job}: µs of CPU per request, {len(rounds['gateway'])} rounds (median, middle half)")
    for name, values in rounds.items():
        print(f"  {name:8} {statistics.median(values):7.2f}   {spread(values)}")
    print(f"{job}: gateway ÷ peer (median, middle half)")
    for name, values in rounds.items():
        if name == "gateway":
            continue
        ratios = [mine / theirs for mine, theirs in zip(rounds["gateway"], values)]
        bar = BARS.get((job, name))
        verdict = ""
        if bar:
            met = statistics.median(ratios) <= bar
            verdict = f"   must be ≤ {bar}: {'met' if met else 'MISSED'}"
        print(f"  ÷ {name:8} {statistics.median(ratios):5.2f}   {spread(ratios)}{verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--requests", type=int, default=30000, help="per proxy and round")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--job", choices=peers.JOBS, action="append")
    parser.add_argument("--without", action="append", default=[], help="leave a proxy out")
    parser.add_argument(
        "--forwarded", action="store_true", help="peers send X-Forwarded-* and X-Request-Id too"
    )
    parser.add_argument("--tools", required=True, help="folder of load, origin and relay")
    parser.add_argument("--gateway", help="the binary")
    options = parser.parse_args()
    tools = Path(options.tools)
    peers.Relay.binary, peers.Gateway.binary = tools / "relay", options.gateway
    peers.Proxy.forwarded = options.forwarded
    chosen = [proxy for proxy in peers.PROXIES if proxy.name not in options.without]
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("two cores are needed: one for the proxy, one for load and backend")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = options.job or list(peers.PEER_JOBS)
        material = Material(folder, dict.fromkeys([*jobs, "auth"]))
        with peers.listening_socket() as listener:
            origin = peers.spawn(
                [tools / "origin", listener.fileno()],
                peers.LOAD_CORE,
                pass_fds=(listener.fileno(),),
            )
            port = listener.getsockname()[1]
        try:
            for job in jobs:
                proxies = chosen if job in peers.PEER_JOBS else [peers.Gateway, peers.Ordinary]
                measure(job, proxies, folder, material, port, tools, options)
        finally:
            origin.kill()
            origin.wait()


def measure(job, chosen, folder, material, origin_port, tools, options):
    running = []
    try:
        for kind in chosen:
            own = "auth" if kind is peers.Ordinary else job
            proxy = kind(own, folder, origin_port, material.secret)
            running.append(proxy)
            port = proxy.start()
            wait_for(port, proxy.process, proxy.folder / "output")
            material.check(proxy.name, own, port)
            proxy.port = port
            print(f"{job}: {proxy.name} answers as it must", flush=True)
        each = max(options.connections, options.requests // SLICES)
        rounds = {proxy.name: [] for proxy in running}
        for proxy in running:
            load(tools / "load", proxy.port, options.connections, 5000, material.files[proxy.job])
        for number in range(options.rounds):
            used = dict.fromkeys(rounds, 0)
            for part in range(SLICES):
                # The order turns, so that nobody always follows the same neighbour.
                first = (number + part) % len(running)
                for proxy in running[first:] + running[:first]:
                    before = cpu_nanoseconds(proxy.process.pid)
                    file = material.files[proxy.job]
                    load(tools / "load", proxy.port, options.connections, each, file)
                    time.sleep(0.01)  # the last sends are accounted when the thread next sleeps
                    used[proxy.name] += cpu_nanoseconds(proxy.process.pid) - before
            for name, total in used.items():
                rounds[name].append(total / (each * SLICES) / 1000)
            shown = "  ".join(f"{name} {values[-1]:.2f}" for name, values in rounds.items())
            print(f"{job}: round {number + 1}/{options.rounds}: {shown} µs", flush=True)
        if "gateway" in rounds:
            report(job, rounds)
        else:
            for name, values in rounds.items():
                print(f"  {name:8} {statistics.median(values):7.2f}   {spread(values)}")
    finally:
        for proxy in running:
            proxy.stop()


if __name__ == "__main__":
    main()
