"""Backends with secrets of their own behind one gateway, as examples/separate-secrets.conf has them."""

from pathlib import Path

import pytest

from conftest import ACCESS, OTHER_ACCESS, OTHER_REFRESH, REFRESH
from support.tokens import claims, now, remember, sign

EXAMPLE = Path(__file__).parent / "examples" / "separate-secrets.conf"
LOGIN = {"email": "ada@example.com", "username": "ada", "password": "correct horse"}


def environment(flask: str, nest: str) -> dict:
    return {
        "GATEWAY_LISTEN": "127.0.0.1:0",
        "FLASK_ADDR": flask,
        "NEST_ADDR": nest,
        "FLASK_ACCESS_SECRET": ACCESS,
        "FLASK_REFRESH_SECRET": REFRESH,
        "NEST_ACCESS_SECRET": OTHER_ACCESS,
        "NEST_REFRESH_SECRET": OTHER_REFRESH,
    }


@pytest.fixture
def edge(gateway, flask, stranger):
    extra = "workers 2; admin unix:admin.sock; access_log access.log;\n"
    return gateway(
        extra + EXAMPLE.read_text(), environment(str(flask.address), str(stranger.address))
    )


def pair(edge, name: str) -> tuple:
    answer = edge.post(f"/{name}/auth/login", LOGIN)
    assert answer.status in (200, 201), answer
    said = answer.json()
    access = said.get("accessToken") or said["access_token"]
    refresh = said.get("refreshToken") or said["refresh_token"]
    return remember(access), remember(refresh)


@pytest.mark.parametrize("home, away", [("flask", "nest"), ("nest", "flask")])
def test_a_login_opens_its_own_backend_only(edge, home, away):
    access, refresh = pair(edge, home)
    assert edge.get(f"/{home}/me", access).status == 200
    assert edge.get(f"/{away}/me", access).status == 401
    assert edge.logged(path=f"/{away}/me")["reason"] == "bad_signature"
    assert edge.post(f"/{away}/auth/refresh", token=refresh).status == 401
    body = {"refreshToken": refresh} if home == "nest" else None
    answer = edge.post(f"/{home}/auth/refresh", body, token=refresh)
    assert answer.status in (200, 201), answer


def test_a_route_of_both_realms_tells_whose_token_it_was(edge):
    for secret, realm in ((ACCESS, "flask"), (OTHER_ACCESS, "nest")):
        answer = edge.get("/flask/public/headers", sign(claims(sub="7"), secret))
        assert answer.status == 200, answer
        seen = answer.json()["headers"]
        assert (seen["HTTP_X_USER_ID"], seen["HTTP_X_USER_REALM"]) == ("7", realm)


@pytest.mark.parametrize(
    "secret, said, reason",
    [
        (ACCESS, {"exp": now() + 86400}, "lifetime_exceeded"),
        (OTHER_ACCESS, {"exp": now() + 86400}, "lifetime_exceeded"),
        (OTHER_ACCESS, {"exp": now() - 60}, "expired"),
        (OTHER_ACCESS, {"type": "refresh"}, "wrong_token_type"),
        (OTHER_REFRESH, {}, "wrong_token_type"),
        ("n" * 40, {}, "bad_signature"),
    ],
    ids=["long", "long of the second", "expired", "says refresh", "refresh", "nobody's"],
)
def test_the_realm_whose_key_fits_judges_alone(edge, secret, said, reason):
    answer = edge.get("/flask/public/headers", sign(claims(**said), secret))
    assert answer.status == 401, answer
    edge.logged(reason=reason)


def test_a_logout_in_one_realm_is_none_in_the_other(edge):
    """The same id in two realms is two tokens."""
    mine = sign(claims(jti="the-same"), ACCESS)
    theirs = sign(claims(jti="the-same"), OTHER_ACCESS)
    assert edge.post("/flask/auth/logout", token=mine).status == 200
    assert edge.get("/flask/public/headers", mine).status == 401
    edge.logged(reason="revoked")
    assert edge.get("/flask/public/headers", theirs).status == 200


def test_two_realms_with_one_key_are_no_choice(gateway, flask, stranger):
    wrong = environment("127.0.0.1:1", "127.0.0.1:1") | {"NEST_ACCESS_SECRET": ACCESS}
    edge = gateway(EXAMPLE.read_text(), wrong, start=False)
    done = edge.command("check")
    assert done.returncode == 1
    assert "realms flask and nest have a key in common" in done.stdout + done.stderr


def test_routes_tell_the_realms(edge):
    assert "flask nest" in edge.command("routes").stdout
