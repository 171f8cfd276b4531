"""The life of a load: the order of its effects, and every way in which it can end."""

import hashlib
import threading
from dataclasses import replace
from typing import Any

import pytest
from support import fakes
from support.fakes import (
    SEAL_KEY,
    WRITTEN_AT,
    WRITTEN_US,
)
from support.loading_scene import APP, GOOD, ONE_BAD, Scene, settled
from support.written_files import as_parquet

from bucket_policies.tokens import seal_grant
from customer_ingestapps.cells import READER_VERSION
from customer_ingestapps.contract import Files
from customer_ingestapps.errors import ContractError, FileRejected
from customer_ingestapps.reasons import Reason
from ingest_manager.errors import LeaseLost, ObjectGone, PermanentError, ServerDown, TransientError
from ingest_manager.ledger.claims import Claimed
from ingest_manager.ledger.load_filter import LoadFilter
from ingest_manager.ledger.loads import LoadFigures, LoadStatus
from ingest_manager.loading.settlements import Busy, HandedOn, Retry, Returned, Settled, Unplaced
from ingest_manager.objects.object_store import OpenObject
from ingest_manager.objects.versions import ObjectVersion


def test_effects_of_a_load_come_in_the_order_that_a_crash_can_repeat() -> None:
    scene = Scene(ONE_BAD)
    load = settled(scene.load())
    assert load.status is LoadStatus.PARTLY_LOADED
    assert scene.effects == [
        "claim", "index", "write", "flush", "put", "finish", "copy", "delete", "mark_placed",
    ]  # fmt: skip


def test_object_is_opened_beside_the_claim() -> None:
    scene = Scene()
    is_open, claim = threading.Event(), scene.ledger.claim
    opening = scene.store.open

    def open_it(version: ObjectVersion) -> OpenObject:
        is_open.set()
        return opening(version)

    def claim_it(*asked: Any) -> Claimed:
        assert is_open.wait(30)
        return claim(*asked)

    scene.store.open, scene.ledger.claim = open_it, claim_it  # type: ignore[method-assign]
    assert settled(scene.load()).status is LoadStatus.LOADED


def test_a_look_ahead_that_fails_fails_no_load() -> None:
    scene = Scene()
    scene.store.faults["versions"] = [TransientError("for a moment")]
    assert settled(scene.load()).status is LoadStatus.LOADED
    assert scene.store.faults == {"versions": []}


def test_loaded_object_lies_in_the_archive_with_its_accounts_in_the_ledger() -> None:
    scene = Scene()
    load = settled(scene.load())
    assert (load.status, load.rows_read, load.rows_written, load.rows_rejected) == ("loaded", 2, 2, 0)
    assert (load.size, load.attempts, load.app, load.placed_at) == (20, 1, "people", fakes.NOW)
    assert load.sha256 == "265065e968dec3d991e9d94af8021ea828dc1f0c33db23e2cd2c81034ee47488"
    assert scene.store.objects == {("archive-acme", f"objects/{load.load_id}", ""): GOOD}
    assert scene.writer.tables == [("acme", "people")]


def test_rows_are_written_with_the_objects_time() -> None:
    scene = Scene()
    scene.load()
    assert scene.writer.rows == [
        ((b"\0\0\0\1", b"Ann"), WRITTEN_US),
        ((b"\0\0\0\2", b"Bob"), WRITTEN_US),
    ]


def test_rejects_are_kept_as_a_file_beside_the_object() -> None:
    scene = Scene(ONE_BAD)
    load = settled(scene.load())
    rejects = scene.store.objects["archive-acme", f"rejects/{load.load_id}.csv", ""]
    assert rejects == b"id,name,line,column,reason\nx,Bob,3,id,bad_value\n"
    assert (load.rows_read, load.rows_written, load.rows_rejected) == (2, 1, 1)


@pytest.mark.parametrize(
    ("after_load", "staged", "archived"), [("keep", 1, 0), ("delete", 0, 0), ("archive", 0, 1)]
)
def test_object_goes_where_the_customers_document_says(after_load: str, staged: int, archived: int) -> None:
    scene = Scene()
    scene.load(after_load=after_load)
    buckets = [bucket for bucket, _, _ in scene.store.objects]
    assert (buckets.count("staging-acme"), buckets.count("archive-acme")) == (staged, archived)


