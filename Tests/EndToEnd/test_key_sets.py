"""Keys that change while the gateway runs: sets of a real HTTPS issuer, and files."""

import datetime
import gzip
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conftest import ACCESS
from support import config, tokens
from support.gateway import run
from support.issuer import Authority, Issuer
from support.processes import wait_until


def realm(issuer, block="", name="main"):
    authority = issuer.authority.file
    return (
        f"realm {name} {{ access {{"
        f" jwks {issuer.url} {{ ca {authority}; {block} }} lifetime 15m; }} }}"
    )


def guarded(address, realms, routes="", workers=2):
    return f"""{config.top(workers)}
{realms}
{config.IDENTITY}
upstream backend {{ server {address}; }}
group / {{ upstream backend; {routes} route / {{ auth required; }} }}
"""


def source(edge, index=0) -> dict:
    return edge.status()["key_sets"][index]


def ready(edge):
    wait_until(lambda: source(edge)["keys"] > 0, "the set is in use")
    return edge


def test_verifies_tokens_of_an_issuer(gateway, recorder, issuer):
    backend = recorder()
    edge = ready(gateway(guarded(backend.address, realm(issuer))))
    assert edge.get("/x", issuer.token("one")).status == 200
    stranger = Issuer(issuer.authority).add("one")
    assert edge.get("/x", stranger.token("one")).status == 401
    stranger.stop()
    said = source(edge)
    assert said["place"] == issuer.url and said["fetches"] == 1
    assert 200 <= said["next_fetch_seconds"] <= 240
    assert "GET /jwks.json HTTP/1.1\r\n" in issuer.requests[0]


def test_trusts_the_system_and_what_ssl_cert_file_says(gateway, recorder, issuer):
    backend = recorder()
    configuration = guarded(
        backend.address, f"realm main {{ access {{ jwks {issuer.url} {{ copy off; }} }} }}"
    )
    edge = gateway(configuration)
    wait_until(lambda: source(edge).get("failure"), "the system doesn't know the authority")
    assert "unable to get local issuer certificate" in source(edge)["failure"]
    assert edge.get("/x", issuer.token("one")).status == 503
    trusting = gateway(configuration, {"SSL_CERT_FILE": str(issuer.authority.file)})
    assert ready(trusting).get("/x", issuer.token("one")).status == 200


def test_fetches_one_url_once_for_all_that_name_it(gateway, recorder, issuer):
    backend = recorder()
    realms = (
        realm(issuer, name="main")
        + f"realm other {{ issuer https://other; access {{ jwks {issuer.url}; }} refresh {{ }} }}"
    )
    edge = ready(
        gateway(guarded(backend.address, realms, "realm main; route /other { realm other; }"))
    )
    assert edge.get("/x", issuer.token("one")).status == 200
    assert edge.get("/other", issuer.token("one")).status == 401
    assert edge.get("/other", issuer.token("one", iss="https://other")).status == 200
    assert [said["realm"] for said in edge.status()["key_sets"]] == ["main", "other"]
    assert issuer.count == 1


# Rotation at the issuer


def test_takes_a_new_key_after_one_fetch_for_many(gateway, recorder, issuer):
    backend = recorder()
    edge = ready(gateway(guarded(backend.address, realm(issuer))))
    token = issuer.add("two").token("two")
    issuer.gate.clear()
    with ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(edge.get, "/x", token) for _ in range(50)]
        issuer.asked(2)
        # What needs no new key goes on meanwhile.
        assert edge.get("/x", issuer.token("one")).status == 200
        issuer.gate.set()
        assert [answer.result().status for answer in answers] == [200] * 50
    assert issuer.count == 2, "one fetch for all of them"
    # What the issuer has withdrawn goes with the next set.
    issuer.published.remove("one")
    assert edge.get("/x", issuer.add("three").token("three")).status == 200
    assert edge.get("/x", issuer.token("one")).status == 401
    assert source(edge)["keys"] == 2


def test_an_unknown_key_is_refused_only_against_a_younger_set(gateway, recorder, issuer):
    backend = recorder()
    edge = ready(gateway(guarded(backend.address, realm(issuer), workers=1)))
    made_up = Issuer(issuer.authority)
    for number in range(4):
        name = f"made-up-{number}"
        assert edge.get("/x", made_up.add(name).token(name)).status == 401
        assert issuer.count == 2 + number
        # Judged already: no request for it.
        assert edge.get("/x", made_up.token(name)).status == 401
        assert issuer.count == 2 + number
    answer = edge.get("/x", made_up.add("one-more").token("one-more"))
    assert answer.status == 503 and answer.one("Retry-After")
    assert issuer.count == 5, "the bucket is empty"
    assert edge.get("/x", issuer.token("one")).status == 200
    made_up.stop()


