"""`GET /metrics`: a text that Prometheus reads, whose numbers are those of the traffic."""

import datetime
import http.client
import re
import time
from pathlib import Path

from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config
from support.metrics import CONTENT_TYPE, Metrics, scrape
from support.processes import wait_until
from support.tokens import claims, now, sign

ENVIRONMENT = config.environment(ACCESS, REFRESH)
README = Path(__file__).parents[2] / "README.md"
REASONS = """missing malformed too_large unsupported_algorithm unknown_key bad_signature expired
not_yet_valid lifetime_exceeded wrong_token_type revoked wrong_issuer wrong_audience missing_claim
insufficient_scope ambiguous_credentials csrf_refused unavailable""".split()


def decisions(metrics: Metrics) -> dict:
    return {
        " ".join(value for _, value in sorted(labels, reverse=True)).strip(): count
        for labels, count in metrics.all("gateway_auth_decisions_total").items()
        if count
    }


def test_numbers_of_real_traffic(gateway, flask):
    edge = gateway(
        config.guarded(
            flask.address,
            """
            route GET /health { auth none; }
            route /maybe { auth optional; }
            route POST /auth/refresh { auth refresh; }
            """,
        ),
        ENVIRONMENT,
    )
    before = scrape(edge)
    assert decisions(before) == {} and before.get("gateway_requests_total") == 0
    for _ in range(3):
        assert edge.get("/me", sign(claims(), ACCESS)).status in (200, 422)
    assert edge.get("/health").status == 200
    assert edge.get("/maybe").status == 404
    assert edge.post("/auth/refresh", token=sign(claims(type="refresh"), REFRESH)).status == 200
    for token in (None, "garbage", sign(claims(exp=now() - 9), ACCESS), sign(claims(), OTHER_ACCESS)):
        assert edge.get("/me", token).status == 401
    after = scrape(edge)
    assert decisions(after) == {
        "accepted": 4,
        "anonymous": 1,
        "refused missing": 1,
        "refused malformed": 1,
        "refused expired": 1,
        "refused bad_signature": 1,
    }
    for reason in REASONS:
        for result in ("refused", "would_refuse"):
            count = after.get("gateway_auth_decisions_total", result=result, reason=reason)
            assert count is not None, reason
    assert after.get("gateway_requests_total") == 10
    assert after.get("gateway_requests_refused_total") == 4
    assert after.get("gateway_connections_accepted_total") == 10
    assert after.get("gateway_workers") == after.get("gateway_workers_answered") == 2
    assert after.get("gateway_blocklist_entries") == 0
    key = {"realm": "main", "key": "HS256", "place": "secret"}
    assert after.get("gateway_key_tokens_total", **key, **{"class": "access"}) == 3
    assert after.get("gateway_key_tokens_total", **key, **{"class": "refresh"}) == 1
    assert abs(after.get("gateway_start_time_seconds") - time.time()) < 600
    # What status says are the same numbers.
    status = edge.status()
    assert status["counters"]["requests"] == 10
    assert [row["tokens"] for row in status["keys"]] == [3, 1]


def test_every_name_is_in_the_readme_and_the_reverse(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    told = set(re.findall(r"^# TYPE (\S+) ", scrape(edge).text, re.MULTILINE))
    listed = set(re.findall(r"^\| `(gateway_\w+)", README.read_text(), re.MULTILINE))
    assert told == listed


def test_an_old_secret_may_go_a_lifetime_after_the_new_one_came(gateway, recorder):
    day = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=3)
    edge = gateway(
        f"""{config.top()}
        realm main {{ access {{
            secret ${{JWT_ACCESS_SECRET}}; previous ${{OLD}} until {day}; lifetime 2s; }} }}
        upstream a {{ server {recorder().address}; }}
        route / {{ upstream a; }}
        """,
        {**ENVIRONMENT, "OLD": OTHER_ACCESS},
    )
    old = {"realm": "main", "class": "access", "key": "HS256", "place": "previous 1"}

    def verdict(metrics):
        (labels,) = metrics.all("gateway_key_drop_verdict")
        return dict(labels)["verdict"], metrics.get("gateway_key_safe_to_drop", **old)

    assert verdict(scrape(edge)) == ("successor_unseen", 0)
    token = sign(claims(exp=now() + 2), OTHER_ACCESS)
    assert edge.get("/", token).status == 200
    assert verdict(scrape(edge)) == ("token_lives", 0)
    assert edge.get("/", sign(claims(exp=now() + 2), ACCESS)).status == 200
    wait_until(lambda: verdict(scrape(edge)) == ("safe", 1), "the old secret may go")
    metrics = scrape(edge)
    assert metrics.get("gateway_key_tokens_total", **old) == 1
    assert now() - 60 < metrics.get("gateway_key_last_use_timestamp_seconds", **old) <= now()
    end = metrics.get("gateway_key_end_timestamp_seconds", **old)
    assert datetime.datetime.fromtimestamp(end, datetime.timezone.utc).date() == (
        day + datetime.timedelta(days=1)
    )
    assert edge.status()["keys"][1]["safe_to_drop"] == "yes"


def test_nothing_secret_is_told(gateway, recorder):
    edge = gateway(config.guarded(recorder().address), ENVIRONMENT)
    token = sign(claims(sub="somebody-in-particular", jti="one-of-a-kind"), ACCESS)
    assert edge.get("/", token).status == 200
    assert edge.command("revoke", "--jti", "one-of-a-kind").returncode == 0
    assert edge.get("/", token).status == 401
    text = scrape(edge).text
    for secret in ("somebody-in-particular", "one-of-a-kind", token, ACCESS, REFRESH):
        assert secret not in text
    assert "gateway_blocklist_entries 1\n" in text


def test_over_tcp_without_a_token(gateway, recorder):
    text = config.guarded(recorder().address).replace("admin unix:admin.sock;", "admin 127.0.0.1:0;")
    edge = gateway(text, ENVIRONMENT)
    connection = http.client.HTTPConnection(*edge.addresses[-1], timeout=30)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.getheader("Content-Type") == CONTENT_TYPE
    assert Metrics(answer.read().decode()).get("gateway_draining") == 0
    connection = http.client.HTTPConnection(*edge.addresses[-1], timeout=30)
    connection.request("GET", "/status")
    assert connection.getresponse().status == 401
