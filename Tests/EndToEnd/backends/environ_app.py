"""A Flask application that tells everything WSGI told it, on every path and method."""

from flask import Flask, jsonify, request

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

app = Flask(__name__)


@app.route("/", defaults={"path": ""}, methods=METHODS)
@app.route("/<path:path>", methods=METHODS)
def environ(path):
    body = request.get_data().decode("latin-1")
    told = {name: value for name, value in request.environ.items() if isinstance(value, str)}
    return jsonify(environ=told, body=body, url=request.url, remote=request.remote_addr)
