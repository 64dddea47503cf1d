"""A WebSocket server as teams write it with the `websockets` library, on its asyncio server.

    /echo       says back what it hears, text and binary
    /headers    says the request's headers as a JSON list of pairs, then echoes
    /ticks      says a number every 20 ms until the client goes
    /flood/N    says N messages of 64 KiB as fast as they are taken
    /goodbye    says one word and closes with 1000
    /refused    403 instead of a handshake

It chooses the subprotocol `chat` where it is offered. Run: ws_server.py FD (a listening socket)
"""

import asyncio
import http
import json
import socket
import sys

from websockets.asyncio.server import serve

open_count = 0


async def handler(connection):
    global open_count
    open_count += 1
    try:
        await play(connection, connection.request.path.partition("?")[0])
    finally:
        open_count -= 1


async def play(connection, path):
    if path == "/ticks":
        number = 0
        while True:
            await connection.send(str(number))
            number += 1
            await asyncio.sleep(0.02)
    if path.startswith("/flood/"):
        for _ in range(int(path[7:])):
            await connection.send(b"x" * 65536)
        return
    if path == "/goodbye":
        return await connection.send("goodbye")
    if path == "/headers":
        await connection.send(json.dumps(list(connection.request.headers.raw_items())))
    async for message in connection:
        await connection.send(message)


def process_request(connection, request):
    if request.path == "/health":
        return connection.respond(http.HTTPStatus.OK, "ok")
    if request.path == "/open":
        return connection.respond(http.HTTPStatus.OK, str(open_count))
    if request.path == "/refused":
        return connection.respond(http.HTTPStatus.FORBIDDEN, "not here")
    return None


def choose(connection, offered):
    return "chat" if "chat" in offered else None


async def main(fd: int):
    listener = socket.socket(fileno=fd)
    async with serve(
        handler,
        sock=listener,
        process_request=process_request,
        select_subprotocol=choose,
        max_size=1 << 26,
        ping_interval=None,
    ) as server:
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