def test_object_that_breaks_a_constraint_is_rejected_without_being_read() -> None:
    scene = Scene()
    load = settled(scene.load(formats=[".txt"]))
    assert (load.status, load.reason, load.rows_written) == ("rejected", "format", 0)
    assert scene.effects == ["claim", "index", "finish", "copy", "delete", "mark_placed"]


def test_object_that_no_app_takes_is_rejected() -> None:
    scene = Scene()
    scene.registry.app = FileRejected(Reason.NO_APP, "no ingest app takes 'people.csv'")
    load = settled(scene.load())
    assert (load.status, load.reason, load.app) == ("rejected", "no_app", None)


def test_refused_apps_are_tried_again_and_end_as_failed_for_the_admin() -> None:
    scene = Scene()
    scene.registry.app = ContractError("app.toml: columns: unknown type")
    settlement = scene.load()
    assert isinstance(settlement, Retry)
    assert settlement.error == "the customer's apps are refused: app.toml: columns: unknown type"
    assert scene.effects == ["claim", "index"]


PARQUET_ROWS = [{"id": number, "name": "n" * 100} for number in range(1_000)]


def parquet_scene() -> Scene:
    contract = fakes.people_contract()
    files = Files(keys=("**.parquet",), format="parquet")
    app = replace(APP, contract=contract.model_copy(update={"files": files}))
    scene = Scene(as_parquet(PARQUET_ROWS, contract.cql_types))
    scene.registry.app = app
    return scene


def test_parquet_is_read_by_ranges_and_has_its_checksum_where_one_range_holds_it() -> None:
    scene = parquet_scene()
    load = settled(scene.load())
    assert (load.status, load.rows_written, load.sha256) == ("loaded", 1_000, None)
    scene = parquet_scene()
    scene.store.range_bytes = 1 << 20
    load = settled(scene.load())
    body = scene.store.objects["archive-acme", f"objects/{load.load_id}", ""]
    assert (load.rows_written, load.sha256) == (1_000, hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize(
    ("fault", "kind"), [(TransientError("it broke off"), Retry), (ObjectGone("it is not there"), Settled)]
)
def test_fault_of_the_store_amid_parquet_is_not_the_files(fault: Exception, kind: type) -> None:
    scene = parquet_scene()
    scene.store.faults["read_range"] = [fault]
    settlement = scene.load()
    assert type(settlement) is kind
    assert settlement.load.status == ("gone" if kind is Settled else "loading")
    assert scene.writer.rows == []


def test_object_without_a_byte_is_rejected_for_its_missing_header() -> None:
    load = settled(Scene(b"").load())
    assert (load.status, load.reason, load.size, load.rows_read) == ("rejected", "no_header", 0, 0)


def test_file_that_cannot_be_read_writes_nothing_when_it_is_small() -> None:
    scene = Scene(b'id,name\n1,Ann\n2,"never closed\n')
    load = settled(scene.load())
    assert (load.status, load.reason, load.rows_written) == ("rejected", "unclosed_quote", 0)
    assert scene.writer.rows == []


def test_too_many_rejects_reject_a_small_file_whole_and_keep_its_rejects() -> None:
    scene = Scene(ONE_BAD)
    load = settled(scene.load(max_rejects=0))
    assert (load.status, load.reason, load.rows_read, load.rows_written, load.rows_rejected) == (
        "rejected", "too_many_rejects", 1, 0, 1,
    )  # fmt: skip
    assert load.message == "1 of 2 rows rejected, allowed: 0, passed on line 3"
    assert scene.writer.rows == []
    assert ("archive-acme", f"rejects/{load.load_id}.csv", "") in scene.store.objects


def test_table_that_is_not_as_declared_rejects_the_object() -> None:
    scene = Scene()
    scene.writer.faults["open"] = [
        PermanentError("table acme.people does not exist", reason="table_mismatch")
    ]
    load = settled(scene.load())
    assert (load.status, load.reason) == ("rejected", "table_mismatch")


@pytest.mark.parametrize("call", ["write", "flush"])
def test_table_that_refuses_rows_amid_a_file_leaves_the_accounts_of_what_was_handed_over(call: str) -> None:
    scene = Scene(ONE_BAD)
    scene.writer.faults[call] = [PermanentError("Cassandra refused the statement", "cassandra_refused")]
    load = settled(scene.load())
    assert (load.status, load.reason) == ("rejected", "cassandra_refused")
    assert load.message == "Cassandra refused the statement (up to 1 rows, to line 3, were written)"
    assert (load.rows_read, load.rows_written, load.rows_rejected) == (2, 1, 1)
    assert ("archive-acme", f"rejects/{load.load_id}.csv", "") in scene.store.objects


@pytest.mark.parametrize("call", ["index", "first_of_upload", "renew"])
def test_refused_statement_on_our_own_tables_is_not_the_objects_fault(call: str) -> None:
    scene = Scene()
    scene.ledger.faults[call] = [PermanentError("Cassandra refused the statement", "cassandra_unauthorized")]
    if call == "renew":
        known = fakes.load(LoadStatus.QUEUED, write_base=WRITTEN_US, write_high=WRITTEN_US - 1)
        scene.ledger.enter(replace(known, app_version=f"abc-r{READER_VERSION}"))
    settlement = scene.load(fakes.assignment(fakes.event(upload_id="u1")))
    assert isinstance(settlement, Retry)
    assert settlement.error == "on the platform's own tables: Cassandra refused the statement"


def test_rejects_of_an_earlier_attempt_do_not_outlive_a_load_without_any() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(LoadStatus.WAITING, attempts=1))
    rejects = ("archive-acme", f"rejects/{fakes.event().load_id}.csv", "")
    scene.store.objects[rejects] = b"id,name,line,column,reason\n"
    load = settled(scene.load(fakes.assignment(retry_of=1)))
    assert (load.status, load.attempts) == ("loaded", 2)
    assert rejects not in scene.store.objects


