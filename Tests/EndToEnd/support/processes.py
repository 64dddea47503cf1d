"""Processes that the tests start: a listening socket handed over, a log kept, an end by pid."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

DEADLINE = 60.0
"""Seconds after which waiting for anything becomes a failure; generous for a loaded machine."""


def wait_until(condition, what: str, deadline: float = DEADLINE):
    """Polls until `condition()` is true and gives what it returned; fails with `what` otherwise."""
    end = time.monotonic() + deadline
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:.0f} s: {what}")
        time.sleep(0.02)


def listening_socket() -> socket.socket:
    """A socket that listens on a port of the system's choice: no port is guessed, none can race."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def stop(process: subprocess.Popen, name: str, deadline: float = DEADLINE) -> int:
    """Ends a process that the tests started, by its pid, and gives its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(deadline)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{name} did not end within {deadline:.0f} s of SIGTERM") from None


class Backend:
    """A real backend on a socket that it inherits; healthy when it answers `GET /health`."""

    def __init__(self, name: str, command, environment: dict, folder: Path):
        self.name = name
        self.log = folder / f"{name}.log"
        with listening_socket() as listener, open(self.log, "wb") as log:
            self.port = listener.getsockname()[1]
            self.address = f"127.0.0.1:{self.port}"
            fd = listener.fileno()
            self.process = subprocess.Popen(
                command(fd),
                cwd=Path(__file__).parent.parent / "backends",
                env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(fd,),
            )
        wait_until(self.is_healthy, f"{name} is healthy; its log: {self.log}")

    def is_healthy(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended: {self.log.read_text()}")
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                connection.settimeout(5)
                connection.sendall(
                    b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                return connection.recv(64).startswith(b"HTTP/1.1 200")
        return False

    def stop(self):
        stop(self.process, self.name)


def gunicorn_command(fd: int, app: str) -> list:
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "--bind",
        f"fd://{fd}",
        "--worker-class",
        "gthread",
        "--threads",
        "8",
        "--workers",
        "1",
        "--no-control-socket",
        app,
    ]


def uvicorn_command(fd: int, app: str) -> list:
    return [sys.executable, "-m", "uvicorn", "--fd", str(fd), "--no-access-log", app]


def flask_command(fd: int) -> list:
    return gunicorn_command(fd, "flask_app:app")


def cookies_flask_command(fd: int) -> list:
    return gunicorn_command(fd, "cookies_flask:app")


def fastapi_command(fd: int) -> list:
    return uvicorn_command(fd, "fastapi_app:app")


def nest_command(fd: int) -> list:
    return ["node", "nest_app.mjs", str(fd)]


def links_flask_command(fd: int) -> list:
    return gunicorn_command(fd, "links_flask:app")


def links_fastapi_command(fd: int) -> list:
    return uvicorn_command(fd, "links_fastapi:app")


def links_node_command(fd: int) -> list:
    return ["node", "links_node.mjs", str(fd)]


def ws_python_command(fd: int) -> list:
    return [sys.executable, "ws_server.py", str(fd)]


def ws_node_command(fd: int) -> list:
    return ["node", "ws_app.mjs", str(fd)]
