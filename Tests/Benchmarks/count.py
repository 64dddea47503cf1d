"""Instructions and allocations per request, by the difference of two runs that differ in nothing but
their number of requests: what starting, warming up and stopping cost falls out.

One connection, one worker. callgrind counts user space only, on a machine without SHA instructions,
so a figure is for comparing with another of the same kind, not for adding up with microseconds.
"""

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

import peers
from material import Material, wait_for
from measure import load

ALLOCATORS = {"malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign"}


def count(run, options, job, folder, material, origin_port) -> tuple:
    """All instructions of one run with that many requests, and callgrind's file."""
    requests = (options.few, options.many)[run]
    inside = folder / f"run-{run}"
    inside.mkdir()
    for name in (peers.BLOCKED, peers.KEY_FILE):
        (inside / name).symlink_to(folder / name)
    result = inside / "callgrind.out"
    proxy = peers.Gateway(job, inside, origin_port, material.secret)
    proxy.wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={result}"]
    port = proxy.start()
    try:
        wait_for(port, proxy.process, proxy.folder / "output")
        material.check("gateway", job, port)  # in both runs, so that it falls out as well
        load(Path(options.tools) / "load", port, 1, requests, material.files[job])
    finally:
        proxy.stop()
    for line in result.read_text(errors="replace").splitlines():
        if line.startswith(("summary:", "totals:")):
            return int(line.split()[1]), result
    raise SystemExit(f"no total in callgrind's file:\n{(proxy.folder / 'output').read_text()}")


def allocations(file: Path) -> int:
    """How often memory was asked for in one run: callgrind's own count of calls."""
    names, callee, count = {}, "", 0
    for line in file.read_text(errors="replace").splitlines():
        if line.startswith("calls="):
            count += int(line[6:].split()[0]) if names.get(callee) in ALLOCATORS else 0
        elif line.startswith(("fn=(", "cfn=(")):
            # The name stands behind a function's number where it comes for the first time.
            number, _, name = line.partition("=(")[2].partition(")")
            if name:
                names[number] = name.strip()
            if line[0] == "c":
                callee = number
    return count


def functions(file: Path) -> dict:
    """Instructions by function of one run."""
    text = subprocess.run(
        ["callgrind_annotate", "--auto=no", "--threshold=100", file],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    row = re.compile(r"^\s*([\d,]+) \([ \d.]+%\)\s+[^:]*:(\S.*?)(?: \[.*\])?$", re.MULTILINE)
    return {name: int(number.replace(",", "")) for number, name in row.findall(text)}


def show_top(few: dict, many: dict, options):
    """The functions that a request costs most in, themselves alone."""
    costs = [
        ((number - few.get(name, 0)) / (options.many - options.few), name)
        for name, number in many.items()
        if name != "function"  # the table's own heading
    ]
    lines = [f"{cost:8.0f}  {name}" for cost, name in sorted(costs, reverse=True)[: options.top]]
    shown = subprocess.run(
        ["swift", "demangle", "--compact"], input="\n".join(lines), capture_output=True, text=True
    )
    print(shown.stdout or "\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--job", choices=peers.JOBS, default="auth")
    parser.add_argument("--few", type=int, default=2000)
    parser.add_argument("--many", type=int, default=6000)
    parser.add_argument("--top", type=int, default=0, help="also list the N costliest functions")
    parser.add_argument("--tools", required=True)
    parser.add_argument("--gateway", required=True)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Debian 12's valgrind cannot read the debug information of this compiler; names stay.
        peers.Gateway.binary = folder / "gateway"
        strip = ["strip", "--strip-debug", "-o", peers.Gateway.binary, options.gateway]
        subprocess.run(strip, check=True)
        material = Material(folder, [options.job])
        with peers.listening_socket() as listener:
            origin = peers.spawn(
                [Path(options.tools) / "origin", listener.fileno()],
                peers.LOAD_CORE,
                pass_fds=(listener.fileno(),),
            )
            port = listener.getsockname()[1]
        try:
            few, few_file = count(0, options, options.job, folder, material, port)
            many, many_file = count(1, options, options.job, folder, material, port)
        finally:
            origin.kill()
            origin.wait()
        each = (many - few) / (options.many - options.few)
        print(f"{options.job}: {each:.0f} instructions per request")
        print(f"  ({few} for {options.few} requests, {many} for {options.many})")
        asked = allocations(many_file) - allocations(few_file)
        print(f"  {asked / (options.many - options.few):.3f} allocations per request")
        if options.top:
            show_top(functions(few_file), functions(many_file), options)


if __name__ == "__main__":
    main()
