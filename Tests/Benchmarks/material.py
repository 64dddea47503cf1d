"""Tokens, blocked ids and request files of the benchmarks, and the check that a proxy does its job."""

import base64
import hashlib
import hmac
import json
import secrets
import socket
import time
import uuid
from pathlib import Path

from peers import BLOCKED

BLOCKED_COUNT = 100_000
TOKEN_COUNT = 256
"""Different tokens in the auth job: enough that nobody measures a cache of one."""


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(claims: dict, secret: str, header=None) -> str:
    text = ".".join(
        encode(json.dumps(part, separators=(",", ":")).encode())
        for part in (header or {"alg": "HS256", "typ": "JWT"}, claims)
    )
    return text + "." + encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


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
    def __init__(self, folder: Path):
        self.secret = secrets.token_urlsafe(32)
        self.blocked = [str(uuid.uuid4()) for _ in range(BLOCKED_COUNT)]
        (folder / BLOCKED).write_text("\n".join(self.blocked) + "\n")
        self.tokens = [sign(claims(n), self.secret) for n in range(TOKEN_COUNT)]
        self.files = {"plain": folder / "plain.requests", "auth": folder / "auth.requests"}
        self.files["plain"].write_bytes(head("/api/items?page=2", forged=False))
        self.files["auth"].write_bytes(
            b"".join(head("/api/items?page=2", token) for token in self.tokens)
        )

    def check(self, name: str, job: str, port: int):
        """Fails unless the proxy on `port` does exactly what it is measured for."""

        def expect(wanted: int, token, what: str) -> bytes:
            status, body = ask(port, head("/check", token, forged=job == "auth"))
            if status != wanted:
                raise SystemExit(f"{name}, {job}: {what} is {status}, not {wanted}")
            return body

        if job == "plain" or name == "relay":
            status, body = ask(port, head("/api/items?page=2", forged=False))
            if status != 200 or body != b"x" * 1024:
                raise SystemExit(f"{name}, {job}: {status}, {len(body)} bytes")
            return
        for number in (0, TOKEN_COUNT - 1):
            seen = expect(200, self.tokens[number], "a good token").decode("latin-1")
            users = [
                line.partition(":")[2].strip()
                for line in seen.split("\r\n")
                if line.lower().startswith("x-user-id:")
            ]
            if users != [f"user-{number:04d}"] or "forged" in seen:
                raise SystemExit(f"{name}: the backend sees X-User-Id {users}")
        expect(401, None, "no token")
        for place in (0, BLOCKED_COUNT // 2, -1):
            expect(401, sign(claims(1, self.blocked[place]), self.secret), "a revoked token")
        good = self.tokens[1]
        expect(401, good[:-8] + ("A" * 8 if good[-8:] != "A" * 8 else "B" * 8), "a bad signature")
        expect(401, sign(claims(1), "another secret"), "another secret")
        expect(401, sign(claims(1, life=-10), self.secret), "an expired token")
        none = sign(claims(1), self.secret, {"alg": "none", "typ": "JWT"})
        expect(401, none, "alg none")
        expect(200, good, "a good token after the bad ones")


def ask(port: int, data: bytes) -> tuple:
    """One request on a connection of its own: status and body."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.settimeout(20)
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
