"""Real TLS servers for the unit suites, one per case, in one process.

Makes its certificates with the openssl command, listens on free ports of 127.0.0.1, says on
standard output which case has which port and which authority signed, and ends when nobody reads
that any more.
"""

import os
import pathlib
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

home = pathlib.Path(tempfile.mkdtemp(prefix="tls-peers-"))


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], cwd=home, check=True, capture_output=True)


def key(name, *options):
    openssl("genpkey", "-out", f"{name}.key", *options)


def certificate(name, extensions, issuer=None, days=2, subject="peer", leaf_key="leaf"):
    """Makes `name`.pem, signed by `issuer` or by itself."""
    openssl("req", "-new", "-key", f"{leaf_key}.key", "-subj", f"/CN={subject}", "-out", "r.csr")
    (home / "r.ext").write_text(extensions + "\n")
    signer = (
        ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial"]
        if issuer
        else ["-signkey", f"{leaf_key}.key"]
    )
    openssl("x509", "-req", "-in", "r.csr", "-days", str(days), "-extfile", "r.ext",
            "-out", f"{name}.pem", *signer)


def context(name, leaf_key="leaf"):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.load_cert_chain(home / f"{name}.pem", home / f"{leaf_key}.key")
    made.sni_callback = lambda session, asked, _: setattr(session, "asked_name", asked)
    return made


def head(session, more=""):
    asked = getattr(session, "asked_name", None) or "-"
    agreed = session.selected_alpn_protocol() or "-"
    return f"HTTP/1.1 200 OK\r\nX-Name: {asked}\r\nX-Protocol: {agreed}\r\n{more}"


def read_request(session):
    got = b""
    while b"\r\n\r\n" not in got:
        more = session.recv(4096)
        if not more:
            return
        got += more


def orderly(session):
    """close_notify, then the end."""
    try:
        session.unwrap().close()
    except OSError:
        session.close()


def says(text):
    """A server over TLS that answers `text`; {head} is the head so far."""

    def run(session):
        read_request(session)
        session.sendall(text.replace("{head}", head(session)).encode())
        orderly(session)

    return run


def cuts(session):
    read_request(session)
    session.sendall((head(session) + "\r\npart").encode())
    # Without close_notify: SSLSocket.close sends none.
    session.close()


def talks_forever(session):
    read_request(session)
    session.sendall((head(session) + "\r\n").encode())
    while True:
        session.sendall(b"x" * 16384)


def closes(connection):
    """Ends at once, in order: without reading first it would be a reset."""
    connection.recv(4096)
    connection.shutdown(socket.SHUT_WR)


def is_silent(session):
    session.recv(4096)
    session.recv(4096)
    session.recv(4096)


