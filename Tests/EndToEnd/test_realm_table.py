"""Token × realm × route: what passes, and why the rest does not, as one table of its own making.

`expected` is written from the rules of the README's sections on realms and claims, sentence by sentence,
and knows nothing of the gateway but that; every combination of a realm's house, a route's `auth` and
`require`, and a token's key, `type`, claims, age and revocation is then asked over HTTP."""

import itertools
from dataclasses import dataclass, field

import pytest

from backends.recorder import lines_named
from conftest import ACCESS, OTHER_ACCESS, OTHER_REFRESH, REFRESH
from support import config
from support.token_forge import Asker
from support.tokens import now, sensitive, sign

OLD = "Ga8sKf2lZp5xQw9eRt3yUi7oHj1kLm6nVb4cXd0S"
STRANGER = "Wc3vBn6mKj9hGf2dSa5qPo8iUy1tRe4wZx7lQk0J"
SECRETS = {
    "access": ACCESS, "refresh": REFRESH, "old": OLD, "other access": OTHER_ACCESS,
    "other refresh": OTHER_REFRESH, "stranger": STRANGER,
}  # fmt: skip


@dataclass
class House:
    """Realms in the order in which routes name them: text, and which keys count for which class."""

    realms: dict[str, str]
    access: dict[str, set]
    refresh: dict[str, set] = field(default_factory=dict)

    def has_refresh(self) -> bool:
        return all(name in self.refresh for name in self.realms)


def realm(preset: str, access="${A}", refresh=None, previous="") -> str:
    text = f"preset {preset}; access {{ secret {access}; lifetime 15m; {previous} }}"
    if refresh is not None:
        text += f" refresh {{ {f'secret {refresh};' if refresh else ''} lifetime 7d; }}"
    return text


TWO = {"access": {"main": {"access"}}, "refresh": {"main": {"refresh"}}}
ONE = {"access": {"main": {"access"}}, "refresh": {"main": {"access"}}}
WITH_OLD = {"main": {"access", "old"}}
ROTATED = "previous ${OLD} until 2099-12-31;"
HOUSES = {
    "Flask-JWT-Extended, two secrets": House({"main": realm("flask-jwt-extended", "${A}", "${R}")}, **TWO),
    "Flask-JWT-Extended, inherited": House({"main": realm("flask-jwt-extended", "${A}", "")}, **ONE),
    "Flask-JWT-Extended, the same twice": House(
        {"main": realm("flask-jwt-extended", "${A}", "${A}")}, **ONE),
    "Flask-JWT-Extended, no refresh tokens": House(
        {"main": realm("flask-jwt-extended")}, TWO["access"]),
    "NestJS, two secrets": House({"main": realm("nest-dual-secret", "${A}", "${R}")}, **TWO),
    "NestJS, no refresh tokens": House({"main": realm("nest-dual-secret")}, TWO["access"]),
    "one secret": House({"main": realm("single-secret", "${A}", "")}, **ONE),
    "no preset, two secrets": House({"main": realm("none", "${A}", "${R}")}, **TWO),
    "no preset, no refresh tokens": House({"main": realm("none")}, TWO["access"]),
    "an old access secret": House(
        {"main": realm("none", "${A}", "${R}", ROTATED)}, WITH_OLD, TWO["refresh"]),
    "an old secret, inherited": House(
        {"main": realm("single-secret", "${A}", "", ROTATED)}, WITH_OLD, WITH_OLD),
    "two realms": House(
        {"main": realm("flask-jwt-extended", "${A}", "${R}"),
         "side": realm("nest-dual-secret", "${OA}", "${OR}")},
        {"main": {"access"}, "side": {"other access"}},
        {"main": {"refresh"}, "side": {"other refresh"}}),
    "two realms, one of them inherited": House(
        {"main": realm("single-secret", "${A}", ""),
         "side": realm("nest-dual-secret", "${OA}", "${OR}")},
        {"main": {"access"}, "side": {"other access"}},
        {"main": {"access"}, "side": {"other refresh"}}),
    "two realms, one without refresh tokens": House(
        {"main": realm("none"), "side": realm("single-secret", "${OA}", "${OR}")},
        {"main": {"access"}, "side": {"other access"}}, {"side": {"other refresh"}}),
}  # fmt: skip

AUTHS = ["none", "optional", "required", "refresh", "any"]
REQUIRED = {"scope": "scope orders:write", "role": "role admin", "claim": "claim tenant acme",
            "fresh": "fresh"}  # fmt: skip
MEMBER = {"scope": "scope", "role": "role", "claim": "tenant", "fresh": "fresh"}
RIGHT = {"scope": "orders:read orders:write", "role": "admin", "tenant": "acme", "fresh": True}
WRONG = {"scope": "orders:write2", "role": "Admin", "tenant": "acme2", "fresh": False}
TYPES = [None, "access", "refresh", "customer"]


@dataclass
class Token:
    key: str
    type: str | None = None
    claims: dict = field(default_factory=dict)
    expired: bool = False
    revoked: str | None = None
    """By its subject, or by its id."""

    def text(self) -> str:
        said = dict(self.claims)
        said["sub"] = "gone" if self.revoked == "subject" else "ada"
        if self.revoked == "id":
            said["jti"] = "gone-id"
        if self.type:
            said["type"] = self.type
        said |= {"iat": now() - 120, "exp": now() + (-60 if self.expired else 600)}
        return sign(said, SECRETS[self.key])


