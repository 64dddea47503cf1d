"""Revocation: logout, `gateway revoke`, imported ids; at once, in every worker, over a restart."""

import resource

import pytest

from backends.recorder import OK
from conftest import ACCESS, REFRESH
from support import config
from support.processes import wait_until
from support.tokens import bearer, claims, now, payload, remember, sign
from support.wire import render

ENVIRONMENT = config.environment(ACCESS, REFRESH)
LOGOUT = "route POST /logout { auth any; on_success revoke; }"
CONNECTIONS = 40
"""Fresh connections after a revocation: with two or four workers, all of them are met."""


def access(**more) -> str:
    return sign(claims(**more), ACCESS)


def refused_everywhere(edge, token, path="/after"):
    """Every worker refuses the token as revoked."""
    for _ in range(CONNECTIONS):
        assert edge.get(path, token).status == 401
    assert edge.logged(path=path)["reason"] == "revoked"


IDENTIFIED = [
    ("with a jti", lambda: access(jti="id-1", iat=now())),
    ("without a jti", lambda: access(iat=now())),
    ("without jti and iat", lambda: access()),
    ("with an integer sub", lambda: access(sub=42)),
    ("with a long jti", lambda: access(jti="j" * 2000)),
    ("with a jti of many scripts", lambda: access(jti="ünï-🦉-\n-\"-\x7f")),
]


@pytest.mark.parametrize("name, make", IDENTIFIED, ids=[row[0] for row in IDENTIFIED])
def test_logout_makes_the_token_useless_at_once_in_every_worker(gateway, recorder, name, make):
    edge = gateway(config.guarded(recorder().address, LOGOUT, workers=4), ENVIRONMENT)
    token = make()
    for _ in range(CONNECTIONS):
        assert edge.get("/", token).status == 200
    other = access(jti="other", sub="someone")
    assert edge.post("/logout", token=token).status == 200
    refused_everywhere(edge, token)
    assert edge.get("/", other).status == 200
    assert edge.post("/logout", token=token).status == 401


def test_logouts_hold_from_their_answer_on(gateway, recorder):
    """The head is held until every worker knows: no request after the answer slips through."""
    edge = gateway(config.guarded(recorder().address, LOGOUT, workers=4), ENVIRONMENT)
    clients = [edge.connect() for _ in range(16)]
    try:
        for number in range(25):
            token = access(jti=f"n-{number}")
            for client in clients:
                assert client.request("GET", "/", [bearer(token)]).status == 200
            assert edge.post("/logout", token=token).status == 200
            for client in clients:
                client.send(render("GET", "/", [bearer(token)]))
            assert {client.read_response().status for client in clients} == {401}
    finally:
        for client in clients:
            client.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503, 302, 304])
def test_a_logout_that_the_backend_refuses_revokes_nothing(gateway, recorder, status):
    def script(peer):
        while True:
            head = peer.read_head()
            peer.read_body(head)
            refused = b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status
            peer.send(refused if b"/logout" in head.split(b"\r\n")[0] else OK)

    edge = gateway(config.guarded(recorder(script).address, LOGOUT), ENVIRONMENT)
    token = access(jti="kept")
    assert edge.post("/logout", token=token).status == status
    for _ in range(10):
        assert edge.get("/", token).status == 200


def test_a_logout_without_a_body_and_with_any_2xx(gateway, recorder):
    for status in (200, 201, 202, 204):
        answer = b"HTTP/1.1 %d Fine\r\n%s\r\n" % (
            status,
            b"" if status == 204 else b"Content-Length: 0\r\n",
        )

        def script(peer):
            while True:
                head = peer.read_head()
                peer.read_body(head)
                peer.send(answer)

        edge = gateway(config.guarded(recorder(script).address, LOGOUT), ENVIRONMENT)
        token = access(jti=f"s-{status}")
        assert edge.post("/logout", token=token).status == status
        refused_everywhere(edge, token)


