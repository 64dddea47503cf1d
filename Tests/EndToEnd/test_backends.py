"""The main job on real backends: Flask-JWT-Extended, NestJS's behaviour on node, FastAPI with PyJWT.

The backends are unmodified: they check tokens themselves, and know nothing of a gateway."""

import pytest

from conftest import ACCESS, OTHER_ACCESS, OTHER_REFRESH, REFRESH
from support import config
from support.processes import wait_until
from support.tokens import now, payload, remember

CORRECT = {"email": "ada@example.com", "username": "ada", "password": "correct horse"}
CONNECTIONS = 30


def one_realm(flask, nest, fastapi, workers=4) -> str:
    """All three behind one realm, as a team with shared secrets has it."""
    return f"""{config.top(workers)}
    realm main {{
        preset  none;
        access  {{ secret ${{JWT_ACCESS_SECRET}};  lifetime 30m; }}
        refresh {{
            secret ${{JWT_REFRESH_SECRET}}; lifetime 7d;
            token header Authorization Bearer; token body refreshToken;
        }}
    }}
    {config.IDENTITY}{config.BLOCKLIST}
    cors {{ origins http://localhost:5173; credentials on; }}
    upstream flask   {{ server {flask.address};   app_server gunicorn; framework werkzeug;  errors flask; }}
    upstream nest    {{ server {nest.address};    app_server node;     framework express;   errors nestjs; }}
    upstream fastapi {{ server {fastapi.address}; app_server uvicorn;  framework starlette; errors fastapi; }}
    group /flask   {{ upstream flask;   {ROUTES} }}
    group /nest    {{ upstream nest;    {ROUTES} }}
    group /fastapi {{ upstream fastapi; {ROUTES} }}
    """


ROUTES = """
    strip_prefix on;
    route /                  { auth required; }
    route GET  /health       { auth none; }
    route GET  /public       { auth none; }
    route POST /auth/login   { auth none; }
    route POST /auth/refresh { auth refresh; }
    route POST /auth/logout  { auth any; on_success revoke; }
"""
NAMES = ["flask", "nest", "fastapi"]


@pytest.fixture
def edge(gateway, flask, nest, fastapi):
    return gateway(one_realm(flask, nest, fastapi), config.environment(ACCESS, REFRESH))


def login(edge, name: str, body=None) -> tuple:
    answer = edge.post(f"/{name}/auth/login", body or CORRECT)
    assert answer.status in (200, 201), answer
    pair = answer.json()
    access = pair.get("accessToken") or pair["access_token"]
    refresh = pair.get("refreshToken") or pair["refresh_token"]
    return remember(access), remember(refresh)


@pytest.mark.parametrize("home", NAMES)
def test_a_login_opens_every_backend_when_the_secrets_match(edge, home):
    token, _ = login(edge, home)
    subject = str(payload(token)["sub"])
    for name in NAMES:
        answer = edge.get(f"/{name}/me", token)
        assert answer.status == 200, (name, answer)
        body = answer.json()
        assert body["backend"] == name
        assert str(body["id"]) == subject, "what the backend reads from the token itself"
        assert body["edge_user"] == subject, "what the gateway tells it"


@pytest.mark.parametrize("name", NAMES)
def test_a_token_of_a_stranger_is_refused_everywhere(edge, stranger, gateway, name):
    other = gateway(
        config.open_to(stranger.address, workers=1), config.environment(OTHER_ACCESS, OTHER_REFRESH)
    )
    answer = other.post("/auth/login", CORRECT)
    token = remember(answer.json()["accessToken"])
    assert other.get("/me", token).status == 200
    assert edge.get(f"/{name}/me", token).status == 401
    assert edge.logged(path=f"/{name}/me")["reason"] == "bad_signature"


