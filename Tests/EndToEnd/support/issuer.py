"""An issuer of tokens: a real HTTPS server with a key set, keys of its own, and an authority that the
tests make. What it answers can be changed while it runs, and it counts who asked."""

import datetime
import ipaddress
import json
import socket
import ssl
import threading

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .processes import DEADLINE, wait_until
from .tokens import claims, remember

DAY = datetime.timedelta(days=1)
PEM = serialization.Encoding.PEM


class Authority:
    """Signs certificates; `file` is what the gateway is told to trust."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            self._builder(self.name, self.key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(PEM))

    def _builder(self, subject, key, until=DAY):
        today = datetime.datetime.now(datetime.timezone.utc)
        return x509.CertificateBuilder(
            self.name, subject, key.public_key(), x509.random_serial_number(),
            today - 3 * DAY, today + until,
        )  # fmt: skip

    def context(self, name="localhost", until=DAY) -> ssl.SSLContext:
        """The server's side of TLS, with a certificate for `name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = [x509.DNSName(name)]
        if name == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        made = (
            self._builder(subject, key, until)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = self.folder / f"server-{x509.random_serial_number()}.pem"
        file.write_bytes(
            made.public_bytes(PEM)
            + key.private_bytes(
                PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


class Issuer:
    """Signs tokens with ES256 and publishes its keys at `url`."""

    def __init__(self, authority: Authority, path="/jwks.json"):
        self.authority = authority
        self.keys = {}
        self.published = []
        self.requests = []
        self.answer = self.publishes
        self.headers = {"Cache-Control": "max-age=300"}
        self.gate = threading.Event()
        self.gate.set()
        self.context = authority.context()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.path = path
        self.url = f"https://localhost:{self.port}{path}"
        self.stopped = False
        threading.Thread(target=self._accept, daemon=True).start()

    # Keys and tokens

    def add(self, kid, publish=True):
        """A new key, published at once or later by `publish`."""
        self.keys[kid] = ec.generate_private_key(ec.SECP256R1())
        if publish:
            self.published.append(kid)
        return self

    def jwk(self, kid, private=False) -> dict:
        key = self.keys[kid] if private else self.keys[kid].public_key()
        made = json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(key))
        made.pop("key_ops", None)
        return {**made, "alg": "ES256", "use": "sig", "kid": kid}

    def set(self) -> dict:
        return {"keys": [self.jwk(kid) for kid in self.published]}

    def token(self, kid, named=None, **more) -> str:
        headers = {"kid": named or kid}
        return remember(jwt.encode(claims(**more), self.keys[kid], "ES256", headers=headers))

    # The server

    def publishes(self, connection):
        self.sends(connection, json.dumps(self.set()).encode())

    def sends(self, connection, body: bytes, status="200 OK", **headers):
        fields = {"Content-Length": len(body), **self.headers, **headers}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        connection.sendall(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    def says(self, body, **more):
        """Answers this body from now on."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = lambda connection: self.sends(connection, text, **more)

    def recovers(self):
        self.answer = self.publishes

    def _accept(self):
        while not self.stopped:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        try:
            plain.settimeout(DEADLINE)
            if self.answer is None:
                return plain.close()
            with self.context.wrap_socket(plain, server_side=True) as connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    more = connection.recv(4096)
                    if not more:
                        return
                    request += more
                self.requests.append(request.decode())
                self.gate.wait(DEADLINE)
                self.answer(connection)
                connection.unwrap()
        except OSError:
            pass

    @property
    def count(self) -> int:
        return len(self.requests)

    def asked(self, count=1):
        """Waits until it was asked so many times."""
        return wait_until(lambda: self.count >= count, f"{count} requests of {self.url}")

    def stop(self):
        self.stopped = True
        self.gate.set()
        self.listener.close()
