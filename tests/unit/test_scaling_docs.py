"""The page on scaling and its examples for Kubernetes speak of what the code has.

Kubernetes and KEDA themselves are not asked: only what has to agree with our code is compared.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from typer.main import get_command

from benchmarks.__main__ import Part
from bucket_policies.metrics import AuthMetrics, Catalogue
from ingest_manager import app
from ingest_manager.cli import cli
from ingest_manager.loading.fairness import BIG_BYTES
from ingest_manager.monitoring.health import _TURN_SECONDS
from ingest_manager.monitoring.measures import STAGES
from ingest_manager.monitoring.metrics import ManagerMetrics
from ingest_manager.monitoring.metrics_service import Probe, answer_to
from ingest_manager.queues import broker
from ingest_manager.queues.topology import EVENTS_BY_BUCKET, UNROUTED_QUEUE, queue_of
from ingest_manager.settings import Settings

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "scaling.md").read_text()
KINDS: dict[str, Any] = {
    document["kind"]: document
    for path in (DOCS / "kubernetes").glob("*.yaml")
    for document in yaml.safe_load_all(path.read_text())
}
DEPLOYMENT, SCALED, JOB = KINDS["Deployment"], KINDS["ScaledObject"], KINDS["Job"]
POD: dict[str, Any] = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
ENVIRONMENT: dict[str, str] = KINDS["ConfigMap"]["data"]
FILES: list[str] = [
    item["path"] for volume in POD["volumes"] if "secret" in volume for item in volume["secret"]["items"]
]
QUERIES: dict[str, str] = {one["name"]: one["metadata"]["query"] for one in SCALED["spec"]["triggers"]}
VARIABLES = {
    str(field.validation_alias or f"INGEST_MANAGER_{name.upper()}")
    for name, field in Settings.model_fields.items()
}
SECRETS_DIR = "INGEST_MANAGER_SECRETS_DIR"
VALUES = {
    "ingest_manager_s3_secret_key": "a secret",
    "ingest_manager_amqp_url": "amqp://manager:secret@rabbitmq",
    "ingest_manager_cassandra_password": "a secret",
    "ingest_manager_token_key": "a secret",
}


def labels_of(*catalogues: Catalogue) -> dict[str, set[str]]:
    """Return the labels of every sample that processes export, by its name."""
    found: dict[str, set[str]] = {}
    for one in (declared for catalogue in catalogues for declared in catalogue.declared):
        endings = ("_sum", "_count", "_bucket") if one.kind == "histogram" else ("",)
        found.update({one.name + ending: set(one.labels) for ending in endings})
    return found


OF_MANAGER = labels_of(ManagerMetrics().catalogue)
EXPORTED = {*OF_MANAGER, *labels_of(AuthMetrics().catalogue)}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Read the settings as the container gets them: variables, and files of the secret."""
    for name in FILES:
        (tmp_path / name).write_text(VALUES[name])
    for name in list(os.environ):
        if name.startswith("INGEST_MANAGER_"):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, str(tmp_path) if name == SECRETS_DIR else value)
    return Settings(_env_file=None)  # type: ignore[call-arg]  # the environment has them


def test_variables_of_the_deployment_are_settings() -> None:
    assert set(ENVIRONMENT) <= VARIABLES | {SECRETS_DIR}
    assert {name.upper() for name in FILES} <= VARIABLES
    assert all(isinstance(value, str) for value in ENVIRONMENT.values())


def test_secrets_are_files_and_no_variables() -> None:
    secrets = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert {f"ingest_manager_{name}" for name in secrets} == set(FILES)


def test_the_deployment_gives_every_setting_that_is_required(settings: Settings) -> None:
    assert len(settings.cassandra_hosts) == 3
    assert settings.token_key.get_secret_value() == VALUES["ingest_manager_token_key"]
    assert json.loads(ENVIRONMENT["INGEST_MANAGER_REPLICATION"]) == dict(settings.replication)