@pytest.mark.parametrize(
    ("after_load", "place"), [("keep", "staging"), ("delete", "deleted"), ("archive", "archive")]
)
def test_ledger_keeps_where_the_object_was_placed(after_load: str, place: str) -> None:
    assert settled(Scene().load(after_load=after_load)).placed_in == place


def test_reason_for_which_a_load_was_held_is_gone_once_it_is_claimed() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(LoadStatus.QUEUED, attempts=0, message="waits until …"))
    scene.registry.app = ContractError("app.toml: columns: unknown type")
    scene.load()
    assert (scene.stored().status, scene.stored().message) == ("loading", None)


def test_object_that_is_nowhere_is_gone_and_shown_in_the_history() -> None:
    scene = Scene()
    scene.store.objects.clear()
    load = settled(scene.load(fakes.assignment(fakes.event(upload_id="u1"))))
    assert (load.status, load.reason) == ("gone", "gone")
    assert list(scene.ledger.search(LoadFilter(customer="acme"))) == [load]
    assert scene.ledger.ids_of_upload("acme", "u1") == [load.load_id]


def test_outcome_is_not_placed_before_statistics_know_it() -> None:
    scene = Scene()
    scene.ledger.faults["projection"] = [TransientError("timed out")]
    with pytest.raises(TransientError, match="timed out"):
        scene.load()
    assert "mark_placed" not in scene.effects
    load = settled(scene.load())
    assert scene.ledger.figures_of == {load.load_id: LoadFigures.of(load)}


def test_object_that_was_moved_already_is_read_from_the_archive() -> None:
    scene = Scene()
    scene.store.objects = {("archive-acme", f"objects/{fakes.event().load_id}", ""): GOOD}
    assert settled(scene.load()).rows_written == 2


def test_second_version_under_one_upload_and_key_is_a_duplicate_and_deleted() -> None:
    scene = Scene()
    first, second = (fakes.event(version=version, upload_id="u1") for version in ("v1", "v2"))
    scene.store.put_version(GOOD, version="v2")
    scene.load(fakes.assignment(first))
    load = settled(scene.load(fakes.assignment(second)))
    assert (load.status, load.message) == ("duplicate", f"of load {first.load_id}")
    assert len(scene.writer.rows) == 2
    assert list(scene.store.objects) == [("archive-acme", f"objects/{first.load_id}", "")]


