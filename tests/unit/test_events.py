"""Messages become events: the real ones of `tests/cases`, and arbitrary ones."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_manager.errors import UnusableMessage
from ingest_manager.queues.events import ObjectEvent, message_body, parse_message

CASES = Path(__file__).parent.parent / "cases"


def lines(name: str) -> list[bytes]:
    return (CASES / name).read_bytes().splitlines()


def outcome(body: bytes) -> str:
    try:
        return "load" if parse_message(body) else "ignored"
    except UnusableMessage:
        return "dead-letter"


def test_keys_are_decoded_once_for_minio_and_for_aws() -> None:
    keys = [event.key for body in lines("C01_events.jsonl") for event in parse_message(body)]
    assert keys == ["in/plain.csv", "in/red flower (1).csv", "in/café 数据.csv", "in/red flower (1).csv"]


def test_test_events_are_ignored_and_bodies_without_records_dead_lettered() -> None:
    outcomes = [outcome(body) for body in lines("C03_messages.txt")]
    assert outcomes == ["ignored", "ignored", "dead-letter", "dead-letter", "dead-letter", "load"]


def test_only_events_that_bring_bytes_load() -> None:
    assert [outcome(body) for body in lines("C05_events.jsonl")] == ["load"] * 4 + ["ignored"] * 4


def test_removal_events_never_load() -> None:
    assert [outcome(body) for body in lines("C07_events.jsonl")] == ["load", "ignored", "ignored"]


def test_write_time_is_minios_sequencer_in_microseconds() -> None:
    times = [parse_message(body)[0].written_us for body in lines("C09_events_out_of_order.jsonl")]
    assert times == [1795577560652486, 1795577559350863]


def test_write_time_of_another_store_is_the_events_time() -> None:
    [event] = parse_message(lines("C01_events.jsonl")[3])
    assert event.written_us == 1795577559353000


def test_every_copy_of_an_event_names_the_same_load_and_another_version_another() -> None:
    first = ObjectEvent("staging-acme", "orders/2026-01-31.csv.gz", "v1", 1)
    again = ObjectEvent("staging-acme", "orders/2026-01-31.csv.gz", "v1", 2, size=5)
    other = ObjectEvent("staging-acme", "orders/2026-01-31.csv.gz", "v2", 1)
    assert first.load_id == again.load_id
    assert first.load_id != other.load_id


@pytest.mark.parametrize(
    "change",
    [
        {"key": 5},
        {"key": ""},
        {"key": "a%FFb"},
        {"size": "many"},
        {"sequencer": "zz"},
        {"sequencer": "FFFFFFFFFFFFFFFFFFFFFFFF"},
    ],
)
def test_record_of_the_wrong_shape_is_unusable(change: dict[str, object]) -> None:
    document = json.loads(lines("C01_events.jsonl")[0])
    document["Records"][0]["s3"]["object"] |= change
    with pytest.raises(UnusableMessage):
        parse_message(json.dumps(document).encode())


@given(
    st.builds(
        ObjectEvent,
        bucket=st.just("staging-acme"),
        key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        version_id=st.text("abc0123-", min_size=1),
        written_us=st.integers(0, 4_000_000_000_000_000),
        size=st.none() | st.integers(0, 2**50),
        upload_id=st.none() | st.text("abc-", min_size=1),
        seal=st.none() | st.text("abc0123", min_size=1),
    )
)
def test_published_event_is_read_back_as_it_was(event: ObjectEvent) -> None:
    assert parse_message(message_body(event)) == [event]


@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_arbitrary_bodies_are_read_or_refused(body: bytes) -> None:
    assert outcome(body) in {"load", "ignored", "dead-letter"}
