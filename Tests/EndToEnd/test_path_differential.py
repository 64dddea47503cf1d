"""Paths before real routers: the handler that runs is one of the route whose rules were applied.

Four backends (Flask on gunicorn, FastAPI on uvicorn, Express on node, and a node application that
routes by `new URL(target)` like many without a framework) have the gateway's own prefixes and name the handler that ran. A large set of paths, systematic and made up from a fixed
seed, goes through; the gateway may refuse what it likes, but what it forwards under one route's
rules must not run another route's handler.
"""

import itertools
import random
import sys

import pytest

from backends.recorder import answer_all
from support import config
from support.gateway import Gateway
from support.processes import Backend, flask_command

SEED = 20250711
MADE_UP = 1000
"""Paths from the seed for each backend and framework setting."""

PREFIXES = {"public": "/public", "private": "/public/private", "admin": "/admin"}

UP = ["..", "%2e%2e", ".%2e", "%2E.", "..;", "..;x=1", "%2e%2e;", "%252e%252e", "..%00", "..%20"]
BETWEEN = ["/", "//", "%2f", "%2F", "\\", "%5c", "%5C", "/./", "/%2e/", "/;/", "/;x/", "%252f"]
HOSTS = ["//", "/\\", "///", "/\\/", "//u@", "//%2f", "/%2f", "//public/", "//evil:80@"]
SYSTEMATIC = [
    *(f"/public{a}{up}{b}admin" for a in BETWEEN for up in UP for b in BETWEEN),
    *(
        f"/public{a}x{b}{up}{c}private/y"
        for a, b, c, up in itertools.product(BETWEEN[:6], BETWEEN[:6], BETWEEN[:2], UP[:5])
    ),
    *(f"/public{a}private{b}z" for a in BETWEEN for b in BETWEEN),
    *(f"{a}evil.test{b}{c}" for a in HOSTS for b in BETWEEN for c in ("admin", "public/private")),
    *(f"{a}admin{b}" for a in BETWEEN if a[0] in "/\\" for b in ["", *BETWEEN]),
]
SEGMENTS = [
    *(
        "public",
        "private",
        "admin",
        "Public",
        "PRIVATE",
        "aDmIn",
        "%61dmin",
        "publi%63",
        "%70rivate",
    ),
    *(
        "p%72ivate",
        "%41DMIN",
        "admin;",
        "admin;x",
        "admin%3b",
        "private;a=b",
        "public%00",
        "admin%00",
    ),
    *("admin%20", "admin.", "admin%2e", "admin%09", "admin+", "adm%c4%b1n", "%c3%a0dmin", "x", ""),
    *(
        ".",
        "%2e",
        "%c0%ae%c0%ae",
        "%c0%ae.",
        "%e2%80%a5",
        "%ef%bc%8e%ef%bc%8e",
        "a:b",
        "@",
        "~",
        "*",
    ),
    *("%", "%2", "%zz", "%u002e", "%0a", "%0d", "$", "!", "(x)", "[x]", "x=y", "&", "'", ","),
    *UP,
]
JOINTS = [*BETWEEN, "/", "/", "/", "/", "%c0%af", "%ef%bc%8f", "%e2%88%95", "%u2215", ";", "|"]


def made_up(count: int) -> list:
    choose = random.Random(SEED)
    paths = []
    while len(paths) < count:
        path = "/" if choose.random() < 0.95 else choose.choice(["", "//", "/./", "\\"])
        for number in range(choose.randint(1, 6)):
            path += (choose.choice(JOINTS) if number else "") + choose.choice(SEGMENTS)
        if choose.random() < 0.2:
            path += "?" + choose.choice(["/admin", "x=/../admin", "", "#", "a?b", ";/../admin"])
        if path.startswith("/"):
            paths.append(path)
    return paths