def test_while_the_issuer_is_away_its_known_keys_stay_and_others_are_503(
    gateway, recorder, issuer
):
    backend = recorder()
    edge = ready(gateway(guarded(backend.address, realm(issuer))))
    issuer.answer = None
    assert edge.get("/x", issuer.add("two").token("two")).status == 503
    assert edge.get("/x", issuer.token("one")).status == 200
    said = source(edge)
    assert said["failing_since"] and said["failure"] and said["keys"] == 1
    issuer.recovers()
    wait_until(lambda: "failure" not in source(edge), "it is fetched again")
    assert edge.get("/x", issuer.token("two")).status == 200
    lines = edge.stderr().splitlines()
    assert len([line for line in lines if "the keys fetched before stay in use" in line]) == 1
    assert len([line for line in lines if "fetched again" in line]) == 1


def test_an_issuer_that_names_no_key_changes_it(gateway, recorder, issuer):
    """A new key shows by a signature that no key made; who forges one makes one fetch and no more."""
    backend = recorder()

    def nameless(kid):
        return {"keys": [{k: v for k, v in issuer.jwk(kid).items() if k != "kid"}]}

    def token(kid):
        return tokens.remember(jwt.encode(tokens.claims(), issuer.keys[kid], "ES256"))

    issuer.says(nameless("one"))
    edge = ready(gateway(guarded(backend.address, realm(issuer))))
    assert edge.get("/x", token("one")).status == 200
    issuer.add("two").says(nameless("two"))
    assert edge.get("/x", token("two")).status == 200
    before = len(issuer.requests)
    for _ in range(5):
        assert edge.get("/x", token("one")).status == 401
    assert len(issuer.requests) <= before + 1


# Cold starts


def test_without_a_set_nobody_knows(gateway, recorder, issuer):
    backend = recorder()
    issuer.answer = None
    edge = gateway(guarded(backend.address, realm(issuer)))
    for kid in ("one", "one", "two"):
        answer = edge.get("/x", issuer.add(kid, publish=kid == "two").token(kid))
        assert answer.status == 503 and answer.one("Retry-After")
    assert edge.get("/x", "not.a.token").status == 401
    issuer.recovers()
    ready(edge)
    assert edge.get("/x", issuer.token("two")).status == 200


def test_starts_from_the_copy_of_an_earlier_run(gateway, recorder, issuer):
    backend = recorder()
    edge = ready(gateway(guarded(backend.address, realm(issuer))))
    copies = edge.folder / "state"
    copy = wait_until(lambda: next(copies.glob("jwks-*.json"), None), "a copy is written")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(copy.read_text())) == {"keys", "gateway_copy"}
    edge.stop()
    issuer.answer = None
    edge.start()
    assert edge.get("/x", issuer.token("one")).status == 200
    assert edge.get("/x", issuer.add("two").token("two")).status == 503
    edge.stop()
    # A copy that others may write is theirs.
    copy.chmod(0o660)
    edge.start()
    assert edge.get("/x", issuer.token("one")).status == 503
    assert f"{copy}: this copy of {issuer.url} is not used: others may write it" in edge.stderr()


def test_a_copy_that_cannot_be_written_is_a_warning(gateway, recorder, issuer):
    backend = recorder()
    # A file where a folder is needed.
    edge = ready(gateway(guarded(backend.address, realm(issuer, "copy gateway.conf/copy.json;"))))
    assert edge.get("/x", issuer.token("one")).status == 200
    wait_until(lambda: "can't be written" in edge.stderr(), "it is said")


# What is no set


def huge(issuer):
    issuer.says(b'{"keys":[' + b" " * (256 << 10) + b"]}")


def hangs(issuer):
    issuer.gate.clear()


def redirects(issuer):
    issuer.says(b"", status="302 Found", Location="https://localhost/other")


def wrong_name(issuer):
    issuer.context = issuer.authority.context("other.example")


def expired(issuer):
    issuer.context = issuer.authority.context(until=datetime.timedelta(days=-1))


