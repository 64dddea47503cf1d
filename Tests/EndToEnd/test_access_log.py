"""The access log: one JSON line a request, complete, escaped, and without a token or a secret."""

import json

from conftest import ACCESS, OTHER_ACCESS, REFRESH
from support import config
from support.processes import wait_until
from support.tokens import bearer, claims, sign

ENVIRONMENT = config.environment(ACCESS, REFRESH)


def test_every_request_has_a_line(gateway, recorder):
    backend = recorder()
    edge = gateway(config.guarded(backend.address, "route /open { auth none; }"), ENVIRONMENT)
    token = sign(claims(), ACCESS)
    with edge.connect() as client:
        for number in range(50):
            client.request("GET", f"/open/{number}")
            client.request("GET", f"/denied/{number}")
            client.request("POST", f"/token/{number}", [bearer(token)], b"body")
    lines = wait_until(
        lambda: (found := edge.log_lines()) and len(found) >= 150 and found, "150 access lines"
    )
    assert len(lines) == 150
    by_path = {line["path"]: line for line in lines}
    assert len(by_path) == 150
    for number in range(50):
        assert by_path[f"/open/{number}"]["status"] == 200
        assert by_path[f"/denied/{number}"]["status"] == 401
        assert by_path[f"/denied/{number}"]["reason"] == "missing"
        line = by_path[f"/token/{number}"]
        assert (line["method"], line["status"]) == ("POST", 200)
    assert len({line["request_id"] for line in lines}) == 150
    for line in lines:
        assert line["client"].startswith("127.0.0.1")
        assert line["time"].endswith("Z") or "+" in line["time"]
        assert isinstance(line["duration_us"], int) and line["duration_us"] >= 0


def test_the_request_id_is_the_one_that_the_backend_saw(gateway, recorder):
    from backends.recorder import fields_of

    backend = recorder()
    edge = gateway(config.open_to(backend.address))
    assert edge.get("/same").status == 200
    assert edge.logged(path="/same")["request_id"] == fields_of(backend.head)["x-request-id"]


def test_no_token_wherever_it_travels(gateway, recorder):
    """Header, query, cookie, body, path of a refusal: the Gateway fixture searches all that was
    written; here every place is used, with good and bad tokens."""
    backend = recorder()
    edge = gateway(config.guarded(backend.address, "route /open { auth none; }"), ENVIRONMENT)
    for secret in (ACCESS, OTHER_ACCESS):
        token = sign(claims(), secret)
        for target in ("/", "/open", "/nowhere"):
            edge.get(target, token)
            edge.get(f"{target}?jwt={token}")
            edge.get(f"{target}?access_token={token}", token)
            edge.get(target, headers=[("Cookie", f"access_token_cookie={token}")])
            edge.post(target, {"refreshToken": token}, token=token)
            edge.get(target, headers=[("Authorization", f"Basic {token}")])
            edge.get(target, headers=[("Referer", f"http://x/?jwt={token}"), ("User-Agent", token)])
            edge.get(target, headers=[bearer(token), bearer(token)])
    assert edge.get("/open/last").status == 200
    edge.logged(path="/open/last")
    for line in edge.log_lines():
        assert "?" not in line["path"]
    edge.stop()  # and searches


def test_nothing_from_a_client_breaks_a_line(gateway, recorder):
    """CVE-2024-45808: what a client sends must not end a log line and start another."""
    edge = gateway(config.open_to(recorder().address))
    targets = [
        "/%0a%0d%22",
        "/%22,%22status%22:200",
        '/"x\\y"',
        "/a%00b",
        "/%e2%80%a8",
        "/" + "x" * 3000,
    ]
    for target in targets:
        edge.get(target, headers=[("Host", "a.example"), ("User-Agent", 'x", "y": "\\')])
    edge.request('GE"T', "/")
    edge.get("/", headers=[("Host", 'bad"host\\')])
    assert edge.get("/last").status == 200
    edge.logged(path="/last")
    text = (edge.folder / "access.log").read_text()
    for line in text.splitlines():
        assert isinstance(json.loads(line), dict)
    assert text.endswith("\n")


def test_standard_output(gateway, recorder):
    text = config.open_to(recorder().address).replace("access_log access.log", "access_log stdout")
    edge = gateway(text)
    assert edge.get("/out").status == 200

    def found():
        return [line for line in edge.output.read_text().splitlines() if '"/out"' in line]

    lines = wait_until(found, "an access line on standard output")
    assert json.loads(lines[0])["status"] == 200


def test_off_writes_nothing(gateway, recorder):
    text = config.open_to(recorder().address).replace("access_log access.log;", "access_log off;")
    edge = gateway(text)
    assert edge.get("/").status == 200
    edge.stop()
    assert not (edge.folder / "access.log").exists()
    assert edge.output.read_text() == ""


def test_the_last_lines_are_written_before_the_end(gateway, recorder):
    edge = gateway(config.open_to(recorder().address))
    for number in range(20):
        assert edge.get(f"/{number}").status == 200
    edge.stop()
    assert len(edge.log_lines()) == 20


def test_the_log_is_appended_to_over_a_restart(gateway, recorder):
    edge = gateway(config.open_to(recorder().address))
    assert edge.get("/before").status == 200
    edge.restart()
    assert edge.get("/after").status == 200
    edge.stop()
    assert [line["path"] for line in edge.log_lines()] == ["/before", "/after"]
