"""A Flask app that redirects and sets cookies as Flask apps do; with PROXY_FIX it heeds its proxy.

`/seen` shows what the app takes for the client and for its own address.
"""

import os

from flask import Flask, jsonify, redirect, request, session, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.secret_key = "only for signing the test's own session"
if os.environ.get("PROXY_FIX"):
    # One hop: what the gateway says, and nothing that stood there before.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)


@app.get("/health")
def health():
    return jsonify(status="ok")


@app.get("/old")
def old():
    return redirect(url_for("new", a="b"))


@app.get("/old-external")
def old_external():
    return redirect(url_for("new", _external=True))


@app.get("/new/")
def new():
    """Werkzeug redirects `/new` here by itself."""
    return jsonify(page="new")


@app.get("/away")
def away():
    return redirect("https://elsewhere.example/x")


@app.post("/items")
def items():
    return jsonify(id=7), 201, {"Location": "/items/7", "Content-Location": "/items/7"}


@app.get("/login")
def login():
    session["user"] = "ada"
    response = redirect("/account")
    response.set_cookie("theme", "dark", path="/account", httponly=True)
    response.set_cookie("everywhere", "1")
    response.headers.add("Set-Cookie", "bare=1")
    return response


@app.get("/account")
def account():
    return jsonify(user=session.get("user"), theme=request.cookies.get("theme"))


@app.get("/seen")
def seen():
    return jsonify(
        client=request.remote_addr,
        scheme=request.scheme,
        host=request.host,
        root=request.script_root,
        url=request.url,
        forwarded=request.headers.get("Forwarded"),
        names=sorted(name for name in request.environ if "FORWARDED" in name),
    )
