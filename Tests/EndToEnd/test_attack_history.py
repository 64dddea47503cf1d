"""The attacks of the last decade on gateways, row by row, each with what refuses it here.

A row has the identifiers of an attack, its mechanism in a line, and either requests with their
status and what of them reaches the backend, or the names of the tests that play it (`file: test`).
The tables are those of identity and forwarded headers, of paths and hosts, and of framing.
"""

import importlib
import re

import pytest

from backends.raw import HOST, RawBackend, seen
from conftest import ACCESS, REFRESH
from smuggling_answers import ANSWERS
from smuggling_requests import REQUESTS
from support import config
from support.gateway import Gateway
from support.tokens import claims, sign

NAMES = 120
"""More hosts than any table that is searched another way when it is small."""


def ask(target, *lines, status, sees=None, token=None, host=HOST):
    """A request of these lines, its status, and those of the lines that the backend sees; None when
    nothing may arrive. TOKEN in `lines` stands for a valid one with `sub` alone."""
    return (target, lines, status, sees, host)


TOKEN = b"Authorization: Bearer TOKEN"
USER = b"X-User-Id: user-1"
FORGED = b"X-User-Id: admin"
INSIDE = b"10.1.2.3"
"""An address that the route `/office` admits; the test's own is not."""

IDENTITY = [
    (
        "GHSA-7r4p-vjf4-gxv4 caddy#7545",
        "a copied header is only set when present, the client's value never deleted",
        ask("/", TOKEN, b"X-User-Email: boss@example.com", status=200, sees=[TOKEN, USER]),
        ask("/optional", b"X-User-Email: boss@example.com", FORGED, status=200, sees=[]),
    ),
    (
        "envoy#46586 envoy#35553",
        "reserved headers not stripped on an exempt route, a preflight, another provider",
        ask("/public", FORGED, status=200, sees=[]),
        ask("/public", FORGED, TOKEN, status=200, sees=[TOKEN]),
        ask("/limited", FORGED, status=200, sees=[]),
        ask("/other", FORGED, status=401),
        "test_header_folding: test_no_kind_of_route_lets_a_forged_name_through",
        "test_identity: test_a_forged_header_reaches_no_route",
    ),
    (
        "krakend-jose#62 krakend-jose#103 krakend-ce#309 lura#500",
        "the client's value kept, appended, or kept when the claim is absent",
        ask("/", FORGED, TOKEN, FORGED, b"x-user-id: user-1", status=200, sees=[TOKEN, USER]),
        "test_header_folding: test_duplicates_and_lists",
    ),
    (
        "CVE-2025-64484",
        "X_Forwarded_User slips past the strip list, the backend folds it",
        ask("/public", b"X_Forwarded_User: admin", b"x_user_id: admin", status=200, sees=[]),
        "test_header_folding: test_every_spelling_alone",
        "test_header_folding: test_trailers",
    ),
    (
        "CVE-2026-39858",
        "an underscore alias of X-Forwarded-* reaches the decision",
        ask("/office", b"X_Forwarded_For: " + INSIDE, status=403),
        ask("/office", b"x-forwarded_for: " + INSIDE, status=403),
        "test_forwarded: test_nothing_that_a_client_claims_arrives",
    ),
    (
        "CVE-2026-35051",
        "X-Forwarded-Prefix not rebuilt",
        ask("/public", b"X-Forwarded-Prefix: /evil", status=200, sees=[]),
        ask("/app/x", b"X-Forwarded-Prefix: /evil", b"X_Forwarded_Prefix: /e", status=200, sees=[]),
        "test_forwarded: test_a_prefix_is_told_only_where_one_is_stripped",
    ),
    (
        "CVE-2021-32813 CVE-2024-45410",
        "Connection: X-… removes headers that the proxy set",
        ask("/", b"Connection: X-User-Id", FORGED, TOKEN, status=200, sees=[TOKEN, USER]),
        ask("/", b"Connection: Authorization", TOKEN, status=200, sees=[TOKEN, USER]),
        "test_hop_by_hop: test_a_request_leaves_its_hop_behind",
        "test_header_folding: test_connection_removes_nothing_that_is_ours",
    ),
    (
        "GHSA-92mv-8f8w-wq52 PR#12690",
        "the same by a lower-case token, in several lines",
        ask("/", b"connection: x-user-id", TOKEN, status=200, sees=[TOKEN, USER]),
        ask(
            "/",
            b"Connection: close2",
            b"CONNECTION: X-USER-ID",
            TOKEN,
            status=200,
            sees=[TOKEN, USER],
        ),
        "test_identity: test_connection_cannot_remove_identity",
    ),
    (
        "CVE-2023-27487",
        "a client's copy of an internal header is used for the rule match",
        ask("/", b"X-Envoy-Original-Path: /public", status=401),
        ask("/", b"X-Original-URL: /public", b"X-Rewrite-URL: /public", status=401),
        ask("/public", b"X-Original-URL: /", b"X_Rewrite_URL: /", status=200, sees=[]),
        ask("/public", b"X-Request-Id: mine", b"x_request_id: mine", status=200, sees=[]),
    ),
    (
        "CVE-2024-45806",
        "internal headers trusted from outside addresses",
        ask("/office", b"X-Forwarded-For: " + INSIDE, status=403),
        "test_forwarded: test_addresses_are_admitted_by_the_client",
        "test_forwarded: test_an_untrusted_client_can_not_spread_itself",
    ),
    (
        "CVE-2026-26308 envoy#44819",
        "several values joined by a comma dodge an exact deny",
        ask("/", TOKEN, TOKEN, status=400),
        ask("/", TOKEN + b", Bearer x", status=400),
        ask("/public", TOKEN, b"authorization: Bearer x", status=400),
        ask("/", b"Cookie: a=b", b"Cookie: c=d", status=401),
        ask("/office", b"X-Forwarded-For: " + INSIDE, b"X-Forwarded-For: 127.0.0.1", status=403),
        ask("/office", b"X-Forwarded-For: 127.0.0.1, " + INSIDE, status=403),
    ),
    (
        "GHSA-7x63-xv5r-3p2x CVE-2026-40575 oauth2-proxy#3506",
        "X-Forwarded-Uri decides that no token is needed",
        ask("/", b"X-Forwarded-Uri: /public", b"X_Forwarded_Uri: /public", status=401),
        ask("/", b"X-Forwarded-Method: OPTIONS", b"X-Forwarded-Host: public", status=401),
        "test_forwarded: test_routes_are_chosen_by_the_request_itself",
    ),
    (
        "GHSA-5hvv-m4w4-gf6v",
        "the User-Agent of a health check needs no token",
        ask("/", b"User-Agent: GoogleHC/1.0", status=401),
        ask("/", b"User-Agent: kube-probe/1.30", status=401),
        ask("/", b"User-Agent: ELB-HealthChecker/2.0", status=401),
        "test_own_answers: test_no_agent_and_no_path_is_magic",
    ),
    (
        "GHSA-vhr5-ggp3-qq85",
        "X-Forwarded-Proto changes the rule match",
        ask("/", b"X-Forwarded-Proto: https", b"X-Forwarded-Ssl: on", status=401),
        ask(
            "/public",
            b"X-Forwarded-Proto: https",
            b"Front-End-Https: on",
            status=200,
            sees=[b"Front-End-Https: on"],
        ),
        ask("http://gateway.test/public", status=200, sees=[]),
        ask("https://gateway.test/", status=401),
    ),
    (
        "CVE-2025-41235",
        "X-Forwarded-* and Forwarded of untrusted peers are forwarded",
        ask("/public", b"Forwarded: for=10.1.2.3;host=evil.test", status=200, sees=[]),
        ask("/public", b"X-Forwarded-Host: evil.test", b"X-Forwarded-Port: 1", status=200, sees=[]),
        "test_forwarded: test_flask_sees_one_hop_whatever_is_forged",
    ),
    (
        "CVE-2022-24112",
        "an inner request rewrites the client's address",
        ask("/office", b"X-Real-IP: " + INSIDE, b"x_real_ip: " + INSIDE, status=403),
        ask("/public", b"X-Real-IP: " + INSIDE, status=200, sees=[]),
        "test_bounds",
    ),
    (
        "CVE-2024-21494 CVE-2024-21499 CVE-2024-21492 caddy-security#269",
        "address, scheme and redirect by X-Forwarded-*; logging out ends no session",
        ask("/office", b"Forwarded: for=" + INSIDE, status=403),
        "test_own_answers: test_forwarded_hosts_do_not_choose_where_a_redirect_leads",
        "test_forwarded: test_limits_count_the_client_and_not_the_proxy",
        "test_conversations: test_a_logout_is_held_for_one_second_at_most",
    ),
    (
        "gunicorn#2799 gunicorn#2650",
        "names are folded; SCRIPT_NAME moves the path",
        ask("/public", b"Script-Name: /public", b"SCRIPT_NAME: /x", status=200, sees=[]),
        ask("/public", b"Remote-User: admin", b"Path-Info: /", b"Proxy: x", status=200, sees=[]),
        "test_header_folding: test_the_length_has_no_second_name",
    ),
]

