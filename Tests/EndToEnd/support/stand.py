"""One gateway before one backend of raw sockets, and a way to know what the gateway has seen."""

from backends.raw import HOST, RawBackend, Seen

from .gateway import Gateway


PATIENCE = "idle_timeout 10m; head_timeout 2m; body_timeout 2m; send_timeout 2m;"
"""Many connections are held up at once here: no wait may end early on a loaded machine."""


class Stand:
    """One gateway of one worker before one backend. A second listener, where nothing is served,
    tells when the worker has seen everything that was sent before."""

    def __init__(self, folder, limits=""):
        self.backend = RawBackend()
        self.edge = Gateway(
            folder,
            f"""
            workers 1;
            limits {{ {PATIENCE} {limits} }}
            listen 127.0.0.1:0 {{ name front; }}
            listen 127.0.0.1:0 {{ name clock; }}
            upstream backend {{ server {self.backend.address}; response_timeout 2m; }}
            route / {{ upstream backend; auth none; listener front; }}
            """,
        ).start()
        self.clock = self.edge.connect(1)
        self.backend.pause = Clock(self.edge.connect(1))
        self.serial = 0
        # A connection that has asked once may be idle for long; one that never asked may not.
        self.settle()
        self.backend.pause()

    def stop(self):
        self.clock.close()
        self.backend.pause.connection.close()
        self.edge.stop()
        self.backend.stop()

    def settle(self):
        """Returns when the worker has read what was sent to it: it serves sockets in the order in
        which they became ready, a new connection in the turn after."""
        for _ in range(2):
            assert self.clock.request("GET", "/").status == 404

    def canary(self, kind: str) -> tuple:
        self.serial += 1
        target = b"/%s/%d" % (kind.encode(), self.serial)
        request = b"GET %s HTTP/1.1\r\nHost: gateway.test\r\n\r\n" % target
        return request, target, Seen(b"GET %s HTTP/1.1" % target, (HOST,))

    def others(self, count=3) -> list:
        """Requests of other clients, whose answers must be their own; gives what the backend must
        have seen of them."""
        wanted = []
        for _ in range(count):
            request, target, sees = self.canary("other")
            with self.edge.connect() as other:
                other.send(request)
                answer = other.read_response()
            assert (answer.status, answer.body) == (200, target + b"|"), answer
            wanted.append(sees)
        return wanted


class Clock:
    """The same for the backend's thread, on a connection of its own."""

    def __init__(self, connection):
        self.connection = connection

    def __call__(self):
        for _ in range(2):
            assert self.connection.request("GET", "/").status == 404
