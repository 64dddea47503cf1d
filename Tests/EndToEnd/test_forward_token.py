"""What of a token reaches the backend: as it came, not at all, or replaced by one of the backend's own
realm; and the signed identity. Real backends verify what is minted, with secrets that no client knows."""

import json
import os
import subprocess
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backends.recorder import OK, answer_all, lines_named
from conftest import ACCESS, OTHER_ACCESS, OTHER_REFRESH, REFRESH
from support import config
from support.processes import wait_until
from support.tokens import bearer, claims, now, payload, remember, sign
from support.websocket import dial

HERE = Path(__file__).parent
EXAMPLE = HERE / "examples" / "internal-secrets.conf"
NODE = HERE / "support" / "algorithms.mjs"

SECRETS = {
    "OUT": OTHER_ACCESS,
    "OUT_REFRESH": OTHER_REFRESH,
    "IN": ACCESS,
    "IN_REFRESH": REFRESH,
}
PLACES = """
    token header Authorization Bearer; token header X-Token; token query jwt;
    token cookie session csrf off;
"""


def realms(inside="", mint="") -> str:
    return f"""
    realm outside {{
        access  {{ secret ${{OUT}}; lifetime 15m; {PLACES} }}
        refresh {{ secret ${{OUT_REFRESH}}; lifetime 7d; token cookie renewal csrf off; }}
    }}
    realm inside {{
        {inside} access {{ secret ${{IN}}; }} refresh {{ secret ${{IN_REFRESH}}; }}
        mint {{ {mint} }}
    }}
    """


def to(address, word: str, route: str = "", **more) -> str:
    return f"""{config.top()}
    {realms(**more)}
    upstream backend {{ server {address}; }}
    group / {{
        upstream backend; realm outside; forward_token {word};
        {route}
        route / {{ }}
        route /optional {{ auth optional; }}
        route /any {{ auth any; }}
        route /logout {{ on_success revoke; }}
    }}
    """


def outside(**more) -> str:
    return sign(claims(**more), OTHER_ACCESS)


def minted(head: bytes) -> str:
    """The one token that the gateway wrote."""
    lines = lines_named(head, "Authorization")
    assert len(lines) == 1 and lines[0].startswith("Bearer "), lines
    return remember(lines[0][7:])


# Real backends


@pytest.fixture
def edge(gateway, flask, fastapi, stranger):
    environment = {
        "GATEWAY_LISTEN": "127.0.0.1:0",
        "FLASK_ADDR": str(flask.address),
        "FASTAPI_ADDR": str(fastapi.address),
        "NEST_ADDR": str(stranger.address),
        "OUTSIDE_ACCESS_SECRET": OTHER_ACCESS,
        "OUTSIDE_REFRESH_SECRET": OTHER_REFRESH,
        "INSIDE_ACCESS_SECRET": ACCESS,
        "INSIDE_REFRESH_SECRET": REFRESH,
    }
    extra = "workers 2; admin unix:admin.sock; access_log access.log;\n"
    return gateway(extra + EXAMPLE.read_text(), environment)


