"""A Flask API as teams have it: Flask-JWT-Extended, two secrets, no idea of a gateway.

Access tokens come from the library (JWT_ACCESS_SECRET, 15 minutes); refresh tokens are made by hand
with PyJWT (JWT_REFRESH_SECRET, 7 days), because the library holds one secret. Logging out answers 200
and stores nothing: revoking is what this API cannot do. `/debug/…` shows what reached it.
"""

import os
import time
import uuid
from datetime import timedelta

import jwt as pyjwt
from flask import Flask, Response, jsonify, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    get_jwt,
    get_jwt_identity,
    jwt_required,
)

USERS = {
    "ada@example.com": ("user-ada", "correct horse"),
    "grace@example.com": ("user-grace", "battery staple"),
}
REFRESH_SECRET = os.environ["JWT_REFRESH_SECRET"]

app = Flask(__name__)
app.config["JWT_SECRET_KEY"] = os.environ["JWT_ACCESS_SECRET"]
app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(minutes=15)
JWTManager(app)


def make_pair(identity: str, email: str) -> dict:
    refresh = {
        "sub": identity,
        "email": email,
        "type": "refresh",
        "jti": str(uuid.uuid4()),
        "exp": int(time.time()) + 7 * 86400,
    }
    return {
        "access_token": create_access_token(identity=identity, additional_claims={"email": email}),
        "refresh_token": pyjwt.encode(refresh, REFRESH_SECRET, algorithm="HS256"),
        "token_type": "Bearer",
    }


@app.get("/health")
def health():
    return jsonify(status="ok", backend="flask")


@app.post("/auth/login")
def login():
    body = request.get_json(silent=True) or {}
    identity, password = USERS.get(body.get("email"), (None, None))
    if identity is None or body.get("password") != password:
        return jsonify(msg="Bad email or password"), 401
    return jsonify(make_pair(identity, body["email"]))


@app.post("/auth/refresh")
def refresh():
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        return jsonify(msg="Missing refresh token"), 401
    try:
        claims = pyjwt.decode(token, REFRESH_SECRET, algorithms=["HS256"])
    except pyjwt.PyJWTError:
        return jsonify(msg="Bad refresh token"), 401
    if claims.get("type") != "refresh":
        return jsonify(msg="Only refresh tokens are allowed"), 401
    return jsonify(make_pair(claims["sub"], claims.get("email", "")))


@app.post("/auth/logout")
def logout():
    return jsonify(msg="Logged out")


@app.get("/me")
@jwt_required()
def me():
    return jsonify(
        backend="flask",
        id=get_jwt_identity(),
        email=get_jwt().get("email"),
        edge_user=request.headers.get("X-User-Id"),
    )


@app.route("/debug/headers", methods=["GET", "POST", "OPTIONS"])
@app.route("/public/headers", methods=["GET", "POST", "OPTIONS"])
def debug_headers():
    """Every header as WSGI gives it (names folded, as every Flask app sees them)."""
    seen = {k: v for k, v in request.environ.items() if k.startswith("HTTP_")}
    return jsonify(
        backend="flask",
        method=request.method,
        path=request.environ.get("PATH_INFO"),
        raw_uri=request.environ.get("RAW_URI"),
        script_name=request.environ.get("SCRIPT_NAME"),
        headers=seen,
    )


@app.post("/echo")
def echo():
    return Response(
        request.get_data(), content_type=request.content_type or "application/octet-stream"
    )


@app.get("/stream/<int:blocks>")
def stream(blocks: int):
    return Response((b"%06d\n" % i for i in range(blocks)), content_type="text/plain")


@app.get("/events")
def events():
    """Server-sent events until the client goes, as Flask's documentation has them."""

    def lines():
        number = 0
        while True:
            yield f"id: {number}\ndata: tick {number}\n\n"
            number += 1
            time.sleep(0.05)

    return Response(lines(), mimetype="text/event-stream")


@app.get("/status/<int:status>")
def status(status: int):
    return Response("", status=status)
