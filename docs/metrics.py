"""Writes metrics.md from the declarations and from alerts.yaml: python docs/metrics.py > docs/metrics.md."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from bucket_policies.metrics import AuthMetrics, Catalogue, WebMetrics
from ingest_manager.monitoring.metrics import ManagerMetrics
from ingest_manager.status_service import METRICS_PREFIX

DOCS = Path(__file__).parent
HEAD = """# Metrics

Written by `python docs/metrics.py` from the code and from [alerts.yaml](alerts.yaml).

| process | address |
|---|---|
| `ingest-manager run` | `INGEST_MANAGER_METRICS_LISTEN`: `/metrics` and `/healthz`; not served without it |
| `ingest-manager status-service` | the service's own |
| `bucket-policies auth-service` | the service's own |

They ask for no login and hold no secret and no row, but the names of customers: let only your Prometheus
reach the manager's address, and keep `/metrics` of the two services from customers in the proxy before
them.

[grafana/ingestion-platform.json](grafana/ingestion-platform.json) is a dashboard for Grafana from version
10 on (Dashboards, New, Import); [alerts.yaml](alerts.yaml) goes into `rule_files` of Prometheus.

**Several managers**: counters and `…_seconds` of stages are each manager's own, add them up with `sum`.
What is looked at on the servers is the same whoever looks: `queue_messages`, `consumers`,
`oldest_object_seconds`, `open_objects`, `failed_loads`, `used_bytes`, `quota_bytes`, `paused` and
`refused_documents` are exported by each manager, take `max by (…)`, and of `server_up` the `min`. They are
made current every `INGEST_MANAGER_METRICS_SECONDS`, never during a scrape; when that was is
`figures_timestamp_seconds`. What a server that is away could not tell keeps its last value.

**Labels** are bounded: a customer has a document or had one since the start, reasons are those of
[reasons.md](reasons.md); codes of the store's own count as `other`. Counters begin at 0 with each start of
a process.

**Counted once**: loads, rows, bytes and stages count when a manager has stored an outcome itself; a
replay's outcome counts again. A manager that is killed between outcome and count, or whose store goes away
then, leaves that load out: the ledger is the truth, `verify` proves it, and `failed_loads` is read from it.
"""
CATALOGUES = {
    "Ingest manager": ManagerMetrics().catalogue,
    "Status service": WebMetrics(METRICS_PREFIX).catalogue,
    "Auth service": AuthMetrics().catalogue,
}
ALERTS = """
## What to alert on

| alert | severity | why | what to do |
|---|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    sections = (section(title, catalogue) for title, catalogue in CATALOGUES.items())
    return HEAD + "".join(sections) + ALERTS + "".join(alerts())


def section(title: str, catalogue: Catalogue) -> str:
    """Return the table of one process."""
    head = f"\n## {title}\n\n| metric | type | labels | is |\n|---|---|---|---|\n"
    lines = (
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.text} |\n"
        for one in catalogue.declared
    )
    return head + "".join(lines)


def alerts() -> Iterator[str]:
    """Yield a line for each alert."""
    for group in yaml.safe_load((DOCS / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            texts = rule["annotations"]
            action = texts["action"].replace("{{ $labels.customer }}", "CUSTOMER")
            yield f"| `{rule['alert']}` | {rule['labels']['severity']} | {texts['why']} | {action} |\n"


if __name__ == "__main__":
    print(page(), end="")
