"""Encrypted tokens (JWE) between the gateway, Python's cryptography and node:crypto: a signed token
inside, `dir` or RSA-OAEP-256 outside, A128GCM or A256GCM."""

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config
from support.gateway import run
from support.tokens import b64, claims, payload, remember, sensitive, sign

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
SIZES = {"A128GCM": 16, "A256GCM": 32}
NODE = Path(__file__).parent / "support" / "encrypted.mjs"


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture(scope="module")
def private():
    return rsa.generate_private_key(65537, 2048)


def pem(private):
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def jwk(secret, **more):
    return json.dumps({"kty": "oct", "k": sensitive(b64(secret)), **more})


def seal(token, alg, enc, key, **header):
    """`key` is the secret for `dir`, else the private RSA key whose public half is used."""
    first = b64(json.dumps({"alg": alg, "enc": enc, **header}).encode())
    secret, wrapped = (key, b"") if alg == "dir" else (os.urandom(SIZES[enc]), None)
    if wrapped is None:
        wrapped = key.public_key().encrypt(secret, OAEP)
    vector = os.urandom(12)
    sealed = AESGCM(secret).encrypt(vector, token.encode(), first.encode())
    parts = [wrapped, vector, sealed[:-16], sealed[-16:]]
    return remember(first + "." + ".".join(b64(part) for part in parts))


def unseal(token, key):
    parts = token.split(".")
    header = json.loads(unb64(parts[0]))
    wrapped, vector, ciphertext, tag = (unb64(part) for part in parts[1:])
    secret = key if header["alg"] == "dir" else key.decrypt(wrapped, OAEP)
    return AESGCM(secret).decrypt(vector, ciphertext + tag, parts[0].encode()).decode()


KINDS = [(alg, enc) for alg in ("dir", "RSA-OAEP-256") for enc in SIZES]


def key_and_text(alg, enc, private):
    """A key for `seal`, and what the gateway's file holds."""
    if alg != "dir":
        return private, pem(private)
    secret = os.urandom(SIZES[enc])
    return secret, jwk(secret, use="enc")


@pytest.mark.parametrize("alg, enc", KINDS)
def test_the_gateway_opens_what_others_seal(tmp_path, alg, enc, private):
    key, text = key_and_text(alg, enc, private)
    (tmp_path / "key").write_text(text)
    (tmp_path / "secret").write_text(ACCESS)
    options = ["--secret-file", "secret", "--decrypt", "key"]
    by_node = subprocess.run(
        ["node", str(NODE)],
        input=json.dumps({
            "alg": alg, "enc": enc, "token": sign(claims(), ACCESS),
            "key": pem(key) if alg != "dir" else b64(key),
        }),
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout.strip()
    for token in (seal(sign(claims(), ACCESS), alg, enc, key), remember(by_node)):
        done = run("token", "verify", token, *options, folder=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        done = run("token", "verify", token, "--secret-file", "secret", folder=tmp_path)
        assert done.returncode == 1 and "malformed" in done.stdout
        changed = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")[:2] + token[-2:]
        done = run("token", "verify", changed, *options, folder=tmp_path)
        assert done.returncode == 1 and "bad_signature" in done.stdout
    forged = seal(sign(claims(), OTHER_ACCESS), alg, enc, key)
    done = run("token", "verify", forged, *options, folder=tmp_path)
    assert done.returncode == 1 and "bad_signature" in done.stdout


@pytest.mark.parametrize("alg, enc", [*KINDS[:2], ("RSA-OAEP-256", "A256GCM")])
def test_others_open_what_the_gateway_seals(tmp_path, alg, enc, private):
    key, text = key_and_text(alg, enc, private)
    (tmp_path / "key").write_text(text)
    (tmp_path / "secret").write_text(ACCESS)
    options = ["--secret-file", "secret", "--encrypt", "key"]
    done = run("token", "sign", "--sub", "ada", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    sealed = done.stdout.strip()
    assert json.loads(unb64(sealed.split(".")[0])) == {"alg": alg, "enc": enc, "cty": "JWT"}
    assert payload(unseal(sealed, key))["sub"] == "ada"


def test_a_route_takes_signed_tokens_in_encrypted_ones(gateway, recorder, private):
    backend = recorder()
    secret = os.urandom(32)
    edge = gateway(
        config.top() + f"""
            realm main {{
                decrypt private.pem;
                decrypt secret.jwk;
                access {{ secret ${{JWT_ACCESS_SECRET}}; }}
            }}
            {config.IDENTITY}
            upstream backend {{ server {backend.address}; errors problem; }}
            group / {{ upstream backend; route / {{ auth required; }} }}
        """,
        config.environment(ACCESS, REFRESH), start=False,
    )
    for name, text in {"private.pem": pem(private), "secret.jwk": jwk(secret, kid="s")}.items():
        (edge.folder / name).write_text(text)
        edge.exposed.add(name)
    edge.start()
    inner = sign(claims(sub="ada"), ACCESS)
    other = rsa.generate_private_key(65537, 2048)
    for token, status in [
        (inner, 200),
        (seal(inner, "RSA-OAEP-256", "A256GCM", private), 200),
        (seal(inner, "dir", "A256GCM", secret, kid="s", cty="JWT"), 200),
        (seal(inner, "dir", "A256GCM", secret, kid="t"), 401),
        (seal(inner, "RSA-OAEP-256", "A256GCM", other), 401),
        (seal(inner, "dir", "A256GCM", secret, zip="DEF"), 401),
        # Everybody can encrypt for a public key: what isn't signed inside is nobody's.
        (seal(json.dumps(claims()), "RSA-OAEP-256", "A256GCM", private), 401),
        (seal(sign(claims(), OTHER_ACCESS), "RSA-OAEP-256", "A256GCM", private), 401),
        (seal(seal(inner, "dir", "A256GCM", secret), "dir", "A256GCM", secret), 401),
        (seal(sign(claims(exp=1), ACCESS), "dir", "A256GCM", secret), 401),
    ]:
        answer = edge.get("/a", token)
        assert answer.status == status, token.count(".")
    heads = [head for head in backend.heads if b"X-User-Id: ada" in head]
    assert len(heads) == 3