MILD = [
    path
    for base in ("/public", "/public/private", "/admin", "")
    for path in (
        *(f"{base}/{segment}" for segment in SEGMENTS),
        *(f"{base}/x/{segment}/y" for segment in SEGMENTS),
        *(f"{base}{joint}x" for joint in JOINTS),
        *(f"{base}/a{joint}b" for joint in JOINTS),
    )
    if path.startswith("/")
]
"""One oddity each: most of these come through somewhere."""
PATHS = [*dict.fromkeys(SYSTEMATIC + MILD + made_up(MADE_UP))]


def node_command(fd: int) -> list:
    return ["node", "paths_node.mjs", str(fd)]


def express_command(fd: int) -> list:
    return ["node", "paths_express.cjs", str(fd)]


def fastapi_command(fd: int) -> list:
    return [sys.executable, "paths_fastapi.py", str(fd)]


def flask_command_of_paths(fd: int) -> list:
    return [*flask_command(fd)[:-1], "paths_flask:app"]


BACKENDS = {
    "werkzeug": (flask_command_of_paths, {}),
    "starlette": (fastapi_command, {}),
    "express": (express_command, {"NODE_PATH": "/usr/share/nodejs"}),
    "unknown": (node_command, {}),
}


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request, tmp_path_factory):
    command, environment = BACKENDS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    started = Backend(f"paths-{request.param}", command, environment, folder)
    started.framework = request.param
    yield started
    started.stop()


def edge_before(address, framework, folder, auth="none"):
    routes = "".join(
        f"route {prefix} {{ upstream backend; auth {'none' if name == 'public' else auth}; }}\n"
        for name, prefix in PREFIXES.items()
    )
    return Gateway(
        folder,
        f"""{config.top(1)}
        {config.REALM}
        upstream backend {{ server {address}; framework {framework}; }}
        {routes}
        route / {{ upstream backend; auth {auth}; }}
        """,
        config.environment("A1" * 20, "B2" * 20),
    ).start()


def ask_all(edge, paths, headers=()) -> list:
    """The answers to all paths on as few connections as refusals allow."""
    answers, client = [], edge.connect()
    for path in paths:
        answer = client.request("GET", path, headers)
        answers.append(answer)
        if "close" in (answer.one("Connection") or "").lower():
            client.close()
            client = edge.connect()
    client.close()
    return answers


@pytest.mark.parametrize("framework", ["its own", "unknown"])
def test_the_handler_that_runs_is_that_of_the_route(backend, framework, tmp_path):
    framework = backend.framework if framework == "its own" else framework
    edge = edge_before(backend.address, framework, tmp_path)
    try:
        answers = ask_all(edge, PATHS)
        edge.logged(status=answers[-1].status)
        edge.process.poll()
        assert edge.get("/health").body == b"health"
    finally:
        edge.stop()
    lines = edge.log_lines()
    assert len(lines) == len(PATHS) + 1
    wrong, ran = [], dict.fromkeys(PREFIXES, 0)
    for path, answer, line in zip(PATHS, answers, lines):
        handler = answer.body.decode("latin-1")
        if answer.status != 200:
            continue
        ran[handler] += 1
        if line["route"] != PREFIXES[handler]:
            wrong.append((path, line["route"], handler))
    assert not wrong, f"{len(wrong)} paths ran another handler: {wrong[:20]}"
    assert min(ran.values()) > 20, f"too few paths came through to show anything: {ran}"


@pytest.mark.parametrize("framework", ["its own", "unknown"])
def test_no_spelling_reaches_a_protected_handler(backend, framework, tmp_path):
    """Without a token: only `/public` is open, and `/public/private` below it is not."""
    framework = backend.framework if framework == "its own" else framework
    edge = edge_before(backend.address, framework, tmp_path, auth="required")
    try:
        answers = ask_all(edge, PATHS)
    finally:
        edge.stop()
    through = [(path, answer.body) for path, answer in zip(PATHS, answers) if answer.status == 200]
    assert len(through) > 50
    assert [one for one in through if one[1] != b"public"] == []


