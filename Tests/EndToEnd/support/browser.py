"""A real browser: Chromium without a window, told by its DevTools protocol what to run on which page."""

import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from websockets.sync.client import connect

from .processes import DEADLINE, stop, wait_until

OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--remote-debugging-port=0",
]


class Browser:
    """One Chromium with a profile of its own in `folder`."""

    def __init__(self, folder: Path):
        path = shutil.which("chromium")
        assert path, "chromium is missing: Tests/run installs it"
        self.log = folder / "chromium.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [path, *OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
                env={"PATH": os.environ["PATH"], "HOME": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.numbers = itertools.count(1)
        address = wait_until(self._address, f"Chromium listens; its log: {self.log}")
        # A Host that is an address, no Origin: what Chromium takes from a local debugger.
        self.connecting = connect(address, proxy=None, max_size=1 << 26, open_timeout=DEADLINE)
        self.socket = self.connecting.__enter__()

    def _address(self):
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        found = re.search(r"DevTools listening on (ws://\S+)", self.log.read_text(errors="replace"))
        return found and found[1]

    def _call(self, method: str, session=None, **parameters) -> dict:
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv(timeout=DEADLINE))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def run(self, url: str, script: str):
        """Opens `url` in a page of its own, runs `script` (an expression, a promise is awaited) there
        and gives its value."""
        target = self._call("Target.createTarget", url=url)["targetId"]
        session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

        def is_loaded():
            state = self._evaluate(session, "[location.href, document.readyState]")
            return state["value"] == [url, "complete"]

        wait_until(is_loaded, f"{url} is loaded")
        result = self._evaluate(session, script)
        self._call("Target.closeTarget", targetId=target)
        return result.get("value")

    def _evaluate(self, session: str, script: str) -> dict:
        answer = self._call(
            "Runtime.evaluate", session, expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"]

    def stop(self):
        self.connecting.__exit__(None, None, None)
        stop(self.process, "chromium")
