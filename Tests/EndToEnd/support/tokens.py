"""Makes tokens, good and damaged, and remembers what must never be seen in a log."""

import base64
import hashlib
import hmac
import json
import time

SENSITIVE: set[str] = set()
"""Secrets and token signatures of the running test; the Gateway fixture looks for them in all that
the gateway wrote."""


def sensitive(text: str) -> str:
    SENSITIVE.add(text)
    return text


def remember(token: str) -> str:
    """Notes a token: neither it nor its signature alone may be logged."""
    SENSITIVE.add(token)
    parts = token.split(".")
    if len(parts) == 3 and len(parts[2]) >= 16:
        SENSITIVE.add(parts[2])
    return token


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def now() -> int:
    return int(time.time())


HEADER = {"alg": "HS256", "typ": "JWT"}


def sign(claims, secret: str, header=None, digest=hashlib.sha256) -> str:
    """A token over `claims` (a dict, or bytes taken as they are) and `header` (the same)."""
    header = HEADER if header is None else header
    parts = [
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)
    ]
    text = b64(parts[0]) + "." + b64(parts[1])
    return remember(text + "." + b64(hmac.new(secret.encode(), text.encode(), digest).digest()))


def claims(**more) -> dict:
    """The smallest access token of the seeds: `sub` and `exp`. A value of None removes a claim."""
    wanted = {"sub": "user-1", "exp": now() + 600, **more}
    return {name: value for name, value in wanted.items() if value is not None}


def bearer(token: str) -> tuple:
    return ("Authorization", f"Bearer {token}")


def payload(token: str) -> dict:
    text = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
