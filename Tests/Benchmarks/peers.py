"""What each proxy of the benchmarks is told: the same jobs in its own configuration language.

The jobs: `plain` forwards over kept connections and does nothing else; `auth` also verifies an HS256
token and its expiry, refuses a token whose id is among 100,000, and replaces the client's X-User-Id
by the token's subject. The other jobs are for the gateway alone: `auth` with other signatures, with
more claims, with claims that the route requires, and with a token of its own for the backend. The
peers get their shortest honest configuration and are spared what the
gateway does in both jobs as well (forwarded headers, request ids, path readings), so the figures
never flatter the gateway; `forwarded` makes haproxy and nginx send those headers too.
"""

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

WORKER_CORE, LOAD_CORE = 0, 1
BLOCKED = "blocked.txt"
KEY_FILE = "public.pem"
"""Beside it, for the jobs whose tokens are signed with a key pair."""


class TokenJob(NamedTuple):
    """A job with tokens: how they are signed, whether they have scopes and roles, what the route says
    beside `auth required`, and what else there is."""

    algorithm: str = "HS256"
    scoped: bool = False
    route: str = ""
    more: str = ""


TOKEN_JOBS = {
    "auth": TokenJob(),
    "rs256": TokenJob("RS256"),
    "es256": TokenJob("ES256"),
    "scoped": TokenJob(scoped=True),
    "require": TokenJob(
        scoped=True,
        route="require scope orders:read orders:write; require role admin; require claim tenant acme;",
    ),
    "remint": TokenJob(
        route="realm main; forward_token remint inside;",
        more="realm inside { access { secret ${INSIDE_SECRET}; } }",
    ),
}
PEER_JOBS = ("plain", "auth")
JOBS = ("plain", *TOKEN_JOBS)


def listening_socket() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    return listener


def free_port() -> int:
    with listening_socket() as listener:
        return listener.getsockname()[1]


def spawn(command, core, **more) -> subprocess.Popen:
    """Starts a process pinned to one core."""
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        **more,
    )


class Proxy:
    """One proxy doing one job; `start` gives the port it listens on."""

    name = ""
    connections = 2000
    """Client connections that the peers are prepared for."""
    forwarded = False
    """True when the peers send the headers that the gateway always sends."""

    def __init__(self, job: str, folder: Path, origin_port: int, secret: str):
        self.job, self.origin, self.secret = job, origin_port, secret
        self.folder = folder / f"{self.name}-{job}"
        self.folder.mkdir()
        self.blocked = folder / BLOCKED
        self.log = open(self.folder / "output", "wb")

    def run(self, command, **more):
        self.process = spawn(
            command, WORKER_CORE, cwd=self.folder, stdout=self.log, stderr=subprocess.STDOUT, **more
        )

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self) -> int:
        raise NotImplementedError

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Relay(Proxy):
    """The floor: copies bytes, decides nothing; in the auth job too."""

    name = "relay"
    binary = ""

    def start(self) -> int:
        with listening_socket() as listener:
            fd = listener.fileno()
            self.run([self.binary, fd, self.origin], pass_fds=(fd,))
            return listener.getsockname()[1]


class Gateway(Proxy):
    name = "gateway"
    binary = ""
    wrapper: list = []
    environment: dict = {}

    def configuration(self, port: int) -> str:
        job = TOKEN_JOBS.get(self.job)
        auth, route = "", "auth none;"
        if job:
            keys = "secret ${JWT_ACCESS_SECRET};"
            if job.algorithm != "HS256":
                keys = f"key {self.blocked.parent / KEY_FILE}; algorithms {job.algorithm};"
            auth = f"""
        realm main {{ access {{ {keys} lifetime 1d; }} }}
        identity {{ header X-User-Id sub; }}
        blocklist {{ import {self.blocked}; realms main; }}
        {job.more}
        """
            route = f"auth required; {job.route}"
        return f"""
        workers 1;
        listen 127.0.0.1:{port};
        access_log off;
        {auth}
        upstream origin {{ server 127.0.0.1:{self.origin}; }}
        route / {{ upstream origin; {route} }}
        """

    def start(self) -> int:
        port = free_port()
        file = self.write("gateway.conf", self.configuration(port))
        environment = {"PATH": os.environ["PATH"], "JWT_ACCESS_SECRET": self.secret}
        environment["INSIDE_SECRET"] = self.secret[::-1]
        self.run([*self.wrapper, self.binary, "run", "-c", file], env=environment)
        return port