def test_upload_id_of_an_event_that_lacks_it_is_taken_from_the_object() -> None:
    scene = Scene()
    seal = seal_grant("u1", "staging-acme", "people.csv", secret=SEAL_KEY)
    scene.store.metadata["people.csv"] = {"upload-id": "u1", "grant": seal}
    load = settled(scene.load())
    assert load.upload_id == "u1"
    assert scene.ledger.ids_of_upload("acme", "u1") == [load.load_id]
    assert scene.grants.released == [("acme", "u1", "people.csv")]


@pytest.mark.parametrize(
    "seal",
    [
        None,
        "",
        "x",
        seal_grant("u2", "staging-acme", "people.csv", secret=SEAL_KEY),
        seal_grant("u1", "staging-acme", "other.csv", secret=SEAL_KEY),
        seal_grant("u1", "staging-zenith", "people.csv", secret=SEAL_KEY),
        seal_grant("u1", "staging-acme", "people.csv", secret=b"another key of ours"),
    ],
)
def test_upload_id_that_no_grant_vouches_for_counts_as_none(seal: str | None) -> None:
    scene = Scene()
    scene.allowances.places = 1
    scene.store.metadata["people.csv"] = {"upload-id": "u1"} | ({} if seal is None else {"grant": seal})
    load = settled(scene.load(fakes.assignment(fakes.event(upload_id="u1", seal=seal))))
    assert (load.status, load.upload_id) == ("loaded", None)
    assert scene.ledger.ids_of_upload("acme", "u1") == []
    assert scene.grants.released == []
    assert scene.allowances.taken == {load.load_id: WRITTEN_AT}


def test_object_with_a_grant_takes_no_place_of_an_allowance() -> None:
    scene = Scene()
    scene.allowances.places = 0
    assert settled(scene.load(fakes.assignment(fakes.event(upload_id="u1")))).status == "loaded"


def test_object_without_a_grant_is_rejected_when_the_quota_is_full_and_one_with_a_grant_is_not() -> None:
    scene = Scene(b"id,name\n1," + b"x" * 1024 + b"\n")
    load = settled(scene.load(quota_kib=1))
    assert (load.status, load.reason, load.rows_written) == ("rejected", "over_quota", 0)
    assert list(scene.store.objects) == [("archive-acme", f"objects/{load.load_id}", "")]
    scene = Scene(b"id,name\n1," + b"x" * 1024 + b"\n")
    assert settled(scene.load(fakes.assignment(fakes.event(upload_id="u1")), quota_kib=1)).status == "loaded"


def test_object_beyond_the_allowance_is_rejected_unread_and_kept_in_the_archive() -> None:
    scene = Scene()
    scene.allowances.places = 0
    load = settled(scene.load())
    assert (load.status, load.reason, load.message) == ("rejected", "too_many_files", "one more")
    assert (load.rows_read, load.rows_written, load.size) == (0, 0, 20)
    assert scene.writer.tables == []
    assert scene.store.objects == {("archive-acme", f"objects/{load.load_id}", ""): GOOD}


def test_retry_of_a_load_needs_no_second_place() -> None:
    scene = Scene()
    scene.allowances.places = 1
    scene.writer.faults["write"] = [TransientError("no answer")]
    first = scene.load()
    assert isinstance(first, Retry)
    scene.ledger.loads[first.load.load_id] = replace(first.load, status=LoadStatus.WAITING)
    load = settled(scene.load(fakes.assignment(retry_of=1)))
    assert (load.status, load.attempts) == ("loaded", 2)


def test_passing_fault_asks_for_a_retry_and_leaves_no_outcome() -> None:
    scene = Scene()
    scene.store.faults["open"] = [TransientError("the store answered SlowDown", reason="SlowDown")]
    settlement = scene.load()
    assert isinstance(settlement, Retry)
    assert (settlement.error, settlement.load.attempts) == ("the store answered SlowDown", 1)
    assert scene.stored().status is LoadStatus.LOADING


def test_passing_fault_of_the_last_attempt_ends_the_load_as_failed() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(LoadStatus.QUEUED, attempts=2))
    scene.store.faults["open"] = [TransientError("the store answered AccessDenied", reason="AccessDenied")]
    load = settled(scene.load())
    assert (load.status, load.reason, load.attempts) == ("failed", "AccessDenied", 3)
    assert ("archive-acme", f"objects/{load.load_id}", "") in scene.store.objects


