"""What the manager counts, and what its gauges show."""

import re
from typing import Any

from support import fakes
from support.scrapes import Scrape

from customer_ingestapps.reasons import page
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.monitoring.customer_state import CustomerState
from ingest_manager.monitoring.measures import Measures
from ingest_manager.monitoring.metrics import Figures, ManagerMetrics, reason_label


def scrape(metrics: ManagerMetrics) -> Scrape:
    return Scrape(metrics.catalogue.text().decode())


def values(metrics: ManagerMetrics, name: str, **labels: str) -> dict[str, float]:
    return scrape(metrics).values(f"ingest_manager_{name}", **labels)


def state(customer: str = "acme", **figures: Any) -> CustomerState:
    return CustomerState(customer=customer, has_document=True, **figures)


def test_load_is_counted_with_its_rows_bytes_rejects_and_stages() -> None:
    metrics = ManagerMetrics()
    load = fakes.load(
        LoadStatus.PARTLY_LOADED, size=70, rows_read=6, rows_written=3, rows_rejected=2, rows_dropped=1
    )
    metrics.load_ended(load, Measures({"claim": 0.02, "write": 3.0}, {"bad_value": 1, "missing_key": 1}))
    assert values(metrics, "loads_total") == {"acme,partly_loaded": 1}
    assert values(metrics, "rows_total", customer="acme") == {"written": 3, "rejected": 2, "dropped": 1}
    assert values(metrics, "object_bytes_total") == {"acme": 70}
    assert values(metrics, "rejected_rows_total", customer="acme") == {"bad_value": 1, "missing_key": 1}
    assert values(metrics, "stage_seconds_sum") == {"claim": 0.02, "write": 3.0}
    assert values(metrics, "unloaded_total") == {}


def test_reasons_are_those_of_a_closed_list() -> None:
    metrics = ManagerMetrics()
    for reason in ("damaged", "worker_died", "AccessDenied", "SlowDown", None):
        metrics.load_ended(fakes.load(LoadStatus.FAILED, reason=reason), Measures())
    assert values(metrics, "unloaded_total", customer="acme") == {"damaged": 1, "worker_died": 1, "other": 3}


def test_every_reason_of_the_page_has_its_own_label() -> None:
    others = page().partition("## Not of the content")[2].splitlines()
    codes = [code for line in others for code in re.findall(r"`([a-z_]+)`", line.split(" | ")[0])]
    assert len(codes) > 8
    assert {code for code in codes if reason_label(code) != code} == {"duplicate"}  # which is loaded already


def test_counters_of_a_customer_begin_at_nothing_so_that_their_first_step_is_seen() -> None:
    metrics = ManagerMetrics()
    metrics.know(["acme"])
    shown = scrape(metrics)
    assert shown.value("ingest_manager_lost_events_total", customer="acme") == 0
    assert shown.value("ingest_manager_loads_total", customer="acme", outcome="failed") == 0
    assert shown.value("ingest_manager_dead_letters_total", customer="acme", kind="unusable") == 0


def test_gauges_show_the_last_look() -> None:
    metrics = ManagerMetrics()
    metrics.show(
        Figures(
            [state(paused=True, consumers=2, oldest_waiting_seconds=7.5, without_outcome=3, dead_letters=1)],
            {"ingest.acme": 5, "dead-letters": 1},
            {"minio": True, "cassandra": False},
            {"document": 1, "app": 0},
            workers_alive=4,
        )
    )
    assert values(metrics, "queue_messages") == {"ingest.acme": 5, "dead-letters": 1}
    assert values(metrics, "oldest_object_seconds") == {"acme": 7.5}
    assert values(metrics, "open_objects") == {"acme": 3}
    assert values(metrics, "consumers") == {"acme": 2}
    assert values(metrics, "paused") == values(metrics, "failed_loads") == {"acme": 1}
    assert values(metrics, "server_up") == {"minio": 1}
    assert scrape(metrics).value("ingest_manager_server_up", server="cassandra") == 0
    assert values(metrics, "refused_documents") == {"document": 1}
    assert values(metrics, "workers_alive") == {"": 4}


def test_what_could_not_be_asked_keeps_its_value_and_a_customer_that_went_is_shown_no_more() -> None:
    metrics = ManagerMetrics()
    metrics.show(Figures([state(consumers=2), state("zenith", consumers=1)], {"retry.1s": 4}))
    metrics.show(Figures([state()], {"retry.1s": None}))
    assert values(metrics, "consumers") == {"acme": 2}
    assert values(metrics, "queue_messages") == {"retry.1s": 4}
    metrics.show(Figures([]))
    assert values(metrics, "consumers") == values(metrics, "queue_messages") == {}
