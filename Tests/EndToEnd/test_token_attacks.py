"""Every attack on tokens of the last decade that we know of, in every algorithm, over HTTP: each row is
a mechanism, the reason that must stand in the answer, in its challenge and in the log, and how to make
the token. All are signed with the right key unless the row says otherwise, so that no refusal rests on
a signature that would have failed anyhow.

The same verifier's unit table is `DamagedTokenTests.swift`; this one has its own signatures
(Python's cryptography) and a client that sees only what a client sees. Keys too short to be keys are
`test_wycheproof.py`'s and, at load, `KeyFileTests.swift`'s."""

import json

import jwt
import pytest

from support import config
from support.gateway import run
from support.issuer import Authority, Issuer
from support.processes import wait_until
from support.token_forge import (
    ALGORITHMS,
    AUDIENCE,
    ED25519_ORDER,
    ISSUER,
    OAEP,
    ORDERS,
    SECRET,
    Asker,
    Forge,
    Sealer,
    oddly_ended,
)
from support.tokens import b64, now, remember, sensitive

TOKEN_BYTES_MAXIMUM = 8192
UNLIMITED = "limits { signature_rate off; signature_rate_per_address off; }\n"
"""One client plays all attacks in seconds, which is what these rates are against."""


def joined(header: str, payload: str, signature) -> str:
    if isinstance(signature, bytes):
        signature = b64(signature)
    return remember(f"{header}.{payload}.{signature}")


def shape(make):
    """A row made of the parts of a good token."""
    return lambda forge: make(*forge.parts())


def signature(change):
    """A row that has another signature: `change(forge, bytes)`."""

    def make(forge):
        header, payload, good = forge.parts()
        changed = change(forge, good)
        return None if changed is None else joined(header, payload, changed)

    return make


def header(text: str):
    """A row with this header under its right signature; $ALG is the key's algorithm."""
    return lambda forge: forge.token(
        text.replace("$ALG", forge.algorithm).replace("$alg", forge.algorithm.lower()).encode())


def payload(more: str = "", **claims):
    """A row with these claims; a text goes behind the others as it stands."""
    return lambda forge: forge.token(payload=forge.payload(more, **claims))


def whole(text):
    """A row whose payload is this text."""
    return lambda forge: forge.token(payload=text.encode())


def of_kind(kinds, make):
    """A row for some kinds of key only."""
    return lambda forge: make(forge) if forge.kind in kinds else None


def only_ecdsa(make):
    return of_kind(("ES",), signature(make))


def sized(forge, size: int) -> str:
    """A good token of exactly `size` bytes; the header takes up what base64 can't."""
    for filler in range(4):
        empty = len(forge.token(forge.head(f="f" * filler), forge.payload(pad="")))
        room = (size - empty) * 3 // 4
        for count in range(room - 4, room + 5):
            token = forge.token(forge.head(f="f" * filler), forge.payload(pad="p" * count))
            if len(token) == size:
                return token
    raise AssertionError(f"no token of {size} bytes")


def dotted(count: int):
    return lambda forge: "." * count


def first_flipped(forge, good):
    return bytes([good[0] ^ 1]) + good[1:]


def half_zero(which: int):
    def change(forge, good):
        r, s = forge.numbers(good)
        return forge.raw(*((0, s), (r, 0), (0, 0))[which])

    return change


def of_order(r: int, s: int):
    """r and s as offsets from the curve's order."""
    return lambda forge, good: forge.raw(
        ORDERS[forge.algorithm] + r, ORDERS[forge.algorithm] + s)


def other_lengths(width: int):
    """r and s right, but in the fields of another curve."""

    def change(forge, good):
        if width == forge.width:
            return None
        r, s = forge.numbers(good)
        size = width // 2
        if max(r, s).bit_length() > size * 8:
            return good[:size] + good[-size:]
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return change


def edwards_plus_order(forge, good):
    """RFC 8032 §5.1.7: S must be below the group's order, or a token has two spellings."""
    s = int.from_bytes(good[32:], "little") + ED25519_ORDER
    return good[:32] + s.to_bytes(32, "little")


def rsa_number(make):
    def change(forge, good):
        n = forge.private.public_key().public_numbers().n
        return make(n, int.from_bytes(good, "big"))

    return of_kind(("RS", "PS"), signature(change))


def public_texts(forge):
    """What an attacker has of the key."""
    pem, der = forge.pem(), forge.der()
    return [pem, pem.strip(), pem.replace(b"\n", b""), der, b64(der).encode()]


def key_as_secret(index: int, name: str):
    """CVE-2015-9235: the public key as the secret of a MAC; `name` says which MAC."""

    def make(forge):
        secret = public_texts(forge)[index]
        return Forge(name, secret).token(payload=forge.payload())

    return of_kind(("RS", "PS", "ES", "Ed"), make)


def mac_under_its_name(forge):
    """The same, but the header keeps the key's own algorithm."""
    mac = Forge("HS256", public_texts(forge)[0])
    return mac.token(forge.head(), forge.payload())


def same_key(other: str, header_is_other: bool):
    """The right key, used for another algorithm of its family."""

    def make(forge):
        is_family = {forge.kind, other[:2]} <= {"RS", "PS"} or forge.kind == other[:2] == "HS"
        if other == forge.algorithm or not is_family:
            return None
        twin = Forge(other, forge.private)
        return twin.token(twin.head() if header_is_other else forge.head(), forge.payload())

    return make