def listen(name, serve):
    listener = socket.create_server(("127.0.0.1", 0))
    print("port", name, listener.getsockname()[1])

    def guarded(connection):
        try:
            serve(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def run():
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=guarded, args=(connection,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1]


def secured(name, with_context, serve):
    return listen(name, lambda plain: serve(with_context.wrap_socket(plain, server_side=True)))


def relay(target, byte_count=None, piece=1):
    """Passes everything on, what the server says in small pieces, at most `byte_count` of it."""

    def serve(client):
        server = socket.create_connection(("127.0.0.1", target))

        def forth():
            try:
                while data := client.recv(4096):
                    server.sendall(data)
            except OSError:
                pass

        threading.Thread(target=forth, daemon=True).start()
        left = byte_count
        while left is None or left > 0:
            data = server.recv(piece)
            if not data:
                break
            client.sendall(data)
            if left is not None:
                left -= len(data)
        client.shutdown(socket.SHUT_WR)

    return serve


def raw(first, then=None):
    """Sends bytes ahead of everything."""

    def serve(connection):
        connection.sendall(first)
        if then:
            return then(connection)
        while connection.recv(4096):
            pass

    return serve


def zero_in_name():
    """One dNSName with a zero byte in it (CVE-2025-66220), which only DER can say."""
    name = b"keys.test\0.evil.test"
    inner = bytes([0x82, len(name)]) + name
    return "subjectAltName=DER:" + (bytes([0x30, len(inner)]) + inner).hex(":")


def main():
    curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    for name in ["leaf", "ca", "stranger", "between"]:
        key(name, *curve)
    key("small", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
    authority = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign"
    certificate("ca", authority, leaf_key="ca", subject="test authority")
    certificate("stranger", authority, leaf_key="stranger", subject="test authority")
    certificate("between", authority, "ca", leaf_key="between", subject="between")
    name = "subjectAltName=DNS:keys.test"
    answer = "{head}Content-Length: 4\r\n\r\nwell"

    rows = {
        "good": dict(extensions=name, issuer="ca"),
        "wildcard": dict(extensions="subjectAltName=DNS:*.wild.test", issuer="ca"),
        "partial-wildcard": dict(extensions="subjectAltName=DNS:k*.test", issuer="ca"),
        "address": dict(extensions="subjectAltName=IP:127.0.0.1,IP:::1", issuer="ca"),
        "address-as-name": dict(extensions="subjectAltName=DNS:127.0.0.1", issuer="ca"),
        "common-name": dict(extensions="basicConstraints=CA:FALSE", issuer="ca",
                            subject="keys.test"),
        "expired": dict(extensions=name, issuer="ca", days=-1),
        "self-signed": dict(extensions=name),
        "unknown": dict(extensions=name, issuer="stranger"),
        "client-only": dict(extensions=name + "\nextendedKeyUsage=clientAuth", issuer="ca"),
        "small-key": dict(extensions=name, issuer="ca", leaf_key="small"),
        "zero-in-name": dict(extensions=zero_in_name(), issuer="ca"),
        "chain": dict(extensions=name, issuer="between"),
        "chain-incomplete": dict(extensions=name, issuer="between"),
        "leaf-as-authority": dict(extensions=name, issuer="good-issuer"),
    }
    # A certificate of a server that signs another one.
    certificate("good-issuer", name + "\nbasicConstraints=critical,CA:FALSE", "ca",
                subject="no authority")
    shutil.copy(home / "leaf.key", home / "good-issuer.key")
    for case, row in rows.items():
        certificate(case, **row)
    for case, issuer in [("chain", "between"), ("leaf-as-authority", "good-issuer")]:
        with open(home / f"{case}.pem", "a") as chain:
            chain.write((home / f"{issuer}.pem").read_text())
    ports = {}
    for case, row in rows.items():
        ports[case] = secured(case, context(case, row.get("leaf_key", "leaf")), says(answer))

    for case, low, high in [
        ("tls-1.1", ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1),
        ("tls-1.2", ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2),
        ("tls-1.3", ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
    ]:
        versioned = context("good")
        versioned.minimum_version = low
        versioned.maximum_version = high
        ports[case] = secured(case, versioned, says(answer))
    good = context("good")
    speaks = context("good")
    speaks.set_alpn_protocols(["http/1.1"])
    secured("protocol", speaks, says(answer))
    demands = context("good")
    demands.verify_mode = ssl.CERT_REQUIRED
    demands.maximum_version = ssl.TLSVersion.TLSv1_2
    demands.load_verify_locations(home / "ca.pem")
    secured("wants-certificate", demands, says(answer))

    secured("until-close", good, says("{head}\r\nwhole"))
    secured("short", good, says("{head}Content-Length: 9\r\n\r\npart"))
    secured("redirect", good, says("HTTP/1.1 302 Found\r\nLocation: /x\r\n"
                                   "Content-Length: 0\r\n\r\n"))
    secured("compressed", good, says("{head}Content-Encoding: gzip\r\n"
                                     "Content-Length: 4\r\n\r\nxxxx"))
    secured("long", good, says("{head}Content-Length: 700000\r\n\r\n" + "x" * 700000))
    secured("cut", good, cuts)
    secured("endless", good, talks_forever)
    secured("silent", good, is_silent)
    for version in ["1.2", "1.3"]:
        target = ports[f"tls-{version}"]
        listen(f"slow-{version}", relay(target))
        for count in [1, 5, 6, 100, 600]:
            listen(f"cut-{version}-{count}", relay(target, byte_count=count))
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    listen("plain", raw(plain))
    # CVE-2026-1642: an answer ahead of the handshake, which then goes well.
    listen("plain-first", raw(plain, relay(ports["good"], piece=4096)))
    listen("huge-record", raw(bytes([22, 3, 3, 255, 255]) + b"x" * 70000))
    listen("data-first", raw(bytes([23, 3, 3, 0, 4]) + b"evil"))
    listen("alert", raw(bytes([21, 3, 3, 0, 2, 2, 40])))
    listen("closes", closes)

    print("authorities")
    print((home / "ca.pem").read_text() + "end", flush=True)
    # Nobody at the other end of standard output: the tests are over, however they ended.
    watch = select.poll()
    watch.register(sys.stdout.fileno(), 0)
    watch.poll()


try:
    main()
finally:
    shutil.rmtree(home, ignore_errors=True)
    os._exit(0)