def test_folders_are_mounted_where_the_settings_look() -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in POD["volumes"]}
    assert ENVIRONMENT[SECRETS_DIR] == mounts["secrets"]
    for name in ("BUCKET_POLICIES_DIR", "CUSTOMER_INGESTAPPS_DIR"):
        assert ENVIRONMENT[name].startswith(f"{mounts['documents']}/")


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_run_a_command_of_ours_with_the_same_settings_secrets_and_folders(kind: str) -> None:
    pod = KINDS[kind]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    program, command = container["command"]
    assert program == "ingest-manager"
    assert command in get_command(cli).commands  # type: ignore[attr-defined]
    assert container["envFrom"] == [{"configMapRef": {"name": KINDS["ConfigMap"]["metadata"]["name"]}}]
    assert container["volumeMounts"] == CONTAINER["volumeMounts"]
    assert pod["volumes"] == POD["volumes"]
    assert (pod["securityContext"], container["image"]) == (POD["securityContext"], CONTAINER["image"])


def test_tables_are_made_by_one_process_alone() -> None:
    assert set(KINDS) == {"ConfigMap", "Deployment", "Job", "ScaledObject"}
    assert JOB["spec"]["parallelism"] == 1


def test_probes_ask_for_what_is_served(settings: Settings) -> None:
    (port,) = CONTAINER["ports"]
    assert settings.metrics_listen == f"0.0.0.0:{port['containerPort']}"
    probes = {name: CONTAINER[name]["httpGet"] for name in ("readinessProbe", "livenessProbe")}
    assert {one["port"] for one in probes.values()} == {port["name"]}
    away = Probe(ManagerMetrics().catalogue)
    away.problems = lambda: {"cassandra": "does not answer"}
    answers = {name: answer_to(one["path"], away).status for name, one in probes.items()}
    assert answers == {"readinessProbe": 503, "livenessProbe": 200}
    away.problems = dict
    assert answer_to(probes["readinessProbe"]["path"], away).status == 200


def test_prometheus_is_told_where_the_metrics_are() -> None:
    told = DEPLOYMENT["spec"]["template"]["metadata"]["annotations"]
    assert told["prometheus.io/port"] == str(CONTAINER["ports"][0]["containerPort"])
    probe = Probe(ManagerMetrics().catalogue)
    assert answer_to(told["prometheus.io/path"], probe).body == probe.catalogue.text()


def test_a_pod_has_the_time_that_a_manager_takes_to_stop(settings: Settings) -> None:
    threads = 4  # housekeeping, settler, consumer, gauges: one after the other
    seconds = settings.shutdown_seconds + app._CLOSE_SECONDS * (threads + settings.workers)
    assert POD["terminationGracePeriodSeconds"] == seconds


def test_a_pod_has_a_core_and_the_memory_for_each_worker(settings: Settings) -> None:
    resources = CONTAINER["resources"]
    assert int(resources["requests"]["cpu"]) == settings.workers
    limit_mib = int(resources["limits"]["memory"].removesuffix("Gi")) * 1024
    assert limit_mib > settings.workers * settings.worker_memory_mib


def test_the_scaled_object_scales_the_deployment_and_nothing_else_does() -> None:
    assert SCALED["spec"]["scaleTargetRef"]["name"] == DEPLOYMENT["metadata"]["name"]
    assert "replicas" not in DEPLOYMENT["spec"]
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_there_is_always_a_manager_that_exports_what_is_asked_for() -> None:
    spec = SCALED["spec"]
    assert 1 <= spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]


def test_busy_workers_can_reach_the_threshold(settings: Settings) -> None:
    (busy,) = [one for one in SCALED["spec"]["triggers"] if one["name"] == "busy-workers"]
    assert 0 < float(busy["metadata"]["threshold"]) < settings.workers


