"""What a customer sees of its loads over HTTP, and what it does not."""

import io
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection
from support import fakes
from support.fakes import FakeLedger, FakeStore

from bucket_policies import tokens
from ingest_manager.errors import ServerDown, TransientError
from ingest_manager.ledger.loads import LoadStatus
from ingest_manager.status_service import Sources, create_app

with warnings.catch_warnings():  # starlette's own notice, about the client that its test client uses
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

KEY = b"0123456789abcdef0123456789abcdef"
DAY = timedelta(days=1)


def bearer(customer: str = "acme", *, lifetime: timedelta = DAY, key: bytes = KEY) -> dict[str, str]:
    """Return the header with a customer's status token."""
    return {"Authorization": f"Bearer {tokens.issue(customer, datetime.now(UTC) + lifetime, key)}"}


class Service:
    """The service in this process, with a ledger and a store in memory."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.store = FakeStore()
        self.app = create_app(Sources(self.ledger, self.store, KEY))  # type: ignore[arg-type]  # fakes
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
        return self.client.get(path, params=query, headers=bearer() if headers is None else headers)

    def keys(self, **query: Any) -> list[str]:
        return [load["key"] for load in self.get("/loads", **query).json()["loads"]]


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    with made.client:
        yield made


def test_customer_sees_its_own_loads_newest_object_first(service: Service) -> None:
    service.ledger.enter(
        fakes.load(key="old.csv", event_at=fakes.WRITTEN_AT - DAY),
        fakes.load(key="new.csv"),
        fakes.load(key="middle.csv", event_at=fakes.WRITTEN_AT - timedelta(seconds=1)),
        fakes.load(key="foreign.csv", customer="zenith"),
    )
    assert service.keys() == ["new.csv", "middle.csv", "old.csv"]


def test_load_is_shown_with_its_accounts(service: Service) -> None:
    load = fakes.load(LoadStatus.PARTLY_LOADED, rows_read=3, rows_written=2, rows_rejected=1, upload_id="u1")
    service.ledger.enter(load)
    assert service.get(f"/loads/{load.load_id}").json() == {
        "load_id": str(load.load_id), "customer": "acme", "bucket": "staging-acme", "key": "people.csv",
        "version_id": "v1", "upload_id": "u1", "status": "partly_loaded", "reason": None, "message": None,
        "size": None, "sha256": None, "app": None, "app_version": None, "attempts": 1,
        "rows_read": 3, "rows_written": 2, "rows_rejected": 1, "rows_dropped": 0, "table_rows": 0,
        "event_at": "2026-01-31T12:00:00Z", "started_at": None, "ended_at": None,
        "placed_at": "2026-01-31T12:00:00Z", "replays": 0, "replayed_at": None,
    }  # fmt: skip


def test_loads_are_found_by_upload_key_and_status(service: Service) -> None:
    service.ledger.enter(
        fakes.load(key="a.csv", upload_id="u1"),
        fakes.load(LoadStatus.FAILED, "b.csv", upload_id="u1"),
        fakes.load(key="c.csv", upload_id="u2"),
    )
    assert sorted(service.keys(upload="u1")) == ["a.csv", "b.csv"]
    assert service.keys(upload="u1", status="failed") == ["b.csv"]
    assert service.keys(key="c.csv") == ["c.csv"]
    assert service.keys(upload="nobody's") == []
    assert len(service.keys(limit=2)) == 2


def test_upload_of_another_customer_is_not_found(service: Service) -> None:
    service.ledger.enter(fakes.load(customer="zenith", upload_id="u1"))
    assert service.keys(upload="u1") == []


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2026-01-31T12:00:00Z", ["people.csv"]),
        ("2026-01-31T12:00:01Z", []),
        ("2026-01-31T12:00:00", ["people.csv"]),
        ("2026-02-01T01:00:00+14:00", ["people.csv"]),
        ("2026-01-31T00:00:00-14:00", []),
    ],
)
def test_since_is_an_instant_whatever_its_time_zone(service: Service, since: str, found: list[str]) -> None:
    service.ledger.enter(fakes.load())
    assert service.keys(since=since) == found


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic YWNtZTpwYXNzd29yZA=="},
        {"Authorization": "Bearer nonsense"},
        bearer(lifetime=-DAY),
        bearer(key=b"another key"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/loads", f"/loads/{fakes.event().load_id}", f"/loads/{fakes.event().load_id}/rejects"]
)
def test_nothing_is_shown_without_a_valid_token(service: Service, path: str, headers: dict[str, str]) -> None:
    service.ledger.enter(fakes.load())
    answer = service.get(path, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_load_of_another_customer_looks_like_one_that_does_not_exist(service: Service) -> None:
    foreign = fakes.load(customer="zenith")
    absent = service.get(f"/loads/{foreign.load_id}")
    service.ledger.enter(foreign)
    for path in (f"/loads/{foreign.load_id}", f"/loads/{foreign.load_id}/rejects"):
        answer = service.get(path)
        assert (answer.status_code, answer.json()) == (404, absent.json())


def test_rejects_are_given_as_they_were_stored(service: Service) -> None:
    load = fakes.load(LoadStatus.PARTLY_LOADED, rows_rejected=1)
    service.ledger.enter(load)
    service.store.put_version("é\n".encode("latin-1"), f"rejects/{load.load_id}.csv", "", "archive-acme")
    answer = service.get(f"/loads/{load.load_id}/rejects")
    assert (answer.status_code, answer.content) == (200, b"\xe9\n")
    assert answer.headers["content-type"] == "text/csv"
    assert answer.headers["content-disposition"] == f'attachment; filename="{load.load_id}.csv"'


def test_rejects_of_json_say_that_they_are_json(service: Service) -> None:
    load = fakes.load(LoadStatus.PARTLY_LOADED, rows_rejected=1)
    service.ledger.enter(load)
    key = f"rejects/{load.load_id}.csv"
    service.store.put("archive-acme", key, io.BytesIO(b"[]"), media_type="application/json")
    answer = service.get(f"/loads/{load.load_id}/rejects")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == f'attachment; filename="{load.load_id}.json"'


@pytest.mark.parametrize(
    ("status", "rows_rejected", "message"),
    [
        (LoadStatus.LOADED, 0, "load {} is loaded and has no rejected rows"),
        (LoadStatus.WAITING, 0, "load {} is not over, its status is waiting: ask again later"),
        (LoadStatus.PARTLY_LOADED, 1, "the rejects of load {} have expired: they are no longer kept"),
    ],
)
def test_load_without_a_rejects_file_says_why(
    service: Service, status: LoadStatus, rows_rejected: int, message: str
) -> None:
    service.ledger.enter(load := fakes.load(status, rows_rejected=rows_rejected))
    answer = service.get(f"/loads/{load.load_id}/rejects")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert answer.json()["message"] == message.format(load.load_id)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 10_001},
        {"limit": "many"},
        {"status": "done"},
        {"since": "yesterday"},
        {"since": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_bad_parameter_is_named(service: Service, query: dict[str, Any]) -> None:
    answer = service.get("/loads", **query)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_request")
    assert answer.json()["message"].startswith(f"{next(iter(query))}: ")


def test_unknown_route_and_method_have_the_shape_of_every_error(service: Service) -> None:
    assert service.get("/nothing").json() == {"error": "not_found", "message": "Not Found"}
    answer = service.client.delete("/loads")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json() == {"error": "method_not_allowed", "message": "Method Not Allowed"}


@pytest.mark.parametrize("fault", [ServerDown("no host", server="cassandra"), TransientError("timed out")])
@pytest.mark.parametrize(
    ("path", "call"),
    [("/loads", "search"), (f"/loads/{fakes.event().load_id}", "find"), ("/healthz", "ping")],
)
def test_ledger_that_is_away_is_told_as_unavailable(
    service: Service, path: str, call: str, fault: Exception
) -> None:
    service.ledger.faults[call] = [fault]
    answer = service.get(path)
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")


def test_store_that_is_away_is_told_as_unavailable(service: Service) -> None:
    service.ledger.enter(fakes.load(rows_rejected=1))
    service.store.faults["get"] = [ServerDown("refused", server="minio")]
    answer = service.get(f"/loads/{fakes.event().load_id}/rejects")
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")


def test_health_needs_no_token(service: Service) -> None:
    assert service.get("/healthz", headers={}).json() == {"status": "ok"}


def test_metrics_count_the_answers(service: Service) -> None:
    service.get("/loads")
    service.get("/nothing")
    text = service.get("/metrics", headers={}).text
    assert 'status_service_request_seconds_count{route="/loads",status="200"} 1.0' in text
    assert 'status_service_request_seconds_count{route="none",status="404"} 1.0' in text


fuzzed = Service()
fuzzed.ledger.enter(fakes.load(upload_id="u1"))
schema = schemathesis.openapi.from_asgi("/openapi.json", fuzzed.app)


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_call_answers_as_its_schema_says(case: schemathesis.Case) -> None:
    # It counts our token and unknown parameters, which HTTP services ignore, as data to be refused.
    case.call_and_validate(headers=bearer(), excluded_checks=[negative_data_rejection])
