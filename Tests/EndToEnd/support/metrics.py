"""Reads `/metrics` as Prometheus does: with the parser of its own Python library."""

import http.client
import socket

from prometheus_client.parser import text_string_to_metric_families

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The samples of one scrape, by name and labels."""

    def __init__(self, text: str):
        self.text = text
        self.families = {}
        self.samples = {}
        for family in text_string_to_metric_families(text):
            assert family.name not in self.families, f"{family.name} is told twice"
            assert family.documentation and family.type in ("counter", "gauge"), family
            self.families[family.name] = family
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self.samples, f"{sample} is told twice"
                self.samples[key] = sample.value

    def get(self, name: str, default=None, **labels):
        return self.samples.get((name, frozenset(labels.items())), default)

    def all(self, name: str) -> dict:
        """The samples of a name: value by labels, each as a dict's items."""
        return {labels: value for (known, labels), value in self.samples.items() if known == name}

    def total(self, name: str) -> float:
        return sum(self.all(name).values())


def scrape(edge) -> Metrics:
    """Over the admin socket of a test's gateway."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    client.connect(str(edge.folder / "admin.sock"))
    client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = http.client.HTTPResponse(client)
    answer.begin()
    assert answer.status == 200 and answer.getheader("Content-Type") == CONTENT_TYPE
    text = answer.read().decode()
    client.close()
    return Metrics(text)
