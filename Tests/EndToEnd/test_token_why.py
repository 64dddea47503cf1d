"""`gateway token why` over tokens that real libraries made wrongly: PyJWT, Flask-JWT-Extended, node.

Each row is a mistake that teams make, and what must be said of it first; none may show a secret.
"""

import base64
import json
import subprocess
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask import Flask
from jwcrypto import jwe, jwk
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token

from conftest import ACCESS, OTHER_ACCESS, OTHER_REFRESH, REFRESH
from support.gateway import run
from support.tokens import b64, now, remember, sensitive

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
BASE64 = base64.b64encode(bytes(range(200, 240))).decode()
SEALED = "Pq5rSt8uVw2xYz4aBc6dEf9gHj3kLm7nQp1sUv0w"
OPEN = bytes(range(32))
PREVIOUS = "an earlier secret of this realm, long ago"

CONFIGURATION = f"""
listen 127.0.0.1:0;
realm main {{
    preset flask-jwt-extended;
    access  {{ secret ${{ACCESS_SECRET}}; previous "{PREVIOUS}" until 2020-01-01; lifetime 15m; }}
    refresh {{ secret ${{REFRESH_SECRET}}; lifetime 7d; }}
}}
realm nest {{ preset nest-dual-secret; issuer nest; audience web;
    access {{ secret {OTHER_ACCESS}; }} refresh {{ secret {OTHER_REFRESH}; }} }}
realm coded {{ access {{ secret {BASE64}; }} }}
realm pair  {{ access {{ key rsa.pem; algorithms RS256; }} }}
realm curve {{ access {{ jwks keys.json; }} }}
realm sealed {{ decrypt open.jwk; access {{ secret {SEALED}; }} }}
upstream backend {{ server 127.0.0.1:9; }}
route / {{ upstream backend; realm main; }}
"""


def public(key) -> str:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("why")
    (folder / "gateway.conf").write_text(CONFIGURATION)
    (folder / "rsa.pem").write_text(public(RSA))
    key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(EC.public_key()))
    (folder / "keys.json").write_text(json.dumps({"keys": [{**key, "kid": "one"}]}))
    (folder / "secret").write_text(ACCESS)
    (folder / "open.jwk").write_text(json.dumps({"kty": "oct", "k": b64(OPEN)}))
    return folder


def why(folder, token, *arguments):
    for secret in (BASE64, PREVIOUS, SEALED, b64(OPEN)):
        sensitive(secret)
    done = run(
        *["token", "why", *arguments, "-"],
        folder=folder,
        environment={"ACCESS_SECRET": ACCESS, "REFRESH_SECRET": REFRESH},
        input=token,
    )
    for secret in (ACCESS, REFRESH, OTHER_ACCESS, OTHER_REFRESH, BASE64, PREVIOUS, SEALED, b64(OPEN)):
        assert secret not in done.stdout + done.stderr
    return done


def py(secret, algorithm="HS256", headers=None, **claims):
    said = {"sub": "7", "exp": now() + 600, **claims}
    said = {name: value for name, value in said.items() if value is not None}
    return remember(jwt.encode(said, secret, algorithm, headers=headers))


def flask_token(make, secret=ACCESS, **settings):
    app = Flask("maker")
    app.config.update(JWT_SECRET_KEY=secret, **settings)
    JWTManager(app)
    with app.app_context():
        return remember(make("user-1"))


NODE = """
const crypto = require("node:crypto");
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const [alg, key, exp, form, pem] = process.argv.slice(1);
const input = part({ alg, typ: "JWT", ...(form === "der" ? { kid: "one" } : {}) }) + "."
  + part({ sub: "7", exp: form === "ms" ? Date.now() + 600000 : Number(exp) });
const signature = form === "der"
  ? crypto.sign("sha256", Buffer.from(input), pem)
  : crypto.createHmac("sha256", form === "ms" ? key : Buffer.from(key, form)).update(input).digest();
const text = signature.toString(form === "padded" ? "base64" : "base64url");
console.log(input + "." + text);
"""


