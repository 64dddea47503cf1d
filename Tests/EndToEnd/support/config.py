"""Configurations for the tests, written out as an operator would."""

HOST = "shop.example:8080"
"""A host with a port, for requests to these."""

TOP = """
workers {workers};
listen 127.0.0.1:0;
admin unix:admin.sock;
access_log access.log;
"""

REALM = """
realm main {
    preset  flask-jwt-extended;
    access  { secret ${JWT_ACCESS_SECRET};  lifetime 15m; }
    refresh { secret ${JWT_REFRESH_SECRET}; lifetime 7d; }
}
"""

IDENTITY = """
identity {
    header X-User-Id    sub;
    header X-User-Email email;
}
"""

BLOCKLIST = """
blocklist { store memory; journal state/blocklist.journal; }
"""


def top(workers: int = 2) -> str:
    return TOP.format(workers=workers)


NO_SIGNATURE_RATES = """
limits { signature_rate off; signature_rate_per_address off; }
"""
"""For tests that send one forged token after another from one address."""


def environment(access: str, refresh: str) -> dict:
    return {"JWT_ACCESS_SECRET": access, "JWT_REFRESH_SECRET": refresh}


def open_to(address: str, route: str = "", extra: str = "", workers: int = 2) -> str:
    """One upstream, one public route to it."""
    return f"""{top(workers)}
{extra}
upstream backend {{ server {address}; }}
route / {{ upstream backend; auth none; {route} }}
"""


def guarded(address: str, routes: str = "", extra: str = "", workers: int = 2) -> str:
    """One upstream behind the realm `main`; `routes` come before the route that requires a token."""
    return f"""{top(workers)}
{REALM}{IDENTITY}{BLOCKLIST}
{extra}
upstream backend {{ server {address}; }}
group / {{
    upstream backend;
    {routes}
    route / {{ auth required; }}
}}
"""


def behind(address: str, extra: str = "", upstream: str = "", workers: int = 1) -> str:
    """An upstream whose group `/app` is stripped, and `/plain`, which is not."""
    return f"""{top(workers)}
{extra}
upstream app {{ server {address}; {upstream} }}
group /app {{ upstream app; auth none; strip_prefix on; route / {{ }} }}
route /plain {{ upstream app; auth none; }}
"""