def unknown_authority(issuer):
    issuer.context = Authority(issuer.authority.folder, "stranger").context()


FAULTS = {
    "the certificate is not trusted: certificate has expired": expired,
    "the certificate is not trusted: hostname mismatch": wrong_name,
    "the certificate is not trusted: unable to get local issuer certificate": unknown_authority,
    "the answer is too large": huge,
    "timeout: no complete answer in time": hangs,
    "a redirect, which is not followed": redirects,
    "the server answered 404": lambda issuer: issuer.says(b"gone", status="404 Not Found"),
    "the answer is no strict JSON": lambda issuer: issuer.says(b"<html></html>"),
    "the answer is no JWK set": lambda issuer: issuer.says({"value": 1}),
    "its jwks_uri is the URL to name": lambda issuer: issuer.says({"jwks_uri": issuer.url}),
    "the set holds an empty set": lambda issuer: issuer.says({"keys": []}),
    "the set holds a shared secret": lambda issuer: issuer.says(
        {"keys": [{"kty": "oct", "k": tokens.b64(b"x" * 32), "kid": "one"}]}
    ),
    "the set holds a private key": lambda issuer: issuer.says(
        {"keys": [issuer.jwk("one", private=True)]}
    ),
    "the answer is compressed": lambda issuer: issuer.says(
        gzip.compress(json.dumps(issuer.set()).encode()), Content_Encoding="gzip"
    ),
}


@pytest.mark.parametrize("reason", FAULTS)
def test_says_why_there_is_no_set(gateway, recorder, issuer, reason):
    backend = recorder()
    FAULTS[reason](issuer)
    edge = gateway(guarded(backend.address, realm(issuer, "timeout 1s;")))
    wait_until(lambda: source(edge).get("failure"), "the fetch has failed")
    assert reason in source(edge)["failure"]
    assert edge.get("/x", issuer.token("one")).status == 503
    assert wait_until(lambda: reason in edge.stderr(), "it is said on standard error")
    assert not (edge.folder / "state").exists(), "no copy of what was refused"


# Files


