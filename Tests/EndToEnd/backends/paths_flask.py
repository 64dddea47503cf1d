"""Flask: one handler for each prefix; an answer names the handler that ran."""

from flask import Flask
from werkzeug.routing import PathConverter


class Rest(PathConverter):
    """All of the rest. The stock converter takes no slash first, so that `/public/private//x` runs
    the handler of `/public`: an application's own fall-back, which no gateway can know."""

    regex = ".*?"


app = Flask(__name__)
app.url_map.converters["rest"] = Rest


def add(name: str, prefix: str):
    def ran(rest=""):
        return name

    app.add_url_rule(f"{prefix}/", name, ran, strict_slashes=False)
    app.add_url_rule(f"{prefix}/<rest:rest>", f"{name}-below", ran)


add("private", "/public/private")
add("public", "/public")
add("admin", "/admin")


@app.get("/health")
def health():
    return "health"
