"""The real binary: configured in a folder of its own, started on ports of the system's choice, asked
by bytes, stopped by SIGTERM, and searched afterwards for anything that had to stay secret."""

import json
import os
import re
import resource
import select
import signal
import subprocess
import time
from pathlib import Path

from . import tokens
from .processes import DEADLINE, stop, wait_until
from .wire import Connection, Response, render

ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]):\d+")


def binary() -> str:
    path = os.environ.get("GATEWAY_BINARY")
    assert path and os.access(path, os.X_OK), "GATEWAY_BINARY must name the built binary"
    return path


def run(*arguments, folder: Path, environment=None, input=None, deadline=DEADLINE):
    """One command of the binary, to its end: a CompletedProcess with text."""
    return subprocess.run(
        [binary(), *map(str, arguments)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **(environment or {})},
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        timeout=deadline,
    )


class Gateway:
    """A gateway on `configuration`; `environment` is all it sees besides PATH, and `open_files` its
    limit of open descriptors, if it is not to be that of the tests."""

    def __init__(self, folder: Path, configuration: str, environment=None, **more):
        self.folder = folder
        self.environment = environment or {}
        self.file = folder / more.pop("file", "gateway.conf")
        self.arguments = more.pop("arguments", ["run"])
        self.open_files = more.pop("open_files", None)
        assert not more, more
        self.file.write_text(configuration)
        self.exposed = {self.file.name, ".env"}
        self.process = None
        self.starts = 0

    # Life

    def start(self) -> "Gateway":
        reading, writing = os.pipe()
        self.starts += 1
        self.output = self.folder / f"stdout-{self.starts}"
        self.errors = self.folder / f"stderr-{self.starts}"
        with open(self.output, "wb") as output, open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                [binary(), *self.arguments, "-c", str(self.file), "--ready-fd", str(writing)],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                pass_fds=(writing,),
                preexec_fn=self._limit_files if self.open_files else None,
            )
        os.close(writing)
        self.ready = self._read_ready(reading)
        os.close(reading)
        found = ADDRESS.findall(self.ready)
        assert found, f"no address in {self.ready!r}; stderr: {self.stderr()}"
        self.addresses = []
        for text in found:
            host, _, port = text.rpartition(":")
            self.addresses.append((host.strip("[]"), int(port)))
        self.address = self.addresses[0]
        return self

    def _limit_files(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.open_files, self.open_files))

    def _read_ready(self, fd: int) -> str:
        text, end = b"", time.monotonic() + DEADLINE
        # `poll`, because descriptors beyond 1023, which tests with many connections reach, are none
        # to `select`.
        ready = select.poll()
        ready.register(fd, select.POLLIN)
        while not text.endswith(b"\n"):
            left = end - time.monotonic()
            assert left > 0, f"not ready within {DEADLINE:.0f} s; stderr: {self.stderr()}"
            if ready.poll(left * 1000):
                block = os.read(fd, 4096)
                if not block:
                    break
                text += block
        return text.decode()

    def stop(self, expect: int = 0):
        """SIGTERM; the exit code must be `expect`, and nothing written may hold a secret."""
        if self.process is None:
            return
        process, self.process = self.process, None
        code = stop(process, "gateway")
        assert code == expect, f"exit {code}: {self.stderr()}"
        self.assert_nothing_leaked()

    def restart(self):
        self.stop()
        self.start()

    def kill(self):
        """As a crash: SIGKILL, no chance to write anything."""
        process, self.process = self.process, None
        process.send_signal(signal.SIGKILL)
        process.wait(DEADLINE)
        self.assert_nothing_leaked()

    def assert_nothing_leaked(self):
        for path in self.folder.rglob("*"):
            if path.name in self.exposed or not path.is_file():
                continue
            text = path.read_bytes()
            for secret in tokens.SENSITIVE:
                if secret.encode() in text:
                    shown = f"{secret[:6]}… ({len(secret)} characters)"
                    raise AssertionError(f"{path.name} holds the secret or token {shown}")

    # What it wrote

    def stderr(self) -> str:
        return self.errors.read_text(errors="replace")

    def log_lines(self, name="access.log") -> list:
        """The complete access lines so far, each as JSON."""
        path = self.folder / name
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def logged(self, name="access.log", **wanted) -> dict:
        """Waits for an access line with these members and gives it."""

        def find():
            for line in reversed(self.log_lines(name)):
                if all(line.get(key) == value for key, value in wanted.items()):
                    return line
            return None

        return wait_until(find, f"an access line with {wanted}; lines: {self.log_lines(name)[-5:]}")

    # Asking

    def connect(self, listener: int = 0) -> Connection:
        return Connection(self.addresses[listener])

    def request(self, method, target, headers=(), body=None, token=None, **more) -> Response:
        """One request on a fresh connection; `token` as a bearer."""
        headers = list(headers) + ([tokens.bearer(token)] if token else [])
        with self.connect() as connection:
            connection.send(render(method, target, headers, body, **more))
            return connection.read_response(method)

    def get(self, target, token=None, headers=(), **more) -> Response:
        return self.request("GET", target, headers, token=token, **more)

    def post(self, target, body=None, token=None, headers=(), **more) -> Response:
        if isinstance(body, (dict, list)):
            headers = [*headers, ("Content-Type", "application/json")]
            body = json.dumps(body).encode()
        return self.request("POST", target, headers, body or b"", token=token, **more)

    def command(self, name: str, *arguments, **more):
        """A command of the binary on this configuration (`gateway NAME -c FILE …`)."""
        return run(
            *name.split(),
            "-c",
            self.file,
            *arguments,
            folder=self.folder,
            environment=self.environment,
            **more,
        )

    def status(self) -> dict:
        """What `gateway status --json` says."""
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def memory(self, name: str) -> int:
        """A field of /proc/PID/status in KiB: VmRSS, VmHWM."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[1])

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