def selectors(node: Any) -> Iterator[Any]:
    """Yield the metrics that an expression selects."""
    if isinstance(node, promql.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if getattr(node, name, None) is not None:
            yield from selectors(getattr(node, name))
    for argument in getattr(node, "args", ()):
        yield from selectors(argument)


def assert_exported(query: str) -> None:
    """Make sure that a query asks for metrics and labels that managers export."""
    found = list(selectors(promql.parse(query)))
    assert found
    for selector in found:
        assert {one.name for one in selector.matchers.matchers} <= OF_MANAGER[selector.name]


@pytest.mark.parametrize("name", QUERIES)
def test_queries_ask_for_what_managers_export(name: str) -> None:
    assert_exported(QUERIES[name])


@pytest.mark.parametrize("query", ["sum(ingest_manager_queue_message)", 'ingest_manager_paused{queue="x"}'])
def test_a_query_for_what_is_not_exported_would_be_noticed(query: str) -> None:
    with pytest.raises((KeyError, AssertionError)):
        assert_exported(query)


def test_queues_that_count_are_those_of_customers() -> None:
    (queues, paused) = selectors(promql.parse(QUERIES["queue-length"]))
    matching, other_than = queues.matchers.matchers
    assert re.fullmatch(matching.value, queue_of("acme"))
    assert not re.fullmatch(matching.value, "retry.10s")
    assert other_than.value == UNROUTED_QUEUE
    assert OF_MANAGER[paused.name] == {"customer"}
    assert '"customer", "$1", "queue", "ingest[.](.+)"' in QUERIES["queue-length"]


def test_the_page_names_metrics_and_settings_that_there_are() -> None:
    metrics = set(re.findall(r"\b(?:ingest_manager|auth_service|status_service)_[a-z_]+\b", PAGE))
    bases = {re.sub("_(bucket|sum|count)$", "", name) for name in EXPORTED}
    assert len(metrics) > 8
    assert metrics <= bases
    named = set(re.findall(r"\b(?:INGEST_MANAGER|BUCKET_POLICIES)_[A-Z_]+\b", PAGE))
    assert len(named) > 4
    assert named <= VARIABLES


def test_the_page_names_stages_that_are_measured() -> None:
    rows = re.findall(r"^\| .*", PAGE, re.MULTILINE)
    words = {word for row in rows for word in re.findall(r"`([a-z]+)`", row.split("|")[1])}
    assert words == {"write", "claim", "finish", "read", "place", "wait", "event"}
    assert words <= set(STAGES)


def test_figures_of_the_page_that_are_the_code_s_own() -> None:
    assert f"above {BIG_BYTES >> 20} MiB" in PAGE
    assert f"a manager takes hold of ({Settings.model_fields['prefetch'].default})" in PAGE
    assert f"`INGEST_MANAGER_RECONCILE_SECONDS` + {_TURN_SECONDS} s" in PAGE
    assert f"`{EVENTS_BY_BUCKET}` is a headers exchange" in PAGE
    assert f"takes up to {POD['terminationGracePeriodSeconds']} s" in PAGE
    assert f"{broker.Consumer.__doc__}".count("one channel a queue") == 1
    for part in re.findall(r"benchmarks --only (\S+?)`", PAGE):
        assert Part(part)


def test_the_arithmetic_of_the_page() -> None:
    cost_of_row, cost_of_object, rows_of_object, peak, replicas = 7e-6, 23e-3, 20_000, 3, 3
    mean = 10**9 / 86_400
    rows = mean * peak
    assert f"{mean:,.0f}/s, {rows:,.0f}/s at the peak" in PAGE
    assert f"{mean / rows_of_object:.1f}/s, {rows / rows_of_object:.1f}/s at the peak" in PAGE
    assert f"{rows * cost_of_row:.2f} + {rows / rows_of_object * cost_of_object:.2f}: **one core**" in PAGE
    small = rows / 100
    cores = f"{rows * cost_of_row:.2f} + {small * cost_of_object:.1f}: **nine cores**"
    assert f"{cores}, and {small:.0f} objects/s" in PAGE
    assert f"{int(rows * replicas):,}/s at the peak with three replicas" in PAGE
    assert f"{rows * 100 / 1e6:.1f} MB/s at the peak" in PAGE
    assert f"{rows * replicas * 29e-6:.1f} cores" in PAGE
    assert f"(here {cost_of_object / cost_of_row:,.0f})" in PAGE
    assert f"{10**4 * 10 / 86_400:.1f} objects/s" in PAGE
