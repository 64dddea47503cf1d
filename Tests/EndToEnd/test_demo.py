"""The demo: every line that it prints works as printed, and Ctrl-C leaves nothing behind."""

import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.gateway import binary
from support.processes import DEADLINE, stop


@pytest.fixture
def demo(tmp_path):
    program = Path(binary()).with_name("demo")
    assert program.exists(), "the demo is built beside the gateway"
    folder = tmp_path / "tmp"
    folder.mkdir()
    process = subprocess.Popen(
        [program, "--port", "0"],
        cwd=Path(__file__).resolve().parents[2],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    yield process, folder
    if process.poll() is None:
        process.kill()
        process.wait()


def read_until(process, end: bytes) -> str:
    text, deadline = b"", time.monotonic() + DEADLINE
    while end not in text:
        left = deadline - time.monotonic()
        assert left > 0, text
        if select.select([process.stdout], [], [], left)[0]:
            block = os.read(process.stdout.fileno(), 65536)
            assert block, text
            text += block
    return text.decode()


def test_the_printed_lines_work_and_nothing_is_left_behind(demo):
    process, folder = demo
    said = read_until(process, b"Ctrl-C ends the demo.")
    lines = said.split("In another terminal:", 1)[1].rsplit("Ctrl-C", 1)[0]
    tried = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        env={"PATH": os.environ["PATH"]},
    )
    assert tried.returncode == 0, tried.stderr
    answers = tried.stdout
    assert answers.count("HTTP/1.1 401") == 4, answers
    assert '"msg"' in answers and '"statusCode"' in answers
    assert "revoked" in answers
    assert answers.rstrip().endswith("429"), answers
    assert any(folder.iterdir()), "it works in a folder of its own"
    process.send_signal(signal.SIGINT)
    # The log of the requests is still coming; a full pipe would hold the demo back.
    process.stdout.read()
    assert stop(process, "demo") == 0
    assert list(folder.iterdir()) == []
