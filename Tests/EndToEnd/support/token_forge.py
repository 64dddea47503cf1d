"""Keys and signatures of all 13 algorithms, made by Python's cryptography, with every byte of a token
in the caller's hand: header, payload and signature are taken as they are."""

import hashlib
import hmac
import json
import os

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .tokens import b64, now, remember
from .wire import render

ALGORITHMS = [
    *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
]
SECRET = "p7Wd2nKx9Tq4Vb6Mz1Ls8Rf3Hy5Gc0Je" * 2
ISSUER, AUDIENCE = "https://issuer.example", "shop-api"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": int(
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
        "581a0db248b0a77aecec196accc52973", 16),
    "ES512": int(
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa"
        "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409", 16),
}  # fmt: skip
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def private_key(algorithm: str):
    if algorithm.startswith("HS"):
        return SECRET.encode()
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm])
    return rsa.generate_private_key(65537, 2048)


class Forge:
    """One algorithm and its key."""

    def __init__(self, algorithm: str, private=None):
        self.algorithm = algorithm
        self.private = private_key(algorithm) if private is None else private

    @property
    def kind(self) -> str:
        return self.algorithm[:2]

    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def der(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    # Signatures

    def signature(self, text: bytes) -> bytes:
        kind, size = self.kind, self.algorithm[2:]
        if kind == "HS":
            return hmac.new(self.private, text, f"sha{size}").digest()
        if kind == "RS":
            return self.private.sign(text, padding.PKCS1v15(), HASHES[size])
        if kind == "PS":
            salt = HASHES[size].digest_size
            return self.private.sign(
                text, padding.PSS(padding.MGF1(HASHES[size]), salt), HASHES[size])
        if kind == "ES":
            return self.raw(*decode_dss_signature(self.private.sign(text, ec.ECDSA(HASHES[size]))))
        return self.private.sign(text)

    def raw(self, r: int, s: int) -> bytes:
        size = self.width // 2
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def numbers(self, signature: bytes) -> tuple[int, int]:
        half = len(signature) // 2
        return int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")

    def structure(self, signature: bytes) -> bytes:
        return encode_dss_signature(*self.numbers(signature))

    @property
    def width(self) -> int:
        """Bytes of a signature."""
        widths = {"ES256": 64, "ES384": 96, "ES512": 132, "EdDSA": 64}
        fixed = {**widths, "HS256": 32, "HS384": 48, "HS512": 64}
        return fixed.get(self.algorithm, 256)

    # Tokens

    def claims(self, **more) -> dict:
        wanted = {"sub": "u1", "iss": ISSUER, "aud": AUDIENCE, "exp": now() + 600, **more}
        return {name: value for name, value in wanted.items() if value is not None}

    def payload(self, more: str = "", **claims) -> bytes:
        """Claims as text; `more` is put behind them as it stands."""
        text = json.dumps(self.claims(**claims))
        return (text[:-1] + more + "}").encode()

    def head(self, **more) -> bytes:
        return json.dumps({"alg": self.algorithm, "typ": "JWT", **more}).encode()

    def input(self, header: bytes | None = None, payload: bytes | None = None) -> str:
        header = self.head() if header is None else header
        payload = self.payload() if payload is None else payload
        return f"{b64(header)}.{b64(payload)}"

    def sealed(self, text: str) -> str:
        """`text`, which stands for header and payload, under its right signature."""
        return remember(f"{text}.{b64(self.signature(text.encode('latin-1')))}")

    def token(self, header: bytes | None = None, payload: bytes | None = None) -> str:
        return self.sealed(self.input(header, payload))

    def parts(self) -> tuple[str, str, bytes]:
        """Header, payload and signature of a good token, the last as bytes."""
        text = self.input()
        header, payload = text.split(".")
        return header, payload, self.signature(text.encode())


OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class Sealer:
    """Encrypts for one key, with every part in the caller's hand; `key` is the secret for `dir`, or a
    private RSA key whose public half is used."""

    def __init__(self, key):
        self.key = key
        self.alg = "dir" if isinstance(key, bytes) else "RSA-OAEP-256"

    def head(self, **more) -> dict:
        said = {"alg": self.alg, "enc": "A256GCM", "cty": "JWT", **more}
        return {name: value for name, value in said.items() if value is not None}

    def seal(
        self, inside: str, header=None, content_key=None, wrapped=None, vector=None, change=None
    ) -> str:
        """`change` is given the five parts as bytes and gives back others."""
        header = json.dumps(self.head() if header is None else header).encode()
        if self.alg == "dir":
            content_key = self.key if content_key is None else content_key
            wrapped = b"" if wrapped is None else wrapped
        else:
            content_key = os.urandom(32) if content_key is None else content_key
            if wrapped is None:
                wrapped = self.key.public_key().encrypt(content_key, OAEP)
        vector = os.urandom(12) if vector is None else vector
        sealed = AESGCM(content_key).encrypt(vector, inside.encode(), b64(header).encode())
        parts = [header, wrapped, vector, sealed[:-16], sealed[-16:]]
        if change is not None:
            parts = change(*parts)
        return remember(".".join(part if isinstance(part, str) else b64(part) for part in parts))


def oddly_ended(text: str) -> str:
    """The same bytes in base64url with a bit set that no byte has; as it is where none is spare."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if len(text) % 4 == 0:
        return text
    return text[:-1] + letters[letters.index(text[-1]) | 1]


class Asker:
    """Asks on one connection, and on a new one where the gateway closed it."""

    def __init__(self, edge):
        self.edge, self.connection = edge, None

    def __call__(self, path: str, token: str | None):
        headers = [] if token is None else [("Authorization", f"Bearer {token}")]
        if self.connection is None:
            self.connection = self.edge.connect()
        self.connection.send(render("GET", path, headers))
        answer = self.connection.read_response()
        if answer.one("Connection") == "close":
            self.connection.close()
            self.connection = None
        return answer
