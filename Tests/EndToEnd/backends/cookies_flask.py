"""A Flask API for browsers: Flask-JWT-Extended keeps both tokens in cookies, with its double submit, and
knows nothing of a gateway. Logging out unsets the cookies and stores nothing."""

import os
from datetime import timedelta

from flask import Flask, jsonify, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    get_jwt_identity,
    jwt_required,
    set_access_cookies,
    set_refresh_cookies,
    unset_jwt_cookies,
)

app = Flask(__name__)
app.config.update(
    JWT_SECRET_KEY=os.environ["JWT_ACCESS_SECRET"],
    JWT_ACCESS_TOKEN_EXPIRES=timedelta(minutes=15),
    JWT_REFRESH_TOKEN_EXPIRES=timedelta(days=30),
    JWT_TOKEN_LOCATION=["cookies"],
)
JWTManager(app)
asked: list[str] = []


@app.before_request
def note():
    asked.append(f"{request.method} {request.path}")


@app.get("/health")
def health():
    return jsonify(status="ok")


@app.post("/login/<user>")
def login(user):
    answer = jsonify(msg="welcome")
    set_access_cookies(answer, create_access_token(user))
    set_refresh_cookies(answer, create_refresh_token(user))
    return answer


@app.post("/refresh")
@jwt_required(refresh=True)
def refresh():
    answer = jsonify(msg="again")
    set_access_cookies(answer, create_access_token(get_jwt_identity()))
    return answer


@app.post("/logout")
def logout():
    answer = jsonify(msg="bye")
    unset_jwt_cookies(answer)
    return answer


@app.route("/me", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
@jwt_required()
def me():
    return jsonify(id=get_jwt_identity(), edge=request.headers.get("X-User-Id"))


@app.get("/asked")
def seen():
    return jsonify(asked)