def node(form, key="", alg="HS256", pem=""):
    done = subprocess.run(
        ["node", "-e", NODE, alg, key, str(now() + 600), form, pem],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return remember(done.stdout.strip())


def private(key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def confused() -> str:
    """HS256 with the public key's text as the secret, which PyJWT refuses to make."""
    import hashlib
    import hmac

    text = b64(b'{"alg":"HS256"}') + "." + b64(json.dumps({"exp": now() + 600}).encode())
    tag = hmac.new(public(RSA).encode(), text.encode(), hashlib.sha256).digest()
    return remember(text + "." + b64(tag))


def sealed(inside, key=OPEN, alg="dir", enc="A256GCM"):
    """The text, encrypted by jwcrypto."""
    held = jwk.JWK(kty="oct", k=b64(key)) if alg == "dir" else jwk.JWK.from_pem(private(RSA).encode())
    token = jwe.JWE(inside.encode(), json.dumps({"alg": alg, "enc": enc}), recipient=held)
    return remember(token.serialize(compact=True))


pytestmark = pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")

ROWS = [
    # mistake, token, arguments, reason, what is said, what is to be changed
    ("newline of a file", lambda: py(ACCESS + "\n"), (), "bad_signature",
     "realm main's access secret with a newline behind it", "drop it there"),
    ("quotes of docker --env-file", lambda: py(f'"{REFRESH}"'), (), "bad_signature",
     "realm main's refresh secret with double quotes around it", "docker --env-file"),
    ("node decodes base64", lambda: node("base64", BASE64), (), "bad_signature",
     "realm coded's access secret decoded from base64", "say `encoding base64;`"),
    ("node decodes what is none", lambda: node("base64", OTHER_ACCESS[:39] + "!"), (), "bad_signature",
     "none of 9 keys made its signature", "another key"),
    ("the text encoded once more", lambda: py(base64.b64encode(ACCESS.encode())), (), "bad_signature",
     "realm main's access secret written as base64", "encoding"),
    ("default of a tutorial", lambda: py("super-secret"), (), "bad_signature",
     "a published default secret", "gateway secret new"),
    ("unset in node", lambda: py("undefined"), (), "bad_signature", "`undefined`", "everybody can sign"),
    ("not replaced", lambda: py("${ACCESS_SECRET}"), (), "bad_signature",
     "the text `${ACCESS_SECRET}` itself", "doesn't replace the variable"),
    ("another realm's", lambda: py(OTHER_REFRESH), ("main",), "bad_signature",
     "realm nest's refresh secret: this is a refresh token of realm nest", "`realm main nest;`"),
    ("past its end", lambda: py(PREVIOUS), ("main",), "bad_signature",
     "realm main's previous access secret 1, whose end passed", "log in anew"),
    ("another hash", lambda: py(ACCESS, "HS512"), ("main",), "unsupported_algorithm",
     "realm main's access secret, but by HS512", "`algorithms HS256 HS512;`"),
    ("secret where a pair is wanted", lambda: py(ACCESS + "x"), ("pair",), "unsupported_algorithm",
     "it is signed by HS256, and the keys of realm pair are for RS256", "shared secret"),
    ("pair where a secret is wanted", lambda: py(private(EC), "ES256", {"kid": "x"}), ("coded",),
     "unsupported_algorithm", "it was signed with realm curve's access key", "realm curve"),
    ("unknown pair", lambda: py(private(ec.generate_private_key(ec.SECP256R1())), "ES256"), ("main",),
     "unsupported_algorithm", "are for HS256", "key FILE"),
    ("the public key as a secret", confused, ("pair",), "unsupported_algorithm",
     "the text of the key file rsa.pem as a secret", "CVE-2015-9235"),
    ("PSS where PKCS1 is wanted", lambda: py(private(RSA), "PS256"), ("pair",),
     "unsupported_algorithm", "but by PS256", "algorithms RS256 PS256"),
    ("kid of a newer key", lambda: py(private(ec.generate_private_key(ec.SECP256R1())), "ES256", {"kid": "two"}),
     ("curve",), "unknown_key", 'its kid is "two", and the keys of realm curve are called "one"', "newer key"),
    ("kid misspelt", lambda: py(private(EC), "ES256", {"kid": "uno"}), ("curve",), "unknown_key",
     'the key that signed it is called "one"', "write the kid"),
    ("DER", lambda: node("der", alg="ES256", pem=private(EC)), ("curve",), "bad_signature",
     "its signature is in DER", "ieee-p1363"),
    ("unsigned", lambda: py("", "none"), (), "unsupported_algorithm", "nobody signed it", "no setting"),
    ("expired", lambda: py(ACCESS, exp=now() - 3700), (), "expired", "it expired 37", "new one"),
    ("clock ahead", lambda: py(ACCESS, iat=now() + 300), (), "not_yet_valid",
     "its iat lies", "the signer's clock is ahead"),
    ("a week of life", lambda: flask_token(create_access_token, JWT_ACCESS_TOKEN_EXPIRES=timedelta(days=7)),
     (), "lifetime_exceeded", "live at most 900 s (15 min)", "lifetime 604800s"),
    ("no end", lambda: flask_token(create_access_token, JWT_ACCESS_TOKEN_EXPIRES=False), (), "malformed",
     "it has no exp", "JWT_ACCESS_TOKEN_EXPIRES"),
    ("refresh with the access secret", lambda: flask_token(create_refresh_token), (), "wrong_token_type",
     'its type is "refresh", but the key that signed it is for access tokens', "exchanged"),
    ("refresh where access is asked", lambda: flask_token(create_refresh_token, REFRESH),
     ("--class", "access"), "wrong_token_type", "it is a refresh token", "send the access token"),
    ("issuer", lambda: py(OTHER_ACCESS, iss="flask", aud="web"), (), "wrong_issuer",
     'its iss is "flask", and realm nest wants "nest"', "issuer"),
    ("audience", lambda: py(OTHER_ACCESS, iss="nest", aud=["app", "cli"]), (), "wrong_audience",
     'and realm nest wants "web"', "audience"),
    ("quotes around the token", lambda: f'"{py(ACCESS)}"', (), "malformed", "byte 0 is a quote", "leave it out"),
    ("half a token", lambda: py(ACCESS)[:-19], (), "bad_signature", "its signature has 18 bytes", "copy the whole token"),
    ("encrypted, expired inside", lambda: sealed(py(SEALED, exp=now() - 5)), ("sealed",), "expired",
     "it expired", "new one"),
    ("encrypted for another key", lambda: sealed(py(SEALED), bytes(32)), ("sealed",), "bad_signature",
     "no `decrypt` key opens it", "another key"),
    ("encrypted for another realm", lambda: sealed(py(SEALED)), ("main",), "malformed",
     "realm main has no key to open it", "`decrypt FILE;`"),
    ("encrypted, not signed", lambda: sealed('{"sub":"7"}'), ("sealed",), "malformed",
     "what is encrypted in it is no signed token", "sign first"),
    ("encrypted by the old way", lambda: sealed(py(SEALED), alg="RSA-OAEP"), ("sealed",),
     "unsupported_algorithm", 'its content key is managed by "RSA-OAEP"', ""),
    ("encrypted by CBC", lambda: sealed(py(SEALED), bytes(64), enc="A256CBC-HS512"), ("sealed",),
     "unsupported_algorithm", 'it is encrypted with "A256CBC-HS512"', ""),
    ("opaque", lambda: "b1946ac92492d2347c6235b4d2611184", (), "malformed", "1 part between dots", "session id"),
]  # fmt: skip


@pytest.mark.parametrize("name, make, arguments, reason, says, advises", ROWS, ids=[r[0] for r in ROWS])
def test_it_says_what_is_wrong(folder, name, make, arguments, reason, says, advises):
    token = make()
    done = why(folder, token, *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("refused") and lines[0].endswith(f": {reason}"), done.stdout
    assert lines[1].startswith("1. ")
    assert says in done.stdout, done.stdout
    assert advises in done.stdout, done.stdout
    assert token.strip('"') not in done.stdout + done.stderr
    # It says what verify says.
    if arguments and not arguments[0].startswith("-"):
        verified = run(
            *["token", "verify", *arguments, "-"], folder=folder, input=token,
            environment={"ACCESS_SECRET": ACCESS, "REFRESH_SECRET": REFRESH},
        )  # fmt: skip
        assert verified.stdout.startswith(f"refused: {reason}")


def test_a_token_that_holds(folder):
    done = why(folder, flask_token(create_access_token, JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=9)))
    assert done.returncode == 0
    assert done.stdout.startswith("holds: an access token of realm main, good for 5")
    done = why(folder, node("ms", OTHER_REFRESH), "nest")
    assert done.returncode == 1 and "looks like milliseconds" in done.stdout


def test_an_encrypted_token_that_holds(folder):
    assert why(folder, sealed(py(SEALED)), "sealed").stdout.startswith("holds: an access token")
    # Named wrongly, it is told whose it is.
    assert "it was encrypted for realm sealed" in why(folder, sealed(py(SEALED)), "main").stdout


def test_another_time(folder):
    token = py(ACCESS, exp=1_000_000_000, nbf=999_999_000)
    assert why(folder, token, "--now", "999999500").returncode == 0
    assert "expired" in why(folder, token).stdout
    assert "not_yet_valid" in why(folder, token, "--now", "2001-01-01").stdout
    assert why(folder, token, "--now", "yesterday").returncode == 2


def test_without_a_configuration(folder):
    token = py(ACCESS + "\n")
    done = why(folder, token, "--secret-file", "secret")
    assert done.returncode == 1 and "with a newline behind it" in done.stdout
    assert "holds" in why(folder, py(ACCESS), "--secret-file", "secret").stdout
    done = why(folder, confused(), "--key", "rsa.pem", "--alg", "RS256")
    assert "the text of the key file rsa.pem" in done.stdout
    assert why(folder, token, "three").returncode == 2


def test_a_key_set_that_is_not_at_hand(folder):
    """Whether its key is missing can't be said of a set that was never fetched."""
    (folder / "live.conf").write_text(
        """
        listen 127.0.0.1:0;
        realm main { access { jwks https://127.0.0.1:1/keys.json { copy off; } } }
        upstream backend { server 127.0.0.1:9; }
        route / { upstream backend; }
        """
    )
    token = py(private(EC), "ES256", {"kid": "one"})
    done = why(folder, token, "-c", "live.conf")
    assert done.returncode == 1
    assert done.stdout.startswith("undecided: ") and "here it is not fetched" in done.stdout
    # By the set itself, as a file, it is decided.
    done = why(folder, token, "--jwks", "keys.json")
    assert done.returncode == 0, done.stdout
    told = run("explain", "GET", "/", "-c", "live.conf", "--token-file", "-", folder=folder, input=token)
    assert "token: undecided" in told.stdout and "refused with 503: unavailable" in told.stdout


def test_sign_says_kid_and_any_json(folder):
    (folder / "rsa-private.pem").write_text(private(RSA))
    try:
        for algorithm in ("RS256", "PS384"):
            done = run(
                *["token", "sign", "--key", "rsa-private.pem", "--alg", algorithm, "--kid", "k 1"],
                *["--claim", 'a={"b":[1,null,true,"x"]}', "--claim", "n=-1.5e3", "--claim", "s=yes"],
                *["--expires", "1h"],
                folder=folder,
            )
            token = remember(done.stdout.strip())
            assert jwt.get_unverified_header(token)["kid"] == "k 1"
            said = jwt.decode(token, public(RSA), [algorithm])
            assert said["a"] == {"b": [1, None, True, "x"]}
            assert said["n"] == -1500 and said["s"] == "yes"
            assert abs(said["exp"] - now() - 3600) < 60
    finally:
        (folder / "rsa-private.pem").unlink()
