"""The commands: what they print, to whom, and with which exit code (0, 1 refused, 2 usage)."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config
from support.gateway import run
from support.tokens import claims, now, sign

ENVIRONMENT = config.environment(ACCESS, REFRESH)
COMMANDS = [
    "run",
    "check",
    "routes",
    "explain",
    "token",
    "token inspect",
    "token verify",
    "token why",
    "token sign",
    "secret",
    "secret new",
    "secret check",
    "revoke",
    "status",
    "version",
]
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(tmp_path, command):
    done = run(*command.split(), "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert command.split()[-1] in done.stdout
    assert done.stderr == ""


def test_help_names_every_command(tmp_path):
    done = run("--help", folder=tmp_path)
    assert done.returncode == 0
    for command in {name.split()[0] for name in COMMANDS}:
        assert command in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["check", "--nonsense"],
        ["token"],
        ["token", "nonsense"],
        ["token", "why"],
        ["token", "why", "a", "b", "c"],
        ["token", "why", "--class", "both", "a.b.c"],
        ["token", "why", "--now", "soon", "a.b.c"],
        ["token", "why", "--now", "9223372036854775807", "a.b.c"],
        ["token", "why", "--issuer", "me", "a.b.c"],
        ["secret"],
        ["secret", "check", "-", "--env", "x"],
        ["explain"],
        ["explain", "GET"],
        ["check", "-c"],
        ["version", "extra"],
    ],
    ids=" ".join,
)
def test_a_usage_mistake_is_exit_2(tmp_path, arguments):
    (tmp_path / "gateway.conf").write_text("listen 127.0.0.1:0;\n")
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr and done.stdout == ""


def test_version(tmp_path):
    done = run("version", folder=tmp_path)
    assert done.returncode == 0
    assert re.search(r"\d+\.\d+", done.stdout)


def test_check_says_fine_or_not(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT, start=False)
    assert edge.command("check").returncode == 0
    assert not (edge.folder / "admin.sock").exists()
    assert not (edge.folder / "state").exists(), "checking writes nothing"


def test_routes_lists_every_route(gateway, recorder):
    edge = gateway(
        config.guarded(recorder().address, "route POST /auth/login { auth none; }"),
        ENVIRONMENT,
        start=False,
    )
    done = edge.command("routes")
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if "/auth/login" in line)
    assert "POST" in line and "none" in line and "backend" in line
    assert any("required" in line for line in done.stdout.splitlines())


def test_explain_tells_the_route_of_a_request(gateway, recorder):
    edge = gateway(
        config.guarded(recorder().address, "route /public { auth none; }"), ENVIRONMENT, start=False
    )
    done = edge.command("explain", "GET", "http://shop.example/public/x?y")
    assert done.returncode == 0, done.stderr
    assert "/public" in done.stdout and "none" in done.stdout
    done = edge.command("explain", "GET", "/other")
    assert done.returncode == 0, done.stderr
    assert "required" in done.stdout
    done = edge.command("explain", "GET", "/public/..%2fadmin")
    assert "400" in done.stdout + done.stderr


EXPLAINED = """\
listen 127.0.0.1:0;
trusted_proxies 127.0.0.1 10.0.0.0/8;
upstream backend { server 127.0.0.1:5000; framework FRAMEWORK; forwarded on; upstream_host inner; }
group /app {
    upstream backend; auth none; strip_prefix on;
    route / { }
    route /admin { allow 192.0.2.0/24; deny all; }
    route /moved { redirect 308 https://$host/new; }
    route /up { respond health; }
}
"""


@pytest.fixture
def explained(tmp_path):
    """Runs a command on EXPLAINED with a framework."""

    def ask(*arguments, framework="werkzeug", command="explain"):
        file = tmp_path / "gateway.conf"
        file.write_text(EXPLAINED.replace("FRAMEWORK", framework))
        done = run(command, "-c", file.name, *arguments, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return ask


@pytest.mark.parametrize("framework", ["werkzeug", "starlette", "express", "fastify", "unknown"])
def test_explain_prints_the_readings_of_every_framework(explained, framework):
    def readings(path):
        text = explained("GET", path, framework=framework)
        rows = text[text.index("reading") : text.index("client ")].splitlines()
        return text, [re.split(r"  +", row[10:].strip()) for row in rows]

    text, rows = readings("/app/x")
    assert rows == [["as sent", "/app/x", "/app (gateway.conf:6)"]] and "forwarded to" in text
    # A slash of any spelling, dots of any spelling, parameters: each is shown with its route.
    text, rows = readings("/app/x/..%2fadmin")
    assert ["decoded", "/app/x/../admin", "/app (gateway.conf:6)"] in rows
    assert ["decoded, dots resolved", "/app/admin", "/app/admin (gateway.conf:7)"] in rows
    assert "refused with 400: ambiguous_path" in text
    text, rows = readings("/app/admin;x")
    assert ["without ;…", "/app/admin", "/app/admin (gateway.conf:7)"] in rows
    assert "refused with 400: ambiguous_path" in text
    text, rows = readings("/app/x%2Fy")
    assert "forwarded to upstream backend" in text and "GET /x%2Fy HTTP/1.1" in text
    # Where all readings lead to one route and the rest is not clean, that is said.
    text, _ = readings("/app/x/../y")
    assert "behind the stripped prefix" in text
    # Case matters to those that fold it.
    text, rows = readings("/app/ADMIN")
    folds = framework in ("express", "unknown")
    assert ["without case", "/app/admin", "/app/admin (gateway.conf:7)"] in rows or not folds
    assert ("ambiguous_path" in text) == folds


def test_explain_tells_who_the_client_is(explained):
    chain = ["-H", "X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.1.1.1", "-H", "X-Forwarded-Proto: https"]
    text = explained("GET", "/app/admin/x", *chain)
    assert "client    192.0.2.7, named by a trusted proxy" in text
    assert "address: admitted by allow 192.0.2.0/24; deny all" in text
    assert "upstream backend, without /app" in text
    for line in (
        "GET /admin/x HTTP/1.1",
        "Host: inner",
        "X-Forwarded-For: 192.0.2.7",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: localhost",
        "X-Forwarded-Prefix: /app",
        'Forwarded: for=192.0.2.7;host="localhost";proto=https',
    ):
        assert line in text
    assert "6.6.6.6" not in text
    text = explained("GET", "/app/admin/x", "--from", "198.51.100.1", *chain)
    assert "198.51.100.1; not in trusted_proxies, so what it forwards is dropped" in text
    assert "address: not admitted" in text and "refused with 403: address_refused" in text
    assert "from      2001:db8::1," in explained("GET", "/app", "--from", "2001:db8::1")
    assert "from      unix," in explained("GET", "/app", "--from", "unix")


def test_explain_tells_own_answers(explained):
    text = explained("GET", "http://shop.example/app/moved")
    assert "answered here: redirect 308 https://$host/new" in text
    assert "Location: https://shop.example/new" in text
    assert '{"status":"ok"}' in explained("GET", "/app/up")


def test_routes_shows_addresses_and_own_answers(explained):
    rows = {re.split(r"  +", line)[2]: line for line in explained(command="routes").splitlines()}
    assert "allow 192.0.2.0/24; deny all" in rows["/app/admin"]
    assert "redirect 308 https://$host/new" in rows["/app/moved"]
    assert "respond health" in rows["/app/up"]


def test_check_warns_of_wide_trust(tmp_path):
    file = tmp_path / "gateway.conf"
    for network, is_wide in (("10.0.0.0/8", False), ("0.0.0.0/5", True)):
        file.write_text(EXPLAINED.replace("FRAMEWORK", "werkzeug").replace("10.0.0.0/8", network))
        done = run("check", "-c", file, folder=tmp_path)
        assert done.returncode == 0
        assert ("trusts more addresses" in done.stdout + done.stderr) == is_wide


# Tokens


def test_token_inspect_reads_without_judging(tmp_path):
    token = sign(claims(sub="ada", exp=now() - 5), OTHER_ACCESS)
    for arguments, text in (([token], None), (["-"], token)):
        done = run("token", "inspect", *arguments, folder=tmp_path, input=text)
        assert done.returncode == 0, done.stderr
        assert "ada" in done.stdout and "HS256" in done.stdout
    assert run("token", "inspect", "garbage", folder=tmp_path).returncode == 1


def test_token_sign_makes_what_the_gateway_takes(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    done = edge.command("token sign", "--sub", "ada")
    assert done.returncode == 0, done.stderr
    token = done.stdout.strip()
    assert token.count(".") == 2
    assert edge.get("/", token).status == 200


def test_token_verify_with_the_configuration(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT, start=False)
    good = edge.command("token verify", sign(claims(), ACCESS))
    assert good.returncode == 0, good.stderr
    for token, reason in [
        (sign(claims(exp=1), ACCESS), "expired"),
        (sign(claims(), OTHER_ACCESS), "bad_signature"),
        ("garbage", "malformed"),
        (sign(claims(), REFRESH), "wrong_token_type"),
    ]:
        bad = edge.command("token verify", token)
        if reason == "wrong_token_type" and bad.returncode == 0:
            assert "refresh" in bad.stdout, "either refused, or said to be a refresh token"
            continue
        assert bad.returncode == 1, (reason, bad.stdout)
        assert reason in bad.stdout + bad.stderr
        assert ACCESS not in bad.stdout + bad.stderr


def test_token_verify_with_a_secret_file_and_no_configuration(tmp_path):
    (tmp_path / "secret").write_text(ACCESS)
    done = run(
        "token", "verify", "--secret-file", "secret", sign(claims(), ACCESS), folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    done = run(
        "token", "verify", "--secret-file", "secret", sign(claims(), OTHER_ACCESS), folder=tmp_path
    )
    assert done.returncode == 1
    assert "bad_signature" in done.stdout + done.stderr


# Secrets


def test_secret_new_makes_strong_and_different_ones(tmp_path):
    made = [run("secret", "new", folder=tmp_path) for _ in range(3)]
    assert {done.returncode for done in made} == {0}
    secrets = {done.stdout.strip() for done in made}
    assert len(secrets) == 3
    assert all(len(secret) >= 43 for secret in secrets), "256 random bits"


def test_secret_check(tmp_path):
    for secret, code in [
        ("short", 1),
        ("dev-secret-change-me", 1),
        ("", 1),
        (run("secret", "new", folder=tmp_path).stdout.strip(), 0),
    ]:
        done = run("secret", "check", folder=tmp_path, input=secret + "\n")
        assert done.returncode == code, (secret, done.stdout, done.stderr)
        if len(secret) > 8:
            assert secret not in done.stdout + done.stderr


def test_status_of_a_running_gateway(gateway, recorder):
    edge = gateway(config.guarded(recorder().address, workers=2), ENVIRONMENT)
    assert edge.get("/").status == 401
    done = edge.command("status")
    assert done.returncode == 0, done.stderr
    assert str(edge.address[1]) in done.stdout
    edge.stop()
    done = edge.command("status")
    assert done.returncode == 1
    assert "admin.sock" in done.stderr


def test_status_by_the_admin_address_alone(gateway, recorder, tmp_path):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    socket = edge.folder / "admin.sock"
    done = run("status", "--admin", f"unix:{socket}", folder=tmp_path)
    assert done.returncode == 0, done.stderr


# The repository's own configuration


@pytest.fixture
def repository(tmp_path):
    """The example as a user has it after cloning, without the sources."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("gateway.conf", ".env.example"):
        shutil.copy(REPOSITORY / name, folder / name)
    shutil.copytree(REPOSITORY / "routes", folder / "routes")
    return folder


def test_check_names_the_command_that_makes_the_missing_secrets(repository):
    done = run("check", folder=repository)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "JWT_ACCESS_SECRET" in said
    assert "gateway secret new --env > .env" in said


def make_env(repository) -> dict:
    done = run("secret", "new", "--env", folder=repository)
    assert done.returncode == 0, done.stderr
    (repository / ".env").write_text(done.stdout)
    return dict(
        line.split("=", 1) for line in done.stdout.splitlines() if line and not line.startswith("#")
    )


def test_the_example_works_with_the_secrets_it_tells_to_make(repository):
    values = make_env(repository)
    assert {"JWT_ACCESS_SECRET", "JWT_REFRESH_SECRET"} <= set(values)
    assert len(set(values.values())) == len(values)
    done = run("check", folder=repository)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run("routes", folder=repository)
    assert done.returncode == 0
    for prefix in ("/flask", "/nest"):
        assert prefix in done.stdout


def test_the_example_env_names_every_variable_and_no_usable_secret(repository):
    shutil.copy(repository / ".env.example", repository / ".env")
    done = run("check", folder=repository)
    assert done.returncode == 1, "placeholders must not pass for secrets"
    assert "JWT_ACCESS_SECRET" in done.stdout + done.stderr or "secret" in done.stdout + done.stderr


def test_the_example_serves_the_real_backends(repository, gateway, tmp_path, tmp_path_factory):
    """gateway.conf and routes as they are; only addresses and secrets come from the environment."""
    from support.gateway import Gateway
    from support.processes import Backend, flask_command, nest_command, stop

    values = make_env(repository)
    secrets = {name: values[name] for name in ("JWT_ACCESS_SECRET", "JWT_REFRESH_SECRET")}
    backends = tmp_path_factory.mktemp("example")
    flask = Backend("flask", flask_command, secrets, backends)
    nest = Backend("nest", nest_command, secrets, backends)
    text = (repository / "gateway.conf").read_text()
    edge = Gateway(
        repository,
        re.sub(r"listen\s+127\.0\.0\.1:8080;", "listen 127.0.0.1:0;", text),
        {"FLASK_ADDR": flask.address, "NEST_ADDR": nest.address},
    )
    assert "listen 127.0.0.1:0;" in edge.file.read_text()
    edge.exposed.add(".env")
    try:
        edge.start()
        login = {"email": "ada@example.com", "password": "correct horse"}
        assert edge.get("/flask/health").status == 200
        assert edge.get("/nest/health").status == 200
        answer = edge.post("/flask/auth/login", login)
        assert answer.status == 200
        token = answer.json()["access_token"]
        for name in ("flask", "nest"):
            body = edge.get(f"/{name}/me", token).json()
            assert body["id"] == body["edge_user"] == "user-ada"
            assert edge.get(f"/{name}/me").status == 401
        wrong = {**login, "password": "guess"}
        statuses = [edge.post("/flask/auth/login", wrong).status for _ in range(12)]
        assert statuses[0] == 401 and statuses[-1] == 429
        assert edge.post("/flask/auth/logout", token=token).status == 200
        for name in ("flask", "nest"):
            assert edge.get(f"/{name}/me", token).status == 401
        edge.stop()
    finally:
        if edge.process is not None:
            stop(edge.process, "gateway")
        flask.stop()
        nest.stop()


def test_a_closed_output_is_no_crash(tmp_path):
    from support.gateway import binary

    process = subprocess.Popen(
        [binary(), "--help"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.wait(60) in (0, 1, -13)
    process.stderr.close()