OTHER_SECRET = b"another secret of sixty-four bytes, which nobody configured...."
STRANGERS = {
    name: Forge(name, OTHER_SECRET if name.startswith("HS") else None) for name in ALGORITHMS
}


def foreign_key(other: str, header_is_other: bool):
    """Another key of any algorithm."""

    def make(forge):
        named = STRANGERS[other] if header_is_other else forge
        return STRANGERS[other].token(named.head(), forge.payload())

    return make


def brought_key(forge):
    """The token carries the key that it was signed with, in every way RFC 7515 §4.1 has."""
    stranger = Forge(forge.algorithm, None if forge.kind != "HS" else b"brought along" * 5)
    head = forge.head(
        jwk={"kty": "oct", "k": b64(SECRET.encode())}, jku="http://127.0.0.1:1/", x5c=["AAAA"],
        x5u="http://127.0.0.1:1/", kid="../../../../dev/null")
    return stranger.token(head, forge.payload())


def empty_secret(forge):
    return Forge("HS256", b"").token(payload=forge.payload())


def jwe(parts: int):
    def make(forge):
        first = b64(json.dumps({"alg": "dir", "enc": "A256GCM"}).encode())
        return remember(".".join([first, "", "AAAAAAAAAAAAAAAA", "AAAA", "A" * 22][:parts]))

    return make


def resealed(change):
    """The text that is signed is changed before it is signed: a right signature over wrong letters."""

    def make(forge):
        text = change(*forge.input().split("."))
        return None if text is None else forge.sealed(text)

    return make


def odd_signature(forge):
    head, body, good = forge.parts()
    text = b64(good)
    return None if oddly_ended(text) == text else joined(head, body, oddly_ended(text))


def spare(forge, size: int) -> bytes:
    """Claims whose text ends within a group of three bytes, so that its last letter has spare bits."""
    text = forge.payload()
    while len(text) % 3 != size:
        text += b" "
    return text


def spare_head(forge, size: int) -> bytes:
    text = forge.head()
    while len(text) % 3 != size:
        text += b" "
    return text


DEEP = '"a":' + "[" * 40 + "]" * 40
MANY = '"a":[' + "1," * 600 + "1]"
BAD, NO = "bad_signature", "malformed"

# (mechanism, reason, token); a row that makes None says nothing about that algorithm.
SHAPES = [
    ("one word", NO, lambda forge: "token"),
    ("no signature part", NO, shape(lambda h, p, s: f"{h}.{p}")),
    ("empty header", NO, shape(lambda h, p, s: joined("", p, s))),
    ("empty payload", NO, shape(lambda h, p, s: joined(h, "", s))),
    ("empty signature", BAD, shape(lambda h, p, s: joined(h, p, ""))),
    ("nothing but dots", NO, dotted(2)),
    ("a fourth part", NO, shape(lambda h, p, s: joined(h, p, s) + ".x")),
    ("a dot behind", NO, shape(lambda h, p, s: joined(h, p, s) + ".")),
    ("a dot before", NO, shape(lambda h, p, s: "." + joined(h, p, s))),
    ("twice", NO, shape(lambda h, p, s: joined(h, p, s) + "." + joined(h, p, s))),
    ("a million dots cut to the cap, CVE-2025-30204", NO, dotted(TOKEN_BYTES_MAXIMUM)),
    ("one byte over the cap", "too_large", lambda forge: sized(forge, TOKEN_BYTES_MAXIMUM + 1)),
    ("dots over the cap", "too_large", dotted(TOKEN_BYTES_MAXIMUM + 1)),
    ("JSON serialisation", NO, shape(
        lambda h, p, s: f'{{"payload":"{p}"}}')),
    ("JWE in five parts, apisix#9809", NO, jwe(5)),
    ("JWE cut to three parts", NO, jwe(3)),
    ("a JWS with two parts more, apisix#9809", NO, shape(
        lambda h, p, s: joined(h, p, s) + ".AAAA.AAAA")),
    ("percent-encoded dots", NO, shape(lambda h, p, s: f"{h}%2E{p}%2E{b64(s)}")),
    ("a word behind", NO, shape(lambda h, p, s: joined(h, p, s) + " x")),
    ("a tab behind the header", NO, shape(lambda h, p, s: joined(h + "\t", p, s))),
    ("a space in the header", NO, shape(lambda h, p, s: joined(h + " ", p, s))),
    ("a space before the signature", NO, shape(lambda h, p, s: joined(h, p, " " + b64(s)))),
    ("a letter beyond ASCII in the signature", NO, shape(
        lambda h, p, s: joined(h, p, b64(s) + "\xe4"))),
    ("the same in the payload, which is not read before", BAD, shape(
        lambda h, p, s: joined(h, p + "\xe4", s))),
    ("two tokens in a list", "ambiguous_credentials", shape(
        lambda h, p, s: joined(h, p, s) + "," + joined(h, p, s))),
    ("payload exchanged", BAD, lambda forge: joined(
        forge.parts()[0], b64(forge.payload(sub="admin")), forge.parts()[2])),
    ("header spelled otherwise", BAD, lambda forge: joined(
        b64(b" " + forge.head()), *forge.parts()[1:])),
]  # fmt: skip

