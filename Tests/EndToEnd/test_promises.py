"""Promises of the design that no other suite asks for: what somebody sees who reads only the design
and the command line's help."""

import os
import subprocess

import pytest

from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config
from support.gateway import binary, run
from support.processes import DEADLINE
from support.tokens import claims, now, payload, remember, sign
from support.wire import render
from test_configuration import GOOD, PLACE, check

ENVIRONMENT = config.environment(ACCESS, REFRESH)

# Configuration


def test_mistakes_of_the_whole_are_told_beside_those_of_single_lines(gateway):
    text = f"""{GOOD}
workers many;
cors {{ origins *; credentials on; }}
cors strange {{ origins null; }}
identity {{ header Host sub; }}
route /twice {{ upstream backend; auth none; }}
route /twice {{ upstream backend; auth none; }}
"""
    code, said = check(gateway, text)
    assert code == 1
    lines = [int(place[2]) for place in PLACE.finditer(said)]
    assert lines == [6, 7, 8, 9, 11], said


def test_a_refused_line_causes_no_second_mistake(gateway):
    code, said = check(
        gateway,
        f"""{GOOD}
cors {{ origins ${{UNSET_ORIGIN}}; }}
route /once {{ upstream backend; auth none; }}
route /once {{ upstream backend; auth none; hots example.com; }}
""",
    )
    assert code == 1
    assert [int(place[2]) for place in PLACE.finditer(said)] == [6, 8], said


@pytest.mark.parametrize("text", ["", "workers 1;\n", "# nothing\n"])
def test_what_is_missing_altogether_has_a_place_too(gateway, text):
    code, said = check(gateway, text)
    assert code == 1
    assert [(place[2], place[3]) for place in PLACE.finditer(said)] == [("1", "1")], said
    assert "listen" in said


# Command line


@pytest.mark.parametrize("arguments", [["check"], ["routes"], ["explain", "GET", "/x"]])
def test_the_configuration_may_be_named_before_the_command(gateway, recorder, arguments):
    edge = gateway(config.open_to(recorder().address), start=False)
    before = run("-c", edge.file, *arguments, folder=edge.folder)
    behind = run(*arguments, "-c", edge.file, folder=edge.folder)
    assert before.returncode == behind.returncode == 0, before.stderr
    assert before.stdout.split("\nDate")[0] == behind.stdout.split("\nDate")[0]