PATHS = [
    (
        "CVE-2019-9901",
        "/public/../admin matched raw",
        ask("/public/../admin", status=400),
        ask("/public/%2e%2e/admin", status=400),
        ask("/public/.%2E/admin", status=400),
    ),
    (
        "CVE-2021-29492",
        "%2F and %5C are data to the proxy and slashes to the backend",
        ask("/public/..%2Fadmin", status=400),
        ask("/public/..%5Cadmin", status=400),
        ask("/public%2F..%2Fadmin", status=400),
        ask("/public/a%2Fb", status=200, sees=[]),
    ),
    ("CVE-2021-32779", "#fragment kept in the path", ask("/public#/../admin", status=400)),
    ("GHSA-p224-6x5r-fjpm", "rules match the raw path", ask("/public/x/../../admin", status=400)),
    (
        "CVE-2025-66490",
        "encoded reserved characters: the wider router wins",
        ask("/public%2fprivate", status=400),
        ask("/public/%2e%2e%2fadmin", status=400),
    ),
    (
        "CVE-2026-48020 CVE-2026-40912",
        "a stripped prefix leaves /.. behind; the cut is measured on another text",
        ask("/app/../admin", status=400),
        ask("/app/..", status=400),
        ask("/app//x", status=400),
        ask("/%61pp/x", status=400),
        ask("/app/%2e%2e/x", status=400),
        "test_malformed: test_a_stripped_path_with_another_reading_is_not_forwarded",
        "test_prefix",
    ),
    (
        "CVE-2026-27587",
        "case is not folded where there are escapes",
        ask("/%41DMIN", status=400),
        ask("/PUBLIC/%2e%2e/admin", status=400),
    ),
    (
        "CVE-2026-27588",
        f"hosts are told apart by case above 100 of them ({NAMES} here)",
        ask("/", host=b"Host: H7.example", status=401),
        ask("/", host=b"Host: h%d.EXAMPLE" % (NAMES - 1), status=401),
        ask("/", host=b"Host: H%d.eXaMpLe:80" % (NAMES - 2), status=401),
        ask("http://H3.example/", host=b"Host: h3.EXAMPLE", status=401),
        ask("/", host=b"Host: h%d.example" % NAMES, status=404),
    ),
    (
        "CVE-2026-27585 GHSA-qrp7-cvwr-j2c6",
        "a backslash",
        ask("/public\\..\\admin", status=400),
        ask("/public%5c..%5cadmin", status=400),
        ask("/\\admin", status=400),
    ),
    (
        "caddy#4407 caddy#7941",
        "a doubled slash and encoded characters; ..%2f",
        ask("//admin", status=400),
        ask("/public/..%2fadmin", status=400),
        ask("/%2fadmin", status=400),
    ),
    (
        "GHSA-7rh7-c77v-6434",
        "a pattern for open paths also sees the query",
        ask("/?/public", status=401),
        ask("/admin?x=/public/", status=401),
        ask("/public?/admin", status=200, sees=[]),
    ),
    (
        "GHSA-pxq7-h93f-9jrg",
        "a fragment takes part in the match",
        ask("/admin#/public", status=400),
    ),
    (
        "CVE-2025-69211 CVE-2026-22031 CVE-2026-2293 nest#17737",
        "%61dmin skips middleware, an absolute-form target too",
        ask("/%61dmin", status=400),
        ask("/public/%61dmin", status=200, sees=[]),
        ask("http://gateway.test/admin", status=401),
        ask("http://gateway.test/public", status=200, sees=[]),
        ask("http://other.test/public", status=400),
    ),
    (
        "CVE-2026-15573",
        "a trailing slash and ;matrix pick a weaker policy",
        ask("/admin/", status=401),
        ask("/admin;x", status=400),
        ask("/admin;x=1/y", status=400),
        ask("/;/admin", status=400),
        ask("/public/..;/admin", status=400),
        ask("/public//../admin", status=400),
    ),
    (
        "http-proxy-middleware#1168",
        "a legacy URL parser reads another host or path",
        ask("//evil.test/public", status=400),
        ask("/\\evil.test/public", status=400),
        ask("///evil.test/admin", status=400),
        ask("//evil.test", status=401),
    ),
    (
        "every row again",
        "against each framework setting, and before real Flask, FastAPI and Express",
        "test_path_differential: test_the_paths_of_past_attacks",
        "test_path_differential: test_the_handler_that_runs_is_that_of_the_route",
        "test_path_differential: test_no_spelling_reaches_a_protected_handler",
    ),
]

