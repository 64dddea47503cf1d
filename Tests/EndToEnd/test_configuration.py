"""Configurations with mistakes: each told at file:line:column, all at once, with the line and a caret,
exit 1, nothing started, and no secret in what is said."""

import re

import pytest

from conftest import ACCESS, REFRESH
from support import config

ENVIRONMENT = config.environment(ACCESS, REFRESH)
PLACE = re.compile(r"^(\S+?):(\d+):(\d+): (error|warning): (.+)$", re.MULTILINE)


def check(gateway, text: str, environment=None, command="check"):
    edge = gateway(text, ENVIRONMENT if environment is None else environment, start=False)
    done = edge.command(command)
    said = done.stdout + done.stderr
    edge.assert_nothing_leaked()
    for secret in (ACCESS, REFRESH):
        assert secret not in said
    return done.returncode, said


GOOD = """
listen 127.0.0.1:0;
upstream backend { server 127.0.0.1:5000; }
route / { upstream backend; auth none; }
"""
TOKENS = "realm main { access { secret ${JWT_ACCESS_SECRET}; lifetime 15m; } }\n"


def with_(line: str) -> str:
    """A good configuration with one line more, which is line 5."""
    return GOOD + line + "\n"


# name, text, line, words that the message or hint must have
MISTAKES = [
    ("an unknown directive", with_("lisen 127.0.0.1:1;"), 5, ["lisen", "listen"]),
    ("a misplaced directive", with_("server 127.0.0.1:1;"), 5, ["server"]),
    ("too few arguments", with_("workers;"), 5, ["workers"]),
    ("too many arguments", with_("workers 1 2;"), 5, ["workers"]),
    ("a bad number", with_("workers many;"), 5, ["many"]),
    ("no workers", with_("workers 0;"), 5, ["workers"]),
    ("said twice", with_("workers 1;\nworkers 2;"), 6, ["workers"]),
    ("a bad size", with_("limits { body 5 apples; }"), 5, []),
    ("a bad unit", with_("limits { body 5q; }"), 5, ["5q"]),
    ("a bad duration", with_("limits { idle_timeout soon; }"), 5, ["soon"]),
    ("a bad address", with_("listen nowhere;"), 5, ["nowhere"]),
    ("a port past the end", with_("listen 127.0.0.1:65536;"), 5, ["65536"]),
    ("a missing semicolon", with_("workers 1"), None, []),
    ("a missing brace", with_("limits { body 1m;"), None, ["}"]),
    ("a brace too many", with_("}"), 5, ["}"]),
    ("an open quote", with_('errors "coded;'), None, []),
    ("a bad escape", with_('errors "co\\ded";'), 5, []),
    ("a block where none belongs", with_("workers 1 { }"), 5, ["workers"]),
    ("no block where one belongs", with_("limits;"), 5, ["limits"]),
    ("an unknown style", with_("errors flsk;"), 5, ["flask"]),
    ("an unknown preset", with_("realm x { preset flask-jwt; }"), 5, ["flask-jwt"]),
    ("a realm without secret", with_("realm x { access { lifetime 15m; } }"), 5, ["secret"]),
    ("an upstream without server", with_("upstream none { }"), 5, ["server"]),
    ("an unknown upstream", with_("route /x { upstream bakend; auth none; }"), 5, ["backend"]),
    ("a route without upstream", with_("route /x { auth none; }"), 5, ["upstream"]),
    ("auth without a realm", with_("route /x { upstream backend; }"), 5, ["realm"]),
    ("an unknown auth", with_("route /x { upstream backend; auth maybe; }"), 5, ["maybe"]),
    ("an unknown limit", with_("route /x { upstream backend; auth none; limit nil; }"), 5, ["nil"]),
    (
        "an unknown cors policy",
        with_("route /x { upstream backend; auth none; cors nil; }"),
        5,
        ["nil"],
    ),
    ("a bad rate", with_("limit x { rate 5/fortnight; }"), 5, ["5/fortnight"]),
    ("a limit without rate", with_("limit x { burst 1; }"), 5, ["rate"]),
    ("a path without slash", with_("route x { upstream backend; auth none; }"), 5, ["x"]),
    ("two equal routes", with_("route / { upstream backend; auth none; }"), None, []),
    (
        "two upstreams of one name",
        with_("upstream backend { server 127.0.0.1:2; }"),
        5,
        ["backend"],
    ),
    ("a missing include", with_("include nowhere.conf;"), 5, ["nowhere.conf"]),
    ("a missing variable", with_("listen ${LISTEN_ADDRESS};"), 5, ["LISTEN_ADDRESS"]),
    (
        "a missing variable in a string",
        with_('listen "127.0.0.1:${PORT_OF_MINE}";'),
        5,
        ["PORT_OF_MINE"],
    ),
    ("an open variable", with_("listen ${PORT;"), 5, []),
    ("a directive of a later time", with_("listen 127.0.0.1:1 { tls a.pem b.key; }"), 5, ["tls"]),
    ("a control byte", with_("workers \x011;"), 5, []),
]


