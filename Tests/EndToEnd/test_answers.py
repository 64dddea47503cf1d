"""The gateway's own answers: the body in the style the route has, the status and the challenge."""

import pytest

from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config
from support.tokens import claims, now, sign

ENVIRONMENT = config.environment(ACCESS, REFRESH)
STYLES = ["flask", "fastapi", "nestjs", "coded", "problem"]


def expired():
    return sign(claims(exp=now() - 10), ACCESS)


def forged():
    return sign(claims(), OTHER_ACCESS)


def good():
    return sign(claims(jti="good-1"), ACCESS)


def styled(address: str, extra: str = "") -> str:
    """One route per style, a limit that is used up at once, and an upstream that is down."""
    routes = "".join(f"""
        route /{style} {{ upstream backend; auth required; errors {style}; }}
        route /limited-{style} {{ upstream backend; auth none; errors {style}; limit once; }}
        route /down-{style} {{ upstream down; auth none; errors {style}; }}
        """ for style in STYLES)
    return f"""{config.top()}
    {config.REALM}{config.BLOCKLIST}{extra}
    limit once {{ rate 1/h; burst 1; }}
    upstream backend {{ server {address}; }}
    upstream down {{ server 127.0.0.1:1; connect_timeout 2s; }}
    {routes}
    """


# The four answers of seed 004, word for word.
CODED = {
    "missing": (None, {"code": "UNAUTHORIZED", "message": "Authorization token required"}),
    "expired": (expired, {"code": "TOKEN_EXPIRED", "message": "Token has expired"}),
    "invalid": (forged, {"code": "TOKEN_INVALID", "message": "Invalid token"}),
    "revoked": (good, {"code": "TOKEN_INVALID", "message": "Token has been revoked"}),
}


@pytest.mark.parametrize("case", CODED)
def test_the_four_answers_of_the_seed(gateway, recorder, case):
    make, error = CODED[case]
    backend = recorder()
    edge = gateway(styled(backend.address), ENVIRONMENT)
    token = make() if make else None
    if case == "revoked":
        revoked = edge.command("revoke", "--token", token)
        assert revoked.returncode == 0, revoked.stderr
    answer = edge.get("/coded/x", token)
    assert answer.status == 401
    assert answer.one("Content-Type").startswith("application/json")
    assert answer.json() == {"success": False, "error": error}
    assert backend.heads == []


def check_body(style: str, answer, status: int):
    body = answer.json()
    kind = answer.one("Content-Type").split(";")[0]
    if style == "problem":
        assert kind == "application/problem+json"
        assert body["status"] == status and body["title"]
        return
    assert kind == "application/json"
    if style == "flask":
        assert list(body) == ["msg"] and body["msg"]
    elif style == "fastapi":
        assert list(body) == ["detail"] and body["detail"]
    elif style == "nestjs":
        assert body["statusCode"] == status and body["message"]
        assert set(body) <= {"statusCode", "message", "error"}
    else:
        assert body["success"] is False and set(body["error"]) == {"code", "message"}


