"""A FastAPI API as teams have it: plain PyJWT, one secret, string `sub`, no `jti`, no `iat`.

The refresh token says `"type": "refresh"` and is signed with the same JWT_SECRET_KEY; a refresh gives
a new access token and keeps the refresh token. It knows nothing of a gateway.
"""

import asyncio
import json
import os
import time

import jwt
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import Response, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

SECRET_KEY = os.environ["JWT_SECRET_KEY"]
ALGORITHM = "HS256"
USERS = {"ada": ("1", "correct horse"), "grace": ("2", "battery staple")}

app = FastAPI()
security = HTTPBearer(auto_error=False)


def make_access_token(user_id: str, username: str) -> str:
    claims = {"sub": user_id, "username": username, "exp": int(time.time()) + 1800}
    return jwt.encode(claims, SECRET_KEY, algorithm=ALGORITHM)


def make_refresh_token(user_id: str) -> str:
    claims = {"sub": user_id, "type": "refresh", "exp": int(time.time()) + 7 * 86400}
    return jwt.encode(claims, SECRET_KEY, algorithm=ALGORITHM)


def bearer_claims(credentials: HTTPAuthorizationCredentials | None) -> dict:
    refusal = HTTPException(
        401, "Could not validate credentials", headers={"WWW-Authenticate": "Bearer"}
    )
    if credentials is None:
        raise refusal
    try:
        return jwt.decode(credentials.credentials, SECRET_KEY, algorithms=[ALGORITHM])
    except jwt.PyJWTError:
        raise refusal from None


@app.get("/health")
async def health():
    return {"status": "ok", "backend": "fastapi"}


@app.post("/auth/login")
async def login(request: Request):
    body = await request.json()
    user_id, password = USERS.get(body.get("username"), (None, None))
    if user_id is None or body.get("password") != password:
        raise HTTPException(401, "Incorrect username or password")
    return {
        "access_token": make_access_token(user_id, body["username"]),
        "refresh_token": make_refresh_token(user_id),
        "token_type": "bearer",
    }


@app.post("/auth/refresh")
async def refresh(credentials: HTTPAuthorizationCredentials | None = Depends(security)):
    claims = bearer_claims(credentials)
    if claims.get("type") != "refresh":
        raise HTTPException(401, "Not a refresh token")
    return {
        "access_token": make_access_token(claims["sub"], claims.get("username", "")),
        "token_type": "bearer",
    }


@app.post("/auth/logout", status_code=204)
async def logout():
    return Response(status_code=204)


@app.get("/me")
async def me(
    request: Request, credentials: HTTPAuthorizationCredentials | None = Depends(security)
):
    claims = bearer_claims(credentials)
    return {
        "backend": "fastapi",
        "id": claims.get("sub"),
        "username": claims.get("username"),
        "edge_user": request.headers.get("x-user-id"),
    }


@app.api_route("/debug/headers", methods=["GET", "POST", "OPTIONS"])
@app.api_route("/public/headers", methods=["GET", "POST", "OPTIONS"])
async def debug_headers(request: Request):
    """Every header line as ASGI gives it, in order, duplicates too."""
    return {
        "backend": "fastapi",
        "method": request.method,
        "path": request.url.path,
        "raw_path": request.scope["raw_path"].decode("latin-1"),
        "headers": [
            [name.decode("latin-1"), value.decode("latin-1")]
            for name, value in request.scope["headers"]
        ],
    }


@app.post("/echo")
async def echo(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


@app.websocket("/ws/echo")
async def ws_echo(socket: WebSocket):
    """Says the headers it was called with, then echoes."""
    await socket.accept()
    await socket.send_text(json.dumps([[n.decode(), v.decode()] for n, v in socket.headers.raw]))
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is not None:
                await socket.send_text(message["text"])
            else:
                await socket.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        pass


open_streams = 0


@app.get("/events")
async def events(count: int = 0, pause: float = 0.05):
    """Server-sent events: `count` of them, or until the client goes."""

    async def lines():
        global open_streams
        open_streams += 1
        try:
            number = 0
            while count == 0 or number < count:
                yield f"id: {number}\ndata: tick {number}\n\n"
                number += 1
                await asyncio.sleep(pause)
        finally:
            open_streams -= 1

    return StreamingResponse(lines(), media_type="text/event-stream")


@app.get("/events/open")
async def events_open():
    return {"open": open_streams}