def test_logout_takes_the_refresh_token_of_the_same_subject_along(gateway, recorder):
    backend = recorder()
    text = config.guarded(
        backend.address, LOGOUT + "route POST /refresh { auth refresh; }"
    ).replace("preset  flask-jwt-extended", "preset nest-dual-secret")
    edge = gateway(text, ENVIRONMENT)
    token, refresh = access(sub="u1"), sign(claims(sub="u1"), REFRESH)
    stranger = sign(claims(sub="u2"), REFRESH)
    assert edge.post("/refresh", token=refresh).status == 200
    answer = edge.post("/logout", {"refreshToken": refresh}, token=token)
    assert answer.status == 200
    refused_everywhere(edge, token)
    for _ in range(CONNECTIONS):
        assert edge.post("/refresh", token=refresh).status == 401
    second = access(sub="u1", jti="second")
    assert edge.post("/logout", {"refreshToken": stranger}, token=second).status in (200, 400, 401)
    assert edge.post("/refresh", token=stranger).status == 200


def test_a_logged_out_refresh_token_gets_no_new_token(gateway, recorder):
    edge = gateway(
        config.guarded(recorder().address, LOGOUT + "route POST /refresh { auth refresh; }"),
        ENVIRONMENT,
    )
    refresh = sign(claims(type="refresh"), REFRESH)
    assert edge.post("/refresh", token=refresh).status == 200
    assert edge.post("/logout", token=refresh).status == 200
    for _ in range(CONNECTIONS):
        assert edge.post("/refresh", token=refresh).status == 401


def test_another_encoding_of_a_revoked_token_is_revoked_too(gateway, recorder):
    """Ids come from what was signed, never from the signature's text."""
    edge = gateway(config.guarded(recorder().address, LOGOUT), ENVIRONMENT)
    token = access()
    assert edge.post("/logout", token=token).status == 200
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = remember(token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1])
    for text in (twin, token + "=", token + "A"):
        assert edge.get("/", text).status == 401


# Restarts


def test_a_restart_forgets_nothing(gateway, recorder):
    edge = gateway(config.guarded(recorder().address, LOGOUT), ENVIRONMENT)
    by_id, plain, by_subject = access(jti="r-1"), access(), access(sub="gone", iat=now() - 5)
    assert edge.post("/logout", token=by_id).status == 200
    assert edge.post("/logout", token=plain).status == 200
    assert edge.command("revoke", "--subject", "gone").returncode == 0
    edge.restart()
    for token in (by_id, plain, by_subject):
        refused_everywhere(edge, token)
    assert edge.get("/", access(jti="fresh")).status == 200


def test_a_crash_forgets_nothing_that_was_acknowledged(gateway, recorder):
    edge = gateway(config.guarded(recorder().address, LOGOUT), ENVIRONMENT)
    revoked = [access(jti=f"c-{number}") for number in range(10)]
    for token in revoked:
        assert edge.post("/logout", token=token).status == 200
    edge.kill()
    edge.start()
    for token in revoked:
        assert edge.get("/", token).status == 401
    assert edge.get("/", access(jti="fresh")).status == 200


@pytest.mark.parametrize("cut", [1, 3, 10], ids=lambda cut: f"{cut} bytes lost")
def test_a_torn_end_of_the_journal_costs_only_itself(gateway, recorder, cut):
    edge = gateway(config.guarded(recorder().address, LOGOUT), ENVIRONMENT)
    kept, torn = access(jti="whole-line"), access(jti="torn-line")
    assert edge.post("/logout", token=kept).status == 200
    assert edge.post("/logout", token=torn).status == 200
    edge.kill()
    journal = edge.folder / "state" / "blocklist.journal"
    data = journal.read_bytes()
    journal.write_bytes(data[:-cut])
    edge.start()
    refused_everywhere(edge, kept)
    # Written behind the torn end, a new entry must be read back as well.
    after = access(jti="after-the-tear")
    assert edge.post("/logout", token=after).status == 200
    edge.restart()
    refused_everywhere(edge, kept)
    refused_everywhere(edge, after)


