"""Tokens of every algorithm between the gateway, PyJWT, Flask-JWT-Extended and node:crypto, in both
directions; keys from files, their rotation, and what must not pass."""

import datetime
import hashlib
import json
import subprocess
from pathlib import Path

import flask
import flask_jwt_extended
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from backends.recorder import lines_named
from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config
from support.gateway import run
from support.tokens import b64, claims, now, remember, sensitive, sign

ALGORITHMS = [
    *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
]
ASYMMETRIC = [name for name in ALGORITHMS if not name.startswith("HS")]
SECRET = "k7Qw2mZ9xV4nB6tR1yL8pD3sF5gH0jC7" * 2
NODE = Path(__file__).parent / "support" / "algorithms.mjs"


class Key:
    """A private key in the forms that the parties want."""

    def __init__(self, private):
        self.private = private
        public = private.public_key()
        encoding, none = serialization.Encoding.PEM, serialization.NoEncryption()
        self.pkcs8 = private.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, none
        ).decode()
        self.spki = public.public_bytes(
            encoding, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()
        self.traditional = None
        if not isinstance(private, ed25519.Ed25519PrivateKey):
            self.traditional = private.private_bytes(
                encoding, serialization.PrivateFormat.TraditionalOpenSSL, none
            ).decode()

    def jwk(self, algorithm, private=False, **more):
        maker = jwt.get_algorithm_by_name(algorithm)
        key = self.private if private else self.private.public_key()
        made = json.loads(maker.to_jwk(key))
        made.pop("key_ops", None)
        return {**made, "alg": algorithm, **more}

    def certificate(self):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
        day = datetime.timedelta(days=1)
        today = datetime.datetime.now(datetime.timezone.utc)
        is_edwards = isinstance(self.private, ed25519.Ed25519PrivateKey)
        public = self.private.public_key()
        return (
            x509.CertificateBuilder(name, name, public, 7, today - day, today + day)
            .sign(self.private, None if is_edwards else hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
            .decode()
        )


@pytest.fixture(scope="session")
def pairs():
    """A key for each algorithm but the MACs."""
    of_rsa = Key(rsa.generate_private_key(65537, 2048))
    made = {name: of_rsa for name in ASYMMETRIC if name[:2] in ("RS", "PS")}
    for name, curve in [("ES256", ec.SECP256R1), ("ES384", ec.SECP384R1), ("ES512", ec.SECP521R1)]:
        made[name] = Key(ec.generate_private_key(curve()))
    made["EdDSA"] = Key(ed25519.Ed25519PrivateKey.generate())
    return made


@pytest.fixture
def node():
    """Asks node:crypto: `node(job)` is a token for a payload, or a token's payload."""

    def ask(**job):
        done = subprocess.run(
            ["node", str(NODE)], input=json.dumps(job) + "\n", capture_output=True, text=True,
            timeout=60, check=True,
        )
        return json.loads(done.stdout)

    return ask


def key_options(folder, algorithm, pairs, private=False):
    """The options with which the gateway's tools take a key, and the same key for the others."""
    if algorithm.startswith("HS"):
        (folder / "secret").write_text(SECRET)
        sensitive(SECRET)
        return ["--secret-file", "secret", "--alg", algorithm], SECRET
    key = pairs[algorithm]
    (folder / "key.pem").write_text(key.pkcs8 if private else key.spki)
    return ["--key", "key.pem", "--alg", algorithm], key.pkcs8 if private else key.spki


def public_of(algorithm, pairs):
    return SECRET if algorithm.startswith("HS") else pairs[algorithm].spki


# Tools, both directions


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_gateway_takes_what_others_sign(tmp_path, algorithm, pairs, node):
    options, _ = key_options(tmp_path, algorithm, pairs)
    private = SECRET if algorithm.startswith("HS") else pairs[algorithm].pkcs8
    for token in (
        jwt.encode(claims(), private, algorithm),
        node(alg=algorithm, key=private, header={"typ": "JWT"}, payload=claims()),
    ):
        done = run("token", "verify", token, *options, folder=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        done = run("token", "verify", token, "--signature-only", *options, folder=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        # One changed letter in the middle of the signature.
        middle = len(token) - 20
        other = "A" if token[middle] != "A" else "B"
        damaged = token[:middle] + other + token[middle + 1 :]
        done = run("token", "verify", damaged, *options, folder=tmp_path)
        assert done.returncode == 1 and "bad_signature" in done.stdout


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_others_take_what_the_gateway_signs(tmp_path, algorithm, pairs, node):
    options, _ = key_options(tmp_path, algorithm, pairs, private=True)
    done = run("token", "sign", "--sub", "ada", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    token = done.stdout.strip()
    public = public_of(algorithm, pairs)
    assert jwt.decode(token, public, algorithms=[algorithm])["sub"] == "ada"
    assert node(alg=algorithm, key=public, token=token)["sub"] == "ada"


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_every_form_of_a_key_is_read(tmp_path, algorithm, pairs):
    key = pairs[algorithm]
    token = jwt.encode(claims(), key.pkcs8, algorithm)
    forms = {
        "spki.pem": key.spki,
        "certificate.pem": key.certificate(),
        "pkcs8.pem": key.pkcs8,
        "public.jwk": json.dumps(key.jwk(algorithm)),
        "private.jwk": json.dumps(key.jwk(algorithm, private=True)),
        "set.json": json.dumps({"keys": [key.jwk(algorithm, kid="k", use="sig")]}),
    }
    if key.traditional:
        forms["traditional.pem"] = key.traditional
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
        option = "--jwks" if name == "set.json" else "--key"
        done = run("token", "verify", token, option, name, "--alg", algorithm, folder=tmp_path)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
        made = run("token", "sign", option, name, "--alg", algorithm, folder=tmp_path)
        if name in ("pkcs8.pem", "private.jwk", "traditional.pem"):
            assert jwt.decode(made.stdout.strip(), key.spki, algorithms=[algorithm])
        else:
            assert made.returncode == 1 and made.stdout == "" and name in made.stderr


def test_a_kid_comes_from_the_key_and_chooses_it(tmp_path, pairs):
    one, two = pairs["ES256"], pairs["EdDSA"]
    (tmp_path / "private.jwk").write_text(json.dumps(one.jwk("ES256", private=True, kid="one")))
    keys = [one.jwk("ES256", kid="one"), two.jwk("EdDSA", kid="two")]
    (tmp_path / "set.json").write_text(json.dumps({"keys": keys}))
    token = run("token", "sign", "--key", "private.jwk", folder=tmp_path).stdout.strip()
    assert jwt.get_unverified_header(token)["kid"] == "one"
    assert run("token", "verify", token, "--jwks", "set.json", folder=tmp_path).returncode == 0
    other = jwt.encode(claims(), one.pkcs8, "ES256", headers={"kid": "three"})
    done = run("token", "verify", other, "--jwks", "set.json", folder=tmp_path)
    assert done.returncode == 1 and "unknown_key" in done.stdout


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_flask_jwt_extended_both_ways(tmp_path, algorithm, pairs):
    """The library itself makes and reads tokens, with its own claims (`fresh`, `csrf`, `nbf`)."""
    app = flask.Flask("issuer")
    app.config["JWT_ALGORITHM"] = algorithm
    if algorithm.startswith("HS"):
        app.config["JWT_SECRET_KEY"] = SECRET
    else:
        app.config["JWT_PRIVATE_KEY"] = pairs[algorithm].pkcs8
        app.config["JWT_PUBLIC_KEY"] = pairs[algorithm].spki
    flask_jwt_extended.JWTManager(app)
    options, _ = key_options(tmp_path, algorithm, pairs)
    with app.app_context():
        access = flask_jwt_extended.create_access_token("ada")
        refresh = flask_jwt_extended.create_refresh_token("ada")
    for token, kind, other in [(access, "access", "refresh"), (refresh, "refresh", "access")]:
        done = run("token", "verify", token, "--class", kind, *options, folder=tmp_path)
        assert done.returncode == 0 and f"{kind} token" in done.stdout
        done = run("token", "verify", token, "--class", other, *options, folder=tmp_path)
        assert done.returncode == 1 and "wrong_token_type" in done.stdout
    options, _ = key_options(tmp_path, algorithm, pairs, private=True)
    for kind, more in [("access", []), ("refresh", ["--refresh"])]:
        made = run("token", "sign", "--sub", "ada", *more, *options, folder=tmp_path).stdout.strip()
        with app.app_context():
            read = flask_jwt_extended.decode_token(made)
        assert (read["sub"], read["type"]) == ("ada", kind)


# Options


@pytest.mark.parametrize(
    "options, code, said",
    [
        (["--key", "rsa.pem"], 1, "say it with --alg"),
        (["--key", "rsa.pem", "--alg", "ES256"], 1, "none of these algorithms fits the key"),
        (["--key", "rsa.pem", "--alg", "RS257"], 2, "--alg is one of HS256"),
        (["--key", "gone.pem"], 1, "gone.pem"),
        (["--key", "words"], 1, "holds no key"),
        (["--jwks", "empty.json"], 1, "holds an empty set"),
        (["--jwks", "mixed.json"], 1, "mixes shared secrets with public keys"),
        (["--key", "rsa.pem", "--jwks", "empty.json"], 2, "say one of"),
        (["--key", "rsa.pem", "--encoding", "hex"], 2, "--encoding belongs to --secret-file"),
        (["--secret-file", "words", "--alg", "RS256"], 2, "HS256, HS384, HS512"),
        (["--secret-file", "rsa.pem"], 1, "the text of a key"),
        (["main", "--key", "rsa.pem", "--alg", "RS256"], 2, "without a realm's name"),
        (["--alg", "RS256"], 2, "belongs to --secret-file, --key, --jwks"),
    ],
)
def test_mistakes_are_told(tmp_path, pairs, options, code, said):
    (tmp_path / "rsa.pem").write_text(pairs["RS256"].spki)
    (tmp_path / "words").write_text("hello\n")
    (tmp_path / "empty.json").write_text('{"keys":[]}')
    secret = {"kty": "oct", "alg": "HS256", "k": b64(SECRET.encode())}
    keys = [secret, pairs["ES256"].jwk("ES256")]
    (tmp_path / "mixed.json").write_text(json.dumps({"keys": keys}))
    token = jwt.encode(claims(), pairs["RS256"].pkcs8, "RS256")
    done = run("token", "verify", *options[:1] if options[0] == "main" else [], token,
               *options[1 if options[0] == "main" else 0 :], folder=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stderr and done.stdout == ""


# Routes


@pytest.fixture
def guarded(gateway, recorder):
    """A gateway before a recorder with this realm; `files` are put beside its configuration."""

    def make(realm, files=None, environment=None, workers=2):
        backend = recorder()
        text = config.top(workers) + f"""
            realm main {{ {realm} }}
            {config.IDENTITY}
            upstream backend {{ server {backend.address}; errors problem; }}
            group / {{
                upstream backend;
                {"route POST /refresh { auth refresh; }" if "refresh" in realm else ""}
                route / {{ auth required; }}
            }}
        """
        started = gateway(
            text, environment or config.environment(ACCESS, REFRESH), start=False
        )
        for name, content in (files or {}).items():
            (started.folder / name).write_text(content)
            started.exposed.add(name)
        return started.start(), backend

    return make


def test_a_route_takes_tokens_of_every_key_of_its_realm(guarded, pairs):
    keys = [pairs[name].jwk(name, kid=name) for name in ASYMMETRIC]
    edge, backend = guarded(
        "access { secret ${JWT_ACCESS_SECRET}; jwks set.json; }"
        "refresh { secret ${JWT_REFRESH_SECRET}; }",
        {"set.json": json.dumps({"keys": keys})},
    )
    for name in ASYMMETRIC:
        token = remember(
            jwt.encode(claims(sub=name), pairs[name].pkcs8, name, headers={"kid": name})
        )
        assert edge.get("/a", token).status == 200, name
        assert lines_named(backend.heads[-1], "X-User-Id") == [name]
        assert edge.post("/refresh", token=token).status == 401, name
    assert edge.get("/a", sign(claims(), ACCESS)).status == 200
    # The same key signs RS256 and PS256, but each under its own name only.
    crossed = jwt.encode(claims(), pairs["RS256"].pkcs8, "RS256", headers={"kid": "PS256"})
    assert edge.get("/a", remember(crossed)).status == 401


CACHE = ["token_cache_hits", "token_cache_misses", "token_cache_entries", "signatures_computed"]


def test_a_signature_is_computed_once_a_worker(guarded, pairs):
    edge, _ = guarded(
        "access { key rsa.pem; algorithms RS256; }", {"rsa.pem": pairs["RS256"].spki}, workers=1
    )
    tokens = [
        remember(jwt.encode(claims(sub=f"u{index}"), pairs["RS256"].pkcs8, "RS256"))
        for index in range(3)
    ]
    for _ in range(4):
        for token in tokens:
            assert edge.get("/a", token).status == 200
    counters = edge.status()["counters"]
    assert [counters[name] for name in CACHE] == [9, 3, 3, 3]
    # What is remembered is the signature and nothing else.
    assert edge.command("revoke", "--token", tokens[0]).returncode == 0
    assert edge.get("/a", tokens[0]).status == 401
    assert edge.get("/a", tokens[1]).status == 200


def test_a_public_key_is_no_secret(guarded, pairs):
    """CVE-2015-9235, with every text of the key as the MAC's secret."""
    files = {"rsa.pem": pairs["RS256"].spki, "ec.json": json.dumps(pairs["ES256"].jwk("ES256"))}
    edge, _ = guarded(
        "access { secret ${JWT_ACCESS_SECRET}; key rsa.pem; key ec.json;"
        " algorithms HS256 RS256 ES256; }", files,
    )
    good = remember(jwt.encode(claims(), pairs["RS256"].pkcs8, "RS256"))
    assert edge.get("/a", good).status == 200
    for text in files.values():
        for secret in (text, text.strip(), text.replace("\n", "")):
            for header in ({"alg": "HS256"}, {"alg": "RS256"}, {"alg": "ES256"}):
                assert edge.get("/a", sign(claims(), secret, header)).status == 401
    # A token that brings its own key.
    other = Key(ec.generate_private_key(ec.SECP256R1()))
    brought = jwt.encode(claims(), other.pkcs8, "ES256", headers={"jwk": other.jwk("ES256")})
    assert edge.get("/a", remember(brought)).status == 401


def test_a_previous_secret_counts_until_its_day_is_over(guarded):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    later, earlier = today + datetime.timedelta(days=2), today - datetime.timedelta(days=1)
    edge, _ = guarded(
        f"access {{ secret ${{JWT_ACCESS_SECRET}}; previous ${{OLD}} until {later};"
        f" previous ${{OLDER}} until {earlier}; }}",
        environment={
            **config.environment(ACCESS, REFRESH), "OLD": OTHER_ACCESS, "OLDER": SECRET,
        },
    )
    sensitive(SECRET)
    assert edge.get("/a", sign(claims(), ACCESS)).status == 200
    for _ in range(3):
        assert edge.get("/a", sign(claims(), OTHER_ACCESS)).status == 200
    assert edge.get("/a", sign(claims(), SECRET)).status == 401
    current, old, older = edge.status()["keys"]
    assert (current["place"], current["tokens"]) == ("secret", 1)
    assert "safe_to_drop" not in current
    assert (old["place"], old["tokens"]) == ("previous 1", 3)
    assert old["safe_to_drop"].startswith("no: a token of it lives until")
    assert (older["tokens"], older["last_used"]) == (0, "not since the start")
    assert older["safe_to_drop"] == "yes"
    assert "previous 1" in edge.command("status").stdout


def test_a_secret_file_loses_one_line_end_and_says_so(guarded):
    edge, _ = guarded("access { secret_file access; }", {"access": ACCESS + "\n"})
    assert edge.get("/a", sign(claims(), ACCESS)).status == 200
    assert edge.get("/a", sign(claims(), ACCESS + "\n")).status == 401
    assert "line end of access is not part of the secret" in edge.command("check").stderr
    assert ACCESS not in edge.command("check").stderr


def test_longer_hashes_need_their_name(guarded):
    edge, _ = guarded(
        "access { secret ${LONG}; algorithms HS384 HS512; }",
        environment={**config.environment(ACCESS, REFRESH), "LONG": sensitive(SECRET)},
    )
    for name, digest, status in [
        ("HS256", hashlib.sha256, 401),
        ("HS384", hashlib.sha384, 200),
        ("HS512", hashlib.sha512, 200),
    ]:
        token = sign(claims(), SECRET, {"alg": name}, digest)
        assert edge.get("/a", token).status == status, name


# Judging secrets


def test_secret_check_reads_files_and_previous_secrets(tmp_path, pairs):
    (tmp_path / "gateway.conf").write_text(
        "listen 127.0.0.1:0;"
        "realm one { access { secret_file good; previous ${OLD} until 2030-01-01; } }"
        "realm two { access { secret_file key; } refresh { secret_file gone; } }"
        "realm three { access { secret ${LONG}; algorithms HS512; } }"
    )
    (tmp_path / "good").write_text(ACCESS + "\n")
    (tmp_path / "key").write_text(pairs["ES256"].spki)
    done = run(
        "secret", "check", folder=tmp_path, environment={"OLD": "short-one", "LONG": OTHER_ACCESS}
    )
    assert done.returncode == 1
    for said in (
        "ok, 40 bytes",
        "previous access secret",
        "short: 9 bytes",
        "the text of a key",
        "its file is not there: gone",
        "short: 40 bytes, at least 64 are needed",
    ):
        assert said in done.stdout, said
    for secret in (ACCESS, OTHER_ACCESS, "short-one"):
        assert secret not in done.stdout + done.stderr


def test_secret_check_has_nothing_to_say_about_key_files(tmp_path, pairs):
    (tmp_path / "gateway.conf").write_text("realm one { access { key key.pem; } }")
    (tmp_path / "key.pem").write_text(pairs["ES256"].spki)
    done = run("secret", "check", folder=tmp_path)
    assert done.returncode == 0 and "no shared secret" in done.stdout


def test_secret_new_makes_no_previous_secret(tmp_path):
    (tmp_path / "gateway.conf").write_text(
        "realm one { access { secret ${NEW_ONE}; previous ${OLD_ONE} until 2030-01-01; } }"
    )
    done = run("secret", "new", "--env", folder=tmp_path)
    assert done.returncode == 0 and "NEW_ONE=" in done.stdout and "OLD_ONE" not in done.stdout


def test_verify_names_the_key(tmp_path, pairs):
    (tmp_path / "set.json").write_text(
        json.dumps({"keys": [pairs[name].jwk(name, kid=f"key-{name}") for name in ASYMMETRIC]})
    )
    for name in ("RS256", "ES384", "EdDSA"):
        token = jwt.encode(claims(), pairs[name].pkcs8, name)
        done = run("token", "verify", token, "--jwks", "set.json", folder=tmp_path)
        assert f'{name} "key-{name}"' in done.stdout