def test_explain_says_the_route_whose_handler_runs(backend, tmp_path):
    """`gateway explain` and the running gateway agree, on a sample of what was refused and not."""
    edge = edge_before(backend.address, backend.framework, tmp_path)
    try:
        # A fragment is not for `explain`: of a URL it is no part of the request.
        plain = [path for path in PATHS if "#" not in path]
        for path in random.Random(SEED).sample(plain, 40):
            told = edge.command("explain", "GET", "http://localhost" + path)
            answer = edge.get(path)
            if b'"reason":"' in answer.body:  # the gateway's own 400, not the backend's
                assert "refused with 400" in told.stdout, (path, told.stdout, told.stderr)
            else:
                assert "verdict   forwarded" in told.stdout, (path, told.stdout, told.stderr)
            if answer.status == 200:
                prefix = PREFIXES[answer.body.decode()]
                assert f"route     any method {prefix}, " in told.stdout, (path, told.stdout)
    finally:
        edge.stop()


# The rows of PEERS §4.2 for every setting: refused by each, since the readings differ for each.

REFUSED = [
    ("CVE-2019-9901", "/public/../admin"),
    ("CVE-2019-9901, encoded", "/public/%2e%2e/admin"),
    ("CVE-2019-9901, mixed", "/public/.%2E/admin"),
    ("CVE-2021-29492, %2F", "/public/..%2Fadmin"),
    ("CVE-2021-29492, %5C", "/public/..%5Cadmin"),
    ("CVE-2021-32779, a fragment", "/public#/../admin"),
    ("GHSA-p224-6x5r-fjpm", "/public/x/%2e%2e/%2e%2e/admin"),
    ("CVE-2025-66490", "/public%2fprivate/x"),
    ("CVE-2026-48020", "/public/private/.."),
    ("CVE-2026-27587", "/%41dmin/../admin"),
    ("CVE-2026-27585", "/public\\..\\admin"),
    ("caddy#7941", "/public/..%2fadmin"),
    ("caddy#4407", "//admin"),
    ("GHSA-pxq7-h93f-9jrg, a fragment", "/admin#/public"),
    ("CVE-2025-69211", "/%61dmin"),
    ("CVE-2026-22031", "/public/%70rivate"),
    ("CVE-2026-15573, ;", "/admin;x"),
    ("CVE-2026-15573, /;/", "/;/admin"),
    ("CVE-2026-15573, ..;/", "/public/..;/admin"),
    ("CVE-2026-15573, //", "/public//private/x"),
    ("http-proxy-middleware#1168", "/public/%5c..%5c..%5cadmin"),
    ("a broken escape", "/public/%zz"),
]
PASSED = [
    ("GHSA-7rh7-c77v-6434, the query takes no part", "/public/x?/../admin"),
    ("a slash in a name", "/public/group%2Fproject"),
    ("a trailing slash", "/public/"),
    ("a semicolon in a name", "/public/a;b=c"),
    ("decoded once", "/public/%252e%252e/admin"),
]


@pytest.mark.parametrize("framework", ["werkzeug", "starlette", "express", "fastify", "unknown"])
def test_the_paths_of_past_attacks(gateway, recorder, tmp_path, framework):
    backend = recorder(answer_all())
    (tmp_path / "edge").mkdir()
    edge = edge_before(backend.address, framework, tmp_path / "edge", auth="required")
    try:
        for name, path in REFUSED:
            assert edge.get(path).status == 400, name
        assert backend.heads == []
        for name, path in PASSED:
            assert edge.get(path).status == 200, name
            assert backend.heads[-1].split(b" ")[1] == path.encode(), name
        folded = 400 if framework in ("express", "unknown") else 401
        assert edge.get("/ADMIN").status == folded
        for target in ("http://localhost/public/x?a", "http://localhost/public"):
            assert edge.get(target, headers=[("Host", "localhost")]).status == 200
            assert backend.heads[-1].split(b" ")[1] == target[16:].encode(), target
    finally:
        edge.stop()
