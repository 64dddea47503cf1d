"""`gateway token` and `gateway secret` in depth: options, reasons, and what they never print."""

import json

import pytest

from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config
from support.gateway import run
from support.tokens import b64, claims, now, sign

ENVIRONMENT = config.environment(ACCESS, REFRESH)
TWO_REALMS = f"""
listen 127.0.0.1:0;
realm one {{ access {{ secret {ACCESS}; }} refresh {{ secret {REFRESH}; }} }}
realm two {{ access {{ secret {OTHER_ACCESS}; lifetime 5m; }} issuer me; audience api; }}
upstream backend {{ server 127.0.0.1:9; }}
route / {{ upstream backend; realm one; }}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "gateway.conf").write_text(TWO_REALMS)
    (tmp_path / "secret").write_text(ACCESS + "\n")
    return tmp_path


# inspect


def test_inspect_says_loudly_that_nothing_was_verified(folder):
    done = run("token", "inspect", sign(claims(sub="ada"), ACCESS), folder=folder)
    assert done.stdout.startswith("NOT VERIFIED")
    assert '"sub": "ada"' in done.stdout and "expires" in done.stdout


def test_inspect_lets_no_control_byte_through(folder):
    token = sign(claims(sub="a\x1b[2Jb\u009bc"), ACCESS)
    shown = run("token", "inspect", token, folder=folder).stdout
    assert "\x1b" not in shown and "\u009b" not in shown
    assert "\\u001b" in shown and "\\u009b" in shown


@pytest.mark.parametrize(
    "token, said",
    [
        ("", "parts"),
        ("a.b", "2 parts"),
        ("a.b.c.d.e", "5 parts"),
        ("!!.e30.x", "base64url"),
        (b64(b"{}") + "." + b64(b"{") + ".x", "unexpected_end"),
        (b64(b"{}") + "." + b64(b'{"a":1,"a":2}') + ".x", "duplicate_name"),
        (b64(b"[]") + ".e30.x", "no object"),
        ("e30." + "e30" * 4000 + ".x", "8192"),
    ],
)
def test_inspect_refuses_what_is_no_token(folder, token, said):
    done = run("token", "inspect", token, folder=folder)
    assert done.returncode == 1
    assert said in done.stderr and done.stdout == ""


# verify


def verify(folder, *arguments, **more):
    return run("token", "verify", *arguments, folder=folder, **more)


def test_verify_wants_a_realm_where_there_are_several(folder):
    token = sign(claims(), ACCESS)
    done = verify(folder, token)
    assert done.returncode == 2 and "one, two" in done.stderr
    assert verify(folder, "one", token).returncode == 0
    done = verify(folder, "two", token)
    assert done.returncode == 1 and "bad_signature" in done.stdout
    done = verify(folder, "three", token)
    assert done.returncode == 2 and "three" in done.stderr


@pytest.mark.parametrize(
    "secret, wanted, code, said",
    [
        (ACCESS, "access", 0, "access token"),
        (ACCESS, "any", 0, "access token"),
        (ACCESS, "refresh", 1, "wrong_token_type"),
        (REFRESH, "refresh", 0, "refresh token"),
        (REFRESH, "access", 1, "wrong_token_type"),
        (OTHER_ACCESS, "any", 1, "bad_signature"),
    ],
)
def test_verify_by_class(folder, secret, wanted, code, said):
    done = verify(folder, "one", "--class", wanted, sign(claims(), secret))
    assert done.returncode == code and said in done.stdout


def test_verify_applies_the_rules_of_the_realm(folder):
    good = claims(iss="me", aud=["x", "api"], exp=now() + 200)
    for change, reason in [
        ({}, None),
        ({"iss": "you"}, "wrong_issuer"),
        ({"aud": "other"}, "wrong_audience"),
        ({"exp": now() + 4000}, "lifetime_exceeded"),
        ({"nbf": now() + 100}, "not_yet_valid"),
        ({"exp": None}, "malformed"),
    ]:
        payload = {name: value for name, value in {**good, **change}.items() if value is not None}
        done = verify(folder, "two", sign(payload, OTHER_ACCESS))
        assert done.returncode == (1 if reason else 0), done.stdout
        assert reason is None or reason in done.stdout


def test_verify_with_a_secret_file(folder):
    def outcome(*options, token):
        done = verify(folder, "--secret-file", "secret", *options, "-", input=token)
        return done.returncode, done.stdout

    token = sign(claims(iss="me", aud="api"), ACCESS)
    assert outcome(token=token)[0] == 0
    assert outcome(token="Bearer " + token + "\n")[0] == 0
    assert outcome("--issuer", "me", "--audience", "x", "--audience", "api", token=token)[0] == 0
    assert "wrong_issuer" in outcome("--issuer", "you", token=token)[1]
    assert "wrong_audience" in outcome("--audience", "x", token=token)[1]
    assert "unsupported_algorithm" in outcome("--alg", "HS512", token=token)[1]
    # One secret for both: the type decides.
    assert outcome("--class", "refresh", token=sign(claims(type="refresh"), ACCESS))[0] == 0
    assert outcome("--class", "access", token=sign(claims(type="refresh"), ACCESS))[0] == 1
    # A payload that is no claims at all has a signature all the same.
    strange = sign(b"no claims", ACCESS)
    assert outcome("--signature-only", token=strange)[0] == 0
    assert outcome(token=strange)[0] == 1
    assert outcome("--signature-only", token=sign(b"no claims", OTHER_ACCESS))[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--secret-file", "secret"],
        ["--secret-file", "secret", "one", "a.b.c"],
        ["--secret-file", "secret", "--alg", "none", "a.b.c"],
        ["--secret-file", "secret", "--encoding", "rot13", "a.b.c"],
        ["--class", "any", "--class", "any", "a.b.c"],
        ["--class", "both", "one", "a.b.c"],
        ["--issuer", "me", "one", "a.b.c"],
        ["one", "a.b.c", "d"],
    ],
    ids=" ".join,
)
def test_verify_usage(folder, arguments):
    done = verify(folder, *arguments)
    assert done.returncode == 2 and done.stdout == "" and done.stderr


def test_verify_names_the_file_that_is_missing(folder):
    done = verify(folder, "--secret-file", "nowhere", "a.b.c")
    assert done.returncode == 1 and "nowhere" in done.stderr


# sign


def test_sign_writes_what_was_asked_for(folder):
    done = run(
        *["token", "sign", "two", "--sub", "7", "--claim", "n=3", "--claim", "s=x=y"],
        *["--claim", 'a=["b"]', "--expires", "90s", "--jti", "me"],
        folder=folder,
    )
    assert done.returncode == 0, done.stderr
    token = done.stdout.strip()
    import base64

    part = token.split(".")[1]
    made = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert abs(made.pop("iat") - now()) < 60 and abs(made.pop("exp") - now() - 90) < 60
    assert made == {
        **{"sub": "7", "type": "access", "jti": "me", "iss": "me", "aud": "api"},
        **{"n": 3, "s": "x=y", "a": ["b"]},
    }
    assert verify(folder, "two", token).returncode == 0
    refresh = run("token", "sign", "one", "--refresh", folder=folder).stdout.strip()
    assert verify(folder, "one", "--class", "refresh", refresh).returncode == 0
    done = run("token", "sign", "two", "--refresh", folder=folder)
    assert done.returncode == 1 and "no refresh" in done.stderr


# secret


def test_secret_check_of_a_configuration(tmp_path):
    def check(text, environment=None):
        (tmp_path / "gateway.conf").write_text(text)
        done = run("secret", "check", folder=tmp_path, environment=environment)
        assert ACCESS not in done.stdout + done.stderr
        return done

    access = "realm one { access { secret ${A}; } }\n"
    done = check(access, {"A": ACCESS})
    assert done.returncode == 0 and "ok" in done.stdout
    done = check(access)
    assert done.returncode == 1 and "not set: A" in done.stdout
    done = check(access, {"A": "your-secret-key-change-this-in-production"})
    assert done.returncode == 1 and "published default" in done.stdout
    done = check(access + "realm two { access { secret ${A}; } }", {"A": ACCESS})
    assert done.returncode == 1 and "shared with realm one" in done.stdout
    # Within a realm `type` tells the classes apart: said, but not refused.
    done = check(
        "realm one { access { secret ${A}; } refresh { secret ${A}; } }", {"A": ACCESS}
    )
    assert done.returncode == 0 and "the same" in done.stdout
    assert check("listen 127.0.0.1:0;").returncode == 1


DUAL = """
env_file .env optional;
realm one {{ preset {preset}; decrypt open.jwk;
    access {{ secret ${{A}}; previous ${{P}} until 2030-01-01; }} refresh {{ secret ${{B}}; }} }}
