"""The JOSE libraries of both worlds, `jose` (Node) and `jwcrypto` (Python): their keys, sets, signed and
encrypted tokens against the gateway's tools and routes, in every algorithm and in both directions."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from jwcrypto import jwe, jwk, jws, jwt

from backends.recorder import lines_named
from conftest import ACCESS, REFRESH
from support import config
from support.gateway import run
from support.token_forge import ALGORITHMS
from support.tokens import b64, claims, now, payload, remember, sensitive

NODE = Path(__file__).parent / "support" / "jose.mjs"
SEALS = [(alg, enc) for alg in ("dir", "RSA-OAEP-256") for enc in ("A128GCM", "A256GCM")]


class NodeJose:
    """`jose`, asked by jobs; keys are JWKs. One process for all of them."""

    name = "jose"
    process = None

    def ask(self, what, **job):
        if self.process is None:
            self.process = subprocess.Popen(
                ["node", str(NODE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(json.dumps({"do": what, **job}) + "\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline())
        assert "answer" in said, (what, said)
        return said["answer"]

    def stop(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(60)

    def keys(self, alg) -> tuple[dict, dict]:
        if alg.startswith("HS"):
            one = {"kty": "oct", "k": sensitive(b64(os.urandom(64))), "alg": alg, "kid": "h"}
            return one, one
        made = self.ask("keys", alg=alg)
        return made["private"], made["public"]

    def sign(self, alg, key, said, **header) -> str:
        return remember(self.ask("sign", alg=alg, key=key, claims=said, header=header))

    def verify(self, alg, key, token) -> dict:
        return self.ask("verify", alg=alg, key=key, token=token)

    def seal(self, alg, enc, key, token, **header) -> str:
        return remember(
            self.ask("seal", alg=alg, enc=enc, key=key, token=token, header=header))

    def open(self, alg, key, token) -> str:
        return self.ask("open", alg=alg, key=key, token=token)


class PythonJose:
    """`jwcrypto`; the same."""

    name = "jwcrypto"
    KINDS = {
        "HS": {"kty": "oct", "size": 512}, "RS": {"kty": "RSA", "size": 2048},
        "PS": {"kty": "RSA", "size": 2048}, "Ed": {"kty": "OKP", "crv": "Ed25519"},
    }  # fmt: skip
    CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}

    def keys(self, alg) -> tuple[dict, dict]:
        kind = self.KINDS.get(alg[:2]) or {"kty": "EC", "crv": self.CURVES[alg]}
        made = jwk.JWK.generate(**kind, alg=alg, use="sig")
        made.update(kid=made.thumbprint())
        private = json.loads(made.export())
        if "k" in private:
            sensitive(private["k"])
            return private, private
        return private, json.loads(made.export_public())

    def sign(self, alg, key, said, **header) -> str:
        made = jwt.JWT(header={"alg": alg, "typ": "JWT", **header},
                       claims={"exp": now() + 600, **said})
        made.make_signed_token(jwk.JWK(**key))
        return remember(made.serialize())

    def verify(self, alg, key, token) -> dict:
        read = jws.JWS()
        read.allowed_algs = [alg]
        read.deserialize(token)
        read.verify(jwk.JWK(**key))
        return json.loads(read.payload)

    def seal(self, alg, enc, key, token, **header) -> str:
        head = {"alg": alg, "enc": enc, "cty": "JWT", **header}
        made = jwe.JWE(token.encode(), json.dumps(head))
        made.add_recipient(jwk.JWK(**key))
        return remember(made.serialize(compact=True))

    def open(self, alg, key, token) -> str:
        read = jwe.JWE()
        read.deserialize(token, jwk.JWK(**key))
        return read.payload.decode()


LIBRARIES = [NodeJose(), PythonJose()]


@pytest.fixture(scope="module", autouse=True)
def node():
    yield
    LIBRARIES[0].stop()


each_library = pytest.mark.parametrize("library", LIBRARIES, ids=lambda one: one.name)


@each_library
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signed_tokens_both_ways(tmp_path, library, algorithm):
    private, public = library.keys(algorithm)
    (tmp_path / "private.jwk").write_text(json.dumps(private))
    (tmp_path / "set.json").write_text(json.dumps({"keys": [public]}))
    token = library.sign(algorithm, private, {"sub": "ada"}, kid=public["kid"])
    for options in (["--jwks", "set.json"], ["--key", "private.jwk"],
                    ["--jwks", "set.json", "--signature-only", "--alg", algorithm]):
        done = run("token", "verify", token, *options, folder=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    other = library.sign(algorithm, library.keys(algorithm)[0], {"sub": "ada"}, kid=public["kid"])
    done = run("token", "verify", other, "--jwks", "set.json", folder=tmp_path)
    assert done.returncode == 1 and "bad_signature" in done.stdout
    made = run("token", "sign", "--sub", "ada", "--key", "private.jwk", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    for reader in LIBRARIES:
        assert reader.verify(algorithm, public, made.stdout.strip())["sub"] == "ada"


@each_library
@pytest.mark.parametrize("alg, enc", SEALS)
def test_encrypted_tokens_both_ways(tmp_path, library, alg, enc):
    if alg == "dir":
        size = 16 if enc == "A128GCM" else 32
        private = public = {"kty": "oct", "k": sensitive(b64(os.urandom(size))), "use": "enc"}
    else:
        made = jwk.JWK.generate(kty="RSA", size=2048, use="enc")
        private, public = json.loads(made.export()), json.loads(made.export_public())
    for name, key in (("private.jwk", private), ("public.jwk", public)):
        (tmp_path / name).write_text(json.dumps(key))
    signer, signing_set = library.keys("ES256")
    (tmp_path / "signer.jwk").write_text(json.dumps(signer))
    (tmp_path / "set.json").write_text(json.dumps({"keys": [signing_set]}))
    inner = library.sign("ES256", signer, {"sub": "ada"}, kid=signing_set["kid"])
    sealed = library.seal(alg, enc, public, inner)
    options = ["--jwks", "set.json", "--decrypt", "private.jwk"]
    done = run("token", "verify", sealed, *options, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run("token", "verify", library.seal(alg, enc, public, "no token"), *options,
               folder=tmp_path)
    assert done.returncode == 1 and "malformed" in done.stdout
    # The gateway's own choice of content encryption is the key's size, or A256GCM.
    made = run("token", "sign", "--sub", "ada", "--key", "signer.jwk", "--encrypt", "private.jwk",
               folder=tmp_path)
    assert made.returncode == 0, made.stderr
    for reader in LIBRARIES:
        inner = reader.open(alg, private, made.stdout.strip())
        assert payload(inner)["sub"] == "ada"
        assert reader.verify("ES256", signing_set, inner)["sub"] == "ada"


def test_a_route_takes_what_either_library_signs(gateway, recorder):
    """One set of all public keys, half of each library's, on one route."""
    backend = recorder()
    keys = {}
    for index, algorithm in enumerate(name for name in ALGORITHMS if name[:2] != "HS"):
        keys[algorithm] = (LIBRARIES[index % 2], *LIBRARIES[index % 2].keys(algorithm))
    edge = gateway(
        config.top() + f"""
            realm main {{ access {{ jwks set.json; lifetime 15m; }} }}
            {config.IDENTITY}
            upstream backend {{ server {backend.address}; errors problem; }}
            route / {{ upstream backend; auth required; }}
        """,
        config.environment(ACCESS, REFRESH), start=False,
    )
    (edge.folder / "set.json").write_text(
        json.dumps({"keys": [public for _, _, public in keys.values()]}))
    edge.exposed.add("set.json")
    edge.start()
    for algorithm, (owner, private, public) in keys.items():
        for library in LIBRARIES:
            for header in ({"kid": public["kid"]}, {}):
                token = library.sign(algorithm, private, claims(sub=f"{algorithm}-{library.name}"),
                                     **header)
                assert edge.get("/", token).status == 200, (algorithm, library.name, header)
                assert lines_named(backend.heads[-1], "X-User-Id") == [f"{algorithm}-{library.name}"]
            token = library.sign(algorithm, private, claims(), kid="another")
            assert edge.get("/", token).status == 401
