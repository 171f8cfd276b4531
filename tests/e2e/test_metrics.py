"""What a running manager exports, to the digit, and when it calls itself healthy."""

from contextlib import suppress

import httpx
import pytest
from support.denial import Denial
from support.rabbit import discard_events
from support.scrapes import Scrape
from support.services import free_port
from support.testbed import Platform, csv_of, eventually

from servers.instance import Instance

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")

LOST = csv_of([(1, "Ann", "n")])
GOOD = csv_of([(2, "Bob", "n"), (3, "Cid", "n")])
PARTLY = csv_of([(4, "Dan", "n"), ("x", "Eve", "n"), (5, "Fay", "n")])
DAMAGED = b'id,name,note\n6,"Gil" x,n\n'
PREFIX = "ingest_manager_"


def metrics_at(port: int) -> dict[str, str]:
    return {"INGEST_MANAGER_METRICS_LISTEN": f"127.0.0.1:{port}", "INGEST_MANAGER_METRICS_SECONDS": "1"}


def health(url: str) -> httpx.Response | None:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/healthz")
    return None


def is_healthy(url: str) -> bool:
    answer = health(url)
    return answer is not None and answer.status_code == 200


def idle_scrape(url: str) -> Scrape | None:
    scrape = Scrape.of(url)
    return scrape if scrape.value(f"{PREFIX}workers_busy") == 0 else None


def test_everything_that_became_of_objects_is_counted(platform: Platform) -> None:
    acme, zenith = platform.add_customer(), platform.add_customer(prefix="zenith")
    platform.apply()
    denial = Denial(platform, zenith)
    platform.put(acme, "lost.csv", LOST)
    discard_events(platform, acme, 2)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "INGEST_MANAGER_RECONCILE_MIN_AGE_SECONDS": "0",
        "INGEST_MANAGER_ATTEMPTS": "2",
        "INGEST_MANAGER_RETRY_PAUSES_SECONDS": "[1]",
    }
    with platform.manager(**denial.settings, **settings, **metrics_at(port)):
        platform.settled(acme, 1)  # found by the reconcile of the start
        for key, body in {"good.csv": GOOD, "partly.csv": PARTLY, "damaged.csv": DAMAGED}.items():
            platform.put(acme, key, body)
        platform.put(zenith, "denied.csv", GOOD)
        platform.settled(acme, 4)
        eventually(lambda: [load["status"] for load in platform.ledger(zenith)] == ["failed"])
        denial.lift()  # it may be moved now
        platform.settled(zenith, 1)
        ended = {"loaded": 2, "partly_loaded": 1, "rejected": 1}
        eventually(lambda: Scrape.of(url).values(f"{PREFIX}loads_total", customer=acme) == ended)
        eventually(lambda: Scrape.of(url).values(f"{PREFIX}dead_letters_total", customer=zenith))
        eventually(lambda: Scrape.of(url).value(f"{PREFIX}failed_loads", customer=zenith) == 1)
        scrape = eventually(lambda: idle_scrape(url), what="no worker busy with an event's second copy")
        assert is_healthy(url)

    def of_acme(name: str) -> dict[str, float]:
        return scrape.values(f"{PREFIX}{name}", customer=acme)

    assert of_acme("rows_total") == {"written": 5, "rejected": 1}
    assert of_acme("object_bytes_total") == {"": len(LOST + GOOD + PARTLY + DAMAGED)}
    assert of_acme("rejected_rows_total") == {"bad_value": 1}
    assert of_acme("unloaded_total") == {"misplaced_quote": 1}
    assert of_acme("lost_events_total") == {"": 1}
    assert of_acme("retries_total") == of_acme("dead_letters_total") == of_acme("failed_loads") == {}
    assert of_acme("consumers") == {"": 1}
    # Each event comes twice; while its load is under way, the second copy comes back later and counts again.
    assert of_acme("deliveries_total")[""] >= 4

    assert scrape.values(f"{PREFIX}loads_total", customer=zenith) == {"failed": 1}
    assert scrape.values(f"{PREFIX}retries_total", customer=zenith) == {"": 1}
    assert scrape.values(f"{PREFIX}dead_letters_total", customer=zenith) == {"failed": 1}
    assert scrape.values(f"{PREFIX}unloaded_total", customer=zenith) == {"other": 1}
    assert scrape.values(f"{PREFIX}lost_events_total", customer=zenith) == {}

    assert scrape.values(f"{PREFIX}stage_seconds_count") == {
        "event": 4, "wait": 5, "claim": 5, "read": 5, "write": 4, "finish": 5, "place": 5,
    }  # fmt: skip
    assert scrape.values(f"{PREFIX}server_up") == {"cassandra": 1, "minio": 1, "rabbitmq": 1}
    assert scrape.values(f"{PREFIX}queue_messages", queue=f"ingest.{acme}") == {}
    assert scrape.values(f"{PREFIX}queue_messages")["dead-letters"] >= 1
    alive = [scrape.value(f"{PREFIX}{name}") for name in ("workers", "workers_alive", "workers_busy")]
    assert alive == [2, 2, 0]


def test_manager_is_healthy_until_the_broker_goes_and_again_when_it_is_back(
    servers: Instance, platform: Platform
) -> None:
    platform.apply()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with platform.manager(**metrics_at(port)):
        eventually(lambda: is_healthy(url), what="health without a single customer")
        servers.rabbitmq.stop()
        try:
            eventually(lambda: not is_healthy(url), what="illness")
            answer = httpx.get(f"{url}/healthz")
            eventually(lambda: Scrape.of(url).value(f"{PREFIX}server_up", server="rabbitmq") == 0)
        finally:
            servers.rabbitmq.start()
            servers.rabbitmq.wait()
        eventually(lambda: is_healthy(url), what="health again")
        eventually(lambda: Scrape.of(url).value(f"{PREFIX}server_up", server="rabbitmq") == 1)
    assert answer.status_code == 503
    told = answer.json()
    assert (told["status"], "rabbitmq" in told["problems"]) == ("failing", True)


def test_address_that_another_process_has_is_one_line_and_wrong_usage(platform: Platform) -> None:
    port = free_port()
    with platform.manager(**metrics_at(port)):
        eventually(lambda: health(f"http://127.0.0.1:{port}"), what="an answer")
        platform.environment |= metrics_at(port)
        done = platform.run("ingest-manager", "run")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"ingest-manager: cannot listen at 127.0.0.1:{port}: ")