TOKENS = [
    Token(key, kind, claims)
    for key, kind, claims in itertools.product(SECRETS, TYPES, ({}, RIGHT, WRONG))
] + [
    Token(key, kind, RIGHT, **state)
    for key, kind in itertools.product(SECRETS, TYPES)
    for state in ({"expired": True}, {"revoked": "subject"}, {"revoked": "id"})
]


def class_of(house: House, name: str, token: Token) -> str | None:
    """The class of a token of that realm's key; None where key and `type` contradict each other."""
    is_access = token.key in house.access[name]
    is_refresh = token.key in house.refresh.get(name, ())
    if is_access and is_refresh:
        # The key can't decide: a refresh token must say so, and what says nothing is access.
        return "refresh" if token.type == "refresh" else "access"
    # The key decides, and `type` may not say the other class.
    own, other = ("access", "refresh") if is_access else ("refresh", "access")
    return None if token.type == other else own


def expected(house: House, auth: str, requirement: str | None, token: Token | None):
    """(status, reason, realm of the identity)."""
    if auth == "none":
        return 200, None, None
    if token is None:
        return (200, None, None) if auth == "optional" and not requirement else (401, "missing", None)
    # The realm is the first with a key that made the signature, and it alone judges.
    name = next(
        (one for one in house.realms
         if token.key in house.access[one] | house.refresh.get(one, set())), None)
    if name is None:
        return 401, "bad_signature", None
    kind = class_of(house, name, token)
    taken = {"refresh": {"refresh"}, "any": {"access", "refresh"}}.get(auth, {"access"})
    if kind not in taken:
        return 401, "wrong_token_type", None
    if token.expired:
        return 401, "expired", None
    if token.revoked:
        return 401, "revoked", None
    if requirement:
        member = MEMBER[requirement]
        if member not in token.claims:
            return 403, "missing_claim", None
        if token.claims is WRONG:
            return 403, "insufficient_scope", None
    return 200, None, name


def route(auth: str, requirement: str | None) -> str:
    return f"/{auth}/{requirement or 'nothing'}"


def routes(house: House):
    for auth in AUTHS:
        if auth == "refresh" and not house.has_refresh():
            continue
        for requirement in [None, *REQUIRED]:
            if auth != "none" or requirement is None:
                yield auth, requirement


def configuration(house: House, address: str) -> str:
    text = config.top(workers=1) + config.BLOCKLIST + config.NO_SIGNATURE_RATES
    for name, said in house.realms.items():
        text += f"realm {name} {{ {said} }}\n"
    text += "identity { header X-User-Id sub; header X-User-Realm $realm; }\n"
    text += f"upstream backend {{ server {address}; errors problem; }}\n"
    for auth, requirement in routes(house):
        said = f"require {REQUIRED[requirement]};" if requirement else ""
        text += f"route {route(auth, requirement)} {{ upstream backend; auth {auth}; "
        text += f"realm {' '.join(house.realms)}; {said} }}\n"
    return text


ENVIRONMENT = {"A": ACCESS, "R": REFRESH, "OLD": OLD, "OA": OTHER_ACCESS, "OR": OTHER_REFRESH}


@pytest.mark.parametrize("name", HOUSES)
def test_every_token_on_every_route_of_every_realm(gateway, recorder, name):
    house, backend = HOUSES[name], recorder()
    for secret in (OLD, STRANGER):
        sensitive(secret)
    edge = gateway(configuration(house, backend.address), ENVIRONMENT)
    for one in house.realms:
        for what in (["--subject", "gone"], ["--jti", "gone-id"]):
            assert edge.command("revoke", "--realm", one, *what).returncode == 0
    ask, wrong, seen = Asker(edge), [], set()
    texts = [(None, None)] + [(token, token.text()) for token in TOKENS]
    for auth, requirement in routes(house):
        for token, text in texts:
            wanted = expected(house, auth, requirement, token)
            answer = ask(route(auth, requirement), text)
            challenge = answer.one("WWW-Authenticate") or ""
            reason = challenge.partition('reason="')[2].partition('"')[0] or None
            if answer.status == 401 and reason is None:
                reason = "missing"
            whose = None
            if answer.status == 200:
                subject = lines_named(backend.heads[-1], "X-User-Id")
                whose = (lines_named(backend.heads[-1], "X-User-Realm") or [None])[0]
                if (subject == ["ada"]) != (whose is not None):
                    whose = f"identity without a realm: {subject}"
            got = (answer.status, reason, whose)
            seen.add(wanted)
            if got != wanted:
                wrong.append((auth, requirement, token, wanted, got))
    assert wrong == [], f"{len(wrong)} of {len(texts) * len(list(routes(house)))}"
    reasons = {reason for _, reason, _ in seen}
    assert reasons == {
        None, "missing", "bad_signature", "wrong_token_type", "expired", "revoked",
        "missing_claim", "insufficient_scope",
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in HOUSES if not HOUSES[name].has_refresh()])
def test_a_refresh_route_without_refresh_tokens_is_a_mistake(gateway, name):
    text = configuration(HOUSES[name], "127.0.0.1:9")
    realms = " ".join(HOUSES[name].realms)
    text += f"route /refresh {{ upstream backend; auth refresh; realm {realms}; }}"
    done = gateway(text, ENVIRONMENT, start=False).command("check")
    assert done.returncode == 1 and "has no refresh tokens" in done.stderr