SUITE = "test_smuggling: test_a_request_arrives_as_meant_or_not_at_all"
FRAMING = [
    ("CVE-2021-40346", "a name's length overflows and hides a second Content-Length", SUITE),
    ("CVE-2023-25725", "an empty name truncates the list", SUITE),
    ("CVE-2023-40225 haproxy#2237", "an empty Content-Length is forwarded", SUITE),
    (
        "CVE-2024-1135 CVE-2024-6827 gunicorn#3091 gunicorn#3364",
        "several codings, odd whitespace",
        SUITE,
    ),
    (
        "CVE-2025-55315 CVE-2025-58056 CVE-2025-22871 CVE-2025-43859",
        "bare LF or CR in chunk lines and extensions",
        SUITE,
        "test_smuggling: test_where_a_request_is_cut_changes_nothing",
        "test_malformed: test_a_broken_chunk_ends_the_exchange",
    ),
    (
        "CVE-2026-2833 pingora#945",
        "bytes behind an upgrade are passed before 101",
        SUITE,
        "test_websocket: test_early_bytes_wait_for_the_101",
        "test_websocket: test_a_refused_upgrade_never_makes_requests_of_early_bytes",
        "test_smuggling: test_an_answer_is_its_own_clients_or_nobodys",
    ),
    ("CVE-2026-2835", "codings parsed as a list; length and coding together", SUITE),
    (
        "CVE-2025-64763 traefik#13542 traefik#13556",
        "early data behind CONNECT; a tunnel returns to the pool",
        SUITE,
        "test_websocket: test_a_tunnel_never_returns_to_the_pool",
    ),
    (
        "CVE-2024-32638",
        "a request that is decided about first leaves its body to be read as the next one",
        "test_malformed: test_a_refused_small_body_keeps_the_connection_and_is_no_request",
        "test_conversations: test_a_refused_body_of_many_small_chunks_is_thrown_away_at_once",
    ),
    (
        "CVE-2026-42926",
        "a body is sent on under another framing than it was read by",
        "test_http: test_chunked_bodies_pass_both_ways",
        "test_smuggling: test_requests_byte_by_byte",
    ),
    (
        "CVE-2026-1642",
        "what an upstream sent before it was asked is taken for its answer",
        "test_conversations: test_an_idle_connection_that_spoke_or_ended_is_not_used",
        "test_conversations: test_bytes_behind_an_answer_that_fills_the_buffer_answer_nobody",
    ),
    ("CVE-2019-9900", "NUL within a value", SUITE),
    ("nginx 1.29.4", "a single LF in chunks; a lax Host and authority", SUITE),
]


