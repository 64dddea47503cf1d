"""Project Wycheproof's vectors for JSON Web Signatures through the command line that the README
names for it: `token verify --signature-only --jwks FILE --alg ALG TOKEN`.

`vectors/` holds them in the project's own form. Whoever has the project's files runs all of them:
`WYCHEPROOF=FOLDER`, where the folder is its `testvectors_v1`."""

import base64
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.gateway import run
from support.rsa_forgery import Forger
from support.tokens import b64

FOLDER = Path(os.environ.get("WYCHEPROOF") or Path(__file__).parent / "vectors")
ALGORITHMS = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA",
]  # fmt: skip
LETTERS = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def groups(name: str):
    return json.loads((FOLDER / name).read_text())["testGroups"]


def header_algorithm(token: str) -> str | None:
    try:
        part = token.split(".")[0]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))).get("alg")
    except (ValueError, AttributeError):
        return None
    return found if found in ALGORITHMS else None


def expectation(group: dict, vector: dict, valid_tokens: set) -> bool | None:
    """True when the token must be accepted, None where the files contradict us or themselves."""
    token, key = vector["jws"], group.get("public") or group["private"]
    if vector["result"] == "invalid":
        # 367 and 370 say "padding" and hold none: each is 357, which is valid, letter by letter.
        return None if token in valid_tokens else False
    if not LETTERS.issuperset(token):
        return False
    # A key that names an algorithm is for no other, and ES521 is none.
    named = {one.get("alg") for one in key.get("keys", [key])}
    return None not in named and header_algorithm(token) in named


def key_forms(group: dict):
    """The group's key as a runner may hand it over: the public half as a set, the private one or a
    secret alone."""
    if "public" in group:
        key = group["public"]
        yield key if "keys" in key else {"keys": [key]}
    if "private" in group:
        yield group["private"]


def algorithms(group: dict, token: str) -> list[str]:
    """What a runner may put behind `--alg`: the key's, or the token's."""
    key = group.get("public") or group["private"]
    named = [one.get("alg") for one in key.get("keys", [key])] + [header_algorithm(token)]
    return sorted({name for name in named if name in ALGORITHMS})


def key_file(folder: Path, key: dict) -> str:
    text = json.dumps(key)
    file = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.jwks"
    if not file.exists():
        file.write_text(text)
    return file.name


def verdict(folder: Path, key: dict, algorithm: str | None, token: str):
    """Whether a token is accepted; anything but a clean yes or no fails."""
    words = ["token", "verify", "--signature-only", "--jwks", key_file(folder, key)]
    done = run(*words, *(["--alg", algorithm] if algorithm else []), token, folder=folder)
    assert done.returncode in (0, 1), (algorithm, token, done.stderr)
    assert (done.returncode == 0) == done.stdout.startswith("the signature is good")
    if done.returncode == 1:
        assert done.stdout.startswith("refused: ") or done.stderr.startswith("gateway: ")
    return done.returncode == 0


def judge(folder: Path, cases: list):
    """Runs (name, key, algorithm, token, wanted) side by side; the names that came out wrong."""
    for case in cases:
        key_file(folder, case[1])
    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = pool.map(lambda case: verdict(folder, *case[1:4]), cases)
        return [case[0] for case, answer in zip(cases, answers) if answer != case[4]]


@pytest.mark.parametrize("name", ["json_web_signature_test.json", "json_web_key_test.json"])
def test_every_vector_gets_the_verdict_it_asks_for(tmp_path, name):
    all_groups = groups(name)
    cases, contradictions = [], []
    for group in all_groups:
        valid_tokens = {one["jws"] for one in group["tests"] if one["result"] == "valid"}
        for vector in group["tests"]:
            wanted = expectation(group, vector, valid_tokens)
            if wanted is None:
                contradictions.append(vector["tcId"])
                continue
            # Without an algorithm, a key that names its own says enough.
            for key in key_forms(group):
                for algorithm in [*algorithms(group, vector["jws"]), None]:
                    # A valid token under `--alg` of another algorithm is refused like the rest.
                    named = algorithm is None or algorithm == header_algorithm(vector["jws"])
                    cases.append(
                        (f"{vector['tcId']} {vector['comment']} {algorithm}", key, algorithm,
                         vector["jws"], wanted and named))
    assert judge(tmp_path, cases) == []
    assert contradictions == ([367, 370] if "signature" in name else [])
    assert {case[4] for case in cases} == {True, False}


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_every_damaged_rsa_padding_is_refused(tmp_path, algorithm):
    forger = Forger()
    kind, name = algorithm[:2], f"sha{algorithm[2:]}"
    header = b64(json.dumps({"alg": algorithm, "kid": "k"}).encode())
    message = f"{header}.{b64(b'123400')}"
    make = forger.pkcs1 if kind == "RS" else forger.pss
    key = forger.jwk(kid="k", alg=algorithm, use="sig")
    cases = [
        (comment, key, algorithm, f"{message}.{b64(signature)}", comment.startswith("unchanged"))
        for comment, signature in make(message.encode(), name)
    ]
    assert len(cases) > (200 if kind == "RS" else 35)
    if algorithm in ("RS384", "RS512"):
        # The structure is the same for every hash but for its numbers.
        cases = cases[:1] + cases[1::4] + cases[-20:]
    assert judge(tmp_path, cases) == []


@pytest.mark.parametrize("bits", [1024, 2040, 2048])
def test_a_short_rsa_key_verifies_nothing(tmp_path, bits):
    forger = Forger(bits)
    header = b64(b'{"alg":"RS256"}')
    _, signature = next(forger.pkcs1(f"{header}.Zm9v".encode(), "sha256"))
    token = f"{header}.Zm9v.{b64(signature)}"
    for key in (forger.jwk(), forger.jwk(alg="RS256"), {"keys": [forger.jwk()]}):
        assert verdict(tmp_path, key, "RS256", token) == (bits >= 2048)
