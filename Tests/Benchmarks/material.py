"""Tokens, blocked ids and request files of the benchmarks, and the check that a proxy does its job."""

import base64
import hashlib
import hmac
import json
import secrets
import socket
import subprocess
import time
import uuid
from pathlib import Path

from peers import BLOCKED, KEY_FILE, TOKEN_JOBS

BLOCKED_COUNT = 100_000
TOKEN_COUNT = 256
"""Different tokens in the auth job: enough that nobody measures a cache of one."""


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signing_input(header: dict, claims: dict) -> str:
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
    return ".".join(map(encode, parts))


def sign(claims: dict, secret: str, header=None) -> str:
    text = signing_input(header or {"alg": "HS256", "typ": "JWT"}, claims)
    return text + "." + encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


class KeyPair:
    """A key pair made and used by the openssl command, so that nothing has to be installed."""

    KINDS = {
        "RS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "ES256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    }

    def __init__(self, algorithm: str, folder: Path):
        self.algorithm, self.private = algorithm, folder / f"{algorithm}.private"
        self.openssl("genpkey", *self.KINDS[algorithm], "-out", self.private)
        self.openssl("pkey", "-in", self.private, "-pubout", "-out", folder / KEY_FILE)

    def openssl(self, *arguments, data=b"") -> bytes:
        command = ["openssl", *map(str, arguments)]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout

    def sign(self, claims: dict) -> str:
        text = signing_input({"alg": self.algorithm, "typ": "JWT"}, claims)
        made = self.openssl("dgst", "-sha256", "-sign", self.private, data=text.encode())
        if self.algorithm == "ES256":  # two DER integers to two numbers of 32 bytes (RFC 7518 §3.4)
            first = made[4 : 4 + made[3]]
            second = made[6 + len(first) :]
            made = b"".join(part[-32:].rjust(32, b"\0") for part in (first, second))
        return text + "." + encode(made)


SCOPED = {"scope": "orders:read orders:write profile", "roles": ["user", "admin"], "tenant": "acme"}
"""What a token says for the routes with `require` lines."""


def claims(number: int, jti=None, life=3600 * 6) -> dict:
    """What Flask-JWT-Extended puts into an access token."""
    now = int(time.time())
    return {
        "fresh": False,
        "iat": now,
        "jti": jti or str(uuid.uuid4()),
        "type": "access",
        "sub": f"user-{number:04d}",
        "nbf": now,
        "exp": now + life,
        "email": f"u{number}@example.com",
    }


def head(target: str, token: str | None = None, forged: bool = True) -> bytes:
    """A request as a browser application sends it, with a forged identity header."""
    lines = [f"GET {target} HTTP/1.1", "Host: api.example.test"]
    lines += ["User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "Accept: application/json"]
    lines += ["Accept-Encoding: gzip, deflate", "Accept-Language: en"]
    if forged:
        lines.append("X-User-Id: forged")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


class Material:
    def __init__(self, folder: Path, jobs):
        self.secret = secrets.token_urlsafe(32)
        self.blocked = [str(uuid.uuid4()) for _ in range(BLOCKED_COUNT)]
        (folder / BLOCKED).write_text("\n".join(self.blocked) + "\n")
        self.signers, self.tokens, self.files = {}, {}, {}
        for job in jobs:
            self.files[job] = folder / f"{job}.requests"
            requests = [head("/api/items?page=2", forged=False)]
            if job in TOKEN_JOBS:
                tokens = self.tokens[job] = self.make_tokens(job, folder)
                requests = [head("/api/items?page=2", token) for token in tokens]
            self.files[job].write_bytes(b"".join(requests))

    def make_tokens(self, job: str, folder: Path) -> list:
        algorithm, more = TOKEN_JOBS[job].algorithm, SCOPED if TOKEN_JOBS[job].scoped else {}

        def by_secret(claims: dict) -> str:
            return sign(claims, self.secret)

        signer = by_secret if algorithm == "HS256" else KeyPair(algorithm, folder).sign
        self.signers[job] = lambda claims: signer(claims | more)
        return [self.signers[job](claims(number)) for number in range(TOKEN_COUNT)]

    def check(self, name: str, job: str, port: int):
        """Fails unless the proxy on `port` does exactly what it is measured for."""

        def expect(wanted: int, token, what: str) -> bytes:
            status, body = ask(port, head("/check", token))
            if status != wanted:
                raise SystemExit(f"{name}, {job}: {what} is {status}, not {wanted}")
            return body

        if job not in TOKEN_JOBS or name == "relay":
            status, body = ask(port, head("/api/items?page=2", forged=False))
            if status != 200 or body != b"x" * 1024:
                raise SystemExit(f"{name}, {job}: {status}, {len(body)} bytes")
            return
        tokens, signed = self.tokens[job], self.signers[job]
        for number in (0, TOKEN_COUNT - 1):
            seen = expect(200, tokens[number], "a good token").decode("latin-1")
            users = [
                line.partition(":")[2].strip()
                for line in seen.split("\r\n")
                if line.lower().startswith("x-user-id:")
            ]
            if (tokens[number] in seen) == (job == "remint"):
                raise SystemExit(f"{name}, {job}: the backend sees another token than it should")
            if users != [f"user-{number:04d}"] or "forged" in seen:
                raise SystemExit(f"{name}: the backend sees X-User-Id {users}")
        expect(401, None, "no token")
        for place in (0, BLOCKED_COUNT // 2, -1):
            expect(401, signed(claims(1, self.blocked[place])), "a revoked token")
        good = tokens[1]
        expect(401, good[:-8] + ("A" * 8 if good[-8:] != "A" * 8 else "B" * 8), "a bad signature")
        expect(401, sign(claims(1), "another secret"), "another secret")
        expect(401, signed(claims(1, life=-10)), "an expired token")
        none = sign(claims(1), self.secret, {"alg": "none", "typ": "JWT"})
        expect(401, none, "alg none")
        expect(200, good, "a good token after the bad ones")


def ask(port: int, data: bytes) -> tuple:
    """One request on a connection of its own: status and body."""
    with socket.create_connection(("127.0.0.1", port), 120) as connection:
        connection.settimeout(120)
        connection.sendall(data)
        got = b""
        while b"\r\n\r\n" not in got:
            block = connection.recv(65536)
            if not block:
                return 0, got
            got += block
        top, _, body = got.partition(b"\r\n\r\n")
        length = 0
        for line in top.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        while len(body) < length:
            block = connection.recv(65536)
            if not block:
                break
            body += block
        return int(top.split(b" ")[1]), body


def wait_for(port: int, process, output: Path):
    """Until the proxy accepts connections."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"a proxy ended with {process.returncode}:\n{output.read_text()}")
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing accepts on port {port}:\n{output.read_text()}")