def test_the_journal_is_for_the_owner_alone(gateway, recorder):
    edge = gateway(config.guarded(recorder().address, LOGOUT), ENVIRONMENT)
    assert edge.post("/logout", token=access(jti="x")).status == 200
    journal = edge.folder / "state" / "blocklist.journal"
    assert journal.stat().st_mode & 0o077 == 0


# Imported ids


def test_imported_ids_are_revoked_from_the_start(gateway, recorder):
    backend = recorder()
    text = config.guarded(backend.address).replace(
        "journal state/blocklist.journal;", "journal state/blocklist.journal; import blocked.txt;"
    )
    edge = gateway(text, ENVIRONMENT, start=False)
    (edge.folder / "blocked.txt").write_text("blocked-1\nblocked-2\n\nblocked-3")
    edge.start()
    for number in (1, 2, 3):
        refused_everywhere(edge, access(jti=f"blocked-{number}"))
    for jti in ("blocked-4", "blocked", "blocked-11", None):
        assert edge.get("/", access(jti=jti)).status == 200


def test_a_missing_import_file_is_named(gateway, recorder):
    text = config.guarded(recorder().address).replace(
        "journal state/blocklist.journal;", "import nowhere.txt;"
    )
    edge = gateway(text, ENVIRONMENT, start=False)
    checked = edge.command("check")
    assert checked.returncode == 1
    assert "nowhere.txt" in checked.stderr + checked.stdout


# gateway revoke