@pytest.mark.parametrize("name, text, line, words", MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_told_where_it_is(gateway, name, text, line, words):
    code, said = check(gateway, text)
    assert code == 1, said
    places = [match for match in PLACE.finditer(said) if match[4] == "error"]
    assert places, said
    assert all(place[1].endswith("gateway.conf") for place in places)
    if line is not None:
        assert line in [int(place[2]) for place in places], said
    for word in words:
        assert word in said, (word, said)
    assert "^" in said, "a caret under the place"


def test_run_refuses_the_same_and_starts_nothing(gateway):
    code, said = check(gateway, with_("lisen 127.0.0.1:1;"), command="run")
    assert code == 1
    assert PLACE.search(said)


def test_all_mistakes_are_told_at_once(gateway):
    text = GOOD + "lisen 1;\nworkers many;\nerrors flsk;\nroute /x { upstream nil; auth none; }\n"
    code, said = check(gateway, text)
    assert code == 1
    assert {5, 6, 7, 8} <= {int(match[2]) for match in PLACE.finditer(said)}, said


def test_the_column_and_the_caret_point_at_the_word(gateway):
    code, said = check(gateway, GOOD + "  workers    many;\n")
    assert code == 1
    match = PLACE.search(said)
    assert (int(match[2]), int(match[3])) == (5, 14), said
    source, caret = said[match.end() :].strip("\n").split("\n")[:2]
    assert source[caret.index("^") :].startswith("many")


def test_mistakes_in_an_included_file_name_that_file(gateway):
    edge = gateway(with_("include parts/*.conf;"), start=False)
    (edge.folder / "parts").mkdir()
    (edge.folder / "parts" / "b.conf").write_text("workers 1;\nlisen 1;\n")
    (edge.folder / "parts" / "a.conf").write_text("# fine\n")
    done = edge.command("check")
    assert done.returncode == 1
    assert re.search(r"parts/b\.conf:2:1: error", done.stdout + done.stderr)


def test_an_empty_glob_is_fine(gateway):
    code, said = check(gateway, with_("include parts/*.conf;"))
    assert code == 0, said


def test_an_include_of_itself_ends(gateway):
    code, said = check(gateway, with_("include gateway.conf;"))
    assert code == 1
    assert "include" in said or "gateway.conf" in said


def test_a_missing_file_is_named(gateway):
    edge = gateway(GOOD, start=False)
    from support.gateway import run

    for command in ("check", "run", "routes"):
        done = run(command, "-c", "not-there.conf", folder=edge.folder)
        assert done.returncode == 1
        assert "not-there.conf" in done.stderr


# Secrets

WEAK = {
    "empty": "",
    "short": "k3J9s8D7f6",
    "31 bytes": "k3J9s8D7f6G5h4J3k2L1q0W9e8R7t6Y",
    "a default of the seeds": "jwt-access-secret-dev",
    "dev-secret-change-me": "dev-secret-change-me",
    "a long default": "your-secret-key-change-this-in-production",
    "a placeholder": "your-256-bit-secret-here-your-256-bit-secret",
    "an unfilled pipeline variable": "#{jwt-secret-key-of-the-production-cluster}#",
    "an unfilled shell variable": "${JWT_SECRET_KEY_OF_THE_PRODUCTION_CLUSTER}",
    "changeme": "changeme-changeme-changeme-changeme",
    "one letter": "x" * 40,
}


@pytest.mark.parametrize("secret", WEAK.values(), ids=WEAK)
def test_a_weak_secret_is_refused_by_the_name_of_its_setting(gateway, secret):
    text = GOOD + TOKENS + "route /x { upstream backend; }\n"
    environment = {"JWT_ACCESS_SECRET": secret}
    for command in ("check", "run"):
        edge = gateway(text, environment, start=False)
        done = edge.command(command)
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert "secret" in said.lower()
        assert PLACE.search(said)
        if secret and secret not in text:
            assert secret not in said, "the value must not be said"


def test_weak_secrets_allow_admits_short_ones_on_loopback_only(gateway):
    text = GOOD + TOKENS.replace("access", "weak_secrets allow; access", 1)
    short = {"JWT_ACCESS_SECRET": "k3J9s8D7f6"}
    code, said = check(gateway, text, short)
    assert code == 0, said
    assert "warning" in said
    assert "k3J9s8D7f6" not in said
    code, said = check(gateway, text.replace("127.0.0.1:0", "0.0.0.0:0"), short)
    assert code == 1, said
    code, said = check(gateway, text, {"JWT_ACCESS_SECRET": ""})
    assert code == 1, said


def test_weak_secrets_are_warned_of_at_start_and_in_status(gateway, recorder):
    text = config.guarded(recorder().address).replace(
        "preset  flask-jwt-extended;", "preset  flask-jwt-extended; weak_secrets allow;"
    )
    edge = gateway(text, {"JWT_ACCESS_SECRET": "k3J9s8D7f6-short", "JWT_REFRESH_SECRET": REFRESH})
    assert "weak" in edge.stderr().lower() or "secret" in edge.stderr().lower()
    status = edge.command("status")
    assert status.returncode == 0
    assert "secret" in status.stdout.lower()
    for text in (edge.stderr(), status.stdout):
        assert "k3J9s8D7f6" not in text


def test_two_secrets_that_are_one_are_refused_where_two_are_promised(gateway):
    text = (
        GOOD
        + "realm main { preset nest-dual-secret; access { secret ${JWT_ACCESS_SECRET}; lifetime 15m; }"
        + " refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d; } }\n"
    )
    assert check(gateway, text)[0] == 0
    code, said = check(gateway, text, config.environment(ACCESS, ACCESS))
    assert code == 1, said


def test_a_missing_secret_is_named(gateway):
    for command in ("check", "run"):
        code, said = check(gateway, GOOD + TOKENS, {}, command)
        assert code == 1
        assert "JWT_ACCESS_SECRET" in said
        assert re.search(r"gateway\.conf:5:\d+", said)


def test_a_secret_written_into_the_file_is_not_repeated(gateway):
    """A mistake on the line of a secret shows the line without it."""
    literal = "Kd83hJs72LmQp0Zx91VbNw64TyRe55Gh"
    text = GOOD + f"realm main {{ access {{ secret {literal} extra; lifetime 15m; }} }}\n"
    code, said = check(gateway, text)
    assert code == 1
    assert literal not in said
    text = GOOD + f"realm main {{ access {{ secrt {literal}; lifetime 15m; }} }}\n"
    code, said = check(gateway, text)
    assert code == 1
    assert literal not in said


# Variables and files


def test_the_environment_beats_the_env_file_and_defaults_hold(gateway, recorder):
    address = recorder().address
    text = """
    env_file values.env;
    env_file nowhere.env optional;
    listen ${ADDRESS:-127.0.0.1}:0;
    access_log ${LOG};
    upstream backend { server ${BACKEND}; }
    route / { upstream backend; auth none; }
    """
    edge = gateway(text, {"LOG": "real.log"}, start=False)
    (edge.folder / "values.env").write_text(
        f'# comment\nBACKEND={address}\nLOG="file.log"\n\nUNUSED=1\n'
    )
    edge.start()
    assert edge.get("/").status == 200
    assert edge.logged("real.log", path="/")
    assert not (edge.folder / "file.log").exists()


def test_a_value_is_one_argument_and_never_read_again(gateway):
    """Nothing in a variable can become configuration."""
    for value in ("127.0.0.1:1; workers 9", "127.0.0.1:1 127.0.0.1:2", "${HOME}", "a { }", '"'):
        code, said = check(gateway, with_("listen ${ADDRESS};"), {"ADDRESS": value, "HOME": "/"})
        assert code == 1, (value, said)
        assert re.search(r"gateway\.conf:5:", said)


def test_an_optional_env_file_may_be_missing_and_a_named_one_not(gateway):
    assert check(gateway, "env_file nowhere.env optional;" + GOOD)[0] == 0
    code, said = check(gateway, "env_file nowhere.env;" + GOOD)
    assert code == 1
    assert "nowhere.env" in said


def test_a_fall_through_to_weaker_protection_is_refused(gateway):
    text = GOOD + TOKENS + "route POST /account { upstream backend; auth required; }\n"
    code, said = check(gateway, text)
    assert code == 1, said
    assert "method_fallthrough" in said
    allowed = text.replace("auth required;", "auth required; method_fallthrough on;")
    code, said = check(gateway, allowed)
    assert code == 0, said


# Routes: precedence and inheritance, seen from outside


def test_which_route_is_taken(gateway, recorder):
    names = ["root", "a", "ab", "get-a", "host", "wild"]
    backends = {name: recorder(answer_named(name)) for name in names}
    upstreams = "".join(f"upstream {n} {{ server {b.address}; }}\n" for n, b in backends.items())
    edge = gateway(f"""{config.top()}{upstreams}
        route /          {{ upstream root; auth none; }}
        route /a         {{ upstream a; auth none; }}
        route GET /a     {{ upstream get-a; auth none; }}
        route /a/b       {{ upstream ab; auth none; }}
        route /a         {{ upstream host; auth none; host one.example; }}
        route /a         {{ upstream wild; auth none; host *.example; }}
        """)
    for method, host, target, wanted in [
        ("GET", "x", "/", "root"),
        ("GET", "x", "/ab", "root"),
        ("GET", "x", "/a", "get-a"),
        ("HEAD", "x", "/a", "get-a"),
        ("POST", "x", "/a", "a"),
        ("GET", "x", "/a/", "get-a"),
        ("GET", "x", "/a/bc", "get-a"),
        ("GET", "x", "/a/b", "ab"),
        ("GET", "x", "/a/b/c?d", "ab"),
        ("GET", "one.example", "/a", "host"),
        ("GET", "ONE.EXAMPLE:8080", "/a", "host"),
        ("GET", "two.example", "/a/x", "wild"),
        ("GET", "x", "/zzz", "root"),
    ]:
        answer = edge.request(method, target, [("Host", host)])
        assert answer.status == 200
        assert answer.one("X-Backend") == wanted, (method, host, target)


def answer_named(name: str):
    from backends.recorder import answer_all

    return answer_all(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Backend: %s\r\n\r\n" % name.encode()
    )