realm two {{ access {{ secret ${{C}}; {encoding} }} }}
"""
HEX = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


@pytest.mark.parametrize(
    "change, code, said",
    [
        ({}, 0, None),
        ({"C": ACCESS}, 1, "realm two, access secret          shared with realm one, access secret"),
        ({"C": ACCESS + "\\n"}, 1, "shared with realm one, access secret, but for its writing: with a newline"),
        ({"C": b64(ACCESS.encode())}, 1, "but for its writing: written as base64"),
        ({"C": HEX, "A": HEX, "encoding": "encoding hex;"}, 1, "decoded from hex"),
        ({"P": ACCESS}, 1, "no change: the same as realm one, access secret"),
        ({"P": "'" + '"' + ACCESS + '"' + "'"}, 1, "no change: the same as realm one, access secret, but for"),
        ({"B": ACCESS}, 0, "note: the same as realm one, access secret"),
        ({"B": ACCESS, "preset": "nest-dual-secret"}, 1, "needs two"),
        ({"B": ACCESS + " # c", "preset": "nest-dual-secret"}, 1, "needs two"),
        ({"open": HEX, "A": HEX}, 1, "realm one, decrypt key             shared with realm one, access"),
        ({"FLASK_SECRET_KEY": ACCESS}, 1, ".env             FLASK_SECRET_KEY"),
        ({"NODE_JWT_SECRET": ACCESS}, 0, "note: the same as realm one, access secret"),
    ],
    ids=lambda value: str(list(value)) if isinstance(value, dict) else None,
)
def test_secret_check_finds_what_is_shared(tmp_path, change, code, said):
    change = dict(change)
    opener = bytes.fromhex(change.pop("open", "ff" * 16))
    (tmp_path / "open.jwk").write_text(json.dumps({"kty": "oct", "k": b64(opener)}))
    (tmp_path / "gateway.conf").write_text(
        DUAL.format(preset=change.pop("preset", "none"), encoding=change.pop("encoding", ""))
    )
    values = {"A": ACCESS, "B": REFRESH, "C": OTHER_ACCESS, "P": "q" * 3 + OTHER_ACCESS, **change}
    lines = [
        f"{name}={value}" if value[0] in "'" or "\\" not in value else f'{name}="{value}"'
        for name, value in values.items()
    ]
    (tmp_path / ".env").write_text("\n".join(lines) + "\n")
    done = run("secret", "check", folder=tmp_path)
    text = " ".join(done.stdout.split())
    assert done.returncode == code, done.stdout + done.stderr
    assert said is None or " ".join(said.split()) in text, done.stdout
    for secret in (ACCESS, REFRESH, OTHER_ACCESS, HEX):
        assert secret not in done.stdout + done.stderr


def test_secret_check_compares_a_backends_environment(tmp_path):
    (tmp_path / "gateway.conf").write_text(
        "realm one { access { secret ${A}; } refresh { secret ${B}; } }\n"
    )
    environment = {"A": ACCESS, "B": REFRESH}
    (tmp_path / "flask.env").write_text(f"JWT_SECRET_KEY={ACCESS}\nPORT=5000\n")
    (tmp_path / "nest.env").write_text(
        f"JWT_SECRET='\"{ACCESS}\"'\nJWT_REFRESH={REFRESH}\nB=quite_another_thing\n"
    )
    (tmp_path / "foreign.env").write_text("PORT=1\n")

    def check(*files):
        more = [word for file in files for word in ("--env", file)]
        done = run("secret", "check", *more, folder=tmp_path, environment=environment)
        assert ACCESS not in done.stdout + done.stderr
        return done.returncode, " ".join(done.stdout.split()), done.stderr

    code, text, _ = check("flask.env")
    assert code == 0 and "flask.env JWT_SECRET_KEY ok, the same as realm one, access secret" in text
    code, text, _ = check("flask.env", "nest.env")
    assert code == 1
    assert (
        "nest.env JWT_SECRET not the same as realm one, access secret, but for its writing: with"
        " double quotes around it" in text
    )
    assert "nest.env JWT_REFRESH ok, the same as realm one, refresh secret" in text
    assert "nest.env B another value than realm one, refresh secret, which has this name" in text
    code, text, _ = check("foreign.env")
    assert code == 1 and "holds no secret of the configuration" in text
    code, _, errors = check("nowhere.env")
    assert code == 1 and "nowhere.env" in errors


def test_secret_new_env_makes_a_configuration_that_starts(tmp_path):
    """`gateway secret new --env > .env`, as the first page says it."""
    (tmp_path / "gateway.conf").write_text(
        """
        env_file .env optional;
        listen 127.0.0.1:0;
        realm main { preset nest-dual-secret;
            access { secret ${JWT_ACCESS_SECRET}; } refresh { secret ${JWT_REFRESH_SECRET}; } }
        upstream backend { server 127.0.0.1:9; }
        route / { upstream backend; }
        """
    )
    assert run("check", folder=tmp_path).returncode == 1
    (tmp_path / ".env").write_text("")
    made = run("secret", "new", "--env", folder=tmp_path)
    (tmp_path / ".env").write_text(made.stdout)
    assert run("check", folder=tmp_path).returncode == 0
    assert run("secret", "check", folder=tmp_path).returncode == 0


def test_secret_check_takes_no_secret_as_a_word(tmp_path):
    done = run("secret", "check", ACCESS, folder=tmp_path)
    assert done.returncode == 2
    assert ACCESS not in done.stdout + done.stderr


def test_secret_new_env_makes_what_the_configuration_and_the_example_name(tmp_path):
    def names(*options):
        done = run("secret", "new", "--env", *options, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
        values = [line.split("=", 1)[1] for line in lines]
        assert len(set(values)) == len(values)
        assert all(len(value) >= 43 for value in values)
        return [line.split("=", 1)[0] for line in lines]

    standard = ["JWT_ACCESS_SECRET", "JWT_REFRESH_SECRET"]
    assert names() == standard
    (tmp_path / ".env.example").write_text(
        "# a comment\nSECRET_KEY=changeme\nEMPTY=\nPORT=8080\nJWT_ACCESS_SECRET=your-secret\n"
    )
    assert names() == [*standard, "SECRET_KEY", "EMPTY"]
    (tmp_path / "gateway.conf").write_text("realm one { access { secret ${MINE}; } }\n")
    assert names() == ["MINE", "SECRET_KEY", "EMPTY", "JWT_ACCESS_SECRET"]


@pytest.mark.parametrize(
    "arguments, letters", [([], 43), (["--bytes", "32"], 43), (["--bytes", "512"], 683)]
)
def test_secret_new_bytes(tmp_path, arguments, letters):
    done = run("secret", "new", *arguments, folder=tmp_path)
    assert done.returncode == 0 and len(done.stdout.strip()) == letters


@pytest.mark.parametrize("count", ["31", "513", "0", "-1", "x", ""])
def test_secret_new_bytes_out_of_bounds(tmp_path, count):
    assert run("secret", "new", "--bytes", count, folder=tmp_path).returncode == 2