def test_realms_of_their_own_keep_backends_apart(gateway, flask, stranger):
    """Separate secrets, the recommendation for production: each backend takes its own tokens only."""
    edge = gateway(
        f"""{config.top()}
        realm python {{ preset flask-jwt-extended;
            access {{ secret ${{JWT_ACCESS_SECRET}}; lifetime 15m; }}
            refresh {{ secret ${{JWT_REFRESH_SECRET}}; lifetime 7d; }} }}
        realm node {{ preset nest-dual-secret;
            access {{ secret ${{NEST_ACCESS}}; lifetime 15m; }}
            refresh {{ secret ${{NEST_REFRESH}}; lifetime 7d; }} }}
        {config.IDENTITY}
        upstream flask {{ server {flask.address}; app_server gunicorn; framework werkzeug; errors flask; }}
        upstream nest  {{ server {stranger.address}; app_server node; framework express; errors nestjs; }}
        group /flask {{ upstream flask; realm python; {ROUTES.replace("on_success revoke;", "")} }}
        group /nest  {{ upstream nest; realm node; {ROUTES.replace("on_success revoke;", "")} }}
        """,
        {
            **config.environment(ACCESS, REFRESH),
            "NEST_ACCESS": OTHER_ACCESS,
            "NEST_REFRESH": OTHER_REFRESH,
        },
    )
    python, _ = login(edge, "flask")
    node, _ = login(edge, "nest")
    assert edge.get("/flask/me", python).status == 200
    assert edge.get("/nest/me", node).status == 200
    refused = edge.get("/flask/me", node)
    assert refused.status == 401 and list(refused.json()) == ["msg"]
    refused = edge.get("/nest/me", python)
    assert refused.status == 401
    assert refused.json()["statusCode"] == 401
    assert "Unauthorized" in (refused.json()["message"], refused.json().get("error"))


@pytest.mark.parametrize("name", NAMES)
def test_a_refresh_token_opens_nothing_but_the_refresh_route(edge, name):
    access, refresh = login(edge, name)
    for target in NAMES:
        assert edge.get(f"/{target}/me", refresh).status == 401
    assert edge.logged(path="/flask/me")["reason"] == "wrong_token_type"
    assert edge.post(f"/{name}/auth/refresh", token=access).status == 401


def test_refreshing_through_the_gateway(edge):
    _, refresh = login(edge, "flask")
    answer = edge.post("/flask/auth/refresh", token=refresh)
    assert answer.status == 200
    fresh = remember(answer.json()["access_token"])
    remember(answer.json()["refresh_token"])
    assert edge.get("/flask/me", fresh).status == 200

    _, refresh = login(edge, "nest")
    # Made within one second, the next token would be the same one.
    wait_until(lambda: now() > payload(refresh)["iat"], "the clock moves on")
    answer = edge.post("/nest/auth/refresh", {"refreshToken": refresh})
    assert answer.status == 201
    fresh = remember(answer.json()["accessToken"])
    remember(answer.json()["refreshToken"])
    assert edge.get("/nest/me", fresh).status == 200
    # The Nest API rotates by itself: the old one is refused by its own answer.
    again = edge.post("/nest/auth/refresh", {"refreshToken": refresh})
    assert (again.status, again.json()) == (401, {"statusCode": 401, "message": "Unauthorized"})


def test_fastapi_with_one_secret(gateway, fastapi):
    edge = gateway(
        f"""{config.top()}
        realm main {{ preset single-secret;
            access {{ secret ${{JWT_ACCESS_SECRET}}; lifetime 30m; }} refresh {{ lifetime 7d; }} }}
        {config.IDENTITY}{config.BLOCKLIST}
        upstream fastapi {{ server {fastapi.address}; app_server uvicorn; framework starlette; errors fastapi; }}
        group /fastapi {{ upstream fastapi; {ROUTES} }}
        """,
        {"JWT_ACCESS_SECRET": ACCESS},
    )
    access, refresh = login(edge, "fastapi")
    assert edge.get("/fastapi/me", access).status == 200
    refused = edge.get("/fastapi/me", refresh)
    assert refused.status == 401 and list(refused.json()) == ["detail"]
    answer = edge.post("/fastapi/auth/refresh", token=refresh)
    assert answer.status == 200
    remember(answer.json()["access_token"])
    assert (
        edge.post("/fastapi/auth/refresh", token=refresh).status == 200
    ), "it is kept, not rotated"
    assert edge.post("/fastapi/auth/logout", token=access).status == 204
    assert edge.get("/fastapi/me", access).status == 401


