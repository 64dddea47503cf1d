"""FastAPI: one handler for each prefix; an answer names the handler that ran.

Run: python paths_fastapi.py FD   (FD is a listening socket). By hand, since `uvicorn --fd` takes
the socket for one of Unix and leaves Nagle's algorithm on: 40 ms for each answer.
"""

import socket
import sys

import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

app = FastAPI()


def add(name: str, prefix: str):
    async def ran(rest: str = ""):
        return PlainTextResponse(name)

    app.add_api_route(prefix, ran)
    app.add_api_route(prefix + "/{rest:path}", ran)


add("private", "/public/private")
add("public", "/public")
add("admin", "/admin")


@app.get("/health")
async def health():
    return PlainTextResponse("health")


if __name__ == "__main__":
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning"))
    server.run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
