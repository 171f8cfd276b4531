"""What our processes export for Prometheus: a catalogue of metrics, and those of web services.

Each process declares all of its metrics in one class; `docs/metrics.md` is written from the catalogues.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from bucket_policies.api import GrantedFile, OfferedFile, RefusedFile

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

LoginResult = Literal["good", "wrong", "too_many_attempts", "no_document"]


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric as Prometheus names it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    text: str


class Catalogue:
    """The metrics of one process."""

    def __init__(self, prefix: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.declared: list[Declared] = []
        self.registry = CollectorRegistry()
        self._prefix = prefix

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """Declare a counter; its name gets the ending `_total`."""
        self.declared.append(Declared(f"{self._prefix}_{name}_total", "counter", labels, text))
        return Counter(f"{self._prefix}_{name}", text, labels, registry=self.registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """Declare a gauge."""
        self.declared.append(Declared(f"{self._prefix}_{name}", "gauge", labels, text))
        return Gauge(f"{self._prefix}_{name}", text, labels, registry=self.registry)

    def histogram(self, name: str, text: str, *labels: str, buckets: Iterable[float]) -> Histogram:
        """Declare a histogram; it is exported with the endings `_bucket`, `_sum` and `_count`."""
        self.declared.append(Declared(f"{self._prefix}_{name}", "histogram", labels, text))
        upper = tuple(buckets)
        return Histogram(f"{self._prefix}_{name}", text, labels, buckets=upper, registry=self.registry)

    def text(self) -> bytes:
        """Give all of it in Prometheus's format."""
        return generate_latest(self.registry)


class WebMetrics:
    """Calls of a web service."""

    def __init__(self, prefix: str) -> None:
        self.catalogue = Catalogue(prefix)
        self._calls = self.catalogue.histogram(
            "request_seconds",
            "Calls by route (`none` where there is no such) and the answer's status code.",
            "route",
            "status",
            buckets=CALL_SECONDS,
        )

    def called(self, route: str, status: int, seconds: float) -> None:
        """Count a call."""
        self._calls.labels(route, str(status)).observe(seconds)


class AuthMetrics(WebMetrics):
    """All metrics of the auth service."""

    def __init__(self) -> None:
        super().__init__("auth_service")
        declare = self.catalogue
        self._logins = declare.counter(
            "logins",
            "Logins: `good`, `wrong`, `too_many_attempts` or, of a customer, `no_document`.",
            "result",
        )
        self._granted = declare.counter("granted_files", "Files whose upload was granted.", "customer")
        self._granted_bytes = declare.counter("granted_bytes", "Their bytes.", "customer")
        self._refused = declare.counter(
            "refused_files",
            "Files that were not granted, by the first rule that they break.",
            "customer",
            "rule",
        )
        self._credentials = declare.counter(
            "credentials", "Temporary credentials that were lent for other S3 tools.", "customer"
        )
        self._documents = declare.gauge("refused_documents", "Constraints documents that are refused.")
        for result in ("good", "wrong", "too_many_attempts", "no_document"):
            self._logins.labels(result)

    def logged_in(self, result: LoginResult) -> None:
        """Count a login."""
        self._logins.labels(result).inc()

    def answered(
        self, customer: str, offered: Iterable[OfferedFile], answers: Iterable[GrantedFile | RefusedFile]
    ) -> None:
        """Count what became of the files of a manifest."""
        for file, answer in zip(offered, answers, strict=True):
            if isinstance(answer, RefusedFile):
                self._refused.labels(customer, answer.violations[0].rule).inc()
            else:
                self._granted.labels(customer).inc()
                self._granted_bytes.labels(customer).inc(file.size)

    def lent(self, customer: str) -> None:
        """Count temporary credentials."""
        self._credentials.labels(customer).inc()

    def documents_refused(self, count: int) -> None:
        """Tell how many documents are refused now."""
        self._documents.set(count)