LETTERS = [
    ("padded signature", NO, shape(lambda h, p, s: joined(h, p, b64(s) + "="))),
    ("signature padded to four", NO, shape(
        lambda h, p, s: joined(h, p, b64(s) + "=" * (-len(b64(s)) % 4 or 4)))),
    ("padded header, signed so", NO, resealed(lambda h, p: f"{h}=.{p}")),
    ("padded payload, signed so", NO, resealed(lambda h, p: f"{h}.{p}=")),
    ("standard base64 in the signature", NO, shape(
        lambda h, p, s: joined(h, p, "+/" + b64(s)[2:]))),
    ("standard base64 in the header, signed so", NO, resealed(lambda h, p: f"+{h[1:]}.{p}")),
    ("standard base64 in the payload, signed so", NO, resealed(lambda h, p: f"{h}./{p[1:]}")),
    ("non-canonical tail of the signature", NO, odd_signature),
    ("non-canonical tail of the header, signed so", NO, lambda forge: forge.sealed(
        oddly_ended(b64(spare_head(forge, 1))) + "." + b64(forge.payload()))),
    ("the same with two bits to spare", NO, lambda forge: forge.sealed(
        oddly_ended(b64(spare_head(forge, 2))) + "." + b64(forge.payload()))),
    ("non-canonical tail of the payload, signed so", NO, lambda forge: forge.sealed(
        b64(forge.head()) + "." + oddly_ended(b64(spare(forge, 1))))),
    ("the payload's with two bits to spare", NO, lambda forge: forge.sealed(
        b64(forge.head()) + "." + oddly_ended(b64(spare(forge, 2))))),
    ("a lone letter behind the payload, signed so", NO, lambda forge: forge.sealed(
        b64(forge.head()) + "." + b64(spare(forge, 0)) + "A")),
    ("a lone letter behind the signature", NO, shape(
        lambda h, p, s: joined(h, p, b64(s[: len(s) // 3 * 3]) + "A"))),
]  # fmt: skip


SIGNATURES = [
    ("one byte", BAD, signature(lambda f, s: b"\0")),
    ("first bit", BAD, signature(first_flipped)),
    ("last bit", BAD, signature(lambda f, s: s[:-1] + bytes([s[-1] ^ 1]))),
    ("a byte short", BAD, signature(lambda f, s: s[:-1])),
    ("first byte cut", BAD, signature(lambda f, s: s[1:])),
    ("a byte long", BAD, signature(lambda f, s: s + b"\0")),
    ("a zero before", BAD, signature(lambda f, s: b"\0" + s)),
    ("twice itself", BAD, signature(lambda f, s: s + s)),
    ("halves exchanged", BAD, signature(lambda f, s: s[len(s) // 2 :] + s[: len(s) // 2])),
    ("all zeros", BAD, signature(lambda f, s: bytes(len(s)))),
    ("all ones", BAD, signature(lambda f, s: b"\xff" * len(s))),
    ("the longest of any algorithm", BAD, signature(lambda f, s: b"\1" * 1024)),
    ("longer than any", NO, signature(lambda f, s: b"\1" * 1029)),
    ("r is 0, CVE-2022-21449", BAD, only_ecdsa(half_zero(0))),
    ("s is 0, CVE-2022-21449", BAD, only_ecdsa(half_zero(1))),
    ("r and s are 0, CVE-2022-21449", BAD, only_ecdsa(half_zero(2))),
    ("r and s are the order", BAD, only_ecdsa(of_order(0, 0))),
    ("r and s are the order less 1", BAD, only_ecdsa(of_order(-1, -1))),
    ("r is 1, s is the order", BAD, only_ecdsa(lambda f, s: f.raw(1, ORDERS[f.algorithm]))),
    ("r and s are 1", BAD, only_ecdsa(lambda f, s: f.raw(1, 1))),
    ("DER instead of r and s", BAD, only_ecdsa(lambda f, s: f.structure(s))),
    ("fields of P-256", BAD, only_ecdsa(other_lengths(64))),
    ("fields of P-384", BAD, only_ecdsa(other_lengths(96))),
    ("fields of P-521", BAD, only_ecdsa(other_lengths(132))),
    ("S plus the order, RFC 8032", BAD, of_kind(("Ed",), signature(edwards_plus_order))),
    ("R plus the field's prime", BAD, of_kind(("Ed",), signature(
        lambda f, s: bytes([0xED]) + b"\xff" * 30 + b"\x7f" + s[32:]))),
    ("the number 0", BAD, rsa_number(lambda n, s: bytes(256))),
    ("the number 1", BAD, rsa_number(lambda n, s: (1).to_bytes(256, "big"))),
    ("n - 1", BAD, rsa_number(lambda n, s: (n - 1).to_bytes(256, "big"))),
    ("n", BAD, rsa_number(lambda n, s: n.to_bytes(256, "big"))),
    ("not reduced", BAD, rsa_number(lambda n, s: (n + s).to_bytes(257, "big"))),
    ("negative", BAD, rsa_number(lambda n, s: (n - s).to_bytes(256, "big"))),
]  # fmt: skip

OFF = "unsupported_algorithm"
CONFUSION = [
    *((f"none as {word}", OFF, header(f'{{"alg":"{word}"}}'))
      for word in ("none", "None", "NONE", "nOnE", "none ", " none", "nonE")),
    *((f"{word}, no signature", OFF, lambda forge, word=word: joined(
        b64(b'{"alg":"%s"}' % word.encode()), b64(forge.payload()), ""))
      for word in ("none", "NONE")),
    ("no alg", NO, header('{"typ":"JWT"}')),
    ("alg empty", OFF, header('{"alg":""}')),
    ("alg null", NO, header('{"alg":null}')),
    ("alg a number", NO, header('{"alg":256}')),
    ("alg a list", NO, header('{"alg":["$ALG"]}')),
    ("alg in lower case", OFF, header('{"alg":"$alg"}')),
    ("alg with a space", OFF, header('{"alg":"$ALG "}')),
    ("alg with a NUL", NO, header('{"alg":"$ALG\\u0000"}')),
    ("alg twice", NO, header('{"alg":"none","alg":"$ALG"}')),
    ("alg twice, escaped", NO, header('{"alg":"$ALG","\\u0061lg":"none"}')),
    ("alg of a JWE", OFF, header('{"alg":"dir"}')),
    ("ES256K", OFF, header('{"alg":"ES256K"}')),
    *((f"the public key as secret of {name}, form {form}, CVE-2022-29217", OFF,
       key_as_secret(form, name)) for form in range(5) for name in ("HS256", "HS384", "HS512")),
    ("the public key as secret under the key's own name", BAD, of_kind(
        ("RS", "PS", "ES", "Ed"), mac_under_its_name)),
    ("the empty secret, CVE-2022-23540", None, empty_secret),
    ("a key that the token brings, CVE-2018-0114", BAD, brought_key),
    *((f"the right key as {name}", OFF, same_key(name, True)) for name in ALGORITHMS),
    *((f"the right key as {name}, under the key's name", BAD, same_key(name, False))
      for name in ALGORITHMS),
    *((f"another key of {name}", None, foreign_key(name, True)) for name in ALGORITHMS),
    *((f"another key of {name}, under the key's name", BAD, foreign_key(name, False))
      for name in ALGORITHMS),
]  # fmt: skip

HEADERS = [
    ("unknown crit, GHSA-752w-5fwx-jx9f", NO, header('{"alg":"$ALG","crit":["x"],"x":1}')),
    ("empty crit", NO, header('{"alg":"$ALG","crit":[]}')),
    ("crit no list", NO, header('{"alg":"$ALG","crit":"exp"}')),
    ("crit names exp", NO, header('{"alg":"$ALG","crit":["exp"],"exp":1}')),
    ("crit with an escape", NO, header('{"alg":"$ALG","\\u0063rit":["x"]}')),
    ("b64 false", NO, header('{"alg":"$ALG","b64":false,"crit":["b64"]}')),
    ("b64 false without crit", NO, header('{"alg":"$ALG","b64":false}')),
    ("b64 a word", NO, header('{"alg":"$ALG","b64":"false"}')),
    ("enc beside alg, CVE-2024-33531", NO, header('{"alg":"$ALG","enc":"A256GCM"}')),
    ("header of a JWE", NO, header('{"alg":"dir","enc":"A256GCM"}')),
    ("zip", NO, header('{"alg":"$ALG","zip":"DEF"}')),
    ("kid a number", NO, header('{"alg":"$ALG","kid":7}')),
    ("NUL in kid", NO, header('{"alg":"$ALG","kid":"a\\u0000b"}')),
    ("typ twice", NO, header('{"alg":"$ALG","typ":"a","typ":"b"}')),
    ("a list", NO, header('["$ALG"]')),
    ("a string", NO, header('"$ALG"')),
    ("a number", NO, header("7")),
    ("empty text", NO, header(" ")),
    ("cut", NO, header('{"alg":"$ALG"')),
    ("a tail", NO, header('{"alg":"$ALG"}x')),
    ("two objects", NO, header('{"alg":"$ALG"}{}')),
    ("a comment", NO, header('{"alg":"$ALG"/**/}')),
    ("a trailing comma", NO, header('{"alg":"$ALG",}')),
    ("a byte order mark", NO, header('\ufeff{"alg":"$ALG"}')),
    ("deep nesting", NO, header('{"alg":"$ALG","x":[[[[]]]]}')),
    ("many members", NO, header('{"alg":"$ALG"' + "".join(f',"m{i}":1' for i in range(64)) + "}")),
    ("over its cap", NO, header('{"alg":"$ALG","x":"' + "y" * 1600 + '"}')),
    ("no UTF-8", NO, lambda forge: forge.token(forge.head()[:-1] + b',"x":"\xff"}')),
]

CLAIMS = [
    ("payload a list", NO, whole("[]")),
    ("payload a string", NO, whole('"exp"')),
    ("payload null", NO, whole("null")),
    ("payload empty object", NO, whole("{}")),
    ("payload cut", NO, lambda f: f.token(payload=f.payload()[:-1])),
    ("payload with a tail", NO, lambda f: f.token(payload=f.payload() + b"{}")),
    ("payload no UTF-8", NO, lambda f: f.token(payload=f.payload()[:-1] + b',"x":"\xc3"}')),
    ("payload of overlong UTF-8", NO, lambda f: f.token(
        payload=f.payload()[:-1] + b',"x":"\xc0\x80"}')),
    ("no exp", NO, payload(exp=None)),
    ("exp null", NO, payload(', "exp": null', exp=None)),
    ("exp a string", NO, payload(exp="9999999999")),
    ("exp true", NO, payload(exp=True)),
    ("exp a list", NO, payload(exp=[9999999999])),
    ("exp NaN", NO, payload(exp=float("nan"))),
    ("exp Infinity", NO, payload(exp=float("inf"))),
    ("exp 1e400", NO, payload(', "exp": 1e400', exp=None)),
    ("exp -1e400", NO, payload(', "exp": -1e400', exp=None)),
    ("exp beyond 2^53", NO, payload(exp=2**53 + 1)),
    ("exp beyond 64 bits", NO, payload(exp=2**64 + now() + 600)),
    ("exp of a thousand digits", NO, payload(', "exp": ' + "9" * 1000, exp=None)),
    ("exp hexadecimal", NO, payload(', "exp": 0x7fffffff', exp=None)),
    ("exp with a leading zero", NO, payload(', "exp": 0%d' % (now() + 600), exp=None)),
    ("exp with a plus", NO, payload(', "exp": +%d' % (now() + 600), exp=None)),
    ("exp twice", NO, payload(f', "exp": {now() + 900}')),
    ("exp twice, escaped", NO, payload(f', "\\u0065xp": {now() + 900}')),
    ("exp passed", "expired", payload(exp=now() - 600)),
    ("exp 0", "expired", payload(exp=0)),
    ("exp negative", "expired", payload(exp=-1)),
    ("exp too far away", "lifetime_exceeded", payload(exp=now() + 5 * 3600)),
    ("exp in a thousand years", "lifetime_exceeded", payload(exp=now() + 86400 * 365000)),
    ("nbf to come", "not_yet_valid", payload(nbf=now() + 600)),
    ("nbf a string", NO, payload(nbf="0")),
    ("nbf null", NO, payload(', "nbf": null')),
    ("nbf 1e400", NO, payload(', "nbf": 1e400')),
    ("nbf NaN", NO, payload(nbf=float("nan"))),
    ("iat to come", "not_yet_valid", payload(iat=now() + 600)),
    ("iat a string", NO, payload(iat="0")),
    ("iat -1e400", NO, payload(', "iat": -1e400')),
    ("iss of another", "wrong_issuer", payload(iss="https://evil.example")),
    ("no iss", "wrong_issuer", payload(iss=None)),
    ("iss a list, GHSA-75c5-xw7c-p5pm", "wrong_issuer", payload(iss=[ISSUER])),
    ("iss longer, GHSA-75c5-xw7c-p5pm", "wrong_issuer", payload(iss=ISSUER + ".evil.example")),
    ("iss shorter, GHSA-75c5-xw7c-p5pm", "wrong_issuer", payload(iss=ISSUER[:-1])),
    ("iss empty", "wrong_issuer", payload(iss="")),
    ("iss with a slash", "wrong_issuer", payload(iss=ISSUER + "/")),
    ("iss in upper case", "wrong_issuer", payload(iss=ISSUER.upper())),
    ("iss a number", "wrong_issuer", payload(iss=1)),
    ("aud of another", "wrong_audience", payload(aud="other")),
    ("no aud", "wrong_audience", payload(aud=None)),
    ("aud longer", "wrong_audience", payload(aud=AUDIENCE + "s")),
    ("aud shorter", "wrong_audience", payload(aud=AUDIENCE[:-1])),
    ("aud an empty list", "wrong_audience", payload(aud=[])),
    ("aud a list of others", "wrong_audience", payload(aud=["a", AUDIENCE + "s"])),
    ("aud a list in a list", "wrong_audience", payload(aud=[[AUDIENCE]])),
    ("aud an object", "wrong_audience", payload(aud={AUDIENCE: True})),
    ("aud in a longer text", "wrong_audience", payload(aud=f"x {AUDIENCE}")),
    ("sub twice", NO, payload(', "sub": "admin"')),
    ("sub twice, escaped", NO, payload(', "\\u0073ub": "admin"')),
    ("a member twice within another", NO, payload(', "a": {"b": 1, "b": 2}')),
    ("NUL in sub", NO, payload(sub="u1\0admin")),
    ("NUL in a name", NO, payload(', "sub\\u0000": "admin"')),
    ("lone surrogate", NO, payload(', "x": "\\ud800"')),
    ("surrogates the wrong way round", NO, payload(', "x": "\\udc00\\ud800"')),
    ("control byte in a string", NO, payload(', "x": "a\tb"')),
    ("deep nesting", NO, payload(", " + DEEP)),
    ("too many values", NO, payload(", " + MANY)),
    ("type refresh", "wrong_token_type", payload(type="refresh")),
    ("type REFRESH", "wrong_token_type", payload(type="REFRESH")),
]  # fmt: skip

# The other side: what must pass, so that the rows above are refused for what they say.
GOOD = [
    ("plain", lambda f: f.token()),
    ("exactly the cap", lambda f: sized(f, TOKEN_BYTES_MAXIMUM)),
    ("spaces in header and payload", lambda f: f.token(
        spare_head(f, 1), spare(f, 1))),
    ("members of no concern", lambda f: f.token(
        f.head(kid="k", jku="http://127.0.0.1:1/", b64=True), f.payload(roles=["a"]))),
    ("aud a list", lambda f: f.token(payload=f.payload(aud=["other", AUDIENCE]))),
    ("sub a number", lambda f: f.token(payload=f.payload(sub=42))),
    ("no sub", lambda f: f.token(payload=f.payload(sub=None))),
    ("exp with a fraction", lambda f: f.token(payload=f.payload(exp=now() + 600.5))),
    ("exp as 1.0e9 and more", lambda f: f.token(
        payload=f.payload(', "exp": %.9fe9' % ((now() + 600) / 1e9), exp=None))),
]  # fmt: skip

ROWS = [
    (f"{group}: {name}", reason, make)
    for group, rows in [
        ("shape", SHAPES), ("letters", LETTERS), ("signature", SIGNATURES),
        ("algorithm", CONFUSION), ("header", HEADERS), ("claims", CLAIMS),
    ]
    for name, reason, make in rows
]  # fmt: skip
STATUS = {"ambiguous_credentials": 400}
CHALLENGE = {"ambiguous_credentials": "invalid_request"}


def wanted_reason(name: str, reason, forge) -> str:
    """Reasons that depend on whether the key happens to have the token's algorithm."""
    if reason is not None:
        return reason
    own = "HS256" if "empty secret" in name else name.rpartition(" ")[2]
    return BAD if own == forge.algorithm else OFF


def realm(forge) -> str:
    name = forge.algorithm
    source = f"secret_file {name}.key" if forge.kind == "HS" else f"key {name}.key"
    return f"""
    realm {name.lower()} {{
        issuer {ISSUER}; audience {AUDIENCE};
        access {{ {source}; algorithms {name}; lifetime 4h; }}
    }}
    route /{name} {{ upstream backend; realm {name.lower()}; auth required; }}
    """


@pytest.fixture
def house(gateway, recorder):
    """A gateway with a realm for each algorithm: (gateway, recorder, forges)."""
    sensitive(SECRET)
    forges = {}
    for name in ALGORITHMS:
        # One RSA key for its six algorithms: the hardest case.
        private = forges["RS256"].private if name[:2] in ("RS", "PS") and forges.get("RS256") else None
        forges[name] = Forge(name, private)
    backend = recorder()
    text = config.top() + UNLIMITED + f"upstream backend {{ server {backend.address}; errors problem; }}"
    edge = gateway(text + "".join(realm(forge) for forge in forges.values()), start=False)
    for name, forge in forges.items():
        file = edge.folder / f"{name}.key"
        file.write_bytes(forge.private if forge.kind == "HS" else forge.pem())
        edge.exposed.add(file.name)
    return edge.start(), backend, forges


def test_every_attack_is_refused_for_its_reason_in_every_algorithm(house):
    edge, backend, forges = house
    ask, wrong, wanted = Asker(edge), [], {}
    for algorithm, forge in forges.items():
        for name, make in GOOD:
            if ask(f"/{algorithm}", make(forge)).status != 200:
                wrong.append((algorithm, name, "refused"))
    passed = len(backend.heads)
    assert wrong == [] and passed == len(GOOD) * len(ALGORITHMS)
    for algorithm, forge in forges.items():
        for index, (name, reason, make) in enumerate(ROWS):
            token = make(forge)
            if token is None:
                continue
            reason = wanted_reason(name, reason, forge)
            path = f"/{algorithm}/{index}"
            wanted[path] = reason
            answer = ask(path, token)
            challenge = answer.one("WWW-Authenticate") or ""
            error = CHALLENGE.get(reason, "invalid_token")
            if not (
                answer.status == STATUS.get(reason, 401)
                and f'error="{error}"' in challenge
                and f'reason="{reason}"' in challenge
                and (len(token) < 20 or token not in challenge + answer.body.decode())
            ):
                wrong.append((algorithm, name, reason, answer.status, challenge))
    assert wrong == []
    assert len(backend.heads) == passed, "a refused request reached the backend"

    def logged():
        lines = {line["path"]: line.get("reason") for line in edge.log_lines()}
        return lines if wanted.keys() <= lines.keys() else None

    lines = wait_until(logged, "all access lines")
    assert {path: lines[path] for path in wanted} == wanted
    # Nothing of it left anything behind.
    for algorithm, forge in forges.items():
        assert ask(f"/{algorithm}", forge.token()).status == 200


@pytest.mark.parametrize("algorithm", ["HS384", "RS256", "ES512", "EdDSA"])
def test_token_why_gives_the_reason_of_the_gateway(tmp_path, algorithm):
    """A quarter of the table each, on the command line; no secret is ever shown."""
    sensitive(SECRET)
    forge = Forge(algorithm)
    (tmp_path / "gateway.conf").write_text(
        "listen 127.0.0.1:0; upstream backend { server 127.0.0.1:9; }" + realm(forge))
    key = tmp_path / f"{algorithm}.key"
    key.write_bytes(forge.private if forge.kind == "HS" else forge.pem())
    wrong = []
    for name, reason, make in ROWS[("HS384", "RS256", "ES512", "EdDSA").index(algorithm) :: 4]:
        token = make(forge)
        # Words with blanks and bytes beyond ASCII are the shell's business here.
        if token is None or not token.isascii() or set(token) & set(" \t,"):
            continue
        done = run("token", "why", token, folder=tmp_path)
        reason = wanted_reason(name, reason, forge)
        first = done.stdout.partition("\n")[0]
        is_told = first.startswith("refused") and first.endswith(f": {reason}")
        if done.returncode != 1 or not is_told or SECRET in done.stdout + done.stderr:
            wrong.append((name, reason, done.returncode, done.stdout, done.stderr))
    assert wrong == []


def test_no_attack_makes_an_issuer_work(gateway, recorder, tmp_path):
    """The same table against keys that are fetched: the reasons are the same, and who sends garbage
    makes nobody fetch. A signature that nothing verifies may have a new key, once."""
    backend, authority = recorder(), Authority(tmp_path)
    forges = {name: Forge(name) for name in ("RS256", "ES384", "EdDSA")}
    issuer = Issuer(authority)
    issuer.says({"keys": [
        {**json.loads(jwt.get_algorithm_by_name(name).to_jwk(forge.private.public_key())),
         "alg": name, "kid": name, "key_ops": ["verify"]}
        for name, forge in forges.items()]})  # fmt: skip
    edge = gateway(
        config.top(workers=1) + UNLIMITED + f"""
        realm main {{
            issuer {ISSUER}; audience {AUDIENCE};
            access {{ jwks {issuer.url} {{ ca {authority.file}; copy off; }} lifetime 4h; }}
        }}
        upstream backend {{ server {backend.address}; errors problem; }}
        route / {{ upstream backend; auth required; }}
        """)
    wait_until(lambda: edge.status()["key_sets"][0]["keys"] == 3, "the set is in use")
    ask, wrong = Asker(edge), []
    for algorithm, forge in forges.items():
        assert ask("/", forge.token()).status == 200
        for name, reason, make in ROWS:
            # Here a foreign algorithm may be another key's; its own rows say what comes of that.
            if name.startswith("algorithm: another key of") or (token := make(forge)) is None:
                continue
            reason = wanted_reason(name, reason, forge)
            if "CVE-2018-0114" in name:
                reason = "unknown_key"
            answer = ask("/", token)
            challenge = answer.one("WWW-Authenticate") or ""
            if answer.status != STATUS.get(reason, 401) or f'reason="{reason}"' not in challenge:
                wrong.append((algorithm, name, reason, answer.status, challenge))
    count = issuer.count
    issuer.stop()
    assert wrong == []
    assert count <= 3, "the first fetch, one for tokens without a name, one for the name"


# Encrypted tokens: (mechanism, reason, token) from a sealer and a good signed token.


def damaged(change):
    return lambda sealer, good: sealer.seal(good, change=change)


def with_header(**more):
    return lambda sealer, good: sealer.seal(good, sealer.head(**more))


def wrapped_alone(make):
    """A row about the wrapped key, which `dir` has none of."""
    return lambda sealer, good: make(sealer, good) if sealer.alg != "dir" else None


JWE = [
    ("four parts", NO, lambda s, t: s.seal(t).rpartition(".")[0]),
    ("six parts", NO, lambda s, t: s.seal(t) + ".AAAA"),
    ("no vector", NO, damaged(lambda h, k, v, c, t: (h, k, b"", c, t))),
    ("short vector", NO, damaged(lambda h, k, v, c, t: (h, k, v[:-1], c, t))),
    ("long vector", NO, damaged(lambda h, k, v, c, t: (h, k, v + b"\0", c, t))),
    ("no tag", NO, damaged(lambda h, k, v, c, t: (h, k, v, c, b""))),
    ("tag of 12 bytes", NO, damaged(lambda h, k, v, c, t: (h, k, v, c, t[:12]))),
    ("tag of 4 bytes", NO, damaged(lambda h, k, v, c, t: (h, k, v, c, t[:4]))),
    ("long tag", NO, damaged(lambda h, k, v, c, t: (h, k, v, c, t + b"\0"))),
    ("tag padded", NO, damaged(lambda h, k, v, c, t: (h, k, v, c, b64(t) + "=="))),
    ("tag with an odd tail", NO, damaged(lambda h, k, v, c, t: (h, k, v, c, oddly_ended(b64(t))))),
    ("no ciphertext", NO, damaged(lambda h, k, v, c, t: (h, k, v, b"", t))),
    ("tag changed", BAD, damaged(lambda h, k, v, c, t: (h, k, v, c, first_flipped(None, t)))),
    ("vector changed", BAD, damaged(lambda h, k, v, c, t: (h, k, first_flipped(None, v), c, t))),
    ("ciphertext changed", BAD, damaged(
        lambda h, k, v, c, t: (h, k, v, first_flipped(None, c), t))),
    ("ciphertext cut", BAD, damaged(lambda h, k, v, c, t: (h, k, v, c[:-1], t))),
    ("header spelled otherwise", BAD, damaged(lambda h, k, v, c, t: (h + b" ", k, v, c, t))),
    ("header padded", NO, damaged(lambda h, k, v, c, t: (b64(h) + "=", k, v, c, t))),
    ("a key beside dir, or none beside RSA", None, damaged(
        lambda h, k, v, c, t: (h, b"" if k else b"\1" * 32, v, c, t))),
    ("another key", BAD, lambda s, t: s.seal(t, content_key=b"\7" * 32, wrapped=(
        b"" if s.alg == "dir" else b"\1" * 256))),
    ("the key wrapped for somebody else", BAD, wrapped_alone(lambda s, t: Sealer(
        STRANGERS["RS256"].private).seal(t))),
    ("a wrapped key of 16 bytes", BAD, wrapped_alone(
        lambda s, t: s.seal(t, content_key=b"\7" * 16))),
    ("a wrapped key of nothing, content under zeros", BAD, wrapped_alone(
        lambda s, t: s.seal(t, content_key=bytes(32), wrapped=s.key.public_key().encrypt(b"", OAEP)))),
    ("a wrapped key of zeros as number", BAD, wrapped_alone(
        lambda s, t: s.seal(t, wrapped=bytes(256)))),
    ("a wrapped key a byte short", BAD, wrapped_alone(lambda s, t: s.seal(
        t, change=lambda h, k, v, c, g: (h, k[:-1], v, c, g)))),
    ("RSA-OAEP with SHA-1", OFF, with_header(alg="RSA-OAEP")),
    ("RSA1_5, Bleichenbacher", OFF, with_header(alg="RSA1_5")),
    ("A256KW", OFF, with_header(alg="A256KW")),
    ("PBES2 with a million rounds", OFF, with_header(
        alg="PBES2-HS256+A128KW", p2c=1_000_000, p2s="AAAA")),
    ("ECDH-ES", OFF, with_header(alg="ECDH-ES", epk={"kty": "EC", "crv": "P-256"})),
    ("none", OFF, with_header(alg="none")),
    ("alg in lower case", OFF, lambda s, t: s.seal(t, s.head(alg=s.alg.swapcase()))),
    ("A256CBC-HS512", OFF, with_header(enc="A256CBC-HS512")),
    ("A192GCM", OFF, with_header(enc="A192GCM")),
    ("no enc", NO, with_header(enc=None)),
    ("enc a list", NO, with_header(enc=["A256GCM"])),
    ("zip, CVE-2024-33664", NO, with_header(zip="DEF")),
    ("crit", NO, with_header(crit=["x"], x=1)),
    ("cty of something else", NO, with_header(cty="text/plain")),
    ("kid of another key", "unknown_key", with_header(kid="other")),
    ("kid a number", NO, with_header(kid=7)),
    ("nothing signed inside, everybody can encrypt", NO, lambda s, t: s.seal(
        json.dumps({"sub": "admin", "exp": now() + 600}))),
    ("none inside", OFF, lambda s, t: s.seal(
        b64(b'{"alg":"none"}') + "." + t.split(".")[1] + ".")),
    ("an encrypted token inside", NO, lambda s, t: s.seal(s.seal(t))),
    ("another's signature inside", BAD, lambda s, t: s.seal(STRANGERS["HS256"].token())),
    ("expired inside", "expired", lambda s, t: s.seal(
        Forge("HS256").token(payload=Forge("HS256").payload(exp=1)))),
    ("a space behind the token inside", NO, lambda s, t: s.seal(t + " ")),
    ("over the cap", "too_large", lambda s, t: s.seal(t + "x" * 6000)),
]  # fmt: skip


def test_every_attack_on_encrypted_tokens_is_refused_for_its_reason(gateway, recorder):
    backend = recorder()
    sealers = {"dir": Sealer(bytes(range(32))), "rsa": Sealer(Forge("RS256").private)}
    signer = Forge("HS256")
    sensitive(SECRET)
    said = {
        "signer.key": SECRET.encode(),
        "dir.jwk": json.dumps(
            {"kty": "oct", "k": sensitive(b64(sealers["dir"].key)), "kid": "d"}).encode(),
    }  # fmt: skip
    text = config.top(workers=1) + UNLIMITED
    for name, file in (("dir", "dir.jwk"), ("rsa", "rsa.jwk")):
        text += f"""
        realm {name} {{ issuer {ISSUER}; audience {AUDIENCE}; decrypt {file};
                        access {{ secret_file signer.key; lifetime 4h; }} }}
        """
    numbers = json.loads(jwt.get_algorithm_by_name("RS256").to_jwk(sealers["rsa"].key))
    numbers.pop("key_ops", None)
    said["rsa.jwk"] = json.dumps({**numbers, "use": "enc", "kid": "r"}).encode()
    sensitive(numbers["d"])
    edge = gateway(
        text + f"""
        upstream backend {{ server {backend.address}; errors problem; }}
        route /dir {{ upstream backend; realm dir; }}
        route /rsa {{ upstream backend; realm rsa; }}
        """, start=False)
    for name, content in said.items():
        (edge.folder / name).write_bytes(content)
        edge.exposed.add(name)
    edge.start()
    ask, wrong = Asker(edge), []
    for path, sealer in sealers.items():
        assert ask(f"/{path}", sealer.seal(signer.token())).status == 200
        assert ask(f"/{path}", signer.token()).status == 200
        passed = len(backend.heads)
        for name, reason, make in JWE:
            token = make(sealer, signer.token())
            if token is None:
                continue
            if reason is None:
                reason = NO if sealer.alg == "dir" else BAD
            answer = ask(f"/{path}", token)
            challenge = answer.one("WWW-Authenticate") or ""
            if answer.status != 401 or f'reason="{reason}"' not in challenge:
                wrong.append((path, name, reason, answer.status, challenge))
        assert len(backend.heads) == passed
    assert wrong == []


def test_the_table_is_as_long_as_it_says():
    """Rows for every algorithm, and some only where they mean something."""
    counts = {}
    for algorithm in ("HS256", "RS256", "PS512", "ES384", "EdDSA"):
        forge = Forge(algorithm)
        counts[algorithm] = sum(make(forge) is not None for _, _, make in ROWS)
    assert min(counts.values()) >= 200, counts
    assert len({name for name, _, _ in ROWS}) == len(ROWS)
