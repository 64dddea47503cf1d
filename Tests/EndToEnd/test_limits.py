"""The login limit (DESIGN §5.6): failures are counted, success is not, and the answer says when."""

from support import config
from support.processes import wait_until
from support.wire import render

CORRECT = {"email": "ada@example.com", "password": "correct horse"}
WRONG = {"email": "ada@example.com", "password": "guess"}


def status_by_path(peer):
    """Answers `/status/NNN` with that status."""
    while True:
        head = peer.read_head()
        peer.read_body(head)
        status = int(head.split(b" ")[1].rsplit(b"/", 1)[1])
        peer.send(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)


def limited(address: str, limit: str, workers: int = 2) -> str:
    return f"""{config.top(workers)}
    limit login {{ {limit} }}
    upstream backend {{ server {address}; }}
    group / {{
        upstream backend;
        auth none;
        route POST /login {{ limit login; }}
        route /status {{ limit login; }}
        route /free {{ }}
    }}
    """


def test_failures_are_counted_and_success_is_not(gateway, flask):
    edge = gateway(f"""{config.top()}
        limit login {{ key client_ip; rate 5/h; burst 5; count failures; }}
        upstream flask {{ server {flask.address}; app_server gunicorn; framework werkzeug; errors flask; }}
        route POST /auth/login {{ upstream flask; auth none; limit login; }}
        """)
    for _ in range(20):
        assert edge.post("/auth/login", CORRECT).status == 200
    for _ in range(5):
        assert edge.post("/auth/login", WRONG).status == 401
    answer = edge.post("/auth/login", WRONG)
    assert answer.status == 429
    assert 0 < int(answer.one("Retry-After")) <= 3600
    assert edge.post("/auth/login", CORRECT).status == 429, "also the right password has to wait"
    assert edge.logged(status=429)["reason"] == "limited"


def test_which_statuses_are_failures(gateway, recorder):
    backend = recorder(status_by_path)
    limit = "key client_ip; rate 1/h; burst 3; count failures;"
    for failure in (401, 403, 422):
        edge = gateway(limited(backend.address, limit), start=False)
        edge.start()
        for harmless in (200, 201, 204, 302, 400, 404, 409, 500, 502, 503):
            for _ in range(4):
                assert edge.get(f"/status/{harmless}").status == harmless
        for _ in range(3):
            assert edge.get(f"/status/{failure}").status == failure
        assert edge.get(f"/status/{failure}").status == 429
        assert edge.get("/status/200").status == 429
        edge.stop()


def test_every_request_counts_without_count_failures(gateway, recorder):
    backend = recorder()
    edge = gateway(limited(backend.address, "rate 1/h; burst 3;"))
    for _ in range(3):
        assert edge.post("/login").status == 200
    assert edge.post("/login").status == 429
    assert len(backend.heads) == 3
    assert edge.post("/free").status == 200


def test_the_limit_holds_over_all_workers_and_connections(gateway, recorder):
    backend = recorder()
    edge = gateway(limited(backend.address, "rate 1/h; burst 10;", workers=4))
    answers = [edge.post("/login").status for _ in range(50)]
    assert answers.count(200) == 10 and answers.count(429) == 40
    assert len(backend.heads) == 10


def test_routes_that_name_one_limit_share_it(gateway, recorder):
    backend = recorder(status_by_path)
    edge = gateway(limited(backend.address, "rate 1/h; burst 4; count all;"))
    assert [edge.get("/status/200").status for _ in range(3)] == [200, 200, 200]
    assert edge.post("/login/200").status == 200
    assert edge.post("/login/200").status == 429
    assert edge.get("/status/200").status == 429


def test_permits_come_back_with_time(gateway, recorder):
    edge = gateway(limited(recorder().address, "rate 1/s; burst 1;"))
    with edge.connect() as client:
        client.send(b"".join(render("POST", "/login", body=b"") for _ in range(20)))
        statuses = [client.read_response("POST").status for _ in range(20)]
    assert statuses[0] == 200 and 429 in statuses
    wait_until(lambda: edge.post("/login").status == 200, "a permit after a second")


def test_retry_after_is_never_zero(gateway, recorder):
    edge = gateway(limited(recorder().address, "rate 100/s; burst 1;"))
    refused = None
    with edge.connect() as client:
        for _ in range(50):
            client.send(b"".join(render("POST", "/login", body=b"") for _ in range(20)))
            for _ in range(20):
                answer = client.read_response("POST")
                if answer.status == 429:
                    refused = answer
    assert refused is not None
    assert int(refused.one("Retry-After")) >= 1


def test_a_forged_address_is_no_other_client(gateway, recorder):
    edge = gateway(limited(recorder().address, "rate 1/h; burst 2;"))
    statuses = [
        edge.post(
            "/login", headers=[("X-Forwarded-For", f"10.0.0.{n}"), ("X-Real-IP", f"10.0.0.{n}")]
        ).status
        for n in range(6)
    ]
    assert statuses == [200, 200, 429, 429, 429, 429]


def test_a_client_that_leaves_has_spent_its_permit(gateway, recorder):
    """Otherwise guessing and hanging up before the answer would cost nothing."""

    def script(peer):
        head = peer.read_head()
        peer.read_body(head)
        peer.wait_for_end()

    backend = recorder(script)
    edge = gateway(limited(backend.address, "rate 1/h; burst 3; count failures;"))
    for number in range(3):
        with edge.connect() as client:
            client.send(render("POST", "/login", body=b"guess"))
            backend.wait_for_heads(number + 1)
    with edge.connect() as client:
        assert client.request("POST", "/login", body=b"guess").status == 429


def test_limits_add_up_and_off_clears_them(gateway, recorder):
    backend = recorder()
    edge = gateway(f"""{config.top()}
        limit wide   {{ rate 1/h; burst 5; }}
        limit narrow {{ rate 1/h; burst 2; }}
        upstream backend {{ server {backend.address}; }}
        group / {{
            upstream backend;
            auth none;
            limit wide;
            route /both {{ limit narrow; }}
            route /wide {{ }}
            route /off  {{ limit off; }}
        }}
        """)
    assert [edge.get("/both").status for _ in range(4)] == [200, 200, 429, 429]
    assert edge.get("/wide").status == 200
    assert {edge.get("/off").status for _ in range(10)} == {200}


def test_a_body_that_is_too_large_was_no_failed_login(gateway, recorder):
    """The backend never saw it, so nobody has guessed a password."""
    backend = recorder(status_by_path)
    limit = "key client_ip; rate 1/h; burst 2; count failures;"
    text = limited(backend.address, limit).replace(
        "route /status { limit login; }", "route /status { limit login; limits { body 8; } }"
    )
    edge = gateway(text)
    for _ in range(5):
        assert edge.post("/status/200", b"123456789").status == 413
    assert edge.get("/status/401").status == 401
