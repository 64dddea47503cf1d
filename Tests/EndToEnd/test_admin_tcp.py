"""The admin address over TCP: health for everybody, everything else for the token."""

import http.client
import json

import pytest
from conftest import ACCESS, REFRESH
from support import config
from support.gateway import run
from support.tokens import claims, sign

TOKEN = "admin-token-of-the-tests-0123456789abcdef"
ENVIRONMENT = config.environment(ACCESS, REFRESH)
UNIX_LINE = "admin unix:admin.sock;"


@pytest.fixture
def edge(gateway, recorder, tmp_path):
    """A gateway whose admin address is TCP."""
    token = tmp_path / "admin.token"
    token.write_text(TOKEN + "\n")
    text = config.guarded(recorder().address).replace(
        UNIX_LINE, f"admin 127.0.0.1:0 {{ token_file {token}; }}"
    )
    return gateway(text, ENVIRONMENT)


def ask(edge, method, path, body=None, **headers):
    host, port = edge.addresses[-1]
    connection = http.client.HTTPConnection(host, port, timeout=30)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


BEARER = {"Authorization": "Bearer " + TOKEN}
JSON = {"Content_Type": "application/json"}


def test_health_needs_no_token(edge):
    assert ask(edge, "GET", "/health")[0] == 200


@pytest.mark.parametrize("path", ["/status", "/revoke", "/nothing"])
def test_everything_else_needs_it(edge, path):
    for headers in [{}, {"Authorization": "Bearer " + TOKEN[:-1]}, {"Authorization": TOKEN}]:
        assert ask(edge, "GET", path, **headers)[0] == 401


def test_a_revocation_with_the_token_is_in_force(edge):
    token = sign(claims(jti="taken-back"), ACCESS)
    assert edge.get("/", token).status == 200
    body = json.dumps({"jti": "taken-back"})
    assert ask(edge, "POST", "/revoke", body, **BEARER, **JSON)[0] == 200
    assert edge.get("/", token).status == 401


@pytest.mark.parametrize(
    "headers, status",
    [
        ({**BEARER, **JSON, "Host": "evil.example"}, 403),
        ({**BEARER, "Content_Type": "text/plain"}, 415),
    ],
    ids=["rebound name", "form of another page"],
)
def test_a_browser_is_no_way_in(edge, headers, status):
    assert ask(edge, "POST", "/revoke", '{"jti":"x"}', **headers)[0] == status


def test_the_command_line_takes_the_token_from_its_file(edge, tmp_path):
    host, port = edge.addresses[-1]
    address = f"{host}:{port}"
    done = run("status", "--admin", address, folder=tmp_path)
    assert done.returncode == 1
    file = tmp_path / "admin.token"
    done = run("status", "--admin", address, "--admin-token-file", file, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "content, said",
    [(None, "is not there"), ("short\n", "5 bytes"), ("x" * 32 + " y\n", "spaces")],
    ids=["missing", "short", "spaces"],
)
def test_a_token_file_that_is_no_good_is_told(tmp_path, content, said):
    if content is not None:
        (tmp_path / "admin.token").write_text(content)
    (tmp_path / "gateway.conf").write_text(
        config.open_to("127.0.0.1:9").replace(
            UNIX_LINE, "admin 127.0.0.1:0 { token_file admin.token; }"
        )
    )
    done = run("check", folder=tmp_path)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr
    assert "gateway.conf:4:" in done.stdout + done.stderr