def key_file(issuer, kid, path):
    """Puts a key's PEM into a file by renaming, as careful writers do."""
    public = issuer.keys[kid].public_key()
    new = path.with_suffix(".tmp")
    new.write_bytes(
        public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    new.rename(path)


def write_set(issuer, path, *kids):
    path.write_text(json.dumps({"keys": [issuer.jwk(kid) for kid in kids]}))


class Traffic:
    """Asks without pause with one token; every answer must be 200."""

    def __init__(self, edge, token):
        self.edge, self.token = edge, token
        self.statuses = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        with self.edge.connect() as connection:
            while not self.ended.is_set():
                fields = [tokens.bearer(self.token)]
                self.statuses.append(connection.request("GET", "/x", fields).status)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        assert set(self.statuses) == {200}, set(self.statuses)


def passes(edge, token):
    return wait_until(lambda: edge.get("/x", token).status == 200, "the new key is in use")


def test_a_renamed_key_file_counts_without_reload(gateway, recorder, issuer, tmp_path):
    backend = recorder()
    issuer.add("two", publish=False)
    lasting, changing = tmp_path / "lasting.pem", tmp_path / "changing.pem"
    key_file(issuer, "one", lasting)
    issuer.add("old", publish=False)
    key_file(issuer, "old", changing)
    edge = gateway(
        guarded(
            backend.address,
            f"realm main {{ access {{ key {lasting}; key {changing}; lifetime 15m; }} }}",
        )
    )
    assert edge.get("/x", issuer.token("old")).status == 200
    assert edge.get("/x", issuer.token("two")).status == 401
    with Traffic(edge, issuer.token("one")):
        key_file(issuer, "two", changing)
        passes(edge, issuer.token("two"))
    assert edge.get("/x", issuer.token("old")).status == 401
    assert f"{changing}: new keys are in use (1)" in edge.stderr()


def test_a_turned_link_counts_without_reload(gateway, recorder, issuer, tmp_path):
    """As Kubernetes does with mounted secrets: the link of the folder is turned, not the file's."""
    backend = recorder()
    issuer.add("two")
    folder = tmp_path / "mounted"
    for kid in ("one", "two"):
        (folder / kid).mkdir(parents=True)
    write_set(issuer, folder / "one" / "set.json", "one")
    write_set(issuer, folder / "two" / "set.json", "one", "two")
    (folder / "..data").symlink_to("one")
    (folder / "set.json").symlink_to("..data/set.json")
    edge = gateway(
        guarded(
            backend.address, f"realm main {{ access {{ jwks {folder}/set.json; lifetime 15m; }} }}"
        )
    )
    with Traffic(edge, issuer.token("one")):
        assert edge.get("/x", issuer.token("two")).status == 401
        (folder / "..new").symlink_to("two")
        (folder / "..new").rename(folder / "..data")
        passes(edge, issuer.token("two"))
    assert source(edge)["keys"] == 2


@pytest.mark.parametrize(
    "broken", [b"", b'{"keys":[', b'{"keys":[]}', b"hello", b" " * (257 << 10), None]
)
def test_a_broken_file_keeps_the_keys(gateway, recorder, issuer, tmp_path, broken):
    backend = recorder()
    issuer.add("two")
    path = tmp_path / "set.json"
    write_set(issuer, path, "one")
    edge = gateway(
        guarded(backend.address, f"realm main {{ access {{ jwks {path}; lifetime 15m; }} }}")
    )
    with Traffic(edge, issuer.token("one")):
        if broken is None:
            path.unlink()
        else:
            path.write_bytes(broken)
        wait_until(lambda: source(edge).get("failure"), "it is noticed")
        assert source(edge)["keys"] == 1 and source(edge)["failing_since"]
        write_set(issuer, path, "one", "two")
        passes(edge, issuer.token("two"))
    assert "failure" not in source(edge)
    kept = [line for line in edge.stderr().splitlines() if "stay in use" in line]
    assert len(kept) == 1 and str(path) in kept[0]


def test_a_decryption_key_counts_without_reload(gateway, recorder, tmp_path):
    backend = recorder()
    path = tmp_path / "decrypt.jwk"

    def put(secret: bytes):
        jwk = {"kty": "oct", "k": sensitive_b64(secret)}
        new = tmp_path / "new.jwk"
        new.write_text(json.dumps(jwk))
        new.rename(path)

    put(b"o" * 32)
    edge = gateway(
        guarded(
            backend.address,
            f"realm main {{ decrypt {path}; access {{ secret ${{JWT_ACCESS_SECRET}}; }} }}",
        ),
        {"JWT_ACCESS_SECRET": ACCESS},
    )
    inner = tokens.sign(tokens.claims(), ACCESS)
    old, new = sealed(inner, b"o" * 32), sealed(inner, b"n" * 32)
    assert edge.get("/x", old).status == 200
    assert edge.get("/x", new).status == 401
    put(b"n" * 32)
    passes(edge, new)
    assert edge.get("/x", old).status == 401


def sensitive_b64(secret: bytes) -> str:
    return tokens.sensitive(tokens.b64(secret))


def sealed(token: str, secret: bytes) -> str:
    """A JWE (RFC 7516) of type `dir` with A256GCM."""
    header = tokens.b64(json.dumps({"alg": "dir", "enc": "A256GCM", "cty": "JWT"}).encode())
    nonce = os.urandom(12)
    text = AESGCM(secret).encrypt(nonce, token.encode(), header.encode())
    parts = [header, "", tokens.b64(nonce), tokens.b64(text[:-16]), tokens.b64(text[-16:])]
    return tokens.remember(".".join(parts))


# Commands


def test_commands_use_the_copy_or_say_what_is_missing(gateway, recorder, issuer, tmp_path):
    backend = recorder()
    edge = gateway(guarded(backend.address, realm(issuer)), start=False)
    token = issuer.token("one")
    done = edge.command("token verify", token)
    assert done.returncode == 1 and "not at hand" in done.stderr
    assert issuer.url in done.stderr and "--jwks FILE" in done.stderr
    assert edge.command("check").returncode == 0 and issuer.count == 0, "no network is needed"
    ready(edge.start())
    copy = wait_until(lambda: next((edge.folder / "state").glob("jwks-*.json"), None), "a copy")
    assert "verified" in edge.command("token verify", "main", token).stdout
    assert "200" not in edge.command("token verify", issuer.add("two").token("two")).stdout
    explained = edge.command("explain", "GET", "/x", "-H", f"Authorization: Bearer {token}")
    assert explained.returncode == 0, explained.stdout
    done = run("token", "verify", "--jwks", copy, token, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    text = edge.command("status").stdout
    assert "key sets" in text and issuer.url in text