class Bench:
    """A gateway with a route of each kind before a backend that reads by the letter."""

    def __init__(self, folder):
        self.backend = RawBackend()
        hosts = "\n".join(
            f"route /h{n} {{ upstream backend; host h{n}.example; auth required; }}\n"
            f"route / {{ upstream backend; host h{n}.example; auth required; }}"
            for n in range(NAMES)
        )
        self.edge = Gateway(
            folder,
            f"""{config.top(1)}
            {config.REALM}{config.IDENTITY}
            realm other {{ access {{ secret ${{JWT_REFRESH_SECRET}}; lifetime 15m; }} }}
            limit many {{ key client_ip; rate 100000/s; burst 100000; }}
            upstream backend {{ server {self.backend.address}; }}
            group / {{
                upstream backend;
                realm main;
                host gateway.test;
                route     /public   {{ auth none; }}
                route     /limited  {{ auth none; limit many; }}
                route GET /optional {{ auth optional; }}
                route     /office   {{ auth none; allow 10.0.0.0/8; deny all; }}
                route     /admin    {{ auth required; }}
                route     /other    {{ auth required; realm other; }}
                route     /         {{ auth required; }}
            }}
            group /app {{
                upstream backend; host gateway.test; strip_prefix on; route / {{ auth none; }}
            }}
            group / {{ realm main; {hosts} }}
            """,
            config.environment(ACCESS, REFRESH),
        ).start()

    def stop(self):
        self.edge.stop()
        self.backend.stop()


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    made = Bench(tmp_path_factory.mktemp("history"))
    yield made
    made.stop()


