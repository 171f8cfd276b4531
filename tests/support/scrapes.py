"""What a process exports, as Prometheus would read it."""

from collections.abc import Iterator

import httpx
from prometheus_client.parser import text_string_to_metric_families


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    @classmethod
    def of(cls, url: str) -> "Scrape":
        """Scrape a service."""
        return cls(httpx.get(f"{url}/metrics").raise_for_status().text)

    def names(self) -> Iterator[tuple[str, set[str]]]:
        """Yield the name and the labels of each sample; `le` is the histograms' own."""
        return ((name, {label for label, _ in labels}) for name, labels in self._samples)

    def value(self, name: str, **labels: str) -> float | None:
        """Return a sample, None where there is none."""
        return self._samples.get((name, frozenset(labels.items())))

    def values(self, name: str, **labels: str) -> dict[str, float]:
        """Return the samples other than 0 that have these labels, by the label that is left."""
        given = frozenset(labels.items())
        return {
            ",".join(value for _, value in sorted(having - given)): value
            for (of, having), value in self._samples.items()
            if of == name and given <= having and value
        }