@pytest.mark.parametrize(
    "email, password, user",
    [
        ("ada@example.com", "correct horse", "user-ada"),
        # A number to Nest: PyJWT would refuse it.
        ("linus@example.com", "integer identity", "42"),
    ],
)
def test_a_nest_login_opens_flask_with_a_secret_of_its_own(edge, email, password, user):
    pair = edge.post("/nest/auth/login", {"email": email, "password": password}).json()
    token, refresh = remember(pair["accessToken"]), remember(pair["refreshToken"])
    answer = edge.get("/flask/me", token)
    assert answer.status == 200, answer
    assert (answer.json()["id"], answer.json()["email"]) == (user, email)
    # Nest itself gets it as it is.
    assert edge.get("/nest/me", token).status == 200
    seen = edge.get("/flask/debug/headers", token).json()["headers"]
    inner = remember(seen["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
    assert token not in str(seen) and inner != token
    said = jwt.decode(inner, ACCESS, algorithms=["HS256"])
    assert (said["sub"], said["email"], said["type"]) == (user, email, "access")
    assert said["realm"] == "outside"
    assert 0 < said["exp"] - now() <= 60
    # A refresh token is one there, too, signed with the other secret.
    assert edge.get("/flask/me", refresh).status == 401
    answer = edge.post("/flask/auth/refresh", token=refresh)
    assert answer.status == 200, answer


def test_without_the_gateway_the_backend_refuses_the_token(gateway, flask):
    """The control: nothing but the replacement opens the door."""
    edge = gateway(to(flask.address, "keep", inside="preset flask-jwt-extended;"), SECRETS)
    assert edge.get("/me", outside(sub="ada")).status == 422
    edge = gateway(to(flask.address, "drop", inside="preset flask-jwt-extended;"), SECRETS)
    assert edge.get("/me", outside(sub="ada")).status == 401


def test_fastapi_with_a_secret_of_its_own(edge):
    token = outside(sub="7", username="ada")
    answer = edge.get("/fastapi/me", token)
    assert answer.status == 200, answer
    assert (answer.json()["id"], answer.json()["username"]) == ("7", "ada")
    seen = edge.get("/fastapi/debug/headers", token).json()["headers"]
    assert token not in str(seen)
    lines = [value for name, value in seen if name == "authorization"]
    assert len(lines) == 1 and jwt.decode(lines[0][7:], ACCESS, algorithms=["HS256"])


def test_a_flask_login_opens_nest(gateway, flask, stranger):
    """The other way round: Node verifies with its own secret, and finds a subject as it expects it."""
    edge = gateway(
        f"""{config.top()}
        realm flask {{
            preset flask-jwt-extended;
            access {{ secret ${{IN}}; lifetime 15m; }} refresh {{ secret ${{IN_REFRESH}}; lifetime 7d; }}
        }}
        realm nest {{
            access {{ secret ${{OUT}}; }} refresh {{ secret ${{OUT_REFRESH}}; }}
            mint {{ claims none; claim email email; }}
        }}
        upstream flask {{ server {flask.address}; }}
        upstream nest {{ server {stranger.address}; forward_token remint nest; }}
        group /flask {{ upstream flask; realm flask; strip_prefix on;
            route / {{ }} route /auth/login {{ auth none; }} }}
        group /nest {{ upstream nest; realm flask; strip_prefix on; route / {{ }} }}
        """,
        SECRETS,
    )
    login = {"email": "ada@example.com", "password": "correct horse"}
    token = remember(edge.post("/flask/auth/login", login).json()["access_token"])
    assert edge.get("/flask/me", token).status == 200
    answer = edge.get("/nest/me", token)
    assert answer.status == 200, answer
    assert (answer.json()["id"], answer.json()["email"]) == ("user-ada", "ada@example.com")
    raw = edge.get("/nest/debug/headers", token).json()["raw_headers"]
    assert token not in str(raw)
    inner = remember(dict(zip(raw[::2], raw[1::2]))["Authorization"][7:])
    assert set(payload(inner)) == {"exp", "iat", "sub", "jti", "email"}
    assert payload(inner)["jti"] == payload(token)["jti"]


def test_external_secrets_rotate_without_touching_a_backend(gateway, flask):
    text = to(flask.address, "remint inside", inside="preset flask-jwt-extended;")
    text = text.replace("secret ${OUT};", "secret ${NEXT}; previous ${OUT} until 2999-01-01;")
    after = "n" + OTHER_ACCESS[1:]
    edge = gateway(text, SECRETS | {"NEXT": after})
    for token in (outside(sub="ada"), sign(claims(sub="ada"), after)):
        assert edge.get("/me", token).json()["id"] == "ada"


# Where tokens were


CARRIED = {
    "header": lambda token: ("/x", [bearer(token)]),
    "spelled otherwise": lambda token: ("/x", [("AUTHORIZATION", f"bearer   {token}")]),
    "own header": lambda token: ("/x", [("x-token", token)]),
    "cookie": lambda token: ("/x", [("Cookie", f"a=1; session={token}; b=2")]),
    "query": lambda token: (f"/x?a=1&jwt={token}&b=2", []),
    "everywhere": lambda token: (
        f"/x?jwt={token}",
        [bearer(token), ("X-Token", token), ("Cookie", f"session={token}; access_token={token}")],
    ),
}


@pytest.mark.parametrize("word", ["drop", "remint inside", "remint outside"])
def test_the_external_token_is_nowhere(gateway, recorder, word):
    backend = recorder()
    edge = gateway(to(backend.address, word), SECRETS)
    for name, carry in CARRIED.items():
        token = outside(jti=name)
        target, headers = carry(token)
        headers = headers + [("X-Kept", "yes")]
        for path in ("", "/optional", "/any", "/logout"):
            answer = edge.get(path + target, headers=headers)
            if path == "/logout":
                headers = [("Cookie", f"renewal={sign(claims(jti=name), OTHER_REFRESH)}")] + headers
            head = backend.heads[-1]
            assert answer.status == (200 if path != "/logout" else answer.status), (name, answer)
            if answer.status != 200:
                continue
            assert token.encode() not in head, (name, path, head)
            assert token.split(".")[2].encode() not in head
            assert lines_named(head, "X-Kept") == ["yes"]
            if "a=1" in str(headers) + target:
                assert b"a=1" in head and b"b=2" in head
            if word == "drop":
                assert b"eyJ" not in head and not lines_named(head, "Authorization")
            else:
                secret = ACCESS if word.endswith("inside") else OTHER_ACCESS
                said = jwt.decode(minted(head), secret, algorithms=["HS256"])
                assert said["jti"] == name


def test_a_refresh_token_beside_it_is_nowhere_either(gateway, recorder):
    """On a logout route the gateway learns it; the backend need not."""
    for word in ("drop", "remint inside"):
        backend = recorder()
        edge = gateway(to(backend.address, word), SECRETS)
        renewal = sign(claims(jti="r"), OTHER_REFRESH)
        cookie = ("Cookie", f"a=1; renewal={renewal}")
        assert edge.get("/logout", outside(jti="a"), headers=[cookie]).status == 200
        assert renewal.encode() not in backend.head and b"a=1" in backend.head
        # It is revoked all the same.
        assert edge.get("/any", headers=[cookie]).status == 401
        edge.logged(reason="revoked")


def test_a_refresh_token_is_replaced_by_one_of_its_class(gateway, recorder):
    backend = recorder()
    edge = gateway(to(backend.address, "remint inside"), SECRETS)
    renewal = sign(claims(jti="r"), OTHER_REFRESH)
    assert edge.get("/any", headers=[("Cookie", f"renewal={renewal}")]).status == 200
    assert jwt.decode(minted(backend.head), REFRESH, algorithms=["HS256"])["jti"] == "r"


FORGED = ["Authorization", "authorization", "AUTHORIZATION"]


def test_the_place_of_the_minted_token_is_the_gateways(gateway, recorder):
    """A client's own line there never arrives, whatever its scheme and even without a token."""
    backend = recorder()
    edge = gateway(to(backend.address, "remint inside"), SECRETS)
    mine = sign(claims(sub="admin"), ACCESS)
    for name in FORGED:
        for value in (f"JWT {mine}", "Basic YTpi", mine):
            assert edge.get("/optional", headers=[(name, value)]).status == 200
            assert not lines_named(backend.heads[-1], "Authorization")
            token = outside(sub="me")
            headers = [(name, value), ("Cookie", f"session={token}")]
            assert edge.get("/", headers=headers).status == 200
            assert jwt.decode(minted(backend.heads[-1]), ACCESS, algorithms=["HS256"])["sub"] == "me"
            assert mine.encode() not in backend.heads[-1]


def test_another_place_of_the_backend_is_guarded_in_every_spelling(gateway, recorder):
    backend = recorder()
    text = to(backend.address, "remint inside").replace(
        "secret ${IN};", "secret ${IN}; token header X-Inner-Token Token; token cookie inner csrf off;"
    )
    edge = gateway(text, SECRETS)
    mine = sign(claims(sub="admin"), ACCESS)
    names = ["X-Inner-Token", "x-inner-token", "X_Inner_Token", "X.Inner.Token", "x_INNER-token"]
    for name in names:
        for token in (None, outside(sub="me")):
            headers = [(name, f"Token {mine}"), ("Cookie", f"inner={mine}; a=1")]
            assert edge.get("/optional", token, headers=headers).status == 200
            head = backend.heads[-1]
            assert mine.encode() not in head and b"a=1" in head, (name, head)
            lines = lines_named(head, "X-Inner-Token")
            assert len(lines) == (1 if token else 0)
            if token:
                assert jwt.decode(remember(lines[0][6:]), ACCESS, algorithms=["HS256"])["sub"] == "me"


# Claims


def test_claims_arrive_as_they_were_signed(gateway, recorder):
    backend = recorder()
    mint = "claim roles realm_access.roles; claim tenant org.id; claim gone no.where;"
    edge = gateway(to(backend.address, "remint inside", mint=mint), SECRETS)
    said = (
        b'{"sub":"u","exp":%d,"big":123456789012345678901234567890,"deci":1.50E+3,'
        b'"text":"\\u00e9\\ud83e\\udd89\\/","nested":{"a" : [1,{"b":null}]},"gone":"stays away",'
        b'"roles":["admin"],"realm_access":{"roles":["user", "r\\u00e9"]},"org":{"id":7}}'
        % (now() + 600)
    )
    token = sign(said, OTHER_ACCESS)
    assert edge.get("/", token).status == 200
    inner = minted(backend.head)
    part = inner.split(".")[1]
    text = jwt.utils.base64url_decode(part)
    for piece in (
        b'"big":123456789012345678901234567890,"deci":1.50E+3,"text":"\\u00e9\\ud83e\\udd89\\/"',
        b'"nested":{"a" : [1,{"b":null}]}',
        b'"roles":["user", "r\\u00e9"]',
        b'"tenant":7',
    ):
        assert piece in text, (piece, text)
    assert b"admin" not in text and b"stays away" not in text
    assert jwt.decode(inner, ACCESS, algorithms=["HS256"])["text"] == "é🦉/"


@pytest.mark.parametrize("rest", [5, 30, 600])
def test_a_minted_token_never_outlives_its_original(gateway, recorder, rest):
    backend = recorder()
    edge = gateway(to(backend.address, "remint inside"), SECRETS)
    before = now()
    token = outside(exp=before + rest, iat=before)
    assert edge.get("/", token).status == 200
    said = payload(minted(backend.head))
    assert said["exp"] <= before + rest and said["exp"] <= now() + 60
    # Some reckon a token's life from its own times. On a slow machine this one isn't fresh any more.
    assert said["exp"] - said["iat"] <= 60 or said["iat"] == before
    # PyJWT refuses a token that was issued one second ahead of its own clock.
    assert said["iat"] <= before - 5 + (now() - before) and "nbf" not in said


def test_a_minted_token_is_used_again(gateway, recorder):
    backend = recorder()
    edge = gateway(to(backend.address, "remint inside").replace("workers 2", "workers 1"), SECRETS)
    token = outside()
    for _ in range(5):
        assert edge.get("/", token).status == 200
    assert len({minted(head) for head in backend.heads}) == 1
    assert edge.get("/", outside(sub="other")).status == 200
    assert payload(minted(backend.heads[-1]))["sub"] == "other"
    counters = edge.status()["counters"]
    assert (counters["tokens_minted"], counters["minted_tokens_reused"]) == (2, 4)


def test_revocation_and_expiry_are_judged_each_time(gateway, recorder):
    """What is remembered says nothing about the right to pass."""
    backend = recorder()
    edge = gateway(to(backend.address, "remint inside"), SECRETS)
    token = outside(jti="out")
    assert edge.get("/", token).status == 200
    assert edge.get("/logout", token).status == 200
    assert edge.get("/", token).status == 401


def test_a_token_that_grows_too_large_is_told_so(gateway, recorder):
    backend = recorder()
    text = to(backend.address, "remint inside", inside=f"issuer {'i' * 3000};")
    edge = gateway(text, SECRETS)
    answer = edge.get("/", outside(fill="x" * 4000))
    assert answer.status == 401
    edge.logged(reason="too_large")
    assert not backend.heads
    assert edge.get("/", outside()).status == 200


# Heads that are written more than once, or as something else


def test_a_second_attempt_says_the_same(gateway, recorder):
    def script(peer):
        if peer.number > 0:
            return answer_all()(peer)
        peer.read_head()
        peer.send(OK)
        peer.read_head()

    backend = recorder(script)
    edge = gateway(to(backend.address, "remint inside").replace("workers 2", "workers 1"), SECRETS)
    token = outside()
    assert edge.get("/first", token).status == 200
    assert edge.get("/second", token, headers=[("Authorization-", "x")]).status == 200
    heads = [head for head in backend.heads if b" /second " in head]
    assert len(heads) == 2
    assert minted(heads[0]) == minted(heads[1])
    assert all(token.encode() not in head for head in heads)


@pytest.mark.parametrize("how", ["header", "subprotocol"])
def test_a_websocket_brings_the_minted_token(gateway, fastapi, how):
    edge = gateway(to(fastapi.address, "remint inside"), SECRETS)
    token = outside(sub="me")
    more = {"token": token} if how == "header" else {"subprotocols": ["bearer", token]}
    with dial(edge, "/ws/echo", **more) as socket:
        headers = json.loads(socket.recv())
        socket.send("hello")
        assert socket.recv() == "hello"
    assert token not in str(headers)
    lines = [value for name, value in headers if name == "authorization"]
    assert len(lines) == 1
    assert jwt.decode(remember(lines[0][7:]), ACCESS, algorithms=["HS256"])["sub"] == "me"


# The signed identity


@pytest.fixture
def voucher(tmp_path):
    """An ES256 key whose private half only the gateway has."""
    key = ec.generate_private_key(ec.SECP256R1())
    return write_key(tmp_path / "voucher.pem", key)


def write_key(path, key):
    temporary = path.with_suffix(".new")
    temporary.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    os.replace(temporary, path)
    return path, key.public_key()


def asserting(address, path, word="keep", name="") -> str:
    return f"""{config.top()}
    {realms()}
    realm voucher {{ issuer gateway; audience backend; access {{ key {path}; }} }}
    identity {{ assertion voucher {name}; header X-User-Id sub; forward_token {word}; }}
    upstream backend {{ server {address}; }}
    group / {{
        upstream backend; realm outside;
        route / {{ }}
        route /open {{ auth none; }}
        route /optional {{ auth optional; }}
        route /any {{ auth any; }}
    }}
    """


def node_verifies(key, token):
    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    done = subprocess.run(
        ["node", str(NODE)], input=json.dumps({"alg": "ES256", "key": pem, "token": token}) + "\n",
        capture_output=True, text=True, timeout=60, check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("word", ["keep", "drop", "remint inside"])
def test_an_assertion_is_verified_by_others(gateway, recorder, voucher, word):
    path, public = voucher
    backend = recorder()
    edge = gateway(asserting(backend.address, path, word), SECRETS)
    token = outside(sub="ada", role="admin")
    assert edge.get("/", token).status == 200
    head = backend.head
    lines = lines_named(head, "X-Identity-Assertion")
    assert len(lines) == 1 and lines_named(head, "X-User-Id") == ["ada"]
    proof = remember(lines[0])
    said = jwt.decode(proof, public, algorithms=["ES256"], audience="backend", issuer="gateway")
    assert (said["sub"], said["role"], said["type"]) == ("ada", "admin", "access")
    assert 0 < said["exp"] - now() <= 60
    assert node_verifies(public, proof) == said
    assert (token.encode() in head) == (word == "keep")
    # A refresh token's says so.
    renewal = sign(claims(sub="ada"), OTHER_REFRESH)
    assert edge.get("/any", headers=[("Cookie", f"renewal={renewal}")]).status == 200
    proof = remember(lines_named(backend.heads[-1], "X-Identity-Assertion")[0])
    assert node_verifies(public, proof)["type"] == "refresh"


@pytest.mark.parametrize("name", ["X-Identity-Assertion", "X-Who-Signed"])
def test_a_clients_own_assertion_reaches_no_route(gateway, recorder, voucher, name):
    backend = recorder()
    given = "" if name == "X-Identity-Assertion" else name
    edge = gateway(asserting(backend.address, voucher[0], name=given), SECRETS)
    spellings = [name, name.lower(), name.upper(), name.replace("-", "_"), name.replace("-", ".")]
    for spelling in spellings:
        for path, token, count in (
            ("/open", None, 0), ("/open", outside(), 0), ("/optional", None, 0), ("/", outside(), 1)
        ):
            answer = edge.get(path, token, headers=[(spelling, "forged")])
            assert answer.status == 200, answer
            head = backend.heads[-1]
            assert b"forged" not in head, (spelling, path, head)
            assert len(lines_named(head, name)) == count


def test_a_changed_key_signs_the_next_assertion(gateway, recorder, voucher):
    """A watched file: also what was minted before is forgotten, and a file that can't sign is not taken."""
    path, public = voucher
    backend = recorder()
    edge = gateway(asserting(backend.address, path).replace("workers 2", "workers 1"), SECRETS)
    token = outside()

    def proof():
        assert edge.get("/", token).status == 200
        return remember(lines_named(backend.heads[-1], "X-Identity-Assertion")[0])

    first = proof()
    assert proof() == first and node_verifies(public, first)
    _, after = write_key(path, ec.generate_private_key(ec.SECP256R1()))
    wait_until(lambda: node_verifies(after, proof()), "the new key signs")
    second = proof()
    path.with_suffix(".new").write_bytes(
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    os.replace(path.with_suffix(".new"), path)
    wait_until(lambda: "would have no private key" in edge.stderr(), "the file is refused")
    assert proof() == second


# Tools


def test_the_tools_tell_it_and_show_no_token(gateway, flask, voucher):
    text = asserting(flask.address, voucher[0], "remint inside")
    edge = gateway(text, SECRETS)
    token = outside()
    done = edge.command("explain", "GET", "/", "-H", f"Authorization: Bearer {token}")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "gets a token of realm inside instead, good for 55 s" in said and "signed with HS256" in said
    assert "X-Identity-Assertion of realm voucher" in said and "signed with ES256" in said
    assert "Authorization: Bearer (minted)" in said and "X-Identity-Assertion: (minted)" in said
    assert "eyJ" not in said.replace(token, "")
    assert "remint inside" in edge.command("routes").stdout
    assert "X-Identity-Assertion by realm voucher" in edge.command("check").stdout
