"""The running manager meets what should not be: it goes on, or stops when told, and explains every object."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.rabbit import channel, publish
from support.testbed import Platform, children_of, csv_of, eventually, is_worker, pid_exists, stop

pytestmark = pytest.mark.server("minio", "rabbitmq", "cassandra")

GOOD = csv_of([(1, "Ann", "n")])
UNKNOWN_VERSION = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def platform(tmp_path: Path, environment: dict[str, str]) -> Iterator[Platform]:
    made = Platform(tmp_path, environment)
    yield made
    made.close()


def log_of(platform: Platform) -> str:
    return "".join(path.read_text() for path in sorted(platform.folder.glob("*.log")))


def event(customer: str, version_id: str, key: str = "people.csv", **item: Any) -> bytes:
    described = {"key": key, "versionId": version_id, "sequencer": "18EB2C46DFC565D8"} | item
    bucket = {"name": f"staging-{customer}"}
    record = {
        "eventName": "s3:ObjectCreated:Put",
        "eventSource": "minio:s3",
        "s3": {"bucket": bucket, "object": described},
    }
    return json.dumps({"Records": [record]}).encode()


def test_manager_that_waits_for_cassandra_stops_when_told(platform: Platform) -> None:
    process = platform.start_manager(INGEST_MANAGER_CASSANDRA_PORT="1")
    eventually(lambda: "Cassandra cannot be reached yet" in log_of(platform), what="a warning")
    assert stop(process) == 0


def test_manager_that_waits_for_the_broker_stops_when_told(platform: Platform) -> None:
    process = platform.start_manager(INGEST_MANAGER_AMQP_URL="amqp://nobody:secret@127.0.0.1:1/")
    eventually(lambda: "a server is not ready yet" in log_of(platform), what="a warning")
    assert stop(process) == 0
    assert "secret" not in log_of(platform)


def test_no_worker_outlives_a_manager_that_is_stopped_in_the_middle_of_a_load(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    process = platform.start_manager(INGEST_MANAGER_SHUTDOWN_SECONDS="0")
    platform.put(customer, "people.csv", csv_of([(number, "a", "b") for number in range(600_000)]))
    platform.first_row(customer)
    workers = [pid for pid in children_of(process.pid) if is_worker(pid)]
    assert len(workers) == 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert not any(map(pid_exists, workers))


def test_thread_that_dies_stops_the_manager_with_a_fault() -> None:
    script = (
        "import threading; from ingest_manager.app import Ending; ending = Ending()\n"
        "threading.Thread(target=lambda: 1 / 0, name='settler').start()\n"
        "raise SystemExit(7 if ending.over.wait(10) and ending.is_fault else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert "settler" in done.stdout + done.stderr


def test_refused_app_of_one_customer_keeps_no_other_waiting(platform: Platform) -> None:
    broken = platform.add_customer(apps={"people": '[files]\nkeys = ["**.csv"]\nformat = "no such format"\n'})
    good = platform.add_customer()
    platform.make_buckets()
    with platform.manager():
        platform.put(broken, "people.csv", GOOD)
        platform.put(good, "people.csv", GOOD)
        [load] = platform.settled(good, 1)
        assert load["status"] == "loaded"
        assert platform.ledger(broken) == []
        repaired = (platform.apps / good / "people" / "app.toml").read_text()
        (platform.apps / broken / "people" / "app.toml").write_text(repaired)
        [load] = platform.settled(broken, 1)
        platform.verify(broken)
    assert (load["status"], load["attempts"]) == ("loaded", 1)


def test_table_of_another_shape_keeps_its_customers_objects_and_nobody_elses(platform: Platform) -> None:
    odd, good = platform.add_customer(), platform.add_customer()
    platform.apply()
    keyspace = odd.replace("-", "_")
    platform.session.execute(f'DROP TABLE "{keyspace}".people')
    platform.session.execute(f'CREATE TABLE "{keyspace}".people (id text PRIMARY KEY, name text, note text)')
    with platform.manager():
        platform.put(odd, "people.csv", GOOD)
        platform.put(good, "people.csv", GOOD)
        platform.settled(good, 1)
        assert platform.ledger(odd) == []
        platform.session.execute(f'DROP TABLE "{keyspace}".people')
        [load] = platform.settled(odd, 1)
    assert (load["status"], load["rows_written"]) == ("loaded", 1)


def test_object_without_an_archive_bucket_stays_in_staging_until_there_is_one(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    platform.s3.delete_bucket(Bucket=f"archive-{customer}")
    with platform.manager(INGEST_MANAGER_RETRY_PAUSES_SECONDS="[1]"):
        version = platform.put(customer, "people.csv", GOOD)
        eventually(lambda: [load["status"] for load in platform.ledger(customer)] == ["loaded"])
        eventually(lambda: "an object cannot be moved yet" in log_of(platform))
        assert platform.staged(customer) == [("people.csv", version)]
        platform.command("bucket-policies", "apply")
        [load] = platform.settled(customer, 1)
        platform.verify(customer)
    assert (load["status"], load["attempts"]) == ("loaded", 1)
    assert platform.archived(customer) == [f"objects/{load['load_id']}"]


def test_queue_that_somebody_deleted_is_made_again_and_its_objects_are_loaded(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    often = {"INGEST_MANAGER_RECONCILE_SECONDS": "2", "INGEST_MANAGER_RECONCILE_MIN_AGE_SECONDS": "0"}
    with platform.manager(**often):
        platform.put(customer, "first.csv", GOOD)
        platform.settled(customer, 1)
        with channel(platform) as opened:
            opened.queue_delete(f"ingest.{customer}")
        platform.put(customer, "second.csv", GOOD)
        loads = platform.settled(customer, 2)
        platform.verify(customer)
    assert [load["status"] for load in loads] == ["loaded", "loaded"]


def test_hostile_messages_end_and_stop_nobody(platform: Platform) -> None:
    customer = platform.add_customer()
    platform.apply()
    with platform.manager():
        publish(platform, customer, event(customer, UNKNOWN_VERSION, key="\ud800.csv"))
        publish(platform, customer, event(customer, UNKNOWN_VERSION, size=2**70))
        publish(platform, customer, event(customer, UNKNOWN_VERSION, key="nul%00.csv"))
        publish(platform, customer, event(customer, "no version id"))
        publish(platform, customer, b"[" * 100_000)
        platform.put(customer, "people.csv", GOOD)
        loads = platform.settled(customer, 3)
        platform.verify(customer)
    found = {(load["key"], load["status"], load["attempts"]) for load in loads}
    assert found == {("nul\0.csv", "gone", 1), ("people.csv", "gone", 1), ("people.csv", "loaded", 1)}


def test_document_that_vanishes_holds_its_customers_objects_until_it_returns(platform: Platform) -> None:
    customer, other = platform.add_customer(), platform.add_customer()
    platform.apply()
    document = platform.policies / "customers" / f"{customer}.json"
    text = document.read_text()
    with platform.manager():
        platform.put(customer, "first.csv", GOOD)
        platform.settled(customer, 1)
        document.unlink()
        eventually(lambda: consumers(platform, f"ingest.{customer}") == 0, what="no consumer")
        platform.put(customer, "second.csv", GOOD)
        platform.put(other, "people.csv", GOOD)
        platform.settled(other, 1)
        assert len(platform.ledger(customer)) == 1
        document.write_text(text)
        loads = platform.settled(customer, 2)
    assert [(load["status"], load["attempts"]) for load in loads] == [("loaded", 1)] * 2


def consumers(platform: Platform, queue: str) -> int:
    """Return how many consumers a queue has."""
    with channel(platform) as opened:
        return int(opened.queue_declare(queue, passive=True).method.consumer_count)
