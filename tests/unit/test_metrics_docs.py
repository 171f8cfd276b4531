"""The page, the dashboard and the alerts speak of metrics and labels that are really exported."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from support import fakes
from support.scrapes import Scrape

from bucket_policies.api import GrantedFile, OfferedFile, RefusedFile
from bucket_policies.metrics import AuthMetrics, WebMetrics
from bucket_policies.rules import Violation
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.monitoring.customer_state import CustomerState
from ingest_manager.monitoring.measures import STAGES, Measures
from ingest_manager.monitoring.metrics import Figures, ManagerMetrics
from ingest_manager.status_service import METRICS_PREFIX

DOCS = Path(__file__).parent.parent.parent / "docs"
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana" / "ingestion-platform.json").read_text())
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((DOCS / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
SHOWN = [panel for panel in PANELS if panel["type"] != "row"]
OF_PROMETHEUS = {"instance", "job"}
TEXT_LABEL = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)")


def manager_that_has_seen_everything() -> ManagerMetrics:
    metrics = ManagerMetrics()
    metrics.know(["acme"])
    metrics.delivery_taken("acme")
    load = fakes.load(LoadStatus.REJECTED, reason="damaged")
    metrics.load_ended(load, Measures(dict.fromkeys(STAGES, 0.1), {"bad_value": 1}))
    metrics.attempt_failed("acme")
    metrics.dead_lettered("acme", "failed")
    metrics.server_lost("minio")
    state = CustomerState(
        customer="acme", has_document=True, paused=False, consumers=1, without_outcome=0,
        oldest_waiting_seconds=0.0, dead_letters=0, used_bytes=0, quota_declared_bytes=1,
    )  # fmt: skip
    metrics.show(Figures([state], {"ingest.acme": 0}, {"minio": True}, {"app": 0}))
    return metrics


def auth_service_that_has_seen_everything() -> AuthMetrics:
    metrics = AuthMetrics()
    metrics.called("/uploads", 200, 0.1)
    offered = OfferedFile(name="a.csv", size=1, sha256="")
    granted = GrantedFile(name="a.csv", key="a.csv", url="", headers={}, expires_at=fakes.NOW)
    refused = RefusedFile(name="a.csv", violations=(Violation(rule="size", value=2, limit=1, message=""),))
    metrics.answered("acme", [offered, offered], [granted, refused])
    metrics.lent("acme")
    return metrics


def exported() -> dict[str, set[str]]:
    """Return the labels of every sample that our processes can export, by its name."""
    status = WebMetrics(METRICS_PREFIX)
    status.called("/loads", 200, 0.1)
    found: dict[str, set[str]] = {}
    for metrics in (manager_that_has_seen_everything(), auth_service_that_has_seen_everything(), status):
        for name, labels in Scrape(metrics.catalogue.text().decode()).names():
            found.setdefault(name, set()).update(labels)
    return found


EXPORTED = exported()


def selectors(node: Any) -> Iterator[Any]:
    """Yield the metrics that an expression selects."""
    if isinstance(node, promql.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        if getattr(node, name, None) is not None:
            yield from selectors(getattr(node, name))
    for argument in getattr(node, "args", ()):
        yield from selectors(argument)


def grouped_by(node: Any) -> Iterator[str]:
    """Yield the labels that an expression groups by."""
    if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
        yield from node.modifier.labels
    for name in ("expr", "lhs", "rhs"):
        if getattr(node, name, None) is not None:
            yield from grouped_by(getattr(node, name))
    for argument in getattr(node, "args", ()):
        yield from grouped_by(argument)


def parsed(expression: str) -> Any:
    return promql.parse(expression.replace("$__rate_interval", "5m").replace("$customer", "acme"))


def expressions() -> list[tuple[str, str, set[str]]]:
    """Return (where, expression, labels that its texts name) of every panel and alert."""
    of_panels = [
        (panel["title"], target["expr"], set(TEXT_LABEL.findall(target["legendFormat"])))
        for panel in SHOWN
        for target in panel["targets"]
    ]
    of_rules = [
        (rule["alert"], rule["expr"], set(TEXT_LABEL.findall(str(rule["annotations"])))) for rule in RULES
    ]
    return of_panels + of_rules


def test_the_page_is_what_the_code_says() -> None:
    written = subprocess.run(
        [sys.executable, DOCS / "metrics.py"], capture_output=True, text=True, check=True
    )
    assert (DOCS / "metrics.md").read_text() == written.stdout


def test_every_declared_metric_is_exported_and_every_exported_one_declared() -> None:
    page = (DOCS / "metrics.md").read_text()
    declared = set(re.findall(r"^\| `(\w+)` \| (?:counter|gauge|histogram)", page, re.MULTILINE))
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in EXPORTED} == declared


@pytest.mark.parametrize(("where", "expression", "named"), expressions())
def test_an_expression_asks_for_what_is_exported(where: str, expression: str, named: set[str]) -> None:
    tree = parsed(expression)
    found = list(selectors(tree))
    assert found
    for selector in found:
        assert selector.name in EXPORTED
        matched = {matcher.name for matcher in selector.matchers.matchers}
        assert matched <= EXPORTED[selector.name]
    labels = set.union(*(EXPORTED[selector.name] for selector in found)) | OF_PROMETHEUS
    grouped = set(grouped_by(tree))
    assert grouped <= labels
    assert named <= (grouped if grouped else labels)


def test_a_metric_that_is_misspelt_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        test_an_expression_asks_for_what_is_exported("x", "sum(ingest_manager_load_total)", set())
    with pytest.raises(AssertionError):
        test_an_expression_asks_for_what_is_exported("x", 'ingest_manager_loads_total{status="x"}', set())
    with pytest.raises(AssertionError):
        test_an_expression_asks_for_what_is_exported("x", "sum by (key) (ingest_manager_loads_total)", set())
    with pytest.raises(ValueError, match="parenthesis"):
        parsed("sum by (key (x)")


def test_every_metric_is_on_the_dashboard() -> None:
    trees = [parsed(target["expr"]) for panel in SHOWN for target in panel["targets"]]
    asked = {selector.name for tree in trees for selector in selectors(tree)}
    bases = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in EXPORTED} - bases == set()


def test_the_dashboard_can_be_imported() -> None:
    assert DASHBOARD["schemaVersion"] >= 36  # Grafana 10 begins there
    assert "id" not in DASHBOARD  # Grafana gives it
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variables["customer"]["definition"]).groups()  # type: ignore[union-attr]
    assert label in EXPORTED[name]
    sources = [variables["customer"]["datasource"], *(panel["datasource"] for panel in SHOWN)]
    sources += [target["datasource"] for panel in SHOWN for target in panel["targets"]]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(PANELS))) == {"datasource", "customer", "__rate_interval"}


def test_rows_of_the_dashboard() -> None:
    assert [panel["title"] for panel in PANELS if panel["type"] == "row"] == [
        "Flow", "Failures", "Latency", "Queues", "Quota", "Auth service and status service",
    ]  # fmt: skip


def test_panels_lie_side_by_side_and_their_thresholds_rise() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    for panel in SHOWN:
        first, *others = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        assert first is None
        assert others == sorted(set(others))


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_what_why_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "why", "action"}
    assert all(rule["annotations"].values())
    assert re.fullmatch(r"\d+[mhd]", rule.get("for", "1m"))


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
