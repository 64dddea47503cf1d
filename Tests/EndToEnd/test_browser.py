"""What a real Chromium makes of the gateway: a WebSocket with the token among its subprotocols, the
close at the token's end, origins, and event streams that are cut."""

import json

import pytest

from conftest import ACCESS, REFRESH
from support import config
from support.browser import Browser
from support.tokens import claims, now, sign

ENVIRONMENT = config.environment(ACCESS, REFRESH)
PAGE = "route /health { auth none; }"
"""The page that scripts run on: any document of the gateway's origin."""


def access(**more) -> str:
    return sign(claims(**more), ACCESS)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    started = Browser(tmp_path_factory.mktemp("chromium"))
    yield started
    started.stop()


def page(edge) -> str:
    host, port = edge.address
    return f"http://{host}:{port}/health"


def open_socket(edge, path: str, protocols: list) -> str:
    """A script that opens a WebSocket, says hello, and tells what came of it."""
    host, port = edge.address
    return f"""new Promise((done) => {{
        const heard = [];
        const socket = new WebSocket("ws://{host}:{port}{path}", {json.dumps(protocols)});
        const tell = (more) => done({{ protocol: socket.protocol, heard, ...more }});
        socket.onopen = () => socket.send("hello");
        socket.onmessage = (event) => {{
            heard.push(event.data);
            if (event.data === "hello" && "{path}" === "/echo") tell({{ is: "open" }});
        }};
        socket.onclose = (event) =>
            tell({{ is: "closed", code: event.code, reason: event.reason, clean: event.wasClean }});
    }})"""


def test_a_script_opens_a_websocket_with_its_token(gateway, ws_python, browser):
    edge = gateway(config.guarded(ws_python.address, PAGE), ENVIRONMENT)
    opened = browser.run(page(edge), open_socket(edge, "/echo", ["bearer", access()]))
    assert opened == {"is": "open", "protocol": "bearer", "heard": ["hello"]}
    chosen = browser.run(page(edge), open_socket(edge, "/echo", ["chat", "bearer", access()]))
    assert chosen == {"is": "open", "protocol": "chat", "heard": ["hello"]}
    refused = browser.run(page(edge), open_socket(edge, "/echo", ["bearer", access(exp=now() - 9)]))
    assert (refused["is"], refused["code"], refused["protocol"]) == ("closed", 1006, "")
    assert edge.logged(path="/echo", status=401)["reason"] == "expired"


def test_a_script_is_told_why_its_websocket_ends(gateway, ws_python, browser):
    edge = gateway(config.guarded(ws_python.address, PAGE), ENVIRONMENT)
    closed = browser.run(
        page(edge), open_socket(edge, "/ticks", ["bearer", access(exp=now() + 3)])
    )
    assert (closed["code"], closed["reason"]) == (1008, "token expired")
    assert closed["clean"] and closed["protocol"] == "bearer" and closed["heard"][0] == "0"


def test_a_page_of_another_origin_opens_no_websocket(gateway, ws_python, browser):
    cors = "cors { origins https://app.example; credentials on; }"
    edge = gateway(config.guarded(ws_python.address, PAGE, cors), ENVIRONMENT)
    refused = browser.run(page(edge), open_socket(edge, "/echo", ["bearer", access()]))
    assert (refused["is"], refused["code"]) == ("closed", 1006)
    edge.logged(path="/echo", status=403)


def test_an_event_stream_that_is_cut_is_an_error_to_the_script(gateway, fastapi, browser):
    edge = gateway(config.guarded(fastapi.address, PAGE), ENVIRONMENT)
    script = f"""(async () => {{
        const answer = await fetch("/events", {{
            headers: {{ Authorization: "Bearer {access(exp=now() + 3)}" }},
        }});
        const reader = answer.body.getReader();
        let bytes = 0;
        try {{
            for (;;) {{
                const step = await reader.read();
                if (step.done) return {{ ended: "whole", bytes }};
                bytes += step.value.length;
            }}
        }} catch (error) {{
            return {{ ended: error.name, bytes }};
        }}
    }})()"""
    result = browser.run(page(edge), script)
    assert result["ended"] == "TypeError" and result["bytes"] > 100
