"""Issuers whose servers do less than they should, and what of their answers counts."""

import json
import socket

import pytest

from support import config
from support.processes import wait_until


@pytest.fixture
def edge(gateway, recorder, issuer):
    def start():
        backend = recorder()
        return gateway(
            f"""{config.top()}
            realm main {{ access {{ jwks {issuer.url} {{ ca {issuer.authority.file}; }} lifetime 1h; }} }}
            upstream app {{ server {backend.address}; }}
            route / {{ upstream app; }}
            """
        )

    return start


def ends_without_a_word(issuer, body: bytes):
    """Answers as Python's http.server over TLS does to who sends no length: the end of the connection is
    the end of the body, and TLS isn't told of it."""

    def answer(connection):
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body)
        socket.socket(fileno=connection.detach()).close()
        raise OSError("closed")

    issuer.answer = answer


def test_takes_a_whole_set_without_the_end_of_tls(edge, issuer):
    ends_without_a_word(issuer, json.dumps(issuer.set()).encode())
    gateway = edge()
    token = issuer.token("one")
    wait_until(lambda: gateway.get("/", token).status == 200, "the set is in use")


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_half_a_set_is_none(edge, issuer, kept):
    ends_without_a_word(issuer, json.dumps(issuer.set()).encode()[:kept])
    gateway = edge()
    wait_until(lambda: "no strict JSON" in gateway.stderr(), "it says what is wrong")
    assert gateway.get("/", issuer.token("one")).status == 503