ROWS = [
    (row[0], case)
    for row in (*IDENTITY, *PATHS, *FRAMING)
    for case in row[2:]
    if not isinstance(case, str)
]


@pytest.mark.parametrize(
    "case", [row[1] for row in ROWS], ids=[f"{row[0]}-{row[1][0]}" for row in ROWS]
)
def test_a_past_attack_is_refused(bench, case):
    target, lines, status, sees, host = case
    bench.backend.forget()
    token = sign(claims(), ACCESS).encode()
    lines = [line.replace(b"TOKEN", token) for line in lines]
    head = b"\r\n".join([f"GET {target} HTTP/1.1".encode("latin-1"), host, *lines, b"", b""])
    with bench.edge.connect() as client:
        client.send(head)
        answer = client.read_response()
    assert answer.status == status, answer
    assert bench.edge.get("/public", headers=[("Host", "gateway.test")]).status == 200
    arrived = [seen(message) for message in bench.backend.requests()][:-1]
    if sees is None:
        assert arrived == []
        return
    assert len(arrived) == 1
    wanted = [line.replace(b"TOKEN", token) for line in sees]
    assert list(arrived[0].lines) == [host, *wanted]
    bench.backend.assert_clean()


@pytest.mark.parametrize(
    "row", [*IDENTITY, *PATHS, *FRAMING], ids=[row[0] for row in (*IDENTITY, *PATHS, *FRAMING)]
)
def test_what_a_row_refers_to_exists(row):
    assert len(row) > 2, "a row without proof"
    for proof in row[2:]:
        if isinstance(proof, str):
            module, _, name = proof.partition(": ")
            loaded = importlib.import_module(module)
            assert not name or callable(getattr(loaded, name, None)), proof


@pytest.mark.parametrize("row", [row for row in FRAMING if SUITE in row], ids=lambda row: row[0])
def test_every_framing_attack_has_its_payloads(row):
    sources = " ".join(one.source for one in (*REQUESTS, *ANSWERS))
    names = re.findall(r"CVE-\d+-\d+|nginx 1\.29\.4", row[0])
    assert names and all(name in sources for name in names), names