@pytest.mark.parametrize("style", STYLES)
def test_every_refusal_has_the_style_of_its_route(gateway, recorder, style):
    edge = gateway(styled(recorder().address), ENVIRONMENT)
    for token in (None, expired(), forged(), "garbage"):
        answer = edge.get(f"/{style}", token)
        assert answer.status == 401
        check_body(style, answer, 401)
    assert edge.get(f"/limited-{style}").status == 200
    answer = edge.get(f"/limited-{style}")
    assert answer.status == 429
    check_body(style, answer, 429)
    assert int(answer.one("Retry-After")) > 0
    answer = edge.get(f"/down-{style}")
    assert answer.status == 502
    check_body(style, answer, 502)
    answer = edge.get(
        f"/{style}", headers=[("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
    )
    assert answer.status == 400
    check_body(style, answer, 400)


def test_the_codes_of_the_coded_style(gateway, recorder):
    edge = gateway(styled(recorder().address), ENVIRONMENT)
    assert edge.get("/limited-coded").status == 200
    assert edge.get("/limited-coded").json()["error"]["code"] == "RATE_LIMITED"


def test_the_words_of_flask_jwt_extended(gateway, recorder):
    edge = gateway(styled(recorder().address), ENVIRONMENT)
    assert edge.get("/flask").json() == {"msg": "Missing Authorization Header"}
    assert edge.get("/flask", expired()).json() == {"msg": "Token has expired"}
    token = good()
    assert edge.command("revoke", "--token", token).returncode == 0
    assert edge.get("/flask", token).json() == {"msg": "Token has been revoked"}


def test_the_words_of_nest(gateway, recorder):
    edge = gateway(styled(recorder().address), ENVIRONMENT)
    body = edge.get("/nestjs").json()
    assert (body["statusCode"], body["message"]) == (401, "Unauthorized")


def test_the_422_of_flask_jwt_extended_where_it_is_wanted(gateway, recorder):
    edge = gateway(
        f"""{config.top()}{config.REALM}
        upstream backend {{ server {recorder().address}; }}
        route / {{ upstream backend; errors flask; flask_422 on; }}
        """,
        ENVIRONMENT,
    )
    for token, status in [
        (None, 401),
        (expired(), 401),
        (forged(), 422),
        ("garbage", 422),
        ("a.b.c", 422),
    ]:
        answer = edge.get("/", token)
        assert answer.status == status, token
        check_body("flask", answer, status)


CHALLENGES = [
    ("missing", None, None),
    ("expired", expired, "invalid_token"),
    ("bad signature", forged, "invalid_token"),
    ("malformed", lambda: "garbage", "invalid_token"),
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name, make, error", CHALLENGES, ids=[row[0] for row in CHALLENGES])
def test_the_challenge_is_that_of_rfc_6750(gateway, recorder, style, name, make, error):
    edge = gateway(styled(recorder().address), ENVIRONMENT)
    answer = edge.get(f"/{style}", make() if make else None)
    challenge = answer.one("WWW-Authenticate")
    assert challenge.startswith("Bearer")
    if error is None:
        assert "error=" not in challenge, "RFC 6750 §3.1: no error code where no token was given"
    else:
        assert f'error="{error}"' in challenge


def test_ambiguous_credentials_are_an_invalid_request(gateway, recorder):
    edge = gateway(styled(recorder().address), ENVIRONMENT)
    answer = edge.get(
        "/problem", headers=[("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
    )
    assert answer.status == 400
    challenge = answer.one("WWW-Authenticate")
    assert challenge is None or 'error="invalid_request"' in challenge


def test_the_most_specific_style_wins(gateway, recorder):
    address = recorder().address
    edge = gateway(
        f"""{config.top()}{config.REALM}
        errors coded;
        upstream plain {{ server {address}; }}
        upstream styled {{ server {address}; errors fastapi; }}
        route /top {{ upstream plain; }}
        route /upstream {{ upstream styled; }}
        group /group {{
            upstream styled;
            errors nestjs;
            route / {{ }}
            route /route {{ errors flask; }}
        }}
        """,
        ENVIRONMENT,
    )
    check_body("coded", edge.get("/top"), 401)
    check_body("coded", edge.get("/nowhere"), 404)
    check_body("fastapi", edge.get("/upstream"), 401)
    check_body("nestjs", edge.get("/group"), 401)
    check_body("flask", edge.get("/group/route"), 401)


def test_an_answer_to_head_has_no_body(gateway, recorder):
    edge = gateway(styled(recorder().address), ENVIRONMENT)
    with edge.connect() as client:
        for _ in range(2):
            answer = client.request("HEAD", "/coded")
            assert (answer.status, answer.body) == (401, b"")
            assert answer.one("WWW-Authenticate").startswith("Bearer")


def test_answers_say_nothing_about_the_inside(gateway, recorder):
    """No token, no secret, no reason beyond the constant words, no address of a backend."""
    edge = gateway(styled(recorder().address), ENVIRONMENT)
    token = forged()
    for target in ("/flask", "/coded", "/problem", "/down-problem", "/nowhere"):
        answer = edge.get(target, token)
        assert answer.status in (401, 404, 502)
        text = str(answer).lower()
        for word in (token.lower(), ACCESS.lower(), "127.0.0.1", "swift", "openssl", "hmac"):
            assert word not in text, (target, word)


def test_a_refusal_is_logged_with_its_reason(gateway, recorder):
    edge = gateway(styled(recorder().address), ENVIRONMENT)
    edge.get("/flask/missing")
    edge.get("/flask/expired", expired())
    edge.get("/flask/forged", forged())
    assert edge.logged(path="/flask/missing")["reason"] == "missing"
    assert edge.logged(path="/flask/expired")["reason"] == "expired"
    assert edge.logged(path="/flask/forged")["reason"] == "bad_signature"
