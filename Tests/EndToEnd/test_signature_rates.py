"""The cache of verified tokens and the rates of signatures, with real tokens of key pairs: what is
computed once, what strangers may have computed, and who is spared."""

import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from conftest import ACCESS, REFRESH
from support import config
from support.tokens import claims, remember, sign
from test_encrypted_tokens import pem, seal

CACHE = ["token_cache_hits", "token_cache_misses", "token_cache_entries", "signatures_computed"]
REFUSED = ["signatures_refused_per_address", "signatures_refused"]


@pytest.fixture(scope="module")
def private():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def edge(gateway, recorder, private):
    """Makes a gateway of one worker whose realm takes RS256 and HS256 tokens."""

    def make(limits="", realm="", **files):
        backend = recorder()
        started = gateway(
            config.top(workers=1) + f"""
                limits {{ {limits} }}
                realm main {{
                    access {{
                        secret ${{JWT_ACCESS_SECRET}}; key public.pem; algorithms HS256 RS256;
                    }}
                    {realm}
                }}
                upstream backend {{ server {backend.address}; errors problem; }}
                group / {{ upstream backend; route / {{ auth required; }} }}
            """,
            config.environment(ACCESS, REFRESH), start=False,
        )
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for name, content in {"public.pem": public.decode(), **files}.items():
            (started.folder / name).write_text(content)
            started.exposed.add(name)
        return started.start()

    return make


def signed(private, name: str) -> str:
    return remember(jwt.encode(claims(sub=name), private, "RS256"))


def forged(private, number: int) -> str:
    """The signature of one token under the claims of another."""
    one, other = signed(private, "ada"), signed(private, f"forged-{number}")
    return remember(other.rsplit(".", 1)[0] + "." + one.rsplit(".", 1)[1])


def counted(edge, names) -> list:
    counters = edge.status()["counters"]
    return [counters[name] for name in names]


def forge_until(edge, private, status: int, most: int):
    """Sends forged tokens until one is answered with this status; the answer, and how many were
    judged before it."""
    for number in range(most):
        answer = edge.get("/a", forged(private, number))
        if answer.status == status:
            return answer, number
        assert answer.status == 401, answer
    raise AssertionError(f"{most} forged tokens were judged")


def test_each_distinct_token_is_verified_once(edge, private):
    edge = edge()
    tokens = [signed(private, f"u{number}") for number in range(40)]
    tokens += [sign(claims(sub=f"h{number}"), ACCESS) for number in range(40)]
    for _ in range(3):
        for token in tokens:
            assert edge.get("/a", token).status == 200
    assert counted(edge, CACHE) == [160, 80, 80, 40]
    # A token that was changed anywhere is another one, and is not remembered.
    assert edge.get("/a", tokens[0][:-3] + "AAA").status == 401
    assert counted(edge, CACHE) == [160, 81, 80, 41]


def test_an_address_that_forges_waits_and_nobody_who_is_known_does(edge, private):
    edge = edge("signature_rate_per_address 1/s;")
    known = signed(private, "ada")
    assert edge.get("/a", known).status == 200
    start = time.monotonic()
    answer, judged = forge_until(edge, private, 429, 60)
    # Ten seconds' worth, and what came back meanwhile.
    assert 10 <= judged <= 11 + time.monotonic() - start
    assert int(answer.one("Retry-After")) >= 1
    assert answer.all("WWW-Authenticate") == []
    assert edge.logged(reason="signature_rate_per_address")["status"] == 429
    assert edge.get("/a", known).status == 200
    # Secrets cost no operation of a key pair, and bad ones are told as ever.
    assert edge.get("/a", sign(claims(), ACCESS)).status == 200
    assert edge.get("/a", sign(claims(), REFRESH)).status == 401
    refused, none = counted(edge, REFUSED)
    assert refused >= 1 and none == 0


def test_a_worker_that_is_out_of_budget_is_unavailable(edge, private):
    edge = edge("signature_rate 1/s; signature_rate_per_address off;")
    known = signed(private, "ada")
    assert edge.get("/a", known).status == 200
    answer, _ = forge_until(edge, private, 503, 60)
    assert int(answer.one("Retry-After")) >= 1
    assert edge.logged(reason="signature_rate")["status"] == 503
    assert edge.get("/a", known).status == 200
    none, refused = counted(edge, REFUSED)
    assert refused >= 1 and none == 0


def test_good_tokens_cost_their_address_nothing(edge, private):
    """Many users behind one address who all come back at once."""
    edge = edge("signature_rate_per_address 1/s;")
    for number in range(60):
        assert edge.get("/a", signed(private, f"u{number}")).status == 200
    assert counted(edge, [*CACHE, *REFUSED]) == [0, 60, 60, 60, 0, 0]


def test_rates_can_be_off(edge, private):
    edge = edge("signature_rate off; signature_rate_per_address off;")
    for number in range(40):
        assert edge.get("/a", forged(private, number)).status == 401
    assert counted(edge, REFUSED) == [0, 0]


def test_an_encrypted_token_costs_its_private_operation_once(edge, private):
    edge = edge(
        "signature_rate_per_address 1/s;", "decrypt private.pem;", **{"private.pem": pem(private)}
    )
    inner = signed(private, "ada")
    sealed = seal(inner, "RSA-OAEP-256", "A256GCM", private)
    for _ in range(20):
        assert edge.get("/a", sealed).status == 200
    # Unwrapped once and verified once.
    assert counted(edge, CACHE) == [19, 1, 1, 2]
    # The same token encrypted anew is known inside, but opening it is paid for: sixteen units of
    # which ten seconds bring ten.
    answers = [
        edge.get("/a", seal(inner, "RSA-OAEP-256", "A256GCM", private)).status for _ in range(2)
    ]
    assert answers == [200, 429]
    assert edge.get("/a", sealed).status == 200
