"""Fixtures: the backends (one of each for the whole run), the gateway and the recorder (one per test)."""

import pytest

from backends.recorder import Recorder
from support import tokens
from support.gateway import Gateway, binary
from support.issuer import Authority, Issuer
from support.processes import (
    Backend,
    cookies_flask_command,
    fastapi_command,
    flask_command,
    links_fastapi_command,
    links_flask_command,
    links_node_command,
    nest_command,
    ws_node_command,
    ws_python_command,
)

ACCESS = "Nh3kPq8vR2sT6wYzB4eGmJ7xL1cF5dA9uQoKiV0t"
REFRESH = "Zx7mWb2nVc5kJh8gFd1sAp4oIu6yTr9eQw3lMkNj"
OTHER_ACCESS = "Hq2wEr4tYu6iOp8aSd0fGh1jKl3zXc5vBn7mLk9J"
OTHER_REFRESH = "Ty5uIo7pAs9dFg1hJk3lZx5cVb7nMq9wEr1tYu3I"


def pytest_sessionstart(session):
    binary()


@pytest.fixture(autouse=True)
def secrets():
    """The secrets of the run; with the tokens of a test they must never be seen in what it wrote."""
    tokens.SENSITIVE.clear()
    tokens.SENSITIVE.update([ACCESS, REFRESH, OTHER_ACCESS, OTHER_REFRESH])


def backend(name, command, environment):
    @pytest.fixture(scope="session", name=name)
    def fixture(tmp_path_factory):
        started = Backend(name, command, environment, tmp_path_factory.mktemp(name))
        yield started
        started.stop()

    return fixture


shared = {"JWT_ACCESS_SECRET": ACCESS, "JWT_REFRESH_SECRET": REFRESH}
flask = backend("flask", flask_command, shared)
cookies_flask = backend("cookies_flask", cookies_flask_command, {"JWT_ACCESS_SECRET": ACCESS})
nest = backend("nest", nest_command, shared)
fastapi = backend("fastapi", fastapi_command, {"JWT_SECRET_KEY": ACCESS})
ws_python = backend("ws_python", ws_python_command, {})
ws_node = backend("ws_node", ws_node_command, {})
stranger = backend(
    "stranger",
    nest_command,
    {"JWT_ACCESS_SECRET": OTHER_ACCESS, "JWT_REFRESH_SECRET": OTHER_REFRESH},
)
# Apps that redirect and set cookies: ones that know nothing of a proxy, and ones that heed it.
links_flask = backend("links_flask", links_flask_command, {})
links_flask_fixed = backend("links_flask_fixed", links_flask_command, {"PROXY_FIX": "1"})
links_fastapi = backend("links_fastapi", links_fastapi_command, {})
links_fastapi_rooted = backend(
    "links_fastapi_rooted", links_fastapi_command, {"ROOT_PATH": "/app"}
)
links_node = backend("links_node", links_node_command, {})


@pytest.fixture
def recorder():
    """Makes scripted backends: `recorder(script)`."""
    made = []

    def make(script=None) -> Recorder:
        made.append(Recorder(script))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def gateway(tmp_path):
    """Starts gateways: `gateway(configuration, environment)`; stops them with all the checks."""
    made = []

    def make(configuration: str, environment=None, start=True, **more) -> Gateway:
        folder = tmp_path / f"gateway-{len(made)}"
        folder.mkdir(exist_ok=True)
        made.append(Gateway(folder, configuration, environment, **more))
        return made[-1].start() if start else made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def authority(tmp_path):
    """An authority that nobody knows unless told."""
    folder = tmp_path / "authority"
    folder.mkdir()
    return Authority(folder)


@pytest.fixture
def issuer(authority):
    """A real issuer behind HTTPS, with one key."""
    made = Issuer(authority).add("one")
    yield made
    # What waits for its gate must not wait for ever.
    made.stop()