def test_load_whose_worker_died_at_every_attempt_is_failed_unread_and_in_the_history() -> None:
    scene = Scene()
    entered = fakes.load(LoadStatus.QUEUED, attempts=3, first_error="worker here/1 died (exit code -9)")
    scene.ledger.loads[entered.load_id] = entered
    load = settled(scene.load())
    assert (load.status, load.reason) == ("failed", "worker_died")
    assert load.message == "worker here/1 died (exit code -9)"
    assert list(scene.ledger.search(LoadFilter(customer="acme"))) == [load]
    assert "write" not in scene.effects


def test_load_that_is_asked_to_stop_is_given_back_uncounted() -> None:
    scene = Scene()
    scene.should_stop = lambda: True
    assert scene.load() == Returned()
    assert (scene.stored().status, scene.stored().attempts) == ("queued", 0)
    assert scene.writer.rows == []


def test_lost_server_leaves_the_claim_to_the_same_assignment() -> None:
    scene = Scene()
    assignment = fakes.assignment()
    scene.store.faults["open"] = [ServerDown("the store cannot be reached", server="minio")]
    with pytest.raises(ServerDown):
        scene.load(assignment)
    assert settled(scene.load(assignment)).attempts == 1


def test_worker_that_lost_its_lease_stores_nothing() -> None:
    scene = Scene()
    scene.ledger.faults["finish"] = [LeaseLost("held by another worker")]
    with pytest.raises(LeaseLost):
        scene.load()
    assert scene.stored().status is LoadStatus.LOADING
    assert ("staging-acme", "people.csv", "v1") in scene.store.objects


def test_object_that_cannot_be_moved_has_its_outcome_all_the_same() -> None:
    scene = Scene()
    scene.store.faults["copy"] = [TransientError("the store answered NoSuchBucket", reason="NoSuchBucket")]
    settlement = scene.load()
    assert isinstance(settlement, Unplaced)
    assert (settlement.load.status, settlement.is_new) == ("loaded", True)
    assert scene.stored().placed_at is None
    assert ("staging-acme", "people.csv", "v1") in scene.store.objects


def test_next_delivery_finishes_the_move_and_writes_no_row() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(placed_at=None, rows_read=2, rows_written=2))
    settlement = scene.load()
    assert isinstance(settlement, Settled)
    assert (settlement.is_new, settlement.load.placed_at) == (False, fakes.NOW)
    assert scene.effects == ["copy", "delete", "mark_placed"]


def test_move_that_a_crash_left_after_the_copy_is_finished() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load(placed_at=None))
    scene.store.objects = {("archive-acme", f"objects/{fakes.event().load_id}", ""): GOOD}
    assert settled(scene.load()).placed_at == fakes.NOW


def test_finished_load_is_left_alone() -> None:
    scene = Scene()
    scene.ledger.enter(fakes.load())
    assert scene.load() == Settled(fakes.load(), is_new=False)
    assert scene.effects == []


def test_load_of_another_worker_is_left_to_it() -> None:
    scene = Scene()
    lease = {"claim": fakes.assignment().claim, "lease_until": fakes.NOW.replace(minute=1)}
    scene.ledger.enter(fakes.load(LoadStatus.LOADING, **lease))
    assert scene.load() == Busy()


def test_load_whose_retry_is_on_its_way_is_left_to_that() -> None:
    scene = Scene()
    waiting = fakes.load(LoadStatus.WAITING, retry_at=fakes.NOW.replace(minute=1))
    scene.ledger.enter(waiting)
    assert scene.load() == HandedOn()
    retry = replace(fakes.assignment(), retry_of=1)
    assert settled(scene.load(retry)).attempts == 2


def test_archive_that_is_missing_when_rejects_are_kept_never_makes_the_object_gone() -> None:
    scene = Scene(ONE_BAD)
    scene.store.faults["put"] = [TransientError("the store answered NoSuchBucket", reason="NoSuchBucket")]
    assert isinstance(scene.load(), Retry)
    assert ("staging-acme", "people.csv", "v1") in scene.store.objects


def test_object_that_vanishes_while_it_is_read_is_gone() -> None:
    scene = Scene()
    scene.store.faults["read_range"] = [ObjectGone("'people.csv' is not in the store")]
    assert settled(scene.load()).status is LoadStatus.GONE
