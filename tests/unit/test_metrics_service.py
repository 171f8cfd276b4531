"""What the manager's small web server answers."""

import json

from ingest_manager.monitoring.metrics import ManagerMetrics
from ingest_manager.monitoring.metrics_service import Probe, answer_to


def probe() -> Probe:
    metrics = ManagerMetrics()
    metrics.worker_died()
    return Probe(metrics.catalogue)


def test_metrics_are_in_prometheus_format() -> None:
    answer = answer_to("/metrics?any=1", probe())
    assert (answer.status, answer.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"\ningest_manager_worker_deaths_total 1.0\n" in answer.body
    assert b"_created" not in answer.body


def test_manager_that_waits_for_its_servers_is_not_healthy() -> None:
    answer = answer_to("/healthz", probe())
    assert answer.status == 503
    told = {"status": "failing", "problems": {"start": "waits for the servers"}}
    assert json.loads(answer.body) == told


def test_manager_without_problems_is_healthy() -> None:
    healthy = probe()
    healthy.problems = dict
    answer = answer_to("/healthz", healthy)
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})


def test_any_other_path_is_not_found() -> None:
    assert answer_to("/", probe()).status == 404