def test_revoke_by_token(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    token = access(iat=now())
    assert edge.get("/", token).status == 200
    done = edge.command("revoke", "--token", token)
    assert done.returncode == 0, done.stderr
    refused_everywhere(edge, token)


def test_revoke_by_jti(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    token, other = access(jti="by-jti-1"), access(jti="by-jti-2")
    assert edge.get("/", token).status == 200
    done = edge.command("revoke", "--jti", "by-jti-1")
    assert done.returncode == 0, done.stderr
    refused_everywhere(edge, token)
    assert edge.get("/", other).status == 200


def test_revoke_by_subject_ends_all_its_tokens_and_not_the_next_ones(gateway, recorder):
    edge = gateway(
        config.guarded(recorder().address, "route POST /refresh { auth refresh; }"), ENVIRONMENT
    )
    issued = now()
    held = [
        access(sub="u9", iat=issued, jti="a"),
        access(sub="u9", iat=issued - 100),
        access(sub="u9", exp=now() + 600),  # issued, as far as anybody knows, exp - lifetime
    ]
    other = access(sub="u10", iat=issued)
    for token in [*held, other]:
        assert edge.get("/", token).status == 200
    done = edge.command("revoke", "--subject", "u9")
    assert done.returncode == 0, done.stderr
    for token in held:
        refused_everywhere(edge, token)
    refresh = sign(claims(sub="u9", iat=issued), REFRESH)
    assert edge.post("/refresh", token=refresh).status == 401
    assert edge.get("/", other).status == 200
    moment = now()
    wait_until(lambda: now() > moment + 1, "the clock has moved on")
    fresh = access(sub="u9", iat=now())
    for _ in range(CONNECTIONS):
        assert edge.get("/", fresh).status == 200


def test_an_integer_subject_is_revoked_by_its_digits(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    token = access(sub=42, iat=now() - 5)
    assert edge.get("/", token).status == 200
    assert edge.command("revoke", "--subject", "42").returncode == 0
    refused_everywhere(edge, token)
    refused_everywhere(edge, access(sub="42", iat=now() - 5), path="/text")


def test_revocations_hold_in_their_realm_only(gateway, recorder):
    address = recorder().address
    edge = gateway(
        f"""{config.top()}
        realm one {{ access {{ secret ${{JWT_ACCESS_SECRET}}; lifetime 15m; }} }}
        realm two {{ access {{ secret ${{JWT_REFRESH_SECRET}}; lifetime 15m; }} }}
        {config.BLOCKLIST}
        upstream backend {{ server {address}; }}
        route /one {{ upstream backend; realm one; }}
        route /two {{ upstream backend; realm two; }}
        """,
        ENVIRONMENT,
    )
    mine, theirs = access(jti="same"), sign(claims(jti="same"), REFRESH)
    done = edge.command("revoke", "--realm", "one", "--jti", "same")
    assert done.returncode == 0, done.stderr
    for _ in range(CONNECTIONS):
        assert edge.get("/one", mine).status == 401
        assert edge.get("/two", theirs).status == 200


def test_revoke_refuses_what_makes_no_sense(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    assert edge.command("revoke").returncode == 2
    assert edge.command("revoke", "--nonsense", "x").returncode == 2
    assert edge.command("revoke", "--token", "garbage").returncode in (1, 2)
    assert edge.command("revoke", "--realm", "nowhere", "--jti", "x").returncode == 1


def test_revoke_says_when_no_gateway_runs(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT, start=False)
    done = edge.command("revoke", "--jti", "x")
    assert done.returncode == 1
    assert "admin.sock" in done.stderr


def test_revoke_reads_only_the_admin_line(gateway, recorder):
    """It needs no secret: without the environment the configuration does not even load."""
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    token = access(jti="needs-no-secret")
    environment, edge.environment = edge.environment, {}
    done = edge.command("revoke", "--jti", "needs-no-secret")
    edge.environment = environment
    assert done.returncode == 0, done.stderr
    refused_everywhere(edge, token)
    assert payload(token)["jti"] == "needs-no-secret"


def test_the_admin_socket_is_for_the_owner_alone(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    socket = edge.folder / "admin.sock"
    assert socket.is_socket()
    assert socket.stat().st_mode & 0o777 == 0o600
    edge.stop()
    assert not socket.exists()
    edge.start()  # and a socket left by a crash does not stand in the way
    edge.kill()
    assert socket.exists()
    edge.start()
    assert edge.command("status").returncode == 0


def test_without_a_journal_logout_still_works(gateway, recorder):
    text = config.guarded(recorder().address, LOGOUT).replace(
        "journal state/blocklist.journal;", ""
    )
    edge = gateway(text, ENVIRONMENT)
    token = access(jti="memory")
    assert edge.post("/logout", token=token).status == 200
    refused_everywhere(edge, token)


def test_many_revocations(gateway, recorder):
    """The table grows; what was revoked first stays revoked."""
    edge = gateway(config.guarded(recorder().address, LOGOUT, workers=2), ENVIRONMENT)
    revoked = [access(jti=f"many-{number}") for number in range(2000)]
    with edge.connect() as client:
        for token in revoked:
            assert client.request("POST", "/logout", [bearer(token)], b"").status == 200
        for token in revoked[::50]:
            assert client.request("GET", "/", [bearer(token)]).status == 401
        assert client.request("GET", "/", [bearer(access(jti="many-x"))]).status == 200


def test_a_journal_that_cannot_be_written_is_told_and_the_revocation_stands(gateway, recorder):
    """The file has reached the largest size that the system allows it."""
    edge = gateway(config.guarded(recorder().address, routes=LOGOUT), ENVIRONMENT)
    journal = edge.folder / "state" / "blocklist.journal"
    size = journal.stat().st_size
    limits = resource.prlimit(edge.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(edge.process.pid, resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        # The command line is told; a logout's own answer goes out all the same.
        told, learned = access(jti="told"), access(jti="learned")
        done = edge.command("revoke", "--jti", "told")
        assert done.returncode == 1
        assert "memory" in done.stdout + done.stderr
        assert edge.post("/logout", token=learned).status == 200
        for token in (told, learned):
            assert edge.get("/", token).status == 401
        assert "store_failing" in edge.command("status", "--json").stdout
    finally:
        resource.prlimit(edge.process.pid, resource.RLIMIT_FSIZE, limits)
    assert journal.stat().st_size == size, "no half line"
    # There is room again: what could not be written comes along.
    assert edge.command("revoke", "--jti", "later").returncode == 0
    edge.stop()
    edge.start()
    for token in (told, learned, access(jti="later")):
        assert edge.get("/", token).status == 401