@pytest.mark.parametrize("home", NAMES)
@pytest.mark.parametrize("door", ["flask", "nest"])
def test_logout_makes_the_token_useless_on_every_backend(edge, home, door):
    token, _ = login(edge, home)
    other, _ = login(edge, "nest", {"email": "linus@example.com", "password": "integer identity"})
    assert edge.get(f"/{home}/me", token).status == 200
    answer = edge.post(f"/{door}/auth/logout", token=token)
    assert answer.status in (200, 204), answer
    for _ in range(CONNECTIONS):
        for name in NAMES:
            assert edge.get(f"/{name}/me", token).status == 401
    assert edge.logged(path="/nest/me")["reason"] == "revoked"
    assert edge.get("/nest/me", other).status == 200


def test_an_integer_subject(edge):
    token, _ = login(edge, "nest", {"email": "linus@example.com", "password": "integer identity"})
    assert payload(token)["sub"] == 42
    body = edge.get("/nest/me", token).json()
    assert (body["id"], body["edge_user"]) == (42, "42")
    assert edge.get("/flask/debug/headers", token).json()["headers"]["HTTP_X_USER_ID"] == "42"


@pytest.mark.parametrize("name", NAMES)
def test_the_backends_see_our_identity_and_never_a_forged_one(edge, name):
    token, _ = login(edge, name)
    subject = str(payload(token)["sub"])
    forged = [("X-User-Id", "admin"), ("x_user_id", "admin"), ("X-User_Id", "admin")]
    for target in (f"/{name}/debug/headers", f"/{name}/public/headers"):
        answer = edge.get(target, token, headers=forged)
        assert answer.status == 200
        text = answer.body.decode()
        assert "admin" not in text
        folded = text.lower().replace("_", "-")
        assert folded.count("x-user-id") == (1 if "debug" in target else 0)
        assert subject in text or "public" in target


@pytest.mark.parametrize("name", NAMES)
def test_the_backends_own_checks_keep_working(edge, gateway, name, flask, nest, fastapi):
    """Behind a route that the gateway leaves open, the backend refuses by itself, in its own words."""
    address = {"flask": flask, "nest": nest, "fastapi": fastapi}[name].address
    open_edge = gateway(config.open_to(address))
    token, _ = login(edge, name)
    assert open_edge.get("/me", token).status == 200
    for bad in (None, token[:-4] + "AAAA"):
        answer = open_edge.get("/me", bad)
        assert answer.status in (401, 422)
    own = {"flask": ["msg"], "fastapi": ["detail"], "nest": ["statusCode", "message"]}[name]
    assert list(open_edge.get("/me").json()) == own


@pytest.mark.parametrize("name", NAMES)
def test_paths_are_stripped_and_queries_kept(edge, name):
    token, _ = login(edge, name)
    seen = edge.get(f"/{name}/debug/headers?a=b&c=%2F", token).json()
    assert seen.get("raw_uri", seen.get("raw_path", "")).split("?")[0] == "/debug/headers"
    if name != "fastapi":
        assert seen.get("raw_uri", seen.get("raw_path")).endswith("?a=b&c=%2F")


@pytest.mark.parametrize("name", NAMES)
def test_many_requests_on_one_connection(edge, name):
    """gunicorn, uvicorn and node end idle connections on their own time; nobody may notice."""
    token, _ = login(edge, name)
    with edge.connect() as client:
        for number in range(100):
            body = b"%d" % number * (number * 50)
            answer = client.request(
                "POST", f"/{name}/echo", [("Authorization", f"Bearer {token}")], body
            )
            assert (answer.status, answer.body) == (200, body), number


def test_a_flask_stream_arrives_in_chunks(edge):
    token, _ = login(edge, "flask")
    answer = edge.get("/flask/stream/2000", token)
    assert answer.status == 200
    assert answer.body == b"".join(b"%06d\n" % i for i in range(2000))


def test_a_browser_from_the_front_end(edge):
    """Preflight, login, authorised call and refusal, as a page on :5173 makes them."""
    origin = ("Origin", "http://localhost:5173")
    ask = [
        origin,
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "authorization"),
    ]
    for name in NAMES:
        answer = edge.request("OPTIONS", f"/{name}/me", ask)
        assert answer.status in (200, 204)
        token, _ = login(edge, name)
        answer = edge.get(f"/{name}/me", token, headers=[origin])
        assert answer.one("Access-Control-Allow-Origin") == "http://localhost:5173"
        refused = edge.get(f"/{name}/me", headers=[origin])
        assert refused.status == 401
        assert refused.one("Access-Control-Allow-Origin") == "http://localhost:5173"