@pytest.mark.parametrize("arguments", [["version"], ["secret", "new"], ["token", "inspect"]])
def test_every_command_takes_a_configuration(tmp_path, arguments):
    token = [sign(claims(), ACCESS)] if arguments[-1] == "inspect" else []
    done = run(*arguments, "-c", "gateway.conf", *token, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    remember(done.stdout.strip())


def test_several_audiences_are_all_signed(tmp_path):
    (tmp_path / "secret").write_text(ACCESS)
    done = run(
        *["token", "sign", "--secret-file", "secret", "--audience", "one", "--audience", "two"],
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    token = remember(done.stdout.strip())
    assert payload(token)["aud"] == ["one", "two"]
    for audience, code in [("one", 0), ("two", 0), ("three", 1)]:
        verified = run(
            *["token", "verify", "--secret-file", "secret", "--audience", audience, token],
            folder=tmp_path,
        )
        assert verified.returncode == code, (audience, verified.stderr)


def test_a_ready_descriptor_that_is_none_is_refused(gateway, recorder):
    """Its number would be that of a file the gateway opens itself: the log or the journal."""
    edge = gateway(config.open_to(recorder().address), start=False)
    done = subprocess.run(
        [binary(), "run", "-c", str(edge.file), "--ready-fd", "97"],
        cwd=edge.folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 2, done.stderr
    assert "97" in done.stderr


# A secret that was printed in a tutorial is everybody's.
PUBLISHED = [
    "your-super-secret-key-at-least-32-characters",
    "your-secret-key-change-this-in-production",
    "sk8dKj29mN3pQ7vX2zY9wR5uT8sL6fH4jK2nM9pQ3rT7vY",
    "k8dKj29mN3pQ7vX2zY9wR5uT8sL6fH4jK2nM9pQ3rT7vY12wE5rT9",
    "staging_key_X7zY9wR5uT8sL6fH4jK2nM9pQ3rT7vY12w",
    "#{jwt-secret-key-of-the-whole-application}#",
    "${JWT_SECRET_KEY:-your-secret-key-of-thirty-two-bytes}",
]


@pytest.mark.parametrize("secret", PUBLISHED)
def test_published_secrets_are_refused_however_long(tmp_path, secret):
    done = run("secret", "check", "-", folder=tmp_path, input=secret + "\n")
    assert done.returncode == 1
    assert secret not in done.stdout + done.stderr


# Answers

REASONS = [
    ("malformed", lambda: "garbage"),
    ("bad_signature", lambda: sign(claims(), OTHER_ACCESS)),
    ("expired", lambda: sign(claims(exp=now() - 10), ACCESS)),
    ("not_yet_valid", lambda: sign(claims(nbf=now() + 300), ACCESS)),
    ("lifetime_exceeded", lambda: sign(claims(exp=now() + 7200), ACCESS)),
    ("wrong_token_type", lambda: sign(claims(type="refresh"), ACCESS)),
    ("unsupported_algorithm", lambda: sign(claims(), ACCESS, {"alg": "none"})),
    ("too_large", lambda: sign(claims(pad="x" * 9000), ACCESS)),
    ("wrong_issuer", lambda: sign(claims(iss="somebody"), ACCESS)),
    ("wrong_audience", lambda: sign(claims(aud="others"), ACCESS)),
]


@pytest.mark.parametrize("name, make", REASONS, ids=[row[0] for row in REASONS])
def test_a_reason_has_one_name_in_answer_and_log(gateway, recorder, name, make):
    """Whatever the style of the body: the challenge has room for it."""
    realm = config.REALM
    if name == "wrong_issuer":
        realm = realm.replace("preset", "issuer us; preset", 1)
    if name == "wrong_audience":
        realm = realm.replace("preset", "audience us; preset", 1)
    edge = gateway(
        f"""{config.top()}{realm}
        limits {{ head 32k; }}
        upstream backend {{ server {recorder().address}; errors coded; }}
        route / {{ upstream backend; }}
        """,
        ENVIRONMENT,
    )
    answer = edge.get("/", make())
    assert answer.status == 401
    challenge = answer.one("WWW-Authenticate")
    assert 'error="invalid_token"' in challenge
    assert f'reason="{name}"' in challenge
    assert edge.logged(status=401)["reason"] == name


def test_answers_of_nest_have_all_three_members(gateway, recorder):
    edge = gateway(
        f"""{config.top()}{config.REALM}
        limit once {{ rate 1/h; burst 1; }}
        upstream down {{ server 127.0.0.1:1; errors nestjs; }}
        group / {{
            upstream down;
            route / {{ }}
            route GET /down {{ auth none; method_fallthrough on; }}
            route GET /limited {{ auth none; limit once; }}
        }}
        """,
        ENVIRONMENT,
    )
    edge.get("/limited")
    for target, status, phrase in [
        ("/", 401, "Unauthorized"),
        ("/down", 502, "Bad Gateway"),
        ("/limited", 429, "Too Many Requests"),
    ]:
        body = edge.get(target).json()
        assert set(body) == {"statusCode", "message", "error"}, body
        assert (body["statusCode"], body["error"]) == (status, phrase)
    assert edge.get("/").json()["message"] == "Unauthorized"


# A refused request's body: kept connections at the bound and one past it (DESIGN §3).


@pytest.mark.parametrize("size, is_kept", [(65_536, True), (65_537, False)])
@pytest.mark.parametrize("is_sent", [True, False], ids=["sent", "announced"])
def test_a_refusal_keeps_the_connection_up_to_64_kibibytes(
    gateway, recorder, size, is_kept, is_sent
):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    with edge.connect() as client:
        body = b"x" * size
        head = render("POST", "/", [("Content-Length", str(size))])
        client.send(head + (body if is_sent else b""))
        answer = client.read_response("POST")
        assert answer.status == 401
        assert (answer.one("Connection") == "close") == (not is_kept)
        if is_kept:
            client.send((b"" if is_sent else body) + render("GET", "/again"))
            assert client.read_response().status == 401
        else:
            client.finish_sending()
            assert client.is_closed()