class Ordinary(Gateway):
    """The gateway on the job `auth`, beside one on a job that no peer can do."""

    name = "auth"


class HAProxy(Proxy):
    name = "haproxy"

    FORWARDED = """
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Request-Id %[uuid()]
"""
    AUTH = """
    http-request set-var(txn.bearer) http_auth_bearer
    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
    http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request return status 401 unless {{ var(txn.bearer) -m found }}
    http-request return status 401 unless {{ var(txn.alg) -m str HS256 }}
    http-request return status 401 unless {{ var(txn.bearer),jwt_verify("HS256","{secret}") 1 }}
    http-request return status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
    http-request return status 401 if {{ var(txn.bearer),jwt_payload_query('$.jti') -m str -f {blocked} }}
    http-request set-header X-User-Id %[var(txn.bearer),jwt_payload_query('$.sub')]
"""

    def start(self) -> int:
        port = free_port()
        auth = self.AUTH.format(secret=self.secret, blocked=self.blocked)
        file = self.write(
            "haproxy.cfg",
            f"""
global
    nbthread 1
    maxconn {self.connections}
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
frontend front
    bind 127.0.0.1:{port}
    {self.FORWARDED if self.forwarded else ""}
    {auth if self.job == "auth" else ""}
    default_backend origin
backend origin
    server origin 127.0.0.1:{self.origin}
""",
        )
        self.run([shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", file])
        return port


class Nginx(Proxy):
    name = "nginx"

    FORWARDED = """
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Request-Id $request_id;
"""
    SCRIPT = """
const crypto = require('crypto');
const secret = '%s';

// Verifies the bearer token once a request; sets $user and gives the token's id for the blocklist.
function verify(r) {
  const given = r.headersIn.Authorization || '';
  if (!given.startsWith('Bearer ')) return 'refused';
  const parts = given.slice(7).split('.');
  if (parts.length !== 3) return 'refused';
  const made = crypto.createHmac('sha256', secret).update(parts[0] + '.' + parts[1]).digest('base64url');
  if (made !== parts[2]) return 'refused';
  try {
    if (JSON.parse(Buffer.from(parts[0], 'base64url')).alg !== 'HS256') return 'refused';
    const claims = JSON.parse(Buffer.from(parts[1], 'base64url'));
    if (!(claims.exp * 1000 > Date.now())) return 'refused';
    r.variables.user = String(claims.sub);
    return claims.jti;
  } catch (e) {
    return 'refused';
  }
}
export default { verify };
"""

    def start(self) -> int:
        port = free_port()
        outer = inner = ""
        if self.job == "auth":
            self.write("verify.js", self.SCRIPT % self.secret)
            blocked = self.blocked.read_text().split()
            rows = "".join(f'"{one}" 1;\n' for one in blocked)
            self.write("blocked.map", rows)
            outer = f"""
    js_import auth from {self.folder}/verify.js;
    js_set $jti auth.verify;
    map_hash_max_size 1048576;
    map_hash_bucket_size 128;
    map $jti $refused {{ default 0; refused 1; include {self.folder}/blocked.map; }}
"""
            inner = """
            set $user "";
            if ($refused) { return 401; }
            proxy_set_header X-User-Id $user;
"""
        file = self.write(
            "nginx.conf",
            f"""
load_module /usr/lib/nginx/modules/ngx_http_js_module.so;
daemon off;
worker_processes 1;
pid {self.folder}/pid;
error_log {self.folder}/error.log crit;
worker_rlimit_nofile {2 * self.connections + 96};
events {{ worker_connections {2 * self.connections + 96}; }}
http {{
    access_log off;
    client_body_temp_path {self.folder}/a; proxy_temp_path {self.folder}/b;
    fastcgi_temp_path {self.folder}/c; uwsgi_temp_path {self.folder}/d; scgi_temp_path {self.folder}/e;
    keepalive_requests 1000000000;
    {outer}
    upstream origin {{
        server 127.0.0.1:{self.origin};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            {self.FORWARDED if self.forwarded else ""}
            {inner}
        }}
    }}
}}
""",
        )
        self.run([shutil.which("nginx") or "/usr/sbin/nginx", "-c", file, "-p", self.folder])
        return port


PROXIES = [Gateway, HAProxy, Nginx, Relay]
